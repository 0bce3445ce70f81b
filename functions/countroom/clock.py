"""Time as the business sees it: whole milliseconds since the Unix epoch, UTC, handed in so that a test can fix it."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def system_clock() -> int:
    """Return the machine's wall clock in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
