"""Which bucket a stake comes from, and to which its win returns."""

import pytest

from countroom.ledger.rules.buckets import Buckets, of_stake, of_win


@pytest.mark.parametrize(
    ("stake", "cash", "taken"),
    [
        (0, 0, (0, 0)),
        (0, 5, (0, 0)),
        (4, 5, (4, 0)),
        (5, 5, (5, 0)),
        (6, 5, (5, 1)),
        (6, 0, (0, 6)),
    ],
)
def test_cash_goes_first(stake: int, cash: int, taken: tuple[int, int]) -> None:
    assert of_stake(stake, cash) == Buckets(*taken)


@pytest.mark.parametrize(
    ("amount", "stake", "gained"),
    [
        (9, (0, 0), (9, 0)),
        (9, (5, 0), (9, 0)),
        (9, (0, 5), (0, 9)),
        (10, (5, 5), (5, 5)),
        (9, (5, 5), (5, 4)),
        (1, (1, 9), (1, 0)),
        (10, (3, 1), (8, 2)),
        (0, (3, 1), (0, 0)),
        (10**21, (10**21 - 1, 1), (10**21 - 1, 1)),
        (10**21 - 1, (10**21 - 1, 1), (10**21 - 1, 0)),
    ],
)
def test_a_win_is_split_like_its_stake_and_the_rest_is_cash(amount: int, stake: tuple[int, int], gained: tuple[int, int]) -> None:
    assert of_win(amount, Buckets(*stake)) == Buckets(*gained)
