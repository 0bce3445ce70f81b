"""The games on offer: typed, looked up without any request.

A game is named twice: by our `id` towards players and by the provider's own `code` on the wire. Amounts are integers of
1e-9 of the currency's main unit, as everywhere inside.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from countroom import money

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

    def game(self, game_id: str) -> Game | None:
        """Return the game with our id, enabled or not."""
        return self._by_id.get(game_id)

    def by_code(self, provider: str, code: str) -> Game | None:
        """Return the game that `provider` calls `code`, enabled or not."""
        return self._by_code.get((provider, code))

    def offered(self) -> Sequence[Game]:
        """Return the enabled games in the order of the list."""
        return tuple(game for game in self._games if game.enabled)


@cache
def standard() -> Catalogue:
    """Return the catalogue that ships with the code, read once per process."""
    return parse(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Read a JSON list of games. Raises `InvalidCatalogue` on anything that is missing, of another type or contradictory."""
    try:
        return Catalogue([_game(entry) for entry in json.loads(text)])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidCatalogue(f"the catalogue cannot be read: {error}") from error


def _game(entry: Mapping[str, Any]) -> Game:
    currencies = frozenset(money.currency(code).code for code in entry["currencies"])
    stakes = {code: _stake_range(code, bounds) for code, bounds in entry["stakes"].items()}
    if not currencies >= stakes.keys():
        raise InvalidCatalogue(f"{entry['id']}: a stake range in a currency that the game does not take")
    if not isinstance(entry["enabled"], bool):
        raise InvalidCatalogue(f"{entry['id']}: enabled is true or false")
    words = {name: _word(entry, name) for name in ("id", "provider", "code", "name", "category", "rtp")}
    return Game(
        **words,
        currencies=currencies,
        countries=frozenset(entry["countries"]),
        stakes=MappingProxyType(stakes),
        enabled=entry["enabled"],
    )


def _word(entry: Mapping[str, Any], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str) or not value:
        raise InvalidCatalogue(f"{name} of a game is a word, not {value!r}")
    return value


def _stake_range(code: str, bounds: Mapping[str, str]) -> StakeRange:
    if unknown := bounds.keys() - {"min", "max"}:
        raise InvalidCatalogue(f"unknown bounds of a stake: {sorted(unknown)}")
    currency = money.currency(code)
    minimum, maximum = (money.parse_amount(bounds[key], currency) if key in bounds else None for key in ("min", "max"))
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidCatalogue(f"the smallest stake in {code} is above the largest")
    return StakeRange(minimum, maximum)
