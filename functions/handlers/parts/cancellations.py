"""Whether a player called a withdrawal back: the ledger says that its money was released, the withdrawal says at whose wish."""

from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Actor, WithdrawalStatus, is_withdrawal_id
from countroom.ledger.records import Record


def by_player(withdrawals: WithdrawalStore, released: Record) -> bool:
    """Say whether the record of a release is of a withdrawal that its player called back. Raise StoreUnavailable.

    The change of the withdrawal was written in one transaction with the record and names it, and what a withdrawal has seen is
    never taken from it: so the answer is the same at any time. A release that no withdrawal knows of is nobody's wish.
    """
    withdrawal_id = released.reference.transaction_id.partition(":")[0]
    if not is_withdrawal_id(withdrawal_id):
        return False
    withdrawal = withdrawals.get(withdrawal_id)
    if withdrawal is None:
        return False
    change = next((change for change in withdrawal.changes if change.record == released.reference.transaction_id), None)
    return change is not None and change.status is WithdrawalStatus.CANCELLED and change.actor is Actor.PLAYER
