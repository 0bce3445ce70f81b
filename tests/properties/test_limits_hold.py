"""Whatever is set, raised, waited for, staked, won, opened and taken back: no limit ever lets more through than it may.

Beside the rules runs a second account of every limit, kept in another way: each use by its name and by the window that it fell
into, windows by the calendar of the standard library. After each use that was let through, no limit in force may be exceeded; a use
that was refused must exceed one. Where a limit adds up nothing but whole uses, its counter must be the sum of those that stand.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from countroom.ledger import items
from countroom.ledger.decide import Decision, Refusal, decide
from countroom.ledger.movements import (
    COUNTING,
    Bet,
    Deposit,
    DepositReversal,
    LimitKind,
    Movement,
    Period,
    Reason,
    Reference,
    Rollback,
    Win,
)
from countroom.ledger.records import Outcome, Record, Resolution, Tombstone
from countroom.ledger.rules import limits
from countroom.ledger.rules.effects import Facts
from countroom.ledger.safeguards import AbandonDeposit, ConfirmRaise, OpenDeposit, SetLimit, WithdrawRaise
from tests.unit.ledger.examples import ANNA, GAME, GATEWAY, HOUSE, UNIT, wallet_with

DAY_MS: Final = 86_400_000
START: Final = int(datetime(2024, 1, 30, 22, 59, 59, tzinfo=UTC).timestamp() * 1000)
STEPS: Final = (1, 1, 999, 1_000, 3_600_000, DAY_MS - 1, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 29 * DAY_MS, 31 * DAY_MS)
DEPOSIT, WAGER, LOSS, STAKE = LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS, LimitKind.STAKE
names = st.sampled_from(
    [(kind, period) for kind in (DEPOSIT, WAGER, LOSS) for period in (Period.DAY, Period.WEEK, Period.MONTH)]
    + [(STAKE, Period.EACH)] * 2
)
caps = st.integers(0, 40)
sums = st.integers(0, 15)


@dataclass
class Account:
    """The second account of one limit: its cap, its raise, and each use by name, with the window that it fell into."""

    kind: LimitKind
    period: Period
    cap: int
    start_ms: int
    waiting: tuple[int | None, int, bool] | None = None
    uses: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def window(self, now_ms: int) -> int:
        """The number of the window, found by walking from the start."""
        number = 0
        while now_ms >= self._ends(number):
            number += 1
        return number

    def _ends(self, number: int) -> int:
        if self.period is not Period.MONTH:
            return self.start_ms + (number + 1) * {Period.DAY: DAY_MS, Period.WEEK: 7 * DAY_MS}[self.period]
        start = datetime.fromtimestamp(self.start_ms // 1000, UTC)
        first = start.replace(day=1)
        for _ in range(number + 1):
            first = (first + timedelta(days=32)).replace(day=1)
        last = ((first + timedelta(days=32)).replace(day=1) - timedelta(days=1)).day
        return int(first.replace(day=min(start.day, last)).timestamp()) * 1000 + self.start_ms % 1000

    def used(self, now_ms: int) -> int:
        """What stands of this window's uses."""
        window = self.window(now_ms)
        return sum(amount for uses in self.uses.values() for where, amount in uses if where == window)

    def use(self, name: str, amount: int, now_ms: int) -> None:
        """Count a use (negative: a win)."""
        self.uses.setdefault(name, []).append((self.window(now_ms), amount))

    def less(self, name: str, amount: int) -> None:
        """Take something off a use, in the window that it fell into."""
        ((window, stands),) = self.uses[name]
        self.uses[name] = [(window, stands - min(amount, stands))]


class Limits(RuleBasedStateMachine):
    """One wallet with more money than it can lose, its limits, and their second account."""

    def __init__(self) -> None:
        super().__init__()
        self.wallet = wallet_with(cash=UNIT)
        self.now_ms = START
        self.accounts: dict[tuple[LimitKind, Period], Account] = {}
        self.entries: dict[Reference, Record | Tombstone] = {}
        self.resolutions: dict[Reference, Resolution] = {}
        self.bets: list[Bet] = []
        self.wins: list[Win] = []
        self.opened: list[OpenDeposit] = []
        self.paid: list[Deposit] = []
        self.made = 0

    def _name(self, source: str = HOUSE) -> Reference:
        self.made += 1
        return Reference(source, f"m{self.made}")

    def _decide(self, movement: Movement) -> Reason | None:
        self.now_ms += 1  # so that times tell as much as versions do
        self._time_passes()
        decision = decide(self.wallet, Facts(self.entries, self.resolutions), movement, self.now_ms)
        if isinstance(decision, Refusal):
            return decision.reason
        return self._kept(decision)

    def _time_passes(self) -> None:
        for key, account in list(self.accounts.items()):
            if account.waiting and not account.waiting[2] and self.now_ms >= account.waiting[1]:
                self._raised(key, account)

    def _kept(self, decision: Decision) -> Reason | None:
        self.wallet = items.wallet_of(items.wallet_item(decision.wallet))  # as it would be read again
        assert self.wallet == decision.wallet
        self.entries[decision.record.reference] = decision.record
        if decision.tombstone:
            self.entries[decision.tombstone.reference] = decision.tombstone
        if decision.resolution:
            self.resolutions[decision.resolution.of] = decision.resolution
        return decision.record.reason

    def _raised(self, key: tuple[LimitKind, Period], account: Account) -> None:
        assert account.waiting is not None
        cap = account.waiting[0]
        account.waiting = None
        if cap is None:
            del self.accounts[key]
        else:
            account.cap = cap

    def _counting(self, *kinds: LimitKind) -> list[Account]:
        return [account for account in self.accounts.values() if account.kind in kinds]

    def _check(self, reason: Reason | None, uses: dict[LimitKind, int]) -> None:
        """Compare what was let through or refused with the second account, before the use is counted there."""
        over = [
            account
            for account in self._counting(*uses)
            if uses[account.kind] and (0 if account.kind is STAKE else account.used(self.now_ms)) + uses[account.kind] > account.cap
        ]
        if reason is None:
            assert not over
        else:
            assert reason is Reason.LIMIT_REACHED
            # Wins that were more than what had been lost do not make the rest larger: such a limit may refuse what its sum allows.
            assert over or any(uses[account.kind] for account in self._counting(LOSS) if account.kind in uses)

    @rule(name=names, cap=caps, waits_ms=st.sampled_from([1_000, DAY_MS]), confirm=st.booleans())
    def set_limit(self, name: tuple[LimitKind, Period], cap: int, waits_ms: int, *, confirm: bool) -> None:
        assert self._decide(SetLimit(self._name(), ANNA, "EUR", cap, *name, waits_ms, confirm)) is None
        account = self.accounts.get(name)
        if account is None:
            self.accounts[name] = Account(*name, cap, self.now_ms)
        elif cap <= account.cap:
            account.cap, account.waiting = cap, None
        else:
            account.waiting = (cap, -(-(self.now_ms + waits_ms) // 1000) * 1000, confirm)

    @rule(name=names, waits_ms=st.sampled_from([0, 1_000, DAY_MS]))
    def remove_limit(self, name: tuple[LimitKind, Period], waits_ms: int) -> None:
        reason = self._decide(SetLimit(self._name(), ANNA, "EUR", None, *name, waits_ms))
        account = self.accounts.get(name)
        if account is None:
            assert reason is Reason.NOTHING_PENDING
        elif not waits_ms:
            assert reason is Reason.LIMIT_RAISE
        else:
            assert reason is None
            account.waiting = (None, -(-(self.now_ms + waits_ms) // 1000) * 1000, False)

    @rule(name=names)
    def withdraw(self, name: tuple[LimitKind, Period]) -> None:
        reason = self._decide(WithdrawRaise(self._name(), ANNA, *name))
        account = self.accounts.get(name)
        assert (reason is None) == bool(account and account.waiting)
        if account:
            account.waiting = None

    @rule(name=names)
    def confirm(self, name: tuple[LimitKind, Period]) -> None:
        reason = self._decide(ConfirmRaise(self._name(), ANNA, *name))
        account = self.accounts.get(name)
        if account is None or account.waiting is None:
            assert reason is Reason.NOTHING_PENDING
        elif self.now_ms < account.waiting[1]:
            assert reason is Reason.TOO_EARLY
        else:
            assert reason is None
            self._raised(name, account)

    @rule(step=st.sampled_from(STEPS))
    def wait(self, step: int) -> None:
        self.now_ms += step

    @rule(amount=sums)
    def bet(self, amount: int) -> None:
        movement = Bet(self._name(GAME), ANNA, "EUR", amount, "slot", "r")
        reason = self._decide(movement)
        self._check(reason, {STAKE: amount, WAGER: amount, LOSS: amount})
        if reason is None:
            self.bets.append(movement)
            for account in self._counting(WAGER, LOSS):
                account.use(movement.reference.text, amount, self.now_ms)

    @rule(amount=sums)
    def win(self, amount: int) -> None:
        movement = Win(self._name(GAME), ANNA, "EUR", amount, "slot", "r")
        assert self._decide(movement) is None
        self.wins.append(movement)
        for account in self._counting(LOSS):
            account.use(movement.reference.text, -amount, self.now_ms)

    def _taken_back(self, target: Movement) -> None:
        assert self._decide(Rollback(self._name(GAME), ANNA, target.reference)) is None
        for account in self._counting(WAGER, LOSS):
            account.uses.pop(target.reference.text, None)

    @precondition(lambda self: self.bets)
    @rule(data=st.data())
    def roll_back_a_bet(self, data: st.DataObject) -> None:
        self._taken_back(data.draw(st.sampled_from(self.bets)))

    @precondition(lambda self: self.wins)
    @rule(data=st.data())
    def roll_back_a_win(self, data: st.DataObject) -> None:
        self._taken_back(data.draw(st.sampled_from(self.wins)))

    @rule(amount=st.integers(1, 15))
    def open_deposit(self, amount: int) -> None:
        self.made += 1
        movement = OpenDeposit.of(ANNA, f"o{self.made}", "EUR", amount)
        reason = self._decide(movement)
        self._check(reason, {DEPOSIT: amount})
        if reason is None:
            self.opened.append(movement)
            for account in self._counting(DEPOSIT):
                account.use(movement.reference.text, amount, self.now_ms)

    @precondition(lambda self: self.opened)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        opening = data.draw(st.sampled_from(self.opened))
        again = opening.reference in self.resolutions
        reason = self._decide(AbandonDeposit(self._name(), ANNA, opening.reference))
        assert reason is (Reason.ALREADY_RESOLVED if again else None)
        if not again:
            for account in self._counting(DEPOSIT):
                account.uses.pop(opening.reference.text, None)

    @precondition(lambda self: self.opened)
    @rule(data=st.data(), more=st.sampled_from([0, 0, 0, 1, 5, -1, -5]))
    def pay_in(self, data: st.DataObject, more: int) -> None:
        opening = data.draw(st.sampled_from(self.opened))
        counted = opening.reference not in self.resolutions
        amount = max(1, opening.amount + more)
        movement = Deposit(self._name(GATEWAY), ANNA, "EUR", amount, opened=opening.reference)
        assert self._decide(movement) is None
        self.paid.append(movement)
        for account in self._counting(DEPOSIT):
            if not counted or opening.reference.text not in account.uses:
                account.use(movement.reference.text, amount, self.now_ms)
            elif amount > opening.amount:
                account.use(movement.reference.text, amount - opening.amount, self.now_ms)
            else:
                account.less(opening.reference.text, opening.amount - amount)

    @rule(amount=st.integers(1, 15))
    def pay_in_unasked(self, amount: int) -> None:
        movement = Deposit(self._name(GATEWAY), ANNA, "EUR", amount)
        assert self._decide(movement) is None
        self.paid.append(movement)
        for account in self._counting(DEPOSIT):
            account.use(movement.reference.text, amount, self.now_ms)

    @precondition(lambda self: self.paid)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        deposit = data.draw(st.sampled_from(self.paid))
        before = deposit.reference in self.resolutions
        earlier = deposit.amount if before else 0
        movement = DepositReversal(self._name(GATEWAY), ANNA, "EUR", deposit.amount, deposit.reference, earlier)
        assert self._decide(movement) is None
        if before:
            return
        ended = deposit.opened and self.resolutions[deposit.opened].by == deposit.reference
        for account in self._counting(DEPOSIT):
            account.uses.pop(deposit.reference.text, None)
            if ended and deposit.opened:
                account.uses.pop(deposit.opened.text, None)

    @invariant()
    def the_counters_are_the_sums_of_what_stands(self) -> None:
        current = {(limit.kind, limit.period): limit for limit in limits.in_force(self.wallet.limits, self.now_ms)}
        self._time_passes()
        assert {key: limit.cap for key, limit in current.items()} == {key: one.cap for key, one in self.accounts.items()}
        for key, account in self.accounts.items():
            used = limits.used(current[key], self.now_ms)
            if account.kind is LOSS:
                assert used >= account.used(self.now_ms)
            elif account.kind in COUNTING:
                assert used == account.used(self.now_ms)

    @invariant()
    def every_record_is_what_it_says(self) -> None:
        refused = [entry for entry in self.entries.values() if isinstance(entry, Record) and entry.outcome is Outcome.REFUSED]
        assert all(bool(record.limit) == (record.reason is Reason.LIMIT_REACHED) for record in refused)


TestLimits = Limits.TestCase
TestLimits.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
