"""The providers at the command line: usage, exit status, and what they make of answers."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.provider import action_batch, hub88, play, swipe
from sandbox.provider.__main__ import main
from sandbox.provider.line import Exchange, Outcome
from sandbox.provider.table import Seat, Turn
from sandbox.reckoning import Books
from sandbox.stack import Provider
from sandbox.wire import Answer
from tests.unit.sandbox.test_stack import STACK

SEAT = Seat(Provider("http://127.0.0.1:1", secret="s"), "pl_1", "EUR", "g", "t")
YEN = Seat(Provider("http://127.0.0.1:1", secret="s"), "pl_1", "JPY", "g", "t")


@pytest.fixture
def stack(tmp_path: Path) -> str:
    path = tmp_path / "stack.json"
    STACK.write(path)
    return str(path)


def answer(said: object, status: int = 200) -> Answer:
    return Answer(status, said if isinstance(said, bytes) else json.dumps(said).encode())


@pytest.mark.parametrize(
    "words",
    [
        "hub88 win --token t --amount 1.00",
        "hub88 rollback --token t",
        "hub88 bet",
        "swipe refund --token t",
        "swipe bet",
        "action_batch rollback --user pl_1",
        "action_batch bet",
        "hub88",
        "hub88 --player new --rounds 0",
        "hub88 --player new --chaos 1.5",
        "hub88 --player new --burst 1000",
        "other bet",
    ],
)
def test_wrong_usage_is_refused_before_anything_is_sent(words: str, stack: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words.split(), "--stack", stack])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("status", "expect", "code"),
    [
        ("RS_OK", "", 0),
        ("RS_ERROR_NOT_ENOUGH_MONEY", "", 1),
        ("RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_NOT_ENOUGH_MONEY", 0),
        ("RS_OK", "RS_ERROR_NOT_ENOUGH_MONEY", 1),
        ("RS_ERROR_UNKNOWN", "", 1),
    ],
)
def test_the_exit_status_is_that_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, stack: str, status: str, expect: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"status": status} | ({"balance": 100_000} if status == "RS_OK" else {})
    monkeypatch.setattr(hub88, "run", lambda _provider, _options: Exchange("http://127.0.0.1:1/x", b'{"a":1}', answer(said)))
    words = ["hub88", "bet", "--token", "t", "--json", "--stack", stack, *(["--expect", expect] if expect else [])]
    assert main(words) == code
    shown = capsys.readouterr()
    assert json.loads(shown.out)["request"] == {"a": 1}
    assert (status in shown.err) is (code != 0)


def test_a_stack_without_this_provider_is_said(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(Path(stack).read_text(encoding="utf-8"))
    said["providers"] = {"hub88": said["providers"]["hub88"]}
    Path(stack).write_text(json.dumps(said), encoding="utf-8")
    assert main(["swipe", "balance", "--token", "t", "--stack", stack]) == 1
    assert "no keys of swipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "status", "outcome", "word", "balance"),
    [
        ({"status": "RS_OK", "balance": 356_000}, 200, Outcome.STANDS, "RS_OK", "3.56"),
        ({"status": "RS_OK", "balance": "1"}, 200, Outcome.OPEN, "RS_OK without a balance", None),
        ({"status": "RS_OK"}, 500, Outcome.OPEN, "HTTP 500", None),
        ({"status": "RS_ERROR_TIMEOUT"}, 200, Outcome.OPEN, "RS_ERROR_TIMEOUT", None),
        ({"status": "RS_ERROR_USER_DISABLED"}, 200, Outcome.REFUSED, "RS_ERROR_USER_DISABLED", None),
        ({}, 200, Outcome.OPEN, "", None),
        (b"<html>", 200, Outcome.OPEN, "HTTP 200", None),
        ([], 200, Outcome.OPEN, "HTTP 200", None),
    ],
)
def test_hub88_reads_answers(said: Any, status: int, outcome: Outcome, word: str, balance: str | None) -> None:
    verdict = hub88.SPEAKER.read(SEAT, answer(said, status))
    assert (verdict.outcome, verdict.word, verdict.balance) == (outcome, word, Decimal(balance) if balance else None)


@pytest.mark.parametrize(
    ("said", "status", "outcome", "word"),
    [
        ({"balance": "3.56", "txID": "n"}, 200, Outcome.STANDS, "200"),
        ({"txID": "n"}, 200, Outcome.OPEN, "200 without a balance"),
        ({"balance": "many"}, 200, Outcome.OPEN, "200 without a balance"),
        ({"code": "insufficient_funds", "message": "m"}, 400, Outcome.REFUSED, "400 insufficient_funds"),
        ({"message": "m"}, 401, Outcome.REFUSED, "401"),
        ({"message": "m"}, 500, Outcome.OPEN, "500"),
        (b"gateway", 504, Outcome.OPEN, "504"),
    ],
)
def test_swipe_reads_answers(said: Any, status: int, outcome: Outcome, word: str) -> None:
    verdict = swipe.SPEAKER.read(SEAT, answer(said, status))
    assert (verdict.outcome, verdict.word) == (outcome, word)
    if outcome is Outcome.STANDS:
        assert (verdict.balance, verdict.names) == (Decimal("3.56"), ("n",))


@pytest.mark.parametrize(
    ("said", "status", "outcome", "word"),
    [
        ({"balance": 356, "transactions": [{"action_id": "a", "tx_id": "n"}]}, 200, Outcome.STANDS, "200"),
        ({"balance": "356"}, 200, Outcome.OPEN, "200 without a balance"),
        ({"balance": 3.56}, 200, Outcome.OPEN, "200 without a balance"),
        ({"code": 100, "message": "m"}, 412, Outcome.REFUSED, "412 100"),
        ({"code": 500}, 500, Outcome.OPEN, "500 500"),
        (b"gateway", 200, Outcome.OPEN, "200 without a balance"),
    ],
)
def test_action_batch_reads_answers(said: Any, status: int, outcome: Outcome, word: str) -> None:
    verdict = action_batch.SPEAKER.read(SEAT, answer(said, status))
    assert (verdict.outcome, verdict.word) == (outcome, word)
    if outcome is Outcome.STANDS:
        assert (verdict.balance, verdict.names) == (Decimal("3.56"), ("n",))
        assert action_batch.SPEAKER.read(YEN, answer(said, status)).balance == 356


def test_a_batch_holds_bet_and_win_in_their_order() -> None:
    bet, win = Turn("b", "r", Decimal("1.50")), Turn("w", "r", Decimal("2.00"), "b", closes=True)
    message = action_batch.SPEAKER.both(SEAT, bet, win)
    assert message is not None
    assert message.body is not None
    assert json.loads(message.body) == {
        "user_id": "pl_1",
        "currency": "EUR",
        "game": "g",
        "game_id": "r",
        "finished": True,
        "actions": [{"action": "bet", "action_id": "b", "amount": 150}, {"action": "win", "action_id": "w", "amount": 200}],
    }
    assert hub88.SPEAKER.both(SEAT, bet, win) is None
    assert swipe.SPEAKER.both(SEAT, bet, win) is None


def test_a_refund_names_what_it_is_about() -> None:
    message = swipe.SPEAKER.rollback(SEAT, Turn("new", "r", Decimal("1.50"), "old"))
    assert message.url.endswith("/refund")
    assert message.body is not None
    assert json.loads(message.body) == {"sessionID": "t", "txID": "new", "origTxID": "old", "roundID": "r", "amount": "1.50"}


def result(*, wallet: str = "90", differences: tuple[str, ...] = (), ok: bool = True) -> play.Result:
    books = Books(Decimal(90))
    books.differences.extend(differences)
    books.count("rounds")
    plan = play.Plan("swipe", "new", 1, 0.1, 1, 42)
    return play.Result("pl_1", "EUR", 42, Decimal(100), books, Decimal(wallet), {"ok": ok, "wallets": 1, "records": 7}, plan)


def test_a_run_is_right_only_if_answers_balance_and_audit_are() -> None:
    assert result().right
    assert not result(wallet="89.99").right
    assert not result(differences=("a bet",)).right
    assert not result(ok=False).right
    assert "the count is right" in play.told(result())
    said = play.told(result(wallet="89.99", differences=("a bet after its rollback",)))
    assert "IS -0.01 OFF" in said
    assert "DIFFERENCE a bet after its rollback" in said
    assert "NOT RIGHT (seed 42)" in said
