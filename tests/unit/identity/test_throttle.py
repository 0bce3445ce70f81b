"""Budgets of guesses: never more than so many in any stretch of time, whoever races and whatever is lost."""

import threading
from collections.abc import Callable

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.identity.refusals import Unavailable
from countroom.identity.table import Table
from countroom.identity.throttle import LATE_MS, WINDOW_MS, Reservation, Throttle, TooManyGuesses
from countroom.identity.throttle_store import ThrottleStore
from tests.simulation.errors import client_error
from tests.unit.clock import FixedClock
from tests.unit.identity.memory import TABLE, MemoryTable

MOST = 10
LOST = ReadTimeoutError(endpoint_url="http://127.0.0.1/")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def throttle(table: MemoryTable, clock: FixedClock) -> Throttle:
    return Throttle(ThrottleStore(Table(table, TABLE)), clock)


def kept(table: MemoryTable) -> int:
    (item,) = table.of_kind("GUESSES#")
    return len(item["taken"]["L"])


def once(error: Exception, name: str, at: int = 1) -> Callable[[str], None]:
    """Raise at the n-th call of a name, and never again."""
    seen = [0]

    def strike(called: str) -> None:
        seen[0] += called == name
        if called == name and seen[0] == at:
            raise error

    return strike


def test_so_many_guesses_and_no_more(throttle: Throttle, table: MemoryTable) -> None:
    assert [throttle.reserve("ann", MOST).others for _ in range(MOST)] == list(range(MOST))
    with pytest.raises(TooManyGuesses) as caught:
        throttle.reserve("ann", MOST)
    assert caught.value.retry_after_seconds == 930
    assert kept(table) == MOST
    assert throttle.reserve("bob", MOST).others == 0


def test_the_window_slides_with_each_guess(throttle: Throttle, clock: FixedClock) -> None:
    """What a counter by quarter of an hour gets wrong: ten at the end of one and ten at the start of the next."""
    clock.advance(seconds=899)
    for _ in range(MOST):
        throttle.reserve("ann", MOST)
        clock.advance(seconds=1)
    with pytest.raises(TooManyGuesses) as caught:
        throttle.reserve("ann", MOST)
    assert caught.value.retry_after_seconds == 920
    clock.advance(seconds=919, milliseconds=999)
    with pytest.raises(TooManyGuesses) as caught:
        throttle.reserve("ann", MOST)
    assert caught.value.retry_after_seconds == 1
    clock.advance(milliseconds=1)
    throttle.reserve("ann", MOST)  # the first one's quarter of an hour (and the half minute that a check may take) is over
    with pytest.raises(TooManyGuesses):
        throttle.reserve("ann", MOST)


def test_retry_after_tells_when_a_guess_is_free(throttle: Throttle, clock: FixedClock) -> None:
    for seconds in (0, 100, 250, 3, 7, 11, 60, 0, 0, 1):
        clock.advance(seconds=seconds)
        throttle.reserve("ann", MOST)
    clock.advance(milliseconds=1)
    with pytest.raises(TooManyGuesses) as caught:
        throttle.reserve("ann", MOST)
    clock.advance(seconds=caught.value.retry_after_seconds - 1, milliseconds=-1)
    with pytest.raises(TooManyGuesses):
        throttle.reserve("ann", MOST)
    clock.advance(seconds=1)
    throttle.reserve("ann", MOST)


def test_a_right_guess_is_given_back_once(throttle: Throttle, table: MemoryTable) -> None:
    first, second = throttle.reserve("ann", MOST), throttle.reserve("ann", MOST)
    throttle.give_back(first)
    throttle.give_back(first)
    assert kept(table) == 1
    throttle.give_back(second)
    assert kept(table) == 0
    for _ in range(MOST):
        throttle.reserve("ann", MOST)


def test_two_hundred_at_once(table: MemoryTable, throttle: Throttle) -> None:
    start = threading.Barrier(200)
    outcomes: list[str] = []

    def attempt() -> None:
        start.wait(timeout=60)
        try:
            throttle.reserve("ann", MOST)
            outcomes.append("granted")
        except TooManyGuesses:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(set(outcomes)) == ["granted", "refused"]
    assert (outcomes.count("granted"), len(outcomes), kept(table)) == (MOST, 200, MOST)


def test_a_refusal_makes_the_same_requests_as_a_grant(throttle: Throttle, table: MemoryTable) -> None:
    throttle.reserve("ann", 1)
    granted, table.calls = table.calls, []
    with pytest.raises(TooManyGuesses):
        throttle.reserve("ann", 1)
    assert table.calls == granted == ["get_item", "put_item"]


@pytest.mark.parametrize("error", [LOST, client_error("InternalServerError", "PutItem", status=500)], ids=["timeout", "500"])
def test_a_write_whose_answer_is_lost_counts_once(throttle: Throttle, table: MemoryTable, error: Exception) -> None:
    table.after = once(error, "put_item")
    reservation = throttle.reserve("ann", MOST)
    assert (kept(table), reservation.others) == (1, 0)
    throttle.give_back(reservation)
    assert kept(table) == 0


def test_a_write_that_never_arrived_is_made_again(throttle: Throttle, table: MemoryTable) -> None:
    table.before = once(LOST, "put_item")
    throttle.reserve("ann", MOST)
    assert kept(table) == 1


def test_a_request_that_botocore_sent_twice_counts_once(throttle: Throttle, table: MemoryTable) -> None:
    """The second one meets the first one's version: a failed condition that means success."""
    original = table.put_item

    def twice(**request: object) -> object:
        original(**request)
        return original(**request)

    table.put_item = twice  # type: ignore[method-assign, assignment]  # what botocore's own retry does
    reservation = throttle.reserve("ann", MOST)
    assert (kept(table), reservation.others) == (1, 0)


def test_nothing_is_granted_when_the_table_does_not_answer(throttle: Throttle, table: MemoryTable) -> None:
    def never(_name: str) -> None:
        raise LOST

    table.before = never
    with pytest.raises(Unavailable):
        throttle.reserve("ann", MOST)
    table.before = lambda name: never(name) if name == "put_item" else None
    with pytest.raises(Unavailable):
        throttle.reserve("ann", MOST)
    assert table.calls.count("get_item") == 2  # a bounded number of rounds


def test_a_subject_that_changes_faster_than_we_read_is_refused(table: MemoryTable, clock: FixedClock) -> None:
    throttle = Throttle(ThrottleStore(Table(table, TABLE)), clock)
    others: list[Reservation] = []

    def ahead(name: str) -> None:
        if name == "put_item":
            table.before = lambda _name: None
            if others:
                throttle.give_back(others.pop())
            else:
                others.append(throttle.reserve("ann", MOST))
            table.before = ahead

    table.before = ahead
    with pytest.raises(Unavailable):
        throttle.reserve("ann", MOST)
    assert kept(table) == len(others)


def test_a_machine_whose_clock_is_behind_gives_nobody_more(table: MemoryTable, clock: FixedClock) -> None:
    late = FixedClock(clock() - 60_000)
    here, behind = (Throttle(ThrottleStore(Table(table, TABLE)), each) for each in (clock, late))
    here.reserve("ann", MOST)
    for _ in range(MOST - 1):
        behind.reserve("ann", MOST)
    clock.advance(milliseconds=WINDOW_MS + LATE_MS - 1)
    with pytest.raises(TooManyGuesses):
        here.reserve("ann", MOST)


def test_what_is_kept_names_nobody_and_ends(throttle: Throttle, table: MemoryTable, clock: FixedClock) -> None:
    throttle.reserve("login/ann@example.com", MOST)
    throttle.reserve_source("203.0.113.9", MOST)
    items = list(table.tables[TABLE].items.values())
    assert len(items) == 2
    assert not any(word in repr(items) for word in ("ann", "203.0"))
    assert all(int(item["expires_at"]["N"]) * 1000 > clock() + WINDOW_MS for item in items)
    assert all(int(item["expires_at"]["N"]) * 1000 < clock() + 3 * 86_400_000 for item in items)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("not an address", "", True),
        ("not an address", "203.0.113.9", False),
    ],
)
def test_sources_are_counted_by_subscriber(throttle: Throttle, one: str, other: str, shared: bool) -> None:
    throttle.reserve_source(one, 1)
    if shared:
        with pytest.raises(TooManyGuesses):
            throttle.reserve_source(other, 1)
    else:
        throttle.reserve_source(other, 1)


def test_a_source_has_its_budget_in_each_window_of_the_clock(throttle: Throttle, clock: FixedClock) -> None:
    clock.advance(seconds=100)
    for _ in range(3):
        throttle.reserve_source("203.0.113.9", 3)
    with pytest.raises(TooManyGuesses) as caught:
        throttle.reserve_source("203.0.113.9", 3)
    assert caught.value.retry_after_seconds == 800
    clock.advance(seconds=800)
    throttle.reserve_source("203.0.113.9", 3)


def test_two_hundred_from_one_source_at_once(throttle: Throttle) -> None:
    granted: list[int] = []

    def attempt(number: int) -> None:
        try:
            throttle.reserve_source("203.0.113.9", 20)
        except TooManyGuesses:
            return
        granted.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(granted) == 20
