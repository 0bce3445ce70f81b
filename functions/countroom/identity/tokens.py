"""Access tokens: JSON Web Tokens of the `at+jwt` type (RFC 9068), signed ES256 (RFC 7518 §3.4), good for ten minutes.

Signing goes through a port, because the private key never leaves KMS; it is used at login and refresh only. Checking needs the
public key and no network; whether the session that a token names (`sid`) still lives is another question, which `sessions` answers.
Everything that a token could choose is pinned here instead: algorithm, type, key, issuer and audience; a header with any other
member (`jku`, `jwk`, `x5u`, `crit`) is refused, whatever it says.
"""

import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from countroom.clock import Clock

ALGORITHM: Final = "ES256"
TYPE: Final = "at+jwt"
SCHEME: Final = "Bearer"
AUDIENCE: Final = "countroom:player"
LIFETIME_SECONDS: Final = 600
CLOCK_SKEW_SECONDS: Final = 60
"""How far ahead of ours the clock of the machine that issued a token may be. An expiry is taken by the letter."""

TOKEN_MAX: Final = 2048

_COORDINATE_BYTES: Final = 32
_SIGNATURE: Final = r"[A-Za-z0-9_-]{85}[AQgw]"  # 64 bytes; the last character's four spare bits are zero (RFC 4648 §3.5)
_FORM: Final = re.compile(rf"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.{_SIGNATURE}", re.ASCII)
_CLAIMS: Final = ("iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid")
_SESSION_ID_MAX: Final = 64


class TokenRefused(Exception):
    """Not a token of ours, or not for here. Why is not said: it would help nobody but a forger."""


class TokenExpired(TokenRefused):
    """Was a good token until its time was over."""


PROBLEMS: Final[Mapping[type[Exception], str]] = {TokenExpired: "token_expired", TokenRefused: "not_authenticated"}
"""How the player API calls these refusals."""


class Signer(Protocol):
    """Whatever holds the private key."""

    @property
    def key_id(self) -> str:
        """The `kid` under which the public key is published."""

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature of a message, 64 bytes r || s."""


class PublicKeys(Protocol):
    """Whatever knows the public keys that count."""

    def key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return a key by its `kid`, None when it is not one of ours. Asks the network at most once for each key of ours."""

    def all(self) -> Mapping[str, EllipticCurvePublicKey]:
        """Return every key that counts, by `kid`."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Makes tokens: `name` is the `iss` claim."""

    name: str
    signer: Signer
    clock: Clock

    def issue(self, player_id: str, session_id: str, lifetime_seconds: int = LIFETIME_SECONDS) -> str:
        """Return a signed token for a session of a player, valid from now for a while, LIFETIME_SECONDS at most."""
        now = self.clock() // 1000
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self.signer.key_id}
        claims = {
            "iss": self.name,
            "sub": player_id,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + min(lifetime_seconds, LIFETIME_SECONDS),
            "jti": secrets.token_urlsafe(16),
            "sid": session_id,
        }
        message = f"{_segment(header)}.{_segment(claims)}"
        return f"{message}.{_unpadded(self.signer.sign(message.encode('ascii')))}"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says: whose it is, in which session, its own id, and until which epoch second it is good."""

    player_id: str
    session_id: str
    token_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks tokens: `issuer` is the only `iss` claim that counts."""

    issuer: str
    keys: PublicKeys
    clock: Clock

    def claims(self, token: str) -> Claims:
        """Return what a token of ours says, without the network. Raises TokenExpired or TokenRefused."""
        if len(token) > TOKEN_MAX or not _FORM.fullmatch(token):
            raise TokenRefused
        key = self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self.issuer,
                # Instants are compared below, on the clock that was handed in.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError):
            raise TokenRefused from None
        return self._claims_now(claims)

    def _key(self, token: str) -> EllipticCurvePublicKey:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise TokenRefused from None
        key_id = header.get("kid")
        if header != {"alg": ALGORITHM, "typ": TYPE, "kid": key_id} or not isinstance(key_id, str):
            raise TokenRefused
        key = self.keys.key(key_id)
        if key is None:
            raise TokenRefused
        return key

    def _claims_now(self, claims: Mapping[str, Any]) -> Claims:
        now = self.clock() // 1000
        instants = (claims["iat"], claims["nbf"], claims["exp"])
        session_id = claims["sid"]
        if not isinstance(session_id, str) or not 0 < len(session_id) <= _SESSION_ID_MAX:
            raise TokenRefused
        if not all(type(instant) is int for instant in instants):
            raise TokenRefused
        issued, valid_from, expires = instants
        if max(issued, valid_from) > now + CLOCK_SKEW_SECONDS or claims["aud"] != AUDIENCE:
            raise TokenRefused
        if expires <= now:
            raise TokenExpired
        return Claims(str(claims["sub"]), session_id, str(claims["jti"]), expires)


def jwks(keys: PublicKeys) -> dict[str, list[dict[str, str]]]:
    """Return the JSON Web Key Set (RFC 7517 §5) under which anyone can check our tokens."""
    return {"keys": [_jwk(key_id, key) for key_id, key in keys.all().items()]}


def _jwk(key_id: str, key: EllipticCurvePublicKey) -> dict[str, str]:
    if not isinstance(key.curve, SECP256R1):
        raise TypeError("an ES256 key lies on P-256")
    point = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _unpadded(point.x.to_bytes(_COORDINATE_BYTES, "big")),
        "y": _unpadded(point.y.to_bytes(_COORDINATE_BYTES, "big")),
        "use": "sig",
        "alg": ALGORITHM,
        "kid": key_id,
    }


def _segment(value: Mapping[str, Any]) -> str:
    return _unpadded(json.dumps(value, separators=(",", ":")).encode("utf-8"))


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
