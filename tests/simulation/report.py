"""What a run shows: progress while it lasts, the coverage matrix and a summary at its end."""

import time
from typing import Final, Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.faults import Cell, Fault, Site, expected
from tests.simulation.run import Part, Result

_QUIET_SECONDS: Final = 10.0
_SITE_WIDTH: Final = 20
_CELL_WIDTH: Final = 12
_MATRIX_WIDTH: Final = _SITE_WIDTH + _CELL_WIDTH * len(Fault)


class Bar:
    """Progress: a bar on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._steps = steps
        self._said = time.monotonic()
        columns = TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeRemainingColumn()
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("simulating", total=steps)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, result: Result) -> None:
        steps = result.figures.steps
        self._progress.update(self._task, completed=min(steps, self._steps))
        if not self._console.is_terminal and time.monotonic() - self._said >= _QUIET_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"{steps:,} of {self._steps:,} steps, {steps / result.seconds:,.0f} a second")


def matrix(result: Result, width: int) -> list[Table]:
    """How often each fault was injected at each call, in as many tables as fit beside each other on `width` characters."""
    beside = max(2, (width - _SITE_WIDTH) // _CELL_WIDTH)
    faults = list(Fault)
    return [_matrix(result, faults[at : at + beside]) for at in range(0, len(faults), beside)]


def _matrix(result: Result, faults: list[Fault]) -> Table:
    title = "Faults injected by call site: at first + later attempts or deliveries (·: means nothing there, X: missing)"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("call site", no_wrap=True)
    for fault in faults:
        table.add_column(fault.value, justify="right")
    for site in Site:
        shown = [_cell(result, site, fault) for fault in faults]
        if any(shown):
            table.add_row(site.value, *(text or "·" for text in shown))
    return table


def _cell(result: Result, site: Site, fault: Fault) -> str:
    if fault not in expected(Cell(site, again=False)):
        return ""
    counts = (result.figures.matrix[Cell(site, again), fault] for again in (False, True))
    return "+".join(str(count) if count else "[bold red]X[/]" for count in counts)


def cases(result: Result) -> Table:
    """How often each situation came up."""
    table = Table(title="Situations and answers", box=box.SIMPLE_HEAD, pad_edge=False)
    for _ in range(2):
        table.add_column("what")
        table.add_column("count", justify="right")
    counts = result.figures.counts
    rows = [(name, f"{counts[name]:,}") for name in sorted(counts) if ":" in name]
    half = (len(rows) + 1) // 2
    for place in range(half):
        right = rows[half + place] if half + place < len(rows) else ("", "")
        table.add_row(*rows[place], *right)
    return table


def summary(result: Result) -> Table:
    """The run in ten lines."""
    counts, steps = result.figures.counts, result.figures.steps
    faults = sum(result.figures.matrix.values())
    rows = {
        "seed": str(result.seed),
        **{f"episodes of the {part}": f"{counts[f'episodes of the {part}']:,}" for part in Part},
        "steps (calls to the tables)": f"{steps:,}",
        "requests, or runs of the worker": f"{counts['requests']:,}",
        "commits": f"{counts['commits']:,}",
        "posted / refused": f"{counts['posted']:,} / {counts['refused']:,}",
        "replayed": f"{counts['replayed']:,}",
        "outcome unknown": f"{counts['unknown']:,}",
        "processes killed": f"{counts['killed']:,}",
        "faults injected": f"{faults:,}",
        "invariant checks": f"{counts['invariant checks']:,}",
        "violations": "1" if result.failure else "0",
        "steps a second": f"{steps / result.seconds:,.0f}" if result.seconds else "",
        "seconds": f"{result.seconds:.1f}",
    }
    table = Table(title="Simulation", box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def wide(console: Console) -> Console:
    """A console that the matrix fits on: a terminal as it is, a file or pipe as wide as needed."""
    return console if console.is_terminal else Console(width=max(console.width, _MATRIX_WIDTH))
