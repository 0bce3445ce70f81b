"""What the signatures of all gateways share: how they are written down, and how old a delivery may be. Pure.

A dialect says which bytes are signed and how a signature is written down; everything that could be got wrong in the same way twice
is here, or in `shared_keys` where other rooms need it as well.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final

from countroom.cashier.gateways.dialect import DeliveryStale, SignatureInvalid
from countroom.shared_keys import KEY_BYTES_MIN, SECRETS_MAX, SIGNATURES_MAX, from_hex, is_signed, keys_of, texts

__all__ = [
    "KEY_BYTES_MIN",
    "SECRETS_MAX",
    "SIGNATURES_MAX",
    "TOLERANCE_MS",
    "from_base64",
    "from_hex",
    "is_shared_secret",
    "is_signed",
    "keys_of",
    "require_fresh",
    "require_signed",
    "seconds",
    "texts",
]

TOLERANCE_MS: Final = 5 * 60 * 1000
"""How far from now a delivery may have been signed, both ways: Standard Webhooks' and Stripe's own libraries have five minutes."""

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)  # whole seconds since 1970


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


def is_shared_secret(given: str, secrets: Sequence[str]) -> bool:
    """Say whether a text is one of the first SECRETS_MAX secrets, for a gateway that signs nothing but names a secret.

    Digests are compared, so that not even the length of a secret shows in the time taken. Raises SecretsUnusable.
    """
    known = [hashlib.sha256(key).digest() for key in keys_of(secrets, lambda text: text.encode("utf-8", "surrogatepass"))]
    mine = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    matches = [hmac.compare_digest(mine, theirs) for theirs in known]
    return any(matches)
