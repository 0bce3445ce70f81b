"""Which levels of verification a player has reached, for every function that lets him do something only then."""

from collections.abc import Callable
from typing import Any

from countroom.verification.levels import Level
from countroom.verification.store import StandingStore, StandingsUnavailable
from runtime import http
from runtime.problems import Code

PROBLEMS: http.Problems = {StandingsUnavailable: Code.TEMPORARILY_UNAVAILABLE}
"""What asking may end in."""


def level_of(client: Any, players_table: str) -> Callable[[str], frozenset[Level]]:
    """Return what gives the levels that a player has reached, by one strong read (1 read unit), never remembered.

    An identity that is confirmed confirms the age as well. It raises StandingsUnavailable. `client` is a low-level DynamoDB client.
    """
    store = StandingStore(client, players_table)
    return lambda player_id: store.get(player_id).approved
