"""All together: a state is a withdrawal with its money, two executions, and the world outside.

A state is one integer, made of the numbers of its parts; what a part can do is worked out once and kept.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from countroom.cashier.withdrawals.course import Next, stands
from countroom.cashier.withdrawals.life import Approve, Cancel, Flag, Happening, Refuse, Said, Unflag
from countroom.cashier.withdrawals.steps import TIMED_OUT, WAITS, _waits_for
from countroom.cashier.withdrawals.withdrawal import OPEN, WITH_GATEWAY, Actor, Attention, Withdrawal, Word
from tests.model.books import Books, Result
from tests.model.bounds import Bounds
from tests.model.house import (
    FIRST,
    IDLE,
    NEVER,
    SCREENED,
    Call,
    Kind,
    Refusal,
    Waiting,
    Worker,
    asked,
    goes,
    is_truth,
    ordered,
    shown,
)
from tests.model.judge import judged
from tests.model.machine import FAILED, FAILURES, TIMEOUTS
from tests.model.outside import SAID, Outside, Payout, by_themselves
from tests.model.parts import Beyond, Edge, Local, Numbered
from tests.model.rules import Rules
from tests.model.views import seen

_PART: Final = 12
_OUTSIDE: Final = 20
_PART_MASK: Final = (1 << _PART) - 1
_OUTSIDE_MASK: Final = (1 << _OUTSIDE) - 1


class World:
    """The transition relation, and what must hold in a state."""

    def __init__(self, bounds: Bounds, rules: Rules) -> None:
        self.bounds = bounds
        self.rules = rules
        self.books = Books(rules)
        self.workers: Numbered[Worker] = Numbered(_PART)
        self.outsides: Numbered[Outside] = Numbered(_OUTSIDE)
        self._idle = self.workers.number(IDLE)
        self._first = self.workers.number(FIRST)
        self._stops: dict[int, Waiting] = {}
        self._works: dict[tuple[int, int], list[Local]] = {}
        self._calls: dict[tuple[int, int], list[Beyond]] = {}
        self._told: dict[tuple[int, int], list[tuple[str, int, int, str]]] = {}
        self._drifts: dict[int, list[tuple[str, int]]] = {}
        self._hears: dict[tuple[int, Said], int] = {}
        self._judged: dict[tuple[int, int, bool], str] = {}

    def first(self) -> int:
        """The withdrawal has just been asked for and its execution starts."""
        return self._state(0, self._first, self._idle, self.outsides.number(Outside()))

    def _state(self, item: int, one: int, other: int, outside: int) -> int:
        """The two executions do the same for ever, so which is which does not matter."""
        if one > other:
            one, other = other, one
        return ((item << _PART | one) << _PART | other) << _OUTSIDE | outside

    def parts(self, state: int) -> tuple[int, int, int, int]:
        """Take a state apart: withdrawal, the two executions, outside."""
        outside, state = state & _OUTSIDE_MASK, state >> _OUTSIDE
        other, state = state & _PART_MASK, state >> _PART
        return state >> _PART, state & _PART_MASK, other, outside

    def edges(self, state: int) -> Iterator[Edge]:
        """All that may happen next."""
        item, one, other, outside = self.parts(state)
        make = self._state
        for mine, beside in ((one, other), (other, one)) if one != other else ((one, other),):
            for local in self._work(mine, item):
                after = outside if local.heard is None else self._heard(outside, local.heard)
                yield Edge(make(local.item, local.part, beside, after), local.kind, local.label, local.broken)
            for call in self._call(mine, outside):
                yield Edge(make(item, call.part, beside, call.outside), call.kind, call.label, call.broken)
        for label, after in self._drift(outside):
            yield Edge(make(item, one, other, after), Kind.OTHER, label)
        for label, after_item, after, broken in self._tell(item, outside):
            yield Edge(make(after_item, one, other, after), Kind.OTHER, label, broken)
        if self._idle in {one, other}:
            yield from self._start(item, other if one == self._idle else one, outside)

    def is_seen(self, state: int) -> bool:
        """Whether the withdrawal has ended, or people are told of it."""
        withdrawal = self.books.known[self.parts(state)[0]].withdrawal
        return withdrawal.status not in OPEN or withdrawal.attention is not None

    def broken(self, state: int) -> str:
        """Name the rule that a state breaks."""
        item, one, other, outside = self.parts(state)
        sends = Call.ORDER in {self._stop(one).call, self._stop(other).call}
        key = item, outside, sends
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = self.judge(item, self.outsides.known[outside], sends=sends)
        return found

    def judge(self, item: int, outside: Outside, *, sends: bool) -> str:
        """Name the rule that a withdrawal breaks in such a world; `sends`: a step is about to order its payout."""
        return judged(self.books.known[item], outside, sends=sends)

    def _heard(self, outside: int, said: Said) -> int:
        found = self._hears.get((outside, said))
        if found is None:
            known = self.outsides.known[outside]
            true = known.heard or is_truth(said, known.payout)
            found = self._hears[outside, said] = self.outsides.number(replace(known, heard=true))
        return found

    def _stop(self, worker: int) -> Waiting:
        """Where an execution has come to: its next call."""
        found = self._stops.get(worker)
        if found is None:
            known = self.workers.known[worker]
            idle = known.at is None or known.at in WAITS
            found = self._stops[worker] = Waiting(None, None) if idle else goes(known, self.rules)
        return found

    def _answered(self, worker: Worker, answer: object, read: int = NEVER) -> int:
        """Give a call its answer and let the step go on to its next one, or the machine to its next step."""
        if not self.rules.on_the_version_read:
            worker = replace(worker, read=worker.read if read == NEVER else read)
        then = replace(worker, answers=(*worker.answers, answer))
        stop = goes(then, self.rules)
        return self.workers.number(then) if stop.call else self._next(stop.asked)

    def _next(self, step: Next | None, error: str = "") -> int:
        return self._idle if step in {None, Next.PAID, Next.RELEASED} else self.workers.number(Worker(step, error))

    def _work(self, mine: int, item: int) -> list[Local]:
        found = self._works.get((mine, item))
        if found is None:
            found = self._works[mine, item] = list(self._worked(mine, item))
        return found

    def _worked(self, mine: int, item: int) -> Iterator[Local]:
        """What an execution may do that does not call the gateway."""
        worker, withdrawal = self.workers.known[mine], self.books.known[item].withdrawal
        if worker.at is None:
            return
        if worker.at in WAITS:
            yield from self._waits(worker.at, withdrawal, item)
            return
        stop = self._stop(mine)
        if stop.call is Call.LOOK:
            part = self._answered(worker, seen(withdrawal, worker.at, None), item)
            yield Local(f"{worker.at}: reads {withdrawal.status}", Kind.HOUSE, part, item)
        elif stop.call is Call.SCREEN:
            for screened in SCREENED:
                label = f"{worker.at}: {screened.clearance}, {screened.approvals_needed} approvals needed"
                yield Local(label, Kind.ANSWER, self._answered(worker, screened), item)
        elif stop.call is Call.BARRED:
            for reason in ("", "not_verified"):
                label = f"{worker.at}: {reason or 'nothing'} forbids it"
                yield Local(label, Kind.ANSWER, self._answered(worker, reason), item)
        elif stop.call is Call.HAPPEN:
            yield self._happens(mine, worker, worker.at, stop.asked, item)

    def _happens(self, mine: int, worker: Worker, at: Next, happening: Happening, item: int) -> Local:
        result = self.books.happen(item, happening, read=None if self.rules.on_the_version_read else worker.read)
        said = happening if isinstance(happening, Said) else None
        label = f"{worker.at}: {self._label(happening, result)}"
        if self._more(said, result):  # the word takes a second step, of the same call
            part = mine if self.rules.on_the_version_read else self.workers.number(replace(worker, read=result.after))
            return Local(label, Kind.HOUSE, part, result.after)
        view = seen(self.books.known[result.after].withdrawal, at, happening)
        answer = Refusal(result.refused, view) if result.refused else view
        return Local(label, Kind.HOUSE, self._answered(worker, answer, result.after), result.after, said, result.broken)

    def _waits(self, step: Next, withdrawal: Withdrawal, item: int) -> Iterator[Local]:
        """A step that waits ends when it is told of a change, when it looks and has nothing to wait for, or when its time is up."""
        waits = _waits_for(step, withdrawal)
        label = f"{step}: is woken" if waits else f"{step}: has nothing to wait for"
        yield Local(label, Kind.OTHER if waits else Kind.HOUSE, self._next(stands(withdrawal)), item)
        yield Local(f"{step}: time is up", Kind.HOUSE, self._next(TIMEOUTS[step], TIMED_OUT), item)

    def _more(self, said: Said | None, result: Result) -> bool:
        return said is not None and result.wrote and not result.broken and self.books.happen(result.after, said).wrote

    def _label(self, happening: Happening, result: Result) -> str:
        withdrawal = self.books.known[result.after].withdrawal
        flag = f", {withdrawal.attention}" if withdrawal.attention else ""
        return f"{shown(happening)} {'makes' if result.wrote else 'leaves'} it {withdrawal.status}{flag}"

    def _call(self, mine: int, outside: int) -> list[Beyond]:
        found = self._calls.get((mine, outside))
        if found is None:
            found = self._calls[mine, outside] = list(self._called(mine, self.outsides.known[outside]))
        return found

    def _called(self, mine: int, outside: Outside) -> Iterator[Beyond]:
        """What comes of a call to the gateway, and of a death at any call."""
        worker, call = self.workers.known[mine], self._stop(mine).call
        if worker.at is None:
            return
        if call in {Call.ORDER, Call.ASK}:
            for answer in ordered(outside, self.rules) if call is Call.ORDER else asked(outside, self.rules):
                if answer.outside.within(self.bounds):
                    part, after = self._answered(worker, answer.says), self.outsides.number(answer.outside)
                    yield Beyond(f"{worker.at}: {answer.label}", answer.kind, part, after, answer.broken)
        killed = replace(outside, kills=outside.kills + 1)
        if killed.within(self.bounds):
            after = self.outsides.number(killed)
            if worker.answers:
                again = self.workers.number(Worker(worker.at, worker.error))
                yield Beyond(f"{worker.at}: is killed, and run again", Kind.OTHER, again, after)
            caught = self._next(FAILURES[worker.at], FAILED)
            yield Beyond(f"{worker.at}: is killed too often", Kind.OTHER, caught, after)
            if caught != self._idle:
                yield Beyond(f"{worker.at}: its execution dies", Kind.OTHER, self._idle, after)

    def _drift(self, outside: int) -> list[tuple[str, int]]:
        found = self._drifts.get(outside)
        if found is None:
            moves = by_themselves(self.outsides.known[outside], self.bounds)
            found = self._drifts[outside] = [(label, self.outsides.number(after)) for label, after in moves]
        return found

    def _tell(self, item: int, outside: int) -> list[tuple[str, int, int, str]]:
        key = item, outside
        found = self._told.get(key)
        if found is None:
            found = self._told[key] = [*self._callbacks(item, outside), *self._step_in(item, self.outsides.known[outside])]
        return found

    def _callbacks(self, item: int, outside: int) -> Iterator[tuple[str, int, int, str]]:
        """Any callback that was sent arrives. Whoever works on it may die between its two steps: then it comes again, or never."""
        bag = self.outsides.known[outside].bag
        for which, said in enumerate(SAID):
            if bag >> which & 1:
                result = self.books.happen(item, said)
                after = outside if self._more(said, result) else self._heard(outside, said)
                if result.wrote or after != outside:
                    yield f"callback: {self._label(said, result)}", result.after, after, result.broken

    def _step_in(self, item: int, outside: Outside) -> Iterator[tuple[str, int, int, str]]:
        """What the player and staff do: each of it is refused where it is out of place."""
        withdrawal = self.books.known[item].withdrawal
        does: list[tuple[str, Happening, Outside]] = [
            ("player", Cancel(), outside),
            ("staff: Ada", Approve("ada"), outside),
            ("staff", Refuse("risk"), outside),
        ]
        if withdrawal.approvers:  # until then Ada and Bob are the same to everybody
            does.append(("staff: Bob", Approve("bob"), outside))
        if withdrawal.attention is not None:
            does.append(("staff", Unflag(), replace(outside, unflags=outside.unflags + 1)))
            if withdrawal.status in WITH_GATEWAY:
                does.extend(_resolved(outside))
        for who, happening, after in does:
            result = self.books.happen(item, happening)
            if result.wrote and after.within(self.bounds):
                yield f"{who}: {self._label(happening, result)}", result.after, self.outsides.number(after), result.broken

    def _start(self, item: int, beside: int, outside: int) -> Iterator[Edge]:
        """Executions that are started: by the sweeper when there is none, or once more beside one that is at work."""
        world = self.outsides.known[outside]
        started = replace(world, starts=world.starts + 1)
        is_open = self.books.known[item].withdrawal.status in OPEN
        if beside != self._idle:
            if started.within(self.bounds) and self.bounds.workers > 1:
                to = self._state(item, self._first, beside, self.outsides.number(started))
                yield Edge(to, Kind.OTHER, "an execution is started beside the other")
        elif is_open and self.rules.sweeper:
            if started.within(self.bounds):
                to = self._state(item, self._first, beside, self.outsides.number(started))
                yield Edge(to, Kind.HOUSE, "sweeper: starts an execution")
            else:
                result = self.books.happen(item, Flag(Attention.MACHINE_LOST))
                if result.wrote:
                    to = self._state(result.after, beside, beside, outside)
                    yield Edge(to, Kind.HOUSE, "sweeper: tells people", result.broken)


def _resolved(world: Outside) -> Iterator[tuple[str, Happening, Outside]]:
    """Staff say what they have heard from the gateway in another way: the truth, or that nothing was paid when it may yet be."""
    if world.payout is Payout.PAID:
        yield "staff", Said(Word.PAID, actor=Actor.STAFF), world
    if world.payout is Payout.FAILED:
        yield "staff", Said(Word.FAILED, actor=Actor.STAFF), world
    if world.payout in {Payout.NONE, Payout.TAKEN}:
        wrong = replace(world, contradictions=world.contradictions + 1)
        yield "staff, which may not last", Said(Word.FAILED, actor=Actor.STAFF), wrong
