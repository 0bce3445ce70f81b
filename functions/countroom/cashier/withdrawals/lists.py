"""Withdrawals in lists, by the two indexes of their table: a player's own, and all that are open or that people must look at.

An index is a moment behind the table. What is decided on a withdrawal is decided on the item itself (see `store`).
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from countroom.cashier.store import PAGE_MAX, InvalidCursor, StoreUnavailable
from countroom.cashier.withdrawals import items
from countroom.cashier.withdrawals.items import Item
from countroom.cashier.withdrawals.store import NO_ANSWER
from countroom.cashier.withdrawals.withdrawal import Withdrawal, WithdrawalStatus

BY_PLAYER: Final = "by_player"
OPEN_INDEX: Final = "open"
_CURSOR: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z) (wdr_[a-z2-7]{20})", re.ASCII)
_CURSOR_LENGTH_MAX: Final = 128


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
        """List a player's withdrawals, newest first, at most `limit` (1 to PAGE_MAX). Raises InvalidCursor and StoreUnavailable."""
        if not 1 <= limit <= PAGE_MAX:
            raise ValueError(f"limit must be 1 to {PAGE_MAX}")
        start = _start_key(player_id, cursor) if cursor is not None else None
        found, last = self._page(BY_PLAYER, "player_id", player_id, start, ScanIndexForward=False, Limit=limit)
        return Page(tuple(items.withdrawal_of(item) for item in found), _to_cursor(last) if last else None)

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


def _to_cursor(last: Item) -> str:
    text = f"{last['created_at']['S']} {items.id_of_key(last)}"
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
    if found is None:
        raise InvalidCursor("not a cursor")
    return {"player_id": {"S": player_id}, "created_at": {"S": found.group(1)}, **items.withdrawal_key(found.group(2))}
