"""What each thing that happens makes of a withdrawal. Pure.

The withdrawal's item decides; the state machine only drives. Whoever wants something of a withdrawal (its player, staff, a step of
the machine, the gateway) reads it, asks `decide`, and writes what comes back on the condition that nobody wrote in between, money
included, in one transaction. So a step that is repeated, overtaken, raced or killed finds what stands and leaves it.

Three rules hold it together:

- The money is held from the first moment. The hold ends once: captured, because the gateway paid, or released.
- SUBMITTING is written before the gateway is first called: from there on only the gateway's word, or people who have it, end the
  withdrawal. That the outcome is unknown never releases anything.
- What the gateway has paid is booked, whenever and however often it is said. After a release that takes a debit, into debt if it
  must be, and people are told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from countroom.cashier.withdrawals.withdrawal import (
    RELEASED,
    UNSUBMITTED,
    WITH_GATEWAY,
    Actor,
    Attention,
    Booking,
    Change,
    Withdrawal,
    WithdrawalStatus,
    Word,
    record_id,
)
from countroom.money import AMOUNT_MAX

CHANGES_MAX: Final = 100
"""A withdrawal sees a dozen changes. One that would see more takes no more notes, before it outgrows its item: people have it."""

CURED: Final = frozenset(
    {
        Attention.OUTCOME_UNKNOWN,
        Attention.APPROVAL_OVERDUE,
        Attention.STEP_FAILED,
        Attention.MACHINE_LOST,
        Attention.ESCALATED,
    }
)
"""What nobody need look at any more once a withdrawal has gone on or ended; the others wait until somebody has looked."""

_S = WithdrawalStatus


class Clearance(StrEnum):
    """What screening says."""

    APPROVE = "approve"
    REVIEW = "review"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Screened:
    """Screening has decided; `reasons` are codes for staff, `approvals_needed` is at least 1 with REVIEW."""

    clearance: Clearance
    reasons: tuple[str, ...] = ()
    approvals_needed: int = 0


@dataclass(frozen=True, slots=True)
class Approve:
    """A member of staff approves."""

    actor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A member of staff refuses, by a reason code that the player may be told; `why` is for staff.

    `actor` is HOUSE where the player may no longer withdraw at all, and nobody had to decide that.
    """

    reason: str
    by: str = ""
    why: str = ""
    actor: Actor = Actor.STAFF


@dataclass(frozen=True, slots=True)
class Cancel:
    """The player no longer wants it. Whether the profile allows that was asked before."""


@dataclass(frozen=True, slots=True)
class Submit:
    """The payout is about to be sent, for the first time or again under the same key."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The gateway was asked for the status and gave none that ends the withdrawal."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway has refused the order itself, in its answer to a try; `reason` is the gateway's code.

    That is an end only if there was no other try: of several, another one may yet reach the gateway, or be there already.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The gateway has spoken: in an answer, a webhook or a status. `amount` (nanos) and `currency` where it named them.

    `actor` is STAFF where people heard it from the gateway in another way. `reason` is the gateway's code.
    """

    word: Word
    payout_id: str = ""
    reason: str = ""
    amount: int | None = None
    currency: str = ""
    actor: Actor = Actor.GATEWAY
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """People must look."""

    attention: Attention
    actor: Actor = Actor.HOUSE
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Unflag:
    """A member of staff has looked and found that nothing is left to do."""

    by: str = ""
    why: str = ""


Happening: TypeAlias = Screened | Approve | Refuse | Cancel | Submit | Asked | Declined | Said | Flag | Unflag


class RefusalReason(StrEnum):
    """Why what was asked for does not happen."""

    WRONG_STAGE = "wrong_stage"  # not in this state, or no longer
    SAME_APPROVER = "same_approver"
    OWN_WITHDRAWAL = "own_withdrawal"
    TOO_MANY_CHANGES = "too_many_changes"
    CANCEL_NOT_OFFERED = "cancel_not_offered"  # where the player lives


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing changes."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Step:
    """The withdrawal after one change, and what that does to the money: `moves` nanos by `booking`, nothing without one."""

    withdrawal: Withdrawal
    booking: Booking | None = None
    moves: int = 0


Decided: TypeAlias = Step | Refused | None
"""None: it stands as it should already, nothing is left to do."""


def request(withdrawal: tuple[str, str, str, str], currency: str, amount: int, at_ms: int, ticket: str = "") -> Step:
    """Make a new withdrawal of (id, player, gateway, instrument); its first step holds the money. `ticket`: see `Withdrawal`."""
    withdrawal_id, player_id, gateway, instrument = withdrawal
    first = Change(at_ms, _S.REQUESTED, "player.request", Actor.PLAYER, record_id(withdrawal_id, Booking.HOLD))
    made = Withdrawal(withdrawal_id, player_id, gateway, instrument, currency, amount, _S.REQUESTED, (first,), ticket=ticket)
    return Step(made, Booking.HOLD, amount)


def decide(before: Withdrawal, happening: Happening, now_ms: int) -> Decided:
    """Say what a happening makes of a withdrawal.

    The gateway's word may take two steps: after a Step of a `Said`, ask again with the same one, until None.
    """
    decided = _RULES[type(happening)](before, happening, now_ms)
    if isinstance(decided, Step) and _only_notes(before, decided.withdrawal) and len(before.changes) >= CHANGES_MAX:
        return Refused(RefusalReason.TOO_MANY_CHANGES)
    return _signed(before, decided, happening) if isinstance(decided, Step) else decided


def _signed(before: Withdrawal, step: Step, happening: Happening) -> Step:
    """Note with the change which member of staff caused it, and why."""
    match happening:
        case Approve(by, why) | Refuse(by=by, why=why) | Said(by=by, why=why) | Flag(by=by, why=why) | Unflag(by, why):
            pass
        case _:
            return step
    changes = step.withdrawal.changes
    if not by or len(changes) == len(before.changes):
        return step
    return replace(step, withdrawal=replace(step.withdrawal, changes=(*changes[:-1], replace(changes[-1], by=by, why=why))))


def _only_notes(before: Withdrawal, after: Withdrawal) -> bool:
    """Whether a step adds to the history and nothing hangs on it: neither stage nor money, nor that people look at all."""
    told = after.attention is not None and before.attention is None
    return after.status is before.status and len(after.changes) > len(before.changes) and not told


def _screened(before: Withdrawal, screened: Screened, now_ms: int) -> Decided:
    if before.status is not _S.REQUESTED:
        return None
    noted = replace(before, reasons=screened.reasons, approvals_needed=screened.approvals_needed)
    match screened.clearance:
        case Clearance.APPROVE:
            return _moved(noted, _S.APPROVED, "screening.passed", Actor.HOUSE, now_ms)
        case Clearance.REVIEW:
            return _moved(noted, _S.AWAITING_APPROVAL, "screening.review", Actor.HOUSE, now_ms)
        case Clearance.REFUSE:
            cause = f"screening.refused:{screened.reasons[0]}" if screened.reasons else "screening.refused"
            return _released(noted, _S.REFUSED, cause, Actor.HOUSE, now_ms)


def _approved(before: Withdrawal, approve: Approve, now_ms: int) -> Decided:
    waits = before.status is _S.AWAITING_APPROVAL
    if approve.actor.casefold() in {known.casefold() for known in before.approvers}:
        return Refused(RefusalReason.SAME_APPROVER) if waits else None
    if not waits:
        return Refused(RefusalReason.WRONG_STAGE)
    if approve.actor.casefold() == before.player_id.casefold():
        return Refused(RefusalReason.OWN_WITHDRAWAL)
    counted = replace(before, approvers=(*before.approvers, approve.actor))
    if len(counted.approvers) < before.approvals_needed:
        return _moved(counted, _S.AWAITING_APPROVAL, "staff.approved_in_part", Actor.STAFF, now_ms)
    return _moved(_cured(counted), _S.APPROVED, "staff.approved", Actor.STAFF, now_ms)


def _refused(before: Withdrawal, refuse: Refuse, now_ms: int) -> Decided:
    if before.status not in UNSUBMITTED:
        return None if before.status is _S.REFUSED else Refused(RefusalReason.WRONG_STAGE)
    return _released(before, _S.REFUSED, f"{refuse.actor}.refused:{refuse.reason}", refuse.actor, now_ms)


def _cancelled(before: Withdrawal, _cancel: Cancel, now_ms: int) -> Decided:
    if before.status not in UNSUBMITTED:
        return None if before.status is _S.CANCELLED else Refused(RefusalReason.WRONG_STAGE)
    return _released(before, _S.CANCELLED, "player.cancelled", Actor.PLAYER, now_ms)


def _submitting(before: Withdrawal, _submit: Submit, now_ms: int) -> Decided:
    """Note a try before it is made. Once the gateway has taken or ended it there is nothing to send."""
    if before.status is _S.SUBMITTING:
        return _counted(before, tries=before.tries + 1)
    if before.status is _S.APPROVED:
        return _moved(replace(before, tries=1), _S.SUBMITTING, "payout.sent", Actor.HOUSE, now_ms)
    return Refused(RefusalReason.WRONG_STAGE) if before.status in UNSUBMITTED else None


def _asked(before: Withdrawal, _asked: Asked, _now_ms: int) -> Decided:
    return _counted(before, asks=before.asks + 1) if before.status in WITH_GATEWAY else None


def _declined(before: Withdrawal, declined: Declined, now_ms: int) -> Decided:
    """End a withdrawal whose only try was refused; the count is of the version that is written, so a try beside it is seen."""
    if before.status is _S.SUBMITTING and before.tries == 1:
        cause = f"payout.declined:{declined.reason}" if declined.reason else "payout.declined"
        return _released(before, _S.FAILED, cause, Actor.GATEWAY, now_ms)
    return _asked(before, Asked(), now_ms)


def _flagged_by(before: Withdrawal, flag: Flag, now_ms: int) -> Decided:
    """Tell people, once. What will be cured does not take the place of what waits until somebody has looked."""
    noted = before.attention
    if not before.is_open and flag.attention in CURED - {Attention.ESCALATED}:
        return None  # the machine was about to ask for people when it ended
    if noted is flag.attention or (noted is not None and noted not in CURED and flag.attention in CURED):
        return None
    return _flagged(before, flag.attention, flag.actor, now_ms)


def _unflagged(before: Withdrawal, _unflag: Unflag, now_ms: int) -> Decided:
    if before.attention is None:
        return None
    return Step(replace(_changed(before, before.status, "staff.looked", Actor.STAFF, now_ms), attention=None))


def _said(before: Withdrawal, said: Said, now_ms: int) -> Decided:
    """Take the gateway's word; what it moved is booked, and the first end stands."""
    if said.currency and said.currency != before.currency:
        return _flagged_by(before, Flag(Attention.OTHER_FIGURES, said.actor), now_ms)
    if said.amount is not None and said.word in {Word.PAID, Word.RETURNED} and not 0 < said.amount <= AMOUNT_MAX:
        return _flagged_by(before, Flag(Attention.OTHER_FIGURES, said.actor), now_ms)
    words = before.words | ({said.word, Word.PAID} if said.word is Word.RETURNED else {said.word})
    told = replace(before, words=words, payout_id=before.payout_id or said.payout_id)
    match said.word:
        case Word.TAKEN:
            return _taken(before, told, said, now_ms)
        case Word.FAILED:
            return _failed(before, told, said, now_ms)
        case Word.PAID:
            return _paid(before, told, said, now_ms)
        case Word.RETURNED:
            return _returned(before, told, said, now_ms)


def _taken(before: Withdrawal, told: Withdrawal, said: Said, now_ms: int) -> Decided:
    if before.status is _S.SUBMITTING:
        return _moved(told, _S.SUBMITTED, "payout.taken", said.actor, now_ms)
    ordered = before.tries > 0 or before.status not in UNSUBMITTED | RELEASED
    if ordered or Word.TAKEN in before.words:
        return None
    return _flagged(told, Attention.NEVER_SUBMITTED, said.actor, now_ms)


def _failed(before: Withdrawal, told: Withdrawal, said: Said, now_ms: int) -> Decided:
    if before.status in WITH_GATEWAY:
        return _released(told, _S.FAILED, _cause("payout.failed", said), said.actor, now_ms)
    if Word.FAILED in before.words:
        return None
    if before.status in UNSUBMITTED:
        return _flagged(told, Attention.NEVER_SUBMITTED, said.actor, now_ms)
    return _flagged(told, Attention.PAID_THEN_FAILED, said.actor, now_ms) if before.status is _S.PAID else None


def _paid(before: Withdrawal, told: Withdrawal, said: Said, now_ms: int) -> Decided:
    if before.status in {_S.PAID, _S.RETURNED}:
        # What came back in a second part is not credited by itself: it cannot be told from the first, said again.
        other = said.amount not in {None, before.paid}
        return _flagged_by(before, Flag(Attention.OTHER_FIGURES, said.actor), now_ms) if other else None
    amount = before.amount if said.amount is None or said.word is not Word.PAID else said.amount
    attention, booking = _cured(before).attention, Booking.CAPTURE
    if not before.is_open:
        attention, booking = Attention.LATE_PAYMENT, Booking.LATE_DEBIT
    elif amount != before.amount:
        attention, booking = Attention.OTHER_FIGURES, Booking.OTHER_AMOUNT
    elif before.status in UNSUBMITTED:
        attention = Attention.NEVER_SUBMITTED
    if said.word is Word.RETURNED and attention is None:
        attention = Attention.RETURN_UNBOOKED  # until the second step: nobody may ever say it again
    known = replace(told, attention=attention, paid=amount)
    return _moved(known, _S.PAID, _cause("payout.paid", said), said.actor, now_ms, (booking, amount))


def _returned(before: Withdrawal, told: Withdrawal, said: Said, now_ms: int) -> Decided:
    """Credit what came back, once, and never more than was paid. It had been paid, whether or not that was said."""
    if before.status is not _S.PAID:
        return _paid(before, told, said, now_ms)
    attention = None if before.attention is Attention.RETURN_UNBOOKED else before.attention
    if said.amount not in {None, before.paid}:
        attention = Attention.OTHER_FIGURES
    amount = before.paid if said.amount is None else min(said.amount, before.paid)
    known = replace(told, attention=attention)
    return _moved(known, _S.RETURNED, _cause("payout.returned", said), said.actor, now_ms, (Booking.RETURN, amount))


def _cause(cause: str, said: Said) -> str:
    return f"{cause}:{said.reason}" if said.reason else cause


def _released(before: Withdrawal, status: WithdrawalStatus, cause: str, actor: Actor, now_ms: int) -> Step:
    return _moved(_cured(before), status, cause, actor, now_ms, (Booking.RELEASE, before.amount))


def _cured(before: Withdrawal) -> Withdrawal:
    return replace(before, attention=None) if before.attention in CURED else before


def _flagged(before: Withdrawal, attention: Attention, actor: Actor, now_ms: int) -> Step:
    return Step(replace(_changed(before, before.status, f"people.{attention}", actor, now_ms), attention=attention))


def _counted(before: Withdrawal, *, tries: int | None = None, asks: int | None = None) -> Step:
    """Count without a line in the history."""
    tries, asks = before.tries if tries is None else tries, before.asks if asks is None else asks
    return Step(replace(before, tries=tries, asks=asks, version=before.version + 1))


def _moved(
    before: Withdrawal,
    status: WithdrawalStatus,
    cause: str,
    actor: Actor,
    now_ms: int,
    money: tuple[Booking, int] | None = None,
) -> Step:
    if money is None:
        return Step(_changed(before, status, cause, actor, now_ms))
    booking, moves = money
    record = record_id(before.withdrawal_id, booking)
    return Step(_changed(before, status, cause, actor, now_ms, record), booking, moves)


def _changed(before: Withdrawal, status: WithdrawalStatus, cause: str, actor: Actor, now_ms: int, record: str = "") -> Withdrawal:
    change = Change(now_ms, status, cause, actor, record)
    return replace(before, status=status, changes=(*before.changes, change), version=before.version + 1)


_RULES: Final[Mapping[type[Any], Callable[[Withdrawal, Any, int], Decided]]] = MappingProxyType(
    {
        Screened: _screened,
        Approve: _approved,
        Refuse: _refused,
        Cancel: _cancelled,
        Submit: _submitting,
        Asked: _asked,
        Declined: _declined,
        Said: _said,
        Flag: _flagged_by,
        Unflag: _unflagged,
    }
)
