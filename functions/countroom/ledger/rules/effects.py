"""What the rules of money share: the facts they may ask for, the effect they answer with, and the checks of several of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from countroom.ledger.movements import Kind, Reason, Reference, Status
from countroom.ledger.records import Outcome, Record, Resolution, Tombstone
from countroom.ledger.wallet import Totals, Wallet


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands under the names that a movement refers to: records or tombstones, and the markers that resolve them."""

    entries: Mapping[Reference, Record | Tombstone] = field(default_factory=dict)
    resolutions: Mapping[Reference, Resolution] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule found: the changed wallet (its version and head still the old ones) and the record's particulars.

    `resolves`: the related record is resolved by this one. `buries`: a tombstone is left in the place of the related one. `detail`:
    what the record's note says of the outcome.
    """

    wallet: Wallet
    outcome: Outcome = Outcome.APPLIED
    amount: int = 0
    counter: str = ""
    resolves: bool = False
    buries: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A limit of the player does not allow it; `limit` is its name."""

    limit: str
    reason: Reason = Reason.LIMIT_REACHED


Found = Effect | Reason | Blocked
"""What a rule answers: an effect, or why there is none."""


def totals_with(
    wallet: Wallet, *, deposited: int = 0, withdrawn: int = 0, staked: int = 0, won: int = 0, adjusted: int = 0, bonus: int = 0
) -> Totals:
    """Return the lifetime totals with these added, in nanos."""
    total = wallet.totals
    return Totals(
        total.deposited + deposited,
        total.withdrawn + withdrawn,
        total.staked + staked,
        total.won + won,
        total.adjusted + adjusted,
        total.bonus + bonus,
    )


def status_at(wallet: Wallet, now_ms: int) -> Status:
    """Return how a wallet may be used at an instant: its status, and `excluded` while a time-out or exclusion runs."""
    if wallet.exclusion is None or wallet.status is not Status.ACTIVE:
        return wallet.status
    return Status.EXCLUDED if wallet.exclusion.runs(now_ms) else Status.ACTIVE


def unusable(wallet: Wallet, now_ms: int) -> Reason | None:
    """Say why a wallet takes no new stake, session, deposit or bonus at an instant."""
    status = status_at(wallet, now_ms)
    if status is Status.ACTIVE:
        return None
    return Reason.WALLET_EXCLUDED if status is Status.EXCLUDED else Reason.WALLET_BLOCKED


def target_of(wallet: Wallet, facts: Facts, reference: Reference, *kinds: Kind) -> Record | Reason:
    """Return the player's record of that name and of one of these kinds."""
    entry = facts.entries.get(reference)
    if entry is None:
        return Reason.REFERENCE_UNKNOWN
    if entry.player_id != wallet.player_id:
        return Reason.REFERENCE_MISMATCH
    if isinstance(entry, Tombstone):
        return Reason.ROLLED_BACK
    return entry if entry.kind in kinds else Reason.REFERENCE_MISMATCH


def unresolved(wallet: Wallet, facts: Facts, target: Reference, kind: Kind) -> Record | Reason:
    """Return an applied record of that kind that nothing has resolved yet."""
    entry = target_of(wallet, facts, target, kind)
    if isinstance(entry, Reason):
        return entry
    if entry.outcome is not Outcome.APPLIED:
        return Reason.REFERENCE_MISMATCH
    return Reason.ALREADY_RESOLVED if target in facts.resolutions else entry
