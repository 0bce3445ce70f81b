"""Applying a gateway's event to its deposit: once, whatever is repeated, reordered, lost or killed.

The money, the deposit's change and the claim of the payment are one transaction, keyed in the ledger by the deposit's id: a deposit
is credited at most once, for ever, a payment pays one deposit, and neither happens without saying so. Whatever cannot be applied is
raised, so that the message comes back and, after bounded tries, lies before people; nothing taken in is dropped in silence.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom import money
from countroom.cashier import deposits
from countroom.cashier.deposits import Actor, Applied, Change, Deposit, DepositStatus, NoEffect, Transition
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.store import CashierStore
from countroom.clock import Clock
from countroom.ledger.book import Book
from countroom.ledger.book import Refused as LedgerRefused
from countroom.ledger.movements import Deposit as DepositMovement
from countroom.ledger.movements import Reason, Reference

ATTEMPTS_MAX: Final = 4
"""How often an event is tried while others change its deposit, which happens to a deposit a handful of times in its life."""


class EventResult(StrEnum):
    """What came of an event."""

    CREDITED = "credited"
    CREDITED_OTHER_AMOUNT = "credited_other_amount"  # booked as the gateway moved it, which is not what was asked for
    FAILED = "failed"
    NO_EFFECT = "no_effect"  # a repeat, or late


class NotAppliedReason(StrEnum):
    """Why an event could not be applied; each is for people when it stays."""

    UNKNOWN_DEPOSIT = "unknown_deposit"
    FOREIGN_DEPOSIT = "foreign_deposit"  # opened through another gateway
    STEP_MISSING = "step_missing"
    OTHER_PAYMENT = "other_payment"  # the deposit was paid by another payment
    PAYMENT_TAKEN = "payment_taken"  # the payment has paid another deposit
    WRONG_CURRENCY = "wrong_currency"
    LEDGER_REFUSED = "ledger_refused"
    CONTENDED = "contended"


class NotApplied(Exception):
    """The event changed nothing and must not be forgotten. `detail` is the ledger's reason, where it was the one to refuse."""

    def __init__(self, reason: NotAppliedReason, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an event, and the deposit after it."""

    result: EventResult
    deposit: Deposit


class EventApplier:
    """Applies payment events to deposits and, where they move money, to the ledger."""

    def __init__(self, store: CashierStore, book: Book, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._clock = clock

    def apply(self, gateway: str, event: PaymentEvent) -> Outcome:
        """Apply one event of `gateway`. Any repeat of it, at any time and beside any other, ends in the same state.

        Raises NotApplied, StoreUnavailable, or the ledger's OutcomeUnknown: in each case the event has to be tried again, and
        trying again is safe.
        """
        for _ in range(ATTEMPTS_MAX):
            before = self._find(gateway, event)
            verdict = self._verdict(before, event)
            if isinstance(verdict, NoEffect):
                return Outcome(EventResult.NO_EFFECT, before)
            if not isinstance(verdict, Applied):
                raise NotApplied(NotAppliedReason(verdict.reason.value))
            if self._commit(before, verdict.deposit):
                return Outcome(_result(verdict.deposit), verdict.deposit)
        raise NotApplied(NotAppliedReason.CONTENDED)

    def _find(self, gateway: str, event: PaymentEvent) -> Deposit:
        deposit = self._store.get(event.deposit_id)
        if deposit is None:
            raise NotApplied(NotAppliedReason.UNKNOWN_DEPOSIT)
        if deposit.gateway != gateway:
            raise NotApplied(NotAppliedReason.FOREIGN_DEPOSIT)
        return deposit

    def _verdict(self, deposit: Deposit, event: PaymentEvent) -> Transition:
        now_ms = self._clock()
        if event.outcome is PaymentOutcome.FAILED:
            return deposits.move(deposit, Change(now_ms, DepositStatus.FAILED, _failure(event), Actor.GATEWAY))
        change = Change(now_ms, DepositStatus.CREDITED, _success(deposit, event), Actor.GATEWAY)
        return deposits.credit(deposit, event.payment, change)

    def _commit(self, before: Deposit, after: Deposit) -> bool:
        """Write the change, with its money when it has any; False when the deposit has moved on: judge the event anew."""
        if after.status is not DepositStatus.CREDITED or after.payment is None:
            return self._store.save(before, after)
        payment = after.payment
        reference = Reference(f"gateway:{before.gateway}", before.deposit_id)
        movement = DepositMovement(reference, before.player_id, before.currency, payment.amount, payment.payment_id)
        posted = self._book.post(movement, companions=self._store.credit(before, after, payment))
        if isinstance(posted, LedgerRefused):
            if posted.reason is not Reason.COMPANION_CONFLICT:
                raise NotApplied(NotAppliedReason.LEDGER_REFUSED, posted.reason.value)
            if self._store.paid_by(before.gateway, payment.payment_id) not in {None, before.deposit_id}:
                raise NotApplied(NotAppliedReason.PAYMENT_TAKEN)
            return False
        if posted.replayed:
            # The money was booked before this call. Either a twin of this worker did it just now, and the deposit has moved with
            # it; or the cashier's table was restored to an earlier day than the ledger's, and the deposit has to catch up.
            return self._store.catch_up(before, after, payment)
        return True


def _result(deposit: Deposit) -> EventResult:
    if deposit.payment is None:
        return EventResult.FAILED
    return EventResult.CREDITED if deposit.payment.amount == deposit.amount else EventResult.CREDITED_OTHER_AMOUNT


def _success(deposit: Deposit, event: PaymentEvent) -> str:
    if event.payment.amount == deposit.amount:
        return "gateway.payment_succeeded"
    currency = money.currency(event.payment.currency)
    return f"gateway.payment_succeeded:{money.format_amount(event.payment.amount, currency)}"


def _failure(event: PaymentEvent) -> str:
    return f"gateway.payment_failed:{event.reason}" if event.reason else "gateway.payment_failed"
