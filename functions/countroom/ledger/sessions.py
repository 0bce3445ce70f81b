"""Game session tokens: what a provider echoes with every bet.

A token is ``<player id>.<secret>``. The wallet keeps a digest of the secret for each provider, so checking a bet's session reads
nothing but the wallet that the bet reads anyway, and a stolen table gives no token away.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from countroom.ledger.movements import DIGEST_BYTES

SECRET_BYTES: Final = 20
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{1,32})\.([a-z2-7]{32})", re.ASCII)


class InvalidToken(ValueError):
    """Not the shape of a game session token."""


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a token says: whose it is, and the digest that the wallet may hold."""

    player_id: str
    digest: bytes


def issue(player_id: str, secret: bytes) -> str:
    """Return the token of a fresh secret of SECRET_BYTES random bytes."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a session secret has {SECRET_BYTES} bytes")
    return f"{player_id}.{base64.b32encode(secret).decode().lower()}"


def parse(token: str) -> SessionToken:
    """Read a token; raise InvalidToken when it cannot be one. Whether it is current is the wallet's to say."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidToken("not a game session token")
    return SessionToken(match.group(1), hashlib.sha256(match.group(2).encode()).digest()[:DIGEST_BYTES])
