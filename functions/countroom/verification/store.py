"""Standings in the players' table. No other file spells these items.

- `PLAYER#<player id>`, `VERIFICATION`: where the player stands
- `PLAYER#<player id>`, `VERIFICATION#<request id>`: each order of staff that led there, once for each order, never changed
- `PLAYER#<player id>`, `VERIFICATION#event:<event id>`: each event of the vendor's that led there, as it is understood
- `APPLICANT#<applicant id>`, `EVENT#<event id>`: an event about somebody, or some level, that is not known here, for people to look
  at; it expires

What led to a standing is written with it in one transaction, on the version that was read. Nothing is deleted.

Items that were written before there were levels have `verified` and no `levels`: they are about the identity, by staff.
"""

from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.times import from_iso, to_iso
from countroom.verification.levels import Level, State
from countroom.verification.standing import STATE_OF, LevelStanding, Order, Source, Standing, VendorEvent, Word, concerned

Item: TypeAlias = dict[str, Any]
"""An item in DynamoDB's own JSON."""

UNKNOWN_KEPT_DAYS: Final = 90

_DAY_S: Final = 24 * 60 * 60
_NO_ANSWER: Final = (BotoCoreError, ResponseParserError)
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_UNCHANGED: Final = "revision = :known"


class StandingsUnavailable(Exception):
    """The table did not answer, or what it did is unknown; the same again is safe."""


class StandingStore:
    """The players' table, as this room uses it. `client` is a low-level DynamoDB client with timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, player_id: str) -> Standing:
        """Read where a player stands, strongly. Raises StandingsUnavailable."""
        item = self._read(_key(player_id))
        return _standing_of(player_id, item) if item else Standing(player_id)

    def ordered(self, player_id: str, request_id: str) -> tuple[Word, Level] | None:
        """Read what an order said, strongly; None where it was never carried out. Raises StandingsUnavailable."""
        item = self._read(_word_key(player_id, request_id))
        return _word_of(item) if item else None

    def save(self, standing: Standing, because: Order | VendorEvent | None = None) -> bool:
        """Write the next standing and the word that led to it (None: the vendor's name of the player became known).

        False when the one before is not what stands any more, or the word was heard before.

        Raises StandingsUnavailable. After that, and after False, it may have been written: botocore repeats what was not answered.
        """
        put: Item = {"TableName": self._table, "Item": _item(standing), "ConditionExpression": _IS_NEW}
        if standing.version > 1:
            known = {":known": {"N": str(standing.version - 1)}}
            put |= {"ConditionExpression": _IS_UNCHANGED, "ExpressionAttributeValues": known}
        parts = [{"Put": put}]
        if because is not None:
            word = _order_item(because, standing) if isinstance(because, Order) else _event_item(because)
            parts.append({"Put": {"TableName": self._table, "Item": word, "ConditionExpression": _IS_NEW}})
        try:
            self._client.transact_write_items(TransactItems=parts)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if "ConditionalCheckFailed" in reasons:
                return False
            raise StandingsUnavailable("a standing could not be written") from error
        except _NO_ANSWER as error:
            raise StandingsUnavailable("a standing could not be written") from error
        return True

    def keep_unknown(self, event: VendorEvent, now_ms: int) -> None:
        """Keep an event that has no effect here, UNKNOWN_KEPT_DAYS days; the same again is the same item.

        Raises StandingsUnavailable.
        """
        item = {
            **_event_fields(event),
            "pk": {"S": f"APPLICANT#{event.applicant_id}"},
            "sk": {"S": f"EVENT#{event.event_id}"},
            "player_id": {"S": event.player_id},
            "expires_at": {"N": str(now_ms // 1000 + UNKNOWN_KEPT_DAYS * _DAY_S)},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=_IS_NEW)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise StandingsUnavailable("an event could not be kept") from error
        except _NO_ANSWER as error:
            raise StandingsUnavailable("an event could not be kept") from error

    def _read(self, key: Item) -> Item | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        try:
            found = self._client.get_item(TableName=self._table, Key=key, **told)
        except (ClientError, *_NO_ANSWER) as error:
            raise StandingsUnavailable("the players' table could not be read") from error
        if "ConsumedCapacity" not in found:
            raise StandingsUnavailable("an answer of the players' table was cut short")
        item: Item | None = found.get("Item")
        return item


def _key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "VERIFICATION"}}


def _word_key(player_id: str, request_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": f"VERIFICATION#{request_id}"}}


def _item(standing: Standing) -> Item:
    return {
        **_key(standing.player_id),
        "revision": {"N": str(standing.version)},
        "verified": {"BOOL": standing.verified},
        "levels": {"M": {level.value: _level_map(found) for level, found in standing.levels.items()}},
        "applicant_id": {"S": standing.applicant_id},
        **_staff_fields(standing),
    }


def _level_map(found: LevelStanding) -> Item:
    return {
        "M": {
            "state": {"S": found.state.value},
            "source": {"S": found.source.value},
            "at": {"S": to_iso(found.at_ms)},
            "labels": {"L": [{"S": label} for label in found.labels]},
        }
    }


def _staff_fields(standing: Standing) -> Item:
    return {
        "by": {"S": standing.by},
        "reason": {"S": standing.reason},
        "at": {"S": to_iso(standing.at_ms)},
        "request_id": {"S": standing.request_id},
    }


def _order_item(order: Order, standing: Standing) -> Item:
    return {
        **_word_key(order.player_id, order.request_id),
        "revision": {"N": str(standing.version)},
        "word": {"S": order.word.value},
        "level": {"S": order.level.value},
        "verified": {"BOOL": standing.verified},
        **_staff_fields(standing),
    }


def _event_item(event: VendorEvent) -> Item:
    return {**_event_fields(event), **_word_key(event.player_id, f"event:{event.event_id}")}


def _event_fields(event: VendorEvent) -> Item:
    return {
        "applicant_id": {"S": event.applicant_id},
        "level": {"S": event.level.value if event.level else ""},
        "state": {"S": event.state.value},
        "at": {"S": to_iso(event.created_at_ms)},
        "labels": {"L": [{"S": label} for label in event.labels]},
    }


def _standing_of(player_id: str, item: Item) -> Standing:
    at_ms = from_iso(item["at"]["S"])
    if "levels" in item:
        levels = {Level(name): _level_of(found["M"]) for name, found in item["levels"]["M"].items()}
    else:
        state = STATE_OF[_word_of(item)[0]]
        levels = dict.fromkeys(concerned(Level.IDENTITY, state), LevelStanding(state, Source.STAFF, at_ms))
    return Standing(
        player_id=player_id,
        version=int(item["revision"]["N"]),
        levels=levels,
        applicant_id=item.get("applicant_id", {"S": ""})["S"],
        by=item["by"]["S"],
        reason=item["reason"]["S"],
        at_ms=at_ms,
        request_id=item["request_id"]["S"],
    )


def _level_of(found: Item) -> LevelStanding:
    labels = tuple(label["S"] for label in found["labels"]["L"])
    return LevelStanding(State(found["state"]["S"]), Source(found["source"]["S"]), from_iso(found["at"]["S"]), labels)


def _word_of(item: Item) -> tuple[Word, Level]:
    if "word" in item:
        return Word(item["word"]["S"]), Level(item["level"]["S"])
    return Word.VERIFY if item["verified"]["BOOL"] else Word.UNVERIFY, Level.IDENTITY
