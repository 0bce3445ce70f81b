"""Swipe Games by the rules of its documents and the cases of a wallet: dialect, mechanism, book and rules together."""

import json
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
import rfc8785

from countroom.games.providers.dialect import Call
from countroom.ledger.movements import LimitKind, Period, Reference, Status
from countroom.ledger.records import Record
from countroom.ledger.safeguards import SetLimit
from countroom.ledger.sessions import issue
from countroom.ledger.store import StoreBusy
from tests.unit.games.wires import (
    BET_1,
    BET_2,
    REFUND_1,
    REFUND_2,
    WIN_1,
    WIN_2,
    SwipeWorld,
    hexmac,
    read,
    swipe_bet,
    swipe_refund,
    swipe_win,
    uid,
)
from tests.unit.games.world import UNIT

NEVER_ISSUED = issue("pl_anna", bytes(20))


@pytest.fixture
def world() -> SwipeWorld:
    return SwipeWorld()


@pytest.fixture
def session(world: SwipeWorld) -> str:
    return world.player()


def refused(answer: tuple[int, dict[str, Any]], status: int, code: str = "") -> None:
    """An error carries a message, what it was for the provider's log, and the protocol's code where there is one: no balance."""
    assert answer[0] == status, answer
    assert answer[1].get("code", "") == code, answer
    assert answer[1].keys() == {"message", "details"} | ({"code"} if code else set())


# ------------------------------------------------------------------------------------------------------------- the routes


def test_balance_of_a_session(world: SwipeWorld, session: str) -> None:
    assert world.balance(sessionID=session) == (200, {"balance": "100.00"})


def test_a_round(world: SwipeWorld, session: str) -> None:
    assert world.say("/bet", swipe_bet(session))["balance"] == "90.00"
    assert world.say("/win", swipe_win(session))["balance"] == "115.00"
    assert world.say("/bet", swipe_bet(session, txID=BET_2, roundID="round-2", amount="0.5"))["balance"] == "114.50"
    assert world.say("/refund", swipe_refund(session, origTxID=BET_2, roundID="round-2"))["balance"] == "115.00"


def test_the_transaction_id_is_ours_a_uuid_and_stable(world: SwipeWorld, session: str) -> None:
    said = [("/bet", swipe_bet(session)), ("/win", swipe_win(session)), ("/refund", swipe_refund(session))]
    given = []
    for path, body in said:
        given.append(world.say(path, body)["txID"])
        assert world.say(path, body)["txID"] == given[-1]
    assert all(str(UUID(name)) == name for name in given)
    assert len({*given, BET_1, WIN_1, REFUND_1}) == 6


def test_a_movement_carries_the_game_of_its_session(world: SwipeWorld) -> None:
    session = world.player()
    world.say("/bet", swipe_bet(session))
    world.launch(game="x_table")
    world.say("/win", swipe_win(session))
    for name in (BET_1, WIN_1):
        record = world.store.entries[Reference("game:swipe", name)]
        assert isinstance(record, Record)
        assert (record.game, record.round) == ("x_reels", "round-1")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/bet"), ("POST", "/balance"), ("PUT", "/bet"), ("POST", "/bet/"), ("POST", "/"), ("GET", "/")]
)
def test_there_are_four_routes(world: SwipeWorld, session: str, method: str, path: str) -> None:
    raw = rfc8785.dumps(swipe_bet(session))
    headers = {"x-request-sign": hexmac(raw if method != "GET" else b"{}")}
    refused(read(world.desk.serve(Call(path, headers, raw, method))), 400)


@pytest.mark.parametrize("kind", ["bet", "win", "refund"])
def test_two_requests_session_check_included(world: SwipeWorld, session: str, kind: str) -> None:
    world.say("/bet", swipe_bet(session, txID=BET_2))
    body = {"bet": swipe_bet, "win": swipe_win, "refund": swipe_refund}[kind](session)
    again = {"bet": 3}.get(kind, 2)  # whether the bet was taken back since is one question more
    for expected in (2, again):
        before = world.store.requests
        world.say(f"/{kind}", body)
        assert world.store.requests - before == expected


# ------------------------------------------------------------------------------------------------------------- signatures


def test_the_signature_is_over_the_canonical_form(world: SwipeWorld, session: str) -> None:
    """The order of the keys and the white space of what is sent do not matter; what it says does."""
    body = swipe_bet(session)
    signature = hexmac(rfc8785.dumps(body))
    spaced = json.dumps(dict(reversed(body.items())), indent=2).encode()
    assert world.post("/bet", spaced, signature).reply.status == 200
    other = json.dumps({**body, "amount": "10.0"}).encode()
    refused(read(world.post("/bet", other, signature)), 401)
    refused(read(world.post("/bet", spaced, hexmac(spaced))), 401)


def test_the_canonical_form_is_that_of_rfc_8785(world: SwipeWorld, session: str) -> None:
    """Escapes, numbers and the order of names by UTF-16, in fields that nobody knows; written out by hand."""
    body = swipe_bet(session)
    raw = json.dumps({**body, "zł": "€\u000f\n", "n": [1e30, 4.50, 2e-3, 1e-27, True, None]}).encode()
    known = rfc8785.dumps(body)[1:-1].decode()
    head, tail = known.split(',"roundID"')
    canonical = head + ',"n":[1e+30,4.5,0.002,1e-27,true,null],"roundID"' + tail + ',"zł":"€\\u000f\\n"'
    assert world.post("/bet", raw, hexmac(b"{" + canonical.encode() + b"}")).reply.status == 200


def test_a_query_is_signed_as_an_object_of_its_fields(world: SwipeWorld, session: str) -> None:
    signature = hexmac(b'{"a":"x y","sessionID":"' + session.encode() + b'"}')
    for query in (f"a=x%20y&sessionID={session}", f"sessionID={session}&a=x+y"):
        answer = read(world.desk.serve(Call("/balance", {"x-request-sign": signature}, b"", "GET", query)))
        assert answer == (200, {"balance": "100.00"})
    refused(read(world.desk.serve(Call("/balance", {"x-request-sign": signature}, b"", "GET", f"sessionID={session}"))), 401)


@pytest.mark.parametrize("query", ["sessionID=a&sessionID=b", "a=%ff", "&".join(f"a{n}=1" for n in range(17)), "a=" + "x" * 3_000])
def test_a_query_that_has_no_one_meaning_is_not_signed(world: SwipeWorld, query: str) -> None:
    """Not even by who takes the last of two fields, or an odd byte, for the meaning."""
    signature = hexmac(rfc8785.dumps(dict(parse_qsl(query, errors="replace"))))
    refused(read(world.desk.serve(Call("/balance", {"x-request-sign": signature}, b"", "GET", query))), 401)


@pytest.mark.parametrize("signature", ["", "zz", "0" * 64, "0" * 100_000])
@pytest.mark.parametrize("path", ["/bet", "/win", "/refund", "/no/such/route"])
def test_case_29_a_bad_signature_moves_and_tells_nothing(world: SwipeWorld, session: str, path: str, signature: str) -> None:
    before = world.store.state(), world.store.requests
    refused(read(world.post(path, rfc8785.dumps(swipe_bet(session)), signature)), 401)
    refused(read(world.desk.serve(Call("/balance", {"x-request-sign": signature}, b"", "GET", f"sessionID={session}"))), 401)
    refused(read(world.desk.serve(Call(path, {}, rfc8785.dumps(swipe_bet(session))))), 401)
    assert (world.store.state(), world.store.requests) == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1,"a":1}',
        b'{"a":9007199254740993}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":NaN}',
        b"[" * 9_000,
        b'{"a":"' + b"x" * 17_000 + b'"}',
    ],
    ids=lambda raw: str(raw[:20]),
)
def test_what_has_no_canonical_form_was_not_signed(world: SwipeWorld, raw: bytes) -> None:
    refused(read(world.post("/bet", raw, hexmac(raw))), 401)


def test_case_46_either_of_two_secrets(world: SwipeWorld, session: str) -> None:
    world.secret.stored = {"secrets": ["test", "next"]}
    for number, secret in enumerate(("next", "test")):
        raw = rfc8785.dumps(swipe_bet(session, txID=uid(50 + number)))
        assert world.post("/bet", raw, hexmac(raw, secret)).reply.status == 200
    assert world.secret.refreshes == 1


# ---------------------------------------------------------------------------------------------------------- edge cases by number


def test_case_01_the_same_bet_again_has_one_effect_and_tells_the_balance_now(world: SwipeWorld, session: str) -> None:
    first = world.say("/bet", swipe_bet(session))
    world.say("/bet", swipe_bet(session, txID=BET_2))
    world.clock.advance(seconds=100 * 86_400)
    world.set_status("pl_anna", Status.BLOCKED)
    assert world.say("/bet", swipe_bet(session)) == {"balance": "80.00", "txID": first["txID"]}
    assert world.say("/bet", swipe_bet(session, txID=BET_1.upper()))["txID"] == first["txID"], "a UUID has no case"


@pytest.mark.parametrize("change", [{"amount": "10.01"}, {"roundID": "round-2"}, {"type": "free"}], ids=str)
def test_case_02_the_same_id_with_another_field_is_refused(world: SwipeWorld, session: str, change: dict[str, Any]) -> None:
    world.say("/bet", swipe_bet(session))
    world.say("/win", swipe_win(session))
    before = world.store.state()
    refused(world.tell("/bet", swipe_bet(session, **change)), 400)
    refused(world.tell("/win", swipe_win(session, **change)), 400)
    refused(world.tell("/win", swipe_win(session, txID=BET_1)), 400)
    others = SwipeWorld.player(world, "pl_bert")
    refused(world.tell("/bet", swipe_bet(others)), 400)
    refused(world.tell("/win", swipe_win(others)), 400)
    assert world.store.state()[1].items() >= before[1].items()
    assert world.balance(sessionID=session)[1] == {"balance": "115.00"}
    assert world.balance(sessionID=others)[1] == {"balance": "100.00"}


def test_case_04_two_bets_for_the_last_coin(world: SwipeWorld) -> None:
    session = world.player(cash=10)
    assert world.say("/bet", swipe_bet(session))["balance"] == "0.00"
    refused(world.tell("/bet", swipe_bet(session, txID=BET_2, amount="0.01")), 400, "insufficient_funds")


def test_case_05_a_refund_of_the_unseen_is_fine_and_moves_nothing(world: SwipeWorld, session: str) -> None:
    assert world.say("/refund", swipe_refund(session))["balance"] == "100.00"
    assert world.say("/refund", swipe_refund(session))["balance"] == "100.00"


def test_case_07_the_late_bet_after_its_refund_is_refused(world: SwipeWorld, session: str) -> None:
    world.say("/refund", swipe_refund(session))
    for _ in range(2):
        refused(world.tell("/bet", swipe_bet(session)), 400)
    assert world.balance(sessionID=session)[1] == {"balance": "100.00"}


def test_case_08_a_refund_twice_gives_back_once(world: SwipeWorld, session: str) -> None:
    world.say("/bet", swipe_bet(session))
    for name in (REFUND_1, REFUND_1, REFUND_2):
        assert world.say("/refund", swipe_refund(session, txID=name))["balance"] == "100.00"


def test_case_11_a_win_names_no_bet_and_is_paid(world: SwipeWorld, session: str) -> None:
    assert world.say("/win", swipe_win(session))["balance"] == "125.00"


def test_case_12_33_win_and_refund_outlive_the_session_a_bet_does_not(world: SwipeWorld, session: str) -> None:
    world.say("/bet", swipe_bet(session))
    world.clock.advance(seconds=13 * 3_600)
    refused(world.tell("/bet", swipe_bet(session, txID=BET_2)), 404, "session_expired")
    refused(world.balance(sessionID=session), 404, "session_expired")
    for _ in range(2):
        world.launch()
    refused(world.tell("/bet", swipe_bet(session, txID=uid(20))), 404, "session_not_found")
    refused(world.balance(sessionID=session), 404, "session_not_found")
    assert world.say("/win", swipe_win(session))["balance"] == "115.00"
    assert world.say("/refund", swipe_refund(session))["balance"] == "125.00"


def test_a_session_that_was_replaced_has_ended_for_bets(world: SwipeWorld, session: str) -> None:
    world.launch()
    refused(world.tell("/bet", swipe_bet(session)), 404, "session_expired")


@pytest.mark.parametrize("session_id", ["garbage", NEVER_ISSUED, "pl_nobody." + "a" * 32, "x" * 1_000])
def test_a_session_that_never_was(world: SwipeWorld, session: str, session_id: str) -> None:
    assert session != session_id
    refused(world.balance(sessionID=session_id), 404, "session_not_found")
    for path, body in (("/bet", swipe_bet), ("/win", swipe_win), ("/refund", swipe_refund)):
        refused(world.tell(path, body(session_id)), 404, "session_not_found")
    assert world.balance(sessionID=session)[1] == {"balance": "100.00"}


def test_the_secret_of_one_players_session_is_no_session_of_another(world: SwipeWorld, session: str) -> None:
    world.player("pl_bert")
    mixed = "pl_bert." + session.partition(".")[2]
    refused(world.tell("/win", swipe_win(mixed)), 404, "session_not_found")
    refused(world.tell("/bet", swipe_bet(mixed)), 404, "session_not_found")
    assert world.store.wallets["pl_bert"].cash == 100 * UNIT


@pytest.mark.parametrize("state", [Status.BLOCKED, Status.EXCLUDED, Status.CLOSED])
def test_case_13_win_and_refund_are_taken_for_a_blocked_or_excluded_player(world: SwipeWorld, session: str, state: Status) -> None:
    world.say("/bet", swipe_bet(session))
    world.set_status("pl_anna", state)
    refused(world.tell("/bet", swipe_bet(session, txID=BET_2)), 400, "account_blocked")
    assert world.say("/win", swipe_win(session))["balance"] == "115.00"
    assert world.say("/refund", swipe_refund(session))["balance"] == "125.00"


@pytest.mark.parametrize("game", ["x_closed", "no_such_game"])
def test_case_14_a_disabled_or_unknown_game_takes_no_bet_and_still_pays(world: SwipeWorld, session: str, game: str) -> None:
    world.say("/bet", swipe_bet(session))
    closed = world.launch(game=game)
    refused(world.tell("/bet", swipe_bet(closed, txID=BET_2)), 400, "game_not_found")
    assert world.say("/win", swipe_win(closed))["balance"] == "115.00"
    assert world.say("/refund", swipe_refund(closed))["balance"] == "125.00"


def test_case_15_a_win_of_nothing(world: SwipeWorld, session: str) -> None:
    world.say("/bet", swipe_bet(session))
    assert world.say("/win", swipe_win(session, amount="0"))["balance"] == "90.00"


def test_case_16_of_several_bets_of_a_round_one_is_refunded(world: SwipeWorld, session: str) -> None:
    for number in range(3):
        world.say("/bet", swipe_bet(session, txID=uid(30 + number)))
    assert world.say("/refund", swipe_refund(session, origTxID=uid(31)))["balance"] == "80.00"


@pytest.mark.parametrize("amount", ["99.00", "x", None, -1, {}], ids=repr)
def test_case_21_a_refund_gives_back_what_was_booked_whatever_it_says(world: SwipeWorld, session: str, amount: object) -> None:
    world.say("/bet", swipe_bet(session))
    assert world.say("/refund", swipe_refund(session, amount=amount))["balance"] == "100.00"


def test_a_refund_needs_no_round_and_no_amount(world: SwipeWorld, session: str) -> None:
    world.say("/bet", swipe_bet(session))
    body = swipe_refund(session)
    del body["roundID"], body["amount"]
    assert world.say("/refund", body)["balance"] == "100.00"


@pytest.mark.parametrize(
    "amount",
    [
        "-1",
        "-0.01",
        "+1",
        "01",
        ".5",
        "1.",
        "1e2",
        "1,00",
        " 1",
        "",
        "NaN",
        "٣",
        "1.001",
        "10.000",
        "9" * 40,
        10,
        1.5,
        None,
        True,
        [],
    ],
    ids=repr,
)
def test_case_22_what_is_no_amount(world: SwipeWorld, session: str, amount: object) -> None:
    before = world.store.state()
    refused(world.tell("/bet", swipe_bet(session, amount=amount)), 400)
    refused(world.tell("/win", swipe_win(session, amount=amount)), 400)
    assert world.store.state() == before


@pytest.mark.parametrize("amount", ["2147483647", "63727092.34", "9007199254740993.01"])
def test_case_23_a_huge_stake_is_not_covered_and_a_huge_win_is_exact(world: SwipeWorld, amount: str) -> None:
    session = world.player(cash=0)
    if len(amount) < 16:
        refused(world.tell("/bet", swipe_bet(session, amount=amount)), 400, "insufficient_funds")
        answer = world.say("/win", swipe_win(session, amount=amount))
        assert answer["balance"] == (amount if "." in amount else amount + ".00")
    else:
        refused(world.tell("/win", swipe_win(session, amount=amount)), 400)


@pytest.mark.parametrize("currency", ["JPY", "KRW", "VND"])
def test_case_25_a_currency_without_places(world: SwipeWorld, currency: str) -> None:
    session = world.player(currency=currency)
    refused(world.tell("/win", swipe_win(session, amount="10.0")), 400)
    refused(world.tell("/bet", swipe_bet(session, amount="1.5")), 400)
    assert world.say("/win", swipe_win(session, amount="10"))["balance"] == "110"


@pytest.mark.parametrize(("currency", "amount"), [("BHD", "0.001"), ("BTC", "0.00000001"), ("ETH", "0.000000001")])
def test_case_24_the_smallest_amounts_are_exact(world: SwipeWorld, currency: str, amount: str) -> None:
    session = world.player(currency=currency, cash=0)
    assert world.say("/win", swipe_win(session, amount=amount))["balance"] == amount
    refused(world.tell("/win", swipe_win(session, txID=WIN_2, amount=amount + "0")), 400)


def test_case_26_a_game_that_does_not_take_the_wallets_currency(world: SwipeWorld) -> None:
    world.player(currency="USD")
    session = world.launch(game="x_table")
    refused(world.tell("/bet", swipe_bet(session)), 400, "currency_not_supported")


def test_case_30_slow_store_then_refund_then_late_original(world: SwipeWorld, session: str) -> None:
    world.store.faults = [StoreBusy("ThrottlingException")] * 1_000
    began = world.clock.now_ms
    refused(world.tell("/bet", swipe_bet(session)), 500)
    assert world.clock.now_ms - began < 2_500
    world.store.faults = []
    assert world.say("/refund", swipe_refund(session))["balance"] == "100.00"
    refused(world.tell("/bet", swipe_bet(session)), 400)
    assert world.balance(sessionID=session)[1] == {"balance": "100.00"}


def test_case_30_a_lost_answer_is_found_out_and_the_refund_puts_it_right(world: SwipeWorld, session: str) -> None:
    world.store.lose_answers = 1
    assert world.say("/bet", swipe_bet(session))["balance"] == "90.00"
    assert world.say("/refund", swipe_refund(session))["balance"] == "100.00"
    refused(world.tell("/bet", swipe_bet(session)), 400)
    assert world.balance(sessionID=session)[1] == {"balance": "100.00"}


def test_a_free_bet_of_another_worth_is_another_transaction(world: SwipeWorld, session: str) -> None:
    free = {"type": "free", "frID": uid(41)}
    assert world.say("/bet", swipe_bet(session, **free))["balance"] == "100.00"
    assert world.say("/bet", swipe_bet(session, **free))["balance"] == "100.00"
    refused(world.tell("/bet", swipe_bet(session, **free, amount="9.00")), 400)


def test_case_30_a_table_that_is_busy_for_a_while_costs_time_only(world: SwipeWorld, session: str) -> None:
    world.store.faults = [StoreBusy("TransactionConflict")] * 5
    began = world.clock.now_ms
    assert world.say("/bet", swipe_bet(session))["balance"] == "90.00"
    assert world.clock.now_ms - began < 1_000


def test_case_31_a_refusal_stays_a_refusal_when_money_comes_later(world: SwipeWorld) -> None:
    session = world.player(cash=5)
    refused(world.tell("/bet", swipe_bet(session)), 400, "insufficient_funds")
    world.say("/win", swipe_win(session))
    refused(world.tell("/bet", swipe_bet(session)), 400, "insufficient_funds")


def test_case_32_a_repeat_is_known_after_months(world: SwipeWorld, session: str) -> None:
    first = world.say("/bet", swipe_bet(session))
    world.clock.advance(seconds=125 * 86_400)
    assert world.say("/bet", swipe_bet(session)) == first


def test_case_34_free_rounds_are_told_for_tracking_and_the_campaign_pays_at_its_end(world: SwipeWorld) -> None:
    session = world.player(cash=0)
    free = {"type": "free", "frID": uid(40)}
    assert world.say("/bet", swipe_bet(session, **free))["balance"] == "0.00"
    assert world.say("/win", swipe_win(session, **free))["balance"] == "0.00"
    assert world.say("/refund", swipe_refund(session))["balance"] == "0.00"
    final = swipe_win(session, txID=WIN_2, roundID="campaign-1", frID=uid(40))
    for _ in range(2):  # case 35: a promotional payout twice pays once
        assert world.say("/win", final)["balance"] == "25.00"


def test_case_36_limits_have_codes_of_their_own(world: SwipeWorld, session: str) -> None:
    table = world.launch(game="x_table")
    for number, amount in enumerate(("0.99", "100.01")):
        refused(world.tell("/bet", swipe_bet(table, txID=uid(60 + number), amount=amount)), 400, "bet_limit")
    world.book.post(SetLimit(Reference("house:limits", "limit-1"), "pl_anna", "EUR", 15 * UNIT, LimitKind.WAGER, Period.DAY))
    world.say("/bet", swipe_bet(table))
    refused(world.tell("/bet", swipe_bet(table, txID=BET_2)), 400, "loss_limit")
    world.say("/refund", swipe_refund(session))  # case 37: it restores the limit
    world.say("/bet", swipe_bet(table, txID=uid(70)))


def test_a_refund_of_another_players_bet_is_refused(world: SwipeWorld, session: str) -> None:
    world.say("/bet", swipe_bet(session))
    others = world.player("pl_bert")
    before = world.store.state()
    refused(world.tell("/refund", swipe_refund(others)), 400)
    assert world.store.state() == before


def test_a_debt_is_told_as_nothing(world: SwipeWorld) -> None:
    session = world.player(cash=0)
    world.say("/win", swipe_win(session))
    world.say("/bet", swipe_bet(session, amount="25.00"))
    assert world.say("/refund", swipe_refund(session, origTxID=WIN_1))["balance"] == "0.00"
    assert world.store.wallets["pl_anna"].cash == -25 * UNIT
    refused(world.tell("/bet", swipe_bet(session, txID=BET_2, amount="0")), 400, "insufficient_funds")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "promo"},
        {"type": None},
        {"type": True},
        {"txID": "bet-1"},
        {"txID": BET_1.replace("-", "")},
        {"txID": 7},
        {"roundID": ""},
        {"roundID": None},
        {"roundID": "a b"},
        {"frID": 7},
        {"frID": "a b"},
        {"sessionID": 7},
        {"sessionID": ""},
    ],
    ids=str,
)
def test_a_malformed_call(world: SwipeWorld, session: str, change: dict[str, Any]) -> None:
    before = world.store.state(), world.store.requests
    refused(world.tell("/bet", swipe_bet(session, **change)), 400)
    refused(world.tell("/win", swipe_win(session, **change)), 400)
    assert (world.store.state(), world.store.requests) == before


@pytest.mark.parametrize("field", ["type", "sessionID", "amount", "txID", "roundID"])
def test_a_missing_field(world: SwipeWorld, session: str, field: str) -> None:
    body = swipe_bet(session)
    del body[field]
    refused(world.tell("/bet", body), 400)
    refused(world.tell("/win", body), 400)


@pytest.mark.parametrize(
    "change", [{"origTxID": None}, {"origTxID": "b"}, {"origTxID": REFUND_1}, {"txID": 7}, {"roundID": 7}], ids=str
)
def test_a_malformed_refund(world: SwipeWorld, session: str, change: dict[str, Any]) -> None:
    before = world.store.state()
    refused(world.tell("/refund", swipe_refund(session, **change)), 400)
    assert world.store.state() == before
    refused(world.balance(session=session), 400)
