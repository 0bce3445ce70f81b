"""What can go wrong with one call to a table, and at which calls of the ledger and of the cashier's worker it is made to."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """One way in which a call goes wrong. The numbers of a failing call's cells in the matrix."""

    NOT_SENT = "not sent"
    LOST = "answer lost"
    LOST_ALWAYS = "lost always"
    LATE = "late"
    THROTTLED = "throttled"
    THROTTLED_INSIDE = "throttled in"
    CONFLICT = "conflict"
    IN_PROGRESS = "in progress"
    ERROR = "5xx"
    ERROR_LANDED = "5xx landed"
    TRUNCATED = "truncated"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    KILLED_LATE = "killed, late"


class Site(StrEnum):
    """A place in the code that calls a table."""

    WALLET = "wallet"
    FIND = "find"
    POST_WALLET = "post: wallet"
    POST_FACTS = "post: facts"
    POST_ENTRY = "post: entry"
    POST_COMMIT = "post: commit"
    POST_COMPANION = "post: +companion"
    POST_REFUSAL = "post: refusal"
    BATCH_FACTS = "batch: facts"
    BATCH_COMMIT = "batch: commit"
    BATCH_REFUSAL = "batch: refusal"
    HISTORY_WALLET = "history: wallet"
    HISTORY_INDEX = "history: index"
    HISTORY_RECORD = "history: record"
    HISTORY_MARKERS = "history: markers"
    AUDIT_SCAN = "audit: scan"
    AUDIT_INDEX = "audit: index"
    AUDIT_ITEMS = "audit: items"
    WORKER_DEPOSIT = "worker: deposit"
    WORKER_PAYMENT = "worker: payment"
    WORKER_EARLY = "worker: early events"
    WORKER_WALLET = "worker: wallet"
    WORKER_FACTS = "worker: facts"
    WORKER_ENTRY = "worker: entry"
    WORKER_SAVE = "worker: save"
    WORKER_KEEP = "worker: keep early"
    WORKER_BOOK = "worker: book"
    WORKER_CATCH_UP = "worker: catch up"


_UPDATES: Final = frozenset({Site.WORKER_SAVE, Site.WORKER_KEEP})
_COMMITS: Final = frozenset(
    {
        *(Site.POST_COMMIT, Site.POST_COMPANION, Site.POST_REFUSAL, Site.BATCH_COMMIT, Site.BATCH_REFUSAL),
        *(Site.WORKER_BOOK, Site.WORKER_CATCH_UP),
    }
)
WRITES: Final = _COMMITS | _UPDATES
TRIED_AGAIN: Final = _COMMITS - {Site.WORKER_CATCH_UP}
"""The writes that the code itself tries again: all answers of one request may be lost there."""
_TRANSACTIONS: Final = _COMMITS | {Site.POST_FACTS, Site.BATCH_FACTS, Site.HISTORY_MARKERS, Site.AUDIT_ITEMS, Site.WORKER_FACTS}
_READS_TOO: Final = (
    Fault.NOT_SENT,
    Fault.LOST,
    Fault.THROTTLED,
    Fault.ERROR,
    Fault.TRUNCATED,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)
_WRITES_ONLY: Final = (Fault.LATE, Fault.IN_PROGRESS, Fault.ERROR_LANDED, Fault.KILLED_LATE)
_TRANSACTIONS_ONLY: Final = (Fault.THROTTLED_INSIDE, Fault.CONFLICT)


def faults_of(site: Site) -> tuple[Fault, ...]:
    """The faults that mean something at a site (a read that arrives late is a read that was lost); LOST_ALWAYS comes by request."""
    found: tuple[Fault, ...] = _READS_TOO
    if site in WRITES:
        found += tuple(fault for fault in _WRITES_ONLY if site in _COMMITS or fault is not Fault.IN_PROGRESS)
    if site in _TRANSACTIONS:
        found += _TRANSACTIONS_ONLY
    return found


@dataclass(frozen=True, slots=True)
class Cell:
    """A site, and whether it is met at a request's first attempt (a message's first delivery) or at a later one."""

    site: Site
    again: bool

    def __str__(self) -> str:
        return f"{self.site}{' (again)' if self.again else ''}"


def cells() -> list[Cell]:
    """Every cell, in the order of the matrix."""
    return [Cell(site, again) for site in Site for again in (False, True)]


def expected(cell: Cell) -> tuple[Fault, ...]:
    """The faults that a long run must have injected at a cell."""
    return (*faults_of(cell.site), Fault.LOST_ALWAYS) if cell.site in TRIED_AGAIN else faults_of(cell.site)


_CHANCE: Final = {
    Site.WALLET: 0.35,
    Site.FIND: 0.35,
    Site.POST_ENTRY: 0.35,
    Site.BATCH_FACTS: 0.25,
    Site.BATCH_COMMIT: 0.6,
    Site.BATCH_REFUSAL: 0.9,
    Site.POST_REFUSAL: 0.35,
    Site.POST_COMPANION: 0.35,
    Site.HISTORY_WALLET: 0.35,
    Site.HISTORY_INDEX: 0.3,
    Site.HISTORY_RECORD: 0.25,
    Site.HISTORY_MARKERS: 0.55,
    Site.AUDIT_SCAN: 0.4,
    Site.AUDIT_INDEX: 0.5,
    Site.AUDIT_ITEMS: 0.3,
    Site.WORKER_WALLET: 0.2,
    Site.WORKER_FACTS: 0.3,
    Site.WORKER_ENTRY: 0.7,
    Site.WORKER_SAVE: 0.3,
    Site.WORKER_BOOK: 0.2,
    Site.WORKER_KEEP: 0.4,
    Site.WORKER_CATCH_UP: 0.7,
}
_CHANCE_AGAIN: Final = {
    Site.BATCH_COMMIT: 0.7,
    Site.BATCH_REFUSAL: 0.85,
    Site.HISTORY_WALLET: 0.6,
    Site.HISTORY_INDEX: 0.6,
    Site.HISTORY_RECORD: 0.6,
    Site.HISTORY_MARKERS: 0.6,
    Site.AUDIT_SCAN: 0.6,
    Site.AUDIT_INDEX: 0.6,
    Site.AUDIT_ITEMS: 0.5,
    Site.WORKER_WALLET: 0.4,
    Site.WORKER_SAVE: 0.6,
    Site.WORKER_BOOK: 0.45,
    Site.WORKER_KEEP: 0.6,
    Site.WORKER_CATCH_UP: 0.8,
}
_CHANCE_ELSEWHERE: Final = 0.12
_MAKES_IT_AGAIN: Final = (Fault.NOT_SENT, Fault.THROTTLED, Fault.ERROR)


def draw(rng: Random, cell: Cell) -> Fault | None:
    """Draw what goes wrong with a call; None: nothing. Rare sites fail more often, so that every cell is met."""
    chance = _CHANCE.get(cell.site, _CHANCE_ELSEWHERE)
    if rng.random() >= (_CHANCE_AGAIN.get(cell.site, chance) if cell.again else chance):
        return None
    if not cell.again and rng.random() < 0.25:
        return rng.choice(_MAKES_IT_AGAIN)
    return rng.choice(faults_of(cell.site))
