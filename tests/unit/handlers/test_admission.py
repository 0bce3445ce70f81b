"""Who may play, and for fun: by the age and the levels that his country asks for; and what goes along with a session."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from countroom.games.launch import Admission, NotVerified, UnderAge
from countroom.games.launchers.dialect import Mode
from countroom.identity.people import Person
from countroom.identity.personal import PersonalData
from countroom.jurisdictions.profile import Level
from countroom.ledger.movements import INTERVAL_END
from countroom.ledger.wallet import Totals, Wallet
from handlers.parts.admission import admission
from tests.unit.clock import FixedClock

UNIT = 10**9
HOUR_MS = 3_600_000
KNOWN = frozenset({Level.AGE, Level.IDENTITY})
NOBODY: frozenset[Level] = frozenset()


class House:
    """A player born on a day, with levels reached; remembers whether anybody asked for them."""

    def __init__(self, born: str = "1990-05-17", levels: frozenset[Level] = NOBODY, country: str = "EE", today: str = "2026-11-23"):
        self.data = PersonalData("ann@example.com", born, "Ann", "Example", postcode="SW1A 1AA")
        self.levels = levels
        self.asked: list[str] = []
        self.wallet = Wallet("pl_anna", "EUR", country)
        self.clock = FixedClock(round(datetime.fromisoformat(today).replace(tzinfo=UTC).timestamp() * 1000))

    def find(self, player_id: str) -> Person:
        account: Any = player_id
        return Person(account, self.data)

    def levels_of(self, player_id: str) -> frozenset[Level]:
        self.asked.append(player_id)
        return self.levels

    def admit(self, mode: Mode = Mode.REAL) -> Admission:
        people: Any = self
        return admission(people, self.levels_of, self.clock)(self.wallet, mode)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("country", "years"), [("EE", 18), ("MT", 18), ("GB", 18), ("CA", 19), ("ZZ", 18)])
def test_the_age_is_the_countrys_to_the_day(mode: Mode, country: str, years: int) -> None:
    day = f"{2026 - years}-11-24"
    with pytest.raises(UnderAge):
        House(day, KNOWN, country).admit(mode)
    assert House(day, KNOWN, country, "2026-11-24").admit(mode).interval_ms


@pytest.mark.parametrize("born", ["", "no date"])
def test_whose_birthday_cannot_be_read_is_too_young(born: str) -> None:
    with pytest.raises(UnderAge):
        House(born, KNOWN).admit()


@pytest.mark.parametrize(
    ("country", "mode", "levels", "lacking"),
    [
        ("GB", Mode.REAL, NOBODY, (Level.AGE, Level.IDENTITY)),
        ("GB", Mode.REAL, frozenset({Level.AGE}), (Level.IDENTITY,)),
        ("GB", Mode.DEMO, NOBODY, (Level.AGE,)),
        ("CA", Mode.REAL, NOBODY, (Level.AGE, Level.IDENTITY)),
        ("CA", Mode.DEMO, NOBODY, (Level.AGE,)),
        ("ZZ", Mode.REAL, NOBODY, (Level.AGE, Level.IDENTITY)),
    ],
)
def test_what_a_country_wants_to_be_known_before_play(
    country: str, mode: Mode, levels: frozenset[Level], lacking: tuple[Level, ...]
) -> None:
    with pytest.raises(NotVerified) as caught:
        House(levels=levels, country=country).admit(mode)
    assert caught.value.levels == lacking
    assert House(levels=levels | set(lacking), country=country).admit(mode).interval_ms


@pytest.mark.parametrize("field", ["given_name", "family_name", "postcode"])
def test_nobody_plays_who_cannot_be_looked_up_in_the_register_of_his_country(field: str) -> None:
    house, abroad = House(levels=KNOWN, country="GB"), House(country="EE")
    for one in (house, abroad):
        one.data = replace(one.data, **{field: ""})
    with pytest.raises(NotVerified) as caught:
        house.admit()
    assert caught.value.levels == (Level.IDENTITY,)
    assert house.admit(Mode.DEMO).interval_ms
    assert abroad.admit().interval_ms


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("country", ["EE", "MT"])
def test_where_nothing_is_asked_nothing_is_read(country: str, mode: Mode) -> None:
    house = House(country=country)
    assert house.admit(mode).interval_ms
    assert house.asked == []


@pytest.mark.parametrize(("net", "held_up"), [(9_999, False), (10_000, True)])
def test_net_deposits_may_hold_up_play_but_no_demo(net: int, *, held_up: bool) -> None:
    house = House()
    house.wallet = Wallet("pl_anna", "EUR", "EE", totals=Totals(deposited=(net + 500) * UNIT, withdrawn=500 * UNIT))
    assert house.admit(Mode.DEMO).interval_ms
    if held_up:
        with pytest.raises(NotVerified) as caught:
            house.admit()
        assert caught.value.levels == (Level.SOURCE_OF_FUNDS,)
    else:
        assert house.admit().interval_ms


@pytest.mark.parametrize(
    ("born", "grown_on"),
    [
        ("2001-11-23", date(2026, 11, 23)),
        ("2000-02-29", date(2025, 3, 1)),
        ("1945-01-01", date(1970, 1, 2)),
        ("1930-01-01", date(1970, 1, 2)),
    ],
)
def test_the_day_of_the_higher_cap_and_the_interval_go_along(born: str, grown_on: date) -> None:
    """Whoever was 25 before 1970 was it by the first day that there is; day 0 would say that nobody knows."""
    admitted = House(born, KNOWN, "GB").admit()
    assert admitted == Admission(HOUR_MS, (grown_on - date(1970, 1, 1)).days)
    assert 0 < admitted.interval_ms < INTERVAL_END
