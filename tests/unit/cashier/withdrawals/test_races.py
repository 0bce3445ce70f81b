"""Threads that want the same at the same moment: exactly one gets it, and no limit can be raced past."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals import terms
from countroom.cashier.withdrawals.apply import NotAllowed
from countroom.cashier.withdrawals.decisions import By, RefuseReason
from countroom.cashier.withdrawals.forms import Declined, Opened
from countroom.cashier.withdrawals.life import Submit
from countroom.cashier.withdrawals.withdrawal import Withdrawal, WithdrawalStatus
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.world import World

T = TypeVar("T")
THREADS = 8


@pytest.fixture
def world() -> World:
    return World(hasty=False)


def at_once(*calls: Callable[[], T]) -> list[T | Exception]:
    """Make calls in threads that start together; what a call raises stands in its place."""
    start = threading.Barrier(len(calls))
    found: list[T | Exception] = [RuntimeError("never ran") for _ in calls]

    def run(place: int, call: Callable[[], T]) -> None:
        start.wait(timeout=60)
        try:
            found[place] = call()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found[place] = error

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return found


def made(results: Sequence[object]) -> list[Opened]:
    return [result for result in results if isinstance(result, Opened)]


def together_at(world: World, call_name: str, threads: int) -> None:
    """Let the first `threads` calls of a kind wait for each other, so that all of them have read the same."""
    gate, lock, left = threading.Barrier(threads), threading.Lock(), [threads]

    def before(name: str) -> None:
        if name != call_name:
            return
        with lock:
            left[0] -= 1
            waits = left[0] >= 0
        if waits:
            gate.wait(timeout=30)

    world.client.before = before


def test_two_requests_cannot_both_be_the_last_that_a_day_allows(world: World) -> None:
    deposit_id = world.deposit("200000.00")
    together_at(world, "transact_write_items", THREADS)
    results = at_once(*[lambda n=n: world.ask(deposit_id, "20000.00", f"k-{n}") for n in range(THREADS)])
    assert len(made(results)) == 2  # 50,000 a day
    assert all(isinstance(result, Opened | Declined) for result in results), results
    assert world.balances == (160_000, 40_000)
    assert world.store.tally(PLAYER).spent("adyen", world.clock()) == nanos("40000.00")


def test_the_number_of_requests_cannot_be_raced_past(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "REQUESTS_PER_DAY", 3)
    deposit_id = world.deposit()
    together_at(world, "transact_write_items", THREADS)
    results = at_once(*[lambda n=n: world.ask(deposit_id, "10.00", f"k-{n}") for n in range(THREADS)])
    assert (len(made(results)), world.balances) == (3, (70, 30))


def test_the_funds_cannot_be_raced_past(world: World) -> None:
    deposit_id = world.deposit("100.00")
    together_at(world, "transact_write_items", THREADS)
    results = at_once(*[lambda n=n: world.ask(deposit_id, "40.00", f"k-{n}") for n in range(THREADS)])
    assert (len(made(results)), world.balances) == (2, (20, 80))


def test_one_request_sent_several_times_at_once_is_one_withdrawal(world: World) -> None:
    deposit_id = world.deposit("100.00")
    together_at(world, "transact_write_items", THREADS)
    results = at_once(*[lambda: world.ask(deposit_id, "10.00", "k-1") for _ in range(THREADS)])
    answers = made(results)
    assert len(answers) == THREADS
    assert {answer.answer for answer in answers} == {answers[0].answer}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert world.balances == (90, 10)


@pytest.mark.parametrize("needed", [1, 2])
def test_approving_refusing_cancelling_and_sending_at_once(world: World, needed: int) -> None:
    """Exactly one of those that exclude each other wins, and the money goes where that one says."""
    waiting = world.waiting(amount="50.00", needed=needed)
    one = waiting.withdrawal_id

    def cancel() -> Withdrawal | Declined:
        return world.desk.cancel(PLAYER, one)

    results = at_once(
        lambda: world.decisions.approve(one, By("jane", "fine")),
        lambda: world.decisions.approve(one, By("joan", "fine")),
        lambda: world.decisions.refuse(one, By("jim", "no"), RefuseReason.OTHER),
        cancel,
        lambda: world.withdrawals.happen(one, Submit()),
    )
    assert all(isinstance(result, Withdrawal | Declined | NotAllowed) for result in results), results
    after = world.get(one)
    held = 50 if after.is_open else 0
    assert world.balances == (50 - held, held)
    ends = [change.status for change in after.changes if change.status in {WithdrawalStatus.REFUSED, WithdrawalStatus.CANCELLED}]
    sent = [change for change in after.changes if change.status is WithdrawalStatus.SUBMITTING]
    assert len(ends) + len(sent) <= 1
    assert len(after.approvers) == len(set(after.approvers))
    told = [result.status for result in results if isinstance(result, Withdrawal)]
    assert (WithdrawalStatus.REFUSED in told) + (WithdrawalStatus.CANCELLED in told) == len(ends)


def test_cancelling_and_refusing_at_once_frees_the_money_once(world: World) -> None:
    one = world.waiting(amount="50.00").withdrawal_id
    together_at(world, "transact_write_items", 2)
    results = at_once(
        lambda: world.decisions.refuse(one, By("jim", "no"), RefuseReason.OTHER),
        lambda: world.desk.cancel(PLAYER, one),
    )
    won = [result for result in results if isinstance(result, Withdrawal)]
    assert (len(won), world.balances) == (1, (50, 0))
    assert world.get(one).status is won[0].status


def test_one_person_approves_once_however_often_at_once(world: World) -> None:
    one = world.waiting(amount="50.00", needed=2).withdrawal_id
    results = at_once(*[lambda: world.decisions.approve(one, By("jane", "fine")) for _ in range(4)])
    assert world.get(one).status is WithdrawalStatus.AWAITING_APPROVAL
    assert world.get(one).approvers == ("jane",)
    assert not [result for result in results if isinstance(result, StoreUnavailable)]
