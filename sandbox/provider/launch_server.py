"""Where the house asks the sandbox's providers for a launch URL: one server on loopback, checked signatures, faults on request.

Each provider has its own path below the address, and speaks there as its published operator API does: Hub88 verifies the house's
RSA signature, Swipe Games an HMAC over the canonical JSON, the action-batch family an HMAC over the raw body. A right request is
answered with the address of a page of this server, which a browser can open.

    PUT /<provider>/fault {"fault": "hang", "times": 1}     the next so many launches there go wrong in that way
"""

import base64
import binascii
import contextlib
import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.provider import action_batch, swipe

HOST = "127.0.0.1"
BODY_BYTES_MAX = 16 * 1024
TIMES_MAX = 10_000
HANG_SECONDS, SLOW_SECONDS = 30.0, 3.0
HUGE_BYTES = 8 * 1024 * 1024
PATHS = {
    "hub88": ("/operator/generic/v2/game/url",),
    "swipe": ("/create-new-game",),
    "action_batch": ("/sessions", "/demo"),
}
"""Provider → the paths of its operator API, below the provider's own, that give a launch URL."""

SIGNATURE_HEADERS = {
    "hub88": "X-Hub88-Signature",
    "swipe": swipe.SIGNATURE_HEADER,
    "action_batch": action_batch.SIGNATURE_HEADER,
}


class Fault(StrEnum):
    """Ways in which a provider's launch API goes wrong."""

    HANG = "hang"
    SLOW = "slow"
    TRUNCATED = "truncated"
    REDIRECT = "redirect"
    HTML = "html"
    HUGE = "huge"
    ERROR = "error"


@dataclass(slots=True)
class Desk:
    """What the providers know: the house's keys, which faults are due, and how often each was asked. Safe among threads."""

    url: str = ""
    operator_key: rsa.RSAPublicKey | None = field(default=None, repr=False)
    shared: Mapping[str, str] = field(default_factory=dict, repr=False)
    asked: Counter[str] = field(default_factory=Counter)
    closed: threading.Event = field(default_factory=threading.Event)
    _faults: dict[str, tuple[Fault, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def urls(self) -> dict[str, str]:
        """Provider → address of its launch API."""
        return {provider: f"{self.url}/{provider}" for provider in PATHS}

    def trust(self, operator_key_pem: str, shared: Mapping[str, str]) -> None:
        """Take on the house's public key (Hub88) and the secrets that it shares with each other provider.

        Raises:
            ValueError: when the key is no RSA key.

        """
        key = serialization.load_pem_public_key(operator_key_pem.encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("the house signs with an RSA key")
        self.operator_key, self.shared = key, dict(shared)

    def break_next(self, provider: str, fault: Fault | None, times: int = 1) -> None:
        """Let the next `times` launches at a provider go wrong; None puts it right."""
        with self._lock:
            self._faults.pop(provider, None)
            if fault and times > 0:
                self._faults[provider] = (fault, times)

    def fault_of(self, provider: str) -> Fault | None:
        """Take the fault that is due at this launch, and count the launch."""
        with self._lock:
            self.asked[provider] += 1
            fault, left = self._faults.pop(provider, (None, 0))
            if fault and left > 1:
                self._faults[provider] = (fault, left - 1)
            return fault

    def signed(self, provider: str, given: str, body: bytes) -> bool:
        """Say whether `given` is the house's signature of this request; before `trust` nothing is."""
        try:
            if provider == "hub88":
                return self._by_operator(given, body)
            secret = self.shared[provider]
            wanted = action_batch.sign(secret, body) if provider == "action_batch" else swipe.sign(secret, _object(body))
        except (KeyError, ValueError, TypeError):
            return False
        return hmac.compare_digest(wanted.encode(), given.encode())

    def _by_operator(self, given: str, body: bytes) -> bool:
        if self.operator_key is None:
            return False
        try:
            self.operator_key.verify(base64.b64decode(given, validate=True), body, padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, InvalidSignature):
            return False
        return True

    def launch(self, provider: str, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a signed request in the provider's words.

        Raises:
            ValueError: naming what the request lacks.

        """
        if provider == "hub88":
            demo = said.get("currency") == "XXX"
            _need(said, ("game_code", "platform", "currency", "lang", *(() if demo else ("user", "token", "country"))))
            return {"url": self._page(provider, str(said["game_code"]), demo=demo)}
        if provider == "swipe":
            demo = said.get("demo") is True
            _need(said, ("gameID", "platform", "locale", *(() if demo else ("sessionID", "currency")), "demo"))
            return {"gameURL": self._page(provider, str(said["gameID"]), demo=demo), "gsID": secrets.token_hex(16)}
        demo = path == "/demo"
        _need(said, ("game", "locale", *(() if demo else ("currency", "user"))))
        return {"launch_options": {"game_url": self._page(provider, str(said["game"]), demo=demo), "strategy": "iframe"}}

    def _page(self, provider: str, game: str, *, demo: bool) -> str:
        query = urlencode({"game": game, "mode": "demo" if demo else "real", "visit": secrets.token_urlsafe(16)}, quote_via=quote)
        return f"{self.url}/{provider}/play?{query}"


class _Handler(BaseHTTPRequestHandler):
    desk: ClassVar[Desk]
    timeout = HANG_SECONDS
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve the page that a launch URL leads to."""
        provider, path = _parts(self.path)
        if provider not in PATHS or path != "/play":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})
            return
        self._send(
            HTTPStatus.OK, "text/html; charset=utf-8", b"<!doctype html><title>A game</title><p>The reels would turn here.\n"
        )

    def do_PUT(self) -> None:
        """Order a fault."""
        provider, path = _parts(self.path)
        try:
            said = _object(self._body())
            fault = Fault(said["fault"]) if said.get("fault") else None
            times = int(said.get("times", 1))
        except (ValueError, KeyError, TypeError):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"fault is one of {', '.join(Fault)} or null, times a number"})
            return
        if provider not in PATHS or path != "/fault" or not 0 <= times <= TIMES_MAX:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such provider, or too often"})
            return
        self.desk.break_next(provider, fault, times)
        self._answer(HTTPStatus.OK, {"asked": self.desk.asked[provider]})

    def do_POST(self) -> None:
        """Serve a launch API."""
        provider, path = _parts(self.path)
        try:
            body = self._body()
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        if path not in PATHS.get(provider, ()):
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such route"})
            return
        fault = self.desk.fault_of(provider)
        if fault and self._go_wrong(fault):
            return
        if not self.desk.signed(provider, self.headers.get(SIGNATURE_HEADERS[provider], ""), body):
            self._answer(HTTPStatus.FORBIDDEN, {"error": "the signature is not the house's"})
            return
        try:
            self._answer(HTTPStatus.OK, self.desk.launch(provider, path, _object(body)))
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _go_wrong(self, fault: Fault) -> bool:
        """Do as the fault says; False when the request is to be served after all."""
        right = b'{"url":"http://127.0.0.1/","gameURL":"http://127.0.0.1/"}'
        if fault in {Fault.HANG, Fault.SLOW}:
            self.desk.closed.wait(HANG_SECONDS if fault is Fault.HANG else SLOW_SECONDS)
            self.close_connection = fault is Fault.HANG
            return fault is Fault.HANG
        if fault is Fault.TRUNCATED:
            self._send(HTTPStatus.OK, "application/json", right, pretended=len(right) + 40)
            self.close_connection = True
        elif fault is Fault.REDIRECT:
            self._send(HTTPStatus.FOUND, "text/plain", b"", location=f"{self.desk.url}/hub88/play")
        elif fault is Fault.HTML:
            self._send(HTTPStatus.OK, "text/html", b"<html><body>Please stand by</body></html>")
        elif fault is Fault.HUGE:
            self._send(HTTPStatus.OK, "application/json", b'{"url":"' + b"x" * HUGE_BYTES + b'"}')
        else:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "something is wrong here"})
        return True

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True
            raise ValueError("the body is too large")
        return self.rfile.read(length)

    def _answer(self, status: HTTPStatus, said: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(said).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes, *, pretended: int = 0, location: str = "") -> None:
        with contextlib.suppress(OSError):  # who asked has hung up
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(pretended or len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Write nothing: the request holds a session token."""


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Desk]:
    """Run the server on loopback, on a free port unless one is named, and give its desk; leaving ends it.

    Nothing is taken for signed before the desk's `trust` was called.
    """
    desk = Desk()

    class Handler(_Handler):
        pass

    Handler.desk = desk
    server = ThreadingHTTPServer((HOST, port), Handler)
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


def _parts(path: str) -> tuple[str, str]:
    """Take the provider's name off a path."""
    _, provider, *rest = (urlsplit(path).path + "/").split("/", 2)
    return provider, "/" + "".join(rest).rstrip("/")


def _object(body: bytes) -> dict[str, Any]:
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is a value of what came in
    return said


def _need(said: Mapping[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if said.get(name) in (None, "")]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
