"""Every outcome in the words of every dialect: one table each, walked from end to end."""

import json
from typing import Any

import pytest

from countroom.games.providers import action_batch, swipe
from countroom.games.providers.dialect import (
    OPEN_OUTCOMES,
    Batch,
    Call,
    Cause,
    Dialect,
    Done,
    Enquiry,
    Failed,
    Fault,
    Order,
    our_id,
)
from countroom.ledger.movements import Bet, Reason, Reference, Win
from tests.unit.games.world import UNIT

CAUSES: list[Cause] = [*Reason, *Fault]
SWIPE_CODES = {
    "",
    "game_not_found",
    "currency_not_supported",
    "account_blocked",
    "bet_limit",
    "loss_limit",
    "time_limit",
    "insufficient_funds",
    "session_expired",
    "session_not_found",
}
BATCH_CODES = {
    412: {100, 101, 105, 106, 107, 110, 154},
    400: {400},
    403: {403},
    500: {500},
}
CALL = Call("/play", {}, b"{}")
BET = Bet(Reference("game:batch", "b"), "pl_anna", "EUR", UNIT, "g", "r")
WIN = Win(Reference("game:batch", "w"), "pl_anna", "EUR", UNIT, "g", "r")


def told(dialect: Dialect[Any], result: Done | Failed, request: Any = None) -> tuple[int, dict[str, Any], str]:
    reply = dialect.answer(CALL, request, result)
    answer: dict[str, Any] = json.loads(reply.body)
    return reply.status, answer, reply.code


@pytest.mark.parametrize("words", [swipe.WORDS, action_batch.WORDS], ids=["swipe", "action_batch"])
def test_every_outcome_has_a_word(words: Any) -> None:
    assert set(words) == set(CAUSES)
    for word in words.values():
        assert word.message


@pytest.mark.parametrize("cause", CAUSES)
def test_unknown_is_said_of_open_outcomes_and_of_nothing_else(cause: Cause) -> None:
    """A server error makes a provider roll back; a known refusal makes it drop the bet."""
    for words in (swipe.WORDS, action_batch.WORDS):
        assert (words[cause].status >= 500) is (cause in OPEN_OUTCOMES)


@pytest.mark.parametrize("available", [None, 7 * UNIT])
@pytest.mark.parametrize("cause", CAUSES)
def test_swipe_says_status_message_and_code_and_no_balance(cause: Cause, available: int | None) -> None:
    status, answer, code = told(swipe.DIALECT, Failed(cause, available))
    word = swipe.WORDS[cause]
    assert word.code in SWIPE_CODES
    assert status in {400, 401, 404, 500}
    assert answer == {"message": word.message, "details": cause.value, **({"code": word.code} if word.code else {})}
    assert (status, code) == (word.status, word.code or str(word.status))
    assert (status == 404) is word.code.startswith("session_")
    assert (status == 401) is (cause is Fault.BAD_SIGNATURE)


@pytest.mark.parametrize("available", [None, 7 * UNIT])
@pytest.mark.parametrize("cause", CAUSES)
def test_the_action_batch_says_status_code_and_message_and_no_balance(cause: Cause, available: int | None) -> None:
    status, answer, code = told(action_batch.DIALECT, Failed(cause, available))
    word = action_batch.WORDS[cause]
    assert answer == {"code": word.code, "message": word.message}
    assert word.code in BATCH_CODES[status]
    assert code == str(word.code)
    assert (status == 403) is (cause is Fault.BAD_SIGNATURE)


@pytest.mark.parametrize(
    ("cause", "swiped", "batched"),
    [
        (Reason.INSUFFICIENT_FUNDS, "insufficient_funds", 100),
        (Reason.NEGATIVE_BALANCE, "insufficient_funds", 100),
        (Reason.UNKNOWN_PLAYER, "session_not_found", 101),
        (Reason.LIMIT_REACHED, "loss_limit", 105),
        (Fault.OWN_STAKE, "bet_limit", 105),
        (Fault.TIME_USED, "time_limit", 105),
        (Reason.REALITY_CHECK_DUE, "time_limit", 105),
        (Reason.STAKE_OUT_OF_RANGE, "bet_limit", 106),
        (Reason.GAME_UNAVAILABLE, "game_not_found", 107),
        (Reason.WALLET_BLOCKED, "account_blocked", 110),
        (Reason.WALLET_EXCLUDED, "account_blocked", 110),
        (Reason.WRONG_CURRENCY, "currency_not_supported", 154),
        (Reason.GAME_CURRENCY, "currency_not_supported", 154),
        (Reason.SESSION_EXPIRED, "session_expired", 101),
        (Reason.SESSION_UNKNOWN, "session_not_found", 101),
        (Fault.LATE_ORIGINAL, "", 400),
        (Reason.DUPLICATE_TRANSACTION, "", 400),
    ],
)
def test_the_words_that_the_protocols_prescribe(cause: Cause, swiped: str, batched: int) -> None:
    assert swipe.WORDS[cause].code == swiped
    assert action_batch.WORDS[cause].code == batched


@pytest.mark.parametrize(
    ("currency", "nanos", "text", "units"),
    [
        ("EUR", 7 * UNIT, "7.00", 700),
        ("EUR", 7 * UNIT - 1, "6.99", 699),
        ("EUR", 0, "0.00", 0),
        ("EUR", -5 * UNIT, "0.00", -500),
        ("JPY", 7 * UNIT, "7", 7),
        ("BHD", 7 * UNIT, "7.000", 7000),
        ("BTC", 1, "0.00000000", 0),
        ("EUR", 10**21, "1000000000000.00", 10**14),
    ],
)
def test_a_balance_is_told_in_the_currencys_places_and_never_too_high(currency: str, nanos: int, text: str, units: int) -> None:
    done = Done("pl_anna", currency, "", nanos, moved=True)
    assert told(swipe.DIALECT, done, Enquiry("", "pl_anna", None)) == (200, {"balance": text}, "ok")
    assert told(action_batch.DIALECT, done, Enquiry("", "pl_anna", None)) == (200, {"balance": units}, "ok")


def test_success_carries_our_own_ids() -> None:
    done = Done("pl_anna", "EUR", "", UNIT, moved=True)
    assert told(swipe.DIALECT, done, Order("b", BET))[1] == {"balance": "1.00", "txID": our_id(BET.reference)}
    answer = told(action_batch.DIALECT, done, Batch("r", "pl_anna", (WIN, BET)))[1]
    assert answer == {
        "balance": 100,
        "game_id": "r",
        "transactions": [{"action_id": "w", "tx_id": our_id(WIN.reference)}, {"action_id": "b", "tx_id": our_id(BET.reference)}],
    }
    assert our_id(BET.reference) == "5671db2e-c627-5b6d-8b11-d266c1cab130", "never to change: providers keep it"


@pytest.mark.parametrize("dialect", [swipe.DIALECT, action_batch.DIALECT], ids=["swipe", "action_batch"])
@pytest.mark.parametrize(
    "secret",
    [{}, {"secrets": []}, {"secrets": "test"}, {"secrets": [7]}, {"secrets": [""]}, {"secrets": ["a b"]}, {"secrets": ["ä"]},
     {"secrets": ["x" * 257]}, {"secrets": ["x"] * 5}, {"secrets": ["good", None]}],
    ids=lambda secret: str(secret)[:30],
)  # fmt: skip
def test_a_secret_without_usable_keys(dialect: Dialect[Any], secret: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="secret"):
        dialect.keys(secret)
    assert dialect.keys({"secrets": ["one", "x" * 256, "three", "four"]}) == (b"one", b"x" * 256, b"three", b"four")
