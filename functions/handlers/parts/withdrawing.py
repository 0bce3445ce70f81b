"""Withdrawals, wired once for each function that changes them."""

from dataclasses import dataclass
from typing import Final

from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.lists import WithdrawalLists
from countroom.cashier.withdrawals.machine import MachineUnavailable
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.screener import Screener
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.clock import system_clock
from countroom.ledger.book import Book, OutcomeUnknown, Pacing
from countroom.ledger.store import LedgerStore
from handlers.parts import wake
from handlers.parts.people import People
from runtime import aws

LEDGER_BUDGET_S: Final = 4.0
"""How long one posting may try."""

NOT_KNOWN: Final[tuple[type[Exception], ...]] = (StoreUnavailable, OutcomeUnknown, MachineUnavailable)
"""What is raised when somebody did not answer: nothing is wrong, and the same again is safe."""


@dataclass(frozen=True, slots=True)
class WithdrawalTables:
    """Where a function finds withdrawals, and the money that they hold."""

    withdrawals_table: str
    ledger_table: str


@dataclass(frozen=True, slots=True)
class RoomTables:
    """Where a function finds what screening asks about: deposits, and what is known of players."""

    cashier_table: str
    players_table: str


@dataclass(frozen=True, slots=True)
class Wired:
    """The withdrawals and what they lie in; nothing is sent before the first use."""

    store: WithdrawalStore
    lists: WithdrawalLists
    book: Book
    withdrawals: Withdrawals


def wired(told: WithdrawalTables) -> Wired:
    """Wire the withdrawals. Whoever has these needs `wake.MachineSettings` in his environment too."""
    store = WithdrawalStore(aws.client("dynamodb"), told.withdrawals_table)
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    ledger = LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table)
    book = Book(ledger, system_clock, Pacing(budget_s=LEDGER_BUDGET_S))
    lists = WithdrawalLists(aws.client("dynamodb"), told.withdrawals_table)
    return Wired(store, lists, book, Withdrawals(store, book, system_clock, wake.waker()))


def screener(parts: Wired, told: RoomTables) -> Screener:
    """Wire the screening, with what the other rooms know of a player."""
    people = People(aws.client("dynamodb"), told.players_table)
    methods = Methods(CashierStore(aws.client("dynamodb"), told.cashier_table))
    return Screener(parts.store, parts.book.wallet, methods, people.person_of, system_clock)
