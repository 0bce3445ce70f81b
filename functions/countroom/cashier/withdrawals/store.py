"""The withdrawals' table: withdrawals one by one, the players' counters, the requests. See `items`, `request_items`, `lists`.

Reads are strong. A change stands on the version that was read; what moves money goes into the ledger's transaction as a companion.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.cashier import request_items
from countroom.cashier.idempotency import Answer, Claim, Entry
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals import items
from countroom.cashier.withdrawals.items import Item, Kept
from countroom.cashier.withdrawals.tally import Tally
from countroom.cashier.withdrawals.withdrawal import Withdrawal

NO_ANSWER: Final = (BotoCoreError, ResponseParserError)
"""What leaves it open what became of a request; an answer that was cut short comes as the second."""

_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_UNCHANGED: Final = "#version = :expected"
_MOVED_ON: Final = frozenset(
    {"ConditionalCheckFailed", "ConditionalCheckFailedException", "TransactionConflict", "TransactionConflictException"}
)
"""Nothing was written: it is no longer as it was, or is being changed at this moment. Either way it is to be looked at anew."""

Part: TypeAlias = Mapping[str, Any]
"""One low-level item of a transaction."""


class WithdrawalStore:
    """The withdrawals' table. `client` is a low-level DynamoDB client with timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, withdrawal_id: str) -> Withdrawal | None:
        """Find one withdrawal, read strongly. Raises StoreUnavailable."""
        kept = self.look(withdrawal_id)
        return kept.withdrawal if kept else None

    def look(self, withdrawal_id: str) -> Kept | None:
        """Find one withdrawal and the step that waits for it, read strongly. Raises StoreUnavailable."""
        item = self._read(items.withdrawal_key(withdrawal_id))
        return items.kept_of(item) if item else None

    def tally(self, player_id: str) -> Tally:
        """Read a player's counters strongly; those of a player who has never asked are empty. Raises StoreUnavailable."""
        item = self._read(items.tally_key(player_id))
        return items.tally_of(item) if item else Tally(player_id)

    def find_request(self, claim: Claim) -> Entry | None:
        """Find what is kept of the request that its caller made before under its key, read strongly. Raises StoreUnavailable."""
        item = self._read(request_items.request_key(claim))
        return request_items.entry_of(item) if item else None

    def wait(self, withdrawal: Withdrawal, token: str) -> bool:
        """Leave the token of a step that waits for the next change of `withdrawal`.

        False when it has changed already: look again, the answer may be there. Also when this call's own answer was lost and the
        token is there, which looking shows as well. Raises StoreUnavailable.
        """
        update = {
            "TableName": self._table,
            "Key": items.withdrawal_key(withdrawal.withdrawal_id),
            "UpdateExpression": "SET #token = :token, #for = :expected",
            "ConditionExpression": _IS_UNCHANGED,
            "ExpressionAttributeNames": {"#token": items.TOKEN, "#for": items.TOKEN_FOR, "#version": "version"},
            "ExpressionAttributeValues": {":token": {"S": token}, ":expected": {"N": str(withdrawal.version)}},
        }
        return self._write(lambda: self._client.update_item(**update))

    def opening(self, withdrawal: Withdrawal, tally: Tally, claim: Claim, answer: Answer) -> list[Part]:
        """Give the parts that go into the ledger's transaction with a hold: the withdrawal, its player's counters, its request."""
        return [
            self._put(items.withdrawal_item(withdrawal)),
            self._tally(tally),
            self._put(request_items.request_item(claim, answer)),
        ]

    def change(self, before: Withdrawal, after: Withdrawal, tally: Tally | None) -> list[Part]:
        """Give the parts that change a withdrawal, and the counters where they change with it, each on the version before."""
        if after.version != before.version + 1 or after.withdrawal_id != before.withdrawal_id:
            raise ValueError("one change at a time")
        now = items.changing(after)
        gone = [name for name in items.CHANGING if name not in now]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in now)
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
        update = {
            "TableName": self._table,
            "Key": items.withdrawal_key(before.withdrawal_id),
            "UpdateExpression": expression,
            "ConditionExpression": _IS_UNCHANGED,
            "ExpressionAttributeNames": {f"#{name}": name for name in items.CHANGING},
            "ExpressionAttributeValues": {
                ":expected": {"N": str(before.version)},
                **{f":{name}": value for name, value in now.items()},
            },
        }
        return [{"Update": update}, *([self._tally(tally)] if tally else [])]

    def save(self, parts: list[Part]) -> bool:
        """Write what `change` gave, all or nothing; False when something is no longer as it was, or is just changing.

        Raises StoreUnavailable. After that, and after False, it may have been written: botocore repeats what was not answered.
        """
        if len(parts) == 1:
            update = parts[0]["Update"]
            return self._write(lambda: self._client.update_item(**update))
        return self._write(lambda: self._client.transact_write_items(TransactItems=parts))

    def _tally(self, tally: Tally) -> Part:
        if tally.version == 1:
            return self._put(items.tally_item(tally))
        put = {
            "TableName": self._table,
            "Item": items.tally_item(tally),
            "ConditionExpression": _IS_UNCHANGED,
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":expected": {"N": str(tally.version - 1)}},
        }
        return {"Put": put}

    def _put(self, item: Item) -> Part:
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _IS_NEW}}

    def _write(self, write: Any) -> bool:
        try:
            write()
        except ClientError as error:
            codes = {error.response["Error"]["Code"]}
            codes |= {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
            if codes & _MOVED_ON:
                return False
            raise StoreUnavailable("a withdrawal could not be changed") from error
        except NO_ANSWER as error:
            raise StoreUnavailable("a withdrawal could not be changed") from error
        return True

    def _read(self, key: Item) -> Item | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        try:
            found = self._client.get_item(TableName=self._table, Key=key, **told)
        except (ClientError, *NO_ANSWER) as error:
            raise StoreUnavailable("the withdrawals' table could not be read") from error
        if "ConsumedCapacity" not in found:
            raise StoreUnavailable("an answer of the withdrawals' table was cut short")
        item: Item | None = found.get("Item")
        return item
