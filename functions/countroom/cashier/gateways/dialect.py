"""What the payment dialects share: how a delivery comes in, what it says once understood, and what can be wrong with it. Pure.

A dialect is one file. It knows how its gateway signs and what its gateway says; it knows nothing of deposits beyond their id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from countroom.cashier.deposits import Payment


class SignatureInvalid(Exception):
    """No valid secret made this signature, or the headers that carry it are missing or ill-formed."""


class DeliveryStale(Exception):
    """Signed too long ago, or in the future: perhaps a recording, perhaps a clock that is wrong."""


class SecretsUnusable(Exception):
    """The gateway's secret holds no usable key; nothing can be verified until it does."""


class MalformedEvent(ValueError):
    """The signed body does not say what this dialect says. The message names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it arrived: headers by lower-case name, and the body's bytes untouched."""

    headers: Mapping[str, str]
    body: bytes


class PaymentOutcome(StrEnum):
    """What became of a payment, in the gateway's word."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What a gateway says of one payment. `reason` is its code for a failure, for staff; `occurred_at_ms` is by its clock."""

    outcome: PaymentOutcome
    deposit_id: str
    payment: Payment
    occurred_at_ms: int
    reason: str = ""


class Dialect(Protocol):
    """What each gateway's file offers."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:
        """Give the id of a delivery that one of `secrets` signed within the tolerance of `now_ms`.

        Raises SignatureInvalid, DeliveryStale or SecretsUnusable, and nothing else, whatever was sent.
        """

    def parse(self, body: bytes) -> PaymentEvent:
        """Understand a body. Raises MalformedEvent, and nothing else, whatever was sent."""
