"""Deposits of which nothing was heard for too long: what nobody completed expires, what a gateway still processes is for people.

That a player leaves before paying is ordinary, and the deposit must not stay open for ever: the house closes it. So is that he does
not try again what has failed: that stays failed, and no longer counts towards his limits (see `uses`). The house's word is a guess,
so a payment that comes after all is credited whenever it comes (see `life`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from countroom.cashier import uses
from countroom.cashier.deposits import Actor, Change, Deposit, DepositStatus
from countroom.cashier.life import NOT_COMPLETED, NOT_TRIED_AGAIN
from countroom.cashier.store import CashierStore
from countroom.ledger.book import Book

DAY_MS: Final = 24 * 60 * 60 * 1000
LOOKBACK_MS: Final = 7 * DAY_MS
"""How long after its opening a deposit is looked at: people have heard of it every hour by then."""

EXPIRED_MAX: Final = 2_000
"""Of one gateway, at one look; the rest expires at the next one."""

LIMITS_MS: Final[Mapping[DepositStatus, int]] = MappingProxyType(
    {
        DepositStatus.CREATED: DAY_MS,
        DepositStatus.REQUIRES_ACTION: DAY_MS,
        DepositStatus.PENDING: DAY_MS,
        DepositStatus.FAILED: DAY_MS,
    }
)
"""How long a deposit may stay in a state without a word."""

_PLAYERS_TURN: Final = frozenset({DepositStatus.CREATED, DepositStatus.REQUIRES_ACTION, DepositStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Overdue:
    """What a look came to: ids of deposits, and how many were left for the next one.

    `waiting`: people have to ask the gateway about them. `refused`: they would have expired, but the ledger does not give back what
    they took, for the reason beside the id; each is as it was, and for people too.
    """

    waiting: tuple[str, ...]
    expired: tuple[str, ...]
    left: int
    refused: tuple[tuple[str, str], ...] = ()


def is_overdue(deposit: Deposit, now_ms: int) -> bool:
    """Say whether nothing was heard of a deposit for longer than it may stay where it is."""
    limit_ms = LIMITS_MS.get(deposit.status)
    if deposit.status is DepositStatus.FAILED and not _still_counts(deposit):
        return False
    return limit_ms is not None and now_ms - deposit.changes[-1].at_ms > limit_ms


def _still_counts(deposit: Deposit) -> bool:
    """Say whether a deposit that failed takes something of its player's limits yet, and its gateway has said nothing of money."""
    return deposit.counted and not uses.has_ended(deposit) and not deposit.facts and not deposit.settled


def expires(deposit: Deposit) -> bool:
    """Say whether an overdue deposit is the player's to complete, and its gateway has said nothing of money."""
    return deposit.status in _PLAYERS_TURN and not deposit.facts and not deposit.settled


def expired(deposit: Deposit, now_ms: int) -> Deposit:
    """Give the deposit after the house has closed it."""
    failed = deposit.status is DepositStatus.FAILED
    told = (DepositStatus.FAILED, NOT_TRIED_AGAIN) if failed else (DepositStatus.EXPIRED, NOT_COMPLETED)
    change = Change(now_ms, *told, Actor.HOUSE)
    return replace(deposit, status=change.status, changes=(*deposit.changes, change))


def look(store: CashierStore, book: Book, gateway: str, now_ms: int, go_on: Callable[[], None]) -> Overdue:
    """Look at a gateway's deposits of the last days and close what expires. `go_on` is asked before each, and may raise.

    A deposit that has moved meanwhile is let be: each change is conditional on what was read. So a repeat, also of a look that
    broke off, closes nothing twice. What one took of its player's limits is given back with its end (see `uses`); where the ledger
    refuses that, the others do not wait for it. Raises StoreUnavailable and the ledger's OutcomeUnknown.
    """
    waiting: list[str] = []
    closed: list[str] = []
    refused: list[tuple[str, str]] = []
    left = 0
    for deposit in store.created_between(gateway, now_ms - LOOKBACK_MS, now_ms - min(LIMITS_MS.values())):
        go_on()
        if not is_overdue(deposit, now_ms):
            continue
        if not expires(deposit):
            waiting.append(deposit.deposit_id)
        elif len(closed) >= EXPIRED_MAX:
            left += 1
        else:
            try:
                moved = uses.move(store, book, deposit, expired(deposit, now_ms))
            except uses.NotGivenBack as reason:
                refused.append((deposit.deposit_id, reason.reason.value))
                continue
            if moved:
                closed.append(deposit.deposit_id)
    return Overdue(tuple(waiting), tuple(closed), left, tuple(refused))
