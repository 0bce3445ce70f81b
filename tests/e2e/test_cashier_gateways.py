"""Deposits through each of the sandbox's payment gateways: every magic amount ends as it must, with and without trouble."""

import dataclasses
import json
import time
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

import pytest

from sandbox import audit, keys
from sandbox.calling import over_http
from sandbox.gateway import play
from sandbox.gateway.__main__ import SPEAKERS, main
from sandbox.gateway.line import TIMEOUT_SECONDS, Line
from sandbox.gateway.lives import Life, Step, lives_of
from sandbox.gateway.table import Event, Payment
from sandbox.provider.guest import Guest, newcomer
from sandbox.provider.line import Outcome
from sandbox.reckoning import Books
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.conftest import Sandbox

GATEWAYS = sorted(SPEAKERS)
WEBHOOKS = ["adyen", "standard", "stripe"]
LIVES = [(name, digits) for name in GATEWAYS for digits in sorted(lives_of(SPEAKERS[name].steps))]


@pytest.fixture(scope="module")
def guest_of(stack: Stack) -> Callable[[str], Guest]:
    """One new player for each gateway, with an empty wallet."""

    @cache
    def find(_gateway: str) -> Guest:
        return newcomer(stack)

    return find


def line_of(stack: Stack, gateway: str, books: Books) -> Line:
    speaker = SPEAKERS[gateway]
    return Line(speaker, stack.gateways[gateway], over_http(speaker.read, TIMEOUT_SECONDS), books)


def open_deposit(guest: Guest, gateway: str, amount: Decimal) -> Payment:
    currency, speaker = guest.account.currency, SPEAKERS[gateway]
    deposit_id = guest.api.open_deposit(f"{amount:f}", currency, gateway=gateway)["deposit_id"]
    return Payment(deposit_id, speaker.new_payment_id(), amount, currency, guest.account.player_id)


def lived(guest: Guest, gateway: str, life: Life, amount: Decimal) -> play.Opened:
    """Open a deposit, let it live a life, and wait until it is where it must be."""
    payment, books = open_deposit(guest, gateway, amount), Books(guest.available())
    line, opened = line_of(guest.stack, gateway, books), play.Opened(payment, life, life.ends(SPEAKERS[gateway].untouched))
    line.live(life, payment, Random(0))  # noqa: S311 - without chaos the dice decide nothing
    if life.credited:
        books.move(amount)
    play.settle(line, play.Desk(guest), [opened])
    assert books.differences == []
    assert guest.available() == books.balance
    return opened


@pytest.mark.parametrize(("gateway", "digits"), LIVES)
def test_each_magic_amount_ends_in_its_right_state(guest_of: Callable[[str], Guest], gateway: str, digits: int) -> None:
    guest, life = guest_of(gateway), lives_of(SPEAKERS[gateway].steps)[digits]
    opened = lived(guest, gateway, life, Decimal(1000 + digits).scaleb(-2))
    shown = guest.api.deposit(opened.payment.deposit_id)
    assert (shown["status"], shown["gateway"], shown["amount"]) == (opened.status, gateway, f"10.{digits:02}")
    assert shown["events"][0]["actor"] == "player"
    assert all(event["actor"] == "gateway" for event in shown["events"][1:])
    assert [event["at"] for event in shown["events"]] == sorted(event["at"] for event in shown["events"])


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_records_of_all_those_lives_add_up(guest_of: Callable[[str], Guest], gateway: str) -> None:
    guest = guest_of(gateway)
    report = audit.run(guest.stack, guest.account.player_id)
    assert audit.is_clean(report), report


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_twenty_deposits_with_much_trouble(sandbox: Sandbox, gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--player", "new", "--deposits", "20", "--chaos", "0.3", "--burst", "4", "--seed", "20261123"]
    status = main([gateway, *words, "--stack", str(sandbox.stack_path)])
    said = capsys.readouterr()
    assert status == 0, said.out + said.err
    assert "the count is right" in said.out
    assert "seed 20261123" in said.out
    for trouble in ("acknowledgements lost", "events sent twice", "forged copies"):
        assert trouble in said.out


def test_a_gateway_whose_key_the_house_does_not_know_is_told_apart(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run must be able to fail: nothing is credited, and the exit status says so."""
    gateways = dict(sandbox.stack.gateways)
    gateways["stripe"] = dataclasses.replace(gateways["stripe"], secret=keys.new_webhook_secret())
    path = tmp_path / "stack.json"
    dataclasses.replace(sandbox.stack, gateways=gateways).write(path)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(play, "SETTLE_SECONDS", 0.5)
        assert main(["stripe", "--player", "new", "--deposits", "3", "--seed", "1", "--stack", str(path)]) == 1
    said = capsys.readouterr().out
    assert "was answered with 401" in said
    assert "THE COUNT IS NOT RIGHT (seed 1)" in said


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_program_lets_one_deposit_live_by_its_amount(
    sandbox: Sandbox, gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    guest = newcomer(sandbox.stack)
    deposit_id = guest.api.open_deposit("12.05", "EUR", gateway=gateway)["deposit_id"]
    words = [gateway, "magic", "--deposit", deposit_id, "--amount", "12.05", "--user", guest.account.player_id, "--json"]
    assert main([*words, "--stack", str(sandbox.stack_path)]) == 0
    said = capsys.readouterr()
    assert "must end as reversed" in said.err
    assert all(one["status"] in {200, 202} for one in json.loads(said.out))
    world.await_status(guest.api, deposit_id, "reversed")
    assert guest.available() == 0


# ----------------------------------------------------------------------------------------------------- taken back later


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_money_that_was_played_and_is_taken_back_leaves_a_debt_that_blocks_bets_until_it_is_paid(
    stack: Stack, gateway: str
) -> None:
    player = world.seat(stack, "0")
    guest = Guest(stack, player.account, player.api)
    payment = open_deposit(guest, gateway, Decimal("10.00"))
    speaker, books = SPEAKERS[gateway], Books(Decimal(0))
    line = line_of(stack, gateway, books)
    asked = line.open(payment)
    assert asked is not None

    def tell(step: Step) -> None:
        now = time.time()
        message = speaker.tell(stack.gateways[gateway], asked, Event(step, speaker.new_event_id(), now, now))
        assert line.caller.until_final(message).outcome is Outcome.STANDS

    tell(Step.SUCCEEDED)
    world.await_status(player.api, payment.deposit_id, "credited")
    assert player.play("bet", amount=600_000)["status"] == "RS_OK"
    tell(Step.CHARGEBACK)
    world.await_status(player.api, payment.deposit_id, "reversed")
    assert Decimal(player.api.wallet().cash) == Decimal("-6.00")
    assert player.play("bet", amount=10_000)["status"] == "RS_ERROR_NOT_ENOUGH_MONEY"
    player.deposit("10.00")
    assert Decimal(player.api.wallet().available) == Decimal("4.00")
    assert player.play("bet", amount=10_000)["status"] == "RS_OK"
    world.clean_audit(player)
