"""The quicker way in which moto answers gives the same answers."""

from typing import Any

import pytest
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS

from tests.unit.conftest import PLAYERS_TABLE
from tests.unit.moto_speed import QuickSerializer

KEY = {"pk": {"S": "a"}, "sk": {"S": "1"}}
ITEM = {
    **KEY,
    "text": {"S": ""},
    "number": {"N": "1.5"},
    "bytes": {"B": b"\x00\xff"},
    "flag": {"BOOL": False},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "blobs": {"BS": [b"\x00", b"\x01"]},
    "list": {"L": [{"S": "x"}, {"L": []}, {"M": {"deep": {"B": b"\x02"}}}]},
    "map": {"M": {"one": {"N": "0"}, "none": {"M": {}}}},
}


def answers(client: Any) -> list[Any]:
    asked = {"ExpressionAttributeValues": {":pk": {"S": "a"}}, "KeyConditionExpression": "pk = :pk"}
    given = [
        client.get_item(TableName=PLAYERS_TABLE, Key=KEY, ReturnConsumedCapacity="TOTAL"),
        client.get_item(TableName=PLAYERS_TABLE, Key={**KEY, "sk": {"S": "none"}}),
        client.query(TableName=PLAYERS_TABLE, Limit=1, **asked),
        client.batch_get_item(RequestItems={PLAYERS_TABLE: {"Keys": [KEY]}}),
        client.transact_get_items(TransactItems=[{"Get": {"TableName": PLAYERS_TABLE, "Key": KEY}}]),
        client.put_item(TableName=PLAYERS_TABLE, Item=ITEM, ReturnValues="ALL_OLD"),
    ]
    return [{name: value for name, value in one.items() if name != "ResponseMetadata"} for one in given]


def test_it_gives_the_answers_of_moto_itself(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dynamodb.put_item(TableName=PLAYERS_TABLE, Item=ITEM)
    dynamodb.put_item(TableName=PLAYERS_TABLE, Item={**ITEM, "sk": {"S": "2"}})
    assert SERVICE_SPECIFIC_SERIALIZERS["dynamodb"] == {"json": QuickSerializer}
    quick = answers(dynamodb)
    assert quick[0]["Item"] == ITEM
    monkeypatch.delitem(SERVICE_SPECIFIC_SERIALIZERS, "dynamodb")
    assert answers(dynamodb) == quick
