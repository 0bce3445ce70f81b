"""A model of DynamoDB in this process: the calls that ledger and cashier's worker make, exactly as the service answers them.

Every call takes effect at one instant. Items are stored as they were sent and must not be changed by those who read them. An
eventually consistent read may be a write behind, which the model makes of it every other time; an index may not show the newest
items yet (`hide`). `test_emulator.py` checks the model against MiniStack over HTTP.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.simulation.errors import Reasons, cancelled, client_error
from tests.simulation.expressions import Invalid, Item, Scope, condition, number
from tests.simulation.updates import update

TRANSACTION_MAX: Final = 100
_NONE: Final = {"Code": "None"}
_NOTHING: Final[Mapping[str, Any]] = {}
_LAG_ITEMS: Final = 12
_LAG_CHANCE: Final = 0.4
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A table's key attributes, and its indexes: name → (hash attribute, numeric range attribute)."""

    keys: tuple[str, ...]
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """One item of a transaction: where, what stood there, and what stands there afterwards (None: nothing)."""

    table: str
    key: Key
    before: Item | None
    after: Item | None


def _ignored(_writes: Sequence[Write]) -> None:
    """Nobody listens."""


class Table:
    """One table: its items by key."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.items: dict[Key, Item] = {}
        self.previous: dict[Key, Item | None] = {}
        self.newest: deque[Key] = deque(maxlen=_LAG_ITEMS)
        self.hidden: set[Key] = set()

    def key_of(self, attributes: Mapping[str, Any]) -> Key:
        try:
            return tuple([attributes[name]["S"] for name in self.schema.keys])
        except KeyError:
            raise Invalid("One or more parameter values were invalid: Missing the key") from None

    def put(self, key: Key, item: Item | None) -> None:
        self.previous[key] = self.items.get(key)
        self.newest.append(key)
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item


class Model:
    """Satisfies `countroom.ledger.store.DynamoDB`. `landed` is told of every transaction that took effect, as it does."""

    def __init__(
        self, schemas: Mapping[str, Schema], landed: Callable[[Sequence[Write]], None] = _ignored, page_items: int = 1000
    ) -> None:
        self.tables = {name: Table(schema) for name, schema in schemas.items()}
        self.landed = landed
        self._eventual_reads = 0
        self._page_items = page_items

    def hide(self, chance: Callable[[], float]) -> None:
        """Let the indexes lag: any of the newest items may not be in them (`chance`: 0 to 1), in no order."""
        for table in self.tables.values():
            table.hidden = {key for key in table.newest if chance() < _LAG_CHANCE}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read one item."""
        with _Validated("GetItem"):
            table = self._table(request["TableName"])
            key = table.key_of(request["Key"])
        found = table.items.get(key)
        if not request.get("ConsistentRead"):
            self._eventual_reads += 1
            if self._eventual_reads % 2:
                found = table.previous.get(key, found)
        answer: dict[str, Any] = {"Item": found} if found else {}
        if request.get("ReturnConsumedCapacity") == "TOTAL":
            answer["ConsumedCapacity"] = {
                "TableName": request["TableName"],
                "CapacityUnits": 1.0 if request.get("ConsistentRead") else 0.5,
            }
        return answer

    def transact_get_items(self, **request: Any) -> dict[str, Any]:
        """Read several items as of one instant."""
        with _Validated("TransactGetItems"):
            gets = [entry["Get"] for entry in request["TransactItems"]]
            tables = [self._table(get["TableName"]) for get in gets]
            keys = [table.key_of(get["Key"]) for table, get in zip(tables, gets, strict=True)]
            _require_distinct([(get["TableName"], key) for get, key in zip(gets, keys, strict=True)])
        found = [table.items.get(key) for table, key in zip(tables, keys, strict=True)]
        return {"Responses": [{"Item": item} if item else {} for item in found]}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write several items, all or none."""
        writes, reasons = self.evaluate(request["TransactItems"])
        if any(reason is not _NONE for reason in reasons):
            raise cancelled("TransactWriteItems", reasons)
        for write in writes:
            self.tables[write.table].put(write.key, write.after)
        self.landed(writes)
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Write one item."""
        try:
            self.transact_write_items(TransactItems=[{"Update": request}])
        except ClientError as error:
            if error.response.get("CancellationReasons"):
                raise client_error("ConditionalCheckFailedException", "UpdateItem", "The conditional request failed") from error
            raise
        return {}

    def evaluate(self, entries: Sequence[Mapping[str, Any]]) -> tuple[list[Write], Reasons]:
        """Say what a transaction would do, and item by item what is in its way; change nothing. Raise a ValidationException."""
        with _Validated("TransactWriteItems"):
            parsed = [self._parsed(entry) for entry in entries]
            _require_distinct([(write.table, write.key) for write, _ in parsed])
        return [write for write, _ in parsed], [reason for _, reason in parsed]

    def _parsed(self, entry: Mapping[str, Any]) -> tuple[Write, dict[str, Any]]:
        ((verb, body),) = entry.items()
        table = self._table(body["TableName"])
        key = table.key_of(body["Item"] if verb == "Put" else body["Key"])
        before = table.items.get(key)
        scope = Scope(
            before or _NOTHING, body.get("ExpressionAttributeNames", _NOTHING), body.get("ExpressionAttributeValues", _NOTHING)
        )
        uses: frozenset[str] = frozenset()
        holds = True
        if "ConditionExpression" in body:
            test, uses = condition(body["ConditionExpression"])
            holds = test(scope)
        after, more = _after(verb, body, before, scope, holds=holds)
        _require_used(scope, uses | more)
        return Write(body["TableName"], key, before, after), _NONE if holds else _failed(body, before)

    def query(self, **request: Any) -> dict[str, Any]:
        """Read a range of an index, in the order of its range attribute."""
        with _Validated("Query"):
            table = self._table(request["TableName"])
            hash_name, range_name = table.schema.indexes[request["IndexName"]]
            names, values = request.get("ExpressionAttributeNames", _NOTHING), request.get("ExpressionAttributeValues", _NOTHING)
            test, _ = condition(request["KeyConditionExpression"])
            shown = [item for key, item in table.items.items() if key not in table.hidden]
            indexed = [item for item in shown if hash_name in item and range_name in item]
            found = [item for item in indexed if test(Scope(item, names, values))]
        newest_first = request.get("ScanIndexForward") is False
        found.sort(key=lambda item: number(item[range_name]), reverse=newest_first)
        start = request.get("ExclusiveStartKey")
        if start:
            seen = number(start[range_name])
            places = [number(item[range_name]) for item in found]
            found = [item for item, place in zip(found, places, strict=True) if (place < seen if newest_first else place > seen)]
        return self._page(request, found, (*table.schema.keys, hash_name, range_name))

    def scan(self, **request: Any) -> dict[str, Any]:
        """Read a page of the whole table, in the order of its keys."""
        with _Validated("Scan"):
            table = self._table(request["TableName"])
            start = table.key_of(request["ExclusiveStartKey"]) if request.get("ExclusiveStartKey") else None
        keys = sorted(key for key in table.items if start is None or key > start)
        return self._page(request, [table.items[key] for key in keys], table.schema.keys)

    def _page(self, request: Mapping[str, Any], found: list[Item], names: Iterable[str]) -> dict[str, Any]:
        limit = min(request.get("Limit") or self._page_items, self._page_items)
        page = found[:limit]
        wanted = page
        if "FilterExpression" in request:
            test, _ = condition(request["FilterExpression"])
            attributes = request.get("ExpressionAttributeNames", _NOTHING), request.get("ExpressionAttributeValues", _NOTHING)
            wanted = [item for item in page if test(Scope(item, *attributes))]
        answer: dict[str, Any] = {"Items": wanted, "Count": len(wanted), "ScannedCount": len(page)}
        if len(page) == limit:
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in names}
        return answer

    def _table(self, name: str) -> Table:
        found = self.tables.get(name)
        if found is None:
            raise client_error("ResourceNotFoundException", "DynamoDB", "Requested resource not found")
        return found


class _Validated:
    """Turns what is wrong with a request into the service's ValidationException."""

    __slots__ = ("_operation",)

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Invalid):
            raise validation(self._operation, str(error)) from error


def validation(operation: str, message: str) -> ClientError:
    """A request that the service does not take."""
    return client_error("ValidationException", operation, message)


def _after(
    verb: str, body: Mapping[str, Any], before: Item | None, scope: Scope, *, holds: bool
) -> tuple[Item | None, frozenset[str]]:
    match verb:
        case "Put":
            return body["Item"], frozenset()
        case "Update":
            changes, uses = update(body["UpdateExpression"])
            after = {**(before or {}), **body["Key"]}
            for change in changes if holds else ():
                change(scope, after)
            return after, uses
        case "Delete":
            return None, frozenset()
        case "ConditionCheck":
            return before, frozenset()
    raise Invalid("an item of a transaction is a Put, Update, Delete or ConditionCheck")


def _failed(body: Mapping[str, Any], before: Item | None) -> dict[str, Any]:
    reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    if before and body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        reason["Item"] = before
    return reason


def _require_used(scope: Scope, uses: frozenset[str]) -> None:
    unused = (scope.names.keys() | scope.values.keys()) - uses
    if unused:
        raise Invalid(f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{', '.join(sorted(unused))}}}")


def _require_distinct(places: Sequence[tuple[str, Key]]) -> None:
    if not 1 <= len(places) <= TRANSACTION_MAX:
        raise Invalid(f"Member must have length between 1 and {TRANSACTION_MAX}")
    if len(set(places)) != len(places):
        raise Invalid("Transaction request cannot include multiple operations on one item")
