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
from countroom.ledger.records import Outcome, Record
from countroom.ledger.rules import limits
from countroom.ledger.rules.effects import Blocked, Effect, Facts, Found, target_of, totals_with, unresolved, unusable
from countroom.ledger.safeguards import AbandonDeposit, OpenDeposit
from countroom.ledger.wallet import Limit, Wallet


def open_deposit(wallet: Wallet, _facts: Facts, movement: OpenDeposit, now_ms: int) -> Found:
    """Use the deposit limits for a deposit that begins, if wallet and limits allow it. No money moves."""
    if refused := unusable(wallet, now_ms):
        return refused
    uses = {LimitKind.DEPOSIT: movement.amount}
    if limit := limits.blocking(wallet.limits, uses, now_ms):
        return Blocked(limit.name)
    return Effect(replace(wallet, limits=limits.counted(wallet, uses, now_ms)), amount=movement.amount)


def abandon_deposit(wallet: Wallet, facts: Facts, movement: AbandonDeposit, now_ms: int) -> Found:
    """Give back what a deposit used that comes to nothing; once, and not after its money has come in."""
    opening = unresolved(wallet, facts, movement.opened, Kind.DEPOSIT_OPENED)
    if isinstance(opening, Reason):
        return opening
    counted = limits.given_back(wallet, {LimitKind.DEPOSIT: opening.amount}, opening.version, now_ms)
    return Effect(replace(wallet, limits=counted), amount=opening.amount, resolves=True)


def deposit(wallet: Wallet, facts: Facts, movement: Deposit, now_ms: int) -> Found:
    """Book money that has come in, whatever the status and the limits say: it is here.

    What its opening has used of the deposit limits is not used again. Where the opening was refused, abandoned or ended by another
    deposit, all of it is used now.
    """
    opening: Record | None = None
    if movement.opened is not None:
        found = target_of(wallet, facts, movement.opened, Kind.DEPOSIT_OPENED)
        if isinstance(found, Reason):
            return found
        if found.outcome is Outcome.APPLIED and movement.opened not in facts.resolutions:
            opening = found
    after = replace(
        wallet,
        cash=wallet.cash + movement.amount,
        totals=totals_with(wallet, deposited=movement.amount),
        limits=_deposited(wallet, movement.amount, opening, now_ms),
    )
    return Effect(after, amount=movement.amount, counter=movement.reference.source, resolves=opening is not None)


def _deposited(wallet: Wallet, amount: int, opening: Record | None, now_ms: int) -> tuple[Limit, ...]:
    if opening is None:
        return limits.counted(wallet, {LimitKind.DEPOSIT: amount}, now_ms)
    return limits.credited(wallet, amount, opening, now_ms)


def deposit_reversal(wallet: Wallet, facts: Facts, movement: DepositReversal, now_ms: int) -> Found:
    """Take a deposit, or a part of it, back, into debt if it must be; at once never more than it was.

    It may come back in parts, or by a refund and a chargeback as well: each has left the house. The first one marks the deposit.
    What it used of the deposit limits is given back, in the window in which it was used and never more than was used.
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
        limits=_given_back(wallet, facts, movement, reversed_one, now_ms),
    )
    first = movement.deposit not in facts.resolutions
    return Effect(after, amount=movement.amount, counter=movement.reference.source, resolves=first)


def _given_back(wallet: Wallet, facts: Facts, movement: DepositReversal, deposited: Record, now_ms: int) -> tuple[Limit, ...]:
    earlier = movement.earlier
    if earlier is None:
        earlier = deposited.amount if movement.deposit in facts.resolutions else 0
    opening: Record | None = None
    if deposited.kind is Kind.DEPOSIT and deposited.related is not None:
        entry, marker = facts.entries.get(deposited.related), facts.resolutions.get(deposited.related)
        if not isinstance(entry, Record):
            return wallet.limits  # what it has used cannot be told: rather too little is given back
        opening = entry if marker and marker.by == deposited.reference else None
    return limits.taken_back(wallet, movement.amount, earlier, deposited, opening, now_ms)


def deposit_returned(wallet: Wallet, facts: Facts, movement: DepositReturned, now_ms: int) -> Found:
    """Give back what a reversal took; once for each reversal and never more than it took. It uses the deposit limits again."""
    taken = unresolved(wallet, facts, movement.reversal, Kind.DEPOSIT_REVERSAL)
    if isinstance(taken, Reason):
        return taken
    if movement.amount > taken.amount:
        return Reason.REFERENCE_MISMATCH
    after = replace(
        wallet,
        cash=wallet.cash + movement.amount,
        totals=totals_with(wallet, deposited=movement.amount),
        limits=limits.counted(wallet, {LimitKind.DEPOSIT: movement.amount}, now_ms),
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
