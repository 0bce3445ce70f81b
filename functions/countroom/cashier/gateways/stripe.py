"""Stripe: payment intents, refunds and disputes, as signed events.

Signature (docs.stripe.com/webhooks): HMAC-SHA256 over `t.body` in the header `Stripe-Signature` as `t=<seconds>,v1=<hex>`, `v1`
several times while a secret is being rolled. The key is the text of the endpoint's secret, `whsec_` and all. An event is
`{"id", "type", "created", "data": {"object"}}`; amounts are whole numbers of the currency's smallest unit, codes in lower case.

The deposit's id goes out as `metadata.deposit_id` of the payment intent, which Stripe copies to the intent's charge. A dispute has
metadata of its own, so it is found by its payment intent, which is the id of the payment here.

Money of a dispute moves with `funds_withdrawn` and `funds_reinstated`, not with `created` (perhaps a mere inquiry) or `closed`.
`charge.refunded` tells a running total: the amount of the event is what the total grew by, by its `previous_attributes`. Types of
event that say nothing of a deposit are taken in and mean nothing; those that move money in a way this house cannot book are refused
as malformed, so that people see them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from countroom.cashier.deposits import Payment, is_deposit_id
from countroom.cashier.gateways import signing, strict
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PaymentEvent, PaymentOutcome

SIGNATURE_HEADER: Final = "stripe-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
PLACES: Final[Mapping[str, int]] = MappingProxyType({"ISK": 2, "UGX": 2, "MGA": 0})
"""Where Stripe's smallest unit is not that of ISO 4217: two-decimal for old times' sake, and an ariary without its fifths."""

_SIGNATURES_LENGTH_MAX: Final = 2048
_EVENT_ID: Final = re.compile(r"evt_[A-Za-z0-9_]{1,60}", re.ASCII)
_CURRENCY: Final = re.compile(r"[a-z]{3,5}", re.ASCII)
_FOR_PEOPLE: Final = frozenset({"refund.failed", "charge.refund.updated"})


class Stripe:
    """The dialect; it has no state."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:
        """Give the event's id, which lies in the body, so it is read after the signature held.

        Raises SignatureInvalid, DeliveryStale, SecretsUnusable.
        """
        keys = signing.keys_of(secrets, _key)
        timestamp, given = _signatures(delivery.headers.get(SIGNATURE_HEADER, ""))
        signed_at_s = signing.seconds(timestamp)
        signing.require_signed(keys, f"{timestamp}.".encode() + delivery.body, given)
        signing.require_fresh(signed_at_s, now_ms)
        return _event_id(delivery.body)

    def genuine(self, body: bytes, secrets: Sequence[str]) -> bytes:  # noqa: ARG002 - the port's signature
        """Give the whole body: one signature covers it."""
        return body

    def parse(self, body: bytes) -> list[PaymentEvent]:
        """Understand a body, which holds one event, perhaps one that says nothing of a deposit. Raises MalformedEvent."""
        event = strict.read_object(body)
        kind = strict.text(event, "type")
        if kind in _FOR_PEOPLE:
            raise MalformedEvent("type is one that people have to book")
        read = _READERS.get(kind)
        if read is None:
            return []
        data = strict.as_object(event.get("data"), "data")
        return read(_Event(strict.identifier(event, "id"), strict.seconds(event, "created"), data))


DIALECT: Final = Stripe()


class _Event:
    """What every event has, and its object."""

    __slots__ = ("at_ms", "event_id", "previous", "subject")

    def __init__(self, event_id: str, at_ms: int, data: Mapping[str, object]) -> None:
        self.event_id = event_id
        self.at_ms = at_ms
        self.subject = strict.as_object(data.get("object"), "data.object")
        self.previous = strict.as_object(data.get("previous_attributes") or {}, "data.previous_attributes")

    def about(
        self, outcome: PaymentOutcome, payment: Payment, deposit_id: str, reason: str = "", case_id: str = ""
    ) -> PaymentEvent:
        return PaymentEvent(outcome, deposit_id, payment, self.at_ms, reason, self.event_id, case_id)


def _intent(outcome: PaymentOutcome, amount_name: str = "amount") -> Callable[[_Event], list[PaymentEvent]]:
    """Make the reader of an event about a payment intent."""

    def read(event: _Event) -> list[PaymentEvent]:
        intent = event.subject
        currency, amount = _amount(intent, strict.whole(intent, amount_name))
        if outcome is PaymentOutcome.SUCCEEDED:
            strict.positive(amount)
        payment = Payment(strict.identifier(intent, "id"), amount, currency)
        deposit_id = strict.deposit_id(strict.as_object(intent.get("metadata"), "metadata"), "deposit_id")
        return [event.about(outcome, payment, deposit_id, _reason(intent))]

    return read


def _refunded(event: _Event) -> list[PaymentEvent]:
    charge = event.subject
    total = strict.whole(charge, "amount_refunded")
    # Without the total before, only a refund of everything says how much it was.
    everything = not event.previous and total == charge.get("amount")
    before = 0 if everything else strict.whole(event.previous, "amount_refunded")
    currency, amount = _amount(charge, total - before)
    payment = Payment(_intent_id(charge), strict.positive(amount), currency)
    # Each refund of a charge reaches a total of its own, which names it for as long as none of them fails.
    case_id = f"{strict.identifier(charge, 'id')}:{total}"
    return [event.about(PaymentOutcome.REFUNDED, payment, _deposit_id(charge), case_id=_checked_case(case_id))]


def _disputed(outcome: PaymentOutcome) -> Callable[[_Event], list[PaymentEvent]]:
    """Make the reader of an event about a dispute."""

    def read(event: _Event) -> list[PaymentEvent]:
        dispute = event.subject
        currency, amount = _amount(dispute, strict.whole(dispute, "amount"))
        payment = Payment(_intent_id(dispute), strict.positive(amount), currency)
        reason, case_id = strict.code(dispute.get("reason")), strict.identifier(dispute, "id")
        return [event.about(outcome, payment, _deposit_id(dispute), reason, case_id)]

    return read


_READERS: Final[Mapping[str, Callable[[_Event], list[PaymentEvent]]]] = MappingProxyType(
    {
        "payment_intent.processing": _intent(PaymentOutcome.PENDING),
        "payment_intent.requires_action": _intent(PaymentOutcome.REQUIRES_ACTION),
        "payment_intent.succeeded": _intent(PaymentOutcome.SUCCEEDED, "amount_received"),
        "payment_intent.payment_failed": _intent(PaymentOutcome.FAILED),
        "payment_intent.canceled": _intent(PaymentOutcome.CANCELLED),
        "charge.refunded": _refunded,
        "charge.dispute.funds_withdrawn": _disputed(PaymentOutcome.CHARGEBACK),
        "charge.dispute.funds_reinstated": _disputed(PaymentOutcome.CHARGEBACK_REVERSED),
    }
)


def _key(secret: str) -> bytes | None:
    """Give the secret's own text; one that is no endpoint's secret is none."""
    if not secret.startswith(SECRET_PREFIX) or not secret.isascii():
        return None
    return secret.encode("ascii")


def _signatures(header: str) -> tuple[str, list[bytes]]:
    """Read the time and the v1 signatures; v0 is made for tests and by nobody's secret. Two times are none: they contradict."""
    if len(header) > _SIGNATURES_LENGTH_MAX:
        return "", []
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    texts = [value for name, _, value in parts if name == "v1"]
    given = [found for text in texts[: signing.SIGNATURES_MAX] if (found := signing.from_hex(text))]
    return (times[0] if len(times) == 1 else ""), given


def _event_id(body: bytes) -> str:
    """Give the event's own id; of a body that has none, one made of its bytes, so that it can be kept and found."""
    try:
        event_id = strict.text(strict.read_object(body), "id")
    except MalformedEvent:
        event_id = ""
    return event_id if _EVENT_ID.fullmatch(event_id) else f"body-{hashlib.sha256(body).hexdigest()[:32]}"


def _amount(subject: Mapping[str, object], units: int) -> tuple[str, int]:
    """Give the subject's currency as this house writes it, and so many of its smallest units in nanos."""
    written = strict.text(subject, "currency")
    if not _CURRENCY.fullmatch(written):
        raise MalformedEvent("currency must be a code in lower case")
    return written.upper(), strict.minor_amount(units, written.upper(), PLACES)


def _intent_id(subject: Mapping[str, object]) -> str:
    """Read the payment intent, which comes as its id or expanded."""
    value = subject.get("payment_intent")
    return strict.identifier(value if isinstance(value, dict) else {"id": value}, "id")


def _deposit_id(subject: Mapping[str, object]) -> str:
    """Read the deposit where it is told."""
    metadata = subject.get("metadata")
    found = metadata.get("deposit_id") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) and is_deposit_id(found) else ""


def _checked_case(case_id: str) -> str:
    return strict.identifier({"id": case_id}, "id")


def _reason(intent: Mapping[str, object]) -> str:
    """Read why an intent failed: the issuer's code where there is one, else Stripe's, else why it was cancelled."""
    error = intent.get("last_payment_error")
    told = error if isinstance(error, dict) else {}
    return strict.code(told.get("decline_code") or told.get("code") or intent.get("cancellation_reason"))
