"""The player API's side of HTTP: one factory for its resolvers, so that every function refuses in the same words.

Every answer carries `X-Request-Id`; every refusal is a problem of `runtime.problems`. Nothing of an exception, and no value
that was sent, goes back to the caller.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Request, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.compat import is_scalar_field
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
        self.use(middlewares=[_refuse_unknown_query])

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
            return _invalid_request(error, _query_faults(self))
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


def _refuse_unknown_query(app: PlayerApi, next_middleware: NextMiddleware) -> Response[Any]:
    # The framework lets by what no route asks for, and a filter with a typing error in its name would go unnoticed.
    if _query_faults(app):
        raise RequestValidationError([])
    return next_middleware(app)


def _query_faults(app: PlayerApi) -> tuple[FieldError, ...]:
    """Find the query parameters that the route does not take, and those given twice of which it takes one."""
    route = app.context.get("_route")
    if route is None:
        return ()
    known = {field.alias: is_scalar_field(field) for field in route.dependant.query_params}
    faults = []
    for name, values in _query(app.current_event.raw_event).items():
        if name not in known:
            faults.append(FieldError(name[:FIELD_NAME_MAX], "is not known"))
        elif len(values) > 1 and known[name]:
            faults.append(FieldError(name[:FIELD_NAME_MAX], "is given more than once"))
    return tuple(faults)


def _query(event: Mapping[str, Any]) -> Mapping[str, list[str]]:
    several: Mapping[str, list[str]] | None = event.get("multiValueQueryStringParameters")
    if several:
        return several
    return {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}


class Bearer:
    """Base of what lets a request in by its bearer token (RFC 6750 §2.1). A method of it is a protected route's dependency.

    By this class a route that needs a token is known: who has none is told so before he is told of his fields.
    """

    def token(self, request: Request) -> str:
        """Return the token as sent; raises Problem(not_authenticated) without a well-formed Authorization header."""
        scheme, _, token = gate.header(request.resolved_event.raw_event, "Authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(Code.NOT_AUTHENTICATED)
        return token.strip()


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


def _invalid_request(error: RequestValidationError, faults: tuple[FieldError, ...]) -> Problem:
    found = [FieldError(_field(e["loc"]), _message(e)) for e in error.errors()[:FIELD_ERRORS_MAX]]
    return Problem(Code.INVALID_REQUEST, errors=(*found, *faults)[:FIELD_ERRORS_MAX])


def _field(location: tuple[str | int, ...]) -> str:
    # The first step is the place (body, query, path, header); it stands for itself when the whole of it is wrong.
    place, *steps = location
    return ".".join(map(str, steps or [place]))[:FIELD_NAME_MAX]


_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "is not known",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "enum": "must be one of: {expected}",
    "literal_error": "must be one of: {expected}",
}
"""What the caller is told of each type of fault; bounds and choices are our own declarations, never what was sent."""


def _message(error: Mapping[str, Any]) -> str:
    # Anything else, a validator's own words above all, might repeat its input.
    words = _MESSAGES.get(error["type"], "is not valid")
    return words.format_map({name: str(value) for name, value in (error.get("ctx") or {}).items()})


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
