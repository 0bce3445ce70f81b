import pytest

from tests.simulation.posting import POSTING
from tests.simulation.run import Part, Result, Seed, play, simulate
from tests.simulation.shrink import Shrinker, trace
from tests.simulation.world import Figures

FIXED = Seed(20260101)
FIXED_STEPS = 100_000
FRESH_STEPS = 15_000


def require_clean(result: Result) -> None:
    failure = result.failure
    assert failure is None, f"{failure.message}\nto see it: make simulate SEED={failure.seed}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_invariant_holds_and_every_call_meets_every_fault() -> None:
    result = simulate(FIXED, FIXED_STEPS)
    require_clean(result)
    assert result.figures.steps >= FIXED_STEPS
    assert result.missing() == []
    counts = result.figures.counts
    cases = [
        *(f"case: rollback {when}" for when in ("before", "during", "after", "of itself")),
        *(f"case: repeat after {age}" for age in ("11 minutes", "a day", "90 days")),
        *(f"case: same id, other {what}" for what in ("amount", "currency", "player", "fields")),
        *(f"case: {what}" for what in ("twin", "foreign rollback", "second rollback", "overdraw", "clock ten minutes off")),
        *(f"records: {outcome}" for outcome in ("applied", "no_effect", "refused")),
        *("unknown", "killed", "replayed", "late deliveries"),
    ]
    assert [case for case in cases if counts[case] < 10] == []


@pytest.mark.parametrize("number", range(2))
@pytest.mark.timeout(300)
def test_every_invariant_holds_from_a_fresh_seed(number: int, fresh_seed: int) -> None:  # noqa: ARG001 - tells the two apart
    result = simulate(Seed(fresh_seed), FRESH_STEPS)
    require_clean(result)
    assert result.figures.steps >= FRESH_STEPS


def test_the_same_seed_is_the_same_run() -> None:
    assert trace(FIXED.script(3)) == trace(FIXED.script(3))
    assert trace(FIXED.script(3)) != trace(FIXED.script(4))


def test_a_run_is_the_same_on_one_process_and_on_two() -> None:
    alone, beside = simulate(FIXED, 8_000, workers=1), simulate(FIXED, 8_000, workers=2)
    assert alone.figures == beside.figures
    assert alone.episodes == beside.episodes


@pytest.mark.parametrize(("episode", "part"), [(5, Part.WORKER), (6, Part.LEDGER)])
def test_one_episode_of_a_run_can_be_played_alone(episode: int, part: Part) -> None:
    (whole,) = play(FIXED, episode, 1)
    assert isinstance(whole, Figures)
    assert FIXED.part(episode) is part
    assert simulate(Seed.parse(f"{FIXED.run}:{episode}"), 10**9).figures == whole


def test_a_failure_names_its_episode_and_shrinks_to_a_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    POSTING["a lost answer is a refusal"](monkeypatch)
    failure = simulate(FIXED, 30_000, parts=[Part.LEDGER]).failure
    assert failure is not None
    assert failure.seed.episode is not None
    shrinker = Shrinker(failure.seed.script(failure.seed.episode), failure.rule, seconds=20)
    script = shrinker.shrink()
    assert len(script.requests) <= 4
    last = trace(script)[-1]
    assert last.startswith("VIOLATION")
    assert failure.rule in last


@pytest.mark.parametrize("text", ["", "x", "1:", "1:x", "1:2:3", "1.5"])
def test_a_seed_that_is_none_is_refused(text: str) -> None:
    if text == "1:":
        assert Seed.parse(text) == Seed(1)
        return
    with pytest.raises(ValueError, match="invalid literal"):
        Seed.parse(text)
