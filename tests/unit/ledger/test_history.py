"""Histories agree with the balance whatever the index knows, pages stay where they are, and nobody sees another's."""

import json
from dataclasses import replace
from typing import Any

import pytest

from countroom.cursors import CHARACTERS_MAX, PAGE_MAX, InvalidCursor, write_cursor
from countroom.ledger import items
from countroom.ledger.chain import CLOCK_ERROR_MS, GETS_MAX, Chain, ChainBroken, IndexBehind, Position, head_of
from countroom.ledger.history import (
    MONEY,
    SCANNED_MAX,
    Filter,
    History,
    HistoryPage,
)
from countroom.ledger.movements import Kind, Reference
from countroom.ledger.records import Outcome, Record, public_id_of, reference_of
from countroom.ledger.store import StoreBusy
from countroom.ledger.views import entry_view, page_view, status_of, transaction_view
from tests.unit.clock import START_MS
from tests.unit.ledger.table import GAME, GATEWAY, UNIT, Ledger, Player, all_kinds

ME = "pl_anna"
DEFAULT = Filter()
EVERYTHING = Filter(frozenset(Kind))


def history(ledger: Ledger) -> History:
    return History(ledger.store, ledger.patience)


def page(ledger: Ledger, wanted: Filter = DEFAULT, limit: int = 20, cursor: str | None = None) -> HistoryPage:
    found = history(ledger).page(ME, wanted, limit, cursor)
    assert found is not None
    return found


def pages(ledger: Ledger, wanted: Filter = DEFAULT, limit: int = 20) -> list[HistoryPage]:
    """All pages to the end."""
    found = [page(ledger, wanted, limit)]
    while found[-1].next_cursor:
        assert len(found) < 500
        found.append(page(ledger, wanted, limit, found[-1].next_cursor))
    return found


def versions(*shown: HistoryPage) -> list[int]:
    return [entry.record.version for one in shown for entry in one.entries]


def with_deposits(how_many: int) -> tuple[Ledger, Player]:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(*(me.deposit(f"d{number}", UNIT) for number in range(how_many)))
    return ledger, me


def newest_version(ledger: Ledger) -> int:
    wallet = ledger.store.wallet(ME)
    assert wallet is not None
    return wallet.version


def test_newest_first_without_housekeeping() -> None:
    ledger = all_kinds()
    shown = page(ledger, limit=100)
    assert versions(shown) == sorted(versions(shown), reverse=True)
    assert versions(shown)[0] == newest_version(ledger)
    assert {entry.record.kind for entry in shown.entries} == MONEY
    assert shown.next_cursor is None
    assert versions(page(ledger, EVERYTHING, limit=100)) == list(range(newest_version(ledger), 0, -1))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, PAGE_MAX])
def test_pages_of_any_size_show_everything_once(limit: int) -> None:
    ledger = all_kinds()
    assert versions(*pages(ledger, EVERYTHING, limit)) == list(range(newest_version(ledger), 0, -1))
    assert versions(*pages(ledger, Filter(), limit)) == versions(page(ledger, limit=100))


@pytest.mark.parametrize(("deposits", "limit", "full_pages"), [(4, 2, 2), (5, 2, 3), (1, 1, 1), (100, 100, 1), (101, 100, 2)])
def test_the_last_page_knows_that_it_is_the_last(deposits: int, limit: int, full_pages: int) -> None:
    ledger, _ = with_deposits(deposits)
    shown = pages(ledger, limit=limit)
    assert len(shown) == full_pages
    assert len(versions(*shown)) == deposits


def test_pages_stay_where_they_are_while_movements_arrive() -> None:
    ledger, me = with_deposits(9)
    seen = versions(first := page(ledger, limit=3))
    cursor = first.next_cursor
    for round_ in range(2):
        ledger.post(me.deposit(f"new-{round_}", UNIT))
        following = page(ledger, limit=3, cursor=cursor)
        seen += versions(following)
        cursor = following.next_cursor
    assert cursor is None
    assert seen == list(range(10, 1, -1))


@pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1])
def test_a_page_has_bounds(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        history(all_kinds()).page(ME, Filter(), limit)


def test_nobody_has_no_history() -> None:
    ledger = all_kinds()
    assert history(ledger).page("pl_nobody", Filter(), 20) is None
    assert history(ledger).period("pl_nobody", 0, 1) is None


def test_filters_by_kind_and_round() -> None:
    ledger = all_kinds()
    bets = page(ledger, Filter(frozenset({Kind.BET})), 100)
    assert {entry.record.kind for entry in bets.entries} == {Kind.BET}
    assert len(bets.entries) == 5
    (second,) = page(ledger, Filter(frozenset({Kind.BET}), round="r3"), 100).entries
    assert second.record.reference == Reference(GAME, f"{ME}-fine")
    assert page(ledger, Filter(round="r77"), 100).entries == ()


def test_a_filter_that_matches_little_gives_short_pages_that_go_on() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("first", UNIT), *(me.bet(f"b{number}", 0) for number in range(SCANNED_MAX + 5)))
    wanted = Filter(frozenset({Kind.DEPOSIT}))
    first = page(ledger, wanted, 5)
    assert first.entries == ()
    assert first.next_cursor
    following = page(ledger, wanted, 5, first.next_cursor)
    assert versions(following) == [2]
    assert following.next_cursor is None


# The index lags


@pytest.mark.parametrize("unseen", [{31}, {31, 30, 29}, {25}, {31, 29, 14, 13, 2}, set(range(1, 32)), {1}])
@pytest.mark.parametrize("limit", [4, 100])
def test_what_the_index_does_not_know_yet_is_there_all_the_same(unseen: set[int], limit: int) -> None:
    ledger = all_kinds()
    expected = page(ledger, EVERYTHING, limit=100)
    ledger.model.unseen = unseen
    shown = pages(ledger, EVERYTHING, limit)
    assert [entry for one in shown for entry in one.entries] == list(expected.entries)


def test_the_newest_line_is_the_balance() -> None:
    ledger, me = with_deposits(3)
    ledger.model.unseen = {5}
    ledger.post(me.deposit("just-now", UNIT))
    wallet = ledger.store.wallet(ME)
    assert wallet is not None
    assert page(ledger).entries[0].record.after.cash == wallet.cash


@pytest.mark.parametrize(("missing", "answered"), [(GETS_MAX, True), (GETS_MAX + 1, False)])
def test_an_index_too_far_behind_is_said_to_be(missing: int, answered: bool) -> None:
    ledger, _ = with_deposits(GETS_MAX + 5)
    top = newest_version(ledger)
    ledger.model.unseen = set(range(top - missing + 1, top + 1))
    if answered:
        ledger.model.asked.clear()
        assert versions(page(ledger, limit=100)) == list(range(top, top - 100, -1))
        assert ledger.model.asked.count("get_item") == missing + 1
    else:
        with pytest.raises(IndexBehind):
            list(Chain(ledger.store, ME, ledger.patience).down(Position(top, _head(ledger).key), 1))


def _head(ledger: Ledger) -> Position:
    wallet = ledger.store.wallet(ME)
    assert wallet is not None
    return head_of(wallet)


def test_an_index_that_is_up_to_date_costs_one_wallet_and_one_question() -> None:
    ledger = all_kinds()
    ledger.model.asked.clear()
    page(ledger)
    assert ledger.model.asked == ["get_item", "query"]


def test_a_broken_chain_is_not_shown_as_history() -> None:
    ledger = all_kinds()
    ledger.delete(f"TX#{GAME}#{ME}-bet1")
    with pytest.raises(ChainBroken):
        page(ledger, limit=100)


def test_a_busy_table_is_asked_again_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = all_kinds()
    read = ledger.store.wallet
    failures = [StoreBusy("ThrottlingException")] * 3
    monkeypatch.setattr(ledger.store, "wallet", lambda player: (_ for _ in ()).throw(failures.pop()) if failures else read(player))
    assert page(ledger).entries
    failures += [StoreBusy("ThrottlingException")] * 4
    with pytest.raises(StoreBusy):
        page(ledger)


# Cursors


def _cursor(*place: Any) -> str:
    return write_cursor(Filter().question, *place)


def test_a_cursor_belongs_to_its_question_and_player() -> None:
    ledger = all_kinds()
    cursor = page(ledger, limit=2).next_cursor
    assert cursor is not None
    assert page(ledger, limit=5, cursor=cursor).entries
    with pytest.raises(InvalidCursor):
        page(ledger, Filter(round="r1"), 2, cursor)
    with pytest.raises(InvalidCursor):
        history(ledger).page("pl_ben", Filter(), 2, cursor)


BET1 = f"{GAME}#{ME}-bet1"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        _cursor(7, BET1),
        _cursor("7", BET1, 1),
        _cursor(True, BET1, 1),
        _cursor(7.0, BET1, 1),
        _cursor(0, BET1, 0),
        _cursor(7, BET1, 8),
        _cursor(7, BET1, 0),
        _cursor(10**30, BET1, 1),
        _cursor(99, BET1, 1),
        _cursor(8, BET1, 1),
        _cursor(7, "no reference", 1),
        _cursor(7, 7, 1),
        _cursor(7, f"{GAME}#never-heard-of", 1),
        _cursor(7, f"{GAME}#pl_ben-bet1", 1),
        _cursor(7, f"{GAME}#{ME}-never", 1),
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        page(all_kinds(), cursor=cursor)


def test_a_cursor_like_one_given_out_shows_no_more_than_one_given_out() -> None:
    ledger = all_kinds()
    version = next(entry.record.version for entry in page(ledger, limit=100).entries if entry.record.reference.text == BET1)
    shown = page(ledger, limit=100, cursor=_cursor(version, BET1, 1))
    assert {entry.record.player_id for entry in shown.entries} == {ME}


def test_the_longest_cursor_fits() -> None:
    ledger = Ledger()
    player = "p" * 32
    me = ledger.open(player)
    long = [replace(me.deposit("d", UNIT), reference=Reference("g" * 12 + ":" + "w" * 16, f"{n}" + "x" * 63)) for n in range(2)]
    ledger.post(*long)
    first = history(ledger).page(player, Filter(), 1)
    assert first is not None
    assert first.next_cursor is not None
    assert len(first.next_cursor) < CHARACTERS_MAX
    assert history(ledger).page(player, Filter(), 1, first.next_cursor) is not None


# Periods


def test_a_period_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    ledger, _ = with_deposits(5)  # versions 2..6, at seconds 2..6
    at = {record.version: record.at_ms for record in _records(ledger)}
    assert versions(page(ledger, Filter(from_ms=at[3], to_ms=at[5]))) == [4, 3]
    assert versions(page(ledger, Filter(from_ms=at[3] + 1, to_ms=at[5] + 1))) == [5, 4]
    assert versions(page(ledger, Filter(from_ms=at[6] + 1))) == []
    assert versions(page(ledger, Filter(to_ms=at[2]))) == []
    assert versions(page(ledger, Filter(from_ms=0, to_ms=at[6] + 1))) == [6, 5, 4, 3, 2]
    assert versions(*pages(ledger, Filter(from_ms=at[3], to_ms=at[6]), limit=1)) == [5, 4, 3]


def _records(ledger: Ledger) -> list[Record]:
    return sorted((items.record_of(item) for item in ledger.items if "n" in item), key=lambda record: record.version)


def _stamped(stamps: list[int]) -> Ledger:
    """A ledger whose deposits carry these stamps, in minutes after the start."""
    ledger = Ledger()
    me = ledger.open(ME)
    for number, minutes in enumerate(stamps):
        ledger.clock.now_ms = START_MS + minutes * 60_000 - 1000
        ledger.post(me.deposit(f"d{number}", UNIT))
    return ledger


@pytest.mark.parametrize("lag", [0, 3])
@pytest.mark.parametrize(
    "stamps",
    [
        [0, 10, 20, 30, 40],
        [0, 19, 5, 21, 7, 22, 40, 25, 41],
        [0, 100, 85, 101, 200, 190, 185, 203],
        list(range(0, 600, 7)),
        [5] * 20,
    ],
)
def test_periods_that_meet_share_nothing_and_lose_nothing_although_clocks_differ(stamps: list[int], lag: int) -> None:
    ledger = _stamped(stamps)
    ledger.model.unseen = set(range(newest_version(ledger) - lag + 1, newest_version(ledger) + 1))
    instants = sorted({0, *(START_MS + minutes * 60_000 + off for minutes in stamps for off in (-1, 0, 1)), START_MS * 2})
    head = _head(ledger)
    records = _records(ledger)
    for instant in instants:
        first_after = next((record.version for record in records if record.at_ms >= instant), head.version + 1)
        found = Chain(ledger.store, ME, ledger.patience).before(instant, head)
        assert found.version == first_after - 1
        assert found.key == (records[found.version - 1].reference.text if found.version else "")


def test_looking_for_a_distant_instant_reads_little() -> None:
    ledger = _stamped(list(range(0, 4000, 10)))
    ledger.model.asked.clear()
    found = Chain(ledger.store, ME, ledger.patience).before(START_MS + 1000 * 60_000, _head(ledger))
    assert found.version == 101
    assert len(ledger.model.asked) < 15
    assert CLOCK_ERROR_MS == 20 * 60_000


# One transaction


def transaction(ledger: Ledger, name: str, source: str = GAME, player: str = ME) -> dict[str, Any] | None:
    found = history(ledger).transaction(player, Reference(source, f"{ME}-{name}"))
    return transaction_view(found) if found else None


@pytest.mark.parametrize(
    ("name", "source", "states", "by"),
    [
        ("bet1", GAME, ["applied"], None),
        ("bet2", GAME, ["applied", "rolled_back"], "back2"),
        ("win2", GAME, ["applied", "rolled_back"], "back-win2"),
        ("again2", GAME, ["no_effect"], None),
        ("refused", GAME, ["refused"], None),
        ("d1", GATEWAY, ["applied"], None),
        ("d2", GATEWAY, ["applied", "reversed"], "rev2"),
        ("h1", GATEWAY, ["held", "captured"], "c1"),
        ("h2", GATEWAY, ["held", "released"], "x2"),
        ("h3", GATEWAY, ["held"], None),
        ("c1", GATEWAY, ["applied", "returned"], "p1"),
    ],
)
def test_a_transaction_tells_its_states(name: str, source: str, states: list[str], by: str | None) -> None:
    found = transaction(all_kinds(), name, source)
    assert found is not None
    assert [state["status"] for state in found["states"]] == states
    assert found["status"] == states[-1]
    resolver = public_id_of(Reference(source, f"{ME}-{by}")) if by else None
    assert (found["resolved_by"] or {}).get("transaction_id") == resolver
    if by:
        assert found["states"][1]["by"] == resolver
        assert found["states"][1]["at"] > found["at"] == found["states"][0]["at"]


def test_a_transaction_tells_where_it_came_from() -> None:
    ledger = all_kinds()
    found = transaction(ledger, "win1")
    assert found is not None
    assert found["source"] == GAME
    assert (found["game"], found["round"], found["kind"]) == ("reels", "r1", "win")
    assert reference_of(found["related_transaction_id"]) == Reference(GAME, f"{ME}-bet1")
    assert (found["amount"], found["currency"]) == ("25.00", "EUR")
    assert found["change"] == {"cash": "25.00", "bonus": "0.00", "held": "0.00"}
    assert found["balances"] == {"cash": "115.00", "bonus": "50.00", "held": "0.00"}
    assert reference_of(found["transaction_id"]) == Reference(GAME, f"{ME}-win1")


def test_a_refusal_tells_its_reason() -> None:
    found = transaction(all_kinds(), "too-much")
    assert found is not None
    assert (found["outcome"], found["reason"], found["amount"]) == ("refused", "insufficient_funds", "9000.00")


def test_a_transaction_is_its_owners_alone() -> None:
    ledger = all_kinds()
    assert transaction(ledger, "bet1", player="pl_ben") is None
    assert transaction(ledger, "unheard") is None
    assert transaction(ledger, "never") is None  # a tombstone


def test_what_staff_have_noted_is_not_the_players() -> None:
    ledger = all_kinds()
    assert "staff-7" not in json.dumps(page_view(page(ledger, EVERYTHING, 100)))
    assert "staff-7" not in json.dumps(transaction(ledger, "a1", "house:staff"))


def test_views_and_statuses_agree_page_by_page() -> None:
    ledger = all_kinds()
    for entry in page(ledger, EVERYTHING, 100).entries:
        view = entry_view(entry)
        assert view["status"] == status_of(entry)
        assert (view["resolved_by"] is not None) == (entry.resolution is not None)
        if entry.record.outcome is not Outcome.APPLIED:
            assert view["change"] == {"cash": "0.00", "bonus": "0.00", "held": "0.00"}
