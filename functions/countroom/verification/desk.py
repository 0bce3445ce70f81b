"""The verification desk: staff say that a player is verified, or that he no longer is."""

from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.verification.standing import Order, Standing, Word, after
from countroom.verification.store import StandingStore

ATTEMPTS_MAX: Final = 5


class KeptChanging(Exception):
    """Others kept changing the player's standing; the same order again is safe."""


class OrderReused(Exception):
    """The same request id came with another order."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The standing after an order; `replayed`: the same order had been carried out before, and nothing was changed now."""

    standing: Standing
    replayed: bool


class VerificationDesk:
    """Keeps standings. Every method raises StandingsUnavailable: the same again is safe."""

    def __init__(self, store: StandingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def standing(self, player_id: str) -> Standing:
        """Return where a player stands, read strongly; one of whom nothing was said is not verified."""
        return self._store.get(player_id)

    def carry_out(self, order: Order) -> Heard:
        """Carry out an order of staff, once. Whether there is such a player is for the caller to know.

        An old order that comes again, after others, changes nothing. Raises KeptChanging, and OrderReused where it came as another.
        """
        for _ in range(ATTEMPTS_MAX):
            before = self._store.get(order.player_id)
            if (said := self._store.word(order.player_id, order.request_id)) is not None:
                if said.verified != (order.word is Word.VERIFY):
                    raise OrderReused
                return Heard(self._store.get(order.player_id), replayed=True)
            standing = after(before, order, self._clock())
            if self._store.save(standing):
                return Heard(standing, replayed=False)
        raise KeptChanging
