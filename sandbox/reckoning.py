"""How a run against the house is judged: by the outside's own books, by the wallet, and by the auditor."""

import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox import audit

DIFFERENCES_MAX = 50


def new_seed() -> int:
    """Draw a seed for a run that was given none."""
    return secrets.randbelow(2**31)


@dataclass(slots=True)
class Books:
    """What the outside believes to stand, in main units, and all that did not come as it must. Safe among threads."""

    balance: Decimal
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def move(self, amount: Decimal) -> None:
        """Note that the player's balance changed by so much."""
        with self._lock:
            self.balance += amount

    def count(self, name: str) -> None:
        """Count something for the summary."""
        with self._lock:
            self.counts[name] += 1

    def differs(self, text: str) -> None:
        """Note something that is not as it must be; DIFFERENCES_MAX are kept, all are counted."""
        with self._lock:
            self.counts["differences"] += 1
            if len(self.differences) < DIFFERENCES_MAX:
                self.differences.append(text)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Books, wallet and audit of one player after a run that drew from `seed`. Amounts are in main units."""

    player_id: str
    currency: str
    seed: int
    start: Decimal
    books: Books
    wallet: Decimal
    report: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether every answer was as it must be, the wallet agrees with the books, and the audit found nothing."""
        return not self.books.differences and self.wallet == self.books.balance and audit.is_clean(self.report)

    def lines(self) -> list[str]:
        """Write the summary, the verdict last."""
        books, report = self.books, self.report
        lines = [f"  {name:<42} {count:>7}" for name, count in sorted(books.counts.items())]
        agreed = "agrees" if self.wallet == books.balance else f"IS {self.wallet - books.balance:+f} OFF"
        lines.append(f"  balance at the start {self.start:f} {self.currency}")
        lines.append(f"  balance by the books {books.balance:f} {self.currency}, in the wallet {self.wallet:f}: {agreed}")
        found = "nothing wrong" if audit.is_clean(report) else f"NOT CLEAN: {report.get('mismatches')} mismatches"
        lines.append(f"  audit: {report.get('records')} records, {found}")
        lines += [f"  DIFFERENCE {text}" for text in books.differences]
        return [*lines, f"  {'the count is right' if self.right else f'THE COUNT IS NOT RIGHT (seed {self.seed})'}"]
