"""The model in its smaller form, and proof that it can see: each rule that is broken on purpose is found to be."""

from dataclasses import replace

import pytest

from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.life import Asked, Declined, Flag, Happening, Said, Step, Submit, Unflag, decide
from countroom.cashier.withdrawals.steps import TIMED_OUT
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus, Word
from tests.model.books import Books, plain
from tests.model.bounds import SMALL, TRIES_COUNTED, Bounds
from tests.model.explore import Explorer, explore
from tests.model.machine import BEGINS, FAILED, caught
from tests.model.mutants import MUTANTS, PLAIN
from tests.model.rules import REAL


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.timeout(300)
def test_no_rule_breaks_in_any_state(name: str) -> None:
    figure = explore(SMALL[name])
    assert figure.counterexample is None, f"\n{figure.counterexample}"
    assert figure.closed
    assert figure.states > 10_000


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.timeout(120)
def test_a_mutant_is_seen(name: str) -> None:
    mutant = MUTANTS[name]
    found = explore(mutant.bounds, mutant.rules).counterexample
    assert found is not None, "nothing was seen"
    assert mutant.breaks in found.rule
    assert found.trace


@pytest.mark.parametrize("bounds", sorted({mutant.bounds for mutant in MUTANTS.values()} - set(SMALL.values()), key=str), ids=str)
def test_the_real_rules_hold_where_mutants_are_seen(bounds: Bounds) -> None:
    figure = explore(bounds)
    assert figure.counterexample is None, f"\n{figure.counterexample}"
    assert figure.closed


def test_a_counterexample_is_the_shortest_way_told_move_by_move() -> None:
    mutant = MUTANTS["submitting is written after the call"]
    found = explore(mutant.bounds, mutant.rules).counterexample
    assert str(found).splitlines() == [
        "BROKEN: cancelled, and the payout is or may be with the gateway",
        "   1  screen: reads requested",
        "   2  screen: approve, 0 approvals needed",
        "   3  screen: Screened makes it approved",
        "   4  submit: reads approved",
        "   5  player: Cancel makes it cancelled",
    ]


def test_every_status_is_reached() -> None:
    explorer = Explorer(replace(PLAIN, contradictions=1))
    explorer.run()
    assert {held.withdrawal.status for held in explorer.world.books.known} == set(WithdrawalStatus)


def test_an_exploration_that_is_cut_short_says_so() -> None:
    figure = explore(PLAIN, most=50)
    assert not figure.closed
    assert figure.states >= 50


def test_the_machine_goes_as_it_is_deployed() -> None:
    assert BEGINS is Next.SCREEN
    assert caught(Next.AWAIT_WORD, TIMED_OUT) is Next.ASK_STATUS
    assert caught(Next.AWAIT_PEOPLE, TIMED_OUT) is Next.SCREEN
    assert {caught(step, FAILED) for step in (Next.SCREEN, Next.SUBMIT, Next.ASK_STATUS)} == {Next.TO_PEOPLE}
    assert caught(Next.TO_PEOPLE, FAILED) is None


HAPPENINGS: tuple[Happening, ...] = (
    Submit(),
    Asked(),
    Declined(),
    Said(Word.TAKEN),
    Said(Word.FAILED),
    Said(Word.PAID),
    Said(Word.RETURNED),
    Flag(Attention.OUTCOME_UNKNOWN),
    Unflag(),
)


def _known() -> list[Withdrawal]:
    explorer = Explorer(PLAIN)
    explorer.run()
    return [held.withdrawal for held in explorer.world.books.known]


@pytest.mark.parametrize("happening", HAPPENINGS, ids=str)
def test_the_rules_tell_no_more_tries_and_asks_apart_than_the_model_does(happening: Happening) -> None:
    for known in _known():
        if known.tries == TRIES_COUNTED:
            steps = [decide(replace(known, tries=tries), happening, 0) for tries in (TRIES_COUNTED, 50)]
            forms = {plain(step.withdrawal) if isinstance(step, Step) else step for step in steps}
            assert len(forms) == 1
            assert len({(step.booking, step.moves) for step in steps if isinstance(step, Step)}) <= 1


def test_a_withdrawal_in_the_models_form_is_the_same_to_the_rules() -> None:
    books = Books(REAL)
    for known in _known():
        assert plain(known) == plain(plain(known))
    assert books.known[0].withdrawal.status is WithdrawalStatus.REQUESTED
