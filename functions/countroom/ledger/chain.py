"""Walking one player's chain, newest first, so that what is read agrees with the balance.

The index `history` is fast and eventually consistent: the newest records, or any among them, may not be in it yet. But versions
are contiguous and each record names its predecessor. So a walk starts at what the wallet itself says, takes from the index what is
there, and fetches what is missing by name, strongly. What the walk yields is complete and in order, or it raises.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from countroom.ledger.movements import InvalidReference, Reference
from countroom.ledger.records import Record
from countroom.ledger.store import LedgerStore, StoreBusy
from countroom.ledger.wallet import Wallet

T = TypeVar("T")

WINDOW_MAX: Final = 500
"""Versions asked of the index at once: at most a kilobyte each, so one answer (a megabyte at most) holds them all."""

GETS_MAX: Final = 100
"""Records that one walk fetches one by one before it says that the index is too far behind."""

CLOCK_ERROR_MS: Final = 20 * 60_000
"""How far apart the clocks of two machines that stamp one player's records may be: each of them wrong by ten minutes."""

READ_TRIES: Final = 4
_WAIT_BASE_S: Final = 0.02


class IndexBehind(Exception):
    """So much is missing from the index that it is better to ask again later."""


class ChainBroken(Exception):
    """A record is not where the wallet or its successor says: for the audit to name, and not to be shown as history."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the chain: the record of this version has this name. Version 0 is the place before the first."""

    version: int
    key: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Repeats a read while the table is busy, a few times with jitter between; then raises StoreBusy as it came."""

    tries: int = READ_TRIES
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def read(self, call: Callable[[], T]) -> T:
        """Return what `call` returns."""
        for made in range(1, self.tries):
            try:
                return call()
            except StoreBusy:
                self.sleep(_WAIT_BASE_S * 2.0**made * self.jitter())
        return call()


def head_of(wallet: Wallet) -> Position:
    """Return the newest place of a wallet's chain."""
    return Position(wallet.version, wallet.head_key)


class Chain:
    """One player's records, for one reader's question."""

    def __init__(self, store: LedgerStore, player_id: str, patience: Patience | None = None) -> None:
        self._store = store
        self._player_id = player_id
        self._patience = patience or Patience()
        self._gets = 0

    def down(self, start: Position, floor: int, window: int = WINDOW_MAX) -> Iterator[Record]:
        """Yield the records from `start` down to the version `floor`, none left out; `window` is how many are asked for at once.

        Raise IndexBehind, ChainBroken or StoreBusy.
        """
        version, key = start.version, start.key
        while version >= floor:
            bottom = max(floor, version - window + 1)
            indexed = {record.version: record for record in self._indexed(version, bottom)}
            while version >= bottom:
                record = indexed.get(version)
                if record is None or record.reference.text != key:
                    record = self._fetched(version, key)
                yield record
                version, key = version - 1, record.previous_key

    def before(self, instant_ms: int, head: Position) -> Position:
        """Return the newest place before an instant: all up to it was booked when no clock had shown that instant yet.

        Records are stamped by machines whose clocks differ, so stamps may step back along the chain. The place where a period
        begins is therefore that of the first record with such a stamp, and whatever follows it belongs to the period: periods
        that meet neither overlap nor leave anything out.
        """
        place = self._surely_not_before(instant_ms, head)
        for record in self.down(place, 1):
            if record.at_ms >= instant_ms:
                place = Position(record.version - 1, record.previous_key)
            elif record.at_ms < instant_ms - CLOCK_ERROR_MS:
                break
        return place

    def _surely_not_before(self, instant_ms: int, head: Position) -> Position:
        """Find, by halving, a place at or after the one that is sought, and not much after it."""
        low, place, middle = 0, head, head.version
        while low < place.version:
            found = self._indexed(middle, low + 1, limit=1)
            if found and found[0].at_ms > instant_ms + CLOCK_ERROR_MS:
                place = Position(found[0].version - 1, found[0].previous_key)
            else:
                low = middle
            middle = (low + place.version + 1) // 2
        return place

    def _indexed(self, newest: int, oldest: int, limit: int | None = None) -> list[Record]:
        asked = limit or newest - oldest + 1
        return self._patience.read(lambda: self._store.history(self._player_id, newest, oldest, asked))

    def _fetched(self, version: int, key: str) -> Record:
        if self._gets >= GETS_MAX:
            raise IndexBehind("too many records are not in the index yet")
        self._gets += 1
        try:
            reference = Reference.from_text(key)
        except InvalidReference:
            raise ChainBroken("a link names nothing") from None
        record = self._patience.read(lambda: self._store.entry(reference))
        if not isinstance(record, Record) or record.player_id != self._player_id or record.version != version:
            raise ChainBroken("a link names no record of this player and version")
        return record
