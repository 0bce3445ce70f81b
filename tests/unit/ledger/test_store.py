"""What the storage asks of the table, under which conditions, and what it makes of every kind of answer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from countroom.ledger import items
from countroom.ledger.decide import Decision
from countroom.ledger.movements import DepositReversal
from countroom.ledger.records import Resolution, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.safeguards import OpenDeposit
from countroom.ledger.store import AnswerLost, Committed, CompanionRefused, Existing, LedgerStore, Snapshot, Stale, StoreBusy
from tests.unit.ledger.examples import ANNA, BEN, NOW, a_bet, a_deposit, a_rollback, a_win, decided, facts_of, ref, wallet_with
from tests.unit.ledger.memory import MemoryTable, cancelled, client_error, failing

TABLE = "ledger"
WALLET = wallet_with(cash=10)
BET = decided(WALLET, a_bet(3))
BACK = decided(BET.wallet, a_rollback(), facts_of(BET))
BURIED = decided(WALLET, a_rollback("never"))
COMPANION = {"Put": {"TableName": "cashier", "Item": {"pk": {"S": "D#1"}}, "ConditionExpression": "attribute_not_exists(pk)"}}
FAILED, NOTHING, CONFLICT = "ConditionalCheckFailed", "None", "TransactionConflict"
URL = {"endpoint_url": "https://dynamodb.eu-west-1.amazonaws.com"}


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def store(table: MemoryTable) -> LedgerStore:
    return LedgerStore(table, TABLE)


def put(table: MemoryTable, *found: dict[str, Any]) -> None:
    for item in found:
        table.stored[TABLE, item["pk"]["S"]] = item


def reading(key: str) -> dict[str, Any]:
    """The request of one strong read."""
    return {"TableName": TABLE, "Key": {"pk": {"S": key}}, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}


def failed_commit(store: LedgerStore, table: MemoryTable, error: Exception, *decisions: Decision, companions: int = 0) -> Any:
    table.write_faults.append(failing(error))
    return store.commit(7, decisions or (BET,), (COMPANION,) * companions)


def test_a_wallet_is_read_strongly(store: LedgerStore, table: MemoryTable) -> None:
    assert store.wallet(ANNA) is None
    put(table, items.wallet_item(WALLET))
    assert store.wallet(ANNA) == WALLET
    assert table.calls[-1] == ("get_item", reading("W#pl_anna"))


def test_an_entry_is_a_record_or_a_tombstone_read_strongly(store: LedgerStore, table: MemoryTable) -> None:
    assert store.entry(ref("bet-1")) is None
    stone = Tombstone(ref("bet-2"), ANNA, ref("r"), NOW)
    put(table, items.record_item(BET.record), items.tombstone_item(stone))
    assert store.entry(ref("bet-1")) == BET.record
    assert store.entry(ref("bet-2")) == stone
    assert table.calls[-1] == ("get_item", reading("TX#game:hub88#bet-2"))


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.wallet(ANNA),
        lambda store: store.entry(ref("bet-1")),
        lambda store: store.snapshot(ANNA, (a_win(1, bet=ref("bet-1")),)),
        lambda store: store.history(ANNA, 9, 1, 9),
        lambda store: store.indexed_page(ANNA, None),
        lambda store: store.scanned_page(None),
    ],
)
def test_an_answer_that_was_cut_short_is_not_an_empty_table(read: Callable[[LedgerStore], Any]) -> None:
    """Botocore hands a body that it cannot read on as an answer with nothing in it."""

    class CutShort(MemoryTable):
        def get_item(self, **_request: Any) -> Any:
            return {}

        transact_get_items = query = scan = get_item

    with pytest.raises(StoreBusy):
        read(LedgerStore(CutShort(), TABLE))


def test_a_movement_that_refers_to_nothing_costs_one_read(store: LedgerStore, table: MemoryTable) -> None:
    put(table, items.wallet_item(WALLET))
    assert store.snapshot(ANNA, (a_bet(1),)) == Snapshot(WALLET, Facts())
    assert [name for name, _ in table.calls] == ["get_item"]


def test_facts_are_read_with_the_wallet_as_of_one_instant(store: LedgerStore, table: MemoryTable) -> None:
    marker = Resolution(ref("bet-1"), ref("rollback-1"), a_rollback().kind, ANNA)
    put(table, items.wallet_item(WALLET), items.record_item(BET.record), items.resolution_item(marker))
    snapshot = store.snapshot(ANNA, (a_win(1, bet=ref("bet-1")),))
    assert snapshot == Snapshot(WALLET, Facts({ref("bet-1"): BET.record}, {ref("bet-1"): marker}))
    ((name, request),) = table.calls
    assert name == "transact_get_items"
    keys = [entry["Get"]["Key"]["pk"]["S"] for entry in request["TransactItems"]]
    assert keys == ["W#pl_anna", "TX#game:hub88#bet-1", "RS#game:hub88#bet-1"]
    assert {entry["Get"]["TableName"] for entry in request["TransactItems"]} == {TABLE}


def test_a_reversal_brings_the_opening_of_its_deposit_read_after_the_wallet(store: LedgerStore, table: MemoryTable) -> None:
    opened = decided(WALLET, OpenDeposit.of(ANNA, "o-1", "EUR", 5))
    paid = replace(a_deposit(5), opened=opened.record.reference)
    deposit = decided(opened.wallet, paid, Facts({opened.record.reference: opened.record}))
    assert deposit.resolution is not None
    put(table, items.wallet_item(deposit.wallet), items.record_item(opened.record), items.record_item(deposit.record))
    put(table, items.resolution_item(deposit.resolution))
    snapshot = store.snapshot(ANNA, (DepositReversal(ref("back"), ANNA, "EUR", 5, paid.reference),))
    entries = {one.record.reference: one.record for one in (opened, deposit)}
    assert snapshot == Snapshot(deposit.wallet, Facts(entries, {deposit.resolution.of: deposit.resolution}))
    asked = [[entry["Get"]["Key"]["pk"]["S"] for entry in request["TransactItems"]] for _, request in table.calls]
    name = paid.reference.text
    assert asked == [["W#pl_anna", f"TX#{name}", f"RS#{name}"], ["TX#house:deposit#o-1", "RS#house:deposit#o-1"]]


def test_a_deposit_that_was_not_opened_brings_nothing_more(store: LedgerStore, table: MemoryTable) -> None:
    deposit = decided(WALLET, a_deposit(5))
    put(table, items.wallet_item(deposit.wallet), items.record_item(deposit.record))
    store.snapshot(ANNA, (DepositReversal(ref("back"), ANNA, "EUR", 5, deposit.record.reference),))
    assert len(table.calls) == 1


def test_facts_that_are_not_there_are_left_out(store: LedgerStore) -> None:
    assert store.snapshot(ANNA, (a_win(1, bet=ref("bet-1")),)) == Snapshot(None, Facts())


def test_a_batch_reads_what_stands_under_its_own_names_and_each_name_once(store: LedgerStore, table: MemoryTable) -> None:
    put(table, items.wallet_item(WALLET), items.record_item(BET.record))
    win = a_win(1, bet=ref("bet-1"))
    snapshot = store.snapshot(ANNA, (a_bet(3), win, replace(win, reference=ref("win-2"))), own=True)
    assert snapshot.facts.entries == {ref("bet-1"): BET.record}
    (_, request) = table.calls[-1]
    keys = [entry["Get"]["Key"]["pk"]["S"] for entry in request["TransactItems"]]
    names = [f"TX#game:hub88#{name}" for name in ("bet-1", "win-1", "win-2")]
    assert keys == ["W#pl_anna", *names, "RS#game:hub88#bet-1"]


def test_a_commit_is_one_transaction_with_a_condition_on_each_item(store: LedgerStore, table: MemoryTable) -> None:
    put(table, items.wallet_item(BET.wallet), items.record_item(BET.record))
    assert store.commit(BET.record.version, (BACK,), (COMPANION,)) == Committed()
    ((name, request),) = table.calls
    assert name == "transact_write_items"
    absent = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)"}
    assert BACK.resolution is not None
    version = {"ConditionExpression": "v = :decided_on", "ExpressionAttributeValues": {":decided_on": {"N": "8"}}}
    assert request == {
        "TransactItems": [
            {"Put": {"TableName": TABLE, "Item": items.wallet_item(BACK.wallet), **version}},
            {"Put": {"Item": items.record_item(BACK.record), "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **absent}},
            {"Put": {"Item": items.resolution_item(BACK.resolution), **absent}},
            COMPANION,
        ]
    }


def test_a_first_version_wants_no_wallet_there(store: LedgerStore, table: MemoryTable) -> None:
    assert store.commit(0, (BET,)) == Committed()
    (_, request) = table.calls[-1]
    wallet = {"TableName": TABLE, "Item": items.wallet_item(BET.wallet), "ConditionExpression": "attribute_not_exists(pk)"}
    assert request["TransactItems"][0] == {"Put": wallet}


def test_a_tombstone_is_put_where_nothing_stands(store: LedgerStore, table: MemoryTable) -> None:
    put(table, items.wallet_item(WALLET))
    assert store.commit(7, (BURIED,)) == Committed()
    assert BURIED.tombstone is not None
    (_, request) = table.calls[-1]
    stone = {"TableName": TABLE, "Item": items.tombstone_item(BURIED.tombstone), "ConditionExpression": "attribute_not_exists(pk)"}
    assert request["TransactItems"][2:] == [{"Put": stone}]


def test_several_decisions_write_one_wallet_the_last(store: LedgerStore, table: MemoryTable) -> None:
    put(table, items.wallet_item(WALLET))
    assert store.commit(7, (BET, BACK)) == Committed()
    assert store.wallet(ANNA) == BACK.wallet
    assert table.keys(TABLE) == {"W#pl_anna", "TX#game:hub88#bet-1", "TX#game:hub88#rollback-1", "RS#game:hub88#bet-1"}


def test_an_item_that_is_too_large_is_never_sent(store: LedgerStore, table: MemoryTable) -> None:
    with pytest.raises(items.ItemTooLarge):
        store.commit(7, (replace(BET, record=replace(BET.record, note="x" * 999)),))
    with pytest.raises(items.ItemTooLarge):
        store.commit(7, (replace(BET, wallet=replace(BET.wallet, head_key="x" * 999)),))
    assert table.calls == []


def test_what_stands_under_the_own_name_beats_every_other_reason(store: LedgerStore, table: MemoryTable) -> None:
    item = items.record_item(BET.record)
    for codes in ((FAILED, FAILED), (NOTHING, FAILED), (CONFLICT, FAILED), ("ThrottlingError", FAILED)):
        assert failed_commit(store, table, cancelled(*codes, found={1: item})) == Existing(BET.record)
    error = cancelled(FAILED, FAILED, FAILED, found={1: item})
    assert failed_commit(store, table, error, companions=1) == Existing(BET.record)


def test_a_tombstone_under_the_own_name_is_found_too(store: LedgerStore, table: MemoryTable) -> None:
    stone = Tombstone(ref("bet-1"), BEN, ref("r"), NOW)
    error = cancelled(NOTHING, FAILED, found={1: items.tombstone_item(stone)})
    assert failed_commit(store, table, error) == Existing(stone)


def test_in_a_batch_the_first_record_that_stands_is_found(store: LedgerStore, table: MemoryTable) -> None:
    item = items.record_item(BACK.record)
    error = cancelled(NOTHING, NOTHING, FAILED, NOTHING, found={2: item})
    assert failed_commit(store, table, error, BET, BACK) == Existing(BACK.record)


def test_a_wallet_or_a_fact_that_has_changed_is_stale(store: LedgerStore, table: MemoryTable) -> None:
    assert failed_commit(store, table, cancelled(FAILED, NOTHING)) == Stale()
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, FAILED), BACK) == Stale()
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, FAILED, FAILED), BACK, companions=1) == Stale()
    assert failed_commit(store, table, cancelled(FAILED, NOTHING, FAILED), companions=1) == Stale()
    assert failed_commit(store, table, cancelled(NOTHING, FAILED)) == Stale()  # the record's place, without the item


def test_an_item_beside_the_records_is_never_taken_for_one(store: LedgerStore, table: MemoryTable) -> None:
    wallet = items.wallet_item(WALLET)
    assert failed_commit(store, table, cancelled(FAILED, NOTHING, found={0: wallet})) == Stale()
    marker = items.tombstone_item(Tombstone(ref("x"), ANNA, ref("r"), NOW))
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, FAILED, found={2: marker}), BURIED) == Stale()


def test_a_companion_whose_condition_fails_is_named_by_its_place(store: LedgerStore, table: MemoryTable) -> None:
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, FAILED), companions=1) == CompanionRefused(0)
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, NOTHING, FAILED), companions=2) == CompanionRefused(1)
    assert failed_commit(store, table, cancelled(NOTHING, NOTHING, NOTHING, FAILED), BACK, companions=1) == CompanionRefused(0)


@pytest.mark.parametrize("codes", [(NOTHING, CONFLICT, FAILED), (CONFLICT, NOTHING, FAILED)])
def test_a_companion_is_not_believed_where_a_place_before_it_was_not_read(
    store: LedgerStore, table: MemoryTable, codes: tuple[str, ...]
) -> None:
    """Another attempt of the same movement may have moved the companion, and its record be locked by a third one."""
    with pytest.raises(StoreBusy):
        failed_commit(store, table, cancelled(*codes), companions=1)


@pytest.mark.parametrize(
    "code",
    [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionConflictException",
        "LimitExceededException",
    ],
)
def test_a_table_that_is_busy_has_written_nothing(store: LedgerStore, table: MemoryTable, code: str) -> None:
    for error in (cancelled(NOTHING, code), client_error(code)):
        with pytest.raises(StoreBusy, match=code) as caught:
            failed_commit(store, table, error)
        assert not caught.value.in_progress


def test_a_transaction_in_progress_is_busy_and_says_so(store: LedgerStore, table: MemoryTable) -> None:
    with pytest.raises(StoreBusy) as caught:
        failed_commit(store, table, client_error("TransactionInProgressException"))
    assert caught.value.in_progress


@pytest.mark.parametrize(
    "error",
    [
        client_error("ValidationException"),
        client_error("AccessDeniedException"),
        client_error("ResourceNotFoundException", 499),
        cancelled("ValidationError", NOTHING),
        cancelled(),
        client_error("TransactionCanceledException"),
    ],
)
def test_a_fault_of_ours_stays_itself(store: LedgerStore, table: MemoryTable, error: ClientError) -> None:
    with pytest.raises(ClientError) as caught:
        failed_commit(store, table, error)
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        client_error("InternalServerError", 500),
        client_error("ServiceUnavailable", 503),
        client_error("", 502),
        ReadTimeoutError(**URL),
        ConnectionClosedError(**URL),
        ResponseStreamingError(error="cut"),
        HTTPClientError(error="reset"),
        SSLError(error="unexpected end", **URL),
        ResponseParserError("garbled"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_a_clear_answer_a_commit_may_have_happened(store: LedgerStore, table: MemoryTable, error: Exception) -> None:
    with pytest.raises(AnswerLost):
        failed_commit(store, table, error)


@pytest.mark.parametrize(
    "error",
    [ConnectTimeoutError(**URL), EndpointConnectionError(**URL), ProxyConnectionError(proxy_url="http://proxy")],
    ids=lambda error: type(error).__name__,
)
def test_what_was_never_sent_was_not_written(store: LedgerStore, table: MemoryTable, error: Exception) -> None:
    with pytest.raises(StoreBusy):
        failed_commit(store, table, error)


def test_any_other_error_is_not_swallowed(store: LedgerStore, table: MemoryTable) -> None:
    with pytest.raises(RuntimeError):
        failed_commit(store, table, RuntimeError("a fault in the program"))


READS: list[Callable[[LedgerStore], Any]] = [
    lambda store: store.wallet(ANNA),
    lambda store: store.entry(ref("bet-1")),
    lambda store: store.snapshot(ANNA, (a_win(1, bet=ref("bet-1")),)),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("ProvisionedThroughputExceededException"),
        client_error("InternalServerError", 500),
        client_error("", 503),
        cancelled(CONFLICT, NOTHING),
        ReadTimeoutError(**URL),
        ConnectTimeoutError(**URL),
        EndpointConnectionError(**URL),
        SSLError(error="unexpected end", **URL),
        HTTPClientError(error="reset"),
        ResponseParserError("garbled"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_read_that_fails_for_now_changes_nothing(
    store: LedgerStore, table: MemoryTable, error: Exception, read: Callable[[LedgerStore], Any]
) -> None:
    table.read_faults.append(failing(error))
    with pytest.raises(StoreBusy) as caught:
        read(store)
    assert not caught.value.in_progress


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_a_read_that_is_not_allowed_stays_itself(
    store: LedgerStore, table: MemoryTable, code: str, read: Callable[[LedgerStore], Any]
) -> None:
    table.read_faults.append(failing(client_error(code)))
    with pytest.raises(ClientError):
        read(store)


@pytest.mark.parametrize("answer", [{}, {"Responses": []}, {"Responses": [{}]}])
def test_an_answer_that_is_not_whole_is_no_answer(store: LedgerStore, table: MemoryTable, answer: dict[str, Any]) -> None:
    table.read_faults.append(lambda _call: answer)
    with pytest.raises(StoreBusy):
        store.snapshot(ANNA, (a_win(1, bet=ref("bet-1")),))
