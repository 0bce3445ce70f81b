"""Where the house asks the sandbox's gateways to open a payment: one server on loopback, keys checked, faults on request.

Each gateway has its own path below the address, and speaks there as its published API does: Adyen's `POST /v71/sessions` in JSON,
Stripe's `POST /v1/payment_intents` as a form. Both remember Idempotency-Keys: the same key has the same answer and no second
payment; at Stripe with other parameters it is an error. Who asks with another key, or leaves out what a gateway needs, is refused
in the form that it refuses in.

How a call is made to go wrong is in `sandbox.faulty_server`; there is told, too, how many payments a gateway has made.
"""

import contextlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from sandbox.faulty_server import FaultyDesk, FaultyHandler, as_object, serving
from sandbox.gateway.adyen import MERCHANT, PSP_REFERENCE_CHARACTERS
from sandbox.gateway.table import random_id

PATHS: Final = {"adyen": ("/v71/sessions",), "stripe": ("/v1/payment_intents",)}
"""Gateway → the paths of its API, below the gateway's own, that open a payment."""

KEY_LENGTH_MAX: Final = {"adyen": 64, "stripe": 255}
SESSION_HOURS_MAX: Final = 24
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_MEMBER: Final = re.compile(r"metadata\[([a-z_]{1,40})\]", re.ASCII)
_UNITS_MAX: Final = 99_999_999

Said = tuple[int, dict[str, Any]]
"""Status and body of an answer."""


class RefusedAskError(Exception):
    """A request that the gateway does not take; the message names what is wrong with it."""


@dataclass(slots=True)
class Desk(FaultyDesk):
    """What the gateways know beside that: the house's keys, and the payments that they made, by gateway and Idempotency-Key."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    made: dict[tuple[str, str], tuple[bytes, Said]] = field(default_factory=dict, repr=False)

    @property
    def urls(self) -> dict[str, str]:
        """Gateway → address of its API."""
        return {gateway: f"{self.url}/{gateway}" for gateway in PATHS}

    def trust(self, keys: Mapping[str, str]) -> None:
        """Take on the keys that the house asks with, by gateway."""
        self.keys = dict(keys)

    def tally(self, name: str) -> dict[str, int]:
        """Say how often a gateway was asked, and how many payments it made."""
        return {"asked": self.asked[name], "made": sum(gateway == name for gateway, _ in self.made)}

    def known(self, gateway: str, headers: Mapping[str, str]) -> bool:
        """Say whether the house asks; before `trust` nobody does."""
        given = headers.get("X-API-Key", "")
        if gateway == "stripe":
            scheme, _, given = headers.get("Authorization", "").partition(" ")
            given = given if scheme == "Bearer" else ""
        key = self.keys.get(gateway, "")
        return bool(key) and hmac.compare_digest(key.encode(), given.encode())

    def open(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Said:
        """Open a payment, or give what was answered under the same Idempotency-Key."""
        if not self.known(gateway, headers):
            return _error(gateway, 401, "the key is not the house's")
        key = headers.get("Idempotency-Key", "")
        if not 0 < len(key) <= KEY_LENGTH_MAX[gateway]:
            return _error(gateway, 422 if gateway == "adyen" else 400, "the Idempotency-Key is missing or too long")
        with self._lock:
            if (gateway, key) in self.made:
                asked, answer = self.made[gateway, key]
                if asked != body and gateway == "stripe":
                    return 400, {
                        "error": {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
                    }
                return answer
            try:
                answer = _MAKERS[gateway](body)
            except RefusedAskError as refusal:
                return _error(gateway, 422 if gateway == "adyen" else 400, str(refusal))
            self.made[gateway, key] = body, answer
            return answer


def _session(body: bytes) -> Said:
    """Make an Adyen session, which repeats what it was made for."""
    said = _json(body)
    amount = said.get("amount")
    if not isinstance(amount, dict) or type(amount.get("value")) is not int or amount["value"] <= 0:
        raise RefusedAskError("amount.value is no whole number of minor units")
    _need_currency(amount.get("currency"))
    if said.get("merchantAccount") != MERCHANT:
        raise RefusedAskError("merchantAccount is unknown")
    for name in ("reference", "returnUrl", "shopperReference", "countryCode"):
        if not isinstance(said.get(name), str) or not said[name]:
            raise RefusedAskError(f"{name} is required")
    if urlsplit(said["returnUrl"]).scheme not in {"http", "https"}:
        raise RefusedAskError("returnUrl is no URL")
    if not _allowed(said.get("allowedPaymentMethods")):
        raise RefusedAskError("allowedPaymentMethods is no list of names")
    expires = _instant(said.get("expiresAt"))
    left = expires - datetime.now(UTC)
    if not timedelta(0) < left <= timedelta(hours=SESSION_HOURS_MAX):
        raise RefusedAskError("expiresAt is not within a day")
    made = {
        "id": random_id("CS", PSP_REFERENCE_CHARACTERS).upper(),
        "sessionData": f"Ab02b4c0!{secrets.token_urlsafe(120)}",
        "expiresAt": expires.isoformat(timespec="seconds"),
    }
    kept = ("amount", "merchantAccount", "reference", "returnUrl", "shopperReference", "countryCode")
    return 201, {name: said[name] for name in kept} | made


def _intent(body: bytes) -> Said:
    """Make a Stripe payment intent."""
    try:
        fields = parse_qsl(body.decode("ascii"), strict_parsing=True)
    except ValueError:
        raise RefusedAskError("the body is no form") from None
    said = dict(fields)
    kinds = [value for name, value in fields if name == "payment_method_types[]"]
    currency, units = said.get("currency", ""), said.get("amount", "")
    if currency != currency.lower():
        raise RefusedAskError("currency is in lower case")
    _need_currency(currency.upper())
    if not units.isascii() or not units.isdigit() or not 0 < int(units) <= _UNITS_MAX:
        raise RefusedAskError("amount is a whole number of minor units, eight digits at most")
    if not kinds:
        raise RefusedAskError("payment_method_types is required")
    intent_id = random_id("pi_", 24)
    return 200, {
        "id": intent_id,
        "object": "payment_intent",
        "amount": int(units),
        "amount_received": 0,
        "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
        "created": int(time.time()),
        "currency": currency,
        "livemode": False,
        "metadata": {found[1]: value for name, value in fields if (found := _MEMBER.fullmatch(name))},
        "payment_method_types": kinds,
        "status": "requires_payment_method",
    }


_MAKERS: Final[Mapping[str, Callable[[bytes], Said]]] = {"adyen": _session, "stripe": _intent}


def _json(body: bytes) -> dict[str, Any]:
    try:
        return as_object(body)
    except json.JSONDecodeError:
        raise RefusedAskError("the body is no JSON") from None
    except ValueError as error:
        raise RefusedAskError(str(error)) from None


def _need_currency(code: object) -> None:
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        raise RefusedAskError("currency is no code of three letters")


def _allowed(names: object) -> bool:
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) and name for name in names)


def _instant(written: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(written))
    except ValueError:
        raise RefusedAskError("expiresAt is no instant") from None
    if found.tzinfo is None:
        raise RefusedAskError("expiresAt has no offset")
    return found


def _error(gateway: str, status: int, message: str) -> Said:
    """Refuse in the gateway's own form."""
    if gateway == "adyen":
        kind = "security" if status == 401 else "validation"  # noqa: PLR2004 - not authenticated
        return status, {"status": status, "errorCode": "000", "message": message, "errorType": kind}
    return status, {"error": {"type": "invalid_request_error", "message": message}}


class _Handler(FaultyHandler):
    paths = PATHS
    pretence = b'{"id":"pi_0","client_secret":"pi_0_secret_0","sessionData":"Ab02b4c0!"}'

    def serve(self, name: str, path: str, body: bytes) -> None:  # noqa: ARG002 - each gateway has one path
        """Serve a gateway's API."""
        self.answer(*self.desk.open(name, self.headers, body))


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Desk]:
    """Run the server on loopback, on a free port unless one is named, and give its desk; leaving ends it.

    Nobody is let in before the desk's `trust` was called.
    """
    with serving(Desk(), _Handler, port) as desk:
        yield desk
