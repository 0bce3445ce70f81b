"""Passwords at rest: argon2id, and the same work whether an account exists or not."""

from base64 import b64encode
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB: Final = 19_456
TIME_COST: Final = 2
PARALLELISM: Final = 1
"""OWASP's password storage cheat sheet, argon2id profile: m=19456 (19 MiB), t=2, p=1."""

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

_HASHER: Final = PasswordHasher(
    time_cost=TIME_COST,
    memory_cost=MEMORY_KIB,
    parallelism=PARALLELISM,
    hash_len=_HASH_BYTES,
    salt_len=_SALT_BYTES,
    type=Type.ID,
)


def _unpadded(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")


NOBODY: Final = (
    f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={PARALLELISM}${_unpadded(bytes(_SALT_BYTES))}${_unpadded(bytes(_HASH_BYTES))}"
)
"""A hash of today's cost that no known password has: what the password of an unknown account is checked against."""


def hash_password(password: str) -> str:
    """Return the encoded argon2id hash of a normalised password. About 20 ms of CPU, on purpose."""
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Say whether a normalised password belongs to a stored hash; None (no account) takes the same work and is False."""
    try:
        _HASHER.verify(stored or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether a stored hash was made with other parameters than today's, so that it should be replaced."""
    return _HASHER.check_needs_rehash(stored)
