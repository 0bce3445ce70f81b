"""How each provider answers when we call it: kept beside the catalogue, shown to anybody, never a condition of play.

    HEALTH, <provider>    what the last call came to, and since when calls come to that

Written when the picture of a process changes and at most every TELL_S otherwise, so a provider that is well costs almost nothing.
Since when it is so is everybody's: each word starts its own instant unless one stands, and ends the other one's, in one request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.clock import Clock
from countroom.times import to_iso

TELL_S: Final = 30.0
OLD_MS: Final = 15 * 60 * 1000
"""After this without a call nobody knows any more."""

PROVIDERS_MAX: Final = 100
_PK: Final = "HEALTH"
_UP: Final = "up_since"
_DOWN: Final = "down_since"


class HealthUnavailable(Exception):
    """The table did not answer, or not with a whole answer."""


class Condition(StrEnum):
    """How a provider is."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """One provider: whether its last call was answered, why not, when that was, and since when it is so (epoch ms)."""

    provider: str
    answered: bool
    reason: str
    at_ms: int
    since_ms: int

    def condition(self, now_ms: int) -> Condition:
        """Say how the provider is."""
        if now_ms - self.at_ms > OLD_MS:
            return Condition.UNKNOWN
        return Condition.UP if self.answered else Condition.DOWN

    def public_view(self, now_ms: int) -> dict[str, Any]:
        """Show it to anybody: no reasons."""
        return {"provider": self.provider, "condition": self.condition(now_ms).value, "checked_at": to_iso(self.at_ms)}

    def staff_view(self, now_ms: int) -> dict[str, Any]:
        """Show it to staff."""
        return {**self.public_view(now_ms), "reason": self.reason or None, "since": to_iso(self.since_ms)}


class HealthBoard:
    """The healths in the games table, through a low-level client with small timeouts of its own."""

    def __init__(self, client: Any, table: str, clock: Clock, timer: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._timer = timer
        self._told: dict[str, tuple[bool, float]] = {}

    def note(self, provider: str, *, answered: bool, reason: str = "") -> None:
        """Keep what a call came to. Raise HealthUnavailable: the caller's own work is done by then, and may go on."""
        now = self._timer()
        was, told_at = self._told.get(provider, (None, 0.0))
        if was is answered and now - told_at < TELL_S:
            return
        self._told[provider] = (answered, now)
        self._write(provider, reason, _UP if answered else _DOWN)

    def all(self) -> tuple[Health, ...]:
        """Return every provider that was ever called, by name. Raise HealthUnavailable."""
        answer = self._call(
            "query",
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": _PK}},
            Limit=PROVIDERS_MAX,
        )
        if "Items" not in answer:
            raise HealthUnavailable("an answer was cut short")
        return tuple(_health_of(item) for item in answer["Items"])

    def _write(self, provider: str, reason: str, since: str) -> None:
        # Many processes tell; an older word must not replace a younger one.
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": _PK}, "sk": {"S": provider}},
            "UpdateExpression": "SET #at = :at, #reason = :reason, #since = if_not_exists(#since, :at) REMOVE #other",
            "ConditionExpression": "attribute_not_exists(pk) OR #at <= :at",
            "ExpressionAttributeNames": {
                "#at": "at",
                "#reason": "reason",
                "#since": since,
                "#other": _DOWN if since == _UP else _UP,
            },
            "ExpressionAttributeValues": {":at": {"N": str(self._clock())}, ":reason": {"S": reason}},
        }
        try:
            self._client.update_item(**request)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise HealthUnavailable("the health could not be kept") from error
        except BotoCoreError as error:
            raise HealthUnavailable("the health could not be kept") from error

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**request)
        except (ClientError, BotoCoreError) as error:
            raise HealthUnavailable(f"{operation} failed") from error
        return answer


def _health_of(item: Mapping[str, Any]) -> Health:
    try:
        answered = _UP in item
        since_ms = int(item[_UP if answered else _DOWN]["N"])
        return Health(item["sk"]["S"], answered, item["reason"]["S"], int(item["at"]["N"]), since_ms)
    except (KeyError, TypeError, ValueError) as error:
        raise HealthUnavailable("an item is not of this form") from error
