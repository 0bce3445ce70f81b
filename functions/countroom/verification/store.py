"""Standings in the players' table. No other file spells these items.

- `PLAYER#<player id>`, `VERIFICATION`: where the player stands
- `PLAYER#<player id>`, `VERIFICATION#<request id>`: each word that led there, once for each order, never changed

Both are written in one transaction, on the version that was read. Nothing is deleted.
"""

from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.times import from_iso, to_iso
from countroom.verification.standing import Standing

Item: TypeAlias = dict[str, Any]
"""An item in DynamoDB's own JSON."""

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
        return self._read(player_id, _key(player_id)) or Standing(player_id)

    def word(self, player_id: str, request_id: str) -> Standing | None:
        """Read what an order made of a player at its time, strongly; None where it was never carried out."""
        return self._read(player_id, _word_key(player_id, request_id))

    def save(self, standing: Standing) -> bool:
        """Write the next standing and the word that led to it.

        False when the one before is not what stands any more, or the order was carried out before.

        Raises StandingsUnavailable. After that, and after False, it may have been written: botocore repeats what was not answered.
        """
        put: Item = {"TableName": self._table, "Item": _item(_key(standing.player_id), standing), "ConditionExpression": _IS_NEW}
        if standing.version > 1:
            known = {":known": {"N": str(standing.version - 1)}}
            put |= {"ConditionExpression": _IS_UNCHANGED, "ExpressionAttributeValues": known}
        word = _item(_word_key(standing.player_id, standing.request_id), standing)
        parts = [{"Put": put}, {"Put": {"TableName": self._table, "Item": word, "ConditionExpression": _IS_NEW}}]
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

    def _read(self, player_id: str, key: Item) -> Standing | None:
        # What is not there is left out of the answer, so the capacity is asked for to tell that from an answer cut short.
        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        try:
            found = self._client.get_item(TableName=self._table, Key=key, **told)
        except (ClientError, *_NO_ANSWER) as error:
            raise StandingsUnavailable("the players' table could not be read") from error
        if "ConsumedCapacity" not in found:
            raise StandingsUnavailable("an answer of the players' table was cut short")
        item: Item | None = found.get("Item")
        return _standing_of(player_id, item) if item else None


def _key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "VERIFICATION"}}


def _word_key(player_id: str, request_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": f"VERIFICATION#{request_id}"}}


def _item(key: Item, standing: Standing) -> Item:
    return {
        **key,
        "revision": {"N": str(standing.version)},
        "verified": {"BOOL": standing.verified},
        "by": {"S": standing.by},
        "reason": {"S": standing.reason},
        "at": {"S": to_iso(standing.at_ms)},
        "request_id": {"S": standing.request_id},
    }


def _standing_of(player_id: str, item: Item) -> Standing:
    return Standing(
        player_id=player_id,
        version=int(item["revision"]["N"]),
        verified=bool(item["verified"]["BOOL"]),
        by=item["by"]["S"],
        reason=item["reason"]["S"],
        at_ms=from_iso(item["at"]["S"]),
        request_id=item["request_id"]["S"],
    )
