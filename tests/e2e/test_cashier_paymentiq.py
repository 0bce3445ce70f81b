"""Bad input and repeats at PaymentIQ's entrance: each call has a defined answer, and the same call has the same one."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.gateway.paymentiq import SECRET_HEADER, SPEAKER, call, common
from sandbox.gateway.table import Payment
from sandbox.provider.line import Message, exchange
from sandbox.stack import Stack
from sandbox.wire import Answer, send
from tests.e2e import world

ACTIONS = ["verifyuser", "authorize", "transfer", "cancel"]


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> world.Seat:
    return world.seat(stack, "0")


def payment_of(player: world.Seat, amount: str = "7.00", gateway: str = "paymentiq") -> Payment:
    deposit_id = player.api.open_deposit(amount, "EUR", gateway=gateway)["deposit_id"]
    return Payment(deposit_id, SPEAKER.new_payment_id(), Decimal(amount), "EUR", player.player_id, deposit_id)


def said_of(payment: Payment, action: str, **changes: Any) -> dict[str, Any]:
    """What a correct call says, with members replaced, or left out where the change is `...`."""
    if action == "verifyuser":
        said: dict[str, Any] = {"sessionId": payment.deposit_id, "userId": payment.player_id}
    elif action == "cancel":
        said = {"userId": payment.player_id, "txId": payment.payment_id, "authCode": payment.authorisation}
    else:
        said = common(payment, f"{payment.amount:f}", payment.payment_id)
    return {name: value for name, value in (said | changes).items() if value is not ...}


def ask(stack: Stack, action: str, said: dict[str, Any], *, forged: bool = False) -> Answer:
    return exchange(call(stack.gateways["paymentiq"], action, said, forged=forged)).answer


def refusal(answer: Answer, status: int, code: str) -> None:
    said = answer.json()
    assert (answer.status, said["success"], said["errCode"]) == (status, False, code), said
    assert said["errMsg"]


# ------------------------------------------------------------------------------------------------------------ who calls


@pytest.mark.parametrize("action", ACTIONS)
def test_without_the_shared_secret_nothing_is_answered(seated: world.Seat, action: str) -> None:
    payment, before = payment_of(seated), seated.state()
    message = call(seated.stack.gateways["paymentiq"], action, said_of(payment, action))
    for secret in (None, "", "x", message.headers[SECRET_HEADER][:-1], message.headers[SECRET_HEADER] + "x"):
        headers = {name: value for name, value in message.headers.items() if name != SECRET_HEADER}
        headers |= {SECRET_HEADER: secret} if secret is not None else {}
        refusal(exchange(Message("POST", message.url, message.body, headers)).answer, 401, "NOT_AUTHENTICATED")
    refusal(ask(seated.stack, action, said_of(payment, action), forged=True), 401, "NOT_AUTHENTICATED")
    assert seated.state() == before
    assert seated.api.deposit(payment.deposit_id)["status"] == "created"


def test_there_are_four_calls_and_no_other(seated: world.Seat) -> None:
    gateway = seated.stack.gateways["paymentiq"]
    for action in ("refund", "TRANSFER", "transfer/x"):
        answer = exchange(call(gateway, action, said_of(payment_of(seated), "transfer"))).answer
        assert answer.status in {400, 404}, action
    assert send("GET", f"{gateway.webhook_url}/transfer", headers={SECRET_HEADER: gateway.secret}).status == 404


# ------------------------------------------------------------------------------------------------------- ill-formed calls


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"', b"{}", b'{"userId":"a","userId":"b"}', b"[" * 5000, b"\xff"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_body_that_says_nothing(seated: world.Seat, action: str, body: bytes) -> None:
    before, gateway = seated.state(), seated.stack.gateways["paymentiq"]
    answer = send("POST", f"{gateway.webhook_url}/{action}", body=body, headers={SECRET_HEADER: gateway.secret})
    refusal(answer, 400, "INVALID_REQUEST")
    assert seated.state() == before


@pytest.mark.parametrize("action", ["authorize", "transfer"])
@pytest.mark.parametrize(
    "change",
    [
        *({"txAmount": amount} for amount in (7, 7.0, True, None, "", "0.00", "-0.00", "7,00", "1e3", "NaN", "+7", "--7", "7.001")),
        *({"txAmount": amount} for amount in ("9" * 40, " 7.00", ...)),
        *({"txAmountCy": currency} for currency in (7, None, "", "EURO", "eur", "XXQ", ...)),
        *({"txId": name} for name in (None, "", "a b", "x" * 41, 7.5, ...)),
        *({"userId": name} for name in (7, None, "", "../x", ...)),
    ],
    ids=lambda change: "-".join(f"{key}={value!r:.20}" for key, value in change.items()),
)
def test_a_call_with_one_wrong_member(seated: world.Seat, action: str, change: dict[str, Any]) -> None:
    payment, before = payment_of(seated), seated.state()
    refusal(ask(seated.stack, action, said_of(payment, action, **change)), 400, "INVALID_REQUEST")
    assert seated.state() == before
    assert seated.api.deposit(payment.deposit_id)["status"] == "created"


def test_a_body_over_the_limit(seated: world.Seat) -> None:
    payment, before = payment_of(seated), seated.state()
    answer = ask(seated.stack, "transfer", said_of(payment, "transfer", filler="x" * 300_000))
    assert answer.status == 413
    assert seated.state() == before


# ------------------------------------------------------------------------------------------------- what the house refuses


def foreign(payment: Payment, other: world.Seat) -> Payment:
    return replace(payment, player_id=other.player_id)


def test_another_players_deposit_is_no_session(seated: world.Seat, stranger: world.Seat) -> None:
    payment = payment_of(seated)
    before = seated.state(), stranger.state()
    for action in ("verifyuser", "authorize"):
        refusal(ask(seated.stack, action, said_of(foreign(payment, stranger), action)), 200, "UNKNOWN_SESSION")
    refusal(ask(seated.stack, "transfer", said_of(foreign(payment, stranger), "transfer")), 200, "NOT_BOOKED")
    refusal(ask(seated.stack, "cancel", said_of(foreign(payment, stranger), "cancel")), 200, "UNKNOWN_TRANSACTION")
    assert (seated.state(), stranger.state()) == before
    assert seated.api.deposit(payment.deposit_id)["status"] == "created"


def test_a_deposit_through_another_gateway_is_no_session(seated: world.Seat) -> None:
    payment, before = payment_of(seated, gateway="stripe"), seated.state()
    for action in ("verifyuser", "authorize"):
        refusal(ask(seated.stack, action, said_of(payment, action)), 200, "UNKNOWN_SESSION")
    refusal(ask(seated.stack, "transfer", said_of(payment, "transfer")), 200, "NOT_BOOKED")
    assert seated.state() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"txAmountCy": "USD"}, "WRONG_CURRENCY"),
        ({"txAmount": "0.99"}, "AMOUNT_OUT_OF_RANGE"),
        ({"txAmount": "10000.01"}, "AMOUNT_OUT_OF_RANGE"),
    ],
)
def test_what_is_not_taken_is_not_authorised(seated: world.Seat, change: dict[str, str], code: str) -> None:
    refusal(ask(seated.stack, "authorize", said_of(payment_of(seated), "authorize", **change)), 200, code)


def test_a_transfer_in_another_currency_is_not_booked(seated: world.Seat) -> None:
    payment, before = payment_of(seated), seated.state()
    refusal(ask(seated.stack, "transfer", said_of(payment, "transfer", txAmountCy="USD")), 200, "WRONG_CURRENCY")
    assert seated.state() == before


def test_a_player_of_nobodys(seated: world.Seat) -> None:
    payment = replace(payment_of(seated), player_id="pl_" + "a" * 20)
    refusal(ask(seated.stack, "verifyuser", said_of(payment, "verifyuser")), 200, "UNKNOWN_SESSION")
    refusal(ask(seated.stack, "transfer", said_of(payment, "transfer")), 200, "UNKNOWN_USER")


# ----------------------------------------------------------------------------------------------------------------- repeats


def test_the_same_call_has_the_same_answer_and_one_effect(stack: Stack) -> None:
    player = world.seat(stack, "0")
    payment = payment_of(player)
    for action in ("verifyuser", "authorize", "transfer"):
        answers = [ask(stack, action, said_of(payment, action)) for _ in range(3)]
        assert len({(answer.status, answer.body) for answer in answers}) == 1, answers
        assert answers[0].json()["success"] is True
    assert player.state()[0] == "7.00"
    refusal(ask(stack, "cancel", said_of(payment, "cancel")), 200, "ALREADY_PROCESSED")
    assert player.state()[0] == "7.00"
    world.clean_audit(player)


def test_many_at_once_credit_once(stack: Stack) -> None:
    player = world.seat(stack, "0")
    payment = payment_of(player)
    assert ask(stack, "authorize", said_of(payment, "authorize")).json()["success"] is True

    def transfer(_: int) -> Answer:
        return ask(stack, "transfer", said_of(payment, "transfer"))

    answers = [answer.json() for answer in world.at_once(8, transfer)]
    assert {answer.get("errCode", "") for answer in answers} <= {"", "TRY_AGAIN"}
    assert transfer(0).json()["success"] is True
    assert player.state()[0] == "7.00"
    world.clean_audit(player)


def test_the_transfers_amount_counts(stack: Stack) -> None:
    player = world.seat(stack, "0")
    payment = payment_of(player, "7.00")
    assert ask(stack, "authorize", said_of(payment, "authorize")).json()["success"] is True
    assert ask(stack, "transfer", said_of(payment, "transfer", txAmount="6.50")).json()["success"] is True
    assert player.state()[0] == "6.50"
    assert player.api.deposit(payment.deposit_id)["credited_amount"] == "6.50"
    refusal(ask(stack, "transfer", said_of(payment, "transfer", txAmount="6.51")), 200, "DUPLICATE_TRANSACTION")
    assert player.state()[0] == "6.50"
    world.clean_audit(player)


def withdraw(payment: Payment, amount: str) -> dict[str, Any]:
    return common(payment, f"-{amount}", payment.payment_id) | {"attributes": {}}


def test_a_payout_that_the_house_has_not_ordered_is_never_authorised(stack: Stack) -> None:
    player = world.seat(stack, "10.00")
    payment = Payment("", SPEAKER.new_payment_id(), Decimal("4.00"), "EUR", player.player_id)
    for attributes in ({}, {"withdrawal": "wdr_" + "a" * 20}):
        said = withdraw(payment, "4.00") | {"attributes": attributes}
        first = ask(stack, "authorize", said)
        refusal(first, 200, "UNKNOWN_TRANSACTION")
        assert ask(stack, "authorize", said).body == first.body
    wallet = player.api.wallet()
    assert (wallet.held, wallet.available) == ("0.00", "10.00")


def test_one_that_was_paid_all_the_same_is_booked_once_into_debt_if_it_must_be(stack: Stack) -> None:
    player = world.seat(stack, "10.00")
    payment = Payment("", SPEAKER.new_payment_id(), Decimal("12.00"), "EUR", player.player_id)
    paid = [ask(stack, "transfer", withdraw(payment, "12.00")) for _ in range(2)]
    assert paid[0].body == paid[1].body
    assert paid[0].json()["success"] is True
    assert player.state()[0] == "-2.00"
    world.clean_audit(player)
