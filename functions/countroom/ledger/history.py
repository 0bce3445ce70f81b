"""What has happened to a wallet, as its player may see it: pages newest first, one transaction, a period. Reads only."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from countroom.ledger.chain import Chain, ChainBroken, Patience, Position, head_of
from countroom.ledger.movements import HOUSEKEEPING, InvalidReference, Kind, Reference
from countroom.ledger.records import Balances, Outcome, Record, Resolution
from countroom.ledger.store import LedgerStore

PAGE_MAX: Final = 100
SCANNED_MAX: Final = 1000
"""Records looked at for one page: a filter that matches little may give a short page, or an empty one, that is not the last."""

RECORDS_MAX: Final = 5000
"""Records of one statement: with them an answer stays below the six megabytes that a Lambda may return."""

CURSOR_CHARACTERS_MAX: Final = 400

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
_CURSOR_FORMAT: Final = 1
_WINDOW: Final = 100
_VERSION_MAX: Final = 10**15


class InvalidCursor(ValueError):
    """A cursor that was not given out for this player and this filter."""


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
    def digest(self) -> str:
        """Eight characters that differ between filters: they tie a cursor to its own."""
        fields = (sorted(self.kinds), self.round, self.from_ms, self.to_ms)
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:8]


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
        """Return at most `limit` (1..PAGE_MAX) entries, from the newest or from where a cursor says; None for no such player.

        Movements that arrive meanwhile never shift later pages. Raise InvalidCursor, IndexBehind, ChainBroken, StoreBusy.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise ValueError(f"a page has 1 to {PAGE_MAX} entries")
        wallet = self._patience.read(lambda: self._store.wallet(player_id))
        if wallet is None:
            return None
        chain = Chain(self._store, player_id, self._patience)
        start, floor = _read_cursor(cursor, wanted) if cursor else self._bounds(chain, head_of(wallet), wanted)
        if start.version > wallet.version:
            raise InvalidCursor("beyond the newest")
        found, rest = _gather(_from_cursor(chain.down(start, floor, _WINDOW), given=cursor is not None), wanted, limit)
        next_cursor = _write_cursor(rest, floor, wanted) if rest and rest.version >= floor else None
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


def _write_cursor(at: Position, floor: int, wanted: Filter) -> str:
    text = json.dumps([_CURSOR_FORMAT, at.version, at.key, floor, wanted.digest], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, wanted: Filter) -> tuple[Position, int]:
    """Read what `_write_cursor` wrote. Nothing in it is trusted: it can only name a place in the asking player's own chain."""
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        raise InvalidCursor("too long")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        fields: Any = json.loads(text)
        written, version, key, floor, digest = fields
        Reference.from_text(key)
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError, InvalidReference):
        raise InvalidCursor("not a cursor") from None
    if type(version) is not int or type(floor) is not int or not 1 <= floor <= version <= _VERSION_MAX:
        raise InvalidCursor("no place in a chain")
    if written != _CURSOR_FORMAT or digest != wanted.digest:
        raise InvalidCursor("given out for another question")
    return Position(version, key), floor
