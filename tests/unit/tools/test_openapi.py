"""docs/openapi.json: current, complete, and true about who needs a token."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel, create_model

from infrastructure import routes as infrastructure
from tests.unit import rest
from tools import openapi

KEPT: dict[str, Any] = json.loads(openapi.PATH.read_text(encoding="utf-8"))
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (verb, path, operation) for path, operations in KEPT["paths"].items() for verb, operation in operations.items()
]
each_operation = pytest.mark.parametrize(("verb", "path", "operation"), OPERATIONS, ids=[f"{v} {p}" for v, p, _ in OPERATIONS])


def references(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        if "$ref" in said:
            yield said["$ref"]
        for value in said.values():
            yield from references(value)
    elif isinstance(said, list):
        for value in said:
            yield from references(value)


def test_the_document_is_current() -> None:
    assert openapi.text_of(openapi.document()) == openapi.PATH.read_text(encoding="utf-8"), "run `make openapi`"


def test_it_has_the_routes_of_the_infrastructure_and_no_other() -> None:
    deployed = {(route.method, route.path): route.caller is infrastructure.Caller.PLAYER for route in infrastructure.ALL}
    told = {(verb.upper(), path): bool(operation["security"]) for verb, path, operation in OPERATIONS}
    assert told == deployed


def test_every_reference_leads_somewhere_and_every_part_is_referred_to() -> None:
    named = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in KEPT["components"][kind]}
    assert set(references(KEPT)) == named


def test_operations_have_names_of_their_own() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", one) for one in ids)


@each_operation
def test_each_operation_says_what_it_is_and_how_it_refuses(verb: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert not operation["summary"].startswith(verb.upper())  # what a framework makes up for a route without a docstring
    assert operation["security"] in ([], [{openapi.BEARER: []}])
    assert {"429", "503", "default"} <= operation["responses"].keys()
    assert ("401" in operation["responses"]) == bool(operation["security"])
    assert "422" not in operation["responses"]
    ((status, answer),) = [one for one in operation["responses"].items() if one[0].startswith("2")]
    assert ("content" in answer) == (status != openapi.NO_CONTENT)
    for content in answer.get("content", {}).values():
        assert content["schema"].get("type") != "string"  # what the framework makes of an answer that it does not know
    assert set(re.findall(r"{(\w+)}", path)) == {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}


@pytest.fixture
def deployed(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - the account must be there first
    """Functions with an environment, in an account that is empty. What they remember of either is forgotten afterwards."""
    for name in ("LEDGER", "PLAYERS", "SESSIONS", "CASHIER", "WITHDRAWALS", "GAMES", "CIRCUITS"):
        monkeypatch.setenv(f"{name}_TABLE", name.lower())
    for name, value in {
        "TOKEN_KEY_IDS": "arn:aws:kms:eu-west-1:123456789012:key/none",
        "TOKEN_ISSUER": "urn:countroom:test",
        "PERSONAL_KEY_ID": "arn:aws:kms:eu-west-1:123456789012:key/none",
        "MAIL_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/none",
        "SESSION_ABSOLUTE_SECONDS": "43200",
        "SESSION_IDLE_SECONDS": "3600",
        "LOGIN_GUESSES_PER_SOURCE": "100",
        "LAUNCH_URLS": "{}",
        "PROVIDER_SECRETS": "{}",
        "WITHDRAWAL_MACHINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:none",
        "PAYMENT_URLS": "{}",
        "PAYMENT_SECRETS": "{}",
        "VERIFICATION_URLS": "{}",
        "VERIFICATION_SECRETS": "{}",
        "REGISTER_URLS": "{}",
        "REGISTER_SECRETS": "{}",
    }.items():
        monkeypatch.setenv(name, value)
    forget()
    yield
    forget()


def forget() -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith("handlers.")]
    for thing in [thing for module in modules for thing in vars(module).values()]:
        for how in ("cache_clear", "forget"):
            if not isinstance(thing, type) and callable(getattr(thing, how, None)):
                getattr(thing, how)()


@pytest.mark.usefixtures("deployed")
@each_operation
def test_a_route_does_as_it_says_about_tokens(verb: str, path: str, operation: dict[str, Any]) -> None:
    """Asked without a token, a protected route answers `not_authenticated` before it looks at anything else; a public one never."""
    (room,) = [one for one in openapi.rooms() if one.name == operation["tags"][0]]
    answer = rest.call(room.app.resolve, verb.upper(), re.sub(r"{\w+}", "x", path), {})
    refused = answer.status == 401 and answer.code == "not_authenticated"
    assert refused == bool(operation["security"]), answer


def test_refusals_are_problems_with_the_codes_that_there_are() -> None:
    from runtime.problems import Code  # noqa: PLC0415 - beside its only use

    for response in KEPT["components"]["responses"].values():
        assert response["content"].keys() == {"application/problem+json"}
    assert set(KEPT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == {code.value for code in Code}


def page_of(kind: type) -> type[BaseModel]:
    """A page of views, both always called the same."""
    view = create_model("View", value=(kind, ...))
    return create_model("Page", items=(list[view], ...))


def room(name: str, answers: type[BaseModel], security: list[dict[str, list[str]]] | None) -> openapi.Room:
    app = APIGatewayRestResolver(enable_validation=True)

    @app.get(f"/v1/{name}", security=security)
    def show() -> answers:  # type: ignore[valid-type] # a class that the test chooses
        """Show it."""

    return openapi.Room(name, app)


def test_schemas_of_one_name_and_two_meanings_are_parted() -> None:
    said = openapi.document([room("one", page_of(int), []), room("the_other", page_of(str), [{"bearer": []}])])
    schemas = said["components"]["schemas"]
    assert schemas.keys() - {"Problem", "FieldError"} == {"OneView", "OnePage", "TheOtherView", "TheOtherPage"}
    assert schemas["OnePage"]["properties"]["items"]["items"]["$ref"].endswith("/OneView")
    assert schemas["TheOtherPage"]["properties"]["items"]["items"]["$ref"].endswith("/TheOtherView")
    answered = said["paths"]["/v1/the_other"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answered["$ref"].endswith("/TheOtherPage")


def test_schemas_that_mean_the_same_are_one() -> None:
    said = openapi.document([room("one", page_of(int), []), room("two", page_of(int), [])])
    assert said["components"]["schemas"].keys() - {"Problem", "FieldError"} == {"View", "Page"}


def test_a_route_that_does_not_say_whether_it_needs_a_token_is_refused() -> None:
    with pytest.raises(openapi.UndeclaredError, match="one: GET /v1/one does not declare"):
        openapi.document([room("one", page_of(int), None)])
