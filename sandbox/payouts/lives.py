"""Magic amounts of payouts: the last two digits of an amount, in its currency's smallest unit, choose what becomes of it.

10.01 EUR is refused, and so are 23.01 EUR and 1001 JPY. Digits that are no magic are paid at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sandbox.gateway.lives import digits_of

LATER_SECONDS: Final = 2.0
BAD_CALLS: Final = 2
"""How many orders of one withdrawal go wrong where they do."""

DOWN_CALLS: Final = 4
"""How many calls about one withdrawal meet a gateway that is down."""


CONFLICTS: Final = frozenset({"paid_then_failed", "late_payment"})


class Word(StrEnum):
    """What becomes of a payout."""

    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


class Intake(StrEnum):
    """What happens to an order."""

    TAKEN = "taken"
    REFUSED = "refused"
    HANGS = "hangs"  # it is kept, and the answer does not come
    BREAKS = "breaks"  # it is kept, and the answer is an error 500
    LOST = "lost"  # the connection is cut, and it is not kept
    NEVER = "never arrives"
    DOWN = "down"  # neither orders nor questions get through for a while


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that a payout takes, so many seconds after the one before.

    `copies`: how often the house is told (0: never). `short`: by how much of the main unit less is paid than was ordered.
    """

    word: Word
    after_seconds: float = 0.0
    copies: int = 1
    short: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of a payout, and how its withdrawal must end at the house.

    `status` and `attention` as the house shows them; `paid` and `returned`: whether the player's money has left, and has come back.
    """

    name: str
    intake: Intake
    turns: tuple[Turn, ...]
    status: str
    attention: str = ""

    @property
    def paid(self) -> bool:
        """Whether the gateway pays."""
        return any(turn.word is Word.PAID for turn in self.turns)

    @property
    def left(self) -> Decimal | None:
        """Give by how much less than the amount the player's money is less in the end; None where it is as before."""
        if not self.paid or any(turn.word is Word.RETURNED for turn in self.turns):
            return None
        return sum((turn.short for turn in self.turns), Decimal(0))

    def ends_as(self, status: str, attention: str) -> bool:
        """Say whether a withdrawal that stands so has ended as it must.

        Of two words that contradict each other either may be heard first, as the webhooks travel: people see it both ways.
        """
        conflict = self.attention in CONFLICTS and attention in CONFLICTS
        return status == self.status and (conflict or attention == self.attention)

    @property
    def is_with_people(self) -> bool:
        """Whether it has no end by itself: people have to find out."""
        return self.status in {"submitting", "submitted"}


_I, _W = Intake, Word
_PAID: Final = Turn(_W.PAID)
PAID_AT_ONCE: Final = Life("paid at once", _I.TAKEN, (_PAID,), "paid")
MAGIC: Final[Mapping[int, Life]] = MappingProxyType(
    {
        1: Life("refused", _I.REFUSED, (), "failed"),
        2: Life("paid later", _I.TAKEN, (Turn(_W.PAID, LATER_SECONDS),), "paid"),
        3: Life("the order hangs, then paid", _I.HANGS, (Turn(_W.PAID, LATER_SECONDS),), "paid"),
        4: Life("an error 500 for an answer, paid and never said", _I.BREAKS, (Turn(_W.PAID, copies=0),), "paid"),
        5: Life("the order is cut off and lost, paid when it is sent again", _I.LOST, (_PAID,), "paid"),
        6: Life("the order never arrives", _I.NEVER, (), "submitting", "outcome_unknown"),
        7: Life("paid, and the callback is lost", _I.TAKEN, (Turn(_W.PAID, copies=0),), "paid"),
        8: Life("paid, said three times", _I.TAKEN, (Turn(_W.PAID, copies=3),), "paid"),
        9: Life("paid, then failed", _I.TAKEN, (_PAID, Turn(_W.FAILED, 1.0)), "paid", "paid_then_failed"),
        10: Life("failed, then paid after all", _I.TAKEN, (Turn(_W.FAILED), Turn(_W.PAID, 1.0)), "paid", "late_payment"),
        11: Life("paid, then returned", _I.TAKEN, (_PAID, Turn(_W.RETURNED, 1.0)), "returned"),
        12: Life("one less is paid", _I.TAKEN, (Turn(_W.PAID, short=Decimal(1)),), "paid", "other_figures"),
        13: Life("taken, then failed", _I.TAKEN, (Turn(_W.FAILED, 1.0),), "failed"),
        14: Life("taken, and never ends", _I.TAKEN, (), "submitted", "outcome_unknown"),
        15: Life("the gateway is down for a while, then paid", _I.DOWN, (_PAID,), "paid"),
    }
)
LIVES: Final[Mapping[int, Life]] = MappingProxyType({0: PAID_AT_ONCE, **MAGIC})


def life_of(amount: Decimal, currency: str) -> Life:
    """Say what becomes of a payout of this amount (main units)."""
    return MAGIC.get(digits_of(amount, currency), PAID_AT_ONCE)


def table() -> str:
    """Write the magic amounts down."""
    lines = [f"  …{digits:02}  {life.name:<58} {life.status}  {life.attention}".rstrip() for digits, life in LIVES.items()]
    return "\n".join(["magic amounts (the last two digits, in the currency's smallest unit):", *lines])
