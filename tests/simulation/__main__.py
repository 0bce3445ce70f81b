"""``python -m tests.simulation``: simulate, show what was covered, and on a failure the shortest trace that still fails."""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "functions"))

from rich.console import Console
from rich.markup import escape

from tests.simulation import races
from tests.simulation.report import Bar, cases, matrix, summary, wide
from tests.simulation.run import Failure, Part, Seed, simulate
from tests.simulation.shrink import Shrinker, trace
from tests.simulation.withdrawal_figures import shown as withdrawals_shown
from tests.simulation.withdrawals import run as simulate_withdrawals
from tests.simulation.worker_trace import shortest, traced

WITHDRAWAL_STEPS: Final = 4
"""One step in so many is made with withdrawals, after the others."""

RACE_STEPS: Final = 10_000
"""For so many steps there is one race against a limit."""

COVERED_FROM: Final = 100_000
"""Steps from which on every cell of the matrix must have been met."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Seeded fault simulation of ledger and cashier."
    )
    parser.add_argument("--steps", type=int, default=200_000, help="calls to the tables (200000)")
    parser.add_argument("--seed", default="", help="a run's seed (17), or one episode of it (17:4); drawn if not given")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (2)")
    parser.add_argument("--trace", action="store_true", help="with one episode: print all that happens")
    return parser.parse_args()


def show(console: Console, lines: Sequence[str]) -> None:
    """Print what happens in an episode."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def explained(console: Console, failure: Failure) -> None:
    """Print the seed, the rule, and the shortest trace."""
    console.print(f"[bold red]VIOLATION[/] in episode {failure.seed}: {escape(failure.message)}", highlight=False, soft_wrap=True)
    console.print("making it shorter ...", highlight=False)
    episode = failure.seed.episode or 0
    if failure.seed.part(episode) is Part.WORKER:
        short = shortest(failure.seed.dice(episode), failure.rule)
        console.print(f"{short.faults} of {short.of} faults suffice:", highlight=False)
        show(console, short.lines)
    else:
        shrinker = Shrinker(failure.seed.script(episode), failure.rule)
        whole = len(shrinker.script.requests)
        script = shrinker.shrink()
        console.print(f"{len(script.requests)} of {whole} requests still fail ({shrinker.tries} tries):", highlight=False)
        show(console, trace(script))
    console.print(f"again, whole: make simulate SEED={failure.seed}", highlight=False)


def main() -> int:
    """Run; 0 when every invariant held and every cell was covered."""
    options = arguments()
    console = Console()
    try:
        seed = Seed.parse(options.seed) if options.seed else Seed(secrets.randbelow(10**9))
    except ValueError:
        console.print("A seed is a number, or a number, a colon and the number of an episode.")
        return 2
    if options.trace and seed.episode is not None:
        worker = seed.part(seed.episode) is Part.WORKER
        show(console, traced(seed.dice(seed.episode)) if worker else trace(seed.script(seed.episode)))
    console.print(f"seed {seed}", highlight=False)
    with Bar(console, options.steps) as bar:
        result = simulate(seed, options.steps, options.workers, bar)
    if result.failure:
        explained(console, result.failure)
        return 1
    console = wide(console)
    console.print(*matrix(result, console.width), cases(result), summary(result))
    missing = result.missing() if result.figures.steps >= COVERED_FROM else []
    for cell, fault in missing:
        console.print(f"not covered: {cell}, {fault}", highlight=False)
    if seed.episode is None:
        raced = races.several(seed.run, max(1, options.steps // RACE_STEPS))
        console.print(*races.shown(raced), highlight=False, soft_wrap=True)
        withdrawals = simulate_withdrawals(seed.run, options.steps // WITHDRAWAL_STEPS)
        console.print(*withdrawals_shown(withdrawals), highlight=False, soft_wrap=True)
        return 1 if missing or withdrawals.failure or raced.failure else 0
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
