"""A payment gateway that signs its events by the Standard Webhooks specification."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sandbox.gateway import answers
from sandbox.gateway.lives import DISPUTES, UNTOUCHED, Step
from sandbox.gateway.table import Event, Opening, Payment, derived_id, plain, random_id
from sandbox.provider.line import Message, Verdict
from sandbox.stack import Gateway
from sandbox.wire import Answer, send

PREFIX = "whsec_"
KEY_BYTES: Final = 24
TYPES: Final = {
    Step.PENDING: "payment.pending",
    Step.REQUIRES_ACTION: "payment.requires_action",
    Step.SUCCEEDED: "payment.succeeded",
    Step.FAILED: "payment.failed",
    Step.EXPIRED: "payment.expired",
    Step.CANCELLED: "payment.cancelled",
    Step.SETTLED: "payment.settled",
    Step.REFUNDED: "payment.refunded",
    Step.SETTLEMENT_FAILED: "payment.settlement_failed",
    Step.CHARGEBACK: "payment.chargeback",
    Step.CHARGEBACK_REVERSED: "payment.chargeback_reversed",
    Step.SECOND_CHARGEBACK: "payment.second_chargeback",
}
"""Step → type of the event."""


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


def payment_event(kind: str, deposit_id: str, payment_id: str, amount: str, currency: str, at_seconds: float, **more: str) -> bytes:
    """Build the event's JSON; `at_seconds` is the Unix time at which it happened, `more` are other members of its data."""
    at = datetime.fromtimestamp(at_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"deposit_id": deposit_id, "payment_id": payment_id, "amount": amount, "currency": currency}
    return json.dumps({"type": kind, "timestamp": at, "data": data | more}, separators=(",", ":")).encode()


def headers_of(secret: str, body: bytes, *, message_id: str, timestamp: int, signature: str | None = None) -> dict[str, str]:
    """Build the headers of a delivery; `signature` replaces the true one."""
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature if signature is not None else sign(secret, message_id, timestamp, body),
    }


def deliver(url: str, secret: str, body: bytes, *, message_id: str, timestamp: int, signature: str | None = None) -> Delivery:
    """Post one event with its signature; `signature` replaces the true one, to see it refused."""
    headers = headers_of(secret, body, message_id=message_id, timestamp=timestamp, signature=signature)
    return Delivery(url, headers, body, send("POST", url, body=body, headers=headers))


class Standard:
    """The dialect."""

    steps = frozenset(TYPES)
    waits = False
    untouched = UNTOUCHED

    def new_payment_id(self) -> str:
        """Make up the id of a payment."""
        return random_id("pay_")

    def new_event_id(self) -> str:
        """Make up the id of a webhook."""
        return random_id("msg_")

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:  # noqa: ARG002 - the dialect has none
        """Ask nothing: the payment was made with the gateway's own API."""
        return []

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        """Build the delivery of an event."""
        amount = plain(payment.amount, payment.currency)
        more = {"reason": "card_declined"} if event.step is Step.FAILED else {}
        if event.step in DISPUTES:
            more = {"case_id": derived_id("case_", payment.payment_id, "dispute")}
        named = payment.deposit_id, payment.payment_id, amount, payment.currency
        body = payment_event(TYPES[event.step], *named, event.at_seconds, **more)
        secret = PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() if event.forged else gateway.secret
        signed = headers_of(secret, body, message_id=event.event_id, timestamp=int(event.signed_at_seconds))
        return Message("POST", gateway.webhook_url, body, signed)

    def read(self, answer: Answer) -> Verdict:
        """Read an answer: any 2xx is an acknowledgement."""
        return answers.read(answer)


SPEAKER = Standard()
