"""The withdrawals that can be met, each with its money, numbered; and what the real rules make of one when something happens.

A withdrawal is kept in the form that the rules see: its history is the money that it moved, times and causes are left out, and
counters stop where the rules stop counting. Its money is a real wallet under the ledger's real rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from countroom.cashier.withdrawals.life import Happening, RefusalReason, Refused, Said, Step, request
from countroom.cashier.withdrawals.withdrawal import (
    NEXT,
    OPEN,
    RELEASED,
    Actor,
    Attention,
    Booking,
    Change,
    Withdrawal,
    WithdrawalStatus,
    record_id,
)
from countroom.ledger.decide import Refusal, decide
from countroom.ledger.movements import Movement, OpenWallet, Reference
from countroom.ledger.records import Outcome, Record, Resolution
from countroom.ledger.rules.effects import Facts
from countroom.ledger.wallet import Wallet
from tests.model.bounds import PATIENCE, TRIES_COUNTED
from tests.model.rules import Rules

START: Final = 100
AMOUNT: Final = 60
OTHER_AMOUNT: Final = 50
ID: Final = "wdr_a"
PLAYER: Final = "ann"
GATEWAY: Final = "adyen"
CURRENCY: Final = "EUR"
_S = WithdrawalStatus
_LASTING: Final = {Attention.OTHER_FIGURES, Attention.NEVER_SUBMITTED, Attention.LATE_PAYMENT, Attention.PAID_THEN_FAILED}
"""Why people must look even after a withdrawal has ended as it should."""


@dataclass(frozen=True, slots=True)
class Money:
    """A wallet and what the ledger knows of the withdrawal."""

    wallet: Wallet
    entries: Mapping[Reference, Record]
    resolutions: Mapping[Reference, Resolution]

    @property
    def key(self) -> tuple[object, ...]:
        """All of it that matters to what may follow."""
        return self.wallet.cash, self.wallet.held, frozenset(self.entries), frozenset(self.resolutions)


@dataclass(frozen=True, slots=True)
class Held:
    """A withdrawal as it stands, and its money."""

    withdrawal: Withdrawal
    money: Money

    @property
    def booked_out(self) -> int:
        """What has left the house by the books."""
        return START - self.money.wallet.cash - self.money.wallet.held


@dataclass(frozen=True, slots=True)
class Result:
    """After a happening: which withdrawal, whether that was written, and the rule that it broke."""

    after: int
    wrote: bool
    broken: str = ""
    refused: RefusalReason | None = None


class Books:
    """All withdrawals met so far, by number; 0 is the one just asked for."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._numbers: dict[object, int] = {}
        self._results: dict[tuple[int, int, Happening], Result] = {}
        self.known: list[Held] = []
        self._open()

    def _open(self) -> None:
        opened = decide(None, Facts({}, {}), OpenWallet.of(PLAYER, CURRENCY, "MT"), 0)
        if isinstance(opened, Refusal):
            raise TypeError("a wallet can be opened")
        money = Money(replace(opened.wallet, cash=START), {}, {})
        step = request((ID, PLAYER, GATEWAY, "dep_1"), CURRENCY, AMOUNT, 0)
        money, broken = _posted(money, self._rules.movements_of(step.withdrawal, step))
        if broken:
            raise ValueError(broken)
        self._number(Held(plain(step.withdrawal), money))

    def happen(self, number: int, happening: Happening, *, read: int | None = None) -> Result:
        """Let something happen to a withdrawal; with `read`, decide on that one and write over whatever stands."""
        key = (number, number if read is None else read, happening)
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = self._happen(self.known[number], self.known[key[1]].withdrawal, number, happening)
        return found

    def _happen(self, standing: Held, before: Withdrawal, number: int, happening: Happening) -> Result:
        step = self._rules.decide(before, happening, 0)
        if not isinstance(step, Step):
            return Result(number, wrote=False, refused=step.reason if isinstance(step, Refused) else None)
        money, broken = _posted(standing.money, self._rules.movements_of(before, step))
        after = Held(plain(step.withdrawal), money)
        broken = broken or _broken_step(standing.withdrawal, step, happening) or _broken_sum(after)
        return Result(self._number(after), wrote=True, broken=broken)

    def _number(self, held: Held) -> int:
        key = (held.withdrawal, held.money.key)
        number = self._numbers.setdefault(key, len(self.known))
        if number == len(self.known):
            self.known.append(held)
        return number


def plain(withdrawal: Withdrawal) -> Withdrawal:
    """Leave out what the rules do not look at."""
    moved = tuple(Change(0, _S.REQUESTED, "", Actor.HOUSE, change.record) for change in withdrawal.changes if change.record)
    early = withdrawal.status in {_S.REQUESTED, _S.AWAITING_APPROVAL}
    return replace(
        withdrawal,
        changes=moved,
        reasons=(),
        approvals_needed=withdrawal.approvals_needed if early else 0,
        approvers=tuple(sorted(withdrawal.approvers)) if early else (),
        tries=min(withdrawal.tries, TRIES_COUNTED if withdrawal.is_open else 1),
        asks=min(withdrawal.asks, PATIENCE) if withdrawal.is_open else 0,
        version=1,
    )


def _posted(money: Money, movements: tuple[Movement, ...]) -> tuple[Money, str]:
    """Post movements by the ledger's rules. They go with the withdrawal's change, so one refused would stop it for good."""
    for movement in movements:
        if movement.reference in money.entries:
            return money, f"posted twice under one name: {movement.reference.text}"
        decision = decide(money.wallet, Facts(dict(money.entries), dict(money.resolutions)), movement, 0)
        if isinstance(decision, Refusal) or decision.record.outcome is not Outcome.APPLIED:
            reason = decision.reason if isinstance(decision, Refusal) else decision.record.reason
            return money, f"the ledger refuses {movement.reference.text}: {reason}"
        resolved = {decision.resolution.of: decision.resolution} if decision.resolution else {}
        entries = {**money.entries, movement.reference: decision.record}
        money = Money(decision.wallet, entries, {**money.resolutions, **resolved})
    return money, ""


def _broken_step(before: Withdrawal, step: Step, happening: Happening) -> str:
    """Judge one step."""
    after = step.withdrawal
    if after.status is not before.status and after.status not in NEXT[before.status]:
        return f"no such transition: {before.status} to {after.status}"
    if step.booking is Booking.LATE_DEBIT and after.attention is None:
        return "a late payment without a flag"
    approved = before.status is _S.AWAITING_APPROVAL and after.status is _S.APPROVED
    if approved and len({name.casefold() for name in after.approvers}) < before.approvals_needed:
        return "approved by fewer than it needs"
    if step.booking is not None and step.booking in _booked(before):
        return f"booked twice: {step.booking}"
    if after.attention is None and before.attention is not None and isinstance(happening, Said) and before.attention in _LASTING:
        return f"a flag vanished: {before.attention}"
    return ""


def _broken_sum(held: Held) -> str:
    """Judge a withdrawal and its money as they stand together."""
    withdrawal, wallet = held.withdrawal, held.money.wallet
    is_held = withdrawal.status in OPEN
    if wallet.held != (AMOUNT if is_held else 0):
        return f"{withdrawal.status}, and {wallet.held} is held"
    if is_held != (Reference(f"gateway:{GATEWAY}", ID) not in held.money.resolutions):
        return f"{withdrawal.status}, and the hold has{' not' if not is_held else ''} ended"
    match withdrawal.status:
        case _S.PAID:
            wanted = withdrawal.paid
        case _S.RETURNED:
            wanted = held.booked_out if withdrawal.attention else 0
        case _:
            wanted = 0
    if held.booked_out != wanted:
        return f"{withdrawal.status}: {wanted} should have left the house, {held.booked_out} has"
    if withdrawal.status in RELEASED and record_id(ID, Booking.RELEASE) not in {change.record for change in withdrawal.changes}:
        return f"{withdrawal.status} without a release"
    return ""


def _booked(withdrawal: Withdrawal) -> set[Booking]:
    names = {record_id(withdrawal.withdrawal_id, booking): booking for booking in Booking}
    return {names[change.record] for change in withdrawal.changes if change.record}
