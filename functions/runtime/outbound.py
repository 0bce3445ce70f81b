"""Calls to other companies: one port, for launches, payments and checks alike.

A call ends as `Answered`, or as `Unknown` with the reason, in bounded time whatever the other side does. Answered means: a whole
answer of the media type that was asked for, that parses, with a status below 500 and no redirect. A provider that hangs, drips,
cuts off, redirects, answers HTML or too much is Unknown, never a success: whether it did what was asked, nobody here knows.

Each provider has a port of its own: its bulkhead (calls under way, and connections kept), its circuit (`runtime.circuit`), its
health. So one that hangs holds up nobody who asks another. Calls are repeated only where the caller says that this is harmless.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from countroom.urls import is_safe_url
from runtime.wire import Line, Raw, Request, Trouble, WireError

__all__ = ["Answered", "Limits", "NoCircuit", "Outcome", "Port", "Reason", "Request", "Target", "Unknown"]

_SERVER_ERROR: Final = 500
_REDIRECTS: Final = range(300, 400)
_NO_CONTENT: Final = 204
_JSON: Final = "application/json"


class Reason(StrEnum):
    """Why nobody knows what came of a call. The first group was never sent."""

    CIRCUIT_OPEN = "circuit_open"
    BULKHEAD_FULL = "bulkhead_full"
    NOT_CONNECTED = "not_connected"
    TIMED_OUT = "timed_out"
    CUT_OFF = "cut_off"
    TOO_LARGE = "too_large"
    REDIRECTED = "redirected"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    NOT_JSON = "not_json"
    SERVER_ERROR = "server_error"


_REASON_OF: Final = {
    Trouble.NOT_CONNECTED: Reason.NOT_CONNECTED,
    Trouble.TIMED_OUT: Reason.TIMED_OUT,
    Trouble.CUT_OFF: Reason.CUT_OFF,
    Trouble.TOO_LARGE: Reason.TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer: its status (below 500, no redirect), header names in lower case, the bytes, and the JSON they hold."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    value: Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that says what happened. `status` is the HTTP status where one came."""

    reason: Reason
    status: int | None = None


Outcome = Answered | Unknown


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: seconds, bytes, tries, and calls at once. `total_s` bounds a call with all its repeats."""

    connect_s: float = 1.0
    read_s: float = 2.0
    total_s: float = 4.0
    body_bytes_max: int = 64 * 1024
    tries_max: int = 3
    wait_s: float = 0.1
    at_once_max: int = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call: the provider's name, and its base URL. TLS is required, except on this very machine."""

    provider: str
    base_url: str

    def __post_init__(self) -> None:
        if not is_safe_url(self.base_url) or urlsplit(self.base_url).query:
            raise ValueError(f"the base URL of {self.provider} must be https, without credentials or query")


class Circuit(Protocol):
    """Decides whether a provider is called at all, and learns from what comes of it."""

    def guard(self, call: Callable[[], Outcome]) -> Outcome:
        """Make the call, or answer Unknown(CIRCUIT_OPEN) without it."""
        ...


class NoCircuit:
    """Always calls."""

    def guard(self, call: Callable[[], Outcome]) -> Outcome:
        """Make the call."""
        return call()


class Port:
    """The way out to one provider."""

    def __init__(
        self,
        target: Target,
        *,
        limits: Limits | None = None,
        circuit: Circuit | None = None,
        observe: Callable[[Outcome], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`observe` is told the outcome of every call (not of every try); what it raises is not caught here."""
        self._limits = limits or Limits()
        self._circuit = circuit or NoCircuit()
        self._observe = observe
        self._sleep = sleep
        self._jitter = jitter
        self._line = Line(target.base_url, connections_max=self._limits.at_once_max)
        self._places = threading.BoundedSemaphore(self._limits.at_once_max)

    def call(self, request: Request, *, idempotent: bool) -> Outcome:
        """Send a request and say what came of it, within `total_s` seconds. Never raises for what the other side does.

        `idempotent`: sending it twice does no harm, so an unknown outcome is tried again, with jitter, while time remains.
        """
        ends = time.monotonic() + self._limits.total_s
        outcome: Outcome = Unknown(Reason.TIMED_OUT)
        for made in range(self._limits.tries_max if idempotent else 1):
            if made and not self._wait(made, ends):
                break
            outcome = self._within_bulkhead(request, ends)
            if isinstance(outcome, Answered) or outcome.reason in {Reason.CIRCUIT_OPEN, Reason.BULKHEAD_FULL}:
                break
        if self._observe is not None:
            self._observe(outcome)
        return outcome

    def _wait(self, made: int, ends: float) -> bool:
        wait = self._limits.wait_s * 2.0**made * self._jitter()
        if time.monotonic() + wait >= ends:
            return False
        self._sleep(wait)
        return True

    def _within_bulkhead(self, request: Request, ends: float) -> Outcome:
        """Take one of the provider's places, and then ask the circuit: a call that found none says nothing about the provider.

        A call that was given up keeps its place until its thread has really ended.
        """
        if not self._places.acquire(blocking=False):
            return Unknown(Reason.BULKHEAD_FULL)
        sent = False

        def send() -> Outcome:
            nonlocal sent
            sent = True
            return self._send(request, ends)

        try:
            return self._circuit.guard(send)
        finally:
            if not sent:
                self._places.release()

    def _send(self, request: Request, ends: float) -> Outcome:
        limits = self._limits
        try:
            raw = self._line.send(
                request,
                connect_s=limits.connect_s,
                read_s=limits.read_s,
                ends=ends,
                bytes_max=limits.body_bytes_max,
                done=self._places.release,
            )
        except WireError as error:
            return Unknown(_REASON_OF[error.trouble])
        return _judged(raw)


def _judged(raw: Raw) -> Outcome:
    """Say whether an answer that came whole is one."""
    if raw.status in _REDIRECTS:
        return Unknown(Reason.REDIRECTED, raw.status)
    if raw.status >= _SERVER_ERROR:
        return Unknown(Reason.SERVER_ERROR, raw.status)
    if raw.status == _NO_CONTENT and not raw.body:
        return Answered(raw.status, raw.headers, raw.body, None)
    if raw.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        return Unknown(Reason.WRONG_MEDIA_TYPE, raw.status)
    try:
        value = json.loads(raw.body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError):
        return Unknown(Reason.NOT_JSON, raw.status)
    return Answered(raw.status, raw.headers, raw.body, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
