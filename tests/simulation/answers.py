"""I4: every answer given agrees with the records, when it is given and for ever after."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from countroom.ledger import items
from countroom.ledger.book import BatchPosted, OutcomeUnknown, Posted, Refused
from countroom.ledger.findings import Finding
from countroom.ledger.history import Entry
from countroom.ledger.movements import Movement, Reason
from countroom.ledger.records import Balances, Outcome, Record, Tombstone
from countroom.ledger.wallet import Wallet
from tests.simulation.oracle import WRITTEN_DOWN
from tests.simulation.rooms import LEDGER
from tests.simulation.witness import Author, Witness, fail, require

_MAY_CHANGE: Final = frozenset({Reason.UNKNOWN_PLAYER, Reason.REFERENCE_UNKNOWN, Reason.COMPANION_CONFLICT})


class Judge:
    """Holds what callers were told against what stands."""

    def __init__(self, witness: Witness, tables: Mapping[str, Any]) -> None:
        self._witness = witness
        self._items = tables[LEDGER].items
        self._refusing: dict[object, int] = {}

    def answered(self, author: Author, answer: Any) -> None:
        """Check the answer to a request that moves money."""
        self._witness.checks += 1
        if isinstance(answer, BatchPosted):
            require(len(answer.results) == len(author.movements), "a batch answers for each of its movements")
            index = self._refusing.get((tuple(author.movements), author.tolerate))
            broken = index is not None and isinstance(answer.results[index], Posted)
            require(not broken, "a batch was posted after it had been refused for good", author.movements)
            for movement, result in zip(author.movements, answer.results, strict=True):
                self._one(author, movement, result)
            self._stood(answer.balances, author)
        elif author.batch:
            self._batch_refused(author, answer)
        else:
            self._one(author, author.movements[0], answer)

    def unknown(self, author: Author, outcome: OutcomeUnknown) -> None:
        """*Unknown* never lies: when it says that nothing was written, nothing was, nor will be."""
        self._witness.checks += 1
        if not outcome.possibly_written:
            require(not author.written, "a write had landed although the caller was told that nothing was written", author.written)
            author.said_unwritten = True

    def read_wallet(self, player_id: str, started: int, answer: Wallet | None) -> None:
        """A wallet as it stood at some instant of the call."""
        self._witness.checks += 1
        history = self._witness.history.get(player_id, [])
        at_start = [wallet for commit, wallet in history if commit <= started]
        if answer is None:
            require(not at_start, "a wallet that stands was not found", player_id)
            return
        require(answer in [wallet for _, wallet in history], "a wallet was read that never was", player_id)
        require(not at_start or answer.version >= at_start[-1].version, "a wallet was read as it had been before", player_id)

    def read_entry(self, name: str, started: int, answer: Record | Tombstone | None) -> None:
        """A record as it stands, or none because none stood when the call began."""
        self._witness.checks += 1
        born = self._witness.born.get(name)
        if answer is None:
            require(born is None or born.commit > started, "a record that stands was not found", name)
        else:
            require(born is not None and born.entry == answer, "a record was read that never was", name)

    def read_history(self, player_id: str, started: int, answer: Sequence[Entry] | None) -> None:
        """A whole history: the newest first, none left out, nothing older than what stood when the call began."""
        self._witness.checks += 1
        history = self._witness.history.get(player_id, [])
        newest = max((wallet.version for commit, wallet in history if commit <= started), default=0)
        if answer is None:
            require(not newest, "a wallet that stands was not found", player_id)
            return
        versions = [entry.record.version for entry in answer]
        whole = versions == list(range(len(versions), 0, -1)) and len(versions) >= newest
        require(whole, "a history is not whole", f"{player_id}: {versions}, and {newest} stood")
        for entry in answer:
            name = entry.record.reference.text
            born = self._witness.born.get(name)
            require(born is not None and born.entry == entry.record, "a record was read that never was", name)
            marker = self._witness.markers.get(name)
            require(entry.resolution is None or entry.resolution == marker, "a marker was read that never was", name)
            shown = marker is None or entry.resolution is not None or self._witness.born[marker.by.text].commit > started
            require(shown, "a history does not show what has been taken back", name)

    def read_audit(self, mismatches: Sequence[Finding]) -> None:
        """An audit of books that are right finds nothing, even while they move."""
        self._witness.checks += 1
        require(not mismatches, "the audit finds what is not so", mismatches[:1])

    def _one(self, author: Author, movement: Movement, answer: Any) -> None:
        name = movement.reference.text
        if isinstance(answer, Posted):
            self._posted(author, movement, answer)
        elif isinstance(answer, Refused):
            self._refused(author, movement, answer)
        else:
            fail("an answer of no known kind", f"{name}: {answer!r}")

    def _posted(self, author: Author, movement: Movement, answer: Posted) -> None:
        name = movement.reference.text
        stands = self._items.get((items.record_key(movement.reference)[items.KEY]["S"],))
        require(stands is not None, "the answer was ok, and there is no record", name)
        require(stands == items.record_item(answer.record), "the answer was ok, and the record says something else", name)
        require(answer.record.outcome is not Outcome.REFUSED, "the answer was ok to a refused movement", name)
        require(answer.record.fingerprint == movement.fingerprint, "the answer was ok to another movement of that name", name)
        require(answer.replayed or name in author.written, "an old record was given out as new", name)
        require(answer.balances.version >= answer.record.version, "the balances are older than the record", name)
        self._stood(answer.balances, author)

    def _refused(self, author: Author, movement: Movement, answer: Refused, *, lasting: bool = True) -> None:
        """`lasting`: it holds for the movement alone, too. What refuses a batch may lie in a part of it that does not stand."""
        name, reason = movement.reference.text, answer.reason
        born = self._witness.born.get(name)
        entry = born.entry if born else None
        same = isinstance(entry, Record) and entry.fingerprint == movement.fingerprint
        self._stood(answer.balances, author)
        if reason in WRITTEN_DOWN:
            kept = isinstance(entry, Record) and same and entry.outcome is Outcome.REFUSED and entry.reason is reason
            require(kept, "a refusal of the moment was not written down", f"{name} {reason}")
            require(answer.record == entry, "the refusal's record is not the one that stands", name)
            return
        if reason is Reason.DUPLICATE_TRANSACTION:
            foreign = isinstance(entry, Tombstone) and entry.player_id != movement.player_id
            require(foreign or (isinstance(entry, Record) and not same), "called a duplicate, and it is none", name)
        if reason is Reason.ROLLED_BACK:
            self._rolled_back(movement, entry)
        if reason in _MAY_CHANGE:
            stood = born is not None and same and (born.commit <= author.started or born.author is author)
            require(not stood, "the answer was no, and the record stands", f"{name} {reason}")
            self._really(author, movement, reason)
            return
        require(not same, "the answer was no, and the record stands", f"{name} {reason}")
        if lasting:
            self._witness.never[name, movement.fingerprint] = f"{name} {reason}"

    def _rolled_back(self, movement: Movement, entry: Record | Tombstone | None) -> None:
        """A tombstone of the player's own stands here, or what the movement belongs to has been taken back."""
        about = movement.related.text if movement.related else ""
        target = self._witness.born.get(about)
        gone = about in self._witness.markers or (target is not None and isinstance(target.entry, Tombstone))
        mine = isinstance(entry, Tombstone) and entry.player_id == movement.player_id
        require(mine or gone, "called rolled back, and it is not", movement.reference.text)

    def _really(self, author: Author, movement: Movement, reason: Reason) -> None:
        """What was said to be unknown was so when the call began."""
        if reason is Reason.UNKNOWN_PLAYER:
            history = self._witness.history.get(movement.player_id)
            require(not history or history[0][0] > author.started, "a player who exists was not found", movement.player_id)
        if reason is Reason.REFERENCE_UNKNOWN and movement.related:
            born = self._witness.born.get(movement.related.text)
            known = born is None or born.commit > author.started or born.author is author
            require(known or author.batch, "a record that stands was not found", movement.related.text)

    def _batch_refused(self, author: Author, answer: Any) -> None:
        """All or none: of a refused batch stands nothing but the refusal that was written down."""
        require(isinstance(answer, Refused), "an answer of no known kind", repr(answer))
        if answer.reason is Reason.BATCH_TOO_LARGE or not author.movements:
            return
        self._refused(author, author.movements[answer.index], answer, lasting=False)
        if answer.reason not in _MAY_CHANGE:
            self._refusing[tuple(author.movements), author.tolerate] = answer.index
        written = [name for name in author.written if not self._is_refusal(name)]
        require(not written, "part of a refused batch was written", written)

    def _is_refusal(self, name: str) -> bool:
        entry = self._witness.born[name].entry
        return isinstance(entry, Record) and entry.outcome is Outcome.REFUSED

    def _stood(self, balances: Balances | None, author: Author) -> None:
        """Balances that were told stood at that version."""
        if balances is not None:
            stood = self._witness.balances.get((author.movements[0].player_id, balances.version))
            require(stood == balances, "balances were told that never stood", f"{balances}, and there stood {stood}")
