"""Sumsub as its clients see it: what it signs, what it says of an applicant, and the ids that it gives."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from sandbox.provider.line import Message
from sandbox.stack import Gateway

NAME: Final = "sumsub"
LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "age": "countroom-age",
        "identity": "countroom-identity",
        "address": "countroom-address",
        "source_of_funds": "countroom-source-of-funds",
    }
)
"""Level → what the house's operator has called it at the vendor."""

HASHES: Final = MappingProxyType(
    {"HMAC_SHA1_HEX": hashlib.sha1, "HMAC_SHA256_HEX": hashlib.sha256, "HMAC_SHA512_HEX": hashlib.sha512}
)
COMMENT: Final = "Mrs Example of 5 High Street seems to wear a mask"
"""What a person at the vendor writes about a person: the house must neither show nor keep it."""


class Say(StrEnum):
    """What the vendor says of a check."""

    APPROVE = "approve"
    RETRY = "retry"
    FINAL = "final"
    PENDING = "pending"
    HOLD = "hold"
    RESET = "reset"


_TYPES: Final = {Say.PENDING: "applicantPending", Say.HOLD: "applicantOnHold", Say.RESET: "applicantReset"}
_LABELS: Final = {Say.RETRY: "UNSATISFACTORY_PHOTOS", Say.FINAL: "FORGERY"}
_STATUS: Final = {Say.PENDING: "pending", Say.HOLD: "onHold", Say.RESET: "init"}


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that the vendor says, of whom, and when (seconds since 1970). `label`: what it objects to; "" for the usual."""

    say: Say
    player_id: str
    level: str
    at_seconds: float
    applicant_id: str = ""
    label: str = ""


def applicant_id_of(player_id: str) -> str:
    """Give the id that the sandbox's vendor gives an applicant: 24 hexadecimal digits, always the same for a player."""
    return hashlib.sha256(f"applicant {player_id}".encode()).hexdigest()[:24]


def created_at(at_seconds: float) -> str:
    """Write an instant as the vendor does, in UTC."""
    return datetime.fromtimestamp(at_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def body_of(word: Word) -> bytes:
    """Write a webhook."""
    said: dict[str, Any] = {
        "applicantId": word.applicant_id or applicant_id_of(word.player_id),
        "inspectionId": secrets.token_hex(12),
        "applicantType": "individual",
        "correlationId": f"req-{secrets.token_hex(12)}",
        "externalUserId": word.player_id,
        "levelName": LEVELS[word.level],
        "type": _TYPES.get(word.say, "applicantReviewed"),
        "sandboxMode": True,
        "reviewStatus": _STATUS.get(word.say, "completed"),
        "createdAtMs": created_at(word.at_seconds),
        "clientId": "countroom",
    }
    if word.say is Say.APPROVE:
        said["reviewResult"] = {"reviewAnswer": "GREEN"}
    elif word.say in {Say.RETRY, Say.FINAL}:
        said["reviewResult"] = {
            "moderationComment": COMMENT,
            "clientComment": COMMENT,
            "reviewAnswer": "RED",
            "rejectLabels": [word.label or _LABELS[word.say]],
            "reviewRejectType": word.say.value.upper(),
            "buttonIds": [],
        }
    return json.dumps(said).encode()


def webhook(vendor: Gateway, body: bytes, *, algorithm: str = "HMAC_SHA256_HEX", secret: str = "") -> Message:
    """Sign a body; `secret` is another than the vendor's own, to see it refused."""
    key = (secret or vendor.secret).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Payload-Digest": hmac.new(key, body, HASHES[algorithm]).hexdigest(),
        "X-Payload-Digest-Alg": algorithm,
    }
    return Message("POST", vendor.webhook_url, body, headers)


def request_signature(secret_key: str, at: str, method: str, path: str, body: bytes) -> str:
    """Sign a request to the vendor's API, as who asks must: over time, method, path with query, and body."""
    return hmac.new(secret_key.encode(), f"{at}{method}{path}".encode() + body, hashlib.sha256).hexdigest()
