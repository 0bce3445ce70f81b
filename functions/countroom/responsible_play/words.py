"""How the room speaks to players: amounts, times and limits in plain words. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import LimitKind, Period
from countroom.responsible_play.forms import MINUTE_MS
from countroom.times import DAY_MS, to_iso

MINUTES: Final = "minutes"
"""The unit of a limit of time; that of all others is the wallet's currency."""

_HOUR: Final = 60

PERIOD_TEXT: Final[Mapping[Period, str]] = MappingProxyType(
    {Period.DAY: "24 hours", Period.WEEK: "7 days", Period.MONTH: "a month", Period.EACH: "each"}
)
_MOST: Final[Mapping[LimitKind, str]] = MappingProxyType(
    {
        LimitKind.DEPOSIT: "pay in at most {cap} in {period}",
        LimitKind.WAGER: "stake at most {cap} in {period}",
        LimitKind.LOSS: "lose at most {cap} in {period}",
        LimitKind.STAKE: "stake at most {cap} at a time",
        LimitKind.SESSION: "play at most {cap} without a break",
    }
)


def when(at_ms: int) -> str:
    """Write an instant for people: ``23 November 2026, 12:00 UTC``, seconds cut off."""
    text = to_iso(at_ms)
    year, month, day = text[:10].split("-")
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}, {text[11:16]} UTC"


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def lasting(ms: int) -> str:
    """Write a length of time for people: ``7 days``, ``24 hours``, ``1 hour 5 minutes``; what is below a minute is cut off."""
    if ms > DAY_MS and ms % DAY_MS == 0:
        return f"{ms // DAY_MS} days"
    hours, minutes = divmod(ms // MINUTE_MS, _HOUR)
    words = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in ((hours, "hour"), (minutes, "minute")) if count]
    return " ".join(words) or "less than a minute"


def cap_text(kind: LimitKind, cap: int, currency: str) -> str:
    """Write how high a limit is, with its unit."""
    return lasting(cap) if kind is LimitKind.SESSION else f"{exact_amount(cap, currency)} {currency}"


def most_text(kind: LimitKind, period: Period, cap: int, currency: str) -> str:
    """Write what a limit allows: ``pay in at most 100.00 EUR in 24 hours``."""
    return _MOST[kind].format(cap=cap_text(kind, cap, currency), period=PERIOD_TEXT[period])


def unit_of(kind: LimitKind, currency: str) -> str:
    """Name the unit of a limit."""
    return MINUTES if kind is LimitKind.SESSION else currency


def figure(kind: LimitKind, cap: int, currency: str) -> str:
    """Write how high a limit is, without its unit."""
    return str(cap // MINUTE_MS) if kind is LimitKind.SESSION else exact_amount(cap, currency)
