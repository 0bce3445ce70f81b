"""Launching a game: checks the game against the player's wallet and makes the session whose token the provider will echo.

The session is a movement of the wallet, so that a bet finds it in the item that it reads anyway; a new session at a provider ends
the old one for bets, not for wins and rollbacks.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.games.catalogue import CatalogueSource, Game
from countroom.jurisdictions.profile import Level
from countroom.ledger import sessions
from countroom.ledger.book import Book, Refused
from countroom.ledger.movements import Reason, StartSession, Status
from countroom.ledger.rules.effects import status_at
from countroom.ledger.wallet import Wallet

SESSION_MS: Final = 12 * 60 * 60 * 1000
"""How long a session takes bets: an evening at a live table, and no token that is found next week."""


class LaunchRefused(Exception):
    """No session was made; base of the refusals of this file."""


class GameNotFound(LaunchRefused):
    """There is no game of this id."""


class GameNotAvailable(LaunchRefused):
    """The game is switched off, or not offered in the player's country."""


class CurrencyNotTaken(LaunchRefused):
    """The game does not take the currency of the player's wallet."""


class PlayerBlocked(LaunchRefused):
    """The wallet is blocked or closed."""


class PlayerExcluded(LaunchRefused):
    """The player is excluded from play, or takes a break from it."""


class UnderAge(LaunchRefused):
    """The player is not old enough to play in his country."""


class NotVerified(LaunchRefused):
    """The player's country wants more to be known of him first: `levels`, in the order in which he should have them verified."""

    def __init__(self, levels: Sequence[Level]) -> None:
        super().__init__("not verified")
        self.levels = tuple(levels)


class WalletMissing(LaunchRefused):
    """The player has no wallet."""


_BY_STATUS: Final[dict[Status, type[LaunchRefused]]] = {
    Status.BLOCKED: PlayerBlocked,
    Status.CLOSED: PlayerBlocked,
    Status.EXCLUDED: PlayerExcluded,
}
_REFUSALS: Final[dict[Reason, type[LaunchRefused]]] = {
    Reason.WALLET_BLOCKED: PlayerBlocked,
    Reason.WALLET_EXCLUDED: PlayerExcluded,
    Reason.UNKNOWN_PLAYER: WalletMissing,
}


@dataclass(frozen=True, slots=True)
class Launched:
    """A session that takes bets until `expires_at_ms` (epoch milliseconds) or until the next one at this provider."""

    token: str
    game: Game
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Admission:
    """What of a player's country and age goes along with a session, so that no bet has to ask for it.

    `interval_ms`: how often the country wants a reality check (0: never). `grown_on`: the day, counted from 1970-01-01, from which
    the higher of the country's stake caps holds for him (0: not known).
    """

    interval_ms: int = 0
    grown_on: int = 0


class Launcher:
    """Starts game sessions."""

    def __init__(
        self, book: Book, catalogue: CatalogueSource, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._book = book
        self._catalogue = catalogue
        self._clock = clock
        self._random_bytes = random_bytes

    def check(self, player_id: str, game_id: str) -> tuple[Game, Wallet]:
        """Hold a game against a player's wallet, whoever may not play now included: for fun neither.

        Raise a LaunchRefused, CatalogueUnavailable or OutcomeUnknown.
        """
        game = self._catalogue.current().game(game_id)
        if game is None:
            raise GameNotFound("no such game")
        wallet = self._book.wallet(player_id)
        if wallet is None:
            raise WalletMissing("the player has no wallet")
        _check(game, wallet)
        if refusal := _BY_STATUS.get(status := status_at(wallet, self._clock())):
            raise refusal(status.value)
        return game, wallet

    def start(self, player_id: str, game: Game, admission: Admission) -> Launched:
        """Start a session of a game that was checked; the wallet itself decides whether it may be.

        Raise a LaunchRefused, or OutcomeUnknown: then start another.
        """
        token = sessions.issue(player_id, self._random_bytes(sessions.SECRET_BYTES))
        expires_at_ms = self._clock() + SESSION_MS
        digest = sessions.parse(token).digest
        told = {"interval_ms": admission.interval_ms, "grown_on": admission.grown_on}
        outcome = self._book.post(StartSession.of(player_id, game.provider, digest, game.code, expires_at_ms, **told))
        if isinstance(outcome, Refused):
            raise _REFUSALS.get(outcome.reason, LaunchRefused)(outcome.reason.value)
        return Launched(token, game, expires_at_ms)


def _check(game: Game, wallet: Wallet) -> None:
    if not game.enabled or not game.offered_in(wallet.country):
        raise GameNotAvailable("not offered now, or not in this country")
    if wallet.currency not in game.currencies:
        raise CurrencyNotTaken("not in this currency")
