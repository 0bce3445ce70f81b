"""Sumsub's webhooks, as published (docs.sumsub.com, "User verification webhooks" and "Verify webhook sender"). Pure.

Signature: `X-Payload-Digest` is the hexadecimal HMAC of the raw body, `X-Payload-Digest-Alg` names its hash. Sumsub still offers
SHA-1, and a sender chooses what the header says: only SHA-256 and SHA-512 are taken, and a missing header is none of them.

No time is signed, so a recording can be sent again for ever; it says what was heard before, by the same `createdAtMs`.

Of a body these are read: `type`, `applicantId`, `externalUserId` (the player's id, as the house gave it), `levelName`,
`createdAtMs` (``2021-05-14 16:00:25.032``, UTC), and of a result `reviewAnswer` (GREEN, RED), `reviewRejectType` (RETRY, FINAL) and
`rejectLabels`. `moderationComment` and `clientComment` are people's words about a person: nobody here reads them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from countroom import shared_keys, strict_json
from countroom.times import InvalidInstant, from_iso
from countroom.verification.levels import Level, State
from countroom.verification.standing import LABELS_MAX, VendorEvent

DIGEST_HEADER: Final = "x-payload-digest"
ALGORITHM_HEADER: Final = "x-payload-digest-alg"
DIGESTS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"HMAC_SHA256_HEX": hashlib.sha256, "HMAC_SHA512_HEX": hashlib.sha512}
)
"""The hashes that are taken."""

BODY_BYTES_MAX: Final = 64 * 1024
AHEAD_MS_MAX: Final = 5 * 60 * 1000
"""How far an event may be dated ahead of the house's clock: one of next year would stand for a year against all that comes."""

LEVEL_NAMES: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.AGE: "countroom-age",
        Level.IDENTITY: "countroom-identity",
        Level.ADDRESS: "countroom-address",
        Level.SOURCE_OF_FUNDS: "countroom-source-of-funds",
    }
)
"""What the levels are called at Sumsub, where an operator sets them up: which documents each asks for is decided there."""

_LEVELS: Final = {name: level for level, name in LEVEL_NAMES.items()}

REVIEWED: Final = "applicantReviewed"
_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {"applicantPending": State.PENDING, "applicantOnHold": State.ON_HOLD, "applicantReset": State.NONE}
)
"""What the types say that carry no result. Others say nothing of how a check stands: created, tags changed, actions."""

_REJECTED: Final = {"RETRY": State.RETRY, "FINAL": State.REJECTED}

_HEX_MAX: Final = 128
_TYPE: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)
_APPLICANT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_PLAYER: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_LABEL: Final = re.compile(r"[A-Z0-9_]{1,48}", re.ASCII)
_CREATED: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}\.\d{3})", re.ASCII)
_EVENT_ID_CHARACTERS: Final = 32


class SignatureInvalid(Exception):
    """No valid secret made this signature, by a hash that is taken, or the headers are missing or ill-formed."""


class MalformedEvent(ValueError):
    """The signed body is not what Sumsub sends. The message names the field, never its value."""


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> str:
    """Give the id of a webhook whose raw bytes one of `secrets` signed; header names in lower case.

    Raises SignatureInvalid and shared_keys.SecretsUnusable, and nothing else, whatever was sent.
    """
    keys = shared_keys.keys_of(secrets, lambda text: text.encode("utf-8", "surrogatepass"))
    digest = DIGESTS.get(headers.get(ALGORITHM_HEADER, ""))
    written = headers.get(DIGEST_HEADER, "")
    given = shared_keys.from_hex(written) if len(written) <= _HEX_MAX else None
    if digest is None or given is None or not shared_keys.is_signed(keys, body, [given], digest):
        raise SignatureInvalid("the digest is missing, by a hash that is not taken, or by no valid secret")
    return hashlib.sha256(body).hexdigest()[:_EVENT_ID_CHARACTERS]


def parse(event_id: str, body: bytes, now_ms: int) -> VendorEvent | None:
    """Understand a body; None where it says nothing of how a check stands. Raises MalformedEvent."""
    fields = _object(body)
    kind = _matching(fields, "type", _TYPE)
    if kind != REVIEWED and kind not in _STATES:
        return None
    state, labels = _result(fields) if kind == REVIEWED else (_STATES[kind], ())
    created_at_ms = _created(fields)
    if created_at_ms > now_ms + AHEAD_MS_MAX:
        raise MalformedEvent("createdAtMs is ahead of the clock")
    name, player_id = fields.get("levelName"), fields.get("externalUserId")
    return VendorEvent(
        event_id=event_id,
        applicant_id=_matching(fields, "applicantId", _APPLICANT),
        # Whoever is known under another kind of name (an address, say) is none of ours, and the name is not kept.
        player_id=player_id if isinstance(player_id, str) and _PLAYER.fullmatch(player_id) else "",
        level=_LEVELS.get(name) if isinstance(name, str) else None,
        state=state,
        created_at_ms=created_at_ms,
        labels=labels,
    )


def _object(body: bytes) -> Mapping[str, object]:
    try:
        found = strict_json.read(body, BODY_BYTES_MAX)
    except strict_json.NotJson as error:
        raise MalformedEvent("the body is not well-formed JSON") from error
    if not isinstance(found, dict):
        raise MalformedEvent("the body must be an object")
    return found


def _matching(fields: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise MalformedEvent(f"{name} must be a name")
    return value


def _created(fields: Mapping[str, object]) -> int:
    value = fields.get("createdAtMs")
    found = _CREATED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise MalformedEvent("createdAtMs must be a date and time with milliseconds")
    try:
        return from_iso(f"{found[1]}T{found[2]}Z")
    except InvalidInstant:
        raise MalformedEvent("createdAtMs is no date and time") from None


def _result(fields: Mapping[str, object]) -> tuple[State, tuple[str, ...]]:
    """Read a result. A refusal that does not say whether it is final leaves it to the vendor to let the player try again."""
    result = fields.get("reviewResult")
    if not isinstance(result, dict):
        raise MalformedEvent("reviewResult must be an object")
    answer = result.get("reviewAnswer")
    if answer == "GREEN":
        return State.APPROVED, ()
    if answer != "RED":
        raise MalformedEvent("reviewAnswer must be GREEN or RED")
    kind = result.get("reviewRejectType", "RETRY")
    if not isinstance(kind, str) or kind not in _REJECTED:
        raise MalformedEvent("reviewRejectType must be RETRY or FINAL")
    return _REJECTED[kind], _labels(result.get("rejectLabels"))


def _labels(found: object) -> tuple[str, ...]:
    """Keep the codes among the labels; anything else could be words."""
    labels = found if isinstance(found, list) else []
    codes = [label for label in labels if isinstance(label, str) and _LABEL.fullmatch(label)]
    return tuple(dict.fromkeys(codes))[:LABELS_MAX]
