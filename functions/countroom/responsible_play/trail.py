"""The trail: what of the ledger's records a regulator, or a member of staff, asks for, told once and for ever. Pure.

An entry is read off one record, which is immutable, so the same record gives the same entry however often and in whatever order the
stream brings it. Nothing in the trail is ever changed or deleted.

What it holds (after UKGC RTS 12 and 13, and AGCO 2.13 to 2.24): each request about a limit with the cap before and after, when it
was asked and from when on it holds; each bet, deposit, bonus and game session that protection refused, with the limit that did;
exclusions and reopenings; sessions; reality checks shown and acknowledged; deposits; withdrawals that the player called back; and
what was done about the cases that markers of harm opened.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import Kind, LimitKind, Reason, Reference, Status, business_note_of, detail_of
from countroom.ledger.records import Outcome, Record
from countroom.ledger.rules.clock import BREAK_MS
from countroom.ledger.safeguards import change_of, limit_name, limit_of, reopens_at
from countroom.times import to_iso

Told: TypeAlias = Mapping[str, str | int | bool | None]
"""What else an entry says: amounts are decimals in `currency`, instants are in UTC, a time is whole milliseconds."""

SLOT_MS: Final = 15 * 60_000
"""Play is kept by quarter hours: with fewer minutes than a break has, so a stretch of play is known to the millisecond."""


_CALENDAR_END_MS: Final = 253_402_300_800_000
"""The first instant of the year 10000, which no calendar here can write."""


class EntryKind(StrEnum):
    """What an entry is about."""

    LIMIT = "limit"
    RAISE_WITHDRAWN = "raise_withdrawn"
    RAISE_CONFIRMED = "raise_confirmed"
    BET_BLOCKED = "bet_blocked"
    DEPOSIT_BLOCKED = "deposit_blocked"
    SESSION_BLOCKED = "session_blocked"
    BONUS_BLOCKED = "bonus_blocked"
    EXCLUSION = "exclusion"
    REOPENING = "reopening"
    STATUS = "status"
    SESSION = "session"
    CHECK_SHOWN = "check_shown"
    CHECK_ACKNOWLEDGED = "check_acknowledged"
    CHECK_INTERVAL = "check_interval"
    DEPOSIT_OPENED = "deposit_opened"
    DEPOSIT_ABANDONED = "deposit_abandoned"
    DEPOSIT = "deposit"
    WITHDRAWAL_CANCELLED = "withdrawal_cancelled"
    CASE_OPENED = "case_opened"
    CASE_NOTED = "case_noted"
    CASE_CLOSED = "case_closed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail. `name` is the ledger's name of the record, or of a case's step; it is there once.

    `actor` is who wanted it (player, staff, gateway, house), `channel` the source by which it came, as the ledger names it.
    """

    kind: EntryKind
    player_id: str
    name: str
    at_ms: int
    actor: str
    channel: str
    outcome: str
    told: Told

    def text(self) -> str:
        """Write what its key does not say, as it is stored."""
        fields = {"k": self.kind, "a": self.actor, "c": self.channel, "o": self.outcome, "d": dict(self.told)}
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def read(cls, player_id: str, name: str, at_ms: int, text: str) -> "Entry":
        """Read what `text` wrote; raise KeyError, TypeError or ValueError for anything else."""
        fields = json.loads(text)
        kind, told = EntryKind(fields["k"]), MappingProxyType(dict(fields["d"]))
        return cls(kind, player_id, name, at_ms, str(fields["a"]), str(fields["c"]), str(fields["o"]), told)

    def view(self) -> dict[str, Any]:
        """Show it to staff."""
        return {
            "kind": self.kind.value,
            "player_id": self.player_id,
            "at": to_iso(self.at_ms),
            "actor": self.actor,
            "channel": self.channel,
            "outcome": self.outcome,
            "name": self.name,
            "told": dict(self.told),
        }


_BLOCKED_BY: Final = frozenset({Reason.LIMIT_REACHED, Reason.WALLET_EXCLUDED, Reason.STAKE_OUT_OF_RANGE})
"""The refusals by which a player is protected; a lack of funds, or a session that has ended, is none of them."""

_BLOCKED: Final[Mapping[Kind, EntryKind]] = MappingProxyType(
    {
        Kind.BET: EntryKind.BET_BLOCKED,
        Kind.DEPOSIT_OPENED: EntryKind.DEPOSIT_BLOCKED,
        Kind.SESSION: EntryKind.SESSION_BLOCKED,
        Kind.BONUS_GRANTED: EntryKind.BONUS_BLOCKED,
    }
)
_KEPT: Final[Mapping[Kind, EntryKind]] = MappingProxyType(
    {
        Kind.LIMIT: EntryKind.LIMIT,
        Kind.RAISE_WITHDRAWN: EntryKind.RAISE_WITHDRAWN,
        Kind.RAISE_CONFIRMED: EntryKind.RAISE_CONFIRMED,
        Kind.EXCLUSION: EntryKind.EXCLUSION,
        Kind.REOPENING: EntryKind.REOPENING,
        Kind.STATUS: EntryKind.STATUS,
        Kind.SESSION: EntryKind.SESSION,
        Kind.REALITY_CHECK: EntryKind.CHECK_ACKNOWLEDGED,
        Kind.CHECK_INTERVAL: EntryKind.CHECK_INTERVAL,
        Kind.DEPOSIT_OPENED: EntryKind.DEPOSIT_OPENED,
        Kind.DEPOSIT_ABANDONED: EntryKind.DEPOSIT_ABANDONED,
        Kind.DEPOSIT: EntryKind.DEPOSIT,
    }
)
"""What is kept of a record, applied or refused, unless it was protection that refused it."""

_ACTORS: Final[Mapping[str, str]] = MappingProxyType(
    {"player": "player", "game": "player", "session": "player", "gateway": "gateway", "staff": "staff"}
)
_OWN_ACTORS: Final[Mapping[str, str]] = MappingProxyType(
    {"house:support": "staff", "house:staff": "staff", "house:deposit": "player"}
)


def kind_of(record: Record, *, cancelled: bool = False) -> EntryKind | None:
    """Say what the trail keeps of a record; None for nothing. `cancelled`: it released a withdrawal that its player called back."""
    if cancelled:
        return EntryKind.WITHDRAWAL_CANCELLED
    if record.outcome is Outcome.REFUSED:
        if record.reason is Reason.REALITY_CHECK_DUE and record.kind is Kind.BET:
            return EntryKind.CHECK_SHOWN
        if record.kind in _BLOCKED:
            return _BLOCKED[record.kind] if record.reason in _BLOCKED_BY else None
    return _KEPT.get(record.kind)


def entry_of(record: Record, *, cancelled: bool = False) -> Entry | None:
    """Read an entry off a record; None where the trail keeps nothing of it. `cancelled` as of `kind_of`."""
    kind = kind_of(record, cancelled=cancelled)
    if kind is None:
        return None
    told: dict[str, str | int | bool | None] = {"reason": record.reason.value} if record.reason else {}
    told |= _TOLD.get(kind, _nothing)(record)
    actor = "player" if cancelled else actor_of(record.reference)
    name, outcome = record.reference.text, record.outcome.value
    return Entry(kind, record.player_id, name, record.at_ms, actor, record.reference.source, outcome, told)


def actor_of(reference: Reference) -> str:
    """Say who wanted a movement, by the family of its source; the house itself where no one else did."""
    family = reference.source.partition(":")[0]
    return _OWN_ACTORS.get(reference.source) or _ACTORS.get(family, "house")


def _nothing(_record: Record) -> dict[str, Any]:
    return {}


def _money(record: Record) -> dict[str, Any]:
    code = record.after.currency
    return {"amount": exact_amount(record.amount, code), "currency": code}


def _blocked(record: Record) -> dict[str, Any]:
    """Tell what was refused, by which limit, and in which game."""
    return {**_money(record), "limit": record.limit or None, "game": record.game or None}


def _limit(record: Record) -> dict[str, Any]:
    """Tell a change of a limit: the cap before and after (none: null), asked for and in force when. A session's cap is a time."""
    kind, period = limit_of(record)
    told: dict[str, Any] = {"limit": limit_name(kind, period), "requested_at": to_iso(record.at_ms)}
    change = change_of(record)
    if change is None:
        return told | ({"asked": _cap(record, kind, _asked(record))} if record.kind is Kind.LIMIT else {})
    before, after = (_cap(record, kind, cap) for cap in (change.before, change.after))
    return told | {"before": before, "after": after, "effective_at": _end(change.at_ms), "to_be_confirmed": change.confirm}


def _asked(record: Record) -> int | None:
    """Give the cap that a refused request asked for: a time and a removal stand in its note, an amount beside it."""
    words = business_note_of(record.kind, record.note).split(" ")[2:]
    if not words:
        return record.amount
    return int(words[0]) if words[0].isdigit() else None


def _cap(record: Record, kind: LimitKind, cap: int | None) -> str | None:
    if cap is None:
        return None
    return f"{cap} ms" if kind is LimitKind.SESSION else f"{exact_amount(cap, record.after.currency)} {record.after.currency}"


def _exclusion(record: Record) -> dict[str, Any]:
    kind, _, until = record.note.partition(" ")
    return {"exclusion": kind, "from": to_iso(record.at_ms), "until": _end(int(until))}


def _end(at_ms: int) -> str | None:
    """Write an end; null for one beyond the calendar, as that of an exclusion without an end is."""
    return to_iso(at_ms) if at_ms < _CALENDAR_END_MS else None


def _reopening(record: Record) -> dict[str, Any]:
    at_ms = reopens_at(record)
    return {"opens_at": _end(at_ms) if at_ms is not None else None}


def _status(record: Record) -> dict[str, Any]:
    return {"status": Status(record.note).value}


def _session(record: Record) -> dict[str, Any]:
    """Tell a game session: from its launch on, and until its end at the latest; a newer one at its provider ends it before."""
    provider = record.reference.source.partition(":")[2]
    return {"provider": provider, "game": record.game, "from": to_iso(record.at_ms), "until": _end(int(record.note))}


def _shown(record: Record) -> dict[str, Any]:
    return {"refused_stake": exact_amount(record.amount, record.after.currency), "game": record.game or None}


def _acknowledged(record: Record) -> dict[str, Any]:
    """Tell what the check had shown: time in play, staked and won, in the currency of the wallet."""
    words = detail_of(record.note).split(" ")
    if words == [""]:
        return {}
    elapsed_ms, staked, won = (int(word) for word in words)
    code = record.after.currency
    sums = {"staked": staked, "won": won, "net": won - staked}
    return {"elapsed_ms": elapsed_ms, "currency": code, **{name: exact_amount(nanos, code) for name, nanos in sums.items()}}


def _interval(record: Record) -> dict[str, Any]:
    return {"interval_ms": int(record.note)}


def _about(record: Record) -> dict[str, Any]:
    return {**_money(record), "about": record.related.text if record.related else None}


_TOLD: Final[Mapping[EntryKind, Callable[[Record], dict[str, Any]]]] = MappingProxyType(
    {
        EntryKind.LIMIT: _limit,
        EntryKind.RAISE_WITHDRAWN: _limit,
        EntryKind.RAISE_CONFIRMED: _limit,
        EntryKind.BET_BLOCKED: _blocked,
        EntryKind.DEPOSIT_BLOCKED: _blocked,
        EntryKind.BONUS_BLOCKED: _blocked,
        EntryKind.SESSION_BLOCKED: _session,
        EntryKind.EXCLUSION: _exclusion,
        EntryKind.REOPENING: _reopening,
        EntryKind.STATUS: _status,
        EntryKind.SESSION: _session,
        EntryKind.CHECK_SHOWN: _shown,
        EntryKind.CHECK_ACKNOWLEDGED: _acknowledged,
        EntryKind.CHECK_INTERVAL: _interval,
        EntryKind.DEPOSIT_OPENED: _money,
        EntryKind.DEPOSIT_ABANDONED: _about,
        EntryKind.DEPOSIT: _about,
        EntryKind.WITHDRAWAL_CANCELLED: _about,
    }
)


@dataclass(frozen=True, slots=True)
class Play:
    """When in a quarter hour a player played: his first and last stake that was taken, epoch milliseconds."""

    first_ms: int
    last_ms: int


def slot_of(at_ms: int) -> int:
    """Give the quarter hour of an instant, by its start."""
    return at_ms - at_ms % SLOT_MS


def is_play(record: Record) -> bool:
    """Whether a record is of a stake that was taken. One that was refused is no play."""
    return record.kind is Kind.BET and record.outcome is Outcome.APPLIED


def play_of(records: Iterable[Record]) -> dict[tuple[str, int], Play]:
    """Read off records when their players played, by player and quarter hour."""
    found: dict[tuple[str, int], Play] = {}
    for record in records:
        if not is_play(record):
            continue
        key, at_ms = (record.player_id, slot_of(record.at_ms)), record.at_ms
        known = found.get(key, Play(at_ms, at_ms))
        found[key] = Play(min(known.first_ms, at_ms), max(known.last_ms, at_ms))
    return found


def stretches(slots: Iterable[Play]) -> Iterator[Play]:
    """Join quarter hours, in any order, to stretches of play: a new one begins after so long a break as ends one in the ledger."""
    running: Play | None = None
    for play in sorted(slots, key=lambda slot: slot.first_ms):
        if running is not None and play.first_ms - running.last_ms < BREAK_MS:
            running = Play(running.first_ms, max(running.last_ms, play.last_ms))
            continue
        if running is not None:
            yield running
        running = play
    if running is not None:
        yield running
