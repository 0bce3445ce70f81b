"""Reading a gateway's settlement file: strictly, line by line, never more of it in memory than one line. Pure.

CSV (RFC 4180) in UTF-8 with exactly this first line; operators bring what their gateway's back office exports into this form:

    payment_id,deposit_id,kind,amount,currency,booked_at

`payment_id` is the gateway's, `deposit_id` the house's (empty where the gateway does not tell it), `kind` a Booking, `amount` a
plain decimal above zero, `booked_at` an RFC 3339 instant. A line that does not fit is told by its number and left out; a file that
is not such a file at all is refused as a whole.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier.deposits import Booking, is_deposit_id
from countroom.times import InvalidInstant, from_iso

HEADER: Final = "payment_id,deposit_id,kind,amount,currency,booked_at"
LINES_MAX: Final = 500_000
LINE_BYTES_MAX: Final = 1024
_FIELDS: Final = len(HEADER.split(","))
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # spreadsheets put one in front
_KINDS: Final = {booking.value: booking for booking in Booking}
_PAYMENT_ID: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)


class FileRefused(ValueError):
    """No settlement file, or larger than one may be. The message says why, never what is in it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `amount` in nanos of `currency`, `booked_at_ms` by the gateway's clock, `deposit_id` perhaps empty."""

    number: int
    payment_id: str
    deposit_id: str
    kind: Booking
    amount: int
    currency: str
    booked_at_ms: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is none; `reason` names the field."""

    number: int
    reason: str


Read: TypeAlias = Line | Unreadable


def read_file(chunks: Iterable[bytes]) -> Iterator[Read]:
    """Read a file that comes in pieces of any size. Raises FileRefused, at its first line or when it proves too large."""
    lines = _lines(chunks)
    first = next(lines, b"").removeprefix(_BYTE_ORDER_MARK)
    if first != HEADER.encode():
        raise FileRefused("the first line is not that of a settlement file")
    for number, raw in enumerate(lines, start=2):
        if number > LINES_MAX:
            raise FileRefused("too many lines")
        yield _read_line(number, raw)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut at line ends (LF or CRLF), whatever the pieces; what is left after the last one is a line too, if it is not empty."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _bounded(line).removesuffix(b"\r")
        _bounded(rest)
    if rest:
        yield rest.removesuffix(b"\r")


def _bounded(line: bytes) -> bytes:
    if len(line) > LINE_BYTES_MAX:
        raise FileRefused("a line is too long")
    return line


def _read_line(number: int, raw: bytes) -> Read:
    try:
        fields = next(csv.reader([raw.decode("utf-8")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return Unreadable(number, "not a line of CSV in UTF-8")
    if len(fields) != _FIELDS:
        return Unreadable(number, f"must have {_FIELDS} fields")
    try:
        return _line(number, fields)
    except ValueError as error:
        return Unreadable(number, str(error))


def _line(number: int, fields: list[str]) -> Line:
    payment_id, deposit_id, kind, amount, code, booked_at = fields
    if not _PAYMENT_ID.fullmatch(payment_id):
        raise ValueError("payment_id is not an id")
    if deposit_id and not is_deposit_id(deposit_id):
        raise ValueError("deposit_id is not one of this house")
    if kind not in _KINDS:
        raise ValueError("kind is not one that is known here")
    return Line(number, payment_id, deposit_id, _KINDS[kind], _amount(amount, code), code, _instant(booked_at))


def _amount(text: str, code: str) -> int:
    try:
        nanos = money.parse_amount(text, money.currency(code))
    except money.UnknownCurrency:
        raise ValueError("currency is not one of this house") from None
    except money.InvalidAmount:
        raise ValueError("amount must be a plain decimal within the currency's places") from None
    if nanos == 0:
        raise ValueError("amount must be more than zero")
    return nanos


def _instant(text: str) -> int:
    try:
        return from_iso(text)
    except InvalidInstant:
        raise ValueError("booked_at must be an RFC 3339 instant") from None
