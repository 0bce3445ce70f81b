"""The list of games as front-ends page through it. Pure.

Games come in the order of their ids, and a cursor names the last one shown, so a catalogue that changes between two pages neither
repeats a game nor leaves one out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countroom import money
from countroom.cursors import Question, check_limit, read_cursor, write_cursor
from countroom.games.catalogue import EVERYWHERE, Catalogue, Game


@dataclass(frozen=True, slots=True)
class GamesFilter:
    """What to show; '' takes everything. `country` is the player's, `currency` that of the wallet."""

    provider: str = ""
    category: str = ""
    currency: str = ""
    country: str = ""

    def matches(self, game: Game) -> bool:
        """Whether an enabled game is to be shown."""
        return (
            (not self.provider or game.provider == self.provider)
            and (not self.category or game.category == self.category)
            and (not self.currency or self.currency in game.currencies)
            and (not self.country or game.offered_in(self.country))
        )

    @property
    def question(self) -> Question:
        """What ties a cursor to its own filter."""
        return ("games", self.provider, self.category, self.currency, self.country)


@dataclass(frozen=True, slots=True)
class GamesPage:
    """Some games, and where the next page starts (None: this was the last)."""

    games: tuple[Game, ...]
    next_cursor: str | None


def page(catalogue: Catalogue, wanted: GamesFilter, limit: int, cursor: str | None = None) -> GamesPage:
    """Return at most `limit` (1 to `cursors.PAGE_MAX`) enabled games. Raise InvalidCursor."""
    check_limit(limit)
    (after,) = read_cursor(cursor, wanted.question, str) if cursor else ("",)
    matching = sorted((game for game in catalogue.offered() if game.id > after and wanted.matches(game)), key=lambda game: game.id)
    shown = tuple(matching[:limit])
    return GamesPage(shown, write_cursor(wanted.question, shown[-1].id) if len(matching) > limit else None)


def game_view(game: Game) -> dict[str, Any]:
    """Show a game. `rtp` is the return to player in percent as published; stake limits are of one bet, null where there is none."""
    return {
        "game_id": game.id,
        "provider": game.provider,
        "name": game.name,
        "category": game.category,
        "rtp": game.rtp,
        "currencies": sorted(game.currencies),
        "countries": [EVERYWHERE] if EVERYWHERE in game.countries else sorted(game.countries),
        "stakes": _stakes_view(game),
    }


def _stakes_view(game: Game) -> Mapping[str, Mapping[str, str | None]]:
    return {
        code: {"min": _bound_view(bounds.minimum, code), "max": _bound_view(bounds.maximum, code)}
        for code, bounds in sorted(game.stakes.items())
    }


def _bound_view(nanos: int | None, code: str) -> str | None:
    return None if nanos is None else money.format_amount(nanos, money.currency(code))
