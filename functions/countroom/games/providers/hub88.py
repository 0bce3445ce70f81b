"""Hub88's wallet protocol, with the route names of Caleta, which speaks the same but for a few words.

Every answer is HTTP 200 with the outcome in `status`. The signature is RSASSA-PKCS1-v1_5 with SHA-256 over the raw body, base64,
in X-Hub88-Signature (Caleta: X-Auth-Signature). Amounts are integers of 1/100000 of the currency's main unit. A rollback names no
amount: what was booked counts. A session token is checked for bets and questions only; wins and rollbacks outlive it.
`round_closed` ends a round, and so does a win of nothing; what comes after it is booked all the same.

A field that is missing is wrong syntax, one of another type or outside its range wrong types; fields that the protocol does not
know are ignored, because the provider adds some without notice.
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from countroom.games.providers import strict
from countroom.games.providers.dialect import (
    NO_SESSION,
    Call,
    Cause,
    Done,
    Enquiry,
    Failed,
    Fault,
    Order,
    Reply,
    Request,
    free_of,
    token_of,
)
from countroom.ledger.movements import Bet, Reason, Reference, Rollback, Win
from countroom.ledger.sessions import InvalidToken
from countroom.ledger.sessions import parse as parse_token
from countroom.money import from_scaled, to_scaled

PROVIDER: Final = "hub88"
SOURCE: Final = "game:hub88"
AMOUNT_PLACES: Final = 5
SIGNATURE_HEADERS: Final = ("x-hub88-signature", "x-auth-signature")
OK: Final = "RS_OK"

_KEY_BITS_MIN: Final = 2048
_KEYS_MAX: Final = 4
_SIGNATURE_CHARACTERS_MAX: Final = 1024


class Flavour(NamedTuple):
    """In what Hub88 and Caleta differ: the table outcome → status, what an answer carries, and how long they wait for it."""

    statuses: Mapping[Cause, str]
    balance_on_not_enough_money: bool
    patience_s: float


_COMMON: Final[dict[Cause, str]] = {
    Fault.BAD_SIGNATURE: "RS_ERROR_INVALID_SIGNATURE",
    Fault.BAD_SYNTAX: "RS_ERROR_WRONG_SYNTAX",
    Fault.BAD_TYPES: "RS_ERROR_WRONG_TYPES",
    Fault.BAD_TOKEN: "RS_ERROR_INVALID_TOKEN",
    Fault.TOKEN_EXPIRED: "RS_ERROR_TOKEN_EXPIRED",
    Fault.LATE_ORIGINAL: "RS_ERROR_DUPLICATE_TRANSACTION",
    Fault.OWN_STAKE: "RS_ERROR_LIMIT_REACHED",
    Fault.TIME_USED: "RS_ERROR_LIMIT_REACHED",
    Fault.KEYS_UNAVAILABLE: "RS_ERROR_UNKNOWN",
    Fault.GAMES_UNAVAILABLE: "RS_ERROR_UNKNOWN",
    Fault.OUT_OF_TIME: "RS_ERROR_TIMEOUT",
    Fault.BROKEN: "RS_ERROR_UNKNOWN",
    Reason.UNKNOWN_PLAYER: "RS_ERROR_INVALID_TOKEN",
    Reason.WRONG_CURRENCY: "RS_ERROR_WRONG_CURRENCY",
    Reason.GAME_CURRENCY: "RS_ERROR_WRONG_CURRENCY",
    Reason.INVALID_AMOUNT: "RS_ERROR_WRONG_TYPES",
    Reason.INSUFFICIENT_FUNDS: "RS_ERROR_NOT_ENOUGH_MONEY",
    Reason.NEGATIVE_BALANCE: "RS_ERROR_NOT_ENOUGH_MONEY",
    Reason.WALLET_BLOCKED: "RS_ERROR_USER_DISABLED",
    Reason.WALLET_EXCLUDED: "RS_ERROR_USER_DISABLED",
    Reason.SESSION_UNKNOWN: "RS_ERROR_INVALID_TOKEN",
    Reason.SESSION_EXPIRED: "RS_ERROR_TOKEN_EXPIRED",
    Reason.GAME_UNAVAILABLE: "RS_ERROR_INVALID_GAME",
    Reason.STAKE_OUT_OF_RANGE: "RS_ERROR_LIMIT_REACHED",
    Reason.LIMIT_REACHED: "RS_ERROR_LIMIT_REACHED",
    # The protocol has no word for a pause; this one drops the bet, and the player is told by the house that he has to look up.
    Reason.REALITY_CHECK_DUE: "RS_ERROR_LIMIT_REACHED",
    Reason.DUPLICATE_TRANSACTION: "RS_ERROR_DUPLICATE_TRANSACTION",
    Reason.ROLLED_BACK: "RS_ERROR_TRANSACTION_DOES_NOT_EXIST",
    Reason.REFERENCE_UNKNOWN: "RS_ERROR_TRANSACTION_DOES_NOT_EXIST",
    Reason.REFERENCE_MISMATCH: "RS_ERROR_TRANSACTION_DOES_NOT_EXIST",
    # No call of this protocol makes a movement that is refused in these words. They are known refusals all the same.
    Reason.PLAYER_EXISTS: "RS_ERROR_WRONG_SYNTAX",
    Reason.LIMIT_RAISE: "RS_ERROR_WRONG_SYNTAX",
    Reason.NOTHING_PENDING: "RS_ERROR_WRONG_SYNTAX",
    Reason.TOO_EARLY: "RS_ERROR_WRONG_SYNTAX",
    Reason.EXCLUSION_RUNS: "RS_ERROR_WRONG_SYNTAX",
    Reason.BALANCE_REMAINS: "RS_ERROR_WRONG_SYNTAX",
    Reason.ALREADY_RESOLVED: "RS_ERROR_DUPLICATE_TRANSACTION",
    Reason.COMPANION_CONFLICT: "RS_ERROR_WRONG_SYNTAX",
    Reason.BATCH_TOO_LARGE: "RS_ERROR_WRONG_SYNTAX",
}

HUB88: Final = Flavour(MappingProxyType(_COMMON), balance_on_not_enough_money=True, patience_s=2.5)
CALETA: Final = Flavour(
    MappingProxyType(
        {
            **_COMMON,
            Reason.ROLLED_BACK: "RS_ERROR_TRANSACTION_ROLLED_BACK",
            Reason.STAKE_OUT_OF_RANGE: "RS_ERROR_BET_LIMIT_EXCEEDED",
            Reason.LIMIT_REACHED: "RS_ERROR_BET_LIMIT_EXCEEDED",
            Reason.REALITY_CHECK_DUE: "RS_ERROR_BET_LIMIT_EXCEEDED",
            Fault.OWN_STAKE: "RS_ERROR_BET_LIMIT_EXCEEDED",
            Fault.TIME_USED: "RS_ERROR_BET_LIMIT_EXCEEDED",
        }
    ),
    balance_on_not_enough_money=False,
    patience_s=0.9,  # it tries three times, one second each
)

_CALETA_PATHS: Final = "/wallet/"


def flavour_of(path: str) -> Flavour:
    """Return the words that the caller of a path expects."""
    return CALETA if path.startswith(_CALETA_PATHS) else HUB88


class Hub88:
    """The dialect. Amounts inside are nanos, on the wire 1/100000 of the main unit."""

    provider = PROVIDER

    def keys(self, secret: Mapping[str, Any]) -> Sequence[RSAPublicKey]:
        """Read the PEM public keys of ``{"public_keys": [...]}``: RSA of at least 2048 bits, one to four. Raise ValueError."""
        texts = secret.get("public_keys")
        if not isinstance(texts, list) or not 1 <= len(texts) <= _KEYS_MAX:
            raise ValueError("the secret lists no public keys, or too many")
        return tuple(_public_key(text) for text in texts)

    def authentic(self, call: Call, keys: Sequence[RSAPublicKey]) -> bool:
        """Verify the base64 signature over the raw body against each key; public-key verification keeps no secret to leak."""
        text = call.headers.get(SIGNATURE_HEADERS[0]) or call.headers.get(SIGNATURE_HEADERS[1])
        if not text or len(text) > _SIGNATURE_CHARACTERS_MAX:
            return False
        try:
            signature = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return False
        return any(_signed_by(key, signature, call.body) for key in keys)

    def patience_s(self, call: Call) -> float:
        """Return how long Hub88, or Caleta, waits."""
        return flavour_of(call.path).patience_s

    def understand(self, call: Call) -> Enquiry | Order:
        """Read a signed call: a question, a bet, a win or a rollback by its path. Raise as the protocol of dialects says."""
        reader = _READERS.get(call.path)
        if reader is None:
            raise strict.BadSyntax("no such route")
        return reader(strict.read_object(call.body))

    def answer(self, call: Call, request: Request | None, result: Done | Failed) -> Reply:
        """Write `request_uuid` and `status`; user, currency and balance only where everything is well."""
        request_id = request.request_id if request else _readable_request_id(call.body)
        body: dict[str, object] = {} if request_id is None else {"request_uuid": request_id}
        if isinstance(result, Done):
            code = OK
            body |= {"status": OK, "user": result.player_id, "currency": result.currency}
            body["balance"] = to_scaled(result.available, AMOUNT_PLACES)
            if result.country:
                body["country"] = result.country
        else:
            flavour = flavour_of(call.path)
            code = flavour.statuses[result.cause]
            body["status"] = code
            if _tells_balance(flavour, result):
                body["balance"] = to_scaled(result.available or 0, AMOUNT_PLACES)
        return Reply(200, json.dumps(body, separators=(",", ":")), code)


def _tells_balance(flavour: Flavour, failed: Failed) -> bool:
    short = failed.cause is Reason.INSUFFICIENT_FUNDS or failed.cause is Reason.NEGATIVE_BALANCE
    return short and flavour.balance_on_not_enough_money and failed.available is not None


def _public_key(text: object) -> RSAPublicKey:
    if not isinstance(text, str):
        raise TypeError("a public key is a PEM text")
    key = load_pem_public_key(text.encode("ascii"))
    if not isinstance(key, RSAPublicKey) or key.key_size < _KEY_BITS_MIN:
        raise ValueError("a public key is RSA of at least 2048 bits")
    return key


def _signed_by(key: RSAPublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True


def _readable_request_id(raw: bytes) -> str | None:
    """Find the id to echo in a body that was refused; None when there is none. Only for the answer, never for a decision."""
    try:
        return strict.identifier(strict.read_object(raw), "request_uuid")
    except (strict.BadSyntax, strict.BadType):
        return None


def _player(body: Mapping[str, object]) -> str | None:
    """Return the player that a body names, if it does: `user`, or `supplier_user` where a supplier's name is all there is."""
    return strict.optional_identifier(body, "user") or strict.optional_identifier(body, "supplier_user")


def _named_player(body: Mapping[str, object]) -> str:
    player_id = _player(body)
    if player_id is None:
        raise strict.BadSyntax("user is missing")
    return player_id


def _read_info(body: Mapping[str, object]) -> Enquiry:
    """Read a question about a player, who may be named by `user` alone."""
    if body.get("token") is None:
        return Enquiry(strict.identifier(body, "request_uuid"), _named_player(body), session=None)
    return _read_balance(body)


def _read_balance(body: Mapping[str, object]) -> Enquiry:
    """Read a question for a balance; the token names the player, and a `user` beside it must be the same."""
    request_id = strict.identifier(body, "request_uuid")
    strict.optional_identifier(body, "game_code")
    token = parse_token(strict.text(body, "token"))
    if _player(body) not in {None, token.player_id}:
        raise InvalidToken("the token is another player's")
    return Enquiry(request_id, token.player_id, token.digest)


def _read_bet(body: Mapping[str, object]) -> Order:
    request_id, reference, player_id, amount = _read_play(body)
    token = token_of(strict.text(body, "token"))
    free = strict.flag(body, "is_free")
    bet = Bet(
        reference,
        player_id,
        strict.identifier(body, "currency"),
        # The stake of a free round is the provider's own: recorded, but nothing is taken.
        0 if free else amount,
        strict.identifier(body, "game_code"),
        strict.identifier(body, "round"),
        session=token.digest if token else NO_SESSION,
        told=free_of(amount) if free else "",
        closes=_closes(body),
    )
    return Order(request_id, bet)


def _read_win(body: Mapping[str, object]) -> Order:
    request_id, reference, player_id, amount = _read_play(body)
    strict.flag(body, "is_free")
    token = token_of(strict.text(body, "token"))
    win = Win(
        reference,
        player_id,
        strict.identifier(body, "currency"),
        amount,
        strict.identifier(body, "game_code"),
        strict.identifier(body, "round"),
        bet=_referred_to(body, reference),
        closes=True if amount == 0 else _closes(body),
    )
    return Order(request_id, win, own_token=token is not None and token.player_id == player_id)


def _read_rollback(body: Mapping[str, object]) -> Order:
    """Read a rollback: no amount and no currency; without a `user` the token alone says whose it is."""
    request_id = strict.identifier(body, "request_uuid")
    reference = Reference(SOURCE, strict.identifier(body, "transaction_uuid"))
    named = _player(body)
    token = token_of(strict.text(body, "token"))
    target = _referred_to(body, reference)
    game, game_round = strict.identifier(body, "game_code"), strict.identifier(body, "round")
    player_id = named or (token.player_id if token else None)
    if player_id is None:
        raise InvalidToken("neither a user nor a token says whose rollback this is")
    rollback = Rollback(reference, player_id, target, game, game_round, _closes(body))
    return Order(request_id, rollback, own_token=token is not None and token.player_id == player_id)


def _read_play(body: Mapping[str, object]) -> tuple[str, Reference, str, int]:
    """Read what a bet and a win share: request id, name, player, and the amount in nanos."""
    request_id = strict.identifier(body, "request_uuid")
    reference = Reference(SOURCE, strict.identifier(body, "transaction_uuid"))
    player_id = _named_player(body)
    amount = from_scaled(strict.whole(body, "amount"), AMOUNT_PLACES)
    for name in _OPTIONAL_TEXTS:
        strict.optional_text(body, name)
    return request_id, reference, player_id, amount


def _closes(body: Mapping[str, object]) -> bool | None:
    """Tell whether a call closes its round; None where it does not say."""
    return strict.optional_flag(body, "round_closed")


def _referred_to(body: Mapping[str, object], reference: Reference) -> Reference:
    target = Reference(SOURCE, strict.identifier(body, "reference_transaction_uuid"))
    if target == reference:
        raise strict.BadType("a transaction cannot refer to itself")
    return target


_OPTIONAL_TEXTS: Final = ("reward_uuid", "campaign_uuid", "bet")
_PADDING: Final = padding.PKCS1v15()
_HASH: Final = hashes.SHA256()
_Reader = Callable[[Mapping[str, object]], Enquiry | Order]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "/user/info": _read_info,
        "/user/balance": _read_balance,
        "/transaction/bet": _read_bet,
        "/transaction/win": _read_win,
        "/transaction/rollback": _read_rollback,
        "/wallet/check": _read_info,
        "/wallet/balance": _read_balance,
        "/wallet/bet": _read_bet,
        "/wallet/win": _read_win,
        "/wallet/rollback": _read_rollback,
    }
)

DIALECT: Final = Hub88()
