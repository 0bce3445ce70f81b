"""The rules of money: what a movement does to a wallet, or why it is refused. Pure: no clock, no network, no randomness.

`decide` takes the wallet at one version, the facts about earlier records that the movement refers to, and the movement. The store
writes the answer on the condition that the version is still the one decided on, and every change of such a fact raises it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from countroom.ledger.movements import (
    Adjustment,
    Bet,
    BonusConverted,
    BonusForfeited,
    BonusGranted,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    Hold,
    Kind,
    Movement,
    OpenWallet,
    PayoutReturned,
    Reason,
    Release,
    Rollback,
    SetStatus,
    StartSession,
    Win,
    detailed,
)
from countroom.ledger.records import Balances, Outcome, Record, Resolution, Tombstone
from countroom.ledger.rules import bonuses, clock, exclusions, housekeeping, limits, payments, play
from countroom.ledger.rules.effects import Blocked, Effect, Facts, Found
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from countroom.ledger.wallet import Wallet
from countroom.money import AMOUNT_MAX


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written: the next wallet, the record that leads to it, and what stands beside them."""

    wallet: Wallet
    record: Record
    resolution: Resolution | None = None
    tombstone: Tombstone | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of which nothing is kept."""

    reason: Reason


def decide(wallet: Wallet | None, facts: Facts, movement: Movement, now_ms: int) -> Decision | Refusal:
    """Answer a movement: a decision (which may be a recorded refusal), or a refusal that leaves no trace."""
    if wallet is None:
        if not isinstance(movement, OpenWallet):
            return Refusal(Reason.UNKNOWN_PLAYER)
        wallet = Wallet(movement.player_id, movement.currency, movement.country)
    elif isinstance(movement, OpenWallet):
        return Refusal(Reason.PLAYER_EXISTS)
    found = _checked(wallet, facts, movement, now_ms)
    if isinstance(found, Blocked):
        return refuse(wallet, movement, found.reason, now_ms, found.limit)
    if isinstance(found, Reason):
        return refuse(wallet, movement, found, now_ms) if found.recorded else Refusal(found)
    return _sealed(wallet, found, movement, now_ms, None)


def refuse(wallet: Wallet, movement: Movement, reason: Reason, now_ms: int, limit: str = "") -> Decision:
    """Write down a refusal, and the limit that it is for: the next version of the wallet, with nothing in it moved."""
    return _sealed(wallet, Effect(wallet, Outcome.REFUSED, movement.money[1]), movement, now_ms, reason, limit)


def _checked(wallet: Wallet, facts: Facts, movement: Movement, now_ms: int) -> Found:
    """Refuse what no rule needs to see, then ask the movement's own rule."""
    code, amount = movement.money
    if code and code != wallet.currency:
        return Reason.WRONG_CURRENCY
    lowest = -AMOUNT_MAX if movement.kind is Kind.ADJUSTMENT else 0
    if type(amount) is not int or not lowest <= amount <= AMOUNT_MAX:
        return Reason.INVALID_AMOUNT
    if amount == 0 and movement.kind in _NOT_ZERO:
        return Reason.INVALID_AMOUNT
    return _RULES[type(movement)](wallet, facts, movement, now_ms)


def _sealed(before: Wallet, effect: Effect, movement: Movement, now_ms: int, reason: Reason | None, limit: str = "") -> Decision:
    """Give the effect its version, its record and its place in the chain."""
    wallet = replace(effect.wallet, version=before.version + 1)
    reference = movement.reference
    record = Record(
        reference=reference,
        kind=movement.kind,
        outcome=effect.outcome,
        reason=reason,
        player_id=wallet.player_id,
        amount=effect.amount,
        cash=wallet.cash - before.cash,
        bonus=wallet.bonus - before.bonus,
        held=wallet.held - before.held,
        counter=effect.counter,
        after=Balances(wallet.currency, wallet.cash, wallet.bonus, wallet.held, wallet.version),
        at_ms=now_ms,
        game=movement.game_code,
        round=movement.round_id,
        related=movement.related,
        note=detailed(movement.note, effect.detail),
        fingerprint=movement.fingerprint,
        state=wallet.state(),
        previous=before.head,
        previous_key=before.head_key,
        hash=b"",
        limit=limit,
    )
    record = replace(record, hash=record.sealed())
    wallet = replace(wallet, head=record.hash, head_key=reference.text)
    target = movement.related
    resolution = Resolution(target, reference, movement.kind, wallet.player_id) if effect.resolves and target else None
    tombstone = Tombstone(target, wallet.player_id, reference, now_ms) if effect.buries and target else None
    return Decision(wallet, record, resolution, tombstone)


_NOT_ZERO: Final = frozenset(
    {
        Kind.DEPOSIT_OPENED,
        Kind.DEPOSIT,
        Kind.DEPOSIT_REVERSAL,
        Kind.DEPOSIT_RETURNED,
        Kind.HOLD,
        Kind.BONUS_GRANTED,
        Kind.BONUS_CONVERTED,
        Kind.BONUS_FORFEITED,
        Kind.ADJUSTMENT,
    }
)
_Rule = Callable[[Wallet, Facts, Any, int], Found]
_RULES: Final[Mapping[type[Movement], _Rule]] = {
    OpenWallet: housekeeping.open_wallet,
    StartSession: housekeeping.start_session,
    SetStatus: housekeeping.set_status,
    SetLimit: limits.set_limit,
    WithdrawRaise: limits.withdraw_raise,
    ConfirmRaise: limits.confirm_raise,
    StartExclusion: exclusions.start_exclusion,
    AskReopening: exclusions.ask_reopening,
    AcknowledgeCheck: clock.acknowledge_check,
    SetCheckInterval: clock.set_check_interval,
    OpenDeposit: payments.open_deposit,
    AbandonDeposit: payments.abandon_deposit,
    Bet: play.bet,
    Win: play.win,
    Rollback: play.rollback,
    Deposit: payments.deposit,
    DepositReversal: payments.deposit_reversal,
    DepositReturned: payments.deposit_returned,
    Hold: payments.hold,
    Capture: payments.capture,
    Release: payments.release,
    PayoutReturned: payments.payout_returned,
    BonusGranted: bonuses.bonus_granted,
    BonusConverted: bonuses.bonus_converted,
    BonusForfeited: bonuses.bonus_forfeited,
    Adjustment: payments.adjustment,
}
