"""Posting: read the wallet, decide, write; again when the world has moved on; and an answer that agrees with the records.

The loop ends in one of three ways. *Posted* and *Refused* are facts: the record is there, or it is not and never was.
*OutcomeUnknown* says that the time was up before that was certain; the same movement sent again finds out, at any later time.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from countroom.clock import Clock
from countroom.ledger.decide import Decision, Refusal, decide, refuse
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Movement, Reason, Reference
from countroom.ledger.records import Balances, Outcome, Record, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.store import (
    AnswerLost,
    Committed,
    Companion,
    CompanionRefused,
    Existing,
    LedgerStore,
    Snapshot,
    Stale,
    StoreBusy,
)
from countroom.ledger.wallet import Wallet

T = TypeVar("T")

BATCH_MAX: Final = 20
"""Movements of one atomic batch: with their facts and markers they stay below DynamoDB's 100 items a transaction."""

ATTEMPTS_MAX: Final = 60
BUDGET_S: Final = 4.0
_WAIT_BASE_S: Final = 0.008
_WAIT_MAX_S: Final = 0.25
_WAIT_IN_PROGRESS_S: Final = 0.5


class _MovedOn(Exception):
    """The wallet, or something beside it, is no longer what the attempt decided on: decide again."""


class OutcomeUnknown(Exception):
    """Time is up. `possibly_written`: an answer was lost on the way, so the movement may have been applied, or may yet be."""

    def __init__(self, *, possibly_written: bool) -> None:
        super().__init__("the outcome of the movement is not known")
        self.possibly_written = possibly_written


@dataclass(frozen=True, slots=True)
class Posted:
    """The movement's record stands. `balances` are the newest known, `replayed` says that it stood before this call."""

    record: Record
    balances: Balances
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The movement moved nothing. `record` is the refusal as it was written down, if it was; `limit` the limit that it is for."""

    reason: Reason
    replayed: bool = False
    balances: Balances | None = None
    record: Record | None = None
    index: int = 0
    limit: str = ""

    @property
    def retry_may_change(self) -> bool:
        """Whether the same movement, sent later, may be answered otherwise."""
        return self.reason.retry_may_change


@dataclass(frozen=True, slots=True)
class BatchPosted:
    """All movements of a batch, in their order; a tolerated refusal stands in its place."""

    results: tuple[Posted | Refused, ...]
    balances: Balances

    @property
    def replayed(self) -> bool:
        """Whether all of it stood before this call, so that nothing was written, companions neither."""
        return all(result.replayed for result in self.results)


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long and how often to try, and the time that passes meanwhile (fixed by tests)."""

    budget_s: float = BUDGET_S
    attempts_max: int = ATTEMPTS_MAX
    timer: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class _Tries:
    """The attempts of one call: waits between them with full jitter, and gives up when the time or the attempts are used."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._ends = pacing.timer() + pacing.budget_s
        self._made = 0
        self.answer_lost = False

    def again(self, *, in_progress: bool = False) -> None:
        self._made += 1
        if in_progress:
            wait = _WAIT_IN_PROGRESS_S * (1.0 + self._pacing.jitter())
        else:
            wait = min(_WAIT_MAX_S, _WAIT_BASE_S * 2.0 ** min(self._made, 8)) * self._pacing.jitter()
        if self._made >= self._pacing.attempts_max or self._pacing.timer() + wait >= self._ends:
            raise OutcomeUnknown(possibly_written=self.answer_lost)
        self._pacing.sleep(wait)


class Book:
    """The ledger as the rooms use it."""

    def __init__(self, store: LedgerStore, clock: Clock, pacing: Pacing | None = None) -> None:
        self._store = store
        self._clock = clock
        self._pacing = pacing or Pacing()

    def wallet(self, player_id: str) -> Wallet | None:
        """Return a player's wallet as it stands. Raise OutcomeUnknown when the table does not answer in time."""
        return self._reading(lambda: self._store.wallet(player_id))

    def find(self, reference: Reference) -> Record | Tombstone | None:
        """Return what stands under a movement's name. Raise OutcomeUnknown when the table does not answer in time."""
        return self._reading(lambda: self._store.entry(reference))

    def is_taken_back(self, reference: Reference) -> bool:
        """Tell whether a record has been taken back or resolved. Raise OutcomeUnknown when the table does not answer in time."""
        return bool(self._reading(lambda: self._store.resolutions((reference,))))

    def within(self, budget_s: float) -> "Book":
        """Return the same ledger with at most so many seconds for a call."""
        return Book(self._store, self._clock, replace(self._pacing, budget_s=min(budget_s, self._pacing.budget_s)))

    def post(self, movement: Movement | Draft, companions: Sequence[Companion] = ()) -> Posted | Refused:
        """Post one movement, and the companions of other rooms with it, once for ever. Raise OutcomeUnknown."""
        return self._until_certain(lambda: self._try(movement, companions))

    def post_batch(
        self,
        movements: Sequence[Movement],
        tolerate: frozenset[Reason] = frozenset(),
        companions: Sequence[Companion] = (),
    ) -> BatchPosted | Refused:
        """Post movements of one player in order, all or none. Repeats among them keep their first outcome.

        The first refusal refuses the batch, except where `tolerate` names its reason. The companions of other rooms are written
        with the batch: not where it is refused, nor where all of it stood before (`BatchPosted.replayed`). Raise OutcomeUnknown.
        """
        if not 1 <= len(movements) <= BATCH_MAX:
            return Refused(Reason.BATCH_TOO_LARGE)
        if any(movement.player_id != movements[0].player_id for movement in movements):
            return Refused(Reason.REFERENCE_MISMATCH)
        return self._until_certain(lambda: self._try_batch(movements, tolerate, companions))

    def _reading(self, read: Callable[[], T]) -> T:
        tries = _Tries(self._pacing)
        while True:
            try:
                return read()
            except StoreBusy:
                tries.again()

    def _until_certain(self, attempt: Callable[[], T]) -> T:
        tries = _Tries(self._pacing)
        while True:
            in_progress = False
            try:
                return attempt()
            except _MovedOn:
                pass
            except StoreBusy as busy:
                in_progress = busy.in_progress
                tries.answer_lost |= in_progress
            except AnswerLost:
                tries.answer_lost = True
            tries.again(in_progress=in_progress)

    def _try(self, movement: Movement | Draft, companions: Sequence[Companion]) -> Posted | Refused:
        """Make one attempt."""
        snapshot = self._store.snapshot(movement.player_id, (movement,))
        wallet = snapshot.wallet
        if isinstance(movement, Draft):
            if wallet is None:
                return Refused(Reason.UNKNOWN_PLAYER)
            movement = movement.complete(wallet, snapshot.facts)
        decision = decide(wallet, snapshot.facts, movement, self._clock())
        if isinstance(decision, Refusal):
            entry = self._store.entry(movement.reference)
            return _repeated(movement, entry, wallet) if entry else Refused(decision.reason, balances=_balances(wallet))
        refused = decision.record.outcome is Outcome.REFUSED
        answer = self._store.commit(wallet.version if wallet else 0, (decision,), () if refused else companions)
        match answer:
            case Committed():
                return _outcome(decision.record, decision.record.after, replayed=False)
            case Existing(entry):
                return _repeated(movement, entry, wallet)
            case CompanionRefused():
                return Refused(Reason.COMPANION_CONFLICT, balances=_balances(wallet))
            case Stale():
                raise _MovedOn

    def _try_batch(
        self, movements: Sequence[Movement], tolerate: frozenset[Reason], companions: Sequence[Companion]
    ) -> BatchPosted | Refused:
        snapshot = self._store.snapshot(movements[0].player_id, movements, own=True)
        if snapshot.wallet is None:
            return Refused(Reason.UNKNOWN_PLAYER)
        batch = _Batch(snapshot, self._clock(), tolerate)
        for index, movement in enumerate(movements):
            if refused := batch.add(index, movement):
                return self._refuse_batch(snapshot.wallet, movements, batch, refused)
        if batch.decisions:
            answer = self._store.commit(snapshot.wallet.version, batch.decisions, companions)
            if isinstance(answer, CompanionRefused):
                return Refused(Reason.COMPANION_CONFLICT, balances=_balances(snapshot.wallet))
            if not isinstance(answer, Committed):
                raise _MovedOn
        return BatchPosted(tuple(batch.results), _newest(batch.wallet, None))

    def _refuse_batch(self, wallet: Wallet, movements: Sequence[Movement], batch: "_Batch", refused: Refused) -> Refused:
        """Write down the refusals that depend on the moment, alone: nothing else of the batch may persist.

        The tolerated ones too: what refuses the batch may rest on them, and a repeat must not find another moment.
        """
        kept = {record.reference: (record.reason, record.limit) for record in batch.records if record.reason}
        recorded = refused.reason.recorded and not refused.replayed
        if recorded:
            kept[movements[refused.index].reference] = refused.reason, refused.limit
        decisions: list[Decision] = []
        after = wallet
        for movement in movements:
            if why := kept.pop(movement.reference, None):
                decisions.append(refuse(after, movement, why[0], self._clock(), why[1]))
                after = decisions[-1].wallet
        if decisions and self._store.commit(wallet.version, decisions) != Committed():
            raise _MovedOn
        # the batch may have come further, and none of that stands
        return replace(refused, record=decisions[-1].record if recorded else refused.record, balances=_balances(after))


class _Batch:
    """A batch as it is decided, movement by movement, each on the wallet that the one before leaves."""

    def __init__(self, snapshot: Snapshot, now_ms: int, tolerate: frozenset[Reason]) -> None:
        assert snapshot.wallet is not None  # noqa: S101 - the caller has looked
        self.wallet = snapshot.wallet
        self.decisions: list[Decision] = []
        self.results: list[Posted | Refused] = []
        self._entries = dict(snapshot.facts.entries)
        self._resolutions = dict(snapshot.facts.resolutions)
        self._now_ms = now_ms
        self._tolerate = tolerate

    @property
    def records(self) -> list[Record]:
        """The records of what has been decided."""
        return [decision.record for decision in self.decisions]

    def add(self, index: int, movement: Movement) -> Refused | None:
        """Decide the next movement; return the refusal that ends the batch, if it does."""
        entry = self._entries.get(movement.reference)
        result = _repeated(movement, entry, self.wallet) if entry else self._decide(movement)
        if isinstance(result, Refused) and result.reason not in self._tolerate:
            return replace(result, index=index)
        self.results.append(result)
        return None

    def _decide(self, movement: Movement) -> Posted | Refused:
        decision = decide(self.wallet, Facts(self._entries, self._resolutions), movement, self._now_ms)
        if isinstance(decision, Refusal):
            return Refused(decision.reason, balances=_balances(self.wallet))
        reason = decision.record.reason
        if reason is not None and reason not in self._tolerate:
            return Refused(reason, balances=_balances(self.wallet), limit=decision.record.limit)
        self.decisions.append(decision)
        self.wallet = decision.wallet
        self._entries[movement.reference] = decision.record
        if decision.tombstone:
            self._entries[decision.tombstone.reference] = decision.tombstone
        if decision.resolution:
            self._resolutions[decision.resolution.of] = decision.resolution
        return _outcome(decision.record, decision.record.after, replayed=False)


def _outcome(record: Record, balances: Balances | None, *, replayed: bool) -> Posted | Refused:
    if record.reason is not None:
        return Refused(record.reason, replayed, balances, record, limit=record.limit)
    return Posted(record, balances or record.after, replayed)


def _repeated(movement: Movement, entry: Record | Tombstone, wallet: Wallet | None) -> Posted | Refused:
    """Answer a movement whose name is taken: its first outcome again, or a refusal when the name means something else."""
    if isinstance(entry, Tombstone):
        mine = entry.player_id == movement.player_id
        return Refused(Reason.ROLLED_BACK if mine else Reason.DUPLICATE_TRANSACTION, replayed=True, balances=_balances(wallet))
    if entry.fingerprint != movement.fingerprint:
        return Refused(Reason.DUPLICATE_TRANSACTION, balances=_balances(wallet))
    return _outcome(entry, _newest(wallet, entry), replayed=True)


def _newest(wallet: Wallet | None, record: Record | None) -> Balances:
    """Return the later of two known states: the wallet may have been read before the record was written by a twin of this call."""
    found = _balances(wallet)
    if record is not None and (found is None or record.version > found.version):
        return record.after
    assert found is not None  # noqa: S101 - one of the two is always given
    return found


def _balances(wallet: Wallet | None) -> Balances | None:
    if wallet is None:
        return None
    return Balances(wallet.currency, wallet.cash, wallet.bonus, wallet.held, wallet.version)
