"""Magic amounts: the last two digits of an amount, in its currency's smallest unit, choose what becomes of the payment.

10.01 EUR is declined, and so are 3.01 EUR and 1001 JPY. Digits that are no magic pay at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sandbox.provider.table import places_of

MAGIC_DIGITS: Final = 100


class Step(StrEnum):
    """What a gateway can say of a payment; also the words of the command line."""

    PENDING = "pend"
    REQUIRES_ACTION = "ask"
    SUCCEEDED = "pay"
    FAILED = "fail"
    EXPIRED = "expire"
    CANCELLED = "cancel"
    SETTLED = "settle"
    REFUNDED = "refund"
    SETTLEMENT_FAILED = "unsettle"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSED = "chargeback-reversed"
    SECOND_CHARGEBACK = "second-chargeback"


DISPUTES: Final = frozenset({Step.CHARGEBACK, Step.CHARGEBACK_REVERSED, Step.SECOND_CHARGEBACK})
"""Steps of one dispute, which has a name of its own."""


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of a payment: the events in the order of their sending, and how the deposit must end.

    `credited`: whether the wallet must hold the money in the end. `genuine`: whether the events are signed with the right key.
    """

    name: str
    steps: tuple[Step, ...]
    status: str
    credited: bool = False
    genuine: bool = True

    def ends(self, untouched: str) -> str:
        """Say how the deposit must end at a gateway that leaves it `untouched` when it says nothing more."""
        return untouched if self.status == UNTOUCHED else self.status

    @property
    def said(self) -> frozenset[Step]:
        """All that the gateway says in it."""
        return frozenset(self.steps)


UNTOUCHED: Final = "created"
"""Where a deposit stands of which no gateway has said anything."""

_S = Step
PAID: Final = Life("paid at once", (_S.SUCCEEDED,), "credited", credited=True)
MAGIC: Final[Mapping[int, Life]] = MappingProxyType(
    {
        1: Life("declined", (_S.FAILED,), "failed"),
        2: Life("hangs: nothing is ever said", (), UNTOUCHED),
        3: Life("pending, then paid", (_S.PENDING, _S.SUCCEEDED), "credited", credited=True),
        4: Life("paid twice: two events of one payment", (_S.SUCCEEDED, _S.SUCCEEDED), "credited", credited=True),
        5: Life("paid, then charged back", (_S.SUCCEEDED, _S.CHARGEBACK), "reversed"),
        6: Life("out of order: charged back before it is paid", (_S.CHARGEBACK, _S.SUCCEEDED), "reversed"),
        7: Life("wrong signature", (_S.SUCCEEDED,), UNTOUCHED, genuine=False),
        8: Life("asks for one more step, then paid", (_S.REQUIRES_ACTION, _S.SUCCEEDED), "credited", credited=True),
        9: Life(
            "charged back, and the chargeback reversed",
            (_S.SUCCEEDED, _S.CHARGEBACK, _S.CHARGEBACK_REVERSED),
            "chargeback_reversed",
            credited=True,
        ),
        10: Life(
            "charged back, reversed, charged back again",
            (_S.SUCCEEDED, _S.CHARGEBACK, _S.CHARGEBACK_REVERSED, _S.SECOND_CHARGEBACK),
            "second_chargeback",
        ),
        11: Life("paid, then refunded", (_S.SUCCEEDED, _S.REFUNDED), "reversed"),
        12: Life("paid, but the funds never settle", (_S.SUCCEEDED, _S.SETTLEMENT_FAILED), "reversed"),
        13: Life("paid and settled", (_S.SUCCEEDED, _S.SETTLED), "settled", credited=True),
        14: Life("pending, then expired", (_S.PENDING, _S.EXPIRED), "expired"),
        15: Life("cancelled", (_S.CANCELLED,), "cancelled"),
        16: Life("pending, then declined", (_S.PENDING, _S.FAILED), "failed"),
        17: Life("declined, and paid after all", (_S.FAILED, _S.SUCCEEDED), "credited", credited=True),
    }
)


def digits_of(amount: Decimal, currency: str) -> int:
    """Give the last two digits of an amount in the currency's smallest unit."""
    return int(amount.scaleb(places_of(currency))) % MAGIC_DIGITS


def life_of(amount: Decimal, currency: str) -> Life:
    """Say what becomes of a payment of this amount (main units)."""
    return MAGIC.get(digits_of(amount, currency), PAID)


def lives_of(steps: frozenset[Step]) -> dict[int, Life]:
    """Give the magic amounts of a gateway that can say `steps`: last two digits → life, 0 for what pays at once."""
    return {0: PAID} | {digits: life for digits, life in MAGIC.items() if life.said <= steps}


def table(steps: frozenset[Step], untouched: str = UNTOUCHED) -> str:
    """Write the magic amounts down."""
    lines = [f"  …{digits:02}  {life.name:<46} {life.ends(untouched)}" for digits, life in lives_of(steps).items()]
    return "\n".join(["magic amounts (the last two digits, in the currency's smallest unit):", *lines])
