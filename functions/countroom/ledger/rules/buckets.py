"""Which bucket a stake comes from, and to which its win returns. Pure; amounts are nanos.

The rule: cash first. A stake takes cash as far as it goes and the rest from the bonus. A win returns to the buckets in the
proportion in which its stake came from them; the bonus share is rounded down, so what cannot be divided is the player's cash. A win
without a stake (a promotion, a free round) is cash.
"""

from typing import NamedTuple


class Buckets(NamedTuple):
    """A sum split over the two buckets that play can touch."""

    cash: int
    bonus: int


def of_stake(stake: int, cash: int) -> Buckets:
    """Split a stake, given the cash balance; the caller has seen that both together cover it."""
    from_cash = min(stake, cash)
    return Buckets(from_cash, stake - from_cash)


def of_win(amount: int, stake: Buckets) -> Buckets:
    """Split winnings after the split of their stake."""
    whole = stake.cash + stake.bonus
    to_bonus = amount * stake.bonus // whole if whole else 0
    return Buckets(amount - to_bonus, to_bonus)
