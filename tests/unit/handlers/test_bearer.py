"""The bearer check as every protected route has it: the order of its refusals, its cost, what it does when storage is silent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler import Depends
from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import BaseModel

from countroom.identity import access as rules
from countroom.identity import tokens
from countroom.identity.access import Ended
from countroom.identity.keys import KmsSigner
from countroom.identity.sessions import Live
from handlers.parts import bearer
from runtime import aws as runtime_aws
from runtime import http, settings
from tests.unit.clock import FixedClock
from tests.unit.identity import test_tokens
from tests.unit.identity.test_tokens import CORPUS, KEY
from tests.unit.local_key import LocalKey
from tests.unit.rest import Answer, call
from tests.unit.signed_in import ISSUER, Visitors, new_key

PLAYER, OTHER = "pl_anna", "pl_ben"


class Body(http.RequestBody):
    name: str


class View(BaseModel):
    text: str


app = http.create_app(bearer.PROBLEMS)
door = bearer.Door(lambda: settings.load(bearer.BearerSettings))


@app.get("/who", security=bearer.SECURITY)
def who(player_id: Annotated[str, Depends(door.player_id)]) -> View:
    return View(text=player_id)


@app.post("/in", security=bearer.SECURITY)
def inside(live: Annotated[Live, Depends(door.live)], body: Body) -> View:
    return View(text=f"{live.session_id} {body.name}")


@app.post("/dear", security=bearer.SECURITY)
def dear(live: Annotated[Live, Depends(door.fresh)], body: Body) -> View:
    return View(text=f"{live.session_id} {body.name}")


handler = http.entrance(app)
EVERY = [("GET", "/who", None), ("POST", "/in", {"name": "a"}), ("POST", "/dear", {"name": "a"})]


class Reads:
    """Stands in front of the DynamoDB client of the check: counts its calls, and may spoil them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.made: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.answer: dict[str, Any] | None = None

    def get_item(self, **request: Any) -> Any:
        self.made.append(request)
        if self.fault:
            raise self.fault
        return self.client.get_item(**request) if self.answer is None else self.answer


@pytest.fixture
def visitors(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Visitors:
    made = Visitors(dynamodb, clock)
    made.come_to(door, monkeypatch)
    return made


@pytest.fixture
def reads(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    made = Reads(visitors.client)
    give = runtime_aws.client
    monkeypatch.setattr(runtime_aws, "client", lambda service, **more: made if service == "dynamodb" else give(service, **more))
    door.forget()
    yield made
    door.forget()


def ask(token: str | None, method: str = "GET", path: str = "/who", body: Any = None) -> Answer:
    return call(handler, method, path, body, token=token)


def change(visitors: Visitors, how: Any) -> None:
    access = visitors.store.access(PLAYER)
    assert access is not None
    visitors.store.replace(access, how(access))


@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_a_live_session_is_let_in(visitors: Visitors, method: str, path: str, body: Any) -> None:
    assert ask(visitors.token(PLAYER), method, path, body).status == 200


@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_the_refusals_come_in_their_order(visitors: Visitors, clock: FixedClock, method: str, path: str, body: Any) -> None:
    """Each state besides all that come after it: the first is what is said."""
    opened = visitors.open(PLAYER, stepped_up=False)
    assert ask(opened.access_token, method, path, body).code == "step_up_required" if path == "/dear" else True
    change(visitors, rules.frozen)
    answer = ask(opened.access_token, method, path, {"odd": 1} if body else None)
    assert (answer.status, answer.code) == (403, "account_frozen")
    change(visitors, rules.unfrozen)
    answer = ask(opened.access_token, method, path, {"odd": 1} if body else None)
    assert (answer.status, answer.code) == (401, "session_ended")
    clock.advance(seconds=600)
    answer = ask(opened.access_token, method, path, {"odd": 1} if body else None)
    assert (answer.status, answer.code) == (401, "token_expired")
    for malformed in (None, "", "x", opened.access_token + "=", opened.access_token[:-1]):
        answer = ask(malformed, method, path, {"odd": 1} if body else None)
        assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("how", [rules.closed, rules.barred, rules.without_sessions])
def test_a_session_ended_for_any_cause_is_refused_by_the_next_request(visitors: Visitors, how: Any) -> None:
    token = visitors.token(PLAYER)
    assert ask(token).status == 200
    change(visitors, how)
    assert ask(token).code == "session_ended"


def test_every_kind_of_end_is_seen_by_the_next_request(visitors: Visitors) -> None:
    for why in Ended:
        opened = visitors.open(PLAYER)
        assert ask(opened.access_token).status == 200
        visitors.sessions.end(PLAYER, opened.session_id, why)
        assert ask(opened.access_token).code == "session_ended"


def test_a_check_is_one_strong_read_and_a_forgery_is_none(visitors: Visitors, reads: Reads) -> None:
    token = visitors.token(PLAYER)
    for _ in range(3):
        assert ask(token).status == 200
    assert [request["ConsistentRead"] for request in reads.made] == [True] * 3
    reads.made.clear()
    stranger = tokens.Issuer(ISSUER, LocalKey("another"), visitors.clock).issue(PLAYER, "s")
    for bad in (None, "x", stranger):
        assert ask(bad).code == "not_authenticated"
    assert reads.made == []


def test_a_refused_body_costs_one_read_as_well(visitors: Visitors, reads: Reads) -> None:
    assert ask(visitors.token(PLAYER), "POST", "/in", {"nope": 1}).wrong_fields == ["name", "nope"]
    assert len(reads.made) == 1


SILENCE: dict[str, Exception | dict[str, Any]] = {
    "cut short": {},
    "no capacity": {"Item": {"pk": {"S": f"PLAYER#{PLAYER}"}}},
    "item cut short": {"Item": {"pk": {"S": f"PLAYER#{PLAYER}"}}, "ConsumedCapacity": {"CapacityUnits": 1.0}},
    "lost": ReadTimeoutError(endpoint_url="https://dynamodb"),
    "throttled": ClientError({"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetItem"),
    "server": ClientError({"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "GetItem"),
}


@pytest.mark.parametrize("kind", SILENCE)
@pytest.mark.parametrize("state", ["live", "ended"])
def test_silence_is_neither_yes_nor_no(visitors: Visitors, reads: Reads, kind: str, state: str) -> None:
    token = visitors.token(PLAYER)
    if state == "ended":
        visitors.sessions.end_all(PLAYER, Ended.ALL_ENDED)
    fault = SILENCE[kind]
    reads.fault = fault if isinstance(fault, Exception) else None
    reads.answer = None if isinstance(fault, Exception) else fault
    for method, path, body in EVERY:
        answer = ask(token, method, path, body)
        assert (answer.status, answer.code) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"]
    reads.fault = reads.answer = None
    assert ask(token).status == (200 if state == "live" else 401)


def test_a_key_service_that_is_away_is_worth_a_retry(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    token = visitors.token(PLAYER)
    give = runtime_aws.client

    class Silent:
        def get_public_key(self, **_request: Any) -> dict[str, Any]:
            return {}

    monkeypatch.setattr(runtime_aws, "client", lambda service, **more: Silent() if service == "kms" else give(service, **more))
    door.forget()
    assert ask(token).code == "temporarily_unavailable"
    door.forget()


def test_no_forgery_opens_a_route(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole corpus, made around a token that is good but for what is forged."""
    monkeypatch.setattr(bearer, "public_keys", lambda _settings: KEY)
    monkeypatch.setattr(door, "_settings", lambda: replace(settings.load(bearer.BearerSettings), token_issuer=test_tokens.ISSUER))
    door.forget()
    opened = visitors.open(test_tokens.PLAYER)
    assert ask(test_tokens.forge(claims={"sid": opened.session_id})).status == 200
    forged = [token for token in CORPUS.values() if token == token.strip()]  # space around a header's value means nothing
    assert {ask(token).code for token in forged} == {"not_authenticated"}
    assert len(forged) > 75
    door.forget()


def test_one_player_s_token_opens_nothing_of_another(visitors: Visitors) -> None:
    anna, ben = visitors.open(PLAYER), visitors.open(OTHER)
    assert ask(anna.access_token).json == {"text": PLAYER}
    for player_id, session_id in ((PLAYER, ben.session_id), (OTHER, anna.session_id), ("pl_nobody", anna.session_id)):
        assert ask(visitors.issuer.issue(player_id, session_id)).code == "session_ended"


def test_keys_rotate_with_an_overlap(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next key verifies before it signs, and the one before verifies until its last token has expired."""
    old, new = visitors.key_arn, new_key()
    kms = runtime_aws.client("kms")
    opened = visitors.open(PLAYER)
    signed = {
        arn: tokens.Issuer(ISSUER, KmsSigner(kms, arn), visitors.clock).issue(PLAYER, opened.session_id) for arn in (old, new)
    }
    for listed, accepted in (((old,), {old}), ((old, new), {old, new}), ((new, old), {old, new}), ((new,), {new})):
        monkeypatch.setenv("TOKEN_KEY_IDS", ",".join(listed))
        door.forget()
        assert {arn for arn, token in signed.items() if ask(token).status == 200} == accepted
        published = tokens.jwks(bearer.public_keys(settings.load(bearer.BearerSettings)))["keys"]
        assert [key["kid"] for key in published] == [arn.rpartition("/")[2] for arn in listed]


def test_a_fresh_proof_grows_old(visitors: Visitors, clock: FixedClock) -> None:
    token = visitors.token(PLAYER)
    clock.advance(seconds=299)
    assert ask(token, "POST", "/dear", {"name": "a"}).status == 200
    clock.advance(seconds=1)
    answer = ask(token, "POST", "/dear", {"name": "a"})
    assert (answer.status, answer.code) == (403, "step_up_required")
    assert ask(token, "POST", "/in", {"name": "a"}).status == 200


def test_the_settings_of_the_check() -> None:
    environ = {
        "TOKEN_KEY_IDS": "arn:1, arn:2",
        "TOKEN_ISSUER": ISSUER,
        "SESSIONS_TABLE": "sessions",
        "SESSION_ABSOLUTE_SECONDS": "43200",
        "SESSION_IDLE_SECONDS": "1800",
    }
    loaded = settings.load(bearer.BearerSettings, environ)
    assert loaded.token_key_ids == ("arn:1", "arn:2")
    assert (loaded.lifetimes.absolute_ms, loaded.lifetimes.idle_ms) == (43_200_000, 1_800_000)
    with pytest.raises(settings.SettingsError) as missing:
        settings.load(bearer.BearerSettings, {})
    assert len(missing.value.problems) == len(environ)
    with pytest.raises(ValueError, match="lifetime"):
        _ = replace(loaded, session_idle_seconds=0).lifetimes


def test_no_token_gets_into_a_log(visitors: Visitors, capsys: pytest.CaptureFixture[str]) -> None:
    opened = visitors.open(PLAYER)
    ask(opened.access_token)
    ask(opened.access_token + "x")
    printed = "".join(capsys.readouterr())
    assert opened.access_token.rpartition(".")[2] not in printed
    assert json.dumps(opened.refresh_token) not in printed
