"""The callbacks of one game provider: which one is a setting, so every provider has a function, keys and limits of its own.

An event of the HTTP API (payload format 2.0) in, the dialect's answer out, inside the provider's patience: when the time is up the
answer is "unknown" in the dialect's words, and a rollback that follows finds its way. `GET …/health` says whether calls could be
served now.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from types import FrameType
from typing import Any, Final, TypeVar

from countroom import strict_json
from countroom.clock import system_clock
from countroom.games.catalogue_source import TableCatalogue
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.providers import registry
from countroom.games.providers.desk import Desk, Served
from countroom.games.providers.dialect import OPEN_OUTCOMES, Batch, Call, Done, Failed, Fault, Order, Request
from countroom.games.providers.keys import KeyRing
from countroom.ledger.book import Book
from countroom.ledger.movements import Movement, Reason
from countroom.ledger.store import LedgerStore
from runtime import aws, settings, telemetry
from runtime.secrets import SecretReader

_RING_AGAIN_S: Final = 0.1
"""Python drops an exception that is raised while it finalises an object, so one ring may go unheard."""

HEALTH_S: Final = 2.0
HEALTH_KEPT_S: Final = 5.0
"""How long an answer about health is given again: anyone may ask, and a flood of questions must not become one of reads."""

T = TypeVar("T")

_HEALTH: Final = "/health"
CONNECT_S: Final = 0.5
READ_S: Final = 1.0
COPIED_CONNECT_S: Final = 0.25
COPIED_READ_S: Final = 0.4
"""Catalogue and keys have copies to fall back on: looking for newer ones must leave the most impatient provider time for a bet."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told."""

    provider: str
    provider_secret: str
    ledger_table: str
    games_table: str


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
    ledger = LedgerStore(_Client("dynamodb", CONNECT_S, READ_S), told.ledger_table)
    games = CatalogueStore(_Client("dynamodb", COPIED_CONNECT_S, COPIED_READ_S), told.games_table)
    secrets = SecretReader(_Client("secretsmanager", COPIED_CONNECT_S, COPIED_READ_S), told.provider_secret)
    keys = KeyRing(secrets, dialect.keys, _report_bad_secret)
    catalogue = TableCatalogue(games, told.provider, on_stale=_report_stale_games)
    return Desk(dialect, keys, Book(ledger, system_clock), catalogue, system_clock)


class _Client:
    """A client that is looked up for every request, so that whoever holds it gets a new one once the old ones are forgotten.

    What its holders know (keys, catalogue) outlives a call that was interrupted; what it may have left in a connection does not.
    """

    def __init__(self, service: str, connect_timeout: float, read_timeout: float) -> None:
        self._made: Callable[[], Any] = partial(
            aws.client, service, connect_timeout=connect_timeout, read_timeout=read_timeout, max_attempts=1
        )
        self._made()  # while the function starts and nobody waits yet

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._made(), operation)


class _TimeIsUp(BaseException):
    """The budget is used. Not an Exception: nothing between the socket and the entrance may take it for an ordinary failure."""


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _TimeIsUp


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    call = call_of(event)
    if call.method == "GET" and call.path.endswith(_HEALTH):
        return _health() if call.path == _HEALTH else _response(404, '{"message":"Not Found"}')
    served = _in_time(call)
    _report(served)
    return _response(served.reply.status, served.reply.body)


def _response(status: int, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}


def call_of(event: dict[str, Any]) -> Call:
    """Read an event of the HTTP API: the path below the provider's own; body and query byte for byte as they were signed."""
    http = (event.get("requestContext") or {}).get("http") or {}
    whole = str(event.get("rawPath") or "")
    below = (event.get("pathParameters") or {}).get("proxy")
    path = _HEALTH if below is None and whole.endswith(_HEALTH) else "/" + str(below or "")
    try:
        body = strict_json.body_bytes(event)
    except strict_json.NotJson:
        body = b""  # which nobody has signed
    return Call(path, event.get("headers") or {}, body, str(http.get("method") or ""), str(event.get("rawQueryString") or ""))


def _in_time(call: Call) -> Served:
    """Serve a call, or give it up when the provider's patience is used.

    What was interrupted is left as a killed function leaves it: the movement stands or it does not, and a repeat or rollback finds
    out.
    """
    desk = _desk()
    try:
        return _timed(lambda: desk.serve(call), desk.patience_s(call))
    except _TimeIsUp:
        return desk.give_up(call, Fault.OUT_OF_TIME)
    except Exception as error:  # noqa: BLE001 - the outermost edge: the provider gets "unknown", operators get the log line
        telemetry.logger.error("provider call failed", failure=telemetry.describe(error))
        return desk.give_up(call, Fault.BROKEN)


def _timed(work: Callable[[], T], seconds: float) -> T:
    """Do the work; raise _TimeIsUp when it takes longer, even while a socket hangs: a timer interrupts it.

    The clients are made anew then, because one of their connections may hold half an answer.
    """
    try:
        setitimer(ITIMER_REAL, seconds, _RING_AGAIN_S)
        try:
            return work()
        finally:
            setitimer(ITIMER_REAL, 0)
    except _TimeIsUp:
        aws.forget_clients()
        raise


def _health() -> dict[str, Any]:
    """Answer whether calls could be served now, and nothing else: the caller may be anybody."""
    healthy = _healthy(int(time.monotonic() / HEALTH_KEPT_S))
    return _response(200 if healthy else 503, '{"status":"ok"}' if healthy else '{"status":"unavailable"}')


@lru_cache(maxsize=1)
def _healthy(_instant: int) -> bool:
    try:
        return _timed(_desk().healthy, HEALTH_S)
    except _TimeIsUp:
        return False
    except Exception as error:  # noqa: BLE001 - the outermost edge: whatever is wrong, the service is not healthy, and the log says why
        telemetry.logger.error("health check failed", failure=telemetry.describe(error))
        return False


def _report_bad_secret(error: Exception) -> None:
    """Say that a version of the secret cannot be used; the words of a parser may repeat what it read, so only its type is told."""
    telemetry.logger.error("the provider's secret holds no usable key", provider=_settings().provider, error=type(error).__name__)
    telemetry.count("ProviderKeysUnusable")


def _report_stale_games() -> None:
    telemetry.logger.error("the catalogue cannot be read; the copy of it serves on", provider=_settings().provider)
    telemetry.count("CatalogueStale")


def _report(served: Served) -> None:
    """Write one log line with ids and outcome (never a token or a body), and the counts of this call."""
    request, result, reply = served.request, served.result, served.reply
    provider = _settings().provider
    said: dict[str, Any] = {"provider": provider, "code": reply.code, **_named(request)}
    telemetry.count("ProviderCalls")
    cause = None
    if isinstance(result, Done):
        said["moved"] = result.moved
        telemetry.count("BetsAccepted", result.bets)
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


def _named(request: Request | None) -> dict[str, Any]:
    """Return the ids in a request; whether it was carried out or not, they say which transaction an answer was about."""
    if request is None:
        return {}
    said: dict[str, Any] = {"provider_request_id": request.request_id}
    if isinstance(request, Batch):
        said |= {
            "player_id": request.player_id,
            "kind": [movement.kind for movement in request.movements],
            "transaction": [movement.reference.text for movement in request.movements],
            "game": request.movements[0].game_code,
            "round": request.movements[0].round_id,
        }
    elif isinstance(request, Order):
        movement = request.movement
        said |= {"player_id": movement.player_id, "transaction": movement.reference.text}
        if isinstance(movement, Movement):  # a draft that was not completed is only a name
            said |= {"kind": movement.kind, "game": movement.game_code, "round": movement.round_id}
    return said


def _count_refusal(provider: str, failed: Failed) -> None:
    telemetry.count("ProviderRefusals", dimensions={"provider": provider, "cause": failed.cause})


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _desk()

handler: Final = telemetry.observed(_serve)
