"""What a deposit is and how it may change. Pure.

The graph is drawn so that it has one order: wherever two events of one deposit disagree, one of them lies further along it, and the
further one stands, whichever came first. That is why events that come twice, late or shuffled end in the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

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


class NoEffectReason(StrEnum):
    """Why a change that was asked for changes nothing and is no error."""

    ALREADY_THERE = "already_there"
    BEHIND = "behind"  # the deposit has passed this state: the event is late


class RefusalReason(StrEnum):
    """Why a change is refused."""

    STEP_MISSING = "step_missing"  # a state in between has not been seen; the event that brings it may still arrive
    OTHER_PAYMENT = "other_payment"  # the deposit was credited by another payment, or by this one with other figures
    WRONG_CURRENCY = "wrong_currency"  # the gateway moved a currency which the deposit, and so the wallet, does not hold


_S = DepositStatus

# An edge means "may follow directly". A payment that succeeds late has moved money, so it is booked although the deposit had
# failed, expired or been cancelled; the gateway's word (failed) replaces the house's own guess (expired) and the player's wish.
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
        _S.REVERSED: frozenset({_S.CHARGEBACK_REVERSED}),
        _S.CHARGEBACK_REVERSED: frozenset({_S.SECOND_CHARGEBACK}),
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
        _S.REVERSED: "The payment was taken back by your bank or the payment service, so the amount left your wallet again.",
        _S.CHARGEBACK_REVERSED: "The payment that had been taken back was returned, and the amount is in your wallet again.",
        _S.SECOND_CHARGEBACK: "The payment was taken back a second time, so the amount left your wallet again.",
    }
)


def _descendants(status: DepositStatus) -> frozenset[DepositStatus]:
    found: set[DepositStatus] = set()
    for following in NEXT[status]:
        found |= {following} | _descendants(following)
    return frozenset(found)


AFTER: Final[Mapping[DepositStatus, frozenset[DepositStatus]]] = MappingProxyType(
    {status: _descendants(status) for status in DepositStatus}
)
"""Every state that may lie after a state, directly or over others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a deposit's life: when (epoch ms), to what, why, and who caused it."""

    at_ms: int
    status: DepositStatus
    cause: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Payment:
    """What the gateway says it moved: its own payment id and the amount in nanos of `currency`."""

    payment_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit. `amount` (nanos) is what the player asked for; `payment` is what was booked, once it was."""

    deposit_id: str
    player_id: str
    gateway: str
    currency: str
    amount: int
    status: DepositStatus
    changes: tuple[Change, ...]
    payment: Payment | None = None

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
        return self.status is _S.CREDITED or self.status in AFTER[_S.CREDITED]


@dataclass(frozen=True, slots=True)
class Applied:
    """The change was made; `deposit` is the deposit after it."""

    deposit: Deposit


@dataclass(frozen=True, slots=True)
class NoEffect:
    """The change is a repeat or stale; the deposit stays as it is."""

    reason: NoEffectReason


@dataclass(frozen=True, slots=True)
class Refused:
    """The change is not made; `retry_may_change` says whether a later try can succeed, else people must look."""

    reason: RefusalReason
    retry_may_change: bool


Transition: TypeAlias = Applied | NoEffect | Refused


def open_deposit(deposit_id: str, player_id: str, gateway: str, currency: str, amount: int, at_ms: int) -> Deposit:
    """Make a new deposit of `amount` nanos, asked for by the player at `at_ms`."""
    first = Change(at_ms, DepositStatus.CREATED, "player.request", Actor.PLAYER)
    return Deposit(deposit_id, player_id, gateway, currency, amount, DepositStatus.CREATED, (first,))


def move(deposit: Deposit, change: Change) -> Transition:
    """Make a change that moves no money into the deposit; for a credit see `credit`.

    Raises ValueError when asked to credit: that needs to know which payment.
    """
    if change.status is DepositStatus.CREDITED:
        raise ValueError("a credit names its payment: use credit()")
    return _move(deposit, change)


def credit(deposit: Deposit, payment: Payment, change: Change) -> Transition:
    """Credit the deposit, now that the gateway has moved money for it.

    What the gateway moved is what counts, even where it differs from what was asked for (PaymentIQ's rule for `transfer`). Only one
    payment can credit a deposit. A second one is real money too, but not of this deposit: it is refused and left to people.
    """
    if payment.currency != deposit.currency:
        return Refused(RefusalReason.WRONG_CURRENCY, retry_may_change=False)
    if deposit.is_credited and payment != deposit.payment:
        return Refused(RefusalReason.OTHER_PAYMENT, retry_may_change=False)
    verdict = _move(deposit, replace(change, status=DepositStatus.CREDITED))
    if isinstance(verdict, Applied):
        return Applied(replace(verdict.deposit, payment=payment))
    return verdict


def _move(deposit: Deposit, change: Change) -> Transition:
    if change.status is deposit.status:
        return NoEffect(NoEffectReason.ALREADY_THERE)
    if deposit.status in AFTER[change.status]:
        return NoEffect(NoEffectReason.BEHIND)
    if change.status not in NEXT[deposit.status]:
        return Refused(RefusalReason.STEP_MISSING, retry_may_change=True)
    return Applied(replace(deposit, status=change.status, changes=(*deposit.changes, change)))


def is_deposit_id(text: str) -> bool:
    """Say whether a text has the form of a deposit id; one that has not needs no look-up."""
    body = text.removeprefix(ID_PREFIX)
    return text.startswith(ID_PREFIX) and len(body) == ID_LENGTH and _ID_ALPHABET.issuperset(body)


def reference(deposit_id: str) -> str:
    """Give what the player quotes to support: the id in capitals and groups, so that it can be read aloud and turned back."""
    body = deposit_id.removeprefix(ID_PREFIX).upper()
    groups = [body[start : start + _REFERENCE_GROUP] for start in range(0, len(body), _REFERENCE_GROUP)]
    return "-".join(("DEP", *groups))
