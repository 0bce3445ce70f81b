"""The clock of play: when this stretch of play began, when the player must look up, and when it is enough. Pure.

Play begins with a bet or a game session when none ran, or when the last bet is BREAK_MS ago. Only a bet that is taken is play: one
that is refused neither begins a stretch nor makes it longer, so that a break can be had while a game still asks.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from countroom.ledger.movements import LimitKind, Reason
from countroom.ledger.rules.effects import Blocked, Effect, Facts, Found
from countroom.ledger.rules.limits import DAY_MS, in_force
from countroom.ledger.safeguards import AcknowledgeCheck, SetCheckInterval
from countroom.ledger.wallet import PlayClock, Wallet

BREAK_MS: Final = 30 * 60_000
"""So long without a bet ends a stretch of play."""


class Stretch(NamedTuple):
    """The stretch of play that runs: times in milliseconds, money in nanos. `check_due_ms` is 0 where no check is asked for."""

    started_ms: int
    elapsed_ms: int
    staked: int
    won: int
    check_due_ms: int

    @property
    def net(self) -> int:
        """What the player has won, or lost (negative)."""
        return self.won - self.staked


def runs(play: PlayClock, now_ms: int) -> bool:
    """Whether a stretch of play runs at an instant."""
    return play.started_ms > 0 and now_ms - play.last_ms < BREAK_MS


def stretch(wallet: Wallet, now_ms: int) -> Stretch | None:
    """Return the stretch of play that runs at an instant. What is taken back of an earlier one may make its sums negative."""
    play, total = wallet.play, wallet.totals
    if not runs(play, now_ms):
        return None
    due_ms = play.checked_ms + play.interval_ms if play.interval_ms else 0
    elapsed_ms = max(0, now_ms - play.started_ms)
    return Stretch(play.started_ms, elapsed_ms, total.staked - play.staked0, total.won - play.won0, due_ms)


def is_due(play: PlayClock, now_ms: int) -> bool:
    """Whether a reality check of the player's last stretch of play is due."""
    return bool(play.started_ms and play.interval_ms) and now_ms >= play.checked_ms + play.interval_ms


def refusal(wallet: Wallet, now_ms: int) -> Reason | Blocked | None:
    """Say why the clock lets no bet through: the longest session is over, or a reality check has not been acknowledged."""
    if not runs(wallet.play, now_ms):
        return None
    if wallet.limits:
        limit = next((one for one in in_force(wallet.limits, now_ms) if one.kind is LimitKind.SESSION), None)
        if limit is not None and now_ms >= wallet.play.started_ms + limit.cap:
            return Blocked(limit.name)
    return Reason.REALITY_CHECK_DUE if is_due(wallet.play, now_ms) else None


def ticked(wallet: Wallet, now_ms: int) -> PlayClock:
    """Return the clock after a bet."""
    play = wallet.play
    if runs(play, now_ms):
        return play._replace(last_ms=now_ms) if now_ms > play.last_ms else play
    return begun(wallet, now_ms)


def begun(wallet: Wallet, now_ms: int) -> PlayClock:
    """Return the clock at the start of a stretch of play."""
    play, total = wallet.play, wallet.totals
    return PlayClock(now_ms, now_ms, now_ms, total.staked, total.won, play.interval_ms, play.grown_on)


def launched(wallet: Wallet, interval_ms: int, grown_on: int, now_ms: int) -> PlayClock:
    """Return the clock after a launch: what the profile says is taken over, but a shorter interval of the player's own stays."""
    play = wallet.play if runs(wallet.play, now_ms) else begun(wallet, now_ms)
    asked = [interval for interval in (play.interval_ms, interval_ms) if interval]
    return play._replace(interval_ms=min(asked, default=0), grown_on=grown_on)


def is_grown(play: PlayClock, now_ms: int) -> bool:
    """Whether the higher stake caps count, by the day (UTC) of an instant."""
    return 0 < play.grown_on <= now_ms // DAY_MS


def acknowledge_check(wallet: Wallet, _facts: Facts, _movement: AcknowledgeCheck, now_ms: int) -> Found:
    """Let play go on after a reality check that was due; none can be acknowledged ahead of its time."""
    play, total = wallet.play, wallet.totals
    if not is_due(play, now_ms):
        return Reason.TOO_EARLY
    figures = (now_ms - play.started_ms, total.staked - play.staked0, total.won - play.won0)
    return Effect(replace(wallet, play=play._replace(checked_ms=now_ms)), detail=" ".join(map(str, figures)))


def set_check_interval(wallet: Wallet, _facts: Facts, movement: SetCheckInterval, now_ms: int) -> Found:
    """Take the player's own interval over, for this stretch of play too; a check that is due stays due under a longer one."""
    play, interval_ms = wallet.play, movement.interval_ms
    checked_ms = min(play.checked_ms, max(0, now_ms - interval_ms)) if is_due(play, now_ms) else play.checked_ms
    return Effect(replace(wallet, play=play._replace(interval_ms=interval_ms, checked_ms=checked_ms)))
