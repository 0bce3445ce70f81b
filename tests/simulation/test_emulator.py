"""The model against MiniStack over HTTP: the same random requests, the same answers and errors, the same table at the end."""

import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_socket import enable_socket

from sandbox import aws, emulator
from sandbox.setup import EMULATOR_VENV
from tests.simulation.dynamodb import Model, Schema

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("model")]

LEDGER, ROOMS = "model-ledger", "model-rooms"
SCHEMAS = {LEDGER: Schema(("pk",), {"history": ("p", "n")}), ROOMS: Schema(("pk", "sk"))}
ROUNDS = 400


@pytest.fixture(scope="module")
def dynamodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    enable_socket()
    python = EMULATOR_VENV / "bin" / "python"
    assert python.exists(), "the emulator is not installed: run `make setup`"
    temp = tmp_path_factory.mktemp("emulator")
    with socket.socket() as probe:
        probe.bind((emulator.HOST, 0))
        port = probe.getsockname()[1]
    with emulator.running(python, port, temp, temp / "emulator.log") as endpoint:
        client = aws.client("dynamodb", endpoint)
        for name, schema in SCHEMAS.items():
            client.create_table(**_definition(name, schema))
        yield client


def _definition(name: str, schema: Schema) -> dict[str, Any]:
    kinds = dict.fromkeys(schema.keys, "S")
    request: dict[str, Any] = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": _keys(schema.keys)}
    for index, (hash_name, range_name) in schema.indexes.items():
        kinds |= {hash_name: "S", range_name: "N"}
        shape = {"IndexName": index, "KeySchema": _keys((hash_name, range_name)), "Projection": {"ProjectionType": "ALL"}}
        request["GlobalSecondaryIndexes"] = [shape]
    return request | {"AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in kinds.items()]}


def _keys(names: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


class Draw:
    """Random requests over few keys, so that conditions hold and fail about equally often."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret

    def key(self, table: str) -> dict[str, Any]:
        name = {"pk": {"S": f"k{self.rng.randint(1, 6)}"}}
        return name if table == LEDGER else {**name, "sk": {"S": self.rng.choice("ab")}}

    def item(self, table: str) -> dict[str, Any]:
        rng = self.rng
        item = {**self.key(table), "v": {"N": str(rng.randint(1, 4))}, "b": {"B": rng.randbytes(3)}, "l": {"L": [{"S": "x"}]}}
        if rng.random() < 0.5:
            item |= {"p": {"S": rng.choice("XY")}, "n": {"N": str(rng.randint(1, 12))}}
        if rng.random() < 0.3:
            item["state"] = {"S": rng.choice(("new", "done"))}
        return item

    def condition(self) -> dict[str, Any]:
        rng = self.rng
        number, text = {"N": str(rng.randint(1, 4))}, {"S": rng.choice(("new", "done"))}
        return rng.choice(
            (
                {},
                {"ConditionExpression": "attribute_not_exists(pk)"},
                {"ConditionExpression": "attribute_exists(pk)"},
                {"ConditionExpression": "v = :n", "ExpressionAttributeValues": {":n": number}},
                {"ConditionExpression": "v >= :n", "ExpressionAttributeValues": {":n": number}},
                {"ConditionExpression": "v <> :n", "ExpressionAttributeValues": {":n": number}},
                {
                    "ConditionExpression": "#s = :s OR (attribute_not_exists(#s) AND v < :n)",
                    "ExpressionAttributeNames": {"#s": "state"},
                    "ExpressionAttributeValues": {":s": text, ":n": number},
                },
                {"ConditionExpression": "v BETWEEN :n AND :m", "ExpressionAttributeValues": {":n": number, ":m": {"N": "3"}}},
                {"ConditionExpression": "v IN (:n, :m)", "ExpressionAttributeValues": {":n": number, ":m": {"N": "4"}}},
                {"ConditionExpression": "v = :n", "ExpressionAttributeValues": {":n": number, ":unused": number}},
                {"ConditionExpression": "v = :nowhere"},
                {"ConditionExpression": "v = = :n", "ExpressionAttributeValues": {":n": number}},
            )
        )

    def write(self) -> dict[str, Any]:
        rng = self.rng
        table = rng.choice((LEDGER, LEDGER, ROOMS))
        common: dict[str, Any] = {"TableName": table, **self.condition()}
        if rng.random() < 0.6:
            common["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        verb = rng.choice(("Put", "Put", "Put", "Update", "Delete", "ConditionCheck"))
        if verb == "Put":
            return {"Put": {**common, "Item": self.item(table)}}
        common["Key"] = self.key(table)
        if verb == "Update":
            return {"Update": self.update(common)}
        if "ConditionExpression" not in common:
            common["ConditionExpression"] = "attribute_exists(pk)"
        return {verb: common}

    def update(self, common: dict[str, Any]) -> dict[str, Any]:
        text, values = self.rng.choice(
            (
                ("SET w = :w", {":w": {"S": "w"}}),
                ("SET l = list_append(if_not_exists(l, :none), :more)", {":none": {"L": []}, ":more": {"L": [{"S": "y"}]}}),
                ("SET v = if_not_exists(v, :zero) + :one", {":zero": {"N": "0"}, ":one": {"N": "1"}}),
                ("ADD hits :one REMOVE w", {":one": {"N": "1"}}),
            )
        )
        return {
            **common,
            "UpdateExpression": text,
            "ExpressionAttributeValues": {**common.get("ExpressionAttributeValues", {}), **values},
        }

    def request(self) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        match rng.randint(0, 9):
            case 0 | 1:
                table = rng.choice((LEDGER, ROOMS))
                return "get_item", {"TableName": table, "Key": self.key(table), "ConsistentRead": True}
            case 2:
                tables = [rng.choice((LEDGER, ROOMS)) for _ in range(rng.randint(1, 4))]
                gets = [{"Get": {"TableName": table, "Key": self.key(table)}} for table in tables]
                return "transact_get_items", {"TransactItems": gets}
            case 3:
                return "query", self.query()
            case _:
                return "transact_write_items", {"TransactItems": [self.write() for _ in range(rng.randint(1, 4))]}

    def query(self) -> dict[str, Any]:
        rng = self.rng
        low = rng.randint(1, 6)
        return {
            "TableName": LEDGER,
            "IndexName": "history",
            "KeyConditionExpression": "p = :p AND n BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":p": {"S": rng.choice("XY")}, ":low": {"N": str(low)}, ":high": {"N": str(low + 5)}},
            "ScanIndexForward": rng.random() < 0.5,
        }


def answer(client: Any, name: str, request: dict[str, Any]) -> Any:
    """What came back: the answer without its metadata, or the error's code and reasons."""
    try:
        found = getattr(client, name)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("CancellationReasons")
    found.pop("ResponseMetadata", None)
    if name == "query":  # items of one range key come in no order of their own
        found["Items"] = sorted(found["Items"], key=lambda item: (item["n"]["N"], item["pk"]["S"]))
    return found


def table_of(client: Any, name: str) -> list[dict[str, Any]]:
    found = client.scan(TableName=name, ConsistentRead=True)["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item.get("sk", {}).get("S", "")))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_model_answers_as_the_emulator_does(dynamodb: Any, seed: int) -> None:
    model = Model(SCHEMAS)
    for name, schema in SCHEMAS.items():
        for item in table_of(dynamodb, name):
            dynamodb.delete_item(TableName=name, Key={key: item[key] for key in schema.keys})
    draw = Draw(seed)
    kinds = set()
    for number in range(ROUNDS):
        name, request = draw.request()
        theirs, ours = answer(dynamodb, name, request), answer(model, name, request)
        assert ours == theirs, f"request {number}: {name} {request}"
        kinds.add(ours[0] if isinstance(ours, tuple) else name)
    assert kinds == {
        *("get_item", "transact_get_items", "transact_write_items", "query"),
        *("TransactionCanceledException", "ValidationException"),
    }
    for name in SCHEMAS:
        assert table_of(model, name) == table_of(dynamodb, name)


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_model_pages_as_the_emulator_does(dynamodb: Any, newest_first: bool) -> None:
    model = Model(SCHEMAS)
    numbers = [1, 2, 3, 5, 8, 13, 21]
    for client in (dynamodb, model):
        puts = [{"pk": {"S": f"page{number}"}, "p": {"S": "P"}, "n": {"N": str(number)}} for number in numbers]
        client.transact_write_items(TransactItems=[{"Put": {"TableName": LEDGER, "Item": item}} for item in puts])
    request: dict[str, Any] = {
        "TableName": LEDGER,
        "IndexName": "history",
        "KeyConditionExpression": "p = :p",
        "ExpressionAttributeValues": {":p": {"S": "P"}},
        "ScanIndexForward": not newest_first,
        "Limit": 3,
    }
    pages = 0
    while True:
        theirs, ours = answer(dynamodb, "query", dict(request)), answer(model, "query", dict(request))
        assert ours == theirs
        pages += 1
        if "LastEvaluatedKey" not in ours:
            break
        request["ExclusiveStartKey"] = ours["LastEvaluatedKey"]
    assert pages == 3
