"""Where the next page of a list starts, as a text that the caller gives back. Pure.

A cursor holds the place, and a digest of the question it was given out for; with any other question it is refused. It is not
signed, so nothing in it is trusted: who reads one looks only where the question lets its caller look.
"""

import base64
import binascii
import hashlib
import json
from typing import Any, Final, TypeAlias

PAGE_MAX: Final = 100
"""Entries of one page, of whatever list."""

CHARACTERS_MAX: Final = 400
_FORMAT: Final = 1

Question: TypeAlias = tuple[Any, ...]
"""What tells one list from another, in values that JSON knows: whose, of what, by which filter."""


class InvalidCursor(ValueError):
    """A cursor that was not given out for this question."""


def write_cursor(question: Question, *place: str | int) -> str:
    """Name the place where the next page of the answer to a question starts."""
    text = json.dumps([_FORMAT, _digest(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, question: Question, *types: type[str] | type[int]) -> list[Any]:
    """Give the place that `write_cursor` was given, of as many parts as `types`, each of its type.

    What place it is stays for the caller to judge. Raise InvalidCursor.
    """
    if len(cursor) > CHARACTERS_MAX:
        raise InvalidCursor("too long")
    place: list[Any]
    try:
        fields: Any = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        written, digest, *place = fields
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidCursor("not a cursor") from None
    if written != _FORMAT or digest != _digest(question):
        raise InvalidCursor("given out for another question")
    if [type(part) for part in place] != [*types]:
        raise InvalidCursor("no place in this list")
    return place


def check_limit(limit: int) -> None:
    """Raise ValueError for a page of no size, or of more than PAGE_MAX."""
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_MAX} entries")


def _digest(question: Question) -> str:
    """Eight characters that differ between questions."""
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:8]
