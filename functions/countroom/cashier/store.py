"""The cashier's table: deposits, payments, events that came early, and requests. See `items` and `request_items`."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.cashier import items, request_items
from countroom.cashier.deposits import Booking, Deposit, Fact, is_deposit_id
from countroom.cashier.gateways.dialect import PaymentEvent
from countroom.cashier.idempotency import Answer, Claim, Entry
from countroom.cashier.items import Item
from countroom.cashier.matters import Matter
from countroom.cashier.pages import read_start
from countroom.cursors import check_limit, write_cursor
from countroom.times import to_iso

INDEX: Final = "by_player"
GATEWAY_INDEX: Final = "by_gateway"
_NO_ANSWER: Final = (BotoCoreError, ResponseParserError)  # an answer that was cut short comes as the second
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_UNCHANGED: Final = "#version = :expected"


class StoreUnavailable(Exception):
    """The table did not answer, or what it did is unknown; the same request, repeated, is safe."""


class Creation(StrEnum):
    """What came of writing a new deposit, where no earlier request was found."""

    CREATED = "created"
    IN_PROGRESS = "in_progress"  # another request under the same key is being written at this moment


@dataclass(frozen=True, slots=True)
class Page:
    """Deposits, newest first, and where the next page starts (None after the last)."""

    deposits: tuple[Deposit, ...]
    next_cursor: str | None


class CashierStore:
    """The cashier's table. `client` is a low-level DynamoDB client with timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, deposit_id: str) -> Deposit | None:
        """Find one deposit, read strongly. Raises StoreUnavailable."""
        item = self._read(items.deposit_key(deposit_id))
        return items.deposit_of(item) if item else None

    def find_request(self, claim: Claim) -> Entry | None:
        """Find what is kept of the request that its caller made before under its key, read strongly. Raises StoreUnavailable."""
        item = self._read(request_items.request_key(claim))
        return request_items.entry_of(item) if item else None

    def opening(self, deposit: Deposit, claim: Claim, answer: Answer) -> list[Item]:
        """Give the parts of a transaction that write a new deposit and the record of its request.

        They cancel it when the request, or the deposit, is there.
        """
        return [
            {"Put": {"TableName": self._table, "Item": items.deposit_item(deposit), "ConditionExpression": _IS_NEW}},
            {"Put": {"TableName": self._table, "Item": request_items.request_item(claim, answer), "ConditionExpression": _IS_NEW}},
        ]

    def create(self, deposit: Deposit, claim: Claim, answer: Answer) -> Creation | Entry:
        """Write a new deposit of which the ledger is told nothing and the record of its request together, or neither.

        Answers the earlier request's entry when its key has been used. An attempt whose answer was lost is looked up, so CREATED is
        said of it too when it landed. Raises StoreUnavailable.
        """
        try:
            self._client.transact_write_items(TransactItems=self.opening(deposit, claim, answer))
        except (ClientError, *_NO_ANSWER) as error:
            return self._after_failed_create(error, claim, answer)
        return Creation.CREATED

    def _after_failed_create(self, error: Exception, claim: Claim, answer: Answer) -> Creation | Entry:
        """Look for the request whatever the error says: only the record tells what happened to it."""
        found = self.find_request(claim)
        if found is None:
            if _is_conflict(error):
                return Creation.IN_PROGRESS
            raise StoreUnavailable("a deposit could not be written") from error
        # The answer names the deposit, whose id is new: the same answer means that this very attempt had landed.
        return Creation.CREATED if found.answer == answer else found

    def moving(self, before: Deposit, after: Deposit) -> list[Item]:
        """Give the part of a transaction that makes a change, and cancels it when the deposit is no longer as in `before`."""
        return [{"Update": self._change(before, after)}]

    def booking(self, before: Deposit, after: Deposit, fact: Fact, matter: Matter | None) -> list[Item]:
        """Give the parts that go into the ledger's transaction with a fact's money, to be cancelled with it or to cancel it.

        They do when the deposit is no longer as in `before`, or the payment has paid another one. `matter` is told to staff.
        """
        parts = self.moving(before, after)
        if fact.booking is Booking.PAYMENT:
            paid = {**items.payment_key(before.gateway, fact.payment.payment_id), "deposit_id": {"S": before.deposit_id}}
            claim = {
                "TableName": self._table,
                "Item": paid,
                "ConditionExpression": f"{_IS_NEW} OR deposit_id = :deposit",  # its own claim may have outlived a restored deposit
                "ExpressionAttributeValues": {":deposit": {"S": before.deposit_id}},
            }
            parts.append({"Put": claim})
        if matter is not None:
            parts.append({"Put": {"TableName": self._table, "Item": items.matter_item(matter)}})
        return parts

    def keep_early(self, gateway: str, event: PaymentEvent) -> None:
        """Keep an event whose payment has paid no deposit yet, once however often it comes. Raises StoreUnavailable."""
        kept = {"M": items.event_item(event)}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=items.early_key(gateway, event.payment.payment_id),
                UpdateExpression="SET #event = :event",
                ExpressionAttributeNames={"#event": items.EARLY_PREFIX + items.event_digest(event)},
                ExpressionAttributeValues={":event": kept},
            )
        except (ClientError, *_NO_ANSWER) as error:
            raise StoreUnavailable("an early event could not be kept") from error

    def early(self, gateway: str, payment_id: str) -> list[PaymentEvent]:
        """Read the events that came before their payment had paid a deposit, read strongly. Raises StoreUnavailable."""
        item = self._read(items.early_key(gateway, payment_id)) or {}
        return [items.event_of(payment_id, item[name]["M"]) for name in sorted(item) if name.startswith(items.EARLY_PREFIX)]

    def catch_up(self, parts: list[Item]) -> bool:
        """Write what `booking` gave for money that the ledger holds already; False when it was there. Raises StoreUnavailable."""
        try:
            self._client.transact_write_items(TransactItems=parts)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if "ConditionalCheckFailed" in reasons:
                return False
            raise StoreUnavailable("a deposit could not be changed") from error
        except _NO_ANSWER as error:
            raise StoreUnavailable("a deposit could not be changed") from error
        return True

    def paid_by(self, gateway: str, payment_id: str) -> str | None:
        """Find the deposit that a payment has paid. Raises StoreUnavailable."""
        item = self._read(items.payment_key(gateway, payment_id))
        return str(item["deposit_id"]["S"]) if item else None

    def return_of(self, gateway: str, payment_id: str, case_id: str) -> str | None:
        """Find which transaction has claimed to return a case; None while none has. Raises StoreUnavailable."""
        item = self._read(items.return_key(gateway, payment_id, case_id))
        return str(item["by"]["S"]) if item else None

    def claim_return(self, gateway: str, payment_id: str, case_id: str, by: str) -> bool:
        """Claim for one transaction, once for ever, that it returns a case; False when another one has.

        Raises StoreUnavailable.
        """
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**items.return_key(gateway, payment_id, case_id), "by": {"S": by}},
                ConditionExpression=f"{_IS_NEW} OR #by = :by",  # its own claim, when an answer was lost
                ExpressionAttributeNames={"#by": "by"},
                ExpressionAttributeValues={":by": {"S": by}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise StoreUnavailable("a return could not be claimed") from error
        except _NO_ANSWER as error:
            raise StoreUnavailable("a return could not be claimed") from error
        return True

    def save(self, before: Deposit, after: Deposit) -> bool:
        """Make a change by itself; False when the deposit is no longer as it was in `before`. Raises StoreUnavailable."""
        try:
            self._client.update_item(**self._change(before, after))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise StoreUnavailable("a deposit could not be changed") from error
        except _NO_ANSWER as error:
            raise StoreUnavailable("a deposit could not be changed") from error
        return True

    def list_by_player(self, player_id: str, limit: int, cursor: str | None = None) -> Page:
        """List a player's deposits, newest first, at most `limit` (1 to `cursors.PAGE_MAX`); a new one may take a moment to show.

        Raises InvalidCursor and StoreUnavailable.
        """
        check_limit(limit)
        question = ("deposits", player_id)
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "player_id = :player",
            "ExpressionAttributeValues": {":player": {"S": player_id}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            created_at, deposit_id = read_start(cursor, question, is_deposit_id)
            theirs = {"player_id": {"S": player_id}, "created_at": {"S": created_at}}
            query["ExclusiveStartKey"] = {**theirs, **items.deposit_key(deposit_id)}
        try:
            found = self._client.query(**query)
        except (ClientError, *_NO_ANSWER) as error:
            raise StoreUnavailable("deposits could not be listed") from error
        if "Items" not in found:
            raise StoreUnavailable("an answer of the cashier's table was cut short")
        deposits = tuple(items.deposit_of(item) for item in found["Items"])
        if not found.get("LastEvaluatedKey"):
            return Page(deposits, None)
        return Page(deposits, write_cursor(question, to_iso(deposits[-1].created_at_ms), deposits[-1].deposit_id))

    def created_between(self, gateway: str, first_ms: int, end_ms: int) -> Iterator[Deposit]:
        """Read a gateway's deposits that were opened from `first_ms` on and before `end_ms`, oldest first, page by page.

        One that was opened or changed a moment ago may be missing or out of date. Raises StoreUnavailable.
        """
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": GATEWAY_INDEX,
            "KeyConditionExpression": "gateway = :gateway AND created_at BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":gateway": {"S": gateway},
                ":first": {"S": to_iso(first_ms)},
                ":last": {"S": to_iso(end_ms - 1)},
            },
        }
        while True:  # each page moves the start on; the caller stops asking when it has no more time
            try:
                found = self._client.query(**query)
            except (ClientError, *_NO_ANSWER) as error:
                raise StoreUnavailable("deposits could not be listed") from error
            if "Items" not in found:
                raise StoreUnavailable("an answer of the cashier's table was cut short")
            yield from (items.deposit_of(item) for item in found["Items"])
            if not found.get("LastEvaluatedKey"):
                return
            query["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def _read(self, key: Item) -> Item | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        try:
            found = self._client.get_item(TableName=self._table, Key=key, **told)
        except (ClientError, *_NO_ANSWER) as error:
            raise StoreUnavailable("the cashier's table could not be read") from error
        if "ConsumedCapacity" not in found:
            raise StoreUnavailable("an answer of the cashier's table was cut short")
        item: Item | None = found.get("Item")
        return item

    def _change(self, before: Deposit, after: Deposit) -> Item:
        if after.version != before.version + 1:
            raise ValueError("one change at a time")
        sets = ["#status = :status", "#version = :version", "#changes = list_append(#changes, :change)"]
        values: Item = {
            ":expected": {"N": str(before.version)},
            ":version": {"N": str(after.version)},
            ":status": {"S": after.status.value},
            ":change": {"L": [items.change_item(after.changes[-1])]},
        }
        names = {"#status": "status", "#version": "version", "#changes": "changes"}
        if after.facts != before.facts:
            sets.append("#facts = :facts")
            names["#facts"] = "facts"
            values[":facts"] = {"L": [items.fact_item(fact) for fact in after.facts]}
        if after.settled and not before.settled:
            sets.append("#settled = :settled")
            names["#settled"] = "settled"
            values[":settled"] = {"BOOL": True}
        if after.payment is not None and before.payment is None:
            sets.append("#payment = :payment")
            names["#payment"] = "payment"
            values[":payment"] = items.payment_item(after.payment)
        return {
            "TableName": self._table,
            "Key": items.deposit_key(before.deposit_id),
            "UpdateExpression": "SET " + ", ".join(sets),
            "ConditionExpression": _IS_UNCHANGED,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }


def _is_conflict(error: Exception) -> bool:
    """Say whether another transaction holds the record; a new deposit's id cannot be what two of them want."""
    if not isinstance(error, ClientError):
        return False
    reasons = error.response.get("CancellationReasons", ())
    code = error.response["Error"]["Code"]
    return code == "TransactionInProgressException" or any(reason.get("Code") == "TransactionConflict" for reason in reasons)
