"""Signatures by a shared secret: HMAC-SHA256 in lower-case hexadecimal, the kind that most providers use (RFC 2104, FIPS 180-4)."""

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

SECRETS_MAX: Final = 4

_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]{1,256}", re.ASCII)


def shared_secrets(secret: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Read ``{"secrets": [...]}``: one to four texts of 1 to 256 visible ASCII characters. Raise ValueError."""
    texts = secret.get("secrets")
    if not isinstance(texts, list) or not 1 <= len(texts) <= SECRETS_MAX:
        raise ValueError("the secret lists no shared secrets, or too many")
    if not all(isinstance(text, str) and _SECRET.fullmatch(text) for text in texts):
        raise ValueError("a shared secret is a text of visible ASCII characters")
    return tuple(text.encode("ascii") for text in texts)


def signed_by_one(signature: str, message: bytes, secrets: Sequence[bytes]) -> bool:
    """Say whether one of the secrets made the signature; takes as long for a wrong one as for a right one."""
    if not _HEX.fullmatch(signature):
        return False
    given = bytes.fromhex(signature)
    good = False
    for secret in secrets:
        good |= hmac.compare_digest(hmac.digest(secret, message, "sha256"), given)
    return good
