"""What ordering a payout has in common, and the protocol that each gateway's file implements. Pure.

A payout dialect writes two requests, the order and the question what became of it, and reads their answers. Who sends them, how
long that may take, and which answers are none at all is the outbound port's affair. A dialect takes nothing for an end but what its
gateway documents as one, about this very withdrawal: an answer about another one, or with anything unexpected in it, is Unclear.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from countroom.cashier.payouts.port import Declined, Ordered, Status, Unclear
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.clock import Clock

Credentials = TypeVar("Credentials")

_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,48}", re.ASCII)
_TEXT_MAX: Final = 512


class BadCredentials(ValueError):
    """A secret that holds no credentials for payouts; never repeats any of it."""


class NotPayable(ValueError):
    """The gateway cannot be asked to pay exactly this amount; nothing has been sent."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to `path` below the gateway's base URL. `repeatable`: it may be sent twice within one call.

    An order never is, also under a key: each try of it is counted with the withdrawal before it is made, so that a no is known to
    be the answer to the only one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway's whole answer: HTTP status and the JSON it held."""

    status: int
    value: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no whole answer, and why."""

    reason: str


class PayoutDialect(Protocol[Credentials]):
    """One gateway's way of being asked to pay out. No method raises for what a gateway has answered."""

    gateway: str

    def credentials(self, secret: Mapping[str, Any]) -> Credentials:
        """Read what the requests need from the gateway's secret. Raises BadCredentials."""
        ...

    def order(self, withdrawal: Withdrawal, credentials: Credentials) -> Ask:
        """Write the order. Raises NotPayable."""
        ...

    def ordered(self, withdrawal: Withdrawal, told: Told) -> Ordered:
        """Read the answer to the order."""
        ...

    def question(self, withdrawal: Withdrawal, credentials: Credentials, now_ms: int) -> Ask:
        """Write the question what became of the order."""
        ...

    def status(self, withdrawal: Withdrawal, told: Told) -> Status:
        """Read the answer to the question."""
        ...


class SecretSource(Protocol):
    """What holds a gateway's secret."""

    def json(self) -> Mapping[str, Any]:
        """Return its JSON object, from memory while that is fresh; raise when it cannot be read."""
        ...


class Payer(Generic[Credentials]):
    """Orders payouts at one gateway. `send` makes the call, within its deadline."""

    def __init__(
        self, dialect: PayoutDialect[Credentials], secret: SecretSource, send: Callable[[Ask], Told | Lost], clock: Clock
    ) -> None:
        self._dialect = dialect
        self._secret = secret
        self._send = send
        self._clock = clock

    def submit(self, withdrawal: Withdrawal) -> Ordered:
        """Order a payout. Raises what the secret's source raises, before anything is sent."""
        try:
            ask = self._dialect.order(withdrawal, self._dialect.credentials(self._secret.json()))
        except BadCredentials:
            return Unclear("bad_credentials")
        except NotPayable:
            return Declined("amount_not_payable")
        told = self._send(ask)
        return Unclear(told.reason) if isinstance(told, Lost) else self._dialect.ordered(withdrawal, told)

    def status(self, withdrawal: Withdrawal) -> Status:
        """Ask for the status of a payout. Raises what the secret's source raises, before anything is sent."""
        try:
            credentials = self._dialect.credentials(self._secret.json())
        except BadCredentials:
            return Unclear("bad_credentials")
        told = self._send(self._dialect.question(withdrawal, credentials, self._clock()))
        return Unclear(told.reason) if isinstance(told, Lost) else self._dialect.status(withdrawal, told)


def required_text(secret: Mapping[str, Any], name: str) -> str:
    """Return a text of a secret that can go into a header or a path; raise BadCredentials when there is none."""
    value = secret.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX or not value.isascii() or not value.isprintable():
        raise BadCredentials(f"{name} is missing")
    return value


def code(value: object, other: str) -> str:
    """Keep a gateway's code as it is; `other` in place of anything else, for free text may hold anything."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else other
