"""A withdrawal as its player and as staff see it. Pure.

The player reads in plain words where his money is, since when, and what he quotes when he asks. Which rules made people look, who
looked and what a gateway calls its reasons is for staff.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from countroom import money
from countroom.cashier.withdrawals.bookings import source_of
from countroom.cashier.withdrawals.withdrawal import (
    UNSUBMITTED,
    Attention,
    Booking,
    Change,
    Withdrawal,
    WithdrawalStatus,
    record_id,
    reference,
)
from countroom.ledger.movements import Reference
from countroom.ledger.records import public_id_of
from countroom.times import to_iso

_S = WithdrawalStatus

STATUS_TEXT: Final[Mapping[WithdrawalStatus, str]] = MappingProxyType(
    {
        _S.REQUESTED: "We have set the amount aside in your wallet and are checking the withdrawal.",
        _S.AWAITING_APPROVAL: "A member of our staff is checking the withdrawal. The amount stays set aside meanwhile.",
        _S.APPROVED: "The withdrawal is approved and will be sent to the payment service in a moment.",
        _S.SUBMITTING: "We are sending the payout to the payment service and are waiting for its answer.",
        _S.SUBMITTED: "The payment service has the payout and is working on it. Some banks take a while.",
        _S.PAID: "The money has been paid out to you.",
        _S.RETURNED: "The payout came back from your bank or card, and the amount is in your wallet again.",
        _S.FAILED: "The payment service could not pay it out. The amount is in your wallet again; you can try another method.",
        _S.REFUSED: "The withdrawal was not approved. The amount is in your wallet again.",
        _S.CANCELLED: "You cancelled the withdrawal. The amount is in your wallet again.",
    }
)

_PAID_LATE: Final = "payout.paid_late"
_BELOW_ZERO: Final = "Your balance had fallen below zero."
_SLOW: Final = "This takes longer than usual. Our staff are looking into it; you need not do anything."

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "player.request": "You asked for a withdrawal of {amount}. The amount was set aside in your wallet.",
        "player.cancelled": "You cancelled the withdrawal. {amount} went back to your wallet.",
        "screening.passed": "Our checks are done, and the withdrawal is approved.",
        "screening.review": "Our staff were asked to check the withdrawal.",
        "screening.refused": "The withdrawal could not be approved. {amount} went back to your wallet.",
        "house.refused": "The withdrawal could no longer be sent. {amount} went back to your wallet.",
        "staff.approved_in_part": "One member of our staff has approved the withdrawal; a second one checks it.",
        "staff.approved": "Our staff have approved the withdrawal.",
        "staff.refused": "Our staff did not approve the withdrawal. {amount} went back to your wallet.",
        "payout.sent": "We began to send the payout to the payment service.",
        "payout.taken": "The payment service has taken the payout.",
        "payout.declined": "The payment service did not take the payout. {amount} went back to your wallet.",
        "payout.paid": "The payment service has paid {paid}.",
        _PAID_LATE: "The payment service has paid {paid} after all, so that amount left your wallet again.",
        "payout.failed": "The payment service could not pay it out. {amount} went back to your wallet.",
        "payout.returned": "The payout came back and was added to your wallet again.",
        f"people.{Attention.APPROVAL_OVERDUE}": "The check takes longer than usual. We are sorry; you need not do anything.",
        f"people.{Attention.OUTCOME_UNKNOWN}": "The payment service has not confirmed the payout yet. Our staff are asking it.",
        f"people.{Attention.STEP_FAILED}": _SLOW,
        f"people.{Attention.MACHINE_LOST}": _SLOW,
    }
)
"""What a cause says in plain words; what is noted for staff alone is not shown."""

WHY_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_verified": "Please have your identity verified first.",
        "verification.not_verified": "Please have your identity verified first.",
        "wallet_blocked": "Your account is blocked; please contact us.",
        "play_safety.wallet_blocked": "Your account is blocked; please contact us.",
        "in_debt": _BELOW_ZERO,
        "risk.in_debt": _BELOW_ZERO,
        "method_lost": "The payment that it was to go back to was taken back; please choose another method.",
        "documents_needed": "We need documents from you; please contact us.",
        "method_not_yours": "The payment method does not seem to be in your name; please use your own.",
        "play_first": "The money that you paid in has hardly been played with; please contact us.",
        "asked_by_player": "You asked us to.",
        "other": "Please contact us; we will explain.",
    }
)
"""What a player is told of a refusal's reason code, where he may be told anything."""


def withdrawal_view(withdrawal: Withdrawal, *, may_cancel: bool) -> dict[str, object]:
    """Show a withdrawal to its player as a JSON object: amounts as decimal strings, instants in ISO 8601, the rest in plain words.

    `paid_amount` is what the payment service has paid, null until it has. `can_cancel`: calling it back is offered, and would work.
    """
    currency = money.currency(withdrawal.currency)
    return {
        "withdrawal_id": withdrawal.withdrawal_id,
        "reference": reference(withdrawal.withdrawal_id),
        "status": withdrawal.status.value,
        "status_text": STATUS_TEXT[withdrawal.status],
        "since": to_iso(withdrawal.since_ms),
        "amount": money.format_amount(withdrawal.amount, currency),
        "currency": withdrawal.currency,
        "paid_amount": money.format_amount(withdrawal.paid, currency) if withdrawal.paid else None,
        "gateway": withdrawal.gateway,
        "deposit_id": withdrawal.instrument,
        "can_cancel": may_cancel and withdrawal.status in UNSUBMITTED,
        "created_at": to_iso(withdrawal.created_at_ms),
        "events": [_event(withdrawal, change) for change in withdrawal.changes if _cause(change) in _WORDS],
    }


def staff_view(withdrawal: Withdrawal, now_ms: int) -> dict[str, object]:
    """Show a withdrawal to staff, all of it. `age_seconds`: how long it has stood where it stands."""
    currency = money.currency(withdrawal.currency)
    return {
        "withdrawal_id": withdrawal.withdrawal_id,
        "reference": reference(withdrawal.withdrawal_id),
        "player_id": withdrawal.player_id,
        "status": withdrawal.status.value,
        "since": to_iso(withdrawal.since_ms),
        "age_seconds": max(0, now_ms - withdrawal.since_ms) // 1000,
        "amount": money.format_amount(withdrawal.amount, currency),
        "currency": withdrawal.currency,
        "paid_amount": money.format_amount(withdrawal.paid, currency) if withdrawal.paid else None,
        "gateway": withdrawal.gateway,
        "deposit_id": withdrawal.instrument,
        "payout_id": withdrawal.payout_id or None,
        "attention": withdrawal.attention.value if withdrawal.attention else None,
        "reasons": list(withdrawal.reasons),
        "approvals_needed": withdrawal.approvals_needed,
        "approvers": list(withdrawal.approvers),
        "tries": withdrawal.tries,
        "asks": withdrawal.asks,
        "created_at": to_iso(withdrawal.created_at_ms),
        "events": [
            {
                "at": to_iso(change.at_ms),
                "status": change.status.value,
                "cause": change.cause,
                "actor": change.actor.value,
                "by": change.by or None,
                "why": change.why or None,
                "transaction_id": _transaction_id(withdrawal, change),
            }
            for change in withdrawal.changes
        ],
    }


def _event(withdrawal: Withdrawal, change: Change) -> dict[str, object]:
    """Show one step. `transaction_id` is the line of the wallet's history that the money of this step is in, null for none."""
    return {
        "at": to_iso(change.at_ms),
        "status": change.status.value,
        "text": _text(withdrawal, change),
        "actor": change.actor.value,
        "transaction_id": _transaction_id(withdrawal, change),
    }


def _text(withdrawal: Withdrawal, change: Change) -> str:
    currency = money.currency(withdrawal.currency)
    amount, paid = (f"{money.format_amount(nanos, currency)} {currency.code}" for nanos in (withdrawal.amount, withdrawal.paid))
    late = change.record == record_id(withdrawal.withdrawal_id, Booking.LATE_DEBIT)
    words = _WORDS[_PAID_LATE if late else _cause(change)].format(amount=amount, paid=paid)
    cause, _, code = change.cause.partition(":")
    why = WHY_REFUSED.get(code, "") if cause.endswith(".refused") else ""
    return f"{words} {why}".rstrip()


def _cause(change: Change) -> str:
    return change.cause.partition(":")[0]


def _transaction_id(withdrawal: Withdrawal, change: Change) -> str | None:
    return public_id_of(Reference(source_of(withdrawal.gateway), change.record)) if change.record else None
