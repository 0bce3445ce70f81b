"""The posting loop with one thing in it wrong, each in turn: what the simulator must not let pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from countroom.ledger import book as book_module
from countroom.ledger.book import Book, Posted, Refused
from countroom.ledger.decide import Refusal, decide
from countroom.ledger.movements import Movement, Reason
from countroom.ledger.records import Tombstone
from countroom.ledger.store import AnswerLost, LedgerStore

Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]


def _refusals_forgotten(patch: Patch) -> None:
    def undecided(wallet: Any, facts: Any, movement: Movement, now_ms: int) -> Any:
        decision = decide(wallet, facts, movement, now_ms)
        reason = None if isinstance(decision, Refusal) else decision.record.reason
        return Refusal(reason) if reason else decision

    patch.setattr(book_module, "decide", undecided)


def _lost_is_refused(patch: Patch) -> None:
    original = Book._try

    def attempt(self: Book, movement: Movement, companions: Any) -> Any:
        try:
            return original(self, movement, companions)
        except AnswerLost:
            return Refused(Reason.COMPANION_CONFLICT)

    patch.setattr(Book, "_try", attempt)


def _any_record_will_do(patch: Patch) -> None:
    original = book_module._repeated

    def repeated(movement: Movement, entry: Any, wallet: Any) -> Posted | Refused:
        if isinstance(entry, Tombstone):
            return original(movement, entry, wallet)
        return book_module._outcome(entry, book_module._newest(wallet, entry), replayed=True)

    patch.setattr(book_module, "_repeated", repeated)


def _any_tombstone_will_do(patch: Patch) -> None:
    original = book_module._repeated

    def repeated(movement: Movement, entry: Any, wallet: Any) -> Posted | Refused:
        if isinstance(entry, Tombstone):
            entry = replace(entry, player_id=movement.player_id)
        return original(movement, entry, wallet)

    patch.setattr(book_module, "_repeated", repeated)


def _no_second_look(patch: Patch) -> None:
    original = Book._try

    def attempt(self: Book, movement: Movement, companions: Any) -> Any:
        store = self._store
        patched = _Blind(store)
        self._store = patched  # type: ignore[assignment] # a store that finds no records
        try:
            return original(self, movement, companions)
        finally:
            self._store = store

    patch.setattr(Book, "_try", attempt)


class _Blind:
    """A store that never finds a record by its name."""

    def __init__(self, store: LedgerStore) -> None:
        self.snapshot = store.snapshot
        self.commit: Callable[..., Any] = store.commit

    def entry(self, _reference: Any) -> None:
        return None


def _companions_with_refusals(patch: Patch) -> None:
    original = Book._try

    def attempt(self: Book, movement: Movement, companions: Any) -> Any:
        commit = self._store.commit

        class Eager(_Blind):
            entry = staticmethod(self._store.entry)  # type: ignore[assignment] # the real look-up

        eager = Eager(self._store)
        eager.commit = lambda decided_on, decisions, _companions=(): commit(decided_on, decisions, companions)
        store, self._store = self._store, eager  # type: ignore[assignment] # a store that sends them always
        try:
            return original(self, movement, companions)
        finally:
            self._store = store

    patch.setattr(Book, "_try", attempt)


def _part_of_a_batch(patch: Patch) -> None:
    original = Book._refuse_batch

    def refuse(self: Book, wallet: Any, movements: Sequence[Movement], batch: Any, refused: Refused) -> Refused:
        if refused.index and not refused.replayed:
            self.post(movements[0])
        return original(self, wallet, movements, batch, refused)

    patch.setattr(Book, "_refuse_batch", refuse)


def _tolerated_of_a_refused_batch_forgotten(patch: Patch) -> None:
    original = Book._refuse_batch

    def refuse(self: Book, wallet: Any, movements: Any, batch: Any, refused: Refused) -> Refused:
        batch.decisions.clear()
        return original(self, wallet, movements, batch, refused)

    patch.setattr(Book, "_refuse_batch", refuse)


def _always_unwritten(patch: Patch) -> None:
    original = book_module.OutcomeUnknown.__init__

    def init(self: Any, *, possibly_written: bool) -> None:
        original(self, possibly_written=possibly_written and False)

    patch.setattr(book_module.OutcomeUnknown, "__init__", init)


def _twin_wrote_nothing(patch: Patch) -> None:
    original = book_module._Tries.again

    def again(self: Any, *, in_progress: bool = False) -> None:
        self.answer_lost = self.answer_lost and not in_progress
        original(self, in_progress=in_progress)

    patch.setattr(book_module._Tries, "again", again)


def _tolerated_forgotten(patch: Patch) -> None:
    original = book_module._Batch._decide

    def undecided(self: Any, movement: Movement) -> Posted | Refused:
        wallet, known = self.wallet, len(self.decisions)
        result = original(self, movement)
        if isinstance(result, Refused) and len(self.decisions) > known:
            self.decisions.pop()
            self._entries.pop(movement.reference)
            self.wallet = wallet
        return result

    patch.setattr(book_module._Batch, "_decide", undecided)


def _balances_that_never_stood(patch: Patch) -> None:
    original = Book._refuse_batch

    def refuse(self: Book, wallet: Any, movements: Any, batch: Any, refused: Refused) -> Refused:
        return replace(original(self, wallet, movements, batch, refused), balances=refused.balances)

    patch.setattr(Book, "_refuse_batch", refuse)


POSTING: Final[Mapping[str, Mutation]] = {
    "companions go with a refusal": _companions_with_refusals,
    "a lost answer is a refusal": _lost_is_refused,
    "refusals of the moment are not recorded": _refusals_forgotten,
    "any record of that name will do": _any_record_will_do,
    "any tombstone of that name will do": _any_tombstone_will_do,
    "no second look before a refusal": _no_second_look,
    "part of a refused batch stands": _part_of_a_batch,
    "a twin in progress wrote nothing": _twin_wrote_nothing,
    "tolerated refusals are not recorded": _tolerated_forgotten,
    "tolerated refusals of a refused batch are not": _tolerated_of_a_refused_batch_forgotten,
    "balances of a refused batch are told": _balances_that_never_stood,
    "unknown always says that nothing was written": _always_unwritten,
}
"""What the posting loop must do."""
