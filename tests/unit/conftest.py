"""What every unit test gets: no network, no real credentials, a clock that stands still."""

import pickle
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.loaders import create_loader
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from pytest_socket import disable_socket

from runtime import aws as runtime_aws
from tests.unit import moto_speed
from tests.unit.clock import FixedClock

REGION = "eu-west-1"
LEDGER_TABLE = "ledger"
PLAYERS_TABLE = "players"
CASHIER_TABLE = "cashier"
SESSIONS_TABLE = "sessions"
WITHDRAWALS_TABLE = "withdrawals"


def pytest_runtest_setup() -> None:
    """A unit test that opens a socket fails: moto answers inside botocore, before a socket exists."""
    disable_socket(allow_unix_socket=False)


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell holds, a unit test sees a made-up account and no endpoint or profile of its user."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_SECURITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "testing")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("STAGE", "test")


@pytest.fixture(scope="session", autouse=True)
def descriptions() -> Iterator[None]:
    """botocore reads its descriptions of the services once a process, most of what a client costs; and moto answers quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        moto_speed.install(patch)
        yield


@pytest.fixture
def clock() -> FixedClock:
    """Epoch milliseconds, at `tests.unit.clock.START_MS` until the test moves it."""
    return FixedClock()


@pytest.fixture
def aws(aws_environment: None) -> Iterator[None]:  # noqa: ARG001 - the environment must be there first
    """An empty account in this process (moto). Clients of `runtime.aws` are forgotten before and after."""
    runtime_aws.forget_clients()
    with mock_aws():
        yield
    runtime_aws.forget_clients()


@pytest.fixture
def dynamodb(aws: None) -> Any:  # noqa: ARG001 - the account must be there first
    """A low-level DynamoDB client with empty tables: ledger, players, cashier, sessions, withdrawals."""
    client = runtime_aws.client("dynamodb")
    tables = get_backend("dynamodb")[ACCOUNT_ID][REGION].tables
    if not _EMPTY:
        _create_tables(client)
        _EMPTY.append(pickle.dumps(tables))
    else:
        tables.update(pickle.loads(_EMPTY[0]))  # noqa: S301 - what this process has written
    return client


_EMPTY: list[bytes] = []
"""The empty tables as moto keeps them: made once in a process, for their five requests cost more than most tests."""


def _create_tables(client: Any) -> None:
    _create_table(client, LEDGER_TABLE, ["pk"], index=("history", "p", "n", "N"))
    _create_table(client, PLAYERS_TABLE, ["pk", "sk"])
    _create_table(client, CASHIER_TABLE, ["pk", "sk"], index=("by_player", "player_id", "created_at", "S"))
    _create_table(client, SESSIONS_TABLE, ["pk"])
    by_player, still_open = ("by_player", "player_id", "created_at", "S"), ("open", "open_status", "changed_at", "S")
    _create_table(client, WITHDRAWALS_TABLE, ["pk", "sk"], index=by_player, second=still_open)


Index = tuple[str, str, str, str]


def _create_table(client: Any, name: str, keys: list[str], index: Index | None = None, second: Index | None = None) -> None:
    attributes = dict.fromkeys(keys, "S")
    request: dict[str, Any] = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": _key_schema(keys)}
    indexes = [found for found in (index, second) if found is not None]
    for index_name, hash_key, range_key, range_type in indexes:
        attributes |= {hash_key: "S", range_key: range_type}
        shape = {"KeySchema": _key_schema([hash_key, range_key]), "Projection": {"ProjectionType": "ALL"}}
        request.setdefault("GlobalSecondaryIndexes", []).append({"IndexName": index_name, **shape})
    request["AttributeDefinitions"] = [{"AttributeName": n, "AttributeType": t} for n, t in attributes.items()]
    client.create_table(**request)


def _key_schema(keys: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)]
