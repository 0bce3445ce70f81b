"""Money in and out: deposits and their reversals, holds and what ends them, corrections by staff.

What a gateway has already moved is always booked, even into debt. A hold ends once: captured or released.
"""

from dataclasses import replace

from countroom.ledger.movements import (
    Adjustment,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    Hold,
    Kind,
    LimitKind,
    PayoutReturned,
    Reason,
    Release,
    Status,
)
from countroom.ledger.records import Outcome
from countroom.ledger.rules import limits
from countroom.ledger.rules.effects import Effect, Facts, Found, target_of, totals_with, unresolved
from countroom.ledger.wallet import Wallet


def deposit(wallet: Wallet, _facts: Facts, movement: Deposit, now_ms: int) -> Found:
    """Book money that has come in, whatever the status and the limits say: it is here."""
    after = replace(
        wallet,
        cash=wallet.cash + movement.amount,
        totals=totals_with(wallet, deposited=movement.amount),
        limits=limits.forced(wallet.limits, {LimitKind.DEPOSIT: movement.amount}, now_ms),
    )
    return Effect(after, amount=movement.amount, counter=movement.reference.source)


def deposit_reversal(wallet: Wallet, facts: Facts, movement: DepositReversal, _now_ms: int) -> Found:
    """Take a deposit, or a part of it, back, into debt if it must be; at once never more than it was.

    It may come back in parts, or by a refund and a chargeback as well: each has left the house. The first one marks the deposit.
    """
    reversed_one = target_of(wallet, facts, movement.deposit, Kind.DEPOSIT, Kind.DEPOSIT_RETURNED)
    if isinstance(reversed_one, Reason):
        return reversed_one
    if reversed_one.outcome is not Outcome.APPLIED or movement.amount > reversed_one.amount:
        return Reason.REFERENCE_MISMATCH
    after = replace(
        wallet,
        cash=wallet.cash - movement.amount,
        totals=totals_with(wallet, deposited=-movement.amount),
    )
    first = movement.deposit not in facts.resolutions
    return Effect(after, amount=movement.amount, counter=movement.reference.source, resolves=first)


def deposit_returned(wallet: Wallet, facts: Facts, movement: DepositReturned, _now_ms: int) -> Found:
    """Give back what a reversal took; once for each reversal and never more than it took. It is no new use of a deposit limit."""
    taken = unresolved(wallet, facts, movement.reversal, Kind.DEPOSIT_REVERSAL)
    if isinstance(taken, Reason):
        return taken
    if movement.amount > taken.amount:
        return Reason.REFERENCE_MISMATCH
    after = replace(
        wallet,
        cash=wallet.cash + movement.amount,
        totals=totals_with(wallet, deposited=movement.amount),
    )
    return Effect(after, amount=movement.amount, counter=movement.reference.source, resolves=True)


def hold(wallet: Wallet, _facts: Facts, movement: Hold, _now_ms: int) -> Found:
    """Set cash aside; bonus money and what is held already do not count."""
    if wallet.status in {Status.BLOCKED, Status.CLOSED}:
        return Reason.WALLET_BLOCKED
    if wallet.cash < 0 or wallet.bonus < 0:
        return Reason.NEGATIVE_BALANCE
    if movement.amount > wallet.cash:
        return Reason.INSUFFICIENT_FUNDS
    after = replace(wallet, cash=wallet.cash - movement.amount, held=wallet.held + movement.amount)
    return Effect(after, amount=movement.amount)


def capture(wallet: Wallet, facts: Facts, movement: Capture, _now_ms: int) -> Found:
    """Let held money leave the house."""
    held = unresolved(wallet, facts, movement.hold, Kind.HOLD)
    if isinstance(held, Reason):
        return held
    after = replace(wallet, held=wallet.held - held.amount, totals=totals_with(wallet, withdrawn=held.amount))
    return Effect(after, amount=held.amount, counter=movement.reference.source, resolves=True)


def release(wallet: Wallet, facts: Facts, movement: Release, _now_ms: int) -> Found:
    """Give held money back to cash."""
    held = unresolved(wallet, facts, movement.hold, Kind.HOLD)
    if isinstance(held, Reason):
        return held
    after = replace(wallet, held=wallet.held - held.amount, cash=wallet.cash + held.amount)
    return Effect(after, amount=held.amount, resolves=True)


def payout_returned(wallet: Wallet, facts: Facts, movement: PayoutReturned, _now_ms: int) -> Found:
    """Credit a payout that came back; once for each capture."""
    paid = unresolved(wallet, facts, movement.capture, Kind.CAPTURE)
    if isinstance(paid, Reason):
        return paid
    after = replace(wallet, cash=wallet.cash + paid.amount, totals=totals_with(wallet, withdrawn=-paid.amount))
    return Effect(after, amount=paid.amount, counter=movement.reference.source, resolves=True)


def adjustment(wallet: Wallet, _facts: Facts, movement: Adjustment, _now_ms: int) -> Found:
    """Correct the cash balance by a signed amount."""
    after = replace(wallet, cash=wallet.cash + movement.amount, totals=totals_with(wallet, adjusted=movement.amount))
    return Effect(after, amount=movement.amount, counter="house:adjustment")
