import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.identity import mail
from countroom.identity.mail import MalformedMail, Message, Template
from countroom.identity.outbox import QueuedOutbox
from countroom.identity.refusals import Unavailable

VALUES = {"code": "0A1B-2C3D", "minutes": "15", "device": "Firefox on Windows"}
WITH_CODE = {Template.VERIFY_ADDRESS, Template.RESET_PASSWORD, Template.CONFIRM_ADDRESS}
SENT = [template for template in Template if template is not Template.NOTHING]


@pytest.mark.parametrize("template", SENT)
def test_every_mail_is_short_plain_and_says_what_to_do(template: Template) -> None:
    letter = mail.compose(Message(template, "ann@example.com", VALUES))
    assert 0 < len(letter.subject) <= 60
    assert len(letter.text) < 700
    assert ("0A1B-2C3D" in letter.text) is (template in WITH_CODE)
    assert "0A1B" not in letter.subject
    assert "http" not in letter.text
    assert "not you" in letter.text or "did not" in letter.text
    assert "{" not in letter.text
    assert letter.text.isascii()


@pytest.mark.parametrize("template", sorted(WITH_CODE))
def test_a_mail_without_its_code_is_not_written(template: Template) -> None:
    with pytest.raises(MalformedMail):
        mail.compose(Message(template, "ann@example.com", {"minutes": "15"}))


def test_nothing_is_never_written() -> None:
    with pytest.raises(MalformedMail):
        mail.compose(Message(Template.NOTHING, "ann@example.com", VALUES))


def test_a_value_is_text_and_never_a_pattern() -> None:
    letter = mail.compose(Message(Template.NEW_DEVICE, "ann@example.com", {"device": "{code} {0.__class__}"}))
    assert "({code} {0.__class__})" in letter.text


@pytest.mark.parametrize("template", Template)
@pytest.mark.parametrize("until_ms", [None, 1_767_268_800_000])
def test_a_message_is_read_as_it_was_written(template: Template, until_ms: int | None) -> None:
    message = Message(template, "ann@example.com", VALUES, until_ms)
    assert mail.from_body(mail.to_body(message)) == message


GOOD = {"format": 1, "template": "verify_address", "to": "ann@example.com", "values": {}, "until_ms": None}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        json.dumps(GOOD | {"format": 2}),
        json.dumps(GOOD | {"template": "unknown"}),
        json.dumps(GOOD | {"to": 1}),
        json.dumps(GOOD | {"values": {"code": 1}}),
        json.dumps(GOOD | {"values": []}),
        json.dumps(GOOD | {"until_ms": "soon"}),
        json.dumps(GOOD | {"until_ms": True}),
        json.dumps(GOOD | {"values": {"x": "y" * 5000}}),
        json.dumps({name: value for name, value in GOOD.items() if name != "until_ms"}),
    ],
)
def test_what_was_never_queued(body: str) -> None:
    assert mail.from_body(json.dumps(GOOD)).template is Template.VERIFY_ADDRESS
    with pytest.raises(MalformedMail) as caught:
        mail.from_body(body)
    assert "ann@" not in str(caught.value)


class Queue:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []

    def send_message(self, **request: Any) -> Any:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_outbox_queues() -> None:
    queue = Queue({"MessageId": "m1"})
    message = Message(Template.VERIFY_ADDRESS, "ann@example.com", VALUES, 5)
    QueuedOutbox(queue, "https://queue").send(message)
    assert queue.requests == [{"QueueUrl": "https://queue", "MessageBody": mail.to_body(message)}]


@pytest.mark.parametrize("answer", [{}, ReadTimeoutError(endpoint_url="https://sqs")])
def test_an_outbox_that_is_not_sure_says_so(answer: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        QueuedOutbox(Queue(answer), "https://queue").send(Message(Template.NOTHING, "ann@example.com"))
    assert "ann@" not in str(caught.value)
