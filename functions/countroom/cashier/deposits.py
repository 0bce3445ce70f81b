"""What a deposit is and which states may follow which. How events lead through them is in `life`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

ID_PREFIX: Final = "dep_"
ID_LENGTH: Final = 20  # characters of lower-case base32 after the prefix: 100 bits, so an id cannot be guessed
_ID_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_REFERENCE_GROUP: Final = 4


class DepositStatus(StrEnum):
    """Where a deposit stands."""

    CREATED = "created"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CREDITED = "credited"
    SETTLED = "settled"
    REVERSED = "reversed"
    CHARGEBACK_REVERSED = "chargeback_reversed"
    SECOND_CHARGEBACK = "second_chargeback"


class Actor(StrEnum):
    """Who caused a change."""

    PLAYER = "player"
    GATEWAY = "gateway"
    HOUSE = "house"


class Booking(StrEnum):
    """What of a deposit moves money, each at most once for a payment and a case (a chargeback's or refund's name)."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"  # what a refund took came back
    UNSETTLED = "unsettled"  # the funds never settled
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSED = "chargeback_reversed"
    SECOND_CHARGEBACK = "second_chargeback"


_S = DepositStatus

# An edge means "may follow directly". A payment that succeeds late has moved money, so it is booked although the deposit had
# failed, expired or been cancelled; the gateway's word (failed) replaces the house's own guess (expired) and the player's wish.
# A payment may be taken back in several parts or cases, so after one that was returned another may follow. A refund that failed
# leaves the deposit as if it had not been asked for.
NEXT: Final[Mapping[DepositStatus, frozenset[DepositStatus]]] = MappingProxyType(
    {
        _S.CREATED: frozenset({_S.REQUIRES_ACTION, _S.PENDING, _S.EXPIRED, _S.CANCELLED, _S.FAILED, _S.CREDITED}),
        _S.REQUIRES_ACTION: frozenset({_S.PENDING, _S.EXPIRED, _S.CANCELLED, _S.FAILED, _S.CREDITED}),
        _S.PENDING: frozenset({_S.EXPIRED, _S.CANCELLED, _S.FAILED, _S.CREDITED}),
        _S.EXPIRED: frozenset({_S.CANCELLED, _S.FAILED, _S.CREDITED}),
        _S.CANCELLED: frozenset({_S.FAILED, _S.CREDITED}),
        _S.FAILED: frozenset({_S.CREDITED}),
        _S.CREDITED: frozenset({_S.SETTLED, _S.REVERSED}),
        _S.SETTLED: frozenset({_S.REVERSED}),
        _S.REVERSED: frozenset({_S.CREDITED, _S.CHARGEBACK_REVERSED, _S.SECOND_CHARGEBACK}),
        _S.CHARGEBACK_REVERSED: frozenset({_S.REVERSED, _S.SECOND_CHARGEBACK}),
        _S.SECOND_CHARGEBACK: frozenset(),
    }
)

STATUS_TEXT: Final[Mapping[DepositStatus, str]] = MappingProxyType(
    {
        _S.CREATED: "We have noted your deposit and are waiting for the payment service to confirm it.",
        _S.REQUIRES_ACTION: "The payment service needs one more step from you, such as confirming the payment with your bank.",
        _S.PENDING: "The payment is being processed. Some banks take a while; you need not do anything.",
        _S.EXPIRED: "The payment was not completed in time. No money was added; you can start a new deposit.",
        _S.CANCELLED: "This deposit was cancelled. No money was added.",
        _S.FAILED: "The payment did not go through. No money was added; you can try again or use another method.",
        _S.CREDITED: "The money is in your wallet.",
        _S.SETTLED: "The money is in your wallet and the payment is fully settled.",
        _S.REVERSED: "The payment, or a part of it, was taken back, so that amount left your wallet. The steps below say why.",
        _S.CHARGEBACK_REVERSED: "The payment that had been taken back was returned, and the amount is in your wallet again.",
        _S.SECOND_CHARGEBACK: "The payment was taken back a second time, so the amount left your wallet again.",
    }
)


UNPAID: Final = (_S.CREATED, _S.REQUIRES_ACTION, _S.PENDING, _S.EXPIRED, _S.CANCELLED, _S.FAILED)
"""The states before any money has moved, in their one order: of two that are heard of, the later in this row stands."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a deposit's life: when (epoch ms), to what, why, and who caused it.

    `record` is the ledger's transaction id of the money that moved with it, '' where none did.
    """

    at_ms: int
    status: DepositStatus
    cause: str
    actor: Actor
    record: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """What the gateway says it moved: its own payment id and the amount in nanos of `currency`."""

    payment_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What a gateway has said about money, booked or waiting for what has to come before it.

    `payment` is as the gateway said it: the payment's id and the amount of this fact (0: all of it). `record` is the ledger's
    transaction id, '' while it waits; `booked` is what moved then, in nanos.
    """

    booking: Booking
    payment: Payment
    case_id: str = ""
    record: str = ""
    booked: int = 0

    @property
    def key(self) -> tuple[Booking, str, str]:
        """What it is about: there is one fact for each."""
        return self.booking, self.payment.payment_id, self.case_id

    @property
    def is_booked(self) -> bool:
        """Whether its money has moved."""
        return self.record != ""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit. `amount` (nanos) is what the player asked for; `facts` are all that the gateway has said about money, by key.

    `settled`: the gateway has said that the funds arrived, perhaps before anything else. `method` is how the player chose to pay,
    '' for a deposit from before there was a choice. `counted`: its opening is in the ledger, where it counts towards the player's
    limits; one from before openings were recorded, or that was opened for money which had come without one, has none.
    """

    deposit_id: str
    player_id: str
    gateway: str
    currency: str
    amount: int
    status: DepositStatus
    changes: tuple[Change, ...]
    facts: tuple[Fact, ...] = ()
    settled: bool = False
    method: str = ""
    counted: bool = False

    @property
    def version(self) -> int:
        """How many changes the deposit has seen; each adds exactly one."""
        return len(self.changes)

    @property
    def created_at_ms(self) -> int:
        """When the deposit was opened, epoch milliseconds."""
        return self.changes[0].at_ms

    @property
    def is_credited(self) -> bool:
        """Whether the money was booked at some time, even if it was taken back since."""
        return self.status not in UNPAID

    @property
    def payment(self) -> Payment | None:
        """The payment that credited the deposit, the first where there were several; None before."""
        paid = [fact for fact in self.facts if fact.booking is Booking.PAYMENT and fact.is_booked]
        first = next((fact for fact in paid if fact.record == self.deposit_id), paid[0] if paid else None)
        return first.payment if first else None

    @property
    def credited(self) -> int:
        """What all payments together brought, in nanos."""
        return sum(fact.booked for fact in self.facts if fact.booking is Booking.PAYMENT)

    @property
    def taken_back(self) -> int:
        """What left the wallet again and has not been returned, in nanos."""
        signs = {Booking.PAYMENT: 0, Booking.CHARGEBACK_REVERSED: -1, Booking.REFUND_FAILED: -1}
        return sum(signs.get(fact.booking, 1) * fact.booked for fact in self.facts)


def open_deposit(
    deposit_id: str,
    player_id: str,
    gateway: str,
    currency: str,
    amount: int,
    at_ms: int,
    method: str = "",
    *,
    counted: bool = False,
) -> Deposit:
    """Make a new deposit of `amount` nanos, asked for by the player at `at_ms`."""
    first = Change(at_ms, DepositStatus.CREATED, "player.request", Actor.PLAYER)
    return Deposit(
        deposit_id, player_id, gateway, currency, amount, DepositStatus.CREATED, (first,), method=method, counted=counted
    )


def is_deposit_id(text: str) -> bool:
    """Say whether a text has the form of a deposit id; one that has not needs no look-up."""
    body = text.removeprefix(ID_PREFIX)
    return text.startswith(ID_PREFIX) and len(body) == ID_LENGTH and _ID_ALPHABET.issuperset(body)


def reference(deposit_id: str) -> str:
    """Give what the player quotes to support: the id in capitals and groups, so that it can be read aloud and turned back."""
    body = deposit_id.removeprefix(ID_PREFIX).upper()
    groups = [body[start : start + _REFERENCE_GROUP] for start in range(0, len(body), _REFERENCE_GROUP)]
    return "-".join(("DEP", *groups))
