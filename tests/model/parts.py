"""The pieces that transitions are made of."""

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from countroom.cashier.withdrawals.life import Said
from tests.model.house import Kind

T = TypeVar("T", bound=Hashable)


class Edge(NamedTuple):
    """A transition: to which state, whose move, what it is, and the rule that it broke."""

    to: int
    kind: Kind
    label: str
    broken: str = ""


class Numbered(Generic[T]):
    """Things and their numbers."""

    def __init__(self, bits: int) -> None:
        self._numbers: dict[T, int] = {}
        self._most = 1 << bits
        self.known: list[T] = []

    def number(self, thing: T) -> int:
        """Find a thing's number, a new one for a new thing."""
        number = self._numbers.setdefault(thing, len(self.known))
        if number == len(self.known):
            self.known.append(thing)
            if number >= self._most:
                raise OverflowError("more of them than a state has room for")
        return number


class Local(NamedTuple):
    """What one part does: its own next state, the withdrawal's, and the word that it has now taken in."""

    label: str
    kind: Kind
    part: int
    item: int
    heard: Said | None = None
    broken: str = ""


class Beyond(NamedTuple):
    """What one part does to the world outside."""

    label: str
    kind: Kind
    part: int
    outside: int
    broken: str = ""
