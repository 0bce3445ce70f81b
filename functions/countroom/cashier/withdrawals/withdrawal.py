"""What a withdrawal is and which states may follow which. What happens to one is in `life`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

ID_PREFIX: Final = "wdr_"
ID_LENGTH: Final = 20  # characters of lower-case base32 after the prefix: 100 bits, so an id cannot be guessed
_ID_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_REFERENCE_GROUP: Final = 4


class WithdrawalStatus(StrEnum):
    """Where a withdrawal stands."""

    REQUESTED = "requested"  # the money is held
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"  # cleared, and nothing has gone to the gateway yet
    SUBMITTING = "submitting"  # may have reached the gateway
    SUBMITTED = "submitted"  # the gateway has taken it
    PAID = "paid"
    RETURNED = "returned"  # paid, came back, and was credited
    FAILED = "failed"  # the gateway did not pay it; released
    REFUSED = "refused"  # by screening or by staff; released
    CANCELLED = "cancelled"  # by the player; released


class Actor(StrEnum):
    """Who caused a change."""

    PLAYER = "player"
    HOUSE = "house"
    STAFF = "staff"
    GATEWAY = "gateway"


class Booking(StrEnum):
    """What a step does to the money, each at most once in a withdrawal's life; the value ends the ledger's transaction id."""

    HOLD = "hold"
    RELEASE = "released"
    CAPTURE = "captured"
    OTHER_AMOUNT = "paid_otherwise"  # the hold is released and what was really paid is debited, in one transaction
    LATE_DEBIT = "late"  # paid after its hold had been released
    RETURN = "returned"  # a payout that came back


class Attention(StrEnum):
    """Why people must look at a withdrawal. It does not stop what the gateway says later from being booked."""

    OUTCOME_UNKNOWN = "outcome_unknown"  # the gateway has not said for too long whether it paid
    APPROVAL_OVERDUE = "approval_overdue"
    STEP_FAILED = "step_failed"  # a step of the machine gave up
    MACHINE_LOST = "machine_lost"  # its execution died more often than it is started again
    ESCALATED = "escalated"  # by staff
    LATE_PAYMENT = "late_payment"  # paid after the money had been released
    PAID_THEN_FAILED = "paid_then_failed"
    NEVER_SUBMITTED = "never_submitted"  # the gateway speaks of a payout that was not ordered
    OTHER_FIGURES = "other_figures"  # the gateway says another amount or currency
    RETURN_UNBOOKED = "return_unbooked"  # it is booked as paid; that it came back is yet to be


class Word(StrEnum):
    """What the gateway says of a payout."""

    TAKEN = "taken"  # it has the order and works on it
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"  # it was paid and came back


_S = WithdrawalStatus

# An edge means "may follow directly". What the gateway has paid is booked wherever the withdrawal stands, hence the many to PAID.
NEXT: Final[Mapping[WithdrawalStatus, frozenset[WithdrawalStatus]]] = MappingProxyType(
    {
        _S.REQUESTED: frozenset({_S.AWAITING_APPROVAL, _S.APPROVED, _S.REFUSED, _S.CANCELLED, _S.PAID}),
        _S.AWAITING_APPROVAL: frozenset({_S.APPROVED, _S.REFUSED, _S.CANCELLED, _S.PAID}),
        _S.APPROVED: frozenset({_S.SUBMITTING, _S.REFUSED, _S.CANCELLED, _S.PAID}),
        _S.SUBMITTING: frozenset({_S.SUBMITTED, _S.PAID, _S.FAILED}),
        _S.SUBMITTED: frozenset({_S.PAID, _S.FAILED}),
        _S.PAID: frozenset({_S.RETURNED}),
        _S.RETURNED: frozenset(),
        _S.FAILED: frozenset({_S.PAID}),
        _S.REFUSED: frozenset({_S.PAID}),
        _S.CANCELLED: frozenset({_S.PAID}),
    }
)

UNSUBMITTED: Final = frozenset({_S.REQUESTED, _S.AWAITING_APPROVAL, _S.APPROVED})
"""Nothing has gone to the gateway, so the player and staff may still end it."""

WITH_GATEWAY: Final = frozenset({_S.SUBMITTING, _S.SUBMITTED})
"""Only the gateway's word ends it."""

OPEN: Final = UNSUBMITTED | WITH_GATEWAY
"""The money is held and the end is not known."""

RELEASED: Final = frozenset({_S.FAILED, _S.REFUSED, _S.CANCELLED})


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a withdrawal's life: when (epoch ms), to what, why, and who caused it.

    `record` is the ledger's transaction id of the money that moved with it, '' where none did. `by` names the member of staff and
    `why` is what he wrote, both for staff only.
    """

    at_ms: int
    status: WithdrawalStatus
    cause: str
    actor: Actor
    record: str = ""
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One withdrawal of `amount` nanos through `gateway`, back to the instrument that the deposit `instrument` was paid with.

    `reasons`: why screening asks for people. `approvers`: who has approved so far; `approvals_needed` of them are enough.
    `tries`: how often the payout was sent, always under one key, the withdrawal's id. `asks`: how often its status was asked for
    without an end. `payout_id`: the gateway's name of it. `words`: all that the gateway has said. `paid`: what it has paid (nanos),
    0 until it has. `attention`: why people must look, None when they need not. `version` counts all writes.
    `ticket`: a secret of the order, for a gateway that the player's browser can call too; only house and gateway ever see it.
    """

    withdrawal_id: str
    player_id: str
    gateway: str
    instrument: str
    currency: str
    amount: int
    status: WithdrawalStatus
    changes: tuple[Change, ...]
    reasons: tuple[str, ...] = ()
    approvals_needed: int = 0
    approvers: tuple[str, ...] = ()
    tries: int = 0
    asks: int = 0
    payout_id: str = ""
    words: frozenset[Word] = frozenset()
    paid: int = 0
    attention: Attention | None = None
    version: int = 1
    ticket: str = field(default="", repr=False)

    @property
    def created_at_ms(self) -> int:
        """When it was asked for, epoch milliseconds."""
        return self.changes[0].at_ms

    @property
    def changed_at_ms(self) -> int:
        """When it last changed, epoch milliseconds."""
        return self.changes[-1].at_ms

    @property
    def since_ms(self) -> int:
        """When it came to stand where it stands, epoch milliseconds; what was only noted since does not count."""
        since = self.changes[-1].at_ms
        for change in reversed(self.changes):
            if change.status is not self.status:
                break
            since = change.at_ms
        return since

    @property
    def is_open(self) -> bool:
        """Whether its money is still held."""
        return self.status in OPEN

    @property
    def is_captured(self) -> bool:
        """Whether the hold itself was captured, and not released and debited otherwise."""
        return any(change.record == record_id(self.withdrawal_id, Booking.CAPTURE) for change in self.changes)


def is_withdrawal_id(text: str) -> bool:
    """Say whether a text has the form of a withdrawal's id; one that has not needs no look-up."""
    body = text.removeprefix(ID_PREFIX)
    return text.startswith(ID_PREFIX) and len(body) == ID_LENGTH and _ID_ALPHABET.issuperset(body)


def reference(withdrawal_id: str) -> str:
    """Give what the player quotes to support: the id in capitals and groups, so that it can be read aloud and turned back."""
    body = withdrawal_id.removeprefix(ID_PREFIX).upper()
    groups = [body[start : start + _REFERENCE_GROUP] for start in range(0, len(body), _REFERENCE_GROUP)]
    return "-".join(("WDR", *groups))


def record_id(withdrawal_id: str, booking: Booking) -> str:
    """Name a booking in the ledger, the same for ever: the hold after the withdrawal, the others after it and what they are."""
    return withdrawal_id if booking is Booking.HOLD else f"{withdrawal_id}:{booking}"
