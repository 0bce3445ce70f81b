"""The inbox: a verified webhook is kept, byte for byte, on a queue before the gateway is told that it arrived."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

FORMAT: Final = 1
"""Raised when the shape of a message changes: old messages may wait in the queue, or behind it, for days."""


class InboxUnavailable(Exception):
    """The queue did not take the message, or did not say so: the gateway has to send it again."""


class MalformedMessage(ValueError):
    """A message that `Inbox.put` did not write."""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook whose signature held: which gateway sent it, its id, when it arrived (epoch ms), and its raw body."""

    gateway: str
    event_id: str
    received_at_ms: int
    body: bytes


class Inbox:
    """The payment queue. `client` is a low-level SQS client with timeouts of its own."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, received: Received) -> None:
        """Keep a webhook. It may be kept twice, which is harmless. Raises InboxUnavailable."""
        try:
            answer = self._client.send_message(QueueUrl=self._queue_url, MessageBody=to_message(received))
        except (BotoCoreError, ClientError) as error:
            raise InboxUnavailable("the payment queue did not take a message") from error
        if "MessageId" not in answer:  # the SDK hands on an answer that it cannot read as an empty one
            raise InboxUnavailable("an answer of the payment queue was cut short")


def to_message(received: Received) -> str:
    """Write a message. The body is in base64: a queue takes only some characters, and the bytes must come back as they were."""
    message = {
        "format": FORMAT,
        "gateway": received.gateway,
        "event_id": received.event_id,
        "received_at_ms": received.received_at_ms,
        "body": base64.b64encode(received.body).decode(),
    }
    return json.dumps(message, separators=(",", ":"))


def from_message(text: str) -> Received:
    """Read what `to_message` wrote. Raises MalformedMessage."""
    try:
        message = json.loads(text)
        if message["format"] != FORMAT:
            raise MalformedMessage("a format that is not known here")
        body = base64.b64decode(message["body"], validate=True)
        return Received(str(message["gateway"]), str(message["event_id"]), int(message["received_at_ms"]), body)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise MalformedMessage("not a message of the inbox") from error
