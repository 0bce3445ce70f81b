import pytest

from countroom.faults import Fault
from countroom.jurisdictions.profile import Profile
from countroom.jurisdictions.profiles import GREAT_BRITAIN, MALTA, NEUTRAL, ONTARIO
from countroom.ledger.movements import ExclusionKind, LimitKind, Period
from countroom.responsible_play.forms import Absence, Cap, Target, Unfit, read_absence, read_cap, read_interval, read_target

UNIT = 10**9
MINUTE_MS = 60_000
DEPOSIT_DAY = Target(LimitKind.DEPOSIT, Period.DAY)
STAKE = Target(LimitKind.STAKE, Period.EACH)
NO_EUR = Fault("amount", "must be a plain decimal of EUR, not negative and with at most 2 places")
NO_JPY = Fault("amount", "must be a plain decimal of JPY, not negative and with at most 0 places")
SESSION = Target(LimitKind.SESSION, Period.EACH)


@pytest.mark.parametrize(
    ("kind", "period", "target"),
    [
        ("deposit", "24h", DEPOSIT_DAY),
        ("wager", "7d", Target(LimitKind.WAGER, Period.WEEK)),
        ("loss", "1m", Target(LimitKind.LOSS, Period.MONTH)),
        ("stake", "each", STAKE),
        ("session", "each", SESSION),
    ],
)
def test_limits_that_can_be_meant(kind: str, period: str, target: Target) -> None:
    assert read_target(NEUTRAL, kind, period) == target


@pytest.mark.parametrize("kind", ["", "bonus", "Deposit", "deposit ", "DEPOSIT"])
def test_an_unknown_kind(kind: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_target(NEUTRAL, kind, "24h")
    assert caught.value.faults == (Fault("kind", "must be one of: deposit, wager, loss, stake, session"),)


@pytest.mark.parametrize(
    ("kind", "period", "offered"),
    [
        ("deposit", "each", "24h, 7d, 1m"),
        ("deposit", "1y", "24h, 7d, 1m"),
        ("deposit", "", "24h, 7d, 1m"),
        ("stake", "24h", "each"),
        ("session", "1m", "each"),
    ],
)
def test_a_period_that_the_kind_does_not_have(kind: str, period: str, offered: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_target(NEUTRAL, kind, period)
    assert caught.value.faults == (Fault("period", f"must be one of: {offered}"),)


@pytest.mark.parametrize(
    ("target", "cap", "currency", "expected"),
    [
        (DEPOSIT_DAY, Cap("100.00"), "EUR", 100 * UNIT),
        (DEPOSIT_DAY, Cap("0"), "EUR", 0),
        (DEPOSIT_DAY, Cap("0.01"), "EUR", UNIT // 100),
        (DEPOSIT_DAY, Cap("50000.00"), "EUR", 50_000 * UNIT),
        (DEPOSIT_DAY, Cap("1500"), "JPY", 1_500 * UNIT),
        (STAKE, Cap("10000.00"), "EUR", 10_000 * UNIT),
        (SESSION, Cap(minutes=1), "EUR", MINUTE_MS),
        (SESSION, Cap(minutes=1440), "EUR", 1440 * MINUTE_MS),
    ],
)
def test_how_high_a_limit_is_to_be(target: Target, cap: Cap, currency: str, expected: int) -> None:
    assert read_cap(NEUTRAL, target, cap, currency) == expected


@pytest.mark.parametrize(
    ("target", "cap", "currency", "fault"),
    [
        (DEPOSIT_DAY, Cap("-1"), "EUR", NO_EUR),
        (
            DEPOSIT_DAY,
            Cap("1.001"),
            "EUR",
            NO_EUR,
        ),
        (DEPOSIT_DAY, Cap("1.0"), "JPY", NO_JPY),
        (DEPOSIT_DAY, Cap("1e3"), "EUR", NO_EUR),
        (DEPOSIT_DAY, Cap(""), "EUR", NO_EUR),
        (DEPOSIT_DAY, Cap("50000.01"), "EUR", Fault("amount", "must be at most 50000.00")),
        (DEPOSIT_DAY, Cap("500000.01"), "SEK", Fault("amount", "must be at most 500000.00")),
        (STAKE, Cap("10000.01"), "EUR", Fault("amount", "must be at most 10000.00")),
        (DEPOSIT_DAY, Cap(), "EUR", Fault("amount", "is required")),
        (DEPOSIT_DAY, Cap("1.00", 5), "EUR", Fault("minutes", "has no meaning for a deposit limit")),
        (SESSION, Cap(), "EUR", Fault("minutes", "is required")),
        (SESSION, Cap("1.00"), "EUR", Fault("amount", "has no meaning for a session limit")),
        (SESSION, Cap(minutes=0), "EUR", Fault("minutes", "must be from 1 to 1440")),
        (SESSION, Cap(minutes=-5), "EUR", Fault("minutes", "must be from 1 to 1440")),
        (SESSION, Cap(minutes=1441), "EUR", Fault("minutes", "must be from 1 to 1440")),
    ],
)
def test_a_limit_that_cannot_be(target: Target, cap: Cap, currency: str, fault: Fault) -> None:
    with pytest.raises(Unfit) as caught:
        read_cap(NEUTRAL, target, cap, currency)
    assert caught.value.faults == (fault,)
    assert str(caught.value) == f"invalid fields: {fault.field}"


def test_a_time_out_and_an_exclusion() -> None:
    time_out = read_absence(GREAT_BRITAIN, "time_out", "6w")
    assert (time_out.kind, time_out.length.days) == (ExclusionKind.TIME_OUT, 42)
    excluded = read_absence(MALTA, "self_exclusion", "indefinite")
    assert isinstance(excluded, Absence)
    assert (excluded.kind, excluded.length.open_ended) == (ExclusionKind.SELF_EXCLUSION, True)


@pytest.mark.parametrize(
    ("profile", "kind", "length", "fault"),
    [
        (NEUTRAL, "time_out", "6w", Fault("length", "must be one of: 24h, 7d, 1m")),
        (GREAT_BRITAIN, "time_out", "6m", Fault("length", "must be one of: 24h, 7d, 1m, 6w")),
        (ONTARIO, "time_out", "4m", Fault("length", "must be one of: 24h, 7d, 1m, 2m, 3m")),
        (NEUTRAL, "self_exclusion", "24h", Fault("length", "must be one of: 6m, 1y, 5y")),
        (NEUTRAL, "self_exclusion", "indefinite", Fault("length", "must be one of: 6m, 1y, 5y")),
        (NEUTRAL, "self_exclusion", "-6m", Fault("length", "must be one of: 6m, 1y, 5y")),
        (NEUTRAL, "staff", "6m", Fault("kind", "must be one of: time_out, self_exclusion")),
        (NEUTRAL, "register", "6m", Fault("kind", "must be one of: time_out, self_exclusion")),
        (NEUTRAL, "", "6m", Fault("kind", "must be one of: time_out, self_exclusion")),
    ],
)
def test_an_absence_that_is_not_offered(profile: Profile, kind: str, length: str, fault: Fault) -> None:
    with pytest.raises(Unfit) as caught:
        read_absence(profile, kind, length)
    assert caught.value.faults == (fault,)


@pytest.mark.parametrize("minutes", [10, 15, 20, 30, 45, 60])
def test_an_interval_that_is_offered(minutes: int) -> None:
    assert read_interval(NEUTRAL, minutes) == minutes * MINUTE_MS


@pytest.mark.parametrize("minutes", [0, -10, 9, 61, 120, 10**9])
def test_an_interval_that_is_not_offered(minutes: int) -> None:
    with pytest.raises(Unfit) as caught:
        read_interval(NEUTRAL, minutes)
    assert caught.value.faults == (Fault("minutes", "must be one of: 10, 15, 20, 30, 45, 60"),)
