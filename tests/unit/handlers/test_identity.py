import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pyotp
import pytest
import time_machine
from botocore.exceptions import ReadTimeoutError

from countroom.clock import system_clock
from countroom.identity import tokens
from countroom.identity.access_store import AccessStore
from countroom.identity.digests import email_digest
from countroom.identity.register import Verdict
from countroom.identity.table import Table
from countroom.ledger.book import Book
from countroom.ledger.movements import Status
from countroom.ledger.rules.effects import status_at
from countroom.ledger.store import LedgerStore
from handlers import identity
from handlers.parts import registers
from runtime import aws as runtime_aws
from runtime import telemetry
from tests.unit.clock import START_MS
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE, SESSIONS_TABLE
from tests.unit.identity.office import Roll
from tests.unit.rest import Answer, call, event, send

ISSUER = "https://countroom.dev/test"
EMAIL = "ann.smith@example.com"
BODY = {
    "email": "Ann.Smith@Example.com",
    "password": "correct horse",
    "date_of_birth": "1990-05-17",
    "country": "EE",
    "currency": "EUR",
    "accepted_terms": "2026-11",
}
LOGIN = {"email": EMAIL, "password": "correct horse"}
GUESSES = 20


@dataclass
class World:
    time: time_machine.Traveller
    client: Any
    queue: str

    def mails(self) -> list[dict[str, Any]]:
        """Take what is on the mail queue."""
        found: list[dict[str, Any]] = []
        for _ in range(20):
            taken = runtime_aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            if not taken:
                break
            for one in taken:
                runtime_aws.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                found.append(json.loads(one["Body"]))
        return found

    def code(self) -> str:
        return str(self.mails()[-1]["values"]["code"])

    def items(self, table: str = PLAYERS_TABLE) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.scan(TableName=table)["Items"]
        return items


def forget() -> None:
    for cached in (identity._settings, identity._services, identity._register, identity._login, identity._public_keys):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    kms = runtime_aws.client("kms")
    keys = [kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"] for _ in range(2)]
    queue = runtime_aws.client("sqs").create_queue(QueueName="mails")["QueueUrl"]
    environment = {
        "PLAYERS_TABLE": PLAYERS_TABLE,
        "SESSIONS_TABLE": SESSIONS_TABLE,
        "LEDGER_TABLE": LEDGER_TABLE,
        "PERSONAL_KEY_ID": kms.create_key()["KeyMetadata"]["Arn"],
        "TOKEN_KEY_IDS": ",".join(keys),
        "TOKEN_ISSUER": ISSUER,
        "SESSION_ABSOLUTE_SECONDS": "86400",
        "SESSION_IDLE_SECONDS": "3600",
        "MAIL_QUEUE_URL": queue,
        "LOGIN_GUESSES_PER_SOURCE": str(GUESSES),
        "REGISTER_URLS": "{}",
        "REGISTER_SECRETS": "{}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()
    with time_machine.travel(START_MS / 1000, tick=False) as traveller:
        yield World(traveller, dynamodb, queue)
    forget()


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def ask(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, source: str = "203.0.113.7") -> Answer:
    sent = event(method, path, body, headers)
    sent["requestContext"]["identity"] = {"sourceIp": source}
    return send(identity.handler, sent)


def register(world: World, **changes: str) -> str:
    """Let somebody open an account; return the player's id."""
    token = ask("POST", "/v1/players", BODY | changes).json["registration_token"]
    answer = ask("POST", "/v1/players/verifications", {"registration_token": token, "code": world.code()})
    assert answer.status == 201
    return str(answer.json["player_id"])


def test_registration_takes_two_steps(world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    begun = ask("POST", "/v1/players", BODY)
    assert (begun.status, sorted(begun.json), begun.json["expires_in"]) == (202, ["expires_in", "registration_token"], 1800)
    assert begun.headers["Cache-Control"] == "no-store"
    (mail,) = world.mails()
    assert (mail["template"], mail["to"]) == ("verify_address", EMAIL)
    body = {"registration_token": begun.json["registration_token"], "code": mail["values"]["code"].lower()}
    opened = ask("POST", "/v1/players/verifications", body)
    assert opened.status == 201
    assert opened.json == {
        "player_id": opened.json["player_id"],
        "email": EMAIL,
        "currency": "EUR",
        "country": "EE",
        "created_at": "2026-01-01T12:00:00.000Z",
    }
    again = ask("POST", "/v1/players/verifications", body)
    assert (again.status, again.json) == (201, opened.json)
    text = capsys.readouterr().out + log.getvalue()
    assert text.replace(" ", "").count('"PlayerRegistered":[1.0]') == 1
    for secret in (EMAIL, "correct horse", body["code"], mail["values"]["code"], begun.json["registration_token"], "1990-05-17"):
        assert secret not in text


def test_a_taken_address_is_answered_like_a_free_one(world: World) -> None:
    register(world)
    free = ask("POST", "/v1/players", BODY | {"email": "bob.smith@example.com"})
    taken = ask("POST", "/v1/players", BODY | {"password": "something else"})
    assert [mail["template"] for mail in world.mails()] == ["verify_address", "address_taken"]
    assert (free.status, free.headers, sorted(free.json)) == (taken.status, taken.headers, sorted(taken.json))
    assert len(free.text) == len(taken.text)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "not an address"}, ["email"]),
        ({"email": "\u0430nn@example.com"}, ["email"]),
        ({"password": "hunter2"}, ["password"]),
        ({"password": "hunter2hunter2" * 10}, ["password"]),
        ({"password": "password1"}, ["password"]),
        ({"password": "AnnSmith90"}, ["password"]),
        ({"password": "countroom1"}, ["password"]),
        ({"date_of_birth": "2010-01-01"}, ["date_of_birth"]),
        ({"date_of_birth": "2008-01-02"}, ["date_of_birth"]),
        ({"country": "US"}, ["country"]),
        ({"currency": "BTC"}, ["currency"]),
        ({"accepted_terms": ""}, ["accepted_terms"]),
        ({"email": "hunter2", "password": "hunter2"}, ["email", "password"]),
        ({"password": 12345678}, ["password"]),
        ({"password": ["correct horse"]}, ["password"]),
        ({"accepted_terms": True}, ["accepted_terms"]),
        ({"email": None}, ["email"]),
        ({"password": "hunter2" * 200}, ["password"]),
        ({"is_admin": True}, ["is_admin"]),
    ],
)
def test_invalid_registrations(world: World, changes: dict[str, Any], fields: list[str]) -> None:
    answer = ask("POST", "/v1/players", BODY | changes)
    assert (answer.status, answer.code, answer.wrong_fields) == (400, "invalid_request", fields)
    for value in changes.values():
        assert not value or str(value) not in answer.text or value is True
    assert {item["pk"]["S"].partition("#")[0] for item in world.items()} <= {"SOURCE"}  # the count of the caller's tries
    assert world.mails() == []


def test_eighteen_today_is_old_enough(world: World) -> None:
    assert register(world, date_of_birth="2008-01-01")


@pytest.mark.parametrize("field", BODY)
def test_every_field_is_needed(field: str) -> None:
    answer = ask("POST", "/v1/players", {name: value for name, value in BODY.items() if name != field})
    assert (answer.code, answer.json["errors"]) == ("invalid_request", [{"field": field, "message": "is required"}])


def test_a_field_sent_twice_is_malformed() -> None:
    assert ask("POST", "/v1/players", json.dumps(BODY)[:-1] + ', "country": "US"}').code == "malformed_json"


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/v1/players/verifications", {"registration_token": "x"}, ["code"]),
        ("/v1/players/verifications", {"code": "x"}, ["registration_token"]),
        ("/v1/sessions", {"email": "a@b.co"}, ["password"]),
        ("/v1/sessions", LOGIN | {"otp": "1"}, ["otp"]),
        ("/v1/sessions", {"email": 1, "password": 2}, ["email", "password"]),
        ("/v1/sessions/refresh", {}, ["refresh_token"]),
        ("/v1/password-resets", {}, ["email"]),
        ("/v1/password-resets", {"email": "no address"}, ["email"]),
        ("/v1/password-resets/completions", {"reset_token": "x", "code": "x"}, ["password"]),
    ],
)
def test_invalid_bodies(path: str, body: dict[str, Any], fields: list[str]) -> None:
    answer = ask("POST", path, body)
    assert (answer.status, answer.code, answer.wrong_fields) == (400, "invalid_request", fields)


@pytest.mark.parametrize("body", [{"registration_token": "x" * 43, "code": "00000000"}, {"registration_token": "", "code": ""}])
def test_codes_of_nothing(body: dict[str, str]) -> None:
    answer = ask("POST", "/v1/players/verifications", body)
    assert (answer.status, answer.code) == (400, "invalid_code")


def test_login_opens_a_session_whose_token_the_published_keys_check(
    world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    player_id = register(world)
    visit = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0", "CloudFront-Viewer-Country": "XX"}
    answer = ask("POST", "/v1/sessions", LOGIN, visit)
    assert answer.status == 201
    opened = answer.json
    assert sorted(opened) == [
        "access_token",
        "device_token",
        "expires_in",
        "last_login",
        "player_id",
        "refresh_expires_in",
        "refresh_token",
        "session_id",
        "token_type",
    ]
    assert (opened["player_id"], opened["token_type"], opened["expires_in"]) == (player_id, "Bearer", 600)
    assert (opened["refresh_expires_in"], opened["last_login"]) == (3600, None)
    keys = ask("GET", "/.well-known/jwks.json")
    assert (keys.status, keys.headers["Content-Type"], len(keys.json["keys"])) == (200, "application/json", 2)
    assert keys.headers["Cache-Control"] == "public, max-age=300"
    key = jwt.PyJWKSet.from_dict(keys.json)[jwt.get_unverified_header(opened["access_token"])["kid"]]
    claims = jwt.decode(opened["access_token"], key.key, algorithms=["ES256"], audience=tokens.AUDIENCE, issuer=ISSUER)
    assert (claims["sub"], claims["sid"]) == (player_id, opened["session_id"])
    world.time.shift(60)
    second = ask("POST", "/v1/sessions", LOGIN | {"device_token": opened["device_token"]})
    assert second.json["last_login"] == {
        "at": "2026-01-01T12:00:00.000Z",
        "place": "203.0.113.0/24",
        "device": "Firefox on Windows",
    }
    text = capsys.readouterr().out + log.getvalue()
    for secret in (opened["access_token"], opened["refresh_token"], opened["device_token"], EMAIL, "203.0.113.7"):
        assert secret not in text
    assert '"LoginSucceeded":[1.0]' in text.replace(" ", "")


def test_wrong_password_unknown_address_and_unverified_one_are_one_answer(world: World) -> None:
    register(world)
    ask("POST", "/v1/players", BODY | {"email": "waiting@example.com"})
    answers = [
        ask("POST", "/v1/sessions", LOGIN | {"password": "wrong horse"}),
        ask("POST", "/v1/sessions", LOGIN | {"email": "nobody@example.com"}),
        ask("POST", "/v1/sessions", LOGIN | {"email": "waiting@example.com"}),
        ask("POST", "/v1/sessions", LOGIN | {"email": "no address"}),
        ask("POST", "/v1/sessions", LOGIN | {"password": "x" * 200}),
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_credentials")}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_too_many_guesses_for_an_address(world: World) -> None:
    register(world)
    for _ in range(10):
        ask("POST", "/v1/sessions", LOGIN | {"password": "wrong horse"})
    world.time.shift(10)
    answer = ask("POST", "/v1/sessions", LOGIN)
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert 800 < int(answer.headers["Retry-After"]) <= 930


def test_too_many_guesses_from_a_source(world: World) -> None:
    register(world)
    for number in range(GUESSES):
        ask("POST", "/v1/sessions", {"email": f"nobody{number}@example.com", "password": "correct horse"}, source="198.51.100.1")
    assert ask("POST", "/v1/sessions", LOGIN, source="198.51.100.1").code == "too_many_requests"
    assert ask("POST", "/v1/sessions", LOGIN, source="198.51.100.2").status == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/players", BODY),
        ("/v1/password-resets", {"email": EMAIL}),
        ("/v1/password-resets/completions", {"reset_token": "x" * 43, "code": "00000000", "password": "wrong donkey"}),
    ],
)
def test_a_source_s_tries_are_counted_on_every_way_in(world: World, path: str, body: dict[str, Any]) -> None:
    for number in range(GUESSES):
        answer = ask("POST", "/v1/password-resets", {"email": f"nobody{number}@example.com"}, source="198.51.100.1")
        assert answer.status == 202
    before = len(world.items())
    refused = ask("POST", path, body, source="198.51.100.1")
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert ask("POST", "/v1/sessions", LOGIN, source="198.51.100.1").code == "too_many_requests"
    assert len(world.items()) == before
    assert ask("POST", path, body, source="198.51.100.2").status != 429


def test_a_second_factor_is_asked_for(world: World) -> None:
    player_id = register(world)
    factors = identity._services().factors
    secret = factors.begin(player_id).secret
    factors.confirm(player_id, pyotp.TOTP(secret).at(START_MS // 1000), "se_none")
    assert ask("POST", "/v1/sessions", LOGIN).code == "second_factor_required"
    assert ask("POST", "/v1/sessions", LOGIN | {"code": "000000"}).code == "invalid_code"
    world.time.shift(30)
    code = pyotp.TOTP(secret).at(START_MS // 1000 + 30)
    assert ask("POST", "/v1/sessions", LOGIN | {"code": code}).status == 201
    assert ask("POST", "/v1/sessions", LOGIN | {"code": code}).code == "invalid_code"


def test_refresh_rotates_and_reuse_ends_the_session(world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    register(world)
    opened = ask("POST", "/v1/sessions", LOGIN).json
    answer = ask("POST", "/v1/sessions/refresh", {"refresh_token": opened["refresh_token"]})
    assert answer.status == 200
    assert sorted(answer.json) == sorted(set(opened) - {"device_token", "last_login"})
    assert answer.json["session_id"] == opened["session_id"]
    world.time.shift(60)
    for token in (opened["refresh_token"], answer.json["refresh_token"], "nonsense"):
        refused = ask("POST", "/v1/sessions/refresh", {"refresh_token": token})
        assert (refused.status, refused.code) == (401, "refresh_refused")
    printed = capsys.readouterr().out + log.getvalue()
    assert '"RefreshReused":[1.0]' in printed.replace(" ", "")
    assert opened["refresh_token"] not in printed
    page = identity._services().events.page(opened["player_id"], 1)
    assert [(event.kind, event.source) for event in page.events] == [("refresh_reused", "203.0.113.0/24")]


def test_a_forgotten_password(world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    player_id = register(world)
    refresh = ask("POST", "/v1/sessions", LOGIN).json["refresh_token"]
    world.mails()
    begun = ask("POST", "/v1/password-resets", {"email": EMAIL})
    assert (begun.status, begun.json["expires_in"]) == (202, 900)
    body = {"reset_token": begun.json["reset_token"], "code": world.code(), "password": "wrong donkey"}
    answer = ask("POST", "/v1/password-resets/completions", body)
    assert (answer.status, answer.text) == (204, "")
    assert [mail["template"] for mail in world.mails()] == ["password_changed"]
    assert ask("POST", "/v1/sessions/refresh", {"refresh_token": refresh}).code == "refresh_refused"
    assert ask("POST", "/v1/sessions", LOGIN).code == "invalid_credentials"
    assert ask("POST", "/v1/sessions", LOGIN | {"password": "wrong donkey"}).json["player_id"] == player_id
    assert ask("POST", "/v1/password-resets/completions", body | {"password": "another one"}).code == "invalid_code"
    assert ask("POST", "/v1/password-resets/completions", body | {"password": "short"}).wrong_fields == ["password"]
    printed = capsys.readouterr().out + log.getvalue()
    for secret in (body["code"], "wrong donkey", begun.json["reset_token"], EMAIL):
        assert secret not in printed


def test_a_reset_for_nobody_is_answered_alike(world: World) -> None:
    register(world)
    known, unknown = (ask("POST", "/v1/password-resets", {"email": email}) for email in (EMAIL, "bob.smith@example.com"))
    assert (known.status, known.headers, len(known.text)) == (unknown.status, unknown.headers, len(unknown.text))
    assert [mail["template"] for mail in world.mails()] == ["reset_password", "nothing"]


def test_a_reset_does_not_go_round_a_second_factor(world: World) -> None:
    player_id = register(world)
    identity._services().sessions.set_factor(player_id, enrolled=True)
    token = ask("POST", "/v1/password-resets", {"email": EMAIL}).json["reset_token"]
    body = {"reset_token": token, "code": world.code(), "password": "wrong donkey"}
    answer = ask("POST", "/v1/password-resets/completions", body)
    assert (answer.status, answer.code) == (401, "second_factor_required")
    for _ in range(5):
        assert ask("POST", "/v1/password-resets/completions", body | {"factor_code": "000000"}).code == "invalid_code"
    assert ask("POST", "/v1/password-resets/completions", body | {"factor_code": "000000"}).code == "too_many_requests"


def test_a_frozen_account_is_said_only_to_who_knows_the_password(world: World) -> None:
    player_id = register(world)
    from dataclasses import replace  # noqa: PLC0415 - what this one test needs

    from countroom.identity.access import Standing  # noqa: PLC0415

    store = AccessStore(Table(world.client, SESSIONS_TABLE))
    access = store.access(player_id)
    assert access is not None
    store.replace(access, replace(access, standing=Standing.FROZEN))
    assert ask("POST", "/v1/sessions", LOGIN).code == "account_frozen"
    assert ask("POST", "/v1/sessions", LOGIN | {"password": "wrong horse"}).code == "invalid_credentials"


def test_the_ledger_s_unknown_outcome_is_worth_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from countroom.ledger.book import Book, OutcomeUnknown  # noqa: PLC0415 - what this one test replaces

    def lost(*_args: object) -> None:
        raise OutcomeUnknown(possibly_written=True)

    token = ask("POST", "/v1/players", BODY).json["registration_token"]
    body = {"registration_token": token, "code": world.code()}
    with monkeypatch.context() as patched:
        patched.setattr(Book, "post", lost)
        answer = ask("POST", "/v1/players/verifications", body)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "temporarily_unavailable", "2")
    assert ask("POST", "/v1/players/verifications", body).status == 201


@pytest.mark.parametrize("service", ["kms", "sqs", "dynamodb"])
def test_a_silent_service_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    class Silent:
        def __getattr__(self, name: str) -> Any:
            def call(**_request: Any) -> Any:
                raise ReadTimeoutError(endpoint_url=f"https://{service}/{name}")

            return call

    real = runtime_aws.client
    forget()
    monkeypatch.setattr(runtime_aws, "client", lambda wanted, **more: Silent() if wanted == service else real(wanted, **more))
    answer = ask("POST", "/v1/players", BODY)
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
    assert EMAIL not in answer.text


def test_nothing_stored_is_readable(world: World) -> None:
    register(world)
    ask("POST", "/v1/sessions", LOGIN)
    kept = repr([world.items(table) for table in (PLAYERS_TABLE, LEDGER_TABLE, SESSIONS_TABLE)])
    for secret in (EMAIL, "ann.smith", "correct horse", "1990-05-17", "203.0.113.7"):
        assert secret not in kept
    assert email_digest(EMAIL) in kept


def test_missing_settings_are_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_ISSUER")
    answer = ask("GET", "/.well-known/jwks.json")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "TOKEN_ISSUER" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/players", "method_not_allowed"),
        ("GET", "/v1/sessions/refresh", "method_not_allowed"),
        ("GET", "/v1", "not_found"),
    ],
)
def test_what_is_not_there(method: str, path: str, code: str) -> None:
    assert call(identity.handler, method, path).code == code


def test_no_route_here_needs_a_token() -> None:
    for route in [*identity.app._static_routes, *identity.app._dynamic_routes]:
        assert route.security == []


# ------------------------------------------------------------------------------------------ a country that has a register

BRITISH = {"country": "GB", "currency": "GBP", "given_name": "Ann", "family_name": "Smith", "postcode": "SW1A 1AA"}


@pytest.fixture
def roll(monkeypatch: pytest.MonkeyPatch) -> Roll:
    roll = Roll()
    monkeypatch.setattr(registers, "ways_of", lambda _told: {"GAMSTOP": roll})
    return roll


def login() -> Answer:
    return ask("POST", "/v1/sessions", LOGIN)


def counted(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.replace(" ", "")


def test_names_and_postcode_are_asked_for_where_there_is_a_register(world: World) -> None:
    answer = ask("POST", "/v1/players", BODY | {"country": "GB", "currency": "GBP"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert {error["field"] for error in answer.json["errors"]} == {"given_name", "family_name", "postcode"}
    assert world.mails() == []


def test_who_is_listed_does_not_become_a_player(world: World, roll: Roll, capsys: pytest.CaptureFixture[str]) -> None:
    roll.listed[EMAIL] = Verdict.LISTED
    token = ask("POST", "/v1/players", BODY | BRITISH).json["registration_token"]
    answer = ask("POST", "/v1/players/verifications", {"registration_token": token, "code": world.code()})
    assert (answer.status, answer.json["code"]) == (403, "wallet_excluded")
    assert world.items(LEDGER_TABLE) == []
    assert '"RegistrationOfExcluded":[1.0]' in counted(capsys)


def test_a_registration_waits_for_the_register(world: World, roll: Roll, capsys: pytest.CaptureFixture[str]) -> None:
    roll.is_silent = True
    token = ask("POST", "/v1/players", BODY | BRITISH).json["registration_token"]
    body = {"registration_token": token, "code": world.code()}
    answer = ask("POST", "/v1/players/verifications", body)
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "temporarily_unavailable", "2")
    assert '"RegisterSilent":[1.0]' in counted(capsys)
    roll.is_silent = False
    assert ask("POST", "/v1/players/verifications", body).status == 201


def test_without_an_address_of_the_register_nobody_from_there_becomes_a_player(world: World) -> None:
    token = ask("POST", "/v1/players", BODY | BRITISH).json["registration_token"]
    assert ask("POST", "/v1/players/verifications", {"registration_token": token, "code": world.code()}).status == 503


def test_who_is_listed_at_a_login_gets_in_and_is_excluded(
    world: World, roll: Roll, capsys: pytest.CaptureFixture[str], log: io.StringIO
) -> None:
    player_id = register(world, **BRITISH)
    roll.listed[EMAIL] = Verdict.LISTED
    answer = login()
    assert answer.status == 201
    wallet = Book(LedgerStore(world.client, LEDGER_TABLE), system_clock).wallet(player_id)
    assert wallet is not None
    assert status_at(wallet, system_clock()) is Status.EXCLUDED
    text = counted(capsys)
    assert '"said":"listed"' in text
    for secret in ("SW1A", "Smith"):
        assert secret not in text + log.getvalue()


def test_a_login_waits_for_the_register_a_day_after_its_last_word(
    world: World, roll: Roll, capsys: pytest.CaptureFixture[str]
) -> None:
    register(world, **BRITISH)
    assert login().status == 201
    roll.is_silent = True
    world.time.shift(86_399)
    assert login().status == 201
    world.time.shift(1)
    answer = login()
    assert (answer.status, answer.json["code"]) == (503, "temporarily_unavailable")
    assert '"at":"login"' in counted(capsys)


@pytest.mark.parametrize(
    ("urls", "secrets", "ways"),
    [
        ({"GAMSTOP": "https://register.example"}, {"GAMSTOP": "arn:aws:secretsmanager:s"}, {"GAMSTOP"}),
        ({"GAMSTOP": "https://register.example"}, {}, set()),
        ({}, {"GAMSTOP": "arn:aws:secretsmanager:s"}, set()),
        ({"GAMSTOP": "http://register.example"}, {"GAMSTOP": "arn:aws:secretsmanager:s"}, set()),
    ],
    ids=["whole", "no secret", "no address", "no TLS"],
)
def test_a_register_that_is_not_set_up_stops_no_other_country(
    world: World, monkeypatch: pytest.MonkeyPatch, urls: dict[str, str], secrets: dict[str, str], ways: set[str]
) -> None:
    monkeypatch.setenv("REGISTER_URLS", json.dumps(urls))
    monkeypatch.setenv("REGISTER_SECRETS", json.dumps(secrets))
    forget()
    assert registers.ways_of(identity._settings()).keys() == ways
    assert register(world)
    assert login().status == 201
