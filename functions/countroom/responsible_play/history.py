"""What has happened to a player's safety, in plain words, from the ledger's records. It reads nothing itself.

Changes of limits, time-outs and exclusions, reality checks, and every stake and deposit that one of them has refused. Nothing is
too old: the ledger keeps its records for ever, so a year is there, and more (RTS 1B).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from countroom.ledger.amounts import exact_amount
from countroom.ledger.history import Filter, HistoryPage
from countroom.ledger.movements import ExclusionKind, Kind, LimitKind, Period, Reason, Status
from countroom.ledger.records import Outcome, Record
from countroom.ledger.safeguards import change_of, limit_of, reopens_at
from countroom.responsible_play.words import PERIOD_TEXT, cap_text, lasting, most_text, when
from countroom.times import to_iso

CHANGES: Final = frozenset(
    {
        Kind.LIMIT,
        Kind.RAISE_WITHDRAWN,
        Kind.RAISE_CONFIRMED,
        Kind.EXCLUSION,
        Kind.REOPENING,
        Kind.REALITY_CHECK,
        Kind.CHECK_INTERVAL,
        Kind.STATUS,
    }
)
"""Kinds of records that are about a player's safety whatever came of them."""

STOPPED: Final = frozenset({Kind.BET, Kind.DEPOSIT_OPENED})
"""Kinds of records that are shown where the player's safety refused them."""

_STOPS: Final = frozenset({Reason.LIMIT_REACHED, Reason.REALITY_CHECK_DUE, Reason.WALLET_EXCLUDED})


@dataclass(frozen=True, slots=True)
class SafetyFilter(Filter):
    """The records that a player's safety history shows."""

    kinds: frozenset[Kind] = CHANGES | STOPPED

    def matches(self, record: Record) -> bool:
        """Whether a record is shown: of stakes and deposits only those that were stopped."""
        stopped = record.outcome is Outcome.REFUSED and record.reason in _STOPS
        return Filter.matches(self, record) and (record.kind not in STOPPED or stopped)


def page_view(page: HistoryPage) -> dict[str, Any]:
    """Show a page: ``{"items": [...], "next_cursor": text or null}``."""
    return {"items": [entry_view(entry.record) for entry in page.entries], "next_cursor": page.next_cursor}


def entry_view(record: Record) -> dict[str, Any]:
    """Show one record; `limit` is the limit it changed or that stopped it."""
    return {
        "transaction_id": record.public_id,
        "at": to_iso(record.at_ms),
        "kind": record.kind.value,
        "outcome": record.outcome.value,
        "reason": record.reason.value if record.reason else None,
        "limit": _limit_name(record) or None,
        "text": text_of(record),
    }


def _limit_name(record: Record) -> str:
    if record.kind in {Kind.LIMIT, Kind.RAISE_WITHDRAWN, Kind.RAISE_CONFIRMED}:
        return " ".join(limit_of(record))
    return record.limit


def text_of(record: Record) -> str:
    """Say in a sentence what a record is about."""
    if record.outcome is Outcome.REFUSED and record.kind not in STOPPED:
        return _REFUSED.get(record.kind, "You asked for something that could not be done.")
    return _TEXTS[record.kind](record)


_REFUSED: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.LIMIT: "You asked for another limit, and that could not be done.",
        Kind.RAISE_WITHDRAWN: "You wanted to take back a change of a limit, but none was waiting.",
        Kind.RAISE_CONFIRMED: "You wanted to confirm a change of a limit, but none was ready for that.",
        Kind.EXCLUSION: "You asked for a break or an exclusion that would have been shorter than the one that runs.",
        Kind.REOPENING: "You asked to be let in again before that was possible.",
        Kind.REALITY_CHECK: "You acknowledged a reality check, but none was due.",
    }
)


def _limit_text(record: Record) -> str:
    change, (kind, period) = change_of(record), limit_of(record)
    code = record.after.currency
    if change is None or (change.before is None and change.after is None):
        return _REFUSED[Kind.LIMIT]
    if change.after is None:
        before = most_text(kind, period, change.before or 0, code)
        return f"You asked that you need no longer {before}{_from(change.at_ms, confirm=change.confirm)}."
    most = most_text(kind, period, change.after, code)
    if change.before is None:
        return f"You set a limit: {most}."
    before = cap_text(kind, change.before, code)
    if change.after > change.before:
        return f"You asked for a higher limit: {most} instead of {before}{_from(change.at_ms, confirm=change.confirm)}."
    return f"You lowered a limit: {most} instead of {before}." if change.after < change.before else f"You kept a limit: {most}."


def _from(at_ms: int, *, confirm: bool) -> str:
    return f", from {when(at_ms)} on" + (" if you confirm it then" if confirm else "")


def _withdrawn_text(record: Record) -> str:
    change, (kind, period) = change_of(record), limit_of(record)
    if change is None or change.after is None:
        return "You took back a change of a limit."
    return f"You took back what you had asked for; it stays: {most_text(kind, period, change.after, record.after.currency)}."


def _confirmed_text(record: Record) -> str:
    change, (kind, period) = change_of(record), limit_of(record)
    code = record.after.currency
    if change is None or (change.after is None and change.before is None):
        return "You confirmed a change of a limit."
    if change.after is None:
        return f"You confirmed that you need no longer {most_text(kind, period, change.before or 0, code)}."
    return f"You confirmed a higher limit: {most_text(kind, period, change.after, code)}."


_SHUT: Final[Mapping[ExclusionKind, str]] = MappingProxyType(
    {
        ExclusionKind.TIME_OUT: "You began a break, until {until}.",
        ExclusionKind.SELF_EXCLUSION: "You excluded yourself, until {until} at least.",
        ExclusionKind.REGISTER: "A register named you as excluded, until {until} at least.",
        ExclusionKind.STAFF: "We excluded you from play, until {until} at least.",
    }
)


def _exclusion_text(record: Record) -> str:
    kind, _, until = record.note.partition(" ")
    return _SHUT[ExclusionKind(kind)].format(until=when(int(until)))


def _reopening_text(record: Record) -> str:
    opens = reopens_at(record)
    return "You asked to be let in again" + (f"; play opens on {when(opens)}." if opens is not None else ".")


def _interval_text(record: Record) -> str:
    interval_ms = int(record.note)
    return f"You asked for a reality check every {lasting(interval_ms)}." if interval_ms else "You asked for no reality checks."


_STATUS_TEXT: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.ACTIVE: "We opened your account for play.",
        Status.BLOCKED: "We blocked your account.",
        Status.EXCLUDED: "We excluded you from play.",
        Status.CLOSED: "Your account was closed.",
    }
)

_STOPPED_BY: Final[Mapping[LimitKind, str]] = MappingProxyType(
    {
        LimitKind.DEPOSIT: "your limit on what you pay in over {period}",
        LimitKind.WAGER: "your limit on what you stake over {period}",
        LimitKind.LOSS: "your limit on what you lose over {period}",
        LimitKind.STAKE: "your limit on a single stake",
        LimitKind.SESSION: "your limit on playing without a break",
    }
)


def _stopped_text(record: Record) -> str:
    what = "A stake" if record.kind is Kind.BET else "A deposit"
    amount = f"{exact_amount(record.amount, record.after.currency)} {record.after.currency}"
    return f"{what} of {amount} was refused: {_why(record)}."


def _why(record: Record) -> str:
    if record.reason is Reason.REALITY_CHECK_DUE:
        return "a reality check was to be acknowledged first"
    if record.reason is Reason.WALLET_EXCLUDED:
        return "you were taking a break or were excluded"
    kind, _, period = record.limit.partition(" ")
    return _STOPPED_BY[LimitKind(kind)].format(period=PERIOD_TEXT[Period(period)]) if kind else "a limit of yours"


_TEXTS: Final[Mapping[Kind, Callable[[Record], str]]] = MappingProxyType(
    {
        Kind.LIMIT: _limit_text,
        Kind.RAISE_WITHDRAWN: _withdrawn_text,
        Kind.RAISE_CONFIRMED: _confirmed_text,
        Kind.EXCLUSION: _exclusion_text,
        Kind.REOPENING: _reopening_text,
        Kind.REALITY_CHECK: lambda _record: "You acknowledged a reality check.",
        Kind.CHECK_INTERVAL: _interval_text,
        Kind.STATUS: lambda record: _STATUS_TEXT[Status(record.note)],
        Kind.BET: _stopped_text,
        Kind.DEPOSIT_OPENED: _stopped_text,
    }
)
