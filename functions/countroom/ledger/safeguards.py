"""What can happen to a wallet for the player's protection, as movements: limits, exclusions, reality checks, openings of deposits.

Waiting times, and whether a raise is to be confirmed, are the house's rules at the moment of asking and no part of what is asked: a
repeat under another rule is the same movement. Amounts are nanos, times are milliseconds.
"""

from dataclasses import dataclass
from typing import Final

from countroom.ledger.movements import (
    INSTANT_END,
    INTERVAL_END,
    ExclusionKind,
    InvalidReference,
    Kind,
    LimitKind,
    Movement,
    Period,
    Reference,
    detail_of,
)
from countroom.ledger.records import Record

FOREVER_MS: Final = INSTANT_END - 1
"""The end of an exclusion that has none: the last instant that the ledger can write."""

_NONE: Final = "none"
_CONFIRM: Final = "confirm"


def limit_name(limit: LimitKind, period: Period) -> str:
    """Name a limit as records and answers do: ``deposit 24h``, ``stake each``."""
    return f"{limit} {period}"


@dataclass(frozen=True, slots=True)
class LimitChange:
    """What came of a change: the cap before and after (None: no limit), from when on, and whether it must be confirmed then.

    Caps are nanos, those of a session limit milliseconds. Of a raise that is withdrawn, `before` is what it would have been.
    """

    before: int | None
    after: int | None
    at_ms: int
    confirm: bool = False

    @property
    def text(self) -> str:
        """Write it as the record's note has it."""
        words = (_cap_text(self.before), _cap_text(self.after), str(self.at_ms), _CONFIRM if self.confirm else "")
        return " ".join(word for word in words if word)


def _cap_text(cap: int | None) -> str:
    return _NONE if cap is None else str(cap)


def limit_of(record: Record) -> tuple[LimitKind, Period]:
    """Return which limit a record of a change is about; raise ValueError for a record of another kind."""
    if record.kind not in {Kind.LIMIT, Kind.RAISE_WITHDRAWN, Kind.RAISE_CONFIRMED}:
        raise ValueError("not the record of a limit's change")
    kind, period, *_ = record.note.split(" ")
    return LimitKind(kind), Period(period)


def change_of(record: Record) -> LimitChange | None:
    """Return what came of a change of a limit; None where it was refused, and for a record of another kind."""
    words = detail_of(record.note).split(" ")
    if record.kind not in {Kind.LIMIT, Kind.RAISE_WITHDRAWN, Kind.RAISE_CONFIRMED} or words == [""]:
        return None
    before, after = (None if word == _NONE else int(word) for word in words[:2])
    return LimitChange(before, after, int(words[2]), words[3:] == [_CONFIRM])


def reopens_at(record: Record) -> int | None:
    """Return the instant from which an account is open again, of the record that asked for it; None for any other record."""
    detail = detail_of(record.note) if record.kind is Kind.REOPENING else ""
    return int(detail) if detail else None


@dataclass(frozen=True, slots=True)
class SetLimit(Movement):
    """A new limit, or another cap for one: lower takes effect at once, higher or none (`cap` None) after `waits_ms` (UKGC RTS 12).

    Money is limited over `Period.DAY`, `WEEK` or `MONTH`; a stake and a session by `Period.EACH`. The cap of a session is its
    longest time in milliseconds. `confirm`: after the waiting time a raise takes effect only when it is confirmed. 0 in `waits_ms`:
    the profile knows no raise at all.
    """

    currency: str
    cap: int | None
    limit: LimitKind
    period: Period
    waits_ms: int = 0
    confirm: bool = False
    kind = Kind.LIMIT

    @property
    def money(self) -> tuple[str, int]:
        """Currency code and the cap in nanos (0 for none, and for a time)."""
        return self.currency, 0 if self.cap is None or self.limit is LimitKind.SESSION else self.cap

    @property
    def note(self) -> str:
        """What is limited, and over which period; a time, and that there is to be no limit."""
        name = limit_name(self.limit, self.period)
        if self.cap is None:
            return f"{name} {_NONE}"
        return f"{name} {self.cap}" if self.limit is LimitKind.SESSION else name


@dataclass(frozen=True, slots=True)
class _OfLimit(Movement):
    limit: LimitKind
    period: Period

    @property
    def note(self) -> str:
        """Which limit."""
        return limit_name(self.limit, self.period)


@dataclass(frozen=True, slots=True)
class WithdrawRaise(_OfLimit):
    """The player does not want the pending raise (or removal) of a limit any more."""

    kind = Kind.RAISE_WITHDRAWN


@dataclass(frozen=True, slots=True)
class ConfirmRaise(_OfLimit):
    """The player still wants the pending raise (or removal) of a limit, after its waiting time."""

    kind = Kind.RAISE_CONFIRMED


@dataclass(frozen=True, slots=True)
class StartExclusion(Movement):
    """A time-out or exclusion from now until an instant at least; never shortens one that runs."""

    exclusion: ExclusionKind
    until_ms: int
    kind = Kind.EXCLUSION

    def __post_init__(self) -> None:
        Movement.__post_init__(self)
        if not 0 <= self.until_ms < INSTANT_END:
            raise InvalidReference("an exclusion's end is not of its size")

    @property
    def note(self) -> str:
        """Which kind, and until when."""
        return f"{self.exclusion} {self.until_ms}"


@dataclass(frozen=True, slots=True)
class AskReopening(Movement):
    """The player's own act, after the end of an exclusion, from which the account is open again after `wait_ms`."""

    wait_ms: int
    kind = Kind.REOPENING

    def __post_init__(self) -> None:
        Movement.__post_init__(self)
        if not 0 <= self.wait_ms < INTERVAL_END:
            raise InvalidReference("a waiting time is not of its size")


@dataclass(frozen=True, slots=True)
class AcknowledgeCheck(Movement):
    """The player has seen the reality check that is due, and plays on."""

    kind = Kind.REALITY_CHECK


@dataclass(frozen=True, slots=True)
class SetCheckInterval(Movement):
    """How often the player wants a reality check, at once: in milliseconds of play (0: never)."""

    interval_ms: int
    kind = Kind.CHECK_INTERVAL

    def __post_init__(self) -> None:
        Movement.__post_init__(self)
        if not 0 <= self.interval_ms < INTERVAL_END:
            raise InvalidReference("an interval is not of its size")

    @property
    def note(self) -> str:
        """The interval."""
        return str(self.interval_ms)


@dataclass(frozen=True, slots=True)
class OpenDeposit(Movement):
    """A deposit begins: no money moves, but the deposit limits are used from this moment on."""

    currency: str
    amount: int
    kind = Kind.DEPOSIT_OPENED

    @classmethod
    def of(cls, player_id: str, deposit_id: str, currency: str, amount: int) -> "OpenDeposit":
        """Name the opening after the deposit."""
        return cls(Reference("house:deposit", deposit_id), player_id, currency, amount)

    @property
    def money(self) -> tuple[str, int]:
        """Currency code and amount in nanos."""
        return self.currency, self.amount


@dataclass(frozen=True, slots=True)
class AbandonDeposit(Movement):
    """A deposit that was opened comes to nothing: gives back what it used of the limits, once."""

    opened: Reference
    kind = Kind.DEPOSIT_ABANDONED

    @classmethod
    def of(cls, player_id: str, deposit_id: str) -> "AbandonDeposit":
        """Name the end after the deposit."""
        return cls(Reference("house:abandoned", deposit_id), player_id, Reference("house:deposit", deposit_id))

    @property
    def related(self) -> Reference | None:
        """The opening."""
        return self.opened
