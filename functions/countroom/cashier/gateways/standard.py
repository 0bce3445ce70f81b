"""The generic gateway: Standard Webhooks, and the simplest events that carry a payment.

Signature (standardwebhooks.com, specification 1.0): HMAC-SHA256 over `id.timestamp.body`, in the header `webhook-signature` as
`v1,<base64>`, several of them apart by spaces while a secret is being changed. Body:

    {"type": "payment.succeeded" | "payment.failed", "timestamp": "2026-01-01T12:00:00Z",
     "data": {"deposit_id", "payment_id", "amount": "10.00", "currency": "EUR", "reason"?: "card_declined"}}
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from countroom import money
from countroom.cashier.deposits import Payment, is_deposit_id
from countroom.cashier.gateways import strict
from countroom.cashier.gateways.dialect import (
    Delivery,
    DeliveryStale,
    MalformedEvent,
    PaymentEvent,
    PaymentOutcome,
    SecretsUnusable,
    SignatureInvalid,
)
from countroom.times import InvalidInstant, from_iso

TOLERANCE_MS: Final = 5 * 60 * 1000  # both ways, as the specification's own libraries have it
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
SECRETS_MAX: Final = 4
SIGNATURES_MAX: Final = 8
_KEY_BYTES_MIN: Final = 16
_ID: Final = re.compile(r"[A-Za-z0-9_:-]{1,64}", re.ASCII)  # no point: it separates the signed parts
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)  # whole seconds since 1970
_SIGNATURES_LENGTH_MAX: Final = 1024
_REASON: Final = re.compile(r"[A-Za-z0-9_.-]{1,48}", re.ASCII)
_REASON_UNREADABLE: Final = "other"
_OUTCOMES: Final = {
    "payment.succeeded": PaymentOutcome.SUCCEEDED,
    "payment.failed": PaymentOutcome.FAILED,
}


class StandardWebhooks:
    """The dialect; it has no state."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:
        """Give the webhook's id. Every secret is tried against every signature, so both of a rotation are valid.

        The bytes that were signed are the bytes that arrived: nothing is decoded before. Raises SignatureInvalid, DeliveryStale,
        SecretsUnusable.
        """
        keys = [key for secret in secrets[:SECRETS_MAX] if (key := _key(secret))]
        if not keys:
            raise SecretsUnusable("no usable secret")
        event_id = delivery.headers.get("webhook-id", "")
        timestamp = delivery.headers.get("webhook-timestamp", "")
        if not _ID.fullmatch(event_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureInvalid("the webhook headers are missing or ill-formed")
        signed = f"{event_id}.{timestamp}.".encode() + delivery.body
        expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
        given = _signatures(delivery.headers.get("webhook-signature", ""))
        matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
        if not any(matches):
            raise SignatureInvalid("no signature is by a valid secret")
        if abs(now_ms - int(timestamp) * 1000) > TOLERANCE_MS:
            raise DeliveryStale("signed too long ago or in the future")
        return event_id

    def parse(self, body: bytes) -> PaymentEvent:
        """Understand a body; a payment of nothing is none. Raises MalformedEvent."""
        fields = strict.read_object(body)
        outcome = _OUTCOMES.get(strict.text(fields, "type"))
        if outcome is None:
            raise MalformedEvent("type is not one that is sent to this address")
        data = strict.as_object(fields.get("data"), "data")
        deposit_id = strict.text(data, "deposit_id")
        if not is_deposit_id(deposit_id):
            raise MalformedEvent("deposit_id is not one of this house")
        return PaymentEvent(
            outcome=outcome,
            deposit_id=deposit_id,
            payment=_payment(strict.identifier(data, "payment_id"), strict.text(data, "amount"), strict.text(data, "currency")),
            occurred_at_ms=_instant(strict.text(fields, "timestamp")),
            reason=_reason(data.get("reason")),
        )


DIALECT: Final = StandardWebhooks()


def _key(secret: str) -> bytes | None:
    """Give the bytes of a secret, None when it has none or too few: a weak secret must not come to be trusted by mistake."""
    if not secret.startswith(SECRET_PREFIX):
        return None
    key = _decoded(secret.removeprefix(SECRET_PREFIX))
    return key if key and len(key) >= _KEY_BYTES_MIN else None


def _signatures(header: str) -> list[bytes]:
    """Decode the v1 signatures of the header; other versions (v1a is asymmetric) are not for these secrets."""
    if len(header) > _SIGNATURES_LENGTH_MAX:
        return []
    parts = [part.removeprefix("v1,") for part in header.split(" ") if part.startswith("v1,")]
    return [found for part in parts[:SIGNATURES_MAX] if (found := _decoded(part))]


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _payment(payment_id: str, amount: str, code: str) -> Payment:
    try:
        nanos = money.parse_amount(amount, money.currency(code))
    except money.UnknownCurrency:
        raise MalformedEvent("currency is not one of this house") from None
    except money.InvalidAmount:
        raise MalformedEvent("amount must be a plain decimal within the currency's places") from None
    if nanos == 0:
        raise MalformedEvent("amount must be more than zero")
    return Payment(payment_id, nanos, code)


def _instant(text: str) -> int:
    try:
        return from_iso(text)
    except InvalidInstant:
        raise MalformedEvent("timestamp must be an RFC 3339 instant") from None


def _reason(value: object) -> str:
    """Keep a code as it is; free text not at all, for it may hold anything and players read what is recorded."""
    if value is None:
        return ""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else _REASON_UNREADABLE
