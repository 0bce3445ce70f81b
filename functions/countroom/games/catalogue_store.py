"""How the catalogue lies in DynamoDB. No other file spells its keys and attributes.

    CATALOGUE, HEAD                       version, nonce and number of pages of the snapshot that counts
    CATALOGUE, PAGE#<version>#<nonce>#<i> a piece of a packed snapshot; it expires unless a head names it
    CATALOGUE, CHANGE#<version>           who changed what to that version, and why; never expires

A version is published by one transaction that moves the head on the condition that it is the one that was read. Pages are written
before it, under a nonce of their own, so two who publish at once never mix their pages.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.clock import Clock
from countroom.games.catalogue import CatalogueUnavailable
from countroom.games.snapshot import NotASnapshot, Snapshot, unpacked
from countroom.times import to_iso

PAGE_BYTES: Final = 128 * 1024
PAGES_MAX: Final = 12
"""With them one transaction touches 24 pages of 128 KB, inside DynamoDB's four megabytes."""

KEEP_S: Final = 24 * 60 * 60
"""How long a page that no head names is kept, for readers who still hold an old head."""

TRIES_MAX: Final = 4
"""How often a reader starts again because the head moved under it."""

_PK: Final = "CATALOGUE"
_HEAD: Final = "HEAD"
_EXPIRES: Final = "expires_at"


class CatalogueMoved(Exception):
    """Somebody else has published meanwhile: look at it again."""


class CatalogueTooLarge(ValueError):
    """The packed snapshot has more than PAGES_MAX pages."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed the catalogue, why, and what it did, for the record."""

    action: str
    actor: str
    reason: str
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """Which snapshot counts. Version 0: none was ever published."""

    version: int = 0
    nonce: str = ""
    pages: int = 0


class CatalogueStore:
    """The catalogue's part of the games table, through a low-level client with small timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def head(self) -> Head:
        """Read which snapshot counts, strongly consistent. Raise CatalogueUnavailable."""
        item = self._get(_HEAD)
        if item is None:
            return Head()
        try:
            return Head(int(item["v"]["N"]), item["nonce"]["S"], int(item["pages"]["N"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CatalogueUnavailable("the head of the catalogue cannot be read") from error

    def snapshot(self, head: Head) -> Snapshot:
        """Read the snapshot that a head names. Raise CatalogueUnavailable, also when its pages are gone."""
        if head.version == 0:
            return Snapshot()
        pages = [self._get(_page_key(head.version, head.nonce, place)) for place in range(min(head.pages, PAGES_MAX))]
        try:
            return unpacked(b"".join(page["d"]["B"] for page in pages if page is not None))
        except (NotASnapshot, KeyError, TypeError) as error:
            raise CatalogueUnavailable("the pages of the catalogue do not make a snapshot") from error

    def publish(self, before: Head, snapshot: Snapshot, change: Change, clock: Clock) -> Head:
        """Make a snapshot the one that counts, if the head is still `before`.

        Raise CatalogueMoved, CatalogueTooLarge, CatalogueUnavailable.
        """
        packed = snapshot.packed()
        pages = [packed[start : start + PAGE_BYTES] for start in range(0, len(packed), PAGE_BYTES)]
        if len(pages) > PAGES_MAX:
            raise CatalogueTooLarge("the catalogue does not fit")
        head = Head(before.version + 1, secrets.token_hex(8), len(pages))
        now_ms = clock()
        expires = {"N": str(now_ms // 1000 + KEEP_S)}
        for place, page in enumerate(pages):
            item = {**self._key(_page_key(head.version, head.nonce, place)), "d": {"B": page}, _EXPIRES: expires}
            self._call("put_item", TableName=self._table, Item=item)
        writes = [self._head_put(before, head), self._change_put(head, change, now_ms)]
        writes += [self._keep(head, place) for place in range(head.pages)]
        writes += [self._let_go(before, place, expires) for place in range(before.pages)]
        try:
            self._client.transact_write_items(TransactItems=writes)
        except (ClientError, BotoCoreError) as error:
            return self._after_all(head, error)
        return head

    def _after_all(self, head: Head, error: Exception) -> Head:
        """Look whether a publication stands of which the answer was lost, or which met its own first try."""
        if self.head() == head:
            return head
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "TransactionCanceledException":
            raise CatalogueMoved("somebody else has published") from error
        raise CatalogueUnavailable("the catalogue was not published") from error

    def _head_put(self, before: Head, head: Head) -> dict[str, Any]:
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **self._key(_HEAD),
                "v": {"N": str(head.version)},
                "nonce": {"S": head.nonce},
                "pages": {"N": str(head.pages)},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if before.version:
            put |= {
                "ConditionExpression": "v = :version AND nonce = :nonce",
                "ExpressionAttributeValues": {":version": {"N": str(before.version)}, ":nonce": {"S": before.nonce}},
            }
        return {"Put": put}

    def _change_put(self, head: Head, change: Change, now_ms: int) -> dict[str, Any]:
        item = {
            **self._key(f"CHANGE#{head.version:012d}"),
            "action": {"S": change.action},
            "actor": {"S": change.actor},
            "reason": {"S": change.reason},
            "said": {"M": {name: {"S": text} for name, text in change.said.items()}},
            "at": {"S": to_iso(now_ms)},
        }
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}

    def _keep(self, head: Head, place: int) -> dict[str, Any]:
        update = {
            "Key": self._key(_page_key(head.version, head.nonce, place)),
            "UpdateExpression": f"REMOVE {_EXPIRES}",
            "ConditionExpression": "attribute_exists(pk)",
        }
        return {"Update": {"TableName": self._table, **update}}

    def _let_go(self, before: Head, place: int, expires: Mapping[str, str]) -> dict[str, Any]:
        update = {
            "Key": self._key(_page_key(before.version, before.nonce, place)),
            "UpdateExpression": f"SET {_EXPIRES} = :expires",
            "ExpressionAttributeValues": {":expires": expires},
        }
        return {"Update": {"TableName": self._table, **update}}

    def _key(self, sort: str) -> dict[str, Any]:
        return {"pk": {"S": _PK}, "sk": {"S": sort}}

    def _get(self, sort: str) -> dict[str, Any] | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        answer = self._call("get_item", TableName=self._table, Key=self._key(sort), **told)
        if "ConsumedCapacity" not in answer:
            raise CatalogueUnavailable("an answer was cut short")
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**request)
        except (ClientError, BotoCoreError) as error:
            raise CatalogueUnavailable(f"{operation} failed") from error
        return answer


def _page_key(version: int, nonce: str, place: int) -> str:
    return f"PAGE#{version:012d}#{nonce}#{place:02d}"
