"""Withdrawals as the payouts' tests need them, and the gateways' answers as their papers have them."""

from collections.abc import Callable
from typing import Any

from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.life import Clearance, Happening, Said, Screened, Step, Submit, decide, request
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.tally import with_request
from countroom.cashier.withdrawals.withdrawal import Withdrawal, Word
from countroom.ledger.book import Book, Posted
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER, nanos
from tests.unit.clock import START_MS
from tests.unit.conftest import WITHDRAWALS_TABLE

WITHDRAWAL_ID = "wdr_" + "w" * 20
OTHER_ID = "wdr_" + "x" * 20
TICKET = "t" * 20
SESSION = f"{WITHDRAWAL_ID}.{TICKET}"


def withdrawal(
    amount: str = "20.00",
    currency: str = "EUR",
    gateway: str = "adyen",
    *,
    tx: str = "",
    name: str = WITHDRAWAL_ID,
    player: str = PLAYER,
) -> Withdrawal:
    """One that is being submitted; with `tx`, one that the gateway has taken under that name."""
    step = request((name, player, gateway, DEPOSIT_ID), currency, nanos(amount, currency), START_MS, TICKET)
    happenings: list[Happening] = [Screened(Clearance.APPROVE), Submit(), *([Said(Word.TAKEN, payout_id=tx)] if tx else [])]
    made = step.withdrawal
    for happening in happenings:
        decided = decide(made, happening, START_MS)
        assert isinstance(decided, Step)
        made = decided.withdrawal
    return made


def nobody_waits(_withdrawal: Withdrawal, _token: str) -> None:
    """What is told of a change where no state machine runs."""


def submitted(client: Any, book: Book, clock: Callable[[], int], made: Withdrawal, *, sent: bool = True) -> Withdrawals:
    """Write a withdrawal with its hold, as it was asked for, then cleared and, with `sent`, about to be sent."""
    store = WithdrawalStore(client, WITHDRAWALS_TABLE)
    named = (made.withdrawal_id, made.player_id, made.gateway, made.instrument)
    step = request(named, made.currency, made.amount, clock(), made.ticket)
    tally = with_request(store.tally(made.player_id), step.withdrawal, clock())
    parts = store.opening(step.withdrawal, tally, Claim(made.player_id, made.withdrawal_id, b"print"), Answer(202, ""))
    (hold,) = movements_of(step.withdrawal, step)
    assert isinstance(book.post(hold, companions=parts), Posted)
    withdrawals = Withdrawals(store, book, clock, nobody_waits)
    withdrawals.happen(made.withdrawal_id, Screened(Clearance.APPROVE))
    if sent:
        withdrawals.happen(made.withdrawal_id, Submit())
    return withdrawals


def transfer(**fields: Any) -> dict[str, Any]:
    """A transfer as Adyen shows it."""
    return {
        "id": "TR1",
        "amount": {"currency": "EUR", "value": 2000},
        "category": "card",
        "direction": "outgoing",
        "reason": "approved",
        "reference": WITHDRAWAL_ID,
        "status": "authorised",
        **fields,
    }


def transaction(**fields: Any) -> dict[str, Any]:
    """A transaction as PaymentIQ shows it."""
    return {
        "txState": "PROCESSING",
        "statusCode": "PROCESSING_PROVIDER",
        "success": True,
        "txId": 4711,
        "merchantTxId": WITHDRAWAL_ID,
        "messages": [],
        **fields,
    }
