"""A deposit as its player sees it. Pure."""

import json

from countroom import money
from countroom.cashier.deposits import STATUS_TEXT, Deposit, reference
from countroom.times import to_iso


def deposit_view(deposit: Deposit) -> dict[str, object]:
    """Show one deposit as a JSON object: amounts as decimal strings, instants in ISO 8601, what happened in plain words.

    `credited_amount` is what reached the wallet, null until something did; it can differ from `amount`, which was asked for.
    """
    currency = money.currency(deposit.currency)
    credited = deposit.payment
    return {
        "deposit_id": deposit.deposit_id,
        "reference": reference(deposit.deposit_id),
        "status": deposit.status.value,
        "status_text": STATUS_TEXT[deposit.status],
        "amount": money.format_amount(deposit.amount, currency),
        "currency": deposit.currency,
        "credited_amount": money.format_amount(credited.amount, currency) if credited else None,
        "gateway": deposit.gateway,
        "created_at": to_iso(deposit.created_at_ms),
        "events": [
            {"at": to_iso(change.at_ms), "status": change.status.value, "cause": change.cause, "actor": change.actor.value}
            for change in deposit.changes
        ],
    }


def to_json(view: dict[str, object]) -> str:
    """Write the text that goes over the wire, the same each time for the same view."""
    return json.dumps(view, separators=(",", ":"))
