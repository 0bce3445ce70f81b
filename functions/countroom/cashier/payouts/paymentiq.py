"""Paying out through PaymentIQ: its Front API, as published (docs.paymentiq.io, "Process Payments", "Check Transaction Status").

    POST /api/{method}/withdrawal/process                             → {"txId", "txState", "statusCode", "success"}
    GET  /api/user/transaction/{merchantId}/{userId}/{txId}/status    → {"txState", "statusCode", "merchantTxId", "success"}
    GET  /api/user/transaction/{merchantId}/{userId}?method=Withdrawal → {"transactions": [...], "success"}

The session that the calls name is the withdrawal's id and its ticket, a secret of house and gateway. PaymentIQ shows it back
(`verifyuser`), and the attributes that an order brings come back with `authorize` and `transfer` (`cashier.paymentiq_desk`).

It publishes no key under which an order is repeated. What keeps a withdrawal from being paid twice is that PaymentIQ moves nothing
without an authorisation: this house gives one for each withdrawal, to the first transaction that asks, and to no other. So an order
may be sent again once nothing is found of it.

An end is a `txState` that is final with a `statusCode` that says the same ("Transaction States And Status Codes"): INCONSISTENT is
by its definition none, and neither are failures of which PaymentIQ's own words leave open what the provider did. Of the entries of
the list its page says little: taken for this withdrawal's is one that bears its id as `merchantTxId`, which the house gives, or its
session in the attributes, and where a vendor's paper says otherwise it decides.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from countroom import money
from countroom.cashier.gateways.paymentiq import WITHDRAWAL_ATTRIBUTE, session_of
from countroom.cashier.payouts.dialect import Ask, BadCredentials, NotPayable, Told, required_text
from countroom.cashier.payouts.port import Declined, NotFound, Ordered, Pending, Said, Status, Taken, Unclear
from countroom.cashier.withdrawals.withdrawal import Withdrawal, Word

_METHOD: Final = re.compile(r"[a-z][a-z0-9]{1,31}", re.ASCII)
_MERCHANT: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_TX_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_TX_ID_END: Final = 10**40

_WORKING: Final = frozenset({"REGISTERED", "PROCESSING", "WAITING_INPUT", "WAITING_APPROVAL", "REPROCESSING"})
_PAID: Final = frozenset({"SUCCESS", "SUCCESS_WITHDRAWAL_APPROVAL", "SUCCESS_WITHDRAWAL_AUTO_APPROVAL"})
_WORKING_STILL: Final = frozenset({"SUCCESS_WAITING_CONFIRMATION"})
_NEVER_SENT: Final = frozenset(
    {
        "ERR_ABOVE_LIMIT",
        "ERR_BAD_REQUEST",
        "ERR_BELOW_LIMIT",
        "ERR_FAILED_TO_CONNECT",
        "ERR_INVALID_PARAMETER",
        "ERR_NOT_AUTHENTICATED",
        "ERR_PSP_ACCOUNT_NOT_USED",
        "ERR_PSP_ACCOUNT_USED_BY_OTHER_USER",
        "ERR_PSP_OUT_OF_SERVICE",
        "ERR_TOO_MANY_PSP_ACCOUNTS",
        "ERR_USER_ACCOUNT_BLOCKED",
        "ERR_USER_SESSION_INVALID",
    }
)
ASKS_BEFORE_BELIEVED: Final = 3
"""So often the status is asked for before a success is believed without the transfer call that says its amount."""

_DECLINED: Final = re.compile(r"ERR_DECLINED_[A-Z0-9_]{1,48}", re.ASCII)
_OPEN_ALL_THE_SAME: Final = frozenset({"ERR_DECLINED_DUPLICATE_TX_ID", "ERR_DECLINED_REPEAT_CANCELLED"})
_CANCELLED: Final = frozenset({"ERR_CANCELLED_BY_USER", "ERR_CANCELLED_BY_MERCHANT", "ERR_CANCELLED_BY_PSP"})
_WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {"SUCCESSFUL": Word.PAID, "FAILED": Word.FAILED, "CANCELLED": Word.FAILED} | dict.fromkeys(_WORKING, Word.TAKEN)
)


@dataclass(frozen=True, slots=True)
class Merchant:
    """Which merchant asks, and the method by which PaymentIQ pays."""

    merchant_id: str
    method: str


class PaymentIqPayouts:
    """The payout dialect; it has no state."""

    gateway = "paymentiq"

    def credentials(self, secret: Mapping[str, Any]) -> Merchant:
        """Read the merchant's number and the method. Raises BadCredentials."""
        merchant_id, method = required_text(secret, "merchant_id"), required_text(secret, "method")
        if not _MERCHANT.fullmatch(merchant_id) or not _METHOD.fullmatch(method):
            raise BadCredentials("merchant_id is no number, or method no name")
        return Merchant(merchant_id, method)

    def order(self, withdrawal: Withdrawal, credentials: Merchant) -> Ask:
        """Write the order. Raises NotPayable."""
        currency = money.currency(withdrawal.currency)
        amount = money.format_amount(withdrawal.amount, currency)
        if money.parse_amount(amount, currency) != withdrawal.amount:
            raise NotPayable("finer than the currency's smallest unit")
        body = {
            "sessionId": _session(withdrawal),
            "userId": withdrawal.player_id,
            "merchantId": credentials.merchant_id,
            "amount": amount,
            "attributes": {WITHDRAWAL_ATTRIBUTE: _session(withdrawal), "instrument": withdrawal.instrument},
        }
        path = f"/api/{credentials.method}/withdrawal/process"
        headers = {"Content-Type": "application/json"}
        return Ask("POST", path, headers, json.dumps(body, separators=(",", ":")).encode(), repeatable=False)

    def ordered(self, withdrawal: Withdrawal, told: Told) -> Ordered:  # noqa: ARG002 - the port's signature
        """Read the answer to an order."""
        fields = _fields(told)
        tx_id = _tx_id(fields.get("txId"))
        word = _word(fields)
        if tx_id is None or word is None:
            return Unclear(f"status_{told.status}" if told.status != HTTPStatus.OK else "no_end")
        return Declined(str(fields["statusCode"])) if word is Word.FAILED else Taken(tx_id)

    def question(self, withdrawal: Withdrawal, credentials: Merchant, now_ms: int) -> Ask:  # noqa: ARG002 - the port's signature
        """Ask for the transaction that was authorised; before there is one, for all withdrawals of the player."""
        path, query = (
            f"/api/user/transaction/{credentials.merchant_id}/{withdrawal.player_id}",
            {"sessionId": _session(withdrawal)},
        )
        if withdrawal.payout_id:
            path += f"/{withdrawal.payout_id}/status"
        else:
            query["method"] = "Withdrawal"
        return Ask("GET", f"{path}?{urlencode(query)}", {}, None, repeatable=True)

    def status(self, withdrawal: Withdrawal, told: Told) -> Status:
        """Read the answer to the one question or to the other."""
        fields = _fields(told)
        if not fields:
            return Unclear(f"status_{told.status}" if told.status != HTTPStatus.OK else "not_an_object")
        if withdrawal.payout_id:
            own = fields.get("merchantTxId") == withdrawal.withdrawal_id
            status = _status(fields, withdrawal.payout_id) if own else Unclear("not_this_transaction")
            return _unless_told_soon(withdrawal, status)
        listed = _objects(fields.get("transactions"))
        if fields.get("success") is not True or fields.get("userId") != withdrawal.player_id or listed is None:
            return Unclear("not_a_list")
        return _unless_told_soon(withdrawal, _together([one for one in listed if _is_of(one, withdrawal)]))


PAYOUTS: Final = PaymentIqPayouts()


def _fields(told: Told) -> dict[str, Any]:
    return told.value if told.status == HTTPStatus.OK and isinstance(told.value, dict) else {}


def _tx_id(value: object) -> str | None:
    """Read a transaction id, which comes as a whole number or a text."""
    written = str(value) if type(value) is int and 0 < value < _TX_ID_END else value
    return written if isinstance(written, str) and _TX_ID.fullmatch(written) else None


def _word(fields: Mapping[str, Any]) -> Word | None:
    """Say what state and status code say together; None where they do not, or leave open what has happened."""
    state, status, success = fields.get("txState"), fields.get("statusCode"), fields.get("success")
    if not isinstance(state, str) or not isinstance(status, str) or type(success) is not bool:
        return None
    word = _WORDS.get(state)
    if word is Word.PAID:
        if status in _WORKING_STILL:
            return Word.TAKEN
        return word if success and status in _PAID else None
    if word is Word.FAILED:
        definite = status in _CANCELLED if state == "CANCELLED" else _is_definite(status)
        return word if definite and not success else None
    return word


def _is_definite(status: str) -> bool:
    return status in _NEVER_SENT or (_DECLINED.fullmatch(status) is not None and status not in _OPEN_ALL_THE_SAME)


def _status(fields: Mapping[str, Any], tx_id: str) -> Status:
    word = _word(fields)
    if word is None:
        return Unclear("no_end")
    if word is Word.TAKEN:
        return Pending(tx_id)
    return Said(word, tx_id, str(fields["statusCode"]) if word is Word.FAILED else "")


def _unless_told_soon(withdrawal: Withdrawal, status: Status) -> Status:
    """Wait for the transfer call that follows every success: it says what was paid, and a status does not.

    When the call stays away for ASKS_BEFORE_BELIEVED questions, what was ordered is taken for what was paid.
    """
    if isinstance(status, Said) and status.word is Word.PAID and withdrawal.asks < ASKS_BEFORE_BELIEVED:
        return Pending(status.payout_id)
    return status


def _together(found: list[dict[str, Any]]) -> Status:
    """Say what the transactions of one withdrawal come to, none of which has been authorised as far as is known here.

    It was ordered as often as there are, and one at most gets an authorisation: a payment is what it comes to, else what is still
    worked on. That all of them failed is an end, too: one that arrives later gets no authorisation any more.
    """
    read = [(_word(one), _tx_id(one.get("txId")), one) for one in found]
    if any(tx_id is None for _, tx_id, _ in read):
        return Unclear("no_name")
    for wanted in (Word.PAID, None, Word.TAKEN, Word.FAILED):
        for word, tx_id, one in read:
            if word is wanted:
                return _status(one, str(tx_id))
    return NotFound()


def _objects(listed: object) -> list[dict[str, Any]] | None:
    return listed if isinstance(listed, list) and all(isinstance(one, dict) for one in listed) else None


def _is_of(entry: Mapping[str, Any], withdrawal: Withdrawal) -> bool:
    attributes = entry.get("attributes")
    named = attributes.get(WITHDRAWAL_ATTRIBUTE) if isinstance(attributes, dict) else None
    return entry.get("merchantTxId") == withdrawal.withdrawal_id or named == _session(withdrawal)


def _session(withdrawal: Withdrawal) -> str:
    return session_of(withdrawal.withdrawal_id, withdrawal.ticket)
