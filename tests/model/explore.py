"""Breadth first through all states, to the end or to a bound; then backwards, for who can still be seen."""

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tests.model.bounds import Bounds
from tests.model.house import Kind
from tests.model.rules import REAL, Rules
from tests.model.world import World

Progress = Callable[[int], None]
_TOLD_EVERY = 50_000


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A rule that does not hold, and the shortest way to where it breaks."""

    rule: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{number:4d}  {line}" for number, line in enumerate(self.trace, 1)]
        return "\n".join([f"BROKEN: {self.rule}", *lines])


@dataclass(slots=True)
class Figure:
    """What an exploration came to. `depth`: moves on the longest of the shortest ways; `closed`: no state was left out."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    withdrawals: int = 0
    seconds: float = 0.0
    closed: bool = False
    counterexample: Counterexample | None = None


def _silent(_states: int) -> None:
    return


class Explorer:
    """One exploration."""

    def __init__(self, bounds: Bounds, rules: Rules = REAL, most: int = 20_000_000, progress: Progress = _silent) -> None:
        self.world = World(bounds, rules)
        self.figure = Figure()
        self._most = most
        self._progress = progress
        self._number: dict[int, int] = {}
        self._states: list[int] = []
        self._parents = array("I")
        self._ways = array("I")  # to where the house's own moves lead, state by state
        self._answers = bytearray()  # which of them the gateway chooses
        self._ends = array("I")  # where a state's part of these ends

    def run(self) -> Figure:
        """Explore; stop at the first rule that breaks."""
        began = time.monotonic()
        figure = self.figure
        figure.counterexample = self._forward() or self._unseen()
        figure.states = len(self._states)
        figure.withdrawals = len(self.world.books.known)
        figure.seconds = time.monotonic() - began
        return figure

    def _forward(self) -> Counterexample | None:
        world, number, states, parents = self.world, self._number, self._states, self._parents
        first = world.first()
        number[first] = 0
        states.append(first)
        parents.append(0)
        at, level_ends = 0, 1
        while at < len(states):
            if at == level_ends:
                self.figure.depth += 1
                level_ends = len(states)
            if len(states) >= self._most:
                return None
            for edge in world.edges(states[at]):
                self.figure.transitions += 1
                if edge.broken:
                    return Counterexample(edge.broken, (*self._trace(at), edge.label))
                to = number.get(edge.to)
                if to is None:
                    to = number[edge.to] = len(states)
                    states.append(edge.to)
                    parents.append(at)
                    if broken := world.broken(edge.to):
                        return Counterexample(broken, self._trace(to))
                if edge.kind is not Kind.OTHER:
                    self._ways.append(to)
                    self._answers.append(edge.kind is Kind.ANSWER)
            at += 1
            self._ends.append(len(self._ways))
            if at % _TOLD_EVERY == 0:
                self._progress(len(states))
        self.figure.closed = True
        return None

    def _unseen(self) -> Counterexample | None:
        """Look for a state from which the house alone does not come to where the withdrawal has ended or people are told.

        It must come there whatever the gateway answers, also if it never says anything and nobody steps in.
        """
        if self.figure.counterexample or not self.figure.closed:
            return None
        seen = bytearray(self.world.is_seen(state) for state in self._states)
        left = [state for state, is_seen in enumerate(seen) if not is_seen]
        while left:
            still = [state for state in reversed(left) if not self._comes_there(state, seen)]
            still.reverse()
            if len(still) == len(left):
                return Counterexample("the house alone never comes to an end, and nobody is told", self._on_and_on(still[0], seen))
            left = still
        return None

    def _on_and_on(self, state: int, seen: bytearray) -> tuple[str, ...]:
        """Tell a way on which nobody is told: to where the house can do nothing, or round in a circle."""
        told, met = list(self._trace(state)), [state]
        while True:
            ways = [
                (self._number[edge.to], edge.label)
                for edge in self.world.edges(self._states[met[-1]])
                if edge.kind is not Kind.OTHER and not seen[self._number[edge.to]]
            ]
            if not ways:
                return (*told, "and here the house can do nothing")
            after, label = next((way for way in ways if way[0] not in met), ways[0])
            told.append(label)
            if after in met:
                return (*told, f"and on from move {len(told) - len(met) + met.index(after) + 1} again")
            met.append(after)

    def _comes_there(self, state: int, seen: bytearray) -> bool:
        ways = self._ways[self._ends[state - 1] if state else 0 : self._ends[state]]
        if not ways or not all(seen[way] for way in ways):
            return False
        seen[state] = 1
        return True

    def _trace(self, state: int) -> tuple[str, ...]:
        """Tell the way to a state."""
        way = [state]
        while way[-1]:
            way.append(self._parents[way[-1]])
        way.reverse()
        labels = []
        for before, after in pairwise(way):
            wanted = self._states[after]
            labels.append(next(edge.label for edge in self.world.edges(self._states[before]) if edge.to == wanted))
        return tuple(labels)


def explore(bounds: Bounds, rules: Rules = REAL, most: int = 20_000_000, progress: Progress = _silent) -> Figure:
    """Explore the model."""
    return Explorer(bounds, rules, most, progress).run()
