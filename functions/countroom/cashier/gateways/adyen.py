"""Adyen: standard webhooks ("notifications"), several items in one delivery, each item signed by itself.

Payouts are told by webhooks of another family, each signed as a whole, at the same address: `adyen_transfers`. A body with
notification items is never one of those, so that nothing unsigned can come along with a genuine item.

Signature (docs.adyen.com, "Verify HMAC signatures"): in an item's `additionalData.hmacSignature`, base64 of the HMAC-SHA256 over
`pspReference:originalReference:merchantAccountCode:merchantReference:value:currency:eventCode:success`. The key is hexadecimal.

- Nothing else is signed: not the time, the reason, or any other detail. So nothing that moves money rests on those, and a delivery
  has no age: a recording of it repeats what has happened, which the ledger has once and for ever.
- None of the signed fields may hold the colon that separates them: else one signature would be true of two items.
- An item that is not genuine is left out before the delivery is kept; the others count.

The deposit's id goes out as the payment's `merchantReference`. A payment's id is its `pspReference`, which later items name as
their `originalReference`; they are found by either. All items about one dispute have the dispute's `pspReference`: its case. It is
the same with a refund, also when it fails or comes back.

Notifications about payouts (`PAYOUT_THIRDPARTY` and its like) belong to an API that this house does not order by: people see them.

An authorisation credits, for captures are automatic; one that is cancelled afterwards, or whose capture fails, never brings the
money. Items that say nothing of a deposit mean nothing; what moves money in a way this house cannot book is left to people.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from countroom.cashier.deposits import Payment, is_deposit_id
from countroom.cashier.gateways import adyen_transfers, signing, strict
from countroom.cashier.gateways.adyen_transfers import PLACES
from countroom.cashier.gateways.dialect import (
    Delivery,
    Event,
    MalformedEvent,
    PartlyMalformed,
    PaymentEvent,
    PaymentOutcome,
    SignatureInvalid,
)

ITEMS_MAX: Final = 50
_VALUE_END: Final = 10**18
_FIELD: Final = re.compile(r"[^:\\\x00-\x1f\x7f]{0,128}")
_PSP_REFERENCE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_FREE_REASON: Final = re.compile(r"[A-Za-z ]{1,48}", re.ASCII)

_TEXTS: Final = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")

_O = PaymentOutcome
_PAYMENTS: Final[Mapping[tuple[str, bool], PaymentOutcome]] = MappingProxyType(
    {
        ("AUTHORISATION", True): _O.SUCCEEDED,
        ("AUTHORISATION", False): _O.FAILED,
        ("PENDING", True): _O.PENDING,
        ("OFFER_CLOSED", True): _O.EXPIRED,
    }
)
"""Items about a payment itself."""

_AFTERWARDS: Final[Mapping[tuple[str, bool], PaymentOutcome]] = MappingProxyType(
    {
        ("CAPTURE", True): _O.SETTLED,
        ("CAPTURE_FAILED", True): _O.SETTLEMENT_FAILED,
        ("CANCELLATION", True): _O.SETTLEMENT_FAILED,
        ("TECHNICAL_CANCEL", True): _O.SETTLEMENT_FAILED,
        ("REFUND", True): _O.REFUNDED,
        ("REFUND_WITH_DATA", True): _O.REFUNDED,
        ("REFUND_FAILED", True): _O.REFUND_FAILED,
        ("REFUNDED_REVERSED", True): _O.REFUND_FAILED,
        ("CHARGEBACK", True): _O.CHARGEBACK,
        ("CHARGEBACK_REVERSED", True): _O.CHARGEBACK_REVERSED,
        ("SECOND_CHARGEBACK", True): _O.SECOND_CHARGEBACK,
    }
)
"""Items about what became of a payment that was authorised."""

_WITHOUT_MONEY: Final = frozenset({_O.FAILED, _O.PENDING, _O.EXPIRED, _O.SETTLED})
_OF_A_CASE: Final = frozenset({_O.REFUNDED, _O.REFUND_FAILED, _O.CHARGEBACK, _O.CHARGEBACK_REVERSED, _O.SECOND_CHARGEBACK})
_OF_PAYOUTS: Final = ("PAYOUT_THIRDPARTY", "PAYOUT_DECLINE", "PAYOUT_EXPIRE", "PAIDOUT_REVERSED")
_FOR_PEOPLE: Final = frozenset(
    {
        ("CAPTURE", False),  # may be tried again
        ("CANCEL_OR_REFUND", True),  # which of the two it was is not signed
        ("VOID_PENDING_REFUND", True),
        *((code, success) for code in _OF_PAYOUTS for success in (True, False)),
    }
)


@dataclass(frozen=True, slots=True)
class _Signed:
    """What one item's signature covers, all of it in the form in which it can mean one thing only."""

    psp_reference: str
    original_reference: str
    merchant_account: str
    merchant_reference: str
    value: int
    currency: str
    event_code: str
    success: bool

    @property
    def message(self) -> bytes:
        first = (self.psp_reference, self.original_reference, self.merchant_account, self.merchant_reference)
        last = (self.currency, self.event_code, "true" if self.success else "false")
        return ":".join((*first, str(self.value), *last)).encode("utf-8")

    @property
    def name(self) -> tuple[str, bool]:
        return self.event_code, self.success

    @property
    def event_id(self) -> str:
        return f"{self.psp_reference}:{self.event_code}"


class Adyen:
    """The dialect; it has no state."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:  # noqa: ARG002 - Adyen signs no time
        """Give the id of a delivery of which at least one item is genuine. Raises SignatureInvalid, SecretsUnusable."""
        keys = signing.keys_of(secrets, signing.from_hex)
        if adyen_transfers.is_one(delivery.body):
            return adyen_transfers.verify(delivery, keys)
        try:
            items = _items(delivery.body)
        except MalformedEvent:
            raise SignatureInvalid("nothing in the body is signed") from None
        genuine = [item for item in items if _is_genuine(item, keys)]
        if not genuine:
            raise SignatureInvalid("no item is signed by a valid secret")
        if len(items) == 1:
            return _signed(genuine[0]).event_id
        return f"batch-{hashlib.sha256(delivery.body).hexdigest()[:32]}"

    def genuine(self, body: bytes, secrets: Sequence[str]) -> bytes:
        """Give the batch without the items that none of `secrets` signed: the very bytes where there are none, or no batch."""
        if adyen_transfers.is_one(body):
            return body
        keys = signing.keys_of(secrets, signing.from_hex)
        document = strict.read_object(body)
        items = _items(body)
        kept = [item for item in items if _is_genuine(item, keys)]
        if len(kept) == len(items):
            return body
        wrapped = [{"NotificationRequestItem": item} for item in kept]
        return json.dumps({"live": document.get("live"), "notificationItems": wrapped}, separators=(",", ":")).encode()

    def parse(self, body: bytes) -> Sequence[Event]:
        """Understand a batch item by item. Raises PartlyMalformed, and MalformedEvent for what is no batch.

        Also a batch of which no item is understood is only partly malformed, so it is taken in: Adyen sends one item at a time, and
        what is not accepted holds up everything behind it, for as long as 30 days (docs.adyen.com, "Troubleshoot webhooks").
        """
        if adyen_transfers.is_one(body):
            return adyen_transfers.parse(body)
        events: list[PaymentEvent] = []
        faults: list[str] = []
        for number, item in enumerate(_items(body)):
            try:
                events += _events(item)
            except MalformedEvent as fault:
                faults.append(f"item {number}: {fault}")
        if faults:
            raise PartlyMalformed(events, faults)
        return events


DIALECT: Final = Adyen()


def _items(body: bytes) -> list[Mapping[str, object]]:
    """Read the batch; what is no item at all stays in it as an empty one, so that it is counted. Raises MalformedEvent."""
    wrapped = strict.read_object(body).get("notificationItems")
    if not isinstance(wrapped, list) or not 1 <= len(wrapped) <= ITEMS_MAX:
        raise MalformedEvent(f"notificationItems must be a list of 1 to {ITEMS_MAX}")
    found = [entry.get("NotificationRequestItem") if isinstance(entry, dict) else None for entry in wrapped]
    return [item if isinstance(item, dict) else {} for item in found]


def _is_genuine(item: Mapping[str, object], keys: Sequence[bytes]) -> bool:
    data = item.get("additionalData")
    written = data.get("hmacSignature") if isinstance(data, dict) else None
    given = signing.from_base64(written) if isinstance(written, str) else None
    if given is None:
        return False
    try:
        return signing.is_signed(keys, _signed(item).message, [given])
    except (MalformedEvent, UnicodeEncodeError):  # half of a surrogate pair, which JSON can spell, has no bytes to be signed
        return False


def _signed(item: Mapping[str, object]) -> _Signed:
    """Read what the signature covers. Raises MalformedEvent for a field with a separator in it, or of another type."""
    texts = {name: _field(item, name) for name in _TEXTS}
    if texts["success"] not in {"true", "false"}:
        raise MalformedEvent("success must be true or false, as a text")
    amount = strict.as_object(item.get("amount"), "amount")
    value = strict.whole(amount, "value")
    if not 0 <= value < _VALUE_END:
        raise MalformedEvent("amount.value must not be negative nor that large")
    if not _PSP_REFERENCE.fullmatch(texts["pspReference"]):
        raise MalformedEvent("pspReference must be letters and digits")
    return _Signed(
        psp_reference=texts["pspReference"],
        original_reference=texts["originalReference"],
        merchant_account=texts["merchantAccountCode"],
        merchant_reference=texts["merchantReference"],
        value=value,
        currency=_field(amount, "currency"),
        event_code=texts["eventCode"],
        success=texts["success"] == "true",
    )


def _field(fields: Mapping[str, object], name: str) -> str:
    """Read a text, missing or null being an empty one, as it is for the signature."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not _FIELD.fullmatch(value):
        raise MalformedEvent(f"{name} must be a text without a colon")
    return value


def _events(item: Mapping[str, object]) -> list[PaymentEvent]:
    """Understand one item: an event, or none where it says nothing of a deposit. Raises MalformedEvent."""
    signed = _signed(item)
    if signed.name in _FOR_PEOPLE:
        raise MalformedEvent("eventCode is one that people have to book")
    outcome = _PAYMENTS.get(signed.name)
    if outcome is not None:
        payment_id, deposit_id = signed.psp_reference, strict.deposit_id(item, "merchantReference")
    else:
        outcome = _AFTERWARDS.get(signed.name)
        if outcome is None:
            return []
        if not _PSP_REFERENCE.fullmatch(signed.original_reference):
            raise MalformedEvent("originalReference must be letters and digits")
        # A change of a payment may have been asked for under a reference of its own.
        told = signed.merchant_reference
        payment_id, deposit_id = signed.original_reference, told if is_deposit_id(told) else ""
    amount = strict.minor_amount(signed.value, signed.currency, PLACES)
    if outcome not in _WITHOUT_MONEY:
        strict.positive(amount)
    return [
        PaymentEvent(
            outcome=outcome,
            deposit_id=deposit_id,
            payment=Payment(payment_id, amount, signed.currency),
            occurred_at_ms=strict.instant(strict.text(item, "eventDate"), "eventDate"),
            reason=_reason(item) if outcome is PaymentOutcome.FAILED else "",
            event_id=signed.event_id,
            case_id=signed.psp_reference if outcome in _OF_A_CASE else "",
        )
    ]


def _reason(item: Mapping[str, object]) -> str:
    """Read why a payment was refused: words of a fixed set, kept as a code; anything with digits in it may be of a card."""
    value = item.get("reason")
    words = value.strip() if isinstance(value, str) else value
    return strict.code(words.replace(" ", "_") if isinstance(words, str) and _FREE_REASON.fullmatch(words) else words)
