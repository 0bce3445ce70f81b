"""What happens in one episode of the cashier's worker, written down; and how few of its faults make it fail."""

from dataclasses import dataclass
from typing import Final

from tests.simulation.baton import Pool
from tests.simulation.witness import Violation
from tests.simulation.worker import Episode

_TRACE_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class Shortest:
    """What is left of a failing episode: so few of its faults, and all that happens."""

    faults: int
    of: int
    lines: list[str]


def shortest(seed: int, rule: str) -> Shortest:
    """Find the smallest number of faults from the start with which the same rule breaks, and trace that."""
    whole, lines, _ = _traced(seed, None)
    for most in range(whole.faults):
        episode, fewer, broken = _traced(seed, most)
        if broken == rule:
            return Shortest(episode.faults, whole.faults, fewer)
    return Shortest(whole.faults, whole.faults, lines)


def traced(seed: int) -> list[str]:
    """Play an episode and write down what happens, and the violation at the end if there is one."""
    return _traced(seed, None)[1]


def _traced(seed: int, faults_max: int | None) -> tuple[Episode, list[str], str]:
    """Give the episode, what happened in it, and the rule that it broke ('' for none)."""
    lines: list[str] = []
    pool, broken = Pool(), ""
    episode = Episode(seed, pool, lines.append, faults_max=faults_max)
    try:
        episode.run()
    except Violation as violation:
        broken = violation.rule
        lines.append(f"VIOLATION  {violation}")
    pool.end()
    return episode, lines[-_TRACE_LINES:], broken
