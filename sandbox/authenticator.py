"""A player's authenticator: the second factor on a phone (TOTP, RFC 6238)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyotp

STEP_SECONDS = 30
AHEAD_MAX = 1
"""Steps before their time whose codes the house takes already: RFC 6238 §5.2 advises one, for clocks that differ."""


@dataclass(slots=True)
class Authenticator:
    """Gives each code once, as the house takes each once.

    Asked twice within one step, it gives the next step's code early; asked a third time, it waits for the clock.
    """

    secret: str = field(repr=False)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _last: int = -1

    def code(self) -> str:
        """Give a code of six digits that was not given before; waits one step at most."""
        step = max(int(self.clock()) // STEP_SECONDS, self._last + 1)
        ready = (step - AHEAD_MAX) * STEP_SECONDS
        if ready > self.clock():
            self.sleep(ready - self.clock())
        self._last = step
        return pyotp.TOTP(self.secret, interval=STEP_SECONDS).at(step * STEP_SECONDS)
