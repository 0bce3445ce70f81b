"""Player API: the list of games and launching one."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.games.launch import SESSION_MS
from countroom.identity.tokens import TokenExpired, TokenRefused
from countroom.ledger import sessions
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import OpenWallet, Reference, SetStatus, Status
from countroom.ledger.store import LedgerStore
from handlers import games
from tests.unit.conftest import LEDGER_TABLE

GOOD = "good"
REELS = "hub88-clockwork-reels"


class Context:
    """What Lambda tells a function about an invocation."""

    function_name = "Games"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:Games"
    aws_request_id = "request-1"


class Verifier:
    """Knows one token of one player."""

    def player_id(self, token: str) -> str:
        if token == "old":
            raise TokenExpired
        if token != GOOD:
            raise TokenRefused
        return "pl_anna"


@pytest.fixture
def book(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("TOKEN_KEY_ID", "arn:aws:kms:eu-west-1:123456789012:key/1")
    monkeypatch.setenv("TOKEN_ISSUER", "https://test")
    monkeypatch.setattr(games, "_verifier", Verifier)
    games._settings.cache_clear()
    games._launcher.cache_clear()
    yield Book(LedgerStore(dynamodb, LEDGER_TABLE), system_clock)
    games._settings.cache_clear()
    games._launcher.cache_clear()


@pytest.fixture
def wallet(book: Book) -> Book:
    assert isinstance(book.post(OpenWallet.of("pl_anna", "EUR", "EE")), Posted)
    return book


def call(method: str, path: str, body: str | None = None, token: str | None = GOOD) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"requestId": "api-1", "httpMethod": method, "path": path, "stage": "live", "identity": {}},
        "body": body,
        "isBase64Encoded": False,
    }
    answer = games.handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def start(game_id: str = REELS, body: str | None = "{}", token: str | None = GOOD) -> tuple[int, dict[str, Any]]:
    return call("POST", f"/v1/games/{game_id}/sessions", body, token)


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("token", ["good", None])
def test_the_enabled_games_are_listed_for_anybody(token: str | None) -> None:
    status, answer = call("GET", "/v1/games", token=token)
    assert status == 200
    ids = [item["game_id"] for item in answer["items"]]
    assert REELS in ids
    assert "hub88-lantern-keno" not in ids
    first = answer["items"][0]
    assert first == {
        "game_id": REELS,
        "provider": "hub88",
        "name": "Clockwork Reels",
        "category": "slots",
        "rtp": "96.10",
        "currencies": ["CAD", "EUR", "GBP", "JPY", "SEK", "USD"],
    }


@pytest.mark.parametrize("body", ["{}", None])
def test_a_launch_answers_a_token_that_the_wallet_knows(wallet: Book, body: str | None) -> None:
    before = system_clock()
    status, answer = start(body=body)
    assert status == 201
    assert answer.keys() == {"session_token", "provider", "game_id", "expires_at"}
    assert (answer["provider"], answer["game_id"]) == ("hub88", REELS)
    stored = wallet.wallet("pl_anna")
    assert stored is not None
    session = stored.session("hub88")
    assert session is not None
    assert session.digest == sessions.parse(answer["session_token"]).digest
    assert answer["expires_at"].endswith("Z")
    expires_at_ms = round(datetime.fromisoformat(answer["expires_at"]).timestamp() * 1000)
    assert expires_at_ms == session.expires_at_ms
    assert before + SESSION_MS <= expires_at_ms <= system_clock() + SESSION_MS


@pytest.mark.parametrize(
    ("game", "status", "code"),
    [
        ("no-such-game", 404, "not_found"),
        ("hub88-lantern-keno", 409, "conflict"),
    ],
)
@pytest.mark.usefixtures("wallet")
def test_a_game_that_cannot_be_started(game: str, status: int, code: str) -> None:
    got, answer = start(game)
    assert (got, answer["code"]) == (status, code)


def test_a_game_that_does_not_take_the_wallets_currency(book: Book) -> None:
    book.post(OpenWallet.of("pl_anna", "JPY", "JP"))
    status, answer = start("hub88-northern-blackjack")
    assert (status, answer["code"]) == (409, "wrong_currency")


def test_a_game_that_is_not_offered_in_the_players_country(book: Book) -> None:
    book.post(OpenWallet.of("pl_anna", "EUR", "FR"))
    status, answer = start("hub88-fjord-jackpot")
    assert (status, answer["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("state", "code"),
    [(Status.BLOCKED, "wallet_blocked"), (Status.CLOSED, "wallet_blocked"), (Status.EXCLUDED, "wallet_excluded")],
)
def test_a_player_who_may_not_play(wallet: Book, state: Status, code: str) -> None:
    wallet.post(SetStatus(Reference("house:staff", "s"), "pl_anna", state))
    status, answer = start()
    assert (status, answer["code"]) == (403, code)


@pytest.mark.usefixtures("book")
def test_a_player_without_a_wallet() -> None:
    status, answer = start()
    assert (status, answer["code"]) == (403, "forbidden")


@pytest.mark.usefixtures("wallet")
@pytest.mark.parametrize(("token", "code"), [(None, "not_authenticated"), ("bad", "not_authenticated"), ("old", "token_expired")])
def test_a_launch_needs_a_player(token: str | None, code: str) -> None:
    status, answer = start(token=token)
    assert (status, answer["code"]) == (401, code)


@pytest.mark.usefixtures("wallet")
@pytest.mark.parametrize(
    ("body", "code"), [("{", "malformed_json"), ('{"mode": "demo"}', "invalid_request"), ("[]", "invalid_request")]
)
def test_a_body_that_says_anything_is_refused(body: str, code: str) -> None:
    status, answer = start(body=body)
    assert (status, answer["code"]) == (400, code)


@pytest.mark.usefixtures("aws")
def test_tokens_are_checked_by_the_identity_rooms_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("TOKEN_KEY_ID", "arn:aws:kms:eu-west-1:123456789012:key/1")
    monkeypatch.setenv("TOKEN_ISSUER", "https://test")
    for made in (games._settings, games._verifier):
        made.cache_clear()
    status, answer = start(token=GOOD)
    assert (status, answer["code"]) == (401, "not_authenticated")
    for made in (games._settings, games._verifier):
        made.cache_clear()
