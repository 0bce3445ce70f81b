import base64
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countroom.cashier import intake
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PartlyMalformed, PaymentEvent, SignatureInvalid
from countroom.cashier.gateways.strict import BODY_BYTES_MAX
from countroom.cashier.inbox import Inbox, Received, from_message
from countroom.cashier.intake import Intake
from countroom.cashier.raw_events import Kept, RawEvents
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


class Table:
    """The port of DynamoDB: what was put in, by key, as a conditional write has it."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.down = False

    def put_item(self, TableName: str, Item: dict[str, Any], ConditionExpression: str) -> None:  # noqa: N803 - botocore's spelling
        assert (TableName, ConditionExpression) == ("raw", "attribute_not_exists(pk)")
        if self.down:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        self.items.setdefault((Item["pk"]["S"], Item["sk"]["S"]), Item)

    def states(self) -> list[str]:
        return [item["state"]["S"] for item in self.items.values()]

    def bodies(self) -> list[bytes]:
        return [item["body"]["B"] for item in self.items.values()]


class World:
    """The handler with its ports replaced."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.secrets = Secrets(SECRET)
        self.queue = Queue()
        self.table = Table()
        self.seconds = 0.0
        self.intake = self.intake_of("standard")

    def intake_of(self, *gateways: str) -> Intake:
        """An intake for these gateways, which share a secret."""
        reader = SecretReader(self.secrets, "arn:gateway", monotonic=lambda: self.seconds)
        queue = Inbox(self.queue, "queue-url")
        return Intake(dict.fromkeys(gateways, reader), RawEvents(self.table, "raw"), queue, self.clock)

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
    assert world.table.bodies() == [body]
    assert world.table.states() == ["understood"]


def test_a_repeat_is_accepted_and_queued_again_and_kept_once(world: World) -> None:
    assert [world.send()["statusCode"] for _ in range(3)] == [202, 202, 202]
    assert len(world.queue.messages) == 3
    assert len(world.table.items) == 1


def test_another_body_under_a_known_id_is_kept_beside_the_first(world: World) -> None:
    other = body_of(amount="11.00")
    assert world.send()["statusCode"] == 202
    assert world.send(other)["statusCode"] == 202
    assert sorted(world.table.bodies()) == sorted([BODY, other])


def test_what_is_kept_expires_a_month_after_it_came(world: World) -> None:
    world.send()
    (item,) = world.table.items.values()
    assert int(item["expires_at"]["N"]) == START_MS // 1000 + 30 * 24 * 3600
    assert item["pk"] == {"S": "standard#msg_1"}


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
    assert world.table.items == {}


@pytest.mark.parametrize("off_ms", [-301_000, 301_000])
def test_one_that_is_too_old_or_from_the_future_is_refused(world: World, off_ms: int) -> None:
    problem = refused(world.send(headers=signed_headers(BODY, at_ms=START_MS + off_ms)), 401, "not_authenticated")
    assert "five minutes" in problem["detail"]
    assert world.queue.messages == []


def test_a_signed_body_that_says_something_else_is_malformed_and_says_where(world: World) -> None:
    problem = refused(world.send(body_of(amount="10.001")), 400, "invalid_request")
    assert problem["detail"] == "amount must be a plain decimal within the currency's places"
    assert world.queue.messages == []
    assert world.table.states() == ["malformed"], "signed: people have to look at it"
    assert world.table.bodies() == [body_of(amount="10.001")]


def test_a_malformed_body_without_a_signature_learns_nothing(world: World) -> None:
    refused(world.send(b"{", headers=signed_headers(BODY)), 401, "not_authenticated")


@pytest.mark.parametrize("gateway", ["", "paypal", "Standard", "standard/", "../standard"])
def test_an_unknown_gateway_is_not_found(world: World, gateway: str) -> None:
    refused(world.send(gateway=gateway), 404, "not_found")


def test_a_gateway_without_a_secret_is_not_found(world: World) -> None:
    world.intake = world.intake_of()
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


@pytest.mark.parametrize("body", [BODY, body_of(amount="10.001")])
def test_what_cannot_be_kept_is_not_acknowledged_and_not_queued(world: World, body: bytes) -> None:
    world.table.down = True
    refused(world.send(body), 503, "temporarily_unavailable")
    assert world.queue.messages == []


def test_one_that_was_kept_before_the_queue_failed_is_queued_when_it_comes_again(world: World) -> None:
    world.queue.down = True
    refused(world.send(), 503, "temporarily_unavailable")
    world.queue.down = False
    assert world.send()["statusCode"] == 202
    assert len(world.queue.messages) == len(world.table.items) == 1


class Batches:
    """A dialect of lines, each signed by ending in a secret and understood when it begins with `ok`."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:  # noqa: ARG002 - a dialect's form
        if not self.genuine(delivery.body, secrets):
            raise SignatureInvalid("no line is signed")
        return "batch-1"

    def genuine(self, body: bytes, secrets: Sequence[str]) -> bytes:
        return b"\n".join(line for line in body.split(b"\n") if any(line.endswith(secret.encode()) for secret in secrets))

    def parse(self, body: bytes) -> list[PaymentEvent]:
        bad = [line for line in body.split(b"\n") if not line.startswith(b"ok")]
        if bad and len(bad) == len(body.split(b"\n")):
            raise MalformedEvent("no line is understood")
        if bad:
            raise PartlyMalformed([], ["a line is not understood"])
        return []


@pytest.fixture
def batches(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.secrets.text = json.dumps({"secrets": ["KEY"]})
    world.intake = world.intake_of("adyen")
    monkeypatch.setattr(intake, "dialect", lambda _gateway: Batches())
    return world


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", lambda name, *_args, **_dimensions: names.append(name))
    return names


def test_adyen_is_answered_in_the_word_that_it_waits_for(batches: World) -> None:
    answer = batches.send(b"ok KEY", headers={}, gateway="adyen")
    assert (answer["statusCode"], answer["body"]) == (200, "[accepted]")


def test_of_a_batch_the_unsigned_items_are_left_out_and_kept_as_evidence(batches: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = counted(monkeypatch)
    assert batches.send(b"ok 1 KEY\nok 2 forged", headers={}, gateway="adyen")["statusCode"] == 200
    assert [from_message(message).body for message in batches.queue.messages] == [b"ok 1 KEY"]
    assert list(zip(batches.table.bodies(), batches.table.states(), strict=True)) == [
        (b"ok 1 KEY\nok 2 forged", "not_all_signed"),
        (b"ok 1 KEY", "understood"),
    ]
    assert names == ["WebhookKept", "SignatureRejected", "WebhookRejected"], "acknowledged, it does not come again by itself"


def test_a_batch_that_comes_again_when_all_of_its_signatures_are_known_can_be_played_in(batches: World) -> None:
    body = b"ok 1 KEY\nok 2 NEW"
    assert batches.send(body, headers={}, gateway="adyen")["statusCode"] == 200
    batches.secrets.text = json.dumps({"secrets": ["KEY", "NEW"]})
    batches.seconds = 10.0
    assert batches.send(body, headers={}, gateway="adyen")["statusCode"] == 200
    assert batches.table.states() == ["not_all_signed", "understood", "understood"]
    assert batches.table.bodies() == [body, b"ok 1 KEY", body]


def test_an_item_signed_by_a_secret_that_was_just_added_is_not_lost(batches: World) -> None:
    assert batches.send(b"ok 0 KEY", headers={}, gateway="adyen")["statusCode"] == 200
    batches.secrets.text = json.dumps({"secrets": ["KEY", "NEW"]})
    batches.seconds = 10.0
    assert batches.send(b"ok 1 KEY\nok 2 NEW", headers={}, gateway="adyen")["statusCode"] == 200
    assert from_message(batches.queue.messages[-1]).body == b"ok 1 KEY\nok 2 NEW"


def test_of_a_batch_with_a_bad_item_the_good_ones_count(batches: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = counted(monkeypatch)
    assert batches.send(b"ok 1 KEY\nbad KEY", headers={}, gateway="adyen")["statusCode"] == 200
    assert [from_message(message).body for message in batches.queue.messages] == [b"ok 1 KEY\nbad KEY"]
    assert batches.table.states() == ["malformed"]
    assert names == ["WebhookKept", "WebhookRejected"]


def test_a_batch_of_which_nothing_is_understood_is_kept_and_refused(batches: World) -> None:
    refused(batches.send(b"bad KEY", headers={}, gateway="adyen"), 400, "invalid_request")
    assert batches.queue.messages == []
    assert batches.table.states() == ["malformed"]


def test_a_batch_that_nobody_signed_is_refused_with_the_scheme_of_no_gateway_in_particular(batches: World) -> None:
    answer = batches.send(b"ok forged", headers={}, gateway="adyen")
    refused(answer, 401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == 'Signature realm="countroom"'
    assert batches.table.items == {}


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
    dynamodb = runtime_aws.client("dynamodb")
    keys = {"pk": "HASH", "sk": "RANGE"}
    dynamodb.create_table(
        TableName="raw",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )
    monkeypatch.setenv("GATEWAY_SECRETS", json.dumps({"standard": secret["ARN"]}))
    monkeypatch.setenv("PAYMENT_QUEUE_URL", url)
    monkeypatch.setenv("RAW_EVENTS_TABLE", "raw")
    monkeypatch.setattr(payment_webhook, "system_clock", clock)
    monkeypatch.setattr(payment_webhook, "_intake", REAL_INTAKE)
    REAL_INTAKE.cache_clear()
    try:
        event = {"headers": signed_headers(BODY), "pathParameters": {"gateway": "standard"}, "body": BODY.decode()}
        assert [payment_webhook.handler(event, Context())["statusCode"] for _ in range(2)] == [202, 202]
        message = sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]
        assert from_message(message).body == BODY
        kept = RawEvents(dynamodb, "raw")
        assert kept.find("standard", "msg_1") == [from_message(message)]
        assert kept.find("standard", "msg_2") == []
        kept.keep(Received("standard", "msg_2", START_MS, b"{}"), Kept.NOT_ALL_SIGNED)
        assert kept.find("standard", "msg_2") == [], "what nobody has signed is not to be applied"
    finally:
        REAL_INTAKE.cache_clear()
