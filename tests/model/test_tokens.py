"""A step that waits and somebody who changes the withdrawal, call by call in every order: the token is always answered.

The real step and the real `happen` run in threads that stop at each call to the tables; all orders of their calls are played.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.withdrawals.apply import NotAllowed, Withdrawals
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.life import (
    Approve,
    Cancel,
    Clearance,
    Flag,
    Happening,
    Said,
    Screened,
    Submit,
    Unflag,
    request,
)
from countroom.cashier.withdrawals.steps import Order, Steps
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.tally import with_request
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, Word
from countroom.ledger.book import Book, Pacing
from countroom.ledger.movements import Deposit, OpenWallet, Reference
from countroom.ledger.store import LedgerStore
from tests.model.bounds import PATIENCE
from tests.model.house import shown
from tests.simulation.baton import Finished, Pool
from tests.simulation.dynamodb import Model, Schema
from tests.simulation.network import Call, Client
from tests.simulation.rooms import LEDGER
from tests.simulation.withdrawal_hands import Gateway
from tests.simulation.withdrawal_line import deliver

TABLE: Final = "withdrawals"
NOW: Final = 1_767_268_800_000
AMOUNT: Final = 60
ID: Final = "wdr_" + "a" * 20
TOKEN: Final = "token"
ORDERS_MAX: Final = 20_000

SENT: Final = (Screened(Clearance.APPROVE), Submit())
WAITS: Final[dict[Next, tuple[tuple[Happening, ...], tuple[Happening, ...]]]] = {
    Next.AWAIT_APPROVAL: ((Screened(Clearance.REVIEW, ("risk.amount",), 1),), (Approve("ada"), Cancel())),
    Next.AWAIT_WORD: ((*SENT, Said(Word.TAKEN)), (Said(Word.PAID), Said(Word.FAILED), Said(Word.RETURNED))),
    Next.AWAIT_PEOPLE: ((*SENT, Flag(Attention.OUTCOME_UNKNOWN)), (Unflag(), Said(Word.PAID))),
}
CASES: Final = [(step, before, change) for step, (before, changes) in WAITS.items() for change in changes]


class Play:
    """One order of the calls: who goes on is said by `choices`, the first who can after they are used up."""

    def __init__(self, pool: Pool, before: tuple[Happening, ...]) -> None:
        self.table = Model({LEDGER: Schema(("pk",), {"history": ("p", "n")}), TABLE: Schema(("pk", "sk"))})
        self.woken: list[str] = []
        self._pool = pool
        store, book, withdrawals = self._rooms(self._now)
        book.post(OpenWallet.of("ann", "EUR", "MT"))
        book.post(Deposit(Reference("gateway:adyen", "dep_1"), "ann", "EUR", AMOUNT))
        step = request((ID, "ann", "adyen", "dep_1"), "EUR", AMOUNT, NOW)
        (hold,) = movements_of(step.withdrawal, step)
        tally = with_request(store.tally("ann"), step.withdrawal, NOW)
        book.post(hold, store.opening(step.withdrawal, tally, Claim("ann", "key", b""), Answer(201, "")))
        for happening in before:
            withdrawals.happen(ID, happening)

    def _now(self, call: Call) -> Any:
        answer = deliver(self.table, call)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _rooms(self, stop: Callable[[Call], Any]) -> tuple[WithdrawalStore, Book, Withdrawals]:
        client = Client(stop)
        pacing = Pacing(timer=lambda: 0.0, sleep=lambda _seconds: None, jitter=lambda: 0.0)
        store, book = WithdrawalStore(client, TABLE), Book(LedgerStore(client, LEDGER), lambda: NOW, pacing)
        return store, book, Withdrawals(store, book, lambda: NOW, self._wake, sleep=lambda _seconds: None)

    def _wake(self, _withdrawal: Withdrawal, token: str) -> None:
        self.woken.append(token)

    def run(self, choices: list[int], step: Next, changes: tuple[Happening, ...]) -> list[int]:
        """Play; give how many could have gone on at each choice."""
        threads = [self._pool.take() for _ in range(1 + len(changes))]
        works: list[Callable[[], Any]] = []
        for thread, change in zip(threads, (None, *changes), strict=True):
            store, _, withdrawals = self._rooms(thread.stop)
            gateway = Gateway(thread.stop)
            steps = Steps(withdrawals, store, gateway, gateway.screen, gateway.barred, self._wake, PATIENCE)
            order = Order(step, ID, TOKEN)
            works.append(_happens(withdrawals, change) if change else _waits(steps, order))
        running = [(thread, thread.start(work)) for thread, work in zip(threads, works, strict=True)]
        could = list[int]()
        while running:
            could.append(len(running))
            thread, call = running.pop(choices[len(could) - 1] if len(could) <= len(choices) else 0)
            stopped = thread.resume(deliver(self.table, call))
            if not isinstance(stopped, Finished):
                running.insert(0, (thread, stopped))
                continue
            self._pool.give_back(thread)
            assert stopped.error is None or isinstance(stopped.error, NotAllowed), stopped.error
        return could


def _happens(withdrawals: Withdrawals, change: Happening) -> Callable[[], Any]:
    return lambda: withdrawals.happen(ID, change)


def _waits(steps: Steps, order: Order) -> Callable[[], Any]:
    return lambda: steps.take(order)


def every_order(step: Next, before: tuple[Happening, ...], changes: tuple[Happening, ...]) -> int:
    """Play all orders; give how many there are."""
    pool, played = Pool(), 0
    choices: list[int] | None = []
    try:
        while choices is not None:
            play = Play(pool, before)
            could = play.run(choices, step, changes)
            played += 1
            assert TOKEN in play.woken, f"nobody answered the token when they went on as {choices}"
            assert played < ORDERS_MAX
            choices = _following(choices + [0] * (len(could) - len(choices)), could)
    finally:
        pool.end()
    return played


def _following(choices: list[int], could: list[int]) -> list[int] | None:
    """Count up: the last choice that could be another one is, and those after it begin anew."""
    for place in reversed(range(len(could))):
        if choices[place] + 1 < could[place]:
            return [*choices[:place], choices[place] + 1]
    return None


@pytest.mark.parametrize(("step", "before", "change"), CASES, ids=[f"{step}, {shown(change)}" for step, _, change in CASES])
def test_whoever_comes_first_the_token_is_answered(step: Next, before: tuple[Happening, ...], change: Happening) -> None:
    assert every_order(step, before, (change,)) > 10


def test_it_is_seen_when_the_token_is_left_on_any_version(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = WithdrawalStore.wait

    def careless(self: WithdrawalStore, withdrawal: Withdrawal, token: str) -> bool:
        now = self.get(withdrawal.withdrawal_id)
        return now is not None and wait(self, now, token)

    monkeypatch.setattr(WithdrawalStore, "wait", careless)
    step, before, change = CASES[2]
    with pytest.raises(AssertionError, match="nobody answered the token"):
        every_order(step, before, (change,))
