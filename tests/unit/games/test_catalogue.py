from typing import Any

import pytest

from countroom.games.catalogue import Catalogue, Game, InvalidCatalogue, StakeRange
from countroom.games.entries import FAULTS_MAX, GAMES_MAX, BadList, read_list
from tests.unit.games.shelf import sandbox_catalogue

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


def read(**changes: Any) -> Game:
    (game,) = read_list([{**ENTRY, **changes}], "hub88")
    return game


def test_a_game_is_found_by_our_id_and_by_its_providers_code() -> None:
    games = Catalogue([read()])
    game = games.game("g")
    assert game is not None
    assert game is games.by_code("hub88", "c")
    assert games.game("c") is None
    assert games.by_code("other", "c") is None
    assert (game.name, game.rtp, game.currencies) == ("G", "96.00", frozenset({"EUR", "JPY"}))


def test_the_list_offers_what_is_enabled_and_the_look_ups_know_the_rest() -> None:
    games = Catalogue([read(enabled=False)])
    assert games.offered() == ()
    assert games.game("g") is not None


def test_a_catalogue_that_never_changes_is_a_source() -> None:
    games = Catalogue([read()])
    assert games.current() is games


@pytest.mark.parametrize(
    ("stake", "allowed"), [(0, False), (99_999_999, False), (100_000_000, True), (5 * 10**9, True), (5 * 10**9 + 1, False)]
)
def test_a_stake_range_includes_its_bounds(stake: int, allowed: bool) -> None:
    assert read().stake_range("EUR").allows(stake) is allowed


def test_a_bound_that_is_not_set_does_not_bind() -> None:
    game = read()
    assert game.stake_range("JPY") == StakeRange(None, 500 * 10**9)
    assert game.stake_range("JPY").allows(1)
    assert game.stake_range("SEK").allows(10**30)


@pytest.mark.parametrize(("countries", "offered"), [(["EE"], True), (["*"], True), (["SE"], False), (["SE", "EE"], True)])
def test_countries(countries: list[str], offered: bool) -> None:
    assert read(countries=countries).offered_in("EE") is offered


@pytest.mark.parametrize("second", [{"id": "g", "code": "d"}, {"id": "h", "code": "c"}], ids=str)
def test_no_id_and_no_code_twice(second: dict[str, Any]) -> None:
    with pytest.raises(InvalidCatalogue, match="twice"):
        Catalogue([read(), read(**second)])
    with pytest.raises(BadList) as refused:
        read_list([ENTRY, {**ENTRY, **second}], "hub88")
    assert refused.value.count == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": "G"},
        {"id": ""},
        {"id": "x" * 65},
        {"id": 7},
        {"provider": "swipe"},
        {"code": "a b"},
        {"code": ""},
        {"name": ""},
        {"name": "  "},
        {"name": 7},
        {"name": "x" * 81},
        {"name": "a\nb"},
        {"category": "Slots"},
        {"category": "video-slots"},
        {"category": "slot"},
        {"category": ""},
        {"category": None},
        {"rtp": "96.001"},
        {"rtp": "100.01"},
        {"rtp": "-1"},
        {"rtp": 96.0},
        {"rtp": "096.0"},
        {"enabled": "yes"},
        {"enabled": 1},
        {"currencies": ["XXX"]},
        {"currencies": []},
        {"currencies": "EUR"},
        {"currencies": ["EUR", "EUR", "JPY"]},
        {"currencies": [["EUR"]]},
        {"countries": None},
        {"countries": []},
        {"countries": ["ee"]},
        {"countries": ["EST"]},
        {"stakes": None},
        {"stakes": {"SEK": {"min": "1.00"}}},
        {"stakes": {"EUR": {"min": "0.001"}}},
        {"stakes": {"EUR": {"min": 1}}},
        {"stakes": {"EUR": {"min": "-1.00"}}},
        {"stakes": {"EUR": {"min": "2.00", "max": "1.00"}}},
        {"stakes": {"EUR": {"least": "1.00"}}},
        {"stakes": {"EUR": "1.00"}},
        {"stakes": {"EUR": {"max": None}}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_an_entry_that_is_not_in_its_form_refuses_the_list_and_is_named(change: dict[str, Any]) -> None:
    good = {**ENTRY, "id": "good", "code": "good"}
    with pytest.raises(BadList) as refused:
        read_list([good, {**ENTRY, **change}], "hub88")
    ((name, fault),) = refused.value.faults
    assert name == ("#1" if "id" in change else "g")
    assert fault
    assert not any(isinstance(value, str) and len(value) > 3 and value in fault for value in change.values())


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_nothing_may_be_missing(missing: str) -> None:
    with pytest.raises(BadList, match=f"{missing} is missing"):
        read_list([{name: value for name, value in ENTRY.items() if name != missing}], "hub88")


@pytest.mark.parametrize("entries", [None, {}, "x", 7, [ENTRY] * (GAMES_MAX + 1), ["x"], [None], [[]]], ids=lambda v: str(v)[:20])
def test_what_is_no_list_of_games(entries: object) -> None:
    with pytest.raises(BadList):
        read_list(entries, "hub88")


def test_a_refusal_counts_all_faults_and_names_some() -> None:
    with pytest.raises(BadList) as refused:
        read_list([{}] * (FAULTS_MAX + 20), "hub88")
    assert refused.value.count == FAULTS_MAX + 20
    assert len(refused.value.faults) == FAULTS_MAX


def test_an_empty_list_takes_no_provider_off() -> None:
    with pytest.raises(BadList):
        read_list([], "hub88")


def test_the_lists_that_ship_are_sound_and_have_something_to_play_from_everyone() -> None:
    games = sandbox_catalogue()
    assert {game.provider for game in games.offered()} == {"hub88", "swipe", "action_batch"}
    assert len(games.offered()) >= 8
    assert all("EUR" in game.currencies for game in games.offered())
    assert any(not game.enabled for game in [games.game("hub88-lantern-keno")] if game)
    for provider in ("hub88", "swipe", "action_batch"):
        own = [game for game in games.offered() if game.provider == provider]
        assert any(not game.stakes and game.offered_in("EE") for game in own)
        assert any(game.stake_range("EUR").maximum for game in own)
