"""The cashier's worker under faults: the handler itself, several of it at once, killed at any call, and a queue that redelivers.

Each call of a worker to the tables is a place where it may be held up while the others run, lose its answer, be refused, land late,
or be killed. What a worker does not report as done comes again, and so may what it does; after RECEIVES_MAX deliveries a message is
a dead letter, and when the queue is empty the dead letters are put back, as operators do. In some episodes the cashier's table is
restored to its first hour, and the webhooks that were kept are played in again. At every instant deposits and records agree. In the
end only what nobody can apply is a dead letter, each deposit stands where its events lead, each wallet holds what they brought, to
the last nano, and staff were told of what is theirs; and when every message is delivered once more, nothing changes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from countroom.cashier import uses
from countroom.cashier.apply_event import EventApplier, NotApplied
from countroom.cashier.deposits import Deposit
from countroom.cashier.gateways.dialect import MalformedEvent, PartlyMalformed, PaymentEvent
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.inbox import Received, to_message
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.book import Book, OutcomeUnknown, Pacing
from countroom.ledger.movements import LimitKind, OpenWallet, Period, Reference
from countroom.ledger.safeguards import SetLimit
from countroom.ledger.store import LedgerStore
from tests.simulation import counting, errors
from tests.simulation.baton import Finished, Killed, Pool, Thread
from tests.simulation.counting import CASHIER
from tests.simulation.dynamodb import Model, Schema, Write
from tests.simulation.expressions import Item
from tests.simulation.faults import TRIED_AGAIN, Cell, Fault, Site, draw
from tests.simulation.network import Call, Client, Network
from tests.simulation.payments import EUR, GATEWAY, NOW_MS, PLAYERS, Message, drawn
from tests.simulation.rooms import LEDGER
from tests.simulation.witness import Violation, fail, require
from tests.simulation.worker_sites import site_of
from tests.simulation.world import Figures

RECEIVES_MAX: Final = 5
ROUNDS_CALM_FROM: Final = 3
"""How often the queue is worked off under faults; the dead letters of the last of these rounds meet a calm world."""
_CALLS_MAX: Final = 20_000
_CAP: Final = 10_000 * EUR
_SCHEMAS: Final = {LEDGER: Schema(("pk",), {"history": ("p", "n")}), CASHIER: Schema(("pk", "sk"))}
_HELD_AT: Final = (None,) * 3 + (Site.WORKER_KEEP,) * 3 + (Site.WORKER_BOOK, Site.WORKER_SAVE, Site.WORKER_FACTS, Site.WORKER_EARLY)
"""Where a worker is held up while the others run. An early event is kept seldom, and what may happen around it is narrow."""
_EXPECTED: Final = (StoreUnavailable, OutcomeUnknown, NotApplied, MalformedEvent)


@dataclass(slots=True)
class Run:
    """One invocation of the handler: its messages, and what it may be blamed for."""

    number: int
    batch: Sequence[Message]
    thread: Thread
    applier: EventApplier
    faulty: bool
    lost_always: bool
    current: Message
    held_at: Site | None = None
    raised: list[BaseException] = field(default_factory=list)


class Episode:
    """One episode. Its seed alone decides what happens; `faults_max` makes the world calm after so many faults."""

    def __init__(self, seed: int, pool: Pool, trace: Callable[[str], None] | None = None, *, faults_max: int | None = None) -> None:
        self.rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret
        self.figures = Figures()
        self.faults = 0
        self._faults_left = _CALLS_MAX if faults_max is None else faults_max
        self._pool = pool
        self._trace = trace
        self._model = Model(_SCHEMAS, self._landed)
        self._network = Network(self._model, lambda call, _delay: self._late.append(call))
        self._late: list[Call] = []
        self._runs = 0
        self._running: list[tuple[Run, Any]] = []
        self._dead: list[Message] = []
        self._restored = False
        self._now: Run | None = None
        self._said = drawn(self.rng)

    def run(self) -> Figures:
        """Work the queue off under faults, the dead letters too, then everything once more without. Raise Violation."""
        with self._in_place():
            try:
                self._play()
            finally:
                self._end_all()
        self.figures.matrix.update(self._network.counts)
        return self.figures

    def _play(self) -> None:
        self._open(self._said.deposits)
        queue = [Message(one.number, one.events, one.unreadable) for one in self._said.messages]
        backup = dict(self._model.tables[CASHIER].items) if self.rng.random() < 0.35 else None
        for number in range(ROUNDS_CALM_FROM + 1):
            queue += self._redriven()
            self._work_off(queue, faults=number < ROUNDS_CALM_FROM)
            if number == 0:
                self._open(self._said.late)
                queue += self._restore(backup) if backup is not None else []
        while self._late:
            self._network.deliver(self._late.pop())
        self._look()
        for message in self._said.messages:
            failed = self._work([[Message(message.number, message.events, message.unreadable)]], faults=False)
            require(bool(failed) is message.rotten, "a calm world applies what can be applied and nothing else", message)
        self._look()

    def _redriven(self) -> list[Message]:
        """Put the dead letters back; give them as new messages."""
        back, self._dead = self._dead, []
        self.figures.counts["worker: dead letters put back"] += len(back)
        if back:
            self._say(f"dead letters put back: {', '.join(map(str, back))}")
        return [Message(one.number, one.events, one.unreadable) for one in back]

    def _restore(self, backup: Mapping[Any, Item]) -> list[Message]:
        """Restore the cashier's table to its first hour, and play in every webhook that was kept since."""
        table = self._model.tables[CASHIER]
        late = {key: item for key, item in table.items.items() if any(one.deposit_id in key[0] for one in self._said.late)}
        table.items, table.previous = {**backup, **late}, {}
        self._restored = True
        self.figures.counts["worker: table restored"] += 1
        self._say("the cashier's table is restored to its first hour")
        return [Message(one.number, one.events, one.unreadable) for one in self._said.messages]

    def _open(self, deposits: Sequence[Deposit]) -> None:
        """Open wallets, each with a deposit limit, and deposits, in a calm world: those that count as the desk does."""
        store, book = self._rooms(lambda call: taken(self._network.deliver(call)))
        for player_id in PLAYERS:
            book.post(OpenWallet.of(player_id, "EUR", "MT"))
            name = Reference("house:limit", player_id)
            book.post(SetLimit(name, player_id, "EUR", _CAP, LimitKind.DEPOSIT, Period.DAY))
        for deposit in deposits:
            claim, answer = Claim("x", deposit.deposit_id, b""), Answer(201, "")
            if deposit.counted:
                book.post(uses.opening(deposit), companions=store.opening(deposit, claim, answer))
            else:
                store.create(deposit, claim, answer)

    def _rooms(self, stop: Callable[[Call], Any]) -> tuple[CashierStore, Book]:
        client = Client(stop)
        pacing = Pacing(attempts_max=6, timer=lambda: 0.0, sleep=lambda _seconds: None, jitter=self.rng.random)
        return CashierStore(client, CASHIER), Book(LedgerStore(client, LEDGER), lambda: NOW_MS, pacing)

    def _work_off(self, queue: list[Message], *, faults: bool) -> None:
        """Let workers take up to three messages each, until the queue is empty: up to three at a time, in a calm world one."""
        while queue:
            self.rng.shuffle(queue)
            batches = []
            for _ in range(self.rng.randint(1, 3) if faults else 1):
                size = self.rng.randint(1, 3)
                batches.append(queue[:size])
                del queue[:size]
            failed = self._work([batch for batch in batches if batch], faults=faults)
            for message in failed:
                (self._dead if message.received >= RECEIVES_MAX else queue).append(message)
            self.figures.counts["worker: dead letters"] += sum(one.received >= RECEIVES_MAX for one in failed)
            done = [one for batch in batches for one in batch if not any(one is other for other in failed)]
            queue += [Message(one.number, one.events, one.unreadable) for one in done if self.rng.random() < 0.05]

    def _work(self, batches: Sequence[Sequence[Message]], *, faults: bool) -> list[Message]:
        """Let a worker for each batch run. Give the messages that were not done.

        Which of them goes on at a call is drawn; one that is held up somewhere waits there until all the others are done.
        """
        for batch in batches:
            self._start(batch, faulty=faults)
        failed: list[Message] = []
        while self._running:
            free = [place for place, (run, stopped) in enumerate(self._running) if not _is_held(run, stopped)]
            run, stopped = self._running.pop(self.rng.choice(free or range(len(self._running))))
            if isinstance(stopped, Finished):
                self._pool.give_back(run.thread)
                failed += self._finished(run, stopped)
                continue
            run.held_at = None if not free else run.held_at
            answer = self._answer(run, stopped)
            self._now = run
            self._running.append((run, run.thread.resume(answer)))
        return failed

    def _start(self, batch: Sequence[Message], *, faulty: bool) -> None:
        self._runs += 1
        thread = self._pool.take()
        applier = EventApplier(*self._rooms(thread.stop), lambda: NOW_MS)
        lost_always = faulty and self.rng.random() < 0.06
        run = Run(self._runs, batch, thread, applier, faulty, lost_always, batch[0], self.rng.choice(_HELD_AT))
        for message in batch:
            message.received += 1
            self.figures.counts["worker: deliveries"] += 1
            self.figures.counts["worker: deliveries again"] += message.received > 1
        self._tell(run, f"receives {', '.join(map(str, batch))}")
        records = [
            {
                "messageId": str(place),
                "body": to_message(Received(GATEWAY, f"msg_{message.number}", NOW_MS, f"{place}".encode())),
                "attributes": {"ApproximateReceiveCount": str(message.received)},
            }
            for place, message in enumerate(batch)
        ]
        self._now = run
        self._running.append((run, thread.start(lambda: handler()._serve({"Records": records}, None))))

    def _finished(self, run: Run, finished: Finished) -> list[Message]:
        """Take away what was done, as the queue does: all of the batch but what the answer names, or nothing of it."""
        self.figures.counts["requests"] += 1
        for error in run.raised:
            if not isinstance(error, _EXPECTED):
                raise Violation("the code raised what it should not", repr(error)) from error
            require(run.faulty or any(one.rotten for one in run.batch), "an error in a calm world", repr(error))
        if isinstance(finished.error, Killed):
            self.figures.counts["killed"] += 1
            self._tell(run, "is killed")
            return list(run.batch)
        if finished.error is not None:
            raise Violation("the code raised what it should not", repr(finished.error)) from finished.error
        named = {one["itemIdentifier"] for one in finished.result["batchItemFailures"]}
        self._tell(run, f"is done{f', without {sorted(named)}' if named else ''}")
        return [message for place, message in enumerate(run.batch) if str(place) in named]

    def _answer(self, run: Run, call: Call) -> Any:
        """Carry one call, or do to it what the dice say."""
        self.figures.steps += 1
        if self.figures.steps > _CALLS_MAX:
            fail("the queue does not come to rest")
        if self._late and self.rng.random() < 0.2:
            self._say("a late write lands")
            self.figures.counts["late deliveries"] += 1
            self._network.deliver(self._late.pop(self.rng.randrange(len(self._late))))
        cell = Cell(site_of(call), run.current.received > 1)
        fault = self._fault(run, cell) if run.faulty and self.faults < self._faults_left else None
        self.faults += fault is not None
        self._tell(run, f"{cell}{f' [{fault}]' if fault else ''}")
        return self._network.carry(call, cell, fault, self.rng).answer

    def _fault(self, run: Run, cell: Cell) -> Fault | None:
        return Fault.LOST_ALWAYS if run.lost_always and cell.site in TRIED_AGAIN else draw(self.rng, cell)

    def _look(self) -> None:
        """Hold deposits, wallets, records, staff's list and dead letters against what the gateway said."""
        rotten = {message.number for message in self._said.messages if message.rotten}
        require(
            {one.number for one in self._dead} == rotten,
            "the dead letters are those that nobody can apply",
            ", ".join(map(str, self._dead)),
        )
        store, book = self._rooms(lambda call: taken(self._network.deliver(call)))
        counting.require_ends(self._said, store, book)
        if not self._restored:
            counting.require_used(self._said, book)
        counting.require_agreement(self._model)
        counting.require_clean_audit(self._model)
        self.figures.counts["invariant checks"] += len(self._said.ends) + len(PLAYERS) + 3

    def _landed(self, writes: Sequence[Write]) -> None:
        """Hold deposits against records, at every instant; after a restore only in the end."""
        self.figures.counts["commits"] += 1
        if not self._restored and any(not write.key[0].startswith("EARLY#") for write in writes):
            self.figures.counts["invariant checks"] += 2
            counting.require_agreement(self._model)
            counting.require_given_back(self._model)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Put this episode's tables, messages and telemetry under the handler."""
        worker = handler()
        with ExitStack() as stack:
            stack.enter_context(patch.object(worker, "_applier", lambda: self._at_work.applier))
            stack.enter_context(patch.object(worker, "dialect", lambda _name: self))
            for name in ("count", "describe", "logger"):
                stack.enter_context(patch.object(worker.telemetry, name, getattr(self, name)))
            yield

    @property
    def _at_work(self) -> Run:
        assert self._now is not None  # a worker runs only after it was let go on
        return self._now

    def parse(self, body: bytes) -> list[PaymentEvent]:
        """Stand in for the dialects, of which the message's place in its batch is all that was sent."""
        run = self._at_work
        run.current = run.batch[int(body)]
        if run.current.unreadable:
            raise PartlyMalformed(run.current.events, ["item"])
        return list(run.current.events)

    def count(self, name: str, value: int = 1, dimensions: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 - the port's signature
        """Stand in for the metrics."""
        self.figures.counts[f"worker: {name}"] += value

    def describe(self, error: BaseException) -> dict[str, Any]:
        """Stand in for the log, which gets every error that the handler meets."""
        self._at_work.raised.append(error)
        self._tell(self._at_work, f"  reports {errors.code_of(error)} {error}")
        return {}

    logger = SimpleNamespace(**dict.fromkeys(("info", "warning", "error"), lambda *_words, **_fields: None))

    def _end_all(self) -> None:
        """End those who are still at work when a violation ends the episode."""
        for run, stopped in self._running:
            self._now = run
            if isinstance(stopped, Finished) or isinstance(run.thread.resume(Killed()), Finished):
                self._pool.give_back(run.thread)
        self._running.clear()

    def _tell(self, run: Run, what: str) -> None:
        self._say(f"#{run.number:<3d} {what}")

    def _say(self, text: str) -> None:
        if self._trace:
            self._trace(text)


@cache
def handler() -> ModuleType:
    """The worker's entrance; it reads its settings when it is imported, so not before an episode needs it."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "simulation")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Countroom")
    from handlers import payment_worker  # noqa: PLC0415 - as above

    return payment_worker


def _is_held(run: Run, stopped: Any) -> bool:
    return run.held_at is not None and isinstance(stopped, Call) and site_of(stopped) is run.held_at


def taken(answer: Any) -> Any:
    """Take an answer as botocore gives it: an error is raised."""
    if isinstance(answer, BaseException):
        raise answer
    return answer
