"""Webhooks of the verification vendor: prove it, keep what it says, say so. What it means for the player is the worker's affair.

An event of the HTTP API (payload format 2.0), the route `POST /v1/verification/sumsub`. Answers:

- 202 the event is kept; a repeat, too; and what says nothing of how a check stands
- 400 signed, but it does not say what the vendor says
- 401 digest missing, ill-formed, by a hash that is not taken or by no valid secret
- 413 body too large
- 503 the secret cannot be read, or the queue does not take it: the vendor sends it again
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom import strict_json
from countroom.clock import system_clock
from countroom.shared_keys import SecretsUnusable
from countroom.verification.inbox import Inbox, InboxUnavailable
from countroom.verification.intake import Intake
from countroom.verification.sumsub_webhooks import MalformedEvent, SignatureInvalid
from runtime import aws, settings, telemetry
from runtime.problems import Code, Problem, render
from runtime.secrets import SecretReader, SecretUnavailable

VENDOR: Final = "sumsub"
_CHALLENGE: Final = 'Signature realm="countroom"'
_NOT_KEPT: Final = "VerificationWebhookNotKept"

# Exception → code, detail, and the count by which operators see it. The order does not matter: none is a kind of another.
_PROBLEMS: Final[dict[type[Exception], tuple[Code, str, str]]] = {
    strict_json.BodyTooLarge: (Code.BODY_TOO_LARGE, "", "VerificationWebhookRejected"),
    SignatureInvalid: (Code.NOT_AUTHENTICATED, "The webhook's digest is missing or not valid.", "VerificationSignatureRejected"),
    MalformedEvent: (Code.INVALID_REQUEST, "", "VerificationWebhookRejected"),
    SecretsUnusable: (Code.TEMPORARILY_UNAVAILABLE, "", _NOT_KEPT),
    SecretUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", _NOT_KEPT),
    InboxUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", _NOT_KEPT),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told: the ARN of each vendor's webhook secret, and where events are queued."""

    webhook_secrets: dict[str, str]
    verification_queue_url: str


class NotSetUp(Exception):
    """The stage has no secret of the vendor's."""


@cache
def _intake() -> Intake:
    """Build the intake; nothing is sent before the first webhook."""
    told = settings.load(Settings)
    if VENDOR not in told.webhook_secrets:
        raise NotSetUp("no secret of the vendor's")
    secret = SecretReader(aws.client("secretsmanager"), told.webhook_secrets[VENDOR])
    return Intake(secret, Inbox(aws.client("sqs"), told.verification_queue_url), system_clock)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    request_id = str((event.get("requestContext") or {}).get("requestId") or "unknown")
    telemetry.set_correlation_id(request_id)
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    try:
        taken = _intake().receive(headers, _body(event))
    except Exception as error:  # noqa: BLE001 - the outermost edge: the vendor gets an answer, operators get the log line
        return _refused(error, request_id)
    if taken is None:
        telemetry.logger.info("verification webhook says nothing of a check")
        telemetry.count("VerificationWebhookIgnored")
    else:
        telemetry.logger.info("verification webhook kept", event_id=taken.event_id, state=taken.state.value)
        telemetry.count("VerificationWebhookKept")
    return {"statusCode": 202, "headers": {"X-Request-Id": request_id}, "body": ""}


def _body(event: dict[str, Any]) -> bytes:
    """Give the body byte for byte as it was signed."""
    try:
        return strict_json.body_bytes(event)
    except strict_json.NotJson:
        return b""  # not base64: nothing that could have been signed


def _refused(error: Exception, request_id: str) -> dict[str, Any]:
    code, detail, metric = _PROBLEMS.get(type(error), (Code.INTERNAL_ERROR, "", _NOT_KEPT))
    if isinstance(error, MalformedEvent):
        detail = str(error)  # names a field, never a value; only a sender with the secret gets to read it
    if metric == _NOT_KEPT:
        telemetry.logger.error("verification webhook not kept", failure=telemetry.describe(error))
    else:
        telemetry.logger.warning("verification webhook rejected", cause=type(error).__name__)
    telemetry.count(metric)
    headers = {"WWW-Authenticate": _CHALLENGE} if code is Code.NOT_AUTHENTICATED else None
    rendered = render(Problem(code, detail, headers=headers), request_id)
    return {"statusCode": rendered.status, "headers": {**rendered.headers, "X-Request-Id": request_id}, "body": rendered.body}


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _intake()
