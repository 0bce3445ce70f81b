"""The trail's worker with events as Lambda gives them: repeats, broken records, tables that are away, and what it counts."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.desk import Rooms, WithdrawalDesk
from countroom.cashier.withdrawals.forms import Ask, Opened
from countroom.cashier.withdrawals.life import Cancel, Refuse
from countroom.cashier.withdrawals.methods import Methods
from countroom.ledger.book import Book
from countroom.ledger.movements import Bet, Deposit, Hold, OpenWallet, Reference, Release, StartSession
from countroom.ledger.store import LedgerStore
from countroom.responsible_play.cases import State
from countroom.responsible_play.safety_store import SafetyStore
from countroom.responsible_play.safety_watch import SafetyWatch
from countroom.responsible_play.trail import EntryKind
from handlers import safety_worker
from handlers.parts import withdrawing
from handlers.parts.people import People
from tests.unit.cashier.support import PLAYER
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, PLAYERS_TABLE, WITHDRAWALS_TABLE
from tests.unit.handlers.test_rounds import change, stream
from tests.unit.handlers.withdrawal_world import Town
from tests.unit.responsible_play.safety_world import DAY_MS, SAFETY_TABLE, make_table
from tests.unit.rest import Context

UNIT = 10**9
ANNA = "pl_anna"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    clock = FixedClock()
    monkeypatch.setattr(safety_worker, "system_clock", clock)
    return clock


@pytest.fixture
def book(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    make_table(dynamodb)
    for name, table in (("SAFETY", SAFETY_TABLE), ("LEDGER", LEDGER_TABLE), ("WITHDRAWALS", WITHDRAWALS_TABLE)):
        monkeypatch.setenv(f"{name}_TABLE", table)
    safety_worker._watch.cache_clear()
    yield Book(LedgerStore(dynamodb, LEDGER_TABLE), clock)
    safety_worker._watch.cache_clear()


@pytest.fixture
def store(dynamodb: Any) -> SafetyStore:
    return SafetyStore(dynamodb, SAFETY_TABLE)


def live(book: Book, clock: FixedClock) -> None:
    """Four deposits within a few seconds, and a stake."""
    book.post(OpenWallet.of(ANNA, "EUR", "EE"))
    book.post(StartSession.of(ANNA, "hub88", bytes(12), "reels", START_MS + DAY_MS))
    for number in range(4):
        clock.advance(seconds=1)
        book.post(Deposit(Reference("gateway:standard", f"d{number}"), ANNA, "EUR", 100 * UNIT))
    book.post(Bet(Reference("game:hub88", "b1"), ANNA, "EUR", UNIT, "reels", "r-1", bytes(12)))


def work(changes: list[dict[str, Any]]) -> list[str]:
    """Hand changes to the worker; gives the sequence numbers that are to come back."""
    answer = safety_worker.handler(json.loads(json.dumps({"Records": changes})), Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def of(changes: list[dict[str, Any]], end: str) -> dict[str, Any]:
    (found,) = [entry for entry in changes if entry["dynamodb"]["Keys"]["pk"]["S"].endswith(end)]
    return found


def kinds(store: SafetyStore, player_id: str = ANNA) -> list[str]:
    return sorted(entry.kind.value for entry in store.entries(player_id, 0, START_MS + 30 * DAY_MS, 100).entries)


def test_the_whole_stream_is_taken_in_and_again_without_effect(
    book: Book, dynamodb: Any, store: SafetyStore, clock: FixedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    live(book, clock)
    clock.advance(seconds=30)
    assert work(stream(dynamodb)) == []
    said = capsys.readouterr().out
    assert '"marker":"rapid_deposits"' in said
    assert '"CaseOpened":[1.0]' in said
    assert '"TrailEntriesKept":[5.0]' in said
    assert '"TrailBehind":[30000.0]' in said
    assert kinds(store) == ["case_opened", "deposit", "deposit", "deposit", "deposit", "session"]
    before = dynamodb.scan(TableName=SAFETY_TABLE)["Items"]
    clock.advance(seconds=5)
    changes = stream(dynamodb)
    random.Random(3).shuffle(changes)  # noqa: S311 - an order
    for cold in (False, True):
        if cold:
            safety_worker._watch.cache_clear()
        assert work(changes) == []
        assert '"CaseOpened"' not in capsys.readouterr().out
        assert dynamodb.scan(TableName=SAFETY_TABLE)["Items"] == before


def test_a_broken_record_comes_back_alone(book: Book, dynamodb: Any, store: SafetyStore, clock: FixedClock) -> None:
    live(book, clock)
    changes = stream(dynamodb)
    broken = of(changes, "#d1")
    broken["dynamodb"]["NewImage"]["d"] = {"S": "no record"}
    assert work(changes) == [broken["dynamodb"]["SequenceNumber"]]
    assert kinds(store) == ["deposit", "deposit", "deposit", "session"]
    assert work(stream(dynamodb)) == []  # when it is whole again, nothing is missing and nothing twice
    assert kinds(store) == ["case_opened", "deposit", "deposit", "deposit", "deposit", "session"]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("image", [{"pk": "x"}, {"pk": {"S": "TX#a#b"}, "n": {"B": "###"}}, ["x"], {"n": {"N": "1"}}], ids=str)
def test_an_image_that_is_none_comes_back(image: Any, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"eventID": "e", "eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": "7", "Keys": {}}}
    assert work([entry]) == ["7"]
    said = capsys.readouterr().out
    assert '"SafetyRecordNotKept":[1.0]' in said
    assert "TrailBehind" not in said


@pytest.mark.usefixtures("book")
def test_what_is_no_record_is_passed_over(dynamodb: Any, book: Book, clock: FixedClock) -> None:
    live(book, clock)
    gone = {"eventID": "e", "eventName": "REMOVE", "dynamodb": {"SequenceNumber": "8", "Keys": {}}}
    assert work([gone, *(entry for entry in stream(dynamodb) if not entry["dynamodb"]["Keys"]["pk"]["S"].startswith("TX#"))]) == []
    assert dynamodb.scan(TableName=SAFETY_TABLE)["Items"] == []
    assert work([]) == []


def test_a_record_that_no_code_can_read_an_entry_off_comes_back_alone(
    book: Book, dynamodb: Any, store: SafetyStore, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(book, clock)
    real = SafetyWatch.take

    def take(self: Any, record: Any) -> Any:
        if record.reference.transaction_id == "d2":
            raise ValueError("what it may never say: anna@example.com")
        return real(self, record)

    monkeypatch.setattr(SafetyWatch, "take", take)
    changes = stream(dynamodb)
    assert work(changes) == [of(changes, "#d2")["dynamodb"]["SequenceNumber"]]
    assert kinds(store) == ["deposit", "deposit", "deposit", "session"]


def test_tables_that_are_away_make_everything_come_back_once(
    book: Book, dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(book, clock)
    monkeypatch.setenv("SAFETY_TABLE", "no-such-table")
    safety_worker._watch.cache_clear()
    changes = [entry for entry in stream(dynamodb) if entry["dynamodb"]["Keys"]["pk"]["S"].startswith("TX#")]
    failed = work(changes)
    assert len(failed) == len(set(failed)) == 6
    # Of the wallet's opening nothing is kept, so nothing can go wrong with it.
    changes.remove(of(changes, f"wallet:open#{ANNA}"))
    assert set(failed) == {entry["dynamodb"]["SequenceNumber"] for entry in changes}


def test_a_rule_that_cannot_be_asked_lets_its_own_records_come_back(
    book: Book, dynamodb: Any, store: SafetyStore, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(book, clock)
    monkeypatch.setattr(SafetyStore, "facts", lambda *_told: 1 / 0)
    changes = stream(dynamodb)
    deposits = {of(changes, f"#d{number}")["dynamodb"]["SequenceNumber"] for number in range(4)}
    assert set(work(changes)) == deposits
    assert kinds(store) == ["deposit", "deposit", "deposit", "deposit", "session"]
    monkeypatch.undo()


def test_a_change_of_the_worlds_form_is_read_as_it_is(book: Book, dynamodb: Any, clock: FixedClock, store: SafetyStore) -> None:
    live(book, clock)
    for number, item in enumerate(dynamodb.scan(TableName=LEDGER_TABLE)["Items"]):
        assert work([change(item, number)]) == []
    assert len(store.cases_in(State.OPEN, 10).cases) == 1


class TestCancellations:
    @pytest.fixture
    def town(self, dynamodb: Any, clock: FixedClock, book: Book, monkeypatch: pytest.MonkeyPatch) -> Town:  # noqa: ARG002 - the tables
        monkeypatch.setattr(withdrawing, "system_clock", clock)
        return Town(dynamodb, clock, monkeypatch)

    def ends(self, town: Town, key: str, happening: Any) -> None:
        """Ask for a withdrawal, and end it."""
        parts = withdrawing.wired(withdrawing.WithdrawalTables(WITHDRAWALS_TABLE, LEDGER_TABLE))
        rooms = Rooms(town.book, Methods(CashierStore(town.client, CASHIER_TABLE)), People(town.client, PLAYERS_TABLE).person_of)
        desk = WithdrawalDesk(parts.store, parts.lists, parts.withdrawals, rooms, town.clock)
        made = desk.request(PLAYER, [key], Ask("50.00", "EUR", town.deposit_id))
        assert isinstance(made, Opened), made
        parts.withdrawals.happen(made.withdrawal_id, happening)

    def test_what_the_player_called_back_is_told_from_what_was_refused(self, town: Town, store: SafetyStore) -> None:
        self.ends(town, "k-1", Cancel())
        self.ends(town, "k-2", Refuse("other", "jane", "ticket"))
        assert work(stream(town.client)) == []
        period = (0, START_MS + 30 * DAY_MS)
        (entry,) = store.entries(PLAYER, *period, 10, kind=EntryKind.WITHDRAWAL_CANCELLED).entries
        assert (entry.actor, entry.told["amount"]) == ("player", "50.00")
        assert store.cases_in(State.OPEN, 10).cases == ()
        self.ends(town, "k-3", Cancel())
        assert work(stream(town.client)) == []
        assert [case.key.marker.value for case in store.cases_in(State.OPEN, 10).cases] == ["cancelled_withdrawals"]

    @pytest.mark.parametrize("name", ["h-1", "wdr_" + "a" * 20])
    def test_a_release_that_no_withdrawal_knows_of_is_nobodys_wish(self, town: Town, store: SafetyStore, name: str) -> None:
        hold = Hold(Reference("gateway:standard", name), PLAYER, "EUR", UNIT)
        town.book.post(hold)
        town.book.post(Release(Reference("gateway:standard", f"{name}:released"), PLAYER, hold.reference))
        assert work(stream(town.client)) == []
        assert EntryKind.WITHDRAWAL_CANCELLED not in kinds(store, PLAYER)
