"""What is put to the test: the real rules and the real steps, or either with one thing in it wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.life import Decided, Happening, Step, decide
from countroom.cashier.withdrawals.steps import Steps
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.ledger.movements import Movement


def _as_said(answer: Any) -> Any:
    return answer


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, and how those behave who use them. The defaults are the product's.

    `hears`: what the steps are told of the gateway's answer. `on_the_version_read`: writes depend on it. `one_key`: all tries of
    a payout carry one key. `sweeper`: whether there is one.
    """

    decide: Callable[[Withdrawal, Happening, int], Decided] = decide
    movements_of: Callable[[Withdrawal, Step], tuple[Movement, ...]] = movements_of
    steps: type[Steps] = Steps
    hears: Callable[[Any], Any] = _as_said
    on_the_version_read: bool = True
    one_key: bool = True
    sweeper: bool = True


REAL = Rules()
