"""Player protection staff: search the trail, look at cases, note and close them. Invoked directly, under a role.

    {"action": "search", "actor", "player_id", "from"?, "to"?, "kind"?, "limit"?, "cursor"?}    a player's entries, newest first
    {"action": "search", "actor", "kind", "day", "limit"?, "cursor"?}                           of a kind and a day (UTC)
    {"action": "sessions", "actor", "player_id", "from", "to"}          stretches of play, at most 31 days at once
    {"action": "cases", "actor", "state" | "player_id", "limit"?, "cursor"?}
    {"action": "case", "actor", "case_id"}                              with what it rests on
    {"action": "note" | "close", "actor", "case_id", "reason", "request_id"?}

A period runs from `from` on and ends before `to`; both are instants or days. The answer is ``{"entries": […], "next_cursor"}``,
``{"cases": […], "next_cursor"}``, ``{"sessions": […]}`` or ``{"case": …}``, or ``{"refused": {"code", "message", "errors"?}}``. An
order with its `request_id` may be sent again: what it asks for happens once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from countroom.cashier.store import StoreUnavailable
from countroom.clock import system_clock
from countroom.cursors import PAGE_MAX, InvalidCursor
from countroom.responsible_play import cases
from countroom.responsible_play.case_desk import (
    SESSIONS_PERIOD_MS_MAX,
    CaseDesk,
    KeptChanging,
    NoSuchCase,
    Order,
    OwnCase,
)
from countroom.responsible_play.cases import Case, Deed, NotAllowed, State, case_view, evidence_view
from countroom.responsible_play.safety_store import CasePage, SafetyStore, SafetyUnavailable
from countroom.responsible_play.trail import EntryKind, Play
from countroom.times import InvalidInstant, from_iso_or_day, to_iso
from handlers.parts import staff
from handlers.parts.people import People
from runtime import aws, settings, telemetry

LIMIT: Final = 50

REFUSALS: Final[Mapping[type[Exception], tuple[str, str]]] = {
    NoSuchCase: ("not_found", "There is no such case."),
    OwnCase: ("own_case", "Nobody works on the case that is about himself."),
    KeptChanging: ("conflict", "Others kept adding to the case; repeating the order is safe."),
    InvalidCursor: ("invalid_cursor", "The cursor was not given out for this question."),
    SafetyUnavailable: staff.AGAIN,
    StoreUnavailable: staff.AGAIN,
}
"""What staff are told of what the desk refuses."""

NOT_ALLOWED: Final[Mapping[str, str]] = {
    cases.ALREADY_CLOSED: "The case is closed.",
    cases.TOO_MANY_NOTES: "The case takes no other note; it can be closed.",
    cases.REQUEST_REUSED: "The request id was used for another order.",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    safety_table: str
    players_table: str


class Action(StrEnum):
    """What can be ordered."""

    SEARCH = "search"
    SESSIONS = "sessions"
    CASES = "cases"
    CASE = "case"
    NOTE = "note"
    CLOSE = "close"


Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@:/+-]+$")]
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
PlayerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Instant = Annotated[str, StringConstraints(min_length=10, max_length=32)]

_PAGED: Final = frozenset({"limit", "cursor"})
_TAKES: Final[Mapping[Action, tuple[tuple[frozenset[str], frozenset[str]], ...]]] = {
    Action.SEARCH: (
        (frozenset({"player_id"}), frozenset({"from", "to", "kind"}) | _PAGED),
        (frozenset({"kind", "day"}), _PAGED),
    ),
    Action.SESSIONS: ((frozenset({"player_id", "from", "to"}), frozenset()),),
    Action.CASES: ((frozenset({"state"}), _PAGED), (frozenset({"player_id"}), _PAGED)),
    Action.CASE: ((frozenset({"case_id"}), frozenset()),),
    Action.NOTE: ((frozenset({"case_id", "reason"}), frozenset({"request_id"})),),
    Action.CLOSE: ((frozenset({"case_id", "reason"}), frozenset({"request_id"})),),
}
"""Which fields an action needs, and which it may have, beside `action` and `actor`: in one way or in another."""


class Event(BaseModel):
    """An order as it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    action: Action
    actor: Name
    player_id: PlayerId = ""
    from_text: Instant = Field(default="", alias="from")
    to_text: Instant = Field(default="", alias="to")
    kind: EntryKind | None = None
    day: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] = ""
    state: State = State.OPEN
    case_id: Annotated[str, StringConstraints(min_length=1, max_length=80)] = ""
    reason: Words = ""
    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX, strict=True)] = LIMIT
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _has_its_fields(self) -> Self:
        given = {name.removesuffix("_text") for name in self.model_fields_set} - {"action", "actor"}
        ways = _TAKES[self.action]
        if not any(needed <= given <= needed | allowed for needed, allowed in ways):
            raise ValueError("takes " + " or ".join(", ".join(sorted(needed | allowed)) for needed, allowed in ways))
        return self


@cache
def _desk() -> CaseDesk:
    told = settings.load(Settings)
    client = aws.client("dynamodb")
    return CaseDesk(SafetyStore(client, told.safety_table), People(client, told.players_table).player_of, system_clock)


def _serve(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        sent = Event.model_validate(event)
    except ValidationError as error:
        telemetry.count("SafetyOrderRefused", dimensions={"code": "invalid_request"})
        return staff.misread(error, "action").view
    try:
        answer = _carried_out(sent, sent.request_id or str(context.aws_request_id))
    except staff.Refused as refused:
        telemetry.count("SafetyOrderRefused", dimensions={"code": refused.code})
        telemetry.logger.warning("safety order refused", action=sent.action.value, code=refused.code)
        return refused.view
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.logger.error("safety order failed", action=sent.action.value, failure=telemetry.describe(error))
        raise staff.StaffFailed("The order could not be completed; its log says why.") from None
    telemetry.count("SafetyOrderDone", dimensions={"action": sent.action.value})
    # Who ordered it is kept with the case: an actor's name may be an e-mail address, and no log line carries one.
    telemetry.logger.info("safety order done", action=sent.action.value)
    return answer


def _carried_out(sent: Event, request_id: str) -> dict[str, Any]:
    try:
        match sent.action:
            case Action.SEARCH:
                return _searched(sent)
            case Action.SESSIONS:
                return _sessions(sent)
            case Action.CASES:
                return _listed(sent)
            case Action.CASE:
                return _shown(_desk().case(sent.case_id))
            case Action.NOTE | Action.CLOSE:
                deed = Deed.CLOSED if sent.action is Action.CLOSE else Deed.NOTED
                return _shown(_desk().carry_out(Order(sent.case_id, deed, sent.actor, sent.reason, request_id)))
    except NotAllowed as refused:
        raise staff.Refused(refused.code, NOT_ALLOWED[refused.code]) from None
    except tuple(REFUSALS) as refusal:
        raise staff.Refused(*REFUSALS[type(refusal)]) from None


def _searched(sent: Event) -> dict[str, Any]:
    if sent.day and sent.kind is not None:
        _instant("day", sent.day, 0)
        page, cursor = _desk().entries_of_day(sent.kind, sent.day, sent.limit, sent.cursor)
    else:
        # Without an end the search ends after the newest; a cursor is tied to the period, so it cannot be the moment of asking.
        period = (_instant("from", sent.from_text, 0), _instant("to", sent.to_text, _LAST_MS))
        if period[0] > period[1]:
            raise staff.invalid("to", "lies before the start")
        page, cursor = _desk().entries(sent.player_id, period, sent.limit, sent.cursor, sent.kind)
    return {"entries": [entry.view() for entry in page.entries], "next_cursor": cursor}


def _sessions(sent: Event) -> dict[str, Any]:
    from_ms, to_ms = _instant("from", sent.from_text, 0), _instant("to", sent.to_text, 0)
    if not 0 <= to_ms - from_ms <= SESSIONS_PERIOD_MS_MAX:
        raise staff.invalid("to", "is not within 31 days after the start")
    return {"sessions": [_session(play) for play in _desk().sessions(sent.player_id, from_ms, to_ms)]}


def _session(play: Play) -> dict[str, Any]:
    length_ms = play.last_ms - play.first_ms
    return {"started_at": to_iso(play.first_ms), "last_stake_at": to_iso(play.last_ms), "seconds": length_ms // 1000}


def _listed(sent: Event) -> dict[str, Any]:
    found: tuple[CasePage, str | None]
    if sent.player_id:
        found = _desk().cases_of(sent.player_id, sent.limit, sent.cursor)
    else:
        found = _desk().cases(sent.state, sent.limit, sent.cursor)
    page, cursor = found
    return {"cases": [case_view(case) for case in page.cases], "next_cursor": cursor}


def _shown(case: Case) -> dict[str, Any]:
    return {"case": {**case_view(case), "evidence": evidence_view(case, _desk().evidence(case))}}


_LAST_MS: Final = 253_402_300_799_999
"""The last instant of the year 9999."""


def _instant(field: str, text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return from_iso_or_day(text)
    except InvalidInstant:
        raise staff.invalid(field, "is not an instant or a day") from None


handler: Final = telemetry.observed(_serve)
