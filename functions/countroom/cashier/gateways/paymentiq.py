"""PaymentIQ, the cashier of this industry: what it asks and is answered, by the wire. Pure.

It calls while the player waits, one call after another, and each is answered by its outcome: `POST …/verifyuser`, `/authorize`,
`/transfer` and `/cancel`, in JSON. Amounts are decimal texts in the currency's places by ISO 4217; a negative one is a withdrawal.

    verifyuser {sessionId, userId}
    authorize  {userId, txId, txAmount, txAmountCy, attributes?: {deposit_id | withdrawal}} → {…, merchantTxId, authCode}
    transfer   {userId, txId, txAmount, txAmountCy, authCode?, originTxId?, txName?} → {success, userId, txId, merchantTxId}
    cancel     {userId, txId?, authCode}                                             → {success, userId}

Refused is what comes with `success: false`, an `errCode` and an `errMsg`, and the status 200: it is an answer like any other.

Decided here, where the protocol leaves it to the operator:

- The calls are not signed. Whoever knows the shared secret, in the header `X-PaymentIQ-Secret`, is PaymentIQ; two are valid while
  one of them is being changed.
- A player opens a deposit first, in the house. Its id is the session that the player's browser hands to PaymentIQ's cashier: nobody
  can guess it, and it is worth nothing for another player. In `attributes.deposit_id` it comes back with the money.
- A withdrawal is ordered by the house (`payouts.paymentiq`). Its session is its id and a ticket, which the player never sees: the
  browser speaks to PaymentIQ too, and could else order the same withdrawal to another card before the house does. The session comes
  back in `attributes.withdrawal`, and only with its ticket is a transaction authorised; the authCode is the id.
- A transfer with an `originTxId` takes back (negative) what that transaction brought: a chargeback when its `txName` says so, else
  a refund; each such transfer is a case of its own. A positive one gives back what a withdrawal, or a chargeback, had taken.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier.deposits import is_deposit_id
from countroom.cashier.gateways import strict
from countroom.cashier.gateways.dialect import MalformedEvent
from countroom.cashier.withdrawals.withdrawal import is_withdrawal_id
from countroom.ledger.movements import is_player_id

GATEWAY: Final = "paymentiq"
SECRET_HEADER: Final = "x-paymentiq-secret"  # noqa: S105 - a header's name

WITHDRAWAL_ATTRIBUTE: Final = "withdrawal"
"""The attribute of an order in which its session comes back."""

_TICKET: Final = "."
_TX_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_AUTH_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_CHARGEBACK: Final = "chargeback"
_TEXT_MAX: Final = 128


class ErrorCode(StrEnum):
    """What an answer without success says, in `errCode`."""

    INVALID_REQUEST = "INVALID_REQUEST"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    UNKNOWN_USER = "UNKNOWN_USER"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"
    UNKNOWN_TRANSACTION = "UNKNOWN_TRANSACTION"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    LIMIT_REACHED = "LIMIT_REACHED"
    USER_BLOCKED = "USER_BLOCKED"
    USER_EXCLUDED = "USER_EXCLUDED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    DUPLICATE_TRANSACTION = "DUPLICATE_TRANSACTION"
    ALREADY_PROCESSED = "ALREADY_PROCESSED"
    NOT_BOOKED = "NOT_BOOKED"
    TRY_AGAIN = "TRY_AGAIN"


MESSAGES: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {
        ErrorCode.INVALID_REQUEST: "The call is not well-formed.",
        ErrorCode.NOT_AUTHENTICATED: "The shared secret is missing or wrong.",
        ErrorCode.UNKNOWN_USER: "There is no such player.",
        ErrorCode.UNKNOWN_SESSION: "The session is not one of this player.",
        ErrorCode.UNKNOWN_TRANSACTION: "There is no such transaction of this player.",
        ErrorCode.WRONG_CURRENCY: "The player's wallet holds another currency.",
        ErrorCode.AMOUNT_OUT_OF_RANGE: "The amount is outside what is taken in this currency.",
        ErrorCode.LIMIT_REACHED: "A limit of the player has been reached.",
        ErrorCode.USER_BLOCKED: "The player's account cannot be used.",
        ErrorCode.USER_EXCLUDED: "The player has asked to be excluded.",
        ErrorCode.INSUFFICIENT_FUNDS: "The balance is too low.",
        ErrorCode.DUPLICATE_TRANSACTION: "The transaction was told before with other figures.",
        ErrorCode.ALREADY_PROCESSED: "The transaction has come to its end otherwise.",
        ErrorCode.NOT_BOOKED: "The transaction could not be booked; people look at it.",
        ErrorCode.TRY_AGAIN: "The outcome is not known yet; send the same call again.",
    }
)


@dataclass(frozen=True, slots=True)
class VerifyUser:
    """Say who the player of a session is."""

    user_id: str
    session_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authorize:
    """Say whether so much may be moved. `amount` is in nanos, negative for a withdrawal; an id is '' where none is named."""

    user_id: str
    tx_id: str
    amount: int
    currency: str
    deposit_id: str
    withdrawal_id: str = ""
    ticket: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Transfer:
    """So much was moved. `origin_tx_id` names the transaction whose money this one takes or gives back, '' where it is none."""

    user_id: str
    tx_id: str
    amount: int
    currency: str
    auth_code: str
    deposit_id: str
    origin_tx_id: str
    is_chargeback: bool
    withdrawal_id: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """What was authorised will not be moved."""

    user_id: str
    tx_id: str
    auth_code: str


Call: TypeAlias = VerifyUser | Authorize | Transfer | Cancel


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered: success with these fields, or `error`. `alarm`: people have to look, whatever PaymentIQ does.

    `results` are what became of the deposit by this call (see `apply_event`), for the counts; they do not go over the wire.
    """

    fields: Mapping[str, str | None]
    error: ErrorCode | None = None
    alarm: str = ""
    results: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The JSON that goes over the wire, the same each time for the same answer."""
        told = {"errCode": self.error, "errMsg": MESSAGES[self.error]} if self.error else {}
        return json.dumps({"success": self.error is None, **self.fields, **told}, separators=(",", ":"))


def session_of(withdrawal_id: str, ticket: str) -> str:
    """Name the session of a withdrawal's order: `<id>.<ticket>`."""
    return f"{withdrawal_id}{_TICKET}{ticket}"


def read_session(text: str) -> tuple[str, str]:
    """Read a withdrawal's id and the ticket out of its order's session; two empty texts for anything else."""
    withdrawal_id, _, ticket = text.partition(_TICKET)
    return (withdrawal_id, ticket) if is_withdrawal_id(withdrawal_id) and ticket.isascii() else ("", "")


def parse(action: str, body: bytes) -> Call:
    """Understand a call. Raises MalformedEvent, also for an action that there is not, and nothing else, whatever was sent."""
    read = _READERS.get(action)
    if read is None:
        raise MalformedEvent("there is no such call")
    return read(strict.read_object(body))


def _verify_user(fields: Mapping[str, object]) -> VerifyUser:
    session_id = strict.text(fields, "sessionId")
    if len(session_id) > _TEXT_MAX:
        raise MalformedEvent("sessionId is too long")
    return VerifyUser(_user_id(fields), session_id)


def _authorize(fields: Mapping[str, object]) -> Authorize:
    currency, amount = _amount(fields)
    withdrawal_id, ticket = _withdrawal(fields)
    return Authorize(_user_id(fields), _tx_id(fields, "txId"), amount, currency, _deposit_id(fields), withdrawal_id, ticket)


def _transfer(fields: Mapping[str, object]) -> Transfer:
    currency, amount = _amount(fields)
    name = fields.get("txName")
    auth_code = _auth_code(fields) if fields.get("authCode") else ""
    return Transfer(
        user_id=_user_id(fields),
        tx_id=_tx_id(fields, "txId"),
        amount=amount,
        currency=currency,
        auth_code=auth_code,
        deposit_id=_deposit_id(fields),
        origin_tx_id=_tx_id(fields, "originTxId") if fields.get("originTxId") else "",
        is_chargeback=isinstance(name, str) and _CHARGEBACK in name[:_TEXT_MAX].lower(),
        withdrawal_id=auth_code if is_withdrawal_id(auth_code) else _withdrawal(fields)[0],
    )


def _cancel(fields: Mapping[str, object]) -> Cancel:
    return Cancel(_user_id(fields), _tx_id(fields, "txId") if fields.get("txId") else "", _auth_code(fields))


_READERS: Final[Mapping[str, Callable[[Mapping[str, object]], Call]]] = MappingProxyType(
    {"verifyuser": _verify_user, "authorize": _authorize, "transfer": _transfer, "cancel": _cancel}
)

ACTIONS: Final = frozenset(_READERS)


def _user_id(fields: Mapping[str, object]) -> str:
    value = strict.text(fields, "userId")
    if not is_player_id(value):
        raise MalformedEvent("userId is not one of this house")
    return value


def _tx_id(fields: Mapping[str, object], name: str) -> str:
    """Read a transaction id, which comes as a text or a whole number."""
    value = fields.get(name)
    written = str(value) if type(value) is int and abs(value) < money.AMOUNT_MAX else value
    if not isinstance(written, str) or not _TX_ID.fullmatch(written):
        raise MalformedEvent(f"{name} must be 1 to 40 letters, digits, _ or -")
    return written


def _auth_code(fields: Mapping[str, object]) -> str:
    value = strict.text(fields, "authCode")
    if not _AUTH_CODE.fullmatch(value):
        raise MalformedEvent("authCode is not one of this house")
    return value


def _deposit_id(fields: Mapping[str, object]) -> str:
    attributes = fields.get("attributes")
    found = attributes.get("deposit_id") if isinstance(attributes, dict) else None
    return found if isinstance(found, str) and is_deposit_id(found) else ""


def _withdrawal(fields: Mapping[str, object]) -> tuple[str, str]:
    attributes = fields.get("attributes")
    found = attributes.get(WITHDRAWAL_ATTRIBUTE) if isinstance(attributes, dict) else None
    return read_session(found) if isinstance(found, str) and len(found) <= _TEXT_MAX else ("", "")


def _amount(fields: Mapping[str, object]) -> tuple[str, int]:
    """Read an amount other than nothing, in nanos with its sign. A float is refused: it may not be what was meant."""
    currency, written = strict.text(fields, "txAmountCy"), strict.text(fields, "txAmount")
    amount = strict.decimal_amount(written.removeprefix("-"), currency)
    return currency, -amount if written.startswith("-") else amount
