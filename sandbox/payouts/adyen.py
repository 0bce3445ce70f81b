"""Adyen's side of payouts: transfers in its words, and webhooks that are signed as a whole."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from sandbox.gateway.table import minor_units
from sandbox.payouts.bank import Order, Payout
from sandbox.payouts.lives import Turn, Word
from sandbox.provider.line import Message
from sandbox.provider.table import places_of
from sandbox.stack import Gateway
from sandbox.wire import Answer

STATUSES: Final = {None: "authorised", Word.PAID: "booked", Word.FAILED: "failed", Word.RETURNED: "returned"}
KEY_BYTES: Final = 32


def sign(key: str, body: bytes) -> str:
    """Sign a webhook: base64 of HMAC-SHA256, under the key's bytes (it is written in hex), over the whole body."""
    return base64.b64encode(hmac.digest(bytes.fromhex(key), body, hashlib.sha256)).decode()


def order_of(said: dict[str, Any], key: str, balance_account: str) -> Order:
    """Understand an order. Raises ValueError, naming the field."""
    if said.get("balanceAccountId") != balance_account:
        raise ValueError("balanceAccountId")
    reference, amount = said.get("reference"), said.get("amount")
    card = said.get("counterparty", {}).get("card", {})
    if not isinstance(reference, str) or not key or key != reference:
        raise ValueError("reference")
    if not card.get("cardIdentification", {}).get("storedPaymentMethodId"):
        raise ValueError("counterparty.card.cardIdentification")
    if not isinstance(amount, dict) or type(amount.get("value")) is not int or amount["value"] <= 0:
        raise ValueError("amount")
    currency = str(amount["currency"])
    units = Decimal(amount["value"]).scaleb(-places_of(currency))
    return Order("adyen", reference, str(card.get("cardHolder", {}).get("reference", "")), units, currency)


def transfer(payout: Payout, balance_account: str, word: Word | None, amount: Decimal) -> dict[str, Any]:
    """Write a transfer as it stands, or as it stood at a turn."""
    order = payout.order
    refused = payout.refused
    return {
        "id": payout.name,
        "accountHolder": {"id": "AH00000000000000000000001"},
        "amount": {"currency": order.currency, "value": minor_units(amount, order.currency)},
        "balanceAccount": {"id": balance_account},
        "category": "card",
        "direction": "outgoing",
        "reason": "notEnoughBalance" if refused else "counterpartyAccountClosed" if word is Word.FAILED else "approved",
        "reference": order.reference,
        "status": "refused" if refused else STATUSES[word],
        "type": "cardTransfer",
    }


def shown(payout: Payout, balance_account: str) -> dict[str, Any]:
    """Write a transfer as it stands."""
    amount = payout.paid if payout.word in {Word.PAID, Word.RETURNED} else payout.order.amount
    return transfer(payout, balance_account, payout.word, amount)


def webhook(gateway: Gateway, payout: Payout, turn: Turn, balance_account: str, *, forged: bool = False) -> Message:
    """Build the webhook of a turn."""
    amount = payout.order.amount - turn.short
    said = {
        "data": transfer(payout, balance_account, turn.word, amount),
        "environment": "test",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "type": "balancePlatform.transfer.updated",
    }
    body = json.dumps(said, separators=(",", ":")).encode()
    key = secrets.token_hex(KEY_BYTES) if forged else gateway.secret
    headers = {"Content-Type": "application/json", "HmacSignature": sign(key, body), "Protocol": "HmacSHA256"}
    return Message("POST", gateway.webhook_url, body, headers)


def is_taken(answer: Answer) -> bool:
    """Say whether a webhook was taken in."""
    return answer.status == HTTPStatus.OK and answer.body.strip() == b"[accepted]"
