"""How the catalogue lies in DynamoDB. No other file spells its keys and attributes.

    CATALOGUE, HEAD                       version and nonce of what counts, and for each provider where its shelf lies
    CATALOGUE, PAGE#<version>#<nonce>#<i> a piece of a provider's packed shelf; it expires unless the head names it
    CATALOGUE, CHANGE#<version>           who changed what to that version, and why; never expires

A version changes the shelf of one provider. It is published by one transaction that moves the head on the condition that it is the
one that was read. Pages are written before it, under a nonce of their own, so two who publish at once never mix their pages.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.clock import Clock
from countroom.games.catalogue import CatalogueUnavailable
from countroom.games.snapshot import NotAShelf, Shelf, Switches, unpacked
from countroom.times import to_iso

PAGE_BYTES: Final = 128 * 1024
PAGES_MAX: Final = 12
"""Of one shelf. With them one transaction touches 24 pages of 128 KB, inside DynamoDB's four megabytes."""

KEEP_S: Final = 24 * 60 * 60
"""How long a page that no head names is kept, for readers who still hold an old head."""

TRIES_MAX: Final = 4
"""How often a reader starts again because the head moved under it."""

CHANGE_PAGES_MAX: Final = 100
"""Pages of the record of changes that are read at most, a megabyte each."""

_PK: Final = "CATALOGUE"
_HEAD: Final = "HEAD"
_EXPIRES: Final = "expires_at"


class CatalogueMoved(Exception):
    """Somebody else has published meanwhile: look at it again."""


class CatalogueTooLarge(ValueError):
    """The packed shelf has more than PAGES_MAX pages."""


class ShelfLost(CatalogueUnavailable):
    """The pages of a shelf are not there, or not what was written. The next import of its provider's list makes it anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed the catalogue, why, and what it did, for the record: `action` is import, enable or disable.

    `said` names the `provider`, and for one game its `game_id`.
    """

    action: str
    actor: str
    reason: str
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider's shelf lies: the version and nonce that it was published under, and how many pages it has."""

    version: int
    nonce: str
    pages: int


@dataclass(frozen=True, slots=True)
class Head:
    """What counts: the shelf of each provider. Version 0: nothing was ever published."""

    version: int = 0
    nonce: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)


class CatalogueStore:
    """The catalogue's part of the games table, through a low-level client with small timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def head(self) -> Head:
        """Read what counts, strongly consistent. Raise CatalogueUnavailable."""
        item = self._get(_HEAD)
        if item is None:
            return Head()
        try:
            places = {
                provider: Place(int(at["M"]["v"]["N"]), at["M"]["nonce"]["S"], int(at["M"]["pages"]["N"]))
                for provider, at in item["shelves"]["M"].items()
            }
            return Head(int(item["v"]["N"]), item["nonce"]["S"], places)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CatalogueUnavailable("the head of the catalogue cannot be read") from error

    def shelf(self, place: Place) -> Shelf:
        """Read a shelf. Raise ShelfLost, CatalogueUnavailable."""
        pages = [self._get(_page_key(place, number)) for number in range(min(place.pages, PAGES_MAX))]
        try:
            return unpacked(b"".join(page["d"]["B"] for page in pages if page is not None))
        except (NotAShelf, KeyError, TypeError) as error:
            raise ShelfLost("the pages do not make a shelf") from error

    def switches(self, provider: str) -> Switches:
        """Read off the record of changes what staff has switched off of a provider. Raise CatalogueUnavailable."""
        off = Switches()
        for item in self._changes():
            said, action = item["said"]["M"], item["action"]["S"]
            if action != "import" and said["provider"]["S"] == provider:
                off = off.switched(said.get("game_id", {"S": ""})["S"], enabled=action == "enable")
        return off

    def _changes(self) -> Iterator[Mapping[str, Any]]:
        """Yield the items that say who changed what, the oldest first."""
        start: dict[str, Any] = {}
        for _ in range(CHANGE_PAGES_MAX):
            answer = self._call(
                "query",
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :change)",
                ExpressionAttributeValues={":pk": {"S": _PK}, ":change": {"S": "CHANGE#"}},
                **start,
            )
            if "Items" not in answer:
                raise CatalogueUnavailable("an answer was cut short")
            yield from answer["Items"]
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            start = {"ExclusiveStartKey": last}
        raise CatalogueUnavailable("the record of changes has no end")

    def publish(self, before: Head, provider: str, shelf: Shelf, change: Change, clock: Clock) -> Head:
        """Make a shelf its provider's, if the head is still `before`.

        Raise CatalogueMoved, CatalogueTooLarge, CatalogueUnavailable.
        """
        packed = shelf.packed()
        pages = [packed[start : start + PAGE_BYTES] for start in range(0, len(packed), PAGE_BYTES)]
        if len(pages) > PAGES_MAX:
            raise CatalogueTooLarge("the provider's games do not fit")
        place = Place(before.version + 1, secrets.token_hex(8), len(pages))
        head = Head(place.version, place.nonce, {**before.places, provider: place})
        now_ms = clock()
        expires = {"N": str(now_ms // 1000 + KEEP_S)}
        for number, page in enumerate(pages):
            item = {**self._key(_page_key(place, number)), "d": {"B": page}, _EXPIRES: expires}
            self._call("put_item", TableName=self._table, Item=item)
        old = before.places.get(provider, replace(place, pages=0))
        writes = [self._head_put(before, head), self._change_put(head, change, now_ms)]
        writes += [self._keep(place, number) for number in range(place.pages)]
        writes += [self._let_go(old, number, expires) for number in range(min(old.pages, PAGES_MAX))]
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
                "shelves": {"M": {provider: _place_item(place) for provider, place in head.places.items()}},
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

    def _keep(self, place: Place, number: int) -> dict[str, Any]:
        update = {
            "Key": self._key(_page_key(place, number)),
            "UpdateExpression": f"REMOVE {_EXPIRES}",
            "ConditionExpression": "attribute_exists(pk)",
        }
        return {"Update": {"TableName": self._table, **update}}

    def _let_go(self, place: Place, number: int, expires: Mapping[str, str]) -> dict[str, Any]:
        # A page that was lost is made again by this, empty and with an end.
        update = {
            "Key": self._key(_page_key(place, number)),
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


def _page_key(place: Place, number: int) -> str:
    return f"PAGE#{place.version:012d}#{place.nonce}#{number:02d}"


def _place_item(place: Place) -> dict[str, Any]:
    return {"M": {"v": {"N": str(place.version)}, "nonce": {"S": place.nonce}, "pages": {"N": str(place.pages)}}}
