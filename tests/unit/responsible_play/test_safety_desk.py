"""The desk of player protection: once for each order, never on one's own case, and cursors that fit only their own question."""

import base64
import json
from typing import Any

import pytest

from countroom.cursors import InvalidCursor
from countroom.responsible_play.case_desk import (
    ATTEMPTS_MAX,
    SESSIONS_PERIOD_MS_MAX,
    CaseDesk,
    KeptChanging,
    NoSuchCase,
    Order,
    OwnCase,
)
from countroom.responsible_play.cases import Case, CaseKey, Deed, NotAllowed, State, opened
from countroom.responsible_play.markers import Fact, FactKind, Marker
from countroom.responsible_play.safety_store import SafetyStore
from countroom.responsible_play.trail import SLOT_MS, Entry, EntryKind, Play
from tests.unit.clock import FixedClock
from tests.unit.responsible_play.safety_world import ANNA, DAY_MS, HOUR_MS, MINUTE_MS, SAFETY_TABLE, at, make_table

DAY = at("2026-02-02T00:00")
NOON = at("2026-02-02T12:00")
CASE = opened(CaseKey(ANNA, Marker.RAPID_DEPOSITS, DAY), "EE", NOON)
CASE_ID = CASE.key.case_id
STAFF = {"anna@example.com": ANNA}


class Racing(SafetyStore):
    """A store before which others write a step, so many times."""

    others = 0

    def step(self, case: Case) -> bool:
        if self.others:
            self.others -= 1
            return False
        return super().step(case)


@pytest.fixture
def store(dynamodb: Any) -> Racing:
    make_table(dynamodb)
    store = Racing(dynamodb, SAFETY_TABLE)
    store.open_case(CASE)
    return store


@pytest.fixture
def desk(store: Racing, clock: FixedClock) -> CaseDesk:
    return CaseDesk(store, STAFF.get, clock)


def order(
    deed: Deed = Deed.CLOSED, actor: str = "jane@example.com", why: str = "agreed on a limit", request_id: str = "r-1"
) -> Order:
    return Order(CASE_ID, deed, actor, why, request_id)


class TestOrders:
    def test_an_order_is_carried_out_once(self, desk: CaseDesk, clock: FixedClock) -> None:
        desk.carry_out(order(Deed.NOTED, why="called him"))
        clock.advance(seconds=5)
        assert desk.carry_out(order(Deed.NOTED, why="called him")).revision == 2
        closed = desk.carry_out(order(request_id="r-2"))
        assert desk.carry_out(order(request_id="r-2")) == closed == desk.case(CASE_ID)
        assert [(step.deed, step.actor) for step in closed.steps[1:]] == [
            ("noted", "jane@example.com"),
            ("closed", "jane@example.com"),
        ]
        with pytest.raises(NotAllowed):
            desk.carry_out(order(request_id="r-3"))

    def test_one_that_comes_when_others_write_is_carried_out_after_them(self, desk: CaseDesk, store: Racing) -> None:
        store.others = ATTEMPTS_MAX - 1
        assert desk.carry_out(order()).state is State.CLOSED
        store.others = ATTEMPTS_MAX
        store.open_case(opened(CaseKey(ANNA, Marker.NIGHT_PLAY, 0), "EE", NOON))
        with pytest.raises(KeptChanging):
            desk.carry_out(Order(CaseKey(ANNA, Marker.NIGHT_PLAY, 0).case_id, Deed.CLOSED, "jane", "x", "r-9"))

    @pytest.mark.parametrize("actor", [ANNA, "anna@example.com"])
    def test_nobody_works_on_his_own(self, desk: CaseDesk, actor: str) -> None:
        with pytest.raises(OwnCase):
            desk.carry_out(order(actor=actor))
        assert desk.case(CASE_ID) == CASE

    @pytest.mark.parametrize("case_id", ["x", "pl_ben.rapid_deposits.2026-02-02"])
    def test_a_case_that_is_not_there(self, desk: CaseDesk, case_id: str) -> None:
        with pytest.raises(NoSuchCase):
            desk.case(case_id)

    def test_evidence_is_all_that_is_known_by_now(self, desk: CaseDesk, store: Racing) -> None:
        facts = [Fact(FactKind.DEPOSIT, DAY + number, f"d#{number}") for number in range(3)]
        for fact in (*facts, Fact(FactKind.CANCELLED, DAY, "c"), Fact(FactKind.DEPOSIT, DAY - HOUR_MS - 1, "long ago")):
            store.note(ANNA, fact)
        assert desk.evidence(CASE) == tuple(facts)


def keep(store: SafetyStore, number: int, player_id: str = ANNA) -> Entry:
    name = f"gateway:standard#{player_id}-{number}"
    entry = Entry(EntryKind.DEPOSIT, player_id, name, NOON + number, "gateway", "gateway:standard", "applied", {})
    store.keep(entry)
    return entry


class TestSearch:
    def test_pages_of_a_player_and_of_a_day(self, desk: CaseDesk, store: Racing) -> None:
        kept = [keep(store, number) for number in range(5)]
        period = (NOON + 1, NOON + 5)
        found: list[Entry] = []
        cursor: str | None = None
        for _ in range(2):
            page, cursor = desk.entries(ANNA, period, 2, cursor, EntryKind.DEPOSIT)
            found += page.entries
        assert (found, cursor) == (kept[:0:-1], None)
        first, cursor = desk.entries_of_day(EntryKind.DEPOSIT, "2026-02-02", 3, None)
        second, end = desk.entries_of_day(EntryKind.DEPOSIT, "2026-02-02", 3, cursor)
        assert ([*first.entries, *second.entries], end) == (kept[::-1], None)

    def test_lists_of_cases(self, desk: CaseDesk, store: Racing) -> None:
        store.open_case(opened(CaseKey(ANNA, Marker.CHASING_LOSSES, DAY), "EE", NOON))
        first, cursor = desk.cases(State.OPEN, 1, None)
        second, end = desk.cases(State.OPEN, 1, cursor)
        assert {case.key.marker for case in (*first.cases, *second.cases)} == {Marker.CHASING_LOSSES, Marker.RAPID_DEPOSITS}
        assert end is None
        mine, cursor = desk.cases_of(ANNA, 1, None)
        assert len(mine.cases) == 1
        assert len(desk.cases_of(ANNA, 1, cursor)[0].cases) == 1

    def test_a_cursor_fits_only_its_own_question(self, desk: CaseDesk, store: Racing) -> None:
        for number in range(3):
            keep(store, number)
            keep(store, number, "pl_ben")
        period = (NOON, NOON + DAY_MS)
        _, cursor = desk.entries(ANNA, period, 1, None, None)
        assert desk.entries(ANNA, period, 1, cursor, None)[0].entries[0].at_ms == NOON + 1
        for ask in (
            lambda: desk.entries("pl_ben", period, 1, cursor, None),
            lambda: desk.entries(ANNA, (NOON, NOON + 1), 1, cursor, None),
            lambda: desk.entries(ANNA, period, 1, cursor, EntryKind.DEPOSIT),
            lambda: desk.entries_of_day(EntryKind.DEPOSIT, "2026-02-02", 1, cursor),
            lambda: desk.cases(State.OPEN, 1, cursor),
            lambda: desk.cases_of(ANNA, 1, cursor),
        ):
            with pytest.raises(InvalidCursor):
                ask()

    @pytest.mark.parametrize(
        "text", ["x", "", "[]", "[1,2,3]", '[1,"TRAIL#pl_ben","1","x"]', "{}", "null", '[1,1,1,"x"]', "9" * 500]
    )
    def test_what_is_no_cursor(self, desk: CaseDesk, text: str) -> None:
        made = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        for cursor in (made, text, text + "ü"):
            with pytest.raises(InvalidCursor):
                desk.entries(ANNA, (NOON, NOON + DAY_MS), 1, cursor, None)

    @pytest.mark.parametrize("pk", ["TRAIL#pl_ben", f"TRAIL#{ANNA}2", "TRAIL#", ""])
    def test_a_cursor_that_was_made_up_opens_nobody_elses(self, desk: CaseDesk, store: Racing, pk: str) -> None:
        for number in range(2):
            keep(store, number)
        _, cursor = desk.entries(ANNA, (NOON, NOON + DAY_MS), 1, None, None)
        assert cursor is not None
        fields = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fields[2] = pk
        forged = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
        with pytest.raises(InvalidCursor):
            desk.entries(ANNA, (NOON, NOON + DAY_MS), 1, forged, None)


class TestSessions:
    def test_stretches_that_touch_the_period_are_whole(self, desk: CaseDesk, store: Racing) -> None:
        for number in range(4):  # 23:30 to 00:19, over midnight
            slot = DAY - 2 * SLOT_MS + number * SLOT_MS
            store.played(ANNA, slot, Play(slot, slot + 4 * MINUTE_MS))
        later = DAY + 12 * HOUR_MS
        store.played(ANNA, later, Play(later + 1, later + 1))
        over_midnight = Play(DAY - 2 * SLOT_MS, DAY + SLOT_MS + 4 * MINUTE_MS)
        assert desk.sessions(ANNA, DAY, DAY + DAY_MS) == [over_midnight, Play(later + 1, later + 1)]
        assert desk.sessions(ANNA, DAY - DAY_MS, DAY) == [over_midnight]
        assert desk.sessions(ANNA, later + 2, later + DAY_MS) == []

    def test_a_period_has_its_bounds(self, desk: CaseDesk) -> None:
        assert desk.sessions(ANNA, 0, SESSIONS_PERIOD_MS_MAX) == []
        for period in ((0, SESSIONS_PERIOD_MS_MAX + 1), (1, 0)):
            with pytest.raises(ValueError, match="too long"):
                desk.sessions(ANNA, *period)
