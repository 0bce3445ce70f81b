"""What a player has asked for and got lately, by gateway: the counters behind the limits. Pure.

They lie in one item a player, which every request writes, under its version, in the transaction that holds the money. So two
requests cannot both be the last one that a limit allows. What frees money, or ends a withdrawal, writes it likewise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from countroom.cashier.withdrawals.life import Step
from countroom.cashier.withdrawals.withdrawal import Booking, Withdrawal
from countroom.times import DAY_MS

WINDOW_MS: Final = DAY_MS
"""How long a request counts: "a day" is any 24 hours, so that nothing is gained by asking around midnight."""

_NONE: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the last day. `released`: its money went back to the wallet, so it no longer counts towards the maximum."""

    withdrawal_id: str
    at_ms: int
    gateway: str
    amount: int
    released: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """One player's counters. Amounts are nanos of the wallet's currency.

    `out`: by gateway, what is held for it or was paid through it, less what came back. `paid`: by gateway, how many payouts it has
    made that did not come back. `flagged`: ids of withdrawals that people must look at.
    """

    player_id: str
    version: int = 0
    recent: tuple[Asked, ...] = ()
    out: Mapping[str, int] = field(default_factory=lambda: _NONE)
    paid: Mapping[str, int] = field(default_factory=lambda: _NONE)
    flagged: frozenset[str] = frozenset()

    def within(self, now_ms: int) -> tuple[Asked, ...]:
        """Give the requests of the last day, those too that were released."""
        return tuple(asked for asked in self.recent if asked.at_ms > now_ms - WINDOW_MS)

    def spent(self, gateway: str, now_ms: int) -> int:
        """Sum what of the last day counts towards a gateway's maximum."""
        return sum(asked.amount for asked in self.within(now_ms) if asked.gateway == gateway and not asked.released)

    @property
    def paid_ever(self) -> int:
        """How many payouts the player has had."""
        return sum(self.paid.values())


def with_request(tally: Tally, withdrawal: Withdrawal, now_ms: int) -> Tally:
    """Count a new withdrawal."""
    asked = Asked(withdrawal.withdrawal_id, withdrawal.created_at_ms, withdrawal.gateway, withdrawal.amount)
    out = _plus(tally.out, withdrawal.gateway, withdrawal.amount)
    return replace(tally, version=tally.version + 1, recent=(*tally.within(now_ms), asked), out=out)


def with_step(tally: Tally, before: Withdrawal, step: Step) -> Tally:
    """Count what a step does; the same tally where that is nothing to it."""
    after = step.withdrawal
    recent = tally.recent
    if step.booking is Booking.RELEASE:
        recent = tuple(replace(asked, released=True) if asked.withdrawal_id == after.withdrawal_id else asked for asked in recent)
    known = {after.withdrawal_id}
    counted = replace(
        tally,
        recent=recent,
        out=_plus(tally.out, after.gateway, _flow(before, step)),
        paid=_plus(tally.paid, after.gateway, _payouts(step)),
        flagged=tally.flagged | known if after.attention else tally.flagged - known,
    )
    return tally if counted == tally else replace(counted, version=tally.version + 1)


def _flow(before: Withdrawal, step: Step) -> int:
    match step.booking:
        case Booking.RELEASE | Booking.RETURN:
            return -step.moves
        case Booking.OTHER_AMOUNT:
            return step.moves - before.amount
        case Booking.LATE_DEBIT:
            return step.moves
        case _:
            return 0


def _payouts(step: Step) -> int:
    if step.booking is Booking.RETURN:
        return -1
    return int(step.booking in {Booking.CAPTURE, Booking.OTHER_AMOUNT, Booking.LATE_DEBIT})


def _plus(sums: Mapping[str, int], gateway: str, amount: int) -> Mapping[str, int]:
    return MappingProxyType({**sums, gateway: sums.get(gateway, 0) + amount}) if amount else sums
