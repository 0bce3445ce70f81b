"""What staff see of players' safety: the trail as the stream writes it, the cases that markers open, and the reality check."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from countroom.ledger import items
from sandbox import aws, staff
from sandbox.provider.guest import Guest, newcomer
from sandbox.stack import Stack
from tests.conformance.over_http.casino import SPEAKERS, Casino, turn
from tests.e2e import world
from tests.e2e.world import refused

TRAIL_SECONDS = 60.0
DAY = "24h"
CHECK_WORDS = {"hub88": "RS_ERROR_LIMIT_REACHED", "swipe": "400 time_limit", "action_batch": "412 105"}
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


def order(stack: Stack, **said: Any) -> dict[str, Any]:
    return staff.invoke(stack, "safety", "SafetyStaffFunctionName", {"actor": staff.ACTOR, **said})


def await_told(ask: Callable[[], list[dict[str, Any]]], done: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Wait until the stream has told: the trail is a moment behind the ledger."""
    end = time.monotonic() + TRAIL_SECONDS
    while not done(found := ask()):
        assert time.monotonic() < end, found
        time.sleep(0.3)
    return found


def trail(guest: Guest) -> Callable[[], list[dict[str, Any]]]:
    """What the trail holds of a player, oldest first."""
    search = {"action": "search", "player_id": guest.account.player_id}
    return lambda: list(reversed(order(guest.stack, **search)["entries"]))


def kinds(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["kind"] for entry in entries]


def let_time_pass(stack: Stack, player_id: str, ms: int) -> None:
    """Let a player have played for so much longer: no test waits an hour. Written with the emulator's root credentials."""
    dynamodb, table = aws.client("dynamodb", stack.endpoint), stack.resources["LedgerTableName"]
    item = dynamodb.get_item(TableName=table, Key=items.wallet_key(player_id), ConsistentRead=True)["Item"]
    wallet = items.wallet_of(item)
    play = wallet.play._replace(started_ms=wallet.play.started_ms - ms, checked_ms=wallet.play.checked_ms - ms)
    object.__setattr__(wallet, "play", play)
    dynamodb.put_item(TableName=table, Item=item | items.wallet_item(wallet))


def test_each_request_and_each_refusal_is_kept_with_what_it_changed_and_who_asked(casino: Casino) -> None:
    spot = casino.fresh("hub88", "20.00")
    guest = spot.guest
    guest.api.set_limit("loss", DAY, "5.00")
    spot.bet(turn("5.01"))
    guest.api.set_limit("deposit", DAY, "30.00")
    with refused(409, "limit_reached"):
        guest.api.open_deposit("30.01", "EUR")
    guest.api.set_limit("loss", DAY, "50.00")
    guest.api.withdraw_raise("loss", DAY)
    guest.api.exclude("time_out", DAY)
    found = await_told(trail(guest), lambda entries: "exclusion" in kinds(entries))
    wanted = ["deposit_opened", "deposit", "session", "limit", "bet_blocked", "limit", "deposit_blocked", "limit"]
    assert kinds(found) == [*wanted, "raise_withdrawn", "exclusion"]
    blocked = {entry["kind"]: entry["told"] for entry in found if entry["kind"].endswith("_blocked")}
    assert blocked["bet_blocked"]["limit"] == "loss 24h"
    assert blocked["deposit_blocked"]["limit"] == "deposit 24h"
    asked = [entry for entry in found if entry["kind"] in {"limit", "exclusion"}]
    assert {(entry["actor"], entry["channel"]) for entry in asked} == {("player", "player:safety")}


def test_staff_search_by_kind_and_day_and_page_by_page(stack: Stack) -> None:
    guests = [newcomer(stack) for _ in range(3)]
    for guest in guests:
        guest.api.set_limit("stake", "each", "3.00")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    players = {guest.account.player_id for guest in guests}

    def all_of_today() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = order(stack, action="search", kind="limit", day=today, limit=2, **more)
            found += page["entries"]
            if not page["next_cursor"]:
                return found
            more = {"cursor": page["next_cursor"]}

    found = await_told(all_of_today, lambda entries: players <= {entry["player_id"] for entry in entries})
    assert {entry["kind"] for entry in found} == {"limit"}


def test_a_marker_opens_one_case_that_staff_note_and_close_once(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.set_limit("deposit", DAY, "0.00")
    for _ in range(6):
        with refused(409, "limit_reached"):
            guest.api.open_deposit("10.00", "EUR")
    player_id = guest.account.player_id
    (case,) = await_told(lambda: order(stack, action="cases", player_id=player_id)["cases"], bool)
    assert (case["marker"], case["state"]) == ("rapid_deposits", "open")
    assert case["explanation"]
    shown = order(stack, action="case", case_id=case["case_id"])["case"]
    assert len(shown["evidence"]["facts"]) >= 4
    assert case["case_id"] in {one["case_id"] for one in order(stack, action="cases", state="open", limit=100)["cases"]}
    order(stack, action="note", case_id=case["case_id"], reason="called the player")
    closed = order(stack, action="close", case_id=case["case_id"], reason="a limit was agreed on")["case"]
    assert closed["state"] == "closed"
    assert [step["deed"] for step in closed["steps"]] == ["opened", "noted", "closed"]
    assert order(stack, action="close", case_id=case["case_id"], reason="again")["refused"]["code"] == "already_closed"
    told = await_told(trail(guest), lambda entries: "case_closed" in kinds(entries))
    assert [kind for kind in kinds(told) if kind.startswith("case_")] == ["case_opened", "case_noted", "case_closed"]
    assert len(order(stack, action="cases", player_id=player_id)["cases"]) == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"action": "delete"},
        {"action": "search"},
        {"action": "search", "player_id": "../x"},
        {"action": "search", "kind": "limit"},
        {"action": "search", "kind": "limit", "day": "2026-13-01"},
        {"action": "search", "player_id": "pl_x", "from": "tomorrow", "to": "2026-01-01"},
        {"action": "cases", "state": "forgotten"},
        {"action": "case", "case_id": "no-such-case"},
        {"action": "close", "case_id": "no-such-case", "reason": ""},
        {"action": "search", "player_id": "pl_x", "limit": 1000},
        {"action": "search", "player_id": "pl_x", "cursor": "made-up"},
    ],
    ids=str,
)
def test_an_order_that_is_none_is_refused_in_words(stack: Stack, said: dict[str, Any]) -> None:
    told = order(stack, **said)
    assert told["refused"]["code"] in {"invalid_request", "not_found", "invalid_cursor"}
    assert "Traceback" not in str(told)


@pytest.mark.parametrize("provider", sorted(SPEAKERS))
def test_play_stops_at_a_reality_check_until_it_is_acknowledged(casino: Casino, provider: str) -> None:
    spot = casino.fresh(provider, "20.00")
    guest = spot.guest
    bet = turn("4.00")
    balance = spot.stands(spot.bet(bet), "-4.00", Decimal(20))
    let_time_pass(casino.stack, guest.account.player_id, HOUR_MS)
    session = guest.api.play_safety()["session"]
    assert (session["check_due"], session["staked"], session["net"]) == (True, "4.00", "-4.00")
    assert session["seconds"] >= 3600
    with spot.unmoved():
        spot.refused(spot.bet(turn("1.00")), CHECK_WORDS[provider])
    balance = spot.stands(spot.win(turn("1.00", round_id=bet.round_id, reference=bet.transaction_id)), "1.00", balance)
    assert guest.api.call("POST", "/v1/reality-checks", {})["session"]["check_due"] is False
    spot.stands(spot.bet(turn("1.00")), "-1.00", balance)
    told = await_told(trail(guest), lambda entries: "check_acknowledged" in kinds(entries))
    assert kinds(told)[-2:] == ["check_shown", "check_acknowledged"]


def test_a_session_limit_ends_bets_and_no_win(casino: Casino) -> None:
    spot = casino.fresh("swipe", "20.00")
    spot.guest.api.set_session_limit(60)
    bet = turn("4.00")
    balance = spot.stands(spot.bet(bet), "-4.00", Decimal(20))
    let_time_pass(casino.stack, spot.guest.account.player_id, HOUR_MS)
    with spot.unmoved():
        spot.refused(spot.bet(turn("1.00")), "400 time_limit")
    spot.stands(spot.win(turn("6.00", round_id=bet.round_id, reference=bet.transaction_id)), "6.00", balance)


def test_a_players_own_history_reaches_a_year_back_and_names_the_limit(casino: Casino) -> None:
    spot = casino.fresh("action_batch", "20.00")
    spot.guest.api.set_limit("stake", "each", "2.00")
    spot.bet(turn("2.01"))
    a_year_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 365 * 86_400))
    page = spot.guest.api.call("GET", f"/v1/play-safety/history?from={a_year_ago}&limit=100")
    told = [(one["kind"], one["outcome"], one["limit"]) for one in page["items"]]
    assert told == [("bet", "refused", "stake each"), ("limit", "applied", "stake each")]
    assert all(one["text"] for one in page["items"])
    assert world.problem(
        spot.guest.api.raw("GET", "/v1/play-safety/history?cursor=made-up", None), 400, "invalid_request", "cursor"
    )
