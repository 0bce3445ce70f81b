"""Bonus money: granted by the house, turned into cash, or taken back."""

from dataclasses import replace

from countroom.ledger.movements import BonusConverted, BonusForfeited, BonusGranted, Reason
from countroom.ledger.rules.effects import Effect, Facts, Found, totals_with, unusable
from countroom.ledger.wallet import Wallet


def bonus_granted(wallet: Wallet, _facts: Facts, movement: BonusGranted, now_ms: int) -> Found:
    """Add bonus money to a wallet that may be used."""
    if refused := unusable(wallet, now_ms):
        return refused
    after = replace(wallet, bonus=wallet.bonus + movement.amount, totals=totals_with(wallet, bonus=movement.amount))
    return Effect(after, amount=movement.amount, counter="house:bonus")


def bonus_converted(wallet: Wallet, _facts: Facts, movement: BonusConverted, _now_ms: int) -> Found:
    """Turn bonus money into cash."""
    if movement.amount > wallet.bonus:
        return Reason.INSUFFICIENT_FUNDS
    after = replace(wallet, bonus=wallet.bonus - movement.amount, cash=wallet.cash + movement.amount)
    return Effect(after, amount=movement.amount)


def bonus_forfeited(wallet: Wallet, _facts: Facts, movement: BonusForfeited, _now_ms: int) -> Found:
    """Take bonus money back."""
    if movement.amount > wallet.bonus:
        return Reason.INSUFFICIENT_FUNDS
    after = replace(wallet, bonus=wallet.bonus - movement.amount, totals=totals_with(wallet, bonus=-movement.amount))
    return Effect(after, amount=movement.amount, counter="house:bonus")
