"""Secrets that the house shares with other companies, and what is signed with them by HMAC. Pure, at the bottom: for every room.

Every key is tried against every signature: the old and the new one are valid together while a secret is being changed.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

SECRETS_MAX: Final = 4
SIGNATURES_MAX: Final = 8
KEY_BYTES_MIN: Final = 16
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)


class SecretsUnusable(Exception):
    """The other side's secret holds no usable key; nothing can be verified until it does."""


def texts(secret: Mapping[str, Any]) -> list[str]:
    """Read the texts of `{"secrets": [text, …]}`, the form in which such a secret is kept; what is none is left out."""
    found = secret.get("secrets")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def keys_of(secrets: Sequence[str], read: Callable[[str], bytes | None]) -> list[bytes]:
    """Give the usable keys of the first SECRETS_MAX secrets; `read` gives None for a text that is no secret of that company.

    A key of less than KEY_BYTES_MIN bytes is not usable: a placeholder must not come to be trusted. Raises SecretsUnusable.
    """
    keys = [key for secret in secrets[:SECRETS_MAX] if (key := read(secret)) and len(key) >= KEY_BYTES_MIN]
    if not keys:
        raise SecretsUnusable("no usable secret")
    return keys


def is_signed(
    keys: Iterable[bytes], message: bytes, signatures: Sequence[bytes], digest: Callable[..., Any] = hashlib.sha256
) -> bool:
    """Say whether one of the first SIGNATURES_MAX signatures is the HMAC of `message` by one of `keys`.

    All pairs are compared, each in constant time, so the time taken does not tell which was near.
    """
    expected = [hmac.digest(key, message, digest) for key in keys]
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in signatures[:SIGNATURES_MAX]]
    return any(matches)


def from_hex(text: str) -> bytes | None:
    """Decode hexadecimal digits of either case and nothing else (no white space, which Python's own reader takes)."""
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None
