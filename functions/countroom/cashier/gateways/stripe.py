"""Stripe: payment intents, refunds and disputes, as signed events.

Signature (docs.stripe.com/webhooks): HMAC-SHA256 over `t.body` in the header `Stripe-Signature` as `t=<seconds>,v1=<hex>`, `v1`
several times while a secret is being rolled. The key is the text of the endpoint's secret, `whsec_` and all. An event is
`{"id", "type", "created", "data": {"object"}}`; amounts are whole numbers of the currency's smallest unit, codes in lower case.

The deposit's id goes out as `metadata.deposit_id` of the payment intent. Refunds and disputes have metadata of their own, so they
are found by their payment intent, which is the id of the payment here.

What moved is read off the object of the event, not off the order in which events come, so that a late, early or missing one does no
harm:

- A refund is a case by its own id. It has left the house when a balance transaction says so, be it `pending` still, and not
  before: one that waits for money in the account, or for the payer's bank details, may never go out. One that has left and then
  `failed` or was `canceled` is both, a refund and its return. `charge.refunded` says nothing that its refund does not.
- A dispute is a case by its own id, and its balance transactions are what was taken, given back (all or a part) and taken again.
  `created` (perhaps a mere inquiry) and `closed` move nothing.

Types of event that say nothing of a deposit are taken in and mean nothing; those that move money in a way this house cannot book
are taken in too, and end among the dead letters, where people see them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from countroom.cashier.deposits import Payment
from countroom.cashier.gateways import signing, strict
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PartlyMalformed, PaymentEvent, PaymentOutcome

SIGNATURE_HEADER: Final = "stripe-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
PLACES: Final[Mapping[str, int]] = MappingProxyType({"ISK": 2, "UGX": 2, "MGA": 0})
"""Where Stripe's smallest unit is not that of ISO 4217: two-decimal for old times' sake, and an ariary without its fifths."""

_SIGNATURES_LENGTH_MAX: Final = 2048
_EVENT_ID: Final = re.compile(r"evt_[A-Za-z0-9_]{1,60}", re.ASCII)
_CURRENCY: Final = re.compile(r"[a-z]{3,5}", re.ASCII)
_API_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.[a-z]+)?", re.ASCII)
_REFUND_EVENTS_SINCE: Final = "2024-10-28"
"""From this version of the API on each refund of a charge has events of its own (docs.stripe.com/changelog/acacia)."""

_REFUNDING: Final = frozenset({"pending", "requires_action", "succeeded"})
_REFUND_OVER: Final = frozenset({"failed", "canceled"})
_MOVEMENTS_MAX: Final = 20


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
        """Understand a body, which holds one event, perhaps one that says nothing of a deposit. Raises MalformedEvent.

        PartlyMalformed for what only people can book: it is taken in, since to send it again would change nothing.
        """
        event = strict.read_object(body)
        kind = strict.text(event, "type")
        if kind == "charge.refunded" and not _tells_refunds(event.get("api_version")):
            raise PartlyMalformed((), ["api_version is too old: its refunds have no events of their own"])
        read = _READERS.get(kind)
        if read is None:
            return []
        data = strict.as_object(event.get("data"), "data")
        return read(_Event(strict.identifier(event, "id"), strict.seconds(event, "created"), data))


DIALECT: Final = Stripe()


class _Event:
    """What every event has, and its object."""

    __slots__ = ("at_ms", "event_id", "subject")

    def __init__(self, event_id: str, at_ms: int, data: Mapping[str, object]) -> None:
        self.event_id = event_id
        self.at_ms = at_ms
        self.subject = strict.as_object(data.get("object"), "data.object")

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
    """Read a refund as it stands: nothing while no money has left, the refund, or the refund and that it came back."""
    refund = event.subject
    if "payment_intent" in refund and refund["payment_intent"] is None:
        return []  # every deposit is paid by an intent
    status = strict.text(refund, "status")
    if status not in _REFUNDING | _REFUND_OVER:
        raise PartlyMalformed((), ["status of the refund is none that is known here"])
    if status in _REFUND_OVER and "balance_transaction" not in refund:
        raise PartlyMalformed((), ["the refund does not say whether its money had left"])
    currency, amount = _amount(refund, strict.whole(refund, "amount"))
    payment = Payment(_intent_id(refund), strict.positive(amount), currency)
    case_id = strict.identifier(refund, "id")
    moves = (refund.get("balance_transaction"), refund.get("failure_balance_transaction"))
    if status != "succeeded" and moves == (None, None):
        return []
    refunded = event.about(PaymentOutcome.REFUNDED, payment, "", case_id=case_id)
    if status in _REFUNDING:
        return [refunded]
    reason = strict.code(refund.get("failure_reason"))
    return [refunded, event.about(PaymentOutcome.REFUND_FAILED, payment, "", reason, case_id)]


@dataclass(frozen=True, slots=True)
class _Movement:
    """One balance transaction of a dispute: how much, in the smallest unit of the account's currency, perhaps not the payment's."""

    at_s: int
    name: str
    units: int
    currency: str


def _disputed(*, withdrawn: bool) -> Callable[[_Event], list[PaymentEvent]]:
    """Make the reader of an event about a dispute's money; `withdrawn`: of which kind at least one movement must be."""

    def read(event: _Event) -> list[PaymentEvent]:
        dispute = event.subject
        currency, disputed = _amount(dispute, strict.whole(dispute, "amount"))
        strict.positive(disputed)
        intent_id, case_id, reason = _intent_id(dispute), strict.identifier(dispute, "id"), strict.code(dispute.get("reason"))
        taken, returned = _movements(dispute)
        faults = [] if (taken if withdrawn else returned) else ["balance_transactions do not show what the event says"]
        faults += ["balance_transactions are more than are known here"] * (len(taken) > len(_TAKEN) or len(returned) > 1)
        found: list[PaymentEvent] = []
        for outcome, moved in (
            *zip(_TAKEN, taken, strict=False),
            *((PaymentOutcome.CHARGEBACK_REVERSED, one) for one in returned[:1]),
        ):
            amount = _moved_amount(moved, dispute, disputed, taken)
            if amount is None:
                faults.append("balance_transactions are in another currency, and not all of what was taken")
            else:
                found.append(event.about(outcome, Payment(intent_id, amount, currency), "", reason, case_id))
        if faults:
            raise PartlyMalformed(found, faults)
        return found

    return read


_TAKEN: Final = (PaymentOutcome.CHARGEBACK, PaymentOutcome.SECOND_CHARGEBACK)
"""What the first and the second withdrawal of one dispute mean."""


def _movements(dispute: Mapping[str, object]) -> tuple[list[_Movement], list[_Movement]]:
    """Read what was taken and what was given back, each oldest first, however the list is ordered. Raises MalformedEvent."""
    listed = dispute.get("balance_transactions")
    if listed is None:
        return [], []
    if not isinstance(listed, list) or len(listed) > _MOVEMENTS_MAX:
        raise MalformedEvent(f"balance_transactions must be a list of at most {_MOVEMENTS_MAX}")
    found: dict[str, _Movement] = {}
    for entry in listed:
        one = strict.as_object(entry, "balance_transactions")
        name = strict.identifier(one, "id")
        found[name] = _Movement(strict.seconds(one, "created"), name, strict.whole(one, "amount"), strict.text(one, "currency"))
    in_order = sorted(found.values(), key=lambda moved: (moved.at_s, moved.name))
    return [one for one in in_order if one.units < 0], [one for one in in_order if one.units > 0]


def _moved_amount(moved: _Movement, dispute: Mapping[str, object], disputed: int, taken: Sequence[_Movement]) -> int | None:
    """Give, in nanos of the payment's currency, what moved; None where that cannot be said.

    An account in another currency shows what was taken in that one: then the first withdrawal is what is disputed, and so is
    whatever equals it.
    """
    if moved.currency == dispute.get("currency"):
        return strict.positive(_amount(dispute, abs(moved.units))[1])
    first = taken[0] if taken else None
    alike = first is not None and (abs(moved.units), moved.currency) == (abs(first.units), first.currency)
    return disputed if alike else None


_READERS: Final[Mapping[str, Callable[[_Event], list[PaymentEvent]]]] = MappingProxyType(
    {
        "payment_intent.processing": _intent(PaymentOutcome.PENDING),
        "payment_intent.requires_action": _intent(PaymentOutcome.REQUIRES_ACTION),
        "payment_intent.succeeded": _intent(PaymentOutcome.SUCCEEDED, "amount_received"),
        "payment_intent.payment_failed": _intent(PaymentOutcome.FAILED),
        "payment_intent.canceled": _intent(PaymentOutcome.CANCELLED),
        "refund.created": _refunded,
        "refund.updated": _refunded,
        "refund.failed": _refunded,
        "charge.refund.updated": _refunded,
        "charge.dispute.funds_withdrawn": _disputed(withdrawn=True),
        "charge.dispute.funds_reinstated": _disputed(withdrawn=False),
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


def _tells_refunds(api_version: object) -> bool:
    """Say whether events of this version tell of each refund; else one would be lost without a word."""
    known = isinstance(api_version, str) and _API_VERSION.fullmatch(api_version)
    return bool(known) and str(api_version)[:10] >= _REFUND_EVENTS_SINCE


def _reason(intent: Mapping[str, object]) -> str:
    """Read why an intent failed: the issuer's code where there is one, else Stripe's, else why it was cancelled."""
    error = intent.get("last_payment_error")
    told = error if isinstance(error, dict) else {}
    return strict.code(told.get("decline_code") or told.get("code") or intent.get("cancellation_reason"))
