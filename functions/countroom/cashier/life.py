"""What a gateway's events make of a deposit. Pure.

Where a deposit stands, and what of it is in the wallet, depends on WHICH events were seen and not on their order or number:

- Before money has moved, the states have one order, and the furthest that was heard of stands.
- What is said about money is kept as a fact, one for each payment and case. A fact is booked when what it rests on is: a refund or
  chargeback when its payment is, a refund that failed when the refund is, a returned chargeback when the chargeback is, the second
  one when the return is. Until then it waits with the deposit. So each fact is booked once, and the sum of all of them is the same
  in every order.
- Once money has moved, the state is read off what is booked.

One step changes one deposit and moves the money of at most one fact, so that both fit into one transaction.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier.deposits import UNPAID, Actor, Booking, Change, Deposit, DepositStatus, Fact
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome

CHANGES_MAX: Final = 200
"""A deposit sees a handful; one that would see more than this is left to people before it outgrows its item."""

_DIGEST_BYTES: Final = 8
_UNPAID: Final[Mapping[PaymentOutcome, DepositStatus]] = MappingProxyType(
    {
        PaymentOutcome.PENDING: DepositStatus.PENDING,
        PaymentOutcome.REQUIRES_ACTION: DepositStatus.REQUIRES_ACTION,
        PaymentOutcome.FAILED: DepositStatus.FAILED,
        PaymentOutcome.EXPIRED: DepositStatus.EXPIRED,
        PaymentOutcome.CANCELLED: DepositStatus.CANCELLED,
    }
)
_BOOKINGS: Final[Mapping[PaymentOutcome, Booking]] = MappingProxyType(
    {
        PaymentOutcome.SUCCEEDED: Booking.PAYMENT,
        PaymentOutcome.REFUNDED: Booking.REFUND,
        PaymentOutcome.REFUND_FAILED: Booking.REFUND_FAILED,
        PaymentOutcome.SETTLEMENT_FAILED: Booking.UNSETTLED,
        PaymentOutcome.CHARGEBACK: Booking.CHARGEBACK,
        PaymentOutcome.CHARGEBACK_REVERSED: Booking.CHARGEBACK_REVERSED,
        PaymentOutcome.SECOND_CHARGEBACK: Booking.SECOND_CHARGEBACK,
    }
)
_RESTS_ON: Final[Mapping[Booking, Booking]] = MappingProxyType(
    {
        Booking.REFUND: Booking.PAYMENT,
        Booking.REFUND_FAILED: Booking.REFUND,
        Booking.UNSETTLED: Booking.PAYMENT,
        Booking.CHARGEBACK: Booking.PAYMENT,
        Booking.CHARGEBACK_REVERSED: Booking.CHARGEBACK,
        Booking.SECOND_CHARGEBACK: Booking.CHARGEBACK_REVERSED,
    }
)
_ORDER: Final = {booking: place for place, booking in enumerate(Booking)}
CAUSES: Final[Mapping[Booking, str]] = MappingProxyType(
    {
        Booking.PAYMENT: "gateway.payment_succeeded",
        Booking.REFUND: "gateway.refunded",
        Booking.REFUND_FAILED: "gateway.refund_failed",
        Booking.UNSETTLED: "gateway.settlement_failed",
        Booking.CHARGEBACK: "gateway.chargeback",
        Booking.CHARGEBACK_REVERSED: "gateway.chargeback_reversed",
        Booking.SECOND_CHARGEBACK: "gateway.second_chargeback",
    }
)
"""Why money of a deposit moved, as its changes say it; after a colon the amount, where it does not go without saying."""

FURTHER_PAYMENT: Final = "gateway.further_payment"
SETTLED: Final = "gateway.settled"
NOT_COMPLETED: Final = "house.not_completed"
"""Why the house closes a deposit of which nothing was heard (see `overdue`)."""

NOT_TRIED_AGAIN: Final = "house.not_tried_again"
"""Why it gives up one whose payment failed at a gateway that lets it be tried again."""

NOTED: Final = "_noted"
"""What a cause ends in whose money has not moved yet."""


class RefusalReason(StrEnum):
    """Why an event is refused; each is for people, because no later event can cure it."""

    WRONG_CURRENCY = "wrong_currency"  # the gateway moved a currency which the deposit, and so the wallet, does not hold
    OTHER_FIGURES = "other_figures"  # the same payment or case was told before, with another amount
    NO_AMOUNT = "no_amount"
    TOO_MANY_CHANGES = "too_many_changes"


@dataclass(frozen=True, slots=True)
class Refused:
    """The event is not applied."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Step:
    """The deposit after one change, and the fact whose money moves with it, if one's does; `on` is the fact that it rests on."""

    deposit: Deposit
    fact: Fact | None = None
    on: Fact | None = None


Advance: TypeAlias = Step | Refused | None
"""None: the deposit stands where its events lead; nothing is left to do."""


def advance(deposit: Deposit, event: PaymentEvent, now_ms: int) -> Advance:
    """Take the next step to where the deposit's events, this one among them, lead."""
    learned = _learned(deposit, event)
    if isinstance(learned, Refused):
        return learned
    step = _next(deposit, learned, event, now_ms)
    if step is not None and step.deposit.version > CHANGES_MAX:
        return Refused(RefusalReason.TOO_MANY_CHANGES)
    return step


def renamed(step: Step) -> Step:
    """Book the payment of a step under its own name: the ledger holds another payment under the deposit's."""
    if step.fact is None or step.fact.booking is not Booking.PAYMENT:
        raise ValueError("only a payment has two names")
    fact = replace(step.fact, record=_own_name(step.deposit, step.fact))
    changes = (*step.deposit.changes[:-1], replace(step.deposit.changes[-1], record=fact.record))
    return Step(replace(_with(step.deposit, fact), changes=changes), fact)


def _learned(deposit: Deposit, event: PaymentEvent) -> Deposit | Refused:
    """Add what an event says about money to what is known."""
    if event.outcome is PaymentOutcome.SETTLED:
        return deposit if deposit.settled else replace(deposit, settled=True)
    booking = _BOOKINGS.get(event.outcome)
    if booking is None:
        return deposit
    if event.payment.currency != deposit.currency:
        return Refused(RefusalReason.WRONG_CURRENCY)
    if booking is Booking.PAYMENT and event.payment.amount <= 0:
        return Refused(RefusalReason.NO_AMOUNT)
    fact = Fact(booking, event.payment, "" if booking is Booking.PAYMENT else event.case_id)
    key = fact.key
    known = next((kept for kept in deposit.facts if kept.key == key), None)
    if known is None:
        return replace(deposit, facts=tuple(sorted((*deposit.facts, fact), key=_by_key)))
    return deposit if known.payment == fact.payment else Refused(RefusalReason.OTHER_FIGURES)


def _next(before: Deposit, learned: Deposit, event: PaymentEvent, now_ms: int) -> Step | None:
    for fact, on in _due(learned):
        return _booked(learned, fact, on, now_ms)
    if learned.settled and learned.status is DepositStatus.CREDITED:
        return Step(_changed(learned, DepositStatus.SETTLED, SETTLED, now_ms))
    if learned is not before:
        return Step(_changed(learned, learned.status, _noted(learned, event), now_ms))
    status = _UNPAID.get(event.outcome)
    if status and not before.is_credited and UNPAID.index(status) > UNPAID.index(before.status):
        reason = f":{event.reason}" if event.reason else ""
        return Step(_changed(before, status, f"gateway.payment_{status}{reason}", now_ms))
    return None


def _due(deposit: Deposit) -> Iterator[tuple[Fact, Fact | None]]:
    """Give the facts that can be booked now, each with the booked one that it rests on, payments first."""
    waiting = [fact for fact in deposit.facts if not fact.is_booked]
    booked = {fact.key: fact for fact in deposit.facts if fact.is_booked} if waiting else {}
    for fact in waiting:
        if fact.booking is Booking.PAYMENT:
            yield fact, None
            continue
        rests_on = _RESTS_ON[fact.booking]
        case_id = "" if rests_on is Booking.PAYMENT else fact.case_id
        on = booked.get((rests_on, fact.payment.payment_id, case_id))
        if on is not None:
            yield fact, on


def _booked(deposit: Deposit, fact: Fact, on: Fact | None, now_ms: int) -> Step:
    """Book a fact. What is taken back is at most what had come: fees and changes of rates are not the player's."""
    first = fact.booking is Booking.PAYMENT and not any(kept.record == deposit.deposit_id for kept in deposit.facts)
    most = on.booked if on else fact.payment.amount
    amount = min(fact.payment.amount, most) or most
    done = replace(fact, record=deposit.deposit_id if first else _own_name(deposit, fact), booked=amount)
    after = _with(deposit, done)
    changed = _changed(after, _status(after), _cause(deposit, done), now_ms, done.record)
    return Step(changed, done, on)


def _own_name(deposit: Deposit, fact: Fact) -> str:
    """Name a fact in the ledger, the same for ever: after the deposit, what it is, and a digest of its payment and case."""
    about = f"{fact.payment.payment_id}\x1f{fact.case_id}".encode()
    return f"{deposit.deposit_id}:{fact.booking}:{hashlib.blake2b(about, digest_size=_DIGEST_BYTES).hexdigest()}"


def _by_key(fact: Fact) -> tuple[int, str, str]:
    return _ORDER[fact.booking], fact.payment.payment_id, fact.case_id


def _with(deposit: Deposit, fact: Fact) -> Deposit:
    return replace(deposit, facts=tuple(fact if kept.key == fact.key else kept for kept in deposit.facts))


def _changed(deposit: Deposit, status: DepositStatus, cause: str, now_ms: int, record: str = "") -> Deposit:
    change = Change(now_ms, status, cause, Actor.GATEWAY, record)
    return replace(deposit, status=status, changes=(*deposit.changes, change))


def _status(deposit: Deposit) -> DepositStatus:
    """Read off what is booked where a paid deposit stands; the worst of several cases counts."""
    booked: dict[Booking, set[tuple[str, str]]] = {booking: set() for booking in Booking}
    for fact in deposit.facts:
        if fact.is_booked:
            booked[fact.booking].add(fact.key[1:])
    returned = booked[Booking.CHARGEBACK_REVERSED]
    gone = booked[Booking.UNSETTLED] | (booked[Booking.REFUND] - booked[Booking.REFUND_FAILED])
    gone |= booked[Booking.CHARGEBACK] - returned
    if booked[Booking.SECOND_CHARGEBACK]:
        return DepositStatus.SECOND_CHARGEBACK
    if gone:
        return DepositStatus.REVERSED
    if returned:
        return DepositStatus.CHARGEBACK_REVERSED
    return DepositStatus.SETTLED if deposit.status is DepositStatus.SETTLED else DepositStatus.CREDITED


def _cause(before: Deposit, fact: Fact) -> str:
    cause = CAUSES[fact.booking]
    if fact.booking is Booking.PAYMENT:
        if before.payment is None and fact.booked == before.amount:
            return cause
        cause = cause if before.payment is None else FURTHER_PAYMENT
    return f"{cause}:{_text(fact.booked, before.currency)}"


def _noted(deposit: Deposit, event: PaymentEvent) -> str:
    booking = _BOOKINGS.get(event.outcome)
    cause = f"{CAUSES[booking] if booking else SETTLED}{NOTED}"
    return f"{cause}:{_text(event.payment.amount, deposit.currency)}" if booking and event.payment.amount else cause


def _text(amount: int, code: str) -> str:
    return money.format_amount(amount, money.currency(code))
