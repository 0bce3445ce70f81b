"""PaymentIQ's side of payouts: it asks before it moves money, then says what it has moved."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from sandbox.gateway.paymentiq import call
from sandbox.gateway.table import derived_id, plain
from sandbox.payouts.bank import Order, Payout
from sandbox.payouts.lives import Turn, Word
from sandbox.provider.line import Message
from sandbox.stack import Gateway
from sandbox.wire import Answer

ATTRIBUTE: Final = "withdrawal"
STATES: Final = {
    None: ("PROCESSING", "PROCESSING_PROVIDER"),
    Word.PAID: ("SUCCESSFUL", "SUCCESS"),
    Word.FAILED: ("FAILED", "ERR_DECLINED_BANK_REFUSAL"),
    Word.RETURNED: ("SUCCESSFUL", "SUCCESS"),  # a transaction that was paid stays so; what comes back has one of its own
}
REFUSED: Final = ("FAILED", "ERR_DECLINED_NO_FUNDS")


def order_of(said: dict[str, Any], merchant_id: str, currency: str) -> Order:
    """Understand an order; the currency is the player's. Raises ValueError, naming the field."""
    if said.get("merchantId") != merchant_id:
        raise ValueError("merchantId")
    session, attributes = said.get("sessionId"), said.get("attributes")
    if not isinstance(session, str) or not isinstance(attributes, dict) or attributes.get(ATTRIBUTE) != session:
        raise ValueError("sessionId")
    return Order("paymentiq", reference_of(session), str(said["userId"]), Decimal(str(said["amount"])), currency, session)


def reference_of(session: str) -> str:
    """Give the withdrawal that a session is of: what comes before its ticket."""
    return session.partition(".")[0]


def shown(payout: Payout) -> dict[str, Any]:
    """Write a transaction as it stands."""
    state, status = REFUSED if payout.refused else STATES[payout.word]
    told = {
        "txState": state,
        "statusCode": status,
        "success": state != "FAILED",
        "txId": payout.name,
        "txRefId": f"1000A{payout.name}",
        "attributes": {ATTRIBUTE: payout.order.session},
        "messages": [],
    }
    return told | ({"merchantTxId": payout.order.reference} if payout.authorised else {})


def who(gateway: Gateway, payout: Payout) -> Message:
    """Ask whose session it is."""
    return call(gateway, "verifyuser", {"sessionId": payout.order.session, "userId": payout.order.player_id})


def may(gateway: Gateway, payout: Payout) -> Message:
    """Ask for the authorisation."""
    return call(gateway, "authorize", _common(payout, f"-{plain(payout.order.amount, payout.order.currency)}", payout.name))


def turn_call(gateway: Gateway, payout: Payout, turn: Turn) -> Message:
    """Say what a turn is: a transfer, a cancel, or a transfer back."""
    order = payout.order
    amount = plain(order.amount - turn.short, order.currency)
    if turn.word is Word.PAID:
        return call(gateway, "transfer", _common(payout, f"-{amount}", payout.name) | {"authCode": order.reference})
    if turn.word is Word.FAILED:
        said = {"userId": order.player_id, "txId": payout.name, "authCode": order.reference}
        return call(gateway, "cancel", said)
    back = derived_id("", payout.name, "returned")
    return call(gateway, "transfer", _common(payout, plain(payout.paid, order.currency), back) | {"originTxId": payout.name})


def is_success(answer: Answer) -> bool:
    """Say whether a call was answered with success."""
    try:
        said = answer.json()
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("success") is True


def is_final(answer: Answer) -> bool:
    """Say whether a call was answered at all, with success or not: what does not say either (429, 503) is not the house's word."""
    try:
        said = answer.json()
    except ValueError:
        return False
    return answer.status == HTTPStatus.OK and isinstance(said, dict) and type(said.get("success")) is bool


def _common(payout: Payout, amount: str, transaction_id: str) -> dict[str, Any]:
    order = payout.order
    return {
        "userId": order.player_id,
        "sessionId": order.session,
        "txId": transaction_id,
        "txAmount": amount,
        "txAmountCy": order.currency,
        "txTypeId": "104",
        "txName": "CreditcardWithdrawal",
        "provider": "Sandbox",
        "attributes": {ATTRIBUTE: order.session},
    }
