"""However the tries at one account interleave, stall, get lost or are sent twice: few enough are checked in any quarter of an hour.

Every try runs in a thread of its own that stops at each request to the table; which one goes on, how much time passes before it
does, and what happens to the request is chosen at random from a seed. The schedules that hurt are favoured: all read before any
writes, and those that read first write last.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from countroom.identity.refusals import Unavailable
from countroom.identity.table import Table
from countroom.identity.throttle import LATE_MS, WINDOW_MS, Throttle, TooManyGuesses
from countroom.identity.throttle_store import ThrottleStore
from tests.simulation.baton import Finished, Pool, Thread
from tests.simulation.errors import no_answer
from tests.unit.clock import FixedClock
from tests.unit.identity.memory import TABLE, MemoryTable

MOST = 4
TRIES = 40
AT_ONCE = 12
SEEDS = 320
BLOCKS = 8


@dataclass
class Try:
    """One request of somebody who guesses: counted, then checked. A right one is given back."""

    number: int
    is_right: bool
    began_ms: int
    thread: Thread
    waits_for: Any = None


@dataclass
class Schedule:
    """Runs tries against one table, in an order of its own."""

    seed: int
    clock: FixedClock = field(default_factory=FixedClock)
    table: MemoryTable = field(default_factory=MemoryTable)
    pool: Pool = field(default_factory=Pool)
    checked_wrong_ms: list[int] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    def run(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - a reproducible schedule, not a secret
        # Some seeds let everybody read before anybody writes, some are fair, some serve the newest first.
        favour = chance.choice(["readers", "newest", "anybody"])
        lossy = chance.choice([0.0, 0.1, 0.3])
        waiting: list[Try] = []
        left = iter(range(TRIES))
        while True:
            while len(waiting) < AT_ONCE and (number := next(left, None)) is not None:
                waiting += self._begin(number, is_right=chance.random() < 0.2)
            if not waiting:
                break
            self.clock.advance(milliseconds=chance.choice([0, 0, 0, 0, 0, 0, 1, 300, 5_000]))
            if chance.random() < 0.02:
                self.clock.advance(milliseconds=chance.choice([WINDOW_MS - LATE_MS, WINDOW_MS // 2, WINDOW_MS]))
            chosen = self._choose(waiting, favour, chance)
            waiting.remove(chosen)
            waiting += self._go_on(chosen, chance, lossy)
        self.pool.end()

    def _choose(self, waiting: list[Try], favour: str, chance: random.Random) -> Try:
        readers = [one for one in waiting if one.waits_for[0] == "get_item"]
        if favour == "readers" and readers and chance.random() < 0.9:
            return chance.choice(readers)
        return waiting[-1] if favour == "newest" and chance.random() < 0.7 else chance.choice(waiting)

    def _begin(self, number: int, *, is_right: bool) -> Iterator[Try]:
        one = Try(number, is_right, self.clock(), self.pool.take())
        throttle = Throttle(ThrottleStore(Table(_Client(one.thread), TABLE)), self.clock)

        def job() -> str:
            try:
                reservation = throttle.reserve("ann", MOST)
            except TooManyGuesses:
                return "refused"
            one.thread.stop(("check", {}))
            if is_right:
                throttle.give_back(reservation)
                return "right"
            return "wrong"

        return self._stopped(one, one.thread.start(job))

    def _go_on(self, one: Try, chance: random.Random, lossy: float) -> Iterator[Try]:
        if self.clock() - one.began_ms >= LATE_MS:
            # Its function has run out of time: whatever it waits for, nothing comes of it any more.
            message: Any = _TimedOut()
        else:
            message = self._answer(one, chance, lossy)
        return self._stopped(one, one.thread.resume(message))

    def _answer(self, one: Try, chance: random.Random, lossy: float) -> Any:
        name, request = one.waits_for
        if name == "check":
            if not one.is_right:
                self.checked_wrong_ms.append(self.clock())
            return None
        luck = chance.random()
        if luck < lossy / 3:
            return no_answer(one.number)  # never arrived
        try:
            answer = getattr(self.table, name)(**request)
            if luck < 2 * lossy / 3:
                return no_answer(one.number)  # arrived, and the answer is lost
            if luck < lossy:
                answer = getattr(self.table, name)(**request)  # sent again by botocore
        except Exception as error:  # noqa: BLE001 - handed to the code under test, as the client would
            return error
        return answer

    def _stopped(self, one: Try, at: Any) -> Iterator[Try]:
        if not isinstance(at, Finished):
            one.waits_for = at
            yield one
            return
        self.pool.give_back(one.thread)
        if at.error is not None and not isinstance(at.error, (Unavailable, _TimedOut)):
            raise at.error
        self.outcomes.append(type(at.error).__name__ if at.error else at.result)


class _TimedOut(BaseException):
    """The function's time is over. Not an Exception, so that no code takes it for one."""


class _Client:
    """A DynamoDB client whose every call waits for its turn."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        return lambda **request: self._thread.stop((name, request))


def most_in_any_window(instants: list[int]) -> int:
    return max((sum(start <= instant < start + WINDOW_MS for instant in instants) for start in instants), default=0)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_few_enough_are_checked_in_any_quarter_of_an_hour(block: int) -> None:
    counted: list[str] = []
    fullest = 0
    for seed in range(block * SEEDS // BLOCKS, (block + 1) * SEEDS // BLOCKS):
        schedule = Schedule(seed)
        schedule.run()
        most = most_in_any_window(schedule.checked_wrong_ms)
        assert most <= MOST, f"seed {seed}: {most} wrong guesses checked in a quarter of an hour"
        assert len(schedule.outcomes) == TRIES
        counted += schedule.outcomes
        fullest = max(fullest, most)
    # The search reaches the bound, and every way a try can end.
    assert fullest == MOST
    assert {"wrong", "right", "refused"} <= set(counted)
