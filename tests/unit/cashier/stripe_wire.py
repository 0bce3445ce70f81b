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


API_VERSION = "2025-09-30.clover"


def event(kind: str = "payment_intent.succeeded", **subject: Any) -> bytes:
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
    said = {"id": "evt_1", "object": "event", "api_version": API_VERSION, "type": kind, "created": START_S, "data": data}
    return json.dumps(said).encode()


def refund(
    kind: str = "refund.created", status: str = "succeeded", moves: tuple[str | None, ...] = ("txn_r",), **fields: Any
) -> bytes:
    """An event about a refund; `moves` are its balance transactions: that it left, and that it came back."""
    own = {"id": "re_1", "object": "refund", "amount": 400, "amount_received": None, "metadata": {}, **fields}
    made = json.loads(event(kind, **own))
    said: dict[str, Any] = {"charge": "ch_1", "payment_intent": "pi_1", "status": status}
    names = ("balance_transaction", "failure_balance_transaction")
    made["data"]["object"] = said | dict(zip(names, moves, strict=False)) | made["data"]["object"]
    return json.dumps(made).encode()


def movement(units: Any, at_s: int = START_S, currency: Any = "eur", **fields: Any) -> dict[str, Any]:
    """A balance transaction of a dispute."""
    said = {"id": f"txn_{at_s}", "object": "balance_transaction", "amount": units, "created": at_s, "currency": currency}
    return said | {"exchange_rate": None, "fee": 1500, "net": units - 1500, "type": "adjustment"} | fields


TAKEN, RETURNED, TAKEN_AGAIN = movement(-1000), movement(1000, START_S + 10), movement(-1000, START_S + 20)
MOVED = {"funds_withdrawn": [TAKEN], "funds_reinstated": [RETURNED, TAKEN]}


def dispute(kind: str, moved: list[Any] | None = None, **fields: Any) -> bytes:
    """An event about a dispute, with what it has moved so far."""
    said = {"id": "du_1", "payment_intent": "pi_1", "metadata": {}, "reason": "fraudulent"}
    return event(f"charge.dispute.{kind}", **said, **{"balance_transactions": MOVED[kind] if moved is None else moved, **fields})
