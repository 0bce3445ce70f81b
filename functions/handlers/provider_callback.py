"""The callbacks of one game provider: which one is a setting, so every provider has a function, keys and limits of its own.

An event of the HTTP API (payload format 2.0) in, the dialect's answer out, inside the provider's patience: when the time is up the
answer is "unknown" in the dialect's words, and a rollback that follows finds its way.
"""

import os
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import dataclass
from functools import cache
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from types import FrameType
from typing import Any, Final

from countroom.clock import system_clock
from countroom.games import catalogue
from countroom.games.providers import registry
from countroom.games.providers.dialect import OPEN_OUTCOMES, Call, Desk, Done, Failed, Fault, Order, Served
from countroom.games.providers.keys import KeyRing
from countroom.ledger.book import Book, Pacing
from countroom.ledger.movements import Reason
from countroom.ledger.store import LedgerStore
from runtime import aws, settings, telemetry
from runtime.secrets import SecretReader

BUDGET_S: Final = 2.5
"""When an answer must be out, whatever hangs. The most impatient provider tries three times of one second, others wait five."""

LEDGER_BUDGET_S: Final = 2.0
_RING_AGAIN_S: Final = 0.1
"""Python drops an exception that is raised while it finalises an object, so one ring may go unheard."""

CONNECT_S: Final = 0.5
READ_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told."""

    provider: str
    provider_secret: str
    ledger_table: str


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _desk() -> Desk[Any]:
    """Build the provider's desk; nothing is sent before the first call."""
    signal(SIGALRM, _ring)
    told = _settings()
    dialect = registry.dialect(told.provider)
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    dynamodb = aws.client("dynamodb", connect_timeout=CONNECT_S, read_timeout=READ_S, max_attempts=1)
    secrets = aws.client("secretsmanager", connect_timeout=CONNECT_S, read_timeout=READ_S, max_attempts=1)
    keys = KeyRing(SecretReader(secrets, told.provider_secret), dialect.keys)
    book = Book(LedgerStore(dynamodb, told.ledger_table), system_clock, Pacing(budget_s=LEDGER_BUDGET_S))
    return Desk(dialect, keys, book, catalogue.standard(), system_clock)


class _TimeIsUp(BaseException):
    """The budget is used. Not an Exception: nothing between the socket and the entrance may take it for an ordinary failure."""


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _TimeIsUp


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    call = call_of(event)
    served = _in_time(call)
    _report(served)
    reply = served.reply
    return {"statusCode": reply.status, "headers": {"content-type": "application/json"}, "body": reply.body}


def call_of(event: dict[str, Any]) -> Call:
    """Read an event of the HTTP API: the path below the provider's own, and the body byte for byte as it was signed."""
    path = "/" + str((event.get("pathParameters") or {}).get("proxy") or "")
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            body = b64decode(text, validate=True)
        except (BadBase64, ValueError):
            body = b""
    else:
        body = text.encode("utf-8", "surrogatepass")
    return Call(path, event.get("headers") or {}, body)


def _in_time(call: Call) -> Served:
    """Serve a call, or give it up when the budget is used, even while a socket hangs: a timer interrupts it.

    What was interrupted is left as a killed function leaves it: the movement stands or it does not, and a repeat or rollback finds
    out. The clients are made anew, because one of their connections may hold half an answer.
    """
    desk = _desk()
    try:
        setitimer(ITIMER_REAL, BUDGET_S, _RING_AGAIN_S)
        try:
            return desk.serve(call)
        finally:
            setitimer(ITIMER_REAL, 0)
    except _TimeIsUp:
        aws.forget_clients()
        _desk.cache_clear()
        return desk.give_up(call, Fault.OUT_OF_TIME)
    except Exception as error:  # noqa: BLE001 - the outermost edge: the provider gets "unknown", operators get the log line
        telemetry.logger.error("provider call failed", failure=telemetry.describe(error))
        return desk.give_up(call, Fault.BROKEN)


def _report(served: Served) -> None:
    """Write one log line with ids and outcome (never a token or a body), and the counts of this call."""
    request, result, reply = served.request, served.result, served.reply
    provider = _settings().provider
    said: dict[str, Any] = {"provider": provider, "code": reply.code}
    if request is not None:
        said["provider_request_id"] = request.request_id
    bet = False
    if isinstance(request, Order):
        movement = request.movement
        bet = movement.kind == "bet"
        said |= {
            "kind": movement.kind,
            "player_id": movement.player_id,
            "transaction": movement.reference.text,
            "game": movement.game_code,
            "round": movement.round_id,
        }
    telemetry.count("ProviderCalls")
    cause = None
    if isinstance(result, Done):
        said["moved"] = result.moved
        telemetry.count("BetsAccepted", int(bet and result.moved))
    else:
        cause = result.cause
        said["cause"] = cause
        _count_refusal(provider, result)
    for name, happened in (
        ("SignatureRejected", cause is Fault.BAD_SIGNATURE),
        ("IdempotencyMismatch", cause is Reason.DUPLICATE_TRANSACTION),
        ("OutcomeUnknown", cause in OPEN_OUTCOMES),
    ):
        if happened:
            telemetry.count(name)
    log = telemetry.logger.error if cause in OPEN_OUTCOMES else telemetry.logger.info
    log("provider call", **said)


def _count_refusal(provider: str, failed: Failed) -> None:
    telemetry.count("ProviderRefusals", dimensions={"provider": provider, "cause": failed.cause})


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _desk()

handler: Final = telemetry.observed(_serve)
