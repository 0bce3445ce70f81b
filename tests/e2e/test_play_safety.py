"""Limits, breaks and exclusion as a player meets them, over HTTP: through every game dialect, with its own word for a refusal."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox import staff
from sandbox.payouts.crowd import Customer
from sandbox.player import RefusedError
from sandbox.provider.guest import Guest, newcomer
from sandbox.stack import Stack
from tests.conformance.over_http.casino import SPEAKERS, Casino, Spot, turn
from tests.e2e import world
from tests.e2e.routes import refused_everywhere_within_a_second
from tests.e2e.world import problem, refused

EXCLUDED = {"hub88": "RS_ERROR_USER_DISABLED", "swipe": "400 account_blocked", "action_batch": "412 110"}
LIMITED = {"hub88": "RS_ERROR_LIMIT_REACHED", "swipe": "400 loss_limit", "action_batch": "412 105"}
STAKED = {"hub88": "RS_ERROR_LIMIT_REACHED", "swipe": "400 bet_limit", "action_batch": "412 105"}
DAY = "24h"


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


@pytest.fixture(scope="module")
def guest(stack: Stack) -> Guest:
    """One player for all that leaves the wallet as it was."""
    return newcomer(stack)


def customer(stack: Stack) -> Customer:
    """A player who is known, with money that he may take out again."""
    made = Customer(newcomer(stack))
    staff.support(stack, "verify", made.player_id, "the passport was seen")
    made.pay_in("adyen", Decimal(40))
    return made


def limits(guest: Guest) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["period"]): one for one in guest.api.play_safety()["limits"]}


@pytest.mark.parametrize("provider", sorted(SPEAKERS))
def test_an_exclusion_during_a_round_ends_play_and_no_right_to_money(casino: Casino, provider: str) -> None:
    player = customer(casino.stack)
    game = casino.game(provider)
    spot = Spot(provider, player.guest, player.guest.launch(provider, casino.codes, game["id"]), casino)
    bet, other = turn("5.00"), turn("3.00")
    before = spot.balance()
    balance = spot.stands(spot.bet(bet), "-5.00", before)
    balance = spot.stands(spot.bet(other), "-3.00", balance)

    said = player.guest.api.exclude("self_exclusion", "6m")["exclusion"]
    ended = time.monotonic()
    if provider == "hub88":
        refused_everywhere_within_a_second(player.guest.api, ended)
    with refused(401, "session_ended"):
        player.guest.api.wallet()
    assert said["kind"] == "self_exclusion"

    spot.refused(spot.bet(turn("1.00")), EXCLUDED[provider])
    player.guest.afresh()
    balance = spot.stands(spot.win(turn("12.50", round_id=bet.round_id, reference=bet.transaction_id)), "12.50", balance)
    balance = spot.stands(spot.back(other), "3.00", balance)

    with refused(403, "wallet_excluded"):
        player.guest.api.open_deposit("10.00", "EUR")
    with refused(403, "wallet_excluded"):
        player.guest.api.launch(game["id"])
    asked = player.guest.api.withdraw("12.00", "EUR", player.deposits["adyen"])
    assert asked["status"] == "requested"
    spot.holds(balance - 12)


@pytest.mark.parametrize("provider", sorted(SPEAKERS))
def test_each_dialect_has_a_word_for_a_limit_and_nothing_moves(casino: Casino, provider: str) -> None:
    spot = casino.fresh(provider, "20.00")
    spot.guest.api.set_limit("stake", "each", "4.00")
    with spot.unmoved():
        spot.refused(spot.bet(turn("4.01")), STAKED[provider])
    spot.guest.api.set_limit("loss", DAY, "3.00")
    with spot.unmoved():
        spot.refused(spot.bet(turn("3.01")), LIMITED[provider])
    before = spot.balance()
    spot.stands(spot.bet(turn("3.00")), "-3.00", before)


def test_a_lower_limit_holds_at_once_even_below_what_is_spent(casino: Casino) -> None:
    spot = casino.fresh("hub88", "20.00")
    spot.guest.api.set_limit("wager", DAY, "10.00")
    spot.stands(spot.bet(turn("6.00")), "-6.00", Decimal(20))
    said = spot.guest.api.set_limit("wager", DAY, "5.00")["limit"]
    assert (said["cap"], said["spent"], said["left"], said["pending"]) == ("5.00", "6.00", "0.00", None)
    spot.refused(spot.bet(turn("0.01")), LIMITED["hub88"])


def test_a_raise_waits_a_day_can_be_withdrawn_and_asks_for_a_fresh_proof(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.set_limit("deposit", DAY, "50.00")
    world.forget_step_ups(stack, guest.account.player_id)
    with refused(403, "step_up_required"):
        guest.api.set_limit("deposit", DAY, "500.00")
    with refused(403, "step_up_required"):
        guest.api.remove_limit("deposit", DAY)
    guest.api.step_up(password=guest.account.password)
    asked = datetime.now(UTC)
    said = guest.api.set_limit("deposit", DAY, "500.00")["limit"]
    assert (said["cap"], said["pending"]["cap"]) == ("50.00", "500.00")
    effective = datetime.fromisoformat(said["pending"]["effective_at"])
    assert timedelta(hours=24) <= effective - asked < timedelta(hours=24, minutes=1)
    with refused(409, "limit_reached"):
        guest.api.open_deposit("50.01", "EUR")
    assert guest.api.withdraw_raise("deposit", DAY)["limit"]["pending"] is None
    with refused(409, "nothing_pending"):
        guest.api.withdraw_raise("deposit", DAY)
    assert guest.api.remove_limit("deposit", DAY)["limit"]["pending"]["cap"] is None
    assert guest.api.set_limit("deposit", DAY, "40.00")["limit"]["pending"] is None, "a lower one drops the raise"
    kinds = [one["kind"] for one in guest.api.call("GET", "/v1/play-safety/history")["items"]]
    assert kinds == ["limit", "limit", "raise_withdrawn", "raise_withdrawn", "deposit_opened", "limit", "limit"]


def test_a_break_is_taken_once_and_never_shortened(stack: Stack) -> None:
    guest = newcomer(stack)
    until = guest.api.exclude("time_out", "7d")["exclusion"]["until"]
    guest.afresh()
    with refused(409, "exclusion_runs"):
        guest.api.exclude("time_out", DAY)
    assert guest.api.play_safety()["exclusion"]["until"] == until
    longer = guest.api.exclude("self_exclusion", "1y")["exclusion"]
    assert (longer["kind"], longer["ends_by_itself"]) == ("self_exclusion", False)
    guest.afresh()
    guest.api.step_up(password=guest.account.password)
    with refused(409, "too_early"):
        guest.api.call("POST", "/v1/exclusions/reopening", {})


def test_a_refused_exclusion_ends_no_session(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.exclude("self_exclusion", "1y")
    guest.afresh()
    with refused(409, "exclusion_runs"):
        guest.api.exclude("self_exclusion", "6m")
    assert guest.api.wallet().status == "excluded"


BAD = [
    ("PUT", "/v1/limits/luck/24h", {"amount": "1.00"}, "kind"),
    ("PUT", "/v1/limits/deposit/2h", {"amount": "1.00"}, "period"),
    ("PUT", "/v1/limits/deposit/each", {"amount": "1.00"}, "period"),
    ("PUT", "/v1/limits/stake/24h", {"amount": "1.00"}, "period"),
    ("PUT", "/v1/limits/deposit/24h", {"amount": "-1.00"}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {"amount": "1.001"}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {"amount": "1e2"}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {"amount": 100}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {"amount": "50000.01"}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {}, "amount"),
    ("PUT", "/v1/limits/deposit/24h", {"minutes": 5}, "minutes"),
    ("PUT", "/v1/limits/session/each", {"minutes": 0}, "minutes"),
    ("PUT", "/v1/limits/session/each", {"minutes": -5}, "minutes"),
    ("PUT", "/v1/limits/session/each", {"minutes": 1441}, "minutes"),
    ("PUT", "/v1/limits/session/each", {"amount": "5.00"}, "amount"),
    ("POST", "/v1/exclusions", {"kind": "holiday", "length": "24h"}, "kind"),
    ("POST", "/v1/exclusions", {"kind": "time_out", "length": "1h"}, "length"),
    ("POST", "/v1/exclusions", {"kind": "time_out", "length": "5y"}, "length"),
    ("POST", "/v1/exclusions", {"kind": "self_exclusion", "length": "24h"}, "length"),
    ("POST", "/v1/exclusions", {"kind": "time_out", "length": "24h", "since": "2020-01-01T00:00:00Z"}, "since"),
    ("PUT", "/v1/reality-checks/interval", {"minutes": 7}, "minutes"),
    ("PUT", "/v1/reality-checks/interval", {"minutes": -10}, "minutes"),
]


@pytest.mark.parametrize(("method", "path", "said", "field"), BAD)
def test_what_is_none_is_refused_by_its_field_and_changes_nothing(
    guest: Guest, method: str, path: str, said: object, field: str
) -> None:
    before = guest.api.wallet()
    answer = guest.api.raw(method, path, world.encoded(said))
    problem(answer, 400, "invalid_request", field)
    assert guest.api.wallet() == before


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("DELETE", "/v1/limits/loss/7d/raise", 409, "nothing_pending"),
        ("POST", "/v1/reality-checks", 409, "too_early"),
    ],
)
def test_what_is_not_there_is_said(guest: Guest, method: str, path: str, status: int, code: str) -> None:
    answer = guest.api.raw(method, path, b"{}" if method == "POST" else None)
    assert (answer.status, answer.json().get("code", "")) == (status, code)


def test_the_overview_says_all_of_it_in_plain_words(casino: Casino) -> None:
    spot = casino.fresh("swipe", "30.00")
    spot.guest.api.set_limit("loss", "7d", "12.00")
    spot.guest.api.set_session_limit(90)
    bet = turn("4.00")
    spot.bet(bet)
    spot.win(turn("1.50", round_id=bet.round_id, reference=bet.transaction_id))
    said = spot.guest.api.play_safety()
    loss = limits(spot.guest)["loss", "7d"]
    assert (loss["spent"], loss["left"]) == ("2.50", "9.50")
    assert loss["text"].startswith("You may lose at most 12.00 EUR in 7 days. 9.50 EUR of it is left until ")
    session = said["session"]
    assert (session["staked"], session["won"], session["net"], session["check_due"]) == ("4.00", "1.50", "-2.50", False)
    position = said["position"]
    assert (position["net_deposits"], position["net"]) == ("30.00", "-2.50")
    assert said["exclusion"] is None
    assert said["profile"]["code"] == "NEUTRAL"
    assert all(rule["text"] and rule["source"] for rule in said["profile"]["rules"])


def test_limits_are_an_account_s_own(guest: Guest, stack: Stack) -> None:
    other = newcomer(stack)
    other.api.set_limit("wager", "1m", "7.00")
    assert ("wager", "1m") not in limits(guest)
    assert limits(other)["wager", "1m"]["cap"] == "7.00"


def test_an_order_of_staff_excludes_without_an_end(stack: Stack) -> None:
    guest = newcomer(stack)
    staff.support(stack, "exclude", guest.account.player_id, "harm, seen by people")
    with pytest.raises(RefusedError):
        guest.api.wallet()
    guest.afresh()
    found = guest.api.play_safety()["exclusion"]
    assert (found["kind"], found["until"], found["can_ask_reopening"]) == ("staff", None, False)
