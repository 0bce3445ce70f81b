"""The profiles of the house, by country: what each rule says, and whose rule it is.

Great Britain is the strictest, and what a country gets that nobody has written down. The neutral profile is of the house alone: it
is no statement of any country's law, and a country where the house wants a licence of its own gets a profile of its own.

RTS: Remote gambling and software technical standards, LCCP: Licence conditions and codes of practice, both of the British Gambling
Commission. AGCO: Registrar's Standards for Internet Gaming of the Alcohol and Gaming Commission of Ontario. MGA: Malta Gaming
Authority. FIAU: the Maltese Financial Intelligence Analysis Unit.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from countroom.jurisdictions.profile import HOUSE, Length, Level, Offered, Profile, StakeCap, Threshold, Verification
from countroom.times import DAY_MS

_MINUTE_MS: Final = 60_000
_INTERVALS_MS: Final = tuple(minutes * _MINUTE_MS for minutes in (10, 15, 20, 30, 45, 60))
_HOUR_MS: Final = 60 * _MINUTE_MS

_PERIODIC: Final = Offered(MappingProxyType({"24h": 50_000, "7d": 200_000, "1m": 500_000}))
_LIMITS: Final[Mapping[str, Offered]] = MappingProxyType(
    {
        "deposit": _PERIODIC,
        "wager": _PERIODIC,
        "loss": _PERIODIC,
        "stake": Offered(MappingProxyType({"each": 10_000})),
        "session": Offered(MappingProxyType({"each": 24 * 60})),
    }
)

_DAY: Final = Length("24h", "24 hours", days=1)
_WEEK: Final = Length("7d", "7 days", days=7)
_MONTH: Final = Length("1m", "1 month", months=1)
_HALF_YEAR: Final = Length("6m", "6 months", months=6)
_YEAR: Final = Length("1y", "1 year", months=12)
_FIVE_YEARS: Final = Length("5y", "5 years", months=60)
_EXCLUSIONS: Final = (_HALF_YEAR, _YEAR, _FIVE_YEARS)

_KNOWN: Final = frozenset({Level.AGE, Level.IDENTITY})
_FUNDS: Final = frozenset({Level.SOURCE_OF_FUNDS})

_OWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "age_min": f"{HOUSE}: 18, the lowest age of any profile",
        "limits": f"{HOUSE}: all kinds and periods everywhere; ceilings only so high that a slip of a digit shows",
        "raise_wait_ms": f"{HOUSE}: 24 hours, as RTS 12D",
        "raise_confirm": f"{HOUSE}: what was asked for takes effect when the wait is over",
        "time_outs": f"{HOUSE}: 24 hours, 7 days, 1 month",
        "exclusions": f"{HOUSE}: 6 months, 1 year, 5 years, as AGCO 2.14; never shortened",
        "reopening_wait_ms": f"{HOUSE}: 24 hours after a positive act, as LCCP SR 3.5.3",
        "check_interval_ms": f"{HOUSE}: 60 minutes",
        "check_choices_ms": f"{HOUSE}: 10 to 60 minutes; nobody makes it longer than the usual one",
        "stake_caps": f"{HOUSE}: none beyond what a game itself allows",
        "grown_age": f"{HOUSE}: 25, of no effect without a stake cap",
        "player_may_cancel_withdrawal": f"{HOUSE}: yes, and it counts as a marker of harm",
        "excluded_may_withdraw": f"{HOUSE}: always; the money is the player's",
        "bonus_wagering_max": f"{HOUSE}: 10 times, as LCCP SR 5.1.1",
        "register": f"{HOUSE}: no register is asked",
        "verification": f"{HOUSE}: identity before the first withdrawal, source of funds from net deposits of 10,000 on",
    }
)


def _sources(**told: str) -> Mapping[str, str]:
    return MappingProxyType({**_OWN, **told})


GREAT_BRITAIN: Final = Profile(
    code="GB",
    name="Great Britain",
    age_min=18,
    limits=_LIMITS,
    raise_wait_ms=DAY_MS,
    raise_confirm=True,
    time_outs=(_DAY, _WEEK, _MONTH, Length("6w", "6 weeks", days=42)),
    exclusions=_EXCLUSIONS,
    reopening_wait_ms=DAY_MS,
    check_interval_ms=_HOUR_MS,
    check_choices_ms=_INTERVALS_MS,
    stake_caps=MappingProxyType({"slots": StakeCap(young=2, grown=5)}),
    grown_age=25,
    player_may_cancel_withdrawal=False,
    excluded_may_withdraw=True,
    bonus_wagering_max=10,
    register="GAMSTOP",
    verification=Verification(
        deposit=_KNOWN,
        play=_KNOWN,
        free_play=frozenset({Level.AGE}),
        withdrawal=_KNOWN,
        thresholds=(Threshold(5_000, _FUNDS),),
    ),
    sources=_sources(
        age_min="LCCP SR 3.2.11: nobody under 18",
        limits=f"RTS 12A and 12B: gross deposit limits of the account over 24 hours, 7 days and a month; the rest is {HOUSE}",
        raise_wait_ms="RTS 12D: higher only on request and 24 hours later, lower at once",
        raise_confirm="RTS 12D: only once the player has confirmed it at the end of the 24 hours",
        time_outs="LCCP SR 3.3.4: 24 hours, one week, one month, or as the player asks up to 6 weeks",
        exclusions=f"LCCP SR 3.5.3: at least 6 months, longer if asked; 1 and 5 years are {HOUSE}",
        reopening_wait_ms="LCCP SR 3.5.3: a positive act, then one day to cool off",
        check_interval_ms=f"RTS 13B: reality checks are offered; 60 minutes for all is {HOUSE}",
        check_choices_ms=f"RTS 13B: the player chooses how often; 10 to 60 minutes are {HOUSE}",
        stake_caps=(
            "Gambling Act 2005 (Operating Licence Conditions) (Amendment) Regulations 2025: online slots, £2 under 25, £5 from 25; "
            f"other currencies at no more than their worth are {HOUSE}"
        ),
        grown_age="Gambling Act 2005 (Operating Licence Conditions) (Amendment) Regulations 2025: 25",
        player_may_cancel_withdrawal="RTS 14B: no option to cancel a request to withdraw",
        bonus_wagering_max="LCCP SR 5.1.1: at most 10 times",
        register="LCCP SR 3.5.5: the national multi-operator scheme",
        verification=(
            "LCCP SR 3.2.11: age before any deposit and any play, free play included; LCCP 17.1.1: name, address and date of birth "
            f"before gambling, and nothing at a withdrawal that could have been asked before; £5,000 for source of funds is {HOUSE}"
        ),
    ),
)

ONTARIO: Final = Profile(
    code="CA-ON",
    name="Ontario",
    age_min=19,
    limits=_LIMITS,
    raise_wait_ms=DAY_MS,
    raise_confirm=False,
    time_outs=(_DAY, _WEEK, _MONTH, Length("2m", "2 months", months=2), Length("3m", "3 months", months=3)),
    exclusions=_EXCLUSIONS,
    reopening_wait_ms=DAY_MS,
    check_interval_ms=_HOUR_MS,
    check_choices_ms=_INTERVALS_MS,
    stake_caps=MappingProxyType({}),
    grown_age=25,
    player_may_cancel_withdrawal=True,
    excluded_may_withdraw=True,
    bonus_wagering_max=10,
    register="",
    verification=Verification(
        deposit=_KNOWN, play=_KNOWN, free_play=frozenset({Level.AGE}), withdrawal=_KNOWN, thresholds=(Threshold(10_000, _FUNDS),)
    ),
    sources=_sources(
        age_min="AGCO 3.01: nobody under 19",
        limits=f"AGCO 2.23: deposit and loss limits and limits of time, over 24 hours, 7 days and one month; the rest is {HOUSE}",
        raise_wait_ms="AGCO 2.24: relaxed or removed only after at least 24 hours",
        time_outs="AGCO 2.13: one day, one week, one, two or three months",
        exclusions="AGCO 2.14: six months, one year, five years",
        verification=(
            "AGCO 3.04: what a player tells of himself is validated before he has an account; to ask before deposit and play, and "
            f"for source of funds from 10,000 on, are {HOUSE}"
        ),
    ),
)

MALTA: Final = Profile(
    code="MT",
    name="Malta",
    age_min=18,
    limits=_LIMITS,
    raise_wait_ms=DAY_MS,
    raise_confirm=False,
    time_outs=(_DAY, _WEEK, Length("30d", "30 days", days=30)),
    exclusions=(*_EXCLUSIONS, Length("indefinite", "until you ask, after 6 months at the earliest", months=6, open_ended=True)),
    reopening_wait_ms=7 * DAY_MS,
    check_interval_ms=_HOUR_MS,
    check_choices_ms=_INTERVALS_MS,
    stake_caps=MappingProxyType({}),
    grown_age=25,
    player_may_cancel_withdrawal=True,
    excluded_may_withdraw=True,
    bonus_wagering_max=10,
    register="",
    verification=Verification(
        withdrawal=frozenset({Level.IDENTITY}),
        thresholds=(Threshold(2_000, frozenset({Level.IDENTITY, Level.ADDRESS})), Threshold(10_000, _FUNDS)),
    ),
    sources=_sources(
        limits=f"MGA directive 2 of 2018: a deposit or a wager limit; to offer both, and loss and session limits, is {HOUSE}",
        time_outs="MGA on directive 2 of 2018: short breaks up to 30 days",
        exclusions=f"MGA directive 2 of 2018: for a definite or an indefinite time; how long, and never shortened, are {HOUSE}",
        reopening_wait_ms=f"MGA directive 2 of 2018: 24 hours, 7 days after an indefinite one; 7 days for both is {HOUSE}",
        check_interval_ms=f"MGA directive 2 of 2018: reality checks are offered; 60 minutes for all is {HOUSE}",
        excluded_may_withdraw="MGA directive 2 of 2018 as amended in 2023: excluded players may withdraw",
        verification=(
            "FIAU implementing procedures for remote gaming: verification from 2,000 euros of deposits on; to count net deposits, "
            f"identity before the first withdrawal and source of funds from 10,000 on are {HOUSE}"
        ),
    ),
)

NEUTRAL: Final = Profile(
    code="NEUTRAL",
    name="House rules",
    age_min=18,
    limits=_LIMITS,
    raise_wait_ms=DAY_MS,
    raise_confirm=False,
    time_outs=(_DAY, _WEEK, _MONTH),
    exclusions=_EXCLUSIONS,
    reopening_wait_ms=DAY_MS,
    check_interval_ms=_HOUR_MS,
    check_choices_ms=_INTERVALS_MS,
    stake_caps=MappingProxyType({}),
    grown_age=25,
    player_may_cancel_withdrawal=True,
    excluded_may_withdraw=True,
    bonus_wagering_max=10,
    register="",
    verification=Verification(withdrawal=frozenset({Level.IDENTITY}), thresholds=(Threshold(10_000, _FUNDS),)),
    sources=_sources(),
)

DEFAULT: Final = GREAT_BRITAIN

_NEUTRAL_COUNTRIES: Final = "AT CH CY CZ DE DK EE ES FI GR HR HU IE IS IT LI LT LU LV MX NO NZ PE PT RO SE SI SK"

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {"GB": GREAT_BRITAIN, "CA": ONTARIO, "MT": MALTA, **dict.fromkeys(_NEUTRAL_COUNTRIES.split(), NEUTRAL)}
)
"""By country (ISO 3166 alpha-2): every country that the house takes players from."""


def profile_of(country: str) -> Profile:
    """Give the rules for players of a country; the strictest for one that is not written down."""
    return PROFILES.get(country, DEFAULT)


class StakeCaps(Mapping[str, StakeCap]):
    """The stake caps of one game category in one currency, by the player's country, in nanos.

    A country without one has no entry. A country that is not written down has the default's, though it is not among the keys.
    """

    __slots__ = ("_category", "_currency")

    def __init__(self, category: str, currency: str) -> None:
        self._category = category
        self._currency = currency

    def __getitem__(self, country: str) -> StakeCap:
        cap = profile_of(country).stake_cap(self._category, self._currency)
        if cap is None:
            raise KeyError(country)
        return cap

    def __iter__(self) -> Iterator[str]:
        return (country for country, profile in PROFILES.items() if self._category in profile.stake_caps)

    def __len__(self) -> int:
        return sum(1 for _ in self)
