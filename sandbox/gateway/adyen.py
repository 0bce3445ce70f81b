"""A payment gateway in Adyen's style: batches of notifications, each item signed for itself."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.gateway import answers
from sandbox.gateway.lives import DISPUTES, UNTOUCHED, Step
from sandbox.gateway.table import Event, Opening, Payment, derived_id, minor_units, random_id
from sandbox.provider.line import Message, Outcome, Verdict
from sandbox.stack import Gateway
from sandbox.wire import Answer

MERCHANT: Final = "CountroomSandbox"
KEY_BYTES: Final = 32
PSP_REFERENCE_CHARACTERS: Final = 16
CODES: Final = {
    Step.PENDING: ("PENDING", True),
    Step.SUCCEEDED: ("AUTHORISATION", True),
    Step.FAILED: ("AUTHORISATION", False),
    Step.EXPIRED: ("OFFER_CLOSED", True),
    Step.SETTLED: ("CAPTURE", True),
    Step.REFUNDED: ("REFUND", True),
    Step.SETTLEMENT_FAILED: ("CAPTURE_FAILED", True),
    Step.CHARGEBACK: ("CHARGEBACK", True),
    Step.CHARGEBACK_REVERSED: ("CHARGEBACK_REVERSED", True),
    Step.SECOND_CHARGEBACK: ("SECOND_CHARGEBACK", True),
}
"""Step → event code, and whether it says success."""

FIRST: Final = frozenset({Step.PENDING, Step.SUCCEEDED, Step.FAILED, Step.EXPIRED})
"""Events about the payment itself; the others are about a modification, which has a reference of its own."""


def sign(key: str, item: dict[str, Any]) -> str:
    """Sign an item: base64 of HMAC-SHA256, under the key's bytes (it is written in hex), over eight members between colons."""
    amount = item["amount"]
    signed = [item["pspReference"], item.get("originalReference", ""), item["merchantAccountCode"], item["merchantReference"]]
    signed += [str(amount["value"]), amount["currency"], item["eventCode"], item["success"]]
    return base64.b64encode(hmac.digest(bytes.fromhex(key), ":".join(signed).encode(), hashlib.sha256)).decode()


def item_json(payment: Payment, event: Event) -> dict[str, Any]:
    """Build one unsigned item."""
    code, success = CODES[event.step]
    at = datetime.fromtimestamp(event.at_seconds, UTC).isoformat(timespec="seconds")
    item: dict[str, Any] = {
        "amount": {"currency": payment.currency, "value": minor_units(payment.amount, payment.currency)},
        "eventCode": code,
        "eventDate": at,
        "merchantAccountCode": MERCHANT,
        "merchantReference": payment.deposit_id,
        "paymentMethod": "visa",
        "pspReference": _reference(payment, event),
        "reason": "" if success else "Refused",
        "success": "true" if success else "false",
    }
    if event.step not in FIRST:
        item["originalReference"] = payment.payment_id
    return item


def _reference(payment: Payment, event: Event) -> str:
    """Name what an item is about: the payment, its one dispute, or a modification."""
    if event.step in FIRST:
        return payment.payment_id
    if event.step in DISPUTES:
        return derived_id("", payment.payment_id, "dispute", PSP_REFERENCE_CHARACTERS).upper()
    return event.event_id


def signed_item(key: str, item: dict[str, Any]) -> dict[str, Any]:
    """Put an item's signature where it belongs."""
    return item | {"additionalData": {"hmacSignature": sign(key, item)}}


def batch(items: Sequence[dict[str, Any]]) -> bytes:
    """Write a delivery of signed items."""
    said = {"live": "false", "notificationItems": [{"NotificationRequestItem": item} for item in items]}
    return json.dumps(said, separators=(",", ":")).encode()


def message(gateway: Gateway, body: bytes) -> Message:
    """Build the POST of a batch."""
    return Message("POST", gateway.webhook_url, body, {"Content-Type": "application/json"})


class Adyen:
    """The dialect. Its signatures name no time, so nothing it sends is ever stale."""

    steps = frozenset(CODES)
    waits = False
    untouched = UNTOUCHED

    def new_payment_id(self) -> str:
        """Make up a PSP reference."""
        return random_id("", PSP_REFERENCE_CHARACTERS).upper()

    def new_event_id(self) -> str:
        """Make up the PSP reference of a modification."""
        return random_id("", PSP_REFERENCE_CHARACTERS).upper()

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:  # noqa: ARG002 - the dialect has none
        """Ask nothing: the payment was made with the gateway's own API."""
        return []

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        """Build the delivery of a batch of one."""
        key = secrets.token_hex(KEY_BYTES) if event.forged else gateway.secret
        return message(gateway, batch([signed_item(key, item_json(payment, event))]))

    def read(self, answer: Answer) -> Verdict:
        """Read an answer: Adyen wants to read `[accepted]`, and sends again what is answered otherwise."""
        verdict = answers.read(answer)
        if verdict.outcome is Outcome.STANDS and answer.body.strip() != b"[accepted]":
            return Verdict(Outcome.OPEN, f"{answer.status} without [accepted]")
        return verdict


SPEAKER = Adyen()
