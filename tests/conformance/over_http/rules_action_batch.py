"""Rules of the action batch, the ten public scenarios among them."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sandbox.provider import action_batch
from sandbox.provider.action_batch import action
from sandbox.wire import Answer
from tests.conformance.over_http.casino import Casino, Spot, new_id
from tests.conformance.over_http.rule import Rules, Source

C, D = Source.REBUILT, Source.DECIDED
rule = Rules("action_batch")
START = 74_322_001
"""The balance, in cents of USD, that the scenarios begin with."""

Actions = list[dict[str, Any]]


def call(spot: Spot, actions: Actions, *, finished: bool = False, game_id: str = "", **changes: Any) -> Answer:
    """Post actions with fields replaced, or left out where the change is `...`."""
    seat = spot.seat
    said = action_batch.request(seat.player_id, seat.currency, seat.game_code, game_id or new_id(), actions, finished=finished)
    whole = {name: value for name, value in (said | changes).items() if value is not ...}
    return spot.send(action_batch.post(seat.provider, json.dumps(whole).encode()))


def done(answer: Answer, balance: int, actions: Actions) -> list[str]:
    """Expect that all actions stand, named in their order, and the balance after them in cents; gives our ids."""
    said: dict[str, Any] = answer.json()
    assert answer.status == 200, f"answered {answer.status} {said}"
    assert said["balance"] == balance, f"a balance of {said['balance']}, expected {balance}"
    named = said.get("transactions", [])
    assert [one["action_id"] for one in named] == [one["action_id"] for one in actions], named
    assert all(one["tx_id"] for one in named)
    return [str(one["tx_id"]) for one in named]


def refused(answer: Answer, status: int, code: int) -> None:
    """Expect a refusal with its number and a message, and no balance."""
    said: dict[str, Any] = answer.json()
    assert (answer.status, said.get("code")) == (status, code), f"answered {answer.status} {said}, expected {status} {code}"
    assert said["message"]
    assert "balance" not in said


def bet(amount: int, name: str = "") -> dict[str, Any]:
    """Make a bet in minor units."""
    return action("bet", name or new_id(), amount)


def win(amount: int, name: str = "") -> dict[str, Any]:
    """Make a win in minor units."""
    return action("win", name or new_id(), amount)


def back(original: str, name: str = "") -> dict[str, Any]:
    """Make a rollback."""
    return action("rollback", name or new_id(), original=original)


def cents(spot: Spot) -> int:
    """Read the balance in cents."""
    return int(spot.balance() * 100)


def at_start(casino: Casino) -> Spot:
    """Give a player whose balance is START, put right by a win or a bet where an earlier scenario has moved it."""
    spot = casino.own("action_batch", "USD")
    moved = cents(spot) - START
    if moved:
        one = bet(moved) if moved > 0 else win(-moved)
        done(call(spot, [one], finished=True), START, [one])
    return spot


# ------------------------------------------------------------------------------------------------------------ scenarios


@rule(C, "scenario A: no signature is answered with 403")
def scenario_a(casino: Casino) -> None:
    """A question without a signature header."""
    spot = at_start(casino)
    message = action_batch.post(spot.seat.provider, json.dumps({"user_id": spot.seat.player_id, "currency": "USD"}).encode())
    refused(spot.send(replace(message, headers={"Content-Type": "application/json"})), 403, 403)


@rule(C, "scenario B: no actions ask for the balance")
def scenario_b(casino: Casino) -> None:
    """A call without the member, and one with an empty list."""
    spot = at_start(casino)
    whole = action_batch.request(spot.seat.player_id, "USD", spot.seat.game_code, "", [], finished=False)
    for asked in (whole, whole | {"actions": []}):
        said = spot.send(action_batch.post(spot.seat.provider, json.dumps(asked).encode())).json()
        assert said["balance"] == START, said
        assert not said.get("transactions")


@rule(C, "scenario C: a bet that finishes its round")
def scenario_c(casino: Casino) -> None:
    """Bet 100, finished."""
    spot = at_start(casino)
    actions = [bet(100)]
    done(call(spot, actions, finished=True), START - 100, actions)


@rule(C, "scenario D: bet and win in one call have two ids")
def scenario_d(casino: Casino) -> None:
    """Bet 100 and win 250 in one call."""
    spot = at_start(casino)
    actions = [bet(100), win(250)]
    assert len(set(done(call(spot, actions, finished=True), START + 150, actions))) == 2


@rule(C, "scenario E: a bet beyond the balance is refused and nothing of it is booked")
def scenario_e(casino: Casino) -> None:
    """Bet 74322202."""
    spot = at_start(casino)
    with spot.unmoved():
        refused(call(spot, [bet(74_322_202)]), 412, 100)


@rule(C, "scenario F: a win in a second call")
def scenario_f(casino: Casino) -> None:
    """Bet 100, then win 700 in the same round."""
    spot, game_id = at_start(casino), new_id()
    first, second = [bet(100)], [win(700)]
    done(call(spot, first, game_id=game_id), START - 100, first)
    done(call(spot, second, game_id=game_id, finished=True), START + 600, second)


@rule(C, "scenario G: a rollback restores the balance")
def scenario_g(casino: Casino) -> None:
    """Bet 100, then its rollback."""
    spot, game_id = at_start(casino), new_id()
    first = [bet(100)]
    done(call(spot, first, game_id=game_id), START - 100, first)
    second = [back(first[0]["action_id"])]
    done(call(spot, second, game_id=game_id, finished=True), START, second)


@rule(C, "scenario H: a duplicate among new actions is named by its first id and moves nothing")
def scenario_h(casino: Casino) -> None:
    """Bet X; then X again and bet Y of 50 in one call."""
    spot, game_id = at_start(casino), new_id()
    first = [bet(100)]
    names = done(call(spot, first, game_id=game_id), START - 100, first)
    mixed = [*first, bet(50)]
    again = done(call(spot, mixed, game_id=game_id), START - 150, mixed)
    assert again[0] == names[0]
    assert again[1] != names[0]


def rolled_back_first(spot: Spot, late: dict[str, Any]) -> None:
    """Roll an action back before it comes; both are accepted with ids of their own and nothing moves."""
    game_id = new_id()
    first = [back(late["action_id"])]
    one = done(call(spot, first, game_id=game_id), START, first)
    for _ in range(2):
        assert done(call(spot, [late], game_id=game_id), START, [late]) != one


@rule(C, "scenario I: the rollback of a bet that was not seen, then the bet: both accepted, nothing moves")
def scenario_i(casino: Casino) -> None:
    """Rollback first, then the bet, twice."""
    rolled_back_first(at_start(casino), bet(100))


@rule(C, "scenario J: the same for a bet and a win")
def scenario_j(casino: Casino) -> None:
    """Rollbacks of a bet and of a win first, then those."""
    spot = at_start(casino)
    for late in (bet(100), win(250)):
        rolled_back_first(spot, late)


# ----------------------------------------------------------------------------------------------------------- signatures


@rule(C, "the signature stands in X-REQUEST-SIGN or in Authorization")
def headers(casino: Casino) -> None:
    """A question under either header; a wrong signature under either."""
    spot = casino.spot("action_batch")
    body = json.dumps({"user_id": spot.seat.player_id, "currency": "EUR"}).encode()
    for in_authorization in (False, True):
        right = action_batch.post(spot.seat.provider, body, in_authorization=in_authorization)
        assert spot.send(right).json()["balance"] == cents(spot)
        wrong = action_batch.post(spot.seat.provider, body, signature="0" * 64, in_authorization=in_authorization)
        refused(spot.send(wrong), 403, 403)


# ---------------------------------------------------------------------------------------------------------------- batch


@rule(C, "actions happen in their order")
def in_order(casino: Casino) -> None:
    """With 20.00: a win of 30.00 and then a bet of 50.00 is covered; the bet first is not, and nothing stays of either."""
    spot = casino.fresh("action_batch", "20.00")
    with spot.unmoved():
        refused(call(spot, [bet(5_000), win(3_000)]), 412, 100)
    actions = [win(3_000), bet(5_000)]
    done(call(spot, actions), 0, actions)


@rule(C, "one action that fails fails its batch, and nothing of it stays")
def atomic(casino: Casino) -> None:
    """A bet that is covered and one that is not; then the first alone, which is new."""
    spot = casino.spot("action_batch")
    first = bet(100)
    with spot.unmoved() as before:
        refused(call(spot, [first, bet(int(before * 100) + 1)]), 412, 100)
    done(call(spot, [first], finished=True), int(before * 100) - 100, [first])


@rule(D, "more actions in one call than can be booked at once are refused clearly, and none is booked")
def too_many(casino: Casino) -> None:
    """A hundred bets in one call; then the first twenty, which are new."""
    spot = casino.spot("action_batch")
    bets = [bet(10) for _ in range(100)]
    with spot.unmoved() as before:
        answer = call(spot, bets)
        refused(answer, 400, 400)
        assert "actions" in answer.json()["message"]
    done(call(spot, bets[:20], finished=True), int(before * 100) - 200, bets[:20])


@rule(D, "a rollback in the batch of its bet restores it")
def rollback_within(casino: Casino) -> None:
    """Bet and its rollback in one call."""
    spot = casino.spot("action_batch")
    placed, before = bet(300), cents(spot)
    actions = [placed, back(placed["action_id"])]
    done(call(spot, actions, finished=True), before, actions)


# --------------------------------------------------------------------------------------------------------------- errors


@rule(C, "business errors are HTTP 412 with the family's numbers: player, game, currency")
def numbers(casino: Casino) -> None:
    """An unknown player is 101, an unknown game 107, another currency 154; form is 400."""
    spot = casino.spot("action_batch")
    with spot.unmoved():
        refused(call(spot, [bet(100)], user_id="pl_nobody"), 412, 101)
        refused(call(spot, [], user_id="pl_nobody"), 412, 101)
        refused(call(spot, [bet(100)], game="no:such"), 412, 107)
        refused(call(spot, [bet(100)], currency="USD"), 412, 154)
        refused(call(spot, [], currency="USD"), 412, 154)
        refused(call(spot, [bet(100)], user_id=...), 400, 400)


@rule(C, "what is malformed is 400: no JSON, unknown actions, amounts that are no whole number of minor units")
def malformed(casino: Casino) -> None:
    """Broken bodies, an unknown kind, and amounts as text, float, boolean and negative."""
    spot = casino.spot("action_batch")
    with spot.unmoved():
        for body in (b"{", b"[]", b'"text"'):
            refused(spot.send(action_batch.post(spot.seat.provider, body)), 400, 400)
        refused(call(spot, [action("jackpot", new_id(), 100)]), 400, 400)
        refused(call(spot, [action("bet", new_id())]), 400, 400)
        for amount in ("100", 1.5, 100.0, True, -1):
            refused(call(spot, [bet(100) | {"amount": amount}]), 400, 400)


@rule(C, "a duplicate names the first id, also when its round, amount and game are told again")
def first_id(casino: Casino) -> None:
    """A win three times: one id, one effect."""
    spot, game_id = casino.spot("action_batch"), new_id()
    actions = [win(250)]
    balance = cents(spot) + 250
    assert len({done(call(spot, actions, game_id=game_id), balance, actions)[0] for _ in range(3)}) == 1


@rule(C, "a rollback says what it is about, and what was booked comes back, whatever amount it says")
def rollback_amount(casino: Casino) -> None:
    """A rollback that claims 99.00 for a bet of 2.00; one that names nothing is malformed."""
    spot, game_id = casino.spot("action_batch"), new_id()
    placed = [bet(200)]
    balance = cents(spot)
    done(call(spot, placed, game_id=game_id), balance - 200, placed)
    taken = [back(placed[0]["action_id"]) | {"amount": 9_900}]
    done(call(spot, taken, game_id=game_id), balance, taken)
    refused(call(spot, [action("rollback", new_id())], game_id=game_id), 400, 400)


@rule(D, "a game that is switched off takes no bet, and a win on it is paid")
def disabled_game(casino: Casino) -> None:
    """A bet and a win that name a game that the catalogue has switched off."""
    spot = casino.spot("action_batch")
    off = casino.game("action_batch", enabled=False)["code"]
    with spot.unmoved():
        refused(call(spot, [bet(100)], game=off), 412, 107)
    actions, before = [win(100)], cents(spot)
    done(call(spot, actions, game=off), before + 100, actions)


@rule(C, "amounts are in minor units of their own currency")
def places(casino: Casino) -> None:
    """A bet of 10 is ten yen where the currency has no minor unit."""
    spot = casino.spot("action_batch", "JPY")
    actions, before = [bet(10)], int(spot.balance())
    done(call(spot, actions, finished=True), before - 10, actions)
    assert int(spot.balance()) == before - 10


@rule(D, "a stake below the game's smallest is refused like one above its largest")
def below_minimum(casino: Casino) -> None:
    """A bet of one cent where the game asks for more."""
    spot = casino.spot("action_batch", maximum=True)
    assert Decimal(casino.game("action_batch", maximum=True)["stakes"]["EUR"]["min"]) > Decimal("0.01")
    with spot.unmoved():
        refused(call(spot, [bet(1)]), 412, 106)
