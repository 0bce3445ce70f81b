import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.deposits import DepositStatus, open_deposit
from countroom.cashier.gateways import paymentiq, signing
from countroom.cashier.gateways.dialect import MalformedEvent, SecretsUnusable
from countroom.cashier.gateways.paymentiq import MESSAGES, Answer, ErrorCode
from countroom.cashier.store import StoreUnavailable
from countroom.ledger.audit import audit_items
from countroom.ledger.book import OutcomeUnknown, Posted
from countroom.ledger.movements import LimitKind, Reference, SetLimit, SetStatus, Status
from countroom.times import DAY_MS
from tests.unit.cashier.paymentiq_world import House, call, cancel, money, out, stray, verify
from tests.unit.cashier.support import (
    DEPOSIT_ID,
    OTHER_PLAYER,
    PLAYER,
    BreakingClient,
    Killed,
    keep,
    lost,
    nanos,
)
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import LEDGER_TABLE

OTHER_DEPOSIT = "dep_" + "d" * 20
STANDARD_DEPOSIT = "dep_" + "e" * 20


@pytest.fixture
def house(dynamodb: Any, clock: FixedClock) -> House:
    return House(dynamodb, clock)


def refused(told: dict[str, Any], code: ErrorCode) -> None:
    assert (told["success"], told["errCode"], told["errMsg"]) == (False, code.value, MESSAGES[code])


# Who is it?


def test_a_player_is_known_by_the_deposit_that_was_opened(house: House) -> None:
    assert house.says("verifyuser", verify()) == {
        "success": True,
        "userId": PLAYER,
        "country": "MT",
        "balance": "50.00",
        "balanceCy": "EUR",
    }


@pytest.mark.parametrize("session", ["", "x", OTHER_DEPOSIT, STANDARD_DEPOSIT])
def test_a_session_that_is_not_a_deposit_of_this_player_here_is_none(house: House, session: str) -> None:
    keep(house.store, open_deposit(OTHER_DEPOSIT, OTHER_PLAYER, "paymentiq", "EUR", nanos("10.00"), START_MS), "k-2")
    keep(house.store, open_deposit(STANDARD_DEPOSIT, PLAYER, "standard", "EUR", nanos("10.00"), START_MS), "k-3")
    refused(house.says("verifyuser", verify(session)), ErrorCode.UNKNOWN_SESSION)


def test_another_player_gets_nothing_by_this_players_session(house: House) -> None:
    told = house.says("verifyuser", verify(user=OTHER_PLAYER))
    refused(told, ErrorCode.UNKNOWN_SESSION)
    assert "balance" not in told


def test_a_session_ends_with_its_payment(house: House) -> None:
    house.says("transfer", call())
    refused(house.says("verifyuser", verify()), ErrorCode.UNKNOWN_SESSION)


@pytest.mark.parametrize(("status", "code"), [(Status.BLOCKED, ErrorCode.USER_BLOCKED), (Status.EXCLUDED, ErrorCode.USER_EXCLUDED)])
def test_a_player_who_may_not_pay_in_is_told_so_at_each_step(house: House, status: Status, code: ErrorCode) -> None:
    status_of(house, status)
    refused(house.says("verifyuser", verify()), code)
    refused(house.says("authorize", call()), code)
    assert house.deposit().status is DepositStatus.FAILED


def status_of(house: House, status: Status) -> None:
    name = Reference("house:status", f"s-{status}")
    assert isinstance(house.book.post(SetStatus(name, PLAYER, status)), Posted)


# Money in


def test_a_deposit_is_authorised_then_credited_once_however_often_it_is_told(house: House) -> None:
    authorised = [house.says("authorize", call()) for _ in range(3)]
    assert (
        authorised == [{"success": True, "userId": PLAYER, "txId": "1001", "merchantTxId": DEPOSIT_ID, "authCode": DEPOSIT_ID}] * 3
    )
    assert house.holds() == money("50.00")
    assert house.deposit().status is DepositStatus.PENDING
    told = [house.says("transfer", call(authCode=DEPOSIT_ID)) for _ in range(3)]
    assert told == [{"success": True, "userId": PLAYER, "txId": "1001", "merchantTxId": DEPOSIT_ID}] * 3
    assert house.holds() == money("60.00")
    assert house.deposit().status is DepositStatus.CREDITED
    assert house.says("authorize", call()) == authorised[0]


def test_the_amount_of_the_transfer_counts(house: House) -> None:
    house.says("authorize", call())
    assert house.says("transfer", call("9.50", authCode=DEPOSIT_ID))["success"]
    assert house.holds() == money("59.50")
    credited = house.deposit().payment
    assert credited is not None
    assert credited.amount == nanos("9.50")


def test_the_same_transfer_with_another_amount_is_refused_and_people_are_told(house: House) -> None:
    house.says("transfer", call())
    answer = house.ask("transfer", call("11.00"))
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "other_figures")
    assert house.holds() == money("60.00")


def test_a_transaction_id_may_be_a_number_or_a_text(house: House) -> None:
    assert house.says("transfer", call(tx=1001)) == house.says("transfer", call(tx="1001"))
    assert house.holds() == money("60.00")


def test_money_is_booked_whatever_the_house_has_against_it_by_now(house: House) -> None:
    house.says("authorize", call())
    status_of(house, Status.BLOCKED)
    assert house.says("transfer", call(authCode=DEPOSIT_ID))["success"]
    assert house.holds() == money("60.00")


def test_money_that_comes_without_a_deposit_opens_one(house: House) -> None:
    told = [house.says("transfer", call("7.00", "77", attributes=None)) for _ in range(2)]
    assert told[0] == told[1]
    opened = house.deposit(told[0]["merchantTxId"])
    assert (opened.player_id, opened.gateway, opened.amount) == (PLAYER, "paymentiq", nanos("7.00"))
    assert opened.status is DepositStatus.CREDITED
    assert house.holds() == money("57.00")


def test_money_with_another_players_deposit_is_not_booked_and_people_are_told(house: House) -> None:
    answer = house.ask("transfer", call(userId=OTHER_PLAYER))
    assert (answer.error, answer.alarm) == (ErrorCode.NOT_BOOKED, "foreign_deposit")
    assert (house.holds(), house.holds(OTHER_PLAYER)) == (money("50.00"), money("0.00"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"userId": OTHER_PLAYER}, ErrorCode.UNKNOWN_SESSION),
        ({"attributes": None}, ErrorCode.UNKNOWN_SESSION),
        ({"attributes": {"deposit_id": OTHER_DEPOSIT}}, ErrorCode.UNKNOWN_SESSION),
        ({"txAmountCy": "USD"}, ErrorCode.WRONG_CURRENCY),
        ({"txAmount": "0.50"}, ErrorCode.AMOUNT_OUT_OF_RANGE),
        ({"txAmount": "10000.01"}, ErrorCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_an_authorisation_that_cannot_be_is_refused_each_time_the_same(
    house: House, fields: dict[str, Any], code: ErrorCode
) -> None:
    for _ in range(2):
        refused(house.says("authorize", call(**fields)), code)
    assert house.deposit().status is DepositStatus.CREATED


def test_a_refusal_of_the_moment_stays_one(house: House, clock: FixedClock) -> None:
    limit = SetLimit(Reference("house:limit", "l-1"), PLAYER, "EUR", nanos("5.00"), LimitKind.DEPOSIT, 7 * DAY_MS)
    assert isinstance(house.book.post(limit), Posted)
    for _ in range(2):
        refused(house.says("authorize", call()), ErrorCode.LIMIT_REACHED)
        clock.advance(seconds=30 * 86_400)
    deposit = house.deposit()
    assert (deposit.status, deposit.changes[-1].cause) == (DepositStatus.FAILED, "gateway.payment_failed:limit_reached")
    assert house.says("transfer", call())["success"]
    refused(house.says("authorize", call()), ErrorCode.LIMIT_REACHED)


@pytest.mark.parametrize("ending", ["cancel", "transfer"])
def test_what_was_authorised_once_authorises_no_other_payment(house: House, ending: str) -> None:
    """Limits and exclusion were asked for one payment: a second one of the deposit, of any amount, would pass them by."""
    first = house.says("authorize", call())
    assert first["success"]
    refused(house.says("authorize", call("9000.00", "1002")), ErrorCode.ALREADY_PROCESSED)
    assert house.says(ending, cancel(DEPOSIT_ID, "1001") if ending == "cancel" else call())["success"]
    for _ in range(2):
        refused(house.says("authorize", call(tx="1002")), ErrorCode.ALREADY_PROCESSED)
    assert house.says("authorize", call()) == first


def test_a_payment_that_will_not_be_made_is_cancelled(house: House) -> None:
    house.says("authorize", call())
    assert [house.says("cancel", cancel(DEPOSIT_ID, "1001"))["success"] for _ in range(2)] == [True, True]
    assert house.deposit().status is DepositStatus.CANCELLED
    assert house.says("transfer", call())["success"]
    assert house.holds() == money("60.00")
    refused(house.says("cancel", cancel(DEPOSIT_ID, "1001")), ErrorCode.ALREADY_PROCESSED)
    refused(house.says("cancel", cancel(OTHER_DEPOSIT)), ErrorCode.UNKNOWN_TRANSACTION)
    refused(house.says("cancel", cancel(DEPOSIT_ID, user=OTHER_PLAYER)), ErrorCode.UNKNOWN_TRANSACTION)


# Money taken back


@pytest.mark.parametrize(
    ("name", "status"),
    [("Refund", DepositStatus.REVERSED), ("Chargeback (Visa)", DepositStatus.REVERSED), (None, DepositStatus.REVERSED)],
)
def test_what_is_taken_back_is_booked_once_into_debt_if_it_must_be(house: House, name: str | None, status: DepositStatus) -> None:
    house.says("transfer", call("60.00"))
    house.withdraw("100.00")
    back = call("-60.00", "1002", originTxId="1001", txName=name)
    told = [house.says("transfer", back) for _ in range(3)]
    assert told == [{"success": True, "userId": PLAYER, "txId": "1002", "merchantTxId": DEPOSIT_ID}] * 3
    assert house.holds() == money("-50.00", "100.00")
    assert house.deposit().status is status


def test_refunds_in_parts_are_each_booked(house: House) -> None:
    house.says("transfer", call())
    for tx, amount in (("1002", "-3.00"), ("1003", "-3.00"), ("1003", "-3.00")):
        assert house.says("transfer", call(amount, tx, originTxId="1001"))["success"]
    assert house.holds() == money("54.00")
    answer = house.ask("transfer", call("-4.00", "1003", originTxId="1001"))
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "other_figures")


def test_a_chargeback_that_is_reversed_gives_the_money_back_once(house: House) -> None:
    house.says("transfer", call())
    house.says("transfer", call("-10.00", "1002", originTxId="1001", txName="Chargeback"))
    assert house.holds() == money("50.00")
    for _ in range(2):
        assert house.says("transfer", call("10.00", "1003", originTxId="1001", txName="ChargebackReversal"))["success"]
    assert house.holds() == money("60.00")
    assert house.deposit().status is DepositStatus.CHARGEBACK_REVERSED


def test_what_is_taken_back_before_it_came_waits_for_it(house: House) -> None:
    assert house.says("transfer", call("-10.00", "1002", originTxId="1001"))["success"]
    assert house.holds() == money("50.00")
    assert house.says("transfer", call())["success"]
    assert house.holds() == money("50.00")
    assert house.deposit().status is DepositStatus.REVERSED


def test_another_players_payment_cannot_be_taken_back(house: House) -> None:
    house.says("transfer", call())
    answer = house.ask("transfer", call("-10.00", "1002", originTxId="1001", userId=OTHER_PLAYER))
    assert (answer.error, answer.alarm) == (ErrorCode.UNKNOWN_TRANSACTION, "foreign_deposit")
    assert (house.holds(), house.holds(OTHER_PLAYER)) == (money("60.00"), money("0.00"))


# Money out: what was not ordered. What was is in test_paymentiq_withdrawals


def test_a_payment_that_nobody_ordered_is_never_authorised(house: House) -> None:
    for _ in range(2):
        refused(house.says("authorize", stray()), ErrorCode.UNKNOWN_TRANSACTION)
    refused(house.says("cancel", cancel("wd-2001")), ErrorCode.UNKNOWN_TRANSACTION)
    assert house.holds() == money("50.00")


@pytest.mark.parametrize(("amount", "cash"), [("-20.00", "30.00"), ("-70.00", "-20.00")])
def test_a_payment_that_nobody_ordered_is_booked_once_and_people_are_told(house: House, amount: str, cash: str) -> None:
    for _ in range(3):
        answer = house.ask("transfer", stray(amount))
        assert (answer.error, answer.alarm) == (None, "paid_unordered")
    assert house.holds() == money(cash)
    answer = house.ask("transfer", stray("-1.00"))
    assert (answer.error, answer.alarm) == (ErrorCode.DUPLICATE_TRANSACTION, "other_figures")
    assert not house.says("transfer", stray(amount, userId=OTHER_PLAYER))["success"]
    assert (house.holds(), house.holds(OTHER_PLAYER)) == (money(cash), money("0.00"))


def test_a_payment_that_nobody_ordered_and_that_comes_back_is_credited_part_by_part(house: House) -> None:
    house.says("transfer", stray())
    for tx, amount in (("2002", "5.00"), ("2003", "15.00")):
        for _ in range(2):
            answer = house.ask("transfer", stray(amount, tx, originTxId="2001"))
            assert (answer.error, answer.alarm) == (None, "returned_unordered")
    refused(house.says("transfer", stray("1.00", "2003", originTxId="2001")), ErrorCode.DUPLICATE_TRANSACTION)
    foreign = stray("7.00", "2004", originTxId="2001", userId=OTHER_PLAYER)
    refused(house.says("transfer", foreign), ErrorCode.UNKNOWN_TRANSACTION)
    assert house.holds() == money("50.00")


def test_no_wallet_no_money(house: House) -> None:
    nobody = "pl_" + "z" * 20
    refused(house.says("transfer", stray(userId=nobody)), ErrorCode.UNKNOWN_USER)
    refused(house.says("transfer", call(userId=nobody)), ErrorCode.UNKNOWN_USER)
    for attributes in ({"deposit_id": DEPOSIT_ID}, None):
        answer = house.ask("transfer", call(txAmountCy="USD", attributes=attributes))
        assert (answer.error, answer.alarm) == (ErrorCode.WRONG_CURRENCY, "wrong_currency")


def test_all_that_paymentiq_can_do_leaves_a_ledger_in_which_the_audit_finds_nothing(house: House, dynamodb: Any) -> None:
    says = house.says
    says("authorize", call())
    says("transfer", call("9.00"))
    says("transfer", call("-9.00", "1002", originTxId="1001", txName="Chargeback"))
    says("transfer", call("9.00", "1003", originTxId="1001"))
    house.withdraw()
    says("authorize", out())
    says("transfer", out())
    says("transfer", out("-1.00", "2002"))
    for number, amount in enumerate(("-1.00", "-1.50", "-0.50", "-90.00")):
        says("transfer", stray(amount, f"30{number}"))
        says("transfer", stray(amount.removeprefix("-"), f"40{number}", originTxId=f"30{number}"))
    says("transfer", out("20.00", "2003", originTxId="2001"))
    report = audit_items(dynamodb.scan(TableName=LEDGER_TABLE, ConsistentRead=True)["Items"])
    assert report.records > 15
    assert report.findings == []
    assert house.holds() == money("58.00")


# A call that is cut off anywhere is answered, when it is sent again, as if it had not been

LIVES: dict[str, tuple[tuple[tuple[str, dict[str, Any]], ...], tuple[str, dict[str, Any]], tuple[int, int]]] = {
    "authorise a deposit": ((), ("authorize", call()), money("50.00")),
    "credit a deposit": ((("authorize", call()),), ("transfer", call(authCode=DEPOSIT_ID)), money("60.00")),
    "credit without a deposit": ((), ("transfer", call(attributes=None)), money("60.00")),
    "take back": ((("transfer", call()),), ("transfer", call("-10.00", "1002", originTxId="1001")), money("50.00")),
    "take back too early": ((), ("transfer", call("-10.00", "1002", originTxId="1001")), money("50.00")),
    "an unordered payment": ((), ("transfer", stray("-70.00")), money("-20.00")),
    "an unordered payment that comes back": (
        (("transfer", stray()),),
        ("transfer", stray("20.00", "2002", originTxId="2001")),
        money("50.00"),
    ),
}


@pytest.mark.parametrize(("fault", "before"), [(Killed, True), (Killed, False), (lost, False)])
@pytest.mark.parametrize("life", LIVES)
def test_cut_off_at_any_call_it_is_answered_the_same_and_moves_once(
    dynamodb: Any, clock: FixedClock, life: str, fault: Callable[[], BaseException], before: bool
) -> None:
    earlier, (action, body), expected = LIVES[life]
    for at in range(60):
        house = House(dynamodb, clock, number=at + 1)
        for step in earlier:
            assert house.says(*step)["success"]
        broken = BreakingClient(dynamodb, at, before=before, fault=fault)
        with contextlib.suppress(Killed, OutcomeUnknown, StoreUnavailable):
            house.says(action, body, broken)
        first = house.says(action, body)
        assert first["success"]
        assert house.says(action, body) == first
        assert house.holds() == expected
        if not broken.broke:
            break
    assert at > 1
    assert not broken.broke


def test_a_call_reads_exactly_what_it_says() -> None:
    read = paymentiq.parse("transfer", json.dumps(call("-1.50", 7, authCode="wd-7", originTxId=8, txName="ChargeBack")).encode())
    assert read == paymentiq.Transfer(PLAYER, "7", -nanos("1.50"), "EUR", "wd-7", DEPOSIT_ID, "8", is_chargeback=True)
    assert paymentiq.parse("cancel", json.dumps({"userId": PLAYER, "authCode": "wd-7"}).encode()) == paymentiq.Cancel(
        PLAYER, "", "wd-7"
    )


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("refund", call()),
        ("", call()),
        ("verifyuser", verify(user="a b")),
        ("verifyuser", {"userId": PLAYER}),
        ("verifyuser", verify("x" * 129)),
        ("cancel", {"userId": PLAYER}),
        ("cancel", cancel("a:b")),
        ("transfer", call(authCode="x" * 65)),
        ("transfer", call(authCode=7)),
        ("transfer", call(originTxId="a b")),
        *(
            (action, call(**fields))
            for action in ("authorize", "transfer")
            for fields in (
                {"userId": None},
                {"userId": 7},
                {"tx": None},
                {"tx": ""},
                {"tx": "a#b"},
                {"tx": "x" * 41},
                {"tx": 1.5},
                {"tx": True},
                {"txAmount": None},
                {"txAmount": 10},
                {"txAmount": 10.5},
                {"txAmount": "0.00"},
                {"txAmount": "-0"},
                {"txAmount": "--1.00"},
                {"txAmount": "+1.00"},
                {"txAmount": "1e3"},
                {"txAmount": "10.001"},
                {"txAmount": "9" * 40},
                {"txAmountCy": None},
                {"txAmountCy": "eur"},
                {"txAmountCy": "XXX"},
                {"txAmountCy": "JPY"},
            )
        ),
    ],
)
def test_what_is_not_exactly_a_call_is_malformed(action: str, said: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        paymentiq.parse(action, json.dumps(said).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x)
)


@given(st.sampled_from(sorted(paymentiq.ACTIONS)), st.dictionaries(st.sampled_from([*call(), "authCode", "sessionId"]), JSON))
def test_any_document_is_a_call_or_malformed(action: str, fields: dict[str, object]) -> None:
    with pytest.raises(MalformedEvent):
        paymentiq.parse(action, json.dumps({**fields, "userId": None}).encode())


def test_an_answer_is_written_in_paymentiqs_form() -> None:
    assert json.loads(Answer({"userId": PLAYER}).body) == {"success": True, "userId": PLAYER}
    told = json.loads(Answer({"userId": PLAYER}, ErrorCode.UNKNOWN_USER, alarm="x").body)
    assert told == {"success": False, "userId": PLAYER, "errCode": "UNKNOWN_USER", "errMsg": MESSAGES[ErrorCode.UNKNOWN_USER]}
    assert MESSAGES.keys() == set(ErrorCode)


def test_two_shared_secrets_are_valid_and_nothing_near_them() -> None:
    secrets = ["a" * 32, "b" * 32]
    assert all(signing.is_shared_secret(secret, secrets) for secret in secrets)
    for near in ("", "a" * 31, "a" * 33, "A" * 32, "c" * 32, "é", "\ud800"):
        assert not signing.is_shared_secret(near, secrets)
    for none in ([], [""], ["short"]):
        with pytest.raises(SecretsUnusable):
            signing.is_shared_secret("", none)
