"""Where a request came from, as a REST-API event (payload format 1.0) tells it."""

from collections.abc import Mapping
from typing import Any, Final

from countroom.identity.visitor import shown_source
from runtime import gate

PLACE_HEADER: Final = "CloudFront-Viewer-Country"
_PLACE_CHARACTERS: Final = 2


def address_of(event: Mapping[str, Any]) -> str:
    """Return the caller's network address as API Gateway saw it, "" where it did not say. To count by, never to show."""
    return str(((event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or "")


def source_of(event: Mapping[str, Any]) -> str:
    """Return what of the caller's address is kept and shown (see `visitor.shown_source`)."""
    return shown_source(address_of(event))


def place_of(event: Mapping[str, Any]) -> str:
    """Return the country that CloudFront names (ISO 3166-1 alpha-2), "" without one."""
    place = gate.header(event, PLACE_HEADER)
    return place if len(place) == _PLACE_CHARACTERS and place.isascii() and place.isalpha() and place.isupper() else ""
