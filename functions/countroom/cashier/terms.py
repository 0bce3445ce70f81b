"""What each payment gateway takes: its methods, and for each the currencies, amounts and countries in which it is offered. Pure.

These are settings of the house and not of a stage: a deposit that is refused in one stage is refused in all. Whether a stage can
reach a gateway at all is a setting of the stage.

The house takes no fee of a deposit: what arrives is credited whole. A payment service may charge the payer something of its own;
`Fee` says how much, so that players are told before they pay. It is told and never booked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countroom import money

DEFAULT_GATEWAY: Final = "standard"
_PERCENT: Final = 10_000  # hundredths of a percent in a whole


class Method(StrEnum):
    """How a player pays."""

    CARD = "card"
    BANK = "bank"
    WALLET = "wallet"
    CRYPTO = "crypto"
    CASHIER = "cashier"  # the payment service's own page asks the player


METHOD_TEXT: Final[Mapping[Method, str]] = MappingProxyType(
    {
        Method.CARD: "Credit or debit card",
        Method.BANK: "Bank transfer",
        Method.WALLET: "E-wallet",
        Method.CRYPTO: "Crypto-asset",
        Method.CASHIER: "All methods of the payment service",
    }
)


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
class Fee:
    """What the payment service charges the payer beside the deposit: `rate` in hundredths of a percent, and a fixed amount.

    `fixed` is by currency code, in nanos; a currency that is not named has none.
    """

    rate: int = 0
    fixed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= _PERCENT or any(amount < 0 for amount in self.fixed.values()):
            raise ValueError("a fee is from 0 to 100 percent, and no fixed part of it is negative")

    def of(self, amount: int, currency: money.Currency) -> int:
        """Give the fee for a deposit of `amount` nanos, in nanos, rounded up to the currency's smallest unit."""
        unit = int(10 ** (money.NANO_PLACES - currency.exponent))
        exact = amount * self.rate + self.fixed.get(currency.code, 0) * _PERCENT  # in ten-thousandths of a nano
        return -(-exact // (_PERCENT * unit)) * unit


@dataclass(frozen=True, slots=True)
class Offer:
    """One method of one gateway: by currency code what it takes (one that is not named is not taken), and where.

    `countries` are ISO 3166 alpha-2 codes; none of them means everywhere.
    """

    method: Method
    ranges: Mapping[str, Range]
    countries: frozenset[str] = frozenset()
    fee: Fee = field(default_factory=Fee)

    def is_for(self, country: str) -> bool:
        """Whether players of `country` are offered it."""
        return not self.countries or country in self.countries


@dataclass(frozen=True, slots=True)
class Terms:
    """What one gateway offers. The first of its offers that takes a currency is what a deposit means that names no method."""

    offers: tuple[Offer, ...]

    def __post_init__(self) -> None:
        if len({offer.method for offer in self.offers}) != len(self.offers):
            raise ValueError("a gateway offers each method once")

    @property
    def ranges(self) -> Mapping[str, Range]:
        """By currency code, what is taken of a deposit that names no method."""
        found: dict[str, Range] = {}
        for offer in reversed(self.offers):
            found.update(offer.ranges)
        return MappingProxyType(found)

    def offer(self, method: Method) -> Offer | None:
        """Find the offer of a method; None where the gateway has it not."""
        return next((offer for offer in self.offers if offer.method is method), None)

    def usual(self, currency: str, country: str) -> Offer | None:
        """Give the offer that a deposit means which names no method: the first for the currency and, if it can be, the country."""
        taking = [offer for offer in self.offers if currency in offer.ranges]
        return next((offer for offer in taking if offer.is_for(country)), taking[0] if taking else None)


def _ranges(smallest: str, largest: str, codes: str) -> dict[str, Range]:
    found = {}
    for code in codes.split():
        currency = money.currency(code)
        found[code] = Range(money.parse_amount(smallest, currency), money.parse_amount(largest, currency))
    return found


def _only(codes: str) -> Mapping[str, Range]:
    return MappingProxyType({code: _MONEY[code] for code in codes.split()})


_MONEY: Final = MappingProxyType(
    _ranges("1.00", "10000.00", "EUR USD GBP CHF CAD AUD NZD")
    | _ranges("10.00", "100000.00", "SEK NOK DKK PLN CZK RON BRL MXN ZAR")
    | _ranges("100.00", "1000000.00", "INR HUF")
    | _ranges("100", "1500000", "JPY ISK")
    | _ranges("1000", "15000000", "KRW")
    | _ranges("1.000", "5000.000", "KWD BHD")
)
_COINS: Final = MappingProxyType(_ranges("1.000000", "10000.000000", "USDT USDC") | _ranges("0.00005000", "1.00000000", "BTC"))

# Stripe's own bounds (docs.stripe.com/currencies): an amount has eight digits at most, some currencies a smallest charge above
# ours, and currencies of three places only amounts of two, so those are left out.
_BY_STRIPE: Final = MappingProxyType(
    {code: taken for code, taken in _MONEY.items() if code not in {"KWD", "BHD"}}
    | _ranges("15.00", "100000.00", "CZK")
    | _ranges("175.00", "900000.00", "HUF")
    | _ranges("100.00", "900000.00", "INR")
    | _ranges("100", "900000", "ISK")
)

TERMS: Final[Mapping[str, Terms]] = MappingProxyType(
    {
        "standard": Terms((Offer(Method.CARD, _MONEY), Offer(Method.CRYPTO, _COINS))),
        "stripe": Terms((Offer(Method.CARD, _BY_STRIPE), Offer(Method.BANK, _only("EUR"), frozenset({"NL", "BE", "AT"})))),
        "adyen": Terms(
            (
                Offer(Method.CARD, _MONEY),
                Offer(Method.BANK, _only("EUR"), frozenset({"NL", "BE", "AT"})),
                Offer(Method.WALLET, _only("EUR USD GBP CHF CAD AUD NZD SEK NOK DKK PLN")),
            )
        ),
        "paymentiq": Terms((Offer(Method.CASHIER, _MONEY),)),
    }
)
