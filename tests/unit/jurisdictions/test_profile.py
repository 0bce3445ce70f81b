from dataclasses import replace
from datetime import date

import pytest

from countroom.jurisdictions.profile import Length, Level, StakeCap, Threshold, Verification, birthday, worth
from countroom.jurisdictions.profiles import GREAT_BRITAIN, MALTA, NEUTRAL
from countroom.ledger.rules.limits import month_later
from countroom.times import DAY_MS, from_iso, to_iso

NANO = 10**9


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31T10:20:30.456Z", 1, "2026-02-28T10:20:30.456Z"),
        ("2028-01-31T10:20:30.456Z", 1, "2028-02-29T10:20:30.456Z"),
        ("2026-01-30T23:59:59.999Z", 1, "2026-02-28T23:59:59.999Z"),
        ("2026-01-28T00:00:00.000Z", 1, "2026-02-28T00:00:00.000Z"),
        ("2026-08-31T00:00:00.000Z", 6, "2027-02-28T00:00:00.000Z"),
        ("2026-11-23T12:00:00.000Z", 12, "2027-11-23T12:00:00.000Z"),
        ("2026-12-31T12:00:00.000Z", 2, "2027-02-28T12:00:00.000Z"),
        ("2028-02-29T12:00:00.000Z", 12, "2029-02-28T12:00:00.000Z"),
        ("2028-02-29T12:00:00.000Z", 60, "2033-02-28T12:00:00.000Z"),
        ("2026-12-01T00:00:00.000Z", 1, "2027-01-01T00:00:00.000Z"),
    ],
)
def test_months_end_on_the_same_day_or_on_the_last(start: str, months: int, end: str) -> None:
    assert to_iso(Length("x", "x", months=months).ends_at(from_iso(start))) == end


@pytest.mark.parametrize("start", ["2026-03-28T20:00:00.000Z", "2026-10-24T20:00:00.000Z"])
def test_a_day_is_24_hours_also_where_clocks_change(start: str) -> None:
    assert Length("24h", "24 hours", days=1).ends_at(from_iso(start)) == from_iso(start) + DAY_MS


def test_months_are_those_of_the_ledgers_limits() -> None:
    for day in range(0, 3_000, 7):
        start_ms = from_iso("2026-01-31T23:59:59.999Z") + day * DAY_MS
        for months in (1, 2, 3, 6, 12, 60):
            assert Length("x", "x", months=months).ends_at(start_ms) == month_later(start_ms, months)


@pytest.mark.parametrize("wrong", [{}, {"days": 1, "months": 1}, {"days": -1}, {"months": -1}, {"days": 2, "months": -1}])
def test_a_length_is_of_days_or_of_months(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="days or of months"):
        Length("x", "x", **wrong)  # type: ignore[arg-type] # mypy sees only that some field may be the flag


@pytest.mark.parametrize(
    ("born", "years", "day"),
    [
        (date(2000, 2, 29), 25, date(2025, 3, 1)),
        (date(2000, 2, 29), 28, date(2028, 2, 29)),
        (date(2000, 2, 28), 25, date(2025, 2, 28)),
        (date(2000, 12, 31), 18, date(2018, 12, 31)),
    ],
)
def test_the_day_on_which_years_are_completed(born: date, years: int, day: date) -> None:
    assert birthday(born, years) == day


def test_the_day_from_which_the_higher_stakes_hold_is_counted_from_1970() -> None:
    assert GREAT_BRITAIN.grown_on(date(1945, 1, 1)) == 0
    assert GREAT_BRITAIN.grown_on(date(1945, 1, 2)) == 1
    assert GREAT_BRITAIN.grown_on(date(2001, 11, 24)) == (date(2026, 11, 24) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("pounds", "currency", "nanos"),
    [
        (5, "GBP", 5 * NANO),
        (5, "EUR", 5 * NANO),
        (5, "SEK", 50 * NANO),
        (5, "PLN", 20 * NANO),
        (5, "JPY", 750 * NANO),
        (5, "KRW", 7_500 * NANO),
        (5, "KWD", 2 * NANO),
        (1, "JOD", 900_000_000),
        (5, "XAF", 5 * NANO),
        (0, "GBP", 0),
    ],
)
def test_pounds_in_other_currencies(pounds: int, currency: str, nanos: int) -> None:
    assert worth(pounds, currency) == nanos


def test_a_threshold_counts_from_its_exact_amount_on() -> None:
    asked = Verification(thresholds=(Threshold(2, frozenset({Level.ADDRESS})), Threshold(5, frozenset({Level.SOURCE_OF_FUNDS}))))
    assert asked.at(2 * NANO - 1, "EUR") == frozenset()
    assert asked.at(2 * NANO, "EUR") == {Level.ADDRESS}
    assert asked.at(5 * NANO - 1, "EUR") == {Level.ADDRESS}
    assert asked.at(5 * NANO, "EUR") == {Level.ADDRESS, Level.SOURCE_OF_FUNDS}
    assert asked.at(5 * NANO, "SEK") == frozenset()
    assert asked.at(-(10**15), "EUR") == frozenset()


def test_what_is_offered_and_how_high() -> None:
    assert GREAT_BRITAIN.offers("deposit", "24h")
    assert GREAT_BRITAIN.offers("stake", "each")
    assert not GREAT_BRITAIN.offers("stake", "24h")
    assert not GREAT_BRITAIN.offers("deposit", "each")
    assert not GREAT_BRITAIN.offers("deposit", "1y")
    assert not GREAT_BRITAIN.offers("bonus", "24h")
    assert GREAT_BRITAIN.ceiling("deposit", "24h", "GBP") == 50_000 * NANO
    assert GREAT_BRITAIN.ceiling("deposit", "24h", "SEK") == 500_000 * NANO
    assert GREAT_BRITAIN.limits["loss"].periods == ("24h", "7d", "1m")
    with pytest.raises(KeyError):
        GREAT_BRITAIN.ceiling("stake", "24h", "GBP")


def test_stake_caps_by_category_and_currency() -> None:
    assert GREAT_BRITAIN.stake_cap("slots", "GBP") == StakeCap(young=2 * NANO, grown=5 * NANO)
    assert GREAT_BRITAIN.stake_cap("slots", "DKK") == StakeCap(young=16 * NANO, grown=40 * NANO)
    assert GREAT_BRITAIN.stake_cap("table", "GBP") is None
    assert NEUTRAL.stake_cap("slots", "EUR") is None


def test_lengths_are_found_by_their_code() -> None:
    found = GREAT_BRITAIN.time_out("6w")
    assert found is not None
    assert found.days == 42
    assert GREAT_BRITAIN.time_out("6m") is None
    assert GREAT_BRITAIN.exclusion("24h") is None
    assert MALTA.exclusion("indefinite") == Length(
        "indefinite", "until you ask, after 6 months at the earliest", months=6, open_ended=True
    )


def test_a_profile_without_a_source_or_with_a_longer_check_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="source"):
        replace(NEUTRAL, sources={name: text for name, text in NEUTRAL.sources.items() if name != "age_min"})
    with pytest.raises(ValueError, match="source"):
        replace(NEUTRAL, sources={**NEUTRAL.sources, "age_min": ""})
    with pytest.raises(ValueError, match="interval"):
        replace(NEUTRAL, check_interval_ms=30 * 60_000)
    with pytest.raises(ValueError, match="interval"):
        replace(NEUTRAL, check_choices_ms=(0, *NEUTRAL.check_choices_ms))
