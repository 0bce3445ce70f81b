"""Withdrawals that the house has ordered, in PaymentIQ's calls."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from countroom.cashier.gateways.paymentiq import MESSAGES, Answer, ErrorCode
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.withdrawal import Attention, WithdrawalStatus
from countroom.ledger.book import OutcomeUnknown, Posted
from countroom.ledger.movements import Reference, SetStatus, Status
from tests.unit.cashier.paymentiq_world import House, cancel, money, out, verify
from tests.unit.cashier.payouts.support import OTHER_ID, SESSION, TICKET, WITHDRAWAL_ID
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER, BreakingClient, InterruptedClient, Killed, lost
from tests.unit.clock import FixedClock

_S = WithdrawalStatus
BACK = out("20.00", "2002", originTxId="2001")


@pytest.fixture
def house(dynamodb: Any, clock: FixedClock) -> House:
    """A house in which the player has asked for 20.00, which is on its way to PaymentIQ."""
    made = House(dynamodb, clock)
    made.withdraw()
    assert made.holds() == money("30.00", "20.00")
    return made


def refused(told: dict[str, Any], code: ErrorCode) -> None:
    assert (told["success"], told["errCode"], told["errMsg"]) == (False, code.value, MESSAGES[code])


def stands(house: House) -> tuple[WithdrawalStatus, Attention | None]:
    found = house.withdrawal()
    return found.status, found.attention


def test_a_withdrawal_that_was_sent_is_a_session_of_its_player_until_it_ends(house: House) -> None:
    assert house.says("verifyuser", verify(SESSION))["balanceCy"] == "EUR"
    refused(house.says("verifyuser", verify(SESSION, OTHER_PLAYER)), ErrorCode.UNKNOWN_SESSION)
    for other in (f"{OTHER_ID}.{TICKET}", WITHDRAWAL_ID, f"{WITHDRAWAL_ID}.", f"{WITHDRAWAL_ID}.{'u' * 20}", f"{SESSION}t"):
        refused(house.says("verifyuser", verify(other)), ErrorCode.UNKNOWN_SESSION)
    house.says("transfer", out())
    refused(house.says("verifyuser", verify(SESSION)), ErrorCode.UNKNOWN_SESSION)


def test_what_its_player_has_ordered_there_himself_is_not_authorised_and_the_houses_order_still_is(house: House) -> None:
    """The player knows the id and can reach the gateway's page, but not the ticket: nothing goes to a card of his choice."""
    own = out(tx="666", attributes={"withdrawal": WITHDRAWAL_ID})
    refused(house.says("authorize", own), ErrorCode.UNKNOWN_TRANSACTION)
    assert stands(house) == (_S.SUBMITTING, None)
    assert house.says("authorize", out())["success"]
    refused(house.says("authorize", own), ErrorCode.UNKNOWN_TRANSACTION)


def test_before_it_is_sent_it_is_neither_a_session_nor_authorised(dynamodb: Any, clock: FixedClock) -> None:
    house = House(dynamodb, clock)
    house.withdraw(sent=False)
    refused(house.says("verifyuser", verify(SESSION)), ErrorCode.UNKNOWN_SESSION)
    refused(house.says("authorize", out()), ErrorCode.UNKNOWN_TRANSACTION)
    assert stands(house) == (_S.APPROVED, None)


@pytest.mark.parametrize(("status", "known"), [(Status.EXCLUDED, True), (Status.BLOCKED, False)])
def test_who_is_excluded_from_play_still_gets_the_own_money(house: House, status: Status, known: bool) -> None:
    assert isinstance(house.book.post(SetStatus(Reference("house:test", "status"), PLAYER, status)), Posted)
    assert house.says("verifyuser", verify(SESSION))["success"] is known


def test_it_is_authorised_once_then_paid_once_however_often_it_is_told(house: House) -> None:
    authorised = [house.says("authorize", out()) for _ in range(3)]
    assert authorised == [authorised[0]] * 3
    assert (authorised[0]["authCode"], authorised[0]["merchantTxId"]) == (WITHDRAWAL_ID, WITHDRAWAL_ID)
    assert house.holds() == money("30.00", "20.00")
    assert stands(house) == (_S.SUBMITTED, None)
    paid = [house.ask("transfer", out(authCode=WITHDRAWAL_ID, attributes=None)) for _ in range(3)]
    assert [(one.body, one.alarm) for one in paid] == [(paid[0].body, "")] * 3
    assert house.says("authorize", out()) == authorised[0]
    assert (house.holds(), stands(house)) == (money("30.00"), (_S.PAID, None))


def test_a_second_transaction_of_a_withdrawal_gets_no_authorisation(house: House) -> None:
    assert house.says("authorize", out())["success"]
    refused(house.says("authorize", out(tx="2002")), ErrorCode.ALREADY_PROCESSED)
    assert house.says("cancel", cancel(WITHDRAWAL_ID, "2002"))["success"]
    assert stands(house) == (_S.SUBMITTED, None)
    assert house.says("transfer", out())["success"]
    refused(house.says("authorize", out(tx="2002")), ErrorCode.ALREADY_PROCESSED)


def authorise_into(answers: list[Answer], house: House) -> None:
    answers.append(house.ask("authorize", out(tx="2002")))


def test_of_two_transactions_at_one_moment_one_is_authorised(dynamodb: Any, clock: FixedClock) -> None:
    for at in range(20):
        house = House(dynamodb, clock, number=at + 1)
        house.withdraw()
        answers: list[Answer] = []
        twin = InterruptedClient(dynamodb, at, partial(authorise_into, answers, house))
        answers.append(house.ask("authorize", out(), twin))
        if not twin.interrupted:
            break
        assert sorted(str(answer.error) for answer in answers) == ["ALREADY_PROCESSED", "None"]
    assert at > 2


def test_a_second_payment_of_a_withdrawal_is_booked_too_and_people_are_told(house: House) -> None:
    house.says("authorize", out())
    assert house.ask("transfer", out()).alarm == ""
    for _ in range(2):
        answer = house.ask("transfer", out(tx="2002"))
        assert (answer.error, answer.alarm) == (None, "paid_unordered")
    assert house.holds() == money("10.00")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"txAmount": "-20.01"}, ErrorCode.AMOUNT_OUT_OF_RANGE),
        ({"txAmount": "-19.99"}, ErrorCode.AMOUNT_OUT_OF_RANGE),
        ({"txAmountCy": "USD"}, ErrorCode.WRONG_CURRENCY),
        ({"userId": OTHER_PLAYER}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"{OTHER_ID}.{TICKET}"}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": WITHDRAWAL_ID}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"{WITHDRAWAL_ID}."}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"{WITHDRAWAL_ID}.{'u' * 20}"}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"{SESSION}x"}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"{WITHDRAWAL_ID}.\u00fc"}}, ErrorCode.UNKNOWN_TRANSACTION),
        ({"attributes": {"withdrawal": f"wdr_x.{TICKET}"}}, ErrorCode.UNKNOWN_TRANSACTION),
    ],
)
def test_only_what_was_ordered_is_authorised(house: House, fields: dict[str, Any], code: ErrorCode) -> None:
    for _ in range(2):
        refused(house.says("authorize", {**out(), **fields}), code)
    assert stands(house) == (_S.SUBMITTING, None)


@pytest.mark.parametrize(("amount", "cash"), [("-19.00", "31.00"), ("-50.00", "0.00"), ("-70.00", "-20.00")])
def test_another_amount_that_was_paid_counts_and_people_are_told(house: House, amount: str, cash: str) -> None:
    house.says("authorize", out())
    for _ in range(2):
        answer = house.ask("transfer", out(amount))
        assert (answer.error, answer.alarm) == (None, Attention.OTHER_FIGURES)
    assert (house.holds(), stands(house)) == (money(cash), (_S.PAID, Attention.OTHER_FIGURES))
    answer = house.ask("transfer", out())
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "other_figures")
    assert house.holds() == money(cash)


def test_another_currency_is_not_booked_and_people_are_told(house: House) -> None:
    answer = house.ask("transfer", out(txAmountCy="USD"))
    assert (answer.error, answer.alarm) == (ErrorCode.WRONG_CURRENCY, "wrong_currency")
    assert (house.holds(), stands(house)) == (money("30.00", "20.00"), (_S.SUBMITTING, Attention.OTHER_FIGURES))


def test_a_cancel_releases_once_and_nothing_is_authorised_after_it(house: House) -> None:
    house.says("authorize", out())
    assert [house.says("cancel", cancel(WITHDRAWAL_ID))["success"] for _ in range(3)] == [True] * 3
    assert (house.holds(), stands(house)) == (money("50.00"), (_S.FAILED, None))
    for tx in ("2001", "2002"):
        refused(house.says("authorize", out(tx=tx)), ErrorCode.ALREADY_PROCESSED)
    refused(house.says("cancel", cancel(WITHDRAWAL_ID, user=OTHER_PLAYER)), ErrorCode.UNKNOWN_TRANSACTION)


def test_a_success_after_the_release_is_booked_and_people_are_told(house: House) -> None:
    house.says("authorize", out())
    house.says("cancel", cancel(WITHDRAWAL_ID))
    for _ in range(2):
        answer = house.ask("transfer", out())
        assert (answer.error, answer.alarm) == (None, Attention.LATE_PAYMENT)
    assert (house.holds(), stands(house)) == (money("30.00"), (_S.PAID, Attention.LATE_PAYMENT))


def test_a_cancel_after_the_payment_releases_nothing_and_people_are_told(house: House) -> None:
    house.says("transfer", out())
    for _ in range(2):
        refused(house.says("cancel", cancel(WITHDRAWAL_ID)), ErrorCode.ALREADY_PROCESSED)
    assert (house.holds(), stands(house)) == (money("30.00"), (_S.PAID, Attention.PAID_THEN_FAILED))


def test_a_payment_before_it_was_ordered_is_booked_and_people_are_told(dynamodb: Any, clock: FixedClock) -> None:
    house = House(dynamodb, clock)
    house.withdraw(sent=False)
    assert house.ask("transfer", out()).alarm == Attention.NEVER_SUBMITTED
    assert (house.holds(), stands(house)) == (money("30.00"), (_S.PAID, Attention.NEVER_SUBMITTED))


def test_a_payout_that_comes_back_is_credited_once(house: House) -> None:
    house.says("authorize", out())
    house.says("transfer", out())
    answers = [house.ask("transfer", BACK) for _ in range(3)]
    assert [(one.body, one.alarm) for one in answers] == [(answers[0].body, "")] * 3
    assert (house.holds(), stands(house)) == (money("50.00"), (_S.RETURNED, None))
    answer = house.ask("transfer", {**BACK, "txAmount": "1.00", "txId": "2003"})
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "returned_otherwise")
    assert house.holds() == money("50.00")


def test_a_part_that_comes_back_is_credited_and_people_are_told(house: House) -> None:
    house.says("transfer", out())
    assert house.ask("transfer", {**BACK, "txAmount": "5.00"}).alarm == Attention.OTHER_FIGURES
    assert house.holds() == money("35.00")


def test_another_players_withdrawal_is_not_touched_by_what_is_paid(house: House) -> None:
    assert house.ask("transfer", {**out(), "userId": OTHER_PLAYER}).alarm == "paid_unordered"
    assert (house.holds(), house.holds(OTHER_PLAYER)) == (money("30.00", "20.00"), money("-20.00"))
    assert stands(house) == (_S.SUBMITTING, None)


LIVES: dict[str, tuple[tuple[tuple[str, dict[str, Any]], ...], tuple[str, dict[str, Any]], tuple[int, int]]] = {
    "authorise": ((), ("authorize", out()), money("30.00", "20.00")),
    "pay": ((("authorize", out()),), ("transfer", out()), money("30.00")),
    "pay more than there is": ((("authorize", out()),), ("transfer", out("-70.00")), money("-20.00")),
    "cancel": ((("authorize", out()),), ("cancel", cancel(WITHDRAWAL_ID)), money("50.00")),
    "pay after all": ((("cancel", cancel(WITHDRAWAL_ID)),), ("transfer", out()), money("30.00")),
    "give back": ((("transfer", out()),), ("transfer", BACK), money("50.00")),
}


@pytest.mark.parametrize(("fault", "before"), [(Killed, True), (Killed, False), (lost, False)])
@pytest.mark.parametrize("life", LIVES)
def test_cut_off_at_any_call_it_is_answered_the_same_and_moves_once(
    dynamodb: Any,
    clock: FixedClock,
    life: str,
    fault: Callable[[], BaseException],
    before: bool,
) -> None:
    earlier, (action, body), expected = LIVES[life]
    for at in range(60):
        house = House(dynamodb, clock, number=at + 1)
        house.withdraw()
        for step in earlier:
            assert house.says(*step)["success"]
        broken = BreakingClient(dynamodb, at, before=before, fault=fault)
        with contextlib.suppress(Killed, OutcomeUnknown, StoreUnavailable):
            house.says(action, body, broken)
        first = house.says(action, body)
        assert first["success"]
        assert house.says(action, body) == first
        assert house.holds() == expected
        if not broken.broke:
            break
    assert at > 1
    assert not broken.broke


def test_of_a_payment_and_a_cancel_at_one_moment_both_are_known_and_the_money_left_once(dynamodb: Any, clock: FixedClock) -> None:
    for at in range(20):
        house = House(dynamodb, clock, number=at + 1)
        house.withdraw()
        house.says("authorize", out())
        twin = InterruptedClient(dynamodb, at, partial(house.says, "cancel", cancel(WITHDRAWAL_ID)))
        assert house.ask("transfer", out(), twin).error is None
        if not twin.interrupted:
            break
        assert house.holds() == money("30.00")
        assert stands(house) in {(_S.PAID, Attention.LATE_PAYMENT), (_S.PAID, Attention.PAID_THEN_FAILED)}
    assert at > 2
