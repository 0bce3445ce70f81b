"""Counters at the exact instants and sums at which they turn."""

import pytest

from countroom.ledger.movements import LimitKind
from countroom.ledger.rules import limits
from countroom.ledger.wallet import Limit

WAGER, LOSS, DEPOSIT = LimitKind.WAGER, LimitKind.LOSS, LimitKind.DEPOSIT


def a_limit(kind: LimitKind = WAGER, cap: int = 10, used: int = 4, since_ms: int = 1_000) -> Limit:
    return Limit(kind, 100, cap, used, since_ms)


@pytest.mark.parametrize(
    ("now_ms", "used", "since_ms"),
    [
        (900, 4, 1_000),  # a clock that went back
        (1_000, 4, 1_000),
        (1_099, 4, 1_000),
        (1_100, 0, 1_100),
        (1_101, 0, 1_100),
        (1_199, 0, 1_100),
        (1_200, 0, 1_200),
        (1_999, 0, 1_900),
    ],
)
def test_a_period_ends_at_its_exact_millisecond(now_ms: int, used: int, since_ms: int) -> None:
    assert a_limit().at(now_ms) == a_limit(used=used, since_ms=since_ms)


def test_a_use_up_to_the_cap_is_counted_and_one_above_is_not() -> None:
    assert limits.spent((a_limit(),), {WAGER: 6}, 1_050) == (a_limit(used=10),)
    assert limits.spent((a_limit(),), {WAGER: 7}, 1_050) is None
    assert limits.spent((a_limit(),), {WAGER: 10}, 1_100) == (a_limit(used=10, since_ms=1_100),)
    assert limits.spent((a_limit(),), {WAGER: 11}, 1_100) is None


def test_the_lowest_of_several_limits_applies() -> None:
    several = (a_limit(cap=100), a_limit(cap=5), a_limit(LOSS, cap=50))
    assert limits.spent(several, {WAGER: 1, LOSS: 1}, 1_000) is not None
    assert limits.spent(several, {WAGER: 2, LOSS: 2}, 1_000) is None


def test_a_use_counts_for_its_own_kind_only() -> None:
    both = (a_limit(), a_limit(DEPOSIT, used=10))
    assert limits.spent(both, {WAGER: 1}, 1_000) == (a_limit(used=5), a_limit(DEPOSIT, used=10))


def test_a_limit_that_is_over_does_not_stop_another_kind_or_a_use_of_nothing() -> None:
    over = (a_limit(DEPOSIT, used=99), a_limit(LOSS, used=11))
    assert limits.spent(over, {WAGER: 1}, 1_000) == over
    assert limits.spent(over, {LOSS: 0}, 1_000) == over


def test_what_has_happened_is_counted_beyond_the_cap() -> None:
    assert limits.forced((a_limit(), a_limit(LOSS)), {WAGER: 60}, 1_099) == (a_limit(used=64), a_limit(LOSS))
    assert limits.forced((a_limit(),), {WAGER: 60}, 1_100) == (a_limit(used=60, since_ms=1_100),)


def test_nothing_is_counted_where_there_is_no_limit() -> None:
    assert limits.spent((), {WAGER: 1}, 1) == ()
    assert limits.forced((), {WAGER: 1}, 1) == ()
    assert limits.given_back((), {WAGER: 1}, 1, 1) == ()


@pytest.mark.parametrize(
    ("used_at_ms", "now_ms", "left", "since_ms"),
    [
        (1_000, 1_000, 1, 1_000),
        (1_000, 1_099, 1, 1_000),
        (999, 1_050, 4, 1_000),  # used in the period before
        (1_099, 1_100, 0, 1_100),  # a new one has begun
        (1_000, 1_250, 0, 1_200),
    ],
)
def test_what_is_given_back_counts_in_the_period_of_its_use(used_at_ms: int, now_ms: int, left: int, since_ms: int) -> None:
    assert limits.given_back((a_limit(),), {WAGER: 3}, used_at_ms, now_ms) == (a_limit(used=left, since_ms=since_ms),)


def test_a_counter_never_falls_below_zero_and_other_kinds_stay() -> None:
    assert limits.given_back((a_limit(), a_limit(LOSS)), {WAGER: 5}, 1_000, 1_000) == (a_limit(used=0), a_limit(LOSS))
    assert limits.given_back((a_limit(),), {WAGER: 4}, 1_000, 1_000) == (a_limit(used=0),)
