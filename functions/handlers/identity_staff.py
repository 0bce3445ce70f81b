"""Support staff: freeze, unfreeze or verify an account, exclude its player, end its sessions, look at it. Invoked under a role.

Event: ``{"action": "freeze" | "unfreeze" | "exclude" | "verify" | "unverify" | "recheck" | "end_sessions" | "show", "player_id",
"actor", "reason", "level"?, "request_id"?}``. The answer is the account as it is then, or ``{"refused": {"code", "message",
"errors"?}}``. An order may be sent again: a change of standing is made once for each `request_id` (without one, once for each of
Lambda's own), and `replayed` says that it had been.

`level` (age, identity, address or source_of_funds; identity unless it says which) is what verify, unverify and recheck are about:
unverify refuses it until staff say otherwise, recheck lets the player try again. Nobody verifies the account of his own e-mail
address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from countroom.cashier.store import StoreUnavailable
from countroom.clock import system_clock
from countroom.identity.access import AccountClosed
from countroom.identity.refusals import ChangedMeanwhile, NoSuchAccount, Unavailable
from countroom.identity.support import ACTOR_MAX, REASON_MAX, Action, Order, Report, RequestReused, Support
from countroom.ledger.book import OutcomeUnknown
from countroom.ledger.safeguards import FOREVER_MS
from countroom.ledger.wallet import Exclusion
from countroom.times import to_iso
from countroom.verification.desk import KeptChanging, OrderReused, VerificationDesk
from countroom.verification.levels import Level
from countroom.verification.standing import Order as VerificationOrder
from countroom.verification.standing import Standing as Verification
from countroom.verification.standing import Word
from countroom.verification.store import StandingStore, StandingsUnavailable
from countroom.verification.views import staff_view
from handlers.parts import staff
from handlers.parts.people import People
from handlers.parts.supporting import SupportSettings, support_of
from runtime import aws, settings, telemetry


class OwnAccount(Exception):
    """A member of staff would verify himself."""


REFUSALS: Final[Mapping[type[Exception], tuple[str, str]]] = {
    NoSuchAccount: ("not_found", "There is no account of this player."),
    AccountClosed: ("account_closed", "The account is closed for good."),
    RequestReused: ("request_id_reused", "The request id was used for another player."),
    ChangedMeanwhile: ("conflict", "The account kept changing; repeating the order is safe."),
    Unavailable: staff.AGAIN,
    OutcomeUnknown: staff.AGAIN,
    OrderReused: ("request_id_reused", "The request id was used for another order."),
    KeptChanging: ("conflict", "The account kept changing; repeating the order is safe."),
    StandingsUnavailable: staff.AGAIN,
    StoreUnavailable: staff.AGAIN,
    OwnAccount: ("own_account", "Nobody verifies his own account."),
}
"""What staff are told of what the rooms refuse."""


Name = Annotated[str, StringConstraints(min_length=1, max_length=ACTOR_MAX, pattern=r"^[A-Za-z0-9._@:/+-]+$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=REASON_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Event(BaseModel):
    """An order as it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    action: Action | Word
    player_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    actor: Name
    reason: Words
    level: Level | None = None
    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")] | None = None


@dataclass(frozen=True, slots=True)
class Settings(SupportSettings):
    """Environment of this function."""


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _support() -> Support:
    return support_of(_settings())


@cache
def _people() -> People:
    return People(aws.client("dynamodb"), _settings().players_table)


@cache
def _verification() -> VerificationDesk:
    return VerificationDesk(StandingStore(aws.client("dynamodb"), _settings().players_table), system_clock)


def _serve(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        sent = Event.model_validate(event)
    except ValidationError as error:
        telemetry.count("SupportOrderRefused", dimensions={"code": "invalid_request"})
        return staff.misread(error, "event").view
    if sent.level is not None and isinstance(sent.action, Action):
        telemetry.count("SupportOrderRefused", dimensions={"code": "invalid_request"})
        return staff.invalid("level", "is not of this order").view
    request_id = sent.request_id or str(context.aws_request_id)
    try:
        view = _carried_out(sent, request_id)
    except tuple(REFUSALS) as refusal:
        code, message = REFUSALS[type(refusal)]
        telemetry.count("SupportOrderRefused", dimensions={"code": code})
        telemetry.logger.warning("support order refused", action=sent.action.value, player_id=sent.player_id, code=code)
        return staff.Refused(code, message).view
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.logger.error("support order failed", action=sent.action.value, failure=telemetry.describe(error))
        raise staff.StaffFailed("The order could not be completed; its log says why.") from None
    telemetry.count("SupportOrderDone", dimensions={"action": sent.action.value})
    # Who ordered it is in the event: an actor's name may be an e-mail address, and no log line carries one.
    telemetry.logger.info("support order done", action=sent.action.value, player_id=sent.player_id, replayed=view["replayed"])
    return view


def _carried_out(sent: Event, request_id: str) -> dict[str, Any]:
    """Carry an order out and show the account as it is then."""
    if isinstance(sent.action, Action):
        report = _support().carry_out(Order(sent.action, sent.player_id, sent.actor, sent.reason, request_id))
        return _view(report, _verification().standing(sent.player_id), replayed=report.replayed)
    # Whether there is such an account is asked first: it is never deleted, so it is there afterwards too.
    report = _support().carry_out(Order(Action.SHOW, sent.player_id, sent.actor, sent.reason, request_id))
    if sent.action is Word.VERIFY and _people().player_of(sent.actor) == sent.player_id:
        raise OwnAccount
    level = sent.level or Level.IDENTITY
    done = _verification().carry_out(VerificationOrder(sent.player_id, sent.action, sent.actor, sent.reason, request_id, level))
    return _view(report, done.standing, replayed=done.replayed)


def _view(report: Report, verification: Verification, *, replayed: bool) -> dict[str, Any]:
    said = verification.request_id != ""
    return {
        "player_id": report.player_id,
        "standing": report.standing.value,
        "excluded": report.excluded,
        "exclusion": _exclusion(report.exclusion),
        "wallet_status": report.wallet_status.value,
        "second_factor": report.second_factor,
        "sessions": [
            {
                "session_id": session.session_id,
                "device": session.device,
                "place": session.place,
                "created_at": to_iso(session.created_at_ms),
                "last_seen_at": to_iso(session.last_seen_at_ms),
                "expires_at": to_iso(session.expires_at_ms),
            }
            for session in report.sessions
        ],
        "verified": verification.verified,
        "verification": {"by": verification.by, "reason": verification.reason, "at": to_iso(verification.at_ms)} if said else None,
        "levels": staff_view(verification),
        "replayed": replayed,
    }


def _exclusion(exclusion: Exclusion | None) -> dict[str, Any] | None:
    """Show what keeps a player away: a time-out ends at `until` (None: it has no end), anything else where it is reopened."""
    if exclusion is None:
        return None
    until = to_iso(exclusion.until_ms) if exclusion.until_ms < FOREVER_MS else None
    reopens_at = to_iso(exclusion.reopens_at_ms) if exclusion.reopens_at_ms else None
    return {"kind": exclusion.kind.value, "since": to_iso(exclusion.since_ms), "until": until, "reopens_at": reopens_at}


handler: Final = telemetry.observed(_serve)
