"""The player API's routes: which function serves each, who may call it, and what it may be asked how often.

Paths are templates of API Gateway. A route that is not here does not exist.
"""

from dataclasses import dataclass
from enum import StrEnum


class Caller(StrEnum):
    """Whom a route is for."""

    ANYBODY = "anybody"
    """Who has no token yet, or needs none."""
    PLAYER = "player"
    """The bearer of an access token: the function checks it, and its session, before anything else."""


class Pace(StrEnum):
    """How often a route may be called, by the name of the throttle in the stage's settings."""

    ORDINARY = "ordinary"
    CREDENTIALS = "credentials"
    """It takes a password or a code: each call can be a guess, and costs much."""
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    caller: Caller = Caller.PLAYER
    pace: Pace = Pace.ORDINARY


_ANYBODY, _CREDENTIALS = Caller.ANYBODY, Pace.CREDENTIALS

LOGIN = Route("POST", "/v1/sessions", _ANYBODY, _CREDENTIALS)
REFRESH = Route("POST", "/v1/sessions/refresh", _ANYBODY, Pace.REFRESH)
IDENTITY = (
    Route("POST", "/v1/players", _ANYBODY, _CREDENTIALS),
    Route("POST", "/v1/players/verifications", _ANYBODY, _CREDENTIALS),
    LOGIN,
    REFRESH,
    Route("POST", "/v1/password-resets", _ANYBODY, _CREDENTIALS),
    Route("POST", "/v1/password-resets/completions", _ANYBODY, _CREDENTIALS),
    Route("GET", "/.well-known/jwks.json", _ANYBODY),
)
ACCOUNT = (
    Route("GET", "/v1/players/me"),
    Route("PATCH", "/v1/players/me"),
    Route("GET", "/v1/players/me/security-events"),
    Route("POST", "/v1/players/me/password", pace=_CREDENTIALS),
    Route("POST", "/v1/players/me/email", pace=_CREDENTIALS),
    Route("POST", "/v1/players/me/email/confirmations", pace=_CREDENTIALS),
    Route("POST", "/v1/players/me/factor", pace=_CREDENTIALS),
    Route("DELETE", "/v1/players/me/factor", pace=_CREDENTIALS),
    Route("POST", "/v1/players/me/factor/confirmations", pace=_CREDENTIALS),
    Route("POST", "/v1/players/me/closure", pace=_CREDENTIALS),
    Route("GET", "/v1/sessions"),
    Route("DELETE", "/v1/sessions"),
    Route("DELETE", "/v1/sessions/{session_id}"),
    # It needs a path of its own: the gateway, as a route goes on below `current`, does not take that word for a {session_id}.
    Route("DELETE", "/v1/sessions/current"),
    Route("POST", "/v1/sessions/current/step-up", pace=_CREDENTIALS),
)
WALLET = (
    Route("GET", "/v1/wallet"),
    Route("GET", "/v1/wallet/transactions"),
    Route("GET", "/v1/wallet/transactions/{transaction_id}"),
    Route("GET", "/v1/wallet/statement"),
)
GAMES = (
    Route("GET", "/v1/games", _ANYBODY),
    Route("POST", "/v1/games/{game_id}/sessions"),
    Route("GET", "/v1/rounds/{provider}"),
    Route("GET", "/v1/rounds/{provider}/{round_id}"),
    Route("GET", "/v1/providers/health", _ANYBODY),
)
DEPOSITS = (
    Route("POST", "/v1/deposits"),
    Route("GET", "/v1/deposits"),
    Route("GET", "/v1/deposits/methods"),
    Route("GET", "/v1/deposits/{deposit_id}"),
    Route("POST", "/v1/deposits/{deposit_id}/payment"),
)
WITHDRAWALS = (
    Route("POST", "/v1/withdrawals"),
    Route("GET", "/v1/withdrawals"),
    Route("GET", "/v1/withdrawals/{withdrawal_id}"),
    Route("POST", "/v1/withdrawals/{withdrawal_id}/cancellation"),
)
PLAY_SAFETY = (
    Route("GET", "/v1/play-safety"),
    Route("GET", "/v1/play-safety/history"),
    Route("PUT", "/v1/limits/{kind}/{period}"),
    Route("DELETE", "/v1/limits/{kind}/{period}"),
    Route("DELETE", "/v1/limits/{kind}/{period}/raise"),
    Route("POST", "/v1/limits/{kind}/{period}/raise/confirmation"),
    Route("POST", "/v1/exclusions"),
    Route("POST", "/v1/exclusions/reopening"),
    Route("POST", "/v1/reality-checks"),
    Route("PUT", "/v1/reality-checks/interval"),
)
VERIFICATION = (
    Route("GET", "/v1/verification"),
    Route("POST", "/v1/verification/start"),
)
ALL = (*IDENTITY, *ACCOUNT, *WALLET, *GAMES, *DEPOSITS, *WITHDRAWALS, *PLAY_SAFETY, *VERIFICATION)


def paths(pace: Pace) -> list[str]:
    """Give the paths with a POST of this pace, in order: what the firewall counts by address."""
    return sorted({route.path for route in ALL if route.pace is pace and route.method == "POST"})
