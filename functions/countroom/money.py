"""Exact money: whole billionths ("nanos") of a currency's main unit, never a float.

Into the wallet an amount converts exactly or is refused; out of it, it is truncated toward zero to what the reader's format can
carry. Exponents of state currencies are those of ISO 4217 (list one, active codes); of crypto-assets those in which their networks
and exchanges quote, at most nine places because that is what the ledger counts in.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NANO_PLACES: Final = 9
NANOS_PER_UNIT: Final = 10**NANO_PLACES
AMOUNT_MAX: Final = 10**12 * NANOS_PER_UNIT
"""Largest amount of one movement, a trillion main units: above any real one, far below DynamoDB's 38 digits."""

_TEXT_MAX: Final = 32
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class InvalidAmount(ValueError):
    """An amount that is not exact, not in range or not a number; the message never repeats the input."""


class UnknownCurrency(ValueError):
    """A currency code that the registry does not hold."""


class CurrencyKind(StrEnum):
    """Where a currency comes from."""

    STATE = "state"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency: its code, the places of its smallest unit, and its kind."""

    code: str
    exponent: int
    kind: CurrencyKind


_STATE_CODES: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK "
        "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD "
        "KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
        "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
        "USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_CRYPTO_CODES: Final = {6: "ADA TRX USDC USDT XRP", 8: "BCH BNB BTC DOGE LTC", 9: "ETH SOL TON"}

_REGISTRY: Final = {
    code: Currency(code, exponent, kind)
    for kind, table in ((CurrencyKind.STATE, _STATE_CODES), (CurrencyKind.CRYPTO, _CRYPTO_CODES))
    for exponent, codes in table.items()
    for code in codes.split()
}


def currency(code: str) -> Currency:
    """Return the currency of a code such as ``EUR``; raise UnknownCurrency for any other spelling."""
    found = _REGISTRY.get(code)
    if found is None:
        raise UnknownCurrency("not a currency this ledger keeps")
    return found


def currencies() -> tuple[Currency, ...]:
    """Return every currency of the registry."""
    return tuple(_REGISTRY.values())


def checked(nanos: int) -> int:
    """Return an amount of nanos that is a whole number from 0 to AMOUNT_MAX; raise InvalidAmount for anything else."""
    if type(nanos) is not int or not 0 <= nanos <= AMOUNT_MAX:
        raise InvalidAmount("an amount must be a whole number of nanos, not negative and not too large")
    return nanos


def parse_amount(text: str, cur: Currency) -> int:
    """Read a plain decimal such as ``10.00`` into nanos.

    Refused with InvalidAmount: anything but ASCII digits and one point, signs, exponents, leading zeros, more places than the
    currency has (JPY takes none), and amounts above AMOUNT_MAX.
    """
    if len(text) > _TEXT_MAX:
        raise InvalidAmount("an amount must be a short decimal text")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise InvalidAmount("an amount must be plain decimal digits")
    whole, places = match.group(1), match.group(2) or ""
    if len(places) > cur.exponent:
        raise InvalidAmount(f"{cur.code} has {cur.exponent} decimal places")
    return checked(int(whole) * NANOS_PER_UNIT + int(places.ljust(NANO_PLACES, "0")))


def format_amount(nanos: int, cur: Currency) -> str:
    """Write nanos as a decimal with exactly the currency's places, truncated toward zero."""
    units = to_scaled(nanos, cur.exponent)
    sign = "-" if units < 0 else ""
    if cur.exponent == 0:
        return f"{sign}{abs(units)}"
    whole, part = divmod(abs(units), 10**cur.exponent)
    return f"{sign}{whole}.{part:0{cur.exponent}d}"


def from_scaled(units: int, places: int) -> int:
    """Read a whole number of 10^-places main units (for instance cents, places 2) into nanos, exactly.

    More than nine places are taken when nothing is lost. A bool or float is refused with InvalidAmount like any other non-integer.
    """
    if type(units) is not int:
        raise InvalidAmount("a scaled amount must be a whole number")
    if places <= NANO_PLACES:
        return checked(units * 10 ** (NANO_PLACES - places))
    nanos, lost = divmod(units, 10 ** (places - NANO_PLACES))
    if lost:
        raise InvalidAmount("the amount is finer than a billionth of the main unit")
    return checked(nanos)


def to_scaled(nanos: int, places: int) -> int:
    """Write nanos as a whole number of 10^-places main units, truncated toward zero (a debt, too, is never overstated)."""
    if places >= NANO_PLACES:
        return nanos * int(10 ** (places - NANO_PLACES))
    scale = int(10 ** (NANO_PLACES - places))
    return nanos // scale if nanos >= 0 else -(-nanos // scale)
