"""How each provider answers when we call it: kept beside the catalogue, shown to anybody, never a condition of play.

    HEALTH, <provider>    what the last call came to, and since when it comes to that

Written when the picture changes and at most every TELL_S otherwise, so a provider that is well costs almost nothing.
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
        self._told: dict[str, tuple[bool, float, int]] = {}

    def note(self, provider: str, *, answered: bool, reason: str = "") -> None:
        """Keep what a call came to. Raise HealthUnavailable: the caller's own work is done by then, and may go on."""
        now, now_ms = self._timer(), self._clock()
        was, told_at, since_ms = self._told.get(provider, (None, 0.0, now_ms))
        if was is answered and now - told_at < TELL_S:
            return
        since_ms = since_ms if was is answered else now_ms
        self._told[provider] = (answered, now, since_ms)
        self._write(Health(provider, answered, reason, now_ms, since_ms))

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

    def _write(self, health: Health) -> None:
        item = {
            "pk": {"S": _PK},
            "sk": {"S": health.provider},
            "answered": {"BOOL": health.answered},
            "reason": {"S": health.reason},
            "at": {"N": str(health.at_ms)},
            "since": {"N": str(health.since_ms)},
        }
        # Many processes tell; an older word must not replace a younger one.
        condition = {
            "ConditionExpression": "attribute_not_exists(pk) OR #at <= :at",
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": {":at": item["at"]},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
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
        at_ms, since_ms = int(item["at"]["N"]), int(item["since"]["N"])
        return Health(item["sk"]["S"], item["answered"]["BOOL"], item["reason"]["S"], at_ms, since_ms)
    except (KeyError, TypeError, ValueError) as error:
        raise HealthUnavailable("an item is not of this form") from error
