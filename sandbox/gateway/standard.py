"""A payment gateway that signs its events by the Standard Webhooks specification."""

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.wire import Answer, send

PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event and how it was answered."""

    url: str
    headers: dict[str, str]
    body: bytes
    answer: Answer


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign `id.timestamp.body`: `v1,` and base64 of HMAC-SHA256 under the decoded secret (Standard Webhooks 1.0)."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def payment_event(kind: str, deposit_id: str, payment_id: str, amount: str, currency: str, at_seconds: float) -> bytes:
    """Build the event's JSON; `at_seconds` is the Unix time at which it happened."""
    at = datetime.fromtimestamp(at_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"deposit_id": deposit_id, "payment_id": payment_id, "amount": amount, "currency": currency}
    return json.dumps({"type": kind, "timestamp": at, "data": data}, separators=(",", ":")).encode()


def deliver(url: str, secret: str, body: bytes, *, message_id: str, timestamp: int, signature: str | None = None) -> Delivery:
    """Post one event with its signature; `signature` replaces the true one, to see it refused."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature if signature is not None else sign(secret, message_id, timestamp, body),
    }
    return Delivery(url, headers, body, send("POST", url, body=body, headers=headers))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of this dialect."""
    parser.add_argument("action", choices=["pay", "fail"])
    parser.add_argument("--deposit", required=True, help="the deposit's id, dep_…")
    parser.add_argument("--payment", default="", help="the gateway's id of the payment; a new one if left out")
    parser.add_argument("--amount", required=True, help="in main units, as a decimal")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--message", default="", help="webhook-id; a new one if left out, the same one again is a repeat")
    parser.add_argument("--copies", type=int, default=1, help="deliver the same event so often, 100 at most")
    parser.add_argument("--age", type=int, default=0, help="sign it as sent so many seconds ago (negative: ahead)")
    parser.add_argument("--bad-signature", action="store_true")


def run(url: str, secret: str, options: argparse.Namespace) -> list[Delivery]:
    """Deliver the event that the command line asks for."""
    kind = {"pay": "payment.succeeded", "fail": "payment.failed"}[options.action]
    now = time.time() - options.age
    payment_id = options.payment or f"pay_{secrets.token_hex(10)}"
    body = payment_event(kind, options.deposit, payment_id, options.amount, options.currency, now)
    message_id = options.message or f"msg_{secrets.token_hex(12)}"
    wrong = "v1," + base64.b64encode(bytes(32)).decode() if options.bad_signature else None
    return [
        deliver(url, secret, body, message_id=message_id, timestamp=int(now), signature=wrong)
        for _ in range(max(1, min(options.copies, 100)))
    ]
