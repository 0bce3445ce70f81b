"""How the trail, the facts of markers and the cases lie in the safety table. No other file spells its keys and attributes.

    TRAIL#<player>, <instant>#<name>            an entry of the trail, put where nothing stands and never written again
    FACT#<player>, <kind>#<instant>#<name>      a fact of a marker, likewise
    PLAY#<player>, <quarter hour>#first|last    the first and the last stake of a quarter hour: each only ever moves outward
    CASE#<player>, <period>#<marker>            a case with all its steps; the next step stands on the number of those before

The index `by_kind` has `kind_day`: of an entry its kind and day (``deposit#2026-11-23``), of a case its state (``case#open``).

Everything is put, with a condition; nothing is updated or deleted, and the functions have no right to. All that decides is read
strongly. A write that is repeated, or of which the answer was lost, comes to the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.cursors import check_limit
from countroom.responsible_play.cases import Case, CaseKey, Deed, State, Step
from countroom.responsible_play.markers import Fact, FactKind, Marker
from countroom.responsible_play.trail import Entry, EntryKind, Play
from countroom.times import to_iso

Item: TypeAlias = Mapping[str, Any]
"""An item in DynamoDB's own JSON."""

BY_KIND: Final = "by_kind"
READS_MAX: Final = 10
"""Requests for one page of a search: a filter that matches little may give a short page that is not the last."""

_FACT_PAGES_MAX: Final = 50
_BATCH: Final = 500
_DIGITS: Final = 15
_DAY_CHARACTERS: Final = len("2026-01-01")
_TOP: Final = "~"
"""Sorts after every character that a name may have."""

_IS_NEW: Final = "attribute_not_exists(pk)"
_REFUSED: Final = frozenset({"ConditionalCheckFailed", "ConditionalCheckFailedException"})
_BUSY: Final = frozenset({"TransactionConflict", "TransactionConflictException"})
_NO_ANSWER: Final = (BotoCoreError, ResponseParserError)
_UNREADABLE: Final = (AttributeError, KeyError, TypeError, ValueError)


class SafetyUnavailable(Exception):
    """The table did not answer, or what it did is not known: the same again is safe."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the key of the last item that was looked at."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, newest first, and where the next page starts (None: this was the last)."""

    entries: tuple[Entry, ...]
    rest: Place | None


@dataclass(frozen=True, slots=True)
class CasePage:
    """Cases, those of the newest period first, and where the next page starts (None: this was the last)."""

    cases: tuple[Case, ...]
    rest: Place | None


class SafetyStore:
    """The safety table through a low-level client with timeouts of its own. Every method raises SafetyUnavailable."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def keep(self, entry: Entry) -> bool:
        """Keep an entry; False when it was kept before."""
        return self._put(_entry_item(entry))

    def note(self, player_id: str, fact: Fact) -> bool:
        """Keep a fact of a player; False when it was kept before."""
        item = {
            **_key(f"FACT#{player_id}", f"{fact.kind}#{_at(fact.at_ms)}#{fact.name}"),
            **({"night": {"N": str(fact.night)}} if fact.night else {}),
        }
        return self._put(item)

    def facts(self, player_id: str, kind: FactKind, from_ms: int, to_ms: int) -> list[Fact]:
        """Read a player's facts of a kind from one instant to another, both included."""
        between = (f"{kind}#{_at(max(0, from_ms))}", f"{kind}#{_at(to_ms)}#{_TOP}")
        return [_fact_of(item) for item in self._stretch(f"FACT#{player_id}", between)]

    def played(self, player_id: str, slot_ms: int, play: Play) -> None:
        """Keep when a player played in a quarter hour: the first stake only moves back, the last one only on."""
        pk = f"PLAY#{player_id}"
        for end, at_ms, further in (("first", play.first_ms, ">"), ("last", play.last_ms, "<")):
            told = {"N": str(at_ms)}
            item = {**_key(pk, f"{_at(slot_ms)}#{end}"), "at": told}
            names = {"ExpressionAttributeNames": {"#at": "at"}, "ExpressionAttributeValues": {":at": told}}
            self._put(item, f"{_IS_NEW} OR #at {further} :at", **names)

    def play(self, player_id: str, from_ms: int, to_ms: int) -> list[Play]:
        """Read the quarter hours of play that began from one instant to another, both included; a half-kept one counts as known."""
        ends: dict[str, dict[str, int]] = {}
        for item in self._stretch(f"PLAY#{player_id}", (_at(max(0, from_ms)), f"{_at(to_ms)}#{_TOP}")):
            try:
                slot, _, end = item["sk"]["S"].partition("#")
                ends.setdefault(slot, {})[end] = int(item["at"]["N"])
            except _UNREADABLE as error:
                raise SafetyUnavailable("an item is no play") from error
        return [Play(min(kept.values()), max(kept.values())) for kept in ends.values()]

    def open_case(self, case: Case) -> bool:
        """Open a case, with its entry in the trail; False when there is one for its player, marker and period."""
        return self._write(self._puts(case, _IS_NEW))

    def case(self, key: CaseKey) -> Case | None:
        """Read a case, strongly."""
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        answer = self._ask("get_item", "ConsumedCapacity", Key=_case_key(key), **told)
        item: Item | None = answer.get("Item")
        return _case_of(item) if item else None

    def step(self, case: Case) -> bool:
        """Write a case after one more step, with the step's entry; False when another step came first, or this one already has."""
        known = {"ExpressionAttributeValues": {":known": {"N": str(case.revision - 1)}}}
        return self._write(self._puts(case, "revision = :known", **known))

    def entries(
        self, player_id: str, from_ms: int, to_ms: int, limit: int, start: Place | None = None, kind: EntryKind | None = None
    ) -> EntryPage:
        """Read a page of a player's entries from an instant on and before another, of one kind or all, newest first."""
        between = (_at(max(0, from_ms)), _at(max(0, to_ms)))
        only: dict[str, Any] = {}
        values = {":from": {"S": between[0]}, ":to": {"S": between[1]}, ":pk": {"S": f"TRAIL#{player_id}"}}
        if kind is not None:
            only, values[":kind"] = {"FilterExpression": "kind = :kind"}, {"S": kind.value}
        # No key of an entry is as short as a bare instant, so the end itself lies outside.
        condition = "pk = :pk AND sk BETWEEN :from AND :to"
        found, rest = self._page(limit, start, ("pk", "sk"), condition, values, **only)
        return EntryPage(tuple(_entry_of(item) for item in found), rest)

    def entries_of_day(self, kind: EntryKind, day: str, limit: int, start: Place | None = None) -> EntryPage:
        """Read a page of all entries of a kind and a day (UTC, ``2026-11-23``), newest first; a moment behind the trail."""
        found, rest = self._indexed(f"{kind}#{day}", limit, start)
        return EntryPage(tuple(_entry_of(item) for item in found), rest)

    def cases_of(self, player_id: str, limit: int, start: Place | None = None) -> CasePage:
        """Read a page of a player's cases, those of the newest period first."""
        values = {":pk": {"S": f"CASE#{player_id}"}}
        found, rest = self._page(limit, start, ("pk", "sk"), "pk = :pk", values)
        return CasePage(tuple(_case_of(item) for item in found), rest)

    def cases_in(self, state: State, limit: int, start: Place | None = None) -> CasePage:
        """Read a page of all cases that are open, or closed, those of the newest period first; a moment behind."""
        found, rest = self._indexed(f"case#{state}", limit, start)
        return CasePage(tuple(_case_of(item) for item in found), rest)

    def _indexed(self, kind_day: str, limit: int, start: Place | None) -> tuple[list[Item], Place | None]:
        keys, values = ("kind_day", "pk", "sk"), {":kind_day": {"S": kind_day}}
        return self._page(limit, start, keys, "kind_day = :kind_day", values, IndexName=BY_KIND)

    def _page(
        self, limit: int, start: Place | None, keys: tuple[str, ...], condition: str, values: dict[str, Any], **more: Any
    ) -> tuple[list[Item], Place | None]:
        check_limit(limit)
        asked = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, "ScanIndexForward": False, **more}
        known = {"pk": {"S": start.pk}, "sk": {"S": start.sk}, "kind_day": values.get(":kind_day")} if start else {}
        begin: Item | None = {name: known[name] for name in keys} if start else None
        found: list[Item] = []
        for _ in range(READS_MAX):
            at_once = _BATCH if "FilterExpression" in more else limit + 1 - len(found)
            answer = self._ask("query", "Items", Limit=at_once, **asked, **({"ExclusiveStartKey": begin} if begin else {}))
            found += answer["Items"]
            begin = answer.get("LastEvaluatedKey") or None
            if begin is None or len(found) > limit:
                break
        if len(found) > limit:
            return found[:limit], _place(found[limit - 1])
        return found, _place(begin) if begin else None

    def _stretch(self, pk: str, between: tuple[str, str]) -> Iterator[Item]:
        begin: dict[str, Any] = {}
        for _ in range(_FACT_PAGES_MAX):
            answer = self._ask(
                "query",
                "Items",
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :from AND :to",
                ExpressionAttributeValues={":pk": {"S": pk}, ":from": {"S": between[0]}, ":to": {"S": between[1]}},
                **begin,
            )
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            begin = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        raise SafetyUnavailable("more than can be read at once")

    def _puts(self, case: Case, condition: str, **values: Any) -> list[Item]:
        item = {"Put": {"TableName": self._table, "Item": _case_item(case), "ConditionExpression": condition, **values}}
        entry = {"Put": {"TableName": self._table, "Item": _entry_item(case.entry), "ConditionExpression": _IS_NEW}}
        return [item, entry]

    def _write(self, parts: list[Item]) -> bool:
        try:
            self._client.transact_write_items(TransactItems=parts)
        except ClientError as error:
            reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
            if reasons & _REFUSED and not reasons & _BUSY:
                return False
            raise SafetyUnavailable("a case could not be written") from error
        except _NO_ANSWER as error:
            raise SafetyUnavailable("a case could not be written") from error
        return True

    def _put(self, item: Item, condition: str = _IS_NEW, **more: Any) -> bool:
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=condition, **more)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _REFUSED:
                return False
            raise SafetyUnavailable("an item could not be put") from error
        except _NO_ANSWER as error:
            raise SafetyUnavailable("an item could not be put") from error
        return True

    def _ask(self, operation: str, part: str, **request: Any) -> Mapping[str, Any]:
        """Make a read. An answer without the `part` that every whole one has was cut short."""
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(TableName=self._table, **request)
        except (ClientError, *_NO_ANSWER) as error:
            raise SafetyUnavailable(f"{operation} failed") from error
        if part not in answer:
            raise SafetyUnavailable("an answer was cut short")
        return answer


def day_of(at_ms: int) -> str:
    """Write the day of an instant (UTC) as the index has it: ``2026-11-23``."""
    return to_iso(at_ms)[:_DAY_CHARACTERS]


def _at(at_ms: int) -> str:
    return f"{at_ms:0{_DIGITS}d}"


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _place(item: Item) -> Place:
    return Place(item["pk"]["S"], item["sk"]["S"])


def _entry_item(entry: Entry) -> Item:
    return {
        **_key(f"TRAIL#{entry.player_id}", f"{_at(entry.at_ms)}#{entry.name}"),
        "kind_day": {"S": f"{entry.kind}#{day_of(entry.at_ms)}"},
        "kind": {"S": entry.kind.value},
        "d": {"S": entry.text()},
    }


def _entry_of(item: Item) -> Entry:
    try:
        at_ms, _, name = item["sk"]["S"].partition("#")
        return Entry.read(item["pk"]["S"].removeprefix("TRAIL#"), name, int(at_ms), item["d"]["S"])
    except _UNREADABLE as error:
        raise SafetyUnavailable("an item is no entry of the trail") from error


def _fact_of(item: Item) -> Fact:
    try:
        kind, at_ms, name = item["sk"]["S"].split("#", 2)
        return Fact(FactKind(kind), int(at_ms), name, int(item["night"]["N"]) if "night" in item else 0)
    except _UNREADABLE as error:
        raise SafetyUnavailable("an item is no fact") from error


def _case_key(key: CaseKey) -> dict[str, Any]:
    return _key(f"CASE#{key.player_id}", f"{_at(key.period_ms)}#{key.marker}")


def _case_item(case: Case) -> Item:
    return {
        **_case_key(case.key),
        "kind_day": {"S": f"case#{case.state}"},
        "revision": {"N": str(case.revision)},
        "country": {"S": case.country},
        "state": {"S": case.state.value},
        "steps": {"L": [_step_item(step) for step in case.steps]},
    }


def _case_of(item: Item) -> Case:
    try:
        period, marker = item["sk"]["S"].split("#")
        key = CaseKey(item["pk"]["S"].removeprefix("CASE#"), Marker(marker), int(period))
        return Case(key, item["country"]["S"], State(item["state"]["S"]), tuple(_steps_of(item["steps"]["L"])))
    except _UNREADABLE as error:
        raise SafetyUnavailable("an item is no case") from error


def _step_item(step: Step) -> Item:
    texts = {"deed": step.deed.value, "actor": step.actor, "why": step.why, "request_id": step.request_id}
    return {"M": {"at": {"N": str(step.at_ms)}, **{name: {"S": text} for name, text in texts.items()}}}


def _steps_of(items: Iterable[Item]) -> Iterator[Step]:
    for item in items:
        told = item["M"]
        texts = (told[name]["S"] for name in ("actor", "why", "request_id"))
        yield Step(Deed(told["deed"]["S"]), int(told["at"]["N"]), *texts)
