"""Counting against limits. Pure; amounts are nanos, instants are epoch milliseconds.

Several limits at once: all must allow, so the lowest applies. What is taken back returns what it used, as long as the period in
which it was used still runs; a counter never falls below zero, so winning never makes the rest larger than the limit (UKGC RTS 12).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from countroom.ledger.movements import LimitKind
from countroom.ledger.wallet import LIMITS_MAX, Limit

SECOND_MS: Final = 1000
"""Periods are whole seconds."""

PERIOD_MS_MAX: Final = 366 * 24 * 3_600_000
"""Longest period of a limit: a leap year."""

Limits = tuple[Limit, ...]


def spent(limits: Limits, uses: Mapping[LimitKind, int], now_ms: int) -> Limits | None:
    """Count a use; None when a limit does not allow it. A use of nothing is always allowed."""
    counted = forced(limits, uses, now_ms)
    over = any(limit.used > limit.cap and uses.get(limit.kind) for limit in counted)
    return None if over else counted


def forced(limits: Limits, uses: Mapping[LimitKind, int], now_ms: int) -> Limits:
    """Count a use that has happened already and cannot be refused."""
    if not limits:
        return limits
    return tuple(_counting(limit.at(now_ms), uses.get(limit.kind, 0)) for limit in limits)


def given_back(limits: Limits, uses: Mapping[LimitKind, int], used_at_ms: int, now_ms: int) -> Limits:
    """Return what an earlier use took, where the period of that use still runs."""
    if not limits:
        return limits
    current = (limit.at(now_ms) for limit in limits)
    return tuple(_counting(limit, -uses.get(limit.kind, 0)) if used_at_ms >= limit.since_ms else limit for limit in current)


def _counting(limit: Limit, use: int) -> Limit:
    """Return the limit with a use added (negative: given back)."""
    return Limit(limit.kind, limit.period_ms, limit.cap, max(0, limit.used + use), limit.since_ms) if use else limit


def tightened(limits: Limits, kind: LimitKind, period_ms: int, cap: int, now_ms: int) -> Limits | None:
    """Set or lower a limit at once, keeping what is used; None when it would be looser or one limit too many."""
    before = next((limit for limit in limits if (limit.kind, limit.period_ms) == (kind, period_ms)), None)
    if before is None:
        return (*limits, Limit(kind, period_ms, cap, 0, now_ms)) if len(limits) < LIMITS_MAX else None
    if cap > before.cap:
        return None
    return tuple(replace(limit, cap=cap) if limit is before else limit for limit in limits)
