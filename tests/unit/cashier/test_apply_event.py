"""Events of a deposit, in every order and number, beside each other and with the worker killed anywhere: one credit, one end."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from countroom.cashier.apply_event import EventApplier, EventResult, NotApplied, NotAppliedReason
from countroom.cashier.deposits import Deposit, DepositStatus
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.book import OutcomeUnknown, Posted
from countroom.ledger.movements import Bet, Hold, Reason, Reference, SetStatus, Status
from tests.simulation.dynamodb import Model, Schema
from tests.unit.cashier.memory import MemoryBook, MemoryStore
from tests.unit.cashier.support import (
    DEPOSIT_ID,
    FAILED,
    PLAYER,
    SUCCEEDED,
    BreakingClient,
    InterruptedClient,
    Killed,
    applier,
    cash,
    deposit_of,
    event_of,
    keep,
    lost,
    nanos,
    open_wallet,
)
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE

TEN = nanos("10.00")
DEPOSIT_REFERENCE = Reference("gateway:standard", DEPOSIT_ID)


OTHER_AMOUNT = event_of(amount="9.50")
CHARGEBACK = event_of(PaymentOutcome.CHARGEBACK)
RETURNED = event_of(PaymentOutcome.CHARGEBACK_REVERSED)
SECOND = event_of(PaymentOutcome.SECOND_CHARGEBACK)
REFUNDED = event_of(PaymentOutcome.REFUNDED, case_id="re_1")
UNSETTLED = event_of(PaymentOutcome.SETTLEMENT_FAILED)


def about(event: PaymentEvent, deposit_id: str) -> PaymentEvent:
    """The same event of another deposit and payment."""
    return replace(event, deposit_id=deposit_id, payment=replace(event.payment, payment_id=f"pay_{deposit_id}"))


def fresh(dynamodb: Any, clock: FixedClock, deposit: Deposit | None = None) -> CashierStore:
    """A player with an empty wallet and one open deposit of 10.00, in the emulated tables."""
    open_wallet(dynamodb, clock)
    store = CashierStore(dynamodb, CASHIER_TABLE)
    keep(store, deposit or deposit_of())
    return store


def test_a_success_credits_the_wallet_and_the_deposit_together(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    clock.advance(seconds=3)
    outcome = applier(dynamodb, clock).apply("standard", SUCCEEDED)
    assert outcome.result is EventResult.CREDITED
    assert outcome.deposit == store.get(DEPOSIT_ID)
    assert outcome.deposit is not None
    assert outcome.deposit.payment == SUCCEEDED.payment
    last = outcome.deposit.changes[-1]
    assert (last.at_ms, last.status, last.cause, last.actor) == (
        START_MS + 3000,
        DepositStatus.CREDITED,
        "gateway.payment_succeeded",
        "gateway",
    )
    assert cash(dynamodb, clock) == TEN


def test_a_repeat_at_any_age_changes_nothing(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    applier(dynamodb, clock).apply("standard", SUCCEEDED)
    before = store.get(DEPOSIT_ID)
    for seconds in (1, 700, 86_400, 90 * 86_400):
        clock.advance(seconds=seconds)
        assert applier(dynamodb, clock).apply("standard", SUCCEEDED).result is EventResult.NO_EFFECT
    assert store.get(DEPOSIT_ID) == before
    assert cash(dynamodb, clock) == TEN


def test_every_order_of_a_small_life_ends_the_same_in_the_tables(dynamodb: Any, clock: FixedClock) -> None:
    events = (FAILED, FAILED, SUCCEEDED, SUCCEEDED)
    open_wallet(dynamodb, clock)
    store = CashierStore(dynamodb, CASHIER_TABLE)
    orders = sorted({(0,), (1,)} | set(permutations((0, 0, 1, 1))))
    for number, order in enumerate(orders):
        deposit_id = f"dep_{chr(ord('a') + number % 26) * 19}{chr(ord('a') + number // 26)}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        had = cash(dynamodb, clock)
        for index in order:
            event = about(events[2] if index else events[0], deposit_id)
            applier(dynamodb, clock).apply("standard", event)
        ended = store.get(deposit_id)
        assert ended is not None
        assert ended.status is (DepositStatus.CREDITED if 1 in order else DepositStatus.FAILED)
        assert cash(dynamodb, clock) - had == (TEN if 1 in order else 0)


def test_a_payment_pays_one_deposit_only(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    other = "dep_" + "o" * 20
    keep(store, deposit_of(deposit_id=other), key=other)
    worker = applier(dynamodb, clock)
    assert worker.apply("standard", SUCCEEDED).result is EventResult.CREDITED
    for _ in range(2):
        with pytest.raises(NotApplied) as refused:
            worker.apply("standard", replace(SUCCEEDED, deposit_id=other))
        assert refused.value.reason is NotAppliedReason.PAYMENT_TAKEN
    assert worker.apply("standard", SUCCEEDED).result is EventResult.NO_EFFECT
    kept = store.get(other)
    assert kept is not None
    assert kept.status is not DepositStatus.CREDITED
    assert cash(dynamodb, clock) == TEN


def test_the_ledgers_record_names_the_payment(dynamodb: Any, clock: FixedClock) -> None:
    fresh(dynamodb, clock)
    applier(dynamodb, clock).apply("standard", SUCCEEDED)
    record = open_book(dynamodb, clock).find(DEPOSIT_REFERENCE)
    assert record.note == SUCCEEDED.payment.payment_id


def test_a_failure_is_recorded_with_its_code_and_moves_nothing(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    outcome = applier(dynamodb, clock).apply("standard", FAILED)
    assert outcome.result is EventResult.FAILED
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert kept.changes[-1].cause == "gateway.payment_failed:card_declined"
    assert kept.payment is None
    assert cash(dynamodb, clock) == 0


def test_what_the_gateway_moved_is_booked_where_it_differs_from_what_was_asked(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    outcome = applier(dynamodb, clock).apply("standard", OTHER_AMOUNT)
    assert outcome.result is EventResult.CREDITED_OTHER_AMOUNT
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert kept.payment == OTHER_AMOUNT.payment
    assert kept.changes[-1].cause == "gateway.payment_succeeded:9.50"
    assert cash(dynamodb, clock) == nanos("9.50")


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.EXCLUDED, Status.CLOSED])
def test_money_that_has_moved_is_booked_whatever_the_wallets_status(dynamodb: Any, clock: FixedClock, status: Status) -> None:
    fresh(dynamodb, clock)
    book = open_book(dynamodb, clock)
    assert isinstance(book.post(SetStatus(Reference("house:status", "s-1"), PLAYER, status)), Posted)
    assert applier(dynamodb, clock).apply("standard", SUCCEEDED).result is EventResult.CREDITED
    assert cash(dynamodb, clock) == TEN


def open_book(dynamodb: Any, clock: FixedClock) -> Any:
    return applier(dynamodb, clock)._book


@pytest.mark.parametrize(
    ("gateway", "event", "reason"),
    [
        ("standard", event_of(deposit_id="dep_" + "z" * 20), NotAppliedReason.UNKNOWN_DEPOSIT),
        ("adyen", SUCCEEDED, NotAppliedReason.FOREIGN_DEPOSIT),
        ("standard", event_of(currency="USD"), NotAppliedReason.WRONG_CURRENCY),
    ],
)
def test_what_cannot_be_applied_is_raised_and_changes_nothing(
    dynamodb: Any, clock: FixedClock, gateway: str, event: PaymentEvent, reason: NotAppliedReason
) -> None:
    store = fresh(dynamodb, clock)
    with pytest.raises(NotApplied) as raised:
        applier(dynamodb, clock).apply(gateway, event)
    assert raised.value.reason is reason
    assert store.get(DEPOSIT_ID) == deposit_of()
    assert cash(dynamodb, clock) == 0


def test_the_same_payment_with_other_figures_is_left_to_people(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    applier(dynamodb, clock).apply("standard", SUCCEEDED)
    before = store.get(DEPOSIT_ID)
    with pytest.raises(NotApplied) as raised:
        applier(dynamodb, clock).apply("standard", event_of(amount="10.01"))
    assert raised.value.reason is NotAppliedReason.OTHER_FIGURES
    assert store.get(DEPOSIT_ID) == before
    assert cash(dynamodb, clock) == TEN


def test_a_second_payment_of_one_deposit_is_the_players_money_under_its_own_name(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    worker, again = applier(dynamodb, clock), event_of(payment_id="pay_2", amount="7.00")
    worker.apply("standard", SUCCEEDED)
    outcome = worker.apply("standard", again)
    assert outcome.result is EventResult.PAID_AGAIN
    assert worker.apply("standard", again).result is EventResult.NO_EFFECT
    assert cash(dynamodb, clock) == nanos("17.00")
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert (kept.payment, kept.credited) == (SUCCEEDED.payment, nanos("17.00"))
    assert kept.changes[-1].cause == "gateway.further_payment:7.00"
    record = open_book(dynamodb, clock).find(Reference("gateway:standard", kept.changes[-1].record))
    assert (record.note, record.amount) == ("pay_2", nanos("7.00"))
    assert [matter["matter"]["S"] for matter in staff(dynamodb)] == ["paid_again"]
    refund = event_of(PaymentOutcome.REFUNDED, payment_id="pay_2", amount="7.00", case_id="re_1")
    assert worker.apply("standard", refund).result is EventResult.REVERSED
    assert cash(dynamodb, clock) == TEN


def staff(dynamodb: Any) -> list[Any]:
    """What staff are told of the first day, in its order."""
    day = {":day": {"S": "STAFF#2026-01-01"}}
    found: list[Any] = dynamodb.query(TableName=CASHIER_TABLE, KeyConditionExpression="pk = :day", ExpressionAttributeValues=day)[
        "Items"
    ]
    return found


@pytest.mark.parametrize("event", [CHARGEBACK, REFUNDED, UNSETTLED])
def test_a_reversal_is_booked_into_debt_which_stops_bets_and_withdrawals_until_it_is_repaid(
    dynamodb: Any, clock: FixedClock, event: PaymentEvent
) -> None:
    store = fresh(dynamodb, clock)
    worker, book = applier(dynamodb, clock), open_book(dynamodb, clock)

    def bet(name: str) -> Any:
        return book.post(Bet(Reference("game:hub88", name), PLAYER, "EUR", nanos("4.00"), "slot", "r1"))

    def hold(name: str) -> Any:
        return book.post(Hold(Reference("house:withdrawal", name), PLAYER, "EUR", nanos("1.00")))

    worker.apply("standard", SUCCEEDED)
    assert isinstance(bet("b-1"), Posted)
    outcome = worker.apply("standard", event)
    assert outcome.result is EventResult.REVERSED
    assert cash(dynamodb, clock) == -nanos("4.00")
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert (kept.status, kept.taken_back) == (DepositStatus.REVERSED, TEN)
    assert [(matter["player_id"]["S"], matter["amount"]["N"]) for matter in staff(dynamodb)] == [(PLAYER, str(TEN))]
    assert (bet("b-2").reason, hold("w-1").reason) == (Reason.NEGATIVE_BALANCE, Reason.NEGATIVE_BALANCE)
    repaying = "dep_" + "r" * 20
    keep(store, deposit_of(deposit_id=repaying), key=repaying)
    assert worker.apply("standard", about(SUCCEEDED, repaying)).result is EventResult.CREDITED
    assert isinstance(bet("b-3"), Posted)
    assert isinstance(hold("w-2"), Posted)


def test_a_chargeback_its_return_and_the_second_one_each_move_the_money_once(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    worker = applier(dynamodb, clock)
    for event, money in ((SUCCEEDED, TEN), (CHARGEBACK, 0), (RETURNED, TEN), (SECOND, 0)):
        for _ in range(2):
            worker.apply("standard", event)
        assert cash(dynamodb, clock) == money
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert [change.status.value for change in kept.changes] == [
        "created",
        "credited",
        "reversed",
        "chargeback_reversed",
        "second_chargeback",
    ]
    assert len({change.record for change in kept.changes[1:]}) == 4
    told = [matter["matter"]["S"] for matter in staff(dynamodb)]
    assert sorted(told) == ["chargeback_reversed", "charged_back", "charged_back_again"]


def test_what_comes_before_its_credit_is_applied_with_it_step_by_step(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    worker = applier(dynamodb, clock)
    for event in (SECOND, RETURNED, CHARGEBACK):
        assert worker.apply("standard", event).result is EventResult.NOTED
    assert cash(dynamodb, clock) == 0
    outcome = worker.apply("standard", SUCCEEDED)
    results = [EventResult.CREDITED, EventResult.REVERSED, EventResult.RETURNED, EventResult.REVERSED]
    assert [step.result for step in outcome.steps] == results
    assert outcome.deposit == store.get(DEPOSIT_ID)
    assert outcome.deposit is not None
    assert outcome.deposit.status is DepositStatus.SECOND_CHARGEBACK
    assert cash(dynamodb, clock) == 0


@pytest.mark.parametrize("first", [True, False])
def test_an_event_that_names_its_payment_only_finds_its_deposit_or_waits_for_it(
    dynamodb: Any, clock: FixedClock, first: bool
) -> None:
    store = fresh(dynamodb, clock)
    worker, nameless = applier(dynamodb, clock), replace(CHARGEBACK, deposit_id="")
    if first:
        for _ in range(2):
            outcome = worker.apply("standard", nameless)
            assert (outcome.result, outcome.deposit) == (EventResult.NOTED, None)
        results = [step.result for step in worker.apply("standard", SUCCEEDED).steps]
        assert results == [EventResult.CREDITED, EventResult.REVERSED]
    else:
        worker.apply("standard", SUCCEEDED)
        assert worker.apply("standard", nameless).result is EventResult.REVERSED
    assert worker.apply("standard", nameless).result is EventResult.NO_EFFECT
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert kept.status is DepositStatus.REVERSED
    assert cash(dynamodb, clock) == 0


@pytest.mark.parametrize("credit_first", [True, False])
def test_an_event_that_names_its_payment_only_is_not_lost_whichever_way_it_meets_the_credit(
    modelled: Any, clock: FixedClock, credit_first: bool
) -> None:
    open_wallet(modelled, clock)
    store = CashierStore(modelled, CASHIER_TABLE)
    for at in range(20):
        deposit_id = f"dep_{chr(ord('a') + at) * 20}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        pair = [about(SUCCEEDED, deposit_id), replace(about(CHARGEBACK, deposit_id), deposit_id="")]
        one, other = pair if credit_first else reversed(pair)
        client = InterruptedClient(modelled, at, partial(applier(modelled, clock).apply, "standard", other))
        applier(client, clock).apply("standard", one)
        if not client.interrupted:
            break
        ended = store.get(deposit_id)
        assert ended is not None
        assert (ended.status, ended.taken_back) == (DepositStatus.REVERSED, TEN), at
    assert not client.interrupted
    assert at >= 3


def test_a_deposit_without_a_wallet_is_left_to_people(dynamodb: Any, clock: FixedClock) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit_of())
    with pytest.raises(NotApplied) as raised:
        applier(dynamodb, clock).apply("standard", SUCCEEDED)
    assert (raised.value.reason, raised.value.detail) == (NotAppliedReason.LEDGER_REFUSED, "unknown_player")


WAYS = {
    "paid": ((SUCCEEDED,), TEN),
    "failed": ((FAILED,), 0),
    "charged back": ((SUCCEEDED, CHARGEBACK), 0),
    "taken back before it is paid": ((CHARGEBACK, SUCCEEDED), 0),
    "lost in the end": ((SUCCEEDED, CHARGEBACK, RETURNED, SECOND), 0),
    "the other way round": ((SECOND, RETURNED, CHARGEBACK, SUCCEEDED), 0),
    "paid twice": ((SUCCEEDED, event_of(payment_id="pay_2")), 2 * TEN),
    "by its payment only": ((replace(CHARGEBACK, deposit_id=""), SUCCEEDED), 0),
}


@pytest.fixture
def modelled() -> Any:
    """The same two tables in the simulator's model, which its own tests hold against an emulator over HTTP; it is far faster."""
    return Model({LEDGER_TABLE: Schema(("pk",)), CASHIER_TABLE: Schema(("pk", "sk"))})


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fault", [Killed, lost])
def test_broken_at_any_call_and_delivered_again_each_event_is_applied_once(
    modelled: Any, clock: FixedClock, name: str, before: bool, fault: Callable[[], BaseException]
) -> None:
    broken_at_any_call(modelled, clock, name, before=before, fault=fault)


@pytest.mark.parametrize("before", [True, False])
def test_so_it_is_in_the_emulated_tables(dynamodb: Any, clock: FixedClock, before: bool) -> None:
    broken_at_any_call(dynamodb, clock, "paid", before=before, fault=Killed)


def broken_at_any_call(dynamodb: Any, clock: FixedClock, name: str, *, before: bool, fault: Callable[[], BaseException]) -> None:
    """One life after the other, each broken at its next call; the event that was broken is delivered again, as the queue does."""
    events, money = WAYS[name]
    open_wallet(dynamodb, clock)
    store = CashierStore(dynamodb, CASHIER_TABLE)
    broken_calls = 0
    for at in range(60):
        had = cash(dynamodb, clock)
        deposit_id = f"dep_{chr(ord('a') + at % 26) * 19}{chr(ord('a') + at // 26)}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        client = BreakingClient(dynamodb, at, before=before, fault=fault)
        for event in events:
            mine = replace(about(event, deposit_id), deposit_id=deposit_id if event.deposit_id else "")
            mine = replace(mine, payment=replace(mine.payment, payment_id=f"{event.payment.payment_id}_{deposit_id}"))
            was_whole = not client.broke
            with suppress(Killed, StoreUnavailable, OutcomeUnknown):
                applier(client, clock).apply("standard", mine)
            if was_whole and client.broke:
                applier(dynamodb, clock).apply("standard", mine)
        ended = store.get(deposit_id)
        assert ended is not None
        assert cash(dynamodb, clock) - had == money == ended.credited - ended.taken_back, at
        assert len({change.record for change in ended.changes if change.record}) == len(
            [change for change in ended.changes if change.record]
        )
        if not client.broke:
            break
        broken_calls += 1
    assert not client.broke
    assert broken_calls >= 2 * len(events)


@pytest.mark.parametrize("mine", [SUCCEEDED, FAILED, CHARGEBACK])
@pytest.mark.parametrize("theirs", [SUCCEEDED, FAILED, CHARGEBACK])
def test_two_workers_interleaved_at_any_call_end_the_same(
    modelled: Any, clock: FixedClock, mine: PaymentEvent, theirs: PaymentEvent
) -> None:
    open_wallet(modelled, clock)
    store = CashierStore(modelled, CASHIER_TABLE)
    said = {mine.outcome, theirs.outcome}
    paid = SUCCEEDED.outcome in said
    expected = TEN if paid and CHARGEBACK.outcome not in said else 0
    interrupted_calls = 0
    for at in range(20):
        had = cash(modelled, clock)
        deposit_id = f"dep_{chr(ord('a') + at) * 20}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        other = about(theirs, deposit_id)
        client = InterruptedClient(modelled, at, partial(applier(modelled, clock).apply, "standard", other))
        applier(client, clock).apply("standard", about(mine, deposit_id))
        if not client.interrupted:
            break
        interrupted_calls += 1
        ended = store.get(deposit_id)
        assert ended is not None
        assert ended.is_credited is paid
        assert cash(modelled, clock) - had == expected
    assert interrupted_calls >= 2


def test_a_deposit_restored_from_before_its_credit_catches_up_without_a_second_one(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    backup = dynamodb.scan(TableName=CASHIER_TABLE)["Items"]
    applier(dynamodb, clock).apply("standard", SUCCEEDED)
    for item in backup:
        dynamodb.put_item(TableName=CASHIER_TABLE, Item=item)
    assert applier(dynamodb, clock).apply("standard", SUCCEEDED).result is EventResult.CREDITED
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert kept.status is DepositStatus.CREDITED
    assert cash(dynamodb, clock) == TEN


def test_two_payments_of_a_deposit_restored_from_before_them_catch_up_in_any_order(dynamodb: Any, clock: FixedClock) -> None:
    store = fresh(dynamodb, clock)
    backup = dynamodb.scan(TableName=CASHIER_TABLE)["Items"]
    both = (SUCCEEDED, event_of(payment_id="pay_2", amount="7.00"))
    for event in (*both, CHARGEBACK):
        applier(dynamodb, clock).apply("standard", event)
    for event in (CHARGEBACK, *both[::-1], *both):
        for item in backup if event is CHARGEBACK else ():
            dynamodb.put_item(TableName=CASHIER_TABLE, Item=item)
        applier(dynamodb, clock).apply("standard", event)
    kept = store.get(DEPOSIT_ID)
    assert kept is not None
    assert (kept.credited, kept.taken_back) == (nanos("17.00"), TEN)
    assert cash(dynamodb, clock) == nanos("7.00")


def test_a_deposit_that_others_keep_changing_is_given_up_after_bounded_tries() -> None:
    class Contended(MemoryStore):
        saves = 0

        def save(self, before: Deposit, after: Deposit) -> bool:  # noqa: ARG002 - the port's signature
            self.saves += 1
            return False

    store = Contended(deposit_of())
    worker = EventApplier(store, MemoryBook(PLAYER), lambda: START_MS)  # type: ignore[arg-type]  # in-memory twins of the two ports
    for event in (SUCCEEDED, FAILED):
        store.saves = 0
        with pytest.raises(NotApplied) as raised:
            worker.apply("standard", event)
        assert raised.value.reason is NotAppliedReason.CONTENDED
        assert store.saves == 4
