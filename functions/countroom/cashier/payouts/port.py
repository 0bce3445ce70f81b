"""What can come of ordering a payout, and of asking for its status. Pure.

Unknown is everything but a definite answer that the gateway's dialect knows: it releases nothing and ends nothing.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from countroom.cashier.withdrawals.life import Declined, Said
from countroom.cashier.withdrawals.withdrawal import Withdrawal

__all__ = ["Declined", "NotFound", "Ordered", "PayoutPort", "Pending", "Said", "Status", "Taken", "Unclear"]


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway has the order, under a name of its own."""

    payout_id: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The gateway has the order and has not come to an end with it."""

    payout_id: str = ""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The gateway knows of no such order. It may still be on its way there, so this ends nothing: the same order is sent again."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody here knows. `reason` is a code of this house, for its own people."""

    reason: str


Ordered: TypeAlias = Taken | Declined | Unclear
Status: TypeAlias = Said | Pending | NotFound | Unclear


class PayoutPort(Protocol):
    """The way to the gateways. Neither method raises for what a gateway, the network or a secret does: that is Unclear."""

    def submit(self, withdrawal: Withdrawal) -> Ordered:
        """Order the payout, under the withdrawal's own key: ordered again, it is the same payout.

        Declined is definite for this one order; of an order that went out before with an unclear outcome it says nothing.
        """
        ...

    def status(self, withdrawal: Withdrawal) -> Status:
        """Ask what has become of the payout. What is said of another amount or currency is for the withdrawal to judge."""
        ...
