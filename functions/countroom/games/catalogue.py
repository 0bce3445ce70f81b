"""The games on offer: typed, looked up without any request.

A game is named twice: by our `id` towards players and by the provider's own `code` on the wire. Amounts are integers of
1e-9 of the currency's main unit, as everywhere inside.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

EVERYWHERE = "*"


class InvalidCatalogue(ValueError):
    """The list of games contradicts itself; nothing of it is used."""


class StakeRange(NamedTuple):
    """The smallest and the largest stake of one bet, in nanos; None where the house sets no bound of its own."""

    minimum: int | None = None
    maximum: int | None = None

    def allows(self, stake: int) -> bool:
        """Whether `stake` (nanos) lies within the range, bounds included."""
        if self.minimum is not None and stake < self.minimum:
            return False
        return self.maximum is None or stake <= self.maximum


ANY_STAKE = StakeRange()


class Game(NamedTuple):
    """One game. `rtp` is the return to player in percent as published, a decimal string: shown, never computed with."""

    id: str
    provider: str
    code: str
    name: str
    category: str
    rtp: str
    currencies: frozenset[str]
    countries: frozenset[str]
    stakes: Mapping[str, StakeRange]
    enabled: bool

    def offered_in(self, country: str) -> bool:
        """Whether a player of `country` (ISO 3166 alpha-2) may launch it."""
        return EVERYWHERE in self.countries or country in self.countries

    def stake_range(self, currency: str) -> StakeRange:
        """Return the range of one bet in `currency`; without an entry of its own any stake is allowed."""
        return self.stakes.get(currency, ANY_STAKE)


class Catalogue:
    """An immutable set of games with its two look-ups."""

    def __init__(self, games: Iterable[Game]) -> None:
        """Raise `InvalidCatalogue` when an id, or a provider's code, appears twice."""
        self._games: Sequence[Game] = tuple(games)
        self._by_id = {game.id: game for game in self._games}
        self._by_code = {(game.provider, game.code): game for game in self._games}
        if len(self._by_id) != len(self._games) or len(self._by_code) != len(self._games):
            raise InvalidCatalogue("a game id or a provider's game code appears twice")

    def current(self) -> "Catalogue":
        """Return itself: a catalogue that never changes is a source too (see `CatalogueSource`)."""
        return self

    def game(self, game_id: str) -> Game | None:
        """Return the game with our id, enabled or not."""
        return self._by_id.get(game_id)

    def by_code(self, provider: str, code: str) -> Game | None:
        """Return the game that `provider` calls `code`, enabled or not."""
        return self._by_code.get((provider, code))

    def offered(self) -> Sequence[Game]:
        """Return the enabled games in the order of the list."""
        return tuple(game for game in self._games if game.enabled)


class CatalogueSource(Protocol):
    """Where the catalogue comes from: the table's (see `catalogue_source`), or one that is fixed."""

    def current(self) -> Catalogue:
        """Return the catalogue as it stands, at most a little old; raise CatalogueUnavailable when there is none to be trusted."""
        ...


class CatalogueUnavailable(Exception):
    """The catalogue cannot be read, and none is held that is young enough. Bets cannot be judged; wins and rollbacks need none."""
