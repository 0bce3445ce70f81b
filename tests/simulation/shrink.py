"""Makes a failing episode as short as it can: fewer requests, fewer faults, right clocks, as long as the same rule breaks."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.simulation.baton import Pool
from tests.simulation.requests import Request, Script
from tests.simulation.witness import Violation
from tests.simulation.world import World

SECONDS_MAX: Final = 60.0
_TRACE_LINES: Final = 200


class Shrinker:
    """Tries smaller scripts until the time is up."""

    def __init__(self, script: Script, rule: str, seconds: float = SECONDS_MAX) -> None:
        self.script = script
        self.tries = 0
        self._rule = rule
        self._ends = time.monotonic() + seconds
        self._pool = Pool()

    def shrink(self) -> Script:
        """Return the smallest script that was found."""
        self._keep_if_it_fails(replace(self.script, storms=()))
        while self._fewer():
            pass
        for index in range(len(self.script.requests)):
            self._simpler(index, lambda request: replace(request, faults=False, lost_always=False))
            self._simpler(index, lambda request: replace(request, lost_always=False))
            self._simpler(index, lambda request: replace(request, skew_ms=0))
        self._pool.end()
        return self.script

    def _fewer(self) -> bool:
        """Leave requests out, in ever smaller pieces; tell whether any could go."""
        before = len(self.script.requests)
        size = max(1, before // 2)
        while True:
            at = 0
            while at < len(self.script.requests) and time.monotonic() < self._ends:
                rest = self.script.requests[:at] + self.script.requests[at + size :]
                if not self._keep_if_it_fails(replace(self.script, requests=rest)):
                    at += size
            if size == 1:
                return len(self.script.requests) < before and time.monotonic() < self._ends
            size //= 2

    def _simpler(self, index: int, change: Callable[[Request], Request]) -> None:
        requests = list(self.script.requests)
        requests[index] = change(requests[index])
        if requests[index] != self.script.requests[index] and time.monotonic() < self._ends:
            self._keep_if_it_fails(replace(self.script, requests=tuple(requests)))

    def _keep_if_it_fails(self, script: Script) -> bool:
        self.tries += 1
        try:
            World(script, self._pool).run()
        except Violation as violation:
            if violation.rule == self._rule:
                self.script = script
                return True
        return False


def trace(script: Script) -> list[str]:
    """Play a script and write down what happens, and the violation at the end if there is one."""
    lines: list[str] = []
    pool = Pool()
    try:
        World(script, pool, lines.append).run()
    except Violation as violation:
        lines.append(f"VIOLATION  {violation}")
    pool.end()
    return lines[-_TRACE_LINES:]
