"""Following the ledger's stream: keeps the trail, notes the facts of markers, and opens a case where a rule is met.

A record is first kept, whatever was kept of it before; then the rules that it matters to are asked about all that is known around
it, read strongly. Of any number of workers the one that keeps its fact last sees those of the others, so what all of them together
show is always seen by one. Each step is one that comes to the same when it is repeated, so a batch may come again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from countroom.clock import Clock
from countroom.ledger.movements import Kind
from countroom.ledger.records import Outcome, Record
from countroom.ledger.store import LedgerStore
from countroom.responsible_play.cases import CaseKey, opened
from countroom.responsible_play.markers import Fact, FactKind, Marker, Rule, concerned, facts_of, met
from countroom.responsible_play.safety_store import SafetyStore
from countroom.responsible_play.trail import entry_of, is_play, play_of

IsCancelled: TypeAlias = Callable[[Record], bool]
"""Says whether a record released a withdrawal that its player called back: the cashier knows."""

_COUNTRIES_KEPT: Final = 10_000
_KNOWN_MAX: Final = 50_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What was kept of a record: whether the trail has got an entry now, and the facts that are to be asked about."""

    player_id: str
    kept: bool
    facts: tuple[Fact, ...]


class SafetyWatch:
    """Takes records in. Methods raise SafetyUnavailable and StoreBusy, and what `is_cancelled` raises: the same again is safe."""

    def __init__(self, ledger: LedgerStore, store: SafetyStore, is_cancelled: IsCancelled, clock: Clock) -> None:
        self._ledger = ledger
        self._store = store
        self._is_cancelled = is_cancelled
        self._clock = clock
        # A wallet's country is fixed when it is opened.
        self._country = lru_cache(_COUNTRIES_KEPT)(self._country_of)
        # What this process has kept and asked about already: it spares requests, and nothing else rests on it.
        self._known: set[tuple[str, str]] = set()

    def take(self, record: Record) -> Taken:
        """Keep a record's entry and facts."""
        cancelled = record.kind is Kind.RELEASE and record.outcome is Outcome.APPLIED and self._is_cancelled(record)
        entry = entry_of(record, cancelled=cancelled)
        kept = entry is not None and self._store.keep(entry)
        country = self._country(record.player_id) if is_play(record) else ""
        facts = tuple(fact for fact in facts_of(record, country, cancelled=cancelled) if not self._knows(record.player_id, fact))
        for fact in facts:
            self._store.note(record.player_id, fact)
        return Taken(record.player_id, kept, facts)

    def played(self, records: Iterable[Record]) -> None:
        """Keep when players played."""
        for (player_id, slot_ms), play in play_of(records).items():
            self._store.played(player_id, slot_ms, play)

    def look(self, player_id: str, facts: Sequence[Fact]) -> list[Marker]:
        """Ask the rules that new facts of a player matter to; give the markers for which a case was opened now."""
        found: list[Marker] = []
        for rule in concerned({fact.kind for fact in facts}):
            about = [fact for fact in facts if fact.kind in rule.facts]
            from_ms, to_ms = min(fact.at_ms for fact in about), max(fact.at_ms for fact in about)
            known = self._around(player_id, rule, from_ms - rule.reach_ms, to_ms + rule.reach_ms)
            for period_ms in sorted({rule.period_of(at_ms) for at_ms in met(rule, known)}):
                key = CaseKey(player_id, rule.marker, period_ms)
                if self._store.case(key) is None and self._open(key):
                    found.append(rule.marker)
        self._remember(player_id, facts)
        return found

    def _open(self, key: CaseKey) -> bool:
        return self._store.open_case(opened(key, self._country(key.player_id), self._clock()))

    def _around(self, player_id: str, rule: Rule, from_ms: int, to_ms: int) -> list[Fact]:
        return [fact for kind in rule.facts for fact in self._store.facts(player_id, kind, from_ms, to_ms)]

    def _country_of(self, player_id: str) -> str:
        wallet = self._ledger.wallet(player_id)
        if wallet is None:
            raise LookupError("a record of a player who has no wallet")
        return wallet.country

    def _knows(self, player_id: str, fact: Fact) -> bool:
        return fact.kind is FactKind.NIGHT and (player_id, fact.name) in self._known

    def _remember(self, player_id: str, facts: Iterable[Fact]) -> None:
        """Remember nights only: each stake of a quarter hour says the same, and the others say something new each time."""
        if len(self._known) > _KNOWN_MAX:
            self._known.clear()
        self._known.update((player_id, fact.name) for fact in facts if fact.kind is FactKind.NIGHT)


def by_player(taken: Iterable[Taken]) -> Mapping[str, list[Fact]]:
    """Put the facts of a batch together, so that the rules are asked once for each player."""
    together: dict[str, list[Fact]] = {}
    for one in taken:
        if one.facts:
            together.setdefault(one.player_id, []).extend(one.facts)
    return together
