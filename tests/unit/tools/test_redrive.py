"""Dead letters shown and put back, and kept webhooks played in."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from countroom.cashier.inbox import Received, from_message, to_message
from countroom.cashier.raw_events import Kept, RawEvents
from runtime import aws as runtime_aws
from tests.unit.clock import START_MS
from tools import redrive
from tools.redrive import DONE, NOT_ALL, NOT_TRIED, NotTriedError, Place

SECRET_WORD = b'{"iban": "must not be shown"}'
EVENT = Received("standard", "msg_1", START_MS, SECRET_WORD)


@pytest.fixture
def place(aws: None, monkeypatch: pytest.MonkeyPatch) -> Place:  # noqa: ARG001 - the emulated account
    sqs, dynamodb = runtime_aws.client("sqs"), runtime_aws.client("dynamodb")
    keys = {"pk": "HASH", "sk": "RANGE"}
    dynamodb.create_table(
        TableName="raw",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )
    dead, live = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "live"))
    made = Place(sqs, dynamodb, dead, live, "raw")
    monkeypatch.setattr(redrive, "in_sandbox", lambda _path: made)
    monkeypatch.setattr(redrive, "LOOK_SECONDS", 0)  # what was looked at is there again at once
    return made


def bury(place: Place, *texts: str) -> None:
    for text in texts:
        place.sqs.send_message(QueueUrl=place.dead_letters, MessageBody=text)


def live(place: Place) -> list[str]:
    return [one["Body"] for one in place.sqs.receive_message(QueueUrl=place.queue, MaxNumberOfMessages=10).get("Messages", [])]


def left(place: Place) -> int:
    name = "ApproximateNumberOfMessages"
    return int(place.sqs.get_queue_attributes(QueueUrl=place.dead_letters, AttributeNames=[name])["Attributes"][name])


def test_without_a_word_it_shows_and_changes_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    bury(place, to_message(EVENT), "garbage")
    assert redrive.main([]) == DONE
    said = capsys.readouterr().out
    assert "standard msg_1  came 2026-01-01T12:00:00.000Z" in said
    assert "that no intake has written" in said
    assert "2 dead letters" in said
    assert "Nothing was changed" in said
    assert "must not be shown" not in said
    assert (left(place), live(place)) == (2, [])


def test_told_to_it_puts_them_back_as_they_were(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [to_message(replace(EVENT, event_id=f"msg_{number}")) for number in range(5)]
    bury(place, *texts)
    assert redrive.main(["--do"]) == DONE
    assert sorted(live(place)) == sorted(texts)
    assert left(place) == 0
    assert "5 of 5 are back in the queue." in capsys.readouterr().out
    assert redrive.main(["--do"]) == DONE
    assert "There are no dead letters." in capsys.readouterr().out


def test_it_does_at_most_as_many_as_it_was_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    bury(place, *(to_message(replace(EVENT, event_id=f"msg_{number}")) for number in range(15)))
    assert redrive.main(["--do", "--most", "12"]) == DONE
    assert left(place) == 3
    assert "There may be more than 12" in capsys.readouterr().out


WHY = ("--reason", "refunded by hand at the gateway, ticket 7")


def ids(place: Place) -> dict[str, str]:
    """The dead letters' message ids by their bodies."""
    return {one.body: one.message_id for one in redrive.dead_letters(place, 100)}


def test_a_dead_letter_that_people_have_settled_is_dismissed_alone(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [to_message(replace(EVENT, event_id=f"msg_{number}")) for number in range(7)]
    bury(place, *texts, "garbage")
    known = ids(place)
    assert redrive.main([]) == DONE
    listed = capsys.readouterr().out
    assert all(one in listed for one in known.values())
    asked = ["--dismiss", known[texts[3]], *WHY]
    assert redrive.main(asked) == DONE
    shown = capsys.readouterr().out
    assert "Nothing was changed" in shown
    assert "standard msg_3  came" in shown
    assert (left(place), live(place)) == (8, [])
    assert redrive.main([*asked, "--do"]) == DONE
    said = capsys.readouterr().out
    assert said.startswith("20")
    assert said.endswith("DISMISSED: refunded by hand at the gateway, ticket 7\n")
    assert "standard msg_3  came" in said
    assert "must not be shown" not in shown + said
    assert ids(place).keys() == {*texts, "garbage"} - {texts[3]}
    assert live(place) == []
    assert redrive.main([*asked, "--do"]) == NOT_TRIED
    assert "No such message" in capsys.readouterr().err
    assert redrive.main(["--dismiss", known["garbage"], *WHY, "--do"]) == DONE
    assert "garbage" not in ids(place)


@pytest.mark.parametrize(
    "words",
    [
        ("--dismiss", "ID"),
        ("--dismiss", "ID", "--reason", "  short  "),
        ("--dismiss", "ID", "--reason", "x" * 301),
        ("--dismiss", "ID", "--reason", "settled\nby hand"),
        ("--dismiss", "ID", "--event", "standard/msg_1", *WHY),
        WHY,
        ("--dismiss", "*", *WHY),
        ("--dismiss", "", *WHY),
    ],
)
def test_without_an_id_or_a_reason_nothing_is_dismissed(
    place: Place, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    bury(place, to_message(EVENT))
    (known,) = ids(place).values()
    assert redrive.main([known if word == "ID" else word for word in words] + ["--do"]) == NOT_TRIED
    assert capsys.readouterr().err
    assert (left(place), live(place)) == (1, [])


def test_a_dismissal_that_breaks_does_not_say_that_it_is_done(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bury(place, to_message(EVENT))
    (known,) = ids(place).values()
    for error in (DENIED, UNREACHABLE):
        broken = replace(place, sqs=Breaking(place.sqs, "delete_message", 0, error))
        monkeypatch.setattr(redrive, "in_sandbox", lambda _path, broken=broken: broken)
        assert redrive.main(["--dismiss", known, *WHY, "--do"]) == NOT_ALL
        said = capsys.readouterr()
        assert "PERHAPS NOT DISMISSED" in said.err
        assert "DISMISSED:" not in said.out
    assert left(place) == 1


class Breaking:
    """A client of which one operation goes wrong after `good` calls."""

    def __init__(self, client: Any, operation: str, good: int, error: Exception) -> None:
        self._client = client
        self._operation = operation
        self._good = good
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            self._good -= 1
            if self._good < 0:
                return self._fail
        return getattr(self._client, name)

    def _fail(self, **_request: Any) -> None:
        raise self._error


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "SendMessage")
UNREACHABLE = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


@pytest.mark.parametrize("operation", ["send_message", "delete_message"])
@pytest.mark.parametrize("error", [DENIED, UNREACHABLE])
def test_whatever_breaks_on_the_way_no_message_is_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch, operation: str, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {to_message(replace(EVENT, event_id=f"msg_{number}")) for number in range(3)}
    bury(place, *texts)
    broken = replace(place, sqs=Breaking(place.sqs, operation, 1, error))
    monkeypatch.setattr(redrive, "in_sandbox", lambda _path: broken)
    assert redrive.main(["--do"]) == NOT_ALL
    assert "1 of 3 are back" in capsys.readouterr().out
    still = place.sqs.receive_message(QueueUrl=place.dead_letters, MaxNumberOfMessages=10).get("Messages", [])
    assert {*live(place), *(one["Body"] for one in still)} == texts
    assert len(still) == 2


def test_a_queue_that_does_not_answer_is_no_empty_queue(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (DENIED, UNREACHABLE):
        broken = replace(place, sqs=Breaking(place.sqs, "receive_message", 0, error))
        monkeypatch.setattr(redrive, "in_sandbox", lambda _path, broken=broken: broken)
        assert redrive.main([]) == NOT_TRIED


def test_a_kept_webhook_is_shown_and_played_in(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    kept = RawEvents(place.dynamodb, "raw")
    kept.keep(EVENT, Kept.MALFORMED)
    kept.keep(replace(EVENT, body=b"not signed"), Kept.NOT_ALL_SIGNED)
    assert redrive.main(["--event", "standard/msg_1"]) == DONE
    assert live(place) == []
    assert redrive.main(["--event", "standard/msg_1", "--do"]) == DONE
    assert [from_message(text) for text in live(place)] == [EVENT]
    assert "must not be shown" not in capsys.readouterr().out


@pytest.mark.parametrize("event", ["standard/msg_2", "standard", "/msg_1", "standard/", "stripe/msg_1"])
def test_a_webhook_that_is_not_kept_cannot_be_played_in(place: Place, event: str, capsys: pytest.CaptureFixture[str]) -> None:
    RawEvents(place.dynamodb, "raw").keep(EVENT, Kept.UNDERSTOOD)
    assert redrive.main(["--event", event, "--do"]) == NOT_TRIED
    assert live(place) == []
    assert capsys.readouterr().err


def test_an_id_may_hold_a_slash(place: Place) -> None:
    RawEvents(place.dynamodb, "raw").keep(replace(EVENT, event_id="a/b"), Kept.UNDERSTOOD)
    assert redrive.main(["--event", "standard/a/b", "--do"]) == DONE


def test_the_sandbox_and_aws_are_never_mixed_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert redrive.main(["--region", "eu-west-1"]) == NOT_TRIED
    assert "go with --stage" in capsys.readouterr().err
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert redrive.main(["--stage", "prod"]) == NOT_TRIED
    assert "AWS_ENDPOINT_URL" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        redrive.main(["--stage", "prod", "--stack", "x"])


class Session:
    """botocore's session, as far as it is used: remembers for which region clients were made."""

    regions: ClassVar[set[str]] = set()

    def __init__(self, profile: str | None) -> None:
        self.profile = profile

    def get_config_variable(self, name: str) -> None:
        assert name == "region"

    def set_config_variable(self, name: str, value: object) -> None:
        assert (name, value) == ("ignore_configured_endpoint_urls", True)

    def create_client(self, service: str, region_name: str, config: object) -> Any:
        assert config is redrive._CONFIG
        self.regions.add(region_name)
        return self if service == "cloudformation" else service

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - botocore's spelling
        assert StackName == "Countroom-prod-Service"
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": f"the {name}"} for name in redrive._NAMES]}]}


def test_a_stage_is_found_by_its_outputs_in_the_region_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session, "Session", Session)
    assert redrive.in_aws("prod", "eu-north-1", None) == Place(
        "sqs", "dynamodb", "the PaymentDeadLetterQueueUrl", "the PaymentQueueUrl", "the RawEventsTableName"
    )
    assert Session.regions == {"eu-north-1"}
    with pytest.raises(NotTriedError, match="region"):
        redrive.in_aws("prod", None, None)


def test_a_stack_that_names_no_queue_is_a_sentence() -> None:
    with pytest.raises(NotTriedError, match="names no PaymentDeadLetterQueueUrl"):
        redrive._place(None, None, {}, "deploy it first")


def test_without_a_sandbox_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert redrive.main(["--stack", str(tmp_path / "stack.json")]) == NOT_TRIED
    assert "Traceback" not in capsys.readouterr().err
