import base64
import io
import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from countroom.cashier.gateways.paymentiq import Answer, Authorize, Call, ErrorCode, VerifyUser
from countroom.cashier.store import StoreUnavailable
from countroom.ledger.book import OutcomeUnknown
from countroom.strict_json import BODY_BYTES_MAX
from handlers import paymentiq as entrance
from runtime import telemetry
from runtime.secrets import SecretReader
from tests.unit.cashier.paymentiq_world import House, call, verify
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, WITHDRAWALS_TABLE

SECRET = "s" * 32
NEXT_SECRET = "n" * 32


class Context:
    function_name = "paymentiq"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:paymentiq"
    aws_request_id = "lambda-1"


class World:
    """The handler with its ports replaced: what the desk was asked, and what it answers or raises."""

    def __init__(self) -> None:
        self.secrets: list[str] | None = [SECRET]
        self.asked: list[Call] = []
        self.outcome: Answer | Exception = Answer({"userId": PLAYER})
        self.seconds = 0.0
        self.reader = SecretReader(self, "arn:paymentiq", monotonic=lambda: self.seconds)

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        assert SecretId == "arn:paymentiq"
        if self.secrets is None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        return {"SecretString": json.dumps({"secrets": self.secrets})}

    def answer(self, asked: Call) -> Answer:
        self.asked.append(asked)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def send(
        self, said: Any = None, action: str = "verifyuser", secret: str | None = SECRET, **event: Any
    ) -> tuple[int, dict[str, Any]]:
        body = said if isinstance(said, bytes) else json.dumps(verify() if said is None else said).encode()
        sent: dict[str, Any] = {
            "headers": {} if secret is None else {"X-PaymentIQ-Secret": secret},
            "pathParameters": {"action": action},
            "requestContext": {"requestId": "req-1"},
            "isBase64Encoded": True,
            "body": base64.b64encode(body).decode(),
            **event,
        }
        answer = entrance.handler(sent, Context())
        assert answer["headers"] == {"Content-Type": "application/json", "X-Request-Id": "req-1"}
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(entrance, "_desk", lambda: made)
    monkeypatch.setattr(entrance, "_secret", lambda: made.reader)
    return made


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def test_a_call_with_the_secret_is_answered_by_the_desk(world: World) -> None:
    assert world.send() == (200, {"success": True, "userId": PLAYER})
    assert world.send(call(), "authorize", isBase64Encoded=False, body=json.dumps(call()))[0] == 200
    assert [type(asked) for asked in world.asked] == [VerifyUser, Authorize]


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], SECRET + "s", SECRET.upper(), NEXT_SECRET])
@pytest.mark.parametrize("body", [b"", b"{", b"x" * 100_000, json.dumps(verify()).encode()])
def test_without_the_secret_nothing_is_read_and_nothing_told(world: World, secret: str | None, body: bytes) -> None:
    status, told = world.send(body, secret=secret)
    assert (status, told["success"], told["errCode"]) == (401, False, "NOT_AUTHENTICATED")
    assert told.keys() == {"success", "errCode", "errMsg"}
    assert world.asked == []


def test_both_secrets_of_a_change_are_valid_and_a_new_one_is_found_at_once(world: World) -> None:
    assert world.send()[0] == 200
    world.secrets = [SECRET, NEXT_SECRET]
    world.seconds = 20.0  # what is in memory is still fresh: the unknown secret makes it look again
    assert [world.send(secret=secret)[0] for secret in (NEXT_SECRET, SECRET)] == [200, 200]
    world.secrets = [NEXT_SECRET]
    world.seconds = 7200.0
    assert [world.send(secret=secret)[0] for secret in (NEXT_SECRET, SECRET)] == [200, 401]


@pytest.mark.parametrize("secrets", [None, [], ["short"], [7]])
def test_without_a_usable_secret_nobody_is_let_in_and_the_call_is_to_be_sent_again(world: World, secrets: Any) -> None:
    world.secrets = secrets
    status, told = world.send(secret="short")
    assert (status, told["errCode"]) == (503, "TRY_AGAIN")
    assert world.asked == []


@pytest.mark.parametrize(
    ("body", "action", "status"),
    [
        (b"", "verifyuser", 400),
        (b"[]", "verifyuser", 400),
        (b'{"userId": "pl_a", "userId": "pl_b", "sessionId": "x"}', "verifyuser", 400),
        (b"\xff", "verifyuser", 400),
        (json.dumps(verify()).encode(), "refund", 400),
        (json.dumps(verify()).encode(), "", 400),
        (b" " * (BODY_BYTES_MAX + 1), "verifyuser", 413),
    ],
)
def test_what_is_no_call_is_refused(world: World, body: bytes, action: str, status: int) -> None:
    found, told = world.send(body, action)
    assert (found, told["success"], told["errCode"]) == (status, False, "INVALID_REQUEST")
    assert world.asked == []


def test_a_body_that_is_not_base64_is_refused(world: World) -> None:
    assert world.send(body="***")[0] == 400


@pytest.mark.parametrize("error", [OutcomeUnknown(possibly_written=True), StoreUnavailable("x"), ZeroDivisionError()])
def test_an_outcome_that_is_not_known_is_to_be_asked_for_again(world: World, error: Exception) -> None:
    world.outcome = error
    status, told = world.send()
    assert (status, told["success"], told["errCode"]) == (503, False, "TRY_AGAIN")


def test_a_refusal_is_an_answer(world: World) -> None:
    world.outcome = Answer({"userId": PLAYER}, ErrorCode.INSUFFICIENT_FUNDS)
    status, told = world.send()
    assert (status, told["success"], told["errCode"]) == (200, False, "INSUFFICIENT_FUNDS")


def test_the_log_names_the_transaction_and_neither_secret_nor_amount(world: World, log: io.StringIO) -> None:
    world.outcome = Answer({}, alarm="paid_without_hold")
    world.send(call("12.34", "4711"), "transfer")
    world.send(secret="not-the-secret-at-all")
    lines = log.getvalue()
    assert '"tx_id":"4711"' in lines.replace(" ", "")
    assert "paid_without_hold" in lines
    for hidden in (SECRET, "not-the-secret-at-all", "12.34", "CreditcardDeposit"):
        assert hidden not in lines


def test_the_whole_entrance_over_real_tables(monkeypatch: pytest.MonkeyPatch, dynamodb: Any, clock: FixedClock) -> None:
    tables = {"LEDGER_TABLE": LEDGER_TABLE, "CASHIER_TABLE": CASHIER_TABLE, "WITHDRAWALS_TABLE": WITHDRAWALS_TABLE}
    for name, value in {**tables, "PAYMENTIQ_SECRET": "arn", "WITHDRAWAL_MACHINE_ARN": "arn"}.items():
        monkeypatch.setenv(name, value)
    entrance._desk.cache_clear()
    house, made = House(dynamodb, clock), World()
    monkeypatch.setattr(entrance, "_secret", lambda: made.reader)
    assert made.send(verify())[1]["balance"] == "50.00"
    assert made.send(call(), "authorize")[1]["authCode"] == DEPOSIT_ID
    assert made.send(call(authCode=DEPOSIT_ID), "transfer")[1]["success"]
    assert house.holds()[0] == 60 * 10**9
    entrance._desk.cache_clear()
