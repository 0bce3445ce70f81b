"""Where the state machine goes on with a withdrawal. Pure.

The machine keeps nothing but the withdrawal's id: it asks, after every step, where the withdrawal stands by now. So it makes no
difference whether an execution is the first or the fifth, and which of its steps were cut short.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus

MACHINE_LOST_CAUSE: Final = f"people.{Attention.MACHINE_LOST}"
"""How a withdrawal's history says that its executions had died too often."""


class Next(StrEnum):
    """What is to be done with a withdrawal: the step of that name, or one of the two ends."""

    SCREEN = "screen"
    AWAIT_APPROVAL = "await_approval"
    SUBMIT = "submit"
    AWAIT_WORD = "await_word"
    ASK_STATUS = "ask_status"
    TO_PEOPLE = "to_people"
    AWAIT_PEOPLE = "await_people"
    PAID = "paid"
    RELEASED = "released"


_S = WithdrawalStatus

_STANDS: Final[Mapping[WithdrawalStatus, Next]] = MappingProxyType(
    {
        _S.REQUESTED: Next.SCREEN,
        _S.AWAITING_APPROVAL: Next.AWAIT_APPROVAL,
        _S.APPROVED: Next.SUBMIT,
        _S.SUBMITTING: Next.ASK_STATUS,  # it may have reached the gateway, so it is asked before anything is sent again
        _S.SUBMITTED: Next.AWAIT_WORD,
        _S.PAID: Next.PAID,
        _S.RETURNED: Next.PAID,
        _S.FAILED: Next.RELEASED,
        _S.REFUSED: Next.RELEASED,
        _S.CANCELLED: Next.RELEASED,
    }
)


def stands(withdrawal: Withdrawal) -> Next:
    """Say where an execution that knows nothing goes on."""
    return _STANDS[withdrawal.status]


def starts_allowed(withdrawal: Withdrawal, each_time: int) -> int:
    """Say how many executions there may be in all: `each_time`, and as many again after each time that people were told."""
    told = sum(change.cause == MACHINE_LOST_CAUSE for change in withdrawal.changes)
    return each_time * (1 + told)
