"""Bad input at the cashier, gateway by gateway: a defined answer each time, and never money."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.gateway import adyen
from sandbox.gateway.__main__ import SPEAKERS
from sandbox.gateway.lives import Step
from sandbox.gateway.table import Event, Payment
from sandbox.provider.line import Message, exchange
from sandbox.stack import Stack
from sandbox.wire import Answer, send
from tests.e2e import world
from tests.e2e.world import post, problem

GATEWAYS = sorted(SPEAKERS)
WEBHOOKS = ["adyen", "standard", "stripe"]


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> world.Seat:
    return world.seat(stack, "0")


def payment_of(player: world.Seat, gateway: str, amount: str = "7.00", opened_through: str = "") -> Payment:
    """A payment for a new deposit."""
    deposit_id = player.api.open_deposit(amount, "EUR", gateway=opened_through or gateway)["deposit_id"]
    return Payment(deposit_id, SPEAKERS[gateway].new_payment_id(), Decimal(amount), "EUR", player.player_id)


def message_of(stack: Stack, gateway: str, payment: Payment, *, age: int = 0, forged: bool = False) -> Message:
    speaker, now = SPEAKERS[gateway], time.time()
    event = Event(Step.SUCCEEDED, speaker.new_event_id(), now, now - age, forged)
    return speaker.tell(stack.gateways[gateway], payment, event)


def answer_to(message: Message) -> Answer:
    return exchange(message).answer


def nothing_came_of_it(player: world.Seat, deposit_id: str, before: tuple[str, int]) -> None:
    """Let another deposit go all the way, then look: what came before it had its chance to do harm."""
    player.deposit("5.00")
    assert player.state() == (f"{Decimal(before[0]) + 5:.2f}", before[1] + world.OF_A_DEPOSIT)
    assert player.api.deposit(deposit_id)["status"] in {"created", "failed", "pending"}


# --------------------------------------------------------------------------------------------------- what players ask


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(({"amount": amount}, "amount") for amount in ("10.001", "10.0000000001", "-10.00", "0.00", "1e1", "NaN", "", "ten")),
        *(({"amount": amount}, "amount") for amount in ("0.01", "99999999.00")),
        *(({"currency": currency}, "currency") for currency in ("eur", "XXX", "")),
    ],
)
def test_a_deposit_of_a_wrong_amount_or_currency_is_not_opened(
    seated: world.Seat, gateway: str, change: dict[str, str], field: str
) -> None:
    before, listed = seated.state(), seated.api.call("GET", "/v1/deposits")["items"]
    said = {"amount": "10.00", "currency": "EUR", "gateway": gateway} | change
    answer = post(seated.api, "/v1/deposits", said, idempotency_key=secrets.token_hex(8))
    problem(answer, 400, "invalid_request", field)
    assert seated.state() == before
    assert seated.api.call("GET", "/v1/deposits")["items"] == listed


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_deposit_in_another_currency_than_the_wallets_is_not_opened(seated: world.Seat, gateway: str) -> None:
    said = {"amount": "10.00", "currency": "USD", "gateway": gateway}
    answer = post(seated.api, "/v1/deposits", said, idempotency_key=secrets.token_hex(8))
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("gateway", ["", "nobody", "STRIPE", "../standard", 7, None])
def test_a_gateway_that_the_house_does_not_have_is_named(seated: world.Seat, gateway: object) -> None:
    said = {"amount": "10.00", "currency": "EUR", "gateway": gateway}
    answer = post(seated.api, "/v1/deposits", said, idempotency_key=secrets.token_hex(8))
    problem(answer, 400, "invalid_request", "gateway")


def test_another_players_deposit_does_not_exist(seated: world.Seat, stranger: world.Seat) -> None:
    deposit_id = seated.api.open_deposit("10.00", "EUR")["deposit_id"]
    unknown = "dep_" + "a" * 20
    answers = [stranger.api.raw("GET", f"/v1/deposits/{name}", None) for name in (deposit_id, unknown, "dep_x", "..")]
    assert [answer.status for answer in answers] == [404] * 4
    foreign, none = ({**problem(answer, 404, "not_found"), "request_id": ""} for answer in answers[:2])
    assert foreign == none  # nobody learns that it exists


# -------------------------------------------------------------------------------------------------- what gateways say


@pytest.mark.parametrize("gateway", WEBHOOKS)
def test_a_forged_webhook(seated: world.Seat, gateway: str) -> None:
    payment, before = payment_of(seated, gateway), seated.state()
    answer = answer_to(message_of(seated.stack, gateway, payment, forged=True))
    assert (answer.status, answer.json()["code"]) == (401, "not_authenticated")
    assert seated.state() == before
    assert seated.api.deposit(payment.deposit_id)["status"] == "created"


@pytest.mark.parametrize("gateway", ["standard", "stripe"])
@pytest.mark.parametrize("age", [330, 86_400, -330, -86_400])
def test_a_stale_or_early_webhook(seated: world.Seat, gateway: str, age: int) -> None:
    payment, before = payment_of(seated, gateway), seated.state()
    assert answer_to(message_of(seated.stack, gateway, payment, age=age)).status == 401
    assert seated.state() == before


@pytest.mark.parametrize("gateway", WEBHOOKS)
@pytest.mark.parametrize("change", [{"currency": "USD"}, {"currency": "JPY", "amount": Decimal(7)}])
def test_a_payment_in_another_currency_is_never_credited(stack: Stack, gateway: str, change: dict[str, Any]) -> None:
    player = world.seat(stack, "0")
    payment, before = replace(payment_of(player, gateway), **change), player.state()
    assert answer_to(message_of(stack, gateway, payment)).status in {200, 202, 400}
    nothing_came_of_it(player, payment.deposit_id, before)


@pytest.mark.parametrize("gateway", WEBHOOKS)
def test_a_payment_in_a_currency_of_nobodys_is_refused(seated: world.Seat, gateway: str) -> None:
    payment, before = replace(payment_of(seated, gateway), currency="XXQ"), seated.state()
    answer = answer_to(message_of(seated.stack, gateway, payment))
    if gateway == "adyen":  # taken in, and left to people: what Adyen is refused holds up all that it has to say after it
        assert (answer.status, answer.body.strip()) == (200, b"[accepted]")
        nothing_came_of_it(seated, payment.deposit_id, before)
    else:
        assert (answer.status, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(("gateway", "other"), [("standard", "stripe"), ("stripe", "adyen"), ("adyen", "standard")])
def test_a_deposit_that_was_opened_through_another_gateway_is_not_this_ones(stack: Stack, gateway: str, other: str) -> None:
    player = world.seat(stack, "0")
    payment, before = payment_of(player, gateway, opened_through=other), player.state()
    assert answer_to(message_of(stack, gateway, payment)).status in {200, 202}
    nothing_came_of_it(player, payment.deposit_id, before)


@pytest.mark.parametrize("gateway", WEBHOOKS)
def test_a_deposit_of_nobodys_is_nobodys_money(stack: Stack, gateway: str) -> None:
    player = world.seat(stack, "0")
    unknown = "dep_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(20))
    payment, before = payment_of(player, gateway), player.state()
    told = Payment(unknown, payment.payment_id, payment.amount, "EUR")
    assert answer_to(message_of(stack, gateway, told)).status in {200, 202}
    nothing_came_of_it(player, payment.deposit_id, before)


@pytest.mark.parametrize("gateway", WEBHOOKS)
def test_a_body_over_the_limit(seated: world.Seat, gateway: str) -> None:
    message, before = message_of(seated.stack, gateway, payment_of(seated, gateway)), seated.state()
    padded = (message.body or b"") + b" " * 300_000
    assert answer_to(Message("POST", message.url, padded, message.headers)).status == 413
    assert seated.state() == before


def test_an_unknown_gateway(seated: world.Seat) -> None:
    for name in ("nobody", "STANDARD", "paymentiq/x", "%2e%2e"):
        assert send("POST", f"{seated.stack.apis.webhook}/v1/payments/{name}", body=b"{}").status == 404, name


# ------------------------------------------------------------------------------------------------- batches with bad items


def item_of(player: world.Seat, payment: Payment) -> dict[str, Any]:
    now = time.time()
    event = Event(Step.SUCCEEDED, adyen.SPEAKER.new_event_id(), now, now)
    return adyen.signed_item(player.stack.gateways["adyen"].secret, adyen.item_json(payment, event))


def other_signature(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"additionalData": {"hmacSignature": "A" * 43 + "="}}


def other_amount(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"amount": item["amount"] | {"value": 100_000}}


def no_amount(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "amount"}


@pytest.mark.parametrize("spoil", [other_signature, other_amount, no_amount, lambda _: {}, lambda _: "text", lambda _: None])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_a_batch_with_one_bad_item_the_good_ones_count(
    stack: Stack, stranger: world.Seat, spoil: Callable[[dict[str, Any]], Any], place: int
) -> None:
    player = stranger
    before = Decimal(player.state()[0])
    payments = [payment_of(player, "adyen", amount) for amount in ("3.00", "4.00", "5.00")]
    items = [item_of(player, payment) for payment in payments]
    items[place] = spoil(items[place])
    answer = answer_to(adyen.message(stack.gateways["adyen"], adyen.batch(items)))
    assert (answer.status, answer.body.strip()) == (200, b"[accepted]")
    bad = payments.pop(place)
    for payment in payments:
        world.await_credit(player, payment.deposit_id)
    assert Decimal(player.state()[0]) == before + sum(payment.amount for payment in payments)
    assert player.api.deposit(bad.deposit_id)["status"] == "created"


def test_a_batch_of_bad_items_only_is_refused(seated: world.Seat) -> None:
    payment, before = payment_of(seated, "adyen"), seated.state()
    body = adyen.batch([other_signature(item_of(seated, payment))] * 3)
    assert answer_to(adyen.message(seated.stack.gateways["adyen"], body)).status == 401
    for body in (b'{"notificationItems": []}', b'{"notificationItems": {}}', b"[]", b"{", json.dumps({"live": "false"}).encode()):
        assert answer_to(adyen.message(seated.stack.gateways["adyen"], body)).status in {400, 401}, body
    assert seated.state() == before
