"""How the cashier's items lie in DynamoDB. No other file spells their keys and attributes.

- `DEPOSIT#<deposit id>`, `DEPOSIT`: one deposit; `player_id` and `created_at` put it into the index by_player
- `PAYMENT#<gateway>#<payment id>`, `PAYMENT`: which deposit a payment has paid; in no index, never expires
- `REQUEST#<caller>`, `<key>`: the record of a finished request (see `idempotency`); in no index, never expires
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from countroom.cashier.deposits import Actor, Change, Deposit, DepositStatus, Payment, is_deposit_id
from countroom.cashier.idempotency import Answer, Claim, Entry
from countroom.times import to_iso

Item: TypeAlias = dict[str, Any]
"""An item or a transaction's part in DynamoDB's own JSON."""

INDEX: Final = "by_player"
PAGE_MAX: Final = 100
_DEPOSIT_SORT_KEY: Final = "DEPOSIT"
_PAYMENT_SORT_KEY: Final = "PAYMENT"
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_UNCHANGED: Final = "#version = :expected"
_CURSOR: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z) (dep_[a-z2-7]{20})", re.ASCII)
_CURSOR_LENGTH_MAX: Final = 128


class StoreUnavailable(Exception):
    """The table did not answer, or what it did is unknown; the same request, repeated, is safe."""


class InvalidCursor(ValueError):
    """A cursor that no page of this room ever handed out."""


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
        item = self._read(_deposit_key(deposit_id))
        return _to_deposit(item) if item else None

    def find_request(self, claim: Claim) -> Entry | None:
        """Find what is kept of the request that its caller made before under its key, read strongly. Raises StoreUnavailable."""
        item = self._read(_request_key(claim))
        return _to_entry(item) if item else None

    def create(self, deposit: Deposit, claim: Claim, answer: Answer) -> Creation | Entry:
        """Write a new deposit and the record of its request together, or neither.

        Answers the earlier request's entry when its key has been used. An attempt whose answer was lost is looked up, so CREATED is
        said of it too when it landed. Raises StoreUnavailable.
        """
        parts = [
            {"Put": {"TableName": self._table, "Item": _from_deposit(deposit), "ConditionExpression": _IS_NEW}},
            {"Put": {"TableName": self._table, "Item": _from_request(claim, answer), "ConditionExpression": _IS_NEW}},
        ]
        try:
            self._client.transact_write_items(TransactItems=parts)
        except (BotoCoreError, ClientError) as error:
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

    def credit(self, before: Deposit, after: Deposit, payment: Payment) -> list[Item]:
        """Give the parts that go into the ledger's transaction with a credit, to be cancelled with it or to cancel it.

        They do when the deposit is no longer as in `before`, or the payment has paid another one.
        """
        paid = {**_payment_key(before.gateway, payment.payment_id), "deposit_id": {"S": before.deposit_id}}
        claim = {
            "TableName": self._table,
            "Item": paid,
            "ConditionExpression": f"{_IS_NEW} OR deposit_id = :deposit",  # its own claim may have outlived a restored deposit
            "ExpressionAttributeValues": {":deposit": {"S": before.deposit_id}},
        }
        return [{"Update": self._change(before, after)}, {"Put": claim}]

    def catch_up(self, before: Deposit, after: Deposit, payment: Payment) -> bool:
        """Write what goes with a credit that the ledger holds already; False when it was there. Raises StoreUnavailable."""
        try:
            self._client.transact_write_items(TransactItems=self.credit(before, after, payment))
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if "ConditionalCheckFailed" in reasons:
                return False
            raise StoreUnavailable("a deposit could not be changed") from error
        except BotoCoreError as error:
            raise StoreUnavailable("a deposit could not be changed") from error
        return True

    def paid_by(self, gateway: str, payment_id: str) -> str | None:
        """Find the deposit that a payment has paid. Raises StoreUnavailable."""
        item = self._read(_payment_key(gateway, payment_id))
        return str(item["deposit_id"]["S"]) if item else None

    def save(self, before: Deposit, after: Deposit) -> bool:
        """Make a change by itself; False when the deposit is no longer as it was in `before`. Raises StoreUnavailable."""
        try:
            self._client.update_item(**self._change(before, after))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise StoreUnavailable("a deposit could not be changed") from error
        except BotoCoreError as error:
            raise StoreUnavailable("a deposit could not be changed") from error
        return True

    def list_by_player(self, player_id: str, limit: int, cursor: str | None = None) -> Page:
        """List a player's deposits, newest first, at most `limit` (1 to PAGE_MAX); a new one may take a moment to show.

        Raises InvalidCursor and StoreUnavailable.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise ValueError(f"limit must be 1 to {PAGE_MAX}")
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "player_id = :player",
            "ExpressionAttributeValues": {":player": {"S": player_id}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            query["ExclusiveStartKey"] = _start_key(player_id, cursor)
        try:
            found = self._client.query(**query)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("deposits could not be listed") from error
        if "Items" not in found:
            raise StoreUnavailable("an answer of the cashier's table was cut short")
        last = found.get("LastEvaluatedKey")
        return Page(tuple(_to_deposit(item) for item in found["Items"]), _to_cursor(last) if last else None)

    def _read(self, key: Item) -> Item | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        try:
            found = self._client.get_item(TableName=self._table, Key=key, **told)
        except (BotoCoreError, ClientError) as error:
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
            ":change": {"L": [_from_change(after.changes[-1])]},
        }
        names = {"#status": "status", "#version": "version", "#changes": "changes"}
        if after.payment is not None and before.payment is None:
            sets.append("#payment = :payment")
            names["#payment"] = "payment"
            values[":payment"] = _from_payment(after.payment)
        return {
            "TableName": self._table,
            "Key": _deposit_key(before.deposit_id),
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


def _deposit_key(deposit_id: str) -> Item:
    return {"pk": {"S": f"DEPOSIT#{deposit_id}"}, "sk": {"S": _DEPOSIT_SORT_KEY}}


def _payment_key(gateway: str, payment_id: str) -> Item:
    return {"pk": {"S": f"PAYMENT#{gateway}#{payment_id}"}, "sk": {"S": _PAYMENT_SORT_KEY}}


def _request_key(claim: Claim) -> Item:
    return {"pk": {"S": f"REQUEST#{claim.caller}"}, "sk": {"S": claim.key}}


def _from_request(claim: Claim, answer: Answer) -> Item:
    return {
        **_request_key(claim),
        "fingerprint": {"B": claim.fingerprint},
        "answer_status": {"N": str(answer.status)},
        "answer_body": {"S": answer.body},
    }


def _to_entry(item: Item) -> Entry:
    answer = Answer(int(item["answer_status"]["N"]), item["answer_body"]["S"])
    return Entry(bytes(item["fingerprint"]["B"]), answer)


def _from_deposit(deposit: Deposit) -> Item:
    item: Item = {
        **_deposit_key(deposit.deposit_id),
        "deposit_id": {"S": deposit.deposit_id},
        "player_id": {"S": deposit.player_id},
        "created_at": {"S": to_iso(deposit.created_at_ms)},
        "gateway": {"S": deposit.gateway},
        "currency": {"S": deposit.currency},
        "amount": {"N": str(deposit.amount)},
        "status": {"S": deposit.status.value},
        "version": {"N": str(deposit.version)},
        "changes": {"L": [_from_change(change) for change in deposit.changes]},
    }
    if deposit.payment is not None:
        item["payment"] = _from_payment(deposit.payment)
    return item


def _to_deposit(item: Item) -> Deposit:
    payment = item.get("payment")
    return Deposit(
        deposit_id=item["deposit_id"]["S"],
        player_id=item["player_id"]["S"],
        gateway=item["gateway"]["S"],
        currency=item["currency"]["S"],
        amount=int(item["amount"]["N"]),
        status=DepositStatus(item["status"]["S"]),
        changes=tuple(_to_change(change["M"]) for change in item["changes"]["L"]),
        payment=_to_payment(payment["M"]) if payment else None,
    )


def _from_change(change: Change) -> Item:
    return {
        "M": {
            "at": {"N": str(change.at_ms)},
            "status": {"S": change.status.value},
            "cause": {"S": change.cause},
            "actor": {"S": change.actor.value},
        }
    }


def _to_change(item: Item) -> Change:
    return Change(int(item["at"]["N"]), DepositStatus(item["status"]["S"]), item["cause"]["S"], Actor(item["actor"]["S"]))


def _from_payment(payment: Payment) -> Item:
    return {
        "M": {"id": {"S": payment.payment_id}, "amount": {"N": str(payment.amount)}, "currency": {"S": payment.currency}},
    }


def _to_payment(item: Item) -> Payment:
    return Payment(item["id"]["S"], int(item["amount"]["N"]), item["currency"]["S"])


def _to_cursor(last: Item) -> str:
    text = f"{last['created_at']['S']} {last['pk']['S'].removeprefix('DEPOSIT#')}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _start_key(player_id: str, cursor: str) -> Item:
    """Find where a page starts. The player is always the caller, so nobody else's cursor opens anything of theirs."""
    try:
        if len(cursor) > _CURSOR_LENGTH_MAX:
            raise InvalidCursor("too long")
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("not a cursor") from error
    found = _CURSOR.fullmatch(text)
    if found is None or not is_deposit_id(found.group(2)):
        raise InvalidCursor("not a cursor")
    return {"player_id": {"S": player_id}, "created_at": {"S": found.group(1)}, **_deposit_key(found.group(2))}
