"""Bad input at the webhook API: refused at the door or set aside by the worker, never money."""

import base64
import json
import secrets
import time
from decimal import Decimal
from typing import Any

import pytest

from sandbox.gateway import standard
from sandbox.stack import Stack
from sandbox.wire import send
from tests.e2e import world
from tests.e2e.world import OF_A_DEPOSIT


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


def event(deposit: str, **changes: Any) -> dict[str, Any]:
    """JSON of a correct event about a payment of its own; members of `data` are replaced, or left out where the change is `...`."""
    payment = f"pay_{secrets.token_hex(8)}"  # a payment pays one deposit only, and the stack is shared by every test
    said: dict[str, Any] = json.loads(standard.payment_event("payment.succeeded", deposit, payment, "7.00", "EUR", time.time()))
    data = said["data"] | changes
    return said | {"data": {key: value for key, value in data.items() if value is not ...}}


def open_deposit(player: world.Seat, amount: str = "7.00") -> str:
    return str(player.api.open_deposit(amount, "EUR")["deposit_id"])


def no_effect(player: world.Seat, deposit_id: str, before: tuple[str, int], *, abandoned: bool = False) -> None:
    """Let another deposit go all the way, then look: what came before it had its chance to do harm.

    `abandoned`: the first one came to nothing, which the wallet notes, since it gives back what that used of the limits.
    """
    player.deposit("5.00")
    assert player.state() == (f"{Decimal(before[0]) + 5:.2f}", before[1] + OF_A_DEPOSIT + abandoned)
    assert player.api.deposit(deposit_id)["status"] not in {"credited", "settled"}


@pytest.mark.parametrize("signature", ["", "v1,", "v1,AAAA", "v2,AAAA", "nonsense", "v1," + base64.b64encode(bytes(32)).decode()])
def test_a_bad_signature(seated: world.Seat, signature: str) -> None:
    deposit_id, before = open_deposit(seated), seated.state()
    answer = seated.deliver(json.dumps(event(deposit_id)).encode(), signature=signature)
    assert answer.status == 401
    assert answer.json()["code"] == "not_authenticated"
    assert seated.state() == before
    assert seated.api.deposit(deposit_id)["status"] == "created"


def test_a_signature_is_over_the_raw_bytes(seated: world.Seat) -> None:
    deposit_id, before = open_deposit(seated), seated.state()
    gateway = seated.stack.gateways["standard"]
    said, now = event(deposit_id), int(time.time())
    signature = standard.sign(gateway.secret, "msg_raw", now, json.dumps(said).encode())
    spaced = json.dumps(said, indent=1).encode()
    answer = standard.deliver(
        gateway.webhook_url, gateway.secret, spaced, message_id="msg_raw", timestamp=now, signature=signature
    ).answer
    assert answer.status == 401
    assert seated.state() == before


@pytest.mark.parametrize("age", [330, 86_400, -330, -86_400])
def test_a_stale_or_early_webhook(seated: world.Seat, age: int) -> None:
    deposit_id, before = open_deposit(seated), seated.state()
    answer = seated.deliver(json.dumps(event(deposit_id)).encode(), age=age)
    assert answer.status == 401
    assert seated.state() == before


def test_missing_headers(seated: world.Seat) -> None:
    deposit_id, before = open_deposit(seated), seated.state()
    gateway, body, now = seated.stack.gateways["standard"], json.dumps(event(deposit_id)).encode(), int(time.time())
    whole = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": standard.sign(gateway.secret, "msg_1", now, body),
    }
    for missing in whole:
        headers = {name: value for name, value in whole.items() if name != missing}
        assert send("POST", gateway.webhook_url, body=body, headers=headers).status == 401, missing
    assert seated.state() == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"{}", b'{"type":"payment.succeeded"}', b'{"type":7,"data":{}}', b"[" * 5000],
)
def test_a_signed_body_that_says_nothing(seated: world.Seat, body: bytes) -> None:
    before = seated.state()
    answer = seated.deliver(body)
    assert answer.status == 400
    assert answer.json()["code"] == "invalid_request"
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert seated.state() == before


@pytest.mark.parametrize(
    "change",
    [
        *({"amount": amount} for amount in (7, 7.0, True, None, "", "-7.00", "0", "0.00", "7,00", "1e3", "NaN", "Infinity", "+7")),
        *({"amount": amount} for amount in ("9" * 40, " 7.00", "\u0667", ...)),
        *({"currency": currency} for currency in (7, None, "", "EURO", "eur", ...)),
        *({"deposit_id": name} for name in (7, None, "", "dep_", "../x", "pl_aaaaaaaaaaaaaaaaaaaa", ...)),
        *({"payment_id": name} for name in (7, None, "", "a#b", "x" * 200, ...)),
    ],
    ids=lambda change: "-".join(f"{key}={value!r:.20}" for key, value in change.items()),
)
def test_a_signed_event_with_one_wrong_member(seated: world.Seat, change: dict[str, Any]) -> None:
    deposit_id, before = open_deposit(seated), seated.state()
    answer = seated.deliver(json.dumps(event(deposit_id, **change)).encode())
    assert answer.status == 400
    assert answer.json()["code"] == "invalid_request"
    assert seated.state() == before
    assert seated.api.deposit(deposit_id)["status"] == "created"


def test_an_unknown_gateway_or_method(seated: world.Seat) -> None:
    body = json.dumps(event(open_deposit(seated))).encode()
    before = seated.state()
    assert send("POST", f"{seated.stack.apis.webhook}/v1/payments/nobody", body=body).status == 404
    assert send("GET", f"{seated.stack.apis.webhook}/v1/payments/standard").status == 404
    assert send("POST", f"{seated.stack.apis.webhook}/", body=body).status == 404
    assert seated.state() == before


def test_a_body_that_is_too_large(seated: world.Seat) -> None:
    before = seated.state()
    assert seated.deliver(json.dumps(event("dep_x") | {"filler": "x" * 300_000}).encode()).status == 413
    assert seated.state() == before


def test_a_repeated_webhook_has_one_effect(stack: Stack) -> None:
    player = world.seat(stack, "0")
    deposit_id = open_deposit(player)
    body = json.dumps(event(deposit_id)).encode()
    before = player.state()
    answers = world.at_once(8, lambda _: player.deliver(body, message_id="msg_repeated"))
    assert {answer.status for answer in answers} == {202}
    world.await_credit(player, deposit_id)
    assert player.deliver(body, message_id="msg_other").status == 202  # the same payment under another message id
    player.deposit("5.00")
    assert player.state() == ("12.00", before[1] + 1 + OF_A_DEPOSIT)
    world.clean_audit(player)


def test_a_payment_that_is_told_again_with_other_figures_changes_nothing(stack: Stack) -> None:
    player = world.seat(stack, "0")
    deposit_id = open_deposit(player)
    said = event(deposit_id)
    assert player.deliver(json.dumps(said).encode()).status == 202
    world.await_credit(player, deposit_id)
    before = player.state()
    more = said | {"data": said["data"] | {"amount": "700.00"}}
    assert player.deliver(json.dumps(more).encode()).status == 202
    player.deposit("5.00")
    assert player.state() == ("12.00", before[1] + OF_A_DEPOSIT)
    world.clean_audit(player)


def test_a_second_payment_of_one_deposit_is_real_money_too_and_says_so(stack: Stack) -> None:
    player = world.seat(stack, "0")
    deposit_id = open_deposit(player)
    for said in (event(deposit_id), event(deposit_id, amount="3.00")):
        for _ in range(2):
            assert player.deliver(json.dumps(said).encode()).status == 202
    world.await_balance(player, "10.00")
    shown = player.api.deposit(deposit_id)
    assert shown["status"] == "credited"
    assert [one["cause"] for one in shown["events"]][-1].startswith("gateway.further_payment")
    world.clean_audit(player)


@pytest.mark.parametrize(
    "change", [{"currency": "USD"}, {"currency": "JPY", "amount": "7"}, {"amount": "7.001"}, {"amount": "7.0000000001"}]
)
def test_another_currency_or_too_fine_an_amount_is_never_credited(stack: Stack, change: dict[str, Any]) -> None:
    player = world.seat(stack, "0")
    deposit_id, before = open_deposit(player), player.state()
    assert player.deliver(json.dumps(event(deposit_id, **change)).encode()).status in {202, 400}
    no_effect(player, deposit_id, before)


def test_an_unknown_deposit_is_nobodys_money(stack: Stack) -> None:
    player = world.seat(stack, "0")
    unknown = "dep_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(20))
    deposit_id, before = open_deposit(player), player.state()
    assert player.deliver(json.dumps(event(unknown)).encode()).status == 202
    no_effect(player, deposit_id, before)


def test_a_failure_moves_no_money(stack: Stack) -> None:
    player = world.seat(stack, "0")
    deposit_id, before = open_deposit(player), player.state()
    said = event(deposit_id) | {"type": "payment.failed"}
    assert player.deliver(json.dumps(said).encode()).status == 202
    no_effect(player, deposit_id, before, abandoned=True)
    assert player.api.deposit(deposit_id)["status"] == "failed"
