"""Opening a game: the checks, the session for real play, and the address that the provider serves the game under.

The session comes first and the address after it: a session that nobody uses harms nobody, an address whose token is not valid does.
A demo moves and starts nothing, but asks the same questions, for whoever may not play may not play for fun either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from countroom.games.catalogue import Game
from countroom.games.launch import Admission, Launcher
from countroom.games.launchers.dialect import LaunchOrder, Mode, Platform
from countroom.ledger.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Wish:
    """How a player wants a game opened; `language` is ISO 639-1, `return_url` where the game's way out leads."""

    mode: Mode = Mode.REAL
    language: str = "en"
    platform: Platform = Platform.DESKTOP
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A game with its address. A demo has neither a token nor an expiry."""

    game: Game
    mode: Mode
    url: str
    token: str | None = None
    expires_at_ms: int | None = None


class Addresses(Protocol):
    """Gets addresses from one provider (see `launchers.dialect.Doorman`)."""

    def address(self, order: LaunchOrder) -> str:
        """Return the URL; raise ProviderUnavailable."""
        ...


class Opening:
    """Opens games.

    `addresses` gives the provider's, and raises ProviderUnavailable for one that is not set up. `admit` raises UnderAge or
    NotVerified for a player who may not play in that mode yet; a bet does not ask it again, for nobody grows younger.
    """

    def __init__(
        self, launcher: Launcher, addresses: Callable[[str], Addresses], admit: Callable[[Wallet, Mode], Admission]
    ) -> None:
        self._launcher = launcher
        self._addresses = addresses
        self._admit = admit

    def open(self, player_id: str, game_id: str, wish: Wish) -> Opened:
        """Open a game. Raise a LaunchRefused, ProviderUnavailable, CatalogueUnavailable or OutcomeUnknown: then open it again.

        What `admit` raises besides goes to the caller.
        """
        game, wallet = self._launcher.check(player_id, game_id)
        admission = self._admit(wallet, wish.mode)
        addresses = self._addresses(game.provider)
        if wish.mode is Mode.DEMO:
            return Opened(game, Mode.DEMO, addresses.address(_order(game, wallet, wish)))
        launched = self._launcher.start(player_id, game, admission)
        url = addresses.address(_order(game, wallet, wish, launched.token))
        return Opened(game, Mode.REAL, url, launched.token, launched.expires_at_ms)


def _order(game: Game, wallet: Wallet, wish: Wish, token: str = "") -> LaunchOrder:
    return LaunchOrder(
        mode=wish.mode,
        game_code=game.code,
        currency=wallet.currency,
        country=wallet.country,
        language=wish.language,
        platform=wish.platform,
        return_url=wish.return_url,
        player_id=wallet.player_id if token else "",
        token=token,
    )
