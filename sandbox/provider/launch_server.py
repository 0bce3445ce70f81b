"""Where the house asks the sandbox's providers for a launch URL: one server on loopback, checked signatures, faults on request.

Each provider has its own path below the address, and speaks there as its published operator API does: Hub88 verifies the house's
RSA signature, Swipe Games an HMAC over the canonical JSON, the action-batch family an HMAC over the raw body. A right request is
answered with the address of a page of this server, which a browser can open.

How a launch is made to go wrong is in `sandbox.faulty_server`.
"""

import base64
import binascii
import contextlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.faulty_server import FaultyDesk, FaultyHandler, as_object, serving
from sandbox.provider import action_batch, swipe

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


@dataclass(slots=True)
class Desk(FaultyDesk):
    """What the providers know beside that: the house's keys."""

    operator_key: rsa.RSAPublicKey | None = field(default=None, repr=False)
    shared: Mapping[str, str] = field(default_factory=dict, repr=False)

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

    def signed(self, provider: str, given: str, body: bytes) -> bool:
        """Say whether `given` is the house's signature of this request; before `trust` nothing is."""
        try:
            if provider == "hub88":
                return self._by_operator(given, body)
            secret = self.shared[provider]
            wanted = action_batch.sign(secret, body) if provider == "action_batch" else swipe.sign(secret, as_object(body))
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


class _Handler(FaultyHandler):
    paths = PATHS
    pretence = b'{"url":"http://127.0.0.1/","gameURL":"http://127.0.0.1/"}'

    def show(self, name: str, path: str) -> None:
        """Serve the page that a launch URL leads to."""
        if name not in PATHS or path != "/play":
            super().show(name, path)
            return
        self.send(HTTPStatus.OK, "text/html; charset=utf-8", b"<!doctype html><title>A game</title><p>The reels would turn here.\n")

    def serve(self, name: str, path: str, body: bytes) -> None:
        """Serve a launch API."""
        if not self.desk.signed(name, self.headers.get(SIGNATURE_HEADERS[name], ""), body):
            self.answer(HTTPStatus.FORBIDDEN, {"error": "the signature is not the house's"})
            return
        try:
            self.answer(HTTPStatus.OK, self.desk.launch(name, path, as_object(body)))
        except ValueError as error:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Desk]:
    """Run the server on loopback, on a free port unless one is named, and give its desk; leaving ends it.

    Nothing is taken for signed before the desk's `trust` was called.
    """
    with serving(Desk(), _Handler, port) as desk:
        yield desk


def _need(said: Mapping[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if said.get(name) in (None, "")]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
