"""What a deposit takes of its player's limits, and when it gives that back: as movements of the ledger.

A deposit counts from the moment in which it is opened, decided in the wallet's version together with everything else that counts:
of many at once exactly as many are opened as a limit covers. When it ends without money it gives back what it took, once. What is
paid all the same is booked and counted then, as is what was paid beyond the amount that was asked for.

Stripe and Adyen let the same payment be tried again after a failure, so there a failure is no end: the deposit keeps what it took,
or each of many that failed could be paid after all. It can be paid by another try, within the limits; of one that was not tried
again for a day the house takes the same end as of one that nobody completed (see `overdue`).
"""

from typing import Final

from countroom.cashier.deposits import Change, Deposit, DepositStatus
from countroom.cashier.life import NOT_TRIED_AGAIN
from countroom.cashier.store import CashierStore
from countroom.ledger.book import Book, Refused
from countroom.ledger.movements import Reason, Reference
from countroom.ledger.safeguards import AbandonDeposit, OpenDeposit

TRYING: Final = frozenset({"stripe", "adyen"})
"""Gateways at which a payment that failed may be tried again: the PaymentIntent asks for another method, the session goes on."""

TRIES_MS: Final = 24 * 60 * 60 * 1000
"""So long after its opening a deposit is not opened at its gateway any more, and a session there is over: a failure is the end."""

_ENDED: Final = frozenset({DepositStatus.EXPIRED, DepositStatus.CANCELLED})
_NOTHING_LEFT: Final = frozenset({Reason.ALREADY_RESOLVED, Reason.REFERENCE_UNKNOWN})
"""One of the tables was restored to an earlier day: money came for the deposit, or the ledger does not know its opening."""


class NotGivenBack(Exception):
    """The ledger refuses to give back what a deposit took, for a reason that is for people; nothing was changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def opening(deposit: Deposit) -> OpenDeposit:
    """Give the movement by which a deposit is opened."""
    return OpenDeposit.of(deposit.player_id, deposit.deposit_id, deposit.currency, deposit.amount)


def opened(deposit: Deposit, record: str) -> Reference | None:
    """Name the opening that the payment booked as `record` answers; None where none does.

    That is the deposit's first payment. A further one, or one of a deposit from before openings were recorded, counts by itself.
    """
    return opening(deposit).reference if deposit.counted and record == deposit.deposit_id else None


def has_ended(deposit: Deposit) -> bool:
    """Say whether a deposit came to an end without money at some time: what it took of the limits is given back since."""
    return any(_is_end(deposit, change) for change in deposit.changes)


def _is_end(deposit: Deposit, change: Change) -> bool:
    if change.status is not DepositStatus.FAILED:
        return change.status in _ENDED
    late = change.at_ms >= deposit.created_at_ms + TRIES_MS
    return late or deposit.gateway not in TRYING or change.cause == NOT_TRIED_AGAIN


def move(store: CashierStore, book: Book, before: Deposit, after: Deposit) -> bool:
    """Write a step of a deposit that moves no money; False when the deposit has moved on meanwhile.

    Where the step ends a deposit that counts, what it took is given back in the same transaction. Raises NotGivenBack,
    StoreUnavailable and the ledger's OutcomeUnknown; after the last two the same again is safe.
    """
    if not before.counted or has_ended(before) or not has_ended(after):
        return store.save(before, after)
    posted = book.post(AbandonDeposit.of(before.player_id, before.deposit_id), companions=store.moving(before, after))
    if not isinstance(posted, Refused):
        # Replayed: given back before this call, by a twin of it or before the cashier's table was restored to an earlier day.
        return not posted.replayed or store.save(before, after)
    if posted.reason is Reason.COMPANION_CONFLICT:
        return False
    if posted.reason in _NOTHING_LEFT:
        return store.save(before, after)
    raise NotGivenBack(posted.reason)
