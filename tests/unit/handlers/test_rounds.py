"""The stream's worker and the report of rounds left open, with events as Lambda gives them."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from countroom.games.rounds import LEFT_OPEN_MS, State, key_of
from countroom.games.rounds_store import RoundsStore
from countroom.ledger import items
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Bet, Deposit, OpenWallet, Reference, Rollback, StartSession, Win
from countroom.ledger.store import LedgerStore
from handlers import rounds_report, rounds_worker
from handlers.parts.stream import image_of
from tests.unit import rest
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.games.shelf import GAMES_TABLE, make_tables

UNIT = 10**9
KEY = key_of("pl_anna", "hub88", "r-1")


class Context(rest.Context):
    """A context with time, or without."""

    left_ms = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class LittleTime(Context):
    left_ms = 1_000


@pytest.fixture
def book(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    make_tables(dynamodb)
    monkeypatch.setenv("GAMES_TABLE", GAMES_TABLE)
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setattr("countroom.games.round_keeper.LOOK_BACK_MS", 3 * 24 * 3_600_000)
    for made in (rounds_worker._keeper, rounds_report._rounds):
        made.cache_clear()
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), FixedClock())
    book.post(OpenWallet.of("pl_anna", "EUR", "EE"))
    book.post(Deposit(Reference("gateway:standard", "d"), "pl_anna", "EUR", 1000 * UNIT))
    book.post(StartSession.of("pl_anna", "hub88", bytes(12), "x_reels", START_MS + 1000))
    yield book
    for made in (rounds_worker._keeper, rounds_report._rounds):
        made.cache_clear()


def bet(book: Book, name: str = "b1", round_id: str = "r-1", *, closes: bool | None = None) -> None:
    one = Reference("game:hub88", name)
    assert isinstance(book.post(Bet(one, "pl_anna", "EUR", 10 * UNIT, "x_reels", round_id, bytes(12), closes=closes)), Posted)


def win(book: Book, name: str = "w1", *, closes: bool | None = None) -> None:
    one, of = Reference("game:hub88", name), Reference("game:hub88", "b1")
    assert isinstance(book.post(Win(one, "pl_anna", "EUR", 0, "x_reels", "r-1", bet=of, closes=closes)), Posted)


def change(item: Mapping[str, Any], number: int, name: str = "INSERT") -> dict[str, Any]:
    """A change of the stream as Lambda gives it: bytes are base64 texts."""
    image = {
        attribute: {kind: base64.b64encode(content).decode() if kind == "B" else content}
        for attribute, value in item.items()
        for kind, content in value.items()
    }
    return {
        "eventID": f"event-{number}",
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": {"pk": item["pk"]}, "NewImage": image, "SequenceNumber": str(number), "StreamViewType": "NEW_IMAGE"},
    }


def stream(dynamodb: Any) -> list[dict[str, Any]]:
    found = dynamodb.scan(TableName=LEDGER_TABLE)["Items"]
    return [change(item, number) for number, item in enumerate(found, start=1)]


def work(changes: list[dict[str, Any]]) -> list[str]:
    """Hand changes to the worker; gives the sequence numbers that are to come back."""
    answer = rounds_worker.handler(json.loads(json.dumps({"Records": changes})), Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_the_whole_stream_is_taken_in_and_again_without_effect(book: Book, dynamodb: Any) -> None:
    bet(book)
    win(book)
    bet(book, "b2", "r-2")
    book.post(Rollback(Reference("game:hub88", "x2"), "pl_anna", Reference("game:hub88", "b2")))
    book.post(Rollback(Reference("game:hub88", "x9"), "pl_anna", Reference("game:hub88", "never-seen")))
    for _ in range(2):
        assert work(stream(dynamodb)) == []
        rounds = RoundsStore(dynamodb, GAMES_TABLE)
        first, second = rounds.round(KEY), rounds.round(key_of("pl_anna", "hub88", "r-2"))
        assert first is not None
        assert second is not None
        assert (first.state, second.state) == (State.SETTLED, State.ROLLED_BACK)


def test_a_change_that_cannot_be_taken_comes_back_alone(book: Book, dynamodb: Any) -> None:
    bet(book)
    win(book)
    changes = stream(dynamodb)
    (broken,) = [entry for entry in changes if entry["dynamodb"]["Keys"]["pk"]["S"].endswith("#b1")]
    broken["dynamodb"]["NewImage"]["d"] = {"S": "no record"}
    assert work(changes) == [broken["dynamodb"]["SequenceNumber"]]
    found = RoundsStore(dynamodb, GAMES_TABLE).round(KEY)
    assert found is not None
    assert [move.reference.transaction_id for move in found.moves] == ["w1"]


@pytest.mark.parametrize(
    "image", [{"pk": "x"}, {"pk": {"S": "TX#a", "N": "1"}}, {"pk": {"S": "TX#a#b"}, "n": {"B": "###"}}, ["x"]], ids=str
)
@pytest.mark.usefixtures("book")
def test_an_image_that_is_none_comes_back(image: Any) -> None:
    entry = {"eventID": "e", "eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": "7", "Keys": {}}}
    answer = rounds_worker.handler({"Records": [entry]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


@pytest.mark.usefixtures("book")
def test_what_is_no_record_and_what_leaves_no_image_is_passed_over(dynamodb: Any) -> None:
    gone = {"eventID": "e", "eventName": "REMOVE", "dynamodb": {"SequenceNumber": "8", "Keys": {}}}
    changes = [entry for entry in stream(dynamodb) if not entry["dynamodb"]["Keys"]["pk"]["S"].startswith("TX#")]
    assert changes
    assert work([gone, *changes]) == []
    assert dynamodb.scan(TableName=GAMES_TABLE)["Items"] == []


def test_a_table_that_is_away_makes_everything_come_back(book: Book, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bet(book)
    monkeypatch.setenv("GAMES_TABLE", "no-such-table")
    rounds_worker._keeper.cache_clear()
    record = [entry for entry in stream(dynamodb) if entry["dynamodb"]["Keys"]["pk"]["S"].endswith("#b1")]
    assert work(record) == [record[0]["dynamodb"]["SequenceNumber"]]


def test_what_comes_after_the_close_is_kept_counted_and_named(
    book: Book, dynamodb: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bet(book, closes=True)
    assert work(stream(dynamodb)) == []
    assert "MovementAfterClose" not in capsys.readouterr().out
    win(book)
    (late,) = [entry for entry in stream(dynamodb) if entry["dynamodb"]["Keys"]["pk"]["S"].endswith("#w1")]
    assert work([late]) == []
    said = capsys.readouterr().out
    assert '"MovementAfterClose":[1.0]' in said
    assert '"provider":"hub88"' in said
    lines = [vars(record) for record in caplog.records if record.message == "movement after close"]
    assert [(line["transaction"], line["kind"], line["round_id"]) for line in lines] == [("game:hub88#w1", "win", "r-1")]
    found = RoundsStore(dynamodb, GAMES_TABLE).round(KEY)
    assert found is not None
    assert [move["after_close"] for move in found.view()["moves"]] == [False, True]


def test_the_image_of_a_record_is_the_record(book: Book, dynamodb: Any) -> None:
    bet(book)
    for item in dynamodb.scan(TableName=LEDGER_TABLE)["Items"]:
        read = image_of(change(item, 1))
        assert read == item
        if items.kind_of(item) == "record":
            assert read is not None
            items.record_of(read)


class TestReport:
    @pytest.fixture
    def at(self, monkeypatch: pytest.MonkeyPatch) -> FixedClock:
        clock = FixedClock()
        monkeypatch.setattr(rounds_report, "system_clock", clock)
        return clock

    def test_a_round_left_open_is_reported_counted_and_named(
        self, book: Book, dynamodb: Any, at: FixedClock, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        bet(book)
        work(stream(dynamodb))
        assert rounds_report.handler({}, Context()) == {"left_open": 0, "complete": True, "rounds": []}
        at.advance(milliseconds=LEFT_OPEN_MS)
        capsys.readouterr()
        answer = rounds_report.handler({}, Context())
        line = {"provider": "hub88", "player_id": "pl_anna", "round_id": "r-1", "open_since": "2026-01-01T12:00:00.000Z"}
        assert answer == {"left_open": 1, "complete": True, "rounds": [line]}
        assert '"RoundsLeftOpen":[1.0]' in capsys.readouterr().out
        assert [vars(record)["round_id"] for record in caplog.records if record.message == "round left open"] == ["r-1"]
        win(book)
        work(stream(dynamodb))
        assert rounds_report.handler({}, Context())["left_open"] == 0
        assert '"RoundsLeftOpen":[0.0]' in capsys.readouterr().out  # a zero too, so that the alarm ends

    @pytest.mark.usefixtures("book", "at")
    def test_a_report_without_time_says_that_it_is_incomplete(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert rounds_report.handler({}, LittleTime()) == {"left_open": 0, "complete": False, "rounds": []}
        assert '"RoundsReportIncomplete":[1.0]' in capsys.readouterr().out

    @pytest.mark.usefixtures("book", "at")
    def test_a_report_that_cannot_be_made_is_not_an_empty_one(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("GAMES_TABLE", "no-such-table")
        rounds_report._rounds.cache_clear()
        with pytest.raises(rounds_report.ReportFailed):
            rounds_report.handler({}, Context())
        said = capsys.readouterr().out
        assert '"RoundsReportIncomplete":[1.0]' in said
        assert "RoundsLeftOpen" not in said
