"""The launcher's verdicts: what it answers to bad settings, a second run, a failed journey and signals."""

import base64
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox import outside, run
from sandbox.gateway import payment_server
from sandbox.gateway.__main__ import main as gateway
from sandbox.journey import Journey
from sandbox.payouts import server as payout_server
from sandbox.provider import hub88, launch_server
from sandbox.provider.__main__ import main as provider
from sandbox.register import server as register_server
from sandbox.screen import Screen
from sandbox.stack import Player, Stack
from sandbox.teller import DeviationError
from sandbox.vendor import server as vendor_server
from tests.unit.sandbox.test_stack import STACK


@pytest.fixture(autouse=True)
def own_process_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The launcher changes signal handlers and its environment; both come back."""
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"COUNTROOM_STATE_DIR": str(tmp_path)})
    before = {number: signal.getsignal(number) for number in run._SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that is up at once, without an emulator."""

    @contextlib.contextmanager
    def running(_settings: run.Settings, _screen: Screen) -> Iterator[Stack]:
        yield STACK

    monkeypatch.setattr(run, "running", running)


@pytest.mark.usefixtures("deployed")
def test_a_walked_journey_is_success_and_leaves_players(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    players = [Player("pl_2", "b@example.com", "p", "EUR", "MT")]
    monkeypatch.setattr(Journey, "walk", lambda _: players)
    assert run.main(once=True) == 0
    assert Stack.read(tmp_path / "stack.json") == replace(STACK, players=players)


@pytest.mark.usefixtures("deployed")
def test_a_deviation_is_failure_with_one_clear_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def walk(_: Journey) -> list[Player]:
        raise DeviationError("after step 8: the balance is '1.00' and must be '2.00'")

    monkeypatch.setattr(Journey, "walk", walk)
    monkeypatch.setattr("sandbox.function_logs.save", lambda _endpoint, _path: None)
    assert run.main(once=True) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "THE JOURNEY FAILED after step 8: the balance is '1.00' and must be '2.00'" in last


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("number", run._SIGNALS)
def test_a_signal_on_the_way_stops_it(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setattr(Journey, "walk", lambda _: os.kill(os.getpid(), number))
    assert run.main(once=True) == 130


class Outputs(dict[str, str]):
    """Whatever output is asked for is there, and named after itself."""

    def __missing__(self, name: str) -> str:
        return f"https://{name.lower()}.execute-api.eu-west-1.amazonaws.com/live" if name.endswith("Url") else f"arn:{name}"

    def get(self, name: str, _default: object = None) -> str:
        return self[name]


def test_each_side_gets_its_half_of_the_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the providers and gateways sign with, the house can check, and the other way round; nobody holds more."""
    handed: dict[str, Any] = {}
    monkeypatch.setattr("sandbox.keys.hand_over", lambda _endpoint, values: handed.update(values))
    (tmp_path / "left-out.json").write_text("[]", encoding="utf-8")
    desk = launch_server.Desk(url="http://127.0.0.1:4567")
    till = payment_server.Desk(url="http://127.0.0.1:4568")
    payer = payout_server.Counter(url="http://127.0.0.1:4569")
    vendor = vendor_server.Desk(url="http://127.0.0.1:4570")
    register = register_server.Desk(url="http://127.0.0.1:4571")
    desks = outside.Desks(desk, till, payer, vendor, register)
    stack = outside.hand_over_keys("http://127.0.0.1:4566", Outputs(), tmp_path, desks)

    body = b'{"a":1}'
    public = serialization.load_pem_public_key(handed["arn:Hub88SecretArn"]["public_keys"][0].encode())
    assert isinstance(public, rsa.RSAPublicKey)
    signature = base64.b64decode(hub88.sign(stack.providers["hub88"].private_key, body))
    public.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    assert desk.signed("hub88", hub88.sign(handed["arn:Hub88SecretArn"]["launch_private_key"], body), body)
    assert not desk.signed("hub88", hub88.sign(stack.providers["hub88"].private_key, body), body)
    for name, arn in (("swipe", "arn:SwipeSecretArn"), ("action_batch", "arn:ActionBatchSecretArn")):
        assert handed[arn]["secrets"] == [stack.providers[name].secret]
        assert handed[arn]["launch_secret"] == desk.shared[name] != stack.providers[name].secret
        assert stack.providers[name].base_url.endswith(f"/v1/{name}")
    for name, arn in outside.GATEWAY_SECRETS.items():
        assert handed[f"arn:{arn}"] == {"secrets": [stack.gateways[name].secret]}
    assert len({gateway.secret for gateway in stack.gateways.values()}) == len(stack.gateways) == 4
    assert len(bytes.fromhex(stack.gateways["adyen"].secret)) == 32
    assert stack.mailbox == "http://127.0.0.1:4566/_ministack/ses/messages"
    assert (stack.launch_api, stack.payment_api, stack.payout_api) == (desk.url, till.url, payer.url)
    for name, arn in outside.PAYMENT_SECRETS.items():
        (key,) = handed[f"arn:{arn}"]["api_keys"]
        assert key == till.keys[name] != stack.gateways[name].secret
    assert handed["arn:AdyenPayoutSecretArn"]["api_key"] == payer.api_key not in {one.secret for one in stack.gateways.values()}
    assert handed["arn:PaymentiqPayoutSecretArn"] == payer.secrets["paymentiq"]
    assert payer.gateways == stack.gateways
    assert handed["arn:SumsubVerificationSecretArn"] == {"api_keys": [{"token": vendor.token, "secret_key": vendor.secret_key}]}
    assert handed["arn:SumsubWebhookSecretArn"] == {"secrets": [stack.vendors["sumsub"].secret]}
    assert stack.vendors["sumsub"].secret not in {vendor.token, vendor.secret_key}
    assert stack.vendors["sumsub"].webhook_url.endswith("/v1/verification/sumsub")
    assert handed["arn:GamstopRegisterSecretArn"] == {"api_key": register.key}
    assert (stack.vendor_api, stack.register_api) == (vendor.url, register.url)
    assert desks.urls == {
        "launch-urls": desk.urls,
        "payment-urls": till.urls,
        "payout-urls": payer.urls,
        "verification-urls": {"sumsub": f"{vendor.url}/sumsub"},
        "register-urls": {"GAMSTOP": f"{register.url}/gamstop"},
    }
    assert {one.name for one in stack.staff} == {"auditor", "support", "games", "payments", "safety"}
    told = json.dumps(stack.as_json())
    held = (*desk.shared.values(), *till.keys.values(), payer.api_key, vendor.secret_key, register.key)
    assert not any(secret in told for secret in held)
    assert json.dumps(handed["arn:Hub88SecretArn"]["launch_private_key"]) not in told


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    settings = run.Settings(4566, tmp_path)
    refused = pytest.raises(run.RunError, match=f"process {os.getpid()}.*`kill {os.getpid()}`")
    with run._only_one(tmp_path), refused, run.running(settings, Screen()):
        raise AssertionError("it must not get here")
    with run._only_one(tmp_path):
        pass


def test_the_port_comes_from_the_environment(tmp_path: Path) -> None:
    assert run.settings_from_environment() == run.Settings(4566, tmp_path)
    os.environ["COUNTROOM_PORT"] = "4999"
    assert run.settings_from_environment().port == 4999
    for wrong in ("80", "65536", "x", "٤٥٦٦", "4566 "):
        os.environ["COUNTROOM_PORT"] = wrong
        with pytest.raises(run.RunError, match="set it to a number from 1024 to 65535"):
            run.settings_from_environment()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (provider, ["hub88", "bet", "--token", "t"]),
        (gateway, ["standard", "pay", "--deposit", "dep_x", "--amount", "1.00"]),
    ],
)
def test_the_outside_programs_say_that_nothing_runs(
    program: object, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(program)
    assert program([*words, "--stack", str(tmp_path / "stack.json")]) == 1
    assert "start the sandbox with `make run` first" in capsys.readouterr().err
