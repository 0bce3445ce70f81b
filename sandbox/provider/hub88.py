"""A Hub88 game server, seen from the casino: JSON posts, signed with RSA over the raw body, integer amounts."""

import argparse
import base64
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.wire import Answer, send

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


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, as they went over the wire."""

    url: str
    body: bytes
    answer: Answer


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
    key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("Hub88 signs with an RSA key")
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


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


def call(base_url: str, private_key_pem: str, action: str, body: bytes, *, signature: str | None = None) -> Exchange:
    """Post a body with its signature; `signature` replaces the true one, to see it refused."""
    url = base_url + PATHS[action]
    headers = {
        "Content-Type": "application/json",
        "X-Hub88-Signature": signature if signature is not None else sign(private_key_pem, body),
    }
    return Exchange(url, body, send("POST", url, body=body, headers=headers))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of this dialect."""
    parser.add_argument("action", choices=sorted(PATHS))
    parser.add_argument("--token", required=True, help="the game session's token, from the launch")
    parser.add_argument("--amount", default="1.00", help="in main units, as a decimal (bet, win)")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--game", default=GAMES["Clockwork Reels"], help="the provider's code of the game")
    parser.add_argument("--user", default="", help="the casino's name of the player (bet, win); asked with info if left out")
    parser.add_argument("--round", default="", help="the round's id; a new one if left out")
    parser.add_argument("--round-closed", action="store_true")
    parser.add_argument("--free", action="store_true", help="a free round: the stake is not taken")
    parser.add_argument("--transaction-uuid", default="", help="a new one if left out; the same one again is a retry")
    parser.add_argument("--request-uuid", default="")
    parser.add_argument("--reference", default="", help="the bet that a win or a rollback belongs to")
    parser.add_argument("--tamper", action="store_true", help="change the amount (or the round) after signing")


def run(base_url: str, private_key_pem: str, options: argparse.Namespace) -> Exchange:
    """Make the call that the command line asks for.

    Raises:
        ValueError: for an amount that the wire cannot carry, or when the casino does not say whose the token is.

    """
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
