"""A table in memory that answers as DynamoDB does, as far as posting asks, and fails when it is told to."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Stored = dict[tuple[str, str], dict[str, Any]]
Fault = Callable[[Callable[[], Any]], Any]
"""What a faulty call does, given the call: make it and lose the answer, raise at once, …"""


def client_error(code: str, status: int = 400, **response: Any) -> ClientError:
    """Return an error as botocore raises it."""
    answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}, **response}
    return ClientError(answer, "TransactWriteItems")


def cancelled(*codes: str, found: Mapping[int, Any] | None = None) -> ClientError:
    """Return a cancellation with these codes, one for each position; `found`: the items that stood at some of them."""
    reasons: list[dict[str, Any]] = [{"Code": code} for code in codes]
    for place, item in (found or {}).items():
        reasons[place]["Item"] = item
    return client_error("TransactionCanceledException", CancellationReasons=reasons)


def failing(error: Exception) -> Fault:
    """Fail before anything happens."""

    def fault(_call: Callable[[], Any]) -> Any:
        raise error

    return fault


def landing(error: Exception) -> Fault:
    """Let the call take effect and fail to say so."""

    def fault(call: Callable[[], Any]) -> Any:
        call()
        raise error

    return fault


def preceded(action: Callable[[], Any]) -> Fault:
    """Let something else happen just before the call."""

    def fault(call: Callable[[], Any]) -> Any:
        action()
        return call()

    return fault


@dataclass
class MemoryTable:
    """Satisfies `countroom.ledger.store.DynamoDB`. `calls` are the requests so far; faults are taken one by one (None: none)."""

    stored: Stored = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    write_faults: deque[Fault | None] = field(default_factory=deque)
    read_faults: deque[Fault | None] = field(default_factory=deque)

    def get_item(self, **request: Any) -> Any:
        """Read one item."""
        return self._made(
            "get_item", request, self.read_faults, lambda: {**self._got(request), "ConsumedCapacity": {"CapacityUnits": 1.0}}
        )

    def transact_get_items(self, **request: Any) -> Any:
        """Read several items."""
        return self._made("transact_get_items", request, self.read_faults, lambda: self._got_all(request))

    def transact_write_items(self, **request: Any) -> Any:
        """Write several items, all or none."""
        return self._made("transact_write_items", request, self.write_faults, lambda: self._written(request["TransactItems"]))

    def query(self, **request: Any) -> Any:
        """Stay away: posting never queries."""
        raise AssertionError(request)

    def scan(self, **request: Any) -> Any:
        """Stay away: posting never scans."""
        raise AssertionError(request)

    def made(self, name: str) -> int:
        """Count the calls of one name."""
        return sum(call == name for call, _ in self.calls)

    def keys(self, table: str) -> set[str]:
        """Return the keys of the items of one table."""
        return {key for name, key in self.stored if name == table}

    def _made(self, name: str, request: dict[str, Any], faults: deque[Fault | None], call: Callable[[], Any]) -> Any:
        self.calls.append((name, request))
        fault = faults.popleft() if faults else None
        return fault(call) if fault else call()

    def _got(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found = self.stored.get((request["TableName"], _key(request["Key"])))
        return {"Item": dict(found)} if found else {}

    def _got_with_capacity(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._got(request), "ConsumedCapacity": {"CapacityUnits": 1.0}}

    def _got_all(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"Responses": [self._got(entry["Get"]) for entry in request["TransactItems"]]}

    def _written(self, writes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        puts = [next(iter(write.values())) for write in writes]
        places = [(put["TableName"], _key(put["Item"])) for put in puts]
        if len(set(places)) < len(places) or not 1 <= len(places) <= 100:
            raise client_error("ValidationException")
        reasons = [self._reason(put, place) for put, place in zip(puts, places, strict=True)]
        if any(reason["Code"] != "None" for reason in reasons):
            raise client_error("TransactionCanceledException", CancellationReasons=reasons)
        self.stored.update({place: dict(put["Item"]) for put, place in zip(puts, places, strict=True)})
        return {}

    def _reason(self, put: Mapping[str, Any], place: tuple[str, str]) -> dict[str, Any]:
        old = self.stored.get(place)
        if _holds(put.get("ConditionExpression"), put.get("ExpressionAttributeValues", {}), old or {}):
            return {"Code": "None"}
        reason: dict[str, Any] = {"Code": "ConditionalCheckFailed"}
        if old and put.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            reason["Item"] = dict(old)
        return reason


def _key(item: Mapping[str, Any]) -> str:
    return str(item["pk"]["S"])


def _holds(condition: str | None, values: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    if condition is None:
        return True
    if condition.startswith("attribute_not_exists("):
        return condition.removeprefix("attribute_not_exists(").removesuffix(")") not in item
    name, _, value = condition.partition(" = ")
    return name in item and item[name] == values[value]
