"""What changes a wallet but never its balances: opening, game sessions, status."""

from dataclasses import replace

from countroom import money
from countroom.ledger.movements import OpenWallet, Reason, SetStatus, StartSession, Status
from countroom.ledger.rules import clock
from countroom.ledger.rules.effects import Effect, Facts, Found, unusable
from countroom.ledger.wallet import SESSIONS_MAX, GameSession, Wallet


def open_wallet(wallet: Wallet, _facts: Facts, _movement: OpenWallet, _now_ms: int) -> Found:
    """Begin the chain with an empty wallet, in a currency of the registry."""
    try:
        money.currency(wallet.currency)
    except money.UnknownCurrency:
        return Reason.WRONG_CURRENCY
    return Effect(wallet)


def start_session(wallet: Wallet, _facts: Facts, movement: StartSession, now_ms: int) -> Found:
    """Make a session the provider's current one; the oldest of too many is forgotten. Play begins with it, if none runs."""
    if refused := unusable(wallet, now_ms):
        return refused
    before = wallet.session(movement.provider)
    previous = before.digest if before else b""
    entry = GameSession(movement.provider, movement.digest, previous, movement.expires_at_ms)
    others = tuple(kept for kept in wallet.sessions if kept.provider != movement.provider)
    play = clock.launched(wallet, movement.interval_ms, movement.grown_on, now_ms)
    return Effect(replace(wallet, sessions=(entry, *others)[:SESSIONS_MAX], play=play))


def set_status(wallet: Wallet, _facts: Facts, movement: SetStatus, _now_ms: int) -> Found:
    """Change the status; close only an empty wallet, so that nothing is left where its owner can no longer come."""
    if movement.status is Status.CLOSED and (wallet.cash or wallet.bonus or wallet.held):
        return Reason.BALANCE_REMAINS
    return Effect(replace(wallet, status=movement.status))
