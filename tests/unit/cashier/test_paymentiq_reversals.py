"""What PaymentIQ takes back and gives back again: every transfer is booked once, under its own name."""

import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from countroom.cashier.deposits import DepositStatus
from countroom.cashier.gateways.paymentiq import Answer, ErrorCode
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.audit import audit_items
from countroom.ledger.book import OutcomeUnknown
from handlers import paymentiq as entrance
from runtime import telemetry
from tests.unit.cashier.paymentiq_world import House, call, money
from tests.unit.cashier.support import OTHER_PLAYER, BreakingClient, Killed, lost
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE

BACK = "Chargeback"


@pytest.fixture
def house(dynamodb: Any, clock: FixedClock) -> House:
    made = House(dynamodb, clock)
    assert made.says("transfer", call())["success"]
    return made


def take(tx: str, amount: str = "-10.00", name: str = BACK) -> dict[str, Any]:
    return call(amount, tx, originTxId="1001", txName=name)


def give(tx: str, amount: str = "10.00", **fields: Any) -> dict[str, Any]:
    return call(amount, tx, originTxId="1001", txName="ChargebackReversal", **fields)


def test_a_second_chargeback_after_the_first_was_returned_takes_the_money_again(house: House) -> None:
    for body, cash in ((take("3001"), "50.00"), (give("3002"), "60.00"), (take("3003"), "50.00"), (give("3004"), "60.00")):
        for _ in range(3):
            answer = house.ask("transfer", body)
            assert (answer.error, answer.alarm) == (None, "")
        assert house.holds() == money(cash)
    assert house.deposit().status is DepositStatus.CHARGEBACK_REVERSED


def test_chargebacks_of_parts_are_each_booked_and_each_returned(house: House) -> None:
    for tx in ("3001", "3002"):
        assert house.says("transfer", take(tx, "-5.00"))["success"]
    assert house.holds() == money("50.00")
    for tx in ("3003", "3004", "3003"):
        assert house.says("transfer", give(tx, "5.00"))["success"]
    assert house.holds() == money("60.00")


def test_of_several_chargebacks_the_one_of_that_amount_is_returned(house: House) -> None:
    for tx, amount in (("3001", "-4.00"), ("3002", "-6.00")):
        house.says("transfer", take(tx, amount))
    assert house.ask("transfer", give("3003", "6.00")).alarm == ""
    assert house.holds() == money("56.00")
    assert house.ask("transfer", give("3004", "4.00")).alarm == ""
    assert house.holds() == money("60.00")


def test_the_same_return_with_another_amount_is_refused(house: House) -> None:
    house.says("transfer", take("3001"))
    house.says("transfer", give("3002"))
    answer = house.ask("transfer", give("3002", "9.00"))
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "other_figures")
    assert house.holds() == money("60.00")


def test_what_comes_back_of_a_refund_is_credited_as_that(house: House) -> None:
    for tx, name in (("3001", "Refund"), ("3002", BACK)):
        house.says("transfer", take(tx, name=name))
    assert house.holds() == money("40.00")
    for _ in range(2):
        answer = house.ask("transfer", call("10.00", "3003", originTxId="1001", txName="RefundFailed"))
        assert (answer.error, answer.alarm) == (None, "")
    assert house.holds() == money("50.00")
    assert house.deposit().status is DepositStatus.REVERSED
    house.says("transfer", give("3004"))
    assert house.holds() == money("60.00")


def test_what_comes_back_of_nothing_that_was_taken_is_credited_and_people_are_told(house: House) -> None:
    house.says("transfer", take("3001", "-4.00"))
    first = house.ask("transfer", give("3002"))
    assert (first.error, first.alarm) == (None, "returned_otherwise")
    assert house.ask("transfer", give("3002")).body == first.body
    assert house.holds() == money("66.00")
    assert house.ask("transfer", give("3002", "9.00")).error is ErrorCode.DUPLICATE_TRANSACTION


def test_a_chargeback_that_took_more_than_had_come_is_returned_with_what_it_took(house: House) -> None:
    house.says("transfer", take("3001", "-12.00"))
    assert house.holds() == money("50.00")
    assert house.ask("transfer", give("3002", "12.00")).alarm == ""
    assert house.holds() == money("60.00")


def test_in_every_order_and_repeated_the_sum_is_the_same(dynamodb: Any, clock: FixedClock) -> None:
    said = (call(), take("2001"), give("2002"), take("2003", "-3.00"))
    for number, order in enumerate(itertools.permutations(said), start=1):
        house = House(dynamodb, clock, number)
        for body in (*order, *order):
            assert house.says("transfer", body)["success"]
        assert house.holds() == money("57.00"), [body["txId"] for body in order]
    report = audit_items(dynamodb.scan(TableName=LEDGER_TABLE, ConsistentRead=True)["Items"])
    assert report.findings == []


def test_people_are_told_of_what_names_a_payment_that_nobody_knows(house: House) -> None:
    answer = house.ask("transfer", {**take("3001"), "originTxId": "9999"})
    assert (answer.error, answer.alarm) == (None, "unknown_payment")
    answer = house.ask("transfer", {**give("3002"), "originTxId": "9998"})
    assert (answer.error, answer.alarm) == (None, "returned_otherwise")
    assert house.holds() == money("70.00")


def test_nothing_is_given_back_to_another_player_or_in_another_currency(house: House) -> None:
    house.says("transfer", take("3001"))
    foreign = house.ask("transfer", give("3002", userId=OTHER_PLAYER))
    assert (foreign.error, foreign.alarm) == (ErrorCode.UNKNOWN_TRANSACTION, "foreign_deposit")
    other = house.ask("transfer", give("3003", txAmountCy="USD"))
    assert (other.error, other.alarm) == (ErrorCode.WRONG_CURRENCY, "wrong_currency")
    assert house.holds() == money("50.00")
    assert house.ask("transfer", give("3004")).alarm == "", "the refused one has claimed nothing"
    assert house.holds() == money("60.00")


@pytest.mark.parametrize(("fault", "before"), [(Killed, True), (Killed, False), (lost, False)])
def test_a_return_that_is_cut_off_at_any_call_moves_once(
    dynamodb: Any, clock: FixedClock, fault: Callable[[], BaseException], before: bool
) -> None:
    for at in range(60):
        house = House(dynamodb, clock, number=at + 1)
        for body in (call(), take("2001"), take("2003", "-3.00")):
            assert house.says("transfer", body)["success"]
        broken = BreakingClient(dynamodb, at, before=before, fault=fault)
        with contextlib.suppress(Killed, OutcomeUnknown, StoreUnavailable):
            house.says("transfer", give("2002"), broken)
        assert house.says("transfer", give("2002"))["success"]
        assert house.holds() == money("57.00")
        if not broken.broke:
            break
    assert at > 3
    assert not broken.broke


def test_a_chargeback_is_returned_by_one_transaction_only(dynamodb: Any) -> None:
    store = CashierStore(dynamodb, CASHIER_TABLE)
    assert store.return_of("paymentiq", "1001", "3001") is None
    assert store.claim_return("paymentiq", "1001", "3001", "3002")
    assert store.claim_return("paymentiq", "1001", "3001", "3002")
    assert not store.claim_return("paymentiq", "1001", "3001", "3003")
    assert store.return_of("paymentiq", "1001", "3001") == "3002"


def test_what_becomes_of_a_deposit_is_counted_as_the_worker_counts_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, dict[str, str] | None]] = []
    monkeypatch.setattr(telemetry, "count", lambda name, *_, dimensions=None: counted.append((name, dimensions)))
    monkeypatch.setattr(entrance, "_is_known", lambda _given: True)
    monkeypatch.setattr(entrance, "_desk", house.desk)
    for body in (take("3001"), give("3002"), call(tx="1002")):
        event = {"pathParameters": {"action": "transfer"}, "body": json.dumps(body)}
        assert entrance._serve(event, None)["statusCode"] == 200
    names = [name for name, dimensions in counted if dimensions == {"gateway": "paymentiq"}]
    assert names == ["DepositReversed", "DepositReturned", "DepositPaidAgain"]


def test_a_payment_that_is_declined_is_counted_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, dict[str, str] | None]] = []
    monkeypatch.setattr(telemetry, "count", lambda name, *_, dimensions=None: counted.append((name, dimensions)))
    entrance._report(Answer({}, ErrorCode.LIMIT_REACHED, results=("failed",)), {"action": "authorize"})
    assert ("DepositFailed", {"gateway": "paymentiq"}) in counted
    assert ("DepositFailedByReason", {"gateway": "paymentiq", "reason": "limit_reached"}) in counted
