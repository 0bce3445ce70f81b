"""The look, once a minute, at every withdrawal that is not at its end: what drives it, and for how long it has stood.

It finds a start that was lost, and an execution that died: it starts the next one, a bounded number of times, then people are told.
It is no part of how a withdrawal gets on otherwise, and nothing here decides about money.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from countroom.cashier.withdrawals.apply import NotAllowed
from countroom.cashier.withdrawals.course import starts_allowed
from countroom.cashier.withdrawals.life import Flag, Happening
from countroom.cashier.withdrawals.machine import RUNNING, MachineUnavailable
from countroom.cashier.withdrawals.withdrawal import OPEN, Attention, Withdrawal, WithdrawalStatus
from countroom.clock import Clock

STARTS_MAX: Final = 3
"""How many executions a withdrawal has, one after the other, before people are told; and again after each time they have looked."""


ROUSED_FROM_MS: Final = 20_000
ROUSED_UNTIL_MS: Final = 10 * 60_000
"""Who changed a withdrawal may have died before he told the execution that waits: it is told while the change is this old."""


class OutOfTime(Exception):
    """The sweep ended before it had seen every withdrawal."""


class Driving(Protocol):
    """What starts executions and knows of them; each raises MachineUnavailable."""

    def start(self, withdrawal_id: str, number: int = 1) -> bool:
        """Start the execution of that number; False when there was one before."""
        ...

    def status(self, withdrawal_id: str, number: int) -> str | None:
        """Give an execution's status, None where there is none."""
        ...

    def running(self) -> frozenset[str]:
        """Give the ids of the withdrawals that an execution drives, the newest perhaps not."""
        ...


@dataclass(slots=True)
class Sweep:
    """What one look found. `oldest_ms`: by status, for how long the one that changed last has stood so. `held`: nanos by currency.

    `started` were driven by nothing, `lost` are left to people, `failed` could not be looked after: the next sweep will.
    """

    standing: Counter[WithdrawalStatus] = field(default_factory=Counter)
    oldest_ms: dict[WithdrawalStatus, int] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    attention: Counter[Attention] = field(default_factory=Counter)
    started: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps. `listed` gives the withdrawals that are open, or flagged, in a status, from an index that may be a moment behind.

    `read` gives one as it is, `rouse` tells the step that waits of a change. `unknown` are the errors after which another
    withdrawal may yet be looked after.
    """

    listed: Callable[[WithdrawalStatus], Iterable[Withdrawal]]
    read: Callable[[str], Withdrawal | None]
    happen: Callable[[str, Happening], object]
    rouse: Callable[[Withdrawal], None]
    machine: Driving
    clock: Clock
    out_of_time: Callable[[], bool]
    unknown: tuple[type[Exception], ...] = (MachineUnavailable,)

    def sweep(self) -> Sweep:
        """Look at all of them. Raises OutOfTime, MachineUnavailable, and what `listed` raises."""
        found = Sweep()
        waiting: list[Withdrawal] = []
        # First the withdrawals, then the executions: one that is started in between is no lost one.
        for status in WithdrawalStatus:
            for withdrawal in self.listed(status):
                self._in_time()
                self._count(found, withdrawal)
                if withdrawal.is_open:
                    waiting.append(withdrawal)
        driven = self.machine.running() if waiting else frozenset()
        for withdrawal in waiting:
            self._in_time()
            self._look_after(found, withdrawal, driven=withdrawal.withdrawal_id in driven)
        return found

    def _count(self, found: Sweep, withdrawal: Withdrawal) -> None:
        if withdrawal.attention is not None:
            found.attention[withdrawal.attention] += 1
        if withdrawal.status not in OPEN:
            return
        status = withdrawal.status
        found.standing[status] += 1
        found.held[withdrawal.currency] += withdrawal.amount
        stood_ms = max(0, self.clock() - withdrawal.since_ms)
        found.oldest_ms[status] = max(found.oldest_ms.get(status, 0), stood_ms)

    def _look_after(self, found: Sweep, withdrawal: Withdrawal, *, driven: bool) -> None:
        try:
            if not driven:
                self._start(found, withdrawal.withdrawal_id)
            elif ROUSED_FROM_MS <= self.clock() - withdrawal.changed_at_ms <= ROUSED_UNTIL_MS:
                self.rouse(withdrawal)
        except self.unknown:
            found.failed.append(withdrawal.withdrawal_id)

    def _start(self, found: Sweep, withdrawal_id: str) -> None:
        """Start the first execution that there has not been, if none of those before it runs."""
        withdrawal = self.read(withdrawal_id)
        if withdrawal is None or not withdrawal.is_open or withdrawal.attention is Attention.MACHINE_LOST:
            return
        for number in range(1, starts_allowed(withdrawal, STARTS_MAX) + 1):
            status = self.machine.status(withdrawal_id, number)
            if status == RUNNING:
                return
            if status is None:
                self.machine.start(withdrawal_id, number)
                found.started.append(withdrawal_id)
                return
        found.lost.append(withdrawal_id)
        with suppress(NotAllowed):  # its history is full of notes, so people have it already
            self.happen(withdrawal_id, Flag(Attention.MACHINE_LOST))

    def _in_time(self) -> None:
        if self.out_of_time():
            raise OutOfTime("the sweep ended before it had seen every withdrawal")
