"""Transactions and statements as front-ends see them: JSON objects and CSV.

Amounts are exact (see `amounts`), so that the lines of a list add up to its balances.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from countroom.ledger.amounts import exact_amount
from countroom.ledger.history import Entry, HistoryPage, Period, Transaction
from countroom.ledger.movements import HOUSEKEEPING, Kind, Reference
from countroom.ledger.records import Balances, Outcome, Record, public_id_of
from countroom.times import to_iso

_STATUS_BY: Final = {
    Kind.ROLLBACK: "rolled_back",
    Kind.DEPOSIT: "credited",
    Kind.DEPOSIT_ABANDONED: "abandoned",
    Kind.DEPOSIT_REVERSAL: "reversed",
    Kind.DEPOSIT_RETURNED: "returned",
    Kind.CAPTURE: "captured",
    Kind.RELEASE: "released",
    Kind.PAYOUT_RETURNED: "returned",
}
CSV_COLUMNS: Final = (
    "time",
    "kind",
    "transaction_id",
    "source",
    "game",
    "round",
    "related_transaction_id",
    "currency",
    "amount",
    "cash_change",
    "bonus_change",
    "held_change",
    "cash",
    "bonus",
    "held",
)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def page_view(page: HistoryPage) -> dict[str, Any]:
    """Show a page: ``{"items": [...], "next_cursor": text or null}``."""
    return {"items": [entry_view(entry) for entry in page.entries], "next_cursor": page.next_cursor}


def entry_view(entry: Entry) -> dict[str, Any]:
    """Show one transaction. `status` is its outcome as it stands now; `outcome` what it was when it was booked."""
    record, resolution = entry.record, entry.resolution
    code = record.after.currency
    return {
        "transaction_id": record.public_id,
        "kind": record.kind.value,
        "status": status_of(entry),
        "outcome": record.outcome.value,
        "reason": record.reason.value if record.reason else None,
        "currency": code,
        "amount": exact_amount(record.amount, code),
        "change": _amounts(code, record.cash, record.bonus, record.held),
        "balances": balances_view(record.after),
        "at": to_iso(record.at_ms),
        "source": record.reference.source,
        "game": record.game or None,
        "round": record.round or None,
        "related_transaction_id": public_id_of(record.related) if record.related else None,
        "resolved_by": {"transaction_id": public_id_of(resolution.by), "kind": resolution.kind.value} if resolution else None,
        "version": record.version,
    }


def transaction_view(transaction: Transaction) -> dict[str, Any]:
    """Show one transaction with the states that it went through, oldest first."""
    record = transaction.entry.record
    states = [_state(_first_status(record), record.at_ms, record.reference)]
    if transaction.resolver:
        resolver = transaction.resolver
        states.append(_state(status_of(transaction.entry), resolver.at_ms, resolver.reference))
    return {**entry_view(transaction.entry), "states": states}


def status_of(entry: Entry) -> str:
    """Say how a transaction stands: applied, no_effect, refused, held, or how it was taken back or resolved."""
    return _STATUS_BY[entry.resolution.kind] if entry.resolution else _first_status(entry.record)


def _first_status(record: Record) -> str:
    return "held" if record.kind is Kind.HOLD and record.outcome is Outcome.APPLIED else record.outcome.value


def _state(status: str, at_ms: int, by: Reference) -> dict[str, Any]:
    return {"status": status, "at": to_iso(at_ms), "by": public_id_of(by)}


def balances_view(balances: Balances) -> dict[str, str]:
    """Show the balances at one version of the wallet."""
    return _amounts(balances.currency, balances.cash, balances.bonus, balances.held)


def _amounts(code: str, cash: int, bonus: int, held: int) -> dict[str, str]:
    return {"cash": exact_amount(cash, code), "bonus": exact_amount(bonus, code), "held": exact_amount(held, code)}


def booked(period: Period) -> list[Record]:
    """Return what a statement lists: movements of money that were applied. What else the period holds moves nothing."""
    return [record for record in period.records if record.outcome is Outcome.APPLIED and record.kind not in HOUSEKEEPING]


def statement_view(period: Period) -> dict[str, Any]:
    """Show a statement: balances before and after, totals of each kind, and the lines between, oldest first."""
    code = period.opening.currency
    lines = booked(period)
    return {
        "player_id": period.player_id,
        "currency": code,
        "from": to_iso(period.from_ms),
        "to": to_iso(period.to_ms),
        "opening": balances_view(period.opening),
        "closing": balances_view(period.closing),
        "closing_version": period.closing.version,
        "totals": [_total(kind, lines, code) for kind in Kind if any(record.kind is kind for record in lines)],
        "lines": [_line(record) for record in lines],
    }


def _total(kind: Kind, lines: Sequence[Record], code: str) -> dict[str, Any]:
    of_kind = [record for record in lines if record.kind is kind]
    changes = (sum(r.cash for r in of_kind), sum(r.bonus for r in of_kind), sum(r.held for r in of_kind))
    amount = exact_amount(sum(record.amount for record in of_kind), code)
    return {"kind": kind.value, "count": len(of_kind), "amount": amount, "change": _amounts(code, *changes)}


def _line(record: Record) -> dict[str, Any]:
    code = record.after.currency
    return {
        "transaction_id": record.public_id,
        "kind": record.kind.value,
        "at": to_iso(record.at_ms),
        "source": record.reference.source,
        "game": record.game or None,
        "round": record.round or None,
        "related_transaction_id": public_id_of(record.related) if record.related else None,
        "amount": exact_amount(record.amount, code),
        "change": _amounts(code, record.cash, record.bonus, record.held),
        "balances": balances_view(record.after),
    }


def statement_csv(period: Period) -> str:
    """Write a statement as CSV (RFC 4180): a header, the opening balance, the lines oldest first, the closing balance.

    A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection"); amounts are ours alone.
    """
    code = period.opening.currency
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerow(_balance_row("opening_balance", period.from_ms, period.opening))
    for record in booked(period):
        names = (record.public_id, record.reference.source, record.game, record.round)
        related = public_id_of(record.related) if record.related else ""
        changes = (record.amount, record.cash, record.bonus, record.held)
        after = (record.after.cash, record.after.bonus, record.after.held)
        amounts = [exact_amount(nanos, code) for nanos in (*changes, *after)]
        writer.writerow([to_iso(record.at_ms), record.kind.value, *map(_harmless, (*names, related)), code, *amounts])
    writer.writerow(_balance_row("closing_balance", period.to_ms, period.closing))
    return text.getvalue()


def _balance_row(kind: str, at_ms: int, balances: Balances) -> list[str]:
    amounts = [exact_amount(nanos, balances.currency) for nanos in (balances.cash, balances.bonus, balances.held)]
    return [to_iso(at_ms), kind, "", "", "", "", "", balances.currency, "", "", "", "", *amounts]


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
