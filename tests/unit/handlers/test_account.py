"""A player's own account over HTTP: every route over emulated tables, keys and mail queue."""

from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import time_machine

from countroom.clock import system_clock
from countroom.identity import factor, rules
from countroom.identity.access import Ended
from countroom.identity.mail import Message, Template, from_body
from countroom.identity.registration import Registration
from countroom.identity.sessions import Opened
from countroom.identity.table import Table
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Deposit, Movement, Reference
from countroom.ledger.store import LedgerStore
from handlers import account
from runtime import aws as runtime_aws
from tests.unit.clock import START_MS
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.identity.registers import no_register
from tests.unit.rest import Answer, call, event, send
from tests.unit.signed_in import Visitors

EMAIL, PASSWORD, OTHER_PASSWORD = "ann.smith@example.com", "correct horse", "battery staple"
UNIT = 10**9

ROUTES = [
    ("GET", "/v1/players/me"),
    ("PATCH", "/v1/players/me"),
    ("GET", "/v1/players/me/security-events"),
    ("POST", "/v1/players/me/password"),
    ("POST", "/v1/players/me/email"),
    ("POST", "/v1/players/me/email/confirmations"),
    ("POST", "/v1/players/me/factor"),
    ("POST", "/v1/players/me/factor/confirmations"),
    ("DELETE", "/v1/players/me/factor"),
    ("POST", "/v1/players/me/closure"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/current"),
    ("DELETE", "/v1/sessions/<session_id>"),
    ("POST", "/v1/sessions/current/step-up"),
]
FRESH = [route for route in ROUTES if route[1].startswith("/v1/players/me/") and not route[1].endswith("events")]


class World:
    """One player with an account, opened as the public routes open it, and whoever logs in to it."""

    def __init__(self, client: Any, queue_url: str, time: time_machine.Traveller) -> None:
        self.client = client
        self.visitors = Visitors(client)
        self.book = Book(LedgerStore(client, LEDGER_TABLE), system_clock)
        self.queue_url = queue_url
        self.time = time
        self.player_id = ""

    def join(self) -> None:
        registration = Registration(account._services().desk, no_register(Table(self.client, PLAYERS_TABLE), system_clock))
        begun = registration.begin(rules.Application(EMAIL, PASSWORD, "1990-05-17", "EE", "EUR", "2026-11"))
        (mail,) = self.mails()
        self.player_id = registration.verify(begun.token, mail.values["code"]).player_id
        self.visitors._known.add(self.player_id)
        self.time.shift(1)

    def login(self, *, stepped_up: bool = True) -> Opened:
        return self.visitors.open(self.player_id, stepped_up=stepped_up)

    def mails(self) -> list[Message]:
        """What was queued since the last look."""
        sqs = runtime_aws.client("sqs")
        found = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [from_body(message["Body"]) for message in found]

    def post(self, movement: Movement) -> None:
        assert isinstance(self.book.post(movement), Posted)

    def kinds(self, opened: Opened) -> list[str]:
        return [item["kind"] for item in self.told(opened)]

    def told(self, opened: Opened) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = ask("GET", "/v1/players/me/security-events", opened).json["items"]
        return items


@pytest.fixture
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    monkeypatch.setenv("PERSONAL_KEY_ID", runtime_aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    queue_url = runtime_aws.client("sqs").create_queue(QueueName="mail")["QueueUrl"]
    monkeypatch.setenv("MAIL_QUEUE_URL", queue_url)
    forget()
    with time_machine.travel(START_MS / 1000, tick=False) as traveller:
        made = World(dynamodb, queue_url, traveller)
        made.visitors.come_to(account.door, monkeypatch)
        made.join()
        yield made
    forget()


def forget() -> None:
    for cached in (account._settings, account._services):
        cached.cache_clear()


def ask(method: str, path: str, opened: Opened | None = None, body: Any = None, **more: Any) -> Answer:
    return call(account.handler, method, path, body, token=opened.access_token if opened else None, **more)


def ask_from(address: str, method: str, path: str, opened: Opened, body: Any = None) -> Answer:
    """The same from a network address."""
    sent = event(method, path, body, {"Authorization": f"Bearer {opened.access_token}"})
    sent["requestContext"]["identity"] = {"sourceIp": address}
    return send(account.handler, sent)


def test_these_are_the_routes() -> None:
    routes = [*account.app._static_routes, *account.app._dynamic_routes]
    assert sorted((route.method, route.path) for route in routes) == sorted(ROUTES)
    assert all(route.security == [{"bearer": []}] for route in routes)


def test_every_route_needs_a_token_of_a_live_session(world: World) -> None:
    ended, late = world.login(), world.login()
    world.visitors.sessions.end(world.player_id, ended.session_id, Ended.LOGGED_OUT)
    before = world.visitors.store.access(world.player_id)
    for method, route in ROUTES:
        path = route.replace("<session_id>", "current")
        for body in (None, {"odd": 1}):
            assert ask(method, path, None, body).code == "not_authenticated"
            assert ask(method, path, None, body, headers={"Authorization": "Bearer x"}).code == "not_authenticated"
            assert ask(method, path, ended, body).code == "session_ended"
    world.time.shift(600)
    for method, route in ROUTES:
        assert ask(method, route.replace("<session_id>", "current"), late).code == "token_expired"
    assert world.visitors.store.access(world.player_id) == before


def test_what_could_cost_the_account_needs_a_fresh_proof(world: World) -> None:
    by_password_only, late = world.login(stepped_up=False), world.login()
    bodies = {
        "/v1/players/me/password": {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        "/v1/players/me/email": {"email": "b@example.com"},
        "/v1/players/me/email/confirmations": {"change_token": "x", "code": "x"},
        "/v1/players/me/factor/confirmations": {"code": "123456"},
    }
    world.time.shift(300)
    for method, path in FRESH:
        for opened in (by_password_only, late):
            answer = ask(method, path, opened, bodies.get(path))
            assert (answer.status, answer.code) == (403, "step_up_required")
    assert ask("GET", "/v1/players/me", late).status == 200


def test_the_profile(world: World) -> None:
    shown = ask("GET", "/v1/players/me", world.login()).json
    assert shown == {
        "player_id": world.player_id,
        "email": EMAIL,
        "date_of_birth": "1990-05-17",
        "given_name": "",
        "family_name": "",
        "phone": "",
        "postcode": "",
        "country": "EE",
        "currency": "EUR",
        "accepted_terms": "2026-11",
        "terms_accepted_at": "2026-01-01T12:00:00.000Z",
        "created_at": "2026-01-01T12:00:00.000Z",
        "second_factor": False,
    }


def test_the_profile_changes_where_it_may(world: World) -> None:
    opened = world.login()
    changed = ask("PATCH", "/v1/players/me", opened, {"given_name": "Ann", "phone": "+3725551234"})
    assert (changed.status, changed.json["given_name"], changed.json["phone"]) == (200, "Ann", "+3725551234")
    assert ask("GET", "/v1/players/me", opened).json == changed.json
    for body, fields in (
        ({"country": "FI"}, ["country"]),
        ({"email": "b@example.com"}, ["email"]),
        ({"phone": "hunter2"}, ["phone"]),
        ({"given_name": 1}, ["given_name"]),
    ):
        answer = ask("PATCH", "/v1/players/me", opened, body)
        assert (answer.status, answer.wrong_fields) == (400, fields)
        assert "hunter2" not in answer.text
    assert world.kinds(opened)[0] == "profile_changed"


def test_security_events_page_by_page(world: World) -> None:
    opened = world.login()
    for name in ("Ann", "Anne", "Anna"):
        ask("PATCH", "/v1/players/me", opened, {"given_name": name})
        world.time.shift(1)
    first = ask("GET", "/v1/players/me/security-events", opened, query={"limit": "2"}).json
    assert first["items"][0] == {
        "at": "2026-01-01T12:00:03.000Z",
        "kind": "profile_changed",
        "session_id": opened.session_id,
        "source": "unknown",
        "detail": "given_name",
    }
    rest = ask("GET", "/v1/players/me/security-events", opened, query={"cursor": first["next_cursor"]}).json
    assert [item["kind"] for item in rest["items"]] == ["profile_changed", "registered"]
    assert ask("GET", "/v1/players/me/security-events", opened, query={"cursor": "x"}).wrong_fields == ["cursor"]
    assert ask("GET", "/v1/players/me/security-events", opened, query={"limit": "0"}).wrong_fields == ["limit"]


def test_where_a_request_came_from_is_kept_in_part(world: World) -> None:
    opened = world.login()
    sent = event("PATCH", "/v1/players/me", {"given_name": "Ann"}, {"Authorization": f"Bearer {opened.access_token}"})
    sent["requestContext"]["identity"] = {"sourceIp": "203.0.113.77"}
    send(account.handler, sent)
    (newest, *_) = ask("GET", "/v1/players/me/security-events", opened).json["items"]
    assert newest["source"] == "203.0.113.0/24"


def test_a_new_password_ends_every_session(world: World) -> None:
    opened, other = world.login(), world.login()
    world.mails()
    answer = ask("POST", "/v1/players/me/password", opened, {"current_password": PASSWORD, "new_password": OTHER_PASSWORD})
    assert (answer.status, answer.text) == (204, "")
    for ended in (opened, other):
        assert ask("GET", "/v1/players/me", ended).code == "session_ended"
    assert [mail.template for mail in world.mails()] == [Template.PASSWORD_CHANGED]
    again = world.login()
    body = {"current_password": OTHER_PASSWORD, "new_password": PASSWORD}
    assert ask("POST", "/v1/players/me/password", again, body).status == 204


def test_a_new_password_needs_the_old_one_and_guesses_are_counted(world: World) -> None:
    opened = world.login()
    for _ in range(10):
        body = {"current_password": "hunter2hunter2", "new_password": OTHER_PASSWORD}
        answer = ask("POST", "/v1/players/me/password", opened, body)
        assert (answer.status, answer.code) == (401, "invalid_credentials")
        assert "hunter2" not in answer.text
    answer = ask("POST", "/v1/players/me/password", opened, {"current_password": PASSWORD, "new_password": OTHER_PASSWORD})
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert 900 <= int(answer.headers["Retry-After"]) <= 960


@pytest.mark.parametrize("password", ["short", "x" * 129, "password1"])
def test_a_new_password_has_to_be_a_good_one(world: World, password: str) -> None:
    answer = ask("POST", "/v1/players/me/password", world.login(), {"current_password": PASSWORD, "new_password": password})
    assert (answer.status, answer.wrong_fields) == (400, ["new_password"])
    assert password not in answer.text


def test_another_address_by_the_code_that_goes_there(world: World) -> None:
    opened = world.login()
    world.mails()
    begun = ask("POST", "/v1/players/me/email", opened, {"email": "Ann@example.org"})
    assert (begun.status, begun.json["expires_in"]) == (202, 900)
    (mail,) = world.mails()
    assert mail.to == "ann@example.org"
    sent = {"change_token": begun.json["change_token"], "code": "00000000"}
    assert ask("POST", "/v1/players/me/email/confirmations", opened, sent).code == "invalid_code"
    answer = ask("POST", "/v1/players/me/email/confirmations", opened, {**sent, "code": mail.values["code"]})
    assert answer.status == 204
    assert ask("GET", "/v1/players/me", opened).code == "session_ended"
    assert ask("GET", "/v1/players/me", world.login()).json["email"] == "ann@example.org"
    assert [mail.to for mail in world.mails()] == [EMAIL]
    assert ask("POST", "/v1/players/me/email", world.login(), {"email": "no"}).wrong_fields == ["email"]


def enrol(opened: Opened) -> pyotp.TOTP:
    begun = ask("POST", "/v1/players/me/factor", opened, {})
    assert (begun.status, begun.json["otpauth_uri"].split("?")[0]) == (201, "otpauth://totp/Countroom:ann.smith%40example.com")
    app = pyotp.TOTP(begun.json["secret"])
    confirmed = ask("POST", "/v1/players/me/factor/confirmations", opened, {"code": app.at(system_clock() // 1000)})
    assert (confirmed.status, len(confirmed.json["recovery_codes"])) == (200, 10)
    return app


def test_a_second_factor_from_enrolment_to_removal(world: World) -> None:
    opened, other = world.login(), world.login()
    app = enrol(opened)
    assert ask("GET", "/v1/players/me", opened).json["second_factor"]
    assert ask("GET", "/v1/players/me", other).code == "session_ended"
    world.time.shift(300)
    assert ask("DELETE", "/v1/players/me/factor", opened).code == "step_up_required"
    path = "/v1/sessions/current/step-up"
    assert ask("POST", path, opened, {"password": PASSWORD}).code == "second_factor_required"
    code = app.at(system_clock() // 1000)
    assert ask("POST", path, opened, {"code": code}).status == 204
    assert ask("POST", path, opened, {"code": code}).code == "invalid_code"
    assert ask("DELETE", "/v1/players/me/factor", opened).status == 204
    assert not ask("GET", "/v1/players/me", opened).json["second_factor"]
    assert ask("DELETE", "/v1/players/me/factor", opened).status == 204
    kinds = world.kinds(opened)
    assert [kinds.count(kind) for kind in ("factor_enrolled", "factor_removed", "stepped_up", "step_up_refused")] == [1, 1, 1, 1]
    assert [mail.template for mail in world.mails()] == [Template.FACTOR_ADDED, Template.FACTOR_REMOVED]


def test_a_recovery_code_that_steps_up_is_recorded(world: World) -> None:
    opened = world.login(stepped_up=True)
    secret = ask("POST", "/v1/players/me/factor", opened, {}).json["secret"]
    code = pyotp.TOTP(secret).at(system_clock() // 1000)
    shown = ask("POST", "/v1/players/me/factor/confirmations", opened, {"code": code}).json["recovery_codes"]
    world.time.shift(1)
    path = "/v1/sessions/current/step-up"
    assert ask_from("203.0.113.77", "POST", path, opened, {"code": shown[0]}).status == 204
    assert ask("POST", path, opened, {"code": shown[0]}).code == "invalid_code"
    used = [item for item in world.told(opened) if item["kind"] == "recovery_code_used"]
    assert [(item["session_id"], item["source"], item["detail"]) for item in used] == [
        (opened.session_id, "203.0.113.0/24", "recovery codes left: 9")
    ]


def test_codes_guessed_in_one_session_do_not_lock_another(world: World) -> None:
    opened = world.login()
    app = enrol(opened)
    other = world.login()
    world.time.shift(60)
    path = "/v1/sessions/current/step-up"
    for _ in range(factor.GUESSES_MAX):
        assert ask("POST", path, other, {"code": "000000"}).code == "invalid_code"
    code = app.at(system_clock() // 1000)
    assert ask("POST", path, other, {"code": code}).code == "too_many_requests"
    assert ask("POST", path, opened, {"code": code}).status == 204


def test_recovery_codes_are_shown_though_the_notice_cannot_be_queued(world: World) -> None:
    opened = world.login()
    runtime_aws.client("sqs").delete_queue(QueueUrl=world.queue_url)
    enrol(opened)
    assert ask("GET", "/v1/players/me", opened).json["second_factor"]
    assert ask("DELETE", "/v1/players/me/factor", opened).status == 204


def test_a_second_factor_is_not_asked_for_before_its_first_code(world: World) -> None:
    opened = world.login()
    ask("POST", "/v1/players/me/factor", opened)
    assert ask("POST", "/v1/players/me/factor/confirmations", opened, {"code": "000000"}).code == "invalid_code"
    assert not ask("GET", "/v1/players/me", opened).json["second_factor"]
    assert ask("POST", "/v1/sessions/current/step-up", opened, {"password": PASSWORD}).status == 204


def test_step_up_by_password(world: World) -> None:
    opened = world.login(stepped_up=False)
    path = "/v1/sessions/current/step-up"
    assert ask("POST", path, opened, {}).wrong_fields == ["password"]
    assert ask("POST", path, opened, {"password": "wrong horse"}).code == "invalid_credentials"
    world.time.shift(1)
    assert ask("POST", path, opened, {"password": PASSWORD, "code": None}).status == 204
    assert ask("POST", "/v1/players/me/factor", opened).status == 201
    assert world.kinds(opened)[:2] == ["stepped_up", "step_up_refused"]


def test_closing_an_account_needs_an_empty_wallet(world: World) -> None:
    opened = world.login()
    world.post(Deposit(Reference("gateway:standard", "dep_1"), world.player_id, "EUR", UNIT))
    for _ in range(2):
        answer = ask("POST", "/v1/players/me/closure", opened, {})
        assert (answer.status, answer.code) == (409, "balance_remains")
    assert ask("GET", "/v1/players/me", opened).status == 200


def test_a_closed_account_is_closed(world: World) -> None:
    opened = world.login()
    world.mails()
    assert ask("POST", "/v1/players/me/closure", opened, {"sure": True}).wrong_fields == ["sure"]
    assert ask("POST", "/v1/players/me/closure", opened).status == 204
    assert ask("GET", "/v1/players/me", opened).code == "session_ended"
    wallet = world.book.wallet(world.player_id)
    assert wallet is not None
    assert wallet.status == "closed"
    assert [mail.template for mail in world.mails()] == [Template.ACCOUNT_CLOSED]


def test_sessions_are_listed(world: World) -> None:
    first = world.visitors.open(world.player_id, device="Safari on iPhone")
    world.time.shift(60)
    second = world.login()
    items = ask("GET", "/v1/sessions", second).json["items"]
    assert [(item["session_id"], item["current"], item["device"]) for item in items] == [
        (second.session_id, True, "Firefox on Linux"),
        (first.session_id, False, "Safari on iPhone"),
    ]
    assert items[1] == {
        "session_id": first.session_id,
        "current": False,
        "device": "Safari on iPhone",
        "place": "EE",
        "created_at": "2026-01-01T12:00:01.000Z",
        "last_seen_at": "2026-01-01T12:00:01.000Z",
        "expires_at": "2026-01-01T12:30:01.000Z",
    }


@pytest.mark.parametrize("name", ["current", "id"])
def test_logging_out(world: World, name: str) -> None:
    opened, other = world.login(), world.login()
    path = f"/v1/sessions/{opened.session_id if name == 'id' else name}"
    assert ask_from("203.0.113.77", "DELETE", path, opened).status == 204
    assert ask("DELETE", path, opened).code == "session_ended"
    assert ask("GET", "/v1/players/me", other).status == 200
    assert [(item["kind"], item["source"]) for item in world.told(other)][:1] == [("logged_out", "203.0.113.0/24")]


def test_ending_another_session_and_then_all(world: World) -> None:
    first, second, third = world.login(), world.login(), world.login()
    assert ask_from("203.0.113.77", "DELETE", f"/v1/sessions/{second.session_id}", first).status == 204
    assert ask("GET", "/v1/sessions", second).code == "session_ended"
    assert ask("DELETE", f"/v1/sessions/{second.session_id}", first).code == "not_found"
    assert ask("DELETE", "/v1/sessions/" + "x" * 200, first).code == "not_found"
    assert ask_from("2001:db8:1:2::3", "DELETE", "/v1/sessions", first).status == 204
    for ended in (first, third):
        assert ask("GET", "/v1/sessions", ended).code == "session_ended"
    ends = [item for item in world.told(world.login()) if item["kind"] in ("session_ended", "all_sessions_ended")]
    assert {(item["kind"], item["source"]) for item in ends} == {
        ("session_ended", "203.0.113.0/24"),
        ("all_sessions_ended", "2001:db8:1::/48"),
    }


def test_a_player_ends_nobody_else_s_session(world: World) -> None:
    theirs = world.visitors.open("pl_somebody")
    assert ask("DELETE", f"/v1/sessions/{theirs.session_id}", world.login()).code == "not_found"
    assert len(world.visitors.sessions.list("pl_somebody")) == 1


def test_a_mail_queue_that_is_away_is_worth_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = world.login()
    monkeypatch.setenv("MAIL_QUEUE_URL", world.queue_url + "-gone")
    forget()
    assert ask("POST", "/v1/players/me/email", opened, {"email": "b@example.com"}).code == "temporarily_unavailable"
