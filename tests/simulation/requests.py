"""What is asked of the ledger in one episode: who asks what, when, by which clock. A script can be cut down and run again."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from countroom.ledger.movements import Movement, Reason, Reference

SECOND: Final = 1_000_000
"""Instants of the simulation are microseconds."""
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 60 * MINUTE
BEGINS: Final = 1_767_268_800 * SECOND


class Verb(StrEnum):
    """The ways into the ledger, and the one that leads past it (another room changes its own row)."""

    POST = "post"
    BATCH = "batch"
    WALLET = "wallet"
    FIND = "find"
    HISTORY = "history"
    AUDIT = "audit"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `seed` fixes all that happens to it, whatever else is in the script; `attempt` counts its sender's repeats."""

    at: int
    verb: Verb
    seed: int
    player_id: str = ""
    movements: tuple[Movement, ...] = ()
    companions: tuple[Mapping[str, Any], ...] = ()
    tolerate: frozenset[Reason] = frozenset()
    reference: Reference | None = None
    skew_ms: int = 0
    lost_always: bool = False
    faults: bool = True
    attempt: int = 0
    page: int = 0
    note: str = ""

    @property
    def asked(self) -> tuple[object, ...]:
        """What two requests share that ask the same."""
        return self.verb, self.movements, len(self.companions), self.tolerate

    def __str__(self) -> str:
        what = ", ".join(_short(movement) for movement in self.movements)
        if self.verb is Verb.ROW:
            what = self.note
        elif not what:
            what = self.reference.text if self.reference else self.player_id or "everything"
        clock = f" clock {self.skew_ms // 1000:+d} s" if self.skew_ms else ""
        return f"{self.verb} {what}{clock}{f' (attempt {self.attempt + 1})' if self.attempt else ''}"


def _short(movement: Movement) -> str:
    code, amount = movement.money
    about = f" of {movement.related.text}" if movement.related else ""
    money = f" {amount / 1e9:g} {code}" if code else ""
    return f"{movement.kind} {movement.reference.text} {movement.player_id}{money}{about}"


@dataclass(frozen=True, slots=True)
class Script:
    """An episode: its requests in the order of time, and the windows in which the table is down (start, end)."""

    requests: tuple[Request, ...]
    storms: tuple[tuple[int, int], ...] = ()
