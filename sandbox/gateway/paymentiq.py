"""PaymentIQ: a cashier that asks before it takes the player's money, then says what it has moved, and waits for each answer."""

import json
import secrets
from typing import Any, Final

from sandbox.gateway import answers
from sandbox.gateway.lives import Step
from sandbox.gateway.table import Event, Opening, Payment, plain, random_id
from sandbox.provider.line import Message, Outcome, Verdict
from sandbox.stack import Gateway
from sandbox.wire import Answer

SECRET_HEADER: Final = "X-PaymentIQ-Secret"  # noqa: S105 - a header's name
SECRET_BYTES: Final = 32
AFTERWARDS: Final = {
    Step.REFUNDED: ("-", "CreditcardRefund"),
    Step.CHARGEBACK: ("-", "CreditcardChargeback"),
    Step.CHARGEBACK_REVERSED: ("", "CreditcardChargebackReversal"),
}
"""Step → sign and name of a transfer of its own that names the deposit's as its origin."""


def common(payment: Payment, amount: str, transaction_id: str) -> dict[str, Any]:
    """Build what every call about money says; a negative amount leaves the player's balance."""
    return {
        "userId": payment.player_id,
        "sessionId": payment.deposit_id,
        "txId": transaction_id,
        "txAmount": amount,
        "txAmountCy": payment.currency,
        "txTypeId": "101",
        "txName": "CreditcardDeposit",
        "provider": "Sandbox",
        "attributes": {"deposit_id": payment.deposit_id},
    }


def call(gateway: Gateway, action: str, said: dict[str, Any], *, forged: bool = False) -> Message:
    """Build one call, with the shared secret or with another one."""
    body = json.dumps(said, separators=(",", ":")).encode()
    secret = secrets.token_urlsafe(SECRET_BYTES) if forged else gateway.secret
    return Message("POST", f"{gateway.webhook_url}/{action}", body, {"Content-Type": "application/json", SECRET_HEADER: secret})


class PaymentIq:
    """The dialect."""

    steps = frozenset({Step.SUCCEEDED, Step.CANCELLED, *AFTERWARDS})
    waits = True
    untouched = "pending"  # authorised, and not heard of since

    def new_payment_id(self) -> str:
        """Make up a transaction id."""
        return random_id("", 12)

    def new_event_id(self) -> str:
        """Make up the transaction id of a refund or a chargeback."""
        return random_id("", 12)

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:
        """Ask who the player is, and whether they may pay in so much."""
        who = {"sessionId": payment.deposit_id, "userId": payment.player_id}
        money = common(payment, plain(payment.amount, payment.currency), payment.payment_id)
        return [
            Opening("verifyuser", call(gateway, "verifyuser", who)),
            Opening("authorize", call(gateway, "authorize", money)),
        ]

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        """Build a transfer, or a cancel of what was authorised."""
        amount = plain(payment.amount, payment.currency)
        if event.step is Step.CANCELLED:
            said = common(payment, amount, payment.payment_id) | {"authCode": payment.authorisation}
            return call(gateway, "cancel", said, forged=event.forged)
        if event.step in AFTERWARDS:
            sign, name = AFTERWARDS[event.step]
            said = common(payment, f"{sign}{amount}", event.event_id) | {"originTxId": payment.payment_id, "txName": name}
            return call(gateway, "transfer", said, forged=event.forged)
        said = common(payment, amount, payment.payment_id) | {"authCode": payment.authorisation}
        return call(gateway, "transfer", said, forged=event.forged)

    def read(self, answer: Answer) -> Verdict:
        """Read an answer: `success` decides, an answer without it is read by its status."""
        try:
            said = answer.json()
        except ValueError:
            said = None
        if isinstance(said, dict) and said.get("success") is True:
            return Verdict(Outcome.STANDS, "success", names=tuple(str(said[name]) for name in ("authCode",) if name in said))
        verdict = answers.read(answer)
        if verdict.outcome is Outcome.STANDS:
            word = str(said.get("errCode", "no success")) if isinstance(said, dict) else "no JSON"
            return Verdict(Outcome.REFUSED, word)
        return verdict


SPEAKER = PaymentIq()
