"""Bonus money: granted, converted, forfeited."""

from dataclasses import replace

import pytest

from countroom.ledger.movements import BonusConverted, BonusForfeited, BonusGranted, Reason, Status
from countroom.ledger.records import Posting
from tests.unit.ledger.examples import ANNA, decided, ref, refused, wallet_with

NAME = ref("bonus-1", "house:bonus")


def granted(amount: int) -> BonusGranted:
    return BonusGranted(NAME, ANNA, "EUR", amount)


def converted(amount: int) -> BonusConverted:
    return BonusConverted(NAME, ANNA, "EUR", amount)


def forfeited(amount: int) -> BonusForfeited:
    return BonusForfeited(NAME, ANNA, "EUR", amount)


def test_a_bonus_comes_from_the_house() -> None:
    decision = decided(wallet_with(cash=1, bonus=2), granted(3))
    assert (decision.wallet.cash, decision.wallet.bonus, decision.wallet.totals.bonus) == (1, 5, 5)
    assert (decision.record.amount, decision.record.counter) == (3, "house:bonus")
    assert decision.record.postings == (Posting("player:pl_anna:bonus", 3), Posting("house:bonus", -3))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.BLOCKED, Reason.WALLET_BLOCKED),
        (Status.CLOSED, Reason.WALLET_BLOCKED),
        (Status.EXCLUDED, Reason.WALLET_EXCLUDED),
    ],
)
def test_no_bonus_for_a_wallet_that_is_not_active(status: Status, reason: Reason) -> None:
    wallet = wallet_with(bonus=5, status=status)
    assert refused(wallet, granted(3)) is reason
    assert decided(wallet, converted(3)).wallet.cash == 3
    assert decided(wallet, forfeited(3)).wallet.bonus == 2


def test_a_converted_bonus_is_cash_and_moves_nothing_outside() -> None:
    decision = decided(wallet_with(cash=1, bonus=5), converted(5))
    assert (decision.wallet.cash, decision.wallet.bonus, decision.wallet.totals.bonus) == (6, 0, 5)
    assert (decision.record.amount, decision.record.counter) == (5, "")
    assert decision.record.postings == (Posting("player:pl_anna:cash", 5), Posting("player:pl_anna:bonus", -5))


def test_a_forfeited_bonus_goes_back_to_the_house() -> None:
    decision = decided(wallet_with(cash=1, bonus=5), forfeited(5))
    assert (decision.wallet.cash, decision.wallet.bonus, decision.wallet.totals.bonus) == (1, 0, 0)
    assert (decision.record.amount, decision.record.counter) == (5, "house:bonus")
    assert decision.record.postings == (Posting("player:pl_anna:bonus", -5), Posting("house:bonus", 5))


@pytest.mark.parametrize("bonus", [5, 0, -5])
def test_more_than_the_bonus_can_be_neither_converted_nor_forfeited(bonus: int) -> None:
    wallet = wallet_with(cash=9, bonus=bonus)
    for movement in (converted(1), forfeited(1)):
        assert refused(wallet, replace(movement, amount=max(bonus, 0) + 1)) is Reason.INSUFFICIENT_FUNDS
