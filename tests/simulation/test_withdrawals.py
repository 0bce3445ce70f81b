"""Withdrawals in the simulator: what the real code does under faults is what the model allows, and it is seen when it is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from countroom.cashier.withdrawals import apply
from countroom.cashier.withdrawals import store as store_module
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.life import Said, Step, decide
from countroom.cashier.withdrawals.steps import Steps
from countroom.cashier.withdrawals.store import Part, WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Withdrawal, Word
from tests.simulation.withdrawal_figures import Figures, rows
from tests.simulation.withdrawal_line import CONFLICT, FAULTS, READ_FAULTS
from tests.simulation.withdrawals import run

Patch = pytest.MonkeyPatch
FIXED: Final = 20260101
STEPS: Final = 40_000
SITES: Final = {
    "read withdrawal": READ_FAULTS,
    "read player": READ_FAULTS,
    "read facts": READ_FAULTS,
    "leave token": FAULTS,
    "change": FAULTS,
    "change, counters": (*FAULTS, CONFLICT),
    "change, money": (*FAULTS, CONFLICT),
    "order": ("killed before", "killed after"),
    "status": ("killed before", "killed after"),
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_the_code_does_under_faults_the_model_allows() -> None:
    figures = run(FIXED, STEPS)
    assert not figures.failure
    assert figures.changes > 1_000
    assert len(figures.moves) > 200
    met = {(site, fault) for site, fault, _ in rows(figures)}
    assert [(site, fault) for site, faults in SITES.items() for fault in faults if (site, fault) not in met] == []
    for end in ("paid", "failed", "refused", "cancelled", "returned", "paid, late_payment", "submitted, outcome_unknown"):
        assert figures.ends[end], f"no withdrawal ended as {end}"


@pytest.mark.timeout(300)
def test_it_does_so_from_a_fresh_seed(fresh_seed: int) -> None:
    assert not run(fresh_seed, 8_000).failure


def test_the_same_seed_is_the_same_run() -> None:
    first, again = run(FIXED, 2_000), run(FIXED, 2_000)
    assert rows(first) == rows(again)
    assert (first.changes, first.ends, first.moves) == (again.changes, again.ends, again.moves)


def _unconditional(patch: Patch) -> None:
    """A change does not depend on the version that was read."""
    patch.setattr(store_module, "_IS_UNCHANGED", "#version <> :expected OR #version = :expected")


def _money_apart(patch: Patch) -> None:
    """The money moves in a transaction of its own, and the withdrawal after it."""

    def post(self: Withdrawals, movements: Any, parts: list[Part]) -> bool:
        self._book.post_batch(movements)
        return self._store.save(parts)

    patch.setattr(Withdrawals, "_post", post)


def _calls_first(patch: Patch) -> None:
    """The payout is ordered before it is written that it may have been."""
    submit = Steps._submit

    def called(self: Steps, withdrawal: Withdrawal) -> Next:
        self.payouts.submit(withdrawal)
        return submit(self, withdrawal)

    patch.setattr(Steps, "_submit", called)


def _unclear_releases(patch: Patch) -> None:
    """That the order's outcome is not clear is taken as a refusal, whatever tries there were."""
    submit = Steps._submit

    def gives_up(self: Steps, withdrawal: Withdrawal) -> Next:
        after = submit(self, withdrawal)
        if after is Next.AWAIT_WORD:
            self.withdrawals.happen(withdrawal.withdrawal_id, Said(Word.FAILED))
        return after

    patch.setattr(Steps, "_submit", gives_up)


def _half_a_return(patch: Patch) -> None:
    """Another rule than the product's decides what a return moves."""

    def half(before: Withdrawal, happening: Any, now_ms: int) -> Any:
        step = decide(before, happening, now_ms)
        if isinstance(step, Step) and isinstance(happening, Said) and happening.word is Word.RETURNED:
            return replace(step, withdrawal=replace(step.withdrawal, paid=1))
        return step

    patch.setattr(apply, "decide", half)


def _loses_words(patch: Patch) -> None:
    """A change leaves out what the gateway has said."""
    change = WithdrawalStore.change

    def without(self: WithdrawalStore, before: Withdrawal, after: Withdrawal, tally: Any) -> list[Part]:
        return change(self, before, replace(after, words=before.words), tally)

    patch.setattr(WithdrawalStore, "change", without)


WRONG: Final[dict[str, Callable[[Patch], None]]] = {
    "a change on any version": _unconditional,
    "the money by itself": _money_apart,
    "the call first": _calls_first,
    "not clear is failed": _unclear_releases,
    "half a return": _half_a_return,
    "words are lost": _loses_words,
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.timeout(300)
def test_code_with_one_thing_wrong_is_seen(name: str, monkeypatch: Patch) -> None:
    WRONG[name](monkeypatch)
    figures: Figures = run(FIXED, STEPS)
    assert figures.failure, "nothing was seen"
