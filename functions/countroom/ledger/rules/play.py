"""Bets, wins and their rollbacks. Only a bet is gated; a win or rollback is booked whatever the wallet's status."""

from dataclasses import replace

from countroom.ledger.movements import Bet, Kind, LimitKind, Reason, Rollback, Win
from countroom.ledger.records import Outcome, Record, Tombstone
from countroom.ledger.rules import buckets, clock, limits
from countroom.ledger.rules.effects import Blocked, Effect, Facts, Found, target_of, totals_with, unusable
from countroom.ledger.wallet import Wallet


def bet(wallet: Wallet, _facts: Facts, movement: Bet, now_ms: int) -> Found:
    """Take a stake, cash first, when session, status, game, debt, clock, limits and funds allow it, asked in this order."""
    stake = movement.amount
    if refused := gate(wallet, movement, now_ms):
        return refused
    if wallet.cash < 0 or wallet.bonus < 0:
        return Reason.NEGATIVE_BALANCE
    if stopped := clock.refusal(wallet, now_ms):
        return stopped
    counted = wallet.limits
    if counted:
        uses = {LimitKind.STAKE: stake, LimitKind.WAGER: stake, LimitKind.LOSS: stake}
        if limit := limits.blocking(counted, uses, now_ms):
            return Blocked(limit.name)
        counted = limits.counted(wallet, uses, now_ms)
    if stake > wallet.available:
        return Reason.INSUFFICIENT_FUNDS
    taken = buckets.of_stake(stake, wallet.cash)
    after = replace(
        wallet,
        cash=wallet.cash - taken.cash,
        bonus=wallet.bonus - taken.bonus,
        totals=totals_with(wallet, staked=stake),
        limits=counted,
        play=clock.ticked(wallet, now_ms),
    )
    return Effect(after, amount=stake, counter=movement.reference.source)


def gate(wallet: Wallet, movement: Bet, now_ms: int) -> Reason | None:
    """Say why a bet is refused whatever stands in the wallet: its session, the status, the game, its stake; asked in this order."""
    refused = _session_refusal(wallet, movement, now_ms) or unusable(wallet, now_ms) or movement.veto
    if refused:
        return refused
    if movement.countries is not None and wallet.country not in movement.countries:
        return Reason.GAME_UNAVAILABLE
    cap = movement.caps.get(wallet.country) if movement.caps else None
    if cap and movement.amount > (cap.grown if clock.is_grown(wallet.play, now_ms) else cap.young):
        return Reason.STAKE_OUT_OF_RANGE
    return None


def _session_refusal(wallet: Wallet, movement: Bet, now_ms: int) -> Reason | None:
    if movement.session is None:
        return None
    current = wallet.session(movement.reference.source.partition(":")[2])
    if current is not None and movement.session == current.digest:
        return Reason.SESSION_EXPIRED if now_ms >= current.expires_at_ms else None
    replaced = current is not None and movement.session == current.previous
    return Reason.SESSION_EXPIRED if replaced else Reason.SESSION_UNKNOWN


def win(wallet: Wallet, facts: Facts, movement: Win, now_ms: int) -> Found:
    """Book winnings. Their bet, where one is named, must be an applied one of the same player and round (Hub88's rule)."""
    stake = buckets.Buckets(0, 0)
    if movement.bet is not None:
        bet = target_of(wallet, facts, movement.bet, Kind.BET)
        if isinstance(bet, Reason):
            return bet
        if bet.round != movement.round or bet.outcome is not Outcome.APPLIED:
            return Reason.REFERENCE_MISMATCH
        if movement.bet in facts.resolutions:
            return Reason.ROLLED_BACK
        stake = buckets.Buckets(-bet.cash, -bet.bonus)
    gained = buckets.of_win(movement.amount, stake)
    after = replace(
        wallet,
        cash=wallet.cash + gained.cash,
        bonus=wallet.bonus + gained.bonus,
        totals=totals_with(wallet, won=movement.amount),
        limits=limits.counted(wallet, {LimitKind.LOSS: -movement.amount}, now_ms),
    )
    return Effect(after, amount=movement.amount, counter=movement.reference.source)


def rollback(wallet: Wallet, facts: Facts, movement: Rollback, now_ms: int) -> Found:
    """Take back a bet or win by its stored amount. One never seen is buried, one taken back already stays so."""
    entry = facts.entries.get(movement.target)
    if movement.target.source != movement.reference.source or movement.target == movement.reference:
        return Reason.REFERENCE_MISMATCH
    if entry is None:
        return Effect(wallet, Outcome.NO_EFFECT, buries=True)
    if entry.player_id != wallet.player_id:
        return Reason.REFERENCE_MISMATCH
    if isinstance(entry, Tombstone):
        return Effect(wallet, Outcome.NO_EFFECT)
    if entry.kind not in {Kind.BET, Kind.WIN}:
        return Reason.REFERENCE_MISMATCH
    if entry.outcome is not Outcome.APPLIED or movement.target in facts.resolutions:
        return Effect(wallet, Outcome.NO_EFFECT)
    return Effect(_taken_back(wallet, entry, now_ms), amount=entry.amount, counter=entry.counter, resolves=True)


def _taken_back(wallet: Wallet, entry: Record, now_ms: int) -> Wallet:
    """Undo a bet or win exactly as it was booked; taking back a win may leave a debt."""
    if entry.kind is Kind.BET:
        used = {LimitKind.WAGER: entry.amount, LimitKind.LOSS: entry.amount}
        counted = limits.given_back(wallet, used, entry.version, now_ms)
        totals = totals_with(wallet, staked=-entry.amount)
    else:
        counted = limits.counted(wallet, {LimitKind.LOSS: entry.amount}, now_ms)
        totals = totals_with(wallet, won=-entry.amount)
    return replace(wallet, cash=wallet.cash - entry.cash, bonus=wallet.bonus - entry.bonus, totals=totals, limits=counted)
