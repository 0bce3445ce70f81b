"""Screening: gathers what the rules ask about, each by a strong read, and lets them judge."""

from collections.abc import Callable

from countroom.cashier.withdrawals import terms
from countroom.cashier.withdrawals.life import Screened
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.screening import (
    METHOD_LOST,
    Facts,
    Person,
    Settings,
    Stage,
    barrier,
    lacking,
    more_is_due,
    owes,
    screen,
)
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.tally import Tally
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.clock import Clock
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.rules.effects import status_at
from countroom.ledger.wallet import Wallet


class NoWallet(LookupError):
    """The player of a withdrawal has no wallet, which cannot be: his money is held in it."""


class Screener:
    """Judges withdrawals. `wallet_of` is one strong read of the ledger, `person_of` what the other rooms know of a player.

    Every method raises StoreUnavailable, what the ledger's read raises, what `person_of` raises, and NoWallet.
    """

    def __init__(
        self,
        store: WithdrawalStore,
        wallet_of: Callable[[str], Wallet | None],
        methods: Methods,
        person_of: Callable[[str], Person],
        clock: Clock,
    ) -> None:
        self._store = store
        self._wallet_of = wallet_of
        self._methods = methods
        self._person_of = person_of
        self._clock = clock

    def screen(self, withdrawal: Withdrawal) -> Screened:
        """Say what screening makes of a withdrawal."""
        wallet = self._wallet(withdrawal.player_id)
        person = self._person_of(withdrawal.player_id)
        tally = self._store.tally(withdrawal.player_id)
        usable = self._methods.usable(withdrawal.player_id, withdrawal.instrument) is not None
        facts = _facts(withdrawal, wallet, person, tally, now_ms=self._clock(), usable=usable)
        return screen(facts, Settings(terms.THRESHOLDS[withdrawal.currency], profile_of(wallet.country)))

    def barred(self, withdrawal: Withdrawal) -> str:
        """Say why this withdrawal must not be paid by now: a rule's code, or ''.

        That its method is lost counts where screening has not seen it: who approved it otherwise did not know.
        """
        wallet = self._wallet(withdrawal.player_id)
        profile = profile_of(wallet.country)
        verified = not lacking(profile, self._person_of(withdrawal.player_id).levels)
        code = barrier(status_at(wallet, self._clock()), profile, verified=verified, in_debt=owes(wallet))
        if code or f"{Stage.VERIFICATION}.{METHOD_LOST}" in withdrawal.reasons:
            return code
        return "" if self._methods.usable(withdrawal.player_id, withdrawal.instrument) else METHOD_LOST

    def may_cancel(self, withdrawal: Withdrawal) -> bool:
        """Say whether the country of its player lets a withdrawal be called back because he asks for it."""
        return profile_of(self._wallet(withdrawal.player_id).country).player_may_cancel_withdrawal

    def _wallet(self, player_id: str) -> Wallet:
        wallet = self._wallet_of(player_id)
        if wallet is None:
            raise NoWallet("no wallet")
        return wallet


def _facts(withdrawal: Withdrawal, wallet: Wallet, person: Person, tally: Tally, *, now_ms: int, usable: bool) -> Facts:
    day = tally.within(now_ms)
    profile = profile_of(wallet.country)
    others = [asked for asked in day if asked.withdrawal_id != withdrawal.withdrawal_id]
    return Facts(
        amount=withdrawal.amount,
        status=status_at(wallet, now_ms),
        verified=not lacking(profile, person.levels),
        more_is_due=more_is_due(profile, wallet, person.levels),
        age_ms=now_ms - person.registered_at_ms if person.registered_at_ms is not None else 0,
        method_usable=usable,
        payouts_ever=tally.paid_ever,
        payouts_here=tally.paid.get(withdrawal.gateway, 0),
        day_count=len(others) + 1,
        day_sum=sum(asked.amount for asked in others) + withdrawal.amount,
        deposited=wallet.totals.deposited,
        staked=wallet.totals.staked,
        in_debt=owes(wallet),
        attention_elsewhere=bool(tally.flagged - {withdrawal.withdrawal_id}),
    )
