"""Webhooks as the vendor sends them, signed by the standard library alone."""

import hashlib
import hmac
import json
from typing import Any

from tests.unit.verification.house import APPLICANT, PLAYER

SECRET = "a-webhook-secret-of-the-vendor"
OLD_SECRET = "the-webhook-secret-before-that"
COMMENT = "Looks like Mr Smith of 5 High Street, whom we know"

HASHES = {"HMAC_SHA1_HEX": hashlib.sha1, "HMAC_SHA256_HEX": hashlib.sha256, "HMAC_SHA512_HEX": hashlib.sha512}


def fields_of(kind: str = "applicantReviewed", answer: str = "GREEN", **changes: Any) -> dict[str, Any]:
    """The fields of a webhook; None leaves one out."""
    said: dict[str, Any] = {
        "applicantId": APPLICANT,
        "inspectionId": "5cb56e8e0a975a35f333cb84",
        "applicantType": "individual",
        "correlationId": "req-a260b669-4f14-4bb5-a4c5-ac0218acb9a4",
        "externalUserId": PLAYER,
        "levelName": "countroom-identity",
        "type": kind,
        "sandboxMode": True,
        "reviewStatus": "completed",
        "createdAtMs": "2026-01-01 12:00:10.250",
        "clientId": "countroom",
    }
    if kind == "applicantReviewed":
        said["reviewResult"] = {"reviewAnswer": answer}
    said |= changes
    return {name: value for name, value in said.items() if value is not None}


def body_of(kind: str = "applicantReviewed", answer: str = "GREEN", **changes: Any) -> bytes:
    """A webhook's bytes."""
    return json.dumps(fields_of(kind, answer, **changes)).encode()


def red(kind: str | None = "RETRY", **more: Any) -> dict[str, Any]:
    """A result that refuses, with everything that the vendor's people may have written about it."""
    said = {
        "moderationComment": COMMENT,
        "clientComment": COMMENT,
        "reviewAnswer": "RED",
        "rejectLabels": ["UNSATISFACTORY_PHOTOS", "SCREENSHOTS"],
        "reviewRejectType": kind,
        "buttonIds": [],
    }
    return {name: value for name, value in (said | more).items() if value is not None}


def headers_of(body: bytes, secret: str = SECRET, algorithm: str = "HMAC_SHA256_HEX") -> dict[str, str]:
    """The headers that sign a body."""
    digest = hmac.new(secret.encode(), body, HASHES[algorithm]).hexdigest()
    return {"x-payload-digest": digest, "x-payload-digest-alg": algorithm, "content-type": "application/json"}
