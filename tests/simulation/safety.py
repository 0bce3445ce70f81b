"""A second opinion on the player's protection: limits, exclusions and the clock of play, written again, plainly.

It shares nothing with the rules under test but the types of movements and reasons. Windows are found by counting them up.
"""

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from countroom.ledger.movements import ExclusionKind, LimitKind, Period, Reason, Status

DAY_MS: Final = 24 * 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BREAK_MS: Final = 1_800_000
_MONEY: Final = (LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS)


@dataclass(slots=True)
class Cap:
    """One limit. `waits` is a raise that is asked for: [cap or None, instant, whether it must be confirmed]."""

    kind: LimitKind
    period: Period
    cap: int
    anchor: int = 0
    after: int = 0
    index: int = 0
    used: int = 0
    waits: tuple[int | None, int, bool] | None = None

    @property
    def name(self) -> str:
        """As answers name it."""
        return f"{self.kind} {self.period}"

    def begins(self, index: int) -> int:
        """When a window begins."""
        if self.period is not Period.MONTH:
            return self.anchor + index * (DAY_MS if self.period is Period.DAY else 7 * DAY_MS)
        first = _EPOCH + timedelta(milliseconds=self.anchor)
        year, month = first.year + (first.month - 1 + index) // 12, (first.month - 1 + index) % 12 + 1
        found = first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]))
        return (found - _EPOCH) // timedelta(milliseconds=1)

    def window(self, now_ms: int) -> int:
        """The window that runs: never one before the last that was used."""
        index = self.index
        while now_ms >= self.begins(index + 1):
            index += 1
        return index

    def left(self, now_ms: int) -> int:
        """What it still allows."""
        counts = self.kind in _MONEY and self.window(now_ms) == self.index
        return max(0, self.cap - (self.used if counts else 0))

    def use(self, amount: int, version: int, now_ms: int) -> None:
        """Count what the movement that follows a version uses; less than nothing is given back."""
        if not amount or self.kind not in _MONEY:
            return
        index = self.window(now_ms)
        if index != self.index:
            self.index, self.used, self.after = index, 0, version
        self.used = max(0, self.used + amount)


@dataclass(slots=True)
class Clock:
    """A stretch of play, as the wallet has it."""

    started: int = 0
    last: int = 0
    checked: int = 0
    staked: int = 0
    won: int = 0
    interval: int = 0
    grown_on: int = 0

    def runs(self, now_ms: int) -> bool:
        """Whether the player is at play."""
        return self.started > 0 and now_ms - self.last < _BREAK_MS

    def begin(self, totals: dict[str, int], now_ms: int) -> None:
        """Let a new stretch of play begin, if none runs."""
        if not self.runs(now_ms):
            self.started = self.last = self.checked = now_ms
            self.staked, self.won = totals["staked"], totals["won"]

    @property
    def due(self) -> int | None:
        """When the player must look up."""
        return self.checked + self.interval if self.started and self.interval else None


@dataclass(slots=True)
class Guard:
    """All that protects one player: limits, an exclusion [kind, since, until, reopens], the clock."""

    caps: list[Cap] = field(default_factory=list)
    away: list[Any] | None = None
    clock: Clock = field(default_factory=Clock)

    def ripen(self, now_ms: int) -> list[Cap]:
        """The limits with every raise whose time has come."""
        ripe = []
        for cap in self.caps:
            if not cap.waits or cap.waits[2] or now_ms < cap.waits[1]:
                ripe.append(cap)
            elif cap.waits[0] is not None:
                ripe.append(replace(cap, cap=cap.waits[0], waits=None))
        return ripe

    def named(self, movement: Any, now_ms: int) -> Cap | None:
        """The limit that a movement is about."""
        return next((one for one in self.ripen(now_ms) if (one.kind, one.period) == (movement.limit, movement.period)), None)

    def stops(self, uses: dict[LimitKind, int], now_ms: int) -> str:
        """Which limit leaves too little for this, '' for none."""
        full = [cap for cap in self.ripen(now_ms) if uses.get(cap.kind, 0) > cap.left(now_ms)]
        return min(full, key=lambda cap: cap.left(now_ms)).name if full else ""

    def excluded(self, now_ms: int) -> bool:
        """Whether the player is kept away."""
        if self.away is None:
            return False
        kind, _, until, reopens = self.away
        return bool(now_ms < until) if kind is ExclusionKind.TIME_OUT else not reopens or now_ms < reopens

    def tired(self, now_ms: int) -> tuple[Reason, str] | None:
        """Why the clock lets no bet through."""
        if not self.clock.runs(now_ms):
            return None
        for cap in self.ripen(now_ms):
            if cap.kind is LimitKind.SESSION and now_ms - self.clock.started >= cap.cap:
                return Reason.LIMIT_REACHED, cap.name
        due = self.clock.due
        return (Reason.REALITY_CHECK_DUE, "") if due is not None and now_ms >= due else None

    def refuses(self, movement: Any, now_ms: int) -> Reason | None:
        """Why a change of this protection is refused."""
        match movement.kind.value:
            case "limit":
                return self._set_refused(movement, now_ms)
            case "raise_withdrawn" | "raise_confirmed":
                mine = self.named(movement, now_ms)
                if mine is None or mine.waits is None:
                    return Reason.NOTHING_PENDING
                early = movement.kind.value == "raise_confirmed" and now_ms < mine.waits[1]
                return Reason.TOO_EARLY if early else None
            case "exclusion":
                return self._exclusion_refused(movement, now_ms)
            case "reopening":
                if not self.excluded(now_ms) or self.away is None or self.away[0] is ExclusionKind.TIME_OUT:
                    return Reason.NOTHING_PENDING
                return Reason.TOO_EARLY if now_ms < self.away[2] else None
            case "reality_check":
                due = self.clock.due
                return None if due is not None and now_ms >= due else Reason.TOO_EARLY
        return None

    def _set_refused(self, movement: Any, now_ms: int) -> Reason | None:
        if (movement.limit in _MONEY) != (movement.period is not Period.EACH):
            return Reason.INVALID_AMOUNT
        mine = self.named(movement, now_ms)
        if mine is None:
            return Reason.NOTHING_PENDING if movement.cap is None else None
        looser = movement.cap is None or movement.cap > mine.cap
        return Reason.LIMIT_RAISE if looser and not movement.waits_ms else None

    def _exclusion_refused(self, movement: Any, now_ms: int) -> Reason | None:
        if movement.until_ms <= now_ms:
            return Reason.INVALID_AMOUNT
        if self.away is None or not self.excluded(now_ms):
            return None
        weaker = movement.exclusion is ExclusionKind.TIME_OUT and self.away[0] is not ExclusionKind.TIME_OUT
        return Reason.EXCLUSION_RUNS if weaker or movement.until_ms <= self.away[2] else None

    def change(self, movement: Any, version: int, totals: dict[str, int], now_ms: int) -> None:
        """Make a change that was not refused true; `version` is the wallet's before it."""
        match movement.kind.value:
            case "limit":
                self._set(movement, version, now_ms)
            case "raise_withdrawn" | "raise_confirmed":
                self._end_raise(movement, now_ms)
            case "exclusion":
                kept = self.away is not None and self.excluded(now_ms) and self.away[0] is movement.exclusion
                since = self.away[1] if kept and self.away else now_ms
                self.away = [movement.exclusion, since, movement.until_ms, 0]
            case "reopening":
                if self.away is not None and not self.away[3]:
                    self.away[3] = now_ms + movement.wait_ms
            case "reality_check":
                self.clock.checked = now_ms
            case "check_interval":
                self._ask_every(movement.interval_ms, now_ms)
            case "session":
                self.clock.begin(totals, now_ms)
                self.clock.interval = min((one for one in (self.clock.interval, movement.interval_ms) if one), default=0)
                self.clock.grown_on = movement.grown_on

    def _ask_every(self, interval: int, now_ms: int) -> None:
        clock = self.clock
        if clock.started and clock.interval and now_ms - clock.checked >= clock.interval > 0:
            clock.checked = min(clock.checked, max(0, now_ms - interval))
        clock.interval = interval

    def _set(self, movement: Any, version: int, now_ms: int) -> None:
        mine, self.caps = self.named(movement, now_ms), self.ripen(now_ms)
        if mine is None:
            counts = movement.limit in _MONEY
            begun = (now_ms, version) if counts else (0, 0)
            self.caps.append(Cap(movement.limit, movement.period, movement.cap, *begun))
            return
        mine = next(one for one in self.caps if (one.kind, one.period) == (mine.kind, mine.period))
        if movement.cap is not None and movement.cap <= mine.cap:
            mine.cap, mine.waits = movement.cap, None
        else:
            mine.waits = (movement.cap, -(-(now_ms + movement.waits_ms) // 1000) * 1000, movement.confirm)

    def _end_raise(self, movement: Any, now_ms: int) -> None:
        self.caps = self.ripen(now_ms)
        mine = next(one for one in self.caps if (one.kind, one.period) == (movement.limit, movement.period))
        assert mine.waits is not None
        if movement.kind.value == "raise_confirmed":
            if mine.waits[0] is None:
                self.caps.remove(mine)
                return
            mine.cap = mine.waits[0]
        mine.waits = None

    def use(self, uses: dict[LimitKind, int], version: int, now_ms: int, *, of: int | None = None) -> None:
        """Count, or give back what the movement of version `of` used, where the window that counted it still runs."""
        if not self.caps:
            return
        self.caps = self.ripen(now_ms)
        for cap in self.caps:
            if of is None or of > cap.after:
                cap.use(uses.get(cap.kind, 0), version, now_ms)

    def credit(self, amount: int, opening: tuple[int, int, int], version: int, now_ms: int) -> None:
        """Count a deposit whose opening (version, instant, amount) was counted: what is left to count of it."""
        self.caps = self.ripen(now_ms)
        for cap in self.caps:
            if cap.kind is not LimitKind.DEPOSIT:
                continue
            if not _saw(cap, opening):
                cap.use(amount, version, now_ms)
            elif amount > opening[2] or opening[0] > cap.after:
                cap.use(amount - opening[2], version, now_ms)

    def take_back(
        self,
        amount: int,
        earlier: int,
        deposit: tuple[int, int, int],
        opening: tuple[int, int, int] | None,
        version: int,
        now_ms: int,
    ) -> None:
        """Give back what a deposit (version, instant, amount) used, as far as it was not given back before."""
        self.caps = self.ripen(now_ms)
        for cap in self.caps:
            if cap.kind is not LimitKind.DEPOSIT or deposit[0] <= cap.after:
                continue
            at_opening = opening is not None and opening[0] <= cap.after and _saw(cap, opening)
            counted = max(0, deposit[2] - opening[2]) if at_opening and opening else deposit[2]
            cap.use(-max(0, min(amount, counted - earlier)), version, now_ms)


def _saw(cap: Cap, record: tuple[int, int, int]) -> bool:
    return record[0] > cap.after or (cap.index > 0 and record[1] > cap.anchor)


def status_at(status: Status, guard: Guard, now_ms: int) -> Status:
    """How a wallet may be used."""
    return Status.EXCLUDED if status is Status.ACTIVE and guard.excluded(now_ms) else status
