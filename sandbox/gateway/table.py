"""What every payment gateway's program shares: the payment it is about, and what a dialect must be able to say."""

import hashlib
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sandbox.gateway.lives import Step
from sandbox.provider.line import Message, Verdict
from sandbox.provider.table import places_of
from sandbox.stack import Gateway
from sandbox.wire import Answer


def minor_units(amount: Decimal, currency: str) -> int:
    """Give an amount in the currency's smallest unit (ISO 4217): 10.50 EUR → 1050.

    Raises:
        ValueError: when the amount is finer than that.

    """
    units = amount.scaleb(places_of(currency))
    if units != units.to_integral_value():
        raise ValueError(f"{amount} is finer than {currency} has places")
    return int(units)


def plain(amount: Decimal, currency: str) -> str:
    """Write an amount with all the places of its currency, or with more where it has more."""
    return f"{amount:f}" if -int(amount.as_tuple().exponent) > places_of(currency) else f"{amount:.{places_of(currency)}f}"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment as its gateway knows it. Amounts are in main units."""

    deposit_id: str
    payment_id: str
    amount: Decimal
    currency: str
    player_id: str = ""
    authorisation: str = ""
    """What the house gave when it was asked before the payment, where a dialect asks."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the gateway says of a payment; the same `event_id` again is a repeat. `at_seconds` is Unix time.

    `signed_at_seconds` is when it is signed as sent; `forged` signs it with a key that is not the gateway's.
    """

    step: Step
    event_id: str
    at_seconds: float
    signed_at_seconds: float
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A question that a gateway asks before it takes the player's money, and its name for the summary."""

    name: str
    message: Message = field(repr=False)


class Speaker(Protocol):
    """One dialect, as its gateway speaks it."""

    @property
    def steps(self) -> frozenset[Step]:
        """All that it can say."""
        ...

    @property
    def waits(self) -> bool:
        """Whether the gateway waits for the answer to one call before it makes the next: then nothing comes out of order."""
        ...

    @property
    def untouched(self) -> str:
        """Where a deposit stands of which nothing was said after the openings."""
        ...

    def new_payment_id(self) -> str:
        """Make up the gateway's id of a payment."""
        ...

    def new_event_id(self) -> str:
        """Make up the id of an event."""
        ...

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:
        """Build what is asked before the payment; nothing where a dialect has no such thing."""
        ...

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        """Build the delivery of one event. Raises ValueError for what the wire cannot carry."""
        ...

    def read(self, answer: Answer) -> Verdict:
        """Say what an answer means to this gateway. Never raises: what cannot be read is open."""
        ...


def derived_id(prefix: str, payment_id: str, what: str, characters: int = 16) -> str:
    """Give the id of what belongs to a payment, such as its dispute: the same whenever it is spoken of."""
    return prefix + hashlib.sha256(f"{what}:{payment_id}".encode()).hexdigest()[:characters]


def random_id(prefix: str, characters: int = 20) -> str:
    """Make up an id: fresh at every run, whatever the seed, because ids are kept for ever."""
    return prefix + secrets.token_hex(characters)[:characters]
