import random
from dataclasses import replace
from typing import Any

import pytest

from countroom.games.entries import GAMES_MAX, BadList, read_list
from countroom.games.snapshot import Imported, NoSuchGame, NoSuchProvider, NotAShelf, Shelf, Snapshot, Switches, unpacked
from tests.unit.games.shelf import sandbox_snapshot
from tests.unit.games.test_catalogue import ENTRY


def entries(*ids: str, provider: str = "hub88", **changes: Any) -> list[dict[str, Any]]:
    return [{**ENTRY, "id": name, "code": f"c-{name}", "provider": provider, **changes} for name in ids]


def taken(snapshot: Snapshot, given: list[dict[str, Any]], provider: str = "hub88") -> tuple[Snapshot, Imported]:
    return snapshot.imported(provider, read_list(given, provider))


def test_the_same_list_again_changes_nothing() -> None:
    first, came = taken(Snapshot(), entries("a", "b"))
    assert came == Imported(added=2, changed=0, unchanged=0, removed=0)
    second, came = taken(first, entries("b", "a"))
    assert came == Imported(added=0, changed=0, unchanged=2, removed=0)
    assert second == first
    assert second.shelf("hub88").packed() == first.shelf("hub88").packed()


def test_what_a_list_adds_changes_and_leaves_out() -> None:
    before, _ = taken(Snapshot(), entries("a", "b", "c"))
    after, came = taken(before, entries("b") + entries("c", rtp="90.00") + entries("d"))
    assert came == Imported(added=1, changed=1, unchanged=1, removed=1)
    games = after.catalogue()
    assert [game.id for game in games.offered()] == ["b", "c", "d"]
    gone = games.by_code("hub88", "c-a")
    assert gone is not None  # wins of it are paid, and rounds of it shown
    assert not gone.enabled
    again, came = taken(after, entries("b") + entries("c", rtp="90.00") + entries("d"))
    assert (again, came.removed) == (after, 0)


def test_a_game_that_comes_back_is_offered_again() -> None:
    before, _ = taken(Snapshot(), entries("a", "b"))
    without, _ = taken(before, entries("b"))
    after, came = taken(without, entries("a", "b"))
    assert came == Imported(added=0, changed=1, unchanged=1, removed=0)
    assert after == before


def test_a_list_leaves_other_providers_alone_and_may_not_take_their_ids() -> None:
    before, _ = taken(Snapshot(), entries("a"))
    both, _ = taken(before, entries("b", provider="swipe"), "swipe")
    assert both.games["a"] == before.games["a"]
    with pytest.raises(BadList, match="another provider"):
        taken(both, entries("a", provider="swipe"), "swipe")
    same_code, _ = taken(both, [{**entries("c", provider="swipe")[0], "code": "c-a"}], "swipe")
    assert same_code.catalogue().by_code("swipe", "c-a") is not None


def test_a_code_stays_with_its_id() -> None:
    before, _ = taken(Snapshot(), entries("a"))
    with pytest.raises(BadList, match="belonged to another id"):
        taken(before, [{**entries("z")[0], "code": "c-a"}])


def test_staffs_word_outlives_every_list() -> None:
    before, _ = taken(Snapshot(), entries("a", "b"))
    off = before.switched("hub88", "a", enabled=False)
    assert [game.id for game in off.catalogue().offered()] == ["b"]
    after, _ = taken(off, entries("a", "b", rtp="90.00"))
    assert [game.id for game in after.catalogue().offered()] == ["b"]
    assert [game.id for game in after.switched("hub88", "a", enabled=True).catalogue().offered()] == ["a", "b"]


def test_a_whole_provider_is_switched_without_forgetting_single_games() -> None:
    before, _ = taken(Snapshot(), entries("a", "b"))
    before, _ = taken(before, entries("s", provider="swipe"), "swipe")
    off = before.switched("hub88", "a", enabled=False).switched("hub88", enabled=False)
    assert [game.id for game in off.catalogue().offered()] == ["s"]
    assert [game.id for game in off.switched("hub88", enabled=True).catalogue().offered()] == ["b", "s"]
    assert off.switched("hub88", enabled=False) == off


def test_staff_cannot_switch_on_what_the_list_switches_off() -> None:
    before, _ = taken(Snapshot(), entries("a", enabled=False))
    assert before.switched("hub88", "a", enabled=True).catalogue().offered() == ()


def test_what_is_not_there_cannot_be_switched() -> None:
    before, _ = taken(Snapshot(), entries("a"))
    with pytest.raises(NoSuchGame):
        before.provider_of("b")
    with pytest.raises(NoSuchProvider):
        before.switched("swipe", enabled=False)


def test_the_catalogue_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GAMES_MAX == 10_000
    monkeypatch.setattr("countroom.games.snapshot.GAMES_MAX", 2)
    before, _ = taken(Snapshot(), entries("a"))
    with pytest.raises(BadList, match="more than"):
        taken(before, entries("b", "c", provider="swipe"), "swipe")


def test_packing_loses_nothing() -> None:
    for shelf in sandbox_snapshot().shelves.values():
        for off in (Switches(), Switches(frozenset({"swipe-river-wheel"})), Switches(frozenset({"a", "b"}), all=True)):
            assert unpacked(replace(shelf, off=off).packed()) == replace(shelf, off=off)
    assert unpacked(Shelf().packed()) == Shelf()


def test_bytes_that_are_no_shelf() -> None:
    data = sandbox_snapshot().shelf("hub88").packed()
    dice = random.Random(5)  # noqa: S311 - which byte is broken
    broken = [b"", b"x", data[:-1], data[:40], data + b"x", Shelf().packed()[:-6]]
    for _ in range(200):
        place = dice.randrange(len(data))
        broken.append(data[:place] + bytes(((data[place] + dice.randrange(1, 256)) % 256,)) + data[place + 1 :])
    for text in broken:
        with pytest.raises(NotAShelf):
            unpacked(text)
