"""A whole run of rounds: launch, play, then compare the wallet with the provider's own books and ask the auditor."""

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox import audit
from sandbox.provider.guest import NEWCOMER, Guest, newcomer, sit_down
from sandbox.provider.rounds import Books, Rounds, over_http
from sandbox.provider.table import Speaker, places_of
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
class Result:
    """What came of it. Amounts are in main units."""

    plan: Plan
    player_id: str
    currency: str
    start: Decimal
    books: Books
    wallet: Decimal
    report: dict[str, Any]

    @property
    def right(self) -> bool:
        """Whether every answer was as it must be, the wallet agrees with the books, and the audit found nothing."""
        return not self.books.differences and self.wallet == self.books.balance and audit.is_clean(self.report)


def new_seed() -> int:
    """Draw a seed for a run that was given none."""
    return secrets.randbelow(2**31)


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
    Rounds(speaker, seat, over_http(speaker, seat), books, plan.seed, plan.chaos, plan.burst, unit).play(plan.rounds)
    wallet = _afresh(guest).available()
    return Result(plan, seat.player_id, seat.currency, start, books, wallet, audit.run(stack, seat.player_id))


def _afresh(guest: Guest) -> Guest:
    """Log in again: a long run outlives the access token that it began with."""
    guest.api.log_in(guest.account)
    return guest


def told(result: Result) -> str:
    """Write the summary."""
    plan, books = result.plan, result.books
    lines = [f"{plan.provider}: player {result.player_id}, seed {plan.seed}, chaos {plan.chaos:g}, burst {plan.burst}"]
    lines += [f"  {name:<42} {count:>7}" for name, count in sorted(books.counts.items())]
    agreed = "agrees" if result.wallet == books.balance else f"IS {result.wallet - books.balance:+f} OFF"
    lines.append(f"  balance at the start {result.start:f} {result.currency}")
    lines.append(f"  balance by the books {books.balance:f} {result.currency}, in the wallet {result.wallet:f}: {agreed}")
    report = result.report
    found = "nothing wrong" if audit.is_clean(report) else f"NOT CLEAN: {report.get('mismatches')} mismatches"
    lines.append(f"  audit: {report.get('records')} records, {found}")
    lines += [f"  DIFFERENCE {text}" for text in books.differences]
    verdict = "the count is right" if result.right else f"THE COUNT IS NOT RIGHT (seed {plan.seed})"
    return "\n".join([*lines, f"  {verdict}"])
