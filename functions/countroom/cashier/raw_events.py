"""The kept webhooks: what a gateway has signed, byte for byte, for as long as somebody may have to look at it or play it in again.

One item for each delivery whose signature held, in a table of its own that nothing else is in, encrypted with the house's key:

- `<gateway>#<event id>`, SHA-256 of the body (with `#not_all_signed` where that is so): the raw body, when it came, what is known
  of it, and when it expires

The same webhook delivered again is the same item; another body under an id that was used before stands beside the first. Nothing
that is right depends on these items: money rests on the ledger's records, and an item that is gone has only had its time.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.cashier.inbox import Received
from countroom.times import from_iso, to_iso

KEPT_DAYS: Final = 30
"""Longer than any gateway sends again (Stripe: 3 days) and than a dead letter lies (14 days)."""

_DAY_S: Final = 24 * 60 * 60
_BODIES_MAX: Final = 20
"""How many bodies of one event id `find` reads: a gateway that signs more of them under one id is not to be played in by a tool."""


class Kept(StrEnum):
    """What was known of a webhook when it was kept."""

    UNDERSTOOD = "understood"
    MALFORMED = "malformed"  # signed, but not all of it can be understood
    NOT_ALL_SIGNED = "not_all_signed"  # a batch as it came, with items that nobody has signed; never to be applied


class RawEventsUnavailable(Exception):
    """The table did not take an event, or did not give one."""


class RawEvents:
    """The table of kept webhooks. `client` is a low-level DynamoDB client with timeouts of its own."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def keep(self, received: Received, state: Kept) -> None:
        """Keep a webhook until KEPT_DAYS after it came; one that is kept already stays as it is. Raises RawEventsUnavailable."""
        item = {
            **_key(received, state),
            "gateway": {"S": received.gateway},
            "event_id": {"S": received.event_id},
            "received_at": {"S": to_iso(received.received_at_ms)},
            "state": {"S": state.value},
            "body": {"B": received.body},
            "expires_at": {"N": str(received.received_at_ms // 1000 + KEPT_DAYS * _DAY_S)},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise RawEventsUnavailable("the webhook was not kept") from error
        except BotoCoreError as error:
            raise RawEventsUnavailable("the webhook was not kept") from error

    def find(self, gateway: str, event_id: str) -> list[Received]:
        """Find what was kept under an event id and may be applied, at most _BODIES_MAX bodies; none when it has expired.

        Raises RawEventsUnavailable.
        """
        query = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"{gateway}#{event_id}"}},
            "Limit": _BODIES_MAX,
        }
        try:
            found = self._client.query(**query)
        except (BotoCoreError, ClientError) as error:
            raise RawEventsUnavailable("the kept webhooks could not be read") from error
        if "Items" not in found:
            raise RawEventsUnavailable("an answer of the table was cut short")
        return [_received(item) for item in found["Items"] if item["state"]["S"] != Kept.NOT_ALL_SIGNED]


def _key(received: Received, state: Kept) -> dict[str, dict[str, str]]:
    digest = hashlib.sha256(received.body).hexdigest()
    # Apart from the others: the same bytes may come again when all of their signatures are known, and are then to be applied.
    apart = f"#{state.value}" if state is Kept.NOT_ALL_SIGNED else ""
    return {"pk": {"S": f"{received.gateway}#{received.event_id}"}, "sk": {"S": digest + apart}}


def _received(item: Mapping[str, Any]) -> Received:
    at_ms = from_iso(item["received_at"]["S"])
    return Received(item["gateway"]["S"], item["event_id"]["S"], at_ms, bytes(item["body"]["B"]))
