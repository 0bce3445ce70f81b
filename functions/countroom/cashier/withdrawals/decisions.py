"""What staff may do with withdrawals: see what waits for them, approve, refuse, hand on, and end what only people can.

Nobody decides about his own money: a member of staff may be a player too, and is known by the e-mail address that he acts under.
Nobody approves twice, and what happens to a withdrawal at the same moment from elsewhere is settled by the withdrawal's own item.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from countroom.cashier.withdrawals.apply import NotAllowed, Withdrawals
from countroom.cashier.withdrawals.life import Approve, Flag, Happening, RefusalReason, Refuse, Said, Unflag
from countroom.cashier.withdrawals.lists import WithdrawalLists
from countroom.cashier.withdrawals.screener import Screener
from countroom.cashier.withdrawals.withdrawal import (
    WITH_GATEWAY,
    Actor,
    Attention,
    Withdrawal,
    WithdrawalStatus,
    Word,
)

QUEUE_MAX: Final = 100
LOOK_MAX: Final = 1_000
"""How many of one status are looked at, the longest unchanged first."""


class RefuseReason(StrEnum):
    """Why staff refuse; the player is told, in words."""

    NOT_VERIFIED = "not_verified"
    DOCUMENTS_NEEDED = "documents_needed"
    METHOD_NOT_YOURS = "method_not_yours"
    PLAY_FIRST = "play_first"
    ASKED_BY_PLAYER = "asked_by_player"
    OTHER = "other"


class Outcome(StrEnum):
    """What people have heard from the gateway in another way."""

    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class By:
    """Who of the staff it is, and what he wrote."""

    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for people, the longest waiting first; `complete`: nothing was left out."""

    withdrawals: tuple[Withdrawal, ...]
    complete: bool


class Barred(Exception):
    """The player may not withdraw at all by now; `code` is the rule's. Nothing was changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_WORDS: Final = {Outcome.PAID: Word.PAID, Outcome.FAILED: Word.FAILED, Outcome.RETURNED: Word.RETURNED}


class Decisions:
    """Carries out what staff decide. `player_of` finds the player that a member of staff is, by his name; None where he is none.

    What changes a withdrawal raises NoSuchWithdrawal, NotAllowed, StoreUnavailable, OutcomeUnknown, and what `player_of` raises.
    """

    def __init__(
        self,
        withdrawals: Withdrawals,
        lists: WithdrawalLists,
        screener: Screener,
        player_of: Callable[[str], str | None],
    ) -> None:
        self._withdrawals = withdrawals
        self._lists = lists
        self._screener = screener
        self._player_of = player_of

    def show(self, withdrawal_id: str) -> Withdrawal:
        """Return a withdrawal as it stands. Raises NoSuchWithdrawal and StoreUnavailable."""
        return self._withdrawals.find(withdrawal_id)

    def queue(self, limit: int = QUEUE_MAX) -> Queue:
        """Return what waits for approval, and whatever people must look at, wherever it stands. Raises StoreUnavailable."""
        if not 1 <= limit <= QUEUE_MAX:
            raise ValueError(f"limit must be 1 to {QUEUE_MAX}")
        found: list[Withdrawal] = []
        complete = True
        for status in WithdrawalStatus:
            flagged = status is not WithdrawalStatus.AWAITING_APPROVAL
            seen = list(islice(self._lists.open_ones(status, flagged=flagged), LOOK_MAX + 1))
            complete &= len(seen) <= LOOK_MAX
            found += seen
        found.sort(key=lambda one: (one.since_ms, one.withdrawal_id))
        return Queue(tuple(found[:limit]), complete and len(found) <= limit)

    def approve(self, withdrawal_id: str, by: By) -> Withdrawal:
        """Approve a withdrawal that waits for it. Raises Barred as well, where its player may not withdraw any more."""
        withdrawal = self._not_his_own(withdrawal_id, by)
        if withdrawal.status is WithdrawalStatus.AWAITING_APPROVAL and (code := self._screener.barred(withdrawal)):
            raise Barred(code)
        return self._withdrawals.happen(withdrawal_id, Approve(by.actor, by.why))

    def refuse(self, withdrawal_id: str, by: By, reason: RefuseReason) -> Withdrawal:
        """Refuse a withdrawal of which nothing was sent yet, and give the money back.

        Not because its player asks for it where the API may not offer that: the telephone is no way around his country's rule.
        """
        withdrawal = self._not_his_own(withdrawal_id, by)
        if reason is RefuseReason.ASKED_BY_PLAYER and not self._screener.may_cancel(withdrawal):
            raise NotAllowed(RefusalReason.CANCEL_NOT_OFFERED, withdrawal)
        return self._withdrawals.happen(withdrawal_id, Refuse(reason.value, by.actor, by.why))

    def escalate(self, withdrawal_id: str, by: By) -> Withdrawal:
        """Hand a withdrawal on to those who know more. It stands where it stands, and in the queue until somebody has looked."""
        return self._decide(withdrawal_id, by, Flag(Attention.ESCALATED, Actor.STAFF, by.actor, by.why))

    def looked(self, withdrawal_id: str, by: By) -> Withdrawal:
        """Note that somebody has looked and nothing is left to do."""
        return self._decide(withdrawal_id, by, Unflag(by.actor, by.why))

    def resolve(self, withdrawal_id: str, by: By, outcome: Outcome, amount: int | None = None) -> Withdrawal:
        """Book what people have heard from the gateway: `amount` nanos where that is not the withdrawal's.

        Only of a withdrawal that is with the gateway may they say that it was paid or failed, only of a paid one that it came back.
        What had happened before, and is said again, changes nothing.
        """
        withdrawal = self._not_his_own(withdrawal_id, by)
        done = withdrawal.status.value == outcome.value
        due = {WithdrawalStatus.PAID} if outcome is Outcome.RETURNED else WITH_GATEWAY
        if not done and withdrawal.status not in due:
            raise NotAllowed(RefusalReason.WRONG_STAGE, withdrawal)
        said = Said(_WORDS[outcome], amount=amount, actor=Actor.STAFF, by=by.actor, why=by.why)
        return withdrawal if done else self._withdrawals.happen(withdrawal_id, said)

    def _decide(self, withdrawal_id: str, by: By, happening: Happening) -> Withdrawal:
        self._not_his_own(withdrawal_id, by)
        return self._withdrawals.happen(withdrawal_id, happening)

    def _not_his_own(self, withdrawal_id: str, by: By) -> Withdrawal:
        withdrawal = self._withdrawals.find(withdrawal_id)
        if by.actor.casefold() == withdrawal.player_id.casefold() or self._player_of(by.actor) == withdrawal.player_id:
            raise NotAllowed(RefusalReason.OWN_WITHDRAWAL, withdrawal)
        return withdrawal
