"""Webhooks of the payment gateways: prove it, keep it, say so. What it means for the money is the worker's affair.

An event of the HTTP API (payload format 2.0), one route `POST /v1/payments/{gateway}`. Answers:

- 202 the webhook is kept; a repeat, too (Adyen asks for 200 and a word of its own). So is what only people can book, and a batch of
  Adyen's of which nothing is understood: sent again it would come to the same, and hold up what comes after it
- 400 signed, but it does not say what this gateway says: it is kept for people to look at
- 401 signature missing, ill-formed or by no valid secret; signed more than five minutes ago or ahead
- 404 no such gateway; 413 body too large
- 503 the secret cannot be read, or the table or the queue does not take it: the gateway sends it again
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom import strict_json
from countroom.cashier.gateways import DIALECTS, UnknownGateway
from countroom.cashier.gateways.dialect import Delivery, DeliveryStale, MalformedEvent, SecretsUnusable, SignatureInvalid
from countroom.cashier.inbox import Inbox, InboxUnavailable
from countroom.cashier.intake import Intake, Taken
from countroom.cashier.raw_events import RawEvents, RawEventsUnavailable
from countroom.clock import system_clock
from runtime import aws, settings, telemetry
from runtime.problems import Code, Problem, render
from runtime.secrets import SecretReader, SecretUnavailable

ACCEPTED: Final = (202, "")
# Adyen takes a notification for delivered only when its answer says so ("Accept notifications" in its documentation).
_ACCEPTED_BY_GATEWAY: Final = {"adyen": (200, "[accepted]")}
_SCHEMES: Final = {"standard": "StandardWebhooks"}
_ANY_SCHEME: Final = "Signature"
_NO_GATEWAY: Final = "unknown"

# Exception → code, detail, and the count by which operators see it. The order does not matter: none is a kind of another.
_PROBLEMS: Final[dict[type[Exception], tuple[Code, str, str]]] = {
    UnknownGateway: (Code.NOT_FOUND, "There is no such payment gateway.", "WebhookRejected"),
    strict_json.BodyTooLarge: (Code.BODY_TOO_LARGE, "", "WebhookRejected"),
    SignatureInvalid: (Code.NOT_AUTHENTICATED, "The webhook's signature is missing or not valid.", "SignatureRejected"),
    DeliveryStale: (Code.NOT_AUTHENTICATED, "The webhook was signed more than five minutes ago or ahead.", "SignatureRejected"),
    MalformedEvent: (Code.INVALID_REQUEST, "", "WebhookRejected"),
    SecretsUnusable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
    SecretUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
    RawEventsUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
    InboxUnavailable: (Code.TEMPORARILY_UNAVAILABLE, "", "WebhookNotKept"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told: the secret's ARN by gateway, and where webhooks are kept and queued."""

    gateway_secrets: dict[str, str]
    raw_events_table: str
    payment_queue_url: str


@cache
def _intake() -> Intake:
    """Build the intake; nothing is sent before the first webhook."""
    told = settings.load(Settings)
    secrets = aws.client("secretsmanager")
    sources = {gateway: SecretReader(secrets, arn) for gateway, arn in told.gateway_secrets.items()}
    raw_events = RawEvents(aws.client("dynamodb"), told.raw_events_table)
    return Intake(sources, raw_events, Inbox(aws.client("sqs"), told.payment_queue_url), system_clock)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    request_id = str((event.get("requestContext") or {}).get("requestId") or "unknown")
    telemetry.set_correlation_id(request_id)
    gateway = str((event.get("pathParameters") or {}).get("gateway") or "")
    known = gateway if gateway in DIALECTS else _NO_GATEWAY
    try:
        taken = _intake().receive(gateway, delivery_of(event))
    except Exception as error:  # noqa: BLE001 - the outermost edge: the gateway gets an answer, operators get the log line
        return _refused(error, known, request_id)
    _report(known, taken)
    status, body = _ACCEPTED_BY_GATEWAY.get(known, ACCEPTED)
    return {"statusCode": status, "headers": {"X-Request-Id": request_id}, "body": body}


def _report(gateway: str, taken: Taken) -> None:
    said: dict[str, Any] = {"all_signed": taken.all_signed, "all_understood": taken.all_understood}
    telemetry.logger.info("webhook kept", gateway=gateway, event_id=taken.event_id, **said)
    telemetry.count("WebhookKept", dimensions={"gateway": gateway})
    if not taken.all_signed:
        telemetry.count("SignatureRejected", dimensions={"gateway": gateway})
    if not (taken.all_signed and taken.all_understood):
        # Its gateway will not send it again, so people are told of the first.
        telemetry.count("WebhookRejected", dimensions={"gateway": gateway})


def delivery_of(event: dict[str, Any]) -> Delivery:
    """Read an event of the HTTP API: headers by lower-case name, and the body byte for byte as it was signed."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    try:
        return Delivery(headers, strict_json.body_bytes(event))
    except strict_json.NotJson:
        return Delivery(headers, b"")  # not base64: nothing that could have been signed


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
    asked = {"WWW-Authenticate": f'{_SCHEMES.get(gateway, _ANY_SCHEME)} realm="countroom"'}
    challenge = asked if code is Code.NOT_AUTHENTICATED else None
    rendered = render(Problem(code, detail, headers=challenge), request_id)
    return {"statusCode": rendered.status, "headers": {**rendered.headers, "X-Request-Id": request_id}, "body": rendered.body}


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _intake()
