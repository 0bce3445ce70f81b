"""Starting a check: the player becomes known to the vendor, by his id, and gets a link to where he shows his documents.

They go from him to the vendor, which was told as whom he has registered and compares. What the house keeps is the vendor's name of
him, and how each level stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from countroom.clock import Clock
from countroom.verification.desk import VerificationDesk
from countroom.verification.levels import Level, State
from countroom.verification.sumsub_api import LINK_S, Registered

_ENDED: Final = frozenset({State.APPROVED, State.REJECTED})


class CheckEnded(Exception):
    """There is nothing to start: the level is reached, or was refused for good."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


class Vendor(Protocol):
    """What the house asks of the vendor. Both methods raise `sumsub_api.VendorUnavailable`, and are safe to repeat."""

    def applicant(self, player_id: str, level: Level, registered: Registered) -> str:
        """Return the vendor's name of a player, one for each player, who has registered as somebody."""
        ...

    def link(self, player_id: str, level: Level) -> str:
        """Return a link under which the player can be checked at a level."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """A check that the player can go to. The link is kept nowhere: whoever has it can answer in his name."""

    level: Level
    url: str = field(repr=False)
    expires_at_ms: int


class Starter:
    """Starts checks. `registered_as` says who a player has registered as; it is asked when the vendor does not know him yet."""

    def __init__(self, desk: VerificationDesk, vendor: Vendor, registered_as: Callable[[str], Registered], clock: Clock) -> None:
        self._desk = desk
        self._vendor = vendor
        self._registered_as = registered_as
        self._clock = clock

    def start(self, player_id: str, level: Level) -> Started:
        """Start a check, or go on with one. Asking again is always safe.

        The vendor's name of the player is kept before he gets the link, so that nothing is heard of somebody who is not known.

        Raises CheckEnded, StandingsUnavailable, KeptChanging, `sumsub_api.VendorUnavailable`, and what `registered_as` and the
        secret's source raise.
        """
        standing = self._desk.standing(player_id)
        state = standing.at(level).state
        if state in _ENDED:
            raise CheckEnded(state)
        if not standing.applicant_id:
            applicant_id = self._vendor.applicant(player_id, level, self._registered_as(player_id))
            self._desk.name_applicant(player_id, applicant_id)
        expires_at_ms = self._clock() + LINK_S * 1000
        return Started(level, self._vendor.link(player_id, level), expires_at_ms)
