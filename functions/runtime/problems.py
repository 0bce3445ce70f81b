"""Refusals to front-ends: the one table of codes, and how a refusal becomes an `application/problem+json` answer (RFC 9457)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "https://countroom.dev/problems/"
RETRY_AFTER_SECONDS = 2
"""What a caller is asked to wait after `temporarily_unavailable`, unless the refusal says otherwise."""


class Code(StrEnum):
    """What a front-end may be told. The code is stable: clients decide by it, people read the title and the detail."""

    MALFORMED_JSON = "malformed_json"
    INVALID_REQUEST = "invalid_request"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    NOT_AUTHENTICATED = "not_authenticated"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a refusal, not a secret
    SESSION_ENDED = "session_ended"
    REFRESH_REFUSED = "refresh_refused"
    INVALID_CREDENTIALS = "invalid_credentials"
    SECOND_FACTOR_REQUIRED = "second_factor_required"
    INVALID_CODE = "invalid_code"
    FORBIDDEN = "forbidden"
    STEP_UP_REQUIRED = "step_up_required"
    ACCOUNT_FROZEN = "account_frozen"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    BALANCE_REMAINS = "balance_remains"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    WRONG_CURRENCY = "wrong_currency"
    LIMIT_REACHED = "limit_reached"
    METHOD_NOT_USABLE = "method_not_usable"
    OTHER_METHOD_FIRST = "other_method_first"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"
    NOTHING_PENDING = "nothing_pending"
    EXCLUSION_RUNS = "exclusion_runs"
    CANCEL_NOT_OFFERED = "cancel_not_offered"
    VERIFICATION_REQUIRED = "verification_required"
    VERIFICATION_ENDED = "verification_ended"
    PAYMENT_METHOD_NOT_ALLOWED = "payment_method_not_allowed"
    PAYMENT_REFUSED = "payment_refused"
    DEPOSIT_NOT_PAYABLE = "deposit_not_payable"
    WALLET_BLOCKED = "wallet_blocked"
    WALLET_EXCLUDED = "wallet_excluded"
    UNDER_AGE = "under_age"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL_ERROR = "internal_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"
    VERIFICATION_UNAVAILABLE = "verification_unavailable"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: the HTTP status and the sentence that stays the same for every occurrence."""

    status: HTTPStatus
    title: str


TABLE: Mapping[Code, Entry] = {
    Code.MALFORMED_JSON: Entry(HTTPStatus.BAD_REQUEST, "The body is not well-formed JSON."),
    Code.INVALID_REQUEST: Entry(HTTPStatus.BAD_REQUEST, "The request holds invalid fields."),
    Code.IDEMPOTENCY_KEY_MISSING: Entry(HTTPStatus.BAD_REQUEST, "The Idempotency-Key header is missing."),
    Code.NOT_AUTHENTICATED: Entry(HTTPStatus.UNAUTHORIZED, "Valid credentials are required."),
    Code.TOKEN_EXPIRED: Entry(HTTPStatus.UNAUTHORIZED, "The access token has expired."),
    Code.INVALID_CODE: Entry(HTTPStatus.BAD_REQUEST, "The code is wrong, used or too old."),
    Code.SESSION_ENDED: Entry(HTTPStatus.UNAUTHORIZED, "The session has ended."),
    Code.REFRESH_REFUSED: Entry(HTTPStatus.UNAUTHORIZED, "The refresh token is not valid any more."),
    Code.SECOND_FACTOR_REQUIRED: Entry(HTTPStatus.UNAUTHORIZED, "A code of the second factor is required."),
    Code.INVALID_CREDENTIALS: Entry(HTTPStatus.UNAUTHORIZED, "The e-mail address or the password is wrong."),
    Code.FORBIDDEN: Entry(HTTPStatus.FORBIDDEN, "This is not allowed."),
    Code.STEP_UP_REQUIRED: Entry(HTTPStatus.FORBIDDEN, "This needs the password or a code of the second factor once more."),
    Code.ACCOUNT_FROZEN: Entry(HTTPStatus.FORBIDDEN, "The account is frozen."),
    Code.WALLET_BLOCKED: Entry(HTTPStatus.FORBIDDEN, "The wallet is blocked."),
    Code.WALLET_EXCLUDED: Entry(HTTPStatus.FORBIDDEN, "The player is excluded from play."),
    Code.VERIFICATION_REQUIRED: Entry(HTTPStatus.FORBIDDEN, "The identity has to be verified first."),
    Code.CANCEL_NOT_OFFERED: Entry(HTTPStatus.FORBIDDEN, "A withdrawal cannot be called back."),
    Code.UNDER_AGE: Entry(HTTPStatus.FORBIDDEN, "The player is not old enough to play."),
    Code.NOT_FOUND: Entry(HTTPStatus.NOT_FOUND, "There is nothing here."),
    Code.METHOD_NOT_ALLOWED: Entry(HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed here."),
    Code.CONFLICT: Entry(HTTPStatus.CONFLICT, "The request does not fit the current state."),
    Code.BALANCE_REMAINS: Entry(HTTPStatus.CONFLICT, "There is still money in the account."),
    Code.INSUFFICIENT_FUNDS: Entry(HTTPStatus.CONFLICT, "The balance does not cover the amount."),
    Code.WRONG_CURRENCY: Entry(HTTPStatus.CONFLICT, "The wallet is held in another currency."),
    Code.LIMIT_REACHED: Entry(HTTPStatus.CONFLICT, "A limit of the player has been reached."),
    Code.METHOD_NOT_USABLE: Entry(HTTPStatus.CONFLICT, "Money cannot be paid out this way."),
    Code.OTHER_METHOD_FIRST: Entry(HTTPStatus.CONFLICT, "Money has to go back to another payment method first."),
    Code.TOO_LATE: Entry(HTTPStatus.CONFLICT, "It is too late for this."),
    Code.TOO_EARLY: Entry(HTTPStatus.CONFLICT, "It is too early for this."),
    Code.NOTHING_PENDING: Entry(HTTPStatus.CONFLICT, "There is nothing that waits for this."),
    Code.EXCLUSION_RUNS: Entry(HTTPStatus.CONFLICT, "An exclusion runs that lasts as long or longer; none can be shortened."),
    Code.PAYMENT_METHOD_NOT_ALLOWED: Entry(HTTPStatus.CONFLICT, "This payment method is not offered to the player."),
    Code.PAYMENT_REFUSED: Entry(HTTPStatus.CONFLICT, "The payment service does not take this payment."),
    Code.VERIFICATION_ENDED: Entry(HTTPStatus.CONFLICT, "There is no check to be started."),
    Code.DEPOSIT_NOT_PAYABLE: Entry(HTTPStatus.CONFLICT, "The deposit cannot be paid any more; a new one can be started."),
    Code.BODY_TOO_LARGE: Entry(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."),
    Code.UNSUPPORTED_MEDIA_TYPE: Entry(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."),
    Code.IDEMPOTENCY_KEY_REUSED: Entry(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The Idempotency-Key was used before with another request."
    ),
    Code.TOO_MANY_REQUESTS: Entry(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests."),
    Code.INTERNAL_ERROR: Entry(HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed."),
    Code.TEMPORARILY_UNAVAILABLE: Entry(
        HTTPStatus.SERVICE_UNAVAILABLE, "The request could not be completed now; repeating it is safe."
    ),
    Code.PROVIDER_UNAVAILABLE: Entry(HTTPStatus.SERVICE_UNAVAILABLE, "The provider of the game cannot be reached now."),
    Code.GATEWAY_UNAVAILABLE: Entry(
        HTTPStatus.SERVICE_UNAVAILABLE, "The payment service cannot be reached now; repeating the request is safe."
    ),
    Code.VERIFICATION_UNAVAILABLE: Entry(
        HTTPStatus.SERVICE_UNAVAILABLE, "The verification service cannot be reached now; repeating the request is safe."
    ),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field by its path in the request ("amount", "items.0.id") and what is wrong with it. Never the value."""

    field: str
    message: str


class Problem(Exception):
    """Raised anywhere in an entrance to answer with a problem. The status follows from the code.

    `detail` is shown to the caller: no personal data, no values, nothing from an exception.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return TABLE[self.code].status.value


@dataclass(frozen=True, slots=True)
class Rendered:
    """A problem as it goes over the wire: status, headers and JSON text."""

    status: int
    headers: dict[str, str]
    body: str


def render(problem: Problem, request_id: str) -> Rendered:
    """Turn a problem into status, headers and body (RFC 9457 members plus `code`, `request_id` and `errors`).

    Every 401 names the scheme (RFC 9110 §11.6.1, RFC 6750 §3), every 503 says when to come back.
    """
    entry = TABLE[problem.code]
    body: dict[str, object] = {
        "type": TYPE_PREFIX + problem.code.value,
        "title": entry.title,
        "status": entry.status.value,
        "detail": problem.detail or entry.title,
        "code": problem.code.value,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in problem.errors]
    headers = {"Content-Type": CONTENT_TYPE, **_standing_headers(problem.code), **problem.headers}
    return Rendered(entry.status.value, headers, json.dumps(body, separators=(",", ":")))


def _standing_headers(code: Code) -> dict[str, str]:
    status = TABLE[code].status
    if code in {Code.TOKEN_EXPIRED, Code.SESSION_ENDED}:
        return {"WWW-Authenticate": 'Bearer realm="countroom", error="invalid_token"'}
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="countroom"'}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}
