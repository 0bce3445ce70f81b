"""The bearer check, wired once for every function that serves protected routes.

First the token, without the network; then the session it names, by one strong read of the player's access. So a session that was
ended anywhere is refused by the next request, on every route, and nothing in between can remember it as good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from aws_lambda_powertools.event_handler import Request

from countroom.clock import Clock, system_clock
from countroom.identity import sessions, tokens
from countroom.identity.access import Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.keys import KeysUnavailable, KmsPublicKeys
from countroom.identity.sessions import Live, Sessions, StepUpRequired
from countroom.identity.table import Table
from runtime import aws, http
from runtime.problems import Code

PROBLEMS: http.Problems = {
    **tokens.PROBLEMS,
    **sessions.PROBLEMS,
    KeysUnavailable: Code.TEMPORARILY_UNAVAILABLE,
}
"""What a protected route may answer before it begins."""

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
"""What a protected route declares in OpenAPI."""

PUBLIC: list[dict[str, list[str]]] = []
"""What a route that anybody may call declares."""


@dataclass(frozen=True, slots=True)
class BearerSettings:
    """What the check needs of a function's environment. The first of the keys signs, all of them verify."""

    token_key_ids: tuple[str, ...]
    token_issuer: str
    sessions_table: str
    session_absolute_seconds: int
    session_idle_seconds: int

    @property
    def lifetimes(self) -> Lifetimes:
        """How long sessions last at this stage."""
        return Lifetimes(absolute_ms=self.session_absolute_seconds * 1000, idle_ms=self.session_idle_seconds * 1000)


class Door(http.Bearer):
    """Lets a request in by its bearer token.

    One of its methods is the one dependency of a protected route: ``Player = Annotated[str, Depends(Door(_settings).player_id)]``.

    `settings` is asked at the first request, so that importing a function reads no environment.
    """

    def __init__(self, settings: Callable[[], BearerSettings], clock: Clock = system_clock) -> None:
        self._settings = settings
        self.clock = clock

    def live(self, request: Request) -> Live:
        """Return who asks, in which session."""
        return self._sessions.check(self._verifier.claims(self.token(request)))

    def player_id(self, request: Request) -> str:
        """Return the player who asks."""
        return self.live(request).player_id

    def fresh(self, request: Request) -> Live:
        """Return who asks, if he has proved himself again in this session lately; else raise StepUpRequired."""
        live = self.live(request)
        if not live.stepped_up:
            raise StepUpRequired
        return live

    @cached_property
    def _verifier(self) -> tokens.Verifier:
        settings = self._settings()
        return tokens.Verifier(settings.token_issuer, public_keys(settings), self.clock)

    @cached_property
    def _sessions(self) -> Sessions:
        settings = self._settings()
        store = AccessStore(Table(aws.client("dynamodb"), settings.sessions_table))
        return Sessions(store, None, self.clock, settings.lifetimes)

    def forget(self) -> None:
        """Ask for the settings again at the next request: for tests, which change the world under a process."""
        for name in ("_verifier", "_sessions"):
            self.__dict__.pop(name, None)


def public_keys(settings: BearerSettings) -> KmsPublicKeys:
    """Return every key that access tokens may be signed with."""
    return KmsPublicKeys(aws.client("kms"), settings.token_key_ids)
