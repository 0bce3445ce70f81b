"""Logging in and being let in: whether the time of a refusal tells anything, what a login costs, and what a bearer check does.

The real handler runs in this process against the emulator, so the SDK's share is in every figure. Milliseconds depend on the
machine; shares and differences of one run travel.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table as Shown

from countroom.clock import system_clock
from countroom.identity import passwords, tokens
from countroom.identity.access import Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.digests import email_digest
from countroom.identity.keys import KmsPublicKeys
from countroom.identity.login import GUESSES_MAX
from countroom.identity.sessions import Sessions
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table

TRIES: Final = 200
LOGINS: Final = 60
CHECKS: Final = 400
DIFFERENCE_MAX: Final = 0.10
ARGON2_SHARE_MIN: Final = 0.5
CHECK_US_MAX: Final = 1000

KINDS: Final = ("unknown account", "wrong password", "locked account")
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of players that this run makes up
_WRONG: Final = "wrong horse battery"
_LOCKED, _OWNER = "locked@example.com", "owner@example.com"
_ISSUER: Final = "https://bench.countroom.test"
_EVENT_TIME: Final = "2026-01-01T00:00:00.000Z"
_TOO_MANY, _REFUSED, _OPENED = 429, 401, 201


@dataclass(frozen=True, slots=True)
class Ground:
    """What was set up for the measurements: the handler, and what it works with."""

    handler: Callable[[dict[str, Any], Any], Any]
    dynamodb: Any
    kms: Any
    key_arn: str


def prepare(endpoint: str, dynamodb: Any, kms: Any) -> Ground:
    """Make tables, keys and accounts, set the environment, and return the warm handler."""
    ec = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    personal = kms.create_key()["KeyMetadata"]["Arn"]
    for name, keys in (("bench-players", ("pk", "sk")), ("bench-sessions", ("pk",))):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        )
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PLAYERS_TABLE": "bench-players",
            "SESSIONS_TABLE": "bench-sessions",
            "LEDGER_TABLE": "bench-ledger",  # nothing that is measured asks it
            "PERSONAL_KEY_ID": personal,
            "TOKEN_KEY_IDS": ec,
            "TOKEN_ISSUER": _ISSUER,
            "SESSION_ABSOLUTE_SECONDS": "86400",
            "SESSION_IDLE_SECONDS": "3600",
            "MAIL_QUEUE_URL": f"{endpoint}/000000000000/bench-mail",  # nothing that is measured sends a mail
            "LOGIN_GUESSES_PER_SOURCE": "1000000",
            "POWERTOOLS_METRICS_NAMESPACE": "Countroom",
            "POWERTOOLS_SERVICE_NAME": "bench",
        }
    )
    from handlers import identity  # noqa: PLC0415 - reads its settings from the environment prepared above

    _open_accounts(dynamodb, [*(_victim(number) for number in range(TRIES)), _LOCKED, _OWNER])
    return Ground(identity.handler, dynamodb, kms, ec)


def measure(ground: Ground) -> dict[str, Any]:
    """Measure everything and return it as one JSON object."""
    device = _log_in(ground, _OWNER, _PASSWORD, _OPENED)["device_token"]
    return {"login_timing": _timing(ground), "warm_login": _warm_login(ground, device), "bearer": _bearer(ground, device)}


def show(console: Console, found: dict[str, Any]) -> None:
    """Print the three tables."""
    timing, warm, bearer = found["login_timing"], found["warm_login"], found["bearer"]
    table = Shown(title=f"Does the time of a refusal tell anything? {TRIES} tries each, taken in turn")
    for heading in ("", "median ms", "of the slowest"):
        table.add_column(heading, justify="left" if not heading else "right")
    slowest = max(timing["median_ms"].values())
    for kind, median in timing["median_ms"].items():
        table.add_row(kind, f"{median:.2f}", f"{median / slowest:.3f}")
    console.print(table)
    console.print(f"The medians differ by {timing['difference']:.1%} (goal < {DIFFERENCE_MAX:.0%}).")
    console.print(
        f"A warm login: {warm['cpu_ms']} ms of CPU, of which argon2 {warm['argon2_cpu_ms']} ms,"
        f" {warm['argon2_share']:.0%} (goal ≥ {ARGON2_SHARE_MIN:.0%}); {warm['requests']:g} requests to AWS."
    )
    console.print(
        f"A bearer check: the token {bearer['token_cpu_us']:.0f} µs of CPU (goal ≤ {CHECK_US_MAX})"
        f" and {bearer['token_requests']:g} requests;"
        f" the session it names {bearer['session_cpu_us']:.0f} µs more and {bearer['session_requests']:g} strong read"
        f" ({bearer['session_read_units']:g} read unit)."
    )


def _timing(ground: Ground) -> dict[str, Any]:
    """Time refusals of three kinds in turn, so that a slow moment of the machine hits all of them."""
    for _ in range(GUESSES_MAX):
        _log_in(ground, _LOCKED, _WRONG, _REFUSED)
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(TRIES):
        tries = ((f"nobody{number}@example.com", _REFUSED), (_victim(number), _REFUSED), (_LOCKED, _TOO_MANY))
        ways = list(zip(KINDS, tries, strict=True))
        for kind, (email, status) in ways[number % 3 :] + ways[: number % 3]:
            begin = time.perf_counter()
            _log_in(ground, email, _WRONG, status)
            taken[kind].append((time.perf_counter() - begin) * 1000)
    medians = {kind: statistics.median(values) for kind, values in taken.items()}
    difference = 1 - min(medians.values()) / max(medians.values())
    return {
        "tries": TRIES,
        "median_ms": {kind: round(value, 3) for kind, value in medians.items()},
        "difference": round(difference, 4),
    }


def _warm_login(ground: Ground, device: str) -> dict[str, Any]:
    """Measure logins of an owner at a known device, and argon2's share of their CPU."""
    spent: list[float] = []
    verify = passwords.matches

    def watched(stored: str | None, password: str) -> bool:
        begin = time.process_time()
        try:
            return verify(stored, password)
        finally:
            spent.append(time.process_time() - begin)

    _log_in(ground, _OWNER, _PASSWORD, _OPENED, device)
    with _counted() as requests:
        passwords.matches = watched
        begin = time.process_time()
        try:
            for _ in range(LOGINS):
                _log_in(ground, _OWNER, _PASSWORD, _OPENED, device)
        finally:
            passwords.matches = verify
        total = time.process_time() - begin
    return {
        "logins": LOGINS,
        "cpu_ms": round(total / LOGINS * 1000, 2),
        "argon2_cpu_ms": round(sum(spent) / LOGINS * 1000, 2),
        "argon2_share": round(sum(spent) / total, 3),
        "requests": round(len(requests) / LOGINS, 2),
    }


def _bearer(ground: Ground, device: str) -> dict[str, Any]:
    """Measure the check of a good access token, and the read of the session that it names."""
    token = _log_in(ground, _OWNER, _PASSWORD, _OPENED, device)["access_token"]
    verifier = tokens.Verifier(_ISSUER, KmsPublicKeys(ground.kms, (ground.key_arn,)), system_clock)
    store = AccessStore(Table(ground.dynamodb, "bench-sessions"))
    sessions = Sessions(store, None, system_clock, Lifetimes(86_400_000, 3_600_000))
    sessions.check(verifier.claims(token))  # the public key is fetched once in a process
    token_us, token_requests = _cpu_us(lambda: verifier.claims(token))
    both_us, both_requests = _cpu_us(lambda: sessions.check(verifier.claims(token)))
    key = {"pk": {"S": f"PLAYER#{_player_id(_OWNER)}"}}
    told = ground.dynamodb.get_item(TableName="bench-sessions", Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    return {
        "checks": CHECKS,
        "token_cpu_us": round(token_us, 1),
        "token_requests": token_requests,
        "session_cpu_us": round(both_us - token_us, 1),
        "session_requests": both_requests,
        "session_read_units": told["ConsumedCapacity"]["CapacityUnits"],
    }


def _cpu_us(work: Callable[[], object]) -> tuple[float, float]:
    """Return the median CPU microseconds of one call, of several rounds, and its requests to AWS."""
    rounds, each = 5, CHECKS // 5
    taken = []
    with _counted() as requests:
        for _ in range(rounds):
            begin = time.process_time()
            for _ in range(each):
                work()
            taken.append((time.process_time() - begin) / each * 1e6)
    return statistics.median(taken), len(requests) / (rounds * each)


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Count the requests of every botocore client in this process, whoever holds it."""
    from botocore.endpoint import Endpoint  # noqa: PLC0415 - only to count

    seen: list[str] = []
    original = Endpoint.make_request

    def counted(self: Any, operation: Any, request: Any) -> Any:
        seen.append(operation.name)
        return original(self, operation, request)

    Endpoint.make_request = counted
    try:
        yield seen
    finally:
        Endpoint.make_request = original


def _open_accounts(dynamodb: Any, emails: list[str]) -> None:
    table = Table(dynamodb, "bench-players")
    players, access = PlayersStore(table), AccessStore(Table(dynamodb, "bench-sessions"))
    hashed = passwords.hash_password(_PASSWORD)  # one for all: what is measured is checking, not choosing
    for email in emails:
        player_id, address = _player_id(email), email_digest(email)
        account = Account(player_id, address, b"-", "EE", "EUR", "1", _EVENT_TIME, _EVENT_TIME)
        parts = players.creation(account, Credentials(address, player_id, hashed))
        if table.transact([*parts, access.creation(player_id)]):
            raise RuntimeError("an account of this benchmark is there already")


def _victim(number: int) -> str:
    return f"victim{number}@example.com"


def _player_id(email: str) -> str:
    return f"pl_bench{email.partition('@')[0]}"


def _log_in(ground: Ground, email: str, password: str, status: int, device: str | None = None) -> Any:
    """Let the handler answer one login; raise RuntimeError unless it is answered as it should be."""
    body = {"email": email, "password": password} | ({"device_token": device} if device else {})
    answer = ground.handler(_event(body), _Context())
    if answer["statusCode"] != status:
        raise RuntimeError(f"a login was answered {answer['statusCode']}, not {status}: {answer['body']}")
    return json.loads(answer["body"])


def _event(body: dict[str, str]) -> dict[str, Any]:
    path = "/v1/sessions"
    headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
    return {
        "httpMethod": "POST",
        "path": path,
        "resource": path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "bench",
            "stage": "live",
            "path": path,
            "httpMethod": "POST",
            "identity": {"sourceIp": "203.0.113.9"},
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


class _Context:
    """A Lambda context."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:bench"
    aws_request_id = "00000000-0000-4000-8000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000
