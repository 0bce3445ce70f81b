"""Cases: what a marker of harm asks people to look at, and what they did about it. Pure.

There is one case for a player, a marker and a period, ever: however often the stream says that the rule is met, it is opened once,
and one that was closed is not opened again. The next period has a case of its own. A case is closed by a person, who is named and
says why; every step stays, and stands in the trail too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from countroom.ledger.movements import is_player_id
from countroom.responsible_play.markers import RULES, Fact, Marker, met
from countroom.responsible_play.trail import Entry, EntryKind
from countroom.times import InvalidInstant, from_iso_or_day, to_iso

STEPS_MAX: Final = 100
"""Notes after which a case takes no other, before it outgrows its item; it can be closed still."""

EVIDENCE_MAX: Final = 200
_DAY_CHARACTERS: Final = len("2026-01-01")
_ID: Final = re.compile(r"([A-Za-z0-9_-]{1,32})\.([a-z_]{1,32})\.(\d{4}-\d{2}-\d{2})", re.ASCII)
_HOUSE: Final = "house"


class State(StrEnum):
    """Whether somebody has to do something about a case."""

    OPEN = "open"
    CLOSED = "closed"


class Deed(StrEnum):
    """What was done about a case."""

    OPENED = "opened"
    NOTED = "noted"
    CLOSED = "closed"


class NotAllowed(Exception):
    """A step that a case does not take any more. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


ALREADY_CLOSED: Final = "already_closed"
TOO_MANY_NOTES: Final = "too_many_notes"
REQUEST_REUSED: Final = "request_id_reused"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case: who did what, when (epoch milliseconds) and why; `request_id` is the order's, once in a case."""

    deed: Deed
    at_ms: int
    actor: str
    why: str
    request_id: str


@dataclass(frozen=True, slots=True, order=True)
class CaseKey:
    """Whose case it is, for which marker, and from when on (epoch milliseconds) the period runs that it stands for."""

    player_id: str
    marker: Marker
    period_ms: int

    @property
    def case_id(self) -> str:
        """Name it: ``<player>.<marker>.<first day of the period>``."""
        return f"{self.player_id}.{self.marker}.{to_iso(self.period_ms)[:_DAY_CHARACTERS]}"

    @classmethod
    def from_id(cls, case_id: str) -> "CaseKey | None":
        """Read a name; None for what names no case that there could be."""
        found = _ID.fullmatch(case_id)
        if found is None or found.group(2) not in set(Marker) or not is_player_id(found.group(1)):
            return None
        marker = Marker(found.group(2))
        try:
            at_ms = from_iso_or_day(found.group(3))
        except InvalidInstant:
            return None
        return cls(found.group(1), marker, at_ms) if RULES[marker].period_of(at_ms) == at_ms else None


@dataclass(frozen=True, slots=True)
class Case:
    """A case with all its steps, the opening first. `country` is where the player lives: by its clock a night is one."""

    key: CaseKey
    country: str
    state: State
    steps: tuple[Step, ...]

    @property
    def revision(self) -> int:
        """How many steps it has seen: what is written stands on the one before."""
        return len(self.steps)

    @property
    def opened_at_ms(self) -> int:
        """When it was opened, epoch milliseconds."""
        return self.steps[0].at_ms

    @property
    def from_ms(self) -> int:
        """From when on facts matter to it."""
        return self.key.period_ms - RULES[self.key.marker].reach_ms

    @property
    def to_ms(self) -> int:
        """Until when facts matter to it."""
        return self.key.period_ms + RULES[self.key.marker].case_ms + RULES[self.key.marker].reach_ms

    @property
    def entry(self) -> Entry:
        """The trail's entry of its last step."""
        step = self.steps[-1]
        told = {"case_id": self.key.case_id, "marker": self.key.marker.value, "by": step.actor, "why": step.why}
        actor = _HOUSE if step.deed is Deed.OPENED else "staff"
        name = f"case:{self.key.case_id}#{len(self.steps)}"
        return Entry(_ENTRIES[step.deed], self.key.player_id, name, step.at_ms, actor, "house:safety", "applied", told)


_ENTRIES: Final[Mapping[Deed, EntryKind]] = MappingProxyType(
    {Deed.OPENED: EntryKind.CASE_OPENED, Deed.NOTED: EntryKind.CASE_NOTED, Deed.CLOSED: EntryKind.CASE_CLOSED}
)


def opened(key: CaseKey, country: str, at_ms: int) -> Case:
    """Open a case, at the instant at which it is seen that the rule is met."""
    why = RULES[key.marker].explanation
    return Case(key, country, State.OPEN, (Step(Deed.OPENED, at_ms, _HOUSE, why, "opening"),))


def after(case: Case, step: Step) -> Case | None:
    """Give the case after a step; None where that very step was taken before. Raise NotAllowed."""
    before = next((taken for taken in case.steps if taken.request_id == step.request_id), None)
    if before is not None:
        if (before.deed, before.actor, before.why) != (step.deed, step.actor, step.why):
            raise NotAllowed(REQUEST_REUSED)
        return None
    if case.state is State.CLOSED:
        raise NotAllowed(ALREADY_CLOSED)
    if step.deed is Deed.NOTED and len(case.steps) >= STEPS_MAX:
        raise NotAllowed(TOO_MANY_NOTES)
    state = State.CLOSED if step.deed is Deed.CLOSED else State.OPEN
    return replace(case, state=state, steps=(*case.steps, step))


def case_view(case: Case) -> dict[str, Any]:
    """Show a case to staff, with the rule in plain words."""
    rule, key = RULES[case.key.marker], case.key
    return {
        "case_id": key.case_id,
        "player_id": key.player_id,
        "marker": key.marker.value,
        "explanation": rule.explanation,
        "source": rule.source,
        "state": case.state.value,
        "opened_at": to_iso(case.opened_at_ms),
        "period": {"from": to_iso(key.period_ms), "to": to_iso(key.period_ms + rule.case_ms)},
        "steps": [
            {"deed": step.deed.value, "at": to_iso(step.at_ms), "by": step.actor, "why": step.why, "request_id": step.request_id}
            for step in case.steps
        ],
    }


def evidence_view(case: Case, facts: tuple[Fact, ...]) -> dict[str, Any]:
    """Show what a case rests on, as all that is known by now says: when the rule was met, and by which facts, oldest first.

    It is worked out anew at each look, so it does not depend on what had come in when the case was opened.
    """
    rule = RULES[case.key.marker]
    times = sorted(at_ms for at_ms in met(rule, facts) if rule.period_of(at_ms) == case.key.period_ms)
    shown = sorted(set(facts), key=lambda fact: (fact.at_ms, fact.kind, fact.name))
    return {
        "met_at": [to_iso(at_ms) for at_ms in times[:EVIDENCE_MAX]],
        "facts": [{"fact": fact.kind.value, "at": to_iso(fact.at_ms), "name": fact.name} for fact in shown[:EVIDENCE_MAX]],
        "complete": max(len(times), len(shown)) <= EVIDENCE_MAX,
    }
