"""One DynamoDB table through a low-level client, as the stores of this room use it: strong reads and conditional writes.

A condition that does not hold is an answer; whatever leaves it open what happened is `Unavailable`; a fault of ours stays itself.
A write whose answer was lost and that botocore sent again meets its own doing: then "does not hold" has to be looked up.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from countroom.identity.refusals import Unavailable

Item: TypeAlias = dict[str, Any]
"""An item, a key or a transaction's part in DynamoDB's own JSON."""

_SERVER_ERROR: Final = 500
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset(
    {
        "ThrottlingException",
        "ThrottlingError",
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionConflict",
        "TransactionInProgressException",
    }
)


class DynamoDB(Protocol):
    """The calls used here of botocore's low-level DynamoDB client."""

    def get_item(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's
    def put_item(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's
    def update_item(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's
    def query(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's
    def transact_write_items(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's


class Table:
    """A table by its name. Every method raises Unavailable when the table does not answer as it should."""

    def __init__(self, client: DynamoDB, name: str) -> None:
        self._client = client
        self.name = name

    def get(self, key: Item) -> Item | None:
        """Read one item, strongly consistent; one read unit for 4 KB."""
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        answer = self._call(self._client.get_item, TableName=self.name, Key=key, **told)
        self._part(answer, "ConsumedCapacity")
        item: Item | None = answer.get("Item")
        return item

    def put(self, item: Item, condition: str, values: Mapping[str, Any] | None = None) -> bool:
        """Put an item on a condition; False when it does not hold."""
        request: Item = {"TableName": self.name, "Item": item, "ConditionExpression": condition}
        if values:
            request["ExpressionAttributeValues"] = dict(values)
        return self._conditional(self._client.put_item, **request) is not None

    def update(self, **request: Any) -> Item | None:
        """Change an item on the request's condition; return it as it is then, None when the condition does not hold."""
        answer = self._conditional(self._client.update_item, TableName=self.name, ReturnValues="ALL_NEW", **request)
        if answer is None:
            return None
        changed: Item = self._part(answer, "Attributes")
        return changed

    def page(self, **request: Any) -> tuple[list[Item], Item | None]:
        """Read a page of a query, strongly consistent, and where the next one starts."""
        answer = self._call(self._client.query, TableName=self.name, ConsistentRead=True, **request)
        return list(self._part(answer, "Items")), answer.get("LastEvaluatedKey")

    def transact(self, writes: Sequence[Item]) -> tuple[int, ...]:
        """Write all parts or none; return the places of those whose condition does not hold, none when all is written."""
        try:
            self._call(self._client.transact_write_items, TransactItems=list(writes))
        except ClientError as error:
            failed = _failed_places(error)
            if not failed:
                raise
            return failed
        return ()

    def _conditional(self, call: Any, **request: Any) -> Mapping[str, Any] | None:
        try:
            return self._call(call, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise

    def _call(self, call: Any, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = call(**request)
        except ClientError as error:
            if _is_passing(error):
                raise Unavailable(f"{self.name} is busy") from error
            raise
        except BotoCoreError as error:
            raise Unavailable(f"{self.name} did not answer") from error
        return answer

    def _part(self, answer: Mapping[str, Any], name: str) -> Any:
        # botocore hands on an answer that it cannot read as an empty one
        if name not in answer:
            raise Unavailable(f"an answer of {self.name} was cut short")
        return answer[name]


def _failed_places(error: ClientError) -> tuple[int, ...]:
    reasons = error.response.get("CancellationReasons", ())
    return tuple(place for place, reason in enumerate(reasons) if reason.get("Code") == _CONDITION_FAILED)


def _is_passing(error: ClientError) -> bool:
    """Say whether another try may go otherwise: not where a condition failed as well, because that is the answer."""
    reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
    code = str(error.response.get("Error", {}).get("Code"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if _CONDITION_FAILED in reasons:
        return False
    return status >= _SERVER_ERROR or bool(({code} | reasons) & _PASSING)
