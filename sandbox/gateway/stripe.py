"""A payment gateway in Stripe's style: payment intents, and events signed in one header with their time."""

import hashlib
import hmac
import json
import secrets
from typing import Any, Final

from sandbox.gateway import answers
from sandbox.gateway.lives import UNTOUCHED, Step
from sandbox.gateway.table import Event, Opening, Payment, derived_id, minor_units, random_id
from sandbox.provider.line import Message, Verdict
from sandbox.stack import Gateway
from sandbox.wire import Answer

INTENTS: Final = {
    Step.PENDING: ("payment_intent.processing", "processing"),
    Step.REQUIRES_ACTION: ("payment_intent.requires_action", "requires_action"),
    Step.SUCCEEDED: ("payment_intent.succeeded", "succeeded"),
    Step.FAILED: ("payment_intent.payment_failed", "requires_payment_method"),
    Step.CANCELLED: ("payment_intent.canceled", "canceled"),
}
"""Step → type of the event, and status of the payment intent in it."""

DISPUTES: Final = {
    Step.CHARGEBACK: ("charge.dispute.funds_withdrawn", "needs_response"),
    Step.CHARGEBACK_REVERSED: ("charge.dispute.funds_reinstated", "won"),
    Step.SECOND_CHARGEBACK: ("charge.dispute.funds_withdrawn", "lost"),
}
"""The same for disputes: what counts is that money moved, not that somebody complained. In the order of a dispute's life."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Sign `timestamp.body`: `t=…,v1=` and the hex HMAC-SHA256 under the secret as text, prefix and all."""
    made = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hex()
    return f"t={timestamp},v1={made}"


def event_json(payment: Payment, event: Event) -> dict[str, Any]:
    """Build an event about a payment intent, a refund of its charge, or a dispute over that charge."""
    kind, found = _object(payment, event)
    return {
        "id": event.event_id,
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": int(event.at_seconds),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        "data": {"object": found},
    }


def _object(payment: Payment, event: Event) -> tuple[str, dict[str, Any]]:
    step, amount = event.step, minor_units(payment.amount, payment.currency)
    said: dict[str, Any] = {"amount": amount, "metadata": {}}
    if step in INTENTS:
        kind, said["status"] = INTENTS[step]
        said |= {"metadata": {"deposit_id": payment.deposit_id}, "amount_received": amount if step is Step.SUCCEEDED else 0}
        if step is Step.FAILED:
            said["last_payment_error"] = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
        return kind, _named(payment, payment.payment_id, "payment_intent") | said
    said |= {"charge": payment.payment_id.replace("pi_", "ch_", 1), "payment_intent": payment.payment_id}
    if step is Step.REFUNDED:
        said |= {
            "status": "succeeded",
            "balance_transaction": derived_id("txn_", payment.payment_id, event.event_id),
            "reason": None,
        }
        return "refund.created", _named(payment, derived_id("re_", payment.payment_id, event.event_id), "refund") | said
    kind, status = DISPUTES[step]
    said |= {"reason": "fraudulent", "status": status, "balance_transactions": _moved(payment, event, amount)}
    return kind, _named(payment, payment.payment_id.replace("pi_", "du_", 1), "dispute") | said  # one dispute a payment


def _moved(payment: Payment, event: Event, amount: int) -> list[dict[str, Any]]:
    """List what the dispute has moved up to this event, the newest first."""
    steps = list(DISPUTES)
    moved = [
        _named(payment, derived_id("txn_", payment.payment_id, step), "balance_transaction")
        | {
            "amount": amount if step is Step.CHARGEBACK_REVERSED else -amount,
            "created": int(event.at_seconds) - steps.index(event.step) + place,
            "exchange_rate": None,
            "type": "adjustment",
        }
        for place, step in enumerate(steps[: steps.index(event.step) + 1])
    ]
    return moved[::-1]


def _named(payment: Payment, name: str, kind: str) -> dict[str, Any]:
    return {"id": name, "object": kind, "currency": payment.currency.lower(), "livemode": False}


class Stripe:
    """The dialect."""

    steps = frozenset({*INTENTS, *DISPUTES, Step.REFUNDED})
    waits = False
    untouched = UNTOUCHED

    def new_payment_id(self) -> str:
        """Make up the id of a payment intent."""
        return random_id("pi_", 24)

    def new_event_id(self) -> str:
        """Make up the id of an event."""
        return random_id("evt_", 24)

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:  # noqa: ARG002 - the dialect has none
        """Ask nothing: the payment intent was made with the gateway's own API."""
        return []

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        """Build the delivery of an event."""
        body = json.dumps(event_json(payment, event), separators=(",", ":")).encode()
        secret = f"whsec_{secrets.token_hex(16)}" if event.forged else gateway.secret
        signature = sign(secret, int(event.signed_at_seconds), body)
        return Message("POST", gateway.webhook_url, body, {"Content-Type": "application/json", "Stripe-Signature": signature})

    def read(self, answer: Answer) -> Verdict:
        """Read an answer: any 2xx is an acknowledgement."""
        return answers.read(answer)


SPEAKER = Stripe()
