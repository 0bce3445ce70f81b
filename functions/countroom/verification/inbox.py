"""The inbox: what a webhook says is kept on a queue before the vendor is told that it arrived.

Not its body: that may hold the words of the vendor's people about a person, which are kept nowhere here. So it is understood first,
and what goes onto the queue is the event.
"""

import json
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom.verification.levels import Level, State
from countroom.verification.standing import VendorEvent

FORMAT: Final = 1
"""Raised when the shape of a message changes: old messages may wait in the queue, or behind it, for days."""


class InboxUnavailable(Exception):
    """The queue did not take the message, or did not say so: the vendor has to send it again."""


class MalformedMessage(ValueError):
    """A message that `Inbox.put` did not write."""


class Inbox:
    """The verification queue. `client` is a low-level SQS client with timeouts of its own."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, event: VendorEvent) -> None:
        """Keep an event. It may be kept twice, which is harmless. Raises InboxUnavailable."""
        try:
            answer = self._client.send_message(QueueUrl=self._queue_url, MessageBody=to_message(event))
        except (BotoCoreError, ClientError) as error:
            raise InboxUnavailable("the verification queue did not take a message") from error
        if "MessageId" not in answer:  # the SDK hands on an answer that it cannot read as an empty one
            raise InboxUnavailable("an answer of the verification queue was cut short")


def to_message(event: VendorEvent) -> str:
    """Write a message."""
    message = {
        "format": FORMAT,
        "event_id": event.event_id,
        "applicant_id": event.applicant_id,
        "player_id": event.player_id,
        "level": event.level,
        "state": event.state,
        "created_at_ms": event.created_at_ms,
        "labels": list(event.labels),
    }
    return json.dumps(message, separators=(",", ":"))


def from_message(text: str) -> VendorEvent:
    """Read what `to_message` wrote. Raises MalformedMessage."""
    try:
        message = json.loads(text)
        if message["format"] != FORMAT:
            raise MalformedMessage("a format that is not known here")
        return VendorEvent(
            event_id=str(message["event_id"]),
            applicant_id=str(message["applicant_id"]),
            player_id=str(message["player_id"]),
            level=Level(message["level"]) if message["level"] is not None else None,
            state=State(message["state"]),
            created_at_ms=int(message["created_at_ms"]),
            labels=tuple(str(label) for label in message["labels"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedMessage("not a message of the inbox") from error
