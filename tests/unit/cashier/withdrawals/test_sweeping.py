"""The sweeper: a lost start and a dead execution are found, a bounded number of times, and then people are told."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from countroom.cashier.withdrawals import sweeping
from countroom.cashier.withdrawals.life import CHANGES_MAX, Flag, Said, Unflag
from countroom.cashier.withdrawals.machine import MachineUnavailable
from countroom.cashier.withdrawals.sweeping import STARTS_MAX, OutOfTime, Sweep, Sweeper
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus, Word
from tests.unit.cashier.support import nanos
from tests.unit.cashier.withdrawals.world import World

S = WithdrawalStatus


@dataclass
class Executions:
    """Executions by withdrawal and number, as Step Functions has them. `hidden`: running, and not yet in a listing."""

    known: dict[tuple[str, int], str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    listings: int = 0

    def start(self, withdrawal_id: str, number: int = 1) -> bool:
        if (withdrawal_id, number) in self.known:
            return False
        self.known[withdrawal_id, number] = "RUNNING"
        return True

    def status(self, withdrawal_id: str, number: int) -> str | None:
        if withdrawal_id in self.broken:
            raise MachineUnavailable("made up")
        return self.known.get((withdrawal_id, number))

    def running(self) -> frozenset[str]:
        self.listings += 1
        return frozenset(one for (one, _), status in self.known.items() if status == "RUNNING") - self.hidden

    def die(self, status: str = "FAILED") -> None:
        self.known = {name: status if was == "RUNNING" else was for name, was in self.known.items()}


@dataclass
class Yard:
    world: World = field(default_factory=World)
    machine: Executions = field(default_factory=Executions)
    out_of_time: Callable[[], bool] = lambda: False

    def sweep(self) -> Sweep:
        world = self.world
        return Sweeper(
            listed=world.lists.open_ones,
            read=world.store.get,
            happen=world.withdrawals.happen,
            rouse=world.withdrawals.rouse,
            machine=self.machine,
            clock=world.clock,
            out_of_time=self.out_of_time,
        ).sweep()

    def now(self, withdrawal: Withdrawal) -> Withdrawal:
        return self.world.get(withdrawal.withdrawal_id)


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_one_that_was_never_started_is_started_once(yard: Yard) -> None:
    made = yard.world.waiting()
    assert yard.sweep().started == [made.withdrawal_id]
    assert yard.machine.known == {(made.withdrawal_id, 1): "RUNNING"}
    assert yard.sweep().started == []


def test_one_whose_execution_the_listing_lacks_is_looked_up_and_left(yard: Yard) -> None:
    made = yard.world.waiting()
    yard.machine.start(made.withdrawal_id)
    yard.machine.hidden.add(made.withdrawal_id)
    assert yard.sweep().started == []
    assert len(yard.machine.known) == 1


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_one_whose_execution_is_over_and_it_is_not_gets_the_next(yard: Yard, status: str) -> None:
    made = yard.world.waiting()
    yard.machine.start(made.withdrawal_id)
    yard.machine.die(status)
    assert yard.sweep().started == [made.withdrawal_id]
    assert yard.machine.known[made.withdrawal_id, 2] == "RUNNING"


def test_one_whose_executions_die_is_started_a_few_times_and_then_left_to_people(yard: Yard) -> None:
    made = yard.world.waiting()
    for _ in range(STARTS_MAX):
        assert yard.sweep().started == [made.withdrawal_id]
        yard.machine.die()
    swept = yard.sweep()
    assert (swept.started, swept.lost) == ([], [made.withdrawal_id])
    assert yard.now(made).attention is Attention.MACHINE_LOST
    after = yard.sweep()
    assert (after.started, after.lost) == ([], []), "people are told once"
    assert after.attention == {Attention.MACHINE_LOST: 1}
    assert len(yard.machine.known) == STARTS_MAX


def test_it_is_started_again_when_people_have_looked(yard: Yard) -> None:
    made = yard.world.waiting()
    for _ in range(STARTS_MAX):
        yard.sweep()
        yard.machine.die()
    yard.sweep()
    yard.world.withdrawals.happen(made.withdrawal_id, Unflag())
    assert yard.sweep().started == [made.withdrawal_id]
    assert yard.machine.known[made.withdrawal_id, STARTS_MAX + 1] == "RUNNING"


def test_one_that_takes_no_more_notes_does_not_keep_the_others(yard: Yard) -> None:
    made = yard.world.waiting()
    while len(yard.now(made).changes) < CHANGES_MAX:
        yard.world.withdrawals.happen(made.withdrawal_id, Flag(Attention.ESCALATED))
        yard.world.withdrawals.happen(made.withdrawal_id, Flag(Attention.STEP_FAILED))
    for _ in range(STARTS_MAX):
        yard.sweep()
        yard.machine.die()
    other = yard.world.waiting(key="k-2")
    swept = yard.sweep()
    assert swept.lost == [made.withdrawal_id]
    assert swept.started == [other.withdrawal_id]
    assert yard.now(made).attention is not None


def test_one_that_is_over_by_now_is_left(yard: Yard) -> None:
    """The index is a moment behind: it still lists as open what has been paid."""
    made = yard.world.submitted()
    listed = yard.world.lists.open_ones
    stale = list(listed(S.SUBMITTED))
    yard.world.withdrawals.happen(made.withdrawal_id, Said(Word.PAID))
    sweeper = Sweeper(
        listed=lambda status: stale if status is S.SUBMITTED else [],
        read=yard.world.store.get,
        happen=yard.world.withdrawals.happen,
        rouse=yard.world.withdrawals.rouse,
        machine=yard.machine,
        clock=yard.world.clock,
        out_of_time=lambda: False,
    )
    assert sweeper.sweep().started == []
    assert yard.machine.known == {}


def test_one_that_cannot_be_looked_up_does_not_keep_the_others(yard: Yard) -> None:
    first, second = yard.world.waiting(), yard.world.waiting(key="k-2")
    yard.machine.broken.add(first.withdrawal_id)
    swept = yard.sweep()
    assert (swept.failed, swept.started) == ([first.withdrawal_id], [second.withdrawal_id])


def test_what_is_counted_is_where_they_stand_how_long_and_how_much_is_held(yard: Yard) -> None:
    yard.world.waiting(amount="50.00")
    yard.world.clock.advance(seconds=90)
    yard.world.waiting(amount="20.00", key="k-2")
    yard.world.clock.advance(seconds=10)
    swept = yard.sweep()
    assert swept.standing == {S.AWAITING_APPROVAL: 2}
    assert swept.oldest_ms == {S.AWAITING_APPROVAL: 100_000}
    assert swept.held == {"EUR": nanos("70.00")}


def test_a_note_does_not_make_it_younger(yard: Yard) -> None:
    made = yard.world.waiting()
    yard.world.clock.advance(seconds=90)
    yard.world.withdrawals.happen(made.withdrawal_id, Flag(Attention.ESCALATED))
    swept = yard.sweep()
    assert swept.oldest_ms == {S.AWAITING_APPROVAL: 90_000}
    assert swept.attention == {Attention.ESCALATED: 1}


def test_one_that_is_over_and_needs_people_is_counted_and_not_started(yard: Yard) -> None:
    made = yard.world.submitted()
    yard.world.withdrawals.happen(made.withdrawal_id, Said(Word.PAID))
    yard.world.withdrawals.happen(made.withdrawal_id, Said(Word.FAILED))
    swept = yard.sweep()
    assert swept.attention == {Attention.PAID_THEN_FAILED: 1}
    assert (swept.started, swept.standing, yard.machine.known) == ([], {}, {})
    assert yard.machine.listings == 0, "with nothing open nobody asks for executions"


@pytest.mark.parametrize(
    ("age_ms", "woken"), [(0, 0), (sweeping.ROUSED_FROM_MS, 1), (sweeping.ROUSED_UNTIL_MS, 1), (sweeping.ROUSED_UNTIL_MS + 1, 0)]
)
def test_an_execution_that_was_not_told_of_a_change_is_told(yard: Yard, age_ms: int, woken: int) -> None:
    made = yard.world.waiting()
    yard.machine.start(made.withdrawal_id)
    assert yard.world.store.wait(yard.now(made), "tok-1")
    yard.world.withdrawals.happen(made.withdrawal_id, Flag(Attention.ESCALATED))
    yard.world.woken.clear()  # whoever changed it died before he could tell
    yard.world.clock.advance(milliseconds=age_ms)
    yard.sweep()
    assert yard.world.woken == [(S.AWAITING_APPROVAL, "tok-1")] * woken


def test_without_time_it_says_so(yard: Yard) -> None:
    yard.world.waiting()
    yard.out_of_time = lambda: True
    with pytest.raises(OutOfTime):
        yard.sweep()
