"""The bets that every contender gets: the same players, order, repeats, losses and crashes from one seed."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STAKE: Final = 100
"""Cents of one bet. All stakes are equal, so a wrong balance counts the bets that went wrong."""

OTHER_STAKE: Final = 200
HUGE_STAKE: Final = 10**9
OPENING: Final = 10**6
"""Cents that a player starts with: enough for every bet but the huge ones."""


class Trouble(StrEnum):
    """What happens to a bet on its way."""

    NONE = "none"
    REPEAT = "repeat"
    OTHER_AMOUNT = "other_amount"
    TOO_MUCH = "too_much"
    LOST_ANSWER = "lost_answer"
    CRASH = "crash"


SHARES: Final = {
    Trouble.REPEAT: 0.05,
    Trouble.OTHER_AMOUNT: 0.02,
    Trouble.TOO_MUCH: 0.03,
    Trouble.LOST_ANSWER: 0.01,
    Trouble.CRASH: 0.01,
}


@dataclass(frozen=True, slots=True)
class Bet:
    """One delivery of a bet by the provider. `strikes_at`, modulo a contender's writes, is where a crash or loss happens."""

    player: str
    transaction_id: str
    amount: int
    trouble: Trouble
    strikes_at: int


def players(count: int) -> list[str]:
    """Name the players."""
    return [f"pl_bench{number:04d}" for number in range(count)]


def stream(seed: int, count: int, names: list[str]) -> list[Bet]:
    """Return `count` deliveries; player k is chosen with weight 1/(k+1), repeats come soon after their original."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible stream, not a secret
    weights = [1 / (rank + 1) for rank in range(len(names))]
    kinds, shares = list(SHARES), list(SHARES.values())
    bets: list[Bet] = []
    for number in range(count):
        trouble = chance.choices([Trouble.NONE, *kinds], [1 - sum(shares), *shares])[0]
        player, name, amount = chance.choices(names, weights)[0], f"bet-{number:06d}", STAKE
        plain = [bet for bet in bets[-40:] if bet.trouble is Trouble.NONE]
        if trouble in {Trouble.REPEAT, Trouble.OTHER_AMOUNT} and plain:
            original = chance.choice(plain)
            player, name = original.player, original.transaction_id
            amount = OTHER_STAKE if trouble is Trouble.OTHER_AMOUNT else STAKE
        elif trouble is Trouble.TOO_MUCH:
            amount = HUGE_STAKE
        bets.append(Bet(player, name, amount, trouble, chance.randrange(12)))
    return bets
