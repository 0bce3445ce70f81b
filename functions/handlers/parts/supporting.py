"""The support of accounts, wired once for each function that gives orders: staff's, and the worker that hears who is too young."""

from dataclasses import dataclass

from countroom.clock import system_clock
from countroom.identity.access import Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.events import EventLog
from countroom.identity.sessions import Sessions
from countroom.identity.support import Support
from countroom.identity.table import Table
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from runtime import aws


@dataclass(frozen=True, slots=True)
class SupportSettings:
    """What the support needs of a function's environment."""

    sessions_table: str
    players_table: str
    ledger_table: str
    session_absolute_seconds: int
    session_idle_seconds: int


def support_of(told: SupportSettings) -> Support:
    """Wire the support; nothing is sent before the first order."""
    store = AccessStore(Table(aws.client("dynamodb"), told.sessions_table))
    events = EventLog(Table(aws.client("dynamodb"), told.players_table))
    lifetimes = Lifetimes(told.session_absolute_seconds * 1000, told.session_idle_seconds * 1000)
    # The ledger repeats its requests itself, inside a time budget of its own.
    book = Book(LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table), system_clock)
    return Support(store, Sessions(store, None, system_clock, lifetimes), book, events, system_clock)
