"""Rules of Swipe Games' protocol."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from sandbox.provider import swipe
from sandbox.provider.table import Turn
from sandbox.wire import Answer
from tests.conformance.over_http.casino import Casino, Spot, new_id, turn
from tests.conformance.over_http.rule import Rules, Source

P, D = Source.PUBLISHED, Source.DECIDED
rule = Rules("swipe")
PATHS = {"bet": "bet", "win": "win", "rollback": "refund"}


def words(spot: Spot, action: str, said: Turn, **changes: Any) -> dict[str, Any]:
    """Give the JSON of a call with fields replaced, or left out where the change is `...`."""
    whole = swipe.words(spot.seat, action, said) | changes
    return {name: value for name, value in whole.items() if value is not ...}


def play(spot: Spot, action: str, said: Turn, **changes: Any) -> Answer:
    """Make a bet, win or refund with fields replaced."""
    return spot.send(swipe.post(spot.seat.provider, PATHS[action], words(spot, action, said, **changes)))


def expect(answer: Answer, status: int, code: str = "") -> dict[str, Any]:
    """Expect an HTTP status and a code; on an error, a message and no balance."""
    said: dict[str, Any] = answer.json()
    assert (answer.status, said.get("code", "")) == (status, code), f"answered {answer.status} {said}, expected {status} {code}"
    if status != 200:
        assert said["message"], "an error without a message"
        assert "balance" not in said, "an error tells the balance"
    return said


def bet_on(spot: Spot, amount: str = "1.00") -> Turn:
    """Place a bet that stands."""
    bet = turn(amount)
    expect(play(spot, "bet", bet), 200)
    return bet


def win_of(bet: Turn, amount: str = "2.00") -> Turn:
    """Make a win in a bet's round."""
    return turn(amount, round_id=bet.round_id)


def refund_of(bet: Turn) -> Turn:
    """Make a refund of a bet."""
    return Turn(new_id(), bet.round_id, bet.amount, bet.transaction_id)


# ----------------------------------------------------------------------------------------------------------- signatures


@rule(P, "the balance is told to a GET whose signature is over its query")
def balance(casino: Casino) -> None:
    """A right question, then one signed for another session, and one without a signature."""
    spot = casino.spot("swipe")
    query = {"sessionID": spot.seat.token}
    said = expect(spot.send(swipe.ask(spot.seat.provider, query)), 200)
    assert Decimal(said["balance"]) == spot.balance(), said
    wrong = swipe.sign(spot.seat.provider.secret, {"sessionID": "other"})
    expect(spot.send(swipe.ask(spot.seat.provider, query, signature=wrong)), 401)
    bare = swipe.ask(spot.seat.provider, query)
    expect(spot.send(replace(bare, headers={})), 401)


@rule(P, "a signature is over the canonical JSON: order of keys and white space do not matter, content does")
def canonical(casino: Casino) -> None:
    """One bet in canonical form, and again reversed and spaced, under one signature; then with one character changed."""
    spot = casino.spot("swipe")
    said = words(spot, "bet", turn("1.50"))
    before = spot.balance()
    whole = json.dumps(dict(reversed(said.items())), indent=2).encode()
    for body in (swipe.canonical(said), whole):
        told = expect(spot.send(swipe.post(spot.seat.provider, "bet", said, body=body)), 200)
        assert Decimal(told["balance"]) == before - Decimal("1.50"), told
    with spot.unmoved():
        other = whole.replace(b'"1.50"', b'"1.51"')
        expect(spot.send(swipe.post(spot.seat.provider, "bet", said, body=other)), 401)


# ----------------------------------------------------------------------------------------------------------------- form


@rule(P, "a bet and a win are answered with the balance and an id of ours; the same call again names the same id")
def our_ids(casino: Casino) -> None:
    """A bet twice and a win: the ids are not the provider's, and a repeat's is the first one's."""
    spot = casino.spot("swipe")
    bet = turn()
    first, again = expect(play(spot, "bet", bet), 200), expect(play(spot, "bet", bet), 200)
    won = expect(play(spot, "win", win_of(bet)), 200)
    assert first.keys() == {"balance", "txID"}, first
    assert first["txID"] == again["txID"], f"the repeat names {again['txID']}, the first call {first['txID']}"
    assert len({first["txID"], won["txID"], bet.transaction_id}) == 3, "an id of ours is another's"


@rule(P, "amounts are decimal texts in main units, with no more places than the currency has")
def amounts(casino: Casino) -> None:
    """Texts that are none, numbers, and three places in EUR are refused; 0.5 and 2 are taken."""
    spot = casino.spot("swipe")
    with spot.unmoved():
        for amount in ("", "01", "1.", ".5", "+1", "-1", "1e2", "1,5", "NaN", " 1", "1.001", 1, None, True):
            expect(play(spot, "bet", turn(), amount=amount), 400)
    before = spot.balance()
    expect(play(spot, "bet", turn(), amount="0.5"), 200)
    expect(play(spot, "bet", turn(), amount="2"), 200)
    spot.holds(before - Decimal("2.5"))


@rule(P, "a currency without decimals takes none")
def no_decimals(casino: Casino) -> None:
    """A bet of 10.50 in JPY is refused, one of 10 is taken, and the balance is told without a point."""
    spot = casino.spot("swipe", "JPY")
    with spot.unmoved():
        expect(play(spot, "bet", turn("10"), amount="10.50"), 400)
    said = expect(play(spot, "bet", turn("10")), 200)
    assert said["balance"].isdigit(), said


@rule(P, "errors speak by HTTP status and by code: session, funds, game, form")
def errors(casino: Casino) -> None:
    """An unknown session, a bet beyond the balance, missing and wrong fields."""
    spot = casino.spot("swipe")
    with spot.unmoved() as balance:
        expect(play(spot, "bet", turn(balance + 1)), 400, "insufficient_funds")
        for changes in ({"txID": "no-uuid"}, {"txID": ...}, {"roundID": ...}, {"type": "other"}, {"type": ...}):
            expect(play(spot, "bet", turn(), **changes), 400)
        other = casino.fresh("swipe", "0").seat.token
        forged = other[:-4] + ("aaaa" if not other.endswith("aaaa") else "bbbb")
        expect(play(spot, "bet", turn(), sessionID=forged), 404, "session_not_found")
        expect(spot.send(swipe.ask(spot.seat.provider, {"sessionID": forged})), 404, "session_not_found")


@rule(D, "an unknown route is refused")
def unknown_route(casino: Casino) -> None:
    """A signed post to a route that does not exist, and a signed GET of one that is posted."""
    spot = casino.spot("swipe")
    provider = spot.seat.provider
    with spot.unmoved():
        expect(spot.send(swipe.post(provider, "jackpot", words(spot, "bet", turn()))), 400)
        query = {"sessionID": spot.seat.token}
        asked = swipe.ask(provider, query)
        expect(spot.send(replace(asked, url=f"{provider.base_url}/bet?{urlencode(query)}")), 400)


# ------------------------------------------------------------------------------------------------------------- sessions


@rule(P, "after a newer session the older takes no bet, and still takes wins and refunds")
def older_session(casino: Casino) -> None:
    """Two bets, a new launch; then bet, win, refund and balance with the old session, and a bet with the new one."""
    old = casino.fresh("swipe")
    paid, back = bet_on(old), bet_on(old)
    new = old.relaunched()
    expect(play(old, "bet", turn()), 404, "session_expired")
    expect(old.send(swipe.ask(old.seat.provider, {"sessionID": old.seat.token})), 404, "session_expired")
    expect(play(old, "win", win_of(paid, "5.00")), 200)
    expect(play(old, "rollback", refund_of(back)), 200)
    expect(play(new, "bet", turn()), 200)
    old.holds(23)


@rule(D, "a repeat succeeds although its session has ended since")
def repeat_after_session(casino: Casino) -> None:
    """A bet, a new launch, and the bet again with the old session."""
    old = casino.fresh("swipe")
    bet = bet_on(old)
    old.relaunched()
    with old.unmoved():
        expect(play(old, "bet", bet), 200)


# ---------------------------------------------------------------------------------------------------- refunds, campaigns


@rule(P, "a refund gives back what was booked, whatever amount it says")
def refund_amount(casino: Casino) -> None:
    """A refund that claims 99.00 for a bet of 2.00, and one without round and amount."""
    spot = casino.spot("swipe")
    first, second = bet_on(spot, "2.00"), bet_on(spot, "3.00")
    before = spot.balance()
    expect(play(spot, "rollback", refund_of(first), amount="99.00"), 200)
    expect(play(spot, "rollback", refund_of(second), amount=..., roundID=...), 200)
    spot.holds(before + 5)


@rule(D, "a refund of the unseen is accepted, and its late bet is refused with 400")
def late_bet(casino: Casino) -> None:
    """A refund first, then its bet, which moves nothing."""
    spot = casino.spot("swipe")
    with spot.unmoved():
        late = turn("4.00")
        expect(play(spot, "rollback", refund_of(late)), 200)
        expect(play(spot, "bet", late), 400)


@rule(P, "win and refund may be repeated until they are answered, and are answered alike")
def repeated(casino: Casino) -> None:
    """A win and a refund three times each: the same id of ours, one effect."""
    spot = casino.spot("swipe")
    paid, back = bet_on(spot), bet_on(spot)
    before = spot.balance()
    for action, said in (("win", win_of(paid, "5.00")), ("rollback", refund_of(back))):
        assert len({expect(play(spot, action, said), 200)["txID"] for _ in range(3)}) == 1
    spot.holds(before + 6)


@rule(P, "bets and wins of free rounds are tracking only, and the campaign's last win pays without a bet, once")
def free_rounds(casino: Casino) -> None:
    """Free bets and wins move nothing; a regular win with the campaign's id pays; the same win again does not."""
    spot = casino.spot("swipe")
    campaign, round_id = new_id(), new_id()
    for action in ("bet", "win"):
        with spot.unmoved():
            expect(play(spot, action, turn("2.00", round_id=round_id), type="free", frID=campaign), 200)
    before = spot.balance()
    paying = turn("7.50")
    for _ in range(2):
        said = expect(play(spot, "win", paying, frID=campaign), 200)
        assert Decimal(said["balance"]) == before + Decimal("7.50"), said
