"""Many calls at one wallet at the same time."""

from collections import Counter

from sandbox.stack import Stack
from tests.e2e import world


def test_fifty_copies_of_one_bet_have_one_effect_and_consistent_answers(stack: Stack) -> None:
    player = world.seat(stack, "100.00")
    _, version = player.state()
    said = player.said("bet", amount=1_000_000)
    answers = world.at_once(50, lambda _: player.play("bet", **said))
    assert Counter((answer["status"], answer.get("balance")) for answer in answers) == {("RS_OK", 9_000_000): 50}
    assert {answer["request_uuid"] for answer in answers} == {said["request_uuid"]}
    assert player.state() == ("90.00", version + 1)
    assert [item["kind"] for item in player.api.transactions()].count("bet") == 1
    world.clean_audit(player)


def test_fifty_bets_that_exceed_the_balance_succeed_exactly_as_far_as_it_reaches(stack: Stack) -> None:
    player = world.seat(stack, "20.00")
    stakes = 50 * [130_000]  # 1.30 each: 15 of them are 19.50, and 0.50 stays
    answers = world.at_once(50, lambda number: player.play("bet", amount=stakes[number]))
    assert Counter(answer["status"] for answer in answers) == {"RS_OK": 15, "RS_ERROR_NOT_ENOUGH_MONEY": 35}
    # The balance of an answer is that of its moment, or, for a repeat after an open outcome, a later one.
    balances = {answer["balance"] for answer in answers if answer["status"] == "RS_OK"}
    assert balances <= {2_000_000 - 130_000 * number for number in range(1, 16)}
    assert min(balances) == 50_000
    assert player.api.wallet().available == "0.50"
    world.clean_audit(player)


def test_two_players_do_not_disturb_each_other(stack: Stack) -> None:
    one, other = world.seat(stack, "10.00"), world.seat(stack, "10.00")
    seats = [one, other]
    answers = world.at_once(8, lambda number: seats[number % 2].play("bet", amount=100_000))
    assert {answer["status"] for answer in answers} == {"RS_OK"}
    assert one.api.wallet().available == other.api.wallet().available == "6.00"
    world.clean_audit(one)
    world.clean_audit(other)


def test_one_transaction_of_two_players_is_applied_for_the_first_only(stack: Stack) -> None:
    one, other = world.seat(stack, "10.00"), world.seat(stack, "10.00")
    first = one.play("bet", transaction_uuid="11111111-2222-4333-8444-555555555555")
    assert first["status"] == "RS_OK"
    before = other.state()
    assert other.play("bet", transaction_uuid="11111111-2222-4333-8444-555555555555")["status"] == "RS_ERROR_DUPLICATE_TRANSACTION"
    assert other.state() == before
