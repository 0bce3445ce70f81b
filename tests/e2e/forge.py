"""Access tokens as somebody might make them: by the house's own key (with the emulator's root credentials), or by another."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sandbox import aws
from sandbox.stack import Stack
from tests.e2e import world


def segment(said: object) -> str:
    return urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token."""
    header, claims, _ = token.split(".")
    return unpadded(header), unpadded(claims)


def unpadded(part: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def fixed_size(der: bytes) -> str:
    r, s = decode_dss_signature(der)
    return urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()


def signed_by_house(stack: Stack, header: dict[str, Any], claims: dict[str, Any], key: int = 0) -> str:
    """Sign as only the house can, with its first key or another: this needs the emulator's root credentials."""
    message = f"{segment(header)}.{segment(claims)}"
    answer = aws.client("kms", stack.endpoint).sign(
        KeyId=world.token_keys(stack)[key], Message=message.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )
    return f"{message}.{fixed_size(answer['Signature'])}"


def signed_by_stranger(header: dict[str, Any], claims: dict[str, Any]) -> str:
    message = f"{segment(header)}.{segment(claims)}"
    return f"{message}.{fixed_size(ec.generate_private_key(ec.SECP256R1()).sign(message.encode(), ec.ECDSA(hashes.SHA256())))}"
