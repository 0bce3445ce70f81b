"""What one jurisdiction asks of the house, as types. Pure: no storage, no clock; the figures stand in `profiles`.

Amounts are nanos of a currency (see `countroom.money`), durations milliseconds, instants epoch milliseconds in UTC. A day is 24
hours whatever a clock on a wall does, so no daylight-saving change makes a waiting time or an exclusion shorter.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from countroom import money
from countroom.times import DAY_MS

HOUSE: Final = "the house's own choice"
"""The source of a figure that no rule we could verify prescribes."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS: Final = 12
_MILLI: Final = 1000

# How many units of a currency are worth at most about one pound (or one euro), in thousandths. Rounded down, so that an amount
# which a rule names in pounds or euros never becomes more in another currency; one that is not named here counts one for one.
_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("KWD", "BHD", "OMR"), 400),
        **dict.fromkeys(("JOD", "KYD"), 900),
        **dict.fromkeys(("PLN", "RON"), 4_000),
        "BRL": 6_000,
        "DKK": 8_000,
        **dict.fromkeys(("SEK", "NOK"), 10_000),
        **dict.fromkeys(("CZK", "MXN", "ZAR"), 20_000),
        "INR": 100_000,
        **dict.fromkeys(("JPY", "ISK"), 150_000),
        "HUF": 400_000,
        "KRW": 1_500_000,
    }
)


def worth(pounds: int, currency: str) -> int:
    """Give the amount in a currency, in nanos, that stands for so many pounds or euros: never more than they are worth.

    A currency whose worth is not written down counts one for one, which is on the strict side for all but a few.
    """
    return pounds * money.NANOS_PER_UNIT * _UNITS.get(currency, _MILLI) // _MILLI


class Level(StrEnum):
    """What the house may have to know of a player, each verified by itself.

    age: old enough to play. identity: the person of this name, address and date of birth exists and is the player. address: a
    document shows that he lives there. source_of_funds: where the money comes from.
    """

    AGE = "age"
    IDENTITY = "identity"
    ADDRESS = "address"
    SOURCE_OF_FUNDS = "source_of_funds"


class StakeCap(NamedTuple):
    """The largest single stake in nanos: of the young, and of those who have reached the profile's grown age."""

    young: int
    grown: int


@dataclass(frozen=True, slots=True)
class Length:
    """How long a time-out or an exclusion lasts: `code` names it on the wire, `text` to people.

    `open_ended`: nothing but the player's own request ends it, and that is heard after the length at the earliest.
    """

    code: str
    text: str
    days: int = 0
    months: int = 0
    open_ended: bool = False

    def __post_init__(self) -> None:
        if (self.days > 0) == (self.months > 0) or min(self.days, self.months) < 0:
            raise ValueError("a length is of days or of months")

    def ends_at(self, start_ms: int) -> int:
        """Give the instant at which it ends: days later, or on the same day and time of a later month, clipped to its last day."""
        if self.days:
            return start_ms + self.days * DAY_MS
        start = _EPOCH + timedelta(milliseconds=start_ms)
        months = start.year * _MONTHS + start.month - 1 + self.months
        year, month = months // _MONTHS, months % _MONTHS + 1
        end = start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))
        return (end - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Offered:
    """One kind of limit that players may set: over which periods, each with its ceiling.

    A ceiling is in pounds or euros (see `worth`), or in whole minutes where the limit is one of time.
    """

    ceilings: Mapping[str, int]

    @property
    def periods(self) -> tuple[str, ...]:
        """The periods, as the ledger writes them: 24h, 7d, 1m, or each for what has no period."""
        return tuple(self.ceilings)


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which net deposits on (deposits less withdrawals of a lifetime, in pounds or euros) which levels are asked for."""

    pounds: int
    levels: frozenset[Level]


@dataclass(frozen=True, slots=True)
class Verification:
    """Which levels are asked for before what. `free_play`: before a game is shown with play money."""

    deposit: frozenset[Level] = frozenset()
    play: frozenset[Level] = frozenset()
    free_play: frozenset[Level] = frozenset()
    withdrawal: frozenset[Level] = frozenset()
    thresholds: tuple[Threshold, ...] = ()

    def at(self, net_deposits: int, currency: str) -> frozenset[Level]:
        """Give the levels that net deposits of so many nanos ask for; they count from the exact threshold on.

        They are asked before a further deposit and before further play. They never hold up money that is the player's.
        """
        found = (told.levels for told in self.thresholds if net_deposits >= worth(told.pounds, currency))
        return frozenset().union(*found)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one jurisdiction asks. `sources` names, for each of the other fields, the rule it follows (see `HOUSE`).

    `limits`: by kind of the ledger's limits. `raise_wait_ms`: before a limit is raised or removed; `raise_confirm`: and then only
    if the player says so once more. `reopening_wait_ms`: from the player's request after an exclusion until he may play.
    `stake_caps`: by game category, in pounds or euros, of the young and of those from `grown_age` years on.
    `check_choices_ms`: the intervals of the reality check; the longest is also the one nobody has to choose.
    `register`: the national register of the excluded that is asked, "" where none is.
    """

    code: str
    name: str
    age_min: int
    limits: Mapping[str, Offered]
    raise_wait_ms: int
    raise_confirm: bool
    time_outs: tuple[Length, ...]
    exclusions: tuple[Length, ...]
    reopening_wait_ms: int
    check_interval_ms: int
    check_choices_ms: tuple[int, ...]
    stake_caps: Mapping[str, StakeCap]
    grown_age: int
    player_may_cancel_withdrawal: bool
    excluded_may_withdraw: bool
    bonus_wagering_max: int
    register: str
    verification: Verification
    sources: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        if self.check_interval_ms != max(self.check_choices_ms) or min(self.check_choices_ms) <= 0:
            raise ValueError("the longest interval of the reality check is the usual one")
        missing = set(self.__slots__) - {"code", "name", "sources"} - set(self.sources)
        if missing or not all(self.sources.values()):
            raise ValueError("every rule names its source")

    def offers(self, kind: str, period: str) -> bool:
        """Say whether players may set such a limit."""
        return kind in self.limits and period in self.limits[kind].ceilings

    def ceiling(self, kind: str, period: str, currency: str) -> int:
        """Give the highest limit of a kind of money over a period, in nanos. Raises KeyError for what is not offered."""
        return worth(self.limits[kind].ceilings[period], currency)

    def stake_cap(self, category: str, currency: str) -> StakeCap | None:
        """Give the largest stakes in games of a category, in nanos; None where none is prescribed."""
        told = self.stake_caps.get(category)
        return StakeCap(worth(told.young, currency), worth(told.grown, currency)) if told else None

    def time_out(self, code: str) -> Length | None:
        """Find a length that a time-out may have."""
        return next((length for length in self.time_outs if length.code == code), None)

    def exclusion(self, code: str) -> Length | None:
        """Find a length that a self-exclusion may have."""
        return next((length for length in self.exclusions if length.code == code), None)

    def grown_on(self, born: date) -> int:
        """Give the day, counted from 1970-01-01 (UTC), from which the higher stake cap holds for somebody born on a day."""
        return birthday(born, self.grown_age).toordinal() - _EPOCH_DAY


def birthday(born: date, years: int) -> date:
    """Give the day on which so many years are completed; 29 February completes a year on 1 March of a common year."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)
