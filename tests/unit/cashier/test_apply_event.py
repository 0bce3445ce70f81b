"""Events of a deposit, in every order and number, beside each other and with the worker killed anywhere: one credit, one end."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations, product
from typing import Any

import pytest

from countroom.cashier.apply_event import EventApplier, EventResult, NotApplied, NotAppliedReason
from countroom.cashier.deposits import Deposit, DepositStatus, Payment
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.book import OutcomeUnknown, Posted, Refused
from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import Movement, OpenWallet, Reason, Reference, SetStatus, Status
from countroom.ledger.rules.effects import Facts
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
from tests.unit.conftest import CASHIER_TABLE

TEN = nanos("10.00")
DEPOSIT_REFERENCE = Reference("gateway:standard", DEPOSIT_ID)


class MemoryStore:
    """One deposit in memory, under the same condition as in the table."""

    def __init__(self, deposit: Deposit) -> None:
        self.deposit = deposit

    def get(self, deposit_id: str) -> Deposit | None:
        return self.deposit if deposit_id == self.deposit.deposit_id else None

    def save(self, before: Deposit, after: Deposit) -> bool:
        if before.version != self.deposit.version:
            return False
        self.deposit = after
        return True

    def credit(self, before: Deposit, after: Deposit, _payment: Payment) -> list[Callable[[], bool]]:
        return [lambda: self.save(before, after)]

    def catch_up(self, before: Deposit, after: Deposit, _payment: Payment) -> bool:
        return self.save(before, after)

    def paid_by(self, _gateway: str, _payment_id: str) -> str | None:
        return None


class MemoryBook:
    """The ledger's real rules over records in memory; a companion that fails takes the money with it."""

    def __init__(self) -> None:
        opening = decide(None, Facts(), OpenWallet.of(PLAYER, "EUR", "MT"), START_MS)
        assert isinstance(opening, Decision)
        self.wallet = opening.wallet
        self.records = {opening.record.reference: opening.record}

    def post(self, movement: Movement, companions: Sequence[Callable[[], bool]]) -> Posted | Refused:
        known = self.records.get(movement.reference)
        if known is not None:
            same = known.fingerprint == movement.fingerprint
            return Posted(known, known.after, replayed=True) if same else Refused(Reason.DUPLICATE_TRANSACTION)
        decision = decide(self.wallet, Facts(), movement, START_MS)
        assert isinstance(decision, Decision)
        if not all(companion() for companion in companions):
            return Refused(Reason.COMPANION_CONFLICT)
        self.wallet, self.records[movement.reference] = decision.wallet, decision.record
        return Posted(decision.record, decision.record.after, replayed=False)


def after_all(events: Sequence[PaymentEvent]) -> tuple[DepositStatus, int, int]:
    """Where deposit and wallet stand after events in this order: status, cash, number of bookings."""
    store, book = MemoryStore(deposit_of()), MemoryBook()
    worker = EventApplier(store, book, lambda: START_MS)  # type: ignore[arg-type]  # in-memory twins of the two ports
    for event in events:
        worker.apply("standard", event)
    return store.deposit.status, book.wallet.cash, len(book.records) - 1


def shuffles(times: Sequence[int]) -> set[tuple[int, ...]]:
    """Every distinct order of events that each come so many times, by their index."""
    repeated = [index for index, count in enumerate(times) for _ in range(count)]
    return set(permutations(repeated))


RETRIED = (event_of(PaymentOutcome.FAILED, payment_id="pay_0"), event_of(PaymentOutcome.FAILED, payment_id="pay_1"), SUCCEEDED)
OTHER_AMOUNT = event_of(amount="9.50")
LIVES = [
    ((SUCCEEDED,), DepositStatus.CREDITED, TEN),
    ((FAILED,), DepositStatus.FAILED, 0),
    ((FAILED, SUCCEEDED), DepositStatus.CREDITED, TEN),
    ((FAILED, OTHER_AMOUNT), DepositStatus.CREDITED, nanos("9.50")),
    (RETRIED, DepositStatus.CREDITED, TEN),
]


@pytest.mark.parametrize(("life", "status", "money"), LIVES)
def test_every_order_and_number_of_a_lifes_events_ends_the_same(
    life: tuple[PaymentEvent, ...], status: DepositStatus, money: int
) -> None:
    most = {1: 5, 2: 4, 3: 2}[len(life)]
    for times in product(range(1, most + 1), repeat=len(life)):
        for order in shuffles(times):
            ended = after_all([life[index] for index in order])
            assert ended == (status, money, 1 if money else 0), order


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


@pytest.mark.parametrize("second", [event_of(payment_id="pay_2"), event_of(amount="10.01")])
def test_a_second_payment_for_one_deposit_is_left_to_people(dynamodb: Any, clock: FixedClock, second: PaymentEvent) -> None:
    store = fresh(dynamodb, clock)
    applier(dynamodb, clock).apply("standard", SUCCEEDED)
    before = store.get(DEPOSIT_ID)
    with pytest.raises(NotApplied) as raised:
        applier(dynamodb, clock).apply("standard", second)
    assert raised.value.reason is NotAppliedReason.OTHER_PAYMENT
    assert store.get(DEPOSIT_ID) == before
    assert cash(dynamodb, clock) == TEN


def test_a_deposit_without_a_wallet_is_left_to_people(dynamodb: Any, clock: FixedClock) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit_of())
    with pytest.raises(NotApplied) as raised:
        applier(dynamodb, clock).apply("standard", SUCCEEDED)
    assert (raised.value.reason, raised.value.detail) == (NotAppliedReason.LEDGER_REFUSED, "unknown_player")


@pytest.mark.parametrize("event", [SUCCEEDED, FAILED])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fault", [Killed, lost])
def test_broken_at_any_call_and_delivered_again_it_is_applied_once(
    dynamodb: Any, clock: FixedClock, event: PaymentEvent, before: bool, fault: Callable[[], BaseException]
) -> None:
    open_wallet(dynamodb, clock)
    store = CashierStore(dynamodb, CASHIER_TABLE)
    broken_calls = 0
    for at in range(20):
        had = cash(dynamodb, clock)
        deposit_id = f"dep_{chr(ord('a') + at) * 20}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        mine = about(event, deposit_id)
        client = BreakingClient(dynamodb, at, before=before, fault=fault)
        with suppress(Killed, StoreUnavailable, OutcomeUnknown):
            applier(client, clock).apply("standard", mine)
        applier(dynamodb, clock).apply("standard", mine)
        ended = store.get(deposit_id)
        assert ended is not None
        assert (ended.is_credited, ended.version) == (event is SUCCEEDED, 2)
        assert cash(dynamodb, clock) - had == (TEN if event is SUCCEEDED else 0)
        if not client.broke:
            break
        broken_calls += 1
    assert broken_calls >= 2


@pytest.mark.parametrize("mine", [SUCCEEDED, FAILED])
@pytest.mark.parametrize("theirs", [SUCCEEDED, FAILED])
def test_two_workers_interleaved_at_any_call_end_the_same(
    dynamodb: Any, clock: FixedClock, mine: PaymentEvent, theirs: PaymentEvent
) -> None:
    open_wallet(dynamodb, clock)
    store = CashierStore(dynamodb, CASHIER_TABLE)
    paid = SUCCEEDED in (mine, theirs)
    interrupted_calls = 0
    for at in range(20):
        had = cash(dynamodb, clock)
        deposit_id = f"dep_{chr(ord('a') + at) * 20}"
        keep(store, deposit_of(deposit_id=deposit_id), key=deposit_id)
        other = about(theirs, deposit_id)
        client = InterruptedClient(dynamodb, at, partial(applier(dynamodb, clock).apply, "standard", other))
        applier(client, clock).apply("standard", about(mine, deposit_id))
        if not client.interrupted:
            break
        interrupted_calls += 1
        ended = store.get(deposit_id)
        assert ended is not None
        assert ended.status is (DepositStatus.CREDITED if paid else DepositStatus.FAILED)
        assert cash(dynamodb, clock) - had == (TEN if paid else 0)
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


def test_a_deposit_that_others_keep_changing_is_given_up_after_bounded_tries() -> None:
    class Contended(MemoryStore):
        saves = 0

        def save(self, before: Deposit, after: Deposit) -> bool:  # noqa: ARG002 - the port's signature
            self.saves += 1
            return False

    store = Contended(deposit_of())
    worker = EventApplier(store, MemoryBook(), lambda: START_MS)  # type: ignore[arg-type]  # in-memory twins of the two ports
    for event in (SUCCEEDED, FAILED):
        store.saves = 0
        with pytest.raises(NotApplied) as raised:
            worker.apply("standard", event)
        assert raised.value.reason is NotAppliedReason.CONTENDED
        assert store.saves == 4
