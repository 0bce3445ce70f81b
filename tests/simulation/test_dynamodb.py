import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulation.dynamodb import Model, Schema
from tests.simulation.expressions import Invalid, Scope, condition

TABLE = "ledger"


@pytest.fixture
def model() -> Model:
    return Model({TABLE: Schema(("pk",), {"history": ("p", "n")})})


def put(name: str, text: str = "", values: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"TableName": TABLE, "Item": {"pk": {"S": name}, **attributes}}
    if text:
        entry["ConditionExpression"] = text
        entry["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if values:
        entry["ExpressionAttributeValues"] = values
    return {"Put": entry}


def refused(model: Model, *entries: dict[str, Any]) -> ClientError:
    with pytest.raises(ClientError) as caught:
        model.transact_write_items(TransactItems=list(entries))
    return caught.value


def test_a_cancelled_transaction_writes_nothing_and_gives_reasons_by_position(model: Model) -> None:
    model.transact_write_items(TransactItems=[put("a", v={"N": "1"})])
    error = refused(model, put("b"), put("a", "attribute_not_exists(pk)"), put("c", "v = :one", {":one": {"N": "1"}}))
    assert error.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = error.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == {"pk": {"S": "a"}, "v": {"N": "1"}}
    assert "Item" not in reasons[2]
    assert model.get_item(TableName=TABLE, Key={"pk": {"S": "b"}}, ConsistentRead=True) == {}


@pytest.mark.parametrize(
    "entries",
    [
        [put("a"), put("a")],
        [],
        [put(str(number)) for number in range(101)],
        [put("a", "v = :missing")],
        [put("a", "v = :x", {":x": {"N": "1"}, ":unused": {"N": "1"}})],
        [put("a", "v =")],
        [put("a", "size(v) > 1")],
        [{"Put": {"TableName": TABLE, "Item": {"no": {"S": "key"}}}}],
    ],
)
def test_what_the_service_does_not_take_is_a_validation_error(model: Model, entries: list[dict[str, Any]]) -> None:
    assert refused(model, *entries).response["Error"]["Code"] == "ValidationException"


def test_an_eventually_consistent_read_may_be_a_write_behind_and_a_strong_one_never_is(model: Model) -> None:
    for version in ("1", "2"):
        model.transact_write_items(TransactItems=[put("a", v={"N": version})])
    weak = {model.get_item(TableName=TABLE, Key={"pk": {"S": "a"}})["Item"]["v"]["N"] for _ in range(2)}
    strong = {model.get_item(TableName=TABLE, Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]["v"]["N"] for _ in range(2)}
    assert weak == {"1", "2"}
    assert strong == {"2"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("attribute_exists(v) AND NOT attribute_exists(w)", True),
        ("v = :two OR w = :two AND v = :one", True),
        ("(v = :two OR w = :two) AND v = :one", False),
        ("v < :ten AND v >= :two", True),
        ("v BETWEEN :one AND :two", True),
        ("v IN (:one, :ten)", False),
        ("w <> :one", True),
        ("w < :one", False),
        ("#name = :two", True),
        ("begins_with(s, :prefix)", True),
    ],
)
def test_conditions_mean_what_they_mean_to_the_service(text: str, holds: bool) -> None:
    item = {"v": {"N": "2"}, "s": {"S": "abc"}}
    values = {":one": {"N": "1"}, ":two": {"N": "2.0"}, ":ten": {"N": "10"}, ":prefix": {"S": "ab"}}
    test, _ = condition(text)
    assert test(Scope(item, {"#name": "v"}, values)) is holds


def test_what_the_model_does_not_understand_never_passes() -> None:
    with pytest.raises(Invalid):
        condition("attribute_type(v, :kind)")


def test_the_model_is_fast(model: Model) -> None:
    began = time.process_time()
    for number in range(5_000):
        name = str(number % 50)
        model.get_item(TableName=TABLE, Key={"pk": {"S": name}}, ConsistentRead=True)
        model.transact_write_items(TransactItems=[put(name), put(f"{number}#", "attribute_not_exists(pk)")])
    assert 10_000 / (time.process_time() - began) > 10_000
