"""Reading JSON that a gateway sent: every field by its name and type, and no surprises. Pure.

Fields that nobody asks for are let be: gateways add some over the years, and an event that moved money must not be lost to one.
Amounts are taken exactly or refused: as a plain decimal, or as a whole number of the places in which the gateway counts a currency.
"""

import re
from collections.abc import Mapping
from typing import Final

from countroom import money, strict_json
from countroom.cashier.deposits import is_deposit_id
from countroom.cashier.gateways.dialect import MalformedEvent
from countroom.times import InvalidInstant, from_iso

BODY_BYTES_MAX: Final = 160 * 1024
"""Largest webhook that is taken in. Stripe's events about a dispute carry up to 150,000 characters of evidence
(docs.stripe.com/disputes/api); written in base64, this much still fits into a message of SQS, and into an item of DynamoDB."""

_ID: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)
_REASON: Final = re.compile(r"[A-Za-z0-9_.-]{1,48}", re.ASCII)
_REASON_UNREADABLE: Final = "other"
_SECONDS_END: Final = 1 << 38  # in the year 10680, which every store here can still write


def read_object(body: bytes) -> Mapping[str, object]:
    """Read a JSON object of at most BODY_BYTES_MAX bytes as `strict_json` does. Raises MalformedEvent."""
    try:
        found = strict_json.read(body, BODY_BYTES_MAX)
    except strict_json.NotJson as error:
        raise MalformedEvent("the body is not well-formed JSON") from error
    return as_object(found, "the body")


def as_object(value: object, name: str) -> Mapping[str, object]:
    """Give `value` when it is a JSON object. Raises MalformedEvent."""
    if not isinstance(value, dict):
        raise MalformedEvent(f"{name} must be an object")
    return value


def text(fields: Mapping[str, object], name: str) -> str:
    """Read a required text. Raises MalformedEvent."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedEvent(f"{name} must be a string")
    return value


def whole(fields: Mapping[str, object], name: str) -> int:
    """Read a required whole number; a bool, a float and a text are none. Raises MalformedEvent."""
    value = fields.get(name)
    if type(value) is not int:
        raise MalformedEvent(f"{name} must be a whole number")
    return value


def identifier(fields: Mapping[str, object], name: str) -> str:
    """Read a required id: what the ledger can hold as one. Raises MalformedEvent."""
    value = text(fields, name)
    if not _ID.fullmatch(value):
        raise MalformedEvent(f"{name} must be 1 to 64 letters, digits or ._:|@~+=/-")
    return value


def deposit_id(fields: Mapping[str, object], name: str) -> str:
    """Read a required id of a deposit of this house. Raises MalformedEvent."""
    value = text(fields, name)
    if not is_deposit_id(value):
        raise MalformedEvent(f"{name} is not one of this house")
    return value


def code(value: object) -> str:
    """Keep a gateway's code as it is; free text not at all, for it may hold anything and players read what is recorded."""
    if value is None:
        return ""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else _REASON_UNREADABLE


def decimal_amount(plain: str, currency_code: str) -> int:
    """Read a plain decimal within the currency's places into nanos; nothing is no payment. Raises MalformedEvent."""
    currency = _currency(currency_code)
    try:
        nanos = money.parse_amount(plain, currency)
    except money.InvalidAmount:
        raise MalformedEvent("amount must be a plain decimal within the currency's places") from None
    return positive(nanos)


def positive(nanos: int) -> int:
    """Give an amount that is more than nothing: a payment of nothing is none. Raises MalformedEvent."""
    if nanos == 0:
        raise MalformedEvent("amount must be more than zero")
    return nanos


def minor_amount(units: int, currency_code: str, places: Mapping[str, int]) -> int:
    """Read a whole number of a currency's smallest units into nanos. Raises MalformedEvent.

    `places`: where the gateway counts a currency otherwise than ISO 4217 does. An amount that the currency cannot have (Icelandic
    cents, say) is refused and never rounded.
    """
    currency = _currency(currency_code)
    try:
        nanos = money.from_scaled(units, places.get(currency_code, currency.exponent))
    except money.InvalidAmount:
        raise MalformedEvent("amount must be a whole number of the currency's smallest units, not negative") from None
    if nanos % 10 ** (money.NANO_PLACES - currency.exponent):
        raise MalformedEvent("amount is finer than the currency's smallest unit")
    return nanos


def instant(written: str, name: str) -> int:
    """Read an RFC 3339 instant into epoch milliseconds. Raises MalformedEvent."""
    try:
        return from_iso(written)
    except InvalidInstant:
        raise MalformedEvent(f"{name} must be an RFC 3339 instant") from None


def seconds(fields: Mapping[str, object], name: str) -> int:
    """Read whole seconds since 1970 into epoch milliseconds. Raises MalformedEvent."""
    value = whole(fields, name)
    if not 0 <= value < _SECONDS_END:
        raise MalformedEvent(f"{name} must be seconds since 1970")
    return value * 1000


def _currency(currency_code: str) -> money.Currency:
    try:
        return money.currency(currency_code)
    except money.UnknownCurrency:
        raise MalformedEvent("currency is not one of this house") from None
