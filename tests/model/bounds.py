"""How much of the world's trouble the model admits. The figure is printed with them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Bounds:
    """The budgets. Everything else is unlimited: delays, reordering, duplicates, silence, timeouts, stale reads, tries and asks.

    `workers`: executions at work at once. `starts`: executions in all. `kills`: steps that die between two of their calls.
    `in_flight`: payout orders that the network keeps and may deliver at any later time. `contradictions`: times the gateway or
    staff say what is not so, or unsay it. `unflags`: times staff put a flag away. `other_figures`: whether the gateway may pay
    another amount or currency.
    """

    workers: int = 2
    starts: int = 3
    kills: int = 2
    in_flight: int = 1
    contradictions: int = 1
    unflags: int = 1
    other_figures: bool = True

    def __str__(self) -> str:
        return ", ".join(f"{field.name} {int(getattr(self, field.name))}" for field in fields(self))


TRIES_COUNTED: Final = 3
"""A try beyond these counts as the third: the rules tell none, one and several apart."""

PATIENCE: Final = 2
"""Asks for the status before people are told; more of them count as so many."""

ONE: Final = Bounds(workers=1, starts=2)
TWO: Final = Bounds(starts=2, kills=1, contradictions=0, unflags=0, other_figures=False)
WORST: Final = Bounds(starts=2, kills=0, in_flight=0, unflags=0)
CLOSED: Final[Mapping[str, Bounds]] = MappingProxyType(
    {
        "one execution and the next, all else that there is": ONE,
        "two executions at once, deaths, delayed orders": TWO,
        "two executions at once, a gateway that says what is not so": WORST,
    }
)
"""Explored until no state is left."""

EVERYTHING: Final = Bounds()
"""All of it at once: explored as far as asked for."""

SMALL: Final[Mapping[str, Bounds]] = MappingProxyType(
    {
        "one execution and the next, one death, delayed orders": replace(ONE, kills=1, contradictions=0, unflags=0),
        "two executions at once": replace(TWO, kills=0, in_flight=0),
    }
)
"""Closed within seconds."""
