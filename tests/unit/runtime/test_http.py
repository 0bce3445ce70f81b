import base64
import io
import json
from typing import Annotated, Any, Literal

import pytest
from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from botocore.exceptions import ClientError, ConnectTimeoutError
from pydantic import BaseModel, Field, StringConstraints, field_validator

from countroom.ledger.book import OutcomeUnknown
from runtime import gate, http, telemetry
from runtime.problems import Code, Problem
from tests.unit.rest import Answer, Context, call, event, send


class Thing(http.RequestBody):
    name: str
    size: int = 1

    @field_validator("name")
    @classmethod
    def short(cls, value: str) -> str:
        if len(value) > 20:
            raise ValueError(f"{value} is too long")
        return value


class View(BaseModel):
    text: str


class Stale(Exception):
    pass


class Forged(Exception):
    pass


ERRORS: dict[str, Exception] = {
    "problem": Problem(Code.CONFLICT, "Twice."),
    "named": Stale(),
    "unknown": RuntimeError("password=hunter2"),
    "outcome": OutcomeUnknown(possibly_written=True),
    "timeout": ConnectTimeoutError(endpoint_url="https://kms"),
    "throttled": ClientError({"Error": {"Code": "ThrottlingException"}}, "Sign"),
    "server": ClientError({"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "Sign"),
    "denied": ClientError({"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "Sign"),
}


class Door(http.Bearer):
    def player_id(self, request: Request) -> str:
        if self.token(request) != "good":
            raise Forged
        return "pl_1"


app = http.create_app({Stale: Code.CONFLICT, Forged: "not_authenticated"})
Player = Annotated[str, Depends(Door().player_id)]


@app.post("/things", status_code=201)
def make(body: Thing) -> View:
    return View(text=body.name)


@app.get("/things/<thing_id>")
def show(thing_id: str, player_id: Player, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> View:
    return View(text=f"{thing_id} {player_id} {limit}")


def _colour() -> str:
    return " red"


@app.post("/mine")
def mine(body: Thing, colour: Annotated[str, Depends(_colour)], player_id: Player) -> View:
    return View(text=body.name + player_id + colour)


class Inner(http.RequestBody):
    pass


class Words(http.RequestBody):
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    size: Annotated[int, Field(ge=0, lt=10)] = 1
    kinds: Annotated[list[Literal["red", "blue"]], Field(max_length=2)] | None = None
    inner: Inner | None = None


@app.post("/words")
def words(body: Words) -> View:
    return View(text=body.name)


@app.get("/lists")
def lists(word: Annotated[list[str] | None, Query()] = None) -> View:
    return View(text="".join(word or []))


@app.get("/fails")
def fail(kind: str) -> View:
    raise ERRORS[kind]


@app.get("/lies")
def lie() -> View:
    return {"text": 1}  # type: ignore[return-value]  # what is tested


@app.get("/cached")
def cached() -> Response[View]:
    return Response(200, "application/json", View(text="x"), headers={"Cache-Control": "public"})


handler = http.entrance(app)


def ask(method: str, path: str, body: Any = None, **more: Any) -> Answer:
    return call(handler, method, path, body, **more)


def test_an_answer_as_it_should_be() -> None:
    answer = ask("POST", "/things", {"name": "a"})
    assert (answer.status, answer.json) == (201, {"text": "a"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_route_may_allow_caching() -> None:
    assert ask("GET", "/cached").headers["Cache-Control"] == "public"


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nope",
        "{'a': 1}",
        '{"name": "a"} x',
        '{"name": "a", "name": "b"}',
        '{"name": "a", "size": NaN}',
        '{"name": "a", "size": Infinity}',
        '{"name": "\\ud800"}',
        '{"\\ud800": "a"}',
        '{"size": ' + "9" * 5000 + "}",
        "[" * 8000,
        "\ufeff{}",
    ],
)
def test_malformed_json(body: str) -> None:
    answer = ask("POST", "/things", body)
    assert (answer.status, answer.code) == (400, "malformed_json")


def test_bytes_that_are_no_text_are_malformed() -> None:
    for text in (base64.b64encode(b'{"name": "\xff"}').decode(), "***"):
        assert send(handler, event("POST", "/things", text) | {"isBase64Encoded": True}).code == "malformed_json"


def test_a_body_in_base64_is_read() -> None:
    text = base64.b64encode(b'{"name": "a"}').decode()
    assert send(handler, event("POST", "/things", text) | {"isBase64Encoded": True}).json == {"text": "a"}


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
)
def test_unsupported_media_type(media_type: str) -> None:
    answer = ask("POST", "/things", {"name": "a"}, headers={"Content-Type": media_type})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_missing_media_type_is_unsupported() -> None:
    assert send(handler, event("POST", "/things", {"name": "a"}) | {"headers": None}).code == "unsupported_media_type"


def test_no_body_needs_no_media_type() -> None:
    assert send(handler, event("POST", "/things") | {"headers": {"content-type": "text/plain"}}).wrong_fields == ["body"]


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_supported_media_types(media_type: str) -> None:
    assert ask("POST", "/things", {"name": "a"}, headers={"Content-Type": media_type}).status == 201


def test_the_body_limit_is_exact_and_counts_bytes() -> None:
    def sized(size: int) -> str:
        return '{"name": "a"}' + " " * (size - 13)

    assert ask("POST", "/things", sized(gate.BODY_MAX)).status == 201
    answer = ask("POST", "/things", sized(gate.BODY_MAX + 1))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert ask("POST", "/things", '{"name": "' + "é" * 8190 + '"}').code == "body_too_large"


def test_fields_are_named_and_values_are_not_repeated() -> None:
    answer = ask("POST", "/things", {"name": 7, "size": "8888", "colour": "hunter2"})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert sorted(answer.wrong_fields) == ["colour", "name", "size"]
    assert "8888" not in answer.text
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": "is required"}),
        ({"name": 7}, {"name": "must be a text"}),
        ({"name": None}, {"name": "must be a text"}),
        ({"name": "a", "size": "1"}, {"size": "must be a whole number"}),
        ({"name": "a", "size": 1.5}, {"size": "must be a whole number"}),
        ({"name": "a", "size": True}, {"size": "must be a whole number"}),
        ({"name": "a", "size": -1}, {"size": "must be at least 0"}),
        ({"name": "a", "size": 10}, {"size": "must be less than 10"}),
        ({"name": ""}, {"name": "must have at least 1 characters"}),
        ({"name": "hunter2" * 10}, {"name": "must have at most 64 characters"}),
        ({"name": "a", "kinds": ["hunter2"]}, {"kinds.0": "must be one of: 'red' or 'blue'"}),
        ({"name": "a", "kinds": "red"}, {"kinds": "must be a list"}),
        ({"name": "a", "kinds": ["red"] * 3}, {"kinds": "must have at most 2 entries"}),
        ({"name": "a", "inner": 1}, {"inner": "must be an object"}),
        ({"name": "a", "odd": "hunter2"}, {"odd": "is not known"}),
    ],
)
def test_a_fault_is_told_in_plain_words(body: dict[str, Any], errors: dict[str, str]) -> None:
    answer = ask("POST", "/words", body)
    assert {error["field"]: error["message"] for error in answer.json["errors"]} == errors
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"limit": ["x"]}, {"limit": "must be a whole number"}),
        ({"limit": ["0"]}, {"limit": "must be at least 1"}),
        ({"limit": ["101"]}, {"limit": "must be at most 100"}),
        ({"limit": ["5", "5"]}, {"limit": "is given more than once"}),
        ({"limt": ["5"]}, {"limt": "is not known"}),
        ({"limit": ["0"], "colour": ["hunter2"]}, {"limit": "must be at least 1", "colour": "is not known"}),
        ({"x" * 100: ["1"]}, {"x" * 64: "is not known"}),
    ],
)
def test_a_query_is_taken_whole_or_not_at_all(query: dict[str, list[str]], errors: dict[str, str]) -> None:
    asked = event("GET", "/things/7", headers={"Authorization": "Bearer good"})
    asked |= {"queryStringParameters": {name: found[-1] for name, found in query.items()}, "multiValueQueryStringParameters": query}
    answer = send(handler, asked)
    assert answer.code == "invalid_request"
    assert {error["field"]: error["message"] for error in answer.json["errors"]} == errors
    stranger = send(handler, asked | {"headers": {}})
    assert stranger.code == "not_authenticated"


def test_a_list_in_a_query_takes_several() -> None:
    asked = event("GET", "/lists") | {"multiValueQueryStringParameters": {"word": ["a", "b"]}}
    assert send(handler, asked).json == {"text": "ab"}
    alone = event("GET", "/lists") | {"queryStringParameters": {"word": "a"}, "multiValueQueryStringParameters": None}
    assert send(handler, alone).json == {"text": "a"}
    assert send(handler, alone | {"queryStringParameters": {"wrd": "a"}}).wrong_fields == ["wrd"]


def test_a_validator_s_words_are_not_repeated() -> None:
    answer = ask("POST", "/things", {"name": "hunter2" * 5})
    assert answer.json["errors"] == [{"field": "name", "message": "is not valid"}]
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("body", "fields"), [(None, ["body"]), ("", ["body"]), ("[]", ["body"]), ("null", ["body"]), ("{}", ["name"])]
)
def test_a_body_of_the_wrong_shape(body: str | None, fields: list[str]) -> None:
    answer = ask("POST", "/things", body)
    assert (answer.status, answer.code, answer.wrong_fields) == (400, "invalid_request", fields)


def test_the_list_of_wrong_fields_and_their_names_are_bounded() -> None:
    answer = ask("POST", "/things", {"name": "a", **{f"{'x' * 100}{n}": 1 for n in range(100)}})
    assert len(answer.wrong_fields) == http.FIELD_ERRORS_MAX
    assert all(len(field) <= http.FIELD_NAME_MAX for field in answer.wrong_fields)


def test_an_unknown_route() -> None:
    assert (ask("GET", "/nowhere").status, ask("GET", "/nowhere").code) == (404, "not_found")


def test_an_unknown_method_is_told_which_there_are() -> None:
    answer = ask("DELETE", "/things")
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "POST")
    assert ask("POST", "/things/7", {}).headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("problem", "conflict"),
        ("named", "conflict"),
        ("unknown", "internal_error"),
        ("outcome", "temporarily_unavailable"),
        ("timeout", "temporarily_unavailable"),
        ("throttled", "temporarily_unavailable"),
        ("server", "temporarily_unavailable"),
        ("denied", "internal_error"),
    ],
)
def test_every_kind_of_error_has_its_answer(kind: str, code: str) -> None:
    answer = ask("GET", "/fails", query={"kind": kind})
    assert answer.code == code
    assert "hunter2" not in answer.text
    assert ("Retry-After" in answer.headers) is (answer.status == 503)


def test_an_unexpected_error_is_logged_with_its_request_and_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    ask("GET", "/fails", query={"kind": "unknown"})
    text = stream.getvalue()
    line = json.loads(text)
    assert line["correlation_id"] == "5f0c1f2e-request"
    assert line["function_request_id"] == "lambda-request"
    assert line["failure"]["error"] == "builtins.RuntimeError"
    assert line["failure"]["frames"][-1].endswith(" fail")
    assert "hunter2" not in text


def test_a_view_that_does_not_fit_is_our_fault() -> None:
    assert (ask("GET", "/lies").status, ask("GET", "/lies").code) == (500, "internal_error")


def test_an_event_that_is_none_gets_an_answer() -> None:
    answer = handler({"requestContext": {"requestId": "r"}}, Context())
    assert answer["statusCode"] == 500
    assert handler({}, Context())["multiValueHeaders"]["X-Request-Id"] == ["lambda-request"]


def test_a_player_is_known_by_the_token() -> None:
    assert ask("GET", "/things/7", token="good").json == {"text": "7 pl_1 20"}
    assert ask("GET", "/things/7", headers={"authorization": "bearer good"}, query={"limit": "5"}).json == {"text": "7 pl_1 5"}


@pytest.mark.parametrize("value", [None, "", "good", "Basic good", "Bearer", "Bearer ", "Bearer bad", "Bearer good good"])
def test_a_stranger_is_told_so(value: str | None) -> None:
    answer = ask("GET", "/things/7", headers={} if value is None else {"Authorization": value})
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_stranger_learns_nothing_of_the_fields() -> None:
    assert ask("GET", "/things/7", query={"limit": "0"}).code == "not_authenticated"
    assert ask("POST", "/mine", {"nope": 1}).code == "not_authenticated"
    assert ask("POST", "/mine", {"nope": 1}, token="bad").code == "not_authenticated"
    assert ask("GET", "/things/7", query={"limit": "0"}, token="good").wrong_fields == ["limit"]
    assert ask("POST", "/mine", {"nope": 1}, token="good").wrong_fields == ["name", "nope"]


def test_a_player_beside_other_dependencies() -> None:
    assert ask("POST", "/mine", {"name": "a"}, token="good").json == {"text": "apl_1 red"}


def test_rules_name_their_fields() -> None:
    problem = http.invalid_fields(("a", "is bad"), ("b", "is worse"))
    assert problem.code is Code.INVALID_REQUEST
    assert [error.field for error in problem.errors] == ["a", "b"]
