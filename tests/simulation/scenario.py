"""Draws a whole episode from one number."""

from random import Random

from tests.simulation.bursts import BURSTS
from tests.simulation.cashier import opening
from tests.simulation.draft import Draft
from tests.simulation.requests import SECOND, Script


def draw(seed: int) -> Script:
    """Draw an episode."""
    rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret
    draft = Draft(rng)
    opening(draft)
    for _ in range(rng.randint(6, 14)):
        burst = rng.choices([burst for burst, _ in BURSTS], [weight for _, weight in BURSTS])[0]
        burst(draft)
        draft.pause()
    storms: tuple[tuple[int, int], ...] = ()
    if rng.random() < 0.04:
        start = rng.choice(draft.requests).at
        storms = ((start, start + 30 * SECOND),)
    return Script(tuple(sorted(draft.requests, key=lambda request: request.at)), storms)
