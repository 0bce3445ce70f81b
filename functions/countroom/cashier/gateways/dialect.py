"""What the payment dialects share: how a delivery comes in, what it says once understood, and what can be wrong with it. Pure.

A dialect is one file. It knows how its gateway signs and what its gateway says; of deposits and withdrawals it knows no more than
their ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from countroom import shared_keys
from countroom.cashier.deposits import Payment
from countroom.cashier.withdrawals.life import Said


class SignatureInvalid(Exception):
    """No valid secret made this signature, or the headers that carry it are missing or ill-formed."""


class DeliveryStale(Exception):
    """Signed too long ago, or in the future: perhaps a recording, perhaps a clock that is wrong."""


SecretsUnusable = shared_keys.SecretsUnusable
"""The gateway's secret holds no usable key; nothing can be verified until it does."""


class MalformedEvent(ValueError):
    """The signed body does not say what this dialect says. The message names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it arrived: headers by lower-case name, and the body's bytes untouched."""

    headers: Mapping[str, str]
    body: bytes


class PartlyMalformed(MalformedEvent):
    """A delivery to be taken in although some or all of it cannot be understood. What counts all the same is in `events`.

    Nothing is gained when its gateway sends it again: it goes to people, by way of the dead letters.
    """

    def __init__(self, events: Sequence["Event"], faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.events = tuple(events)
        self.faults = tuple(faults)


class PaymentOutcome(StrEnum):
    """What became of a payment, in the gateway's word."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    SETTLED = "settled"  # the money that was credited has really arrived at the house
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSED = "chargeback_reversed"  # what a chargeback took was given back
    SECOND_CHARGEBACK = "second_chargeback"  # what was given back was taken again
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"  # what a refund took has come back: it reached nobody
    SETTLEMENT_FAILED = "settlement_failed"  # credited, but the money never arrived


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What a gateway says of one payment.

    `deposit_id` is empty where the gateway names its payment only: it is then found by `payment.payment_id`, always that of the
    ORIGINAL payment, also in an event about its refund or chargeback. `payment.amount` is what the event is about: what was paid,
    or what was taken back or returned by this event alone (not a running total); 0 where the gateway names none, which is allowed
    of events that move no money. `occurred_at_ms` is by the gateway's clock. `reason` is its code, for staff. `event_id` is its
    name of the event, for logs only: nothing that moves money rests on it. `case_id` is its name of the chargeback or refund, the
    same in all events of one chargeback's life; several of one payment are told apart by it alone. Where a gateway has none, or a
    payment can have one chargeback only, it stays empty.
    """

    outcome: PaymentOutcome
    deposit_id: str
    payment: Payment
    occurred_at_ms: int
    reason: str = ""
    event_id: str = ""
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class PayoutEvent:
    """What a gateway says of one payout, which it was ordered under the withdrawal's id."""

    withdrawal_id: str
    said: Said
    event_id: str = ""


Event: TypeAlias = PaymentEvent | PayoutEvent


class Dialect(Protocol):
    """What each gateway's file offers."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now_ms: int) -> str:
        """Give the id of a delivery that one of `secrets` signed within the tolerance of `now_ms`.

        Of a batch whose items are signed one by one, at least one must be. Raises SignatureInvalid, DeliveryStale or
        SecretsUnusable, and nothing else, whatever was sent.
        """

    def genuine(self, body: bytes, secrets: Sequence[str]) -> bytes:
        """Give what is to be kept of a verified body: all of it, byte for byte, where one signature covers it.

        Of a batch whose items are signed one by one: the same batch without the items that none of `secrets` signed. The worker
        that parses it later has no secrets, so an item that is not genuine must not come that far.
        """

    def parse(self, body: bytes) -> Sequence[Event]:
        """Understand a body: the events that it holds, none where it says nothing of a payment or a payout.

        Raises PartlyMalformed for what is to be taken in although not all of it can be understood, MalformedEvent for a body that
        is none of this gateway's, and nothing else, whatever was sent.
        """
