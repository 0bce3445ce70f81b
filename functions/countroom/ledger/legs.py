"""What a record of each kind must say by itself, and of the record that it is about. Pure; amounts are nanos.

These are the rules of money seen from their results: the audit's own account of them, apart from the code that decides.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from countroom.ledger.findings import Issue
from countroom.ledger.movements import HOUSEKEEPING, Kind, Reason, business_note_of
from countroom.ledger.records import Outcome, Record

Complaint = tuple[Issue, str]


class _Form(NamedTuple):
    """How the changes of one kind follow from its amount, and which account stands against them ('' none, 'source' its own)."""

    fits: Callable[[Record], bool]
    counter: str


def _only_cash(record: Record, sign: int) -> bool:
    return (record.cash, record.bonus, record.held) == (sign * record.amount, 0, 0)


def _only_bonus(record: Record, sign: int) -> bool:
    return (record.cash, record.bonus, record.held) == (0, sign * record.amount, 0)


def _play(record: Record, sign: int) -> bool:
    return (
        record.cash + record.bonus == sign * record.amount
        and record.cash * sign >= 0
        and record.bonus * sign >= 0
        and record.held == 0
    )


_FORMS: Final[Mapping[Kind, _Form]] = {
    Kind.BET: _Form(lambda r: _play(r, -1), "source"),
    Kind.WIN: _Form(lambda r: _play(r, 1), "source"),
    Kind.ROLLBACK: _Form(lambda r: _play(r, 1) or _play(r, -1), "source"),
    Kind.DEPOSIT: _Form(lambda r: _only_cash(r, 1), "source"),
    Kind.DEPOSIT_REVERSAL: _Form(lambda r: _only_cash(r, -1), "source"),
    Kind.DEPOSIT_RETURNED: _Form(lambda r: _only_cash(r, 1), "source"),
    Kind.HOLD: _Form(lambda r: (r.cash, r.bonus, r.held) == (-r.amount, 0, r.amount), ""),
    Kind.CAPTURE: _Form(lambda r: (r.cash, r.bonus, r.held) == (0, 0, -r.amount), "source"),
    Kind.RELEASE: _Form(lambda r: (r.cash, r.bonus, r.held) == (r.amount, 0, -r.amount), ""),
    Kind.PAYOUT_RETURNED: _Form(lambda r: _only_cash(r, 1), "source"),
    Kind.BONUS_GRANTED: _Form(lambda r: _only_bonus(r, 1), "house:bonus"),
    Kind.BONUS_CONVERTED: _Form(lambda r: (r.cash, r.bonus, r.held) == (r.amount, -r.amount, 0), ""),
    Kind.BONUS_FORFEITED: _Form(lambda r: _only_bonus(r, -1), "house:bonus"),
    Kind.ADJUSTMENT: _Form(lambda r: _only_cash(r, 1), "house:adjustment"),
}
_TARGETS: Final[Mapping[Kind, frozenset[Kind]]] = {
    Kind.WIN: frozenset({Kind.BET}),
    Kind.DEPOSIT: frozenset({Kind.DEPOSIT_OPENED}),
    Kind.DEPOSIT_ABANDONED: frozenset({Kind.DEPOSIT_OPENED}),
    Kind.ROLLBACK: frozenset({Kind.BET, Kind.WIN}),
    Kind.DEPOSIT_REVERSAL: frozenset({Kind.DEPOSIT, Kind.DEPOSIT_RETURNED}),
    Kind.DEPOSIT_RETURNED: frozenset({Kind.DEPOSIT_REVERSAL}),
    Kind.CAPTURE: frozenset({Kind.HOLD}),
    Kind.RELEASE: frozenset({Kind.HOLD}),
    Kind.PAYOUT_RETURNED: frozenset({Kind.CAPTURE}),
}
_ABOUT_NOTHING_TOO: Final = frozenset({Kind.WIN, Kind.DEPOSIT})
"""Kinds that may be about an earlier record or about none: a promotion's win, a deposit that was not opened."""

_AMOUNT_OF_TARGET: Final = frozenset(
    {Kind.ROLLBACK, Kind.CAPTURE, Kind.RELEASE, Kind.PAYOUT_RETURNED, Kind.DEPOSIT_ABANDONED},
)
_NO_MONEY: Final = HOUSEKEEPING - {Kind.OPEN, Kind.LIMIT, Kind.DEPOSIT_OPENED, Kind.DEPOSIT_ABANDONED}
_NO_AMOUNT_ASKED: Final = _AMOUNT_OF_TARGET | _NO_MONEY | {Kind.OPEN}
_NO_CURRENCY_ASKED: Final = _AMOUNT_OF_TARGET | _NO_MONEY


def check_legs(record: Record) -> Iterator[Complaint]:
    """Name what does not fit within one record."""
    numbers = (record.amount, record.cash, record.bonus, record.held, record.at_ms)
    after = (record.after.cash, record.after.bonus, record.after.held)
    if any(type(number) is not int for number in (*numbers, *after)):
        yield Issue.MALFORMED, "an amount or time is no whole number."
        return
    if record.fingerprint != _fingerprint(record):
        yield Issue.LEGS, "its fingerprint is not that of its fields."
    if (record.outcome is Outcome.REFUSED) != (record.reason is not None):
        yield Issue.LEGS, f"its outcome is {record.outcome}, its reason {record.reason or 'none'}."
    if record.limit and record.reason is not Reason.LIMIT_REACHED:
        yield Issue.LEGS, f"names the limit {record.limit}, and its reason is {record.reason or 'none'}."
    if record.kind in _TARGETS.keys() - _ABOUT_NOTHING_TOO and record.related is None:
        yield Issue.REFERENCE, "does not say what it is about."
    if record.outcome is Outcome.APPLIED and record.kind not in HOUSEKEEPING:
        yield from _check_form(record)
    elif (record.cash, record.bonus, record.held, record.counter) != (0, 0, 0, ""):
        yield Issue.LEGS, f"is {record.outcome} and of kind {record.kind}, and yet moves money."
    yield from _check_signs(record)


def _check_form(record: Record) -> Iterator[Complaint]:
    form = _FORMS[record.kind]
    if record.amount < 0 and record.kind is not Kind.ADJUSTMENT:
        yield Issue.LEGS, "its amount is negative."
    if not form.fits(record):
        changes = (record.cash, record.bonus, record.held)
        yield Issue.LEGS, f"changes (cash, bonus, held) {changes} are not those of a {record.kind} of {record.amount}."
    counter = record.reference.source if form.counter == "source" else form.counter
    if record.counter != counter:
        yield Issue.LEGS, f"its counter-account is {record.counter or 'none'}, not {counter or 'none'}."


def _check_signs(record: Record) -> Iterator[Complaint]:
    """Name debts that may not be: only what is booked by force (reversals, wins taken back, corrections) may leave one."""
    after = record.after
    if after.held < 0:
        yield Issue.NEGATIVE, "the held balance is below zero."
    if record.outcome is Outcome.APPLIED:
        if record.kind in {Kind.BET, Kind.HOLD} and min(after.cash, after.bonus) < 0:
            yield Issue.NEGATIVE, f"a {record.kind} has left a balance below zero."
        if record.kind in {Kind.BONUS_CONVERTED, Kind.BONUS_FORFEITED} and after.bonus < 0:
            yield Issue.NEGATIVE, f"a {record.kind} has left a bonus balance below zero."


def _fingerprint(record: Record) -> bytes:
    """Recompute the fingerprint of the movement from its record."""
    code = "" if record.kind in _NO_CURRENCY_ASKED else record.after.currency
    amount = 0 if record.kind in _NO_AMOUNT_ASKED else record.amount
    about = record.related.text if record.related else ""
    note = business_note_of(record.kind, record.note)
    fields = (record.kind, record.player_id, code, str(amount), record.game, record.round, about, note)
    return hashlib.blake2b("\x1f".join(fields).encode(), digest_size=16).digest()


def check_target(record: Record, target: Record) -> Iterator[Complaint]:
    """Name what does not fit between an applied record and the one that it is about."""
    if target.kind not in _TARGETS.get(record.kind, ()):
        yield Issue.REFERENCE, f"is about a {target.kind}, which a {record.kind} cannot be."
        return
    if target.version >= record.version:
        yield Issue.REFERENCE, "is about a later record."
    if target.outcome is not Outcome.APPLIED and record.kind is not Kind.DEPOSIT:
        yield Issue.REFERENCE, f"is about a record that is {target.outcome}."
    if record.kind in _AMOUNT_OF_TARGET and record.amount != target.amount:
        issue = Issue.HOLD if target.kind is Kind.HOLD else Issue.LEGS
        yield issue, f"its amount is {record.amount}, what it is about has {target.amount}."
    if record.kind is Kind.DEPOSIT_REVERSAL and record.amount > target.amount:
        yield Issue.LEGS, f"takes back {record.amount} of a deposit of {target.amount}."
    if record.kind is Kind.DEPOSIT_RETURNED and record.amount > target.amount:
        yield Issue.LEGS, f"returns {record.amount} of {target.amount} that were taken back."
    if record.kind is Kind.WIN and record.round != target.round:
        yield Issue.REFERENCE, "is of another round than its bet."
    if record.kind is Kind.ROLLBACK and (record.cash, record.bonus) != (-target.cash, -target.bonus):
        yield Issue.LEGS, "does not undo what it takes back."


def totals_of(records: Iterable[Record]) -> dict[str, int]:
    """Add up the lifetime totals, in nanos, from the records alone."""
    totals = dict.fromkeys(("deposited", "withdrawn", "staked", "won", "adjusted", "bonus"), 0)
    named: dict[object, Record] = {}
    for record in records:
        named[record.reference] = record
        if record.outcome is not Outcome.APPLIED:
            continue
        kind, sign = record.kind, 1
        if kind is Kind.ROLLBACK:
            target = named.get(record.related)
            kind, sign = target.kind if target else Kind.OPEN, -1
        if kind in _TOTALS:
            name, direction = _TOTALS[kind]
            totals[name] += sign * direction * record.amount
    return totals


_TOTALS: Final[Mapping[Kind, tuple[str, int]]] = {
    Kind.DEPOSIT: ("deposited", 1),
    Kind.DEPOSIT_REVERSAL: ("deposited", -1),
    Kind.DEPOSIT_RETURNED: ("deposited", 1),
    Kind.CAPTURE: ("withdrawn", 1),
    Kind.PAYOUT_RETURNED: ("withdrawn", -1),
    Kind.BET: ("staked", 1),
    Kind.WIN: ("won", 1),
    Kind.ADJUSTMENT: ("adjusted", 1),
    Kind.BONUS_GRANTED: ("bonus", 1),
    Kind.BONUS_FORFEITED: ("bonus", -1),
}
