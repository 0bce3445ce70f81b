"""Money for any amount: what goes in exactly comes out exactly, and what is cut is cut toward zero by less than one unit."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom import money
from countroom.ledger.rules.buckets import Buckets, of_stake, of_win
from countroom.money import AMOUNT_MAX, InvalidAmount

currencies = st.sampled_from(money.currencies())
amounts = st.integers(0, AMOUNT_MAX)
signed = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
places = st.integers(0, 15)


@settings(deadline=None)
@given(amounts, currencies)
def test_what_is_written_reads_back_cut_to_the_currency(nanos: int, currency: money.Currency) -> None:
    unit = 10 ** (9 - currency.exponent)
    assert money.parse_amount(money.format_amount(nanos, currency), currency) == nanos - nanos % unit


@settings(deadline=None)
@given(signed, currencies)
def test_written_amounts_are_cut_toward_zero_by_less_than_a_unit(nanos: int, currency: money.Currency) -> None:
    exact, written = Fraction(nanos, 10**9), Fraction(money.format_amount(nanos, currency))
    assert abs(written) <= abs(exact)
    assert abs(exact - written) < Fraction(1, 10**currency.exponent)
    assert written * exact >= 0


@settings(deadline=None)
@given(signed, places)
def test_scaled_amounts_are_cut_toward_zero_by_less_than_a_unit(nanos: int, count: int) -> None:
    exact, scaled = Fraction(nanos, 10**9), Fraction(money.to_scaled(nanos, count), 10**count)
    assert abs(scaled) <= abs(exact)
    assert abs(exact - scaled) < Fraction(1, 10**count)


@settings(deadline=None)
@given(st.integers(-(10**40), 10**40), places)
def test_a_scaled_amount_is_read_exactly_or_not_at_all(units: int, count: int) -> None:
    exact = Fraction(units, 10**count) * 10**9
    if exact.denominator == 1 and 0 <= exact <= AMOUNT_MAX:
        assert money.from_scaled(units, count) == exact
        assert money.to_scaled(money.from_scaled(units, count), count) == units
    else:
        with pytest.raises(InvalidAmount):
            money.from_scaled(units, count)


@settings(deadline=None)
@given(st.text(max_size=40), currencies)
def test_a_text_is_an_amount_of_the_currency_or_refused(text: str, currency: money.Currency) -> None:
    try:
        nanos = money.parse_amount(text, currency)
    except InvalidAmount:
        return
    assert Fraction(text) == Fraction(nanos, 10**9)
    assert text.isascii()


@settings(deadline=None)
@given(amounts, amounts, amounts, st.data())
def test_stakes_and_wins_are_split_without_a_rest(cash: int, bonus: int, won: int, data: st.DataObject) -> None:
    stake = data.draw(st.integers(0, cash + bonus))
    taken = of_stake(stake, cash)
    assert sum(taken) == stake
    assert 0 <= taken.cash <= cash
    assert 0 <= taken.bonus <= bonus
    assert taken.bonus == 0 or taken.cash == cash
    gained = of_win(won, taken)
    assert sum(gained) == won
    assert min(gained) >= 0
    assert gained.bonus * stake <= won * taken.bonus < (gained.bonus + 1) * stake or not stake


def test_a_win_of_a_bonus_stake_is_bonus() -> None:
    assert of_win(7, Buckets(0, 3)) == Buckets(0, 7)
