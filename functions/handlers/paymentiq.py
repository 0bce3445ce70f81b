"""PaymentIQ's own entrance: it calls while a player waits, and each call is answered by its outcome.

An event of the HTTP API (payload format 2.0), one route `POST /v1/paymentiq/{action}`. Answers, all in PaymentIQ's form:

- 200 with `success` true or false: an outcome, which stands; the same call again has the same one
- 400 not a call of PaymentIQ; 401 the shared secret is missing or wrong; 413 body too large
- 503 the outcome is not known, or the secret cannot be read: the same call has to be sent again, which is safe
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom import strict_json
from countroom.cashier.apply_event import EventApplier, EventResult
from countroom.cashier.gateways import paymentiq, signing
from countroom.cashier.gateways.dialect import MalformedEvent, SecretsUnusable
from countroom.cashier.gateways.paymentiq import Answer, Call, ErrorCode
from countroom.cashier.paymentiq_desk import PaymentIqDesk
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.clock import system_clock
from countroom.ledger.book import Book, OutcomeUnknown, Pacing
from countroom.ledger.store import LedgerStore
from handlers.parts import payment_results, wake
from runtime import aws, settings, telemetry
from runtime.secrets import SecretReader, SecretUnavailable

LEDGER_BUDGET_S: Final = 3.0
"""How long one posting may try: a call makes a few, and the player waits."""

_OK: Final = 200
_STATUSES: Final = {ErrorCode.NOT_AUTHENTICATED: 401, ErrorCode.INVALID_REQUEST: 400, ErrorCode.TRY_AGAIN: 503}
_TOO_LARGE: Final = 413
_NO_ACTION: Final = "unknown"
_SAID: Final = ("user_id", "tx_id", "origin_tx_id", "deposit_id", "withdrawal_id", "auth_code")


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told; `paymentiq_secret` is the ARN of `{"secrets": [text, …]}`."""

    paymentiq_secret: str
    ledger_table: str
    cashier_table: str
    withdrawals_table: str
    withdrawal_machine_arn: str


@cache
def _desk() -> PaymentIqDesk:
    """Build the desk; nothing is sent before the first call."""
    told = settings.load(Settings)
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    ledger = LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table)
    book = Book(ledger, system_clock, Pacing(budget_s=LEDGER_BUDGET_S))
    store = CashierStore(aws.client("dynamodb"), told.cashier_table)
    withdrawals = Withdrawals(WithdrawalStore(aws.client("dynamodb"), told.withdrawals_table), book, system_clock, wake.waker())
    return PaymentIqDesk(store, book, EventApplier(store, book, system_clock), withdrawals, system_clock)


@cache
def _secret() -> SecretReader:
    return SecretReader(aws.client("secretsmanager"), settings.load(Settings).paymentiq_secret)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    request_id = str((event.get("requestContext") or {}).get("requestId") or "unknown")
    telemetry.set_correlation_id(request_id)
    action = str((event.get("pathParameters") or {}).get("action") or "")
    said: dict[str, Any] = {"action": action if action in paymentiq.ACTIONS else _NO_ACTION}
    status = None
    try:
        answer = _answered(action, event, said)
    except strict_json.BodyTooLarge:
        answer, status = Answer({}, ErrorCode.INVALID_REQUEST), _TOO_LARGE
    except MalformedEvent as error:
        said["fault"] = str(error)  # names a field, never its value
        answer = Answer({}, ErrorCode.INVALID_REQUEST)
    except Exception as error:  # noqa: BLE001 - the outermost edge: PaymentIQ gets an answer, operators get the log line
        expected = isinstance(error, OutcomeUnknown | StoreUnavailable | SecretUnavailable | SecretsUnusable)
        said |= {"failure": telemetry.describe(error), "expected": expected}
        answer = Answer({}, ErrorCode.TRY_AGAIN)
    _report(answer, said)
    status = status or (_STATUSES.get(answer.error, _OK) if answer.error else _OK)
    headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
    return {"statusCode": status, "headers": headers, "body": answer.body}


def _answered(action: str, event: dict[str, Any], said: dict[str, Any]) -> Answer:
    """Prove who calls before anything of the call is read."""
    if not _is_known(_given(event)):
        return Answer({}, ErrorCode.NOT_AUTHENTICATED)
    try:
        body = strict_json.body_bytes(event)
    except strict_json.NotJson:
        raise MalformedEvent("the body is not base64") from None
    if len(body) > strict_json.BODY_BYTES_MAX:
        raise strict_json.BodyTooLarge("the body is too large")
    call: Call = paymentiq.parse(action, body)
    said |= {name: found for name in _SAID if (found := getattr(call, name, ""))}
    return _desk().answer(call)


def _given(event: dict[str, Any]) -> str:
    """Return the secret that was sent; header names come in any case."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    return headers.get(paymentiq.SECRET_HEADER, "")


def _is_known(given: str) -> bool:
    """Compare with the secrets, and once more when that fails and they turn out to have been changed."""
    source = _secret()
    try:
        if signing.is_shared_secret(given, signing.texts(source.json())):
            return True
    except SecretsUnusable:
        if not source.refresh():
            raise
        return signing.is_shared_secret(given, signing.texts(source.json()))
    return source.refresh() and signing.is_shared_secret(given, signing.texts(source.json()))


def _report(answer: Answer, said: dict[str, Any]) -> None:
    """Write one log line with ids and outcome, never an amount or the secret, and the counts of this call."""
    error = answer.error
    for result in answer.results:
        payment_results.report(paymentiq.GATEWAY, EventResult(result), error.value.lower() if error else "", said)
    log = telemetry.logger.error if error is ErrorCode.TRY_AGAIN or answer.alarm else telemetry.logger.info
    log("paymentiq call", error=error.value if error else "", alarm=answer.alarm, **said)
    telemetry.count("PaymentIqCalls", dimensions={"action": said["action"]})
    if error is ErrorCode.NOT_AUTHENTICATED:
        telemetry.count("SignatureRejected", dimensions={"gateway": paymentiq.GATEWAY})
    elif error is ErrorCode.INVALID_REQUEST:
        telemetry.count("WebhookRejected", dimensions={"gateway": paymentiq.GATEWAY})
    elif error is ErrorCode.TRY_AGAIN:
        telemetry.count("PaymentIqOutcomeUnknown")
    elif error is not None:
        telemetry.count("PaymentIqRefusals", dimensions={"error": error.value})
    if answer.alarm:
        telemetry.count("PaymentIqForPeople")  # the log line says why


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _desk()
