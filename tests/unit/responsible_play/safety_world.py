"""Players whose records make a trail and meet markers; the safety table in this process, and in memory without a request."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from countroom.ledger import items
from countroom.ledger.movements import Bet, Deposit, LimitKind, Movement, OpenWallet, Period, Reference, StartSession
from countroom.ledger.records import Outcome, Record
from countroom.ledger.safeguards import SetLimit
from countroom.responsible_play.cases import Case, CaseKey
from countroom.responsible_play.markers import Fact, FactKind, Marker
from countroom.responsible_play.safety_store import BY_KIND, SafetyStore
from countroom.responsible_play.safety_watch import SafetyWatch, by_player
from countroom.responsible_play.trail import Entry, Play
from countroom.times import from_iso
from tests.unit.clock import FixedClock
from tests.unit.ledger.table import TABLE, Ledger

SAFETY_TABLE = "safety"
UNIT = 10**9
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
ANNA = "pl_anna"


def make_table(client: Any) -> None:
    """Create the table as the state stack does."""
    client.create_table(
        TableName=SAFETY_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "kind_day")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": BY_KIND,
                "KeySchema": [{"AttributeName": "kind_day", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def at(text: str) -> int:
    """Read an instant in UTC: ``2026-01-01T12:00``."""
    return from_iso(f"{text}:00Z")


class Story:
    """A player without money yet, in a country, and what he does at which instant."""

    def __init__(self, country: str = "EE", player_id: str = ANNA, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.player_id = player_id
        self._names = (f"{player_id}-{number}" for number in count(1))
        self.ledger.post(
            OpenWallet.of(player_id, "EUR", country),
            StartSession.of(player_id, "hub88", player_id.encode().ljust(12, b"."), "reels", self.ledger.clock() + 400 * DAY_MS),
        )

    def at(self, at_ms: int) -> "Story":
        """Go on at an instant."""
        self.ledger.clock.now_ms = at_ms
        return self

    def name(self, source: str) -> Reference:
        return Reference(source, next(self._names))

    def pays(self, amount: int) -> Record:
        return self._now(Deposit(self.name("gateway:standard"), self.player_id, "EUR", amount * UNIT))

    def stakes(self, amount: int) -> Record:
        return self._now(Bet(self.name("game:hub88"), self.player_id, "EUR", amount * UNIT, "reels", "r1"))

    def limits(self, cap: int | None, kind: LimitKind = LimitKind.DEPOSIT, *, waits_ms: int = DAY_MS) -> Record:
        cap = None if cap is None else cap * UNIT
        movement = SetLimit(self.name("player:safety"), self.player_id, "EUR", cap, kind, Period.DAY, waits_ms)
        return self._now(movement)

    def posts(self, movement: Movement) -> Record:
        """Post a movement, taken or refused, and give its record."""
        return self._now(movement)

    def _now(self, movement: Movement) -> Record:
        self.ledger.book.post(movement)
        record = self.ledger.store.entry(movement.reference)
        assert isinstance(record, Record)
        assert record.at_ms == self.ledger.clock()
        return record


def records(ledger: Ledger) -> list[Record]:
    """Give all records of a ledger, those of one player in their order."""
    found = [items.record_of(item) for item in ledger.model.scan(TableName=TABLE)["Items"] if items.kind_of(item) == "record"]
    return sorted(found, key=lambda record: (record.player_id, record.version))


def refused(record: Record) -> Record:
    assert record.outcome is Outcome.REFUSED
    return record


class MemoryStore(SafetyStore):
    """The safety table as a few dictionaries."""

    def __init__(self) -> None:
        self.trail: dict[tuple[str, int, str], Entry] = {}
        self.noted: set[tuple[str, Fact]] = set()
        self.plays: dict[tuple[str, int], Play] = {}
        self.cases: dict[CaseKey, Case] = {}

    def keep(self, entry: Entry) -> bool:
        key = (entry.player_id, entry.at_ms, entry.name)
        is_new = key not in self.trail
        self.trail.setdefault(key, entry)
        return is_new

    def note(self, player_id: str, fact: Fact) -> bool:
        is_new = (player_id, fact) not in self.noted
        self.noted.add((player_id, fact))
        return is_new

    def facts(self, player_id: str, kind: FactKind, from_ms: int, to_ms: int) -> list[Fact]:
        theirs = [fact for owner, fact in self.noted if owner == player_id and fact.kind is kind]
        return [fact for fact in theirs if from_ms <= fact.at_ms <= to_ms]

    def played(self, player_id: str, slot_ms: int, play: Play) -> None:
        known = self.plays.get((player_id, slot_ms), play)
        self.plays[player_id, slot_ms] = Play(min(known.first_ms, play.first_ms), max(known.last_ms, play.last_ms))

    def case(self, key: CaseKey) -> Case | None:
        return self.cases.get(key)

    def open_case(self, case: Case) -> bool:
        return self.cases.setdefault(case.key, case) is case

    @property
    def seen(self) -> tuple[Any, ...]:
        """All that must not depend on order, repeats or batches: everything but when a case was opened."""
        return self.trail, self.noted, self.plays, set(self.cases)


def watch(ledger: Ledger, store: SafetyStore, cancelled: Callable[[Record], bool] = lambda _record: False) -> SafetyWatch:
    return SafetyWatch(ledger.store, store, cancelled, FixedClock())


def take(watching: SafetyWatch, batch: Sequence[Record]) -> list[Marker]:
    """Take a batch in, as the worker does; gives the markers for which cases were opened."""
    taken = [watching.take(record) for record in batch]
    watching.played(batch)
    return [marker for player_id, facts in by_player(taken).items() for marker in watching.look(player_id, facts)]


def released(record: Record) -> Record:
    """The same record, as one that released a withdrawal."""
    return replace(record, reference=Reference("gateway:standard", "wdr_" + "a" * 20 + ":released"))
