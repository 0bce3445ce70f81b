"""The whole catalogue at one version, and what may be done to it. Pure: the store publishes what comes out.

A provider's list says what there is; staff says what is taken. The two are kept apart, so that a new list never switches on again
what staff has switched off.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from countroom.games.catalogue import Catalogue, Game, StakeRange
from countroom.games.entries import GAMES_MAX, BadList

TEXT_BYTES_MAX: Final = 32 * 1024 * 1024
"""How large a stored snapshot may become when it is unpacked."""

_FORMAT: Final = 1


class NotASnapshot(ValueError):
    """Bytes that no snapshot of this form was packed into."""


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
class Snapshot:
    """Every game as its provider lists it, in order, and what staff has switched off."""

    games: Mapping[str, Game] = field(default_factory=dict)
    off_games: frozenset[str] = frozenset()
    off_providers: frozenset[str] = frozenset()

    def catalogue(self) -> Catalogue:
        """Return the catalogue that bets and launches see: enabled is what the list enables and staff has not switched off."""
        return Catalogue(game._replace(enabled=self.is_enabled(game)) for game in self.games.values())

    def is_enabled(self, game: Game) -> bool:
        """Tell whether a game takes bets."""
        return game.enabled and game.id not in self.off_games and game.provider not in self.off_providers

    def imported(self, provider: str, games: Iterable[Game]) -> "tuple[Snapshot, Imported]":
        """Take over a provider's list. The same list again changes nothing. Raise BadList where another provider has an id."""
        listed = {game.id: game for game in games}
        others = {game.id: game for game in self.games.values() if game.provider != provider}
        if taken := sorted(listed.keys() & others.keys()):
            raise BadList([(name, "another provider's game has this id") for name in taken])
        before = {game.id: game for game in self.games.values() if game.provider == provider}
        _check_codes(listed, before)
        gone = {name: game for name, game in before.items() if name not in listed}
        after = others | listed | {name: game._replace(enabled=False) for name, game in gone.items()}
        if len(after) > GAMES_MAX:
            raise BadList([("games", f"the catalogue would have more than {GAMES_MAX} games")])
        came = Imported(
            added=len(listed.keys() - before.keys()),
            changed=sum(name in before and before[name] != game for name, game in listed.items()),
            unchanged=sum(name in before and before[name] == game for name, game in listed.items()),
            removed=sum(game.enabled for game in gone.values()),
        )
        return replace(self, games=dict(sorted(after.items()))), came

    def switched(self, *, enabled: bool, provider: str = "", game_id: str = "") -> "Snapshot":
        """Switch one game, or all of one provider, on or off. Raise NoSuchGame, NoSuchProvider."""
        if game_id:
            if game_id not in self.games:
                raise NoSuchGame("no such game")
            return replace(self, off_games=_with(self.off_games, game_id, out=enabled))
        if all(game.provider != provider for game in self.games.values()):
            raise NoSuchProvider("no game of this provider")
        return replace(self, off_providers=_with(self.off_providers, provider, out=enabled))

    def packed(self) -> bytes:
        """Write the snapshot, compressed; amounts stay nanos, so that reading it parses no text."""
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
        content = {"f": _FORMAT, "g": rows, "o": sorted(self.off_games), "p": sorted(self.off_providers)}
        return zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 9)


def unpacked(data: bytes) -> Snapshot:
    """Read what `packed` wrote. Raise NotASnapshot."""
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(data, TEXT_BYTES_MAX)
        if not inflate.eof or inflate.unused_data:
            raise NotASnapshot("the compressed text is cut off or too large")
        content: Any = json.loads(text)
        if content["f"] != _FORMAT:
            raise NotASnapshot("written in another form")
        games = {row[0]: _game(row) for row in content["g"]}
        return Snapshot(games, frozenset(content["o"]), frozenset(content["p"]))
    except (zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NotASnapshot("not a snapshot of the catalogue") from error


def _game(row: Any) -> Game:
    name, provider, code, title, category, rtp, currencies, countries, stakes, enabled = row
    ranges = MappingProxyType({code: StakeRange(*bounds) for code, bounds in stakes.items()})
    return Game(name, provider, code, title, category, rtp, frozenset(currencies), frozenset(countries), ranges, enabled)


def _with(names: frozenset[str], name: str, *, out: bool) -> frozenset[str]:
    return names - {name} if out else names | {name}


def _check_codes(listed: Mapping[str, Game], before: Mapping[str, Game]) -> None:
    """Refuse a list that gives a code to another id: a win would then be shown, and a bet judged, as of another game."""
    owners = {game.code: game.id for game in before.values()}
    if moved := sorted(game.id for game in listed.values() if owners.get(game.code, game.id) != game.id):
        raise BadList([(name, "its code belonged to another id") for name in moved])
