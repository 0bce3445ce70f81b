import json
from typing import Any

import pytest

from countroom.games import catalogue
from countroom.games.catalogue import Catalogue, InvalidCatalogue, StakeRange

ENTRY: dict[str, Any] = {
    "id": "g",
    "provider": "hub88",
    "code": "c",
    "name": "G",
    "category": "slots",
    "rtp": "96.00",
    "currencies": ["EUR", "JPY"],
    "countries": ["EE"],
    "stakes": {"EUR": {"min": "0.10", "max": "5.00"}, "JPY": {"max": "500"}},
    "enabled": True,
}


def parsed(**changes: Any) -> Catalogue:
    return catalogue.parse(json.dumps([{**ENTRY, **changes}]))


def test_a_game_is_found_by_our_id_and_by_its_providers_code() -> None:
    games = parsed()
    game = games.game("g")
    assert game is not None
    assert game is games.by_code("hub88", "c")
    assert games.game("c") is None
    assert games.by_code("other", "c") is None
    assert (game.name, game.rtp, game.currencies) == ("G", "96.00", frozenset({"EUR", "JPY"}))


def test_the_list_offers_what_is_enabled_and_the_look_ups_know_the_rest() -> None:
    games = parsed(enabled=False)
    assert games.offered() == ()
    assert games.game("g") is not None


@pytest.mark.parametrize(
    ("stake", "allowed"), [(0, False), (99_999_999, False), (100_000_000, True), (5 * 10**9, True), (5 * 10**9 + 1, False)]
)
def test_a_stake_range_includes_its_bounds(stake: int, allowed: bool) -> None:
    game = parsed().game("g")
    assert game is not None
    assert game.stake_range("EUR").allows(stake) is allowed


def test_a_bound_that_is_not_set_does_not_bind() -> None:
    game = parsed().game("g")
    assert game is not None
    assert game.stake_range("JPY") == StakeRange(None, 500 * 10**9)
    assert game.stake_range("JPY").allows(1)
    assert game.stake_range("SEK").allows(10**30)


@pytest.mark.parametrize(("countries", "offered"), [(["EE"], True), (["*"], True), (["SE"], False), ([], False)])
def test_countries(countries: list[str], offered: bool) -> None:
    game = parsed(countries=countries).game("g")
    assert game is not None
    assert game.offered_in("EE") is offered


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": "yes"},
        {"name": ""},
        {"name": 7},
        {"currencies": ["XXX"]},
        {"stakes": {"SEK": {"min": "1.00"}}},
        {"stakes": {"EUR": {"min": "0.001"}}},
        {"stakes": {"EUR": {"min": 1}}},
        {"stakes": {"EUR": {"min": "2.00", "max": "1.00"}}},
        {"stakes": {"EUR": {"least": "1.00"}}},
        {"stakes": None},
        {"countries": None},
    ],
    ids=str,
)
def test_a_catalogue_that_contradicts_itself_is_not_used(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidCatalogue):
        parsed(**change)


@pytest.mark.parametrize("second", [{"id": "g", "code": "d"}, {"id": "h", "code": "c"}], ids=str)
def test_no_id_and_no_code_twice(second: dict[str, Any]) -> None:
    with pytest.raises(InvalidCatalogue, match="twice"):
        catalogue.parse(json.dumps([ENTRY, {**ENTRY, **second}]))


@pytest.mark.parametrize("text", ["", "{}x", "[1]", "null", '[{"id": "g"}]'])
def test_text_that_is_no_catalogue(text: str) -> None:
    with pytest.raises(InvalidCatalogue):
        catalogue.parse(text)


def test_the_catalogue_that_ships_is_sound_and_has_something_to_play() -> None:
    games = catalogue.standard()
    assert games is catalogue.standard()
    assert len(games.offered()) >= 4
    assert {game.provider for game in games.offered()} == {"hub88"}
    assert all("EUR" in game.currencies for game in games.offered())
    assert any(not game.enabled for game in [games.game("hub88-lantern-keno")] if game)
