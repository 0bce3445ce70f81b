"""The ledger in DynamoDB: what is asked of the table, under which conditions, and what its answers mean.

Reads are strong. A commit is ONE TransactWriteItems: the wallet under the version that was decided on, each record where nothing
stands yet, the markers and tombstones likewise, and the companions that other rooms send along. No request is repeated here; `book`
owns the retries, so the client that is handed in should make one attempt only, with explicit small timeouts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from countroom.ledger import items
from countroom.ledger.decide import Decision
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Kind, Movement, Reference
from countroom.ledger.records import Record, Resolution, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.wallet import Wallet

Companion = Mapping[str, Any]
"""One low-level TransactItem of another room, ``{"Put": {...}}`` or ``{"Update": {...}}``, for the same commit."""

_ABSENT: Final = f"attribute_not_exists({items.KEY})"
_SAME_VERSION: Final = f"{items.WALLET_VERSION} = :decided_on"
_THROTTLED: Final = frozenset(
    {
        "ThrottlingException",
        "ThrottlingError",
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionConflict",
        "LimitExceededException",
    }
)
_IN_PROGRESS: Final = "TransactionInProgressException"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_INCOMPLETE: Final = "IncompleteAnswer"
_SERVER_ERROR: Final = 500
_NO_ANSWER: Final = (HTTPClientError, SSLError, ResponseParserError)
"""What leaves it open whether the request took effect. TLS may break before the request or after it: botocore does not tell."""


class DynamoDB(Protocol):
    """The calls of a low-level DynamoDB client that the ledger makes."""

    def get_item(self, **request: Any) -> Any:
        """Read one item."""

    def transact_get_items(self, **request: Any) -> Any:
        """Read several items as of one instant."""

    def transact_write_items(self, **request: Any) -> Any:
        """Write several items, all or none."""

    def query(self, **request: Any) -> Any:
        """Read a range of an index."""

    def scan(self, **request: Any) -> Any:
        """Read a page of the whole table."""


class StoreBusy(Exception):
    """The table refused for now, and nothing was written, unless the request is `in_progress`.

    Then its own twin, of which the answer was lost, is still under way and may be written.
    """

    def __init__(self, code: str, *, in_progress: bool = False) -> None:
        super().__init__(code)
        self.in_progress = in_progress


class AnswerLost(Exception):
    """No answer came, or one that does not say whether the request took effect: it may have, or may yet."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A wallet and the facts beside it, as of one instant."""

    wallet: Wallet | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class Committed:
    """Everything was written."""


@dataclass(frozen=True, slots=True)
class Existing:
    """Nothing was written: something stands under the movement's own name already."""

    entry: Record | Tombstone


@dataclass(frozen=True, slots=True)
class Stale:
    """Nothing was written: the wallet, or a fact beside it, is no longer what was decided on."""


@dataclass(frozen=True, slots=True)
class CompanionRefused:
    """Nothing was written: the condition of a companion does not hold. `index` is its place among the companions."""

    index: int


Answer = Committed | Existing | Stale | CompanionRefused


@dataclass(frozen=True, slots=True)
class Page:
    """Items as they are stored, and where the next page starts (None: this was the last)."""

    found: Sequence[items.Item]
    next_start: items.Item | None


class LedgerStore:
    """One ledger table through a low-level client."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def wallet(self, player_id: str) -> Wallet | None:
        """Read a wallet, strongly consistent; one read unit. Raise StoreBusy."""
        item = self._get(items.wallet_key(player_id))
        return items.wallet_of(item) if item else None

    def entry(self, reference: Reference) -> Record | Tombstone | None:
        """Read what stands under a movement's name, strongly consistent. Raise StoreBusy."""
        item = self._get(items.record_key(reference))
        return items.entry_of(item) if item else None

    def snapshot(self, player_id: str, movements: Sequence[Movement | Draft], *, own: bool = False) -> Snapshot:
        """Read the wallet and every fact that the movements refer to (`own`: and what stands under their own names).

        Where there are facts, one TransactGetItems reads all of it as of one instant; a change of any of them bumps the wallet's
        version, so none can slip in before the commit. A deposit among them brings its opening, which is read after the wallet for
        the same reason. Raise StoreBusy.
        """
        related = [movement.related for movement in movements if movement.related]
        named = [*related, *(name for movement in movements if isinstance(movement, Draft) for name in movement.beside)]
        if own:
            named += [movement.reference for movement in movements]
        if not named:
            return Snapshot(self.wallet(player_id), Facts())
        keys = [items.wallet_key(player_id)]
        keys += [items.record_key(reference) for reference in dict.fromkeys(named)]
        keys += [items.resolution_key(reference) for reference in dict.fromkeys(related)]
        wallet, *found = self._get_all(keys)
        facts = _facts(found)
        if openings := [name for name in _openings(facts) if name not in facts.entries]:
            further = self._get_all([key(name) for name in openings for key in (items.record_key, items.resolution_key)])
            facts = _facts([*found, *further])
        return Snapshot(items.wallet_of(wallet) if wallet else None, facts)

    def commit(self, decided_on: int, decisions: Sequence[Decision], companions: Sequence[Companion] = ()) -> Answer:
        """Write the decisions, in order, under the version they were decided on (0: there must be no wallet).

        Raise StoreBusy when the table would not take it now, AnswerLost when it is not known whether it did.
        """
        writes: list[Mapping[str, Any]] = [self._wallet_put(decided_on, decisions[-1].wallet)]
        writes += [self._put_absent(items.record_item(decision.record), old=True) for decision in decisions]
        writes += [self._put_absent(item) for item in self._beside(decisions)]
        ours = len(writes)
        writes += companions
        try:
            self._client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            return self._refused(error, records=len(decisions), ours=ours)
        except _NO_ANSWER as error:
            raise AnswerLost(type(error).__name__) from error
        except NotConnected as error:
            raise StoreBusy(type(error).__name__) from error
        return Committed()

    def history(self, player_id: str, newest: int, oldest: int, limit: int) -> list[Record]:
        """Read a player's records from version `newest` to `oldest`, at most `limit`; eventually consistent. Raise StoreBusy."""
        answer = _read(
            self._client.query,
            "Items",
            TableName=self._table,
            IndexName=items.HISTORY_INDEX,
            KeyConditionExpression=f"{items.PLAYER} = :player AND {items.RECORD_VERSION} BETWEEN :oldest AND :newest",
            ExpressionAttributeValues={
                ":player": {"S": player_id},
                ":oldest": {"N": str(oldest)},
                ":newest": {"N": str(newest)},
            },
            ScanIndexForward=False,
            Limit=limit,
        )
        return [items.record_of(item) for item in answer["Items"]]

    def resolutions(self, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        """Read which of at most 100 records are taken back or resolved, and by what, as of one instant. Raise StoreBusy."""
        if not references:
            return {}
        found = self._get_all([items.resolution_key(reference) for reference in references])
        markers = [items.resolution_of(item) for item in found if item]
        return {marker.of: marker for marker in markers}

    def stored(self, keys: Sequence[str]) -> list[items.Item]:
        """Read what stands under at most 100 keys, strongly consistent and as of one instant, as it is. Raise StoreBusy."""
        return [item for item in self._get_all([{items.KEY: {"S": key}} for key in keys]) if item]

    def indexed_page(self, player_id: str, start: items.Item | None) -> Page:
        """Read a page of everything that the index holds of a player, oldest first, as it is. Raise StoreBusy."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": items.HISTORY_INDEX,
            "KeyConditionExpression": f"{items.PLAYER} = :player",
            "ExpressionAttributeValues": {":player": {"S": player_id}},
        }
        return _page(_read(self._client.query, "Items", **request, **_from(start)))

    def scanned_page(self, start: items.Item | None) -> Page:
        """Read a page of the whole table, strongly consistent, as it is. Raise StoreBusy."""
        return _page(_read(self._client.scan, "Items", TableName=self._table, ConsistentRead=True, **_from(start)))

    def _wallet_put(self, decided_on: int, wallet: Wallet) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": items.checked_size(items.wallet_item(wallet))}
        if decided_on == 0:
            put["ConditionExpression"] = _ABSENT
        else:
            put["ConditionExpression"] = _SAME_VERSION
            put["ExpressionAttributeValues"] = {":decided_on": {"N": str(decided_on)}}
        return {"Put": put}

    def _put_absent(self, item: dict[str, Any], *, old: bool = False) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": items.checked_size(item), "ConditionExpression": _ABSENT}
        if old:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Put": put}

    def _beside(self, decisions: Sequence[Decision]) -> Iterator[dict[str, Any]]:
        for decision in decisions:
            if decision.resolution:
                yield items.resolution_item(decision.resolution)
            if decision.tombstone:
                yield items.tombstone_item(decision.tombstone)

    def _refused(self, error: ClientError, *, records: int, ours: int) -> Answer:
        """Read a refusal of the table by position: the wallet first, then the records, what stands beside them, the companions."""
        code = _code(error)
        if code != "TransactionCanceledException":
            raise _unwritten_or_lost(error) from error
        reasons = [dict(reason) for reason in error.response.get("CancellationReasons", ())]
        failed = [place for place, reason in enumerate(reasons) if reason.get("Code") == _CONDITION_FAILED]
        for place in failed:
            if 1 <= place <= records and reasons[place].get("Item"):
                return Existing(items.entry_of(reasons[place]["Item"]))
        if any(place < ours for place in failed):
            return Stale()
        unread = sorted({str(reason.get("Code")) for reason in reasons} & _THROTTLED)
        if unread:  # before the companions: where a record's place was not read, the movement itself may stand there already
            raise StoreBusy(unread[0]) from error
        if failed:
            return CompanionRefused(failed[0] - ours)
        raise error

    def _get(self, key: Mapping[str, Any]) -> items.Item | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        answer = _read(self._client.get_item, "ConsumedCapacity", TableName=self._table, Key=key, **told)
        found: items.Item | None = answer.get("Item")
        return found

    def _get_all(self, keys: Sequence[Mapping[str, Any]]) -> list[items.Item | None]:
        gets = [{"Get": {"TableName": self._table, "Key": key}} for key in keys]
        found = _read(self._client.transact_get_items, "Responses", TransactItems=gets)["Responses"]
        if len(found) != len(keys):
            raise StoreBusy(_INCOMPLETE)
        return [entry.get("Item") for entry in found]


def _facts(found: Sequence[items.Item | None]) -> Facts:
    entries = [items.entry_of(item) for item in found if item and items.kind_of(item) != "resolution"]
    resolutions = [items.resolution_of(item) for item in found if item and items.kind_of(item) == "resolution"]
    return Facts({entry.reference: entry for entry in entries}, {marker.of: marker for marker in resolutions})


def _openings(facts: Facts) -> list[Reference]:
    """Return the openings of the deposits among the facts."""
    found = (entry for entry in facts.entries.values() if isinstance(entry, Record) and entry.kind is Kind.DEPOSIT)
    return [entry.related for entry in found if entry.related]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _unwritten_or_lost(error: ClientError) -> Exception:
    """Tell a refusal after which nothing is written from one that leaves it open; a fault of ours stays itself."""
    code = _code(error)
    if code == _IN_PROGRESS:
        return StoreBusy(code, in_progress=True)
    if code in _THROTTLED:
        return StoreBusy(code)
    return AnswerLost(code) if _status(error) >= _SERVER_ERROR else error


def _read(call: Any, part: str, **request: Any) -> Mapping[str, Any]:
    """Make a read; whatever is wrong with it for now is StoreBusy, because a read changes nothing.

    An answer without the `part` that every whole one has was cut short: botocore hands on what it cannot read as an empty one.
    """
    try:
        answer: Mapping[str, Any] = call(**request)
    except ClientError as error:
        conflict = _code(error) == "TransactionCanceledException"
        failure = StoreBusy(_code(error)) if conflict else _unwritten_or_lost(error)
        if isinstance(failure, AnswerLost):
            raise StoreBusy(_code(error)) from error
        raise failure from error
    except (NotConnected, *_NO_ANSWER) as error:
        raise StoreBusy(type(error).__name__) from error
    if part not in answer:
        raise StoreBusy(_INCOMPLETE)
    return answer


def _from(start: items.Item | None) -> dict[str, Any]:
    return {"ExclusiveStartKey": start} if start else {}


def _page(answer: Mapping[str, Any]) -> Page:
    return Page(answer["Items"], answer.get("LastEvaluatedKey"))
