"""The mechanism that every provider's dialect shares, and the protocol that a dialect implements.

    signature over the raw bytes → strict parse → movement → post → the wire's answer

A dialect is one file: how it signs, what it says, and ONE table from outcome to wire form. The mechanism decides the order, so
that no dialect can parse what is not signed, or move money before everything is understood. What happens to the money is the
ledger's to decide: duplicate first, then currency, session, status, game, limits and funds, on one version of the wallet.

Two rules hold for every dialect. A refusal that is known is never answered as "unknown": the provider would roll back what never
was. And what is not known is never answered as a refusal: the provider would drop a bet that may have been taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from countroom.clock import Clock
from countroom.games.catalogue import Catalogue
from countroom.games.providers.keys import KeyRing, KeysUnavailable
from countroom.games.providers.strict import BadSyntax, BadType
from countroom.ledger.book import Book, OutcomeUnknown, Refused
from countroom.ledger.movements import DIGEST_BYTES, Bet, InvalidReference, Reason, Rollback, Win
from countroom.ledger.records import Outcome
from countroom.ledger.sessions import InvalidToken, SessionToken, parse
from countroom.money import InvalidAmount

Key = TypeVar("Key")
Movement = Bet | Win | Rollback


class Fault(StrEnum):
    """What a call may end in beside the ledger's own reasons."""

    BAD_SIGNATURE = "bad_signature"
    BAD_SYNTAX = "bad_syntax"
    BAD_TYPES = "bad_types"
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of an outcome
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of an outcome
    LATE_ORIGINAL = "late_original"
    KEYS_UNAVAILABLE = "keys_unavailable"
    OUT_OF_TIME = "out_of_time"
    BROKEN = "broken"


OPEN_OUTCOMES = frozenset({Fault.KEYS_UNAVAILABLE, Fault.OUT_OF_TIME, Fault.BROKEN})
"""The faults after which nobody knows yet whether the movement stands: the only ones that a dialect may call unknown."""

Cause = Reason | Fault


# Named tuples here and in the catalogue: they are made ten times faster than frozen dataclasses, and every cold start makes them.


class Call(NamedTuple):
    """One HTTP request of a provider: the path below the provider's own, header names in lower case, the body as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Enquiry(NamedTuple):
    """A question for a player's balance. `session` is the digest to be checked; None asks without one."""

    request_id: str
    player_id: str
    session: bytes | None


class Order(NamedTuple):
    """A movement as a provider asks for it. `own_token`: the token that came with it is one of this player's."""

    request_id: str
    movement: Movement
    own_token: bool = True


class Done(NamedTuple):
    """What was asked for stands. `available` is what the player can stake now, in nanos; `moved`: this call made it so."""

    player_id: str
    currency: str
    country: str
    available: int
    moved: bool


class Failed(NamedTuple):
    """It does not, or nobody knows. `available` is in nanos where the ledger told it."""

    cause: Cause
    available: int | None = None


class Reply(NamedTuple):
    """What goes back over the wire. `code` is the dialect's own word for the outcome, for logs and metrics."""

    status: int
    body: str
    code: str


class Served(NamedTuple):
    """A call and all that came of it."""

    reply: Reply
    request: Enquiry | Order | None
    result: Done | Failed


class Dialect(Protocol[Key]):
    """One provider's wire format. Pure: no network, no clock."""

    provider: str

    def keys(self, secret: Mapping[str, Any]) -> Sequence[Key]:
        """Read at least one key from the provider's secret; raise ValueError when there is none to be trusted."""
        ...

    def authentic(self, call: Call, keys: Sequence[Key]) -> bool:
        """Say whether one of the keys signed the raw bytes of this call, in time that does not depend on how wrong it is."""
        ...

    def understand(self, call: Call) -> Enquiry | Order:
        """Read a signed call; raise BadSyntax, BadType, InvalidToken, InvalidAmount or InvalidReference."""
        ...

    def answer(self, call: Call, request: Enquiry | Order | None, result: Done | Failed) -> Reply:
        """Put an outcome into the wire's words. `request` is None when the call was not understood. Never raises."""
        ...


class Desk(Generic[Key]):
    """Serves the calls of one provider."""

    def __init__(self, dialect: Dialect[Key], keys: KeyRing[Key], book: Book, catalogue: Catalogue, clock: Clock) -> None:
        self._dialect = dialect
        self._keys = keys
        self._book = book
        self._catalogue = catalogue
        self._clock = clock

    def serve(self, call: Call) -> Served:
        """Do what a call asks and answer it. Every outcome that has a name becomes an answer; a fault of ours is raised."""
        request: Enquiry | Order | None = None
        result: Done | Failed
        try:
            if self._authentic(call):
                request = self._dialect.understand(call)
                result = self._tell(request) if isinstance(request, Enquiry) else self._settle(request)
            else:
                result = Failed(Fault.BAD_SIGNATURE)
        except KeysUnavailable:
            result = Failed(Fault.KEYS_UNAVAILABLE)
        except OutcomeUnknown:
            result = Failed(Fault.OUT_OF_TIME)
        except BadSyntax:
            result = Failed(Fault.BAD_SYNTAX)
        except InvalidToken:
            result = Failed(Fault.BAD_TOKEN)
        except (BadType, InvalidAmount, InvalidReference):
            result = Failed(Fault.BAD_TYPES)
        return Served(self._dialect.answer(call, request, result), request, result)

    def give_up(self, call: Call, fault: Fault) -> Served:
        """Answer a call whose outcome is open (`fault` is one of OPEN_OUTCOMES)."""
        result = Failed(fault)
        return Served(self._dialect.answer(call, None, result), None, result)

    def _authentic(self, call: Call) -> bool:
        if self._dialect.authentic(call, self._keys.current()):
            return True
        # A key that was rotated in a moment ago is not in memory yet.
        renewed = self._keys.renewed()
        return bool(renewed) and self._dialect.authentic(call, renewed)

    def _tell(self, enquiry: Enquiry) -> Done | Failed:
        wallet = self._book.wallet(enquiry.player_id)
        if wallet is None:
            return Failed(Reason.UNKNOWN_PLAYER)
        if enquiry.session is not None:
            current = wallet.session(self._dialect.provider)
            if current is None or enquiry.session not in {current.digest, current.previous}:
                return Failed(Fault.BAD_TOKEN)
            if enquiry.session != current.digest or self._clock() >= current.expires_at_ms:
                return Failed(Fault.TOKEN_EXPIRED)
        return Done(wallet.player_id, wallet.currency, wallet.country, wallet.available, moved=False)

    def _settle(self, order: Order) -> Done | Failed:
        movement = order.movement
        if isinstance(movement, Bet):
            veto = veto_of(self._catalogue, self._dialect.provider, movement)
            if veto is not None:
                movement = replace(movement, veto=veto)
        elif not order.own_token and self._book.find(movement.reference) is None:
            # Where something stands under this name already, posting can only repeat its outcome; the token does not matter.
            return Failed(Fault.BAD_TOKEN)
        outcome = self._book.post(movement)
        if isinstance(outcome, Refused):
            return _failed(outcome)
        moved = not outcome.replayed and outcome.record.outcome is Outcome.APPLIED
        balances = outcome.balances
        return Done(movement.player_id, balances.currency, "", balances.available, moved)


def veto_of(catalogue: Catalogue, provider: str, bet: Bet) -> Reason | None:
    """Say why the house does not take a new bet on this game: unknown or switched off, another currency, stake out of range.

    The ledger puts this in its place: after a duplicate and a bad session, before limits and funds. A free round (no stake)
    has no range.
    """
    game = catalogue.by_code(provider, bet.game)
    if game is None or not game.enabled:
        return Reason.GAME_UNAVAILABLE
    if bet.currency not in game.currencies:
        return Reason.GAME_CURRENCY
    if bet.amount and not game.stake_range(bet.currency).allows(bet.amount):
        return Reason.LIMIT_REACHED
    return None


NO_SESSION = bytes(DIGEST_BYTES)
"""The digest of no token: a bet that carries it is refused as of an unknown session, but only after its duplicates."""


def token_of(text: str) -> SessionToken | None:
    """Read a session token; None for anything that cannot be one."""
    try:
        return parse(text)
    except InvalidToken:
        return None


def _failed(refused: Refused) -> Failed:
    available = refused.balances.available if refused.balances else None
    if refused.reason is Reason.ROLLED_BACK and refused.replayed:
        # A tombstone or reversal stands under the movement's own name: the original comes after its rollback.
        return Failed(Fault.LATE_ORIGINAL, available)
    return Failed(refused.reason, available)
