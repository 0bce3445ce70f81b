"""One request being worked on: real ledger code in a thread of its own, with its own clock and its own luck."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from countroom.ledger.audit import Auditor
from countroom.ledger.book import Book, Pacing
from countroom.ledger.chain import Patience
from countroom.ledger.findings import Finding, Level
from countroom.ledger.history import Entry, Filter, History
from countroom.ledger.movements import Kind
from countroom.ledger.store import LedgerStore
from tests.simulation.baton import Thread
from tests.simulation.errors import WAYS_TO_LOSE
from tests.simulation.faults import WRITES, Cell, Fault, draw
from tests.simulation.network import Call, Client, site_of, starts_attempt
from tests.simulation.requests import SECOND, Request, Verb
from tests.simulation.rooms import LEDGER
from tests.simulation.witness import Author

_EVERYTHING: Final = Filter(kinds=frozenset(Kind))
_PAGES_MAX: Final = 500
_TWINS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Sleep:
    """The code under test waits, in microseconds."""

    duration: int


class Actor:
    """A request, its thread, and what it may be blamed for."""

    def __init__(self, request: Request, thread: Thread, author: Author, now: Callable[[], int]) -> None:
        self.request = request
        self.thread = thread
        self.author = author
        self.rng = Random(request.seed + request.attempt)  # noqa: S311 - a seeded schedule, no secret
        self.store = LedgerStore(Client(thread.stop), LEDGER)
        self.way_to_lose = self.rng.randint(0, WAYS_TO_LOSE)
        self.again = False
        self.number = 0
        self._attempts = 0
        self._now = now

    def work(self) -> Any:
        """What the thread does."""
        request = self.request
        match request.verb:
            case Verb.POST:
                return self._book().post(request.movements[0], request.companions)
            case Verb.BATCH:
                return self._book().post_batch(request.movements, request.tolerate)
            case Verb.WALLET:
                return self._book().wallet(request.player_id)
            case Verb.HISTORY:
                return self._history()
            case Verb.AUDIT:
                return self._audit()
        assert request.reference  # the only verb that is left names one
        return self._book().find(request.reference)

    def _book(self) -> Book:
        pacing = Pacing(timer=lambda: self._now() / SECOND, sleep=self._sleep, jitter=self.rng.random)
        return Book(self.store, lambda: self._now() // 1000 + self.request.skew_ms, pacing)

    def _sleep(self, seconds: float) -> None:
        self.thread.stop(Sleep(int(seconds * SECOND)))

    def _history(self) -> tuple[Entry, ...] | None:
        """Read a player's whole history in pages."""
        history = History(self.store, Patience(sleep=self._sleep, jitter=self.rng.random))
        entries: list[Entry] = []
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = history.page(self.request.player_id, _EVERYTHING, self.request.page, cursor)
            if page is None:
                return None
            entries += page.entries
            cursor = page.next_cursor
            if cursor is None:
                return tuple(entries)
        raise AssertionError("a history without an end")

    def _audit(self) -> list[Finding]:
        """Audit one player, or everything; answer the mismatches."""
        auditor = Auditor(self.store, Patience(tries=8, sleep=self._sleep, jitter=self.rng.random))
        player_id = self.request.player_id
        report = auditor.audit_player(player_id) if player_id else auditor.audit()
        return [finding for finding in report.findings if finding.level is Level.MISMATCH]

    def cell(self, call: Call) -> Cell:
        """Where in the code, and at which attempt, a call is made. Reads of histories are tried again one by one."""
        site = site_of(self.request.verb, call)
        if self.request.verb in {Verb.HISTORY, Verb.AUDIT}:
            return Cell(site, self.again)
        if starts_attempt(site):
            self._attempts += 1
        return Cell(site, self._attempts > 1)

    def fault(self, cell: Cell, *, storm: bool) -> Fault | None:
        """What happens to a call."""
        if not self.request.faults:
            return None
        if storm:
            return self.rng.choice((Fault.ERROR, Fault.ERROR_LANDED)) if cell.site in WRITES else Fault.ERROR
        if self.request.lost_always and cell.site in WRITES:
            # A twin under way, among so many lost answers: what is unknown by then must stay so.
            return Fault.IN_PROGRESS if self.rng.random() < _TWINS else Fault.LOST_ALWAYS
        return draw(self.rng, cell)
