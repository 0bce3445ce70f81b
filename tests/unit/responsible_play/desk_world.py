"""One player, a ledger in memory, and doors that note what goes through them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countroom.ledger.book import Posted, Refused
from countroom.ledger.movements import Bet, Deposit, Movement, OpenWallet, Reference, StartSession, Win
from countroom.ledger.wallet import Wallet
from countroom.responsible_play.desk import Caller, Decline, Declined, Done, Result, SafetyDesk
from tests.unit.clock import FixedClock
from tests.unit.ledger.casino import Casino, posted

PLAYER = "pl_" + "a" * 20
UNIT = 10**9
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
FOUND = Caller(PLAYER, "se_1", "192.0.2.0/24", proved=True)


@dataclass
class NotedDoors:
    """Posts what shuts a player out, and notes it."""

    casino: Casino
    shut: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    opened: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def post(self, movement: Movement, detail: str, session_id: str | None = None, source: str | None = None) -> Posted | Refused:
        outcome = self.casino.book.post(movement)
        if isinstance(outcome, Posted) and not outcome.replayed:
            self.shut.append((detail, session_id, source))
        return outcome

    def reopening(
        self, player_id: str, detail: str, session_id: str | None = None, source: str | None = None
    ) -> Sequence[dict[str, Any]]:
        assert player_id == PLAYER
        self.opened.append((detail, session_id, source))
        return ()


class Room:
    """The desk, and a wallet of 1,000 in some country."""

    def __init__(self, country: str = "EE", currency: str = "EUR", client: Any = None) -> None:
        self.casino = Casino(client) if client else Casino()
        self.doors = NotedDoors(self.casino)
        self.currency = currency
        self._bets = 0
        posted(self.casino.book.post(OpenWallet.of(PLAYER, currency, country)))
        posted(self.casino.book.post(Deposit(Reference("gateway:standard", "d1"), PLAYER, currency, 1_000 * UNIT)))

    @property
    def clock(self) -> FixedClock:
        return self.casino.clock

    @property
    def desk(self) -> SafetyDesk:
        return SafetyDesk(self.casino.book, self.doors, self.clock)

    @property
    def wallet(self) -> Wallet:
        return self.casino.wallet(PLAYER)

    def launch(self, interval_ms: int = HOUR_MS) -> None:
        started = StartSession.of(PLAYER, "hub88", b"s" * 12, "reels", self.clock() + DAY_MS, interval_ms=interval_ms)
        posted(self.casino.book.post(started))

    def bet(self, units: int) -> Posted | Refused:
        self._bets += 1
        return self.casino.book.post(
            Bet(Reference("game:hub88", f"b{self._bets}"), PLAYER, self.currency, units * UNIT, "reels", "r1")
        )

    def win(self, units: int) -> None:
        self._bets += 1
        name = Reference("game:hub88", f"w{self._bets}")
        posted(self.casino.book.post(Win(name, PLAYER, self.currency, units * UNIT, "reels", "r1")))


def keyed(key: str, *, proved: bool = True) -> Caller:
    """The caller, with an Idempotency-Key."""
    return replace(FOUND, key=key, proved=proved)


def done(result: Result) -> Done:
    assert isinstance(result, Done), result
    return result


def declined(result: Result, reason: Decline) -> Declined:
    assert isinstance(result, Declined), result
    assert result.reason is reason
    return result
