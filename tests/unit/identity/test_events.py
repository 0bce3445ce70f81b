from typing import Any

import pytest

from countroom.cursors import InvalidCursor, write_cursor
from countroom.identity.events import DETAIL_MAX, EventKind, EventLog, SecurityEvent
from countroom.identity.refusals import Unavailable
from countroom.identity.table import Table
from tests.unit.clock import START_MS
from tests.unit.conftest import PLAYERS_TABLE
from tests.unit.identity.office import LOST, Watched
from tests.unit.ledger.memory import failing


@pytest.fixture
def client(tables: Any) -> Watched:
    return Watched(tables)


@pytest.fixture
def log(client: Watched) -> EventLog:
    return EventLog(Table(client, PLAYERS_TABLE))


def event(second: int, kind: EventKind = EventKind.LOGGED_IN, **more: Any) -> SecurityEvent:
    return SecurityEvent(kind, START_MS + second * 1000, **more)


def test_events_come_newest_first_and_whole(log: EventLog) -> None:
    kept = [event(1), event(2, EventKind.FROZEN, session_id="se_1", source="203.0.113.0/24", detail="by staff")]
    for one in kept:
        log.append("pl_ann", one)
    log.append("pl_bob", event(3))
    page = log.page("pl_ann", 10)
    assert page.events == (kept[1], kept[0])
    assert page.next_cursor is None


def test_pages_follow_each_other_without_gap_or_repeat(log: EventLog) -> None:
    for second in range(5):
        log.append("pl_ann", event(second))
    seen: list[int] = []
    cursor = None
    for _ in range(3):
        page = log.page("pl_ann", 2, cursor)
        seen += [(one.at_ms - START_MS) // 1000 for one in page.events]
        cursor = page.next_cursor
    assert (seen, cursor) == ([4, 3, 2, 1, 0], None)


def test_a_cursor_belongs_to_its_player(log: EventLog) -> None:
    for second in range(3):
        log.append("pl_ann", event(second))
        log.append("pl_bob", event(second, EventKind.FROZEN))
    cursor = log.page("pl_bob", 1).next_cursor
    assert len(log.page("pl_bob", 5, cursor).events) == 2
    with pytest.raises(InvalidCursor):
        log.page("pl_ann", 5, cursor)


def test_a_made_up_cursor_opens_only_the_caller_s_own(log: EventLog) -> None:
    log.append("pl_ann", event(0))
    log.append("pl_bob", event(1, EventKind.FROZEN))
    later = write_cursor(("security-events", "pl_ann"), "EVENT#2030-01-01T00:00:00.000Z#" + "0" * 16)
    assert {one.kind for one in log.page("pl_ann", 5, later).events} == {EventKind.LOGGED_IN}
    with pytest.raises(InvalidCursor):
        log.page("pl_ann", 5, write_cursor(("security-events", "pl_ann"), "ACCOUNT"))


@pytest.mark.parametrize(
    "cursor", ["", "x", "!", "RVZFTlQj", "A" * 200, "\u00e9", "RVZFTlQjMjAyNi0wMS0wMVQxMjowMDowMC4wMDBaI3h5eg"]
)
def test_cursors_that_were_never_given_out(log: EventLog, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        log.page("pl_ann", 1, cursor)


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_page_has_one_to_a_hundred(log: EventLog, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        log.page("pl_ann", limit)


def test_an_event_goes_along_in_a_transaction_and_never_twice(client: Watched, log: EventLog) -> None:
    part = log.put_item("pl_ann", event(1))
    table = Table(client, PLAYERS_TABLE)
    assert table.transact([part]) == ()
    assert table.transact([part]) == (0,)
    assert len(log.page("pl_ann", 10).events) == 1


def test_a_long_detail_is_cut(log: EventLog) -> None:
    log.append("pl_ann", event(1, detail="x" * 1000, source="y" * 1000))
    (kept,) = log.page("pl_ann", 1).events
    assert (len(kept.detail), len(kept.source or "")) == (DETAIL_MAX, 64)


def test_events_of_nobody_are_shown_to_nobody_and_go_by_themselves(client: Watched, log: EventLog) -> None:
    log.pretend(event(1))
    (item,) = client.client.scan(TableName=PLAYERS_TABLE)["Items"]
    assert int(item["expires_at"]["N"]) * 1000 > START_MS
    assert log.page("", 10).events == ()


def test_a_table_that_does_not_answer(client: Watched, log: EventLog) -> None:
    for call in (lambda: log.append("pl_ann", event(1)), lambda: log.page("pl_ann", 1)):
        with client.fault_at(0, failing(LOST)), pytest.raises(Unavailable):
            call()


def test_kinds_are_what_is_stored() -> None:
    assert len({kind.value for kind in EventKind}) == len(EventKind)
    assert all(kind.value.replace("_", "").isalpha() for kind in EventKind)
