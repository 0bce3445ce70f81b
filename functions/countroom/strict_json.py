"""Reading a JSON body in the one way that two readers cannot understand differently. Pure, at the bottom: every entrance uses it.

Refused is what RFC 8259 does not allow and Python's reader takes all the same (NaN, Infinity), and what it leaves open: a name that
occurs twice, of which some readers take the first and some the last, so that a check and an effect could see two amounts.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

BODY_BYTES_MAX: Final = 16 * 1024
"""Largest body that an entrance reads, in bytes, where it has no other limit of its own."""


class NotJson(ValueError):
    """Not well-formed JSON in UTF-8, or JSON that can be read in two ways. The message says what is wrong, never what was sent."""


class BodyTooLarge(NotJson):
    """More bytes than the limit: not read at all."""


def body_bytes(event: Mapping[str, Any]) -> bytes:
    """Return the bytes that were sent, out of an API Gateway event (payload format 1.0 or 2.0). Raises NotJson for bad base64."""
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotJson("not base64") from None


def read(raw: bytes, limit: int = BODY_BYTES_MAX) -> object:
    """Read a value of at most `limit` bytes. Raises NotJson, and BodyTooLarge before anything is read."""
    if len(raw) > limit:
        raise BodyTooLarge("the body is too large")
    try:
        return _decoder.decode(raw.decode("utf-8"))
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None


def is_writable(value: object) -> bool:
    """Say whether every text of a value can be written down again: half of a surrogate pair, which an escape can make, cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return False
    return True


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a name occurs twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
