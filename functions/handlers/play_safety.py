"""Player API: limits, breaks and exclusion, reality checks, and one view of all that keeps a player safe.

What protects takes effect at once; what loosens needs a fresh proof and waits (see `countroom.responsible_play.desk`). Whoever
excludes himself is answered by the last request of his session; he may log in again, to look and to withdraw his money.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from countroom.cashier.idempotency import HEADER, REPLAY_HEADER, KeyInvalid, KeyMissing, parse_key
from countroom.clock import system_clock
from countroom.identity import refusals
from countroom.identity.access_store import AccessStore
from countroom.identity.events import EventLog
from countroom.identity.excluding import Excluding
from countroom.identity.sessions import Live, Sessions
from countroom.identity.table import Table
from countroom.ledger.book import Book
from countroom.ledger.chain import IndexBehind
from countroom.ledger.history import History
from countroom.ledger.store import LedgerStore, StoreBusy
from countroom.responsible_play import history, overview, views
from countroom.responsible_play.desk import Caller, Decline, Declined, Done, Result, SafetyDesk
from countroom.responsible_play.forms import MINUTE_MS, Cap
from countroom.times import InvalidInstant, from_iso_or_day
from handlers.parts import bearer, idempotent, pages, standing, visit
from handlers.parts.safety_views import (
    CapBody,
    CheckAnswer,
    ExclusionAnswer,
    ExclusionBody,
    IntervalBody,
    LimitAnswer,
    LimitView,
    SafetyHistory,
    SafetyOverview,
)
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, FieldError, Problem

INSTANT_MAX: Final = 40

CODES: Final[Mapping[Decline, Code]] = {
    Decline.INVALID_REQUEST: Code.INVALID_REQUEST,
    Decline.KEY_REUSED: Code.IDEMPOTENCY_KEY_REUSED,
    Decline.NO_WALLET: Code.NOT_FOUND,
    Decline.PROOF_MISSING: Code.STEP_UP_REQUIRED,
    Decline.NOT_SET: Code.NOT_FOUND,
    Decline.NOTHING_WAITS: Code.NOTHING_PENDING,
    Decline.TOO_EARLY: Code.TOO_EARLY,
    Decline.EXCLUSION_RUNS: Code.EXCLUSION_RUNS,
    Decline.CONFLICT: Code.CONFLICT,
}
"""How the player API calls what the desk declines."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function."""

    ledger_table: str
    players_table: str


app = http.create_app(
    {
        **refusals.PROBLEMS,
        **bearer.PROBLEMS,
        **standing.PROBLEMS,
        StoreBusy: Code.TEMPORARILY_UNAVAILABLE,
        IndexBehind: Code.TEMPORARILY_UNAVAILABLE,
    }
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _store() -> LedgerStore:
    # The ledger repeats its requests itself, inside a time budget of its own.
    return LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table)


@cache
def _desk() -> SafetyDesk:
    told, book = _settings(), Book(_store(), system_clock)
    access = AccessStore(Table(aws.client("dynamodb"), told.sessions_table))
    events = EventLog(Table(aws.client("dynamodb"), told.players_table))
    sessions = Sessions(access, None, system_clock, told.lifetimes, events)
    return SafetyDesk(book, Excluding(access, sessions, events, book, system_clock), system_clock)


door = bearer.Door(_settings)

Player = Annotated[Live, Depends(door.live)]
"""Who asks, and in which session."""
FreshPlayer = Annotated[Live, Depends(door.fresh)]
"""The same, of somebody who has just proved himself again."""


@app.get("/v1/play-safety", security=bearer.SECURITY)
def show_overview(live: Player) -> SafetyOverview:
    """Show limits, exclusion, the stretch of play that runs, the sums of a lifetime and what is to be verified."""
    found = _desk().look(live.player_id)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    levels = standing.level_of(aws.client("dynamodb"), _settings().players_table)(live.player_id)
    return SafetyOverview.model_validate(views.overview_view(found.wallet, found.profile, levels, found.now_ms))


@app.get("/v1/play-safety/history", security=bearer.SECURITY)
def list_history(
    live: Player,
    limit: pages.Limit = pages.PAGE_DEFAULT,
    cursor: pages.Cursor = None,
    since: Annotated[str | None, Query(alias="from", max_length=INSTANT_MAX)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=INSTANT_MAX)] = None,
) -> SafetyHistory:
    """List changes of limits, exclusions, reality checks, and what was refused by them, newest first; all of it, however old."""
    wanted = history.SafetyFilter(from_ms=_instant("from", since), to_ms=_instant("to", until))
    with pages.cursor_of_this_list():
        page = History(_store()).page(live.player_id, wanted, limit, cursor)
    if page is None:
        raise Problem(Code.NOT_FOUND)
    return SafetyHistory.model_validate(history.page_view(page))


@app.put("/v1/limits/<kind>/<period>", security=bearer.SECURITY)
def set_limit(kind: str, period: str, body: CapBody, live: Player) -> Response[LimitAnswer]:
    """Set a limit, or change it: lower at once, higher after a wait. A higher one asks for a fresh proof."""
    done = _done("limit_set", _desk().set_limit(_caller(live), kind, period, Cap(body.amount, body.minutes)))
    return _answered(done, _limit(done, kind, period))


@app.delete("/v1/limits/<kind>/<period>", security=bearer.SECURITY)
def remove_limit(kind: str, period: str, live: FreshPlayer) -> Response[LimitAnswer]:
    """Ask for a limit to be removed, after a wait."""
    done = _done("limit_removal_asked", _desk().remove_limit(_caller(live), kind, period))
    return _answered(done, _limit(done, kind, period))


@app.delete("/v1/limits/<kind>/<period>/raise", security=bearer.SECURITY)
def withdraw_raise(kind: str, period: str, live: Player) -> Response[LimitAnswer]:
    """Take back what was asked for: the limit stays as it is."""
    done = _done("raise_withdrawn", _desk().withdraw_raise(_caller(live), kind, period))
    return _answered(done, _limit(done, kind, period))


@app.post("/v1/limits/<kind>/<period>/raise/confirmation", security=bearer.SECURITY)
def confirm_raise(kind: str, period: str, live: FreshPlayer) -> Response[LimitAnswer]:
    """Confirm, after the wait, that a limit is to be raised or removed, where the rules of the country ask for that."""
    done = _done("raise_confirmed", _desk().confirm_raise(_caller(live), kind, period))
    return _answered(done, _limit(done, kind, period))


@app.post("/v1/exclusions", status_code=201, security=bearer.SECURITY)
def exclude(body: ExclusionBody, live: Player) -> Response[ExclusionAnswer]:
    """Take a break or exclude oneself, at once; all sessions end, this one too. It can be made longer, never shorter."""
    done = _done(f"excluded_{body.kind}", _desk().exclude(_caller(live), body.kind, body.length))
    return _answered(done, _exclusion(done), 201)


@app.post("/v1/exclusions/reopening", security=bearer.SECURITY)
def ask_reopening(live: FreshPlayer) -> Response[ExclusionAnswer]:
    """Ask to be let in again once an exclusion is over; the wait begins. Asked again, it goes on as it did."""
    done = _done("reopening_asked", _desk().ask_reopening(_caller(live)))
    return _answered(done, _exclusion(done))


@app.post("/v1/reality-checks", security=bearer.SECURITY)
def acknowledge_check(live: Player) -> Response[CheckAnswer]:
    """Acknowledge the reality check: play may go on."""
    done = _done("check_acknowledged", _desk().acknowledge(_caller(live)))
    return _answered(done, _check(done))


@app.put("/v1/reality-checks/interval", security=bearer.SECURITY)
def set_interval(body: IntervalBody, live: Player) -> Response[CheckAnswer]:
    """Choose how often the reality check comes, from now on."""
    done = _done("interval_set", _desk().set_interval(_caller(live), body.minutes))
    return _answered(done, _check(done))


def _caller(live: Live) -> Caller:
    event = app.current_event.raw_event
    keys = idempotent.keys_of(event)
    try:
        key = parse_key(keys) if keys else None
    except (KeyMissing, KeyInvalid) as error:
        raise http.invalid_fields((HEADER, str(error))) from None
    return Caller(live.player_id, live.session_id, visit.source_of(event), live.stepped_up, key)


def _done(action: str, result: Result) -> Done:
    if isinstance(result, Declined):
        telemetry.count("PlaySafetyDeclined", dimensions={"reason": result.reason.value})
        errors = tuple(FieldError(fault.field, fault.message) for fault in result.faults)
        raise Problem(CODES[result.reason], errors=errors)
    telemetry.count("PlaySafetyReplayed" if result.replayed else "PlaySafetyDone", dimensions={"action": action})
    return result


def _answered(done: Done, answer: Any, status: int = 200) -> Response[Any]:
    headers: dict[str, str | list[str]] = {REPLAY_HEADER: "true"} if done.replayed else {}
    return Response(status, "application/json", answer, headers)


def _limit(done: Done, kind: str, period: str) -> LimitAnswer:
    for now in overview.limits_now(done.wallet, done.now_ms):
        if (now.limit.kind, now.limit.period) == (kind, period):
            return LimitAnswer(limit=LimitView.model_validate(views.limit_view(now, done.wallet.currency)))
    return LimitAnswer(limit=None)


def _exclusion(done: Done) -> ExclusionAnswer:
    return ExclusionAnswer.model_validate({"exclusion": views.exclusion_view(done.wallet, done.now_ms)})


def _check(done: Done) -> CheckAnswer:
    playing = views.play_view(overview.play_now(done.wallet, done.now_ms), done.wallet.currency)
    minutes = overview.interval_of(done.wallet, done.profile) // MINUTE_MS
    return CheckAnswer.model_validate({"check_minutes": minutes, "session": playing})


def _instant(field: str, text: str | None) -> int | None:
    try:
        return None if text is None else from_iso_or_day(text)
    except InvalidInstant:
        raise http.invalid_fields((field, "is neither a date nor a date and time with its offset")) from None


handler = http.entrance(app)
