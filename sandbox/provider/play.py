"""A whole run of rounds: launch, play, then compare the wallet with the provider's own books and ask the auditor."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from sandbox import audit
from sandbox.calling import over_http
from sandbox.provider.guest import NEWCOMER, newcomer, sit_down
from sandbox.provider.line import TIMEOUT_SECONDS
from sandbox.provider.rounds import Rounds
from sandbox.provider.table import Speaker, places_of
from sandbox.reckoning import Books, Reckoning
from sandbox.stack import Stack

ROUNDS_MAX, BURST_MAX = 100_000, 20
NEWCOMERS_DEPOSIT = "100.00"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do. The same seed draws the same rounds and the same trouble (ids are new every time)."""

    provider: str
    player: str
    rounds: int
    chaos: float
    burst: int
    seed: int
    currency: str = "EUR"
    game_id: str = ""


@dataclass(frozen=True, slots=True)
class Result(Reckoning):
    """What came of a plan."""

    plan: Plan


def run(stack: Stack, speaker: Speaker, plan: Plan) -> Result:
    """Play the plan.

    Raises:
        NoSeatError, RefusedError, NoAnswerError, MailboxError, AuditError: when it cannot be played or looked at.

    """
    guest = newcomer(stack, NEWCOMERS_DEPOSIT, plan.currency) if plan.player == NEWCOMER else sit_down(stack, plan.player)
    seat = guest.launch(plan.provider, speaker.games, plan.game_id)
    start = guest.available()
    books = Books(start)
    unit = Decimal("0.1") if places_of(seat.currency) else Decimal(1)
    way = over_http(partial(speaker.read, seat), TIMEOUT_SECONDS)
    Rounds(speaker, seat, way, books, plan.seed, plan.chaos, plan.burst, unit).play(plan.rounds)
    wallet = guest.afresh().available()
    report = audit.run(stack, seat.player_id)
    return Result(seat.player_id, seat.currency, plan.seed, start, books, wallet, report, plan)


def told(result: Result) -> str:
    """Write the summary."""
    plan = result.plan
    head = f"{plan.provider}: player {result.player_id}, seed {plan.seed}, chaos {plan.chaos:g}, burst {plan.burst}"
    return "\n".join([head, *result.lines()])
