"""Webhooks of the payment gateways: prove it, keep it, say so. What it means for the money is the worker's affair.

An event of the HTTP API (payload format 2.0), one route `POST /v1/payments/{gateway}`. Answers:

- 202 the webhook is kept; a repeat, too
- 400 signed, but it does not say what this gateway says
- 401 signature missing, ill-formed or by no valid secret; signed more than five minutes ago or ahead
- 404 no such gateway; 413 body too large
- 503 the secret cannot be read or the queue does not take it: nothing is kept, the gateway sends it again
"""

import os
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.cashier.gateways import DIALECTS, UnknownGateway
from countroom.cashier.gateways.dialect import Delivery, DeliveryStale, MalformedEvent, SecretsUnusable, SignatureInvalid
from countroom.cashier.inbox import Inbox, InboxUnavailable
from countroom.cashier.intake import BodyTooLarge, Intake
from countroom.clock import system_clock
from runtime import aws, settings, telemetry
from runtime.problems import Code, Problem, render
from runtime.secrets import SecretReader, SecretUnavailable

ACCEPTED: Final = 202
_CHALLENGE: Final = {"WWW-Authenticate": 'StandardWebhooks realm="countroom"'}
_NO_GATEWAY: Final = "unknown"

# Exception → code, detail, and the count by which operators see it. The order does not matter: none is a kind of another.
_PROBLEMS: Final[dict[type[Exception], tuple[Code, str, str]]] = {
    UnknownGateway: (Code.NOT_FOUND, "There is no such payment gateway.", "WebhookRejected"),
    BodyTooLarge: (Code.BODY_TOO_LARGE, "", "WebhookRejected"),
    SignatureInvalid: (Code.NOT_AUTHENTICATED, "The webhook's signature is missing or not valid.", "SignatureRejected"),
    DeliveryStale: (Code.NOT_AUTHENTICATED, "The webhook was signed more than five minutes ago or ahead.", "SignatureRejected"),
    MalformedEvent: (Code.INVALID_REQUEST, "", "WebhookRejected"),
    SecretsUnusable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
    SecretUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
    InboxUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told: the secret's ARN by gateway, and where webhooks are kept."""

    gateway_secrets: dict[str, str]
    payment_queue_url: str


@cache
def _intake() -> Intake:
    """Build the intake; nothing is sent before the first webhook."""
    told = settings.load(Settings)
    secrets = aws.client("secretsmanager")
    sources = {gateway: SecretReader(secrets, arn) for gateway, arn in told.gateway_secrets.items()}
    return Intake(sources, Inbox(aws.client("sqs"), told.payment_queue_url), system_clock)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    request_id = str((event.get("requestContext") or {}).get("requestId") or "unknown")
    telemetry.set_correlation_id(request_id)
    gateway = str((event.get("pathParameters") or {}).get("gateway") or "")
    known = gateway if gateway in DIALECTS else _NO_GATEWAY
    try:
        event_id = _intake().receive(gateway, delivery_of(event))
    except Exception as error:  # noqa: BLE001 - the outermost edge: the gateway gets an answer, operators get the log line
        return _refused(error, known, request_id)
    telemetry.logger.info("webhook kept", gateway=known, event_id=event_id)
    telemetry.count("WebhookKept", dimensions={"gateway": known})
    return {"statusCode": ACCEPTED, "headers": {"X-Request-Id": request_id}, "body": ""}


def delivery_of(event: dict[str, Any]) -> Delivery:
    """Read an event of the HTTP API: headers by lower-case name, and the body byte for byte as it was signed."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return Delivery(headers, text.encode("utf-8", "surrogatepass"))
    try:
        return Delivery(headers, b64decode(text, validate=True))
    except (BadBase64, ValueError):
        return Delivery(headers, b"")


def _refused(error: Exception, gateway: str, request_id: str) -> dict[str, Any]:
    code, detail, metric = _PROBLEMS.get(type(error), (Code.INTERNAL_ERROR, "", "WebhookNotKept"))
    if isinstance(error, MalformedEvent):
        detail = str(error)  # names a field, never a value; only a sender with the secret gets to read it
    cause = type(error).__name__
    if metric == "WebhookNotKept":
        telemetry.logger.error("webhook not kept", gateway=gateway, failure=telemetry.describe(error))
    else:
        telemetry.logger.warning("webhook rejected", gateway=gateway, cause=cause)
    telemetry.count(metric, dimensions={"gateway": gateway})
    challenge = _CHALLENGE if code is Code.NOT_AUTHENTICATED else None
    rendered = render(Problem(code, detail, headers=challenge), request_id)
    return {"statusCode": rendered.status, "headers": {**rendered.headers, "X-Request-Id": request_id}, "body": rendered.body}


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _intake()
