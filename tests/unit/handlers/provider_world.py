"""What the tests of provider callbacks share: an account in this process with tables, a secret and a player, and events."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from signal import ITIMER_REAL, getitimer, setitimer
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.games.catalogue import Game
from countroom.games.catalogue_store import CatalogueStore, Change, Head
from countroom.games.providers import registry
from countroom.games.snapshot import Shelf
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Deposit, OpenWallet, Reference, StartSession
from countroom.ledger.sessions import SECRET_BYTES, issue, parse
from countroom.ledger.store import LedgerStore
from handlers import provider_callback
from runtime import aws as runtime_aws
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.games.world import HUB88_GAMES, UNIT, games_of

CATALOGUE_TABLE = "catalogue"
PATIENCE_S = 600.0
"""How long every provider waits here, and a question about health takes: no test may turn on how fast the machine is."""

timed = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
"""For tests in which the timer rings: a ring inside a garbage collection is dropped by Python, and the next one is heard."""


class Context:
    """What Lambda tells a function about an invocation."""

    function_name = "Provider"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:Provider"
    aws_request_id = "request-1"


def secret_name(provider: str) -> str:
    return f"countroom/test/provider/{provider}"


def forget() -> None:
    for made in (provider_callback._settings, provider_callback._desk, provider_callback._healthy):
        made.cache_clear()


@contextmanager
def furnished(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, provider: str, secret: dict[str, Any]) -> Iterator[Book]:
    """Give pl_anna a wallet with 100.00 in the ledger's table, and the function its environment, secret and catalogue."""
    stored = runtime_aws.client("secretsmanager").create_secret(Name=secret_name(provider), SecretString=json.dumps(secret))
    _publish(dynamodb, [*HUB88_GAMES, *(game for name in ("swipe", "action_batch", "fourth") for game in games_of(name))])
    monkeypatch.setattr(type(registry.dialect(provider)), "patience_s", lambda *_: PATIENCE_S)
    monkeypatch.setattr(provider_callback, "HEALTH_S", PATIENCE_S)
    monkeypatch.setenv("PROVIDER", provider)
    monkeypatch.setenv("PROVIDER_SECRET", stored["ARN"])
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("GAMES_TABLE", CATALOGUE_TABLE)
    forget()
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), system_clock)
    assert isinstance(book.post(OpenWallet.of("pl_anna", "EUR", "EE")), Posted)
    assert isinstance(book.post(Deposit(Reference("gateway:standard", "d"), "pl_anna", "EUR", 100 * UNIT)), Posted)
    yield book
    forget()


def _publish(dynamodb: Any, games: list[Game]) -> None:
    names = ("pk", "sk")
    dynamodb.create_table(
        TableName=CATALOGUE_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
    )
    store, head = CatalogueStore(dynamodb, CATALOGUE_TABLE), Head()
    for provider in sorted({game.provider for game in games}):
        shelf = Shelf({game.id: game for game in games if game.provider == provider})
        head = store.publish(head, provider, shelf, Change("import", "test", "test", {}), system_clock)


def hang() -> None:
    """Hang as a socket does until the function's own timer rings: only its last stretch is really waited for.

    Whatever is wrong with the timer fails the test past every handler of exceptions.
    """
    left_s, again_s = getitimer(ITIMER_REAL)
    if not PATIENCE_S / 2 < left_s <= PATIENCE_S or not 0 < again_s <= 1:
        pytest.fail("the timer is not set to the provider's patience, and to ring again")
    setitimer(ITIMER_REAL, 0.05, again_s)
    threading.Event().wait(60)
    pytest.fail("nothing interrupted the call")


def launched(book: Book, provider: str) -> str:
    """Start pl_anna's session at the provider; gives its token."""
    token = issue("pl_anna", bytes(range(SECRET_BYTES)))
    expires_at_ms = system_clock() + 3_600_000
    assert isinstance(book.post(StartSession.of("pl_anna", provider, parse(token).digest, "x_reels", expires_at_ms)), Posted)
    return token


def event(
    provider: str, path: str, text: str, headers: dict[str, str], *, method: str = "POST", query: str = "", encoded: bool = False
) -> dict[str, Any]:
    """An event of the HTTP API in payload format 2.0."""
    whole = f"/v1/{provider}/{path}"
    return {
        "version": "2.0",
        "routeKey": f"{method} /v1/{provider}/{{proxy+}}",
        "rawPath": whole,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "host": "x", **headers},
        "pathParameters": {"proxy": path},
        "requestContext": {"requestId": "api-1", "http": {"method": method, "path": whole}},
        "body": base64.b64encode(text.encode()).decode() if encoded else text,
        "isBase64Encoded": encoded,
    }


def invoke(given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Call the function; gives HTTP status and answer."""
    answer = provider_callback.handler(given, Context())
    assert answer["headers"] == {"content-type": "application/json"}
    body: dict[str, Any] = json.loads(answer["body"])
    return answer["statusCode"], body
