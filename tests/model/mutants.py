"""The rules or the conduct with one thing in it wrong, each in turn: what the model must not let pass.

Each is described by what it does, and by a part of the name of the rule that it must be seen to break.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from countroom.cashier.payouts.port import NotFound, Taken, Unclear
from countroom.cashier.withdrawals import life
from countroom.cashier.withdrawals.course import Next, stands
from countroom.cashier.withdrawals.life import (
    Approve,
    Cancel,
    Decided,
    Declined,
    Flag,
    Happening,
    Said,
    Step,
    Submit,
    decide,
)
from countroom.cashier.withdrawals.steps import Steps
from countroom.cashier.withdrawals.withdrawal import (
    RELEASED,
    WITH_GATEWAY,
    Actor,
    Attention,
    Booking,
    Change,
    Withdrawal,
    WithdrawalStatus,
    Word,
    record_id,
)
from tests.model.bounds import Bounds
from tests.model.rules import Rules

_S = WithdrawalStatus
Decide = Callable[[Withdrawal, Happening, int], Decided]

PLAIN: Final = Bounds(workers=1, starts=1, kills=0, in_flight=0, contradictions=0, unflags=0, other_figures=False)


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, the least trouble that shows it, and what is said then."""

    rules: Rules
    breaks: str
    bounds: Bounds = PLAIN


def _to(before: Withdrawal, status: WithdrawalStatus, booking: Booking | None = None, moves: int = 0) -> Step:
    """Take a step that no rule takes."""
    record = record_id(before.withdrawal_id, booking) if booking else ""
    change = Change(0, status, "mutant", Actor.HOUSE, record)
    after = replace(before, status=status, changes=(*before.changes, change), version=before.version + 1)
    return Step(after, booking, moves)


def _with(mutation: Callable[[Withdrawal, Happening], Decided | bool]) -> Rules:
    """The real rules, except where the mutation says something: a step, or True for nothing at all."""

    def decided(before: Withdrawal, happening: Happening, now_ms: int) -> Decided:
        found = mutation(before, happening)
        if found is True:
            return None
        return decide(before, happening, now_ms) if found is False else found

    return Rules(decide=decided)


def _is(happening: Happening, word: Word) -> bool:
    return isinstance(happening, Said) and happening.word is word


def _cancels_late(before: Withdrawal, happening: Happening) -> Decided | bool:
    late = isinstance(happening, Cancel) and before.status is _S.SUBMITTING
    return _to(before, _S.CANCELLED, Booking.RELEASE, before.amount) if late else False


def _refuses_late(before: Withdrawal, happening: Happening) -> Decided | bool:
    late = isinstance(happening, life.Refuse) and before.status in WITH_GATEWAY
    return _to(before, _S.REFUSED, Booking.RELEASE, before.amount) if late else False


def _releases_what_is_paid(before: Withdrawal, happening: Happening) -> Decided | bool:
    paid = _is(happening, Word.FAILED) and before.status is _S.PAID
    return _to(before, _S.FAILED, Booking.RELEASE, before.amount) if paid else False


def _returns_twice(before: Withdrawal, happening: Happening) -> Decided | bool:
    again = _is(happening, Word.RETURNED) and before.status is _S.RETURNED
    return _to(before, _S.RETURNED, Booking.RETURN, before.paid) if again else False


def _declined_is_final(before: Withdrawal, happening: Happening) -> Decided | bool:
    declined = isinstance(happening, Declined) and before.status is _S.SUBMITTING
    return _to(before, _S.FAILED, Booking.RELEASE, before.amount) if declined else False


def _late_payment_is_left(before: Withdrawal, happening: Happening) -> Decided | bool:
    return _is(happening, Word.PAID) and before.status in RELEASED


def _late_payment_is_hushed(before: Withdrawal, happening: Happening) -> Decided | bool:
    late = _is(happening, Word.PAID) and before.status in RELEASED
    step = decide(before, happening, 0) if late else None
    return replace(step, withdrawal=replace(step.withdrawal, attention=None)) if isinstance(step, Step) else False


def _releases_when_asked_enough(before: Withdrawal, happening: Happening) -> Decided | bool:
    gives_up = isinstance(happening, Flag) and before.status in WITH_GATEWAY
    return _to(before, _S.FAILED, Booking.RELEASE, before.amount) if gives_up else False


def _forgets_tries(before: Withdrawal, happening: Happening) -> Decided | bool:
    step = decide(before, happening, 0) if isinstance(happening, Submit) else None
    return replace(step, withdrawal=replace(step.withdrawal, tries=1)) if isinstance(step, Step) else False


def _one_may_approve_twice(before: Withdrawal, happening: Happening) -> Decided | bool:
    again = isinstance(happening, Approve) and before.status is _S.AWAITING_APPROVAL and happening.actor in before.approvers
    step = decide(replace(before, approvers=("another",)), happening, 0) if again else None
    if not isinstance(step, Step):
        return False
    return replace(step, withdrawal=replace(step.withdrawal, approvers=(*before.approvers, *before.approvers)))


def _other_amounts_are_ignored(before: Withdrawal, happening: Happening) -> Decided | bool:
    if isinstance(happening, Said) and happening.amount is not None and happening.currency == before.currency:
        return decide(before, replace(happening, amount=None), 0)
    return False


def _second_amount_is_left(before: Withdrawal, happening: Happening) -> Decided | bool:
    return _is(happening, Word.PAID) and before.status is _S.PAID


def _flags_push_each_other_out(before: Withdrawal, happening: Happening) -> Decided | bool:
    if isinstance(happening, Flag) and before.attention not in {None, happening.attention}:
        return decide(replace(before, attention=None), happening, 0)
    return False


def _an_end_cures_all(before: Withdrawal, happening: Happening) -> Decided | bool:
    ends = _is(happening, Word.FAILED) and before.status in WITH_GATEWAY
    return decide(replace(before, attention=None), happening, 0) if ends else False


def _return_in_two_is_hushed(before: Withdrawal, happening: Happening) -> Decided | bool:
    step = decide(before, happening, 0) if _is(happening, Word.RETURNED) else None
    if isinstance(step, Step) and step.withdrawal.attention is Attention.RETURN_UNBOOKED:
        return replace(step, withdrawal=replace(step.withdrawal, attention=None))
    return False


def _goes_back(before: Withdrawal, happening: Happening) -> Decided | bool:
    taken = _is(happening, Word.TAKEN) and before.status is _S.PAID
    return _to(before, _S.SUBMITTED) if taken else False


def _captures_too_soon(before: Withdrawal, happening: Happening) -> Decided | bool:
    return decide(before, Said(Word.PAID), 0) if _is(happening, Word.TAKEN) and before.status in WITH_GATEWAY else False


class _CallsFirst(Steps):
    """The payout is ordered, and only then is it written down that it may have been."""

    def _submit(self, withdrawal: Withdrawal) -> Next:
        if withdrawal.status is not _S.APPROVED:
            return Steps._submit(self, withdrawal)  # super() does not find its way in a class with slots
        ordered = self.payouts.submit(withdrawal)
        sending = self._happen(withdrawal, Submit())
        return stands(self._happen(sending, Said(Word.TAKEN))) if isinstance(ordered, Taken) else stands(sending)


class _TellsNobody(Steps):
    """When patience ends, the execution just waits."""

    def _to_people(self, withdrawal: Withdrawal, error: str) -> Next:  # noqa: ARG002 - as the method that it replaces
        return Next.AWAIT_PEOPLE if withdrawal.is_open else stands(withdrawal)


class _AsksForEver(Steps):
    """A status that ends nothing is not counted."""

    def _ask(self, withdrawal: Withdrawal, *, declined: bool = False) -> Next:  # noqa: ARG002 - as the method that it replaces
        if withdrawal.status not in WITH_GATEWAY:
            return stands(withdrawal)
        answer = self.payouts.status(withdrawal)
        if isinstance(answer, Said):
            return stands(self._happen(withdrawal, answer))
        return Next.AWAIT_WORD


def _unclear_is_failed(answer: Any) -> Any:
    return Said(Word.FAILED) if isinstance(answer, Unclear) else answer


def _unclear_is_declined(answer: Any) -> Any:
    return Declined() if isinstance(answer, Unclear) else answer


def _not_found_is_failed(answer: Any) -> Any:
    return Said(Word.FAILED) if isinstance(answer, NotFound) else answer


_BESIDE: Final = replace(PLAIN, workers=2, starts=2)
_DELAYED: Final = replace(PLAIN, in_flight=1)
_WRONG: Final = replace(PLAIN, contradictions=1)
_OTHERWISE: Final = replace(PLAIN, other_figures=True)
_MAY_PAY: Final = "released, and the gateway may still pay"
_UNSEEN: Final = "never comes to an end"

MUTANTS: Final[Mapping[str, Mutant]] = {
    "an unclear status releases": Mutant(Rules(hears=_unclear_is_failed), _MAY_PAY),
    "an unclear answer to the order is a refusal": Mutant(Rules(hears=_unclear_is_declined), _MAY_PAY),
    "not found is taken as failed": Mutant(Rules(hears=_not_found_is_failed), _MAY_PAY, _DELAYED),
    "the end of patience releases": Mutant(_with(_releases_when_asked_enough), _MAY_PAY),
    "submitting is written after the call": Mutant(Rules(steps=_CallsFirst), "the payout is or may be with the gateway"),
    "a try has a key of its own": Mutant(Rules(one_key=False), "a second payout", _DELAYED),
    "a refusal after an unclear try is final": Mutant(_with(_declined_is_final), _MAY_PAY, _DELAYED),
    "a refusal beside another try is final": Mutant(_with(_forgets_tries), _MAY_PAY, _BESIDE),
    "failed after paid releases": Mutant(_with(_releases_what_is_paid), "the ledger refuses", _WRONG),
    "a second return credits again": Mutant(_with(_returns_twice), "posted twice"),
    "cancelled while it is sent": Mutant(_with(_cancels_late), "no such transition"),
    "refused while it is with the gateway": Mutant(_with(_refuses_late), "no such transition"),
    "a late payment is left aside": Mutant(_with(_late_payment_is_left), "is booked", _WRONG),
    "a late payment is booked and nobody told": Mutant(_with(_late_payment_is_hushed), "a late payment without a flag", _WRONG),
    "one member of staff approves twice": Mutant(_with(_one_may_approve_twice), "approved by fewer than it needs"),
    "another amount is booked as if it were the same": Mutant(_with(_other_amounts_are_ignored), "is booked", _OTHERWISE),
    "another amount said later is left aside": Mutant(_with(_second_amount_is_left), "is booked", _OTHERWISE),
    "a passing flag hides a lasting one": Mutant(
        _with(_flags_push_each_other_out), "in another currency", replace(_OTHERWISE, contradictions=1)
    ),
    "an end forgets what was flagged": Mutant(_with(_an_end_cures_all), "a flag vanished", replace(_OTHERWISE, contradictions=1)),
    "a return between its two steps is not seen": Mutant(
        _with(_return_in_two_is_hushed), "though it came back, and nobody is told"
    ),
    "paid goes back to submitted": Mutant(_with(_goes_back), "no such transition"),
    "taken is booked as paid": Mutant(_with(_captures_too_soon), "the gateway has paid nothing"),
    "a write does not depend on the version read": Mutant(Rules(on_the_version_read=False), "", _BESIDE),
    "the end of patience tells nobody": Mutant(Rules(steps=_TellsNobody), _UNSEEN),
    "asks are not counted": Mutant(Rules(steps=_AsksForEver), _UNSEEN),
    "nobody sweeps": Mutant(Rules(sweeper=False), _UNSEEN, replace(PLAIN, kills=1)),
}
