"""Refresh tokens, and how the pair that one was exchanged for is kept for a moment so that only its holder can read it. Pure.

A token is ``rt.<player id>.<session id>.<secret>``: the first parts say where to look, the secret (256 random bits) is what counts.
Only its SHA-256 is stored. When it is exchanged, the new pair is sealed under a key derived from the *old* token's secret: whoever
lost that answer and asks again with the old token reads it, and the table alone gives nobody a token.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKEN_MAX: Final = 128
"""Longest refresh token, in characters."""

_SESSION_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_DIGEST_PREFIX: Final = b"countroom/refresh/1\x00"
_SEAL_INFO: Final = b"countroom/sealed-pair/1"
_FORM: Final = re.compile(r"rt\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII)


class SealBroken(Exception):
    """Sealed under another token, or changed since."""


@dataclass(frozen=True, slots=True, repr=False)
class RefreshToken:
    """One refresh token, in its parts. Its text form is `text`; it has no other, so that none gets into a log."""

    player_id: str
    session_id: str
    secret: str

    @property
    def text(self) -> str:
        """The token as its holder has it."""
        return f"rt.{self.player_id}.{self.session_id}.{self.secret}"

    @property
    def digest(self) -> bytes:
        """Thirty-two bytes by which it is known again."""
        return hashlib.sha256(_DIGEST_PREFIX + self.text.encode("ascii")).digest()

    def next(self) -> "RefreshToken":
        """Return a fresh token of the same session."""
        return RefreshToken(self.player_id, self.session_id, _random(_SECRET_BYTES))


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """An access token and the refresh token that belongs to it. `access_expires_at` is an epoch second."""

    access_token: str
    access_expires_at: int
    refresh: RefreshToken


def first_token(player_id: str) -> RefreshToken:
    """Return the first token of a new session: its id has 128 random bits."""
    return RefreshToken(player_id, _random(_SESSION_BYTES), _random(_SECRET_BYTES))


def parse(text: str) -> RefreshToken | None:
    """Read a token; None for what is none."""
    found = _FORM.fullmatch(text) if len(text) <= TOKEN_MAX else None
    return RefreshToken(*found.groups()) if found else None


def seal(old: RefreshToken, pair: Pair) -> bytes:
    """Seal the pair that `old` was exchanged for (AES-256-GCM; HKDF-SHA256 from the secret, RFC 5869)."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = f"{pair.refresh.secret} {pair.access_expires_at} {pair.access_token}"
    return nonce + AESGCM(_key(old)).encrypt(nonce, text.encode("ascii"), _bound_to(old))


def unseal(old: RefreshToken, sealed: bytes) -> Pair:
    """Open what `seal` made under the same token. Raises SealBroken."""
    try:
        text = AESGCM(_key(old)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(old)).decode("ascii")
    except (InvalidTag, ValueError):
        raise SealBroken from None
    secret, expires_at, access_token = text.split(" ")
    return Pair(access_token, int(expires_at), RefreshToken(old.player_id, old.session_id, secret))


def _key(old: RefreshToken) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_SEAL_INFO).derive(old.secret.encode("ascii"))


def _bound_to(old: RefreshToken) -> bytes:
    return f"{old.player_id}.{old.session_id}".encode("ascii")


def _random(length: int) -> str:
    return urlsafe_b64encode(secrets.token_bytes(length)).rstrip(b"=").decode("ascii")
