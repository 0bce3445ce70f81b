"""Payments staff: see which withdrawals wait for people, and decide about them. Invoked directly, under a role.

    {"action": "queue", "actor", "limit"?}                        what waits, the longest waiting first, with reasons and age
    {"action": "show", "actor", "withdrawal_id"}
    {"action": "approve" | "escalate" | "looked", "actor", "withdrawal_id", "why"}
    {"action": "refuse", …, "reason"}                             the player is told the reason, in words
    {"action": "resolve", …, "outcome": "paid" | "failed" | "returned", "amount"?}    what people heard from the gateway

The answer is ``{"withdrawal": …}`` or ``{"withdrawals": […], "complete"}``, or ``{"refused": {"code", "message", "errors"?}}``. An
order may be sent again: what it asks for happens once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from countroom import money
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.apply import LedgerRefused, NoSuchWithdrawal, NotAllowed
from countroom.cashier.withdrawals.decisions import QUEUE_MAX, Barred, By, Decisions, Outcome, RefuseReason
from countroom.cashier.withdrawals.life import RefusalReason
from countroom.cashier.withdrawals.views import staff_view
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.clock import system_clock
from countroom.ledger.book import OutcomeUnknown
from handlers.parts import staff, withdrawing
from handlers.parts.people import People
from runtime import aws, settings, telemetry

NOT_ALLOWED: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.WRONG_STAGE: "The withdrawal does not stand where this can be done, or no longer.",
    RefusalReason.SAME_APPROVER: "The same person has approved it before; another one has to.",
    RefusalReason.OWN_WITHDRAWAL: "Nobody decides about his own withdrawal.",
    RefusalReason.TOO_MANY_CHANGES: "The withdrawal has seen too many changes to take another note.",
    RefusalReason.CANCEL_NOT_OFFERED: "Where the player lives, no withdrawal may be called back at the player's wish.",
}
"""What staff are told of what a withdrawal does not let happen; the code is the reason's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    withdrawals_table: str
    cashier_table: str
    ledger_table: str
    players_table: str
    withdrawal_machine_arn: str


class Action(StrEnum):
    """What can be ordered."""

    QUEUE = "queue"
    SHOW = "show"
    APPROVE = "approve"
    REFUSE = "refuse"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    LOOKED = "looked"


Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@:/+-]+$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Id = Annotated[str, StringConstraints(pattern=r"^wdr_[a-z2-7]{20}$")]

_TAKES: Final[Mapping[Action, tuple[frozenset[str], frozenset[str]]]] = {
    Action.QUEUE: (frozenset(), frozenset({"limit"})),
    Action.SHOW: (frozenset({"withdrawal_id"}), frozenset()),
    Action.APPROVE: (frozenset({"withdrawal_id", "why"}), frozenset()),
    Action.REFUSE: (frozenset({"withdrawal_id", "why", "reason"}), frozenset()),
    Action.ESCALATE: (frozenset({"withdrawal_id", "why"}), frozenset()),
    Action.RESOLVE: (frozenset({"withdrawal_id", "why", "outcome"}), frozenset({"amount"})),
    Action.LOOKED: (frozenset({"withdrawal_id", "why"}), frozenset()),
}
"""Which fields an action needs, and which it may have, beside `action` and `actor`."""


class Event(BaseModel):
    """An order as it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    action: Action
    actor: Name
    withdrawal_id: Id = ""
    why: Words = ""
    reason: RefuseReason = RefuseReason.OTHER
    outcome: Outcome = Outcome.PAID
    amount: Annotated[str, StringConstraints(max_length=32)] = ""
    limit: Annotated[int, Field(ge=1, le=QUEUE_MAX, strict=True)] = QUEUE_MAX

    @model_validator(mode="after")
    def _has_its_fields(self) -> Self:
        given = self.model_fields_set - {"action", "actor"}
        needed, allowed = _TAKES[self.action]
        if not needed <= given <= needed | allowed:
            raise ValueError(f"takes {', '.join(sorted(needed | allowed)) or 'nothing else'}")
        return self


@cache
def _decisions() -> Decisions:
    told = settings.load(Settings)
    parts = withdrawing.wired(withdrawing.WithdrawalTables(told.withdrawals_table, told.ledger_table))
    screener = withdrawing.screener(parts, withdrawing.RoomTables(told.cashier_table, told.players_table))
    people = People(aws.client("dynamodb"), told.players_table)
    return Decisions(parts.withdrawals, parts.lists, screener, people.player_of)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        sent = Event.model_validate(event)
    except ValidationError as error:
        telemetry.count("WithdrawalOrderRefused", dimensions={"code": "invalid_request"})
        return staff.misread(error, "action").view
    try:
        answer = _carried_out(sent)
    except staff.Refused as refused:
        telemetry.count("WithdrawalOrderRefused", dimensions={"code": refused.code})
        telemetry.logger.warning(
            "withdrawal order refused", action=sent.action.value, withdrawal_id=sent.withdrawal_id, code=refused.code
        )
        return refused.view
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.logger.error("withdrawal order failed", action=sent.action.value, failure=telemetry.describe(error))
        raise staff.StaffFailed("The order could not be completed; its log says why.") from None
    telemetry.count("WithdrawalOrderDone", dimensions={"action": sent.action.value})
    # Who ordered it is kept with the withdrawal: an actor's name may be an e-mail address, and no log line carries one.
    telemetry.logger.info("withdrawal order done", action=sent.action.value, withdrawal_id=sent.withdrawal_id)
    return answer


def _carried_out(sent: Event) -> dict[str, Any]:
    try:
        if sent.action is Action.QUEUE:
            queue, now_ms = _decisions().queue(sent.limit), system_clock()
            return {"withdrawals": [staff_view(one, now_ms) for one in queue.withdrawals], "complete": queue.complete}
        return {"withdrawal": staff_view(_decided(sent), system_clock())}
    except NoSuchWithdrawal:
        raise staff.Refused("not_found", "There is no such withdrawal.") from None
    except NotAllowed as refused:
        raise staff.Refused(refused.reason.value, NOT_ALLOWED[refused.reason]) from None
    except Barred as barred:
        raise staff.Refused("barred", f"The player may not withdraw: {barred.code}. The withdrawal can be refused.") from None
    except LedgerRefused:
        raise staff.Refused(
            "ledger_differs", "The ledger holds something else than this withdrawal says: see the runbook."
        ) from None
    except (StoreUnavailable, OutcomeUnknown):
        raise staff.Refused(*staff.AGAIN) from None


def _decided(sent: Event) -> Withdrawal:
    """Let happen what is ordered; give the withdrawal as it stands then."""
    withdrawal_id, by = sent.withdrawal_id, By(sent.actor, sent.why)
    match sent.action:
        case Action.APPROVE:
            return _decisions().approve(withdrawal_id, by)
        case Action.REFUSE:
            return _decisions().refuse(withdrawal_id, by, sent.reason)
        case Action.ESCALATE:
            return _decisions().escalate(withdrawal_id, by)
        case Action.LOOKED:
            return _decisions().looked(withdrawal_id, by)
        case Action.RESOLVE:
            return _decisions().resolve(withdrawal_id, by, sent.outcome, _amount(sent))
        case _:
            return _decisions().show(withdrawal_id)


def _amount(sent: Event) -> int | None:
    """Read the amount of an order in its withdrawal's currency; None where none is given."""
    if "amount" not in sent.model_fields_set:
        return None
    currency = money.currency(_decisions().show(sent.withdrawal_id).currency)
    try:
        amount = money.parse_amount(sent.amount, currency)
    except money.InvalidAmount:
        amount = 0
    if amount <= 0:
        raise staff.invalid("amount", f"must be a plain positive decimal with at most {currency.exponent} places")
    return amount


handler: Final = telemetry.observed(_serve)
