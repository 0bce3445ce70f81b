"""A second opinion: the rules of money written again, plainly, over one serial order of commits.

It shares nothing with the rules under test but the types of movements, reasons and outcomes. Asked at the instant of each commit,
it says what that commit has to be; so whatever interleaving led there must equal the serial order of its commits.
"""

import copy
from typing import Any, Final

from countroom.ledger.movements import Kind, LimitKind, Movement, Reason, Status
from countroom.ledger.records import Outcome
from tests.simulation.accounts import TOTAL_OF, Account, Seen, Verdict, no, roll, session_of, unusable

MAX: Final = 10**21
_MUST_BE_SOME: Final = frozenset(
    {"deposit", "deposit_reversal", "deposit_returned", "hold", "bonus_granted", "bonus_converted", "bonus_forfeited", "adjustment"}
)
WRITTEN_DOWN: Final = frozenset(
    {
        "insufficient_funds",
        "negative_balance",
        "wallet_blocked",
        "wallet_excluded",
        "session_unknown",
        "session_expired",
        "game_unavailable",
        "game_currency",
        "stake_out_of_range",
        "limit_reached",
        "limit_raise",
        "balance_remains",
    }
)
"""The refusals of the moment, which have to be recorded."""


class Oracle:
    """All accounts, all names, all markers."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.seen: dict[str, Seen] = {}
        self.resolved: set[str] = set()

    def fork(self) -> "Oracle":
        """A copy to try things on."""
        return copy.deepcopy(self)

    def judge(self, movement: Movement, now_ms: int) -> Verdict:
        """Say what a movement has to come to now; nothing changes."""
        account = self.accounts.get(movement.player_id)
        if movement.kind is Kind.OPEN:
            return no(Reason.PLAYER_EXISTS) if account else Verdict()
        if account is None:
            return no(Reason.UNKNOWN_PLAYER)
        code, amount = movement.money
        if code and code != account.currency:
            return no(Reason.WRONG_CURRENCY)
        signed = movement.kind is Kind.ADJUSTMENT
        if abs(amount) > MAX or (amount < 0 and not signed) or (not amount and movement.kind in _MUST_BE_SOME):
            return no(Reason.INVALID_AMOUNT)
        verdict: Verdict = getattr(self, f"_{movement.kind.value}")(account, movement, now_ms)
        if verdict.reason is None and not verdict.amount and verdict.outcome is Outcome.APPLIED:
            verdict.amount = amount
        return verdict

    def apply(self, movement: Movement, verdict: Verdict, now_ms: int) -> None:
        """Make a verdict true."""
        if movement.kind is Kind.OPEN:
            self.accounts[movement.player_id] = Account(movement.money[0])
        name = movement.reference.text
        if verdict.outcome is Outcome.APPLIED:
            self._change(self.accounts[movement.player_id], movement, verdict, now_ms)
        self.seen[name] = Seen(movement.player_id, movement.kind, verdict, movement.round_id, now_ms)
        if movement.related and verdict.resolves:
            self.resolved.add(movement.related.text)
        if movement.related and verdict.buries:
            self.seen[movement.related.text] = Seen(movement.player_id)

    def _change(self, account: Account, movement: Any, verdict: Verdict, now_ms: int) -> None:
        kind = movement.kind
        self._count(account, movement, verdict, now_ms)
        account.cash += verdict.cash
        account.bonus += verdict.bonus
        account.held += verdict.held
        gained = verdict.cash + verdict.bonus + verdict.held
        if kind is Kind.ROLLBACK:
            kind = self.seen[movement.target.text].kind
        total, sign = TOTAL_OF.get(kind, ("", 0))
        if total:
            account.totals[total] += sign * gained
        if movement.kind is Kind.STATUS:
            account.status = movement.status
        if movement.kind is Kind.SESSION:
            before = next((entry[1] for entry in account.sessions if entry[0] == movement.provider), b"")
            rest = [entry for entry in account.sessions if entry[0] != movement.provider]
            account.sessions = [(movement.provider, movement.digest, before, movement.expires_at_ms), *rest][:4]
        if movement.kind is Kind.LIMIT:
            mine = next((entry for entry in account.limits if entry[:2] == [movement.limit, movement.period_ms]), None)
            if mine is None:
                account.limits.append([movement.limit, movement.period_ms, movement.amount, 0, now_ms])
            else:
                mine[2] = movement.amount

    def _count(self, account: Account, movement: Any, verdict: Verdict, now_ms: int) -> None:
        """Count limits: [kind, period, cap, used, since]."""
        uses: dict[LimitKind, int] = {}
        back_to: int | None = None
        if movement.kind is Kind.DEPOSIT:
            uses = {LimitKind.DEPOSIT: verdict.amount}
        elif movement.kind is Kind.BET:
            uses = {LimitKind.WAGER: verdict.amount, LimitKind.LOSS: verdict.amount}
        elif movement.kind is Kind.WIN:
            uses, back_to = {LimitKind.LOSS: -verdict.amount}, now_ms
        elif movement.kind is Kind.ROLLBACK:
            target = self.seen[movement.target.text]
            if target.kind is Kind.BET:
                uses, back_to = {LimitKind.WAGER: -verdict.amount, LimitKind.LOSS: -verdict.amount}, target.at_ms
            else:
                uses = {LimitKind.LOSS: verdict.amount}
        else:
            return
        for entry in account.limits:
            roll(entry, now_ms)
            if back_to is None:
                entry[3] += uses.get(entry[0], 0)
            elif back_to >= entry[4]:
                entry[3] = max(0, entry[3] + uses.get(entry[0], 0))

    def _session(self, account: Account, _movement: Any, _now_ms: int) -> Verdict:
        return unusable(account) or Verdict()

    def _status(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        kept = any((account.cash, account.bonus, account.held))
        return no(Reason.BALANCE_REMAINS) if kept and movement.status is Status.CLOSED else Verdict()

    def _limit(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        mine = [entry for entry in account.limits if entry[:2] == [movement.limit, movement.period_ms]]
        raised = mine and movement.amount > mine[0][2]
        return no(Reason.LIMIT_RAISE) if raised or (not mine and len(account.limits) == 9) else Verdict()

    def _bet(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        stake = movement.amount
        refused = session_of(account, movement, now_ms) or unusable(account)
        if refused or movement.veto:
            return refused or no(movement.veto)
        if min(account.cash, account.bonus) < 0:
            return no(Reason.NEGATIVE_BALANCE)
        for kind, period, cap, used, since in account.limits:
            current = used if now_ms < since + period else 0
            if stake and kind in {LimitKind.WAGER, LimitKind.LOSS} and current + stake > cap:
                return no(Reason.LIMIT_REACHED)
        if stake > account.cash + account.bonus:
            return no(Reason.INSUFFICIENT_FUNDS)
        cash = min(account.cash, stake)
        return Verdict(cash=-cash, bonus=cash - stake)

    def _win(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        if movement.bet is None:
            return Verdict(cash=movement.amount)
        bet = self._target(movement, movement.bet.text, Kind.BET)
        if isinstance(bet, Reason):
            return no(bet)
        if bet.round != movement.round or bet.verdict.outcome is not Outcome.APPLIED:
            return no(Reason.REFERENCE_MISMATCH)
        if movement.bet.text in self.resolved:
            return no(Reason.ROLLED_BACK)
        staked = bet.verdict.cash + bet.verdict.bonus
        bonus = movement.amount * bet.verdict.bonus // staked if staked else 0
        return Verdict(cash=movement.amount - bonus, bonus=bonus)

    def _rollback(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        name = movement.target.text
        if movement.target.source != movement.reference.source or name == movement.reference.text:
            return no(Reason.REFERENCE_MISMATCH)
        target = self.seen.get(name)
        nothing = Verdict(outcome=Outcome.NO_EFFECT)
        if target is None:
            nothing.buries = True
            return nothing
        if target.player_id != movement.player_id:
            return no(Reason.REFERENCE_MISMATCH)
        if target.kind is None:
            return nothing
        if target.kind not in {Kind.BET, Kind.WIN}:
            return no(Reason.REFERENCE_MISMATCH)
        if target.verdict.outcome is not Outcome.APPLIED or name in self.resolved:
            return nothing
        done = target.verdict
        return Verdict(cash=-done.cash, bonus=-done.bonus, amount=done.amount, resolves=True)

    def _deposit(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        return Verdict(cash=movement.amount)

    def _deposit_reversal(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        name = movement.deposit.text
        target = self._target(movement, name, Kind.DEPOSIT, Kind.DEPOSIT_RETURNED)
        if isinstance(target, Reason):
            return no(target)
        if target.verdict.outcome is not Outcome.APPLIED or movement.amount > target.verdict.amount:
            return no(Reason.REFERENCE_MISMATCH)
        return Verdict(cash=-movement.amount, resolves=name not in self.resolved)

    def _deposit_returned(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        found = self._open(movement, movement.reversal.text, Kind.DEPOSIT_REVERSAL)
        if isinstance(found, Reason):
            return no(found)
        return Verdict(cash=movement.amount, resolves=True) if movement.amount <= found else no(Reason.REFERENCE_MISMATCH)

    def _hold(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        if account.status in {Status.BLOCKED, Status.CLOSED}:
            return no(Reason.WALLET_BLOCKED)
        if min(account.cash, account.bonus) < 0:
            return no(Reason.NEGATIVE_BALANCE)
        if movement.amount > account.cash:
            return no(Reason.INSUFFICIENT_FUNDS)
        return Verdict(cash=-movement.amount, held=movement.amount)

    def _capture(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        found = self._open(movement, movement.hold.text, Kind.HOLD)
        return no(found) if isinstance(found, Reason) else Verdict(held=-found, amount=found, resolves=True)

    def _release(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        found = self._open(movement, movement.hold.text, Kind.HOLD)
        return no(found) if isinstance(found, Reason) else Verdict(held=-found, cash=found, amount=found, resolves=True)

    def _payout_returned(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        found = self._open(movement, movement.capture.text, Kind.CAPTURE)
        return no(found) if isinstance(found, Reason) else Verdict(cash=found, amount=found, resolves=True)

    def _bonus_granted(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        return unusable(account) or Verdict(bonus=movement.amount)

    def _bonus_converted(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        enough = movement.amount <= account.bonus
        return Verdict(bonus=-movement.amount, cash=movement.amount) if enough else no(Reason.INSUFFICIENT_FUNDS)

    def _bonus_forfeited(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        return Verdict(bonus=-movement.amount) if movement.amount <= account.bonus else no(Reason.INSUFFICIENT_FUNDS)

    def _adjustment(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        return Verdict(cash=movement.amount)

    def _target(self, movement: Movement, name: str, *kinds: Kind) -> Seen | Reason:
        target = self.seen.get(name)
        if target is None:
            return Reason.REFERENCE_UNKNOWN
        if target.player_id != movement.player_id:
            return Reason.REFERENCE_MISMATCH
        if target.kind is None:
            return Reason.ROLLED_BACK
        return target if target.kind in kinds else Reason.REFERENCE_MISMATCH

    def _open(self, movement: Movement, name: str, kind: Kind) -> int | Reason:
        """The amount of an applied movement that nothing has resolved."""
        target = self._target(movement, name, kind)
        if isinstance(target, Reason):
            return target
        if target.verdict.outcome is not Outcome.APPLIED:
            return Reason.REFERENCE_MISMATCH
        return Reason.ALREADY_RESOLVED if name in self.resolved else target.verdict.amount
