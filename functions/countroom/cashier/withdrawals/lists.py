"""Withdrawals in lists, by the two indexes of their table: a player's own, and all that are open or that people must look at.

An index is a moment behind the table. What is decided on a withdrawal is decided on the item itself (see `store`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from countroom.cashier.pages import read_start
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals import items
from countroom.cashier.withdrawals.items import Item
from countroom.cashier.withdrawals.store import NO_ANSWER
from countroom.cashier.withdrawals.withdrawal import Withdrawal, WithdrawalStatus, is_withdrawal_id
from countroom.cursors import check_limit, write_cursor
from countroom.times import to_iso

BY_PLAYER: Final = "by_player"
OPEN_INDEX: Final = "open"


@dataclass(frozen=True, slots=True)
class Page:
    """Withdrawals, newest first, and where the next page starts (None after the last)."""

    withdrawals: tuple[Withdrawal, ...]
    next_cursor: str | None


class WithdrawalLists:
    """Reads the indexes. `client` is a low-level DynamoDB client with timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def by_player(self, player_id: str, limit: int, cursor: str | None = None) -> Page:
        """List a player's withdrawals, newest first, at most `limit` (1 to `cursors.PAGE_MAX`).

        Raises InvalidCursor and StoreUnavailable.
        """
        check_limit(limit)
        question, start = ("withdrawals", player_id), None
        if cursor is not None:
            created_at, withdrawal_id = read_start(cursor, question, is_withdrawal_id)
            theirs = {"player_id": {"S": player_id}, "created_at": {"S": created_at}}
            start = {**theirs, **items.withdrawal_key(withdrawal_id)}
        found, last = self._page(BY_PLAYER, "player_id", player_id, start, ScanIndexForward=False, Limit=limit)
        withdrawals = tuple(items.withdrawal_of(item) for item in found)
        if last is None:
            return Page(withdrawals, None)
        return Page(withdrawals, write_cursor(question, to_iso(withdrawals[-1].created_at_ms), withdrawals[-1].withdrawal_id))

    def open_ones(self, status: WithdrawalStatus, *, flagged: bool = False) -> Iterator[Withdrawal]:
        """Read those of one status whose money is held or that people must look at, page by page, the longest unchanged first.

        `flagged`: only those that people must look at, which a long line of others cannot hide. The caller stops asking when it has
        enough. Raises StoreUnavailable.
        """
        start: Item | None = None
        only = {"FilterExpression": "attribute_exists(attention)"} if flagged else {}
        while True:  # each page moves the start on
            found, start = self._page(OPEN_INDEX, "open_status", status.value, start, **only)
            yield from (items.withdrawal_of(item) for item in found)
            if start is None:
                return

    def _page(self, index: str, name: str, value: str, start: Item | None, **more: Any) -> tuple[list[Item], Item | None]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#name = :value",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":value": {"S": value}},
            **more,
        }
        if start is not None:
            query["ExclusiveStartKey"] = start
        try:
            answer = self._client.query(**query)
        except (ClientError, *NO_ANSWER) as error:
            raise StoreUnavailable("withdrawals could not be listed") from error
        if "Items" not in answer:
            raise StoreUnavailable("an answer of the withdrawals' table was cut short")
        return list(answer["Items"]), answer.get("LastEvaluatedKey") or None
