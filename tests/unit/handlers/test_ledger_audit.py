import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.ledger import items
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Deposit, Hold, OpenWallet, Reference
from countroom.ledger.store import LedgerStore
from handlers import ledger_audit
from handlers.ledger_audit import LEFT_MS_MIN, AuditFailed
from tests.unit.conftest import LEDGER_TABLE

PLAYER = "pl_abcdefghijklmnopqrst"
OTHER = "pl_bbbbbbbbbbbbbbbbbbbb"
UNIT = 10**9


@dataclass
class Context:
    """The part of a Lambda context that is read, and a time that does not pass by itself."""

    left_ms: int = 900_000
    function_name: str = "unit-test"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:unit-test"
    aws_request_id: str = "lambda-request"

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@pytest.fixture(autouse=True)
def table(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    ledger_audit._store.cache_clear()
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), system_clock)
    for player in (PLAYER, OTHER):
        assert isinstance(book.post(OpenWallet.of(player, "EUR", "EE")), Posted)
        assert isinstance(book.post(Deposit(Reference("gateway:standard", f"dep-{player}"), player, "EUR", 100 * UNIT)), Posted)
    assert isinstance(book.post(Hold(Reference("cashier:withdrawal", "w1"), PLAYER, "EUR", 20 * UNIT)), Posted)
    yield dynamodb
    ledger_audit._store.cache_clear()


def audit(event: dict[str, Any] | None = None, context: Context | None = None) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(json.dumps(ledger_audit.handler(event or {}, context or Context())))
    return report


def embedded(printed: str) -> dict[str, float]:
    """The last embedded metrics on standard output."""
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    names = [metric["Name"] for metric in lines[-1]["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: lines[-1][name][0] for name in names}


def spoil(table: Any) -> None:
    """Raise a balance past all rules."""
    (stored,) = [item for item in table.scan(TableName=LEDGER_TABLE)["Items"] if item["pk"]["S"] == f"W#{PLAYER}"]
    wallet = items.wallet_of(stored)
    table.put_item(TableName=LEDGER_TABLE, Item=items.wallet_item(replace(wallet, cash=wallet.cash + 10 * 10**9)))


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    report = audit()
    assert (report["ok"], report["complete"], report["mismatches"]) == (True, True, 0)
    assert (report["wallets"], report["records"], report["markers"]) == (2, 5, 0)
    assert report["counts"] == {"open_hold": 1}
    assert report["sums"] == {"EUR": {"cash": "180.00", "bonus": "0.00", "held": "20.00", "gateway:standard": "-200.00"}}
    assert report["elapsed_ms"] >= 0
    assert set(report["anchors"]) == {PLAYER, OTHER}
    assert embedded(capsys.readouterr().out) == {"ReconciliationMismatch": 0, "InvariantViolation": 0, "AuditIncomplete": 0}


def test_a_balance_that_was_raised(table: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    spoil(table)
    report = audit()
    assert not report["ok"]
    assert report["rechecked"] == 1
    assert report["counts"]["sum"] == 2
    assert {finding["player_id"] for finding in report["findings"]} == {PLAYER}
    assert {finding["key"] for finding in report["findings"] if finding["level"] == "mismatch"} == {f"W#{PLAYER}"}
    assert embedded(capsys.readouterr().out)["ReconciliationMismatch"] == report["mismatches"] == 3
    assert caplog.messages.count("mismatch") == 3


def test_one_player(table: Any) -> None:
    spoil(table)
    assert audit({"player_id": OTHER})["ok"]
    report = audit({"player_id": PLAYER})
    assert (report["wallets"], report["records"], report["ok"]) == (1, 3, False)


def test_an_earlier_reports_anchors(table: Any) -> None:
    anchors = audit()["anchors"]
    assert audit({"anchors": anchors})["ok"]
    for item in table.scan(TableName=LEDGER_TABLE)["Items"]:
        if OTHER in json.dumps(item, default=str):
            table.delete_item(TableName=LEDGER_TABLE, Key={"pk": item["pk"]})
    assert audit()["ok"]
    report = audit({"anchors": anchors})
    assert (report["ok"], report["counts"]["anchor"]) == (False, 1)
    assert not audit({"player_id": OTHER, "anchors": anchors})["ok"]
    assert audit({"player_id": PLAYER, "anchors": anchors})["ok"]


@pytest.mark.parametrize(("left_ms", "complete"), [(LEFT_MS_MIN, True), (LEFT_MS_MIN - 1, False)])
def test_time_runs_out(left_ms: int, complete: bool, capsys: pytest.CaptureFixture[str]) -> None:
    report = audit(context=Context(left_ms=left_ms))
    assert (report["complete"], report["ok"]) == (complete, complete)
    assert embedded(capsys.readouterr().out)["AuditIncomplete"] == int(not complete)


@pytest.mark.parametrize(
    "event",
    [
        {"player": PLAYER},
        {"player_id": ""},
        {"player_id": None},
        {"player_id": 7},
        {"player_id": "a b"},
        {"player_id": "x" * 33},
        {"anchors": []},
        {"anchors": {PLAYER: "1"}},
        {"anchors": {PLAYER: None}},
        {"anchors": {"a b": "1:" + "00" * 32}},
    ],
)
def test_an_event_that_makes_no_sense(event: dict[str, Any]) -> None:
    with pytest.raises(AuditFailed) as refusal:
        audit(event)
    assert refusal.value.__cause__ is None
    assert "a b" not in str(refusal.value)


def test_nothing_internal_goes_out(table: Any, caplog: pytest.LogCaptureFixture) -> None:
    table.delete_table(TableName=LEDGER_TABLE)
    with pytest.raises(AuditFailed) as failure:
        audit()
    assert str(failure.value) == "The audit could not be completed; its log says why."
    assert failure.value.__suppress_context__
    assert caplog.messages == ["audit failed"]
