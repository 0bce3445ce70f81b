"""What API Gateway's REST API hands to a function, and what it makes of the answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

REQUEST_ID = "5f0c1f2e-request"


@dataclass(frozen=True, slots=True)
class Context:
    """The part of a Lambda context that is read."""

    function_name: str = "unit-test"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:unit-test"
    aws_request_id: str = "lambda-request"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a problem; fails the test when the answer is none."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["code"])

    @property
    def wrong_fields(self) -> list[str]:
        return [error["field"] for error in self.json["errors"]]


def event(
    method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A payload-1.0 event; a body that is not text is sent as JSON."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    sent = {"Content-Type": "application/json", **(headers or {})}
    return {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"requestId": REQUEST_ID, "stage": "live", "path": f"/live{path}", "httpMethod": method},
        "body": text,
        "isBase64Encoded": False,
    }


def call(
    handler: Callable[[dict[str, Any], Any], Any],
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    token: str | None = None,
) -> Answer:
    """Send one request and check what holds for every answer."""
    sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token is not None else {})
    return send(handler, event(method, path, body, sent, query))


def send(handler: Callable[[dict[str, Any], Any], Any], sent: dict[str, Any]) -> Answer:
    answer = json.loads(json.dumps(handler(sent, Context())))
    headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
    assert headers["X-Request-Id"] == REQUEST_ID
    if headers.get("Content-Type") == "application/problem+json":
        assert json.loads(answer["body"])["request_id"] == REQUEST_ID
    return Answer(answer["statusCode"], headers, answer["body"])
