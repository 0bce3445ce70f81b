"""What staff have to know of a deposit's money: written in the transaction that moves it, so never lost. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countroom.cashier.deposits import Booking, Deposit, Fact


class MatterKind(StrEnum):
    """What has happened."""

    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"  # the player has it in the wallet again, and perhaps wants it refunded otherwise
    NEVER_SETTLED = "never_settled"
    CHARGED_BACK = "charged_back"
    CHARGEBACK_REVERSED = "chargeback_reversed"
    CHARGED_BACK_AGAIN = "charged_back_again"
    PAID_AGAIN = "paid_again"  # a second payment of one deposit: the player may want it back
    OTHER_AMOUNT = "other_amount"  # what was paid is not what was asked for
    NOT_ALL_BOOKED = "not_all_booked"  # more was taken from the house than had come: the rest is the house's


_KINDS: Final = MappingProxyType(
    {
        Booking.REFUND: MatterKind.REFUNDED,
        Booking.REFUND_FAILED: MatterKind.REFUND_FAILED,
        Booking.UNSETTLED: MatterKind.NEVER_SETTLED,
        Booking.CHARGEBACK: MatterKind.CHARGED_BACK,
        Booking.CHARGEBACK_REVERSED: MatterKind.CHARGEBACK_REVERSED,
        Booking.SECOND_CHARGEBACK: MatterKind.CHARGED_BACK_AGAIN,
    }
)


@dataclass(frozen=True, slots=True)
class Matter:
    """One entry for staff. `record` is the ledger's transaction id, `amount` what the gateway said, in nanos."""

    kind: MatterKind
    at_ms: int
    gateway: str
    deposit_id: str
    player_id: str
    payment_id: str
    record: str
    amount: int
    currency: str


def matter_of(before: Deposit, after: Deposit, fact: Fact) -> Matter | None:
    """Say what staff have to know of a fact that is booked by the step from `before` to `after`; None where nothing."""
    kind = _kind(before, fact)
    if kind is None:
        return None
    payment = fact.payment
    amount = payment.amount or fact.booked
    at_ms = after.changes[-1].at_ms
    return Matter(
        kind, at_ms, before.gateway, before.deposit_id, before.player_id, payment.payment_id, fact.record, amount, before.currency
    )


def _kind(before: Deposit, fact: Fact) -> MatterKind | None:
    if fact.booking is not Booking.PAYMENT:
        return MatterKind.NOT_ALL_BOOKED if fact.payment.amount > fact.booked else _KINDS[fact.booking]
    if before.payment is not None:
        return MatterKind.PAID_AGAIN
    return MatterKind.OTHER_AMOUNT if fact.booked != before.amount else None
