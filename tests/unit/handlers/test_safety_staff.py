"""Player protection staff over the direct invocation: searches, cases, refusals, and what never reaches a log line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from countroom.responsible_play.cases import ALREADY_CLOSED, REQUEST_REUSED, TOO_MANY_NOTES, CaseKey, opened
from countroom.responsible_play.markers import Fact, FactKind, Marker
from countroom.responsible_play.safety_store import SafetyStore, SafetyUnavailable
from countroom.responsible_play.trail import Entry, EntryKind, Play
from handlers import safety_staff
from handlers.parts.people import People
from handlers.parts.staff import StaffFailed
from tests.unit.clock import FixedClock
from tests.unit.conftest import PLAYERS_TABLE
from tests.unit.responsible_play.safety_world import ANNA, MINUTE_MS, SAFETY_TABLE, at, make_table
from tests.unit.rest import Context

DAY = at("2026-02-02T00:00")
NOON = at("2026-02-02T12:00")
CASE = opened(CaseKey(ANNA, Marker.RAPID_DEPOSITS, DAY), "EE", NOON)
CASE_ID = CASE.key.case_id
ON_CASE = {"case_id": CASE_ID, "reason": "agreed on a limit"}


@pytest.fixture
def store(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[SafetyStore]:
    make_table(dynamodb)
    monkeypatch.setenv("SAFETY_TABLE", SAFETY_TABLE)
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    monkeypatch.setattr(safety_staff, "system_clock", clock)
    safety_staff._desk.cache_clear()
    store = SafetyStore(dynamodb, SAFETY_TABLE)
    store.open_case(CASE)
    yield store
    safety_staff._desk.cache_clear()


def order(action: str, **fields: Any) -> dict[str, Any]:
    event = {"action": action, "actor": "jane@example.com", **fields}
    answer: dict[str, Any] = safety_staff.handler(event, Context())
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]  # what Lambda would send


def code(answer: dict[str, Any]) -> str:
    return str(answer["refused"]["code"])


def keep(store: SafetyStore, number: int, kind: EntryKind = EntryKind.DEPOSIT) -> None:
    store.keep(Entry(kind, ANNA, f"gateway:standard#{number}", NOON + number, "gateway", "gateway:standard", "applied", {}))


def test_searching_a_player_by_period_and_kind_in_pages(store: SafetyStore) -> None:
    for number in range(3):
        keep(store, number)
    keep(store, 9, EntryKind.EXCLUSION)
    found = order("search", player_id=ANNA)
    assert [entry["kind"] for entry in found["entries"]] == ["exclusion", "deposit", "deposit", "deposit", "case_opened"]
    assert found["next_cursor"] is None
    asked = {"player_id": ANNA, "from": "2026-02-02", "to": "2026-02-02T12:00:00.002Z", "kind": "deposit", "limit": 1}
    first = order("search", **asked)
    second = order("search", **asked, cursor=first["next_cursor"])
    assert [page["entries"][0]["at"][-5:] for page in (first, second)] == [".001Z", ".000Z"]
    assert second["next_cursor"] is None


def test_searching_a_kind_and_a_day(store: SafetyStore) -> None:
    keep(store, 1)
    (entry,) = order("search", kind="deposit", day="2026-02-02")["entries"]
    assert (entry["player_id"], entry["channel"]) == (ANNA, "gateway:standard")
    assert order("search", kind="deposit", day="2026-02-03")["entries"] == []


def test_sessions(store: SafetyStore) -> None:
    store.played(ANNA, NOON, Play(NOON, NOON + 5 * MINUTE_MS))
    (session,) = order("sessions", **{"player_id": ANNA, "from": "2026-02-02", "to": "2026-02-03"})["sessions"]
    assert session == {"started_at": "2026-02-02T12:00:00.000Z", "last_stake_at": "2026-02-02T12:05:00.000Z", "seconds": 300}


def test_a_case_with_what_it_rests_on_is_noted_and_closed_once(store: SafetyStore) -> None:
    for number in range(4):
        store.note(ANNA, Fact(FactKind.DEPOSIT, DAY + number, f"d-{number}"))
    (listed,) = order("cases", state="open")["cases"]
    shown = order("case", case_id=CASE_ID)["case"]
    assert {**shown, "evidence": None} == {**listed, "evidence": None}
    assert (shown["evidence"]["met_at"], len(shown["evidence"]["facts"])) == (["2026-02-02T00:00:00.003Z"], 4)
    order("note", case_id=CASE_ID, reason="called him", request_id="r-1")
    for _ in range(2):
        closed = order("close", **ON_CASE, request_id="r-2")["case"]
        assert (closed["state"], len(closed["steps"])) == ("closed", 3)
    assert closed["steps"][-1]["by"] == "jane@example.com"
    assert order("cases", state="open")["cases"] == []
    assert [case["case_id"] for case in order("cases", state="closed")["cases"]] == [CASE_ID]
    assert [case["case_id"] for case in order("cases", player_id=ANNA)["cases"]] == [CASE_ID]
    assert code(order("close", **ON_CASE)) == "already_closed"
    assert code(order("note", **ON_CASE, request_id="r-2")) == "request_id_reused"


@pytest.mark.usefixtures("store")
def test_a_case_that_is_not_there() -> None:
    assert code(order("case", case_id="nonsense")) == "not_found"
    assert code(order("close", case_id="pl_ben.night_play.2026-02-05", reason="x")) == "not_found"


@pytest.mark.usefixtures("store")
def test_nobody_closes_his_own(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(People, "player_of", lambda _self, actor: ANNA if actor == "anna@example.com" else None)
    safety_staff._desk.cache_clear()
    for actor in (ANNA, "anna@example.com"):
        assert code(order("close", **ON_CASE, actor=actor)) == "own_case"
    assert SafetyStore(dynamodb, SAFETY_TABLE).case(CASE.key) == CASE


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({}, ["action", "actor"]),
        ({"action": "delete", "actor": "jane"}, ["action"]),
        ({"action": "search", "actor": "two words", "player_id": ANNA}, ["actor"]),
        ({"action": "search", "actor": "jane"}, ["action"]),
        ({"action": "search", "actor": "jane", "day": "2026-02-02"}, ["action"]),
        ({"action": "search", "actor": "jane", "kind": "deposit"}, ["action"]),
        ({"action": "search", "actor": "jane", "kind": "deposit", "day": "2026-02-02", "player_id": ANNA}, ["action"]),
        ({"action": "search", "actor": "jane", "kind": "deposit", "day": "2026-02-30"}, ["day"]),
        ({"action": "search", "actor": "jane", "kind": "money", "day": "2026-02-02"}, ["kind"]),
        ({"action": "search", "actor": "jane", "player_id": "pl#1"}, ["player_id"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "limit": 0}, ["limit"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "limit": 101}, ["limit"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "limit": "5"}, ["limit"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "from": "yesterday, or so"}, ["from"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "from": "2026-02-03", "to": "2026-02-02"}, ["to"]),
        ({"action": "search", "actor": "jane", "player_id": ANNA, "delete": True}, ["delete"]),
        ({"action": "sessions", "actor": "jane", "player_id": ANNA, "from": "2026-02-02"}, ["action"]),
        ({"action": "sessions", "actor": "jane", "player_id": ANNA, "from": "2026-02-02", "to": "2026-03-06"}, ["to"]),
        ({"action": "sessions", "actor": "jane", "player_id": ANNA, "from": "2026-02-02", "to": "2026-02-01"}, ["to"]),
        ({"action": "cases", "actor": "jane"}, ["action"]),
        ({"action": "cases", "actor": "jane", "state": "lost"}, ["state"]),
        ({"action": "cases", "actor": "jane", "state": "open", "player_id": ANNA}, ["action"]),
        ({"action": "close", "actor": "jane", "case_id": CASE_ID}, ["action"]),
        ({"action": "close", "actor": "jane", "case_id": CASE_ID, "reason": "   "}, ["reason"]),
        ({"action": "close", "actor": "jane", "case_id": CASE_ID, "reason": "line\nbreak"}, ["reason"]),
        ({"action": "close", "actor": "", **ON_CASE}, ["actor"]),
        ({"action": "close", "actor": "jane", **ON_CASE, "request_id": "a b"}, ["request_id"]),
    ],
    ids=str,
)
def test_an_order_that_is_none(event: dict[str, Any], fields: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    answer = safety_staff.handler(event, Context())
    assert code(answer) == "invalid_request"
    assert [error["field"] for error in answer["refused"]["errors"]] == fields
    assert '"code":"invalid_request"' in capsys.readouterr().out


@pytest.mark.usefixtures("store")
def test_a_cursor_of_another_question() -> None:
    assert code(order("search", player_id=ANNA, cursor="bm8")) == "invalid_cursor"


@pytest.mark.usefixtures("store")
def test_a_table_that_is_away_and_a_failure_say_only_that(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_told: Any) -> None:
        raise SafetyUnavailable("away")

    monkeypatch.setattr(SafetyStore, "case", away)
    assert code(order("case", case_id=CASE_ID)) == "temporarily_unavailable"
    monkeypatch.setattr(SafetyStore, "case", lambda *_told: 1 / 0)
    with pytest.raises(StaffFailed, match="could not be completed"):
        order("close", **ON_CASE)
    lines = " ".join(str(vars(record)) for record in caplog.records)
    assert "jane@example.com" not in lines
    assert "agreed on a limit" not in lines


def test_what_is_told_of_each_refusal_is_there() -> None:
    assert set(safety_staff.NOT_ALLOWED) == {
        ALREADY_CLOSED,
        TOO_MANY_NOTES,
        REQUEST_REUSED,
    }
