"""The payment gateways at the command line: usage, exit status, and what they print."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.gateway import __main__ as program
from sandbox.gateway import play
from sandbox.gateway.__main__ import SPEAKERS, main
from sandbox.provider.line import Exchange, Message
from sandbox.reckoning import Books
from sandbox.stack import Gateway
from sandbox.wire import Answer
from tests.unit.sandbox.test_stack import STACK

BASE = "http://127.0.0.1:4566/v1"
SECRETS = {"standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "stripe": "whsec_x", "adyen": "AB" * 32, "paymentiq": "shared"}
ONE = ("--deposit", "dep_1", "--amount", "10.00")


@pytest.fixture
def stack(tmp_path: Path) -> str:
    path = tmp_path / "stack.json"
    gateways = {name: Gateway(f"{BASE}/{name}", secret) for name, secret in SECRETS.items()}
    replace(STACK, gateways=gateways).write(path)
    return str(path)


class Wire:
    """What went out, and what is answered: one answer for all."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.answer = Answer(202, b"")

    def exchange(self, message: Message, _timeout_seconds: float) -> Exchange:
        self.sent.append(message)
        return Exchange(message.url, message.body or b"", self.answer)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(program, "exchange", made.exchange)
    return made


@pytest.mark.parametrize(
    "words",
    [
        "standard",
        "standard pay",
        "standard pay --deposit dep_1",
        "standard pay --deposit dep_1 --amount ten",
        "standard pay --deposit dep_1 --amount NaN",
        "standard pay --deposit dep_1 --amount 10.00 --copies 101",
        "standard pay --deposit dep_1 --amount 10.00 --copies 0",
        "stripe settle --deposit dep_1 --amount 10.00",
        "paymentiq pay --deposit dep_1 --amount 10.00",
        "paymentiq pend --deposit dep_1 --amount 10.00 --user pl_1",
        "standard --player new --deposits 0",
        "standard --player new --chaos 1.5",
        "standard --player new --burst 1000",
        "other pay --deposit dep_1 --amount 10.00",
    ],
)
def test_wrong_usage_is_refused_before_anything_is_sent(words: str, stack: str, wire: Wire) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words.split(), "--stack", stack])
    assert ended.value.code == 2
    assert not wire.sent


@pytest.mark.parametrize(
    ("status", "expect", "code"),
    [(202, "", 0), (202, "401", 1), (401, "", 1), (401, "401", 0), (400, "401", 1), (503, "", 1), (503, "503", 0)],
)
@pytest.mark.parametrize("name", ["standard", "stripe"])
def test_the_exit_status_says_whether_the_answer_was_the_expected_one(
    name: str, status: int, expect: str, code: int, stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.answer = Answer(status, b"said")
    assert main([name, "pay", *ONE, "--expect", expect, "--stack", stack]) == code
    said = capsys.readouterr()
    assert f"→ {status} said" in said.out
    assert bool(said.err) == bool(code)


def test_copies_are_the_same_bytes_and_what_was_sent_is_told(stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["standard", "pay", *ONE, "--copies", "3", "--message", "msg_1", "--json", "--stack", stack]) == 0
    assert len(wire.sent) == 3
    assert len({(one.body, one.headers["webhook-signature"]) for one in wire.sent}) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["status"] for one in told] == [202] * 3
    assert told[0]["headers"]["webhook-id"] == "msg_1"
    assert told[0]["request"]["data"]["deposit_id"] == "dep_1"
    assert SECRETS["standard"] not in json.dumps(told)


def test_paymentiq_is_asked_before_it_pays(stack: str, wire: Wire) -> None:
    wire.answer = Answer(200, b'{"success": true, "authCode": "a-1"}')
    assert main(["paymentiq", "pay", *ONE, "--user", "pl_1", "--copies", "2", "--stack", stack]) == 0
    assert [one.url.rsplit("/", 1)[1] for one in wire.sent] == ["verifyuser", "authorize", "transfer", "transfer"]
    assert json.loads(wire.sent[-1].body or b"")["authCode"] == "a-1"


def test_paymentiq_does_not_pay_what_is_not_authorised(stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    wire.answer = Answer(200, b'{"success": false, "errCode": "BLOCKED"}')
    assert main(["paymentiq", "pay", *ONE, "--user", "pl_1", "--stack", stack]) == 1
    assert len(wire.sent) == 1
    assert "verifyuser was answered with BLOCKED" in capsys.readouterr().err


def test_one_deposit_lives_the_life_of_its_magic_amount(stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stripe", "magic", "--deposit", "dep_1", "--amount", "10.05", "--stack", stack]) == 0
    kinds = [json.loads(one.body or b"")["type"] for one in wire.sent]
    assert kinds == ["payment_intent.succeeded", "charge.dispute.funds_withdrawn"]
    assert "must end as reversed" in capsys.readouterr().err


def test_a_wrong_signature_must_be_refused(stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["standard", "magic", "--deposit", "dep_1", "--amount", "10.07", "--stack", stack]
    assert main(words) == 1
    assert "a forged pay was answered with 202" in capsys.readouterr().err
    wire.answer = Answer(401, b"")
    assert main(words) == 0


def test_a_life_that_the_gateway_cannot_speak_of_is_told(stack: str, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stripe", "magic", "--deposit", "dep_1", "--amount", "10.13", "--stack", stack]) == 1
    assert "stripe cannot say: paid and settled" in capsys.readouterr().err
    assert not wire.sent


def test_without_its_keys_a_gateway_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stack.json"
    STACK.write(path)
    assert main(["adyen", "pay", *ONE, "--stack", str(path)]) == 1
    assert "stack.json has no keys of adyen" in capsys.readouterr().err


@pytest.mark.parametrize("name", SPEAKERS)
def test_help_tells_the_magic_amounts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "…07  wrong signature" in capsys.readouterr().out


@pytest.mark.parametrize(("wallet", "code"), [("5", 0), ("6", 1)])
def test_a_run_prints_its_seed_and_fails_on_a_difference(
    wallet: str, code: int, stack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans: list[play.Plan] = []

    def run(_stack: Any, _speaker: Any, plan: play.Plan) -> play.Result:
        plans.append(plan)
        report = {"ok": True, "wallets": 1, "records": 3}
        return play.Result("pl_1", "EUR", plan.seed, Decimal(0), Books(Decimal(5)), Decimal(wallet), report, plan, 1.5)

    monkeypatch.setattr(play, "run", run)
    words = ["adyen", "--player", "new", "--deposits", "7", "--chaos", "0.25", "--stack", stack]
    assert main([*words, "--seed", "11"]) == code
    assert plans == [play.Plan("adyen", "new", 7, 0.25, 1, 11)]
    said = capsys.readouterr().out
    assert "adyen: 7 deposits, chaos 0.25, burst 1, seed 11" in said
    assert "7 deposits in 1.5 s" in said
    main(words)
    assert f"seed {plans[1].seed}" in capsys.readouterr().out
