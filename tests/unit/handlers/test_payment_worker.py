import io
import json
from typing import Any

import pytest

from countroom.cashier.deposits import DepositStatus
from countroom.cashier.gateways.dialect import PartlyMalformed, PaymentEvent, PaymentOutcome
from countroom.cashier.gateways.standard import StandardWebhooks
from countroom.cashier.inbox import Received, to_message
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.withdrawal import Attention, WithdrawalStatus
from countroom.ledger.book import Book, OutcomeUnknown
from countroom.ledger.store import LedgerStore
from handlers import payment_worker
from runtime import telemetry
from tests.unit.cashier.payouts.support import OTHER_ID, WITHDRAWAL_ID, submitted, transfer, withdrawal
from tests.unit.cashier.support import DEPOSIT_ID, body_of, cash, deposit_of, event_of, keep, nanos, open_wallet
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, WITHDRAWALS_TABLE

SECOND_ID = "dep_" + "d" * 20
UNKNOWN_ID = "dep_" + "z" * 20


class Context:
    function_name = "worker"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:worker"
    aws_request_id = "lambda-1"


def record(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": f"m-{number}",
        "receiptHandle": "r",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1",
            "SenderId": "x",
            "ApproximateFirstReceiveTimestamp": "1",
        },
        "messageAttributes": {},
        "md5OfBody": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:payments",
        "awsRegion": "eu-west-1",
    }


def message(body: bytes, gateway: str = "standard", event_id: str = "msg_1") -> str:
    return to_message(Received(gateway, event_id, START_MS, body))


def deliver(*bodies: str) -> list[str]:
    """Run one batch and give the ids of the messages that come back."""
    answer = payment_worker.handler({"Records": [record(number, body) for number, body in enumerate(bodies)]}, Context())
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def store(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> CashierStore:
    """The worker over empty tables, with a player and an open deposit of 10.00."""
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("CASHIER_TABLE", CASHIER_TABLE)
    monkeypatch.setenv("WITHDRAWALS_TABLE", WITHDRAWALS_TABLE)
    monkeypatch.setenv("WITHDRAWAL_MACHINE_ARN", "arn:machine")
    payment_worker._applier.cache_clear()
    payment_worker._withdrawals.cache_clear()
    open_wallet(dynamodb, clock)
    made = CashierStore(dynamodb, CASHIER_TABLE)
    keep(made, deposit_of())
    keep(made, deposit_of("7.50", deposit_id=SECOND_ID), key="k-2")
    return made


def status(store: CashierStore, deposit_id: str = DEPOSIT_ID) -> DepositStatus:
    deposit = store.get(deposit_id)
    assert deposit is not None
    return deposit.status


def test_a_batch_is_applied(store: CashierStore, dynamodb: Any, clock: FixedClock) -> None:
    second = body_of(deposit_id=SECOND_ID, payment_id="pay_2", amount="7.50")
    assert deliver(message(body_of()), message(second)) == []
    assert (status(store), status(store, SECOND_ID)) == (DepositStatus.CREDITED, DepositStatus.CREDITED)
    assert cash(dynamodb, clock) == nanos("17.50")


def test_the_same_message_many_times_is_one_credit(store: CashierStore, dynamodb: Any, clock: FixedClock) -> None:
    assert deliver(*[message(body_of())] * 5) == []
    assert deliver(message(body_of(), event_id="msg_2")) == []
    assert status(store) is DepositStatus.CREDITED
    assert cash(dynamodb, clock) == nanos("10.00")


@pytest.mark.parametrize(
    "poison",
    [
        "",
        "not json",
        "[" * 100_000,
        message(b"{"),
        message(body_of(amount="-1.00")),
        message(body_of(), gateway="nobody"),
        message(body_of(deposit_id=UNKNOWN_ID)),
        message(body_of(currency="USD")),
    ],
)
def test_a_poison_message_comes_back_alone(store: CashierStore, dynamodb: Any, clock: FixedClock, poison: str) -> None:
    second = message(body_of(deposit_id=SECOND_ID, payment_id="pay_2", amount="7.50"))
    assert deliver(message(body_of("payment.failed")), poison, second) == ["m-1"]
    assert (status(store), status(store, SECOND_ID)) == (DepositStatus.FAILED, DepositStatus.CREDITED)
    assert cash(dynamodb, clock) == nanos("7.50")


def test_a_batch_of_which_all_fail_comes_back_whole(store: CashierStore) -> None:
    assert deliver("", message(body_of(deposit_id=UNKNOWN_ID))) == ["m-0", "m-1"]
    assert status(store) is DepositStatus.CREATED


def test_an_empty_batch_is_none(store: CashierStore) -> None:
    assert deliver() == []
    assert status(store) is DepositStatus.CREATED


@pytest.mark.parametrize("error", [OutcomeUnknown(possibly_written=True), StoreUnavailable("x"), ZeroDivisionError("secret words")])
def test_what_is_not_known_comes_back_and_is_said_without_its_words(
    store: CashierStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", log)

    class Broken:
        def apply(self, *_: object) -> None:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(payment_worker, "_applier", Broken)
        assert deliver(message(body_of())) == ["m-0"]
    said = log.getvalue()
    assert type(error).__name__ in said
    assert "secret words" not in said
    assert status(store) is DepositStatus.CREATED
    assert deliver(message(body_of())) == []
    assert status(store) is DepositStatus.CREDITED


def metrics(capsys: Any) -> set[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    emitted = [line for line in lines if "_aws" in line]
    return {metric["Name"] for line in emitted for block in line["_aws"]["CloudWatchMetrics"] for metric in block["Metrics"]}


def test_each_outcome_is_counted(store: CashierStore, capsys: Any) -> None:
    assert status(store) is DepositStatus.CREATED
    deliver(message(body_of("payment.failed", reason="card_declined")))
    assert "DepositFailed" in metrics(capsys)
    deliver(message(body_of()))
    assert "DepositCredited" in metrics(capsys)
    deliver(message(body_of()))
    assert "PaymentEventWithoutEffect" in metrics(capsys)
    deliver(message(body_of(deposit_id=SECOND_ID, amount="7.49", payment_id="pay_8")))
    assert "DepositCreditedOtherAmount" in metrics(capsys)
    deliver(message(body_of(payment_id="pay_9")))
    assert "DepositPaidAgain" in metrics(capsys)
    deliver(message(body_of("payment.chargeback")))
    assert "DepositReversed" in metrics(capsys)
    deliver(message(body_of("payment.chargeback_reversed")))
    assert "DepositReturned" in metrics(capsys)
    deliver(message(body_of("payment.refunded", payment_id="pay_unknown")))
    assert "PaymentEventNoted" in metrics(capsys)
    deliver(message(body_of(amount="11.00")))
    assert "PaymentEventNotApplied" in metrics(capsys)


def test_what_is_taken_back_of_a_payment_that_nobody_knows_is_told_to_people(store: CashierStore, capsys: Any) -> None:
    assert status(store) is DepositStatus.CREATED
    deliver(message(body_of("payment.settled")))
    assert "PaymentEventWaiting" not in metrics(capsys), "a settlement that overtakes its payment is nothing to look at"
    deliver(message(body_of("payment.chargeback", payment_id="pay_unknown")))
    assert "PaymentEventWaiting" in metrics(capsys)
    deliver(message(body_of()), message(body_of("payment.chargeback")))
    assert "PaymentEventWaiting" not in metrics(capsys)


def test_failures_are_counted_by_gateway_and_reason(store: CashierStore, capsys: Any) -> None:
    assert status(store) is DepositStatus.CREATED
    deliver(message(body_of("payment.failed", reason="card_declined")))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "DepositFailedByReason" in line]
    assert [(line["gateway"], line["reason"]) for line in lines] == [("standard", "card_declined")]


class Batch:
    """A dialect whose bodies are batches: one good event, one for an unknown deposit, one that cannot be read, one good again."""

    def parse(self, body: bytes) -> list[PaymentEvent]:
        (first,), (unknown,) = StandardWebhooks().parse(body), StandardWebhooks().parse(body_of(deposit_id=UNKNOWN_ID))
        second = event_of(PaymentOutcome.SUCCEEDED, deposit_id=SECOND_ID, payment_id="pay_2", amount="7.50")
        raise PartlyMalformed([unknown, first, second], ["item 2: amount must be more than zero"])


def test_the_good_events_of_a_batch_count_and_the_batch_comes_back(
    store: CashierStore, dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(payment_worker, "dialect", lambda _gateway: Batch())
    assert deliver(message(body_of())) == ["m-0"]
    assert (status(store), status(store, SECOND_ID)) == (DepositStatus.CREDITED, DepositStatus.CREDITED)
    assert cash(dynamodb, clock) == nanos("17.50")
    assert "PaymentEventNotApplied" in metrics(capsys)


# Payouts


@pytest.fixture
def sent(store: CashierStore, dynamodb: Any, clock: FixedClock) -> Withdrawals:
    """The same, and a withdrawal of 6.00 through Adyen that is being submitted, out of 10.00."""
    assert deliver(message(body_of())) == []
    assert status(store) is DepositStatus.CREDITED
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), clock)
    return submitted(dynamodb, book, clock, withdrawal("6.00"))


def payout(word: str = "booked", **fields: Any) -> str:
    data = transfer(status=word, amount={"currency": "EUR", "value": 600}, **fields)
    body = json.dumps({"type": "balancePlatform.transfer.updated", "data": data}).encode()
    return message(body, "adyen", f"TR1:{word}")


@pytest.mark.parametrize(
    ("words", "ends", "attention", "left"),
    [
        (["authorised", "booked"], WithdrawalStatus.PAID, None, "4.00"),
        (["booked", "booked", "authorised"], WithdrawalStatus.PAID, None, "4.00"),
        (["authorised", "failed", "failed"], WithdrawalStatus.FAILED, None, "10.00"),
        (["booked", "failed"], WithdrawalStatus.PAID, Attention.PAID_THEN_FAILED, "4.00"),
        (["failed", "booked"], WithdrawalStatus.PAID, Attention.LATE_PAYMENT, "4.00"),
        (["booked", "returned", "returned"], WithdrawalStatus.RETURNED, None, "10.00"),
        (["returned", "booked"], WithdrawalStatus.RETURNED, None, "10.00"),
    ],
)
def test_a_payout_ends_as_its_gateway_says(
    sent: Withdrawals,
    dynamodb: Any,
    clock: FixedClock,
    words: list[str],
    ends: WithdrawalStatus,
    attention: Attention | None,
    left: str,
) -> None:
    assert deliver(*(payout(word) for word in words)) == []
    found = sent.find(WITHDRAWAL_ID)
    assert (found.status, found.attention) == (ends, attention)
    assert cash(dynamodb, clock) == nanos(left)


def test_a_payout_of_no_withdrawal_or_of_another_gateway_comes_back(
    sent: Withdrawals, dynamodb: Any, clock: FixedClock, capsys: Any
) -> None:
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), clock)
    submitted(dynamodb, book, clock, withdrawal("1.00", gateway="paymentiq", name=OTHER_ID))
    assert deliver(payout(reference="wdr_" + "z" * 20), payout(reference=OTHER_ID), payout()) == ["m-0", "m-1"]
    assert sent.find(OTHER_ID).status is WithdrawalStatus.SUBMITTING
    assert sent.find(WITHDRAWAL_ID).status is WithdrawalStatus.PAID
    assert "PayoutNotApplied" in metrics(capsys)


@pytest.mark.parametrize("word", ["authorised", "booked", "failed", "returned"])
def test_what_became_of_a_second_payout_ends_nothing_and_comes_back(
    sent: Withdrawals, dynamodb: Any, clock: FixedClock, word: str
) -> None:
    assert deliver(payout("authorised")) == []
    assert deliver(payout(word, id="TR2")) == ["m-0"]
    assert sent.find(WITHDRAWAL_ID).status is WithdrawalStatus.SUBMITTED
    assert deliver(payout("booked")) == []
    assert deliver(payout(word, id="TR2")) == ["m-0"]
    assert sent.find(WITHDRAWAL_ID).status is WithdrawalStatus.PAID
    assert cash(dynamodb, clock) == nanos("4.00")
