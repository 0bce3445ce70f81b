"""Keeping rounds from the ledger's stream, and finding those that were left open. Repeats and any order come to the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from countroom.clock import Clock
from countroom.games.rounds import LEFT_OPEN_MS, Move, Round, RoundKey, is_play, round_of
from countroom.games.rounds_store import RoundsStore, hours_between
from countroom.ledger.movements import Kind
from countroom.ledger.records import Outcome, Record
from countroom.ledger.store import LedgerStore

LOOK_BACK_MS: Final = 30 * 24 * 60 * 60 * 1000
"""How far back open rounds are looked for: a round that is reported for four weeks has been seen."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A round of which a record was taken in, and the movements that this record shows to have come after its end."""

    key: RoundKey
    after_close: tuple[Move, ...] = ()


class RoundKeeper:
    """Takes records in."""

    def __init__(self, ledger: LedgerStore, rounds: RoundsStore, clock: Clock) -> None:
        self._ledger = ledger
        self._rounds = rounds
        self._clock = clock

    def take(self, record: Record) -> Kept | None:
        """Keep what a record says of a round; None where it belongs to none. Raise RoundsUnavailable, StoreBusy: take it again.

        A movement that came after the end of its round is told when it is taken, or when the one is that closed the round: in
        whatever order they come at least once, and again with every repeat.
        """
        if not is_play(record):
            return None
        key = round_of(record, self._target(record))
        if key is None:
            return None
        self._rounds.keep(key, Move.of(record))
        found = self._rounds.round(key)
        if found is None:
            return Kept(key)
        self._rounds.mark(found, self._clock())
        without = replace(found, moves=tuple(move for move in found.moves if move.version != record.version))
        known = {move.version for move in without.after_close}
        return Kept(key, tuple(move for move in found.after_close if move.version not in known))

    def _target(self, record: Record) -> Record | None:
        """Read what a rollback has taken back: it names the round for certain, and some protocols leave it out."""
        if record.kind is not Kind.ROLLBACK or record.outcome is not Outcome.APPLIED or record.related is None:
            return None
        entry = self._ledger.entry(record.related)
        return entry if isinstance(entry, Record) else None


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """Rounds that have been open for 48 hours, the oldest first. `complete` is False when the time was up before the end."""

    rounds: tuple[Round, ...]
    complete: bool


def left_open(rounds: RoundsStore, now_ms: int, out_of_time: Callable[[], bool]) -> LeftOpen:
    """Find the rounds left open. A mark only says where to look; the round's own movements decide. Raise RoundsUnavailable."""
    found: dict[RoundKey, Round] = {}
    for hour in hours_between(now_ms - LOOK_BACK_MS, now_ms - LEFT_OPEN_MS):
        start = None
        while True:
            if out_of_time():
                return LeftOpen(tuple(found.values()), complete=False)
            page = rounds.open_page(hour, start)
            for key in page.keys:
                seen = rounds.round(key)
                if seen is not None and seen.is_left_open(now_ms):
                    found[key] = seen
            start = page.next_start
            if start is None:
                break
    return LeftOpen(tuple(found.values()), complete=True)
