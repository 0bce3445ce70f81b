"""The vendor's webhooks at the entrance: defined answers to anything, and nothing queued that nobody with a secret has said."""

import base64
import hashlib
import hmac
import io
import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from countroom.shared_keys import SecretsUnusable
from countroom.verification.inbox import Inbox, from_message
from countroom.verification.intake import Intake
from countroom.verification.levels import Level, State
from countroom.verification.sumsub_webhooks import BODY_BYTES_MAX
from handlers import verification_webhook
from runtime import aws as runtime_aws
from runtime import telemetry
from runtime.secrets import SecretReader
from tests.unit.clock import FixedClock
from tests.unit.rest import Context
from tests.unit.verification.house import APPLICANT, PLAYER
from tests.unit.verification.wire import COMMENT, OLD_SECRET, SECRET, body_of, fields_of, headers_of, red

BODY = body_of()
REAL_INTAKE = verification_webhook._intake


class Secrets:
    """A secret's text behind the port of Secrets Manager; counts what is read."""

    def __init__(self, *secrets: str) -> None:
        self.text: str | None = json.dumps({"secrets": list(secrets)})
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        assert SecretId == "arn:vendor"
        self.reads += 1
        if self.text is None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        return {"SecretString": self.text}


class Queue:
    """The port of SQS: what was put in."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.answer: dict[str, str] | None = {"MessageId": "m-1"}

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        assert QueueUrl == "queue-url"
        if self.answer is None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        self.messages.append(MessageBody)
        return self.answer


class World:
    """The handler with its ports replaced."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.clock.advance(seconds=60)
        self.secrets = Secrets(SECRET, OLD_SECRET)
        self.queue = Queue()
        self.seconds = 0.0
        reader = SecretReader(self.secrets, "arn:vendor", monotonic=lambda: self.seconds)
        self.intake = Intake(reader, Inbox(self.queue, "queue-url"), self.clock)

    def send(self, body: bytes = BODY, headers: dict[str, str] | None = None, *, as_text: bool = False, raw: str = "") -> Any:
        event: dict[str, Any] = {
            "version": "2.0",
            "headers": headers_of(body) if headers is None else headers,
            "requestContext": {"requestId": "req-1"},
            "isBase64Encoded": not as_text,
            "body": raw or (body.decode() if as_text else base64.b64encode(body).decode()),
        }
        return verification_webhook.handler(event, Context())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(verification_webhook, "_intake", lambda: made.intake)
    return made


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged from here on."""
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer["statusCode"] == status
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["headers"]["X-Request-Id"] == "req-1"
    problem: dict[str, Any] = json.loads(answer["body"])
    assert (problem["status"], problem["code"], problem["request_id"]) == (status, code, "req-1")
    return problem


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("algorithm", ["HMAC_SHA256_HEX", "HMAC_SHA512_HEX"])
def test_what_a_genuine_webhook_says_is_queued(world: World, as_text: bool, algorithm: str) -> None:
    answer = world.send(headers=headers_of(BODY, algorithm=algorithm), as_text=as_text)
    assert (answer["statusCode"], answer["body"], answer["headers"]) == (202, "", {"X-Request-Id": "req-1"})
    (message,) = world.queue.messages
    event = from_message(message)
    assert (event.player_id, event.applicant_id) == (PLAYER, APPLICANT)
    assert (event.level, event.state) == (Level.IDENTITY, State.APPROVED)


def test_a_repeat_is_accepted_and_queued_again(world: World) -> None:
    assert [world.send()["statusCode"] for _ in range(3)] == [202] * 3
    assert len(set(world.queue.messages)) == 1


def test_what_the_vendor_s_people_write_is_neither_queued_nor_logged(
    world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in (body_of(reviewResult=red("FINAL")), body_of(reviewResult=red("NEVER")), body_of(externalUserId=COMMENT)):
        world.send(body)
    seen = "".join([*world.queue.messages, log.getvalue(), *capsys.readouterr()])
    assert "Smith" not in seen
    assert PLAYER not in log.getvalue()
    assert len(world.queue.messages) == 2


def test_what_says_nothing_of_a_check_is_accepted_and_goes_no_further(world: World) -> None:
    assert world.send(body_of("applicantTagsChanged"))["statusCode"] == 202
    assert world.queue.messages == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        headers_of(BODY, "some-other-secret-of-somebody"),
        headers_of(BODY, algorithm="HMAC_SHA1_HEX"),
        headers_of(BODY) | {"x-payload-digest-alg": "HMAC_SHA512_HEX"},
        headers_of(BODY + b" "),
    ],
)
def test_what_nobody_with_a_secret_has_said_is_refused(world: World, headers: dict[str, str]) -> None:
    answer = world.send(headers=headers)
    refused(answer, 401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == 'Signature realm="countroom"'
    assert world.queue.messages == []


def test_the_signature_is_looked_at_before_the_body_is(world: World) -> None:
    refused(world.send(b"{", headers={}), 401, "not_authenticated")
    refused(world.send(b"{"), 400, "invalid_request")
    refused(world.send(raw="not base64!"), 401, "not_authenticated")
    assert world.queue.messages == []


def test_a_signed_body_that_says_something_else_says_where(world: World, log: io.StringIO) -> None:
    body = body_of(createdAtMs="yesterday, said Mr Smith")
    assert refused(world.send(body), 400, "invalid_request")["detail"] == "createdAtMs must be a date and time with milliseconds"
    assert "Smith" not in log.getvalue()


def test_a_body_that_is_too_large_is_not_even_verified(world: World) -> None:
    refused(world.send(b"x" * (BODY_BYTES_MAX + 1)), 413, "body_too_large")
    assert world.secrets.reads == 0


def test_a_secret_that_was_just_changed_is_read_again(world: World) -> None:
    assert world.send()["statusCode"] == 202
    world.secrets.text = json.dumps({"secrets": ["the-next-secret-of-the-vendor", SECRET]})
    world.seconds += 6
    assert world.send(headers=headers_of(BODY, "the-next-secret-of-the-vendor"))["statusCode"] == 202
    assert world.send()["statusCode"] == 202
    assert world.secrets.reads == 2


def test_a_flood_of_bad_signatures_is_no_flood_of_reads(world: World) -> None:
    for _ in range(20):
        world.send(headers={})
    assert world.secrets.reads == 1


@pytest.mark.parametrize("text", [None, "7", '{"secrets": []}', '{"secrets": ["short"]}', '{"secrets": [7]}', "{}"])
def test_without_a_usable_secret_the_vendor_sends_it_again(world: World, text: str | None) -> None:
    world.secrets.text = text
    answer = world.send()
    refused(answer, 503, "temporarily_unavailable")
    assert "Retry-After" in answer["headers"]
    assert world.queue.messages == []


@pytest.mark.parametrize("said", [None, {}])
def test_a_queue_that_does_not_take_it_is_not_taken_for_one_that_does(world: World, said: dict[str, str] | None) -> None:
    world.queue.answer = said
    refused(world.send(), 503, "temporarily_unavailable")


def test_a_fault_of_ours_is_told_without_its_words(world: World, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(COMMENT)

    monkeypatch.setattr(world.intake, "receive", broken)
    refused(world.send(), 500, "internal_error")
    assert "Smith" not in log.getvalue()


@pytest.mark.usefixtures("aws")
def test_it_is_wired_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = runtime_aws.client("secretsmanager").create_secret(Name="vendor", SecretString=json.dumps({"secrets": [SECRET]}))["ARN"]
    url = runtime_aws.client("sqs").create_queue(QueueName="verification")["QueueUrl"]
    monkeypatch.setenv("WEBHOOK_SECRETS", json.dumps({"sumsub": arn}))
    monkeypatch.setenv("VERIFICATION_QUEUE_URL", url)
    REAL_INTAKE.cache_clear()
    assert World.send(World())["statusCode"] == 202
    (message,) = runtime_aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert from_message(message["Body"]).applicant_id == APPLICANT
    monkeypatch.setenv("WEBHOOK_SECRETS", "{}")
    REAL_INTAKE.cache_clear()
    refused(World.send(World()), 500, "internal_error")
    REAL_INTAKE.cache_clear()


# ------------------------------------------------------------------ whatever is sent

WEIRD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.lists(st.integers(), max_size=2),
    st.sampled_from(["", "\ud800", "2026-13-01 00:00:00.000", "GREEN", "RED", "applicantPending", COMMENT]),
    st.dictionaries(st.sampled_from(["reviewAnswer", "reviewRejectType", "rejectLabels"]), st.text(max_size=8)),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A webhook with fields changed, left out, added, or its bytes disturbed."""
    kind = draw(st.sampled_from(["applicantReviewed", "applicantPending", "applicantReset", "applicantCreated"]))
    fields = fields_of(kind) | ({"reviewResult": red("FINAL")} if draw(st.booleans()) else {})
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)):
        if draw(st.booleans()):
            fields.pop(name)
        else:
            fields[name] = draw(WEIRD)
    body = json.dumps(fields).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + draw(st.integers(0, 3)) :]
    return body


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(body=mutated())
@example(body=b"[" * 60_000)
@example(body=b'{"type": "applicantReviewed", "reviewResult": NaN}')
def test_whatever_is_signed_has_a_defined_answer(world: World, log: io.StringIO, body: bytes) -> None:
    world.queue.messages.clear()
    status = world.send(body)["statusCode"]
    assert status in {202, 400}
    assert status == 202 or world.queue.messages == []
    for message in world.queue.messages:
        event = from_message(message)
        assert len(event.applicant_id) <= 64
        assert len(event.player_id) <= 32
        assert "Smith" not in message
    assert "Smith" not in log.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    body=mutated(),
    algorithm=st.one_of(st.sampled_from(["HMAC_SHA1_HEX", "HMAC_SHA256_HEX", "HMAC_SHA512_HEX", "", "none"]), st.text(max_size=20)),
    digest=st.one_of(st.text(max_size=140), st.binary(max_size=64).map(bytes.hex), st.just("right for SHA-1")),
)
def test_whatever_is_not_signed_has_no_effect(world: World, body: bytes, algorithm: str, digest: str) -> None:
    if digest == "right for SHA-1":
        digest = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    answer = world.send(body, headers={"X-Payload-Digest": digest, "X-Payload-Digest-Alg": algorithm})
    refused(answer, 401, "not_authenticated")
    assert world.queue.messages == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(event=st.dictionaries(st.sampled_from(["headers", "body", "isBase64Encoded", "requestContext"]), st.none()))
def test_an_event_that_holds_nothing_is_refused(world: World, event: dict[str, Any]) -> None:
    answer = verification_webhook.handler(event, Context())
    assert answer["statusCode"] == 401
    assert world.queue.messages == []


def test_the_secret_s_own_error_is_the_shared_one() -> None:
    assert verification_webhook._PROBLEMS[SecretsUnusable][0].value == "temporarily_unavailable"
