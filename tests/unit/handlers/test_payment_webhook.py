import base64
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countroom.cashier.inbox import Inbox, from_message
from countroom.cashier.intake import BODY_BYTES_MAX, Intake
from handlers import payment_webhook
from runtime import aws as runtime_aws
from runtime import telemetry
from runtime.secrets import SecretReader
from tests.unit.cashier.support import DEPOSIT_ID, OLD_SECRET, SECRET, body_of, signed_headers
from tests.unit.clock import START_MS, FixedClock

BODY = body_of()
REAL_INTAKE = payment_webhook._intake


class Context:
    function_name = "webhook"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:webhook"
    aws_request_id = "lambda-1"


class Secrets:
    """A secret's text behind the port of Secrets Manager; counts what is read."""

    def __init__(self, *secrets: str) -> None:
        self.text: str | None = json.dumps({"secrets": list(secrets)})
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        assert SecretId == "arn:gateway"
        self.reads += 1
        if self.text is None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        return {"SecretString": self.text}


class Queue:
    """The port of SQS: what was put in."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.down = False

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        assert QueueUrl == "queue-url"
        if self.down:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        self.messages.append(MessageBody)
        return {"MessageId": str(len(self.messages))}


class World:
    """The handler with its ports replaced."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.secrets = Secrets(SECRET)
        self.queue = Queue()
        self.seconds = 0.0
        reader = SecretReader(self.secrets, "arn:gateway", monotonic=lambda: self.seconds)
        self.intake = Intake({"standard": reader}, Inbox(self.queue, "queue-url"), self.clock)

    def send(
        self, body: bytes = BODY, headers: dict[str, str] | None = None, gateway: str = "standard", *, as_text: bool = False
    ) -> Any:
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "POST /v1/payments/{gateway}",
            "headers": signed_headers(body) if headers is None else headers,
            "pathParameters": {"gateway": gateway},
            "requestContext": {"requestId": "req-1"},
            "isBase64Encoded": not as_text,
            "body": body.decode() if as_text else base64.b64encode(body).decode(),
        }
        return payment_webhook.handler(event, Context())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(payment_webhook, "_intake", lambda: made.intake)
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
def test_a_genuine_webhook_is_kept_byte_for_byte_and_accepted(world: World, as_text: bool) -> None:
    body = BODY.replace(b": ", b" :  ")
    answer = world.send(body, as_text=as_text)
    assert (answer["statusCode"], answer["body"], answer["headers"]["X-Request-Id"]) == (202, "", "req-1")
    received = from_message(world.queue.messages[0])
    assert (received.gateway, received.event_id, received.received_at_ms, received.body) == ("standard", "msg_1", START_MS, body)


def test_a_repeat_is_accepted_again(world: World) -> None:
    assert [world.send()["statusCode"] for _ in range(3)] == [202, 202, 202]


def test_header_names_count_whatever_their_case(world: World) -> None:
    assert world.send(headers={name.title(): value for name, value in signed_headers(BODY).items()})["statusCode"] == 202


def test_the_same_json_with_other_white_space_is_refused_against_the_old_signature(world: World) -> None:
    compact = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert json.loads(compact) == json.loads(BODY)
    refused(world.send(compact, headers=signed_headers(BODY)), 401, "not_authenticated")
    assert world.queue.messages == []


@pytest.mark.parametrize("headers", [{}, signed_headers(BODY, secret=OLD_SECRET), signed_headers(BODY) | {"webhook-id": "msg_2"}])
def test_without_a_valid_signature_nothing_is_kept(world: World, headers: dict[str, str]) -> None:
    answer = world.send(headers=headers)
    refused(answer, 401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == 'StandardWebhooks realm="countroom"'
    assert world.queue.messages == []


@pytest.mark.parametrize("off_ms", [-301_000, 301_000])
def test_one_that_is_too_old_or_from_the_future_is_refused(world: World, off_ms: int) -> None:
    problem = refused(world.send(headers=signed_headers(BODY, at_ms=START_MS + off_ms)), 401, "not_authenticated")
    assert "five minutes" in problem["detail"]
    assert world.queue.messages == []


def test_a_signed_body_that_says_something_else_is_malformed_and_says_where(world: World) -> None:
    problem = refused(world.send(body_of(amount="10.001")), 400, "invalid_request")
    assert problem["detail"] == "amount must be a plain decimal within the currency's places"
    assert world.queue.messages == []


def test_a_malformed_body_without_a_signature_learns_nothing(world: World) -> None:
    refused(world.send(b"{", headers=signed_headers(BODY)), 401, "not_authenticated")


@pytest.mark.parametrize("gateway", ["", "adyen", "Standard", "standard/", "../standard"])
def test_an_unknown_gateway_is_not_found(world: World, gateway: str) -> None:
    refused(world.send(gateway=gateway), 404, "not_found")


def test_a_gateway_without_a_secret_is_not_found(world: World) -> None:
    world.intake = Intake({}, Inbox(world.queue, "queue-url"), world.clock)
    refused(world.send(), 404, "not_found")


def test_the_largest_body_is_read_and_a_larger_one_is_not(world: World) -> None:
    largest = body_of(x="") + b" " * (BODY_BYTES_MAX - len(body_of(x="")))
    assert world.send(largest)["statusCode"] == 202
    refused(world.send(largest + b" "), 413, "body_too_large")
    assert len(world.queue.messages) == 1


def test_a_queue_that_is_down_lets_the_gateway_send_again(world: World) -> None:
    world.queue.down = True
    answer = world.send()
    refused(answer, 503, "temporarily_unavailable")
    assert "Retry-After" in answer["headers"]


def test_without_secrets_manager_nothing_is_believed(world: World) -> None:
    world.secrets.text = None
    refused(world.send(), 503, "temporarily_unavailable")
    assert world.queue.messages == []


@pytest.mark.parametrize(
    "text", ["{}", '{"secrets": []}', '{"secrets": "whsec_x"}', '{"secrets": [1]}', '{"secrets": ["placeholder"]}', "[]"]
)
def test_an_unusable_secret_lets_the_gateway_send_again(world: World, text: str) -> None:
    world.secrets.text = text
    refused(world.send(), 503, "temporarily_unavailable")


def test_a_secret_that_was_just_changed_is_read_again(world: World) -> None:
    assert world.send()["statusCode"] == 202
    world.secrets.text = json.dumps({"secrets": [OLD_SECRET, SECRET]})
    world.seconds = 10.0
    assert world.send(headers=signed_headers(BODY, secret=OLD_SECRET))["statusCode"] == 202
    assert world.send()["statusCode"] == 202


def test_a_flood_of_bad_signatures_is_no_flood_of_reads(world: World) -> None:
    for _ in range(50):
        refused(world.send(headers=signed_headers(BODY, secret=OLD_SECRET)), 401, "not_authenticated")
    assert world.secrets.reads == 1


def test_an_error_of_ours_is_answered_without_its_words(world: World, monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a word that must not leave")

    monkeypatch.setattr(world.intake, "receive", broken)
    answer = world.send()
    refused(answer, 500, "internal_error")
    said = json.dumps(answer) + log.getvalue()
    assert "ZeroDivisionError" in said
    assert "must not leave" not in said


def test_neither_body_nor_headers_are_logged(world: World, log: io.StringIO) -> None:
    world.send()
    world.send(headers=signed_headers(BODY, secret=OLD_SECRET))
    said = log.getvalue()
    assert "msg_1" in said
    assert "v1," not in said
    assert DEPOSIT_ID not in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "event", [{}, {"headers": None, "body": None, "pathParameters": None}, {"pathParameters": {"gateway": "standard"}}]
)
def test_an_event_with_nothing_in_it_is_answered(world: World, event: dict[str, Any]) -> None:
    answer = payment_webhook.handler(event, Context())
    assert answer["statusCode"] in {401, 404}
    assert world.queue.messages == []


def test_base64_that_is_none_is_no_signature(world: World) -> None:
    event = {"headers": signed_headers(b""), "pathParameters": {"gateway": "standard"}, "isBase64Encoded": True, "body": "*"}
    assert payment_webhook.handler(event, Context())["statusCode"] == 400
    assert world.queue.messages == []


def flipped(body: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(body)
    changed[at % len(changed)] ^= 1 << bit
    return bytes(changed)


MUTATIONS: list[Callable[[bytes, int, int], bytes]] = [
    flipped,
    lambda body, at, _bit: body[: at % len(body)],
    lambda body, at, bit: body[: at % len(body)] + bytes([bit]) + body[at % len(body) :],
    lambda body, at, _bit: body + body[: at % len(body) + 1],
]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[World]:
    made = World()
    patch = pytest.MonkeyPatch()
    patch.setattr(payment_webhook, "_intake", lambda: made.intake)
    yield made
    patch.undo()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutate=st.sampled_from(MUTATIONS), at=st.integers(0, 400), bit=st.integers(0, 7))
def test_no_changed_body_is_believed(fuzzed: World, mutate: Callable[[bytes, int, int], bytes], at: int, bit: int) -> None:
    refused(fuzzed.send(mutate(BODY, at, bit), headers=signed_headers(BODY)), 401, "not_authenticated")
    assert fuzzed.queue.messages == []


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(signed_headers(BODY))), at=st.integers(0, 60), bit=st.integers(0, 6))
def test_no_changed_header_is_believed(fuzzed: World, name: str, at: int, bit: int) -> None:
    headers = signed_headers(BODY)
    headers[name] = flipped(headers[name].encode(), at, bit).decode()
    refused(fuzzed.send(headers=headers), 401, "not_authenticated")
    assert fuzzed.queue.messages == []


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutate=st.sampled_from(MUTATIONS), at=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_changed_body_that_is_signed_all_the_same_has_a_defined_answer(
    fuzzed: World, mutate: Callable[[bytes, int, int], bytes], at: int, bit: int
) -> None:
    body = mutate(BODY, at, bit)
    try:
        headers = signed_headers(body)
    except UnicodeDecodeError:
        return
    kept = len(fuzzed.queue.messages)
    status = fuzzed.send(body, headers=headers)["statusCode"]
    assert status in {202, 400}
    assert len(fuzzed.queue.messages) == kept + (status == 202)
    fuzzed.queue.messages.clear()


def test_with_its_own_settings_it_reads_the_secret_and_fills_the_queue(
    aws: None,  # noqa: ARG001 - the emulated account
    monkeypatch: pytest.MonkeyPatch,
    clock: FixedClock,
) -> None:
    secret = runtime_aws.client("secretsmanager").create_secret(Name="gateway", SecretString=json.dumps({"secrets": [SECRET]}))
    sqs = runtime_aws.client("sqs")
    url = sqs.create_queue(QueueName="payments")["QueueUrl"]
    monkeypatch.setenv("GATEWAY_SECRETS", json.dumps({"standard": secret["ARN"]}))
    monkeypatch.setenv("PAYMENT_QUEUE_URL", url)
    monkeypatch.setattr(payment_webhook, "system_clock", clock)
    monkeypatch.setattr(payment_webhook, "_intake", REAL_INTAKE)
    REAL_INTAKE.cache_clear()
    try:
        event = {"headers": signed_headers(BODY), "pathParameters": {"gateway": "standard"}, "body": BODY.decode()}
        assert payment_webhook.handler(event, Context())["statusCode"] == 202
        message = sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]
        assert from_message(message).body == BODY
    finally:
        REAL_INTAKE.cache_clear()
