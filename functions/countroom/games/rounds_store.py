"""How rounds lie in the games table. No other file spells their keys and attributes.

    ROUND#<player>#<source>#<round>, <version>   one movement of the round, as its record says; never changed, never expires
    OPEN#<hour>, <player>#<source>#<round>       whether the round has stakes of that hour that are open still

What is written is read off the ledger's records, which are immutable: the same record again writes the same item. Whether a round
is open is derived from all its movements each time and written with their number; a mark that knows of fewer never replaces one
that knows of more. So repeats and any order of the stream come to the same.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.games.rounds import Move, Round, RoundKey, move_fields, move_of_fields
from countroom.ledger.movements import Kind
from countroom.times import to_iso

MOVES_MAX: Final = 1000
"""Movements of one round that are read: its newest."""

OPEN_KEPT_MS: Final = 60 * 24 * 60 * 60 * 1000
CLOSED_KEPT_MS: Final = 24 * 60 * 60 * 1000
_HOUR_MS: Final = 60 * 60 * 1000
_HOUR_CHARACTERS: Final = len("2026-01-01T12")


class RoundsUnavailable(Exception):
    """The table did not answer, or not with a whole answer; nothing was decided by it."""


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Rounds marked open within one hour, and where the next page starts (None: this was the last)."""

    keys: tuple[RoundKey, ...]
    next_start: Mapping[str, Any] | None


class RoundsStore:
    """The rounds' part of the games table, through a low-level client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def keep(self, key: RoundKey, move: Move) -> None:
        """Keep one movement of a round; again and again the same."""
        text = json.dumps(move_fields(move), separators=(",", ":"))
        self._call("put_item", TableName=self._table, Item={**_move_key(key, move.version), "d": {"S": text}})

    def round(self, key: RoundKey) -> Round | None:
        """Read a round, strongly consistent: its newest MOVES_MAX movements. None where nothing of it was kept."""
        found: list[Move] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._call(
                "query",
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": _move_key(key, 0)["pk"]},
                ScanIndexForward=False,
                Limit=MOVES_MAX + 1 - len(found),
                **start,
            )
            found += [_move_of(item) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            if not last or len(found) > MOVES_MAX:
                break
            start = {"ExclusiveStartKey": last}
        whole = len(found) <= MOVES_MAX
        return Round(key, tuple(found[:MOVES_MAX][::-1]), whole) if found else None

    def mark(self, found: Round, now_ms: int) -> None:
        """Write, for each hour in which a stake of a round was booked, whether the round is open since that hour."""
        since = found.open_since_ms
        open_hour = "" if since is None else hour_of(since)
        hours = {hour_of(move.at_ms) for move in found.moves if move.kind is Kind.BET and move.applied}
        for hour in sorted(hours):
            self._mark(hour, found, now_ms, is_open=hour == open_hour)

    def open_page(self, hour: str, start: Mapping[str, Any] | None) -> OpenPage:
        """Read a page of the rounds that are marked open since an hour (as `hour_of` writes it)."""
        answer = self._call(
            "query",
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            FilterExpression="is_open = :open",
            ExpressionAttributeValues={":pk": {"S": _open_pk(hour)}, ":open": {"BOOL": True}},
            **({"ExclusiveStartKey": start} if start else {}),
        )
        return OpenPage(tuple(_key_of(item) for item in answer["Items"]), answer.get("LastEvaluatedKey"))

    def _mark(self, hour: str, found: Round, now_ms: int, *, is_open: bool) -> None:
        kept_ms = OPEN_KEPT_MS if is_open else CLOSED_KEPT_MS
        key = found.key
        known = {"N": str(len(found.moves))}
        item = {
            "pk": {"S": _open_pk(hour)},
            "sk": {"S": f"{key.player_id}#{key.source}#{key.round_id}"},
            "is_open": {"BOOL": is_open},
            "known": known,
            "expires_at": {"N": str((now_ms + kept_ms) // 1000)},
        }
        condition = {
            "ConditionExpression": "attribute_not_exists(pk) OR known <= :known",
            "ExpressionAttributeValues": {":known": known},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise RoundsUnavailable("put_item failed") from error
        except BotoCoreError as error:
            raise RoundsUnavailable("put_item failed") from error

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**request)
        except (ClientError, BotoCoreError) as error:
            raise RoundsUnavailable(f"{operation} failed") from error
        if operation == "query" and "Items" not in answer:
            raise RoundsUnavailable("an answer was cut short")
        return answer


def hour_of(at_ms: int) -> str:
    """Write the hour of an instant: ``2026-01-01T12``, in UTC."""
    return to_iso(at_ms)[:_HOUR_CHARACTERS]


def hours_between(from_ms: int, to_ms: int) -> Iterator[str]:
    """Yield the hours from that of one instant to that of another, both included."""
    for at_ms in range(from_ms - from_ms % _HOUR_MS, to_ms + 1, _HOUR_MS):
        yield hour_of(at_ms)


def _open_pk(hour: str) -> str:
    return f"OPEN#{hour}"


def _move_key(key: RoundKey, version: int) -> dict[str, Any]:
    return {"pk": {"S": f"ROUND#{key.player_id}#{key.source}#{key.round_id}"}, "sk": {"S": f"{version:016d}"}}


def _move_of(item: Mapping[str, Any]) -> Move:
    try:
        return move_of_fields(int(item["sk"]["S"]), json.loads(item["d"]["S"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RoundsUnavailable("an item is not a movement of a round") from error


def _key_of(item: Mapping[str, Any]) -> RoundKey:
    try:
        player_id, source, round_id = item["sk"]["S"].split("#")
    except (KeyError, ValueError) as error:
        raise RoundsUnavailable("an item is not a mark of a round") from error
    return RoundKey(player_id, source, round_id)
