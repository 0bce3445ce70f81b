"""What has to be known of a player before he does something: the triggers of his jurisdiction, asked of a few facts. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countroom.jurisdictions.profile import Level, Profile

__all__ = ["ACTS", "ORDER", "Act", "Facts", "Level", "State", "missing", "required"]

ORDER: Final = (Level.AGE, Level.IDENTITY, Level.ADDRESS, Level.SOURCE_OF_FUNDS)
"""In which a player is asked for levels: what is quickly done, and needed first, comes first."""


class State(StrEnum):
    """Where one level stands. `retry`: the player may try again; `rejected`: he may not."""

    NONE = "none"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    RETRY = "retry"
    APPROVED = "approved"
    REJECTED = "rejected"


class Act(StrEnum):
    """What a player would do."""

    DEPOSIT = "deposit"
    PLAY = "play"
    FREE_PLAY = "free_play"
    WITHDRAWAL = "withdrawal"


ACTS: Final = tuple(Act)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the triggers ask about. `net_deposits`: all that was ever paid in less what was paid out, in nanos of `currency`.

    For a deposit it includes the one that is asked for: the one that would reach a threshold needs its levels already.
    """

    act: Act
    currency: str
    net_deposits: int = 0


_NOTHING: Final[frozenset[Level]] = frozenset()
_HELD_BACK: Final[Mapping[Act, bool]] = MappingProxyType(
    {Act.DEPOSIT: True, Act.PLAY: True, Act.FREE_PLAY: False, Act.WITHDRAWAL: False}
)
"""Whether the thresholds of net deposits hold an act back. They never hold up money that is the player's."""


def required(profile: Profile, facts: Facts) -> frozenset[Level]:
    """Give the levels that a player must have reached before he may do this."""
    told = profile.verification
    asked = {
        Act.DEPOSIT: told.deposit,
        Act.PLAY: told.play,
        Act.FREE_PLAY: told.free_play,
        Act.WITHDRAWAL: told.withdrawal,
    }[facts.act]
    return asked | (told.at(facts.net_deposits, facts.currency) if _HELD_BACK[facts.act] else _NOTHING)


def missing(profile: Profile, facts: Facts, approved: Collection[Level]) -> tuple[Level, ...]:
    """Give the levels that a player still lacks for this, in the order in which to ask for them; none: he may go on."""
    lacking = required(profile, facts) - set(approved)
    return tuple(level for level in ORDER if level in lacking)
