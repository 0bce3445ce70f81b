"""Limits: which are in force, what they count, whom they stop. Pure; amounts are nanos, instants are epoch milliseconds.

Several limits at once: all must allow, so the lowest applies. A limit counts in windows that follow each other from its start on:
24 hours and 7 days are elapsed time, whatever local clocks do meanwhile; a month runs to the same day and time of the next one
(UTC), or to its last day where it has no such day, always reckoned from the start (31 January, 28 February, 31 March). Changes of
the cap keep what is used and the start (UKGC RTS 12). A pending raise takes effect by time alone; nothing has to run for it.

What is taken back returns what it used, as long as the window in which it was used still runs; a counter never falls below zero, so
winning never makes the rest larger than the limit.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Final

from countroom.ledger.movements import COUNTING, INTERVAL_END, LimitKind, Period, Reason
from countroom.ledger.records import Record
from countroom.ledger.rules.effects import Effect, Facts, Found
from countroom.ledger.safeguards import ConfirmRaise, LimitChange, SetLimit, WithdrawRaise
from countroom.ledger.wallet import INDEX_TOP, Limit, Pending, Wallet

DAY_MS: Final = 86_400_000
SECOND_MS: Final = 1000
SESSION_MS_MAX: Final = 366 * DAY_MS
"""Longest cap of a session: a leap year."""

_LENGTHS: Final[Mapping[Period, int]] = {Period.DAY: DAY_MS, Period.WEEK: 7 * DAY_MS}
_MONTHS: Final = 12
_EPOCH: Final = date(1970, 1, 1).toordinal()

Limits = tuple[Limit, ...]
Uses = Mapping[LimitKind, int]
"""What a movement uses of the limits of each kind, in nanos."""


def in_force(limits: Limits, now_ms: int) -> Limits:
    """Return the limits as they stand at an instant: raises and removals whose time has come have taken effect."""
    if not any(limit.pending for limit in limits):
        return limits
    return tuple(limit for entry in limits if (limit := _matured(entry, now_ms)) is not None)


def _matured(limit: Limit, now_ms: int) -> Limit | None:
    pending = limit.pending
    if pending is None or pending.confirm or now_ms < pending.at_ms:
        return limit
    return _raised(limit, pending)


def _raised(limit: Limit, pending: Pending) -> Limit | None:
    return None if pending.cap is None else replace(limit, cap=pending.cap, pending=None)


def blocking(limits: Limits, uses: Uses, now_ms: int) -> Limit | None:
    """Return the limit in force that does not allow a use at an instant: the one that leaves least. A use of nothing is allowed."""
    over = [limit for limit in in_force(limits, now_ms) if (use := uses.get(limit.kind, 0)) and use > left(limit, now_ms)]
    return min(over, key=lambda limit: left(limit, now_ms), default=None)


def left(limit: Limit, now_ms: int) -> int:
    """Return what a limit in force still allows at an instant, never below 0: of a single stake or session, all of its cap."""
    return max(0, limit.cap - used(limit, now_ms))


def used(limit: Limit, now_ms: int) -> int:
    """Return what has been used of a limit in the window that runs at an instant."""
    return limit.used if limit.period is Period.EACH or window_at(limit, now_ms) == limit.index else 0


def window_at(limit: Limit, now_ms: int) -> int:
    """Return the number of the window that runs at an instant; a clock that goes back does not bring an earlier one back."""
    if now_ms < window_starts_ms(limit, limit.index + 1):
        return limit.index
    length = _LENGTHS.get(limit.period)
    return min(INDEX_TOP, (now_ms - limit.anchor_ms) // length if length else _months_between(limit.anchor_ms, now_ms))


def window_starts_ms(limit: Limit, index: int) -> int:
    """Return the instant at which a window of a counting limit begins; that of `index` + 1 is the first after the window."""
    length = _LENGTHS.get(limit.period)
    return limit.anchor_ms + index * length if length else month_later(limit.anchor_ms, index)


def counted(wallet: Wallet, uses: Uses, now_ms: int) -> Limits:
    """Count a use, whatever the limits say of it."""
    if not wallet.limits:
        return wallet.limits
    entries = in_force(wallet.limits, now_ms)
    return tuple([_counting(limit, uses.get(limit.kind, 0), wallet.version, now_ms) for limit in entries])


def given_back(wallet: Wallet, uses: Uses, version: int, now_ms: int) -> Limits:
    """Return what the movement of that version used, where the window in which it was counted still runs."""
    if not wallet.limits:
        return wallet.limits
    entries = in_force(wallet.limits, now_ms)
    return tuple([_returning(limit, uses.get(limit.kind, 0), version, wallet.version, now_ms) for limit in entries])


def _counting(limit: Limit, use: int, version: int, now_ms: int) -> Limit:
    """Return the limit with a use added (negative: given back), in the window that runs now."""
    if not use or limit.period is Period.EACH:
        return limit
    index = window_at(limit, now_ms)
    before, after = (limit.used, limit.after) if index == limit.index else (0, version)
    return Limit(limit.kind, limit.period, limit.cap, max(0, before + use), limit.anchor_ms, index, after, limit.pending)


def _returning(limit: Limit, use: int, used_by: int, version: int, now_ms: int) -> Limit:
    return _counting(limit, -use, version, now_ms) if used_by > limit.after else limit


def credited(wallet: Wallet, amount: int, opening: Record, now_ms: int) -> Limits:
    """Count a deposit whose opening was counted: only what the opening did not use, by each limit's own account.

    More than was opened is used now; less gives the rest back. A limit that began after the opening has counted nothing of it.
    """
    entries = in_force(wallet.limits, now_ms)
    return tuple([_crediting(limit, amount, opening, wallet.version, now_ms) for limit in entries])


def _crediting(limit: Limit, amount: int, opening: Record, version: int, now_ms: int) -> Limit:
    if limit.kind is not LimitKind.DEPOSIT:
        return limit
    if not saw(limit, opening):
        return _counting(limit, amount, version, now_ms)
    more = amount - opening.amount
    return _counting(limit, more, version, now_ms) if more > 0 else _returning(limit, -more, opening.version, version, now_ms)


def saw(limit: Limit, record: Record) -> bool:
    """Tell whether a limit was there when a record was made. What a window after the first one must ask is the time."""
    return record.version > limit.after or (limit.index > 0 and record.at_ms > limit.anchor_ms)


def taken_back(wallet: Wallet, amount: int, earlier: int, deposit: Record, opening: Record | None, now_ms: int) -> Limits:
    """Give back what a deposit used of the limits, as far as it was not given back `earlier` (nanos of it taken back before)."""
    entries = in_force(wallet.limits, now_ms)
    uses = [max(0, min(amount, _used_by(limit, deposit, opening) - earlier)) for limit in entries]
    return tuple(
        [_returning(limit, use, deposit.version, wallet.version, now_ms) for limit, use in zip(entries, uses, strict=True)]
    )


def _used_by(limit: Limit, deposit: Record, opening: Record | None) -> int:
    """Return how much of a deposit the limit's window has counted, given that it counts what the deposit's credit used."""
    if limit.kind is not LimitKind.DEPOSIT:
        return 0
    if opening is None or opening.version > limit.after or not saw(limit, opening):
        return deposit.amount
    return max(0, deposit.amount - opening.amount)


def set_limit(wallet: Wallet, _facts: Facts, movement: SetLimit, now_ms: int) -> Found:
    """Set or lower a limit at once, which drops a raise that is pending; let a raise or removal wait."""
    kind, period, cap = movement.limit, movement.period, movement.cap
    if (kind in COUNTING) is (period is Period.EACH) or not 0 <= movement.waits_ms < INTERVAL_END:
        return Reason.INVALID_AMOUNT
    if kind is LimitKind.SESSION and cap is not None and (type(cap) is not int or not 0 <= cap <= SESSION_MS_MAX):
        return Reason.INVALID_AMOUNT
    limits = in_force(wallet.limits, now_ms)
    before = _named(limits, kind, period)
    if before is None:
        return _set_new(wallet, limits, movement, now_ms)
    if cap is not None and cap <= before.cap:
        return _changed(wallet, limits, before, replace(before, cap=cap, pending=None), now_ms)
    if not movement.waits_ms:
        return Reason.LIMIT_RAISE
    pending = Pending(cap, _whole_second(now_ms + movement.waits_ms), movement.confirm)
    after = replace(before, pending=pending)
    change = LimitChange(before.cap, cap, pending.at_ms, pending.confirm)
    return _with(wallet, limits, before, after, change, movement.money[1])


def _set_new(wallet: Wallet, limits: Limits, movement: SetLimit, now_ms: int) -> Found:
    if movement.cap is None:
        return Reason.NOTHING_PENDING
    limit = Limit(movement.limit, movement.period, movement.cap)
    if movement.period is not Period.EACH:
        limit = replace(limit, anchor_ms=now_ms, after=wallet.version)
    detail = LimitChange(None, movement.cap, now_ms).text
    return Effect(replace(wallet, limits=(*limits, limit)), amount=movement.money[1], detail=detail)


def withdraw_raise(wallet: Wallet, _facts: Facts, movement: WithdrawRaise, now_ms: int) -> Found:
    """Forget a pending raise."""
    limits = in_force(wallet.limits, now_ms)
    before = _named(limits, movement.limit, movement.period)
    if before is None or before.pending is None:
        return Reason.NOTHING_PENDING
    change = LimitChange(before.pending.cap, before.cap, now_ms)
    return _with(wallet, limits, before, replace(before, pending=None), change)


def confirm_raise(wallet: Wallet, _facts: Facts, movement: ConfirmRaise, now_ms: int) -> Found:
    """Let a pending raise take effect, once its waiting time is over."""
    limits = in_force(wallet.limits, now_ms)
    before = _named(limits, movement.limit, movement.period)
    if before is None or before.pending is None:
        return Reason.NOTHING_PENDING
    if now_ms < before.pending.at_ms:
        return Reason.TOO_EARLY
    change = LimitChange(before.cap, before.pending.cap, now_ms)
    return _with(wallet, limits, before, _raised(before, before.pending), change)


def _changed(wallet: Wallet, limits: Limits, before: Limit, after: Limit, now_ms: int) -> Effect:
    amount = 0 if after.kind is LimitKind.SESSION else after.cap
    return _with(wallet, limits, before, after, LimitChange(before.cap, after.cap, now_ms), amount)


def _with(wallet: Wallet, limits: Limits, before: Limit, after: Limit | None, change: LimitChange, amount: int = 0) -> Effect:
    """Put a limit in the place of another (None: in no place)."""
    changed = tuple(entry for limit in limits if (entry := after if limit is before else limit) is not None)
    return Effect(replace(wallet, limits=changed), amount=amount, detail=change.text)


def _named(limits: Limits, kind: LimitKind, period: Period) -> Limit | None:
    return next((limit for limit in limits if limit.kind is kind and limit.period is period), None)


def _whole_second(instant_ms: int) -> int:
    """Round up: a raise never comes early."""
    return -(-instant_ms // SECOND_MS) * SECOND_MS


@lru_cache(maxsize=4096)
def month_later(instant_ms: int, months: int) -> int:
    """Return the instant so many months after another, at the same time of the same day (UTC) or else of the month's last day."""
    days, time_ms = divmod(instant_ms, DAY_MS)
    start = date.fromordinal(days + _EPOCH)
    year, month = divmod(start.year * _MONTHS + start.month - 1 + months, _MONTHS)
    day = min(start.day, monthrange(year, month + 1)[1])
    return (date(year, month + 1, day).toordinal() - _EPOCH) * DAY_MS + time_ms


def _months_between(earlier_ms: int, later_ms: int) -> int:
    """Return how many whole months lie between two instants."""
    earlier, later = (date.fromordinal(instant // DAY_MS + _EPOCH) for instant in (earlier_ms, later_ms))
    months = (later.year - earlier.year) * _MONTHS + later.month - earlier.month
    return months if month_later(earlier_ms, months) <= later_ms else months - 1
