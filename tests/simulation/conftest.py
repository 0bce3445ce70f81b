"""Says at the end of a test run from which fresh seeds it was drawn, so that any of them can be played again."""

import secrets
from collections.abc import Callable

import pytest

FRESH = "fresh seed"


@pytest.fixture
def fresh_seed(record_property: Callable[[str, object], None]) -> int:
    """A number that no run before had."""
    seed = secrets.randbelow(10**9)
    record_property(FRESH, seed)
    return seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    seeds = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == FRESH]
    if seeds:
        terminalreporter.write_line(f"simulated from fresh seeds: {', '.join(str(seed) for seed in seeds)}")
