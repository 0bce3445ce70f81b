"""The verification desk: what staff order and what the vendor says, each once, on the version that was read."""

from dataclasses import dataclass, replace
from typing import Final

from countroom.clock import Clock
from countroom.verification.standing import Heard, Order, Result, Standing, VendorEvent, after_event, after_order
from countroom.verification.store import StandingStore

ATTEMPTS_MAX: Final = 5


class KeptChanging(Exception):
    """Others kept changing the player's standing; the same again is safe."""


class OrderReused(Exception):
    """The same request id came with another order."""


@dataclass(frozen=True, slots=True)
class CarriedOut:
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

    def carry_out(self, order: Order) -> CarriedOut:
        """Carry out an order of staff, once. Whether there is such a player is for the caller to know.

        An old order that comes again, after others, changes nothing. Raises KeptChanging, and OrderReused where it came as another.
        """
        for _ in range(ATTEMPTS_MAX):
            before = self._store.get(order.player_id)
            if (said := self._store.ordered(order.player_id, order.request_id)) is not None:
                if said != (order.word, order.level):
                    raise OrderReused
                return CarriedOut(self._store.get(order.player_id), replayed=True)
            standing = after_order(before, order, self._clock())
            if self._store.save(standing, order):
                return CarriedOut(standing, replayed=False)
        raise KeptChanging

    def hear(self, event: VendorEvent) -> Heard:
        """Take in an event of the vendor's. One that is about nobody, or no level, of ours is kept and has no effect.

        Raises KeptChanging.
        """
        for _ in range(ATTEMPTS_MAX):
            heard = after_event(self._store.get(event.player_id) if event.player_id else Standing(""), event)
            if heard.result in {Result.UNKNOWN_APPLICANT, Result.UNKNOWN_LEVEL}:
                self._store.keep_unknown(event, self._clock())
            if heard.result is not Result.APPLIED or self._store.save(heard.standing, event):
                return heard
        raise KeptChanging

    def name_applicant(self, player_id: str, applicant_id: str) -> Standing:
        """Note under which name the vendor knows a player; return where he stands. Raises KeptChanging."""
        for _ in range(ATTEMPTS_MAX):
            before = self._store.get(player_id)
            if before.applicant_id == applicant_id:
                return before
            standing = replace(before, version=before.version + 1, applicant_id=applicant_id)
            if self._store.save(standing):
                return standing
        raise KeptChanging
