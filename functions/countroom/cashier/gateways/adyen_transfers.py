"""Adyen's transfers: what a payout is in Adyen's word, in its webhooks and in the answers of its API alike. Pure.

Transfers API v4 and its webhooks (docs.adyen.com, "Payout webhooks"): a transfer has an `id`, the `reference` that it was ordered
under, an `amount` in the currency's minor unit, a `direction` and a `status`. `refused` is Adyen's own no, `failed` the no of the
other bank, `booked` that the money has left the house's account, `returned` that it has come back.

A webhook is `{"type": "balancePlatform.transfer.updated", "data": transfer, …}`. Its signature is in the header `HmacSignature`:
base64 of the HMAC-SHA256 over the whole body, under the same kind of hexadecimal key as a notification's. It names no time that is
checked, so a recording of it repeats what was said, which a withdrawal has once and for ever.

Decided here: a status that means neither a stage nor an end of a payout is left to people, and never guessed at. Transfers that go
in, or under a reference that is none of this house's withdrawals, say nothing of a payout.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from countroom.cashier.gateways import signing, strict
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PayoutEvent, SignatureInvalid
from countroom.cashier.withdrawals.life import Said
from countroom.cashier.withdrawals.withdrawal import Word, is_withdrawal_id

PLACES: Final[Mapping[str, int]] = MappingProxyType({"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2})
"""Where Adyen's minor unit is not that of ISO 4217 (docs.adyen.com, "Currency codes and minor units")."""

SIGNATURE_HEADER: Final = "hmacsignature"
WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "approvalPending": Word.TAKEN,
        "authorised": Word.TAKEN,
        "bankTransferPending": Word.TAKEN,
        "bookingPending": Word.TAKEN,
        "pendingApproval": Word.TAKEN,
        "pendingExecution": Word.TAKEN,
        "received": Word.TAKEN,
        "booked": Word.PAID,
        "credited": Word.PAID,
        "cancelled": Word.FAILED,
        "failed": Word.FAILED,
        "refused": Word.FAILED,
        "returned": Word.RETURNED,
    }
)
"""Status of a transfer → what it says of a payout."""

_TYPES: Final = frozenset({"balancePlatform.transfer.created", "balancePlatform.transfer.updated"})
_FAMILY: Final = "balancePlatform."
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_OUTGOING: Final = "outgoing"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer out: Adyen's id of it, the reference it was ordered under, its amount in nanos, and what its status says."""

    transfer_id: str
    reference: str
    amount: int
    currency: str
    status: str
    word: Word
    reason: str

    @property
    def said(self) -> Said:
        """What it says of the payout; the reason is that of a failure."""
        reason = self.reason if self.word in {Word.FAILED, Word.RETURNED} else ""
        return Said(self.word, self.transfer_id, reason, self.amount, self.currency)


def transfer_of(value: object) -> Transfer | None:
    """Read a transfer; None for one that is no payout of this house. Raises MalformedEvent."""
    fields = strict.as_object(value, "data")
    reference = fields.get("reference")
    if not isinstance(reference, str) or not is_withdrawal_id(reference) or fields.get("direction", _OUTGOING) != _OUTGOING:
        return None
    transfer_id, status = strict.text(fields, "id"), strict.text(fields, "status")
    if not _ID.fullmatch(transfer_id):
        raise MalformedEvent("id must be letters and digits")
    word = WORDS.get(status)
    if word is None:
        raise MalformedEvent("status is one that people have to read")
    amount = strict.as_object(fields.get("amount"), "amount")
    currency = strict.text(amount, "currency")
    nanos = strict.positive(strict.minor_amount(strict.whole(amount, "value"), currency, PLACES))
    return Transfer(transfer_id, reference, nanos, currency, status, word, strict.code(fields.get("reason")))


def is_one(body: bytes) -> bool:
    """Say whether a body is a webhook of this family: one that is a batch of notifications is not, whatever else is in it."""
    try:
        document = strict.read_object(body)
    except MalformedEvent:
        return False
    kind = document.get("type")
    return "notificationItems" not in document and isinstance(kind, str) and kind.startswith(_FAMILY)


def verify(delivery: Delivery, keys: Sequence[bytes]) -> str:
    """Give the id of a webhook that one of `keys` signed. Raises SignatureInvalid."""
    given = signing.from_base64(delivery.headers.get(SIGNATURE_HEADER, ""))
    if given is None:
        raise SignatureInvalid("the signature is missing or ill-formed")
    signing.require_signed(keys, delivery.body, [given])
    return event_id(delivery.body)


def event_id(body: bytes) -> str:
    """Name a webhook after its transfer and status, or after its bytes where it is about no payout."""
    try:
        found = transfer_of(strict.read_object(body).get("data"))
    except MalformedEvent:
        found = None
    return f"{found.transfer_id}:{found.status}" if found else f"body-{hashlib.sha256(body).hexdigest()[:32]}"


def parse(body: bytes) -> list[PayoutEvent]:
    """Understand a webhook: what it says of a payout, or nothing. Raises MalformedEvent."""
    document = strict.read_object(body)
    if document.get("type") not in _TYPES:
        return []
    transfer = transfer_of(document.get("data"))
    if transfer is None:
        return []
    return [PayoutEvent(transfer.reference, transfer.said, f"{transfer.transfer_id}:{transfer.status}")]
