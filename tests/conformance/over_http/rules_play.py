"""Rules of every dialect about who may bet and who is paid, rounds, amounts, sessions, keys and signatures."""

import time
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from sandbox import aws
from sandbox.provider import action_batch, hub88
from sandbox.provider.line import Outcome
from tests.conformance.over_http.casino import SPEAKERS, Casino, Spot, turn
from tests.conformance.over_http.everywhere import (
    DECIDED,
    DISABLED,
    HUB88S,
    MAXIMUM,
    NEGATIVE,
    SOURCES,
    Everywhere,
    on,
    standing,
)
from tests.conformance.over_http.rule import Source

ROTATED_SECONDS = 90.0
MARKED: Final = ("hub88", "action_batch")
"""Dialects whose protocol says of its movements whether they close the round."""

everywhere = Everywhere()


# ---------------------------------------------------------------------------------------------- who may bet, who is paid


@everywhere("a player who was blocked in mid-round takes no bet, and wins and rollbacks still reach him", HUB88S)
def blocked(casino: Casino, dialect: str) -> None:
    """Two bets stand, support freezes the account; a third is refused, a win and a rollback are booked, a replay succeeds."""
    spot = casino.fresh(dialect)
    paid, _ = standing(spot)
    back, _ = standing(spot)
    casino.support("freeze", spot.seat.player_id)
    spot.refused(spot.bet(turn()), DISABLED[dialect])
    replay, won, returned = spot.bet(paid), spot.win(on(paid, "5.00")), spot.back(back)
    assert [one.outcome for one in (replay, won, returned)] == 3 * [Outcome.STANDS], (replay, won, returned)
    assert [one.balance for one in (replay, won, returned)] == [18, 23, 24], (replay, won, returned)


@everywhere("a player who excluded himself in mid-round takes no bet, and wins and rollbacks still reach him", DECIDED)
def excluded(casino: Casino, dialect: str) -> None:
    """The same after an exclusion."""
    spot = casino.fresh(dialect)
    paid, _ = standing(spot)
    back, _ = standing(spot)
    casino.support("exclude", spot.seat.player_id)
    spot.refused(spot.bet(turn()), DISABLED[dialect])
    won, returned = spot.win(on(paid, "5.00")), spot.back(back)
    assert [one.outcome for one in (won, returned)] == 2 * [Outcome.STANDS], (won, returned)
    assert [one.balance for one in (won, returned)] == [23, 24], (won, returned)


@everywhere("a stake beyond the game's largest is refused in a word of its own, and nothing is kept from the player")
def beyond_maximum(casino: Casino, dialect: str) -> None:
    """A stake of the largest allowed and one unit more; then the largest."""
    spot = casino.spot(dialect, maximum=True)
    most = Decimal(casino.game(dialect, maximum=True)["stakes"]["EUR"]["max"])
    with spot.unmoved():
        spot.refused(spot.bet(turn(most + 1)), MAXIMUM[dialect])
    before = spot.balance()
    spot.stands(spot.bet(turn(most)), -most, before)


# --------------------------------------------------------------------------------------------------------------- rounds


@everywhere("a win of nothing is accepted and closes the round", HUB88S)
def win_of_nothing(casino: Casino, dialect: str) -> None:
    """A bet and a win of 0."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot)
    spot.stands(spot.win(on(bet, "0")), 0, balance)


@everywhere("a win after the round was closed is paid, and flagged where the protocol has a mark for the end", DECIDED)
def win_after_close(casino: Casino, dialect: str) -> None:
    """A bet, a closing win of 0, and a second win; then the round as its player sees it."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot)
    balance = spot.stands(spot.win(on(bet, "0")), 0, balance)
    spot.stands(spot.win(on(bet, "3.00")), "3.00", balance)
    assert _flags(spot, bet.round_id) == [False, False, dialect in MARKED]


@everywhere("a bet after the round was closed is a bet, and flagged where the protocol has a mark for the end", DECIDED)
def bet_after_close(casino: Casino, dialect: str) -> None:
    """A bet, a closing win, a second bet in the same round: whether a round is over is the provider's to know."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot)
    balance = spot.stands(spot.win(on(bet, "0")), 0, balance)
    spot.stands(spot.bet(turn("1.00", round_id=bet.round_id)), "-1.00", balance)
    assert _flags(spot, bet.round_id) == [False, False, dialect in MARKED]


@everywhere("a round is over when its provider says so, and open until then", DECIDED, only=MARKED)
def over_when_said(casino: Casino, dialect: str) -> None:
    """A bet that closes its round, and a bet with a win that does not; then the rounds as their player sees them."""
    spot = casino.spot(dialect)
    lost = replace(turn(), closes=True)
    assert spot.bet(lost).outcome is Outcome.STANDS
    said = _round(spot, lost.round_id)
    assert (said["state"], said["closed_at"] is None) == ("settled", False), said
    bet, balance = standing(spot)
    spot.stands(spot.win(on(bet, "2.00", closes=False)), "2.00", balance)
    said = _round(spot, bet.round_id)
    assert (said["state"], said["closed_at"]) == ("open", None), said


def _round(spot: Spot, round_id: str) -> dict[str, Any]:
    spot.wallet()  # logs in again if need be
    seen: dict[str, Any] = spot.guest.api.call("GET", f"/v1/rounds/{spot.name}?{urlencode({'round_id': round_id})}")
    return seen


def _flags(spot: Spot, round_id: str) -> list[bool]:
    return [move["after_close"] for move in _round(spot, round_id)["moves"]]


# -------------------------------------------------------------------------------------------------------------- amounts


@everywhere("a negative amount is refused", SOURCES | {"action_batch": Source.DECIDED})
def negative(casino: Casino, dialect: str) -> None:
    """A bet and a win of −1.00."""
    spot = casino.spot(dialect)
    bet, _ = standing(spot)
    with spot.unmoved():
        spot.refused(spot.bet(turn("-1.00")), NEGATIVE[dialect])
        spot.refused(spot.win(on(bet, "-1.00")), NEGATIVE[dialect])


@everywhere("huge amounts are exact: a stake is not covered, a win is paid to the last cent", HUB88S)
def huge(casino: Casino, dialect: str) -> None:
    """Stakes of 2³¹−1 and 63727092.34; then that win, and its rollback."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot)
    for amount in ("2147483647", "63727092.34"):
        spot.refused(spot.bet(turn(amount)), spot.speaker.funds_word)
    win = on(bet, "63727092.34")
    balance = spot.stands(spot.win(win), "63727092.34", balance)
    spot.stands(spot.back(win), "-63727092.34", balance)


# ------------------------------------------------------------------------------------------------------------- sessions


@everywhere("sessions at two providers do not end each other", DECIDED)
def two_channels(casino: Casino, dialect: str) -> None:
    """The same player launches at another provider; the first session still takes bets."""
    spot = casino.fresh(dialect)
    other = next(name for name in SPEAKERS if name != dialect)
    spot.guest.launch(other, casino.codes, casino.game(other)["id"])
    standing(spot)


@everywhere("what is kept of a transaction never expires", HUB88S)
def kept_for_ever(casino: Casino, dialect: str) -> None:
    """The ledger's table has no time to live, and a bet's record no instant at which it ends (asked of the table itself)."""
    bet, _ = standing(casino.spot(dialect))
    dynamodb = aws.client("dynamodb", casino.stack.endpoint)
    table = casino.stack.resources["LedgerTableName"]
    told = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert told["TimeToLiveStatus"] == "DISABLED", told
    source = {"action_batch": "batch"}.get(dialect, dialect)
    item = dynamodb.get_item(TableName=table, Key={"pk": {"S": f"TX#game:{source}#{bet.transaction_id}"}}).get("Item")
    assert item, "the bet has no record"
    assert not {"expires_at", "ttl"} & item.keys()


@everywhere("a second key is good beside the first while a provider changes its keys", DECIDED)
def rotation(casino: Casino, dialect: str) -> None:
    """A further key is put beside the first; within seconds a bet under it is accepted, and one under the first still is."""
    spot = casino.spot(dialect)
    with casino.second_key(dialect) as provider:
        newer = replace(spot, seat=replace(spot.seat, provider=provider))
        bet, before, end = turn(), spot.balance(), time.monotonic() + ROTATED_SECONDS
        verdict = newer.bet(bet)
        while verdict.outcome is not Outcome.STANDS and time.monotonic() < end:
            time.sleep(1)
            verdict = newer.bet(bet)
        after = spot.stands(verdict, "-1.00", before)
        spot.stands(spot.bet(turn()), "-1.00", after)


# ------------------------------------------------------------------------------------------------------------ signatures


@everywhere("a signature by another key, or none, is refused before anything is read, with no effect and no balance told")
def bad_signature(casino: Casino, dialect: str) -> None:
    """A right bet under a foreign key, without a signature, and a body that is no JSON."""
    spot = casino.spot(dialect)
    other = casino.foreign(dialect)
    with spot.unmoved():
        forged = spot.speaker.bet(replace(spot.seat, provider=other), turn())
        bare = replace(forged, headers={"Content-Type": "application/json"})
        for message in (forged, bare, replace(forged, body=b"{"), replace(bare, body=b"{")):
            answer = spot.send(message)
            wanted = {"hub88": 200, "swipe": 401, "action_batch": 403}[dialect]
            assert answer.status == wanted, f"HTTP {answer.status}, expected {wanted}"
            said = answer.json()
            assert dialect != "hub88" or said["status"] == "RS_ERROR_INVALID_SIGNATURE", said
            assert not {"balance", "user", "currency"} & said.keys(), said


@everywhere("a signature is over the raw bytes", only=("hub88", "action_batch"))
def raw_bytes(casino: Casino, dialect: str) -> None:
    """One JSON, compact and with spaces: each is refused under the other's signature and accepted under its own."""
    spot = casino.spot(dialect)
    message = spot.speaker.bet(spot.seat, turn())
    compact = message.body or b""
    spaced = compact.replace(b'":', b'": ')
    assert spaced != compact
    provider = spot.seat.provider
    sign = {"hub88": partial(hub88.sign, provider.private_key), "action_batch": partial(action_batch.sign, provider.secret)}[
        dialect
    ]
    header = {"hub88": "X-Hub88-Signature", "action_batch": action_batch.SIGNATURE_HEADER}[dialect]
    with spot.unmoved():
        for body, other in ((spaced, compact), (compact, spaced)):
            verdict = spot.verdict(replace(message, body=body, headers={header: sign(other)}))
            assert verdict.word in {"RS_ERROR_INVALID_SIGNATURE", "403 403"}, verdict.word
    before = spot.balance()
    spot.stands(spot.verdict(replace(message, body=spaced, headers={header: sign(spaced)})), "-1.00", before)
