"""What the support may do to an account, and that it is undone, recorded and bounded."""

import pytest

from sandbox import staff
from sandbox.player import PlayerApi
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.world import credentials, newcomer, post, problem, refused

REASON = "end-to-end test"


def test_a_frozen_account_is_shut_until_it_is_unfrozen(stack: Stack) -> None:
    seat = world.seat(stack, "10.00")
    told = staff.support(stack, "freeze", seat.player_id, REASON)
    assert (told["standing"], told["wallet_status"], told["sessions"]) == ("frozen", "blocked", [])
    assert seat.play("bet")["status"] == "RS_ERROR_USER_DISABLED"
    problem(post(PlayerApi(stack.apis.player), "/v1/sessions", credentials(seat.account)), 403, "account_frozen")
    wrong = credentials(seat.account) | {"password": "not-the-password-at-all"}
    problem(post(PlayerApi(stack.apis.player), "/v1/sessions", wrong), 401, "invalid_credentials")
    staff.support(stack, "unfreeze", seat.player_id, REASON)
    with refused(401, "session_ended"):  # what was ended stays ended
        seat.api.wallet()
    seat.api.log_in(seat.account)
    assert (seat.api.wallet().status, seat.api.wallet().available) == ("active", "10.00")
    kinds = [event["kind"] for event in seat.api.call("GET", "/v1/players/me/security-events")["items"]]
    assert {"frozen", "unfrozen"} <= set(kinds)
    world.clean_audit(seat)


def test_an_excluded_player_logs_in_for_the_money_and_plays_no_more(stack: Stack) -> None:
    seat = world.seat(stack, "10.00")
    staff.support(stack, "exclude", seat.player_id, REASON)
    seat.api.log_in(seat.account)
    assert (seat.api.wallet().status, seat.api.wallet().available) == ("excluded", "10.00")
    problem(post(seat.api, f"/v1/games/{world.GAME_ID}/sessions", {}), 403, "wallet_excluded")
    assert seat.play("bet")["status"] != "RS_OK"
    assert seat.api.wallet().available == "10.00"


def test_the_support_sees_where_a_player_is_in_and_nothing_personal(stack: Stack) -> None:
    account, api = newcomer(stack)
    told = staff.support(stack, "show", account.player_id, REASON)
    assert [one["session_id"] for one in told["sessions"]] == [api.session_id]
    assert account.email not in str(told)
    assert api.wallet().version == 1


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"action": "show"},
        {"action": "promote", "player_id": "pl_x", "actor": "a", "reason": "r"},
        {"action": "freeze", "player_id": "pl_x", "actor": "", "reason": "r"},
        {"action": "freeze", "player_id": "pl_x", "actor": "a", "reason": "x" * 5000},
        {"action": "freeze", "player_id": "../x", "actor": "a", "reason": "r"},
        {"action": "freeze", "player_id": 7, "actor": "a", "reason": "r"},
        {"action": "freeze", "player_id": "pl_x", "actor": "a", "reason": "r", "amount": "1000.00"},
        {"action": "freeze", "player_id": "pl_aaaaaaaaaaaaaaaaaaaa", "actor": "a", "reason": "r"},
    ],
    ids=str,
)
def test_an_order_that_is_none_is_refused_in_words(stack: Stack, order: dict[str, object]) -> None:
    told = staff.invoke(stack, "support", "SupportFunctionName", order)
    assert told["refused"]["code"] in {"invalid_request", "not_found"}
    assert "Traceback" not in str(told)
