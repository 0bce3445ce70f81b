"""The action batch by its acceptance scenarios, its signature vectors and the cases of a wallet: everything but HTTP together."""

import json
from typing import Any

import pytest

from countroom.games.providers.action_batch import DIALECT
from countroom.games.providers.dialect import Call
from countroom.ledger.book import BATCH_MAX
from countroom.ledger.movements import LimitKind, Period, Reference, Status
from countroom.ledger.safeguards import SetLimit
from countroom.ledger.store import StoreBusy
from tests.unit.games.wires import START, BatchWorld, act, back, hexmac, play, read
from tests.unit.games.world import UNIT


@pytest.fixture
def world() -> BatchWorld:
    return BatchWorld()


def ids(answer: dict[str, Any]) -> list[str]:
    return [entry["tx_id"] for entry in answer["transactions"]]


# ------------------------------------------------------------------------------------------------------ the acceptance scenarios


@pytest.mark.parametrize("actions", [(), (act("bet", "b", 100),)], ids=["balance", "bet"])
def test_scenario_a_no_signature(world: BatchWorld, actions: tuple[dict[str, Any], ...]) -> None:
    before = world.store.state(), world.store.requests
    assert read(world.post(json.dumps(play(*actions)).encode(), {})) == (403, {"code": 403, "message": "Forbidden"})
    assert (world.store.state(), world.store.requests) == before


def test_scenario_b_no_actions_tell_the_balance(world: BatchWorld) -> None:
    assert world.tell({"user_id": "pl_anna", "currency": "USD", "game": "acceptance:test"}) == (200, {"balance": START})
    assert world.well() == {"balance": START, "game_id": "round-1"}
    assert world.well(actions=[]) == {"balance": START, "game_id": "round-1"}


def test_scenario_c_a_bet_that_finishes_the_round(world: BatchWorld) -> None:
    answer = world.well(act("bet", "b", 100), finished=True)
    assert answer["balance"] == START - 100 == world.cents
    assert answer["game_id"] == "round-1"


def test_scenario_d_bet_and_win_in_one_call(world: BatchWorld) -> None:
    answer = world.well(act("bet", "b", 100), act("win", "w", 250))
    assert answer["balance"] == START + 150 == world.cents
    assert len(set(ids(answer))) == 2


def test_scenario_e_more_than_there_is(world: BatchWorld) -> None:
    assert world.fail(act("bet", "b", 74_322_202)) == (412, 100)
    assert world.cents == START
    assert not any(marker for marker in world.store.markers)
    assert world.store.wallets["pl_anna"].totals.staked == 0


def test_scenario_f_bet_then_win_in_a_second_call(world: BatchWorld) -> None:
    world.well(act("bet", "b", 100))
    assert world.well(act("win", "w", 700), finished=True)["balance"] == START + 600 == world.cents


def test_scenario_g_bet_then_rollback(world: BatchWorld) -> None:
    world.well(act("bet", "b", 100))
    assert world.well(back("r", "b"))["balance"] == START == world.cents


def test_scenario_h_a_duplicate_beside_a_new_action(world: BatchWorld) -> None:
    (first,) = ids(world.well(act("bet", "x", 20)))
    answer = world.well(act("bet", "x", 20), act("bet", "y", 50))
    assert answer["balance"] == START - 70 == world.cents
    assert ids(answer)[0] == first
    assert ids(answer)[1] != first


def test_scenario_i_rollback_of_the_unseen_then_the_bet(world: BatchWorld) -> None:
    (own,) = ids(world.well(back("r", "b")))
    late = world.well(act("bet", "b", 100))
    assert late["balance"] == START == world.cents
    assert ids(late) != [own]
    assert ids(world.well(act("bet", "b", 100))) == ids(late)


def test_scenario_j_rollbacks_of_an_unseen_bet_and_win_then_both(world: BatchWorld) -> None:
    assert world.well(back("r1", "w"), back("r2", "b"))["balance"] == START
    late = world.well(act("bet", "b", 100), act("win", "w", 700))
    assert late["balance"] == START == world.cents
    assert len(set(ids(late))) == 2


VECTOR = b'{"user_id":"8|USDT|USD","currency":"USD","game":"acceptance:test"}'
SPACED = VECTOR.replace(b":", b": ").replace(b"acceptance: test", b"acceptance:test")
VECTORS = [
    (VECTOR, "442c4cd8926008096225416b21f5a1862fbf4fc4e5224362e3b463e85a39f40a"),
    (SPACED, "7376e78d5f65ca750c9719d2163daffa129e8a07ba9a1abe12241b3b1de51295"),
]


@pytest.mark.parametrize(("body", "signature"), VECTORS, ids=["compact", "spaced"])
@pytest.mark.parametrize("header", ["x-request-sign", "authorization"])
def test_vector(body: bytes, signature: str, header: str) -> None:
    """The same JSON signs differently by its white space: the raw bytes count."""
    headers = {header: signature if header == "x-request-sign" else f"HMAC-SHA256 {signature}"}
    keys = DIALECT.keys({"secrets": ["test"]})
    assert DIALECT.authentic(Call("/play", headers, body), keys)
    other = next(entry for entry, _ in VECTORS if entry != body)
    assert not DIALECT.authentic(Call("/play", headers, other), keys)


# --------------------------------------------------------------------------------------------------------------- edge cases


def test_case_01_the_same_batch_again_has_one_effect_and_the_same_ids(world: BatchWorld) -> None:
    batch = (act("bet", "b", 100), act("win", "w", 250))
    first = world.well(*batch)
    world.well(act("bet", "b2", 10))
    again = world.well(*batch)
    assert ids(again) == ids(first)
    assert again["balance"] == START + 140 == world.cents


@pytest.mark.parametrize(
    "changes", [{"game_id": "round-2"}, {"game": "x_table"}, {"user_id": "pl_bert"}, {"user_id": "pl_nobody"}], ids=str
)
def test_case_02_the_same_id_with_another_field_is_refused(world: BatchWorld, changes: dict[str, Any]) -> None:
    world.player("pl_bert", currency="USD")
    world.well(act("bet", "b", 100))
    before = world.store.state()
    assert world.fail(act("bet", "b", 100), **changes) == (400, 400)
    assert world.fail(act("bet", "b", 101)) == world.fail(act("win", "b", 100)) == (400, 400)
    assert world.store.state() == before


def test_case_02_one_id_twice_in_a_call_with_two_amounts(world: BatchWorld) -> None:
    before = world.store.state()
    assert world.fail(act("bet", "b", 100), act("bet", "b", 101)) == (400, 400)
    assert world.store.state() == before
    assert world.well(act("bet", "b", 100), act("bet", "b", 100))["balance"] == START - 100


def test_case_04_two_bets_for_the_last_coin(world: BatchWorld) -> None:
    assert world.well(act("bet", "a", START))["balance"] == 0
    assert world.fail(act("bet", "b", 1)) == (412, 100)
    assert world.cents == 0


def test_case_08_a_rollback_twice_gives_back_once(world: BatchWorld) -> None:
    world.well(act("bet", "b", 100))
    for action_id in ("r", "r", "r2"):
        assert world.well(back(action_id, "b"))["balance"] == START


def test_case_09_a_rollback_after_the_win_takes_back_the_named_action_only(world: BatchWorld) -> None:
    world.well(act("bet", "b", 100), act("win", "w", 250))
    assert world.well(back("r", "b"))["balance"] == START + 250
    assert world.well(back("r2", "w"))["balance"] == START


def test_case_11_a_win_names_no_bet_and_is_paid(world: BatchWorld) -> None:
    assert world.well(act("win", "w", 5))["balance"] == START + 5


@pytest.mark.parametrize("state", [Status.BLOCKED, Status.EXCLUDED, Status.CLOSED])
def test_case_13_win_and_rollback_are_taken_for_a_blocked_or_excluded_player(world: BatchWorld, state: Status) -> None:
    world.well(act("bet", "b", 100))
    world.set_status("pl_anna", state)
    assert world.fail(act("bet", "b2", 100)) == (412, 110)
    assert world.well(act("win", "w", 5))["balance"] == START - 95
    assert world.well(back("r", "b"))["balance"] == START + 5
    assert world.well(act("bet", "b", 100))["balance"] == START + 5, "a repeat is no new bet"


@pytest.mark.parametrize("game", ["x_closed", "no_such_game"])
def test_case_14_a_disabled_or_unknown_game_takes_no_bet_and_still_pays(world: BatchWorld, game: str) -> None:
    assert world.fail(act("bet", "b", 100), game=game) == (412, 107)
    assert world.well(act("win", "w", 5), game=game)["balance"] == START + 5
    assert world.well(back("r", "w"), game=game)["balance"] == START


def test_case_15_a_win_of_nothing(world: BatchWorld) -> None:
    assert world.well(act("win", "w", 0), finished=True)["balance"] == START


def test_case_16_of_several_bets_of_a_round_one_is_rolled_back(world: BatchWorld) -> None:
    world.well(*(act("bet", f"b{number}", 100) for number in range(3)))
    assert world.well(back("r", "b1"))["balance"] == START - 200


@pytest.mark.parametrize("place", [0, 1, 2])
def test_case_19_one_failing_action_fails_the_batch(world: BatchWorld, place: int) -> None:
    batch = [act("bet", "b", 100), act("win", "w", 250)]
    batch.insert(place, act("bet", "too-much", 10**9))
    assert world.fail(*batch) == (412, 100)
    assert world.cents == START
    assert {name.transaction_id for name in world.store.entries if name.source == "game:batch"} == {"too-much"}
    assert world.fail(act("bet", "too-much", 10**9)) == (412, 100), "the refusal stands for a repeat"
    assert world.well(act("bet", "b", 100), act("win", "w", 250))["balance"] == START + 150


@pytest.mark.parametrize(
    "broken", [act("bet", "z", -1), act("bet", "z", 1, currency=7), act("spin", "z", 1), back("z", "z")], ids=str
)
def test_case_19_form_is_checked_before_anything_moves(world: BatchWorld, broken: dict[str, Any]) -> None:
    before = world.store.state()
    status, answer = world.tell(play(act("bet", "b", 100), broken))
    if "currency" in broken:
        assert status == 200, "fields that nobody knows are not looked at"
    else:
        assert (status, answer["code"]) == (400, 400)
        assert world.store.state() == before


def test_case_20_duplicates_rollbacks_and_late_originals_in_one_call(world: BatchWorld) -> None:
    (first,) = ids(world.well(act("bet", "b", 100)))
    world.well(back("r0", "late"))
    answer = world.well(act("bet", "b", 100), act("bet", "late", 7), back("r1", "b"), act("win", "w", 3))
    assert answer["balance"] == START + 3 == world.cents
    assert ids(answer)[0] == first
    assert len(set(ids(answer))) == 4


def test_case_21_a_rollback_gives_back_what_was_booked_whatever_it_says(world: BatchWorld) -> None:
    world.well(act("bet", "b", 100))
    assert world.well(back("r", "b", amount=999_999))["balance"] == START
    assert world.well(act("bet", "b2", 100))["balance"] == START - 100
    assert world.well(back("r2", "b2", amount="x"))["balance"] == START


def test_case_22_23_amounts_that_are_none_or_too_large(world: BatchWorld) -> None:
    wrong: list[Any] = [-1, 1.0, 1.5, "100", True, None, [], 10**38]
    for amount in wrong:
        assert world.fail({"action": "win", "action_id": "w", "amount": amount}) == (400, 400)
    assert world.fail({"action": "bet", "action_id": "b"}) == (400, 400)
    for amount in (2**31 - 1, 6_372_709_234, 10**14):
        assert world.fail(act("bet", f"b{amount}", amount)) == (412, 100)
        assert world.well(act("win", f"w{amount}", amount), back(f"r{amount}", f"w{amount}"))["balance"] == START
    assert world.fail(act("win", "huge", 2**53 + 1)) == (400, 400), "beyond all money"


@pytest.mark.parametrize(("currency", "exponent"), [("JPY", 0), ("USD", 2), ("BHD", 3), ("BTC", 8)])
def test_case_25_minor_units_are_the_currencys_own(currency: str, exponent: int) -> None:
    world = BatchWorld()
    world.player("pl_carl", currency=currency, cash=10)
    status, answer = world.tell(play(act("win", "w", 7), user_id="pl_carl", currency=currency))
    assert (status, answer["balance"]) == (200, 10 * 10**exponent + 7)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "XXX", "usd", "BTC"])
def test_case_26_another_currency_than_the_wallets(world: BatchWorld, currency: str) -> None:
    before = world.store.state()
    assert world.fail(currency=currency) == (412, 154)
    assert world.fail(act("bet", "b", 100), currency=currency) == (412, 154)
    assert world.fail(act("win", "w", 100), currency=currency) == (412, 154)
    assert world.store.state() == before


def test_case_26_a_game_that_does_not_take_the_wallets_currency(world: BatchWorld) -> None:
    assert world.fail(act("bet", "b", 100), game="x_table") == (412, 154)


def test_case_28_every_byte_of_the_body_is_signed(world: BatchWorld) -> None:
    raw = json.dumps(play(act("bet", "b", 100))).encode()
    for other in (raw + b"\n", raw.replace(b" ", b""), raw.replace(b"100", b"101")):
        assert world.post(other, {"x-request-sign": hexmac(raw)}).reply.status == 403
    assert world.cents == START


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-request-sign": ""},
        {"x-request-sign": "zz"},
        {"x-request-sign": "0" * 64},
        {"x-request-sign": "0" * 100_000},
        {"authorization": "0" * 64},
        {"authorization": "HMAC-SHA256"},
        {"authorization": "HMAC-SHA256 " + "0" * 64},
        {"authorization": "Bearer " + "0" * 64},
    ],
    ids=lambda headers: str(headers)[:50],
)
def test_case_29_a_bad_signature_moves_and_tells_nothing(world: BatchWorld, headers: dict[str, str]) -> None:
    before = world.store.state(), world.store.requests
    assert read(world.post(json.dumps(play(act("bet", "b", 1))).encode(), headers)) == (403, {"code": 403, "message": "Forbidden"})
    assert (world.store.state(), world.store.requests) == before


def test_case_29_another_secret_upper_case_or_the_wrong_scheme(world: BatchWorld) -> None:
    raw = json.dumps(play(act("bet", "b", 1))).encode()
    good = hexmac(raw)
    for headers in (
        {"x-request-sign": hexmac(raw, "another")},
        {"x-request-sign": good.upper()},
        {"x-request-sign": f"HMAC-SHA256 {good}"},
        {"authorization": f"hmac-sha256 {good}"},
        {"x-request-sign": "", "authorization": f"HMAC-SHA256 {good}"},
    ):
        assert world.post(raw, headers).reply.status == 403
    assert world.post(raw, {"authorization": f"HMAC-SHA256 {good}"}).reply.status == 200


@pytest.mark.parametrize("size", [1, 3])
def test_case_30_slow_store_then_rollback_then_late_original(world: BatchWorld, size: int) -> None:
    batch = [act("bet", f"b{number}", 100) for number in range(size)]
    world.store.faults = [StoreBusy("ThrottlingException")] * 1_000
    began = world.clock.now_ms
    assert world.fail(*batch) == (500, 500)
    assert world.clock.now_ms - began < 2_500
    world.store.faults = []
    assert world.well(*(back(f"r{number}", f"b{number}") for number in range(size)))["balance"] == START
    assert world.well(*batch)["balance"] == START == world.cents


@pytest.mark.parametrize("size", [1, 3])
def test_case_30_a_lost_answer_then_rollback_then_late_original(world: BatchWorld, size: int) -> None:
    batch = [act("bet", f"b{number}", 100) for number in range(size)]
    world.store.lose_answers = 1
    assert world.well(*batch)["balance"] == START - 100 * size, "found out within the budget"
    assert world.well(*(back(f"r{number}", f"b{number}") for number in range(size)))["balance"] == START
    assert world.well(*batch)["balance"] == START == world.cents


def test_case_30_a_table_that_is_busy_for_a_while_costs_time_only(world: BatchWorld) -> None:
    world.store.faults = [StoreBusy("TransactionConflict")] * 5
    began = world.clock.now_ms
    assert world.well(act("bet", "b", 100), act("win", "w", 100))["balance"] == START
    assert world.clock.now_ms - began < 1_000


def test_case_31_a_refusal_stays_a_refusal_when_money_comes_later(world: BatchWorld) -> None:
    assert world.fail(act("bet", "b", START + 1)) == (412, 100)
    world.well(act("win", "w", 100))
    assert world.fail(act("bet", "b", START + 1)) == (412, 100)


def test_case_32_a_repeat_is_known_after_months(world: BatchWorld) -> None:
    first = world.well(act("bet", "b", 100))
    world.clock.advance(seconds=125 * 86_400)
    assert world.well(act("bet", "b", 100)) == first


def test_case_36_a_limit_of_the_players_own_and_a_stake_out_of_range(world: BatchWorld) -> None:
    world.player("pl_bert")
    for number, amount in enumerate((99, 10_001)):
        refused = world.fail(act("bet", f"out-{number}", amount), user_id="pl_bert", currency="EUR", game="x_table")
        assert refused == (412, 106)
    world.book.post(SetLimit(Reference("house:limits", "limit-1"), "pl_anna", "USD", 15 * UNIT, LimitKind.WAGER, Period.DAY))
    assert world.fail(act("bet", "b1", 1_000), act("bet", "b2", 1_000)) == (412, 105)
    assert world.cents == START


def test_case_37_a_rollback_restores_the_limit(world: BatchWorld) -> None:
    world.book.post(SetLimit(Reference("house:limits", "limit-1"), "pl_anna", "USD", 15 * UNIT, LimitKind.WAGER, Period.DAY))
    world.well(act("bet", "b1", 1_000), back("r1", "b1"), act("bet", "b2", 1_000))


def test_case_46_either_of_two_secrets(world: BatchWorld) -> None:
    world.secret.stored = {"secrets": ["test", "next"]}
    raw = json.dumps(play()).encode()
    for secret in ("next", "test"):
        assert world.post(raw, {"x-request-sign": hexmac(raw, secret)}).reply.status == 200
    world.secret.stored = {"secrets": ["next"]}
    world.secret.refresh()
    assert world.post(raw, {"x-request-sign": hexmac(raw)}).reply.status == 403


# --------------------------------------------------------------------------------------------------- players, sizes and requests


@pytest.mark.parametrize("user_id", ["8|USDT|USD", "pl_nobody", "a.b"])
def test_a_player_that_is_none(world: BatchWorld, user_id: str) -> None:
    assert world.fail(user_id=user_id) == world.fail(act("bet", "b", 1), user_id=user_id) == (412, 101)
    assert world.fail(act("win", "w", 1), back("r", "b"), user_id=user_id) == (412, 101)


def test_a_rollback_of_another_players_bet_is_refused(world: BatchWorld) -> None:
    world.player("pl_bert", currency="USD")
    world.well(act("bet", "b", 100))
    before = world.store.state()
    assert world.fail(back("r", "b"), user_id="pl_bert") == (400, 400)
    assert world.store.state() == before


def test_another_players_tombstone_is_not_tolerated(world: BatchWorld) -> None:
    world.player("pl_bert", currency="USD")
    world.well(back("r", "b"), user_id="pl_bert")
    assert world.fail(act("bet", "b", 1)) == world.fail(act("bet", "b", 1), act("win", "w", 5)) == (400, 400)
    assert world.cents == START


def test_a_bet_needs_no_session(world: BatchWorld) -> None:
    world.clock.advance(seconds=100 * 86_400)
    assert world.well(act("bet", "b", 100))["balance"] == START - 100


def test_the_actions_of_one_call_are_capped_with_a_clear_error(world: BatchWorld) -> None:
    most = [act("bet", f"b{number}", 1) for number in range(BATCH_MAX)]
    assert world.well(*most)["balance"] == START - BATCH_MAX
    before = world.store.state(), world.store.requests
    status, answer = world.tell(play(*most, act("bet", "one-more", 1)))
    assert (status, answer) == (400, {"code": 400, "message": f"At most {BATCH_MAX} actions in one request"})
    assert (world.store.state(), world.store.requests) == before


@pytest.mark.parametrize("size", [1, 2, 10, BATCH_MAX])
def test_a_batch_is_one_read_and_one_transaction(world: BatchWorld, size: int) -> None:
    for again in range(2):
        before = world.store.requests
        world.well(*(act("bet", f"b{number}", 1) for number in range(size)))
        assert world.store.requests - before == (2 if size == 1 or not again else 1), "a repeated batch writes nothing"
    before = world.store.requests
    world.well(*(back(f"r{number}", f"b{number}") for number in range(size)))
    assert world.store.requests - before == 2


@pytest.mark.parametrize("path", ["", "/", "/play/", "/balance", "/PLAY"])
def test_there_is_one_route(world: BatchWorld, path: str) -> None:
    raw = json.dumps(play()).encode()
    status, answer = read(world.desk.serve(Call(path, {"x-request-sign": hexmac(raw)}, raw)))
    assert (status, answer["code"]) == (400, 400)
    assert world.desk.serve(Call("/play", {"x-request-sign": hexmac(raw)}, raw, "GET")).reply.status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": 8},
        {"user_id": None},
        {"currency": 840},
        {"game": 7},
        {"game": None},
        {"game_id": None},
        {"game_id": ""},
        {"game_id": "x" * 65},
        {"finished": "yes"},
        {"actions": None},
        {"actions": {}},
        {"actions": "bet"},
        {"actions": [7]},
        {"actions": [None]},
        {"actions": [{}]},
        {"actions": [{"action": "bet"}]},
        {"actions": [{"action": 7, "action_id": "b", "amount": 1}]},
        {"actions": [{"action": "bet", "action_id": "a b", "amount": 1}]},
        {"actions": [{"action": "rollback", "action_id": "r"}]},
    ],
    ids=str,
)
def test_a_malformed_call(world: BatchWorld, changes: dict[str, Any]) -> None:
    before = world.store.state(), world.store.requests
    assert world.fail(act("bet", "b", 1), **changes) == (400, 400)
    assert (world.store.state(), world.store.requests) == before
