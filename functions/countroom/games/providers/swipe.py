"""The integration protocol of Swipe Games (its public OpenAPI 1.8.2): four routes, decimal amounts, HTTP statuses that speak.

The signature, X-REQUEST-SIGN, is the HMAC-SHA256 over canonical JSON (RFC 8785): of the body, or of the query's fields for a GET.
So a body is parsed before it is known to be signed, within strict bounds, and what cannot be parsed was not signed.

The wire names neither player, nor currency, nor game: all three are the session's. The player is part of the session's token, the
currency is the wallet's, and the game stands in the record of the session's start; both are read together with the wallet. Only a
bet needs the session to be current; wins and refunds outlive it, but a session that never was cannot say which game to pay for.

Decided here, where the protocol is silent: a win names no bet, so none is looked for. A free bet or win is recorded with an amount
of nothing. The late original of a refund is answered with 400. A debt is told as a balance of 0, because the wire knows no sign.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import rfc8785

from countroom import money
from countroom.games.providers import signing, strict
from countroom.games.providers.dialect import (
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
    our_id,
)
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Bet, Kind, Movement, Reason, Reference, Rollback, Win
from countroom.ledger.records import Record
from countroom.ledger.rules.effects import Facts
from countroom.ledger.sessions import InvalidToken, SessionToken
from countroom.ledger.sessions import parse as parse_token
from countroom.ledger.wallet import Wallet

PROVIDER: Final = "swipe"
SOURCE: Final = "game:swipe"
SIGNATURE_HEADER: Final = "x-request-sign"
OK: Final = "ok"
PATIENCE_S: Final = 2.5
"""Half of the five seconds that the provider waits: a cold start and the way there and back fit into the rest."""

_SESSION_SOURCE: Final = "session:" + PROVIDER
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_TYPES: Final = {"regular": False, "free": True}


class Word(NamedTuple):
    """How an outcome is said: HTTP status, the protocol's code where it has one, and a message that a player may see."""

    status: int
    code: str
    message: str


_MALFORMED: Final = Word(400, "", "The request is not valid.")
_CONFLICT: Final = Word(400, "", "The transaction cannot be accepted.")
_NO_SESSION: Final = Word(404, "session_not_found", "The game session does not exist.")
_EXPIRED: Final = Word(404, "session_expired", "The game session has ended.")
_BLOCKED: Final = Word(400, "account_blocked", "The account cannot play at the moment.")
_CURRENCY: Final = Word(400, "currency_not_supported", "The currency is not supported.")
_FUNDS: Final = Word(400, "insufficient_funds", "The balance is too low.")
_UNKNOWN: Final = Word(500, "", "The outcome is not known.")

WORDS: Final[Mapping[Cause, Word]] = MappingProxyType(
    {
        Fault.BAD_SIGNATURE: Word(401, "", "The signature is not valid."),
        Fault.BAD_SYNTAX: _MALFORMED,
        Fault.BAD_TYPES: _MALFORMED,
        Fault.BAD_TOKEN: _NO_SESSION,
        Fault.TOKEN_EXPIRED: _EXPIRED,
        Fault.LATE_ORIGINAL: _CONFLICT,
        Fault.OWN_STAKE: Word(400, "bet_limit", "The stake is above the account's own limit."),
        Fault.TIME_USED: Word(400, "time_limit", "The time that the account may play without a break has been used."),
        Fault.KEYS_UNAVAILABLE: _UNKNOWN,
        Fault.GAMES_UNAVAILABLE: _UNKNOWN,
        Fault.OUT_OF_TIME: _UNKNOWN,
        Fault.BROKEN: _UNKNOWN,
        Reason.UNKNOWN_PLAYER: _NO_SESSION,
        Reason.WRONG_CURRENCY: _CURRENCY,
        Reason.GAME_CURRENCY: _CURRENCY,
        Reason.INVALID_AMOUNT: _MALFORMED,
        Reason.INSUFFICIENT_FUNDS: _FUNDS,
        Reason.NEGATIVE_BALANCE: _FUNDS,
        Reason.WALLET_BLOCKED: _BLOCKED,
        Reason.WALLET_EXCLUDED: _BLOCKED,
        Reason.SESSION_UNKNOWN: _NO_SESSION,
        Reason.SESSION_EXPIRED: _EXPIRED,
        Reason.GAME_UNAVAILABLE: Word(400, "game_not_found", "The game is not available."),
        Reason.STAKE_OUT_OF_RANGE: Word(400, "bet_limit", "The stake is outside the game's limits."),
        Reason.LIMIT_REACHED: Word(400, "loss_limit", "A limit of the account has been reached."),
        Reason.REALITY_CHECK_DUE: Word(400, "time_limit", "The reality check has to be acknowledged before play goes on."),
        Reason.DUPLICATE_TRANSACTION: _CONFLICT,
        Reason.ROLLED_BACK: _CONFLICT,
        Reason.REFERENCE_UNKNOWN: _CONFLICT,
        Reason.REFERENCE_MISMATCH: _CONFLICT,
        # No call of this protocol makes a movement that is refused in these words. They are known refusals all the same.
        Reason.PLAYER_EXISTS: _CONFLICT,
        Reason.LIMIT_RAISE: _CONFLICT,
        Reason.NOTHING_PENDING: _CONFLICT,
        Reason.TOO_EARLY: _CONFLICT,
        Reason.EXCLUSION_RUNS: _CONFLICT,
        Reason.BALANCE_REMAINS: _CONFLICT,
        Reason.ALREADY_RESOLVED: _CONFLICT,
        Reason.COMPANION_CONFLICT: _CONFLICT,
        Reason.BATCH_TOO_LARGE: _CONFLICT,
    }
)


class Swipe:
    """The dialect. Amounts inside are nanos, on the wire decimal texts of main units."""

    provider = PROVIDER

    def keys(self, secret: Mapping[str, Any]) -> Sequence[bytes]:
        """Read ``{"secrets": [...]}``. Raise ValueError."""
        return signing.shared_secrets(secret)

    def authentic(self, call: Call, keys: Sequence[bytes]) -> bool:
        """Verify the signature over the canonical form of what came; a body that is canonical already is checked as it is."""
        signature = call.headers.get(SIGNATURE_HEADER, "")
        try:
            canonical = rfc8785.dumps(_content(call))
        except ValueError:  # no JSON object, or one that has no canonical form: a lone surrogate, an integer beyond 2^53
            return False
        return signing.signed_by_one(signature, canonical, keys)

    def patience_s(self, call: Call) -> float:
        """Return PATIENCE_S, whatever is asked."""
        del call
        return PATIENCE_S

    def understand(self, call: Call) -> Enquiry | Order:
        """Read a signed call by its method and path. Raise as the protocol of dialects says."""
        reader = _READERS.get((call.method, call.path))
        if reader is None:
            raise strict.BadSyntax("no such route")
        return reader(_content(call))

    def answer(self, call: Call, request: Request | None, result: Done | Failed) -> Reply:
        """Write the balance, and our own id of the transaction, or what is wrong."""
        del call
        body: dict[str, object]
        if isinstance(result, Done):
            body = {"balance": money.format_amount(max(0, result.available), money.currency(result.currency))}
            if isinstance(request, Order):
                body["txID"] = our_id(request.movement.reference)
            return Reply(200, _encode(body), OK)
        word = WORDS[result.cause]
        body = {"message": word.message, "details": result.cause}
        if word.code:
            body["code"] = word.code
        return Reply(word.status, _encode(body), word.code or str(word.status))


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def _content(call: Call) -> dict[str, Any]:
    """Return what is signed: the query's fields of a GET, else the body's. Raise BadSyntax."""
    return strict.read_query(call.query) if call.method == "GET" else strict.read_object(call.body)


def _read_balance(body: Mapping[str, object]) -> Enquiry:
    token = _token(body)
    return Enquiry("", token.player_id, token.digest)


def _read_bet(body: Mapping[str, object]) -> Order:
    reference, token, round_id, amount, free = _read_play(body)

    def complete(wallet: Wallet, facts: Facts) -> Movement:
        stake, told = _booked(amount, wallet, free=free)
        # Without a record there is no such session, and the ledger says so in its place: after a duplicate.
        game = _game(token, facts) or ""
        return Bet(reference, token.player_id, wallet.currency, stake, game, round_id, session=token.digest, told=told)

    return Order(reference.transaction_id, _draft(reference, token, complete))


def _read_win(body: Mapping[str, object]) -> Order:
    reference, token, round_id, amount, free = _read_play(body)

    def complete(wallet: Wallet, facts: Facts) -> Movement:
        gain, told = _booked(amount, wallet, free=free)
        return Win(reference, token.player_id, wallet.currency, gain, _known_game(token, facts), round_id, told=told)

    return Order(reference.transaction_id, _draft(reference, token, complete))


def _read_refund(body: Mapping[str, object]) -> Order:
    """Read a refund: an amount in it is not looked at, what was booked counts."""
    reference, target = Reference(SOURCE, strict.uuid(body, "txID")), Reference(SOURCE, strict.uuid(body, "origTxID"))
    round_id = strict.optional_identifier(body, "roundID") or ""
    token = _token(body)

    def complete(_wallet: Wallet, facts: Facts) -> Movement:
        return Rollback(reference, token.player_id, target, _known_game(token, facts), round_id)

    return Order(reference.transaction_id, _draft(reference, token, complete, related=target))


def _read_play(body: Mapping[str, object]) -> tuple[Reference, SessionToken, str, str, bool]:
    """Read what a bet and a win share: name, session, round, the amount as it is written, and whether it is free."""
    reference = Reference(SOURCE, strict.uuid(body, "txID"))
    amount = strict.text(body, "amount")
    if not _AMOUNT.fullmatch(amount):
        raise strict.BadType("amount is not a decimal")
    free = _TYPES.get(strict.text(body, "type"))
    if free is None:
        raise strict.BadType("type is neither regular nor free")
    strict.optional_identifier(body, "frID")
    round_id = strict.identifier(body, "roundID")
    return reference, _token(body), round_id, amount, free


def _token(body: Mapping[str, object]) -> SessionToken:
    return parse_token(strict.text(body, "sessionID"))


def _draft(
    reference: Reference, token: SessionToken, complete: Callable[[Wallet, Facts], Movement], related: Reference | None = None
) -> Draft:
    return Draft(reference, token.player_id, complete, related, beside=(_started_by(token),))


def _started_by(token: SessionToken) -> Reference:
    return Reference(_SESSION_SOURCE, token.digest.hex())


def _booked(amount: str, wallet: Wallet, *, free: bool) -> tuple[int, str]:
    """Return what is booked of an amount, and what is kept of one that is only told for tracking. Raise InvalidAmount."""
    nanos = money.parse_amount(amount, money.currency(wallet.currency))
    return (0, free_of(nanos)) if free else (nanos, "")


def _game(token: SessionToken, facts: Facts) -> str | None:
    """Return the game that the session was started for; None when it never was, or was another player's."""
    started = facts.entries.get(_started_by(token))
    whole = isinstance(started, Record) and started.kind is Kind.SESSION and started.player_id == token.player_id
    return started.game if whole and isinstance(started, Record) else None


def _known_game(token: SessionToken, facts: Facts) -> str:
    game = _game(token, facts)
    if game is None:
        raise InvalidToken("no session was ever started with this token")
    return game


_Reader = Callable[[Mapping[str, object]], Enquiry | Order]
_READERS: Final[Mapping[tuple[str, str], _Reader]] = MappingProxyType(
    {
        ("GET", "/balance"): _read_balance,
        ("POST", "/bet"): _read_bet,
        ("POST", "/win"): _read_win,
        ("POST", "/refund"): _read_refund,
    }
)

DIALECT: Final = Swipe()
