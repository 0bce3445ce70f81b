"""The gateway, the network, and how much trouble is left: numbered, with all that they can do by themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from countroom.cashier.withdrawals.life import Said
from countroom.cashier.withdrawals.withdrawal import Word
from tests.model.books import AMOUNT, CURRENCY, OTHER_AMOUNT
from tests.model.bounds import Bounds


class Payout(IntEnum):
    """What has become of the payout at the gateway: the truth, whatever is said of it."""

    NONE = 0
    TAKEN = 1
    FAILED = 2
    PAID = 3
    PAID_LESS = 4
    PAID_ABROAD = 5  # in another currency
    RETURNED = 6


OUT: Final = {Payout.PAID: AMOUNT, Payout.PAID_LESS: OTHER_AMOUNT}
"""What has left the house, where it has."""

SAID: Final = (
    Said(Word.TAKEN),
    Said(Word.FAILED),
    Said(Word.PAID, amount=AMOUNT, currency=CURRENCY),
    Said(Word.PAID, amount=OTHER_AMOUNT, currency=CURRENCY),
    Said(Word.PAID, amount=AMOUNT, currency="USD"),
    Said(Word.RETURNED),
)
"""The callbacks that there are; a number in this tuple names one."""

TELLS: Final = {Payout.TAKEN: 0, Payout.FAILED: 1, Payout.PAID: 2, Payout.PAID_LESS: 3, Payout.PAID_ABROAD: 4, Payout.RETURNED: 5}
"""Which callback tells of what."""

_AFTER: Final = {
    Payout.TAKEN: (Payout.PAID, Payout.FAILED, Payout.PAID_LESS, Payout.PAID_ABROAD),
    Payout.PAID: (Payout.RETURNED,),
    Payout.PAID_LESS: (Payout.RETURNED,),
}
_OTHER_FIGURES: Final = {Payout.PAID_LESS, Payout.PAID_ABROAD}


@dataclass(frozen=True, slots=True)
class Outside:
    """The world but for the house. `bag`: callbacks that were sent, one bit each. `heard`: whether the house knows the truth.

    A callback that was sent may come at any later time and any number of times: also never, so none is lost beside that.

    The others are what has been used up of the budget of that name.
    """

    payout: Payout = Payout.NONE
    in_flight: int = 0
    bag: int = 0
    heard: bool = False
    kills: int = 0
    contradictions: int = 0
    unflags: int = 0
    starts: int = 1

    def became(self, payout: Payout) -> "Outside":
        """With another truth, of which nobody has heard."""
        return replace(self, payout=payout, heard=False)

    def told(self, callback: int) -> "Outside":
        """With one more callback on its way."""
        return replace(self, bag=self.bag | 1 << callback)

    def within(self, bounds: Bounds) -> bool:
        """Whether the budget allows it."""
        return (
            self.kills <= bounds.kills
            and self.contradictions <= bounds.contradictions
            and self.unflags <= bounds.unflags
            and self.starts <= bounds.starts
            and self.in_flight <= bounds.in_flight
        )


def by_themselves(outside: Outside, bounds: Bounds) -> Iterator[tuple[str, Outside]]:
    """What the gateway and the network do without being asked: each callback may be sent, or be lost."""
    for payout in _AFTER.get(outside.payout, ()):
        if payout in _OTHER_FIGURES and not bounds.other_figures:
            continue
        changed = outside.became(payout)
        yield f"gateway: {payout.name}", changed.told(TELLS[payout])
    wrong = replace(outside, contradictions=outside.contradictions + 1)
    if wrong.contradictions <= bounds.contradictions:
        if outside.payout is Payout.FAILED:
            yield "gateway: FAILED, and PAID after all", wrong.became(Payout.PAID).told(TELLS[Payout.PAID])
        for payout in (Payout.FAILED, Payout.TAKEN):
            if not outside.bag >> TELLS[payout] & 1 and outside.payout is not payout:
                yield f"gateway: says {payout.name}, which is not so", wrong.told(TELLS[payout])
    if outside.in_flight:
        landed = replace(outside, in_flight=outside.in_flight - 1)
        if outside.payout is Payout.NONE:
            yield "network: delivers a delayed order", landed.became(Payout.TAKEN).told(TELLS[Payout.TAKEN])
