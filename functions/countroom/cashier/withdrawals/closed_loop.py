"""Money goes back the way it came, first: the closed loop. Pure.

For each gateway through which a player has paid in: what came (less what was taken back), minus what is on its way out or was paid
out there, is still to go back. A withdrawal may be larger than that only when no other gateway has anything to go back; what goes
out then is winnings. What is less than a gateway's smallest payout cannot go back, and holds nothing up.
"""

from collections.abc import Mapping

from countroom.cashier.withdrawals.terms import TERMS


def back(gateway: str, given: Mapping[str, int], out: Mapping[str, int]) -> int:
    """Say how much (nanos) is still to go back through a gateway; `given` and `out` are sums by gateway."""
    return max(0, given.get(gateway, 0) - out.get(gateway, 0))


def most(gateway: str, currency: str, given: Mapping[str, int], out: Mapping[str, int]) -> int | None:
    """Give the most (nanos) that may go out through a gateway now, None where the closed loop sets no bound.

    0 where all of it has to go elsewhere first.
    """
    waiting = any(_waits(other, currency, given, out) for other in given if other != gateway)
    return back(gateway, given, out) if waiting else None


def _waits(gateway: str, currency: str, given: Mapping[str, int], out: Mapping[str, int]) -> bool:
    allowance = TERMS.get(gateway, {}).get(currency)
    return allowance is not None and back(gateway, given, out) >= allowance.once.smallest
