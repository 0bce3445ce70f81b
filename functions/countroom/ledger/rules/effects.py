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

    `resolves`: the related record is resolved by this one. `buries`: a tombstone is left in the place of the related one.
    """

    wallet: Wallet
    outcome: Outcome = Outcome.APPLIED
    amount: int = 0
    counter: str = ""
    resolves: bool = False
    buries: bool = False


Found = Effect | Reason
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


def unusable(wallet: Wallet) -> Reason | None:
    """Say why a wallet takes no new stake, session or bonus."""
    if wallet.status is Status.ACTIVE:
        return None
    return Reason.WALLET_EXCLUDED if wallet.status is Status.EXCLUDED else Reason.WALLET_BLOCKED


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
