"""One episode: a script of requests against one table, in virtual time, one event after another."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from typing import Any, Final

from countroom.ledger.book import BatchPosted, OutcomeUnknown, Posted, Refused
from countroom.ledger.chain import IndexBehind
from countroom.ledger.records import Record
from countroom.ledger.store import StoreBusy
from tests.simulation import errors
from tests.simulation.actor import Actor, Sleep
from tests.simulation.answers import Judge
from tests.simulation.baton import Finished, Killed, Pool
from tests.simulation.dynamodb import Model, Schema, Write
from tests.simulation.faults import Cell, Fault
from tests.simulation.final import audited
from tests.simulation.network import Call, Network
from tests.simulation.requests import BEGINS, DAY, MINUTE, SECOND, Request, Script, Verb
from tests.simulation.rooms import LEDGER, ROOMS
from tests.simulation.witness import Author, Violation, Witness, fail

EVENTS_MAX: Final = 50_000
"""An episode that has not come to rest by then never will."""
REPEATS_MAX: Final = 3
_REPEATED_AFTER: Final = (200_000, 5 * SECOND, 11 * MINUTE, DAY, 90 * DAY)
_PAGE_ITEMS: Final = 9
"""A page of a scan or query that names no limit: small, so that the world moves between two pages."""
_SCHEMAS: Final = {LEDGER: Schema(("pk",), {"history": ("p", "n")}), ROOMS: Schema(("pk", "sk"))}


@dataclass(slots=True)
class Figures:
    """What happened in an episode."""

    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    matrix: Counter[tuple[Cell, Fault]] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """Add another episode's figures."""
        self.steps += other.steps
        self.counts += other.counts
        self.matrix += other.matrix


class World:
    """The table, the network, the clock, and everybody who is at work."""

    def __init__(
        self, script: Script, pool: Pool, trace: Callable[[str], None] | None = None, *, look_at_guards: bool = True
    ) -> None:
        self.script = script
        self._look_at_guards = look_at_guards
        self.figures = Figures()
        self._pool = pool
        self._trace = trace
        self._now = BEGINS
        self._order = 0
        self._arrived = 0
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._witness = Witness()
        self._author = Author()
        self._model = Model(_SCHEMAS, self._landed, _PAGE_ITEMS)
        self._network = Network(self._model, self._later)
        self._judge = Judge(self._witness, self._model.tables)
        self._at_work: dict[int, Actor] = {}

    def run(self) -> Figures:
        """Play the script to its end, then ask everything once more in a quiet world, then audit. Raise Violation."""
        try:
            for request in self.script.requests:
                self._at(request.at, partial(self._arrive, request))
            self._until_quiet()
            self._ask_again()
            audited(self._model, self._witness)
        finally:
            self._kill_all()
        self.figures.matrix.update(self._network.counts)
        counts = self.figures.counts
        counts["invariant checks"] += self._witness.checks
        counts["commits"] += self._witness.commits
        for outcome, number in self._witness.outcomes.items():
            counts[f"records: {outcome}"] += number
        return self.figures

    def chain(self, player_id: str) -> list[Record]:
        """Give a player's records in their order."""
        entries = [born.entry for born in self._witness.born.values()]
        found = [entry for entry in entries if isinstance(entry, Record) and entry.player_id == player_id]
        return sorted(found, key=lambda record: record.version)

    def _ask_again(self) -> None:
        """Ninety days later, without faults: every request gets a definite answer, and the one that it got before."""
        self._now += 91 * DAY
        asked: dict[tuple[object, ...], Request] = {}
        for request in self.script.requests:
            if request.verb in {Verb.POST, Verb.BATCH}:
                asked.setdefault(request.asked, request)
        for request in asked.values():
            self._now += SECOND
            calm = replace(request, faults=False, skew_ms=0, attempt=REPEATS_MAX + 1, note="asked again")
            self._arrive(calm)
            self._until_quiet()
        for player_id in (*self._witness.wallets, ""):
            for verb in (Verb.HISTORY, Verb.AUDIT) if player_id else (Verb.AUDIT,):
                self._arrive(Request(self._now, verb, 0, player_id, faults=False, page=20))
                self._until_quiet()

    def _until_quiet(self) -> None:
        while self._events:
            self._now, _, event = heappop(self._events)
            event()
            if self._order > EVENTS_MAX:
                fail("the episode does not come to rest")

    def _at(self, when: int, event: Callable[[], None]) -> None:
        self._order += 1
        heappush(self._events, (max(when, self._now), self._order, event))

    def _arrive(self, request: Request) -> None:
        if request.note:
            self.figures.counts[f"case: {_case(request.note)}"] += 1
        if request.skew_ms:
            self.figures.counts["case: clock ten minutes off"] += 1
        if request.verb is Verb.ROW:
            self._say(f"{request}")
            call = Call("transact_write_items", {"TransactItems": list(request.companions)})
            self._author = Author(companions=1)
            self._network.deliver(call)
            return
        batch = request.verb is Verb.BATCH
        author = Author(request.movements, len(request.companions), batch, request.tolerate, self._witness.commits)
        actor = Actor(request, self._pool.take(), author, lambda: self._now)
        self._at_work[id(actor)] = actor
        self._arrived += 1
        actor.number = self._arrived
        self._tell(actor, str(request))
        self._goes_on(actor, actor.thread.start(actor.work))

    def _goes_on(self, actor: Actor, stopped: Any) -> None:
        """The code under test has stopped: at a call, in a wait, or because it is done."""
        match stopped:
            case Call():
                cell = actor.cell(stopped)
                self._at(self._now + actor.rng.choice((100, 300, 800, 1500, 3000, 7000)), lambda: self._call(actor, stopped, cell))
            case Sleep():
                self._at(self._now + stopped.duration, lambda: self._goes_on(actor, actor.thread.resume(None)))
            case Finished():
                self._at_work.pop(id(actor), None)
                self._pool.give_back(actor.thread)
                self._finished(actor, stopped)

    def _call(self, actor: Actor, call: Call, cell: Cell) -> None:
        self.figures.steps += 1
        if call.kind == "transact_write_items" and self._look_at_guards:
            self._witness.guarded(call.request["TransactItems"])
        storm = any(start <= self._now < end for start, end in self.script.storms)
        fault = actor.fault(cell, storm=storm)
        self._author = actor.author
        if self._trace:
            self._tell(actor, f"{cell}{f' [{fault}]' if fault else ''}")
        reply = self._network.carry(call, cell, fault, actor.rng, actor.way_to_lose)
        actor.again = isinstance(reply.answer, Exception)
        if self._trace and actor.again:
            self._tell(actor, f"  gets {errors.code_of(reply.answer)}")
        self._at(self._now + reply.delay, lambda: self._goes_on(actor, actor.thread.resume(reply.answer)))

    def _later(self, call: Call, delay: int) -> None:
        author = self._author

        def land() -> None:
            self.figures.steps += 1
            self.figures.counts["late deliveries"] += 1
            self._author = author
            answer = self._network.deliver(call)
            if self._trace:
                came = errors.code_of(answer) if isinstance(answer, Exception) else "lands"
                self._say(f"late write of {', '.join(movement.reference.text for movement in author.movements)}: {came}")

        self._at(self._now + delay, land)

    def _landed(self, writes: Sequence[Write]) -> None:
        self._witness.landed(self._author, writes)

    def _finished(self, actor: Actor, finished: Finished) -> None:
        request, counts = actor.request, self.figures.counts
        counts["requests"] += 1
        if isinstance(finished.error, Killed):
            counts["killed"] += 1
            self._tell(actor, "is killed")
            self._repeat(actor)
        elif isinstance(finished.error, OutcomeUnknown):
            counts["unknown"] += 1
            self._tell(actor, f"is answered: unknown, possibly written: {finished.error.possibly_written}")
            if not request.faults:
                fail("no definite answer in a quiet world", request)
            self._judge.unknown(actor.author, finished.error)
            self._repeat(actor)
        elif isinstance(finished.error, StoreBusy | IndexBehind) and request.verb in {Verb.HISTORY, Verb.AUDIT}:
            counts["unavailable"] += 1
            self._tell(actor, "is answered: not now")
            if not request.faults:
                fail("no definite answer in a quiet world", request)
        elif finished.error is not None:
            raise Violation("the code raised what it should not", f"{request}: {finished.error!r}") from finished.error
        else:
            self._tell(actor, f"is answered: {_said(finished.result)}")
            self._answered(actor, finished.result)

    def _answered(self, actor: Actor, answer: Any) -> None:
        request = actor.request
        if request.verb is Verb.WALLET:
            self._judge.read_wallet(request.player_id, actor.author.started, answer)
        elif request.verb is Verb.FIND and request.reference:
            self._judge.read_entry(request.reference.text, actor.author.started, answer)
        elif request.verb is Verb.HISTORY:
            self._judge.read_history(request.player_id, actor.author.started, answer)
        elif request.verb is Verb.AUDIT:
            self._judge.read_audit(answer)
        else:
            results = answer.results if isinstance(answer, BatchPosted) else (answer,)
            for result in results:
                self.figures.counts["posted" if isinstance(result, Posted) else "refused"] += 1
                self.figures.counts["replayed"] += result.replayed
                if isinstance(result, Refused):
                    self.figures.counts[f"refused: {result.reason}"] += 1
            self._judge.answered(actor.author, answer)

    def _repeat(self, actor: Actor) -> None:
        """Nobody answered: the sender asks again, soon or much later, a bounded number of times."""
        request = actor.request
        if request.attempt < REPEATS_MAX:
            delay = actor.rng.choice(_REPEATED_AFTER)
            calmer = replace(request, attempt=request.attempt + 1, lost_always=False, note="")
            self._at(self._now + delay, lambda: self._arrive(calmer))

    def _kill_all(self) -> None:
        """End those who are still at work when a violation ends the episode."""
        for actor in self._at_work.values():
            stopped = actor.thread.resume(Killed())
            if isinstance(stopped, Finished):
                self._pool.give_back(actor.thread)
        self._at_work.clear()

    def _tell(self, actor: Actor, what: str) -> None:
        if self._trace:
            self._say(f"#{actor.number:<3d} {what}")

    def _say(self, text: str) -> None:
        if self._trace:
            since = self._now - BEGINS
            self._trace(f"{since // DAY:3d} d {since % DAY / SECOND:12.6f} s  {text}")


def _case(note: str) -> str:
    """Notes of rows carry names; all of them are one case."""
    return "rows of other rooms" if "#" in note else note


def _said(answer: Any) -> str:
    match answer:
        case Posted():
            return f"{answer.record.outcome}{' (replayed)' if answer.replayed else ''}, version {answer.record.version}"
        case Refused():
            return f"no, {answer.reason}{' (replayed)' if answer.replayed else ''}"
        case BatchPosted():
            return "; ".join(_said(result) for result in answer.results)
    return "found" if answer else "nothing there"
