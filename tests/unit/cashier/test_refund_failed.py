"""A refund that reached nobody: what it took is the player's again, once, and only what it took."""

import itertools

import pytest

from countroom.cashier.deposits import DepositStatus
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.matters import MatterKind
from countroom.cashier.views import deposit_view
from tests.unit.cashier.memory import Office
from tests.unit.cashier.support import deposit_of, event_of, nanos

O = PaymentOutcome  # noqa: E741 - the letter of a table
S = DepositStatus
PART = (event_of(O.REFUNDED, amount="4.00", case_id="re_1"), event_of(O.REFUND_FAILED, amount="4.00", case_id="re_1"))
AGAIN = event_of(O.REFUNDED, amount="4.00", case_id="re_2")
OTHER = event_of(O.REFUND_FAILED, amount="4.00", case_id="re_9")
DISPUTE = (event_of(O.CHARGEBACK, amount="3.00", case_id="cb_1"), event_of(O.CHARGEBACK_REVERSED, amount="3.00", case_id="cb_1"))

LIVES: dict[str, tuple[tuple[PaymentEvent, ...], DepositStatus, str]] = {
    "failed": ((event_of(), *PART), S.CREDITED, "10.00"),
    "failed, settled": ((event_of(), *PART, event_of(O.SETTLED)), S.SETTLED, "10.00"),
    "failed, refunded again": ((event_of(), *PART, AGAIN), S.REVERSED, "6.00"),
    "failed, and a dispute won": ((event_of(), *PART, *DISPUTE), S.CHARGEBACK_REVERSED, "10.00"),
    "another one failed": ((event_of(), PART[0], OTHER), S.REVERSED, "6.00"),
}


@pytest.mark.parametrize("life", LIVES)
def test_in_every_order_and_repeated_the_end_is_the_same(life: str) -> None:
    events, status, cash = LIVES[life]
    for order in itertools.permutations(events):
        office = Office(deposit_of()).take(*order, *order, *reversed(order))
        assert (office.deposit.status, office.cash) == (status, nanos(cash)), order


def test_more_than_the_refund_took_never_comes_back() -> None:
    taken = event_of(O.REFUNDED, amount="4.00", case_id="re_1")
    office = Office(deposit_of()).take(event_of(), taken, event_of(O.REFUND_FAILED, amount="9.00", case_id="re_1"))
    assert office.cash == nanos("10.00")


def test_the_player_reads_of_it_and_staff_are_told() -> None:
    office = Office(deposit_of()).take(event_of(), *PART)
    view = deposit_view(office.deposit)
    assert view["reversed_amount"] is None
    texts = [event["text"] for event in view["events"]]  # type: ignore[attr-defined]  # a list of objects
    assert texts[-1] == "The refund did not reach you, so 4.00 EUR was added to your wallet again."
    assert [matter.kind for matter in office.store.matters] == [MatterKind.REFUNDED, MatterKind.REFUND_FAILED]
