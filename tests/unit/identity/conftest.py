"""Tables that the tests of one file share: making them anew takes longer than most of these tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import get_session
from moto import mock_aws

from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE, REGION, SESSIONS_TABLE

KEYS = {PLAYERS_TABLE: ("pk", "sk"), SESSIONS_TABLE: ("pk",), LEDGER_TABLE: ("pk",)}


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[Any]:
    with mock_aws():
        credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client = get_session().create_client("dynamodb", region_name=REGION, **credentials)
        for name, keys in KEYS.items():
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            )
        yield client


@pytest.fixture
def tables(shared_tables: Any) -> Any:
    """A low-level DynamoDB client with three empty tables: players, sessions, ledger."""
    for name, keys in KEYS.items():
        for item in shared_tables.scan(TableName=name)["Items"]:
            shared_tables.delete_item(TableName=name, Key={key: item[key] for key in keys})
    return shared_tables
