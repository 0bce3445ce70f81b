"""Everything that can go on in an episode, and how often it does."""

from collections.abc import Callable
from typing import Final

from tests.simulation import cashier, play, protection
from tests.simulation.draft import Draft
from tests.simulation.requests import Verb


def reads(draft: Draft) -> None:
    """Looks at wallets and records while others write."""
    rng = draft.rng
    for _ in range(rng.randint(1, 4)):
        draft.add(Verb.WALLET, draft.near(60), player_id=draft.player())
    named = [request.movements[0].reference for request in draft.requests[-12:] if request.movements]
    for reference in named[:4]:
        draft.add(Verb.FIND, draft.near(60), reference=reference)
    for _ in range(rng.randint(0, 2)):
        draft.add(Verb.HISTORY, draft.near(60), player_id=draft.player(), page=rng.randint(1, 30))
    draft.add(Verb.AUDIT, draft.near(60), player_id=rng.choice((draft.player(), "", "")))


Burst = Callable[[Draft], None]
BURSTS: Final[tuple[tuple[Burst, int], ...]] = (
    (play.rounds, 8),
    (play.old_rounds, 3),
    (play.settle, 6),
    (play.clash, 3),
    (play.overdraw, 3),
    (play.promotion, 1),
    (cashier.pay_in, 3),
    (cashier.pay_out, 4),
    (cashier.bonuses, 2),
    (cashier.staff, 3),
    (play.batches, 7),
    (reads, 9),
    (cashier.registrations, 1),
    (protection.openings, 4),
    (protection.rationed, 2),
    (protection.away, 1),
    (protection.checks, 1),
)
