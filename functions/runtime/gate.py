"""What a request must be before any route sees it: small enough, of the right media type, and JSON without traps."""

from collections.abc import Mapping
from typing import Any, Final

from countroom import strict_json
from runtime.problems import Code, FieldError, Problem

BODY_MAX: Final = strict_json.BODY_BYTES_MAX
"""Largest body, in bytes."""

MEDIA_TYPE: Final = "application/json"
_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def admit(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a REST-API event (payload format 1.0) as routes may see it, or raise the Problem that its body deserves.

    What comes out names the media type in its plainest spelling. An empty body passes: whether one is needed is the route's affair.
    Refused with `malformed_json`: what RFC 8259 does not allow, and what it leaves open and readers disagree on (a name twice, NaN,
    numbers beyond all use, lone surrogates).
    """
    if str(event.get("httpMethod", "")).upper() in _METHODS_WITH_BODY:
        _check_body(event)
    headers = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() != "content-type"}
    return {**event, "headers": {**headers, "Content-Type": MEDIA_TYPE}}


def header(event: Mapping[str, Any], name: str) -> str:
    """Return a header's text whatever its spelling, "" without one."""
    for known, value in (event.get("headers") or {}).items():
        if known.lower() == name.lower():
            return str(value)
    return ""


def _check_body(event: Mapping[str, Any]) -> None:
    try:
        body = strict_json.body_bytes(event)
        if not body:
            return
        if len(body) <= BODY_MAX and _media_type(event) != MEDIA_TYPE:
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE)
        value = strict_json.read(body)
    except strict_json.BodyTooLarge:
        raise Problem(Code.BODY_TOO_LARGE, f"A body may have at most {BODY_MAX} bytes.") from None
    except strict_json.NotJson:
        raise Problem(Code.MALFORMED_JSON) from None
    if not strict_json.is_writable(value):
        raise Problem(Code.MALFORMED_JSON)
    if not isinstance(value, dict):
        # The framework would take an element of a list for the body, and words of its own for the rest.
        raise Problem(Code.INVALID_REQUEST, errors=(FieldError("body", "must be an object"),))


def _media_type(event: Mapping[str, Any]) -> str:
    return header(event, "Content-Type").partition(";")[0].strip().lower()
