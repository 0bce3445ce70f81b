"""How a player stands at an instant: what his limits leave him, how long he has played, what the house still asks of him. Pure.

Amounts are nanos of the wallet's currency, times milliseconds. Everything follows from the wallet and the profile: what is shown is
what the next bet or deposit is decided by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from countroom.jurisdictions.profile import Level, Profile
from countroom.ledger.movements import LimitKind, Period
from countroom.ledger.rules.clock import BREAK_MS, Stretch, is_due, stretch
from countroom.ledger.rules.limits import in_force, left, used, window_at, window_starts_ms
from countroom.ledger.wallet import Limit, Wallet


@dataclass(frozen=True, slots=True)
class LimitNow:
    """One limit that holds. `used`, `left` and `ends_ms` are of the period that runs; None where the limit counts nothing.

    `confirmable`: the raise that waits has waited long enough, and takes effect when the player confirms it.
    """

    limit: Limit
    used: int | None
    left: int | None
    ends_ms: int | None
    confirmable: bool


@dataclass(frozen=True, slots=True)
class PlayNow:
    """A stretch of play without a longer break. `due`: a reality check is to be acknowledged before play goes on.

    `check_ms`: when the next check comes. `over_ms`: when the session limit ends play, and `over`: whether it has; play is open
    again at `rested_ms`, if there is none meanwhile. None where there is no such check or limit.
    """

    stretch: Stretch
    due: bool
    check_ms: int | None
    over_ms: int | None
    over: bool
    rested_ms: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Which levels the player lacks before he may pay in, play, and be paid; in the order in which they are worth getting."""

    deposit: tuple[Level, ...]
    play: tuple[Level, ...]
    withdrawal: tuple[Level, ...]


def limits_now(wallet: Wallet, now_ms: int) -> tuple[LimitNow, ...]:
    """Give the limits that hold at an instant, in the order of kinds and periods."""
    found = sorted(in_force(wallet.limits, now_ms), key=lambda limit: (_KINDS[limit.kind], _PERIODS[limit.period]))
    return tuple(_limit_now(limit, now_ms) for limit in found)


def _limit_now(limit: Limit, now_ms: int) -> LimitNow:
    confirmable = limit.pending is not None and limit.pending.confirm and now_ms >= limit.pending.at_ms
    if limit.period is Period.EACH:
        return LimitNow(limit, None, None, None, confirmable)
    ends_ms = window_starts_ms(limit, window_at(limit, now_ms) + 1)
    return LimitNow(limit, used(limit, now_ms), left(limit, now_ms), ends_ms, confirmable)


def play_now(wallet: Wallet, now_ms: int) -> PlayNow | None:
    """Give the stretch of play that runs; None where the player has not played, or long enough ago to have had a break."""
    running = stretch(wallet, now_ms)
    if running is None:
        return None
    session = next((limit for limit in in_force(wallet.limits, now_ms) if limit.kind is LimitKind.SESSION), None)
    over_ms = running.started_ms + session.cap if session else None
    return PlayNow(
        stretch=running,
        due=is_due(wallet.play, now_ms),
        check_ms=running.check_due_ms or None,
        over_ms=over_ms,
        over=over_ms is not None and now_ms >= over_ms,
        rested_ms=wallet.play.last_ms + BREAK_MS,
    )


def interval_of(wallet: Wallet, profile: Profile) -> int:
    """Give how often the reality check comes: the player's own interval where it is the shorter one, else the profile's."""
    own = wallet.play.interval_ms
    return min(own, profile.check_interval_ms) if own else profile.check_interval_ms


def net_deposits(wallet: Wallet) -> int:
    """Give what was paid in less what was paid out, in a lifetime (RTS 1C)."""
    return wallet.totals.deposited - wallet.totals.withdrawn


def net_position(wallet: Wallet) -> int:
    """Give what was won less what was staked, in a lifetime."""
    return wallet.totals.won - wallet.totals.staked


def needs(wallet: Wallet, profile: Profile, levels: frozenset[Level]) -> Needs:
    """Give the levels that a player lacks who has these."""
    asked = profile.verification
    at = asked.at(net_deposits(wallet), wallet.currency)

    def lacking(wanted: frozenset[Level]) -> tuple[Level, ...]:
        return tuple(level for level in Level if level in wanted - levels)

    return Needs(lacking(asked.deposit | at), lacking(asked.play | at), lacking(asked.withdrawal))


_KINDS: Mapping[LimitKind, int] = MappingProxyType({kind: place for place, kind in enumerate(LimitKind)})
_PERIODS: Mapping[Period, int] = MappingProxyType({period: place for place, period in enumerate(Period)})
