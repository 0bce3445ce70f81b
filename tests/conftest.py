"""How the tests are spread over processes, and what all in one process share: one Logger and one Metrics."""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # ships without type information

# Read once, at import, whichever test of a process imports them first.
os.environ["POWERTOOLS_SERVICE_NAME"] = "unit-test"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "Countroom"
os.environ["LOG_LEVEL"] = "INFO"

TOGETHER = ("tests/e2e/test_withdrawal", "tests/e2e/", "tests/simulation/test_emulator.py")
"""The first that fits counts. Withdrawals mostly wait for their machine, so they have a sandbox of their own beside the others."""


class OneStart(LoadScopeScheduling):  # type: ignore[misc] # ships without type information
    """Hands out tests one by one, but all below one path of TOGETHER to one worker.

    The mark `xdist_group` would say the same, but pytest-xdist 3.8.0 writes it where pytest 9.2 no longer looks.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStart:
    """Replace the scheduler of pytest-xdist, whatever `--dist` says."""
    return OneStart(config, log)
