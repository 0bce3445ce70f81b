"""A DynamoDB client that counts what is asked of it and, when armed, loses an answer or dies in the middle.

Units are DynamoDB's own rules for items of at most one kilobyte, as all items here are: a write is 1 unit, in a transaction 2, also
when it is cancelled; a strong read 1 for each 4 KB, an eventual one half, a transactional one 2.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError

from benchmarks.stream import Bet, Trouble

WRITES = frozenset({"put_item", "update_item", "delete_item", "transact_write_items"})


class Killed(BaseException):
    """The process is gone: nothing that it would have done next happens. Not an Exception, so that no handler cleans up."""


class Meter:
    """Wraps a low-level client; one for each contender, used by several threads. `writes`: how many a bet of it makes."""

    def __init__(self, client: Any, writes: int) -> None:
        self._client = client
        self._writes = writes
        self._local = threading.local()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def arm(self, bet: Bet | None) -> None:
        """Let the next calls of this thread suffer what the bet's trouble says, at its chosen write."""
        self._local.bet = bet
        self._local.writes = 0

    def __getattr__(self, name: str) -> Any:
        """Wrap the client's operations and pass everything else on."""
        found = getattr(self._client, name)
        if name not in WRITES | {"get_item", "transact_get_items", "query"}:
            return found

        def call(**request: Any) -> Any:
            self._count(name, request)
            return self._suffer(found, request) if name in WRITES else found(**request)

        return call

    def _suffer(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:
        bet: Bet | None = getattr(self._local, "bet", None)
        place = getattr(self._local, "writes", 0)
        self._local.writes = place + 1
        strikes = bet is not None and place == bet.strikes_at % self._writes
        answer = call(**request)
        if bet is None or not strikes:
            return answer
        if bet.trouble is Trouble.CRASH:
            raise Killed
        if bet.trouble is Trouble.LOST_ANSWER:
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        return answer

    def _count(self, name: str, request: dict[str, Any]) -> None:
        units = _units(name, request)
        with self._lock:
            self.counts["requests"] += 1
            self.counts["write_units"] += units[0]
            self.counts["half_read_units"] += units[1]


def _units(name: str, request: dict[str, Any]) -> tuple[int, int]:
    """Return write units and half read units of one request."""
    if name == "transact_write_items":
        return 2 * len(request["TransactItems"]), 0
    if name in WRITES:
        return 1, 0
    if name == "transact_get_items":
        return 0, 4 * len(request["TransactItems"])
    return 0, 2 if request.get("ConsistentRead") else 1
