"""What has happened to a wallet, as its player may see it: pages newest first, one transaction, a period. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from countroom.cursors import InvalidCursor, Question, check_limit, read_cursor, write_cursor
from countroom.ledger.chain import Chain, ChainBroken, Patience, Position, head_of
from countroom.ledger.movements import HOUSEKEEPING, InvalidReference, Kind, Reference
from countroom.ledger.records import Balances, Outcome, Record, Resolution
from countroom.ledger.store import LedgerStore

SCANNED_MAX: Final = 1000
"""Records looked at for one page: a filter that matches little may give a short page, or an empty one, that is not the last."""

RECORDS_MAX: Final = 5000
"""Records of one statement: with them an answer stays below the six megabytes that a Lambda may return."""

MONEY: Final = frozenset(Kind) - HOUSEKEEPING
"""The kinds that a player means by "transactions"."""

_RESOLVABLE: Final = frozenset(
    {
        Kind.BET,
        Kind.WIN,
        Kind.DEPOSIT_OPENED,
        Kind.DEPOSIT,
        Kind.DEPOSIT_REVERSAL,
        Kind.DEPOSIT_RETURNED,
        Kind.HOLD,
        Kind.CAPTURE,
    }
)
_WINDOW: Final = 100
_VERSION_MAX: Final = 10**15


class PeriodTooLarge(Exception):
    """A period with more records than one statement may have."""

    def __init__(self, records: int) -> None:
        super().__init__(f"{records} records, at most {RECORDS_MAX}")
        self.records = records


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show: kinds, one round, instants from `from_ms` on and before `to_ms`."""

    kinds: frozenset[Kind] = MONEY
    round: str = ""
    from_ms: int | None = None
    to_ms: int | None = None

    def matches(self, record: Record) -> bool:
        """Whether a record of the period is to be shown; the period itself is a stretch of the chain."""
        return record.kind in self.kinds and (not self.round or record.round == self.round)

    @property
    def question(self) -> Question:
        """What ties a cursor to its own filter."""
        return (sorted(self.kinds), self.round, self.from_ms, self.to_ms)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and what has since taken it back or resolved it."""

    record: Record
    resolution: Resolution | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some entries, newest first. `next_cursor` is None when nothing older matches."""

    currency: str
    entries: tuple[Entry, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One entry, and the record that took it back or resolved it."""

    entry: Entry
    resolver: Record | None


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a wallet's chain, oldest first, with the balances before and after it: the records add up to the difference."""

    player_id: str
    from_ms: int
    to_ms: int
    opening: Balances
    closing: Balances
    records: tuple[Record, ...]


class History:
    """Histories over the ledger's table."""

    def __init__(self, store: LedgerStore, patience: Patience | None = None) -> None:
        self._store = store
        self._patience = patience or Patience()

    def page(self, player_id: str, wanted: Filter, limit: int, cursor: str | None = None) -> HistoryPage | None:
        """Return at most `limit` (1 to `cursors.PAGE_MAX`) entries, from the newest or from where a cursor says.

        None for no such player. Movements that arrive meanwhile never shift later pages. Raise InvalidCursor, IndexBehind,
        ChainBroken, StoreBusy.
        """
        check_limit(limit)
        wallet = self._patience.read(lambda: self._store.wallet(player_id))
        if wallet is None:
            return None
        chain = Chain(self._store, player_id, self._patience)
        start, floor = _stretch(cursor, wanted.question) if cursor else self._bounds(chain, head_of(wallet), wanted)
        if start.version > wallet.version:
            raise InvalidCursor("beyond the newest")
        found, rest = _gather(_from_cursor(chain.down(start, floor, _WINDOW), given=cursor is not None), wanted, limit)
        next_cursor = write_cursor(wanted.question, rest.version, rest.key, floor) if rest and rest.version >= floor else None
        return HistoryPage(wallet.currency, self._entries(found), next_cursor)

    def transaction(self, player_id: str, reference: Reference) -> Transaction | None:
        """Return a player's own transaction by its name; None for none, and for another player's. Raise StoreBusy."""
        record = self._record(player_id, reference)
        if record is None:
            return None
        (entry,) = self._entries([record])
        resolver = self._record(player_id, entry.resolution.by) if entry.resolution else None
        return Transaction(entry, resolver)

    def period(self, player_id: str, from_ms: int, to_ms: int) -> Period | None:
        """Return what was booked from an instant on and before another; None for no such player.

        Raise PeriodTooLarge, IndexBehind, ChainBroken, StoreBusy.
        """
        wallet = self._patience.read(lambda: self._store.wallet(player_id))
        if wallet is None:
            return None
        chain = Chain(self._store, player_id, self._patience)
        last = chain.before(to_ms, head_of(wallet))
        first = chain.before(from_ms, last)
        if last.version - first.version > RECORDS_MAX:
            raise PeriodTooLarge(last.version - first.version)
        records = tuple(chain.down(last, first.version + 1))[::-1]
        opening = next((record.after for record in chain.down(first, max(1, first.version))), None)
        opening = opening or Balances(wallet.currency, 0, 0, 0, 0)
        return Period(player_id, from_ms, to_ms, opening, records[-1].after if records else opening, records)

    def _bounds(self, chain: Chain, head: Position, wanted: Filter) -> tuple[Position, int]:
        """Turn a period into a stretch of the chain: where to start, and the last version to show."""
        start = head if wanted.to_ms is None else chain.before(wanted.to_ms, head)
        floor = 1 if wanted.from_ms is None else chain.before(wanted.from_ms, start).version + 1
        return start, floor

    def _record(self, player_id: str, reference: Reference) -> Record | None:
        found = self._patience.read(lambda: self._store.entry(reference))
        return found if isinstance(found, Record) and found.player_id == player_id else None

    def _entries(self, records: Sequence[Record]) -> tuple[Entry, ...]:
        names = [record.reference for record in records if record.kind in _RESOLVABLE and record.outcome is Outcome.APPLIED]
        markers: Mapping[Reference, Resolution] = self._patience.read(lambda: self._store.resolutions(names))
        return tuple(Entry(record, markers.get(record.reference)) for record in records)


def _gather(records: Iterator[Record], wanted: Filter, limit: int) -> tuple[list[Record], Position | None]:
    """Take what matches, and find the place of the next match; None when the stretch has no other."""
    found: list[Record] = []
    for scanned, record in enumerate(records, start=1):
        if wanted.matches(record):
            if len(found) == limit:
                return found, Position(record.version, record.reference.text)
            found.append(record)
        if scanned == SCANNED_MAX:
            return found, Position(record.version - 1, record.previous_key)
    return found, None


def _from_cursor(records: Iterator[Record], *, given: bool) -> Iterator[Record]:
    """Blame the cursor when it is a cursor that names the first record, and there is none such."""
    try:
        first = next(records, None)
    except ChainBroken:
        if given:
            raise InvalidCursor("names no record of this player") from None
        raise
    if first is not None:
        yield first
        yield from records


def _stretch(cursor: str, question: Question) -> tuple[Position, int]:
    """Read where to go on and the last version to show: a place in the asking player's own chain, whoever's cursor it was."""
    version, key, floor = read_cursor(cursor, question, int, str, int)
    try:
        Reference.from_text(key)
    except InvalidReference:
        raise InvalidCursor("no reference") from None
    if not 1 <= floor <= version <= _VERSION_MAX:
        raise InvalidCursor("no place in a chain")
    return Position(version, key), floor
