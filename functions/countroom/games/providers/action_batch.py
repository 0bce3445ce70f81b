"""The action batch, as the SOFTSWISS and BGaming family of providers speaks it: one route, `/play`, with a list of actions.

No actions ask for the balance. Actions are bets, wins and rollbacks of one player in one round of one game: all of them happen, in
their order, or none does; one that has happened already keeps its first outcome beside new ones. Amounts are whole minor units of
the currency (its exponent in ISO 4217). A refusal is HTTP 412 with the protocol's number for it, bad form is 400.

The signature is the hexadecimal HMAC-SHA256 over the raw body, in X-REQUEST-SIGN or as ``Authorization: HMAC-SHA256 <hex>``; the
first goes before the second, and a call is as good as the one that is looked at.

Decided here, where public implementations are silent. The protocol carries no session, so a bet is bound to player, game and
currency and needs none; status, game and limits gate it as any other. A win names no bet, so none is looked for. An id with other
content is 400. `finished` ends the round of the actions beside it, a win of nothing does not; without actions there is nothing to
keep it with. The refusal of a bet for want of money, or by a limit, is written down, so that the same action sent again cannot
turn into a debit later; nothing else of its batch is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from countroom import money
from countroom.games.providers import signing, strict
from countroom.games.providers.dialect import (
    Batch,
    Call,
    Cause,
    Declined,
    Done,
    Enquiry,
    Failed,
    Fault,
    Reply,
    Request,
    our_id,
)
from countroom.ledger.book import BATCH_MAX
from countroom.ledger.movements import Bet, Movement, Reason, Reference, Rollback, Win, is_player_id
from countroom.money import Currency

PROVIDER: Final = "action_batch"
SOURCE: Final = "game:batch"
SIGNATURE_HEADER: Final = "x-request-sign"
OK: Final = "ok"
PATIENCE_S: Final = 2.5
"""The family's documents name no figure; half of what the most patient of the others wait."""

_AUTHORIZATION_SCHEME: Final = "HMAC-SHA256 "
_LATE_ORIGINALS: Final = frozenset({Reason.ROLLED_BACK})


class Word(NamedTuple):
    """How an outcome is said: HTTP status, the protocol's number, and a message."""

    status: int
    code: int
    message: str


_MALFORMED: Final = Word(400, 400, "Malformed request")
_CONFLICT: Final = Word(400, 400, "The action cannot be accepted")
_FUNDS: Final = Word(412, 100, "Not enough funds")
_PLAYER: Final = Word(412, 101, "Player is invalid")
_DISABLED: Final = Word(412, 110, "Player is disabled")
_CURRENCY: Final = Word(412, 154, "Currency is not allowed")
_UNKNOWN: Final = Word(500, 500, "Unknown error")

WORDS: Final[Mapping[Cause, Word]] = MappingProxyType(
    {
        Fault.BAD_SIGNATURE: Word(403, 403, "Forbidden"),
        Fault.BAD_SYNTAX: _MALFORMED,
        Fault.BAD_TYPES: _MALFORMED,
        Fault.LATE_ORIGINAL: _CONFLICT,
        Fault.OWN_STAKE: Word(412, 105, "The stake is above a limit of the player"),
        Fault.TIME_USED: Word(412, 105, "The player's time without a break has been used"),
        Fault.KEYS_UNAVAILABLE: _UNKNOWN,
        Fault.GAMES_UNAVAILABLE: _UNKNOWN,
        Fault.OUT_OF_TIME: _UNKNOWN,
        Fault.BROKEN: _UNKNOWN,
        Reason.UNKNOWN_PLAYER: _PLAYER,
        Reason.WRONG_CURRENCY: _CURRENCY,
        Reason.GAME_CURRENCY: _CURRENCY,
        Reason.INVALID_AMOUNT: _MALFORMED,
        Reason.INSUFFICIENT_FUNDS: _FUNDS,
        Reason.NEGATIVE_BALANCE: _FUNDS,
        Reason.WALLET_BLOCKED: _DISABLED,
        Reason.WALLET_EXCLUDED: _DISABLED,
        Reason.GAME_UNAVAILABLE: Word(412, 107, "Game is forbidden to the player"),
        Reason.STAKE_OUT_OF_RANGE: Word(412, 106, "The stake is outside the game's limits"),
        Reason.LIMIT_REACHED: Word(412, 105, "A limit of the player has been reached"),
        Reason.REALITY_CHECK_DUE: Word(412, 105, "The player has to acknowledge a reality check"),
        Reason.DUPLICATE_TRANSACTION: _CONFLICT,
        Reason.REFERENCE_MISMATCH: _CONFLICT,
        Reason.BATCH_TOO_LARGE: Word(400, 400, f"At most {BATCH_MAX} actions in one request"),
        # No call of this protocol ends in these words. They are known refusals all the same.
        Fault.BAD_TOKEN: _PLAYER,
        Fault.TOKEN_EXPIRED: _PLAYER,
        Reason.SESSION_UNKNOWN: _PLAYER,
        Reason.SESSION_EXPIRED: _PLAYER,
        Reason.ROLLED_BACK: _CONFLICT,
        Reason.REFERENCE_UNKNOWN: _CONFLICT,
        Reason.PLAYER_EXISTS: _CONFLICT,
        Reason.LIMIT_RAISE: _CONFLICT,
        Reason.NOTHING_PENDING: _CONFLICT,
        Reason.TOO_EARLY: _CONFLICT,
        Reason.EXCLUSION_RUNS: _CONFLICT,
        Reason.BALANCE_REMAINS: _CONFLICT,
        Reason.ALREADY_RESOLVED: _CONFLICT,
        Reason.COMPANION_CONFLICT: _CONFLICT,
    }
)


class ActionBatch:
    """The dialect. Amounts inside are nanos, on the wire whole minor units."""

    provider = PROVIDER

    def keys(self, secret: Mapping[str, Any]) -> Sequence[bytes]:
        """Read ``{"secrets": [...]}``. Raise ValueError."""
        return signing.shared_secrets(secret)

    def authentic(self, call: Call, keys: Sequence[bytes]) -> bool:
        """Verify the signature over the raw body."""
        signature = call.headers.get(SIGNATURE_HEADER)
        if signature is None:
            authorization = call.headers.get("authorization", "")
            signature = authorization.removeprefix(_AUTHORIZATION_SCHEME) if authorization.startswith(_AUTHORIZATION_SCHEME) else ""
        return signing.signed_by_one(signature, call.body, keys)

    def patience_s(self, call: Call) -> float:
        """Return PATIENCE_S, whatever is asked."""
        del call
        return PATIENCE_S

    def understand(self, call: Call) -> Enquiry | Batch:
        """Read a signed call: a question for the balance or a batch. Raise as the protocol of dialects says."""
        if (call.method, call.path) != ("POST", "/play"):
            raise strict.BadSyntax("no such route")
        body = strict.read_object(call.body)
        player_id, code = strict.identifier(body, "user_id"), strict.identifier(body, "currency")
        closes = strict.optional_flag(body, "finished")
        game, game_round = (strict.optional_identifier(body, name) or "" for name in ("game", "game_id"))
        actions = strict.objects(body, "actions")
        if not is_player_id(player_id):
            raise Declined(Reason.UNKNOWN_PLAYER)
        if not actions:
            return Enquiry(game_round, player_id, session=None, currency=code)
        if not game or not game_round:
            raise strict.BadSyntax("actions belong to a game and a round of it")
        play = _Play(player_id, _currency(code), game, game_round, closes)
        return Batch(game_round, player_id, tuple(_read_action(play, action) for action in actions), _LATE_ORIGINALS)

    def answer(self, call: Call, request: Request | None, result: Done | Failed) -> Reply:
        """Write the balance and our own ids in the order of the actions, or what is wrong."""
        del call
        body: dict[str, object]
        if isinstance(result, Failed):
            word = WORDS[result.cause]
            return Reply(word.status, _encode({"code": word.code, "message": word.message}), str(word.code))
        body = {"balance": money.to_scaled(result.available, money.currency(result.currency).exponent)}
        if request is not None and request.request_id:
            body["game_id"] = request.request_id
        if isinstance(request, Batch):
            names = [movement.reference for movement in request.movements]
            body["transactions"] = [{"action_id": name.transaction_id, "tx_id": our_id(name)} for name in names]
        return Reply(200, _encode(body), OK)


class _Play(NamedTuple):
    """What the actions of one call share. `closes`: each of them says that the round is over, for any may be a repeat."""

    player_id: str
    currency: Currency
    game: str
    round: str
    closes: bool | None


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def _currency(code: str) -> Currency:
    try:
        return money.currency(code)
    except money.UnknownCurrency:
        raise Declined(Reason.WRONG_CURRENCY) from None


def _read_action(play: _Play, action: Mapping[str, object]) -> Movement:
    reader = _READERS.get(strict.text(action, "action"))
    if reader is None:
        raise strict.BadType("no such action")
    return reader(play, Reference(SOURCE, strict.identifier(action, "action_id")), action)


def _read_bet(play: _Play, reference: Reference, action: Mapping[str, object]) -> Movement:
    return Bet(reference, play.player_id, play.currency.code, _amount(play, action), play.game, play.round, closes=play.closes)


def _read_win(play: _Play, reference: Reference, action: Mapping[str, object]) -> Movement:
    return Win(reference, play.player_id, play.currency.code, _amount(play, action), play.game, play.round, closes=play.closes)


def _read_rollback(play: _Play, reference: Reference, action: Mapping[str, object]) -> Movement:
    """Read a rollback: an amount in it is not looked at, what was booked counts."""
    target = Reference(SOURCE, strict.identifier(action, "original_action_id"))
    return Rollback(reference, play.player_id, target, play.game, play.round, play.closes)


def _amount(play: _Play, action: Mapping[str, object]) -> int:
    return money.from_scaled(strict.whole(action, "amount"), play.currency.exponent)


_Reader = Callable[[_Play, Reference, Mapping[str, object]], Movement]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType({"bet": _read_bet, "win": _read_win, "rollback": _read_rollback})

DIALECT: Final = ActionBatch()
