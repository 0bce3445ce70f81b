"""A game server of the action-batch family, seen from the casino: one POST for everything, HMAC over the raw body, minor units.

A call without actions asks for the balance. Several actions of one call stand or fall together. What was not answered is sent
again, the same bytes, until it is.
"""

import argparse
import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.provider.line import Exchange, Message, Outcome, Verdict, exchange
from sandbox.provider.table import Recovery, Seat, Turn, places_of
from sandbox.stack import Provider
from sandbox.wire import Answer

GAMES = {"Copper Canyon": "acceptance:copper"}
"""Some of the provider's own games by name."""

TOO_MANY = 429
"""Of the way to the house, not of the house: nothing was decided."""

ACTIONS = ("balance", "bet", "rollback", "win")
SIGNATURE_HEADER = "X-REQUEST-SIGN"


def sign(secret: str, body: bytes) -> str:
    """Sign raw bytes: hex HMAC-SHA256."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def minor(amount: Decimal, currency: str) -> int:
    """Turn main units into minor ones (1.50 EUR → 150).

    Raises:
        ValueError: when the amount is finer than the currency.

    """
    units = amount.scaleb(places_of(currency))
    if not units.is_finite() or units != units.to_integral_value():
        raise ValueError(f"{amount} is finer than {currency}")
    return int(units)


def major(units: object, currency: str) -> Decimal:
    """Turn minor units into main ones (150 EUR → 1.50).

    Raises:
        TypeError: when they are no whole number.

    """
    if type(units) is not int:
        raise TypeError(f"{units!r} is no number of minor units")
    return Decimal(units).scaleb(-places_of(currency))


def action(kind: str, action_id: str, amount: int | None = None, original: str = "") -> dict[str, Any]:
    """Build one action; `amount` is in minor units."""
    said: dict[str, Any] = {"action": kind, "action_id": action_id}
    if amount is not None:
        said["amount"] = amount
    return said | ({"original_action_id": original} if original else {})


def request(
    player_id: str, currency: str, game: str, game_id: str, actions: Sequence[dict[str, Any]], *, finished: bool
) -> dict[str, Any]:
    """Build the JSON of one call; `game_id` is the round."""
    said: dict[str, Any] = {"user_id": player_id, "currency": currency, "game": game}
    if not actions:
        return said
    return said | {"game_id": game_id, "finished": finished, "actions": list(actions)}


def post(provider: Provider, body: bytes, *, signature: str | None = None, in_authorization: bool = False) -> Message:
    """Build the POST of a body, signed as it is; `signature` replaces the true one."""
    signed = signature if signature is not None else sign(provider.secret, body)
    header = {"Authorization": f"HMAC-SHA256 {signed}"} if in_authorization else {SIGNATURE_HEADER: signed}
    return Message("POST", f"{provider.base_url}/play", body, {"Content-Type": "application/json"} | header)


class ActionBatch:
    """The dialect for playing rounds."""

    games = GAMES
    recovery = Recovery.SAME_AGAIN
    repeats_bets = True
    funds_word = "412 100"

    def bet(self, seat: Seat, turn: Turn) -> Message:
        """Build a call with one bet."""
        return _call(seat, turn, ("bet", turn))

    def win(self, seat: Seat, turn: Turn) -> Message:
        """Build a call with one win."""
        return _call(seat, turn, ("win", turn))

    def rollback(self, seat: Seat, turn: Turn) -> Message:
        """Build a call with one rollback."""
        return _call(seat, turn, ("rollback", turn))

    def both(self, seat: Seat, bet: Turn, win: Turn) -> Message | None:
        """Build a call with a bet and its win."""
        return _call(seat, win, ("bet", bet), ("win", win))

    def read(self, seat: Seat, answer: Answer) -> Verdict:
        """Read an answer: 200 stands, 4xx is final, everything else is open."""
        try:
            said = answer.json()
        except ValueError:
            said = None
        said = said if isinstance(said, dict) else {}
        if answer.status != 200:  # noqa: PLR2004 - OK
            known = 400 <= answer.status < 500 and answer.status != TOO_MANY  # noqa: PLR2004 - 4xx
            return Verdict(Outcome.REFUSED if known else Outcome.OPEN, f"{answer.status} {said.get('code', '')}".strip())
        try:
            names = tuple(str(one["tx_id"]) for one in said.get("transactions", ()))
            return Verdict(Outcome.STANDS, "200", major(said["balance"], seat.currency), names)
        except (KeyError, TypeError):
            return Verdict(Outcome.OPEN, "200 without a balance")

    def is_late_original(self, verdict: Verdict) -> bool:
        """Say whether a bet after its rollback was taken note of; that nothing moved shows in the balance."""
        return verdict.outcome is Outcome.STANDS and len(verdict.names) == 1


SPEAKER = ActionBatch()


def words(seat: Seat, kind: str, turn: Turn) -> dict[str, Any]:
    """Build one action: a bet, win or rollback."""
    amount = None if kind == "rollback" else minor(turn.amount, seat.currency)
    return action(kind, turn.transaction_id, amount, turn.reference if kind == "rollback" else "")


def _call(seat: Seat, turn: Turn, *actions: tuple[str, Turn]) -> Message:
    done = [words(seat, kind, one) for kind, one in actions]
    said = request(seat.player_id, seat.currency, seat.game_code, turn.round_id, done, finished=turn.closes)
    return post(seat.provider, json.dumps(said, separators=(",", ":")).encode())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of a single call."""
    parser.add_argument("--user", default="", help="the casino's name of the player (single calls)")
    parser.add_argument("--amount", default="1.00", help="in main units, as a decimal (bet, win)")
    parser.add_argument("--game", default=next(iter(GAMES.values())), help="the provider's code of the game")
    parser.add_argument("--round", default="", help="the game_id; a new one if left out")
    parser.add_argument("--finished", action="store_true", help="say that the round is over")
    parser.add_argument("--transaction", default="", help="the action_id; a new one if left out, the same one again is a retry")
    parser.add_argument("--reference", default="", help="the original_action_id that a rollback is about")
    parser.add_argument("--tamper", action="store_true", help="change the body after signing")


def check(options: argparse.Namespace) -> str:
    """Say what the command line lacks; nothing when it is complete."""
    if not options.user:
        return "--user is needed: the casino's name of the player"
    return (
        "--reference is needed: a rollback is about an action_id" if options.action == "rollback" and not options.reference else ""
    )


def run(provider: Provider, options: argparse.Namespace) -> Exchange:
    """Make the call that the command line asks for.

    Raises:
        ValueError: for an amount that the wire cannot carry.

    """
    actions: list[dict[str, Any]] = []
    if options.action != "balance":
        amount = None if options.action == "rollback" else minor(Decimal(options.amount), options.currency)
        actions = [action(options.action, options.transaction or str(uuid.uuid4()), amount, options.reference)]
    said = request(
        options.user, options.currency, options.game, options.round or str(uuid.uuid4()), actions, finished=options.finished
    )
    body = json.dumps(said, separators=(",", ":")).encode()
    return exchange(post(provider, body + b" " if options.tamper else body, signature=sign(provider.secret, body)))
