"""Rules of Hub88's protocol, and of Caleta's where it speaks the same under other names."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from sandbox.provider import hub88
from sandbox.provider.line import Message
from sandbox.provider.table import Turn
from sandbox.wire import Answer
from tests.conformance.over_http.casino import Casino, Spot, new_id, turn
from tests.conformance.over_http.rule import Rules, Source

P, D = Source.PUBLISHED, Source.DECIDED
rule = Rules("hub88")
ALIASES: Final = {"bet": "/wallet/bet", "win": "/wallet/win", "rollback": "/wallet/rollback", "info": "/wallet/check"}
ALIASES_OF_ALL: Final = ALIASES | {"balance": "/wallet/balance"}
TOLD: Final = {"user", "currency", "balance"}


def words(spot: Spot, action: str, said: Turn, **changes: Any) -> dict[str, Any]:
    """Give the JSON of a call with fields replaced, or left out where the change is `...`."""
    whole = hub88.words(spot.seat, action, said) | changes
    return {name: value for name, value in whole.items() if value is not ...}


def message(spot: Spot, path: str, said: object, *, body: bytes | None = None) -> Message:
    """Sign and address a call; `body` replaces the JSON of what is said."""
    raw = body if body is not None else json.dumps(said).encode()
    return hub88.message(spot.seat.provider.base_url, spot.seat.provider.private_key, path, raw)


def ask(spot: Spot, path: str, said: object, *, body: bytes | None = None) -> dict[str, Any]:
    """Make a call and give its answer, which is HTTP 200 in any case."""
    return read(spot.send(message(spot, path, said, body=body)))


def read(answer: Answer) -> dict[str, Any]:
    """Give the JSON of an answer."""
    assert answer.status == 200, f"HTTP {answer.status}"
    said: dict[str, Any] = answer.json()
    return said


def expect(said: dict[str, Any], status: str) -> None:
    """Expect a status, and on an error neither user nor currency nor balance."""
    assert said["status"] == status, f"answered {said['status']}, expected {status}"
    assert status == "RS_OK" or not TOLD & said.keys(), f"an error tells {sorted(TOLD & said.keys())}"


def play(spot: Spot, action: str, said: Turn, **changes: Any) -> dict[str, Any]:
    """Make a bet, win or rollback with fields replaced."""
    return ask(spot, hub88.PATHS[action], words(spot, action, said, **changes))


def bet_on(spot: Spot, amount: str = "1.00") -> Turn:
    """Place a bet that stands."""
    bet = turn(amount)
    expect(play(spot, "bet", bet), "RS_OK")
    return bet


def win_of(bet: Turn, amount: str = "2.00") -> Turn:
    """Make a win on a bet."""
    return turn(amount, round_id=bet.round_id, reference=bet.transaction_id, closes=True)


# ----------------------------------------------------------------------------------------------------------------- form


@rule(P, "the answer echoes the request's id and names user, currency and balance as a whole number of 1/100000")
def answer_form(casino: Casino) -> None:
    """A bet of 3.56, which is 356000 on the wire."""
    spot = casino.spot("hub88")
    before = spot.balance()
    said = play(spot, "bet", turn("3.56"), request_uuid="the-request", amount=356_000)
    assert (said.pop("request_uuid"), said.pop("status")) == ("the-request", "RS_OK")
    assert said.pop("balance") == hub88.scaled(str(before - Decimal("3.56")))
    assert said == {"user": spot.seat.player_id, "currency": "EUR"}, said


@rule(P, "a question about the player and one for the balance are answered under both names")
def questions(casino: Casino) -> None:
    """Info and balance by Hub88's and by Caleta's routes."""
    spot = casino.spot("hub88")
    units = hub88.scaled(str(spot.balance()))
    for action in ("info", "balance"):
        for path in (hub88.PATHS[action], ALIASES_OF_ALL[action]):
            said = ask(spot, path, {"request_uuid": "q", "token": spot.seat.token})
            expect(said, "RS_OK")
            assert (said["request_uuid"], said["user"], said["balance"]) == ("q", spot.seat.player_id, units), said


@rule(P, "bet, win and rollback are answered under Caleta's names and with Caleta's signature header")
def aliases(casino: Casino) -> None:
    """A round and a rollback by the other routes, signed in X-Auth-Signature."""
    spot = casino.spot("hub88")

    def by_caleta(action: str, said: Turn) -> dict[str, Any]:
        call = message(spot, ALIASES[action], words(spot, action, said))
        headers = {"Content-Type": "application/json", "X-Auth-Signature": call.headers["X-Hub88-Signature"]}
        return read(spot.send(replace(call, headers=headers)))

    before = spot.balance()
    bet = turn("2.00")
    for action, said in (("bet", bet), ("win", win_of(bet, "5.00"))):
        expect(by_caleta(action, said), "RS_OK")
    expect(by_caleta("rollback", Turn(new_id(), bet.round_id, reference=bet.transaction_id)), "RS_OK")
    spot.holds(before + 5)


@rule(P, "every refusal is HTTP 200 with the outcome in its status, and tells neither user nor currency nor balance")
def refusal_form(casino: Casino) -> None:
    """A foreign session, another currency, an unknown game, an unknown reference."""
    spot = casino.spot("hub88")
    with spot.unmoved():
        expect(play(spot, "bet", turn(), token="nonsense"), "RS_ERROR_INVALID_TOKEN")
        expect(play(spot, "bet", turn(), currency="USD"), "RS_ERROR_WRONG_CURRENCY")
        expect(play(spot, "bet", turn(), game_code="no_such_game"), "RS_ERROR_INVALID_GAME")
        expect(play(spot, "win", turn(reference=new_id())), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")


@rule(P, "want of money tells Hub88 the balance, and does not tell Caleta")
def want_of_money(casino: Casino) -> None:
    """A bet beyond the balance by either route."""
    spot = casino.spot("hub88")
    with spot.unmoved() as balance:
        said = play(spot, "bet", turn(balance + 1))
        assert (said["status"], said.get("balance")) == ("RS_ERROR_NOT_ENOUGH_MONEY", hub88.scaled(str(balance))), said
        expect(ask(spot, ALIASES["bet"], words(spot, "bet", turn(balance + 1))), "RS_ERROR_NOT_ENOUGH_MONEY")


@rule(P, "what is no JSON object is wrong syntax, a field of another type is wrong types")
def syntax_and_types(casino: Casino) -> None:
    """Broken JSON, a list, a missing field; texts, floats, booleans and negative numbers as amounts, a text as a flag."""
    spot = casino.spot("hub88")
    with spot.unmoved():
        for body in (b"", b"{", b"[]", b'"text"', b'{"a":1}x'):
            expect(ask(spot, hub88.PATHS["bet"], None, body=body), "RS_ERROR_WRONG_SYNTAX")
        expect(play(spot, "bet", turn(), transaction_uuid=...), "RS_ERROR_WRONG_SYNTAX")
        amounts: tuple[Any, ...] = ("100000", 1.5, 100000.0, True, -1, [], 10**38)
        for amount in amounts:
            expect(play(spot, "bet", turn(), amount=amount), "RS_ERROR_WRONG_TYPES")
        expect(play(spot, "bet", turn(), round_closed="yes"), "RS_ERROR_WRONG_TYPES")


@rule(P, "the smallest amount of the wire is exact")
def smallest(casino: Casino) -> None:
    """A stake of 0.00001, and its rollback."""
    spot = casino.spot("hub88")
    before = spot.balance()
    bet = turn("0.00001")
    said = play(spot, "bet", bet)
    assert said["balance"] == hub88.scaled(str(before)) - 1, said
    said = play(spot, "rollback", Turn(new_id(), bet.round_id, reference=bet.transaction_id))
    assert said["balance"] == hub88.scaled(str(before)), said


# -------------------------------------------------------------------------------------------------------------- order


@rule(P, "checks come in order: signature, syntax, types, duplicate, then session, game and currency, limits, funds")
def order_of_checks(casino: Casino) -> None:
    """Calls that are wrong in two ways are refused for the earlier one."""
    spot = casino.spot("hub88")
    bet = bet_on(spot)
    too_much = spot.balance() + 1
    with spot.unmoved():
        expect(play(spot, "bet", turn(), amount="1", transaction_uuid=...), "RS_ERROR_WRONG_SYNTAX")
        expect(play(spot, "bet", bet, amount="1"), "RS_ERROR_WRONG_TYPES")
        expect(play(spot, "bet", replace(bet, amount=Decimal(2)), token="nonsense"), "RS_ERROR_DUPLICATE_TRANSACTION")
        expect(play(spot, "bet", replace(bet, amount=too_much), game_code="no_such_game"), "RS_ERROR_DUPLICATE_TRANSACTION")
        expect(play(spot, "bet", turn(too_much), token="nonsense"), "RS_ERROR_INVALID_TOKEN")
        expect(play(spot, "bet", turn(too_much), game_code="no_such_game"), "RS_ERROR_INVALID_GAME")
        expect(play(spot, "bet", turn(), currency="USD", token="nonsense"), "RS_ERROR_INVALID_TOKEN")
        expect(play(spot, "bet", turn(), currency="USD", game_code="no_such_game"), "RS_ERROR_INVALID_GAME")
        expect(play(spot, "bet", turn(too_much), currency="USD"), "RS_ERROR_WRONG_CURRENCY")


@rule(P, "the same id with another reference, game or currency is a duplicate")
def duplicates(casino: Casino) -> None:
    """A bet with another game or currency; a win with another reference."""
    spot = casino.spot("hub88")
    bet, other = bet_on(spot), bet_on(spot)
    win = win_of(bet)
    expect(play(spot, "win", win), "RS_OK")
    with spot.unmoved():
        for changes in ({"game_code": "hbr_liveroulette"}, {"currency": "USD"}):
            expect(play(spot, "bet", bet, **changes), "RS_ERROR_DUPLICATE_TRANSACTION")
        expect(play(spot, "win", replace(win, reference=other.transaction_id)), "RS_ERROR_DUPLICATE_TRANSACTION")


# ----------------------------------------------------------------------------------------------------- sessions, games


@rule(P, "after a newer session the older takes no bet, and still takes wins and rollbacks, which are never refused as expired")
def older_session(casino: Casino) -> None:
    """Two bets, a new launch, then bet, win, rollback and a question with the old token, and a bet with the new one."""
    old = casino.fresh("hub88")
    paid, back = bet_on(old), bet_on(old)
    new = old.relaunched()
    expect(play(old, "bet", turn()), "RS_ERROR_TOKEN_EXPIRED")
    expect(ask(old, hub88.PATHS["balance"], {"request_uuid": "q", "token": old.seat.token}), "RS_ERROR_TOKEN_EXPIRED")
    expect(play(old, "win", win_of(paid, "5.00")), "RS_OK")
    expect(play(old, "rollback", Turn(new_id(), back.round_id, reference=back.transaction_id)), "RS_OK")
    expect(play(new, "bet", turn()), "RS_OK")
    old.holds(23)


@rule(D, "a repeat succeeds although its session has ended since")
def repeat_after_session(casino: Casino) -> None:
    """A bet, a new launch, and the bet again with the old token."""
    old = casino.fresh("hub88")
    bet = bet_on(old)
    old.relaunched()
    with old.unmoved():
        expect(play(old, "bet", bet), "RS_OK")


@rule(P, "a token of another player takes no bet")
def foreign_token(casino: Casino) -> None:
    """A bet of one player under another's token."""
    spot, other = casino.spot("hub88"), casino.spot("hub88", maximum=True)
    with spot.unmoved(), other.unmoved():
        expect(play(spot, "bet", turn(), token=other.seat.token), "RS_ERROR_INVALID_TOKEN")


@rule(P, "the game may change within a session, as in a lobby")
def lobby(casino: Casino) -> None:
    """A bet on another of the provider's games, under the same token."""
    spot = casino.spot("hub88")
    expect(play(spot, "bet", turn("2.00"), game_code="hbr_liveroulette"), "RS_OK")


@rule(D, "a game that is switched off takes no bet, and a win on it is paid")
def disabled_game(casino: Casino) -> None:
    """A bet and a win that name a game that the catalogue has switched off."""
    spot = casino.spot("hub88")
    off = casino.game("hub88", enabled=False)["code"]
    bet = bet_on(spot)
    with spot.unmoved():
        expect(play(spot, "bet", turn(), game_code=off), "RS_ERROR_INVALID_GAME")
    before = spot.balance()
    expect(play(spot, "win", win_of(bet, "5.00"), game_code=off), "RS_OK")
    spot.holds(before + 5)


@rule(P, "another currency than the wallet's is refused in mid-session, for bets and for wins")
def other_currency(casino: Casino) -> None:
    """A bet and a win in USD for a player with EUR."""
    spot = casino.spot("hub88")
    bet = bet_on(spot)
    with spot.unmoved():
        expect(play(spot, "bet", turn(), currency="USD"), "RS_ERROR_WRONG_CURRENCY")
        expect(play(spot, "win", win_of(bet), currency="USD"), "RS_ERROR_WRONG_CURRENCY")


@rule(P, "a free round takes no stake, and its win is paid")
def free_round(casino: Casino) -> None:
    """A bet with is_free, and a win on it."""
    spot = casino.spot("hub88")
    before = spot.balance()
    bet = turn("5.00")
    expect(play(spot, "bet", bet, is_free=True), "RS_OK")
    spot.holds(before)
    expect(play(spot, "win", win_of(bet, "3.00"), is_free=True), "RS_OK")
    spot.holds(before + 3)


# ------------------------------------------------------------------------------------------------------ wins, rollbacks


@rule(P, "a win refers to an applied bet of the same player and round, else the transaction does not exist")
def win_reference(casino: Casino) -> None:
    """A win on nothing, on another round's bet, on another player's, on a win, on a refused bet; and on one that comes later."""
    spot, other = casino.spot("hub88"), casino.spot("hub88", maximum=True)
    bet, foreign = bet_on(spot), bet_on(other)
    win = win_of(bet)
    expect(play(spot, "win", win), "RS_OK")
    refused, late = turn(spot.balance() + 1), turn()
    assert play(spot, "bet", refused)["status"] == "RS_ERROR_NOT_ENOUGH_MONEY"
    with spot.unmoved():
        for wrong in (
            win_of(late),
            replace(win_of(bet), round_id=new_id()),
            win_of(foreign),
            replace(win_of(bet), reference=win.transaction_id),
            win_of(refused),
        ):
            expect(play(spot, "win", wrong), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    expect(play(spot, "bet", late), "RS_OK")
    expect(play(spot, "win", win_of(late)), "RS_OK")


@rule(P, "a win on a bet that was rolled back does not exist to Hub88 and is rolled back to Caleta")
def win_on_rolled_back(casino: Casino) -> None:
    """A bet, its rollback, and a win by either route; the same for a bet that never came."""
    spot = casino.spot("hub88")
    bet, never = bet_on(spot), turn()
    for one in (bet, never):
        expect(play(spot, "rollback", Turn(new_id(), one.round_id, reference=one.transaction_id)), "RS_OK")
    with spot.unmoved():
        for one in (bet, never):
            expect(play(spot, "win", win_of(one)), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
            expect(ask(spot, ALIASES["win"], words(spot, "win", win_of(one))), "RS_ERROR_TRANSACTION_ROLLED_BACK")


@rule(P, "a rollback names neither amount nor currency: what was booked comes back, whatever it says")
def rollback_amount(casino: Casino) -> None:
    """A rollback that claims 99.00 USD for a bet of 2.00 EUR."""
    spot = casino.spot("hub88")
    bet = bet_on(spot, "2.00")
    before = spot.balance()
    said = Turn(new_id(), bet.round_id, reference=bet.transaction_id)
    expect(play(spot, "rollback", said, amount=9_900_000, currency="USD"), "RS_OK")
    spot.holds(before + 2)


@rule(D, "the late original of a rollback is a duplicate, whether bet or win")
def late_originals(casino: Casino) -> None:
    """A rollback of an unseen bet and of an unseen win, and then those."""
    spot = casino.spot("hub88")
    bet = bet_on(spot)
    with spot.unmoved():
        for action, late in (("bet", turn()), ("win", win_of(bet))):
            expect(play(spot, "rollback", Turn(new_id(), late.round_id, reference=late.transaction_id)), "RS_OK")
            expect(play(spot, action, late), "RS_ERROR_DUPLICATE_TRANSACTION")


@rule(P, "Caleta hears of a stake beyond the limit in its own word")
def caleta_limit(casino: Casino) -> None:
    """A stake above the game's largest, by Caleta's route."""
    spot = casino.spot("hub88", maximum=True)
    most = Decimal(casino.game("hub88", maximum=True)["stakes"]["EUR"]["max"])
    with spot.unmoved():
        expect(ask(spot, ALIASES["bet"], words(spot, "bet", turn(most + 1))), "RS_ERROR_BET_LIMIT_EXCEEDED")


@rule(D, "an unknown route is answered in the protocol's words")
def unknown_route(casino: Casino) -> None:
    """A signed post to a route that does not exist."""
    spot = casino.spot("hub88")
    with spot.unmoved():
        expect(ask(spot, "/transaction/jackpot", words(spot, "bet", turn())), "RS_ERROR_WRONG_SYNTAX")
