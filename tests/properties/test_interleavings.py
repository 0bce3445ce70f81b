"""However the calls of several books interleave, and whatever is lost: what is written is what some serial order writes."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.ledger.book import BatchPosted, Book, OutcomeUnknown, Pacing, Posted, Refused
from countroom.ledger.movements import Movement, Reason
from countroom.ledger.records import Record, Tombstone
from countroom.ledger.store import LedgerStore
from tests.properties.movements import PLAYERS, payments, play
from tests.unit.clock import FixedClock
from tests.unit.ledger.casino import TABLE, Casino
from tests.unit.ledger.examples import ANNA, a_bet, changed
from tests.unit.ledger.memory import MemoryTable, cancelled

Call = tuple[Movement, ...]
"""One movement: a post. Several: a batch."""
Answer = Posted | Refused | BatchPosted | None
"""None: the outcome was not known in the end."""

LOST: Final = ReadTimeoutError(endpoint_url="https://x")
BUSY: Final = cancelled("TransactionConflict")
FAULTS: Final = ("none", "none", "none", "none", "busy", "unsent", "landed")


@dataclass
class Worker:
    """One process that makes one call: it stops before each request until it is its turn."""

    number: int
    table: MemoryTable
    commits: list[int]
    faults: list[str]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    answer: Answer = None
    done: bool = False

    def get_item(self, **request: Any) -> Any:
        """Read in turn."""
        self._wait()
        return self.table.get_item(**request)

    def transact_get_items(self, **request: Any) -> Any:
        """Read in turn."""
        self._wait()
        return self.table.transact_get_items(**request)

    def transact_write_items(self, **request: Any) -> Any:
        """Write in turn, perhaps with a fault."""
        self._wait()
        fault = self.faults.pop() if self.faults else "none"
        if fault == "busy":
            raise BUSY
        if fault == "unsent":
            raise LOST
        answer = self.table.transact_write_items(**request)
        self.commits.append(self.number)
        if fault == "landed":
            raise LOST
        return answer

    def query(self, **request: Any) -> Any:
        """Stay away."""
        raise AssertionError(request)

    def scan(self, **request: Any) -> Any:
        """Stay away."""
        raise AssertionError(request)

    def run(self, call: Call) -> None:
        """Make the call, from the first turn to the answer."""
        pacing = Pacing(attempts_max=30, timer=lambda: 0.0, sleep=lambda _seconds: None, jitter=lambda: 0.0)
        self._wait()
        try:
            self.answer = made(Book(LedgerStore(self, TABLE), FixedClock(), pacing), call)
        except OutcomeUnknown:
            self.answer = None
        finally:
            self.done = True
            self.back.release()

    def _wait(self) -> None:
        self.back.release()
        assert self.turn.acquire(timeout=20)


def made(book: Book, call: Call) -> Posted | Refused | BatchPosted:
    """Make a call."""
    return book.post(call[0]) if len(call) == 1 else book.post_batch(call)


def interleaved(
    casino: Casino, calls: Sequence[Call], order: Sequence[int], faults: Sequence[Sequence[str]]
) -> tuple[list[Worker], list[int]]:
    """Make the calls with a process each, request by request in the given order; return them, and who committed in which order."""
    commits: list[int] = []
    workers = [Worker(number, casino.client, commits, list(faults[number])) for number in range(len(calls))]
    threads = [threading.Thread(target=worker.run, args=(call,), daemon=True) for worker, call in zip(workers, calls, strict=True)]
    for thread, worker in zip(threads, workers, strict=True):
        thread.start()
        assert worker.back.acquire(timeout=20)
    turns = iter(order)
    while alive := [worker for worker in workers if not worker.done]:
        worker = alive[next(turns, 0) % len(alive)]
        worker.turn.release()
        assert worker.back.acquire(timeout=20)
    for thread in threads:
        thread.join(timeout=20)
    return workers, commits


def opened() -> Casino:
    """Return a ledger with two players and a little money."""
    casino = Casino()
    for player in PLAYERS:
        casino.open(8, player)
    return casino


movements = st.one_of(play, play, payments)
batches = st.lists(movements, min_size=2, max_size=3).map(lambda batch: tuple(changed(entry, player_id=ANNA) for entry in batch))
calls_drawn = st.lists(st.one_of(movements.map(lambda movement: (movement,)), batches), min_size=2, max_size=4)


@settings(max_examples=250, deadline=None)
@given(
    calls=calls_drawn,
    twin=st.booleans(),
    order=st.lists(st.integers(0, 11), max_size=40),
    faults=st.lists(st.lists(st.sampled_from(FAULTS), max_size=3), min_size=5, max_size=5),
)
def test_what_commits_in_any_interleaving_equals_a_serial_order(
    calls: list[Call], twin: bool, order: list[int], faults: list[list[str]]
) -> None:
    if twin:
        calls = [*calls, calls[0]]
    casino = opened()
    workers, commits = interleaved(casino, calls, order, faults)
    assert len(commits) == len(set(commits))  # a call takes effect once
    serial = opened()
    seen = [dict(serial.client.stored)]
    for number in commits:
        made(serial.book, calls[number])
        seen.append(dict(serial.client.stored))
    assert serial.client.stored == casino.client.stored
    for worker in workers:
        _check_answer(casino, seen, calls[worker.number], worker.answer)


def _check_answer(casino: Casino, seen: list[Any], call: Call, answer: Answer) -> None:
    """Check that what was said agrees with what stands: every record said is there, and every refusal was true at some moment."""
    if answer is None:
        return
    for entry in answer.results if isinstance(answer, BatchPosted) else (answer,):
        if entry.record is not None:
            assert casino.book.find(entry.record.reference) == entry.record
            assert not (isinstance(entry, Posted) and entry.record.reason)
    if isinstance(answer, Refused) and answer.record is None:
        _check_unrecorded(casino, seen, call, answer)


def _check_unrecorded(casino: Casino, seen: list[Any], call: Call, answer: Refused) -> None:
    movement = call[answer.index]
    entry = casino.book.find(movement.reference)
    if answer.reason in {Reason.DUPLICATE_TRANSACTION, Reason.ROLLED_BACK} and entry is not None:
        assert isinstance(entry, Tombstone) or entry.fingerprint != movement.fingerprint or len(call) > 1
    if len(call) == 1 and isinstance(entry, Record) and not answer.retry_may_change:
        assert entry.fingerprint != movement.fingerprint  # never "refused for good" where the movement itself was applied
    then = [made(Casino(MemoryTable(dict(stored))).book, call) for stored in seen]
    assert answer.reason in {result.reason for result in then if isinstance(result, Refused)}


@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.integers(0, 11), min_size=4, max_size=40), stakes=st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_bets_at_once_never_take_more_than_there_is(order: list[int], stakes: list[int]) -> None:
    casino = opened()
    calls: list[Call] = [(a_bet(stake, f"bet-{number}"),) for number, stake in enumerate(stakes)]
    workers, _ = interleaved(casino, calls, order, [[]] * len(calls))
    taken = sum(worker.answer.record.amount for worker in workers if isinstance(worker.answer, Posted))
    refused = [stakes[worker.number] for worker in workers if isinstance(worker.answer, Refused)]
    wallet = casino.wallet()
    assert wallet.cash == 8 - taken >= 0
    assert all(stake > wallet.cash for stake in refused)
