"""A server on loopback that plays other companies' APIs, each below a path of its name, and goes wrong on request.

PUT /<name>/fault {"fault": "hang", "times": 1}     the next so many calls there go wrong in that way
"""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

HOST = "127.0.0.1"
BODY_BYTES_MAX = 16 * 1024
TIMES_MAX = 10_000
HANG_SECONDS, SLOW_SECONDS = 30.0, 3.0
HUGE_BYTES = 8 * 1024 * 1024


class Fault(StrEnum):
    """Ways in which another company's API goes wrong."""

    HANG = "hang"
    SLOW = "slow"
    TRUNCATED = "truncated"
    REDIRECT = "redirect"
    HTML = "html"
    HUGE = "huge"
    ERROR = "error"
    LOST = "lost"
    """The work is done and the connection ends without an answer."""


@dataclass(slots=True)
class FaultyDesk:
    """What the companies behind a server know: which faults are due, and how often each was asked. Safe among threads."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    closed: threading.Event = field(default_factory=threading.Event)
    _faults: dict[str, tuple[Fault, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def break_next(self, name: str, fault: Fault | None, times: int = 1) -> None:
        """Let the next `times` calls of a company go wrong; None puts it right."""
        with self._lock:
            self._faults.pop(name, None)
            if fault and times > 0:
                self._faults[name] = (fault, times)

    def fault_of(self, name: str) -> Fault | None:
        """Take the fault that is due at this call, and count the call."""
        with self._lock:
            self.asked[name] += 1
            fault, left = self._faults.pop(name, (None, 0))
            if fault and left > 1:
                self._faults[name] = (fault, left - 1)
            return fault

    def tally(self, name: str) -> dict[str, int]:
        """Say how often a company was asked."""
        return {"asked": self.asked[name]}


class FaultyHandler(BaseHTTPRequestHandler):
    """Serves the companies in `paths` (name → what can be posted to, below the name) by `serve`."""

    desk: ClassVar[Any]
    paths: ClassVar[Mapping[str, tuple[str, ...]]]
    pretence: ClassVar[bytes]
    """What a right answer could begin with; an answer that is cut off is this."""

    timeout = HANG_SECONDS
    protocol_version = "HTTP/1.1"
    _loses = False

    def serve(self, name: str, path: str, body: bytes) -> None:
        """Answer a call."""
        raise NotImplementedError

    def show(self, name: str, path: str) -> None:  # noqa: ARG002 - for those that have pages
        """Answer whoever opens a page."""
        self.answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_GET(self) -> None:
        """Show a page."""
        self.show(*parts(self.path))

    def do_PUT(self) -> None:
        """Order a fault."""
        name, path = parts(self.path)
        try:
            said = as_object(self.body())
            fault = Fault(said["fault"]) if said.get("fault") else None
            times = int(said.get("times", 1))
        except (ValueError, KeyError, TypeError):
            self.answer(HTTPStatus.BAD_REQUEST, {"error": f"fault is one of {', '.join(Fault)} or null, times a number"})
            return
        if name not in self.paths or path != "/fault" or not 0 <= times <= TIMES_MAX:
            self.answer(HTTPStatus.NOT_FOUND, {"error": "nobody of this name, or too often"})
            return
        self.desk.break_next(name, fault, times)
        self.answer(HTTPStatus.OK, self.desk.tally(name))

    def do_POST(self) -> None:
        """Serve a call, unless it is to go wrong."""
        name, path = parts(self.path)
        try:
            body = self.body()
        except ValueError as error:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        if path not in self.paths.get(name, ()):
            self.answer(HTTPStatus.NOT_FOUND, {"error": "no such route"})
            return
        fault = self.desk.fault_of(name)
        if fault and self._go_wrong(fault):
            return
        self.serve(name, path, body)
        self._loses = False

    def _go_wrong(self, fault: Fault) -> bool:
        """Do as the fault says; False when the request is to be served after all."""
        if fault in {Fault.HANG, Fault.SLOW}:
            self.desk.closed.wait(HANG_SECONDS if fault is Fault.HANG else SLOW_SECONDS)
            self.close_connection = fault is Fault.HANG
            return fault is Fault.HANG
        if fault is Fault.LOST:
            self._loses = self.close_connection = True
            return False
        if fault is Fault.TRUNCATED:
            self.send(HTTPStatus.OK, "application/json", self.pretence, pretended=len(self.pretence) + 40)
            self.close_connection = True
        elif fault is Fault.REDIRECT:
            self.send(HTTPStatus.FOUND, "text/plain", b"", location=f"{self.desk.url}/elsewhere")
        elif fault is Fault.HTML:
            self.send(HTTPStatus.OK, "text/html", b"<html><body>Please stand by</body></html>")
        elif fault is Fault.HUGE:
            self.send(HTTPStatus.OK, "application/json", b'{"url":"' + b"x" * HUGE_BYTES + b'"}')
        else:
            self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "something is wrong here"})
        return True

    def body(self) -> bytes:
        """Read the request's body. Raises ValueError when it is too large."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True
            raise ValueError("the body is too large")
        return self.rfile.read(length)

    def answer(self, status: int, said: Mapping[str, Any]) -> None:
        """Answer in JSON."""
        self.send(status, "application/json", json.dumps(said).encode())

    def send(self, status: int, kind: str, body: bytes, *, pretended: int = 0, location: str = "") -> None:
        """Answer, unless the answer is to be lost; `pretended` is a length that is announced and not kept."""
        if self._loses:
            return
        with contextlib.suppress(OSError):  # who asked has hung up
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(pretended or len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Write nothing: requests hold tokens and keys."""


D = TypeVar("D", bound=FaultyDesk)


@contextlib.contextmanager
def serving(desk: D, handler: type[FaultyHandler], port: int = 0) -> Iterator[D]:
    """Run a server of this desk on loopback, on a free port unless one is named; leaving ends it."""
    bound = type("Handler", (handler,), {"desk": desk})
    server = ThreadingHTTPServer((HOST, port), bound)
    server.daemon_threads = True
    desk.url = f"http://{HOST}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        desk.closed.set()
        server.shutdown()
        server.server_close()
        thread.join(5.0)


def parts(path: str) -> tuple[str, str]:
    """Take the company's name off a path."""
    _, name, *rest = (urlsplit(path).path + "/").split("/", 2)
    return name, "/" + "".join(rest).rstrip("/")


def as_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError."""
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is a value of what came in
    return said
