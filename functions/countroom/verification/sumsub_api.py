"""Sumsub's API, as published (docs.sumsub.com/reference): an applicant for each player, and a link to where he shows his documents.

Each request is signed: `X-App-Token`, `X-App-Access-Ts` (seconds since 1970) and `X-App-Access-Sig`, the lower-case hexadecimal
HMAC-SHA256 over time, method, path with query, and body. Pure: who sends it, how long that may take and what an answer without an
end means is the outbound port's affair.

- `POST /resources/applicants?levelName=…` makes the applicant. His `externalUserId` is the player's id, of which Sumsub allows one:
  asked again it answers 409, and `GET /resources/applicants/-;externalUserId=…/one` names him. So asking again is always safe.
- `POST /resources/sdkIntegrations/levels/-/websdkLink` makes a link, for as long as LINK_S, and moves the applicant to its level.

Sumsub is told the player's id, and as `fixedInfo` the birth date and the name that he registered: it compares them with the
document that he shows, so that nobody is confirmed by somebody else's. What it answers about him is read for the two ids only.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from countroom.clock import Clock
from countroom.urls import is_safe_url
from countroom.verification.levels import Level
from countroom.verification.sumsub_webhooks import LEVEL_NAMES

LINK_S: Final = 30 * 60
KEYS_MAX: Final = 2

_OK: Final = range(200, 300)
_CONFLICT: Final = 409
_OURS: Final = frozenset({401, 403})
_PASSING: Final = frozenset({408, 425, 429})
_APPLICANT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Registered:
    """Who the player says that he is: `born` is YYYY-MM-DD, names may be empty."""

    born: str
    given_name: str = ""
    family_name: str = ""


class Why(StrEnum):
    """Why there is no link."""

    NOT_SET_UP = "not_set_up"
    BAD_CREDENTIALS = "bad_credentials"
    UNKNOWN = "unknown"
    BUSY = "busy"
    ANOTHER = "another"
    REFUSED = "refused"


class VendorUnavailable(Exception):
    """Nobody knows whether it was done, or the house is not set up to ask: asking again is safe and may help."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks, and the key that proves it."""

    token: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A signed request; `path` is below the vendor's base URL, the body byte for byte as it was signed."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Told:
    """The vendor's whole answer: HTTP status and the JSON it held."""

    status: int
    value: Any = field(repr=False)


class SecretSource(Protocol):
    """What holds the keys: {"api_keys": [{"token", "secret_key"}, …]}. The first is used; another one, where that is refused."""

    def json(self) -> Mapping[str, Any]:
        """Return the JSON object, from memory while that is fresh; raise when it cannot be read."""
        ...


class Sumsub:
    """Asks Sumsub. `send` makes the call and returns the whole answer, or None when nobody knows."""

    def __init__(self, secret: SecretSource, send: Callable[[Ask], Told | None], clock: Clock) -> None:
        self._secret = secret
        self._send = send
        self._clock = clock

    def applicant(self, player_id: str, level: Level, registered: Registered) -> str:
        """Return Sumsub's id of the player, who becomes an applicant if he is none. Raises VendorUnavailable."""
        said = {"firstName": registered.given_name, "lastName": registered.family_name, "dob": registered.born}
        fixed = {name: text for name, text in said.items() if text}
        asked = {"externalUserId": player_id, "type": "individual", "fixedInfo": fixed}
        told = self._call("POST", f"/resources/applicants?levelName={LEVEL_NAMES[level]}", asked)
        if told.status == _CONFLICT:  # he is one already: made by an earlier call whose answer was lost, or at this moment
            told = self._call("GET", f"/resources/applicants/-;externalUserId={player_id}/one")
        value = _value(told)
        applicant_id = value.get("id")
        if value.get("externalUserId") != player_id or not isinstance(applicant_id, str) or not _APPLICANT.fullmatch(applicant_id):
            raise VendorUnavailable(Why.ANOTHER)
        return applicant_id

    def link(self, player_id: str, level: Level) -> str:
        """Return a link under which the player, and whoever has it, can be checked at a level. Raises VendorUnavailable."""
        asked = {"levelName": LEVEL_NAMES[level], "userId": player_id, "ttlInSecs": LINK_S}
        url = _value(self._call("POST", "/resources/sdkIntegrations/levels/-/websdkLink", asked)).get("url")
        if not isinstance(url, str) or not is_safe_url(url):
            raise VendorUnavailable(Why.ANOTHER)
        return url

    def _call(self, method: str, path: str, said: Mapping[str, object] | None = None) -> Told:
        """Make a call with the first key, and with the next where that one is refused."""
        body = None if said is None else json.dumps(said, separators=(",", ":")).encode()
        for key in keys_of(self._secret.json()):
            told = self._send(signed(key, method, path, body, self._clock() // 1000))
            if told is None:
                raise VendorUnavailable(Why.UNKNOWN)
            if told.status not in _OURS:
                return told
        raise VendorUnavailable(Why.BAD_CREDENTIALS)


def signed(key: Key, method: str, path: str, body: bytes | None, at_s: int) -> Ask:
    """Sign a request at a time, in seconds since 1970."""
    message = f"{at_s}{method}{path}".encode() + (body or b"")
    headers = {
        "X-App-Token": key.token,
        "X-App-Access-Ts": str(at_s),
        "X-App-Access-Sig": hmac.new(key.secret_key.encode(), message, hashlib.sha256).hexdigest(),
    }
    return Ask(method, path, headers | ({} if body is None else {"Content-Type": "application/json"}), body)


def keys_of(secret: Mapping[str, Any]) -> list[Key]:
    """Read the usable ones of the first KEYS_MAX keys; none that could not be a header's value."""
    found = secret.get("api_keys")
    listed = found[:KEYS_MAX] if isinstance(found, list) else []
    keys = [Key(_text(entry.get("token")), _text(entry.get("secret_key"))) for entry in listed if isinstance(entry, dict)]
    return [key for key in keys if key.token and key.secret_key]


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _value(told: Told) -> Mapping[str, Any]:
    """Give the object of a good answer."""
    if told.status in _PASSING:
        raise VendorUnavailable(Why.BUSY)
    if told.status not in _OK:
        raise VendorUnavailable(Why.REFUSED)
    if not isinstance(told.value, dict):
        raise VendorUnavailable(Why.ANOTHER)
    return told.value
