"""What asking a provider for a game's address has in common, and the protocol that each provider's file implements. Pure.

A launch dialect writes one signed request and reads one answer; who sends it, how long that may take and what an answer without an
end means is the outbound port's affair. An answer that does not hold a safe URL is no answer: no URL is ever made up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

from countroom.urls import is_safe_url

Credentials = TypeVar("Credentials")

_OK: Final = range(200, 300)


class Mode(StrEnum):
    """Whether a game is played for money. A demo has no session, no wallet and no bets."""

    REAL = "real"
    DEMO = "demo"


class Platform(StrEnum):
    """The layout of the game's client."""

    DESKTOP = "desktop"
    MOBILE = "mobile"


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """What a game is opened with. `token` and `player_id` are empty in a demo; `language` is ISO 639-1, `country` ISO 3166."""

    mode: Mode
    game_code: str
    currency: str
    country: str
    language: str
    platform: Platform
    return_url: str = ""
    player_id: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A signed request: POST to `path` below the provider's base URL, with the body byte for byte as it was signed."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """A provider's whole answer: HTTP status and the JSON it held."""

    status: int
    value: Any


class ProviderUnavailable(Exception):
    """There is no address: the provider is not set up, did not answer, or its answer holds none. Launching again is safe."""


class BadCredentials(ValueError):
    """A secret that holds no credentials for launches; never repeats any of it."""


class LaunchDialect(Protocol[Credentials]):
    """One provider's way of being asked for a game's address."""

    provider: str

    def credentials(self, secret: Mapping[str, Any]) -> Credentials:
        """Read what the requests are signed with from the provider's secret; raise BadCredentials."""
        ...

    def ask(self, order: LaunchOrder, credentials: Credentials) -> Ask:
        """Write the signed request."""
        ...

    def url(self, value: Any) -> object:
        """Find the URL in the JSON of an answer; anything else than a text for none. May raise LookupError or TypeError."""
        ...


class SecretSource(Protocol):
    """What holds a provider's secret."""

    def json(self) -> Mapping[str, Any]:
        """Return its JSON object, from memory while that is fresh; raise when it cannot be read."""
        ...


class Doorman(Generic[Credentials]):
    """Gets addresses from one provider. `send` makes the call and returns its whole answer, or None when nobody knows."""

    def __init__(self, dialect: LaunchDialect[Credentials], secret: SecretSource, send: Callable[[Ask], Told | None]) -> None:
        self._dialect = dialect
        self._secret = secret
        self._send = send

    def address(self, order: LaunchOrder) -> str:
        """Return the URL under which the provider serves the game. Raise ProviderUnavailable, and what the secret raises."""
        try:
            credentials = self._dialect.credentials(self._secret.json())
        except BadCredentials as error:
            raise ProviderUnavailable("the secret holds no credentials for launches") from error
        told = self._send(self._dialect.ask(order, credentials))
        if told is None:
            raise ProviderUnavailable("no answer that says anything")
        if told.status not in _OK:
            raise ProviderUnavailable("the provider refused")
        try:
            url = self._dialect.url(told.value)
        except (LookupError, TypeError):
            url = None
        if not isinstance(url, str) or not is_safe_url(url):
            raise ProviderUnavailable("the answer holds no safe URL")
        return url


def required_text(secret: Mapping[str, Any], name: str) -> str:
    """Return a text of a secret; raise BadCredentials when it is missing or no text."""
    value = secret.get(name)
    if not isinstance(value, str) or not value:
        raise BadCredentials(f"{name} is missing")
    return value
