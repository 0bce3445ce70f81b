"""Where a request came from, as a REST-API event (payload format 1.0) tells it."""

from collections.abc import Mapping
from typing import Any

from countroom.identity.visitor import shown_source


def address_of(event: Mapping[str, Any]) -> str:
    """Return the caller's network address as API Gateway saw it, "" where it did not say. To count by, never to show."""
    return str(((event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or "")


def source_of(event: Mapping[str, Any]) -> str:
    """Return what of the caller's address is kept and shown (see `visitor.shown_source`)."""
    return shown_source(address_of(event))
