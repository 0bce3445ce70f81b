"""Paying out through Adyen: the Transfers API, version 4, as published (docs.adyen.com/api-explorer/transfers).

    POST /transfers                                         → 202 and the transfer
    GET  /transfers?reference=…&createdSince=…&createdUntil=…  → 200 and {"data": [transfer, …]}

`X-API-Key` says who asks. The withdrawal's id is the `Idempotency-Key`, under which Adyen repeats its first answer, and the
transfer's `reference`, under which it is found again and named in the webhooks (`gateways.adyen_transfers`).

A definite no is a transfer that Adyen has written down as refused, failed or cancelled, or an answer 422 that names the invalid
fields. A 422 without them may as well say that the same key is being worked on; 401 and 403 speak of the house's own key, and a
later try may fare otherwise: all of those are unclear.

Decided here, where an account at Adyen decides in truth: the card that is paid goes by the name under which its details were stored
when it paid in, which is the deposit's id, and the player is known by the player's id.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from countroom import money
from countroom.cashier.gateways.adyen_transfers import PLACES, Transfer, transfer_of
from countroom.cashier.gateways.dialect import MalformedEvent
from countroom.cashier.payouts.dialect import Ask, NotPayable, Told, code, required_text
from countroom.cashier.payouts.port import Declined, NotFound, Ordered, Pending, Status, Taken, Unclear
from countroom.cashier.withdrawals.withdrawal import Withdrawal, Word
from countroom.times import DAY_MS, to_iso

PATH: Final = "/transfers"
CLOCKS_APART_MS: Final = 10 * 60 * 1000
WINDOW_MS: Final = 170 * DAY_MS
"""How long after its request a withdrawal is looked for: createdSince and createdUntil may be six months apart."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, and the balance account that pays."""

    api_key: str
    balance_account: str


class AdyenPayouts:
    """The payout dialect; it has no state."""

    gateway = "adyen"

    def credentials(self, secret: Mapping[str, Any]) -> Account:
        """Read the key and the account. Raises BadCredentials."""
        return Account(required_text(secret, "api_key"), required_text(secret, "balance_account"))

    def order(self, withdrawal: Withdrawal, credentials: Account) -> Ask:
        """Write the transfer. Raises NotPayable."""
        body = {
            "amount": {"currency": withdrawal.currency, "value": _units(withdrawal)},
            "balanceAccountId": credentials.balance_account,
            "category": "card",
            "counterparty": {
                "card": {
                    "cardHolder": {"reference": withdrawal.player_id},
                    "cardIdentification": {"storedPaymentMethodId": withdrawal.instrument},
                }
            },
            "reference": withdrawal.withdrawal_id,
        }
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": withdrawal.withdrawal_id,
            "X-API-Key": credentials.api_key,
        }
        return Ask("POST", PATH, headers, json.dumps(body, separators=(",", ":")).encode(), repeatable=False)

    def ordered(self, withdrawal: Withdrawal, told: Told) -> Ordered:
        """Read the answer to an order."""
        if told.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return _invalid(told.value)
        if told.status != HTTPStatus.ACCEPTED:
            return Unclear(f"status_{told.status}")
        transfer = _own(told.value, withdrawal)
        if transfer is None:
            return Unclear("not_this_transfer")
        return Declined(transfer.reason or transfer.status) if transfer.word is Word.FAILED else Taken(transfer.transfer_id)

    def question(self, withdrawal: Withdrawal, credentials: Account, now_ms: int) -> Ask:
        """Ask for the transfers under the withdrawal's reference; there must be one."""
        since = withdrawal.created_at_ms - CLOCKS_APART_MS
        query = {
            "balanceAccountId": credentials.balance_account,
            "reference": withdrawal.withdrawal_id,
            "createdSince": to_iso(since),
            "createdUntil": to_iso(min(now_ms + CLOCKS_APART_MS, since + WINDOW_MS)),
        }
        return Ask("GET", f"{PATH}?{urlencode(query)}", {"X-API-Key": credentials.api_key}, None, repeatable=True)

    def status(self, withdrawal: Withdrawal, told: Told) -> Status:
        """Read the answer: none, or one, or something that only people can sort out."""
        found = told.value.get("data") if told.status == HTTPStatus.OK and isinstance(told.value, dict) else None
        if not isinstance(found, list):
            return Unclear(f"status_{told.status}" if told.status != HTTPStatus.OK else "not_a_list")
        if len(found) > 1 or _goes_on(told.value.get("_links")):
            return Unclear("several_transfers")
        if not found:
            return NotFound()
        transfer = _own(found[0], withdrawal)
        if transfer is None:
            return Unclear("not_this_transfer")
        return Pending(transfer.transfer_id) if transfer.word is Word.TAKEN else transfer.said


PAYOUTS: Final = AdyenPayouts()


def _units(withdrawal: Withdrawal) -> int:
    """Give the amount in Adyen's minor unit, all of it. Raises NotPayable."""
    places = PLACES.get(withdrawal.currency, money.currency(withdrawal.currency).exponent)
    units = money.to_scaled(withdrawal.amount, places)
    if units <= 0 or money.from_scaled(units, places) != withdrawal.amount:
        raise NotPayable("finer than the gateway's smallest unit")
    return units


def _own(value: object, withdrawal: Withdrawal) -> Transfer | None:
    """Read the transfer of this withdrawal; None for anything else."""
    try:
        transfer = transfer_of(value)
    except MalformedEvent:
        return None
    return transfer if transfer and transfer.reference == withdrawal.withdrawal_id else None


def _goes_on(links: object) -> bool:
    """Say whether there may be another page; no links, or none to a next one, say that there is not."""
    return links is not None and (not isinstance(links, dict) or links.get("next") is not None)


def _invalid(value: object) -> Ordered:
    """Read an answer 422: a no only where it names what is invalid."""
    fields = value.get("invalidFields") if isinstance(value, dict) else None
    if (
        not isinstance(value, dict)
        or not isinstance(fields, list)
        or not fields
        or not all(isinstance(one, dict) for one in fields)
    ):
        return Unclear("status_422")
    return Declined(code(value.get("errorCode"), "invalid_fields"))
