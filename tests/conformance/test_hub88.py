"""Hub88 and Caleta by the cases that their documents and test suites name: dialect, mechanism, book and rules together."""

import json
from typing import Any

import pytest

from countroom.ledger.movements import LimitKind, Period, Reference, Status
from countroom.ledger.safeguards import SetLimit
from countroom.ledger.store import AnswerLost, StoreBusy
from tests.unit.games.world import UNIT, WIRE, World, bet, private_key, public_pem, rollback, sign, win

BET, WIN, ROLLBACK, BALANCE, INFO = "/transaction/bet", "/transaction/win", "/transaction/rollback", "/user/balance", "/user/info"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def token(world: World) -> str:
    return world.player()


def status(answer: dict[str, Any]) -> str:
    text = answer["status"]
    assert isinstance(text, str)
    return text


def assert_bare(answer: dict[str, Any], expected: str) -> None:
    """An error carries neither user nor currency nor balance."""
    assert status(answer) == expected
    assert answer.keys() <= {"status", "request_uuid"}


# ------------------------------------------------------------------------------------------------ the protocol's own examples


def test_a_bet_takes_its_stake_and_answers_user_currency_and_balance(world: World, token: str) -> None:
    assert world.say(BET, bet(token)) == {
        "request_uuid": "583c985f-fee6-4c0e-bbf5-308aad6265af",
        "status": "RS_OK",
        "user": "pl_anna",
        "currency": "EUR",
        "balance": 90 * WIRE,
    }


def test_an_amount_is_an_integer_of_a_hundred_thousandth(world: World, token: str) -> None:
    """3.56 is 356000."""
    assert world.say(BET, bet(token, amount=356_000))["balance"] == 100 * WIRE - 356_000
    assert world.store.wallets["pl_anna"].cash == 100 * UNIT - 3_560_000_000


def test_a_bet_costs_two_requests_session_check_included(world: World, token: str) -> None:
    before = world.store.requests
    world.say(BET, bet(token))
    assert world.store.requests - before == 2


@pytest.mark.parametrize("path", [INFO, "/wallet/check"])
def test_user_info_and_its_alias_tell_who_plays(world: World, token: str, path: str) -> None:
    answer = world.say(path, {"request_uuid": "r", "token": token})
    assert answer == {
        "request_uuid": "r",
        "status": "RS_OK",
        "user": "pl_anna",
        "currency": "EUR",
        "balance": 100 * WIRE,
        "country": "EE",
    }


def test_user_info_by_user_alone(world: World, token: str) -> None:
    assert token
    assert world.say(INFO, {"request_uuid": "r", "user": "pl_anna"})["user"] == "pl_anna"


@pytest.mark.parametrize("path", [BALANCE, "/wallet/balance"])
def test_balance_and_its_alias(world: World, token: str, path: str) -> None:
    answer = world.say(path, {"request_uuid": "r", "token": token, "user": "pl_anna", "game_code": "x_reels"})
    assert (status(answer), answer["balance"]) == ("RS_OK", 100 * WIRE)


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_a_round_under_both_names(world: World, token: str, prefix: str) -> None:
    assert world.say(f"{prefix}/bet", bet(token))["balance"] == 90 * WIRE
    assert world.say(f"{prefix}/win", win(token))["balance"] == 115 * WIRE
    assert world.say(f"{prefix}/bet", bet(token, transaction_uuid="bet-2", round="round-2"))["balance"] == 105 * WIRE
    back = rollback(token, reference_transaction_uuid="bet-2", round="round-2")
    assert world.say(f"{prefix}/rollback", back)["balance"] == 115 * WIRE


# --------------------------------------------------------------------------------------------------------- edge cases by number


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_01_the_same_bet_again_has_one_effect_and_tells_the_balance_now(world: World, token: str, prefix: str) -> None:
    world.say(f"{prefix}/bet", bet(token))
    world.say(f"{prefix}/bet", bet(token, transaction_uuid="bet-2"))
    answer = world.say(f"{prefix}/bet", bet(token, request_uuid="another-request"))
    assert (status(answer), answer["balance"]) == ("RS_OK", 80 * WIRE)


def test_case_01_the_same_win_again_pays_once(world: World, token: str) -> None:
    world.say(BET, bet(token))
    for _ in range(3):
        assert world.say(WIN, win(token))["balance"] == 115 * WIRE


def test_case_01_a_repeat_succeeds_with_an_expired_session_a_blocked_player_and_an_empty_wallet(world: World) -> None:
    token = world.player(cash=10)
    world.say(BET, bet(token))
    world.clock.advance(seconds=100 * 86_400)
    world.set_status("pl_anna", Status.BLOCKED)
    answer = world.say(BET, bet(token))
    assert (status(answer), answer["balance"]) == ("RS_OK", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 11 * WIRE},
        {"round": "round-2"},
        {"game_code": "x_table"},
        {"game_code": "x_closed"},
        {"game_code": "no_such_game"},
        {"currency": "USD"},
        {"supplier_user": "pl_bert"},
        {"supplier_user": "pl_nobody"},
    ],
    ids=lambda change: "-".join(f"{name}={value}" for name, value in change.items()),
)
def test_case_02_the_same_id_with_another_field_is_a_duplicate(world: World, token: str, change: dict[str, Any]) -> None:
    world.player("pl_bert")
    world.say(BET, bet(token))
    before = world.cash(), world.cash("pl_bert")
    assert_bare(world.say(BET, bet(token, **change)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert (world.cash(), world.cash("pl_bert")) == before


@pytest.mark.parametrize(
    "change",
    [{"amount": 26 * WIRE}, {"round": "round-2"}, {"reference_transaction_uuid": "bet-2"}, {"supplier_user": "pl_bert"}],
    ids=lambda change: next(iter(change)),
)
def test_case_02_the_same_win_with_another_field_is_a_duplicate(world: World, token: str, change: dict[str, Any]) -> None:
    world.player("pl_bert")
    world.say(BET, bet(token))
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    world.say(WIN, win(token))
    before = world.cash(), world.cash("pl_bert")
    assert_bare(world.say(WIN, win(token, **change)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert (world.cash(), world.cash("pl_bert")) == before


def test_case_02_an_id_that_was_a_bet_cannot_be_a_win(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    answer = world.say(WIN, win(token, transaction_uuid="bet-2"))
    assert_bare(answer, "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 80 * WIRE


def test_case_04_two_bets_for_the_last_coin(world: World) -> None:
    token = world.player(cash=10)
    assert status(world.say(BET, bet(token))) == "RS_OK"
    assert status(world.say(BET, bet(token, transaction_uuid="bet-2"))) == "RS_ERROR_NOT_ENOUGH_MONEY"
    assert world.cash() == 0


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_05_a_rollback_of_the_unseen_is_fine_and_moves_nothing(world: World, token: str, prefix: str) -> None:
    answer = world.say(f"{prefix}/rollback", rollback(token))
    assert (status(answer), answer["balance"]) == ("RS_OK", 100 * WIRE)


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_07_the_late_original_after_its_rollback_is_a_duplicate(world: World, token: str, prefix: str) -> None:
    world.say(f"{prefix}/rollback", rollback(token))
    for _ in range(2):
        assert_bare(world.say(f"{prefix}/bet", bet(token)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 100 * WIRE


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_07_the_late_win_after_its_rollback_is_a_duplicate(world: World, token: str, prefix: str) -> None:
    world.say(f"{prefix}/bet", bet(token))
    world.say(f"{prefix}/rollback", rollback(token, reference_transaction_uuid="win-1"))
    assert_bare(world.say(f"{prefix}/win", win(token)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 90 * WIRE


def test_case_08_a_rollback_twice_gives_back_once(world: World, token: str) -> None:
    world.say(BET, bet(token))
    assert world.say(ROLLBACK, rollback(token))["balance"] == 100 * WIRE
    assert world.say(ROLLBACK, rollback(token))["balance"] == 100 * WIRE
    answer = world.say(ROLLBACK, rollback(token, transaction_uuid="rollback-2"))
    assert (status(answer), answer["balance"]) == ("RS_OK", 100 * WIRE)


def test_case_09_a_rollback_after_the_win_takes_back_the_named_transaction_only(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(WIN, win(token))
    assert world.say(ROLLBACK, rollback(token))["balance"] == 125 * WIRE
    back = rollback(token, transaction_uuid="rollback-2", reference_transaction_uuid="win-1")
    assert world.say(ROLLBACK, back)["balance"] == 100 * WIRE


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("/transaction", "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"), ("/wallet", "RS_ERROR_TRANSACTION_ROLLED_BACK")],
)
def test_case_10_a_win_on_a_rolled_back_bet(world: World, token: str, prefix: str, expected: str) -> None:
    world.say(BET, bet(token))
    world.say(ROLLBACK, rollback(token))
    assert_bare(world.say(f"{prefix}/win", win(token)), expected)
    assert world.cash() == 100 * WIRE


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("/transaction", "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"), ("/wallet", "RS_ERROR_TRANSACTION_ROLLED_BACK")],
)
def test_case_10_a_win_on_a_bet_that_never_came_but_was_rolled_back(world: World, token: str, prefix: str, expected: str) -> None:
    world.say(ROLLBACK, rollback(token))
    assert_bare(world.say(f"{prefix}/win", win(token)), expected)
    assert world.cash() == 100 * WIRE


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_11_a_win_without_a_bet_does_not_exist_until_the_bet_comes(world: World, token: str, prefix: str) -> None:
    assert_bare(world.say(f"{prefix}/win", win(token)), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    world.say(f"{prefix}/bet", bet(token))
    assert world.say(f"{prefix}/win", win(token))["balance"] == 115 * WIRE


def test_case_11_a_win_on_a_refused_bet_does_not_exist(world: World) -> None:
    token = world.player(cash=5)
    assert status(world.say(BET, bet(token))) == "RS_ERROR_NOT_ENOUGH_MONEY"
    assert_bare(world.say(WIN, win(token)), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")


def test_case_11_a_win_of_another_round_or_player_does_not_exist(world: World, token: str) -> None:
    others = world.player("pl_bert")
    world.say(BET, bet(token))
    assert_bare(world.say(WIN, win(token, round="round-2")), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    assert_bare(world.say(WIN, win(others, supplier_user="pl_bert")), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    assert (world.cash(), world.cash("pl_bert")) == (90 * WIRE, 100 * WIRE)


def test_case_11_a_win_on_a_win_does_not_exist(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(WIN, win(token))
    second = win(token, transaction_uuid="win-2", reference_transaction_uuid="win-1")
    assert_bare(world.say(WIN, second), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")


def test_case_12_win_and_rollback_are_taken_with_an_expired_session_a_bet_is_not(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    world.clock.advance(seconds=13 * 3_600)
    assert_bare(world.say(BET, bet(token, transaction_uuid="bet-3")), "RS_ERROR_TOKEN_EXPIRED")
    assert_bare(world.say(BALANCE, {"request_uuid": "r", "token": token}), "RS_ERROR_TOKEN_EXPIRED")
    assert world.say(WIN, win(token))["balance"] == 105 * WIRE
    assert world.say(ROLLBACK, rollback(token, reference_transaction_uuid="bet-2"))["balance"] == 115 * WIRE


def test_case_12_a_session_ends_at_its_instant(world: World, token: str) -> None:
    world.clock.advance(seconds=12 * 3_600, milliseconds=-1)
    assert status(world.say(BET, bet(token))) == "RS_OK"
    world.clock.advance(milliseconds=1)
    assert_bare(world.say(BET, bet(token, transaction_uuid="bet-2")), "RS_ERROR_TOKEN_EXPIRED")
    assert_bare(world.say(BALANCE, {"request_uuid": "r", "token": token}), "RS_ERROR_TOKEN_EXPIRED")


@pytest.mark.parametrize("state", [Status.BLOCKED, Status.EXCLUDED, Status.CLOSED])
def test_case_13_win_and_rollback_are_taken_for_a_blocked_or_excluded_player(world: World, token: str, state: Status) -> None:
    world.say(BET, bet(token))
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    world.set_status("pl_anna", state)
    assert_bare(world.say(BET, bet(token, transaction_uuid="bet-3")), "RS_ERROR_USER_DISABLED")
    assert world.say(WIN, win(token))["balance"] == 105 * WIRE
    assert world.say(ROLLBACK, rollback(token, reference_transaction_uuid="bet-2"))["balance"] == 115 * WIRE


@pytest.mark.parametrize("code", ["x_closed", "no_such_game"])
def test_case_14_a_disabled_or_unknown_game_takes_no_bet_and_still_pays(world: World, token: str, code: str) -> None:
    assert_bare(world.say(BET, bet(token, transaction_uuid="bet-0", game_code=code)), "RS_ERROR_INVALID_GAME")
    world.say(BET, bet(token))
    assert world.say(WIN, win(token, game_code=code))["balance"] == 115 * WIRE
    assert world.say(ROLLBACK, rollback(token, game_code=code))["balance"] == 125 * WIRE


def test_case_15_a_win_of_nothing_closes_the_round(world: World, token: str) -> None:
    world.say(BET, bet(token))
    answer = world.say(WIN, win(token, amount=0, round_closed=True))
    assert (status(answer), answer["balance"]) == ("RS_OK", 90 * WIRE)


def test_case_16_of_several_bets_of_a_round_one_is_rolled_back(world: World, token: str) -> None:
    for name in ("bet-1", "bet-2", "bet-3"):
        world.say(BET, bet(token, transaction_uuid=name))
    assert world.say(ROLLBACK, rollback(token, reference_transaction_uuid="bet-2"))["balance"] == 80 * WIRE
    assert world.say(WIN, win(token, reference_transaction_uuid="bet-3"))["balance"] == 105 * WIRE
    assert status(world.say(BET, bet(token, transaction_uuid="bet-4"))) == "RS_OK"


def test_case_18_a_win_after_the_round_was_closed_is_paid(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(WIN, win(token, amount=0))
    assert world.say(WIN, win(token, transaction_uuid="win-2"))["balance"] == 115 * WIRE


def test_case_21_a_rollback_gives_back_what_was_booked_whatever_it_says(world: World, token: str) -> None:
    world.say(BET, bet(token))
    assert world.say(ROLLBACK, rollback(token, amount=99 * WIRE, currency="USD"))["balance"] == 100 * WIRE


@pytest.mark.parametrize("amount", [-1, -(10**30)])
@pytest.mark.parametrize(("path", "body"), [(BET, bet), (WIN, win)])
def test_case_22_a_negative_amount_is_refused(world: World, token: str, path: str, body: Any, amount: int) -> None:
    assert_bare(world.say(path, body(token, amount=amount)), "RS_ERROR_WRONG_TYPES")
    assert world.cash() == 100 * WIRE


@pytest.mark.parametrize("amount", [2**31 - 1, 63_727_092_34000, 2**53 + 1, 10**12 * WIRE])
def test_case_23_a_huge_stake_is_not_covered_and_a_huge_win_is_exact(world: World, token: str, amount: int) -> None:
    assert status(world.say(BET, bet(token, transaction_uuid="bet-0", amount=amount))) == "RS_ERROR_NOT_ENOUGH_MONEY"
    world.say(BET, bet(token))
    assert world.say(WIN, win(token, amount=amount))["balance"] == 90 * WIRE + amount


def test_case_23_an_amount_beyond_all_money_is_no_amount(world: World, token: str) -> None:
    assert_bare(world.say(BET, bet(token, amount=10**12 * WIRE + 1)), "RS_ERROR_WRONG_TYPES")
    assert_bare(world.say(BET, bet(token, amount=10**38)), "RS_ERROR_WRONG_TYPES")


def test_case_24_the_smallest_stake_is_exact(world: World, token: str) -> None:
    assert world.say(BET, bet(token, amount=1))["balance"] == 100 * WIRE - 1


@pytest.mark.parametrize("currency", ["USD", "JPY", "XXX", "eur", "BTC"])
def test_case_26_another_currency_than_the_wallets(world: World, token: str, currency: str) -> None:
    assert_bare(world.say(BET, bet(token, currency=currency)), "RS_ERROR_WRONG_CURRENCY")
    world.say(BET, bet(token))
    assert_bare(world.say(WIN, win(token, currency=currency)), "RS_ERROR_WRONG_CURRENCY")
    assert world.cash() == 90 * WIRE


def test_case_26_a_game_that_does_not_take_the_wallets_currency(world: World) -> None:
    token = world.player("pl_carl", currency="USD")
    answer = world.say(BET, bet(token, supplier_user="pl_carl", currency="USD", game_code="x_table"))
    assert_bare(answer, "RS_ERROR_WRONG_CURRENCY")


def test_case_27_the_game_may_change_within_a_session(world: World, token: str) -> None:
    assert status(world.say(BET, bet(token))) == "RS_OK"
    assert status(world.say(BET, bet(token, transaction_uuid="bet-2", game_code="x_table"))) == "RS_OK"


def test_case_28_the_signature_is_over_the_raw_bytes(world: World, token: str) -> None:
    signature = sign(json.dumps(bet(token)).encode())
    before = world.store.state()
    served = world.serve(BET, json.dumps(bet(token), separators=(",", ":")).encode(), {"x-hub88-signature": signature})
    assert_bare(json.loads(served.reply.body), "RS_ERROR_INVALID_SIGNATURE")
    assert world.store.state() == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub88-signature": ""},
        {"x-hub88-signature": "not base64!"},
        {"x-hub88-signature": "AAAA"},
        {"x-hub88-signature": "A" * 344},
        {"x-hub88-signature": "A" * 100_000},
        {"x-other-signature": "x"},
    ],
    ids=["none", "empty", "no-base64", "short", "zeros", "huge", "other-header"],
)
@pytest.mark.parametrize("path", [BET, WIN, ROLLBACK, BALANCE, INFO, "/no/such/route"])
def test_case_29_a_bad_signature_moves_and_tells_nothing(world: World, token: str, path: str, headers: dict[str, str]) -> None:
    before = world.store.state(), world.store.requests
    served = world.serve(path, json.dumps(bet(token)).encode(), headers)
    assert served.reply.status == 200
    assert_bare(json.loads(served.reply.body), "RS_ERROR_INVALID_SIGNATURE")
    assert (world.store.state(), world.store.requests) == before


def test_case_29_a_signature_by_anothers_key(world: World, token: str) -> None:
    body = json.dumps(bet(token)).encode()
    served = world.serve(BET, body, {"x-hub88-signature": sign(body, private_key(1))})
    assert_bare(json.loads(served.reply.body), "RS_ERROR_INVALID_SIGNATURE")
    assert world.cash() == 100 * WIRE


def test_case_29_caletas_header_carries_the_same_signature(world: World, token: str) -> None:
    body = json.dumps(bet(token)).encode()
    served = world.serve("/wallet/bet", body, {"x-auth-signature": sign(body)})
    assert json.loads(served.reply.body)["status"] == "RS_OK"


def test_case_30_a_lost_answer_is_unknown_and_the_rollback_puts_it_right(world: World, token: str) -> None:
    world.store.lose_answers = 1
    real = world.store.commit

    def commit(*arguments: Any, **named: Any) -> Any:
        try:
            return real(*arguments, **named)
        except AnswerLost:
            world.clock.advance(seconds=10)
            raise

    world.store.commit = commit  # type: ignore[method-assign]  # the answer comes after everybody has hung up
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_TIMEOUT")
    assert world.cash() == 90 * WIRE
    assert world.say(ROLLBACK, rollback(token))["balance"] == 100 * WIRE
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 100 * WIRE


def test_a_bet_that_was_taken_back_is_not_called_standing_when_it_comes_again(world: World, token: str) -> None:
    assert status(world.say(BET, bet(token))) == "RS_OK"
    world.say(ROLLBACK, rollback(token))
    for _ in range(2):
        assert_bare(world.say(BET, bet(token)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 100 * WIRE


def test_a_free_round_of_another_worth_is_another_transaction(world: World, token: str) -> None:
    free = bet(token, is_free=True)
    assert status(world.say(BET, free)) == "RS_OK"
    assert status(world.say(BET, free)) == "RS_OK"
    for other in ({"amount": 9 * WIRE}, {"is_free": False, "amount": 0}):
        assert_bare(world.say(BET, {**free, **other}), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 100 * WIRE


def test_case_30_a_lost_answer_within_the_budget_is_found_out(world: World, token: str) -> None:
    world.store.lose_answers = 1
    assert world.say(BET, bet(token))["balance"] == 90 * WIRE


def test_case_30_slow_store_then_rollback_then_late_original(world: World, token: str) -> None:
    world.store.faults = [StoreBusy("ThrottlingException")] * 60
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_TIMEOUT")
    world.store.faults = []
    assert world.say(ROLLBACK, rollback(token))["balance"] == 100 * WIRE
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert world.cash() == 100 * WIRE


@pytest.mark.parametrize("prefix", ["/transaction", "/wallet"])
def test_case_30_a_table_that_is_busy_for_a_while_costs_time_only(world: World, token: str, prefix: str) -> None:
    world.store.faults = [StoreBusy("TransactionConflict")] * 5
    began = world.clock.now_ms
    assert world.say(f"{prefix}/bet", bet(token))["balance"] == 90 * WIRE
    assert world.clock.now_ms - began < 1_000


@pytest.mark.parametrize(("prefix", "limit_ms"), [("/transaction", 2_500), ("/wallet", 900)])
def test_case_30_unknown_is_said_within_the_callers_patience(world: World, token: str, prefix: str, limit_ms: int) -> None:
    """Caleta tries three times, one second each."""
    world.store.faults = [StoreBusy("ThrottlingException")] * 1_000
    began = world.clock.now_ms
    assert_bare(world.say(f"{prefix}/bet", bet(token)), "RS_ERROR_TIMEOUT")
    assert limit_ms / 2 < world.clock.now_ms - began < limit_ms


def test_case_31_a_refusal_stays_a_refusal_when_money_comes_later(world: World) -> None:
    token = world.player(cash=5)
    assert status(world.say(BET, bet(token))) == "RS_ERROR_NOT_ENOUGH_MONEY"
    world.say(BET, bet(token, transaction_uuid="bet-2", amount=5 * WIRE))
    world.say(WIN, win(token, amount=50 * WIRE, reference_transaction_uuid="bet-2"))
    assert status(world.say(BET, bet(token))) == "RS_ERROR_NOT_ENOUGH_MONEY"
    assert world.cash() == 50 * WIRE


@pytest.mark.parametrize("days", [1, 30, 125])
def test_case_32_a_repeat_is_known_after_months(world: World, token: str, days: int) -> None:
    world.say(BET, bet(token))
    world.clock.advance(seconds=days * 86_400)
    assert world.say(BET, bet(token))["balance"] == 90 * WIRE
    assert_bare(world.say(BET, bet(token, amount=1)), "RS_ERROR_DUPLICATE_TRANSACTION")


def test_case_33_a_new_session_ends_the_old_one_for_bets_only(world: World, token: str) -> None:
    world.say(BET, bet(token))
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    newer = world.launch()
    assert_bare(world.say(BET, bet(token, transaction_uuid="bet-3")), "RS_ERROR_TOKEN_EXPIRED")
    assert_bare(world.say(BALANCE, {"request_uuid": "r", "token": token}), "RS_ERROR_TOKEN_EXPIRED")
    assert world.say(WIN, win(token))["balance"] == 105 * WIRE
    assert world.say(ROLLBACK, rollback(token, reference_transaction_uuid="bet-2"))["balance"] == 115 * WIRE
    assert status(world.say(BET, bet(newer, transaction_uuid="bet-3b"))) == "RS_OK"


def test_case_33_a_session_before_the_last_is_no_session(world: World, token: str) -> None:
    world.launch()
    world.launch()
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_INVALID_TOKEN")


def test_case_34_a_free_round_takes_nothing_and_its_win_pays(world: World) -> None:
    token = world.player(cash=0)
    answer = world.say(BET, bet(token, is_free=True, reward_uuid="reward-1"))
    assert (status(answer), answer["balance"]) == ("RS_OK", 0)
    assert world.say(WIN, win(token, is_free=True, reward_uuid="reward-1"))["balance"] == 25 * WIRE
    assert world.say(ROLLBACK, rollback(token))["balance"] == 25 * WIRE


def test_case_34_a_free_round_has_no_stake_range(world: World, token: str) -> None:
    assert status(world.say(BET, bet(token, is_free=True, amount=1, game_code="x_table"))) == "RS_OK"


def test_case_35_a_promotional_payout_twice_pays_once(world: World, token: str) -> None:
    world.say(BET, bet(token, is_free=True, amount=0))
    payout = win(token, is_free=True, campaign_uuid="campaign-1")
    assert world.say(WIN, payout)["balance"] == world.say(WIN, payout)["balance"] == 125 * WIRE


@pytest.mark.parametrize(
    ("prefix", "expected"), [("/transaction", "RS_ERROR_LIMIT_REACHED"), ("/wallet", "RS_ERROR_BET_LIMIT_EXCEEDED")]
)
def test_case_36_a_players_limit_and_a_stake_range_have_a_code_of_their_own(
    world: World, token: str, prefix: str, expected: str
) -> None:
    for number, amount in enumerate((WIRE - 1, 100 * WIRE + 1)):
        out = bet(token, transaction_uuid=f"out-{number}", game_code="x_table", amount=amount)
        assert_bare(world.say(f"{prefix}/bet", out), expected)
    limit = SetLimit(Reference("house:limits", "limit-1"), "pl_anna", "EUR", 15 * UNIT, LimitKind.WAGER, Period.DAY)
    world.book.post(limit)
    assert status(world.say(f"{prefix}/bet", bet(token))) == "RS_OK"
    assert_bare(world.say(f"{prefix}/bet", bet(token, transaction_uuid="bet-2")), expected)
    assert world.cash() == 90 * WIRE


@pytest.mark.parametrize("amount", [WIRE, 100 * WIRE])
def test_case_36_the_bounds_of_a_stake_range_are_allowed(world: World, token: str, amount: int) -> None:
    assert status(world.say(BET, bet(token, game_code="x_table", amount=amount))) == "RS_OK"


def test_case_37_a_rollback_restores_the_limit(world: World, token: str) -> None:
    limit = SetLimit(Reference("house:limits", "limit-1"), "pl_anna", "EUR", 15 * UNIT, LimitKind.WAGER, Period.DAY)
    world.book.post(limit)
    world.say(BET, bet(token))
    world.say(ROLLBACK, rollback(token))
    assert status(world.say(BET, bet(token, transaction_uuid="bet-2"))) == "RS_OK"


def test_case_46_a_rotated_key_either_is_valid_during_the_overlap(world: World, token: str) -> None:
    world.secret.stored = {"public_keys": [public_pem(private_key()), public_pem(private_key(1))]}
    for number, key in enumerate((private_key(1), private_key())):
        body = json.dumps(bet(token, transaction_uuid=f"bet-{number}")).encode()
        served = world.serve(BET, body, {"x-hub88-signature": sign(body, key)})
        assert json.loads(served.reply.body)["status"] == "RS_OK"
    assert world.secret.refreshes == 1


def test_case_46_the_old_key_is_dead_once_it_is_taken_out(world: World, token: str) -> None:
    world.secret.stored = world.secret.held = {"public_keys": [public_pem(private_key(1))]}
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_INVALID_SIGNATURE")


# ------------------------------------------------------------------------------------------------------------- order of checks


def test_order_signature_before_syntax(world: World) -> None:
    served = world.serve(BET, b"not json", {"x-hub88-signature": "AAAA"})
    assert json.loads(served.reply.body) == {"status": "RS_ERROR_INVALID_SIGNATURE"}


def test_order_syntax_before_types_before_token(world: World, token: str) -> None:
    assert json.loads(world.serve(BET, b'{"amount": "x"').reply.body) == {"status": "RS_ERROR_WRONG_SYNTAX"}
    assert_bare(world.say(BET, bet("garbage", amount="10")), "RS_ERROR_WRONG_TYPES")
    assert_bare(world.say(BET, bet("garbage")), "RS_ERROR_INVALID_TOKEN")
    assert token


def test_order_token_before_game_before_limits_before_funds(world: World) -> None:
    token = world.player(cash=0)
    world.clock.advance(seconds=13 * 3_600)
    assert_bare(world.say(BET, bet(token, transaction_uuid="a", game_code="x_closed")), "RS_ERROR_TOKEN_EXPIRED")
    fresh = world.launch()
    assert_bare(world.say(BET, bet(fresh, transaction_uuid="b", game_code="x_closed")), "RS_ERROR_INVALID_GAME")
    assert_bare(world.say(BET, bet(fresh, transaction_uuid="c", game_code="x_table", amount=1)), "RS_ERROR_LIMIT_REACHED")
    assert status(world.say(BET, bet(fresh, transaction_uuid="d"))) == "RS_ERROR_NOT_ENOUGH_MONEY"


def test_order_token_player_and_game_before_currency_and_currency_before_limits(world: World) -> None:
    token = world.player(cash=10)
    foreign = {"currency": "USD", "amount": 10**9}
    assert_bare(world.say(BET, bet("pl_anna." + "a" * 32, **foreign)), "RS_ERROR_INVALID_TOKEN")
    assert_bare(world.say(BET, bet(token, **foreign, game_code="x_closed")), "RS_ERROR_INVALID_GAME")
    assert_bare(world.say(BET, bet(token, **foreign, game_code="x_table")), "RS_ERROR_WRONG_CURRENCY")
    assert_bare(world.say(BET, bet(token, **foreign)), "RS_ERROR_WRONG_CURRENCY")
    world.launch()
    assert_bare(world.say(BET, bet(token, **foreign)), "RS_ERROR_TOKEN_EXPIRED")
    token = world.launch()
    world.set_status("pl_anna", Status.BLOCKED)
    assert_bare(world.say(BET, bet(token, **foreign, game_code="x_closed")), "RS_ERROR_USER_DISABLED")
    # Nothing of it is written down: a stake in another currency is none that a record could name.
    assert Reference("game:hub88", "bet-1") not in world.store.entries


def test_a_wrong_currency_is_not_called_unknown_when_the_table_goes_away_after_it_was_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.player(cash=10)

    def busy(_player_id: str) -> None:
        raise StoreBusy("ThrottlingException")

    monkeypatch.setattr(world.store, "wallet", busy)  # the read that only a wrong currency makes
    assert_bare(world.say(BET, bet(token, currency="USD")), "RS_ERROR_WRONG_CURRENCY")


def test_a_bet_in_the_right_currency_reads_no_more_than_before(world: World) -> None:
    token = world.player(cash=100)
    before = world.store.requests
    assert status(world.say(BET, bet(token))) == "RS_OK"
    assert world.store.requests == before + 2


def test_order_duplicate_before_everything_that_follows(world: World) -> None:
    token = world.player(cash=10)
    world.say(BET, bet(token))
    for other in ("garbage", "pl_bert." + "a" * 32):
        assert status(world.say(BET, bet(other))) == "RS_OK"
        assert_bare(world.say(BET, bet(other, amount=1)), "RS_ERROR_DUPLICATE_TRANSACTION")


# ----------------------------------------------------------------------------------------------------------- players and tokens


@pytest.mark.parametrize(("prefix", "carried"), [("/transaction", True), ("/wallet", False)])
def test_not_enough_money_carries_the_balance_for_hub88_and_not_for_caleta(world: World, prefix: str, carried: bool) -> None:
    token = world.player(cash=5)
    answer = world.say(f"{prefix}/bet", bet(token))
    assert status(answer) == "RS_ERROR_NOT_ENOUGH_MONEY"
    assert answer.get("balance") == (5 * WIRE if carried else None)
    assert "user" not in answer
    assert "currency" not in answer


@pytest.mark.parametrize("text", ["garbage", "pl_anna." + "a" * 32, "pl_nobody." + "a" * 32, "x" * 1_000, "pl_anna."])
def test_a_token_that_is_none_is_invalid_for_a_bet(world: World, token: str, text: str) -> None:
    assert token != text
    assert_bare(world.say(BET, bet(text)), "RS_ERROR_INVALID_TOKEN")
    assert_bare(world.say(BALANCE, {"request_uuid": "r", "token": text}), "RS_ERROR_INVALID_TOKEN")
    assert world.cash() == 100 * WIRE


def test_a_token_of_another_player_is_invalid(world: World, token: str) -> None:
    others = world.player("pl_bert")
    assert_bare(world.say(BET, bet(others)), "RS_ERROR_INVALID_TOKEN")
    assert_bare(world.say(BALANCE, {"request_uuid": "r", "token": others, "user": "pl_anna"}), "RS_ERROR_INVALID_TOKEN")
    world.say(BET, bet(token, transaction_uuid="bet-2"))
    assert_bare(world.say(WIN, win(others, reference_transaction_uuid="bet-2")), "RS_ERROR_INVALID_TOKEN")
    back = rollback(others, reference_transaction_uuid="bet-2", user="pl_anna")
    assert_bare(world.say(ROLLBACK, back), "RS_ERROR_INVALID_TOKEN")
    assert (world.cash(), world.cash("pl_bert")) == (90 * WIRE, 100 * WIRE)


def test_a_rollback_of_another_players_bet_does_not_exist(world: World, token: str) -> None:
    others = world.player("pl_bert")
    world.say(BET, bet(token))
    assert_bare(world.say(ROLLBACK, rollback(others)), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    assert (world.cash(), world.cash("pl_bert")) == (90 * WIRE, 100 * WIRE)


def test_a_tombstone_of_another_player_does_not_let_the_original_pass(world: World, token: str) -> None:
    others = world.player("pl_bert")
    world.say(ROLLBACK, rollback(others))
    assert_bare(world.say(BET, bet(token)), "RS_ERROR_DUPLICATE_TRANSACTION")


def test_a_repeated_win_with_another_players_token_tells_its_outcome(world: World, token: str) -> None:
    others = world.player("pl_bert")
    world.say(BET, bet(token))
    world.say(WIN, win(token))
    assert world.say(WIN, win(others))["balance"] == 115 * WIRE
    assert world.cash("pl_bert") == 100 * WIRE


def test_an_unknown_player(world: World) -> None:
    assert_bare(world.say(INFO, {"request_uuid": "r", "user": "pl_nobody"}), "RS_ERROR_INVALID_TOKEN")
    assert_bare(world.say(BET, bet("pl_nobody." + "a" * 32, supplier_user="pl_nobody")), "RS_ERROR_INVALID_TOKEN")


def test_user_goes_before_supplier_user(world: World, token: str) -> None:
    answer = world.say(BET, bet(token, user="pl_anna", supplier_user="supplier_4711"))
    assert (status(answer), answer["user"]) == ("RS_OK", "pl_anna")
