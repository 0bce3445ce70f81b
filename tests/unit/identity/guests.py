"""Sessions over a table in memory, with a key of this process and a clock that stands still; answers can get lost."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from countroom.identity.access import Access, Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.events import EventLog
from countroom.identity.sessions import Opened, Sessions
from countroom.identity.table import Table
from countroom.identity.tokens import Claims, Issuer, Verifier
from tests.unit.clock import FixedClock
from tests.unit.identity.memory import TABLE as PLAYERS
from tests.unit.identity.memory import MemoryTable
from tests.unit.local_key import LocalKey

ISSUER = "https://countroom.dev/test"
SESSIONS = "sessions"
ANNA, BEN = "pl_anna", "pl_ben"
LIVES = Lifetimes(absolute_ms=12 * 3_600_000, idle_ms=1_800_000)
LOST = ReadTimeoutError(endpoint_url="https://dynamodb")
AWAY = ConnectTimeoutError(endpoint_url="https://dynamodb")


class Flaky(MemoryTable):
    """A table whose next calls fail: before they take effect, or after."""

    def __init__(self) -> None:
        super().__init__(SESSIONS)
        self.writes_lost: list[str] = []
        """For each coming write: "landed" or "unsent" (its answer is lost), "busy", or "fine"."""
        self.cut_short = 0
        """How many of the coming reads are handed on as empty answers."""

    def get_item(self, **request: Any) -> Any:
        answer = super().get_item(**request)
        if self.cut_short and request["TableName"] == SESSIONS:
            self.cut_short -= 1
            return {}
        return answer

    def put_item(self, **request: Any) -> Any:
        return self._faulty(lambda: super(Flaky, self).put_item(**request))

    def transact_write_items(self, **request: Any) -> Any:
        return self._faulty(lambda: super(Flaky, self).transact_write_items(**request))

    def _faulty(self, write: Callable[[], Any]) -> Any:
        fate = self.writes_lost.pop(0) if self.writes_lost else "fine"
        if fate == "unsent":
            raise LOST
        if fate == "busy":
            raise AWAY
        answer = write()
        if fate == "landed":
            raise LOST
        return answer


class House:
    """Everything that sessions need, and two players who have an account."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.table = Flaky()
        self.key = LocalKey()
        self.issuer = Issuer(ISSUER, self.key, self.clock)
        self.verifier = Verifier(ISSUER, self.key, self.clock)
        self.store = AccessStore(Table(self.table, SESSIONS))
        self.events = EventLog(Table(self.table, PLAYERS))
        self.slept: list[float] = []
        self.sessions = Sessions(self.store, self.issuer, self.clock, LIVES, self.events, self.slept.append)
        for player_id in (ANNA, BEN):
            self.table.transact_write_items(TransactItems=[self.store.creation(player_id)])

    def access(self, player_id: str = ANNA) -> Access:
        found = self.store.access(player_id)
        assert found is not None
        return found

    def open(self, player_id: str = ANNA, *, device: str = "Firefox on Linux", stepped_up: bool = True) -> Opened:
        return self.sessions.open(player_id, device, "EE", stepped_up=stepped_up)

    def claims(self, opened: Opened) -> Claims:
        return self.verifier.claims(opened.access_token)

    def kinds(self) -> list[str]:
        """The security events so far, oldest first."""
        found = [item for item in self.table.of_kind("PLAYER#") if item["sk"]["S"].startswith("EVENT#")]
        return [item["kind"]["S"] for item in sorted(found, key=lambda item: str(item["sk"]["S"]))]
