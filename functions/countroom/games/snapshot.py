"""The whole catalogue at one version, and what may be done to it. Pure: the store publishes what comes out.

It is kept provider by provider, so that whoever judges bets of one unpacks that one's games. A provider's list says what there is;
staff says what is taken. The two are kept apart, so that a new list never switches on again what staff has switched off.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from countroom.games.catalogue import Catalogue, Game, StakeRange
from countroom.games.entries import GAMES_MAX, BadList

TEXT_BYTES_MAX: Final = 32 * 1024 * 1024
"""How large a stored shelf may become when it is unpacked."""

_FORMAT: Final = 2


class NotAShelf(ValueError):
    """Bytes that no shelf of this form was packed into."""


class NoSuchGame(LookupError):
    """The catalogue has no game of this id."""


class NoSuchProvider(LookupError):
    """The catalogue has no game of this provider."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a list changed. `removed` were in the last list and are not in this one: they are kept, but no longer enabled."""

    added: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True)
class Switches:
    """What staff has switched off of one provider: single games, by id, and all of them."""

    games: frozenset[str] = frozenset()
    all: bool = False

    def switched(self, game_id: str, *, enabled: bool) -> "Switches":
        """Switch one game, or all where no game is named, on or off."""
        if not game_id:
            return replace(self, all=not enabled)
        return replace(self, games=self.games - {game_id} if enabled else self.games | {game_id})


@dataclass(frozen=True, slots=True)
class Shelf:
    """One provider's games as it lists them, in the order of their ids, and what staff has switched off."""

    games: Mapping[str, Game] = field(default_factory=dict)
    off: Switches = field(default_factory=Switches)

    def is_enabled(self, game: Game) -> bool:
        """Tell whether a game takes bets."""
        return game.enabled and not self.off.all and game.id not in self.off.games

    def offered(self) -> Iterator[Game]:
        """Yield the games as bets and launches see them: enabled is what the list enables and staff has not switched off."""
        return (game._replace(enabled=self.is_enabled(game)) for game in self.games.values())

    def imported(self, listed: Mapping[str, Game]) -> "tuple[Shelf, Imported]":
        """Take over a list. Raise BadList where it gives a known code to another id."""
        before = self.games
        _check_codes(listed, before)
        gone = {name: game for name, game in before.items() if name not in listed}
        after = {**listed, **{name: game._replace(enabled=False) for name, game in gone.items()}}
        came = Imported(
            added=len(listed.keys() - before.keys()),
            changed=sum(name in before and before[name] != game for name, game in listed.items()),
            unchanged=sum(name in before and before[name] == game for name, game in listed.items()),
            removed=sum(game.enabled for game in gone.values()),
        )
        return replace(self, games=dict(sorted(after.items()))), came

    def packed(self) -> bytes:
        """Write the shelf, compressed; amounts stay nanos, so that reading it parses no text."""
        rows = [
            (
                *(game.id, game.provider, game.code, game.name, game.category, game.rtp),
                sorted(game.currencies),
                sorted(game.countries),
                {code: tuple(bounds) for code, bounds in game.stakes.items()},
                game.enabled,
            )
            for game in self.games.values()
        ]
        content = {"f": _FORMAT, "g": rows, "o": sorted(self.off.games), "p": self.off.all}
        return zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 9)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every provider's shelf, by name."""

    shelves: Mapping[str, Shelf] = field(default_factory=dict)

    @property
    def games(self) -> Mapping[str, Game]:
        """Every game as its provider lists it, by id."""
        return {game.id: game for shelf in self.shelves.values() for game in shelf.games.values()}

    def shelf(self, provider: str) -> Shelf:
        """Return a provider's shelf; an empty one where there is none."""
        return self.shelves.get(provider, _EMPTY)

    def catalogue(self) -> Catalogue:
        """Return the catalogue that bets and launches see, in the order of the ids. Raise InvalidCatalogue."""
        offered = (game for shelf in self.shelves.values() for game in shelf.offered())
        return Catalogue(sorted(offered, key=lambda game: game.id))

    def with_shelf(self, provider: str, shelf: Shelf) -> "Snapshot":
        """Put a shelf in the place of a provider's."""
        return Snapshot({**self.shelves, provider: shelf})

    def imported(self, provider: str, games: Iterable[Game]) -> "tuple[Snapshot, Imported]":
        """Take over a provider's list. The same list again changes nothing. Raise BadList where another provider has an id."""
        listed = {game.id: game for game in games}
        others = {name for other, shelf in self.shelves.items() if other != provider for name in shelf.games}
        if taken := sorted(listed.keys() & others):
            raise BadList([(name, "another provider's game has this id") for name in taken])
        shelf, came = self.shelf(provider).imported(listed)
        if len(others) + len(shelf.games) > GAMES_MAX:
            raise BadList([("games", f"the catalogue would have more than {GAMES_MAX} games")])
        return self.with_shelf(provider, shelf), came

    def provider_of(self, game_id: str) -> str:
        """Say whose game it is. Raise NoSuchGame."""
        for provider, shelf in self.shelves.items():
            if game_id in shelf.games:
                return provider
        raise NoSuchGame("no such game")

    def switched(self, provider: str, game_id: str = "", *, enabled: bool) -> "Snapshot":
        """Switch one game of a provider, or all of them, on or off. Raise NoSuchProvider."""
        shelf = self.shelf(provider)
        if not shelf.games:
            raise NoSuchProvider("no game of this provider")
        return self.with_shelf(provider, replace(shelf, off=shelf.off.switched(game_id, enabled=enabled)))


_EMPTY: Final = Shelf()


def unpacked(data: bytes) -> Shelf:
    """Read what `packed` wrote. Raise NotAShelf."""
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(data, TEXT_BYTES_MAX)
        if not inflate.eof or inflate.unused_data:
            raise NotAShelf("the compressed text is cut off or too large")
        content: Any = json.loads(text)
        if content["f"] != _FORMAT:
            raise NotAShelf("written in another form")
        games = {row[0]: _game(row) for row in content["g"]}
        return Shelf(games, Switches(frozenset(content["o"]), content["p"]))
    except (zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NotAShelf("not a provider's shelf") from error


def _game(row: Any) -> Game:
    name, provider, code, title, category, rtp, currencies, countries, stakes, enabled = row
    ranges = MappingProxyType({code: StakeRange(*bounds) for code, bounds in stakes.items()})
    return Game(name, provider, code, title, category, rtp, frozenset(currencies), frozenset(countries), ranges, enabled)


def _check_codes(listed: Mapping[str, Game], before: Mapping[str, Game]) -> None:
    """Refuse a list that gives a code to another id: a win would then be shown, and a bet judged, as of another game."""
    owners = {game.code: game.id for game in before.values()}
    if moved := sorted(game.id for game in listed.values() if owners.get(game.code, game.id) != game.id):
        raise BadList([(name, "its code belonged to another id") for name in moved])
