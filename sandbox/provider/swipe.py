"""A Swipe Games server, seen from the casino: amounts as decimal text, HMAC over the canonical JSON of what is said, HTTP statuses.

A bet is never sent twice: when its answer does not come, or is a 5xx, a refund follows. Wins and refunds are repeated with the
same txID until they are answered with 200.
"""

import argparse
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from sandbox.provider.line import Exchange, Message, Outcome, Verdict, exchange
from sandbox.provider.table import Recovery, Seat, Turn
from sandbox.stack import Provider
from sandbox.wire import Answer

GAMES = {"Paper Lanterns": "swp_paperlanterns"}
"""Some of the provider's own games by name."""

SIGNATURE_HEADER = "X-REQUEST-SIGN"
TOO_MANY = 429
"""Of the way to the house, not of the house: nothing was decided."""
ACTIONS = ("balance", "bet", "refund", "win")


def canonical(said: Mapping[str, Any]) -> bytes:
    """Write JSON as RFC 8785 asks for texts, whole numbers and nesting: keys in order of UTF-16, no white space, UTF-8."""
    return json.dumps(_ordered(said), ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(said: Any) -> Any:
    if isinstance(said, Mapping):
        return {key: _ordered(said[key]) for key in sorted(said, key=lambda key: key.encode("utf-16-be"))}
    if isinstance(said, list):
        return [_ordered(one) for one in said]
    if isinstance(said, float):
        raise TypeError("this protocol writes amounts as texts")
    return said


def sign(secret: str, said: Mapping[str, Any]) -> str:
    """Sign what is said: hex HMAC-SHA256 over its canonical JSON."""
    return hmac.new(secret.encode(), canonical(said), hashlib.sha256).hexdigest()


def amount_text(amount: Decimal) -> str:
    """Write an amount as the wire takes it: plain decimal, no exponent, no sign (``1.5`` stays ``1.5``, ``100`` is ``100``)."""
    return f"{amount:f}"


def ask(provider: Provider, query: Mapping[str, str], *, signature: str | None = None) -> Message:
    """Build a GET for the balance; the signature is over the query as a map. `signature` replaces the true one."""
    signed = signature if signature is not None else sign(provider.secret, query)
    return Message("GET", f"{provider.base_url}/balance?{urlencode(query)}", None, {SIGNATURE_HEADER: signed})


def post(
    provider: Provider, action: str, said: Mapping[str, Any], *, body: bytes | None = None, signature: str | None = None
) -> Message:
    """Build a POST. `body` replaces the bytes on the way (the signature stays that of `said`), `signature` the true one."""
    signed = signature if signature is not None else sign(provider.secret, said)
    sent = body if body is not None else json.dumps(said).encode()
    return Message("POST", f"{provider.base_url}/{action}", sent, {"Content-Type": "application/json", SIGNATURE_HEADER: signed})


class Swipe:
    """The dialect for playing rounds."""

    games = GAMES
    recovery = Recovery.ROLLBACK
    repeats_bets = False
    funds_word = "400 insufficient_funds"

    def bet(self, seat: Seat, turn: Turn) -> Message:
        """Build a regular bet."""
        return post(seat.provider, "bet", words(seat, "bet", turn))

    def win(self, seat: Seat, turn: Turn) -> Message:
        """Build a regular win; the round says which bets it is for."""
        return post(seat.provider, "win", words(seat, "win", turn))

    def rollback(self, seat: Seat, turn: Turn) -> Message:
        """Build a refund."""
        return post(seat.provider, "refund", words(seat, "rollback", turn))

    def both(self, seat: Seat, bet: Turn, win: Turn) -> Message | None:  # noqa: ARG002 - the dialect has no such call
        """Say that bet and win are two calls."""
        return None

    def read(self, seat: Seat, answer: Answer) -> Verdict:  # noqa: ARG002 - the same in every currency
        """Read an answer: 200 stands, 4xx is final, everything else is open. Amounts are in main units on this wire too."""
        said = _object(answer)
        if answer.status == 200:  # noqa: PLR2004 - OK
            try:
                return Verdict(Outcome.STANDS, "200", Decimal(said["balance"]), (str(said["txID"]),) if "txID" in said else ())
            except (KeyError, TypeError, InvalidOperation):
                return Verdict(Outcome.OPEN, "200 without a balance")
        word = f"{answer.status} {said.get('code') or ''}".strip()
        final = 400 <= answer.status < 500 and answer.status != TOO_MANY  # noqa: PLR2004 - 4xx
        return Verdict(Outcome.REFUSED if final else Outcome.OPEN, word)

    def is_late_original(self, verdict: Verdict) -> bool:
        """Say whether a bet was turned away because its refund had come first."""
        return verdict.outcome is Outcome.REFUSED and verdict.word.startswith("400")


SPEAKER = Swipe()


def words(seat: Seat, action: str, turn: Turn) -> dict[str, Any]:
    """Build the JSON of a bet, win or rollback (a refund)."""
    said: dict[str, Any] = {"sessionID": seat.token, "txID": turn.transaction_id, "roundID": turn.round_id}
    said["amount"] = amount_text(turn.amount)
    return said | ({"origTxID": turn.reference} if action == "rollback" else {"type": "regular"})


def _object(answer: Answer) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of a single call."""
    parser.add_argument("--token", default="", help="the sessionID: the game session's token, from the launch")
    parser.add_argument("--amount", default="1.00", help="in main units, sent as it stands (bet, win, refund)")
    parser.add_argument("--type", choices=["regular", "free"], default="regular")
    parser.add_argument("--round", default="", help="the roundID; a new one if left out")
    parser.add_argument("--free-round", default="", help="the frID of a campaign of free rounds")
    parser.add_argument("--transaction", default="", help="the txID; a new one if left out, the same one again is a retry")
    parser.add_argument("--reference", default="", help="the origTxID that a refund is about")
    parser.add_argument("--tamper", action="store_true", help="change a field after signing")


def check(options: argparse.Namespace) -> str:
    """Say what the command line lacks; nothing when it is complete."""
    if not options.token:
        return "--token is needed: the session that the launch gave"
    return "--reference is needed: a refund is about a txID" if options.action == "refund" and not options.reference else ""


def run(provider: Provider, options: argparse.Namespace) -> Exchange:
    """Make the call that the command line asks for."""
    if options.action == "balance":
        query = {"sessionID": options.token}
        return exchange(ask(provider, query, signature=sign(provider.secret, {"sessionID": "other"}) if options.tamper else None))
    said: dict[str, Any] = {"sessionID": options.token, "txID": options.transaction or str(uuid.uuid4()), "amount": options.amount}
    if options.action == "refund":
        said |= {"origTxID": options.reference} | ({"roundID": options.round} if options.round else {})
    else:
        said |= {"type": options.type, "roundID": options.round or str(uuid.uuid4())}
        said |= {"frID": options.free_round} if options.free_round else {}
    altered = json.dumps(said | {"txID": str(uuid.uuid4())}).encode() if options.tamper else None
    return exchange(post(provider, options.action, said, body=altered))
