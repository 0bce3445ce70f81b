"""What PaymentIQ takes back of a payment, and what it gives back of that: each transfer booked once, under its own name.

A transfer that takes back names the payment, and is a case of its own: a payment may be charged back in parts, or again after it
was returned. One that gives back names the payment too and not what it returns, so that is settled here, once: the transfer claims
one of the payment's chargebacks or refunds of at least its amount, and a repeat finds its claim.

What gives back when nothing is left to be returned (what it returns is told later, say) is credited as a correction, under the
transfer's name, and people are told: PaymentIQ has moved the money, so it is the player's.
"""

from types import MappingProxyType
from typing import Final

from countroom.cashier.deposits import Booking, Deposit, Fact, Payment
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.gateways.paymentiq import GATEWAY, Transfer
from countroom.cashier.store import CashierStore

_RETURNS: Final = MappingProxyType(
    {Booking.CHARGEBACK: PaymentOutcome.CHARGEBACK_REVERSED, Booking.REFUND: PaymentOutcome.REFUND_FAILED}
)


def taken_back(call: Transfer, deposit_id: str, now_ms: int) -> PaymentEvent:
    """Say what a transfer with a negative amount means. `deposit_id` is '' where the payment is not known yet."""
    outcome = PaymentOutcome.CHARGEBACK if call.is_chargeback else PaymentOutcome.REFUNDED
    return _event(call, outcome, deposit_id, call.tx_id, now_ms)


def given_back(store: CashierStore, call: Transfer, deposit: Deposit, now_ms: int) -> PaymentEvent | None:
    """Say what a transfer with a positive amount returns; None when it can be nothing. Raises StoreUnavailable.

    Of several, what its name speaks of comes first, then what took just that amount, then the oldest.
    """
    taken = _taken(deposit, call.origin_tx_id)
    claims = {fact.case_id: store.return_of(GATEWAY, fact.payment.payment_id, fact.case_id) for fact in taken}
    mine = [fact for fact in taken if claims[fact.case_id] == call.tx_id]
    # One that took less is not what comes back: to return it would lose the rest.
    free = [fact for fact in taken if claims[fact.case_id] is None and fact.payment.amount >= call.amount]
    free.sort(key=lambda fact: (call.is_chargeback != (fact.booking is Booking.CHARGEBACK), fact.payment.amount != call.amount))
    for fact in mine or free:
        if store.claim_return(GATEWAY, fact.payment.payment_id, fact.case_id, call.tx_id):
            return _event(call, _RETURNS[fact.booking], deposit.deposit_id, fact.case_id, now_ms)
    return None


def _taken(deposit: Deposit, payment_id: str) -> list[Fact]:
    """Give the chargebacks and refunds of a payment that are booked, in the order in which they were."""
    at = {change.record: number for number, change in enumerate(deposit.changes) if change.record}
    found = [fact for fact in deposit.facts if fact.booking in _RETURNS and fact.record in at]
    return sorted((fact for fact in found if fact.payment.payment_id == payment_id), key=lambda fact: at[fact.record])


def _event(call: Transfer, outcome: PaymentOutcome, deposit_id: str, case_id: str, now_ms: int) -> PaymentEvent:
    payment = Payment(call.origin_tx_id, abs(call.amount), call.currency)
    return PaymentEvent(outcome, deposit_id, payment, now_ms, "", call.tx_id, case_id)
