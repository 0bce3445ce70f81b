"""The way of a mail out of a request: onto a queue, from which a worker sends it. The request never waits for a mail server."""

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from countroom.identity.mail import Message, to_body
from countroom.identity.refusals import Unavailable


class Sqs(Protocol):
    """The call used here of botocore's low-level SQS client."""

    def send_message(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's


class QueuedOutbox:
    """Satisfies `mail.Outbox` with an SQS queue that is encrypted at rest: messages hold addresses and codes."""

    def __init__(self, client: Sqs, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, message: Message) -> None:
        """Queue a mail. After a lost answer it may be queued twice, so a player may get it twice."""
        try:
            answer = self._client.send_message(QueueUrl=self._queue_url, MessageBody=to_body(message))
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("the mail queue did not take a mail") from error
        if "MessageId" not in answer:
            raise Unavailable("an answer of the mail queue was cut short")
