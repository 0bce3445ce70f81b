"""What a player is shown of his verification: states in plain words of the house's own, never the vendor's. Pure."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from countroom.jurisdictions.profile import Profile
from countroom.times import to_iso
from countroom.verification.levels import ACTS, ORDER, Act, Facts, Level, State, missing
from countroom.verification.standing import LevelStanding, Standing

NAMES: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.AGE: "Age",
        Level.IDENTITY: "Identity",
        Level.ADDRESS: "Address",
        Level.SOURCE_OF_FUNDS: "Where the money comes from",
    }
)

TEXTS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.NONE: "This has not been checked.",
        State.PENDING: "This is being checked. There is nothing to do for you.",
        State.ON_HOLD: "This is being checked more closely. There is nothing to do for you.",
        State.RETRY: "This could not be confirmed yet. Please try again.",
        State.APPROVED: "This is confirmed.",
        State.REJECTED: "This could not be confirmed. Our support can tell you more.",
    }
)


def level_view(level: Level, found: LevelStanding) -> dict[str, Any]:
    """Show one level. Neither who decided nor why is the player's to see."""
    return {
        "level": level.value,
        "name": NAMES[level],
        "state": found.state.value,
        "text": TEXTS[found.state],
        "since": to_iso(found.at_ms) if found.at_ms else None,
    }


def needed(profile: Profile, currency: str, net_deposits: int, approved: Collection[Level]) -> dict[Act, tuple[Level, ...]]:
    """Give what a player still lacks for each thing that he could do; `net_deposits` in nanos of `currency`."""
    return {act: missing(profile, Facts(act, currency, net_deposits), approved) for act in ACTS}


def first_needed(lacking: Mapping[Act, tuple[Level, ...]]) -> Level | None:
    """Give the level that a player should be checked for next; None when he lacks none.

    Who lacks the identity anyway is not asked for his age before: the same document shows it.
    """
    wanted = {level for levels in lacking.values() for level in levels}
    if Level.IDENTITY in wanted:
        return Level.IDENTITY
    return next((level for level in ORDER if level in wanted), None)


def verification_view(standing: Standing, lacking: Mapping[Act, tuple[Level, ...]]) -> dict[str, Any]:
    """Show where a player stands, and what he still lacks for what."""
    return {
        "levels": [level_view(level, standing.at(level)) for level in ORDER],
        "needed": {act.value: [level.value for level in levels] for act, levels in lacking.items()},
    }


def staff_view(standing: Standing) -> dict[str, dict[str, Any]]:
    """Show staff where each level stands that anything was said of, who said it, and the vendor's codes."""
    return {
        level.value: {
            "state": found.state.value,
            "source": found.source.value,
            "at": to_iso(found.at_ms),
            "labels": list(found.labels),
        }
        for level in ORDER
        if (found := standing.levels.get(level)) is not None
    }
