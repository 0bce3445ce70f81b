"""What the house allows and asks of withdrawals: by gateway and by currency. Pure.

What a country asks is in `countroom.jurisdictions`. These are settings of the house and not of a stage: a withdrawal that is
refused in one stage is refused in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from countroom import money
from countroom.cashier.terms import Method, Range
from countroom.times import DAY_MS


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one gateway pays out in one currency, in nanos: one withdrawal, and all of a player's within any 24 hours."""

    once: Range
    per_day: int

    def __post_init__(self) -> None:
        if self.per_day < self.once.largest:
            raise ValueError("a day must hold the largest withdrawal")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which amount on (nanos) people look at one withdrawal, at the sum of a day, and two of them at one."""

    review: int
    day_sum: int
    four_eyes: int

    def __post_init__(self) -> None:
        if not 0 < self.review <= self.day_sum or not self.review <= self.four_eyes:
            raise ValueError("people look before two of them do, and at one withdrawal before the sum of several")


@dataclass(frozen=True, slots=True)
class Cautions:
    """The figures of the rules that do not depend on a currency.

    `day_count`: as many requests within 24 hours are looked at by people. `young_ms`: how long an account is new.
    `turnover_percent`: how much of what was paid in must have been staked.
    """

    day_count: int = 3
    young_ms: int = 7 * DAY_MS
    turnover_percent: int = 100


REQUESTS_PER_DAY: Final = 10
"""How often a player may ask within 24 hours, whatever became of it: each is work, and a line in an item of bounded size."""

CAUTIONS: Final = Cautions()

# smallest, largest, a day; people look, at a day, two of them: of currencies that are worth about the same
_GROUPS: Final = (
    ("EUR USD GBP CHF CAD AUD NZD", ("10.00", "20000.00", "50000.00"), ("2000.00", "5000.00", "10000.00")),
    ("SEK NOK DKK PLN CZK RON BRL MXN ZAR", ("100.00", "200000.00", "500000.00"), ("20000.00", "50000.00", "100000.00")),
    ("INR HUF", ("1000.00", "2000000.00", "5000000.00"), ("200000.00", "500000.00", "1000000.00")),
    ("JPY ISK", ("1500", "3000000", "7500000"), ("300000", "750000", "1500000")),
    ("KRW", ("15000", "30000000", "75000000"), ("3000000", "7500000", "15000000")),
    ("KWD BHD", ("5.000", "7000.000", "17500.000"), ("700.000", "1750.000", "3500.000")),
)


def _nanos(code: str, texts: tuple[str, ...]) -> list[int]:
    return [money.parse_amount(text, money.currency(code)) for text in texts]


def _allowance(code: str, texts: tuple[str, ...]) -> Allowance:
    smallest, largest, per_day = _nanos(code, texts)
    return Allowance(Range(smallest, largest), per_day)


_MONEY: Final = MappingProxyType({code: _allowance(code, paid) for codes, paid, _ in _GROUPS for code in codes.split()})

THRESHOLDS: Final[Mapping[str, Thresholds]] = MappingProxyType(
    {code: Thresholds(*_nanos(code, looked)) for codes, _, looked in _GROUPS for code in codes.split()}
)
"""By currency code; what no gateway pays out has none."""

TERMS: Final[Mapping[str, Mapping[str, Allowance]]] = MappingProxyType({"adyen": _MONEY, "paymentiq": _MONEY})
"""What each gateway pays out, by currency code. Money that came through a gateway without payouts goes back through another."""

_NO_WAY_BACK: Final[Mapping[str, frozenset[str]]] = MappingProxyType({"adyen": frozenset({Method.BANK, Method.WALLET})})
"""By gateway: what players pay in with and its payouts are not ordered to (`payouts.adyen` pays to the card that paid in)."""


def pays_back(gateway: str, method: str) -> bool:
    """Say whether what was paid in by a method of a gateway can go back the same way; that of a deposit without one is a card's."""
    return gateway in TERMS and method not in _NO_WAY_BACK.get(gateway, frozenset())
