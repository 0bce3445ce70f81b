from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from countroom.cashier.deposits import Deposit, DepositStatus
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.idempotency import Answer, Claim, Entry
from countroom.cashier.life import Step, advance
from countroom.cashier.matters import matter_of
from countroom.cashier.store import CashierStore, Creation, StoreUnavailable
from countroom.cursors import InvalidCursor, write_cursor
from tests.unit.cashier.support import DEPOSIT_ID, OTHER_PLAYER, PLAYER, BreakingClient, deposit_of, event_of, keep, lost, nanos
from tests.unit.clock import START_MS
from tests.unit.conftest import CASHIER_TABLE

CLAIM = Claim(PLAYER, "key-1", b"\x00\xff")
PAID = event_of(amount="9.00")
ANSWER = Answer(201, '{"a":"ö"}')


@pytest.fixture
def store(dynamodb: Any) -> CashierStore:
    return CashierStore(dynamodb, CASHIER_TABLE)


def stepped(deposit: Deposit, event: PaymentEvent) -> Step:
    step = advance(deposit, event, START_MS + 1)
    assert isinstance(step, Step)
    return step


def failed(deposit: Deposit) -> Deposit:
    return stepped(deposit, event_of(PaymentOutcome.FAILED)).deposit


def credited(deposit: Deposit) -> Deposit:
    return stepped(deposit, PAID).deposit


def parts_of(store: CashierStore, before: Deposit, event: PaymentEvent = PAID) -> list[Any]:
    step = stepped(before, event)
    assert step.fact is not None
    return store.booking(before, step.deposit, step.fact, matter_of(before, step.deposit, step.fact))


def refusal(code: str, *reasons: str) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(response, "TransactWriteItems")


def test_a_deposit_and_its_request_are_kept_and_read_back(store: CashierStore) -> None:
    assert store.create(deposit_of(), CLAIM, ANSWER) is Creation.CREATED
    assert store.get(DEPOSIT_ID) == deposit_of()
    assert store.find_request(CLAIM) == Entry(b"\x00\xff", ANSWER)


def test_both_are_read_strongly() -> None:
    class Recording:
        requests: ClassVar[list[dict[str, Any]]] = []

        def get_item(self, **request: Any) -> dict[str, Any]:
            self.requests.append(request)
            return {"ConsumedCapacity": {"CapacityUnits": 1.0}}

    store = CashierStore(Recording(), CASHIER_TABLE)
    assert (store.get(DEPOSIT_ID), store.find_request(CLAIM)) == (None, None)
    assert [request["ConsistentRead"] for request in Recording.requests] == [True, True]


def test_what_was_never_written_is_not_found(store: CashierStore) -> None:
    assert store.get(DEPOSIT_ID) is None
    assert store.find_request(CLAIM) is None


def test_a_key_belongs_to_its_caller(store: CashierStore) -> None:
    store.create(deposit_of(), CLAIM, ANSWER)
    assert store.find_request(Claim(OTHER_PLAYER, "key-1", b"\x00\xff")) is None
    assert store.find_request(Claim(PLAYER, "key-2", b"\x00\xff")) is None


def test_a_used_key_gives_its_entry_and_writes_nothing(store: CashierStore) -> None:
    store.create(deposit_of(), CLAIM, ANSWER)
    second = deposit_of(deposit_id="dep_" + "d" * 20)
    assert store.create(second, CLAIM, Answer(201, "other")) == Entry(b"\x00\xff", ANSWER)
    assert store.get(second.deposit_id) is None


def test_a_landed_write_whose_answer_was_lost_is_recognised_as_ours(dynamodb: Any) -> None:
    store = CashierStore(BreakingClient(dynamodb, 0, before=False, fault=lost), CASHIER_TABLE)
    assert store.create(deposit_of(), CLAIM, ANSWER) is Creation.CREATED
    assert store.get(DEPOSIT_ID) == deposit_of()


def test_a_write_that_never_left_is_unavailable_and_leaves_nothing(dynamodb: Any) -> None:
    store = CashierStore(BreakingClient(dynamodb, 0, before=True, fault=lost), CASHIER_TABLE)
    with pytest.raises(StoreUnavailable):
        store.create(deposit_of(), CLAIM, ANSWER)
    assert store.get(DEPOSIT_ID) is None


@pytest.mark.parametrize(
    "error",
    [
        refusal("TransactionCanceledException", "None", "TransactionConflict"),
        refusal("TransactionInProgressException"),
    ],
)
def test_a_twin_at_this_moment_is_in_progress(dynamodb: Any, error: ClientError) -> None:
    store = CashierStore(BreakingClient(dynamodb, 0, before=True, fault=lambda: error), CASHIER_TABLE)
    assert store.create(deposit_of(), CLAIM, ANSWER) is Creation.IN_PROGRESS
    assert store.get(DEPOSIT_ID) is None


def test_a_twin_that_has_just_finished_gives_its_entry(dynamodb: Any) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit_of(), key="key-1")
    conflict = refusal("TransactionCanceledException", "None", "TransactionConflict")
    store = CashierStore(BreakingClient(dynamodb, 0, before=True, fault=lambda: conflict), CASHIER_TABLE)
    found = store.create(deposit_of(deposit_id="dep_" + "d" * 20), CLAIM, ANSWER)
    assert found == Entry(b"print", Answer(201, DEPOSIT_ID))


@pytest.mark.parametrize(
    "error", [refusal("TransactionCanceledException", "ThrottlingError", "None"), refusal("ThrottlingException")]
)
def test_throttling_is_unavailable_and_not_a_conflict(dynamodb: Any, error: ClientError) -> None:
    store = CashierStore(BreakingClient(dynamodb, 0, before=True, fault=lambda: error), CASHIER_TABLE)
    with pytest.raises(StoreUnavailable):
        store.create(deposit_of(), CLAIM, ANSWER)


def test_a_change_is_saved_once_and_only_on_what_it_was_decided_on(store: CashierStore) -> None:
    keep(store, deposit_of())
    after = failed(deposit_of())
    assert store.save(deposit_of(), after)
    assert store.get(DEPOSIT_ID) == after
    assert not store.save(deposit_of(), after)
    assert not store.save(deposit_of(), credited(deposit_of()))
    assert store.get(DEPOSIT_ID) == after


def test_a_change_of_an_unknown_deposit_writes_nothing(store: CashierStore) -> None:
    assert not store.save(deposit_of(), failed(deposit_of()))
    assert store.get(DEPOSIT_ID) is None


def test_a_companion_carries_the_payment_and_its_condition(store: CashierStore, dynamodb: Any) -> None:
    keep(store, deposit_of())
    dynamodb.transact_write_items(TransactItems=parts_of(store, deposit_of()))
    assert store.get(DEPOSIT_ID) == credited(deposit_of())
    assert store.paid_by("standard", "pay_1") == DEPOSIT_ID
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.transact_write_items(TransactItems=parts_of(store, deposit_of()))


def test_every_step_of_a_life_is_read_back_as_it_was_written(store: CashierStore) -> None:
    keep(store, deposit_of())
    deposit = deposit_of()
    for outcome in PaymentOutcome:
        event = event_of(outcome, amount="9.00", case_id="case" if outcome.startswith("refund") else "")
        while (step := advance(deposit, event, START_MS)) is not None:
            assert isinstance(step, Step)
            if step.fact is None:
                assert store.save(deposit, step.deposit)
            else:
                assert store.catch_up(store.booking(deposit, step.deposit, step.fact, None))
            deposit = step.deposit
            assert store.get(DEPOSIT_ID) == deposit
    assert deposit.status is DepositStatus.SECOND_CHARGEBACK
    assert deposit.settled


def test_a_deposit_that_was_credited_before_there_were_facts_is_read_with_its_payment(store: CashierStore, dynamodb: Any) -> None:
    keep(store, deposit_of())
    store.catch_up(parts_of(store, deposit_of()))
    dynamodb.update_item(
        TableName=CASHIER_TABLE,
        Key={"pk": {"S": f"DEPOSIT#{DEPOSIT_ID}"}, "sk": {"S": "DEPOSIT"}},
        UpdateExpression="REMOVE facts",
    )
    read = store.get(DEPOSIT_ID)
    assert read is not None
    assert read.facts == credited(deposit_of()).facts
    assert advance(read, PAID, START_MS) is None


def test_staff_find_what_they_have_to_know_under_its_day(store: CashierStore, dynamodb: Any) -> None:
    keep(store, deposit_of())
    store.catch_up(parts_of(store, deposit_of()))
    found = dynamodb.query(
        TableName=CASHIER_TABLE,
        KeyConditionExpression="pk = :day",
        ExpressionAttributeValues={":day": {"S": "STAFF#2026-01-01"}},
    )["Items"]
    (entry,) = found
    assert (entry["matter"]["S"], entry["deposit_id"]["S"], entry["player_id"]["S"]) == ("other_amount", DEPOSIT_ID, PLAYER)
    assert (entry["payment_id"]["S"], int(entry["amount"]["N"]), entry["currency"]["S"]) == ("pay_1", nanos("9.00"), "EUR")


def test_early_events_are_kept_once_each_and_by_payment(store: CashierStore) -> None:
    chargeback = event_of(PaymentOutcome.CHARGEBACK, deposit_id="", case_id="cb_1", reason="fraud")
    refund = event_of(PaymentOutcome.REFUNDED, deposit_id="", amount="1.00")
    for event in (chargeback, refund, chargeback):
        store.keep_early("standard", event)
    assert sorted(store.early("standard", "pay_1"), key=lambda event: event.outcome) == [chargeback, refund]
    assert store.early("standard", "pay_2") == store.early("adyen", "pay_1") == []


def test_two_changes_at_once_are_a_mistake_of_ours(store: CashierStore) -> None:
    after = credited(failed(deposit_of()))
    with pytest.raises(ValueError, match="one change"):
        store.booking(deposit_of(), after, after.facts[0], None)


@pytest.mark.parametrize("error", [lost(), refusal("ThrottlingException"), refusal("InternalServerError")])
def test_a_table_that_does_not_answer_is_unavailable(dynamodb: Any, error: BaseException) -> None:
    def broken() -> CashierStore:
        return CashierStore(BreakingClient(dynamodb, 0, before=True, fault=lambda: error), CASHIER_TABLE)

    with pytest.raises(StoreUnavailable):
        broken().get(DEPOSIT_ID)
    with pytest.raises(StoreUnavailable):
        broken().find_request(CLAIM)
    with pytest.raises(StoreUnavailable):
        broken().save(deposit_of(), failed(deposit_of()))
    with pytest.raises(StoreUnavailable):
        broken().list_by_player(PLAYER, 10)
    with pytest.raises(StoreUnavailable):
        broken().keep_early("standard", PAID)
    with pytest.raises(StoreUnavailable):
        broken().early("standard", "pay_1")
    with pytest.raises(StoreUnavailable):
        broken().catch_up(parts_of(broken(), deposit_of()))


def test_an_answer_cut_short_is_not_taken_for_nothing_there() -> None:
    class CutShort:
        """The SDK hands on an answer that it cannot read as an empty one."""

        def __getattr__(self, _name: str) -> Any:
            return lambda **_request: {}

    store = CashierStore(CutShort(), CASHIER_TABLE)
    reads = (lambda: store.get(DEPOSIT_ID), lambda: store.find_request(CLAIM), lambda: store.list_by_player(PLAYER, 10))
    for read in (*reads, lambda: store.paid_by("standard", "pay_1"), lambda: store.early("standard", "pay_1")):
        with pytest.raises(StoreUnavailable):
            read()


def test_a_list_is_newest_first_page_by_page_and_of_one_player(store: CashierStore) -> None:
    mine = [deposit_of(deposit_id=f"dep_{letter * 20}", at_ms=START_MS + at) for at, letter in enumerate("abcde")]
    for number, deposit in enumerate(mine):
        keep(store, deposit, key=f"k-{number}")
    keep(store, deposit_of(deposit_id="dep_" + "z" * 20, player_id=OTHER_PLAYER))
    found: list[Deposit] = []
    cursor: str | None = None
    for _ in range(4):
        page = store.list_by_player(PLAYER, 2, cursor)
        found += page.deposits
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert found == mine[::-1]


def test_a_cursor_belongs_to_its_player(store: CashierStore) -> None:
    for number, letter in enumerate("abc"):
        keep(store, deposit_of(deposit_id=f"dep_{letter * 20}", at_ms=START_MS + number), key=f"k-{number}")
    theirs = store.list_by_player(PLAYER, 1).next_cursor
    assert theirs is not None
    with pytest.raises(InvalidCursor):
        store.list_by_player(OTHER_PLAYER, 10, theirs)


def test_a_made_up_cursor_opens_nothing_of_another_player(store: CashierStore) -> None:
    keep(store, deposit_of())
    made_up = write_cursor(("deposits", OTHER_PLAYER), "2030-01-01T00:00:00.000Z", "dep_" + "a" * 20)
    assert store.list_by_player(OTHER_PLAYER, 10, made_up).deposits == ()


MADE_UP = [
    write_cursor(("deposits", PLAYER), "2030-01-01", "dep_" + "a" * 20),
    write_cursor(("deposits", PLAYER), "2030-01-01T00:00:00Z", "dep_a"),
]


@pytest.mark.parametrize("cursor", [*MADE_UP, "", "x", "é", "AAAA", "a" * 500, "MjAyNi0wMS0wMVQxMjowMDowMC4wMDBaIGRlcF8x", "=" * 8])
def test_what_no_page_handed_out_is_no_cursor(store: CashierStore, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        store.list_by_player(PLAYER, 10, cursor)


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_page_has_bounds(store: CashierStore, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        store.list_by_player(PLAYER, limit)
