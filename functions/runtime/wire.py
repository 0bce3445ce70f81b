"""One HTTP exchange with an end to it: a request out, a whole answer of bounded size in, or a named trouble, by a fixed instant.

A read timeout bounds the wait for the next byte, not for the last one, and a name that does not resolve has no timeout at all. So
the exchange runs in a thread of its own, and the caller stops waiting when its time is up; the socket is then shut under the
thread, which ends it. A daemon thread, because nothing may wait for it when the process ends.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

_CHUNK: Final = 16 * 1024


class Trouble(StrEnum):
    """Why there is no whole answer."""

    NOT_CONNECTED = "not_connected"
    TIMED_OUT = "timed_out"
    CUT_OFF = "cut_off"
    TOO_LARGE = "too_large"


class WireError(Exception):
    """There is no whole answer. Names the trouble, never the address or anything that was sent."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: a method, a path below the base URL (it begins with a slash), headers, and the body's bytes."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole answer as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Exchange:
    """One request under way: what came of it, and the connection that its end may have to cut."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.raw: Raw | None = None
        self.error: BaseException | None = None
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._given_up = False

    def on(self, connection: HTTPConnection) -> None:
        """Note the connection, or cut it at once when nobody waits any more."""
        with self._lock:
            self._connection = connection
            if self._given_up:
                _cut(connection)

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                _cut(self._connection)


_here = threading.local()
"""The exchange that the current thread makes: urllib3 makes its connections itself, and these tell theirs."""


class _Told:
    """Mixed into urllib3's connections: tells the exchange under way which connection it uses."""

    def request(self, *args: Any, **more: Any) -> None:
        """Send a request."""
        exchange: _Exchange | None = getattr(_here, "exchange", None)
        if exchange is not None and isinstance(self, HTTPConnection):
            exchange.on(self)
        super().request(*args, **more)  # type: ignore[misc] # the other parent of the classes below has it


class _Plain(_Told, HTTPConnection):
    """A connection on this very machine."""


class _Secure(_Told, HTTPSConnection):
    """A connection with TLS; the certificate is checked against the system's authorities."""


class Line:
    """The connections to one base URL, kept open and used again."""

    def __init__(self, base_url: str, *, connections_max: int) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        self._path = parts.path.rstrip("/")
        self._pool: HTTPConnectionPool
        if parts.scheme == "https":
            self._pool = HTTPSConnectionPool(host, parts.port, maxsize=connections_max, block=False)
            self._pool.ConnectionCls = _Secure
        else:
            self._pool = HTTPConnectionPool(host, parts.port, maxsize=connections_max, block=False)
            self._pool.ConnectionCls = _Plain

    def send(
        self, request: Request, *, connect_s: float, read_s: float, ends: float, bytes_max: int, done: Callable[[], object]
    ) -> Raw:
        """Make one exchange, at the latest until `ends` (of `time.monotonic`). Raise WireError.

        `done` is called once, when the exchange has ended in truth, which may be after this has returned.
        """
        left = ends - time.monotonic()
        if left <= 0:
            done()
            raise WireError(Trouble.TIMED_OUT)
        timeout = Timeout(connect=min(connect_s, left), read=min(read_s, left))
        exchange = _Exchange()

        def run() -> None:
            _here.exchange = exchange
            try:
                exchange.raw = self._exchange(request, timeout, ends, bytes_max)
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
                exchange.error = error
            finally:
                done()
                exchange.done.set()

        threading.Thread(target=run, name="outbound", daemon=True).start()
        if not exchange.done.wait(left):
            exchange.give_up()
            raise WireError(Trouble.TIMED_OUT)
        if exchange.raw is None:
            raise _trouble(exchange.error)
        return exchange.raw

    def _exchange(self, request: Request, timeout: Timeout, ends: float, bytes_max: int) -> Raw:
        response = self._pool.urlopen(
            request.method,
            self._path + request.path,
            body=request.body,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **request.headers},
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _read(response, ends, bytes_max)
            headers = {name.lower(): value for name, value in response.headers.items()}
        except BaseException:
            response.close()  # what it may still send must not be taken for the answer to another request
            raise
        finally:
            response.release_conn()
        return Raw(response.status, headers, body)


def _read(response: BaseHTTPResponse, ends: float, bytes_max: int) -> bytes:
    body = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > bytes_max:
            raise WireError(Trouble.TOO_LARGE)
        if time.monotonic() >= ends:
            raise WireError(Trouble.TIMED_OUT)
    return bytes(body)


def _trouble(error: BaseException | None) -> Exception:
    match error:
        case WireError():
            return error
        case ConnectTimeoutError() | NewConnectionError() | NameResolutionError():
            return WireError(Trouble.NOT_CONNECTED)
        case ReadTimeoutError():
            return WireError(Trouble.TIMED_OUT)
        case IncompleteRead() | SSLError() | HTTPError() | OSError():
            return WireError(Trouble.CUT_OFF)
        case Exception():
            return error
    return RuntimeError("the exchange was ended from outside")


def _cut(connection: HTTPConnection) -> None:
    """Shut the socket under the thread that reads from it, which then ends. It may be closed already, or not be open yet."""
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError, ValueError):
            sock.shutdown(socket.SHUT_RDWR)
