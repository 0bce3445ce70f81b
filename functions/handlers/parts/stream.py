"""What a table's stream brings, in the form in which the tables' own readers take it."""

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from typing import Any

from countroom.ledger import items


class UnreadableImage(ValueError):
    """A change whose image is not in the stream's form."""


def image_of(change: Mapping[str, Any]) -> items.Item | None:
    """Return the item that a change of the stream left, in the low-level form; None where it left none. Raise UnreadableImage."""
    image = (change.get("dynamodb") or {}).get("NewImage")
    if not image:
        return None
    try:
        return {name: _value(value) for name, value in image.items()}
    except (AttributeError, TypeError, ValueError, BadBase64) as error:
        raise UnreadableImage("not an image of an item") from error


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    return {kind: b64decode(content, validate=True)} if kind == "B" else {kind: content}
