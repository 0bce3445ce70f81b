from dataclasses import replace

import pytest

from countroom.cashier import deposits
from countroom.cashier.deposits import (
    NEXT,
    STATUS_TEXT,
    UNPAID,
    Actor,
    Booking,
    Change,
    DepositStatus,
    Fact,
    Payment,
)
from tests.unit.cashier.support import DEPOSIT_ID, deposit_of, nanos

S = DepositStatus


def test_the_graph_is_the_documented_one() -> None:
    assert {status for status in S if S.CREDITED in NEXT[status]} == {*UNPAID, S.REVERSED}
    assert NEXT[S.CREDITED] == {S.SETTLED, S.REVERSED}
    assert NEXT[S.SETTLED] == {S.REVERSED}
    assert NEXT[S.REVERSED] == {S.CREDITED, S.CHARGEBACK_REVERSED, S.SECOND_CHARGEBACK}
    assert NEXT[S.CHARGEBACK_REVERSED] == {S.REVERSED, S.SECOND_CHARGEBACK}
    assert NEXT[S.SECOND_CHARGEBACK] == frozenset()
    assert NEXT[S.CREATED] == {S.REQUIRES_ACTION, S.PENDING, S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}
    assert NEXT[S.REQUIRES_ACTION] == {S.PENDING, S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}
    assert NEXT[S.PENDING] == {S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}


def test_before_money_moves_the_graph_leads_only_onward() -> None:
    for place, status in enumerate(UNPAID):
        assert NEXT[status] - {S.CREDITED} == set(UNPAID[place + 1 :])


def test_every_state_has_words_of_its_own_for_the_player() -> None:
    assert set(STATUS_TEXT) == set(S)
    assert len(set(STATUS_TEXT.values())) == len(S)


def test_a_new_deposit_says_who_asked_and_when() -> None:
    deposit = deposit_of(at_ms=42)
    assert (deposit.status, deposit.version, deposit.created_at_ms, deposit.is_credited) == (S.CREATED, 1, 42, False)
    assert deposit.changes == (Change(42, S.CREATED, "player.request", Actor.PLAYER),)
    assert (deposit.payment, deposit.credited, deposit.taken_back) == (None, 0, 0)


def test_what_came_and_what_went_is_summed_over_what_is_booked() -> None:
    first, second = Payment("pay_2", nanos("10.00"), "EUR"), Payment("pay_1", nanos("7.00"), "EUR")
    facts = (
        Fact(Booking.PAYMENT, second, record=f"{DEPOSIT_ID}:payment:1", booked=nanos("7.00")),
        Fact(Booking.PAYMENT, first, record=DEPOSIT_ID, booked=nanos("10.00")),
        Fact(Booking.REFUND, second, "re", "r", nanos("7.00")),
        Fact(Booking.CHARGEBACK, first, "cb", "c", nanos("10.00")),
        Fact(Booking.CHARGEBACK_REVERSED, first, "cb", "d", nanos("4.00")),
        Fact(Booking.SECOND_CHARGEBACK, first, "cb"),
    )
    deposit = replace(deposit_of(), facts=facts)
    assert deposit.payment == first
    assert (deposit.credited, deposit.taken_back) == (nanos("17.00"), nanos("13.00"))


@pytest.mark.parametrize(
    "text",
    ["", "dep_", DEPOSIT_ID[4:], DEPOSIT_ID + "a", DEPOSIT_ID[:-1], DEPOSIT_ID.upper(), "dep_" + "1" * 20, "dep_" + "é" * 20],
)
def test_what_is_no_deposit_id(text: str) -> None:
    assert deposits.is_deposit_id(DEPOSIT_ID)
    assert not deposits.is_deposit_id(text)


def test_the_reference_can_be_turned_back_into_the_id() -> None:
    reference = deposits.reference("dep_abcdefghijklmnop2345")
    assert reference == "DEP-ABCD-EFGH-IJKL-MNOP-2345"
    prefix, *groups = reference.lower().split("-")
    assert f"{prefix}_{''.join(groups)}" == "dep_abcdefghijklmnop2345"
