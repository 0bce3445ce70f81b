"""What a player sends to keep himself safe, understood or refused field by field. Pure.

What may be set, how high and how long is for the profile of his country to say. A refusal names the field, never what was sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom import money
from countroom.faults import Fault
from countroom.jurisdictions.profile import Length, Profile
from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import ExclusionKind, LimitKind, Period

MINUTE_MS: Final = 60_000


class Wish(StrEnum):
    """How a player shuts himself out: for a while, after which play is open again by itself, or until he asks, at the earliest."""

    TIME_OUT = "time_out"
    SELF_EXCLUSION = "self_exclusion"


class Unfit(ValueError):
    """A request that cannot be understood, or asks for what the profile does not have: all that is wrong with it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("invalid fields: " + ", ".join(fault.field for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Target:
    """Which limit is meant."""

    kind: LimitKind
    period: Period


@dataclass(frozen=True, slots=True)
class Cap:
    """How high a limit is to be, as sent: a decimal text of the wallet's currency, or whole minutes for a limit of time."""

    amount: str | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """How a player shuts himself out, and for how long."""

    kind: ExclusionKind
    length: Length


def read_target(profile: Profile, kind: str, period: str) -> Target:
    """Understand which limit is meant. Raises Unfit for a kind or a period that the profile does not have."""
    offered = profile.limits.get(kind)
    if offered is None:
        raise Unfit(Fault("kind", _one_of(profile.limits)))
    if period not in offered.periods:
        raise Unfit(Fault("period", _one_of(offered.periods)))
    return Target(LimitKind(kind), Period(period))


def read_cap(profile: Profile, target: Target, cap: Cap, currency: str) -> int:
    """Understand how high a limit is to be: nanos of the wallet's currency, or milliseconds. 0 is a limit: nothing at all.

    Raises Unfit for a negative or over-precise amount, one above the profile's ceiling, and for the unit of another kind.
    """
    timed = target.kind is LimitKind.SESSION
    used, unused = ("minutes", "amount") if timed else ("amount", "minutes")
    if getattr(cap, unused) is not None:
        raise Unfit(Fault(unused, f"has no meaning for a {target.kind} limit"))
    if getattr(cap, used) is None:
        raise Unfit(Fault(used, "is required"))
    return _minutes(profile, target, cap.minutes or 0) if timed else _amount(profile, target, cap.amount or "", currency)


def _minutes(profile: Profile, target: Target, minutes: int) -> int:
    highest = profile.limits[target.kind].ceilings[target.period]
    if not 1 <= minutes <= highest:
        raise Unfit(Fault("minutes", f"must be from 1 to {highest}"))
    return minutes * MINUTE_MS


def _amount(profile: Profile, target: Target, text: str, currency: str) -> int:
    unit = money.currency(currency)
    try:
        amount = money.parse_amount(text, unit)
    except money.InvalidAmount:
        message = f"must be a plain decimal of {unit.code}, not negative and with at most {unit.exponent} places"
        raise Unfit(Fault("amount", message)) from None
    highest = profile.ceiling(target.kind, target.period, currency)
    if amount > highest:
        raise Unfit(Fault("amount", f"must be at most {exact_amount(highest, currency)}"))
    return amount


def read_absence(profile: Profile, wish: str, length: str) -> Absence:
    """Understand a time-out or a self-exclusion; both begin now. Raises Unfit for a length that the profile does not have."""
    if wish not in set(Wish):
        raise Unfit(Fault("kind", _one_of(Wish)))
    timed_out = wish == Wish.TIME_OUT
    found = profile.time_out(length) if timed_out else profile.exclusion(length)
    if found is None:
        lengths = profile.time_outs if timed_out else profile.exclusions
        raise Unfit(Fault("length", _one_of(one.code for one in lengths)))
    return Absence(ExclusionKind.TIME_OUT if timed_out else ExclusionKind.SELF_EXCLUSION, found)


def read_interval(profile: Profile, minutes: int) -> int:
    """Understand how often the reality check is to come, in milliseconds. Raises Unfit for what the profile does not offer."""
    if minutes * MINUTE_MS not in profile.check_choices_ms:
        raise Unfit(Fault("minutes", _one_of(str(choice // MINUTE_MS) for choice in profile.check_choices_ms)))
    return minutes * MINUTE_MS


def _one_of(words: Iterable[str]) -> str:
    return "must be one of: " + ", ".join(words)
