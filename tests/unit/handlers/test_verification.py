"""Player API: where a player stands, and the way to the vendor, who may hang, lie or be away."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.clock import system_clock
from countroom.identity.digests import email_digest
from countroom.identity.people import People
from countroom.identity.personal import PersonalData
from countroom.identity.refusals import Unavailable
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table
from countroom.identity.vault import Vault
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import OpenWallet
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.levels import Level, State
from countroom.verification.standing import Order, Word
from countroom.verification.store import StandingStore
from handlers import verification
from handlers.parts import vendor_line
from runtime import aws as runtime_aws
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.games.shelf import make_tables
from tests.unit.rest import Answer, call
from tests.unit.runtime.peer import Peer, hang, peer, reset, sends
from tests.unit.signed_in import Visitors
from tests.unit.verification.house import APPLICANT, PLAYER, event_of

KEYS = {"api_keys": [{"token": "sbx:token", "secret_key": "the-secret-key"}]}
NOW = "2026-01-01T12:00:00.000Z"
URL = "https://in.sumsub.com/websdk/p/sbx_abc"
MADE = {"id": APPLICANT, "externalUserId": PLAYER, "info": {"firstName": "Anna"}}


def json_answer(value: Any, status: bytes = b"200 OK", kind: bytes = b"application/json") -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return sends(b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class World:
    """A player who is logged in, and a vendor on this machine."""

    def __init__(self, client: Any, there: Peer) -> None:
        self.client = client
        self.there = there
        self.visitors = Visitors(client)
        self.desk = VerificationDesk(StandingStore(client, PLAYERS_TABLE), system_clock)
        self.knows: set[str] = set()
        there.behaviour = self.vendor
        self.token = self.visitors.token(PLAYER)
        self.open_account()

    def open_account(self) -> None:
        players = PlayersStore(Table(self.client, PLAYERS_TABLE))
        people = People(players, Vault(runtime_aws.client("kms"), os.environ["PERSONAL_KEY_ID"]))
        sealed = people.seal(PLAYER, PersonalData("anna@example.com", "1990-05-17", "Anna", "Tamm", "+3725551234", "10111"))
        account = Account(PLAYER, email_digest("anna@example.com"), sealed, "EE", "EUR", "2026-11", NOW, NOW)
        self.client.transact_write_items(TransactItems=players.creation(account, Credentials(account.address, PLAYER, "unused")))

    def open_wallet(self, country: str) -> None:
        book = Book(LedgerStore(self.client, LEDGER_TABLE), system_clock)
        assert isinstance(book.post(OpenWallet.of(PLAYER, "EUR", country)), Posted)

    def vendor(self, connection: Any, request: bytes) -> None:
        """Answer as the vendor does."""
        line = request.split(b"\r\n")[0].decode()
        if "websdkLink" in line:
            answer = json_answer({"url": URL})
        elif line.startswith("GET "):
            answer = json_answer(MADE)
        elif PLAYER in self.knows:
            answer = json_answer({"code": 409, "description": "already exists"}, b"409 Conflict")
        else:
            self.knows.add(PLAYER)
            answer = json_answer(MADE, b"201 Created")
        answer(connection, request)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return call(verification.handler, method, path, body, token=self.token)

    def start(self, body: Any = None) -> Answer:
        return self.ask("POST", "/v1/verification/start", {} if body is None else body)

    def lines(self) -> list[str]:
        return [request.split(b" HTTP/")[0].decode() for request in self.there.requests]


@pytest.fixture
def there() -> Iterator[Peer]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with peer() as running:
        yield running
    disable_socket()


def forget() -> None:
    for wired in (verification._settings, verification._book, verification._desk, verification._starter, verification._people):
        wired.cache_clear()


@pytest.fixture
def world(there: Peer, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    make_tables(dynamodb)
    monkeypatch.setenv("PERSONAL_KEY_ID", runtime_aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    made = World(dynamodb, there)
    made.visitors.come_to(verification.door, monkeypatch)
    arn = runtime_aws.client("secretsmanager").create_secret(Name="vendor", SecretString=json.dumps(KEYS))["ARN"]
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("CIRCUITS_TABLE", "circuits")
    monkeypatch.setenv("VERIFICATION_URLS", json.dumps({"sumsub": f"{there.url}/sumsub"}))
    monkeypatch.setenv("VERIFICATION_SECRETS", json.dumps({"sumsub": arn}))
    monkeypatch.setattr(vendor_line, "LIMITS", replace(vendor_line.LIMITS, read_s=0.3, total_s=0.8))
    forget()
    yield made
    forget()


class TestShown:
    @pytest.mark.parametrize(
        ("country", "needed"),
        [
            ("GB", {"deposit": ["age", "identity"], "play": ["age", "identity"], "free_play": ["age"]}),
            ("EE", {"deposit": [], "play": [], "free_play": []}),
        ],
    )
    def test_what_a_new_player_lacks(self, world: World, country: str, needed: dict[str, list[str]]) -> None:
        world.open_wallet(country)
        shown = world.ask("GET", "/v1/verification")
        assert shown.status == 200
        assert [level["level"] for level in shown.json["levels"]] == ["age", "identity", "address", "source_of_funds"]
        assert {(level["state"], level["since"]) for level in shown.json["levels"]} == {("none", None)}
        assert shown.json["needed"].items() >= needed.items()
        assert "identity" in shown.json["needed"]["withdrawal"]

    def test_neither_who_refused_nor_why_is_shown(self, world: World) -> None:
        world.open_wallet("EE")
        world.desk.name_applicant(PLAYER, APPLICANT)
        world.desk.hear(event_of(State.RETRY, labels=("SCREENSHOTS",)))
        shown = world.ask("GET", "/v1/verification")
        (identity,) = [level for level in shown.json["levels"] if level["level"] == "identity"]
        assert identity == {
            "level": "identity",
            "name": "Identity",
            "state": "retry",
            "text": "This could not be confirmed yet. Please try again.",
            "since": "2026-01-01T12:00:10.000Z",
        }
        assert "SCREENSHOTS" not in shown.text
        assert APPLICANT not in shown.text

    def test_who_has_no_wallet_has_nothing_to_do_here(self, world: World) -> None:
        assert world.ask("GET", "/v1/verification").code == "forbidden"

    @pytest.mark.parametrize(("method", "path"), [("GET", "/v1/verification"), ("POST", "/v1/verification/start")])
    def test_nobody_sees_it_without_a_token(self, world: World, method: str, path: str) -> None:
        world.token = "nobody"
        assert world.ask(method, path, {} if method == "POST" else None).code == "not_authenticated"
        assert world.lines() == []


class TestStarted:
    def test_a_player_gets_the_link_to_the_check_that_he_needs_next(self, world: World) -> None:
        world.open_wallet("GB")
        started = world.start()
        assert (started.status, started.headers["Cache-Control"]) == (201, "no-store")
        assert (started.json["level"], started.json["url"]) == ("identity", URL)
        assert started.json["expires_at"].endswith("Z")
        assert world.lines() == [
            "POST /sumsub/resources/applicants?levelName=countroom-identity",
            "POST /sumsub/resources/sdkIntegrations/levels/-/websdkLink",
        ]
        assert world.desk.standing(PLAYER).applicant_id == APPLICANT

    def test_the_vendor_is_told_as_whom_the_player_registered_and_no_more_of_him(self, world: World) -> None:
        world.open_wallet("GB")
        assert world.start().status == 201
        made = json.loads(world.there.requests[0].partition(b"\r\n\r\n")[2])
        assert made["fixedInfo"] == {"firstName": "Anna", "lastName": "Tamm", "dob": "1990-05-17"}
        sent = b"".join(world.there.requests)
        assert not [secret for secret in (b"example.com", b"5551234", b"10111") if secret in sent]

    def test_nobody_is_sent_to_the_vendor_while_his_data_cannot_be_opened(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.open_wallet("GB")

        def away(*_asked: Any) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(People, "find", away)
        assert world.start().code == "temporarily_unavailable"
        assert (world.lines(), world.desk.standing(PLAYER).version) == ([], 0)

    def test_it_may_be_asked_for_again_and_makes_no_second_applicant(self, world: World) -> None:
        world.open_wallet("GB")
        first, again = world.start({"level": "address"}), world.start({"level": "address"})
        assert (first.json["url"], again.json["url"], again.json["level"]) == (URL, URL, "address")
        assert len([line for line in world.lines() if line.endswith("countroom-address")]) == 1

    def test_an_applicant_of_a_call_whose_answer_was_lost_is_found_again(self, world: World) -> None:
        world.open_wallet("GB")

        def lose_first(connection: Any, request: bytes) -> None:
            if len(world.there.requests) == 1:
                world.knows.add(PLAYER)
                reset(connection, request)
            else:
                world.vendor(connection, request)

        world.there.behaviour = lose_first
        assert world.start().status == 201
        assert world.lines()[:3] == [
            *["POST /sumsub/resources/applicants?levelName=countroom-identity"] * 2,
            f"GET /sumsub/resources/applicants/-;externalUserId={PLAYER}/one",
        ]
        assert world.desk.standing(PLAYER).applicant_id == APPLICANT

    @pytest.mark.parametrize(
        "behaviour",
        [
            hang,
            reset,
            json_answer(b"<html>Please stand by</html>", kind=b"text/html"),
            json_answer({}, b"302 Found"),
            json_answer({}, b"500 Oops"),
            json_answer(b"{"),
            json_answer([]),
            json_answer({"id": APPLICANT, "externalUserId": "pl_ben"}),
            json_answer({"description": "no such level"}, b"400 Bad Request"),
            json_answer({"description": "who are you"}, b"401 Unauthorized"),
            json_answer({}, b"429 Too Many Requests"),
        ],
    )
    def test_what_is_no_answer_is_unknown_and_safe_to_repeat(
        self, world: World, capsys: pytest.CaptureFixture[str], behaviour: Any
    ) -> None:
        world.open_wallet("GB")
        world.there.behaviour = behaviour
        refused = world.start()
        assert (refused.status, refused.code) == (503, "verification_unavailable")
        assert refused.headers["Retry-After"]
        assert world.desk.standing(PLAYER).applicant_id == ""
        world.there.behaviour = world.vendor
        assert world.start().status == 201
        written = "".join(capsys.readouterr())
        for secret in ("the-secret-key", URL, "Anna"):
            assert secret not in written

    def test_a_level_that_is_reached_or_refused_for_good_is_not_started(self, world: World) -> None:
        world.open_wallet("GB")
        for number, (word, level) in enumerate([(Word.VERIFY, Level.IDENTITY), (Word.UNVERIFY, Level.ADDRESS)]):
            world.desk.carry_out(Order(PLAYER, word, "jane", "x", f"r-{number}", level))
        for body in ({"level": "identity"}, {"level": "address"}, {}):
            assert world.start(body).code == "verification_ended"
        assert world.lines() == []

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"level": "passport"}, ["level"]),
            ({"level": 7}, ["level"]),
            ({"levle": "identity"}, ["levle"]),
            ([], ["body"]),
        ],
    )
    def test_a_bad_request_is_refused_by_its_fields(self, world: World, body: Any, fields: list[str]) -> None:
        world.open_wallet("GB")
        refused = call(verification.handler, "POST", "/v1/verification/start", json.dumps(body), token=world.token)
        assert (refused.code, refused.wrong_fields) == ("invalid_request", fields)
        assert world.lines() == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("VERIFICATION_URLS", "{}"),
            ("VERIFICATION_SECRETS", "{}"),
            ("VERIFICATION_URLS", '{"sumsub": "http://somewhere.example"}'),
            ("VERIFICATION_SECRETS", '{"sumsub": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none"}'),
        ],
    )
    def test_a_stage_that_is_not_set_up_says_that_it_cannot(
        self, world: World, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        world.open_wallet("GB")
        monkeypatch.setenv(name, value)
        forget()
        assert world.start().code == "verification_unavailable"
