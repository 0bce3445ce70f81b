"""A Hub88 game server, seen from the casino: JSON posts, signed with RSA over the raw body, integer amounts."""

import argparse
import base64
import json
import uuid
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.provider.line import Exchange, Message, Outcome, Verdict, exchange
from sandbox.provider.table import Recovery, Seat, Turn
from sandbox.stack import Provider
from sandbox.wire import Answer

AMOUNT_PLACES = 5
GAMES = {"Clockwork Reels": "cwk_clockworkreels", "Harbour Roulette": "hbr_liveroulette"}
"""Some of the provider's own games by name; it calls them by code."""

SUPPLIER_USER = "table-7-seat-3"
PATHS = {
    "info": "/user/info",
    "balance": "/user/balance",
    "bet": "/transaction/bet",
    "win": "/transaction/win",
    "rollback": "/transaction/rollback",
}
ACTIONS = tuple(sorted(PATHS))
OPEN_STATUSES = {"RS_ERROR_UNKNOWN", "RS_ERROR_TIMEOUT"}
"""What a provider reads as "nobody knows": a rollback follows."""


def scaled(amount: str) -> int:
    """Turn a decimal string of main units into Hub88's integer (3.56 → 356000).

    Raises:
        ValueError: when it is no number or finer than 5 places.

    """
    try:
        value = Decimal(amount).scaleb(AMOUNT_PLACES)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is no amount") from None
    if not value.is_finite() or value != value.to_integral_value():
        raise ValueError(f"{amount!r} is finer than {AMOUNT_PLACES} places")
    return int(value)


def unscaled(units: int) -> str:
    """Turn Hub88's integer into a decimal string with at least two places (356000 → 3.56)."""
    value = Decimal(units).scaleb(-AMOUNT_PLACES).normalize()
    return f"{value:.2f}" if value == round(value, 2) else f"{value:f}"


def sign(private_key_pem: str, body: bytes) -> str:
    """Sign raw bytes: base64 of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2)."""
    return base64.b64encode(_private_key(private_key_pem).sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


@lru_cache(maxsize=8)
def _private_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("Hub88 signs with an RSA key")
    return key


def request(action: str, options: argparse.Namespace) -> dict[str, Any]:
    """Build the JSON of one call from the command line's options."""
    said: dict[str, Any] = {"request_uuid": options.request_uuid or str(uuid.uuid4()), "token": options.token}
    if options.game:
        said["game_code"] = options.game
    if action in {"info", "balance"}:
        return said
    said |= {
        "transaction_uuid": options.transaction_uuid or str(uuid.uuid4()),
        "round": options.round or str(uuid.uuid4()),
        "round_closed": options.round_closed,
    }
    if options.reference:
        said["reference_transaction_uuid"] = options.reference
    if action in {"bet", "win"}:
        said |= {"amount": scaled(options.amount), "currency": options.currency, "is_free": options.free}
        said |= {"user": options.user, "supplier_user": SUPPLIER_USER}
    return said


def message(base_url: str, private_key_pem: str, path: str, body: bytes, *, signature: str | None = None) -> Message:
    """Build the POST of a body to a path below the casino's; `signature` replaces the true one."""
    signed = signature if signature is not None else sign(private_key_pem, body)
    return Message("POST", base_url + path, body, {"Content-Type": "application/json", "X-Hub88-Signature": signed})


def call(base_url: str, private_key_pem: str, action: str, body: bytes, *, signature: str | None = None) -> Exchange:
    """Post a body with its signature; `signature` replaces the true one, to see it refused."""
    return exchange(message(base_url, private_key_pem, PATHS[action], body, signature=signature))


class Hub88:
    """The dialect for playing rounds."""

    games = GAMES
    recovery = Recovery.ROLLBACK
    repeats_bets = True
    funds_word = "RS_ERROR_NOT_ENOUGH_MONEY"

    def bet(self, seat: Seat, turn: Turn) -> Message:
        """Build a bet."""
        return _message(seat, "bet", words(seat, "bet", turn))

    def win(self, seat: Seat, turn: Turn) -> Message:
        """Build a win on `turn.reference`."""
        return _message(seat, "win", words(seat, "win", turn))

    def rollback(self, seat: Seat, turn: Turn) -> Message:
        """Build a rollback, which names neither amount nor currency."""
        return _message(seat, "rollback", words(seat, "rollback", turn))

    def both(self, seat: Seat, bet: Turn, win: Turn) -> Message | None:  # noqa: ARG002 - the dialect has no such call
        """Say that bet and win are two calls."""
        return None

    def read(self, seat: Seat, answer: Answer) -> Verdict:  # noqa: ARG002 - the same in every currency
        """Read an answer: HTTP 200 with a status that is known is final, everything else is open."""
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.status != 200 or not isinstance(said, dict):  # noqa: PLR2004 - OK
            return Verdict(Outcome.OPEN, f"HTTP {answer.status}")
        word = str(said.get("status", ""))
        if word == "RS_OK":
            units = said.get("balance")
            if type(units) is not int:
                return Verdict(Outcome.OPEN, "RS_OK without a balance")
            return Verdict(Outcome.STANDS, word, Decimal(unscaled(units)))
        return Verdict(Outcome.OPEN if word in OPEN_STATUSES or not word else Outcome.REFUSED, word)

    def is_late_original(self, verdict: Verdict) -> bool:
        """Say whether a bet was turned away because its rollback had come first."""
        return verdict.word == "RS_ERROR_DUPLICATE_TRANSACTION"


SPEAKER = Hub88()


def words(seat: Seat, action: str, turn: Turn) -> dict[str, Any]:
    """Build the JSON of a bet, win or rollback."""
    said: dict[str, Any] = {"request_uuid": str(uuid.uuid4()), "token": seat.token, "game_code": seat.game_code}
    said |= {"transaction_uuid": turn.transaction_id, "round": turn.round_id, "round_closed": turn.closes}
    if action != "bet":
        said["reference_transaction_uuid"] = turn.reference
    if action != "rollback":
        said |= {"amount": scaled(f"{turn.amount:f}"), "currency": seat.currency, "is_free": False}
        said |= {"user": seat.player_id, "supplier_user": SUPPLIER_USER}
    return said


def _message(seat: Seat, action: str, said: dict[str, Any]) -> Message:
    body = json.dumps(said, separators=(",", ":")).encode()
    return message(seat.provider.base_url, seat.provider.private_key, PATHS[action], body)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of a single call."""
    parser.add_argument("--token", default="", help="the game session's token, from the launch")
    parser.add_argument("--amount", default="1.00", help="in main units, as a decimal (bet, win)")
    parser.add_argument("--game", default=GAMES["Clockwork Reels"], help="the provider's code of the game")
    parser.add_argument("--user", default="", help="the casino's name of the player (bet, win); asked with info if left out")
    parser.add_argument("--round", default="", help="the round's id; a new one if left out")
    parser.add_argument("--round-closed", action="store_true")
    parser.add_argument("--free", action="store_true", help="a free round: the stake is not taken")
    parser.add_argument("--transaction-uuid", default="", help="a new one if left out; the same one again is a retry")
    parser.add_argument("--request-uuid", default="")
    parser.add_argument("--reference", default="", help="the bet that a win or a rollback belongs to")
    parser.add_argument("--tamper", action="store_true", help="change the amount (or the round) after signing")


def check(options: argparse.Namespace) -> str:
    """Say what the command line lacks; nothing when it is complete."""
    if not options.token:
        return "--token is needed: the session's, from the launch"
    if options.action in {"win", "rollback"} and not options.reference:
        return f"--reference is needed: a {options.action} is about a transaction"
    return ""


def run(provider: Provider, options: argparse.Namespace) -> Exchange:
    """Make the call that the command line asks for.

    Raises:
        ValueError: for an amount that the wire cannot carry, or when the casino does not say whose the token is.

    """
    base_url, private_key_pem = provider.base_url, provider.private_key
    if options.action in {"bet", "win"} and not options.user:
        options.user = _whose(base_url, private_key_pem, options)
    said = request(options.action, options)
    body = json.dumps(said, separators=(",", ":")).encode()
    if not options.tamper:
        return call(base_url, private_key_pem, options.action, body)
    if "amount" in said:
        said["amount"] += 1
    else:
        said["request_uuid"] = str(uuid.uuid4())
    altered = json.dumps(said, separators=(",", ":")).encode()
    return call(base_url, private_key_pem, options.action, altered, signature=sign(private_key_pem, body))


def _whose(base_url: str, private_key_pem: str, options: argparse.Namespace) -> str:
    question = argparse.Namespace(**vars(options) | {"request_uuid": ""})
    asked = call(base_url, private_key_pem, "info", json.dumps(request("info", question)).encode())
    said = asked.answer.json()
    user = said.get("user") if isinstance(said, dict) else None
    if not user:
        raise ValueError(f"info does not name the player: {asked.answer.body[:200].decode(errors='replace')}")
    return str(user)
