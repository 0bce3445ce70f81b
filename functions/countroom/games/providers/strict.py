"""Reading what a provider sent, strictly: an object of bounded size and depth, no key twice, no value of another type.

Money never comes as a float or a string, a bool is not a number (Python's `True` is an int), and an id is what the ledger can hold.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from countroom import strict_json

BODY_BYTES_MAX: Final = strict_json.BODY_BYTES_MAX
DEPTH_MAX: Final = 8
TEXT_MAX: Final = 1024
QUERY_CHARACTERS_MAX: Final = 2048
QUERY_FIELDS_MAX: Final = 16

_ID: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class BadSyntax(ValueError):
    """Not an object of the expected shape: no JSON, a key twice or missing, too large, too deep."""


class BadType(ValueError):
    """A field of another type, or a value outside what its type allows."""


def read_object(raw: bytes) -> dict[str, object]:
    """Parse the raw bytes of a body into an object. Raise BadSyntax."""
    try:
        value = strict_json.read(raw)
    except strict_json.NotJson as error:
        raise BadSyntax(str(error)) from None
    if type(value) is not dict:
        raise BadSyntax("not an object")
    # A flat body is the rule, and counting bytes is cheap: only a body with many brackets is walked.
    if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX:
        _check_depth(value)
    return value


def read_query(raw: str) -> dict[str, object]:
    """Read a query string into its fields; escapes are UTF-8, values may be empty, no name comes twice. Raise BadSyntax."""
    if len(raw) > QUERY_CHARACTERS_MAX:
        raise BadSyntax("the query is too large")
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError as error:
        raise BadSyntax("not a query") from error
    found: dict[str, object] = dict(pairs)
    if len(found) != len(pairs):
        raise BadSyntax("a name occurs twice")
    return found


def identifier(body: Mapping[str, object], name: str) -> str:
    """Return a required id: 1 to 64 of the characters that the ledger takes. Raise BadSyntax when missing, else BadType."""
    value = _required(body, name)
    if type(value) is not str or not _ID.fullmatch(value):
        raise BadType(f"{name} is not an id")
    return value


def optional_identifier(body: Mapping[str, object], name: str) -> str | None:
    """Return an id that may be missing or null. Raise BadType."""
    return None if body.get(name) is None else identifier(body, name)


def uuid(body: Mapping[str, object], name: str) -> str:
    """Return a required UUID in lower case (RFC 9562: case does not tell two apart). Raise BadSyntax when missing, else BadType."""
    value = _required(body, name)
    if type(value) is not str or not _UUID.fullmatch(value.lower()):
        raise BadType(f"{name} is not a UUID")
    return value.lower()


def text(body: Mapping[str, object], name: str) -> str:
    """Return a required string of 1 to TEXT_MAX characters of any kind. Raise BadSyntax when missing, else BadType."""
    value = _required(body, name)
    if type(value) is not str or not 0 < len(value) <= TEXT_MAX:
        raise BadType(f"{name} is not a text")
    return value


def whole(body: Mapping[str, object], name: str) -> int:
    """Return a required integer: neither float nor bool nor string. Raise BadSyntax when missing, else BadType."""
    value = _required(body, name)
    if type(value) is not int:
        raise BadType(f"{name} is not a whole number")
    return value


def flag(body: Mapping[str, object], name: str) -> bool:
    """Return a boolean that is false when missing. Raise BadType."""
    value = body.get(name, False)
    if type(value) is not bool:
        raise BadType(f"{name} is neither true nor false")
    return value


def optional_flag(body: Mapping[str, object], name: str) -> bool | None:
    """Return a boolean; None when it is missing. Raise BadType."""
    return flag(body, name) if name in body else None


def objects(body: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return a list of objects that is empty when missing. Raise BadType."""
    value = body.get(name, [])
    if type(value) is not list or not all(type(entry) is dict for entry in value):
        raise BadType(f"{name} is not a list of objects")
    return value


def optional_text(body: Mapping[str, object], name: str) -> str | None:
    """Return a string that may be missing or null. Raise BadType."""
    value = body.get(name)
    if value is not None and type(value) is not str:
        raise BadType(f"{name} is not a text")
    return value


def _required(body: Mapping[str, object], name: str) -> object:
    try:
        return body[name]
    except KeyError:
        raise BadSyntax(f"{name} is missing") from None


def _check_depth(value: object) -> None:
    layer: list[object] = [value]
    for _ in range(DEPTH_MAX):
        layer = [item for holder in layer for item in _items(holder) if type(item) in {dict, list}]
        if not layer:
            return
    raise BadSyntax("nested too deep")


def _items(holder: object) -> list[object]:
    if isinstance(holder, dict):
        return list(holder.values())
    return holder if isinstance(holder, list) else []
