"""A book over a table in memory and a timeline that only waiting moves."""

from dataclasses import dataclass, field
from typing import Any, Final

from countroom.ledger.book import BatchPosted, Book, Pacing, Posted, Refused
from countroom.ledger.movements import OpenWallet, Reason
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from tests.unit.clock import FixedClock
from tests.unit.ledger.examples import ANNA, a_deposit
from tests.unit.ledger.memory import MemoryTable

TABLE: Final = "ledger"


@dataclass
class Timeline:
    """Seconds that pass by sleeping."""

    now_s: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def timer(self) -> float:
        """Return the time."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.sleeps.append(seconds)
        self.now_s += seconds


@dataclass
class Casino:
    """A ledger in which a test can look everywhere."""

    client: Any = field(default_factory=MemoryTable)
    clock: FixedClock = field(default_factory=FixedClock)
    timeline: Timeline = field(default_factory=Timeline)
    jitter: float = 1.0
    budget_s: float = 4.0
    attempts_max: int = 60

    @property
    def book(self) -> Book:
        """Return a book of its own over the same table, as another process would have."""
        pacing = Pacing(self.budget_s, self.attempts_max, self.timeline.timer, self.timeline.sleep, lambda: self.jitter)
        return Book(LedgerStore(self.client, TABLE), self.clock, pacing)

    def wallet(self, player: str = ANNA) -> Wallet:
        """Return a wallet that is there."""
        found = self.book.wallet(player)
        assert found is not None
        return found

    def open(self, cash: int = 0, player: str = ANNA) -> "Casino":
        """Open a wallet, with some cash."""
        posted(self.book.post(OpenWallet.of(player, "EUR", "MT")))
        if cash:
            posted(self.book.post(a_deposit(cash, f"first-{player}", player)))
        return self


def posted(result: Posted | Refused) -> Posted:
    """Return what was posted."""
    assert isinstance(result, Posted), result
    return result


def turned_down(result: Posted | Refused | BatchPosted, reason: Reason) -> Refused:
    """Return what was refused for that reason."""
    assert isinstance(result, Refused), result
    assert result.reason is reason
    assert result.retry_may_change is reason.retry_may_change
    return result
