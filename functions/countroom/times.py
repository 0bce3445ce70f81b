"""Instants at every edge: epoch milliseconds inside, RFC 3339 in UTC outside. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class InvalidInstant(ValueError):
    """Not an instant as it must be written; the message never repeats the input."""


def to_iso(at_ms: int) -> str:
    """Write an instant as ``2026-01-01T12:00:00.000Z``: always UTC and three places, so that texts sort as instants do."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Read an RFC 3339 instant into epoch milliseconds, finer parts cut off.

    Raise InvalidInstant for anything else, and for what is before the epoch.
    """
    if not _INSTANT.fullmatch(text):
        raise InvalidInstant("not a date and time with an offset")
    try:
        at_ms = (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise InvalidInstant("no such date and time") from None
    if at_ms < 0:
        raise InvalidInstant("before the year 1970")
    return at_ms


def from_iso_or_day(text: str) -> int:
    """Read an instant as `from_iso` does, or a date as its midnight in UTC."""
    return from_iso(text + "T00:00:00Z" if _DAY.fullmatch(text) else text)
