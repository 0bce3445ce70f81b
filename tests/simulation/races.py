"""Fifty at once against a limit that covers some of them: exactly as many pass, whatever is lost, late, repeated or killed.

Deposits that are opened, and bets; in half of the races the limit is lowered while they run. An episode of its own for each, under
the same faults and watched by the same second opinion as all the others; here only the numbers are looked at.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from countroom.ledger.movements import Adjustment, Bet, Kind, LimitKind, Movement, OpenWallet, Period
from countroom.ledger.records import Outcome, Record
from countroom.ledger.safeguards import OpenDeposit
from tests.simulation.baton import Pool
from tests.simulation.draft import GAME, HOUSE, Draft
from tests.simulation.protection import limit
from tests.simulation.requests import SECOND, Script
from tests.simulation.safety import DAY_MS
from tests.simulation.witness import Violation, require
from tests.simulation.world import World

RUNNERS: Final = 50
PLAYER: Final = "p0"
_UNIT: Final = 10**9
_KINDS: Final = {LimitKind.DEPOSIT: Kind.DEPOSIT_OPENED, LimitKind.WAGER: Kind.BET, LimitKind.LOSS: Kind.BET}


@dataclass(frozen=True, slots=True)
class Race:
    """A race: what is limited, how many the limit covers, and how many the lowered one does (None: it is not lowered)."""

    seed: int
    kind: LimitKind
    covers: int
    lowered: int | None


@dataclass(slots=True)
class Raced:
    """What several races came to."""

    races: int = 0
    passed: int = 0
    steps: int = 0
    failure: str = ""


def drawn(seed: int) -> Race:
    """Draw a race from a number."""
    rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret
    covers = rng.randint(1, 20)
    return Race(seed, rng.choice(list(_KINDS)), covers, rng.randrange(covers) if rng.random() < 0.5 else None)


def script(race: Race) -> Script:
    """Write the race down: a player with money and a limit, and fifty at once."""
    draft = Draft(Random(race.seed))  # noqa: S311 - as above
    draft.players, draft.currency = [PLAYER], {PLAYER: "EUR"}
    draft.post(OpenWallet.of(PLAYER, "EUR", "MT"), 0)
    draft.now += SECOND
    draft.post(Adjustment(draft.name(HOUSE, "a"), PLAYER, "EUR", 1000 * _UNIT, "a gift", "ann"), 0)
    amount = draft.amount(9)
    draft.post(limit(draft, PLAYER, race.kind, race.covers * amount + draft.rng.choice((0, amount - 1)), Period.DAY), 0)
    before = [replace(request, faults=False, lost_always=False) for request in draft.requests]
    draft.requests.clear()
    draft.now += 20 * SECOND
    for _ in range(RUNNERS):
        draft.post(_runner(draft, race.kind, amount), draft.near())
    if race.lowered is not None:
        lower = limit(draft, PLAYER, race.kind, race.lowered * amount + draft.rng.choice((0, amount - 1)), Period.DAY)
        draft.post(lower, draft.near())
    # By clocks that agree: with others it is not told by a record's instant in which day it was counted.
    return Script(
        tuple(sorted((replace(request, skew_ms=0) for request in [*before, *draft.requests]), key=lambda request: request.at))
    )


def _runner(draft: Draft, kind: LimitKind, amount: int) -> Movement:
    if kind is LimitKind.DEPOSIT:
        return OpenDeposit.of(PLAYER, draft.name("house:deposit", "dep").transaction_id, "EUR", amount)
    return Bet(draft.name(GAME, "b"), PLAYER, "EUR", amount, "dice", "r1")


def run(race: Race, pool: Pool) -> tuple[int, int]:
    """Run a race. Give how many passed and how many steps it took. Raise Violation."""
    world = World(script(race), pool)
    figures = world.run()
    chain = world.chain(PLAYER)
    begun = next(record for record in chain if record.kind is Kind.LIMIT)
    passed = [record for record in chain if _passed(record, race) and record.at_ms < begun.at_ms + DAY_MS]
    due = race.covers
    lowered = [record for record in chain if record.kind is Kind.LIMIT and record is not begun]
    if lowered:
        due = max(race.lowered or 0, sum(record.version < lowered[0].version for record in passed))
    require(len(passed) == due, "exactly as many pass as the limit covers", f"{race}: {len(passed)}, and {due} are covered")
    return len(passed), figures.steps


def _passed(record: Record, race: Race) -> bool:
    return record.kind is _KINDS[race.kind] and record.outcome is Outcome.APPLIED


def several(seed: int, races: int) -> Raced:
    """Run so many races, to the first that ends wrong."""
    raced, pool = Raced(), Pool()
    try:
        for number in range(races):
            race = drawn(seed * 1_000_003 + number)
            passed, steps = run(race, pool)
            raced.races += 1
            raced.passed += passed
            raced.steps += steps
    except Violation as violation:
        raced.failure = f"{violation} in {race}"
    finally:
        pool.end()
    return raced


def shown(raced: Raced) -> list[str]:
    """Say in words what the races came to."""
    if raced.failure:
        return [f"VIOLATION in a race: {raced.failure}"]
    told = f"{raced.races} races of {RUNNERS} deposits or bets against a limit: exactly as many passed as it covered"
    return [f"{told} ({raced.passed:,} in all, {raced.steps:,} steps)"]
