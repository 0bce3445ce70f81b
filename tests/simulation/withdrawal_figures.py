"""What a simulation of withdrawals came to."""

from collections import Counter
from dataclasses import dataclass, field

from rich import box
from rich.markup import escape
from rich.table import Table

from tests.simulation.withdrawal_line import CONFLICT, FAULTS


@dataclass(slots=True)
class Figures:
    """What a run came to. `matrix`: how often each fault met each call. `moves`: the model's transitions that were seen."""

    episodes: int = 0
    steps: int = 0
    changes: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    moves: set[tuple[int, str, int]] = field(default_factory=set)
    failure: str = ""


def rows(figures: Figures) -> list[tuple[str, str, int]]:
    """Give the matrix of a run: at which call, which fault, how often."""
    return [(site, fault, count) for (site, fault), count in sorted(figures.matrix.items())]


def shown(figures: Figures) -> tuple[Table, str]:
    """Show a run: the matrix, and what it came to."""
    faults = (*FAULTS, CONFLICT)
    table = Table(title="Withdrawals: faults injected by call", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("call", no_wrap=True)
    for fault in faults:
        table.add_column(fault, justify="right")
    for site in sorted({site for site, _ in figures.matrix}):
        counts = (figures.matrix[site, fault] for fault in faults)
        table.add_row(site, *(str(count) if count else "·" for count in counts))
    ends = ", ".join(f"{end} {count}" for end, count in figures.ends.most_common())
    what = f"{figures.steps:,} calls in {figures.episodes:,} episodes, {figures.changes:,} changes that the model knows"
    told = f"{what} ({len(figures.moves):,} different ones), ends: {ends}"
    return table, f"[bold red]VIOLATION[/] {escape(figures.failure)}" if figures.failure else f"{told}. No violation."
