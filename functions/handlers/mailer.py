"""The worker behind the mail queue: each message is one mail, sent by SES.

Messages fail one by one (partial batch failures): one that cannot be sent comes back and, after bounded tries, goes to the
dead-letter queue; the others of its batch are sent. A mail may go out twice after a lost answer. Neither addresses nor texts are
logged.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from countroom.clock import system_clock
from countroom.identity.mail import Message, Template, compose, from_body
from runtime import aws, settings, telemetry

CHARSET: Final = "UTF-8"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told: the address that mails come from."""

    mail_sender: str


class MailNotTaken(Exception):
    """SES gave an answer that does not say that it took the mail."""


@cache
def _settings() -> Settings:
    return settings.load(Settings)


def _send(record: SQSRecord) -> None:
    """Send one mail; raise whatever keeps it from being sent, so that it comes back."""
    said: dict[str, Any] = {"message_id": record.message_id, "receives": record.attributes.approximate_receive_count}
    try:
        message = from_body(record.body)
        said["template"] = message.template.value
        outcome = _deliver(message)
    except Exception as error:
        telemetry.logger.error("mail not sent", failure=telemetry.describe(error), **said)
        telemetry.count("MailFailed")
        raise
    telemetry.logger.info("mail handled", outcome=outcome, **said)
    telemetry.count(outcome)


def _deliver(message: Message) -> str:
    """Send a mail unless there is nothing to send any more; return what came of it, as it is counted."""
    if message.template is Template.NOTHING:
        return "MailWithheld"
    if message.until_ms is not None and system_clock() >= message.until_ms:
        return "MailExpired"
    letter = compose(message)
    answer = aws.client("sesv2").send_email(
        FromEmailAddress=_settings().mail_sender,
        Destination={"ToAddresses": [message.to]},
        Content={
            "Simple": {
                "Subject": {"Data": letter.subject, "Charset": CHARSET},
                "Body": {"Text": {"Data": letter.text, "Charset": CHARSET}},
            }
        },
    )
    if not answer.get("MessageId"):
        raise MailNotTaken
    return "MailSent"


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    # A batch of which all fail is answered like any other: raising would only add a second report of the same failures.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event.get("Records") or [], _send):
        processor.process()
    return dict(processor.response())


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _settings()
    aws.client("sesv2")
