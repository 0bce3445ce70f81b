"""The steps of the state machine: each reads the withdrawal, does one thing, and says what is to be done next.

A step may run twice, late, beside itself, or die at any line. That is harmless, because nothing is decided here: every change goes
through `happen`, which decides on the version that it writes. A payout is sent only after that it will be was written, always under
the withdrawal's own key, and what came of it is the gateway's word alone.

A step that waits leaves its task token with the withdrawal, on the version that it read. Who changes the withdrawal writes first
and reads the token afterwards. So either the change comes later, and finds the token, or it came before, and the token is refused:
then the step looks again and answers its own token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from countroom.cashier.payouts.port import NotFound, PayoutPort, Pending, Taken
from countroom.cashier.withdrawals.apply import NotAllowed
from countroom.cashier.withdrawals.course import Next, stands
from countroom.cashier.withdrawals.items import Kept
from countroom.cashier.withdrawals.life import CURED, Asked, Clearance, Declined, Flag, Happening, Refuse, Said, Screened, Submit
from countroom.cashier.withdrawals.withdrawal import WITH_GATEWAY, Actor, Attention, Withdrawal, WithdrawalStatus, Word

WAITS: Final = frozenset({Next.AWAIT_APPROVAL, Next.AWAIT_WORD, Next.AWAIT_PEOPLE})
"""The steps that come with a task token."""

LOOKS_MAX: Final = 5
"""How often a step that waits looks again because the withdrawal has just changed."""

TIMED_OUT: Final = "States.Timeout"
"""What Step Functions calls it when a state has waited for as long as it may."""

_SENT_FROM: Final = frozenset({WithdrawalStatus.APPROVED, WithdrawalStatus.SUBMITTING})


class UnknownWithdrawal(Exception):
    """The machine was started for a withdrawal that there is not."""


class StillChanging(Exception):
    """A withdrawal changed each time that it was looked at; the same step, repeated, is safe."""


class ReleaseFailed(Exception):
    """Money is to go back to its player, and could not be released; the same step, repeated, is safe."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the machine asks for. `token`: of a step that waits. `error`: what a state failed with, as Step Functions names it."""

    step: Next
    withdrawal_id: str
    token: str = ""
    error: str = ""


class Happenings(Protocol):
    """The one way to change a withdrawal."""

    def happen(self, withdrawal_id: str, happening: Happening) -> Withdrawal:
        """Let something happen; gives the withdrawal as this call left it. Raises NotAllowed where it does not happen."""
        ...


class Shelf(Protocol):
    """Where withdrawals lie, and tokens with them."""

    def look(self, withdrawal_id: str) -> Kept | None:
        """Find a withdrawal and the token that waits for it, strongly read."""
        ...

    def wait(self, withdrawal: Withdrawal, token: str) -> bool:
        """Leave a token with this version of a withdrawal; False when another one stands."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """All of them. `barred` says why a player may not withdraw by now, or ''. `answer` lets the execution under a token go on.

    `asks_max`: so many questions without an end, and people are asked for.
    """

    withdrawals: Happenings
    shelf: Shelf
    payouts: PayoutPort
    screen: Callable[[Withdrawal], Screened]
    barred: Callable[[Withdrawal], str]
    answer: Callable[[Withdrawal, str], object]
    asks_max: int

    def take(self, order: Order) -> Next:
        """Take one step.

        Raises UnknownWithdrawal, StillChanging, ReleaseFailed, and what `happen`, `screen` and `answer` raise.
        """
        if order.step in WAITS:
            return self._wait(order)
        withdrawal = self._look(order.withdrawal_id).withdrawal
        match order.step:
            case Next.SCREEN:
                return self._screen(withdrawal)
            case Next.SUBMIT:
                return self._submit(withdrawal)
            case Next.ASK_STATUS:
                return self._ask(withdrawal)
            case Next.TO_PEOPLE:
                return self._to_people(withdrawal, order.error)
        return stands(withdrawal)

    def _screen(self, withdrawal: Withdrawal) -> Next:
        if withdrawal.status is not WithdrawalStatus.REQUESTED:
            return stands(withdrawal)
        screened = self.screen(withdrawal)
        after = self._happen(withdrawal, screened, releases=screened.clearance is Clearance.REFUSE)
        return stands(after) if after.status is not WithdrawalStatus.REQUESTED else Next.TO_PEOPLE

    def _submit(self, withdrawal: Withdrawal) -> Next:
        if withdrawal.status in _SENT_FROM and (reason := self.barred(withdrawal)):
            # An approval may have taken days, and a gateway been down for as long: what forbids it is asked before every try.
            if withdrawal.status is WithdrawalStatus.SUBMITTING:
                return Next.TO_PEOPLE  # an earlier try may have got through, so it is not refused; but it is not sent again
            return stands(self._happen(withdrawal, Refuse(reason, actor=Actor.HOUSE), releases=True))
        sending = self._happen(withdrawal, Submit())
        if sending.status is not WithdrawalStatus.SUBMITTING:
            return stands(sending)
        match self.payouts.submit(sending):
            case Taken(payout_id):
                return stands(self._happen(sending, Said(Word.TAKEN, payout_id=payout_id)))
            case Declined() as declined:
                after = self._happen(sending, declined, releases=sending.tries == 1)
                # Of several tries another one may have got through: the status says, and where it knows of none, people decide.
                return self._ask(after, declined=True)
        return Next.AWAIT_WORD  # whether it got through is not clear: the gateway may say so by itself, and is asked later

    def _ask(self, withdrawal: Withdrawal, *, declined: bool = False) -> Next:
        if withdrawal.status not in WITH_GATEWAY:
            return stands(withdrawal)
        answer = self.payouts.status(withdrawal)
        if isinstance(answer, Pending) and withdrawal.status is WithdrawalStatus.SUBMITTING:
            answer = Said(Word.TAKEN, payout_id=answer.payout_id)
        if isinstance(answer, Said):
            withdrawal = self._happen(withdrawal, answer, releases=answer.word is Word.FAILED)
        if withdrawal.status in WITH_GATEWAY:
            withdrawal = self._happen(withdrawal, Asked())
        if withdrawal.status not in WITH_GATEWAY:
            return stands(withdrawal)
        unknown_there = isinstance(answer, NotFound) and withdrawal.status is WithdrawalStatus.SUBMITTING
        if withdrawal.asks >= self.asks_max or (unknown_there and declined):
            return Next.TO_PEOPLE
        return Next.SUBMIT if unknown_there else Next.AWAIT_WORD

    def _to_people(self, withdrawal: Withdrawal, error: str) -> Next:
        if not withdrawal.is_open:
            return stands(withdrawal)
        attention = _why(withdrawal, error)
        if _outranks(attention, withdrawal.attention):
            withdrawal = self._happen(withdrawal, Flag(attention))
        if not withdrawal.is_open:
            return stands(withdrawal)
        return Next.AWAIT_APPROVAL if attention is Attention.APPROVAL_OVERDUE else Next.AWAIT_PEOPLE

    def _wait(self, order: Order) -> Next:
        for _ in range(LOOKS_MAX):
            kept = self._look(order.withdrawal_id)
            if not _waits_for(order.step, kept.withdrawal):
                self.answer(kept.withdrawal, order.token)
                return stands(kept.withdrawal)
            left_before = kept.token == order.token and not kept.waits_in_vain
            if left_before or self.shelf.wait(kept.withdrawal, order.token):
                return order.step
        raise StillChanging("a withdrawal changed each time that it was looked at")

    def _happen(self, withdrawal: Withdrawal, happening: Happening, *, releases: bool = False) -> Withdrawal:
        try:
            return self.withdrawals.happen(withdrawal.withdrawal_id, happening)
        except NotAllowed as refused:
            return refused.withdrawal
        except Exception as error:
            if releases:
                raise ReleaseFailed("the money of a withdrawal could not be released") from error
            raise

    def _look(self, withdrawal_id: str) -> Kept:
        kept = self.shelf.look(withdrawal_id)
        if kept is None:
            raise UnknownWithdrawal("there is no such withdrawal")
        return kept


def _waits_for(step: Next, withdrawal: Withdrawal) -> bool:
    """Whether there is still something to wait for."""
    match step:
        case Next.AWAIT_APPROVAL:
            return withdrawal.status is WithdrawalStatus.AWAITING_APPROVAL
        case Next.AWAIT_WORD:
            return withdrawal.status in WITH_GATEWAY
        case _:
            return withdrawal.is_open and withdrawal.attention is not None


def _why(withdrawal: Withdrawal, error: str) -> Attention:
    """Say why people are asked for: patience is at an end, or a state has failed."""
    if error in {"", TIMED_OUT}:
        if withdrawal.status is WithdrawalStatus.AWAITING_APPROVAL:
            return Attention.APPROVAL_OVERDUE
        if withdrawal.status in WITH_GATEWAY:
            return Attention.OUTCOME_UNKNOWN
    return Attention.STEP_FAILED


def _outranks(attention: Attention, noted: Attention | None) -> bool:
    """Whether it says more than what is noted: what somebody has to look at whatever comes, or has taken on, stands."""
    if noted is Attention.ESCALATED:
        return attention is not Attention.APPROVAL_OVERDUE
    return noted is None or noted in CURED
