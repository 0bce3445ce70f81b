"""How the tests are spread over processes, and what all in one process share: one Logger and one Metrics."""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # ships without type information

# Read once, at import, whichever test of a process imports them first.
os.environ["POWERTOOLS_SERVICE_NAME"] = "unit-test"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "Countroom"
os.environ["LOG_LEVEL"] = "INFO"

ONE_START = {
    "tests/e2e/test_withdrawal": "e2e of money",
    "tests/e2e/test_cashier": "e2e of money",
    "tests/e2e/test_deposit": "e2e of money",
    "tests/e2e/test_play_safety": "e2e of money",
    "tests/e2e/test_safety": "e2e of money",
    "tests/e2e/test_verification": "e2e of money",
    "tests/e2e/test_webhook": "e2e of money",
    "tests/e2e/": "e2e",
    "tests/simulation/test_emulator.py": "emulator",
    "tests/infrastructure/": "templates",
}
"""Path → which start it shares; the first that fits counts.

Two sandboxes of about the same length, because their tests wait more than they compute. Whatever shares a start comes first, the
most tests at the very first: no process is left with a long one at the end.
"""


class OneStart(LoadScopeScheduling):  # type: ignore[misc] # ships without type information
    """Hands out tests one by one, but all that share a start to one worker.

    The mark `xdist_group` would say the same, but pytest-xdist 3.8.0 writes it where pytest 9.2 no longer looks.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((start for path, start in ONE_START.items() if nodeid.startswith(path)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStart:
    """Replace the scheduler of pytest-xdist, whatever `--dist` says."""
    return OneStart(config, log)
