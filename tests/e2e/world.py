"""Helpers of the end-to-end tests: everything goes over HTTP, as the outside does it."""

import contextlib
import json
import secrets
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from sandbox import audit, aws
from sandbox.gateway import standard
from sandbox.mailbox import Mailbox
from sandbox.player import Account, PlayerApi, RefusedError
from sandbox.provider import hub88
from sandbox.stack import Stack
from sandbox.wire import Answer, NoAnswerError

GAME_ID = "hub88-clockwork-reels"
GAME_CODE = hub88.GAMES["Clockwork Reels"]
CREDIT_SECONDS = 30.0
FUNCTIONS = (
    *("identity", "account", "identity-staff", "mailer", "wallet", "games", "games-staff", "rounds-worker", "rounds-report"),
    *("deposits", "provider-hub88", "provider-swipe", "provider-action-batch", "payment-webhook", "payment-worker", "ledger-audit"),
    *("paymentiq", "settlement-check", "withdrawals", "withdrawals-staff", "withdrawal-step", "withdrawal-sweeper"),
    *("play-safety", "safety-worker", "safety-staff", "verification", "verification-webhook", "verification-worker"),
)
FINAL_SECONDS = 120.0
OF_A_DEPOSIT = 2
"""Versions of the wallet that a deposit makes: it is opened, and credited."""

# Known outcomes are final; these ask a provider to try the same call again.
OPEN = {"RS_ERROR_UNKNOWN", "RS_ERROR_TIMEOUT"}


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Seat:
    """A logged-in player at a game, with the provider's and the gateway's keys at hand."""

    stack: Stack
    account: Account
    api: PlayerApi
    token: str = ""
    round_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def player_id(self) -> str:
        return self.account.player_id

    def state(self) -> tuple[str, int]:
        """Balance and version: what a refused call must leave as it was."""
        wallet = self.api.wallet()
        return wallet.available, wallet.version

    def launch(self) -> None:
        self.token = self.api.launch(GAME_ID)["session_token"]

    def said(self, action: str, **changes: Any) -> dict[str, Any]:
        """The JSON of a correct call, with fields replaced, or left out where the change is `...`."""
        said: dict[str, Any] = {"request_uuid": str(uuid.uuid4()), "token": self.token, "game_code": GAME_CODE}
        if action in {"bet", "win", "rollback"}:
            said |= {"transaction_uuid": str(uuid.uuid4()), "round": self.round_id, "round_closed": False}
        if action in {"bet", "win"}:
            said |= {"amount": 100_000, "currency": "EUR", "is_free": False, "user": self.player_id}
        said |= changes
        return {key: value for key, value in said.items() if value is not ...}

    def post(self, action: str, body: bytes, *, signature: str | None = None) -> Answer:
        """Post raw bytes, signed as they are unless a signature is given."""
        provider = self.stack.providers["hub88"]
        return hub88.call(provider.base_url, provider.private_key, action, body, signature=signature).answer

    def play(self, action: str, **changes: Any) -> dict[str, Any]:
        """Make one call as a provider would: the same bytes again while the outcome is open or no answer came."""
        body = json.dumps(self.said(action, **changes)).encode()
        answer: dict[str, Any] = {}
        end, last, pause = time.monotonic() + FINAL_SECONDS, "no answer", 0.2
        while time.monotonic() < end:
            try:
                got = self.post(action, body)
                answer = got.json() if got.status == 200 else {}
                if answer and answer["status"] not in OPEN:
                    return answer
                last = f"{got.status} {got.body[:200]!r}"
            except NoAnswerError as error:
                last = str(error)
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
        raise AssertionError(f"{action}: no final answer within {FINAL_SECONDS:.0f} s, last {last}")

    def pay(self, deposit_id: str, amount: str, **options: Any) -> Answer:
        """Let the gateway deliver one payment.succeeded event; see `deliver`."""
        body = standard.payment_event("payment.succeeded", deposit_id, f"pay_{secrets.token_hex(8)}", amount, "EUR", time.time())
        return self.deliver(body, **options)

    def deliver(self, body: bytes, *, message_id: str = "", age: int = 0, signature: str | None = None) -> Answer:
        gateway = self.stack.gateways["standard"]
        return standard.deliver(
            gateway.webhook_url,
            gateway.secret,
            body,
            message_id=message_id or f"msg_{secrets.token_hex(8)}",
            timestamp=int(time.time()) - age,
            signature=signature,
        ).answer

    def deposit(self, amount: str) -> str:
        """Deposit and wait for the credit."""
        deposit_id: str = self.api.open_deposit(amount, "EUR")["deposit_id"]
        assert self.pay(deposit_id, amount).status == 202
        await_credit(self, deposit_id)
        return deposit_id


def await_credit(player: Seat, deposit_id: str) -> None:
    """Wait until the worker has credited a deposit."""
    end = time.monotonic() + CREDIT_SECONDS
    while player.api.deposit(deposit_id)["status"] != "credited":
        assert time.monotonic() < end, "the deposit was not credited in time"
        time.sleep(0.1)


def await_status(api: PlayerApi, deposit_id: str, status: str) -> None:
    """Wait until a deposit is where it must be."""
    end = time.monotonic() + CREDIT_SECONDS
    while (shown := api.deposit(deposit_id)["status"]) != status:
        assert time.monotonic() < end, f"the deposit is {shown} and not {status}"
        time.sleep(0.1)


def await_balance(player: Seat, available: str) -> None:
    """Wait until the wallet holds so much."""
    end = time.monotonic() + CREDIT_SECONDS
    while (shown := player.api.wallet().available) != available:
        assert time.monotonic() < end, f"the wallet holds {shown} and not {available}"
        time.sleep(0.1)


def unique() -> str:
    """A text that no other test uses."""
    return secrets.token_hex(6)


def other_codes(code: str, count: int) -> list[str]:
    """So many different codes that are not this one."""
    return [code[:-1] + digit for digit in "0123456789" if digit != code[-1]][:count]


def mailbox(stack: Stack) -> Mailbox:
    """Everybody's mails."""
    return Mailbox(stack.mailbox)


def newcomer(stack: Stack, *, currency: str = "EUR", email: str = "") -> tuple[Account, PlayerApi]:
    """Register by the mailed code and log in."""
    api = PlayerApi(stack.apis.player)
    account = api.register(mailbox(stack), currency=currency, email=email)
    api.log_in(account)
    return account, api


def seat(stack: Stack, amount: str = "100.00", currency: str = "EUR") -> Seat:
    """Register, log in, deposit and launch."""
    account, api = newcomer(stack, currency=currency)
    taken = Seat(stack, account, api)
    if Decimal(amount) > 0:
        taken.deposit(amount)
    taken.launch()
    return taken


def credentials(account: Account, **more: str) -> dict[str, str]:
    """What a login sends."""
    return {"email": account.email, "password": account.password} | more


def at_once(count: int, job: Any) -> list[Any]:
    """Run `job(0) … job(count - 1)` at the same time and give what they returned."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(job, range(count)))


def at_most_at_once(callers: int, count: int, job: Any) -> list[Any]:
    """Run `job(0) … job(count - 1)`, as many as `callers` of them at the same time, and give what they returned."""
    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(job, range(count)))


@contextlib.contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    """The API refuses what happens inside, with this status and code."""
    with pytest.raises(RefusedError) as found:
        yield
    assert (found.value.status, found.value.code) == (status, code)


def clean_audit(taken: Seat) -> None:
    """The auditor recomputes this player's balance from the records and finds nothing wrong."""
    report = audit.run(taken.stack, taken.player_id)
    assert audit.is_clean(report), report


def configuration(stack: Stack, function: str) -> dict[str, Any]:
    """What Lambda says of a function, by the end of its name."""
    answer = aws.client("lambda", stack.endpoint).get_function_configuration(FunctionName=f"countroom-{stack.stage}-{function}")
    return dict(answer)


def role_of(stack: Stack, function: str) -> str:
    """The role that a function runs under."""
    return _role_of(stack.endpoint, f"countroom-{stack.stage}-{function}")


@cache
def _role_of(endpoint: str, name: str) -> str:
    return str(aws.client("lambda", endpoint).get_function_configuration(FunctionName=name)["Role"])


def token_keys(stack: Stack) -> list[str]:
    """The KMS keys of access tokens: the first signs, all verify."""
    return str(configuration(stack, "identity")["Environment"]["Variables"]["TOKEN_KEY_IDS"]).split(",")


def personal_key(stack: Stack) -> str:
    """The KMS key that personal data is sealed with."""
    return str(configuration(stack, "identity")["Environment"]["Variables"]["PERSONAL_KEY_ID"])


def forget_step_ups(stack: Stack, player_id: str) -> None:
    """Let what a player has proved be long ago: no test waits five minutes. Written with the emulator's root credentials."""
    dynamodb, table = aws.client("dynamodb", stack.endpoint), stack.resources["SessionsTableName"]
    key = {"pk": {"S": f"PLAYER#{player_id}"}}
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    sessions = [one["M"] for one in item["sessions"]["L"]]
    assert any("stepped_up" in one for one in sessions)
    for one in sessions:
        one.pop("stepped_up", None)
    dynamodb.put_item(TableName=table, Item=item)


def as_text(document: object) -> str:
    """A policy document as IAM takes it."""
    return document if isinstance(document, str) else json.dumps(document)


def problem(answer: Answer, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Check the form of a refusal by the player API, and which fields it names."""
    said: dict[str, Any] = answer.json()
    assert (answer.status, said["code"]) == (status, code), said
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert said["type"] == f"https://countroom.dev/problems/{code}"
    assert said["status"] == status
    assert said["title"]
    assert said["request_id"] == answer.headers["x-request-id"]
    assert {error["field"] for error in said.get("errors", [])} >= set(fields)
    return said


def encoded(said: object) -> bytes:
    return said if isinstance(said, bytes) else json.dumps(said).encode()


def post(api: PlayerApi, path: str, said: object, **headers: str) -> Answer:
    """Post a body as it is, with headers by their names with underscores."""
    body = encoded(said)
    return api.raw("POST", path, body, headers={name.replace("_", "-"): value for name, value in headers.items()})
