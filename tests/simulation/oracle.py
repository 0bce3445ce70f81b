"""A second opinion: the rules of money written again, plainly, over one serial order of commits.

It shares nothing with the rules under test but the types of movements, reasons and outcomes. Asked at the instant of each commit,
it says what that commit has to be; so whatever interleaving led there must equal the serial order of its commits.
"""

import copy
from typing import Any, Final

from countroom.ledger.movements import Kind, LimitKind, Movement, Reason, Status
from countroom.ledger.records import Outcome
from tests.simulation.accounts import TOTAL_OF, Account, Seen, Verdict, no, session_of, unusable
from tests.simulation.safety import status_at

MAX: Final = 10**21
_MUST_BE_SOME: Final = frozenset(
    {
        "deposit_opened",
        "deposit",
        "deposit_reversal",
        "deposit_returned",
        "hold",
        "bonus_granted",
        "bonus_converted",
        "bonus_forfeited",
        "adjustment",
    }
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
        "nothing_pending",
        "too_early",
        "exclusion_runs",
        "reality_check_due",
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
        name, account = movement.reference.text, self.accounts[movement.player_id]
        if verdict.outcome is Outcome.APPLIED:
            self._change(account, movement, verdict, now_ms)
        account.version += 1
        about = movement.related.text if movement.related else ""
        self.seen[name] = Seen(movement.player_id, movement.kind, verdict, movement.round_id, now_ms, account.version, about)
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
        account.guard.change(movement, account.version, account.totals, now_ms)

    def _count(self, account: Account, movement: Any, verdict: Verdict, now_ms: int) -> None:
        """Count what a movement uses of the limits, or give back what another one used."""
        guard, version, amount = account.guard, account.version, verdict.amount
        match movement.kind:
            case Kind.DEPOSIT_OPENED | Kind.DEPOSIT_RETURNED:
                guard.use({LimitKind.DEPOSIT: amount}, version, now_ms)
            case Kind.DEPOSIT_ABANDONED:
                guard.use({LimitKind.DEPOSIT: -amount}, version, now_ms, of=self.seen[movement.opened.text].version)
            case Kind.DEPOSIT if verdict.resolves:
                guard.credit(amount, self.seen[movement.opened.text].figures, version, now_ms)
            case Kind.DEPOSIT:
                guard.use({LimitKind.DEPOSIT: amount}, version, now_ms)
            case Kind.DEPOSIT_REVERSAL:
                self._take_back(account, movement, now_ms)
            case Kind.BET:
                guard.clock.begin(account.totals, now_ms)
                guard.clock.last = max(guard.clock.last, now_ms)
                guard.use({LimitKind.WAGER: amount, LimitKind.LOSS: amount}, version, now_ms)
            case Kind.WIN:
                guard.use({LimitKind.LOSS: -amount}, version, now_ms)
            case Kind.ROLLBACK:
                target = self.seen[movement.target.text]
                if target.kind is Kind.BET:
                    guard.use({LimitKind.WAGER: -amount, LimitKind.LOSS: -amount}, version, now_ms, of=target.version)
                else:
                    guard.use({LimitKind.LOSS: amount}, version, now_ms)

    def _take_back(self, account: Account, movement: Any, now_ms: int) -> None:
        target = self.seen[movement.deposit.text]
        earlier = movement.earlier
        if earlier is None:
            earlier = target.verdict.amount if movement.deposit.text in self.resolved else 0
        opening = self.seen[target.related] if target.kind is Kind.DEPOSIT and target.verdict.resolves else None
        figures = opening.figures if opening else None
        account.guard.take_back(movement.amount, earlier, target.figures, figures, account.version, now_ms)

    def _protection(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        refused = account.guard.refuses(movement, now_ms)
        return no(refused) if refused else Verdict(amount=movement.money[1])

    _limit = _raise_withdrawn = _raise_confirmed = _exclusion = _reality_check = _check_interval = _protection

    def _reopening(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        refused = account.guard.refuses(movement, now_ms)
        asked = account.guard.away is not None and account.guard.away[3]
        return no(refused) if refused else Verdict(outcome=Outcome.NO_EFFECT if asked else Outcome.APPLIED)

    def _deposit_opened(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        if refused := unusable(account, now_ms):
            return refused
        limit = account.guard.stops({LimitKind.DEPOSIT: movement.amount}, now_ms)
        return no(Reason.LIMIT_REACHED, limit) if limit else Verdict(amount=movement.amount)

    def _deposit_abandoned(self, _account: Account, movement: Any, _now_ms: int) -> Verdict:
        found = self._open(movement, movement.opened.text, Kind.DEPOSIT_OPENED)
        return no(found) if isinstance(found, Reason) else Verdict(amount=found, resolves=True)

    def _session(self, account: Account, _movement: Any, now_ms: int) -> Verdict:
        return unusable(account, now_ms) or Verdict()

    def _status(self, account: Account, movement: Any, _now_ms: int) -> Verdict:
        kept = any((account.cash, account.bonus, account.held))
        return no(Reason.BALANCE_REMAINS) if kept and movement.status is Status.CLOSED else Verdict()

    def _bet(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        stake = movement.amount
        refused = session_of(account, movement, now_ms) or unusable(account, now_ms)
        if refused or movement.veto:
            return refused or no(movement.veto)
        if min(account.cash, account.bonus) < 0:
            return no(Reason.NEGATIVE_BALANCE)
        if tired := account.guard.tired(now_ms):
            return no(*tired)
        if limit := account.guard.stops(dict.fromkeys((LimitKind.STAKE, LimitKind.WAGER, LimitKind.LOSS), stake), now_ms):
            return no(Reason.LIMIT_REACHED, limit)
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
        if movement.opened is None:
            return Verdict(cash=movement.amount)
        opening = self._target(movement, movement.opened.text, Kind.DEPOSIT_OPENED)
        if isinstance(opening, Reason):
            return no(opening)
        counted = opening.verdict.outcome is Outcome.APPLIED and movement.opened.text not in self.resolved
        return Verdict(cash=movement.amount, resolves=counted)

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

    def _hold(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        if status_at(account.status, account.guard, now_ms) in {Status.BLOCKED, Status.CLOSED}:
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

    def _bonus_granted(self, account: Account, movement: Any, now_ms: int) -> Verdict:
        return unusable(account, now_ms) or Verdict(bonus=movement.amount)

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
