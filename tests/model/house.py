"""What an execution of the state machine does: the product's own steps, stopped at each call that they make.

A step is run again from its start with the answers that it has had, up to the first call that has none yet: there, everybody else
may do anything before it is answered. It may be killed there as well; then the machine runs it again, brings it to people, or dies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, NoReturn

from countroom.cashier.payouts.port import NotFound, Ordered, Pending, Status, Taken, Unclear
from countroom.cashier.withdrawals.apply import NotAllowed
from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.items import Kept
from countroom.cashier.withdrawals.life import Clearance, Declined, Happening, RefusalReason, Said, Screened
from countroom.cashier.withdrawals.steps import Order
from countroom.cashier.withdrawals.withdrawal import Actor, Withdrawal, Word
from tests.model.books import AMOUNT, CURRENCY, OTHER_AMOUNT
from tests.model.bounds import PATIENCE
from tests.model.machine import BEGINS
from tests.model.outside import Outside, Payout
from tests.model.rules import Rules

NEVER: Final = -1


class Kind(Enum):
    """Whose move it is, which decides what may be counted on."""

    HOUSE = "house"  # it comes if the house is let go on
    ANSWER = "answer"  # likewise, and somebody else chooses this answer
    OTHER = "other"  # may never come


class Call(Enum):
    """A call that a step makes."""

    LOOK = "look"
    HAPPEN = "happen"
    SCREEN = "screen"
    BARRED = "barred"
    ORDER = "order"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Worker:
    """An execution: at which step (None: there is none), after which error, and what the step's calls were answered so far."""

    at: Next | None = None
    error: str = ""
    answers: tuple[Any, ...] = ()
    read: int = NEVER  # which withdrawal it has read last, where that matters


@dataclass(frozen=True, slots=True)
class Refusal:
    """That something did not happen, and how the withdrawal stands."""

    reason: RefusalReason
    withdrawal: Withdrawal


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a step has come to: the call that it makes, with what; or, without one, what it says is next."""

    call: Call | None
    asked: Any


IDLE: Final = Worker()
FIRST: Final = Worker(BEGINS)

SCREENED: Final = (
    Screened(Clearance.APPROVE),
    Screened(Clearance.REVIEW, approvals_needed=1),
    Screened(Clearance.REVIEW, approvals_needed=2),
    Screened(Clearance.REFUSE),
)
_STATUS: Final[dict[Payout, tuple[Status, ...]]] = {
    Payout.NONE: (NotFound(),),
    Payout.TAKEN: (Pending(),),
    Payout.FAILED: (Said(Word.FAILED),),
    Payout.PAID: (Said(Word.PAID), Said(Word.PAID, amount=AMOUNT, currency=CURRENCY)),
    Payout.PAID_LESS: (Said(Word.PAID), Said(Word.PAID, amount=OTHER_AMOUNT, currency=CURRENCY)),
    Payout.PAID_ABROAD: (Said(Word.PAID, amount=AMOUNT, currency="USD"),),
    Payout.RETURNED: (Said(Word.RETURNED),),
}
"""What the gateway may say when it is asked for the status, if it says anything."""


class _Stop(BaseException):
    """The step has come to a call that is not answered yet."""

    def __init__(self, call: Call, asked: Any) -> None:
        super().__init__(call.value)
        self.call = call
        self.asked = asked


class Replayed:
    """Everything that a step can call, answering what it was answered before."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self._answers = iter(answers)

    def _next(self, call: Call, asked: Any) -> Any:
        for answer in self._answers:
            if isinstance(answer, Refusal):
                raise NotAllowed(answer.reason, answer.withdrawal)
            return answer
        raise _Stop(call, asked)

    def look(self, _withdrawal_id: str) -> Kept | None:
        """Read the withdrawal."""
        return Kept(self._next(Call.LOOK, None))

    def wait(self, _withdrawal: Withdrawal, _token: str) -> NoReturn:
        """Leave a token: the model lets a wait end at any time instead."""
        raise AssertionError("the steps that wait are not replayed")

    def happen(self, _withdrawal_id: str, happening: Happening) -> Withdrawal:
        """Let something happen to the withdrawal."""
        after: Withdrawal = self._next(Call.HAPPEN, happening)
        return after

    def screen(self, _withdrawal: Withdrawal) -> Screened:
        """Screen the withdrawal."""
        screened: Screened = self._next(Call.SCREEN, None)
        return screened

    def barred(self, _withdrawal: Withdrawal) -> str:
        """Say why the player may no longer withdraw, '' if they may."""
        reason: str = self._next(Call.BARRED, None)
        return reason

    def submit(self, _withdrawal: Withdrawal) -> Ordered:
        """Order the payout."""
        ordered: Ordered = self._next(Call.ORDER, None)
        return ordered

    def status(self, _withdrawal: Withdrawal) -> Status:
        """Ask for the payout's status."""
        status: Status = self._next(Call.ASK, None)
        return status

    def answer(self, _withdrawal: Withdrawal, _token: str) -> NoReturn:
        """Answer a token."""
        raise AssertionError("the steps that wait are not replayed")


def goes(worker: Worker, rules: Rules) -> Waiting:
    """Run a step again up to its first unanswered call, or to its end."""
    if worker.at is None:
        raise ValueError("there is no execution")
    world = Replayed(worker.answers)
    steps = rules.steps(
        withdrawals=world,
        shelf=world,
        payouts=world,
        screen=world.screen,
        barred=world.barred,
        answer=world.answer,
        asks_max=PATIENCE,
    )
    try:
        return Waiting(None, steps.take(Order(worker.at, "", error=worker.error)))
    except _Stop as stop:
        return Waiting(stop.call, stop.asked)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answers, and the world outside after it; `broken` is the rule that this breaks."""

    label: str
    kind: Kind
    says: Ordered | Status
    outside: Outside
    broken: str = ""


def ordered(outside: Outside, rules: Rules) -> list[Answer]:
    """Send the payout: it arrives now, later or never; the answer is yes, no, or not clear, whatever was done."""
    is_new = outside.payout is Payout.NONE
    broken = "" if is_new or rules.one_key else "a second payout for one withdrawal"
    made = outside.became(Payout.TAKEN).told(0) if is_new else outside
    unclear = Unclear("")
    found = [
        Answer("orders: not sent", Kind.HOUSE, unclear, outside),
        Answer("orders: done, answer lost", Kind.ANSWER, unclear, made, broken),
        Answer("orders: under way, answer lost", Kind.ANSWER, unclear, replace(outside, in_flight=outside.in_flight + 1)),
    ]
    if outside.payout is not Payout.FAILED:
        found.append(Answer("orders: taken", Kind.ANSWER, Taken(""), made, broken))
    if outside.payout in {Payout.NONE, Payout.FAILED}:
        found.append(Answer("orders: declined", Kind.ANSWER, Declined(), outside))
    if is_new:
        kept = outside.became(Payout.FAILED).told(1)
        found.append(Answer("orders: declined, and kept as failed", Kind.ANSWER, Declined(), kept))
        wrong = replace(made, contradictions=outside.contradictions + 1)
        found.append(Answer("orders: declined, which is not so", Kind.ANSWER, Declined(), wrong))
    return [replace(answer, says=rules.hears(answer.says)) for answer in found]


def asked(outside: Outside, rules: Rules) -> list[Answer]:
    """Ask for the status: the truth, that there is nothing, or nothing that is clear."""
    found = [Answer("status: unclear", Kind.HOUSE, Unclear(""), outside)]
    found += [Answer(f"status: {shown(status)}", Kind.ANSWER, status, outside) for status in _STATUS[outside.payout]]
    return [replace(answer, says=rules.hears(answer.says)) for answer in found]


def is_truth(said: Said, payout: Payout) -> bool:
    """Whether a word tells the whole truth: not only that something was paid, where it was less."""
    if payout is Payout.PAID_LESS and said.amount is None:
        return False
    return replace(said, actor=Actor.GATEWAY) in _STATUS[payout]


def shown(what: object) -> str:
    """Name a happening or an answer in a trace."""
    if isinstance(what, Said):
        figures = f" {what.amount} {what.currency}" if what.amount else ""
        return f"{what.word.name}{figures}{' by staff' if what.actor is Actor.STAFF else ''}"
    return type(what).__name__
