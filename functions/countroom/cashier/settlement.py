"""Holding a gateway's settlement file against the house's own deposits. Pure.

Both sides are bookings: a payment, a refund, a chargeback, each of one payment, with an amount and an instant. They meet by kind
and payment id, and where a payment was refunded in parts, by amount. The file of a day (UTC, by the gateway's clock) is compared
with what the house booked on that day, and each of its lines with what was booked whenever.

Two clocks do not agree at midnight: what the house booked in the last EDGE_MS of a day, and the file of that day does not have, is
carried over and expected in the next day's. Only what that one lacks too is missing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from countroom.cashier.deposits import Booking, Deposit
from countroom.cashier.settlement_file import Line, Read, Unreadable

DAY_MS: Final = 24 * 60 * 60 * 1000
EDGE_MS: Final = 2 * 60 * 60 * 1000
LATE_MS: Final = 60 * 60 * 1000
"""Money that is here this much later than the gateway had it is late: players see it at once, or they ask."""

FINDINGS_MAX: Final = 1000
"""So many are listed in a report; all are counted."""

CARRIED_MAX: Final = 50_000


class Difference(StrEnum):
    """What can be wrong between the two sides."""

    MISSING_HERE = "missing_here"  # the gateway books what the house does not know
    MISSING_THERE = "missing_there"  # the house has booked what the gateway does not
    AMOUNT_DIFFERS = "amount_differs"  # in amount or currency
    LISTED_TWICE = "listed_twice"  # the file has it once more than the house
    LATE = "late"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Booked:
    """Money of a deposit that has moved here: `record` is the ledger's transaction id, `amount` in nanos, `at_ms` by our clock."""

    deposit_id: str
    record: str
    kind: Booking
    payment_id: str
    amount: int
    currency: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: the line of the file, the booking of the house, or both."""

    difference: Difference
    line: Line | None = None
    booked: Booked | None = None
    number: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a comparison. `findings` are the first FINDINGS_MAX, `counts` all; `carried` is expected in the next file."""

    lines: int
    matched: int
    counts: dict[Difference, int]
    findings: tuple[Finding, ...]
    carried: tuple[Booked, ...]

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to look at."""
        return not any(self.counts.values())


def booked_of(deposit: Deposit) -> Iterator[Booked]:
    """Give everything of a deposit that has moved money, each with the instant at which it did."""
    moved = {change.record: change.at_ms for change in deposit.changes if change.record}
    for fact in deposit.facts:
        if fact.is_booked and fact.record in moved:
            payment = fact.payment
            yield Booked(
                deposit.deposit_id,
                fact.record,
                fact.booking,
                payment.payment_id,
                fact.booked,
                deposit.currency,
                moved[fact.record],
            )


LookUp = Callable[[Line], Sequence[Booked]]
"""Everything that the house has booked of a line's payment, whenever."""


@dataclass(slots=True)
class Comparison:
    """One file against one day that begins at `day_ms`: first everything that is expected, then every line, then the end."""

    day_ms: int
    look_up: LookUp
    expected: dict[tuple[Booking, str], list[Booked]] = field(default_factory=dict)
    _met: set[str] = field(default_factory=set)
    _lines: int = 0
    _matched: int = 0
    _counts: Counter[Difference] = field(default_factory=Counter)
    _findings: list[Finding] = field(default_factory=list)

    def expect(self, bookings: Iterable[Booked], *, carried: bool = False) -> None:
        """Add what the house has booked, as far as it belongs to this day, or was carried over to it."""
        for booked in bookings:
            if carried or self.day_ms <= booked.at_ms < self.day_ms + DAY_MS:
                known = self.expected.setdefault((booked.kind, booked.payment_id), [])
                if booked.record not in {one.record for one in known}:
                    known.append(booked)

    def read(self, found: Read) -> None:
        """Take in the next line of the file."""
        self._lines += 1
        if isinstance(found, Unreadable):
            self._find(Finding(Difference.UNREADABLE, number=found.number, reason=found.reason))
            return
        waiting = [one for one in self.expected.get((found.kind, found.payment_id), ()) if one.record not in self._met]
        if not any(_same(found, one) for one in waiting):
            waiting = [one for one in self.look_up(found) if (one.kind, one.payment_id) == (found.kind, found.payment_id)]
        self._meet(found, waiting)

    def _meet(self, line: Line, candidates: Sequence[Booked]) -> None:
        if not candidates:
            self._find(Finding(Difference.MISSING_HERE, line))
            return
        left = [one for one in candidates if one.record not in self._met]
        if not left:
            self._find(Finding(Difference.LISTED_TWICE, line, candidates[0]))
            return
        booked = next((one for one in left if _same(line, one)), left[0])
        self._met.add(booked.record)
        self._matched += 1
        if not _same(line, booked):
            self._find(Finding(Difference.AMOUNT_DIFFERS, line, booked))
        if booked.at_ms - line.booked_at_ms > LATE_MS:
            self._find(Finding(Difference.LATE, line, booked))

    def finish(self) -> Report:
        """Say what came of it, once every line was read."""
        carried: list[Booked] = []
        for booked in (one for several in self.expected.values() for one in several if one.record not in self._met):
            # What was carried over to this day was booked before it, so it is not carried on.
            if booked.at_ms >= self.day_ms + DAY_MS - EDGE_MS and len(carried) < CARRIED_MAX:
                carried.append(booked)
            else:
                self._find(Finding(Difference.MISSING_THERE, booked=booked))
        counts = {difference: self._counts[difference] for difference in Difference}
        return Report(self._lines, self._matched, counts, tuple(self._findings), tuple(carried))

    def _find(self, finding: Finding) -> None:
        self._counts[finding.difference] += 1
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(finding)


def _same(line: Line, booked: Booked) -> bool:
    return (line.amount, line.currency) == (booked.amount, booked.currency)
