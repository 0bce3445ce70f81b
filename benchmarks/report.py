"""The result as data, and as a table on the screen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from benchmarks.__main__ import Line

IMPORT_RATIO_MAX = 1.3
CPU_RATIO_MAX = 1.4
DECISIONS_MIN = 20_000


def result(
    seed: int,
    bets: int,
    lines: "Sequence[Line]",
    callback: Mapping[str, float],
    imports: Mapping[str, float],
    zip_kib: float,
    decisions: float,
) -> dict[str, Any]:
    """Put everything that was measured into one JSON object."""
    rows = []
    for line in lines:
        row = asdict(line)
        row["violations"] = line.verdict.violations if line.verdict else None
        rows.append({name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()})
    return {
        "seed": seed,
        "bets": bets,
        "contenders": rows,
        "callback_lambda": {
            "cpu_us_per_warm_bet": round(callback["callback"], 1),
            "cpu_us_two_raw_calls": round(callback["floor"], 1),
            "cpu_ratio": round(callback["callback"] / callback["floor"], 2),
            "import_and_clients_ms": round(imports["callback"], 1),
            "bare_boto3_client_ms": round(imports["bare"], 1),
            "import_ratio": round(imports["callback"] / imports["bare"], 2),
            "code_zip_kib": round(zip_kib, 1),
            "decisions_per_second_and_core": round(decisions),
        },
    }


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Print the table and the callback's figures, wrong money first."""
    table = Table(title=f"{found['bets']} bets, seed {found['seed']}: repeats, other amounts, no funds, lost answers, crashes")
    table.add_column("")
    for heading in (
        "violations",
        "misbooked",
        "wrong answers",
        "no answer",
        "requests",
        "WU",
        "RU",
        "CPU µs",
        "bets/s",
        "$/million",
    ):
        table.add_column(heading, justify="right")
    for row in found["contenders"]:
        table.add_row(row["name"], *_cells(row))
    console.print(table)
    callback = found["callback_lambda"]
    console.print(
        f"Callback Lambda: import and clients {callback['import_and_clients_ms']} ms,"
        f" {callback['import_ratio']} × a bare boto3 client (goal ≤ {IMPORT_RATIO_MAX});"
        f" a warm bet, all in, {callback['cpu_us_per_warm_bet']} µs of CPU,"
        f" {callback['cpu_ratio']} × two raw calls (goal ≤ {CPU_RATIO_MAX}); own code {callback['code_zip_kib']} KiB zipped."
    )
    console.print(
        f"Decisions, storage left out: {callback['decisions_per_second_and_core']} a second on one core (goal ≥ {DECISIONS_MIN})."
        " Requests, units and dollars are those of a plain first bet;"
        " dollars count the index that our history reads, and leave Lambda's duration out."
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    verdict = row["verdict"]
    if verdict is None:
        wrong = ["–"] * 4
    else:
        colour = "bold red" if row["violations"] else "bold green"
        wrong = [
            f"[{colour}]{row['violations']}[/]",
            *(str(verdict[name]) for name in ("misbooked", "wrong_answers", "unanswered")),
        ]
    costs = [f"{row['requests']:g}", f"{row['write_units']:g}", f"{row['read_units']:g}"]
    return [*wrong, *costs, f"{row['cpu_us']:.0f}", f"{row['bets_per_second']:.0f}", f"{row['dollars_per_million']:.2f}"]
