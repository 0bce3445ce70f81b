import json
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier.payouts.dialect import BadCredentials, NotPayable, Told
from countroom.cashier.payouts.paymentiq import ASKS_BEFORE_BELIEVED, PAYOUTS, Merchant
from countroom.cashier.payouts.port import Declined, NotFound, Pending, Said, Status, Taken, Unclear
from countroom.cashier.withdrawals.withdrawal import Word
from tests.unit.cashier.payouts.support import OTHER_ID, SESSION, WITHDRAWAL_ID, transaction, withdrawal
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER, nanos
from tests.unit.clock import START_MS

MERCHANT = Merchant("1000", "creditcard")
ORDERED = replace(withdrawal(gateway="paymentiq"), asks=ASKS_BEFORE_BELIEVED)
TAKEN = replace(withdrawal(gateway="paymentiq", tx="4711"), asks=ASKS_BEFORE_BELIEVED)


def listed(*entries: Any, **fields: Any) -> Told:
    return Told(200, {"merchantId": 1000, "userId": PLAYER, "success": True, "transactions": list(entries), **fields})


def test_an_order_is_the_published_one_and_never_repeated_blindly() -> None:
    ask = PAYOUTS.order(ORDERED, MERCHANT)
    assert (ask.method, ask.path, ask.repeatable) == ("POST", "/api/creditcard/withdrawal/process", False)
    assert json.loads(ask.body or b"") == {
        "sessionId": SESSION,
        "userId": PLAYER,
        "merchantId": "1000",
        "amount": "20.00",
        "attributes": {"withdrawal": SESSION, "instrument": DEPOSIT_ID},
    }
    assert json.loads(PAYOUTS.order(withdrawal("5000", "JPY"), MERCHANT).body or b"")["amount"] == "5000"
    with pytest.raises(NotPayable):
        PAYOUTS.order(replace(ORDERED, amount=nanos("20.00") + 1), MERCHANT)


@pytest.mark.parametrize("secret", [{}, {"merchant_id": "1", "method": "../x"}, {"merchant_id": "x", "method": "bank"}])
def test_a_secret_without_credentials_is_none(secret: dict[str, Any]) -> None:
    with pytest.raises(BadCredentials):
        PAYOUTS.credentials(secret)


def test_an_order_that_is_worked_on_or_paid_is_taken() -> None:
    for fields in ({}, {"txState": "WAITING_APPROVAL", "statusCode": "WAITING_WITHDRAWAL_APPROVAL"}):
        assert PAYOUTS.ordered(ORDERED, Told(200, transaction(**fields))) == Taken("4711")
    assert PAYOUTS.ordered(ORDERED, Told(200, transaction(txState="SUCCESSFUL", statusCode="SUCCESS"))) == Taken("4711")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("FAILED", "ERR_DECLINED_NO_FUNDS"),
        ("FAILED", "ERR_FAILED_TO_CONNECT"),
        ("FAILED", "ERR_USER_SESSION_INVALID"),
        ("CANCELLED", "ERR_CANCELLED_BY_PSP"),
    ],
)
def test_a_failure_that_says_what_happened_is_one(state: str, code: str) -> None:
    value = transaction(txState=state, statusCode=code, success=False)
    assert PAYOUTS.ordered(ORDERED, Told(200, value)) == Declined(code)
    assert PAYOUTS.status(TAKEN, Told(200, value)) == Said(Word.FAILED, "4711", code)


@pytest.mark.parametrize(
    ("state", "code", "success"),
    [
        ("INCONSISTENT", "ERR_READ_TIMEOUT", False),
        ("FAILED", "ERR_SYSTEM_ERROR", False),
        ("FAILED", "ERR_INVALID_RESPONSE", False),
        ("FAILED", "ERR_IO_EXCEPTION", False),
        ("FAILED", "ERR_RESPONSE_CODE_UNKNOWN", False),
        ("FAILED", "ERR_DECLINED_DUPLICATE_TX_ID", False),
        ("FAILED", "ERR_DECLINED_NO_FUNDS", True),
        ("FAILED", "SUCCESS", False),
        ("CANCELLED", "ERR_DECLINED_NO_FUNDS", False),
        ("SUCCESSFUL", "SUCCESS", False),
        ("SUCCESSFUL", "SUCCESS_WAITING_CAPTURE", True),
        ("SUCCESSFUL", "ERR_DECLINED_NO_FUNDS", True),
        ("DONE", "SUCCESS", True),
        (None, "SUCCESS", True),
        ("SUCCESSFUL", None, True),
        ("SUCCESSFUL", "SUCCESS", 1),
    ],
)
def test_what_leaves_it_open_is_no_end(state: object, code: object, success: object) -> None:
    value = transaction(txState=state, statusCode=code, success=success)
    assert PAYOUTS.ordered(ORDERED, Told(200, value)) == Unclear("no_end")
    assert PAYOUTS.status(TAKEN, Told(200, value)) == Unclear("no_end")
    assert PAYOUTS.status(ORDERED, listed(value)) == Unclear("no_end")


@pytest.mark.parametrize("tx_id", [None, "", 0, -1, 1.0, True, "x" * 41, "a b", [1], 10**41])
def test_an_order_without_a_name_is_unclear(tx_id: object) -> None:
    assert PAYOUTS.ordered(ORDERED, Told(200, transaction(txId=tx_id))) == Unclear("no_end")


@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 403, 404, 409])
def test_only_200_is_an_answer(status: int) -> None:
    value = transaction(txState="FAILED", statusCode="ERR_DECLINED_NO_FUNDS", success=False)
    assert PAYOUTS.ordered(ORDERED, Told(status, value)) == Unclear(f"status_{status}")
    assert PAYOUTS.status(TAKEN, Told(status, value)) == Unclear(f"status_{status}")


def test_the_question_is_for_the_transaction_that_was_authorised_or_for_all() -> None:
    one = PAYOUTS.question(TAKEN, MERCHANT, START_MS)
    assert one.path == f"/api/user/transaction/1000/{PLAYER}/4711/status?sessionId={SESSION}"
    everything = PAYOUTS.question(ORDERED, MERCHANT, START_MS)
    assert everything.path == f"/api/user/transaction/1000/{PLAYER}?sessionId={SESSION}&method=Withdrawal"
    assert one.repeatable
    assert everything.repeatable


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, Pending("4711")),
        ({"txState": "SUCCESSFUL", "statusCode": "SUCCESS"}, Said(Word.PAID, "4711")),
        ({"txState": "SUCCESSFUL", "statusCode": "SUCCESS_WITHDRAWAL_AUTO_APPROVAL"}, Said(Word.PAID, "4711")),
        ({"txState": "SUCCESSFUL", "statusCode": "SUCCESS_WAITING_CONFIRMATION"}, Pending("4711")),
    ],
)
def test_the_status_is_read_by_state_and_code(fields: dict[str, Any], status: Status) -> None:
    assert PAYOUTS.status(TAKEN, Told(200, transaction(**fields))) == status
    assert PAYOUTS.status(ORDERED, listed(transaction(merchantTxId=OTHER_ID), transaction(**fields))) == status


def test_a_success_is_believed_only_when_the_transfer_that_says_its_amount_stays_away() -> None:
    paid = Told(200, transaction(txState="SUCCESSFUL", statusCode="SUCCESS"))
    for asks in range(ASKS_BEFORE_BELIEVED):
        assert PAYOUTS.status(replace(TAKEN, asks=asks), paid) == Pending("4711")
        assert PAYOUTS.status(replace(ORDERED, asks=asks), listed(paid.value)) == Pending("4711")
    failed = Told(200, transaction(txState="FAILED", statusCode="ERR_DECLINED_NO_FUNDS", success=False))
    assert PAYOUTS.status(replace(TAKEN, asks=0), failed) == Said(Word.FAILED, "4711", "ERR_DECLINED_NO_FUNDS")


def test_a_status_about_another_withdrawal_says_nothing_of_this_one() -> None:
    for own in (OTHER_ID, None, 7):
        value = transaction(txState="SUCCESSFUL", statusCode="SUCCESS", merchantTxId=own)
        assert PAYOUTS.status(TAKEN, Told(200, value)) == Unclear("not_this_transaction")
        assert PAYOUTS.status(ORDERED, listed(value)) == NotFound()


def test_a_list_without_the_withdrawal_finds_nothing_and_what_is_no_list_says_nothing() -> None:
    assert PAYOUTS.status(ORDERED, listed()) == NotFound()
    by_attribute = transaction(merchantTxId=None, attributes={"withdrawal": SESSION})
    assert PAYOUTS.status(ORDERED, listed(by_attribute)) == Pending("4711")
    players_own = transaction(merchantTxId=None, attributes={"withdrawal": WITHDRAWAL_ID}, txState="FAILED", success=False)
    assert PAYOUTS.status(ORDERED, listed(players_own)) == NotFound()
    assert PAYOUTS.status(ORDERED, listed(transaction(txId=None))) == Unclear("no_name")
    for told in (listed(success=False), listed(userId="pl_x"), listed(7), listed(transactions=None), listed(transactions={})):
        assert PAYOUTS.status(ORDERED, told) == Unclear("not_a_list")
    for nothing in ("x", None, 7):
        assert PAYOUTS.status(ORDERED, Told(200, nothing)) == Unclear("not_an_object")


FAILED = transaction(txId=1, txState="FAILED", statusCode="ERR_DECLINED_NO_FUNDS", success=False)
OPEN = transaction(txId=2)
PAID = transaction(txId=3, txState="SUCCESSFUL", statusCode="SUCCESS")
WHO_KNOWS = transaction(txId=4, txState="INCONSISTENT", statusCode="ERR_READ_TIMEOUT", success=False)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ((FAILED, FAILED), Said(Word.FAILED, "1", "ERR_DECLINED_NO_FUNDS")),
        ((FAILED, OPEN), Pending("2")),
        ((OPEN, FAILED, PAID), Said(Word.PAID, "3")),
        ((FAILED, WHO_KNOWS), Unclear("no_end")),
        ((OPEN, WHO_KNOWS), Unclear("no_end")),
        ((WHO_KNOWS, PAID), Said(Word.PAID, "3")),
    ],
)
def test_one_that_was_ordered_twice_comes_to_what_any_of_them_comes_to(found: tuple[Any, ...], status: Status) -> None:
    assert PAYOUTS.status(ORDERED, listed(*found)) == status
    assert PAYOUTS.status(ORDERED, listed(*reversed(found))) == status
