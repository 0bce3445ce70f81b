"""What opening a payment at a gateway has in common, and the protocol that each gateway's file implements. Pure.

An opening dialect writes one request and reads one answer; who sends it, how long that may take and what an answer without an end
means is the outbound port's affair. The request is made of the deposit and of nothing that changes, and its Idempotency-Key is the
deposit's id: asked again, the gateway gives the payment that it made before. So an unknown outcome is repeated and never guessed
at, and an answer that does not speak of this very deposit is no answer.

A gateway's secret holds ``api_keys``: the first of them is used, and an operator changes it by putting the next one before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

from countroom import money
from countroom.cashier.terms import Method

Credentials = TypeVar("Credentials")

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
_OK: Final = range(200, 300)
_OURS: Final = frozenset({401, 403})
_PASSING: Final = frozenset({408, 409, 425, 429})


class Kind(StrEnum):
    """What a front-end goes on with."""

    SESSION = "session"  # Adyen: the id and data of a session
    INTENT = "intent"  # Stripe: the secret of a payment intent
    NONE = "none"  # the gateway need not be asked: the deposit's id is all


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What a payment is opened for. `amount` in nanos of `currency`, `country` ISO 3166 alpha-2, `expires_at_ms` epoch ms."""

    deposit_id: str
    player_id: str
    method: Method
    amount: int
    currency: str
    country: str
    return_url: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class OpenedPayment:
    """A payment that the gateway waits for. What lets a browser pay it is kept nowhere and shown to its player alone."""

    kind: Kind
    payment_id: str = ""
    session_data: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    public_key: str = ""
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: POST to `path` below the gateway's base URL."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway's whole answer: HTTP status and the JSON it held."""

    status: int
    value: Any = field(repr=False)


class Why(StrEnum):
    """Why there is no payment."""

    NOT_SET_UP = "not_set_up"
    BAD_CREDENTIALS = "bad_credentials"
    UNKNOWN = "unknown"
    BUSY = "busy"
    ANOTHER = "another"
    REFUSED = "refused"


class PaymentNotOpened(Exception):
    """There is no payment that a player could be sent to. Names why, and nothing that was sent or answered."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class GatewayUnavailable(PaymentNotOpened):
    """Nobody knows whether there is one, or the house is not set up to ask: asking again is safe and may help."""


class PaymentRefused(PaymentNotOpened):
    """The gateway does not take this payment."""

    def __init__(self) -> None:
        super().__init__(Why.REFUSED)


class ReturnUrlMissing(ValueError):
    """The gateway has to know where it leads the player back to."""


class BadCredentials(ValueError):
    """A secret that holds no credentials; never repeats any of it."""


class OpeningDialect(Protocol[Credentials]):
    """One gateway's way of opening a payment."""

    gateway: str

    def credentials(self, secret: Mapping[str, Any]) -> Credentials:
        """Read what the request is made with from the gateway's secret; raise BadCredentials."""
        ...

    def ask(self, order: PaymentOrder, credentials: Credentials) -> Ask:
        """Write the request; raise ReturnUrlMissing."""
        ...

    def opened(self, value: Any, order: PaymentOrder, credentials: Credentials) -> OpenedPayment | None:
        """Read the JSON of an answer; None when it speaks of another payment. May raise LookupError, TypeError or ValueError."""
        ...


class SecretSource(Protocol):
    """What holds a gateway's secret."""

    def json(self) -> Mapping[str, Any]:
        """Return its JSON object, from memory while that is fresh; raise when it cannot be read."""
        ...


class Till(Generic[Credentials]):
    """Opens payments at one gateway. `send` makes the call and returns the whole answer, or None when nobody knows."""

    def __init__(self, dialect: OpeningDialect[Credentials], secret: SecretSource, send: Callable[[Ask], Told | None]) -> None:
        self._dialect = dialect
        self._secret = secret
        self._send = send

    def open(self, order: PaymentOrder) -> OpenedPayment:
        """Open the payment, or get the one that was opened for this deposit before.

        Raises GatewayUnavailable, PaymentRefused, ReturnUrlMissing, and what the secret raises.
        """
        try:
            credentials = self._dialect.credentials(self._secret.json())
        except BadCredentials as error:
            raise GatewayUnavailable(Why.BAD_CREDENTIALS) from error
        told = self._send(self._dialect.ask(order, credentials))
        if told is None:
            raise GatewayUnavailable(Why.UNKNOWN)
        if told.status in _OURS:  # our key is not theirs: no fault of this payment's
            raise GatewayUnavailable(Why.BAD_CREDENTIALS)
        if told.status in _PASSING:
            raise GatewayUnavailable(Why.BUSY)
        if told.status not in _OK:
            raise PaymentRefused
        try:
            opened = self._dialect.opened(told.value, order, credentials)
        except (LookupError, TypeError, ValueError):
            opened = None
        if opened is None:
            raise GatewayUnavailable(Why.ANOTHER)
        return opened


def api_key(secret: Mapping[str, Any]) -> str:
    """Return the first key of a secret; raise BadCredentials when there is none, or when it could not be a header's value."""
    keys = secret.get("api_keys")
    return _checked(keys[0] if isinstance(keys, list) and keys else None, "api_keys")


def required_text(secret: Mapping[str, Any], name: str) -> str:
    """Return a text of a secret; raise BadCredentials when it is missing or could not be a header's value."""
    return _checked(secret.get(name), name)


def _checked(value: object, name: str) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise BadCredentials(f"{name} is missing")
    return value


def text(value: object) -> str:
    """Return a text of an answer that is not empty; raise TypeError."""
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value


def minor_units(order: PaymentOrder, places: Mapping[str, int]) -> int:
    """Give the amount in the gateway's smallest units; `places` is where it counts otherwise than ISO 4217. Raises ValueError."""
    exponent = places.get(order.currency, money.currency(order.currency).exponent)
    units = money.to_scaled(order.amount, exponent)
    if money.from_scaled(units, exponent) != order.amount:
        raise ValueError("the gateway cannot count an amount as fine as this")
    return units
