"""A verification desk over a table in memory, and words of staff and of the vendor."""

import hashlib
from dataclasses import replace

from countroom.verification.desk import CarriedOut, VerificationDesk
from countroom.verification.levels import Level, State
from countroom.verification.standing import Heard, LevelStanding, Order, Standing, VendorEvent, Word
from countroom.verification.store import StandingStore
from tests.unit.clock import START_MS, FixedClock
from tests.unit.identity.memory import TABLE, MemoryTable

PLAYER = "pl_anna"
APPLICANT = "5cb56e8e0a975a35f333cb83"
SECOND_MS = 1000


def event_of(
    state: State = State.APPROVED,
    level: Level | None = Level.IDENTITY,
    *,
    at_s: float = 10,
    labels: tuple[str, ...] = (),
    applicant_id: str = APPLICANT,
    player_id: str = PLAYER,
) -> VendorEvent:
    """An event, created so many seconds after the start; its id follows from what it says."""
    made = VendorEvent("", applicant_id, player_id, level, state, START_MS + int(at_s * SECOND_MS), labels)
    return replace(made, event_id=hashlib.sha256(repr(made).encode()).hexdigest()[:32])


class House:
    """A desk over a table in memory, and a player whom the vendor knows."""

    def __init__(self, *, started: bool = True) -> None:
        self.client = MemoryTable()
        self.clock = FixedClock()
        self.store = StandingStore(self.client, TABLE)
        self.desk = VerificationDesk(self.store, self.clock)
        if started:
            self.desk.name_applicant(PLAYER, APPLICANT)

    @property
    def standing(self) -> Standing:
        return self.desk.standing(PLAYER)

    def at(self, level: Level = Level.IDENTITY) -> LevelStanding:
        return self.standing.at(level)

    def order(
        self, word: Word, request_id: str, by: str = "jane", reason: str = "passport seen", level: Level = Level.IDENTITY
    ) -> CarriedOut:
        self.clock.advance(seconds=1)
        return self.desk.carry_out(Order(PLAYER, word, by, reason, request_id, level))

    def hear(self, *events: VendorEvent) -> list[Heard]:
        return [self.desk.hear(event) for event in events]
