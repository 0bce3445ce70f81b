"""The generic gateway: Standard Webhooks, and the simplest events that carry a payment.

Signature (standardwebhooks.com, specification 1.0): HMAC-SHA256 over `id.timestamp.body`, in the header `webhook-signature` as
`v1,<base64>`, several of them apart by spaces while a secret is being changed. Body:

    {"type": "payment.succeeded", "timestamp": "2026-01-01T12:00:00Z",
     "data": {"deposit_id", "payment_id", "amount": "10.00", "currency": "EUR", "reason"?: "card_declined", "case_id"?: "cb_1"}}

with the type `payment.` and a PaymentOutcome. `amount` is what the event is about: of a refund or chargeback, what was taken back.
A gateway that refunds in parts, or can see several chargebacks of one payment, must name each by a `case_id`: without one there is
one of each kind, and a second is a repeat of it.
"""

import re
from collections.abc import Sequence
from typing import Final

from countroom.cashier.deposits import Payment
from countroom.cashier.gateways import signing, strict
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PaymentEvent, PaymentOutcome, SignatureInvalid

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
_ID: Final = re.compile(r"[A-Za-z0-9_:-]{1,64}", re.ASCII)  # no point: it separates the signed parts
_SIGNATURES_LENGTH_MAX: Final = 1024
_OUTCOMES: Final = {f"payment.{outcome.value}": outcome for outcome in PaymentOutcome}


class StandardWebhooks:
    """The dialect; it has no state."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:
        """Give the webhook's id. The bytes that were signed are the bytes that arrived: nothing is decoded before.

        Raises SignatureInvalid, DeliveryStale, SecretsUnusable.
        """
        keys = signing.keys_of(secrets, _key)
        event_id = delivery.headers.get("webhook-id", "")
        timestamp = delivery.headers.get("webhook-timestamp", "")
        if not _ID.fullmatch(event_id):
            raise SignatureInvalid("the webhook's id is missing or ill-formed")
        signed_at_s = signing.seconds(timestamp)
        given = _signatures(delivery.headers.get("webhook-signature", ""))
        signing.require_signed(keys, f"{event_id}.{timestamp}.".encode() + delivery.body, given)
        signing.require_fresh(signed_at_s, now_ms)
        return event_id

    def genuine(self, body: bytes, secrets: Sequence[str]) -> bytes:  # noqa: ARG002 - the port's signature
        """Give the whole body: one signature covers it."""
        return body

    def parse(self, body: bytes) -> list[PaymentEvent]:
        """Understand a body, which holds one event; a payment of nothing is none. Raises MalformedEvent."""
        fields = strict.read_object(body)
        outcome = _OUTCOMES.get(strict.text(fields, "type"))
        if outcome is None:
            raise MalformedEvent("type is not one that is sent to this address")
        data = strict.as_object(fields.get("data"), "data")
        deposit_id = strict.deposit_id(data, "deposit_id")
        currency = strict.text(data, "currency")
        amount = strict.decimal_amount(strict.text(data, "amount"), currency)
        payment = Payment(strict.identifier(data, "payment_id"), amount, currency)
        case_id = strict.identifier(data, "case_id") if "case_id" in data else ""
        at_ms = strict.instant(strict.text(fields, "timestamp"), "timestamp")
        return [PaymentEvent(outcome, deposit_id, payment, at_ms, strict.code(data.get("reason")), case_id=case_id)]


DIALECT: Final = StandardWebhooks()


def _key(secret: str) -> bytes | None:
    return signing.from_base64(secret.removeprefix(SECRET_PREFIX)) if secret.startswith(SECRET_PREFIX) else None


def _signatures(header: str) -> list[bytes]:
    """Decode the v1 signatures of the header; other versions (v1a is asymmetric) are not for these secrets."""
    if len(header) > _SIGNATURES_LENGTH_MAX:
        return []
    parts = [part.removeprefix("v1,") for part in header.split(" ") if part.startswith("v1,")]
    return [found for part in parts[: signing.SIGNATURES_MAX] if (found := signing.from_base64(part))]
