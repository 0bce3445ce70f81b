"""A deposit as its player sees it. Pure."""

import json
from types import MappingProxyType
from typing import Final

from countroom import money
from countroom.cashier.deposits import STATUS_TEXT, Booking, Change, Deposit, reference
from countroom.cashier.gates import Choice
from countroom.cashier.life import CAUSES, FURTHER_PAYMENT, NOT_COMPLETED, NOT_TRIED_AGAIN, NOTED, SETTLED
from countroom.cashier.terms import METHOD_TEXT
from countroom.ledger.movements import Reference
from countroom.ledger.records import public_id_of
from countroom.times import to_iso

_WORDS: Final = MappingProxyType(
    {
        CAUSES[Booking.PAYMENT]: "{amount} arrived and was added to your wallet.",
        FURTHER_PAYMENT: "A further payment of {amount} arrived and was added to your wallet. Ask us if you want it back.",
        CAUSES[Booking.REFUND]: "{amount} was refunded to you and left your wallet.",
        CAUSES[Booking.REFUND_FAILED]: "The refund did not reach you, so {amount} was added to your wallet again.",
        CAUSES[Booking.UNSETTLED]: "The payment service never received the money, so {amount} left your wallet again.",
        CAUSES[Booking.CHARGEBACK]: "Your bank took {amount} back (a chargeback), so it left your wallet.",
        CAUSES[Booking.CHARGEBACK_REVERSED]: "The chargeback was reversed: {amount} was added to your wallet again.",
        CAUSES[Booking.SECOND_CHARGEBACK]: "Your bank took {amount} back a second time, so it left your wallet again.",
        CAUSES[Booking.REFUND] + NOTED: "A refund was announced. It is applied as soon as the payment itself is confirmed.",
        CAUSES[Booking.REFUND_FAILED]
        + NOTED: "The payment service says that a refund failed. It is applied as soon as the refund itself is.",
        CAUSES[Booking.UNSETTLED]
        + NOTED: "The payment service says that the money did not arrive. We are waiting for the payment's result.",
        CAUSES[Booking.CHARGEBACK] + NOTED: "A chargeback was announced. It is applied as soon as the payment itself is confirmed.",
        CAUSES[Booking.CHARGEBACK_REVERSED]
        + NOTED: "The end of a chargeback was announced. It is applied as soon as the chargeback is.",
        CAUSES[Booking.SECOND_CHARGEBACK] + NOTED: "A second chargeback was announced. It is applied after what comes before it.",
        NOT_COMPLETED: "We heard nothing of this payment for a day, so we closed the deposit. If you have paid, the money is added"
        " when it arrives.",
        NOT_TRIED_AGAIN: "The payment was not tried again for a day, so we closed the deposit, and your limits no longer count it.",
        SETTLED + NOTED: "The payment service says that the payment is settled.",
    }
)
"""What a cause says in plain words; of others the state says enough."""

_TELLABLE: Final = frozenset(
    {
        "authentication_required",
        "card_declined",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "insufficient_funds",
        "limit_reached",
        "not_enough_balance",
    }
)
"""Reasons that a player can act on. Of fraud and of lost or stolen cards gateways ask to say no more than that it was declined
(docs.stripe.com/declines/codes), and what they will call it next is not known here."""


def deposit_view(deposit: Deposit) -> dict[str, object]:
    """Show one deposit as a JSON object: amounts as decimal strings, instants in ISO 8601, what happened in plain words.

    `credited_amount` is what reached the wallet, null until something did; it can differ from `amount`, which was asked for.
    `reversed_amount` is what of it left the wallet again, null while nothing has.
    """
    currency = money.currency(deposit.currency)
    return {
        "deposit_id": deposit.deposit_id,
        "reference": reference(deposit.deposit_id),
        "status": deposit.status.value,
        "status_text": STATUS_TEXT[deposit.status],
        "amount": money.format_amount(deposit.amount, currency),
        "currency": deposit.currency,
        "credited_amount": money.format_amount(deposit.credited, currency) if deposit.credited else None,
        "reversed_amount": money.format_amount(deposit.taken_back, currency) if deposit.taken_back else None,
        "gateway": deposit.gateway,
        "method": deposit.method or None,
        "created_at": to_iso(deposit.created_at_ms),
        "events": [_change_view(deposit, change) for change in deposit.changes],
    }


def choice_view(choice: Choice) -> dict[str, object]:
    """Show one way to pay in: what it is called, and the bounds of one deposit with the payment service's own fee for each."""
    currency, offer, taken = choice.currency, choice.offer, choice.taken
    return {
        "gateway": choice.gateway,
        "method": offer.method.value,
        "name": METHOD_TEXT[offer.method],
        "currency": currency.code,
        "smallest": money.format_amount(taken.smallest, currency),
        "largest": money.format_amount(taken.largest, currency),
        "smallest_fee": money.format_amount(offer.fee.of(taken.smallest, currency), currency),
        "largest_fee": money.format_amount(offer.fee.of(taken.largest, currency), currency),
        "usual": choice.usual,
    }


def _change_view(deposit: Deposit, change: Change) -> dict[str, object]:
    """Show one step. `transaction_id` is the line of the wallet's history that the money of this step is in, null for none."""
    record = Reference(f"gateway:{deposit.gateway}", change.record) if change.record else None
    return {
        "at": to_iso(change.at_ms),
        "status": change.status.value,
        "text": _text(deposit, change),
        "cause": _cause(change),
        "actor": change.actor.value,
        "transaction_id": public_id_of(record) if record else None,
    }


def _cause(change: Change) -> str:
    """Say the cause, and why a payment failed only where the player may know: that a card is thought stolen is for staff."""
    cause, _, detail = change.cause.partition(":")
    return change.cause if cause in _WORDS or detail.lower() in _TELLABLE else cause


def _text(deposit: Deposit, change: Change) -> str:
    cause, _, amount = change.cause.partition(":")
    words = _WORDS.get(cause)
    if words is None:
        return STATUS_TEXT[change.status]
    asked = money.format_amount(deposit.amount, money.currency(deposit.currency))
    return words.format(amount=f"{amount or asked} {deposit.currency}")


def to_json(view: dict[str, object]) -> str:
    """Write the text that goes over the wire, the same each time for the same view."""
    return json.dumps(view, separators=(",", ":"))
