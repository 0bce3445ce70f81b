"""What the signatures of all gateways share: keys from secrets, comparing in constant time, and how old a delivery may be. Pure.

A dialect says which bytes are signed and how a signature is written down; everything that could be got wrong in the same way twice
is here. Every key is tried against every signature: both secrets are valid while one of them is being changed.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from countroom.cashier.gateways.dialect import DeliveryStale, SecretsUnusable, SignatureInvalid

TOLERANCE_MS: Final = 5 * 60 * 1000
"""How far from now a delivery may have been signed, both ways: Standard Webhooks' and Stripe's own libraries have five minutes."""

SECRETS_MAX: Final = 4
SIGNATURES_MAX: Final = 8
KEY_BYTES_MIN: Final = 16
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)  # whole seconds since 1970
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)


def texts(secret: Mapping[str, Any]) -> list[str]:
    """Read the texts of `{"secrets": [text, …]}`, the form in which every gateway's secret is kept; what is none is left out."""
    found = secret.get("secrets")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def keys_of(secrets: Sequence[str], read: Callable[[str], bytes | None]) -> list[bytes]:
    """Give the usable keys of the first SECRETS_MAX secrets; `read` gives None for a text that is no secret of its gateway.

    A key of less than KEY_BYTES_MIN bytes is not usable: a placeholder must not come to be trusted. Raises SecretsUnusable.
    """
    keys = [key for secret in secrets[:SECRETS_MAX] if (key := read(secret)) and len(key) >= KEY_BYTES_MIN]
    if not keys:
        raise SecretsUnusable("no usable secret")
    return keys


def is_signed(keys: Iterable[bytes], message: bytes, signatures: Sequence[bytes]) -> bool:
    """Say whether one of the first SIGNATURES_MAX signatures is the HMAC-SHA256 of `message` by one of `keys`.

    All pairs are compared, each in constant time, so the time taken does not tell which was near.
    """
    expected = [hmac.digest(key, message, hashlib.sha256) for key in keys]
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in signatures[:SIGNATURES_MAX]]
    return any(matches)


def require_signed(keys: Iterable[bytes], message: bytes, signatures: Sequence[bytes]) -> None:
    """Raise SignatureInvalid unless `is_signed`."""
    if not is_signed(keys, message, signatures):
        raise SignatureInvalid("no signature is by a valid secret")


def seconds(text: str) -> int:
    """Read the whole seconds of a signature's time. Raises SignatureInvalid."""
    if not _SECONDS.fullmatch(text):
        raise SignatureInvalid("the signature's time is missing or ill-formed")
    return int(text)


def require_fresh(signed_at_s: int, now_ms: int) -> None:
    """Raise DeliveryStale unless the delivery was signed within TOLERANCE_MS of now, before or after."""
    if abs(now_ms - signed_at_s * 1000) > TOLERANCE_MS:
        raise DeliveryStale("signed too long ago or in the future")


def from_base64(text: str) -> bytes | None:
    """Decode base64, padded or not; None for anything else, and for a second spelling of the same bytes (RFC 4648, 3.5)."""
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode().rstrip("=") == text.rstrip("=") else None


def from_hex(text: str) -> bytes | None:
    """Decode hexadecimal digits of either case and nothing else (no white space, which Python's own reader takes)."""
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def is_shared_secret(given: str, secrets: Sequence[str]) -> bool:
    """Say whether a text is one of the first SECRETS_MAX secrets, for a gateway that signs nothing but names a secret.

    Digests are compared, so that not even the length of a secret shows in the time taken. Raises SecretsUnusable.
    """
    known = [hashlib.sha256(key).digest() for key in keys_of(secrets, lambda text: text.encode("utf-8", "surrogatepass"))]
    mine = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    matches = [hmac.compare_digest(mine, theirs) for theirs in known]
    return any(matches)
