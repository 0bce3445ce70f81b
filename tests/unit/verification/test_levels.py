"""The triggers: what a player must have reached before what, by country, and at the exact thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.jurisdictions.profile import worth
from countroom.jurisdictions.profiles import PROFILES, profile_of
from countroom.verification.levels import ACTS, ORDER, Act, Facts, Level, missing, required

AGE, IDENTITY, ADDRESS, FUNDS = ORDER


def asked(country: str, act: Act, net: int = 0, currency: str = "EUR") -> set[Level]:
    return set(required(profile_of(country), Facts(act, currency, net)))


@pytest.mark.parametrize(
    ("country", "act", "levels"),
    [
        ("GB", Act.DEPOSIT, {AGE, IDENTITY}),
        ("GB", Act.PLAY, {AGE, IDENTITY}),
        ("GB", Act.FREE_PLAY, {AGE}),
        ("CA", Act.DEPOSIT, {AGE, IDENTITY}),
        ("EE", Act.DEPOSIT, set()),
        ("EE", Act.PLAY, set()),
        ("EE", Act.WITHDRAWAL, {IDENTITY}),
        ("MT", Act.DEPOSIT, set()),
        ("MT", Act.WITHDRAWAL, {IDENTITY}),
        ("XX", Act.DEPOSIT, {AGE, IDENTITY}),
    ],
)
def test_what_a_country_asks_for_before_what(country: str, act: Act, levels: set[Level]) -> None:
    assert asked(country, act) == levels


def test_every_country_knows_who_it_pays() -> None:
    for country in [*PROFILES, "XX"]:
        assert IDENTITY in asked(country, Act.WITHDRAWAL)


@pytest.mark.parametrize("country", ["GB", "CA", "MT", "EE"])
@pytest.mark.parametrize("currency", ["EUR", "GBP", "JPY", "KWD"])
@pytest.mark.parametrize("act", [Act.DEPOSIT, Act.PLAY])
def test_a_threshold_counts_from_its_exact_amount_on(country: str, currency: str, act: Act) -> None:
    thresholds = profile_of(country).verification.thresholds
    assert thresholds
    below = asked(country, act, 0, currency)
    for told in sorted(thresholds, key=lambda threshold: threshold.pounds):
        exact = worth(told.pounds, currency)
        assert asked(country, act, exact - 1, currency) == below
        below |= told.levels
        assert asked(country, act, exact, currency) == below


def test_a_threshold_never_holds_up_a_player_s_own_money() -> None:
    for country in [*PROFILES, "EE", "XX"]:
        for act in (Act.WITHDRAWAL, Act.FREE_PLAY):
            assert asked(country, act, 10**21) == asked(country, act)


COUNTRIES = st.sampled_from([*PROFILES, "EE", "XX"])


@given(country=COUNTRIES, act=st.sampled_from(ACTS), low=st.integers(-(10**16), 10**16), more=st.integers(0))
def test_more_net_deposits_never_ask_for_less(country: str, act: Act, low: int, more: int) -> None:
    assert asked(country, act, low) <= asked(country, act, low + more)


@given(
    country=COUNTRIES,
    act=st.sampled_from(ACTS),
    net=st.integers(0, 10**17),
    reached=st.frozensets(st.sampled_from(ORDER)),
)
def test_what_is_missing_is_what_is_required_and_not_reached(country: str, act: Act, net: int, reached: frozenset[Level]) -> None:
    profile, facts = profile_of(country), Facts(act, "EUR", net)
    lacking = missing(profile, facts, reached)
    assert set(lacking) == required(profile, facts) - reached
    assert list(lacking) == sorted(lacking, key=ORDER.index)
