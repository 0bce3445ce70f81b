"""Reading JSON that a gateway sent: every field by its name and type, and no surprises. Pure.

Fields that nobody asks for are let be: gateways add some over the years, and an event that moved money must not be lost to one.
"""

import re
from collections.abc import Mapping
from typing import Final

from countroom import strict_json
from countroom.cashier.gateways.dialect import MalformedEvent

_ID: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)


def read_object(body: bytes) -> Mapping[str, object]:
    """Read a JSON object as `strict_json` does. Raises MalformedEvent."""
    try:
        found = strict_json.read(body)
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


def identifier(fields: Mapping[str, object], name: str) -> str:
    """Read a required id: what the ledger can hold as one. Raises MalformedEvent."""
    value = text(fields, name)
    if not _ID.fullmatch(value):
        raise MalformedEvent(f"{name} must be 1 to 64 letters, digits or ._:|@~+=/-")
    return value
