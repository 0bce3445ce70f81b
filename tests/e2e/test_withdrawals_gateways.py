"""Withdrawals with the real state machine, at gateways that pay, refuse, hang, get lost and contradict themselves."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from sandbox.payouts import adyen, server
from sandbox.payouts.bank import Order, Payout
from sandbox.payouts.crowd import Customer, PaymentsDesk, customer
from sandbox.payouts.lives import LIVES, Turn, Word
from sandbox.player import RefusedError
from sandbox.provider.line import exchange
from sandbox.stack import Stack
from sandbox.wire import send
from tests.e2e import world

GATEWAYS = ("adyen", "paymentiq")
DIGITS = (0, 1, 3, 5, 7, 8, 9, 10, 11, 15)
"""Magic amounts that are walked through at each gateway: all that a player may ask for in a day."""

PAID_IN = Decimal(200)
END_SECONDS = 240.0
STAFF = ("ann@payments.example", "ben@payments.example")


def await_shown(desk: PaymentsDesk, withdrawal_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until a withdrawal is as it must be."""
    end = time.monotonic() + END_SECONDS
    while not done(shown := desk.show(withdrawal_id)):
        assert time.monotonic() < end, f"{shown['status']} ({shown['attention']}), {[one['cause'] for one in shown['events']]}"
        time.sleep(1.0)
    return shown


def ask(player: Customer, gateway: str, amount: str, key: str = "") -> str:
    said = player.ask(lambda: player.guest.api.withdraw(amount, "EUR", player.deposits[gateway], key or f"{gateway}-{amount}"))
    return str(said["withdrawal_id"])


def is_waiting(shown: dict[str, Any]) -> bool:
    return bool(shown["status"] == "awaiting_approval")


@pytest.fixture(scope="module")
def desk(stack: Stack) -> PaymentsDesk:
    return PaymentsDesk(stack)


@pytest.fixture(scope="module")
def players(stack: Stack) -> dict[str, Customer]:
    """One player for each gateway, who asks for every magic amount; one for what races."""
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: customer(stack, PAID_IN), range(3)))
    return dict(zip((*GATEWAYS, "races"), made, strict=True))


@pytest.fixture(scope="module")
def asked(desk: PaymentsDesk, players: dict[str, Customer]) -> dict[tuple[str, int], str]:
    """All of them asked for at once and approved as staff come to them: (gateway, digits) → withdrawal."""
    wanted = [(gateway, digits) for digits in DIGITS for gateway in GATEWAYS]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda one: ask(players[one[0]], one[0], f"12.{one[1]:02}"), wanted))
        list(pool.map(lambda one: await_shown(desk, one, is_waiting), made))
        approved = list(pool.map(desk.approve, made))
    assert [one.get("refused") for one in approved] == [None] * len(made)
    return dict(zip(wanted, made, strict=True))


@pytest.mark.parametrize("digits", DIGITS, ids=[LIVES[digits].name for digits in DIGITS])
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_each_withdrawal_ends_as_its_gateway_lets_it(
    stack: Stack, desk: PaymentsDesk, players: dict[str, Customer], asked: dict[tuple[str, int], str], gateway: str, digits: int
) -> None:
    life, withdrawal_id = LIVES[digits], asked[gateway, digits]
    shown = await_shown(desk, withdrawal_id, lambda one: life.ends_as(one["status"], one["attention"] or ""))
    books = [one for one in send("GET", f"{stack.payout_api}/books").json()["payouts"] if one["reference"] == withdrawal_id]
    assert sum(Decimal(one["paid"]) > 0 for one in books) == life.paid
    seen = players[gateway].guest.api.withdrawal(withdrawal_id)
    assert seen["status"] == shown["status"] == life.status
    assert [event["status"] for event in seen["events"]][:1] == ["requested"]
    assert all(event["text"] for event in seen["events"])


def test_then_the_players_have_what_is_left_and_the_audit_finds_nothing(
    desk: PaymentsDesk, players: dict[str, Customer], asked: dict[tuple[str, int], str]
) -> None:
    for gateway in GATEWAYS:
        gone = sum((Decimal(f"12.{digits:02}") for digits in DIGITS if LIVES[digits].left is not None), Decimal(0))
        for digits in DIGITS:
            await_shown(desk, asked[gateway, digits], lambda one, digits=digits: one["status"] == LIVES[digits].status)  # type: ignore[misc] # the default binds the loop's own
        wallet = players[gateway].guest.afresh().api.wallet()
        assert (Decimal(wallet.available), wallet.held) == (2 * PAID_IN - gone, "0.00")
        world.clean_audit(world.Seat(players[gateway].guest.stack, players[gateway].guest.account, players[gateway].guest.api))


def forged(stack: Stack, withdrawal_id: str, amount: str) -> Any:
    order = Order("adyen", withdrawal_id, "", Decimal(amount), "EUR")
    payout = Payout(order, "F0RGED", LIVES[0])
    return adyen.webhook(stack.gateways["adyen"], payout, Turn(Word.PAID), server.BALANCE_ACCOUNT, forged=True)


def test_a_forged_webhook_moves_nothing(stack: Stack, desk: PaymentsDesk, players: dict[str, Customer]) -> None:
    withdrawal_id = ask(players["races"], "adyen", "11.00")
    answer = exchange(forged(stack, withdrawal_id, "11.00")).answer
    assert answer.status == 401
    shown = await_shown(desk, withdrawal_id, is_waiting)
    assert "payout.paid" not in [event["cause"] for event in shown["events"]]
    order = desk.order("refuse", STAFF[0], withdrawal_id=withdrawal_id, why="a test", reason="asked_by_player")
    assert order["withdrawal"]["status"] == "refused"
    assert desk.approve(withdrawal_id)["refused"]["code"] == "wrong_stage"


def test_cancel_and_approval_at_one_moment_one_of_them_wins(stack: Stack, desk: PaymentsDesk, players: dict[str, Customer]) -> None:
    player, ended = players["races"], set()
    for number in range(3):
        withdrawal_id = ask(player, "adyen", f"13.{50 + number}")
        await_shown(desk, withdrawal_id, is_waiting)
        with ThreadPoolExecutor(2) as pool:
            approved = pool.submit(desk.approve, withdrawal_id)
            cancelled = pool.submit(cancel, player, withdrawal_id)
        won = "refused" not in approved.result()
        after = await_shown(desk, withdrawal_id, lambda one: one["status"] in {"paid", "cancelled"})
        if cancelled.result() == "cancelled":
            assert after["status"] == "cancelled"
        else:
            assert (cancelled.result(), after["status"], won) == ("too_late", "paid", True)
        paid = [one for one in send("GET", f"{stack.payout_api}/books").json()["payouts"] if one["reference"] == withdrawal_id]
        assert len(paid) == (after["status"] == "paid")
        ended.add(after["status"])
    assert ended <= {"paid", "cancelled"}


def cancel(player: Customer, withdrawal_id: str) -> str:
    """Call it back; gives where it stands then, or why not."""
    try:
        return str(player.guest.api.cancel_withdrawal(withdrawal_id)["status"])
    except RefusedError as refused:
        return refused.code


def test_two_of_the_staff_at_one_moment_approve_once_and_one_payout_is_made(
    stack: Stack, desk: PaymentsDesk, players: dict[str, Customer]
) -> None:
    withdrawal_id = ask(players["races"], "paymentiq", "14.60")
    await_shown(desk, withdrawal_id, is_waiting)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda actor: desk.approve(withdrawal_id, actor), STAFF * 2))
    shown = await_shown(desk, withdrawal_id, lambda one: one["status"] == "paid")
    assert [event["cause"] for event in shown["events"]].count("staff.approved") == 1
    assert all(one.get("refused", {}).get("code") in {None, "wrong_stage", "same_approver"} for one in answers)
    paid = [one for one in send("GET", f"{stack.payout_api}/books").json()["payouts"] if one["reference"] == withdrawal_id]
    assert len(paid) == 1
