from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from countroom.identity.digests import email_digest, subject_digest
from countroom.identity.refusals import Unavailable
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table
from tests.unit.clock import START_MS
from tests.unit.conftest import PLAYERS_TABLE
from tests.unit.identity.office import LOST, Watched, at_once
from tests.unit.identity.writing import rewritten, written
from tests.unit.ledger.memory import cancelled, client_error, failing, landing

EMAIL = "ann@example.com"
CREDENTIALS = Credentials(email_digest(EMAIL), "pl_ann", "$argon2id$1")
ACCOUNT = Account("pl_ann", email_digest(EMAIL), b"sealed", "EE", "EUR", "2026-01", "t1", "t2")


@pytest.fixture
def client(tables: Any) -> Watched:
    return Watched(tables)


@pytest.fixture
def table(client: Watched) -> Table:
    return Table(client, PLAYERS_TABLE)


@pytest.fixture
def store(table: Table) -> PlayersStore:
    return PlayersStore(table)


@pytest.fixture
def ann(store: PlayersStore) -> Credentials:
    assert written(store, store.creation(ACCOUNT, CREDENTIALS))
    return CREDENTIALS


def next_of(credentials: Credentials, **changes: Any) -> Credentials:
    return replace(credentials, version=credentials.version + 1, **changes)


def test_what_is_written_is_read(store: PlayersStore, ann: Credentials) -> None:
    assert store.account("pl_ann") == ACCOUNT
    assert store.credentials(EMAIL) == store.credentials_of("pl_ann") == ann
    assert store.credentials("bob@example.com") is None
    assert store.credentials_of("pl_bob") is None
    assert store.account("pl_bob") is None


def test_an_address_and_an_id_are_held_by_the_transaction(store: PlayersStore, ann: Credentials) -> None:
    other = replace(ACCOUNT, player_id="pl_bob")
    assert not written(store, store.creation(other, replace(ann, player_id="pl_bob")))
    assert not written(store, store.creation(ACCOUNT, replace(ann, address=email_digest("bob@example.com"))))
    assert store.account("pl_bob") is None


def test_a_change_stands_on_what_was_read(store: PlayersStore, ann: Credentials) -> None:
    first, second = next_of(ann, devices=("d1", "d2")), next_of(ann, password_hash="$argon2id$2")
    assert written(store, [store.changed_credentials(ann, first)])
    assert not written(store, [store.changed_credentials(ann, second)])
    assert store.credentials(EMAIL) == first


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
def test_an_unknown_outcome_is_said(client: Watched, store: PlayersStore, ann: Credentials, fault: Any) -> None:
    with client.fault_at(0, fault), pytest.raises(Unavailable):
        written(store, [store.changed_credentials(ann, next_of(ann))])


@pytest.mark.parametrize("change", [{"address": "x"}, {"player_id": "pl_bob"}, {"version": 3}, {"version": 1}])
def test_only_the_next_version_of_the_same_is_written(store: PlayersStore, ann: Credentials, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="next version"):
        store.changed_credentials(ann, replace(next_of(ann), **change))
    if "address" not in change:
        with pytest.raises(ValueError, match="next version"):
            store.changed_account(ACCOUNT, replace(ACCOUNT, **({"version": 2} | change)))


def test_racing_changes_are_made_one_by_one(store: PlayersStore, ann: Credentials) -> None:
    answers = at_once([partial(rewritten, store, ann, devices=(name,)) for name in "abcdefgh"])
    assert answers.count(True) == 1


def test_an_ended_address_is_free_and_nothing_of_it_remains(store: PlayersStore, client: Watched, ann: Credentials) -> None:
    assert written(store, [store.ended_credentials(ann, START_MS)])
    assert store.credentials(EMAIL) is store.credentials_of("pl_ann") is None
    assert "argon2" not in repr(client.client.scan(TableName=PLAYERS_TABLE)["Items"])
    for part in (store.changed_credentials(ann, next_of(ann)), store.ended_credentials(ann, 0)):
        assert not written(store, [part])
    bob = replace(ann, player_id="pl_bob")
    assert written(store, [store.new_credentials(bob)])
    assert store.credentials(EMAIL) == bob
    assert store.credentials_of("pl_ann") is None


def test_an_ended_version_that_comes_again_is_not_changed(store: PlayersStore, ann: Credentials) -> None:
    ended = next_of(ann)
    written(store, [store.ended_credentials(ann, START_MS)])
    assert not written(store, [store.changed_credentials(ended, next_of(ended))])


def test_an_address_that_changed_hands_is_not_changed_by_who_had_it(store: PlayersStore, ann: Credentials) -> None:
    """Revisions begin at 1 again: the number alone does not say that it is what was read."""
    bob = replace(ann, player_id="pl_bob", password_hash="$argon2id$bob")
    assert written(store, [store.ended_credentials(ann, START_MS)])
    assert written(store, [store.new_credentials(bob)])
    assert bob.version == ann.version
    for part in (store.changed_credentials(ann, next_of(ann, devices=("d1",))), store.ended_credentials(ann, START_MS)):
        assert not written(store, [part])
    assert store.credentials(EMAIL) == bob
    assert rewritten(store, bob, devices=("d1",))


@pytest.mark.usefixtures("ann")
def test_a_closed_account_has_no_credentials(store: PlayersStore) -> None:
    closed = replace(ACCOUNT, closed_at="2026-01-01T12:00:00.000Z", version=2)
    assert store.save_account(ACCOUNT, closed)
    assert store.account("pl_ann") == closed
    assert store.credentials_of("pl_ann") is None
    assert not store.save_account(ACCOUNT, replace(closed, closed_at=""))


def test_an_account_that_moves_between_two_reads_is_found(client: Watched, store: PlayersStore, ann: Credentials) -> None:
    moved = replace(ann, address=email_digest("ann@elsewhere.example"))
    parts = [
        store.new_credentials(moved),
        store.ended_credentials(ann, START_MS),
        store.changed_account(ACCOUNT, replace(ACCOUNT, address=moved.address, version=2)),
    ]

    def overtaken(call: Callable[[], Any]) -> Any:
        client.client.transact_write_items(TransactItems=parts)
        return call()

    with client.fault_at(1, overtaken):
        assert store.credentials_of("pl_ann") == moved


# -- the table itself

KEY = {"pk": {"S": "x"}, "sk": {"S": "y"}}
READS: list[Callable[[Table], Any]] = [
    lambda table: table.get(KEY),
    lambda table: table.page(KeyConditionExpression="pk = :x", ExpressionAttributeValues={":x": {"S": "x"}}),
]
WRITES: list[Callable[[Table], Any]] = [
    lambda table: table.put(KEY, "attribute_not_exists(pk)"),
    lambda table: table.update(Key=KEY, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "a"}}),
    lambda table: table.transact([{"Put": {"TableName": PLAYERS_TABLE, "Item": KEY}}]),
]


@pytest.mark.parametrize("call", READS + WRITES)
@pytest.mark.parametrize(
    "error",
    [
        LOST,
        client_error("InternalServerError", 500),
        client_error("ThrottlingException"),
        client_error("ProvisionedThroughputExceededException"),
        client_error("TransactionInProgressException"),
        cancelled("None", "TransactionConflict"),
        cancelled("ThrottlingError"),
    ],
)
def test_what_may_pass_is_unavailable(client: Watched, table: Table, call: Callable[[Table], Any], error: Exception) -> None:
    with client.fault_at(0, failing(error)), pytest.raises(Unavailable):
        call(table)


@pytest.mark.parametrize("call", READS + WRITES)
def test_a_fault_of_ours_stays_itself(client: Watched, table: Table, call: Callable[[Table], Any]) -> None:
    with client.fault_at(0, failing(client_error("AccessDeniedException"))), pytest.raises(ClientError):
        call(table)


@pytest.mark.parametrize("call", [*READS, WRITES[1]])
def test_an_answer_cut_short_is_no_answer(client: Watched, table: Table, call: Callable[[Table], Any]) -> None:
    with client.fault_at(0, lambda _call: {}), pytest.raises(Unavailable):
        call(table)


def test_a_failed_condition_wins_over_a_conflict(client: Watched, table: Table) -> None:
    mixed = cancelled("TransactionConflict", "ConditionalCheckFailed", "None")
    with client.fault_at(0, failing(mixed)):
        assert table.transact([]) == (1,)


def test_a_condition_that_does_not_hold_is_an_answer(table: Table) -> None:
    assert table.put(KEY, "attribute_not_exists(pk)") is True
    assert table.put(KEY, "attribute_not_exists(pk)") is False
    assert table.update(Key=KEY, UpdateExpression="REMOVE a", ConditionExpression="attribute_exists(b)") is None
    assert table.get(KEY) == KEY


def test_digests_are_their_subject_s_own() -> None:
    assert email_digest("ann@example.com") != subject_digest("ann@example.com")
    assert email_digest("ann@example.com") != email_digest("bob@example.com")
    assert subject_digest("\ud800") != subject_digest("\ud801")
