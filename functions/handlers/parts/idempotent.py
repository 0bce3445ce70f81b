"""The Idempotency-Key at the HTTP edge: the same for every POST of the player API that moves or promises money.

What a key is and when an answer is given again is in `countroom.cashier.idempotency`; the room writes the effect and the record of
its answer in one transaction. An entrance reads the header here and lets its answer out here, and has no other part in it.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from countroom.cashier.idempotency import HEADER, REPLAY_HEADER, Answer


def keys_of(event: Mapping[str, Any]) -> list[str]:
    """Give every value that the header was sent with, in their order (payload format 1.0 keeps them apart)."""
    several: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    found = [str(value) for known, values in several.items() if known.lower() == HEADER.lower() for value in values or []]
    if found:
        return found
    return [str(value) for known, value in (event.get("headers") or {}).items() if known.lower() == HEADER.lower()]


def answered(answer: Answer, *, replayed: bool) -> Response[str]:
    """Let out the answer that was kept, byte for byte; marked when it was given before."""
    headers: dict[str, str | list[str]] = {REPLAY_HEADER: "true"} if replayed else {}
    return Response(status_code=answer.status, content_type="application/json", headers=headers, body=answer.body)
