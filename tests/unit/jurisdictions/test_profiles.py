from dataclasses import fields

import pytest

from countroom.identity.rules import POLICY
from countroom.jurisdictions.profile import Level, Profile, StakeCap
from countroom.jurisdictions.profiles import DEFAULT, GREAT_BRITAIN, MALTA, NEUTRAL, ONTARIO, PROFILES, StakeCaps, profile_of
from countroom.ledger.movements import LimitKind
from countroom.times import DAY_MS

NANO = 10**9
ALL = (GREAT_BRITAIN, ONTARIO, MALTA, NEUTRAL)
HALF_YEAR_DAYS = 181


def test_every_country_that_is_served_is_written_down() -> None:
    assert set(PROFILES) == POLICY.countries


@pytest.mark.parametrize(
    ("country", "profile"),
    [("GB", GREAT_BRITAIN), ("CA", ONTARIO), ("MT", MALTA), ("EE", NEUTRAL), ("US", GREAT_BRITAIN), ("", GREAT_BRITAIN)],
)
def test_the_profile_of_a_country(country: str, profile: Profile) -> None:
    assert profile_of(country) is profile


def test_the_default_is_the_strictest() -> None:
    assert DEFAULT is GREAT_BRITAIN
    for other in ALL:
        assert DEFAULT.raise_wait_ms >= other.raise_wait_ms
        assert DEFAULT.check_interval_ms <= other.check_interval_ms
        assert DEFAULT.bonus_wagering_max <= other.bonus_wagering_max
        assert DEFAULT.verification.deposit >= other.verification.deposit
        assert DEFAULT.verification.play >= other.verification.play
        assert DEFAULT.verification.withdrawal >= other.verification.withdrawal
    assert DEFAULT.raise_confirm
    assert not DEFAULT.player_may_cancel_withdrawal


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.code)
def test_what_holds_everywhere(profile: Profile) -> None:
    assert profile.age_min >= 18
    assert profile.raise_wait_ms >= DAY_MS
    assert profile.reopening_wait_ms >= DAY_MS
    assert profile.excluded_may_withdraw
    assert profile.bonus_wagering_max <= 10
    assert profile.check_interval_ms == 60 * 60_000
    assert all(DAY_MS <= length.ends_at(0) <= 92 * DAY_MS for length in profile.time_outs)
    assert all(length.ends_at(0) >= HALF_YEAR_DAYS * DAY_MS for length in profile.exclusions)
    assert {"24h", "7d"} <= {length.code for length in profile.time_outs}
    assert {"6m", "1y", "5y"} <= {length.code for length in profile.exclusions}
    assert set(profile.sources) == {field.name for field in fields(profile)} - {"code", "name", "sources"}


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.code)
def test_the_limits_are_the_ledgers(profile: Profile) -> None:
    assert set(profile.limits) <= set(LimitKind)
    periods = {kind: offered.periods for kind, offered in profile.limits.items()}
    assert periods == {
        "deposit": ("24h", "7d", "1m"),
        "wager": ("24h", "7d", "1m"),
        "loss": ("24h", "7d", "1m"),
        "stake": ("each",),
        "session": ("each",),
    }


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.code)
def test_ceilings_grow_with_the_period(profile: Profile) -> None:
    for kind in ("deposit", "wager", "loss"):
        caps = [profile.ceiling(kind, period, "EUR") for period in ("24h", "7d", "1m")]
        assert caps == sorted(caps)
        assert caps[0] > 0


@pytest.mark.parametrize(
    ("profile", "time_outs", "age"),
    [
        (GREAT_BRITAIN, ["24h", "7d", "1m", "6w"], 18),
        (ONTARIO, ["24h", "7d", "1m", "2m", "3m"], 19),
        (MALTA, ["24h", "7d", "30d"], 18),
        (NEUTRAL, ["24h", "7d", "1m"], 18),
    ],
)
def test_time_outs_and_ages(profile: Profile, time_outs: list[str], age: int) -> None:
    assert [length.code for length in profile.time_outs] == time_outs
    assert profile.age_min == age


def test_british_time_outs_last_at_most_six_weeks() -> None:
    assert max(length.ends_at(0) for length in GREAT_BRITAIN.time_outs) == 42 * DAY_MS


@pytest.mark.parametrize(
    ("profile", "deposit", "free_play", "withdrawal"),
    [
        (GREAT_BRITAIN, {Level.AGE, Level.IDENTITY}, {Level.AGE}, {Level.AGE, Level.IDENTITY}),
        (ONTARIO, {Level.AGE, Level.IDENTITY}, {Level.AGE}, {Level.AGE, Level.IDENTITY}),
        (MALTA, set(), set(), {Level.IDENTITY}),
        (NEUTRAL, set(), set(), {Level.IDENTITY}),
    ],
)
def test_what_is_to_be_verified_before_what(
    profile: Profile, deposit: set[Level], free_play: set[Level], withdrawal: set[Level]
) -> None:
    asked = profile.verification
    found = [set(levels) for levels in (asked.deposit, asked.play, asked.free_play, asked.withdrawal)]
    assert found == [deposit, deposit, free_play, withdrawal]


@pytest.mark.parametrize(
    ("profile", "euros", "levels"),
    [
        (GREAT_BRITAIN, 4_999, set()),
        (GREAT_BRITAIN, 5_000, {Level.SOURCE_OF_FUNDS}),
        (MALTA, 1_999, set()),
        (MALTA, 2_000, {Level.IDENTITY, Level.ADDRESS}),
        (MALTA, 10_000, {Level.IDENTITY, Level.ADDRESS, Level.SOURCE_OF_FUNDS}),
        (NEUTRAL, 9_999, set()),
        (NEUTRAL, 10_000, {Level.SOURCE_OF_FUNDS}),
    ],
)
def test_what_net_deposits_ask_for(profile: Profile, euros: int, levels: set[Level]) -> None:
    assert profile.verification.at(euros * NANO, "EUR") == levels


def test_stake_caps_by_country() -> None:
    caps = StakeCaps("slots", "GBP")
    assert dict(caps) == {"GB": StakeCap(young=2 * NANO, grown=5 * NANO)}
    assert len(caps) == 1
    assert caps.get("EE") is None
    assert caps.get("US") == caps["GB"], "a country that nobody has written down gets the strictest"
    assert StakeCaps("table", "GBP").get("GB") is None
    assert dict(StakeCaps("table", "GBP")) == {}
