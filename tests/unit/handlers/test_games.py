"""Player API: the list of games, opening one at a provider on this machine, rounds, health."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.clock import system_clock
from countroom.games.catalogue import CatalogueUnavailable
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.curator import Curator
from countroom.games.health import HealthUnavailable
from countroom.games.launch import SESSION_MS
from countroom.games.round_keeper import RoundKeeper
from countroom.games.rounds_store import RoundsStore
from countroom.identity.access import Ended
from countroom.identity.digests import email_digest
from countroom.identity.people import People
from countroom.identity.personal import PersonalData
from countroom.identity.refusals import Unavailable
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table
from countroom.identity.vault import Vault
from countroom.ledger import sessions
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Bet, Deposit, ExclusionKind, OpenWallet, Reference, SetStatus, Status, Win
from countroom.ledger.records import Record
from countroom.ledger.safeguards import StartExclusion
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from countroom.times import to_iso
from countroom.verification.store import StandingStore, StandingsUnavailable
from handlers import games
from runtime import aws as runtime_aws
from tests.unit import rest
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.games.shelf import CIRCUITS_TABLE, DEED, GAMES_TABLE, make_tables, sandbox_catalogue, stock
from tests.unit.games.test_launchers import SECRETS
from tests.unit.runtime.peer import Peer, hang, peer, reset, sends
from tests.unit.signed_in import Visitors

GOOD = "good"
REELS = "hub88-clockwork-reels"
URL = "https://games.example/play?s=1"
UNIT = 10**9
NOW = to_iso(system_clock())

TOKENS: dict[str, str] = {}
"""What the words for tokens in this file stand for, test by test."""

MADE = (
    games._settings,
    games._ledger,
    games._catalogue,
    games._health,
    games._ways_out,
    games._opening,
    games._rounds,
)


@pytest.fixture
def there() -> Iterator[Peer]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with peer() as running:
        running.behaviour = answers({"url": URL})
        yield running
    disable_socket()


def answers(value: Any, status: bytes = b"200 OK") -> Any:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return sends(head + body, then_close=False)


def born(dynamodb: Any, day: str) -> None:
    """Give pl_anna an account, or another birthday."""
    players = PlayersStore(Table(dynamodb, PLAYERS_TABLE))
    people = People(players, Vault(runtime_aws.client("kms"), os.environ["PERSONAL_KEY_ID"]))
    sealed = people.seal("pl_anna", PersonalData("anna@example.com", day))
    known = players.account("pl_anna")
    if known is not None:
        assert players.save_account(known, replace(known, sealed=sealed, version=known.version + 1), [])
        return
    address = email_digest("anna@example.com")
    account = Account("pl_anna", address, sealed, "EE", "EUR", "2026-11", NOW, NOW)
    dynamodb.transact_write_items(TransactItems=players.creation(account, Credentials(address, "pl_anna", "no hash")))


@pytest.fixture
def book(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    make_tables(dynamodb)
    stock(dynamodb)
    visitors = Visitors(dynamodb)
    visitors.come_to(games.door, monkeypatch)
    live, ended = (visitors.open("pl_anna") for _ in range(2))
    visitors.sessions.end("pl_anna", ended.session_id, Ended.LOGGED_OUT)
    old = visitors.issuer.issue("pl_anna", live.session_id, lifetime_seconds=0)
    TOKENS.update({"good": live.access_token, "ended": ended.access_token, "old": old})
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("GAMES_TABLE", GAMES_TABLE)
    monkeypatch.setenv("CIRCUITS_TABLE", CIRCUITS_TABLE)
    secrets = runtime_aws.client("secretsmanager")
    arns = {
        name: secrets.create_secret(Name=f"countroom/test/provider/{name}", SecretString=json.dumps(value))["ARN"]
        for name, value in SECRETS.items()
    }
    monkeypatch.setenv("PROVIDER_SECRETS", json.dumps(arns))
    monkeypatch.setenv("LAUNCH_URLS", "{}")
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    monkeypatch.setenv("PERSONAL_KEY_ID", runtime_aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    born(dynamodb, "1990-05-17")
    for made in MADE:
        made.cache_clear()
    yield Book(LedgerStore(dynamodb, LEDGER_TABLE), system_clock)
    for made in MADE:
        made.cache_clear()


@pytest.fixture
def wallet(book: Book) -> Book:
    assert isinstance(book.post(OpenWallet.of("pl_anna", "EUR", "EE")), Posted)
    return book


@pytest.fixture
def provider(there: Peer, wallet: Book, monkeypatch: pytest.MonkeyPatch) -> Peer:  # noqa: ARG001 - there first
    monkeypatch.setenv("LAUNCH_URLS", json.dumps({name: f"{there.url}/{name}" for name in SECRETS}))
    return there


def call(
    method: str,
    path: str,
    body: Any = None,
    token: str | None = GOOD,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> rest.Answer:
    known = None if token is None else TOKENS.get(token, token)
    return rest.call(games.handler, method, path, body, token=known, query=query, headers=headers)


def start(game_id: str = REELS, body: Any = None, token: str | None = GOOD) -> rest.Answer:
    return call("POST", f"/v1/games/{game_id}/sessions", {} if body is None else body, token)


def wide(path: str = "/v1/games", **query: str) -> rest.Answer:
    return call("GET", path, token=None, query=query or None)


@pytest.mark.usefixtures("book")
class TestTheList:
    def test_the_enabled_games_are_listed_for_anybody(self) -> None:
        answer = wide()
        assert answer.status == 200
        ids = [item["game_id"] for item in answer.json["items"]]
        assert ids == sorted(game.id for game in sandbox_catalogue().offered())
        assert "hub88-lantern-keno" not in ids
        assert answer.json["next_cursor"] is None
        (roulette,) = [item for item in answer.json["items"] if item["game_id"] == "hub88-harbour-roulette"]
        assert roulette == {
            "game_id": "hub88-harbour-roulette",
            "provider": "hub88",
            "name": "Harbour Roulette",
            "category": "live",
            "rtp": "97.30",
            "currencies": ["CAD", "EUR", "GBP", "SEK", "USD"],
            "countries": ["*"],
            "stakes": {
                "CAD": {"min": "1.00", "max": "7500.00"},
                "EUR": {"min": "0.50", "max": "5000.00"},
                "GBP": {"min": "0.50", "max": "4000.00"},
                "SEK": {"min": "5.00", "max": "50000.00"},
                "USD": {"min": "0.50", "max": "5000.00"},
            },
        }

    def test_pages_and_filters(self) -> None:
        first = wide(provider="hub88", limit="2")
        second = wide(provider="hub88", limit="2", cursor=first.json["next_cursor"])
        assert len(first.json["items"]) == len(second.json["items"]) == 2
        assert second.json["next_cursor"] is None
        assert not {item["game_id"] for item in first.json["items"]} & {item["game_id"] for item in second.json["items"]}
        assert [item["game_id"] for item in wide(country="FR", category="slots", currency="SEK").json["items"]] == [
            "batch-copper-canyon",
            "hub88-clockwork-reels",
            "swipe-paper-lanterns",
        ]
        assert wide(provider="nobody").json == {"items": [], "next_cursor": None}

    @pytest.mark.parametrize(
        "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "x"}, {"provider": "x" * 65}], ids=str
    )
    def test_a_bad_question(self, query: dict[str, str]) -> None:
        assert wide(**query).code == "invalid_request"

    def test_an_answer_may_be_kept_and_asked_again(self, dynamodb: Any) -> None:
        first = wide()
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "public, max-age=30"
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = rest_raw("/v1/games", {"If-None-Match": known})
            assert (again["statusCode"], again["body"]) == (304, "")  # API Gateway takes a text only
            assert again["multiValueHeaders"]["ETag"] == [tag]
        assert rest_raw("/v1/games", {"If-None-Match": '"other"'})["statusCode"] == 200
        Curator(CatalogueStore(dynamodb, GAMES_TABLE), FixedClock()).switch(DEED, enabled=False, game_id=REELS)
        games._catalogue.cache_clear()
        changed = call("GET", "/v1/games", token=None, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag
        assert REELS not in [item["game_id"] for item in changed.json["items"]]

    def test_without_a_catalogue_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Gone:
            def current(self) -> None:
                raise CatalogueUnavailable

        monkeypatch.setattr(games, "_catalogue", Gone)
        answer = wide()
        assert (answer.status, answer.code) == (503, "temporarily_unavailable")


def rest_raw(path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = games.handler(rest.event("GET", path, None, headers), rest.Context())
    return answer


class TestLaunching:
    def test_a_launch_answers_a_token_that_the_wallet_knows_and_an_address(self, wallet: Book, provider: Peer) -> None:
        before = system_clock()
        answer = start(body={"language": "et", "platform": "mobile", "return_url": "https://casino.example/lobby"})
        assert answer.status == 201
        said = answer.json
        assert said.keys() == {"session_token", "provider", "game_id", "mode", "expires_at", "launch_url"}
        assert (said["provider"], said["game_id"], said["mode"], said["launch_url"]) == ("hub88", REELS, "real", URL)
        stored = wallet.wallet("pl_anna")
        assert stored is not None
        session = stored.session("hub88")
        assert session is not None
        assert session.digest == sessions.parse(said["session_token"]).digest
        expires_at_ms = round(datetime.fromisoformat(said["expires_at"]).timestamp() * 1000)
        assert expires_at_ms == session.expires_at_ms
        assert before + SESSION_MS <= expires_at_ms <= system_clock() + SESSION_MS
        (request,) = provider.requests
        assert request.startswith(b"POST /hub88/operator/generic/v2/game/url HTTP/1.1\r\n")
        sent = json.loads(request.partition(b"\r\n\r\n")[2])
        assert (sent["token"], sent["user"], sent["lang"]) == (said["session_token"], "pl_anna", "et")
        assert (sent["platform"], sent["lobby_url"]) == ("GPL_MOBILE", "https://casino.example/lobby")

    @pytest.mark.parametrize("body", ["", None])
    @pytest.mark.usefixtures("provider")
    def test_nothing_need_be_said(self, body: str | None) -> None:
        assert call("POST", f"/v1/games/{REELS}/sessions", body).status == 201

    @pytest.mark.parametrize(
        ("game", "answer", "path"),
        [
            ("swipe-paper-lanterns", {"gameURL": URL, "gsID": "1"}, b"/swipe/create-new-game"),
            ("batch-copper-canyon", {"launch_options": {"game_url": URL}}, b"/action_batch/sessions"),
        ],
    )
    def test_every_provider_is_asked_in_its_own_way(self, provider: Peer, game: str, answer: Any, path: bytes) -> None:
        provider.behaviour = answers(answer)
        assert start(game).json["launch_url"] == URL
        assert provider.requests[0].startswith(b"POST " + path + b" HTTP/1.1\r\n")

    def test_a_demo_has_no_session(self, wallet: Book, provider: Peer) -> None:
        before = wallet.wallet("pl_anna")
        answer = start(body={"mode": "demo"})
        assert answer.status == 201
        assert answer.json == {
            "session_token": None,
            "provider": "hub88",
            "game_id": REELS,
            "mode": "demo",
            "expires_at": None,
            "launch_url": URL,
        }
        assert wallet.wallet("pl_anna") == before
        assert b"pl_anna" not in provider.requests[0]

    @pytest.mark.parametrize(
        "behaviour",
        [
            hang,
            reset,
            answers({"url": URL}, b"500 No"),
            answers({"url": URL}, b"400 No"),
            answers({"url": URL}, b"302 Found"),
            answers({"url": "http://games.example/"}),
            answers({"error": "x"}),
            sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html"),
        ],
        ids=["hang", "reset", "500", "400", "302", "http", "none", "html"],
    )
    def test_a_provider_that_gives_no_address_is_unavailable(self, provider: Peer, behaviour: Any) -> None:
        provider.behaviour = behaviour
        answer = start()
        assert (answer.status, answer.code) == (503, "provider_unavailable")
        assert "Retry-After" in answer.headers
        assert URL not in answer.text

    def test_what_came_of_calls_is_shown_to_anybody(self, provider: Peer) -> None:
        assert wide("/v1/providers/health").json == {"items": []}
        start()
        provider.behaviour = reset
        start("swipe-paper-lanterns")
        shown = {item["provider"]: item["condition"] for item in wide("/v1/providers/health").json["items"]}
        assert shown == {"hub88": "up", "swipe": "down"}
        assert "cut_off" not in wide("/v1/providers/health").text

    def test_a_circuit_that_is_open_spares_the_provider(self, provider: Peer) -> None:
        provider.behaviour = answers({}, b"500 No")
        for _ in range(4):
            assert start().code == "provider_unavailable"
        asked = len(provider.requests)
        assert start().code == "provider_unavailable"
        assert len(provider.requests) == asked

    def test_tables_that_only_help_are_no_condition_of_a_launch(self, provider: Peer, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002
        monkeypatch.setenv("CIRCUITS_TABLE", "no-such-table")

        def refuse(*_args: Any, **_more: Any) -> None:
            raise HealthUnavailable

        monkeypatch.setattr("countroom.games.health.HealthBoard.note", refuse)
        assert start().status == 201

    @pytest.mark.usefixtures("wallet")
    def test_a_provider_that_is_not_set_up(self) -> None:
        answer = start()
        assert (answer.status, answer.code) == (503, "provider_unavailable")

    def test_a_secret_that_cannot_be_read(self, provider: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PROVIDER_SECRETS", json.dumps({"hub88": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:no"}))
        assert start().code == "provider_unavailable"
        assert provider.requests == []

    @pytest.mark.parametrize("mode", ["real", "demo"])
    @pytest.mark.parametrize(
        ("game", "status", "code"), [("no-such-game", 404, "not_found"), ("hub88-lantern-keno", 409, "conflict")]
    )
    def test_a_game_that_cannot_be_started(self, provider: Peer, game: str, status: int, code: str, mode: str) -> None:
        answer = start(game, {"mode": mode})
        assert (answer.status, answer.code) == (status, code)
        assert provider.requests == []

    def test_a_game_that_staff_has_switched_off(self, provider: Peer, dynamodb: Any) -> None:
        Curator(CatalogueStore(dynamodb, GAMES_TABLE), FixedClock()).switch(DEED, enabled=False, provider="hub88")
        assert start().code == "conflict"
        assert provider.requests == []

    def test_a_game_that_does_not_take_the_wallets_currency(self, book: Book) -> None:
        book.post(OpenWallet.of("pl_anna", "JPY", "JP"))
        answer = start("hub88-northern-blackjack")
        assert (answer.status, answer.code) == (409, "wrong_currency")

    def test_a_game_that_is_not_offered_in_the_players_country(self, book: Book) -> None:
        book.post(OpenWallet.of("pl_anna", "EUR", "FR"))
        answer = start("hub88-fjord-jackpot")
        assert (answer.status, answer.code) == (409, "conflict")

    @pytest.mark.parametrize("mode", ["real", "demo"])
    @pytest.mark.parametrize(
        ("state", "code"),
        [(Status.BLOCKED, "wallet_blocked"), (Status.CLOSED, "wallet_blocked"), (Status.EXCLUDED, "wallet_excluded")],
    )
    def test_a_player_who_may_not_play(self, provider: Peer, wallet: Book, state: Status, code: str, mode: str) -> None:
        wallet.post(SetStatus(Reference("house:staff", "s"), "pl_anna", state))
        answer = start(body={"mode": mode})
        assert (answer.status, answer.code) == (403, code)
        assert provider.requests == []

    @pytest.mark.parametrize("mode", ["real", "demo"])
    def test_who_is_too_young_does_not_play_and_on_his_birthday_he_does(
        self, provider: Peer, wallet: Book, dynamodb: Any, mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FixedClock(round(datetime(2026, 5, 16, 23, 59, 59, tzinfo=UTC).timestamp() * 1000))
        monkeypatch.setattr(games, "system_clock", clock)
        born(dynamodb, "2008-05-17")
        before = wallet.wallet("pl_anna")
        answer = start(body={"mode": mode})
        assert (answer.status, answer.code) == (403, "under_age")
        assert "2008" not in answer.text
        assert (provider.requests, wallet.wallet("pl_anna")) == ([], before)
        clock.advance(seconds=1)
        games._opening.cache_clear()
        assert start(body={"mode": mode}).status == 201

    @pytest.mark.parametrize(("mode", "lacking"), [("real", ["age", "identity"]), ("demo", ["age"])])
    def test_who_has_to_be_verified_first_is_told_what_for(
        self, provider: Peer, book: Book, monkeypatch: pytest.MonkeyPatch, mode: str, lacking: list[str]
    ) -> None:
        monkeypatch.setattr(Book, "wallet", lambda *_: Wallet("pl_anna", "EUR", "GB"))
        answer = start(body={"mode": mode})
        assert (answer.status, answer.code) == (403, "verification_required")
        assert [(error["field"], error["message"]) for error in answer.json["errors"]] == [("level", name) for name in lacking]
        assert provider.requests == []
        assert book.find(Reference("wallet:open", "pl_anna")) is not None

    def test_standings_that_cannot_be_read_are_asked_for_again(
        self, provider: Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def away(*_args: Any) -> None:
            raise StandingsUnavailable

        monkeypatch.setattr(Book, "wallet", lambda *_: Wallet("pl_anna", "EUR", "GB"))
        monkeypatch.setattr(StandingStore, "get", away)
        answer = start()
        assert (answer.status, answer.code) == (503, "temporarily_unavailable")
        assert provider.requests == []
        assert '"LaunchFailed"' in capsys.readouterr().out

    @pytest.mark.parametrize("mode", ["real", "demo"])
    def test_who_takes_a_break_gets_neither_a_game_nor_a_demo(self, provider: Peer, wallet: Book, mode: str) -> None:
        until_ms = system_clock() + 86_400_000
        movement = StartExclusion(Reference("player:exclusion", "x"), "pl_anna", ExclusionKind.TIME_OUT, until_ms)
        assert isinstance(wallet.post(movement), Posted)
        answer = start(body={"mode": mode})
        assert (answer.status, answer.code) == (403, "wallet_excluded")
        assert provider.requests == []

    def test_a_session_brings_the_clock_of_the_players_country_along(self, provider: Peer, wallet: Book) -> None:
        assert start().status == 201
        assert len(provider.requests) == 1
        found = wallet.wallet("pl_anna")
        assert found is not None
        assert found.play.interval_ms == 3_600_000
        assert found.play.grown_on == (date(2015, 5, 17) - date(1970, 1, 1)).days

    def test_a_player_whose_account_is_not_there(self, provider: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PlayersStore, "account", lambda *_: None)
        assert start().code == "forbidden"
        assert provider.requests == []

    def test_a_profile_that_cannot_be_opened_now_is_asked_for_again(
        self, provider: Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def unavailable(*_args: Any) -> None:
            raise Unavailable("the personal key is busy")

        monkeypatch.setattr(Vault, "open", unavailable)
        answer = start()
        assert (answer.status, answer.code) == (503, "temporarily_unavailable")
        assert provider.requests == []
        assert '"LaunchFailed"' in capsys.readouterr().out

    @pytest.mark.usefixtures("book")
    def test_a_player_without_a_wallet(self) -> None:
        answer = start()
        assert (answer.status, answer.code) == (403, "forbidden")

    @pytest.mark.usefixtures("wallet")
    @pytest.mark.parametrize(
        ("token", "code"),
        [(None, "not_authenticated"), ("bad", "not_authenticated"), ("old", "token_expired"), ("ended", "session_ended")],
    )
    def test_a_launch_needs_a_player(self, token: str | None, code: str) -> None:
        answer = start(token=token)
        assert (answer.status, answer.code) == (401, code)

    @pytest.mark.parametrize(
        "body",
        [
            "[]",
            {"colour": "red"},
            {"mode": "free"},
            {"language": "english"},
            {"language": "EN"},
            {"platform": "fridge"},
            {"return_url": "http://casino.example/"},
            {"return_url": "javascript:alert(1)"},
            {"return_url": ""},
            {"return_url": "https://casino.example/" + "x" * 512},
        ],
        ids=str,
    )
    def test_a_wish_that_is_none(self, provider: Peer, body: Any) -> None:
        answer = start(body=body)
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert provider.requests == []


class TestRounds:
    @pytest.fixture
    def played(self, wallet: Book, dynamodb: Any) -> Book:
        """pl_anna has staked 10.00 in round r:1, which the stream has brought, and won 25.00, which it has not."""
        wallet.post(Deposit(Reference("gateway:standard", "d"), "pl_anna", "EUR", 100 * UNIT))
        name = Reference("game:batch", "b1")
        posted = wallet.post(Bet(name, "pl_anna", "EUR", 10 * UNIT, "acceptance:copper", "r:1"))
        assert isinstance(posted, Posted)
        record = LedgerStore(dynamodb, LEDGER_TABLE).entry(name)
        assert isinstance(record, Record)
        keeper = RoundKeeper(LedgerStore(dynamodb, LEDGER_TABLE), RoundsStore(dynamodb, GAMES_TABLE), system_clock)
        assert keeper.take(record) is not None
        wallet.post(Win(Reference("game:batch", "w1"), "pl_anna", "EUR", 25 * UNIT, "acceptance:copper", "r:1"))
        return wallet

    @pytest.mark.usefixtures("played")
    def test_a_player_sees_his_round_with_what_has_just_happened(self) -> None:
        answer = call("GET", "/v1/rounds/action_batch/r:1")
        assert answer.status == 200
        said = answer.json
        assert (said["provider"], said["round_id"], said["state"], said["net"]) == ("action_batch", "r:1", "settled", "15.00")
        assert [(move["kind"], move["amount"]) for move in said["moves"]] == [("bet", "10.00"), ("win", "25.00")]
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.usefixtures("played")
    @pytest.mark.parametrize(
        "path", ["action_batch/r:2", "hub88/r:1", "Hub88/r:1", "action_batch/" + "x" * 65, "x" * 65 + "/r:1", "batch/r%231"]
    )
    def test_what_is_no_round_of_his(self, path: str) -> None:
        answer = call("GET", f"/v1/rounds/{path}")
        assert (answer.status, answer.code) == (404, "not_found")

    @pytest.mark.usefixtures("played")
    def test_nobody_else_sees_it(self) -> None:
        assert call("GET", "/v1/rounds/action_batch/r:1", token=None).code == "not_authenticated"
        assert call("GET", "/v1/rounds/action_batch", token=None, query={"round_id": "r:1"}).code == "not_authenticated"

    def test_an_id_of_any_characters_is_asked_for_in_the_query(self, played: Book) -> None:
        known = call("GET", "/v1/rounds/action_batch", query={"round_id": "r:1"})
        assert known.json == call("GET", "/v1/rounds/action_batch/r:1").json
        strange = "a/b+c=d~e@f|g"
        bet = Bet(Reference("game:batch", "b2"), "pl_anna", "EUR", UNIT, "acceptance:copper", strange, closes=True)
        assert isinstance(played.post(bet), Posted)
        found = call("GET", "/v1/rounds/action_batch", query={"round_id": strange})
        assert (found.status, found.json["round_id"], found.json["state"]) == (200, strange, "settled")
        assert found.json["closed_at"] == found.json["moves"][0]["at"]

    @pytest.mark.usefixtures("played")
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            (None, "invalid_request"),
            ({"round_id": ""}, "invalid_request"),
            ({"round_id": "x" * 65}, "invalid_request"),
            ({"round_id": "r#1"}, "not_found"),
            ({"round_id": "r:2"}, "not_found"),
        ],
        ids=str,
    )
    def test_a_question_that_finds_no_round(self, query: dict[str, str] | None, code: str) -> None:
        assert call("GET", "/v1/rounds/action_batch", query=query).code == code


def test_every_route_says_whether_it_needs_a_player() -> None:
    paths = games.app.get_openapi_schema(title="t", version="1", security_schemes={"bearer": HTTPBearer()}).model_dump(
        by_alias=True, exclude_none=True
    )["paths"]
    said = {
        f"{method} {path}": operation.get("security", [])
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert said == {
        "get /v1/games": [],
        "post /v1/games/{game_id}/sessions": [{"bearer": []}],
        "get /v1/rounds/{provider}": [{"bearer": []}],
        "get /v1/rounds/{provider}/{round_id}": [{"bearer": []}],
        "get /v1/providers/health": [],
    }
