"""What a request must be before any route sees it: small enough, of the right media type, and JSON without traps."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from runtime.problems import Code, FieldError, Problem

BODY_MAX: Final = 16 * 1024
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
    body = _body_of(event)
    if len(body) > BODY_MAX:
        raise Problem(Code.BODY_TOO_LARGE, f"A body may have at most {BODY_MAX} bytes.")
    if not body:
        return
    if _media_type(event) != MEDIA_TYPE:
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE)
    _check_json(body)


def _body_of(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(Code.MALFORMED_JSON) from None


def _media_type(event: Mapping[str, Any]) -> str:
    return header(event, "Content-Type").partition(";")[0].strip().lower()


def _check_json(body: bytes) -> None:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Problem(Code.MALFORMED_JSON) from None
    if isinstance(value, list):
        # The framework would take an element of the list for the body.
        raise Problem(Code.INVALID_REQUEST, errors=(FieldError("body", "must be an object"),))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
