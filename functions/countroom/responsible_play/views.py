"""What a player is shown of his own safety, in plain words beside the figures. Pure.

Amounts are decimal texts of the wallet's currency, a session limit is in whole minutes, instants are RFC 3339 in UTC. The words use
the same figures, so that a front-end may show either.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from countroom.jurisdictions.profile import Level, Profile
from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import ExclusionKind, Status
from countroom.ledger.wallet import Exclusion, Pending, Wallet
from countroom.responsible_play import overview, rulebook
from countroom.responsible_play.forms import MINUTE_MS
from countroom.responsible_play.overview import LimitNow, PlayNow
from countroom.responsible_play.words import cap_text, figure, lasting, most_text, unit_of, when
from countroom.times import to_iso

_SECOND_MS: Final = 1000

_LEVEL_TEXT: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.AGE: "your age",
        Level.IDENTITY: "your name, address and date of birth",
        Level.ADDRESS: "a document with your address",
        Level.SOURCE_OF_FUNDS: "where your money comes from",
    }
)


def limit_view(now: LimitNow, currency: str) -> dict[str, Any]:
    """Show a limit: how high, what is used and left of it, until when, and what waits to take its place."""
    limit = now.limit
    return {
        "kind": limit.kind.value,
        "period": limit.period.value,
        "unit": unit_of(limit.kind, currency),
        "cap": figure(limit.kind, limit.cap, currency),
        "spent": exact_amount(now.used, currency) if now.used is not None else None,
        "left": exact_amount(now.left, currency) if now.left is not None else None,
        "period_ends_at": to_iso(now.ends_ms) if now.ends_ms is not None else None,
        "pending": _pending_view(now, currency),
        "text": _limit_text(now, currency),
    }


def _pending_view(now: LimitNow, currency: str) -> dict[str, Any] | None:
    pending = now.limit.pending
    if pending is None:
        return None
    return {
        "cap": None if pending.cap is None else figure(now.limit.kind, pending.cap, currency),
        "effective_at": to_iso(pending.at_ms),
        "needs_confirmation": pending.confirm,
        "can_be_confirmed": now.confirmable,
    }


def _limit_text(now: LimitNow, currency: str) -> str:
    limit = now.limit
    words = [f"You may {most_text(limit.kind, limit.period, limit.cap, currency)}."]
    if now.left is not None and now.ends_ms is not None:
        words.append(f"{exact_amount(now.left, currency)} {currency} of it is left until {when(now.ends_ms)}.")
    if limit.pending is not None:
        words.append(_pending_text(now, limit.pending, currency))
    return " ".join(words)


def _pending_text(now: LimitNow, pending: Pending, currency: str) -> str:
    cap = pending.cap
    then = "there is no such limit" if cap is None else f"it is {cap_text(now.limit.kind, cap, currency)}"
    if now.confirmable:
        return f"You can now confirm the change: {then} then."
    asked = ", if you confirm it then" if pending.confirm else ""
    return f"From {when(pending.at_ms)} on {then}{asked}; until then you can take that back."


def exclusion_view(wallet: Wallet, now_ms: int) -> dict[str, Any] | None:
    """Show the time-out or exclusion that runs, or that staff have set for as long as they want; None where none does."""
    exclusion, ordered = wallet.exclusion, wallet.status is Status.EXCLUDED
    if exclusion is None or not exclusion.runs(now_ms):
        return _BY_ORDER if ordered else None
    timed_out = exclusion.kind is ExclusionKind.TIME_OUT
    if timed_out and ordered:
        return _BY_ORDER  # it does not end with the break
    asked = exclusion.reopens_at_ms > 0
    return {
        "kind": exclusion.kind.value,
        "since": to_iso(exclusion.since_ms),
        "until": to_iso(exclusion.until_ms),
        "ends_by_itself": timed_out,
        "can_ask_reopening": not timed_out and not asked and now_ms >= exclusion.until_ms,
        "reopens_at": to_iso(exclusion.reopens_at_ms) if asked else None,
        "text": _exclusion_text(exclusion),
    }


_EXCLUDED_TEXT: Final[Mapping[ExclusionKind, str]] = MappingProxyType(
    {
        ExclusionKind.TIME_OUT: "You are taking a break until {until}; then you can play again.",
        ExclusionKind.SELF_EXCLUSION: "You have excluded yourself. From {until} on you can ask to be let in again.",
        ExclusionKind.REGISTER: "A register of excluded players names you. From {until} on you can ask to be let in again.",
        ExclusionKind.STAFF: "We have excluded you from play. From {until} on you can ask to be let in again.",
    }
)
_WHILE_EXCLUDED: Final = "You cannot pay in or play; you can still withdraw your money."
_BY_ORDER: Final[dict[str, Any]] = {
    "kind": ExclusionKind.STAFF.value,
    "since": None,
    "until": None,
    "ends_by_itself": False,
    "can_ask_reopening": False,
    "reopens_at": None,
    "text": f"We have excluded you from play; please talk to us. {_WHILE_EXCLUDED}",
}


def _exclusion_text(exclusion: Exclusion) -> str:
    if exclusion.reopens_at_ms:
        return f"You have asked to be let in again: from {when(exclusion.reopens_at_ms)} on you can play. {_WHILE_EXCLUDED}"
    return f"{_EXCLUDED_TEXT[exclusion.kind].format(until=when(exclusion.until_ms))} {_WHILE_EXCLUDED}"


def play_view(now: PlayNow | None, currency: str) -> dict[str, Any] | None:
    """Show the stretch of play that runs: how long, what was staked, won and what is left of that; and the next reality check."""
    if now is None:
        return None
    running = now.stretch
    return {
        "started_at": to_iso(running.started_ms),
        "seconds": running.elapsed_ms // _SECOND_MS,
        "staked": exact_amount(running.staked, currency),
        "won": exact_amount(running.won, currency),
        "net": exact_amount(running.net, currency),
        "check_due": now.due,
        "next_check_at": to_iso(now.check_ms) if now.check_ms is not None else None,
        "ends_at": to_iso(now.over_ms) if now.over_ms is not None else None,
        "text": _play_text(now, currency),
    }


def _play_text(now: PlayNow, currency: str) -> str:
    running = now.stretch
    staked, won = (f"{exact_amount(nanos, currency)} {currency}" for nanos in (running.staked, running.won))
    sums = f"staked {staked}, won {won}, {_net_text(running.net, currency)}"
    words = [f"You have been playing for {lasting(running.elapsed_ms)}: {sums}."]
    if now.due:
        words.append("Play goes on when you have acknowledged this.")
    if now.over:
        words.append(f"Your session limit is reached: without play until {when(now.rested_ms)} you can play again.")
    elif now.over_ms is not None:
        words.append(f"Your session limit ends play on {when(now.over_ms)}.")
    return " ".join(words)


def _net_text(net: int, currency: str) -> str:
    amount = f"{exact_amount(abs(net), currency)} {currency}"
    if net == 0:
        return "neither ahead nor behind"
    return f"ahead by {amount}" if net > 0 else f"behind by {amount}"


def position_view(wallet: Wallet) -> dict[str, Any]:
    """Show the sums of a lifetime: net deposits (RTS 1C) and net position."""
    totals, code = wallet.totals, wallet.currency
    net_in, net = overview.net_deposits(wallet), overview.net_position(wallet)
    words = f"Since you opened the account you have paid in {exact_amount(totals.deposited, code)} {code} and been paid "
    words += f"{exact_amount(totals.withdrawn, code)} {code}: net deposits of {exact_amount(net_in, code)} {code}. "
    words += f"At play you are {_net_text(net, code)}."
    return {
        "deposited": exact_amount(totals.deposited, code),
        "withdrawn": exact_amount(totals.withdrawn, code),
        "net_deposits": exact_amount(net_in, code),
        "staked": exact_amount(totals.staked, code),
        "won": exact_amount(totals.won, code),
        "net": exact_amount(net, code),
        "text": words,
    }


def verification_view(wallet: Wallet, profile: Profile, levels: frozenset[Level]) -> dict[str, Any]:
    """Show what is verified, and what is still to be before paying in, playing and being paid."""
    needs = overview.needs(wallet, profile, levels)
    needed = {"deposit": needs.deposit, "play": needs.play, "withdrawal": needs.withdrawal}
    lacking = [level for level in Level if any(level in found for found in needed.values())]
    words = ", ".join(_LEVEL_TEXT[level] for level in lacking)
    return {
        "levels": [level.value for level in Level if level in levels],
        "needed": {act: [level.value for level in found] for act, found in needed.items()},
        "text": f"We still need to check: {words}." if lacking else "There is nothing that we need to check.",
    }


def overview_view(wallet: Wallet, profile: Profile, levels: frozenset[Level], now_ms: int) -> dict[str, Any]:
    """Show everything at once, as it stands at an instant."""
    code = wallet.currency
    return {
        "at": to_iso(now_ms),
        "currency": code,
        "profile": rulebook.profile_view(profile, code),
        "choices": rulebook.choices_view(profile, code),
        "limits": [limit_view(now, code) for now in overview.limits_now(wallet, now_ms)],
        "exclusion": exclusion_view(wallet, now_ms),
        "check_minutes": overview.interval_of(wallet, profile) // MINUTE_MS,
        "session": play_view(overview.play_now(wallet, now_ms), code),
        "position": position_view(wallet),
        "verification": verification_view(wallet, profile, levels),
    }
