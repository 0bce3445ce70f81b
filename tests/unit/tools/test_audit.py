"""The audit command: what it prints, what it returns, and where it refuses to go."""

import json
from pathlib import Path
from typing import Any

import pytest

from countroom.ledger.store import StoreBusy
from tests.unit.ledger.table import Ledger, all_kinds
from tools import audit


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger in place of the sandbox's."""
    made = all_kinds()
    monkeypatch.setattr(audit, "in_sandbox", lambda _path: made.store)
    return made


def test_a_ledger_that_agrees(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.items
    assert audit.main([]) == audit.AGREES
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "The count is right: every balance is the sum of its records."
    assert "EUR: bonus 50.00, cash 262.99998" in printed.out
    assert "NOTICE    open_hold       pl_anna  TX#gateway:standard#pl_anna-h3" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(("player", "status"), [("", 1), ("pl_anna", 1), ("pl_ben", 0)])
def test_a_ledger_that_does_not(ledger: Ledger, player: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.delete("RS#gateway:standard#pl_anna-d2")
    assert audit.main(["--player", player]) == status
    assert ("MISMATCH: the count is wrong in one place." in capsys.readouterr().out) == bool(status)


def test_a_report_as_json(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.delete("W#pl_anna")
    assert audit.main(["--json"]) == audit.MISMATCH
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["wallets"]) == (False, 2)


def test_anchors_that_were_kept(ledger: Ledger, tmp_path: Path) -> None:
    kept = tmp_path / "anchors.json"
    assert audit.main(["--anchors-out", str(kept)]) == audit.AGREES
    assert audit.main(["--anchors", str(kept)]) == audit.AGREES
    for item in ledger.items:
        if "pl_cho" in json.dumps(item, default=str):
            ledger.delete(item["pk"]["S"])
    assert audit.main([]) == audit.AGREES
    assert audit.main(["--anchors", str(kept)]) == audit.MISMATCH


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"anchors": []}', '{"anchors": {"a": 5}}', '{"anchors": {"a": "1:00"}}'])
def test_a_file_without_anchors(ledger: Ledger, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.items
    kept = tmp_path / "anchors.json"
    assert audit.main(["--anchors", str(kept)]) == audit.NO_AUDIT
    kept.write_text(text)
    assert audit.main(["--anchors", str(kept)]) == audit.NO_AUDIT
    assert capsys.readouterr().out == ""


def test_a_table_that_does_not_answer(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("ThrottlingException")

    monkeypatch.setattr(ledger.store, "scanned_page", busy)
    assert audit.main([]) == audit.NO_AUDIT
    assert capsys.readouterr().err == "The table does not answer (ThrottlingException): try again.\n"


def test_no_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--stack", str(tmp_path / "none.json")]) == audit.NO_AUDIT
    assert "make run" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--region", "eu-west-1"], ["--profile", "prod"]])
def test_settings_of_aws_go_with_a_table_only(arguments: list[str]) -> None:
    assert audit.main(arguments) == audit.NO_AUDIT


def test_sandbox_and_table_exclude_each_other() -> None:
    with pytest.raises(SystemExit) as refusal:
        audit.main(["--table", "ledger", "--stack", "stack.json"])
    assert refusal.value.code == audit.NO_AUDIT


def test_an_endpoint_of_the_environment_is_no_way_to_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    assert audit.main(["--table", "ledger", "--region", "eu-west-1"]) == audit.NO_AUDIT
    assert "AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_a_profile_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--table", "ledger", "--profile", "nobody"]) == audit.NO_AUDIT
    assert "ProfileNotFound" in capsys.readouterr().err


@pytest.mark.parametrize(("gone", "status"), [(False, 0), (True, 2)])
def test_a_table_in_aws(dynamodb: Any, gone: bool, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    if gone:
        dynamodb.delete_table(TableName="ledger")
    assert audit.main(["--table", "ledger", "--region", "eu-west-1"]) == status
    if gone:
        assert capsys.readouterr().err == "AWS refused Scan: ResourceNotFoundException.\n"
