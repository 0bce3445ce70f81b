import io
import json
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ReadTimeoutError

from countroom.identity.mail import Message, Template, to_body
from handlers import mailer
from runtime import aws as runtime_aws
from runtime import telemetry
from tests.unit.clock import START_MS
from tests.unit.ledger.memory import client_error
from tests.unit.rest import Context

EMAIL = "ann.smith@example.com"
CODE = "0A1B-2C3D"


class Ses:
    """SES, as far as a mail needs it: answers in turn, the last one for ever."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answers: list[Any] = [{"MessageId": "ses-1"}]

    def send_email(self, **request: Any) -> Any:
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def ses(monkeypatch: pytest.MonkeyPatch) -> Ses:
    found = Ses()
    mailer._settings.cache_clear()
    monkeypatch.setenv("MAIL_SENDER", "casino@countroom.example")
    monkeypatch.setattr(runtime_aws, "client", lambda service: {"sesv2": found}[service])
    return found


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def record(number: int, body: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "SenderId": "x", "ApproximateFirstReceiveTimestamp": "0"}
    return {"messageId": f"m{number}", "receiptHandle": "r", "body": body, "attributes": attributes, "eventSource": "aws:sqs"}


def message(template: Template = Template.VERIFY_ADDRESS, until_ms: int | None = None) -> str:
    return to_body(Message(template, EMAIL, {"code": CODE, "minutes": "30", "device": "Firefox"}, until_ms))


def serve(*bodies: str) -> list[str]:
    """Hand over a batch; return the ids of those that come back."""
    records = [record(number, body) for number, body in enumerate(bodies)]
    answer = json.loads(json.dumps(mailer.handler({"Records": records}, Context())))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_mail_is_sent_as_plain_text(ses: Ses, log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(message()) == []
    (sent,) = ses.sent
    assert sent["FromEmailAddress"] == "casino@countroom.example"
    assert sent["Destination"] == {"ToAddresses": [EMAIL]}
    simple = sent["Content"]["Simple"]
    assert list(simple["Body"]) == ["Text"]
    assert CODE in simple["Body"]["Text"]["Data"]
    assert simple["Subject"]["Charset"] == "UTF-8"
    assert '"MailSent":[1.0]' in capsys.readouterr().out.replace(" ", "")
    assert '"outcome":"MailSent"' in log.getvalue()
    assert EMAIL not in log.getvalue()
    assert CODE not in log.getvalue()


def test_nothing_is_not_sent(ses: Ses, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(message(Template.NOTHING)) == []
    assert ses.sent == []
    assert '"MailWithheld":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_code_that_is_over_is_not_sent(ses: Ses) -> None:
    with time_machine.travel(START_MS / 1000, tick=False):
        assert serve(message(until_ms=START_MS), message(until_ms=START_MS + 1)) == []
    assert len(ses.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [{}, {"MessageId": ""}, ReadTimeoutError(endpoint_url="https://ses"), client_error("TooManyRequestsException", 429)],
)
def test_one_that_fails_comes_back_and_the_others_do_not(
    ses: Ses, answer: Any, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    ses.answers = [{"MessageId": "1"}, answer, {"MessageId": "3"}]
    assert serve(message(), message(), message()) == ["m1"]
    assert '"MailFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")
    assert '"mail not sent"' in log.getvalue()
    assert EMAIL not in log.getvalue()
    assert CODE not in log.getvalue()


def test_when_all_fail_all_come_back(ses: Ses) -> None:
    ses.answers = [{}]
    assert serve(message(), message()) == ["m0", "m1"]


@pytest.mark.parametrize("body", ["", "{}", "no json " + EMAIL, '{"format":1,"to":"' + EMAIL + '"}'])
def test_what_is_no_mail_comes_back_and_is_not_logged(ses: Ses, body: str, log: io.StringIO) -> None:
    assert serve(body, message()) == ["m0"]
    assert len(ses.sent) == 1
    assert EMAIL not in log.getvalue()


def test_a_missing_value_comes_back(ses: Ses) -> None:
    assert serve(to_body(Message(Template.VERIFY_ADDRESS, EMAIL, {"minutes": "30"}))) == ["m0"]
    assert ses.sent == []


def test_without_a_sender_everything_comes_back(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_SENDER")
    assert serve(message()) == ["m0"]
    assert ses.sent == []


def test_an_empty_batch() -> None:
    assert serve() == []
