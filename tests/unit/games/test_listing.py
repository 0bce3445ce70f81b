import base64
from typing import Any

import pytest

from countroom.cursors import InvalidCursor
from countroom.games.catalogue import Catalogue
from countroom.games.entries import read_list
from countroom.games.listing import GamesFilter, game_view, page
from tests.unit.games.shelf import sandbox_catalogue
from tests.unit.games.test_snapshot import entries

EVERY = GamesFilter()


def catalogue(count: int = 25, **changes: Any) -> Catalogue:
    return Catalogue(read_list(entries(*(f"g-{number:03d}" for number in reversed(range(count))), **changes), "hub88"))


def ids(games: Any) -> list[str]:
    return [game.id for game in games]


def test_pages_hold_every_game_once_in_the_order_of_their_ids() -> None:
    seen: list[str] = []
    cursor = None
    while True:
        shown = page(catalogue(), EVERY, 10, cursor)
        seen += ids(shown.games)
        cursor = shown.next_cursor
        if cursor is None:
            break
    assert seen == [f"g-{number:03d}" for number in range(25)]


def test_the_last_page_says_so_even_when_it_is_full() -> None:
    assert page(catalogue(10), EVERY, 10).next_cursor is None
    assert page(catalogue(11), EVERY, 10).next_cursor is not None


def test_a_catalogue_that_changes_between_pages_repeats_and_skips_nothing() -> None:
    first = page(catalogue(20), EVERY, 10)
    grown = Catalogue(read_list(entries("a-new", "g-0095", *(f"g-{number:03d}" for number in range(9, 20))), "hub88"))
    second = page(grown, EVERY, 100, first.next_cursor)
    assert ids(second.games) == ["g-0095", *(f"g-{number:03d}" for number in range(10, 20))]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (GamesFilter(provider="swipe"), {"swipe-paper-lanterns", "swipe-river-wheel"}),
        (GamesFilter(category="live"), {"hub88-harbour-roulette"}),
        (GamesFilter(currency="CAD"), {"hub88-clockwork-reels", "hub88-harbour-roulette"}),
        (
            GamesFilter(provider="hub88", country="FI", currency="EUR", category="slots"),
            {"hub88-clockwork-reels", "hub88-fjord-jackpot"},
        ),
        (GamesFilter(provider="hub88", country="FR", currency="EUR", category="slots"), {"hub88-clockwork-reels"}),
        (GamesFilter(provider="nobody"), set()),
    ],
)
def test_filters(wanted: GamesFilter, expected: set[str]) -> None:
    assert set(ids(page(sandbox_catalogue(), wanted, 100).games)) == expected


def test_a_disabled_game_is_not_listed() -> None:
    assert "hub88-lantern-keno" not in ids(page(sandbox_catalogue(), EVERY, 100).games)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_a_size(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        page(catalogue(), EVERY, limit)


def test_a_cursor_belongs_to_its_filter() -> None:
    cursor = page(catalogue(), EVERY, 10).next_cursor
    with pytest.raises(InvalidCursor):
        page(catalogue(), GamesFilter(provider="hub88"), 10, cursor)


@pytest.mark.parametrize(
    "cursor",
    ["x", "####", "e30", base64.urlsafe_b64encode(b"[1,2,3]").decode(), base64.urlsafe_b64encode(b"[" * 90).decode(), "A" * 201],
)
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        page(catalogue(), EVERY, 10, cursor)


def test_a_game_as_it_is_shown() -> None:
    game = sandbox_catalogue().game("swipe-river-wheel")
    assert game is not None
    assert game_view(game) == {
        "game_id": "swipe-river-wheel",
        "provider": "swipe",
        "name": "River Wheel",
        "category": "table",
        "rtp": "97.00",
        "currencies": ["EUR", "GBP", "JPY", "USD"],
        "countries": ["*"],
        "stakes": {
            "EUR": {"min": "0.10", "max": "200.00"},
            "GBP": {"min": "0.10", "max": "160.00"},
            "JPY": {"min": "20", "max": "30000"},
            "USD": {"min": "0.10", "max": "200.00"},
        },
    }
    bound = sandbox_catalogue().game("hub88-fjord-jackpot")
    assert bound is not None
    assert game_view(bound)["stakes"]["EUR"] == {"min": "0.20", "max": None}
