"""Stripe's wire as its documentation has it, signed without anything of the product."""

import hashlib
import hmac
import json
from typing import Any

from tests.unit.cashier.support import DEPOSIT_ID
from tests.unit.clock import START_MS

SECRET = "whsec_" + "s" * 32
OLD_SECRET = "whsec_" + "o" * 32
START_S = START_MS // 1000


def signature(body: bytes, secret: str = SECRET, at_s: int = START_S) -> str:
    """The signature as Stripe's documentation spells it out, written without anything of the product."""
    return hmac.new(secret.encode("utf-8"), str(at_s).encode() + b"." + body, hashlib.sha256).hexdigest()


def header(body: bytes, secret: str = SECRET, at_s: int = START_S) -> str:
    return f"t={at_s},v1={signature(body, secret, at_s)}"


def event(kind: str = "payment_intent.succeeded", previous: dict[str, Any] | None = None, **subject: Any) -> bytes:
    """An event about a payment intent; a field given as None is left out."""
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1000,
        "amount_received": 1000,
        "currency": "eur",
        "metadata": {"deposit_id": DEPOSIT_ID},
        **subject,
    }
    data: dict[str, Any] = {"object": {name: value for name, value in intent.items() if value is not None}}
    if previous is not None:
        data["previous_attributes"] = previous
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "created": START_S, "data": data}).encode()


def charge(total: int, previous: dict[str, Any] | None, **fields: Any) -> bytes:
    said = {"id": "ch_1", "amount_refunded": total, "amount_received": None, "payment_intent": "pi_1", **fields}
    return event("charge.refunded", previous, **said)


def dispute(kind: str, **fields: Any) -> bytes:
    return event(f"charge.dispute.{kind}", id="du_1", payment_intent="pi_1", metadata={}, reason="fraudulent", **fields)
