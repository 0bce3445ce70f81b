"""The desk of player protection: searches the trail, shows cases with what they rest on, takes notes, closes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.cursors import InvalidCursor, Question, read_cursor, write_cursor
from countroom.responsible_play.cases import Case, CaseKey, Deed, State, Step, after
from countroom.responsible_play.markers import RULES, Fact
from countroom.responsible_play.safety_store import CasePage, EntryPage, Place, SafetyStore
from countroom.responsible_play.trail import EntryKind, Play, slot_of, stretches
from countroom.times import DAY_MS

ATTEMPTS_MAX: Final = 5
SESSIONS_PERIOD_MS_MAX: Final = 31 * DAY_MS


class NoSuchCase(Exception):
    """There is no such case."""


class OwnCase(Exception):
    """Nobody works on the case that is about himself."""


class KeptChanging(Exception):
    """Others kept adding to the case; the same order again is safe."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a member of staff does about a case, and why. `request_id` names the order: the same again is done once."""

    case_id: str
    deed: Deed
    actor: str
    why: str
    request_id: str


class CaseDesk:
    """Every method raises SafetyUnavailable: the same again is safe. `player_of` finds the player that a member of staff is."""

    def __init__(self, store: SafetyStore, player_of: Callable[[str], str | None], clock: Clock) -> None:
        self._store = store
        self._player_of = player_of
        self._clock = clock

    def case(self, case_id: str) -> Case:
        """Read a case. Raise NoSuchCase."""
        key = CaseKey.from_id(case_id)
        case = self._store.case(key) if key else None
        if case is None:
            raise NoSuchCase
        return case

    def evidence(self, case: Case) -> tuple[Fact, ...]:
        """Read the facts that a case rests on, all that are known by now."""
        kinds, player_id = RULES[case.key.marker].facts, case.key.player_id
        return tuple(fact for kind in kinds for fact in self._store.facts(player_id, kind, case.from_ms, case.to_ms))

    def carry_out(self, order: Order) -> Case:
        """Take a note, or close a case, once. Raise NoSuchCase, OwnCase, NotAllowed, KeptChanging."""
        for _ in range(ATTEMPTS_MAX):
            case = self.case(order.case_id)
            if case.key.player_id in (order.actor, self._player_of(order.actor)):
                raise OwnCase
            changed = after(case, Step(order.deed, self._clock(), order.actor, order.why, order.request_id))
            if changed is None:
                return case
            if self._store.step(changed):
                return changed
        raise KeptChanging

    def entries(
        self, player_id: str, period: tuple[int, int], limit: int, cursor: str | None, kind: EntryKind | None
    ) -> tuple[EntryPage, str | None]:
        """Search a player's entries from an instant on and before another, newest first. Raise InvalidCursor."""
        question = ("entries", player_id, *period, kind)
        start = _start(cursor, question, f"TRAIL#{player_id}")
        page = self._store.entries(player_id, *period, limit, start, kind)
        return page, _cursor(page.rest, question)

    def entries_of_day(self, kind: EntryKind, day: str, limit: int, cursor: str | None) -> tuple[EntryPage, str | None]:
        """Search the entries of a kind and a day (UTC), newest first. Raise InvalidCursor."""
        question = ("day", kind, day)
        page = self._store.entries_of_day(kind, day, limit, _start(cursor, question, "TRAIL#"))
        return page, _cursor(page.rest, question)

    def cases(self, state: State, limit: int, cursor: str | None) -> tuple[CasePage, str | None]:
        """List all cases that are open, or closed, those of the newest period first. Raise InvalidCursor."""
        question = ("state", state)
        page = self._store.cases_in(state, limit, _start(cursor, question, "CASE#"))
        return page, _cursor(page.rest, question)

    def cases_of(self, player_id: str, limit: int, cursor: str | None) -> tuple[CasePage, str | None]:
        """List a player's cases, open and closed. Raise InvalidCursor."""
        question = ("cases", player_id)
        page = self._store.cases_of(player_id, limit, _start(cursor, question, f"CASE#{player_id}"))
        return page, _cursor(page.rest, question)

    def sessions(self, player_id: str, from_ms: int, to_ms: int) -> list[Play]:
        """Give the stretches of play that touch a period of at most SESSIONS_PERIOD_MS_MAX, whole up to a day outside it."""
        if not 0 <= to_ms - from_ms <= SESSIONS_PERIOD_MS_MAX:
            raise ValueError("too long a period")
        slots = self._store.play(player_id, slot_of(max(0, from_ms - DAY_MS)), to_ms + DAY_MS)
        return [play for play in stretches(slots) if play.last_ms >= from_ms and play.first_ms < to_ms]


def _cursor(rest: Place | None, question: Question) -> str | None:
    return write_cursor(question, rest.pk, rest.sk) if rest else None


def _start(cursor: str | None, question: Question, pk: str) -> Place | None:
    """Read what `_cursor` wrote; it can only name a place of `pk`, or below it where `pk` is the beginning of many."""
    if cursor is None:
        return None
    found, sk = read_cursor(cursor, question, str, str)
    if not sk or not (found.startswith(pk) if pk.endswith("#") else found == pk):
        raise InvalidCursor("no place in this list")
    return Place(found, sk)
