"""Support staff's orders: what they change, in one transaction, and how bad ones are refused."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from countroom.clock import system_clock
from countroom.identity import support
from countroom.identity.access import Standing
from countroom.identity.access_store import AccessStore
from countroom.identity.digests import email_digest
from countroom.identity.events import EventLog, SecurityEvent
from countroom.identity.store import Credentials, PlayersStore
from countroom.identity.table import Table
from countroom.ledger.book import Book, OutcomeUnknown, Posted
from countroom.ledger.movements import ExclusionKind, OpenWallet, Reference, SetStatus, Status
from countroom.ledger.safeguards import FOREVER_MS, StartExclusion
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.levels import State
from countroom.verification.store import StandingStore
from handlers import identity_staff
from handlers.parts.staff import StaffFailed
from runtime import telemetry
from tests.unit.clock import START_MS
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.rest import Context
from tests.unit.signed_in import Visitors
from tests.unit.verification.house import APPLICANT, event_of

PLAYER = "pl_anna"
ORDER = {"player_id": PLAYER, "actor": "support.jane", "reason": "card stolen, ticket 4711"}


class World:
    """A player with a wallet and two sessions."""

    def __init__(self, client: Any, time: time_machine.Traveller) -> None:
        self.visitors = Visitors(client)
        self.book = Book(LedgerStore(client, LEDGER_TABLE), system_clock)
        self.events = EventLog(Table(client, PLAYERS_TABLE))
        self.time = time
        self.visitors.join(PLAYER)
        assert isinstance(self.book.post(OpenWallet.of(PLAYER, "EUR", "EE")), Posted)
        for _ in range(2):
            self.visitors.open(PLAYER)

    def order(self, action: str, request_id: str | None = None, **changes: Any) -> dict[str, Any]:
        sent = {"action": action, **ORDER, **({"request_id": request_id} if request_id else {}), **changes}
        answer: dict[str, Any] = identity_staff.handler(sent, Context())
        return answer

    def status(self) -> Status:
        wallet = self.book.wallet(PLAYER)
        assert wallet is not None
        return wallet.status

    def version(self) -> int:
        wallet = self.book.wallet(PLAYER)
        assert wallet is not None
        return wallet.version

    def told(self) -> list[SecurityEvent]:
        return list(self.events.page(PLAYER, 100).events)


@pytest.fixture
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with time_machine.travel(START_MS / 1000, tick=False) as traveller:
        made = World(dynamodb, traveller)
        made.visitors.set_environment(monkeypatch)
        monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
        monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
        for wired in (
            identity_staff._settings,
            identity_staff._support,
            identity_staff._people,
            identity_staff._verification,
        ):
            wired.cache_clear()
        yield made
    identity_staff._support.cache_clear()


def test_an_account_is_shown(world: World) -> None:
    shown = world.order("show")
    (first, second) = shown.pop("sessions")
    assert shown == {
        "player_id": PLAYER,
        "standing": "active",
        "excluded": False,
        "exclusion": None,
        "wallet_status": "active",
        "second_factor": False,
        "verified": False,
        "verification": None,
        "levels": {},
        "replayed": False,
    }
    assert first["session_id"] != second["session_id"]
    assert (first["device"], first["place"], first["created_at"]) == ("Firefox on Linux", "EE", "2026-01-01T12:00:00.000Z")
    assert world.told() == []


@pytest.mark.parametrize(
    ("action", "standing", "excluded", "status", "kind"),
    [
        ("freeze", "frozen", False, Status.BLOCKED, "frozen"),
        ("exclude", "active", True, Status.EXCLUDED, "excluded"),
    ],
)
def test_freezing_and_excluding(world: World, action: str, standing: str, excluded: bool, status: Status, kind: str) -> None:
    answer = world.order(action, "r-1")
    assert (answer["standing"], answer["excluded"], answer["sessions"]) == (standing, excluded, [])
    assert world.status() is status
    (event,) = world.told()
    assert (event.kind, event.detail) == (kind, "staff support.jane: card stolen, ticket 4711")
    assert support.told_to_player(event) == ""


def test_who_ordered_it_is_in_the_event_and_not_in_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    world.order("freeze", "r-1", actor="jane.doe@example.com")
    assert "support order done" in stream.getvalue()
    assert "jane.doe" not in stream.getvalue()
    (event,) = world.told()
    assert event.detail.startswith("staff jane.doe@example.com: ")


def test_a_repeat_changes_nothing(world: World) -> None:
    assert not world.order("freeze", "r-1")["replayed"]
    version, access = world.version(), world.visitors.store.access(PLAYER)
    for changes in ({}, {"reason": "again"}):
        again = world.order("freeze", "r-1", **changes)
        assert (again["replayed"], again["standing"]) == (True, "frozen")
    assert (world.version(), world.visitors.store.access(PLAYER), len(world.told())) == (version, access, 1)


def test_a_late_repeat_does_not_undo_what_came_after(world: World) -> None:
    world.order("freeze", "r-1")
    world.order("unfreeze", "r-2")
    again = world.order("freeze", "r-1")
    assert (again["replayed"], again["standing"], again["wallet_status"]) == (True, "active", "active")


def test_lambda_s_own_retry_is_a_repeat(world: World) -> None:
    world.order("freeze")
    assert world.order("freeze")["replayed"]


def test_a_request_id_belongs_to_one_player(world: World) -> None:
    world.visitors.join("pl_ben")
    assert isinstance(world.book.post(OpenWallet.of("pl_ben", "EUR", "EE")), Posted)
    world.order("freeze", "r-1")
    assert world.order("freeze", "r-1", player_id="pl_ben")["refused"]["code"] == "request_id_reused"
    ben = world.visitors.store.access("pl_ben")
    assert ben is not None
    assert ben.standing is Standing.ACTIVE


def test_a_lifted_freeze_lifts_no_exclusion(world: World) -> None:
    world.order("exclude", "r-1")
    world.order("freeze", "r-2")
    answer = world.order("unfreeze", "r-3")
    assert (answer["standing"], answer["excluded"], world.status()) == ("active", True, Status.EXCLUDED)


def test_nor_one_that_only_the_wallet_knows_of(world: World) -> None:
    assert isinstance(world.book.post(SetStatus(Reference("house:play", "x-1"), PLAYER, Status.EXCLUDED)), Posted)
    world.order("freeze", "r-1")
    world.order("unfreeze", "r-2")
    assert world.status() is Status.EXCLUDED


@pytest.mark.parametrize(
    ("kind", "until_ms", "shown"),
    [
        (ExclusionKind.TIME_OUT, START_MS + 3_600_000, "2026-01-01T13:00:00.000Z"),
        (ExclusionKind.SELF_EXCLUSION, FOREVER_MS, None),
    ],
)
def test_what_the_player_chose_is_shown_and_a_lifted_freeze_lifts_none_of_it(
    world: World, kind: ExclusionKind, until_ms: int, shown: str | None
) -> None:
    world.time.move_to(START_MS / 1000)
    assert isinstance(world.book.post(StartExclusion(Reference("player:exclusion", "x-1"), PLAYER, kind, until_ms)), Posted)
    answer = world.order("show")
    assert (answer["standing"], answer["excluded"], answer["wallet_status"]) == ("active", True, "excluded")
    assert answer["exclusion"] == {"kind": kind, "since": "2026-01-01T12:00:00.000Z", "until": shown, "reopens_at": None}
    world.order("freeze", "r-1")
    answer = world.order("unfreeze", "r-2")
    assert (answer["excluded"], answer["wallet_status"]) == (True, "excluded")
    world.time.move_to(START_MS / 1000 + 3600)
    answer = world.order("show")
    is_over = kind is ExclusionKind.TIME_OUT
    assert (answer["excluded"], answer["exclusion"] is None) == (not is_over, is_over)


def test_excluding_a_frozen_player_keeps_the_freeze(world: World) -> None:
    world.order("freeze", "r-1")
    answer = world.order("exclude", "r-2")
    assert (answer["standing"], answer["excluded"], world.status()) == ("frozen", True, Status.BLOCKED)


def test_sessions_end_and_a_login_stays_possible(world: World) -> None:
    assert world.order("end_sessions")["sessions"] == []
    (event,) = world.told()
    assert (event.kind, support.told_to_player(event)) == ("all_sessions_ended", "")
    assert len(world.visitors.open(PLAYER).session_id) == 22
    assert world.status() is Status.ACTIVE


def test_a_closed_account_is_left_alone(world: World) -> None:
    access = world.visitors.sessions.closing(PLAYER)
    assert isinstance(world.book.post(SetStatus(Reference("player:closure", "c"), PLAYER, Status.CLOSED), [access]), Posted)
    for action in ("freeze", "unfreeze", "exclude"):
        assert world.order(action, f"r-{action}")["refused"]["code"] == "account_closed"
    assert (world.order("show")["standing"], world.status()) == ("closed", Status.CLOSED)


@pytest.mark.parametrize("action", ["show", "freeze", "unfreeze", "exclude", "end_sessions"])
def test_nobody_is_nobody(world: World, action: str) -> None:
    assert world.order(action, player_id="pl_nobody")["refused"]["code"] == "not_found"
    world.visitors.join("pl_no_wallet")
    expected = "not_found"
    assert world.order(action, player_id="pl_no_wallet")["refused"]["code"] == expected


def test_a_race_with_a_login_is_decided_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = AccessStore.access
    raced: list[str] = []

    def access(store: AccessStore, player_id: str) -> Any:
        found = read(store, player_id)
        if not raced:
            raced.append("login")
            world.visitors.open(PLAYER)
        return found

    monkeypatch.setattr(AccessStore, "access", access)
    answer = world.order("freeze", "r-1")
    assert (answer["standing"], answer["sessions"], answer["replayed"]) == ("frozen", [], False)
    assert len(world.told()) == 1


def test_an_access_that_never_stands_still_is_a_conflict(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = AccessStore.access

    def access(store: AccessStore, player_id: str) -> Any:
        found = read(store, player_id)
        assert found is not None
        store.replace(found, found)
        return found

    monkeypatch.setattr(AccessStore, "access", access)
    assert world.order("freeze", "r-1")["refused"]["code"] == "conflict"
    assert world.status() is Status.ACTIVE


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"action": "delete"}, ["action"]),
        ({"action": None}, ["action"]),
        ({"player_id": ""}, ["player_id"]),
        ({"player_id": "PLAYER#x"}, ["player_id"]),
        ({"player_id": 7}, ["player_id"]),
        ({"actor": ""}, ["actor"]),
        ({"actor": "x" * 65}, ["actor"]),
        ({"actor": "two words"}, ["actor"]),
        ({"reason": ""}, ["reason"]),
        ({"reason": "x" * 121}, ["reason"]),
        ({"reason": "line\nbreak"}, ["reason"]),
        ({"request_id": "x" * 41}, ["request_id"]),
        ({"request_id": "a#b"}, ["request_id"]),
        ({"level": "identity"}, ["level"]),
        ({"level": "passport", "action": "verify"}, ["level"]),
        ({"level": 7, "action": "verify"}, ["level"]),
        ({"hunter2": "hunter2"}, ["hunter2"]),
        ({"action": 1, "player_id": [], "actor": {}, "reason": None}, ["action", "player_id", "actor", "reason"]),
    ],
)
def test_a_bad_order_is_refused_by_its_fields(changes: dict[str, Any], fields: list[str]) -> None:
    """Before anything is wired: this test has no tables."""
    answer = identity_staff.handler({"action": "freeze", **ORDER, **changes}, Context())
    assert answer["refused"]["code"] == "invalid_request"
    assert [error["field"] for error in answer["refused"]["errors"]] == fields
    assert all(error["message"] != "hunter2" for error in answer["refused"]["errors"])


@pytest.mark.parametrize("event", [{}, [], "freeze", None, 7])
def test_what_is_no_order_at_all(event: Any) -> None:
    assert identity_staff.handler(event, Context())["refused"]["code"] == "invalid_request"


def test_an_outcome_that_is_not_known_may_be_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_args: object) -> None:
        raise OutcomeUnknown(possibly_written=True)

    with monkeypatch.context() as patched:
        patched.setattr(Book, "post", lost)
        assert world.order("freeze", "r-1")["refused"]["code"] == "temporarily_unavailable"
    assert world.order("freeze", "r-1")["standing"] == "frozen"


def test_a_fault_of_ours_is_told_without_its_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(support.Support, "carry_out", broken)
    with pytest.raises(StaffFailed, match="its log says why"):
        world.order("freeze")


def test_a_player_is_verified_and_is_no_longer(world: World) -> None:
    answer = world.order("verify", "r-1", reason="passport seen")
    assert (answer["verified"], answer["replayed"], answer["standing"]) == (True, False, "active")
    assert answer["verification"] == {"by": "support.jane", "reason": "passport seen", "at": "2026-01-01T12:00:00.000Z"}
    assert world.order("show")["verified"]
    answer = world.order("unverify", "r-2", reason="passport forged")
    assert (answer["verified"], answer["verification"]["reason"]) == (False, "passport forged")
    late = world.order("verify", "r-1", reason="passport seen")
    assert (late["verified"], late["replayed"]) == (False, True)
    assert world.status() is Status.ACTIVE


def test_an_order_is_about_one_level(world: World) -> None:
    assert not world.order("verify", "r-1", level="address")["verified"]
    answer = world.order("verify", "r-2", level="source_of_funds", reason="payslip seen")
    said = {"state": "approved", "source": "staff", "at": "2026-01-01T12:00:00.000Z", "labels": []}
    assert answer["levels"] == {"address": said, "source_of_funds": said}
    assert world.order("verify", "r-1", level="identity")["refused"]["code"] == "request_id_reused"
    world.order("unverify", "r-3", level="address")
    assert world.order("show")["levels"]["address"]["state"] == "rejected"
    assert world.order("recheck", "r-4", level="address")["levels"]["address"]["state"] == "retry"
    assert world.order("show")["levels"]["source_of_funds"]["state"] == "approved"


def test_staff_see_what_the_vendor_objects_to_and_no_word_of_its(world: World, dynamodb: Any) -> None:
    desk = VerificationDesk(StandingStore(dynamodb, PLAYERS_TABLE), system_clock)
    desk.name_applicant(PLAYER, APPLICANT)
    desk.hear(event_of(State.REJECTED, labels=("FORGERY",)))
    shown = world.order("show")
    assert (shown["verified"], shown["verification"]) == (False, None)
    said = {"state": "rejected", "source": "vendor", "at": "2026-01-01T12:00:10.000Z", "labels": ["FORGERY"]}
    assert shown["levels"] == {"age": said, "identity": said}


def test_a_request_id_is_for_one_order(world: World) -> None:
    world.order("verify", "r-1")
    assert world.order("unverify", "r-1")["refused"]["code"] == "request_id_reused"
    assert world.order("show")["verified"]


def test_nobody_verifies_himself(world: World, dynamodb: Any) -> None:
    own = Credentials(email_digest("jane@example.com"), PLAYER, "hash")
    dynamodb.transact_write_items(TransactItems=[PlayersStore(Table(dynamodb, PLAYERS_TABLE)).new_credentials(own)])
    assert world.order("verify", actor="Jane@Example.com")["refused"]["code"] == "own_account"
    assert not world.order("show")["verified"]
    assert world.order("verify", actor="john@example.com")["verified"]


def test_there_is_nobody_to_verify(world: World, dynamodb: Any) -> None:
    assert world.order("verify", player_id="pl_nobody")["refused"]["code"] == "not_found"
    assert dynamodb.scan(TableName=PLAYERS_TABLE)["Count"] == 0
