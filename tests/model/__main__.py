"""``python -m tests.model``: explore the model of a withdrawal and print its figure, or the shortest way to where a rule breaks."""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "functions"))

from rich import box
from rich.console import Console
from rich.table import Table

from tests.model.bounds import CLOSED, EVERYTHING, PATIENCE, SMALL, TRIES_COUNTED
from tests.model.explore import Explorer, Figure
from tests.model.mutants import MUTANTS

_QUIET_SECONDS: Final = 10.0
_CLOSED_MAX: Final = 20_000_000
_WIDTH: Final = 150


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description="Exhaustive model of a withdrawal's life.")
    parser.add_argument("--size", choices=("small", "large"), default="large", help="small: seconds; large: minutes (large)")
    parser.add_argument("--states", type=int, default=1_000_000, help="of everything at once, with --size large; 0: leave it out")
    parser.add_argument("--mutants", action="store_true", help="break the rules one by one instead, and show how each is seen")
    return parser.parse_args()


class Told:
    """Says every ten seconds how far an exploration is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = time.monotonic()

    def __call__(self, states: int) -> None:
        if time.monotonic() - self._said >= _QUIET_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"{states:,} states", highlight=False)


def table_of(figures: dict[str, Figure]) -> Table:
    """Show what the explorations came to."""
    table = Table(title="Withdrawals, state by state", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    for name in ("states", "transitions", "depth", "withdrawals", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("explored")
    for what, figure in figures.items():
        numbers = (f"{figure.states:,}", f"{figure.transitions:,}", str(figure.depth), str(figure.withdrawals))
        table.add_row(what, *numbers, f"{figure.seconds:.1f}", "to closure" if figure.closed else "as far as asked for")
    return table


def explored(console: Console, *, size: str, states: int) -> int:
    """Explore; 0 when nothing broke."""
    wanted = {what: (bounds, _CLOSED_MAX) for what, bounds in (SMALL if size == "small" else CLOSED).items()}
    if size == "large" and states:
        wanted["everything at once"] = (EVERYTHING, states)
    figures: dict[str, Figure] = {}
    for what, (bounds, most) in wanted.items():
        console.print(f"{what}: {bounds}", highlight=False, soft_wrap=True)
        figure = figures[what] = Explorer(bounds, most=most, progress=Told(console)).run()
        if figure.counterexample:
            console.print(str(figure.counterexample), markup=False, highlight=False, soft_wrap=True)
            return 1
    console.print(table_of(figures))
    console.print(f"Tries told apart: {TRIES_COUNTED}, patience: {PATIENCE} asks. No rule broke.", highlight=False)
    total = sum(figure.states for figure in figures.values())
    console.print(f"{total:,} states, {sum(figure.transitions for figure in figures.values()):,} transitions", highlight=False)
    return 0


def broken(console: Console) -> int:
    """Show each mutant's counterexample; 0 when all were seen."""
    missed = 0
    for what, mutant in MUTANTS.items():
        found = Explorer(mutant.bounds, mutant.rules).run().counterexample
        missed += found is None
        console.print(f"{what}\n{found or 'NOT SEEN'}\n", markup=False, highlight=False, soft_wrap=True)
    return 1 if missed else 0


def main() -> int:
    """Run; 0 when nothing broke that should hold."""
    options = arguments()
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    return broken(console) if options.mutants else explored(console, size=options.size, states=options.states)


if __name__ == "__main__":
    sys.exit(main())
