"""A deposit's payment is opened at its gateway: once, whatever goes wrong on the way, and never made up."""

import json
import time
from collections.abc import Iterator

import pytest

from sandbox.faulty_server import Fault
from sandbox.gateway.__main__ import main
from sandbox.player import RETURN_URL
from sandbox.stack import Stack
from sandbox.wire import Answer, send
from tests.e2e import world
from tests.e2e.conftest import Sandbox

ASKED = ["adyen", "stripe"]
NOT_ASKED = ["standard", "paymentiq"]
FASTER_THAN_THE_GATEWAY_SECONDS = 29.0
RECOVERY_SECONDS = 90.0
KINDS = {"adyen": "session", "stripe": "intent"}


def order(stack: Stack, gateway: str, fault: str | None, times: int = 1) -> int:
    """Let the next calls of a gateway go wrong; gives how many payments it has made so far."""
    body = json.dumps({"fault": fault, "times": times}).encode()
    answer = send("PUT", f"{stack.payment_api}/{gateway}/fault", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    made: int = answer.json()["made"]
    return made


def opened(player: world.Seat, gateway: str, amount: str = "10.00") -> str:
    return str(player.api.open_deposit(amount, "EUR", gateway=gateway)["deposit_id"])


def pay(player: world.Seat, deposit_id: str) -> Answer:
    return player.api.raw("POST", f"/v1/deposits/{deposit_id}/payment", json.dumps({"return_url": RETURN_URL}).encode())


@pytest.fixture
def mended(stack: Stack, player: world.Seat) -> Iterator[None]:
    """Whatever a test breaks is whole afterwards: a circuit that has opened closes after a while."""
    yield
    for gateway in ASKED:
        order(stack, gateway, None)
        deposit_id, end = opened(player, gateway), time.monotonic() + RECOVERY_SECONDS
        while (answer := pay(player, deposit_id)).status != 200:
            assert time.monotonic() < end, answer.body
            time.sleep(1)


@pytest.mark.parametrize("gateway", ASKED)
def test_a_payment_is_opened_once_however_often_it_is_asked_for(stack: Stack, player: world.Seat, gateway: str) -> None:
    deposit_id, before = opened(player, gateway), order(stack, gateway, None)
    answers = [answer.json() for answer in world.at_once(6, lambda _: pay(player, deposit_id))]
    assert order(stack, gateway, None) == before + 1
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["kind"], answers[0]["gateway"], answers[0]["deposit_id"]) == (KINDS[gateway], gateway, deposit_id)
    assert player.api.deposit(deposit_id)["status"] == "created"


@pytest.mark.parametrize("gateway", NOT_ASKED)
def test_a_gateway_that_need_not_be_asked_says_so(player: world.Seat, gateway: str) -> None:
    assert player.api.open_payment(opened(player, gateway))["kind"] == "none"


def test_the_payment_that_was_opened_is_the_one_that_credits(sandbox: Sandbox, player: world.Seat) -> None:
    """Stripe speaks of the intent that the house was given; the deposit is credited by it and can then not be paid again."""
    deposit_id = opened(player, "stripe")
    payment_id = player.api.open_payment(deposit_id)["payment_id"]
    said = ["stripe", "pay", "--deposit", deposit_id, "--amount", "10.00", "--payment", payment_id]
    assert main([*said, "--stack", str(sandbox.stack_path)]) == 0
    end = time.monotonic() + 30
    while player.api.deposit(deposit_id)["status"] != "credited":
        assert time.monotonic() < end
        time.sleep(0.2)
    answer = pay(player, deposit_id)
    assert (answer.status, answer.json()["code"]) == (409, "deposit_not_payable")


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("gateway", ASKED)
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
def test_without_an_answer_there_is_a_named_refusal_and_then_one_payment(
    stack: Stack, player: world.Seat, gateway: str, fault: Fault
) -> None:
    deposit_id, before = opened(player, gateway), order(stack, gateway, fault, 10)
    began = time.monotonic()
    answer = pay(player, deposit_id)
    assert (answer.status, answer.json()["code"]) == (503, "gateway_unavailable")
    assert time.monotonic() - began < FASTER_THAN_THE_GATEWAY_SECONDS
    assert player.api.deposit(deposit_id)["status"] == "created"
    order(stack, gateway, None)
    end = time.monotonic() + RECOVERY_SECONDS
    while (answer := pay(player, deposit_id)).status != 200:
        assert time.monotonic() < end, answer.body
        time.sleep(1)
    assert order(stack, gateway, None) == before + 1


@pytest.mark.parametrize("gateway", ASKED)
def test_an_answer_that_is_lost_on_the_way_is_had_by_the_next_try(stack: Stack, player: world.Seat, gateway: str) -> None:
    deposit_id, before = opened(player, gateway), order(stack, gateway, Fault.LOST, 1)
    assert pay(player, deposit_id).status == 200
    assert order(stack, gateway, None) == before + 1


def test_the_gateways_let_nobody_else_in(stack: Stack) -> None:
    for path, headers in (("adyen/v71/sessions", {"X-API-Key": "x"}), ("stripe/v1/payment_intents", {"Authorization": "Bearer x"})):
        assert send("POST", f"{stack.payment_api}/{path}", body=b"{}", headers=headers | {"Idempotency-Key": "k"}).status == 401


def test_the_methods_of_a_player_can_be_paid_with(player: world.Seat) -> None:
    methods = player.api.methods()
    assert {one["gateway"] for one in methods} == {*ASKED, *NOT_ASKED}
    for one in methods:
        said = {"amount": one["smallest"], "currency": one["currency"], "gateway": one["gateway"], "method": one["method"]}
        body = json.dumps(said).encode()
        key = f"method-{one['gateway']}-{one['method']}-{time.time_ns()}"
        answer = player.api.raw("POST", "/v1/deposits", body, headers={"Idempotency-Key": key})
        assert (answer.status, answer.json()["method"]) == (201, one["method"])
        assert pay(player, answer.json()["deposit_id"]).status == 200


def test_a_method_of_another_country_is_refused_by_name(player: world.Seat) -> None:
    said = {"amount": "10.00", "currency": "EUR", "gateway": "stripe", "method": "bank"}
    answer = player.api.raw("POST", "/v1/deposits", json.dumps(said).encode(), headers={"Idempotency-Key": f"k-{time.time_ns()}"})
    assert (answer.status, answer.json()["code"]) == (409, "payment_method_not_allowed")
