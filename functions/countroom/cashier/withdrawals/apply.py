"""What happens to a withdrawal, made to stick: read, decide, write and post in one transaction, again when others were faster.

Everybody who wants something of a withdrawal comes through here: its player, staff, the steps of its state machine, the gateway's
word. What it means is for `life`; here it is written, with the money that it moves and the player's counters, all or nothing, on
the versions that were read. A repeat, a twin at the same moment or a lost answer finds what stands and adds nothing to it.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.items import Kept
from countroom.cashier.withdrawals.life import (
    Asked,
    Declined,
    Happening,
    RefusalReason,
    Refused,
    Said,
    Screened,
    Step,
    Submit,
    decide,
)
from countroom.cashier.withdrawals.store import Part, WithdrawalStore
from countroom.cashier.withdrawals.tally import with_step
from countroom.cashier.withdrawals.withdrawal import Withdrawal, is_withdrawal_id
from countroom.clock import Clock
from countroom.ledger.book import BatchPosted, Book, Posted
from countroom.ledger.book import Refused as LedgerRefusal
from countroom.ledger.movements import Movement, Reason

ATTEMPTS_MAX: Final = 12
"""How often one call looks again while others change the same withdrawal, or others of its player: a handful do, ever."""

_WAIT_S: Final = 0.01
_WAIT_MAX_S: Final = 0.1
_OWN_STEPS: Final = (Screened, Submit, Asked, Declined)
"""What only a running step of the state machine says: nothing that waits needs to hear of it."""

Wake = Callable[[Withdrawal, str], None]
"""Told of a withdrawal that has changed, and of the token of the step that waits for that. A token may be out of date."""


class NoSuchWithdrawal(LookupError):
    """There is no withdrawal of this id."""


class NotAllowed(Exception):
    """What was asked for does not happen, for a reason of `life`; `withdrawal` is how it stands. Nothing was changed."""

    def __init__(self, reason: RefusalReason, withdrawal: Withdrawal) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.withdrawal = withdrawal


class LedgerRefused(Exception):
    """The ledger holds something else than the withdrawal says, as after a restore of one of the tables: for people."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Withdrawals:
    """The withdrawals, as all who want something of them use them."""

    def __init__(
        self,
        store: WithdrawalStore,
        book: Book,
        clock: Clock,
        wake: Wake,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._wake = wake
        self._sleep = sleep

    def find(self, withdrawal_id: str) -> Withdrawal:
        """Return a withdrawal as it stands, read strongly. Raises NoSuchWithdrawal and StoreUnavailable."""
        return self._look(withdrawal_id).withdrawal

    def happen(self, withdrawal_id: str, happening: Happening) -> Withdrawal:
        """Let something happen to a withdrawal, once; return it as this call left it, or as it stood where nothing was left to do.

        Raises NoSuchWithdrawal, NotAllowed, LedgerRefused, StoreUnavailable and the ledger's OutcomeUnknown. After the last two it
        may have happened: the same again is safe.
        """
        kept = self._look(withdrawal_id)
        changed: Withdrawal | None = None
        for attempt in range(ATTEMPTS_MAX):
            before = kept.withdrawal
            decided = decide(before, happening, self._clock())
            if not isinstance(decided, Step):
                return self._nothing(kept, decided, changed)
            if self._commit_unless_overtaken(before, decided):
                changed = decided.withdrawal
                if isinstance(happening, _OWN_STEPS):
                    return changed
                kept = self._look(withdrawal_id)
            else:
                self._sleep(random.random() * min(_WAIT_MAX_S, _WAIT_S * 2**attempt))  # noqa: S311 - spreads retries, hides nothing
                kept = self._look(withdrawal_id)
                changed = decided.withdrawal if _has_landed(before, decided.withdrawal, kept.withdrawal) else changed
            if changed and not isinstance(happening, Said):
                self._rouse(kept)
                return changed
        raise StoreUnavailable("a withdrawal kept changing")

    def rouse(self, withdrawal: Withdrawal) -> None:
        """Wake the step that waits for a change which has been made. Raises NoSuchWithdrawal and StoreUnavailable."""
        self._rouse(self._look(withdrawal.withdrawal_id))

    def _nothing(self, kept: Kept, decided: Refused | None, changed: Withdrawal | None) -> Withdrawal:
        """End a call that finds nothing more to do. Whoever made the last change may have died before he woke what waits for it."""
        self._rouse(kept)
        if decided is not None and changed is None:
            raise NotAllowed(decided.reason, kept.withdrawal)
        return kept.withdrawal

    def _rouse(self, kept: Kept) -> None:
        if kept.waits_in_vain:
            self._wake(kept.withdrawal, kept.token)

    def _look(self, withdrawal_id: str) -> Kept:
        kept = self._store.look(withdrawal_id) if is_withdrawal_id(withdrawal_id) else None
        if kept is None:
            raise NoSuchWithdrawal(withdrawal_id[:64])
        return kept

    def _commit_unless_overtaken(self, before: Withdrawal, step: Step) -> bool:
        """Write a step; False also when the ledger refuses it because a twin has moved the money since the withdrawal was read."""
        try:
            return self._commit(before, step)
        except LedgerRefused:
            if self._look(before.withdrawal_id).withdrawal.version == before.version:
                raise
            return False

    def _commit(self, before: Withdrawal, step: Step) -> bool:
        """Write a step with its money; False when something is no longer as it was read, or was written by a lost try of ours."""
        tally = self._store.tally(before.player_id)
        counted = with_step(tally, before, step)
        parts = self._store.change(before, step.withdrawal, counted if counted is not tally else None)
        movements = movements_of(before, step)
        if not movements:
            return self._store.save(parts)
        return self._post(movements, parts)

    def _post(self, movements: Sequence[Movement], parts: list[Part]) -> bool:
        alone = len(movements) == 1
        posted: Posted | BatchPosted | LedgerRefusal = (
            self._book.post(movements[0], companions=parts) if alone else self._book.post_batch(movements, companions=parts)
        )
        if isinstance(posted, LedgerRefusal):
            if posted.reason is Reason.COMPANION_CONFLICT:
                return False
            raise LedgerRefused(posted.reason)
        # Replayed: the money had moved before this call. Either a twin of it, or a try of it whose answer was lost, has written the
        # withdrawal too; or this table was restored to an earlier day than the ledger's, and the withdrawal catches up.
        return not posted.replayed or self._store.save(parts)


def _has_landed(before: Withdrawal, mine: Withdrawal, found: Withdrawal) -> bool:
    """Say whether a change that was said not to hold has been made all the same, by a try of which the answer was lost.

    What only counts leaves no line, so it is counted once more: the tries and questions are then too many, never too few.
    """
    made = len(mine.changes)
    if made == len(before.changes) or found.version < mine.version:
        return False
    return found.changes[:made] == mine.changes and found.approvers[: len(mine.approvers)] == mine.approvers
