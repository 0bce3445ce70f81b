"""The player API's side of HTTP: one factory for its resolvers, so that every function refuses in the same words.

Every answer carries `X-Request-Id`; every refusal is a problem of `runtime.problems`. Nothing of an exception, and no value
that was sent, goes back to the caller.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Request, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from countroom.ledger.book import OutcomeUnknown
from runtime import gate, telemetry
from runtime.problems import Code, FieldError, Problem, Rendered, render

FIELD_ERRORS_MAX: Final = 20
FIELD_NAME_MAX: Final = 64

STANDING_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer that does not say otherwise: they hold balances and tokens, which no cache may keep."""

_PASSING_AWS_CODES: Final = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
    }
)

Problems = Mapping[type[Exception], Code | str]

EVERYWHERE: Final[Problems] = {OutcomeUnknown: Code.TEMPORARILY_UNAVAILABLE}
"""Exceptions that any route may meet: a movement whose outcome is not known may be sent again as it was."""


class RequestBody(BaseModel):
    """Base of the bodies that routes take: types as sent (no "1" for 1), and no field that is not declared."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class PlayerApi(APIGatewayRestResolver):
    """A resolver for REST-API events whose every answer follows the house's conventions.

    `problems` says which exceptions of the rooms are which refusals. Exceptions that nobody named are `internal_error`,
    an AWS service that does not answer in time is `temporarily_unavailable`.
    """

    def __init__(self, problems: Problems) -> None:
        super().__init__(
            enable_validation=True,
            debug=False,
            # A view that does not fit its own type is our fault, not the caller's.
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        )
        known = {**EVERYWHERE, **problems}
        self._problems = {exception: Code(code) for exception, code in known.items()}
        self.exception_handler(Exception)(self._answer_error)

    def resolve(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer one event. Never raises: whatever happens inside becomes a problem."""
        request_id = _request_id(event, context)
        try:
            answer = super().resolve(gate.admit(event), context)
        except Exception as error:  # noqa: BLE001 - the outermost edge: a caller gets an answer, operators get the log line
            answer = _as_event_answer(render(self._problem_of(error), request_id))
        return _with_standing_headers(answer, request_id)

    def methods_at(self, path: str) -> list[str]:
        """Return the methods that some route answers at a path."""
        routes = [*self._static_routes, *self._dynamic_routes]
        return sorted({route.method for route in routes if route.rule.match(path)})

    def _answer_error(self, error: Exception) -> Response[str]:
        if isinstance(error, RequestValidationError):
            error = self._refused_bearer() or error
        request_id = _request_id(self.current_event.raw_event, self.lambda_context)
        rendered = render(self._problem_of(error), request_id)
        return Response(status_code=rendered.status, headers=dict(rendered.headers), body=rendered.body)

    def _refused_bearer(self) -> Exception | None:
        # The framework validates fields before it resolves dependencies; a stranger is to learn that he is one, not our fields.
        for node in self.context["_route"].dependant.dependencies:
            dependency = node.depends.dependency
            if isinstance(getattr(dependency, "__self__", None), Bearer):
                try:
                    dependency(self.request)
                except Exception as refusal:  # noqa: BLE001 - handed on to the same table as every other error
                    return refusal
        return None

    def _problem_of(self, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        for exception in type(error).__mro__:
            if exception in self._problems:
                return Problem(self._problems[exception])
        if isinstance(error, RequestValidationError):
            return _invalid_request(error)
        if isinstance(error, NotFoundError):
            return self._nothing_here()
        telemetry.logger.error("request failed", failure=telemetry.describe(error))
        if _is_passing(error):
            return Problem(Code.TEMPORARILY_UNAVAILABLE)
        return Problem(Code.INTERNAL_ERROR)

    def _nothing_here(self) -> Problem:
        methods = self.methods_at(self.current_event.path)
        if methods and self.current_event.http_method.upper() not in methods:
            return Problem(Code.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(methods)})
        return Problem(Code.NOT_FOUND)


class Bearer:
    """Reads the access token of a request (RFC 6750 §2.1) and gives the player it was issued to.

    `verify` turns a token into a player id or raises an exception that the API's `problems` name. Use as a dependency:

        Player = Annotated[str, Depends(http.Bearer(verify).player_id)]
    """

    def __init__(self, verify: Callable[[str], str]) -> None:
        self._verify = verify

    def player_id(self, request: Request) -> str:
        """Return the player's id; raises Problem(not_authenticated) without a well-formed Authorization header."""
        scheme, _, token = gate.header(request.resolved_event.raw_event, "Authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(Code.NOT_AUTHENTICATED)
        return self._verify(token.strip())


def create_app(problems: Problems | None = None) -> PlayerApi:
    """Make the resolver of one function of the player API; `problems` maps the rooms' exceptions to codes."""
    return PlayerApi(problems or {})


def entrance(app: PlayerApi) -> telemetry.LambdaHandler:
    """Make the Lambda handler of an app, with logs and metrics around each invocation."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        telemetry.set_correlation_id(_request_id(event, context))
        return app.resolve(event, context)

    return telemetry.observed(handler)


def invalid_fields(*errors: tuple[str, str]) -> Problem:
    """Make the `invalid_request` problem of (field, message) pairs that a room's rules found."""
    return Problem(Code.INVALID_REQUEST, errors=tuple(FieldError(field, message) for field, message in errors))


def _invalid_request(error: RequestValidationError) -> Problem:
    found = error.errors()[:FIELD_ERRORS_MAX]
    return Problem(Code.INVALID_REQUEST, errors=tuple(FieldError(_field(e["loc"]), _message(e)) for e in found))


def _field(location: tuple[str | int, ...]) -> str:
    # The first step is the place (body, query, path, header); it stands for itself when the whole of it is wrong.
    place, *steps = location
    return ".".join(map(str, steps or [place]))[:FIELD_NAME_MAX]


def _message(error: Mapping[str, Any]) -> str:
    # Only messages that the framework composes of our own declarations; a validator's own words might repeat its input.
    if error["type"] in {"missing", "extra_forbidden"}:
        return {"missing": "is required", "extra_forbidden": "is not known"}[error["type"]]
    if error["type"] in {"value_error", "assertion_error"}:
        return "is not valid"
    return str(error["msg"])


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.response["Error"].get("Code") in _PASSING_AWS_CODES
    return isinstance(error, BotoCoreError)


def _request_id(event: Mapping[str, Any], context: Any) -> str:
    given = (event.get("requestContext") or {}).get("requestId")
    return str(given or getattr(context, "aws_request_id", "") or "unknown")


def _as_event_answer(rendered: Rendered) -> dict[str, Any]:
    return {
        "statusCode": rendered.status,
        "multiValueHeaders": {name: [value] for name, value in rendered.headers.items()},
        "body": rendered.body,
        "isBase64Encoded": False,
    }


def _with_standing_headers(answer: dict[str, Any], request_id: str) -> dict[str, Any]:
    headers: dict[str, list[str]] = answer.setdefault("multiValueHeaders", {})
    given = {name.lower() for name in headers}
    for name, value in {**STANDING_HEADERS, "X-Request-Id": request_id}.items():
        if name.lower() not in given:
            headers[name] = [value]
    return answer
