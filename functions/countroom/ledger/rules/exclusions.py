"""Time-outs and exclusions: at once, never shortened, and open again only as the player's kind of exclusion allows. Pure.

A time-out ends by time alone. Any other exclusion goes on after its end until the player asks for the account, and then through a
waiting time (UKGC LCCP SR 3.5.3): doing nothing never opens anything.
"""

from dataclasses import replace

from countroom.ledger.movements import ExclusionKind, Reason
from countroom.ledger.records import Outcome
from countroom.ledger.rules.effects import Effect, Facts, Found
from countroom.ledger.safeguards import AskReopening, StartExclusion
from countroom.ledger.wallet import Exclusion, Wallet


def start_exclusion(wallet: Wallet, _facts: Facts, movement: StartExclusion, now_ms: int) -> Found:
    """Keep the player away; over one that runs only when it ends later, and never with a time-out in place of an exclusion."""
    if movement.until_ms <= now_ms:
        return Reason.INVALID_AMOUNT
    running = wallet.exclusion if wallet.exclusion and wallet.exclusion.runs(now_ms) else None
    weaker = movement.exclusion is ExclusionKind.TIME_OUT
    if running and (movement.until_ms <= running.until_ms or (weaker and running.kind is not ExclusionKind.TIME_OUT)):
        return Reason.EXCLUSION_RUNS
    since_ms = running.since_ms if running and running.kind is movement.exclusion else now_ms
    return Effect(replace(wallet, exclusion=Exclusion(movement.exclusion, since_ms, movement.until_ms)))


def ask_reopening(wallet: Wallet, _facts: Facts, movement: AskReopening, now_ms: int) -> Found:
    """Let an exclusion end after its waiting time, counted from the first asking; a time-out needs no asking."""
    running = wallet.exclusion
    if running is None or not running.runs(now_ms) or running.kind is ExclusionKind.TIME_OUT:
        return Reason.NOTHING_PENDING
    if now_ms < running.until_ms:
        return Reason.TOO_EARLY
    if running.reopens_at_ms:
        return Effect(wallet, Outcome.NO_EFFECT, detail=str(running.reopens_at_ms))
    reopens_at_ms = now_ms + movement.wait_ms
    return Effect(replace(wallet, exclusion=replace(running, reopens_at_ms=reopens_at_ms)), detail=str(reopens_at_ms))
