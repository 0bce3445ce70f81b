"""Whether a player is verified, who said so and when. Pure.

Staff say so. What they say last stands, and everything they have ever said is kept.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ACTOR_MAX: Final = 64
REASON_MAX: Final = 120


class Word(StrEnum):
    """What staff can say."""

    VERIFY = "verify"
    UNVERIFY = "unverify"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a player stands after `version` words of staff; 0: nobody has said anything, and he is not verified.

    `verified`, `by`, `reason` and `at_ms` (epoch milliseconds) are of the last word; `request_id` names the order it came with.
    """

    player_id: str
    version: int = 0
    verified: bool = False
    by: str = ""
    reason: str = ""
    at_ms: int = 0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a member of staff says of a player, and why. The same `request_id` of a player counts once, for ever."""

    player_id: str
    word: Word
    by: str
    reason: str
    request_id: str


def after(before: Standing, order: Order, now_ms: int) -> Standing:
    """Give where an order leaves a player. To say what stands already is a word like any other: who says it, and why, is kept."""
    return Standing(
        player_id=order.player_id,
        version=before.version + 1,
        verified=order.word is Word.VERIFY,
        by=order.by[:ACTOR_MAX],
        reason=order.reason[:REASON_MAX],
        at_ms=now_ms,
        request_id=order.request_id,
    )
