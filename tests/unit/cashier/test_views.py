"""What a player reads about a deposit: every change in plain words, with its amount and the record to quote."""

import json

import pytest

from countroom.cashier.deposits import Deposit
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.life import Step, advance
from countroom.cashier.views import deposit_view, to_json
from countroom.ledger.records import reference_of
from tests.unit.cashier.support import DEPOSIT_ID, deposit_of, event_of
from tests.unit.clock import START_MS

O = PaymentOutcome  # noqa: E741 - the letter of a table
AGAIN = event_of(payment_id="pay_2", amount="7.00")


def after(*events: PaymentEvent) -> Deposit:
    deposit = deposit_of()
    for event in events:
        while (step := advance(deposit, event, START_MS)) is not None:
            assert isinstance(step, Step)
            deposit = step.deposit
    return deposit


def texts(deposit: Deposit) -> list[str]:
    shown = json.loads(to_json(deposit_view(deposit)))
    return [event["text"] for event in shown["events"]]


def test_a_chargebacks_life_is_told_with_its_amounts() -> None:
    deposit = after(*(event_of(outcome, amount="4.00") for outcome in (O.CHARGEBACK, O.CHARGEBACK_REVERSED)), event_of())
    assert texts(deposit)[1:] == [
        "A chargeback was announced. It is applied as soon as the payment itself is confirmed.",
        "The end of a chargeback was announced. It is applied as soon as the chargeback is.",
        "10.00 EUR arrived and was added to your wallet.",
        "Your bank took 4.00 EUR back (a chargeback), so it left your wallet.",
        "The chargeback was reversed: 4.00 EUR was added to your wallet again.",
    ]


def test_amounts_are_what_came_and_what_went() -> None:
    shown = deposit_view(after(event_of(), AGAIN, event_of(O.REFUNDED, payment_id="pay_2", amount="7.00")))
    assert (shown["amount"], shown["credited_amount"], shown["reversed_amount"]) == ("10.00", "17.00", "7.00")
    fresh = deposit_view(deposit_of())
    assert (fresh["credited_amount"], fresh["reversed_amount"]) == (None, None)


def test_each_step_that_moved_money_names_its_line_in_the_wallets_history() -> None:
    shown = json.loads(to_json(deposit_view(after(event_of(O.PENDING), event_of(), event_of(O.CHARGEBACK)))))
    named = [event["transaction_id"] for event in shown["events"]]
    assert named[:2] == [None, None]
    assert [reference_of(name).transaction_id.partition(":")[0] for name in named[2:]] == [DEPOSIT_ID, DEPOSIT_ID]
    assert len(set(named[2:])) == 2


@pytest.mark.parametrize("outcome", PaymentOutcome)
@pytest.mark.parametrize("paid", [True, False])
def test_every_change_is_told_in_words_of_its_own_and_in_no_code(outcome: PaymentOutcome, paid: bool) -> None:
    deposit = after(*([event_of()] if paid else []), event_of(outcome, reason="card_declined"), AGAIN)
    told = texts(deposit)
    assert len(told) == deposit.version
    for text in told:
        assert text.endswith(".")
        assert "_" not in text
        assert "{" not in text


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("insufficient_funds", "gateway.payment_failed:insufficient_funds"),
        ("Not_enough_balance", "gateway.payment_failed:Not_enough_balance"),
        ("stolen_card", "gateway.payment_failed"),
        ("fraudulent", "gateway.payment_failed"),
        ("FRAUD", "gateway.payment_failed"),
        ("what_it_is_called_next", "gateway.payment_failed"),
        ("", "gateway.payment_failed"),
    ],
)
def test_a_player_reads_why_a_payment_failed_only_where_there_is_something_to_be_done(reason: str, cause: str) -> None:
    deposit = after(event_of(O.FAILED, reason=reason))
    shown = json.loads(to_json(deposit_view(deposit)))
    assert shown["events"][-1]["cause"] == cause
    assert deposit.changes[-1].cause.partition(":")[2] == reason, "staff find all of it"
