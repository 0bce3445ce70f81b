"""The desk of player protection: searches the trail, shows cases with what they rest on, takes notes, closes."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from countroom.clock import Clock
from countroom.responsible_play.cases import Case, CaseKey, Deed, State, Step, after
from countroom.responsible_play.markers import RULES, Fact
from countroom.responsible_play.safety_store import CasePage, EntryPage, Place, SafetyStore
from countroom.responsible_play.trail import EntryKind, Play, slot_of, stretches
from countroom.times import DAY_MS

ATTEMPTS_MAX: Final = 5
CURSOR_CHARACTERS_MAX: Final = 400
SESSIONS_PERIOD_MS_MAX: Final = 31 * DAY_MS

_CURSOR_FORMAT: Final = 1


class NoSuchCase(Exception):
    """There is no such case."""


class OwnCase(Exception):
    """Nobody works on the case that is about himself."""


class KeptChanging(Exception):
    """Others kept adding to the case; the same order again is safe."""


class InvalidCursor(ValueError):
    """A cursor that was not given out for this question."""


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
        start = _read_cursor(cursor, question, f"TRAIL#{player_id}")
        page = self._store.entries(player_id, *period, limit, start, kind)
        return page, _cursor(page.rest, question)

    def entries_of_day(self, kind: EntryKind, day: str, limit: int, cursor: str | None) -> tuple[EntryPage, str | None]:
        """Search the entries of a kind and a day (UTC), newest first. Raise InvalidCursor."""
        question = ("day", kind, day)
        page = self._store.entries_of_day(kind, day, limit, _read_cursor(cursor, question, "TRAIL#"))
        return page, _cursor(page.rest, question)

    def cases(self, state: State, limit: int, cursor: str | None) -> tuple[CasePage, str | None]:
        """List all cases that are open, or closed, those of the newest period first. Raise InvalidCursor."""
        question = ("state", state)
        page = self._store.cases_in(state, limit, _read_cursor(cursor, question, "CASE#"))
        return page, _cursor(page.rest, question)

    def cases_of(self, player_id: str, limit: int, cursor: str | None) -> tuple[CasePage, str | None]:
        """List a player's cases, open and closed. Raise InvalidCursor."""
        question = ("cases", player_id)
        page = self._store.cases_of(player_id, limit, _read_cursor(cursor, question, f"CASE#{player_id}"))
        return page, _cursor(page.rest, question)

    def sessions(self, player_id: str, from_ms: int, to_ms: int) -> list[Play]:
        """Give the stretches of play that touch a period of at most SESSIONS_PERIOD_MS_MAX, whole up to a day outside it."""
        if not 0 <= to_ms - from_ms <= SESSIONS_PERIOD_MS_MAX:
            raise ValueError("too long a period")
        slots = self._store.play(player_id, slot_of(max(0, from_ms - DAY_MS)), to_ms + DAY_MS)
        return [play for play in stretches(slots) if play.last_ms >= from_ms and play.first_ms < to_ms]


def _digest(question: tuple[Any, ...]) -> str:
    """Eight characters that differ between questions: they tie a cursor to its own."""
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:8]


def _cursor(rest: Place | None, question: tuple[Any, ...]) -> str | None:
    if rest is None:
        return None
    text = json.dumps([_CURSOR_FORMAT, rest.pk, rest.sk, _digest(question)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, question: tuple[Any, ...], pk: str) -> Place | None:
    """Read what `_cursor` wrote; it can only name a place of `pk`, or below it where `pk` is the beginning of many."""
    if cursor is None:
        return None
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        raise InvalidCursor("too long")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        fields: Any = json.loads(text)
        written, found, sk, digest = fields
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidCursor("not a cursor") from None
    whole = isinstance(found, str) and isinstance(sk, str) and bool(sk)
    whole = whole and (found.startswith(pk) if pk.endswith("#") else found == pk)
    if written != _CURSOR_FORMAT or digest != _digest(question) or not whole:
        raise InvalidCursor("given out for another question")
    return Place(found, sk)
