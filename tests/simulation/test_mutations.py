import pytest

from tests.simulation.baton import Pool
from tests.simulation.mutations import CONDITIONS, REDUNDANT, STORING, Mutation
from tests.simulation.posting import POSTING
from tests.simulation.run import Seed
from tests.simulation.witness import Violation
from tests.simulation.world import World

SEED = Seed(2026)
STEPS_MAX = 60_000
OTHERS = {**STORING, **POSTING}


def steps_until_caught(*, look_at_guards: bool) -> int:
    pool = Pool()
    steps = episode = 0
    try:
        while steps < STEPS_MAX:
            world = World(SEED.script(episode), pool, look_at_guards=look_at_guards)
            try:
                steps += world.run().steps
            except Violation:
                return steps + world.figures.steps
            episode += 1
    finally:
        pool.end()
    pytest.fail(f"not caught within {steps} steps")


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_that_is_gone_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    CONDITIONS[name](monkeypatch)
    assert steps_until_caught(look_at_guards=True) <= STEPS_MAX


@pytest.mark.parametrize("name", sorted(CONDITIONS.keys() - REDUNDANT))
def test_a_condition_that_is_gone_does_harm_that_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    CONDITIONS[name](monkeypatch)
    assert steps_until_caught(look_at_guards=False) <= STEPS_MAX


@pytest.mark.parametrize("mutation", OTHERS.values(), ids=OTHERS.keys())
def test_a_mutation_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    assert steps_until_caught(look_at_guards=True) <= STEPS_MAX
