"""What each payment gateway takes: its currencies, and the smallest and largest deposit in each. Pure.

These are settings of the house and not of a stage: a deposit that is refused in one stage is refused in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from countroom import money

DEFAULT_GATEWAY: Final = "standard"


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest amount of one deposit, both allowed, in nanos."""

    smallest: int
    largest: int

    def __post_init__(self) -> None:
        if not 0 < self.smallest <= self.largest:
            raise ValueError("a range needs 0 < smallest <= largest")

    def holds(self, amount: int) -> bool:
        """Whether a deposit of `amount` nanos is taken."""
        return self.smallest <= amount <= self.largest


@dataclass(frozen=True, slots=True)
class Terms:
    """What one gateway takes, by currency code; a currency that is not named is not taken."""

    ranges: Mapping[str, Range]


def _ranges(smallest: str, largest: str, codes: str) -> dict[str, Range]:
    found = {}
    for code in codes.split():
        currency = money.currency(code)
        found[code] = Range(money.parse_amount(smallest, currency), money.parse_amount(largest, currency))
    return found


_MONEY: Final = MappingProxyType(
    _ranges("1.00", "10000.00", "EUR USD GBP CHF CAD AUD NZD")
    | _ranges("10.00", "100000.00", "SEK NOK DKK PLN CZK RON BRL MXN ZAR")
    | _ranges("100.00", "1000000.00", "INR HUF")
    | _ranges("100", "1500000", "JPY ISK")
    | _ranges("1000", "15000000", "KRW")
    | _ranges("1.000", "5000.000", "KWD BHD")
)
_COINS: Final = MappingProxyType(_ranges("1.000000", "10000.000000", "USDT USDC") | _ranges("0.00005000", "1.00000000", "BTC"))

TERMS: Final[Mapping[str, Terms]] = MappingProxyType(
    {
        "standard": Terms(MappingProxyType({**_MONEY, **_COINS})),
        "stripe": Terms(_MONEY),
        "adyen": Terms(_MONEY),
        "paymentiq": Terms(_MONEY),
    }
)
