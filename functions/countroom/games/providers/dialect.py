"""What a provider's dialect is: the words between its wire format and the mechanism that serves it (`desk`).

A dialect is one file: how it signs, what it says, and ONE table from outcome to wire form. It is pure, and it decides nothing about
money: it reads a signed call into a question, a movement or a batch of movements, and puts what came of it into the wire's words.

Two rules hold for every dialect. A refusal that is known is never answered as "unknown": the provider would roll back what never
was. And what is not known is never answered as a refusal: the provider would drop a bet that may have been taken.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from uuid import UUID, uuid5

from countroom.ledger.drafts import Draft
from countroom.ledger.movements import DIGEST_BYTES, Movement, Reason, Reference
from countroom.ledger.sessions import InvalidToken, SessionToken, parse

Key = TypeVar("Key")


class Fault(StrEnum):
    """What a call may end in beside the ledger's own reasons.

    `own_stake` and `time_used` are the ledger's LIMIT_REACHED where the limit is the player's own of a single stake, or of the time
    that he plays without a break: protocols have other words for these than for a sum that is spent.
    """

    BAD_SIGNATURE = "bad_signature"
    BAD_SYNTAX = "bad_syntax"
    BAD_TYPES = "bad_types"
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of an outcome
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of an outcome
    LATE_ORIGINAL = "late_original"
    OWN_STAKE = "own_stake"
    TIME_USED = "time_used"
    KEYS_UNAVAILABLE = "keys_unavailable"
    GAMES_UNAVAILABLE = "games_unavailable"
    OUT_OF_TIME = "out_of_time"
    BROKEN = "broken"


OPEN_OUTCOMES: Final = frozenset({Fault.KEYS_UNAVAILABLE, Fault.GAMES_UNAVAILABLE, Fault.OUT_OF_TIME, Fault.BROKEN})
"""The faults after which nobody knows yet whether the movement stands: the only ones that a dialect may call unknown."""

Cause = Reason | Fault


class Declined(Exception):
    """What a dialect knows to be refused without asking the ledger: a player or a currency that cannot exist."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


# Named tuples here and in the catalogue: they are made ten times faster than frozen dataclasses, and every cold start makes them.


class Call(NamedTuple):
    """One HTTP request of a provider.

    The path is the one below the provider's own, header names are in lower case, the body and the query string as they came.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    query: str = ""


class Enquiry(NamedTuple):
    """A question for a player's balance.

    `session` is the digest to be checked, `currency` the code that the wallet must have; None asks without one.
    """

    request_id: str
    player_id: str
    session: bytes | None
    currency: str | None = None


class Order(NamedTuple):
    """A movement as a provider asks for it. `own_token`: the token that came with it is one of this player's.

    A `Draft` is a movement of which the wire leaves the wallet to say the rest; what it becomes is a bet, a win or a rollback.
    """

    request_id: str
    movement: Movement | Draft
    own_token: bool = True


class Batch(NamedTuple):
    """Movements of one player and currency, in order, all or none. Refusals of the `tolerated` reasons do not refuse the rest."""

    request_id: str
    player_id: str
    movements: tuple[Movement, ...]
    tolerated: frozenset[Reason] = frozenset()


Request = Enquiry | Order | Batch


class Done(NamedTuple):
    """What was asked for stands. `available` is what the player can stake now, in nanos.

    `moved`: this call made it so; `bets`: how many stakes it took.
    """

    player_id: str
    currency: str
    country: str
    available: int
    moved: bool
    bets: int = 0


class Failed(NamedTuple):
    """It does not, or nobody knows. `available` is in nanos where the ledger told it."""

    cause: Cause
    available: int | None = None


class Reply(NamedTuple):
    """What goes back over the wire. `code` is the dialect's own word for the outcome, for logs and metrics."""

    status: int
    body: str
    code: str


class Dialect(Protocol[Key]):
    """One provider's wire format. Pure: no network, no clock."""

    provider: str

    def keys(self, secret: Mapping[str, Any]) -> Sequence[Key]:
        """Read at least one key from the provider's secret; raise ValueError when there is none to be trusted."""
        ...

    def authentic(self, call: Call, keys: Sequence[Key]) -> bool:
        """Say whether one of the keys signed this call, in time that does not depend on how wrong it is. Never raises."""
        ...

    def patience_s(self, call: Call) -> float:
        """Return within how many seconds an answer must be out: the provider's own budget less the way there and back."""
        ...

    def understand(self, call: Call) -> Request:
        """Read a signed call; raise BadSyntax, BadType, InvalidToken, InvalidAmount, InvalidReference or Declined."""
        ...

    def answer(self, call: Call, request: Request | None, result: Done | Failed) -> Reply:
        """Put an outcome into the wire's words. `request` is None when the call was not understood. Never raises."""
        ...


NO_SESSION: Final = bytes(DIGEST_BYTES)
"""The digest of no token: a bet that carries it is refused as of an unknown session, but only after its duplicates."""


def token_of(text: str) -> SessionToken | None:
    """Read a session token; None for anything that cannot be one."""
    try:
        return parse(text)
    except InvalidToken:
        return None


_OUR_IDS: Final = UUID("7d0c0f3e-3a54-5bb5-8f5e-5a1c8f7b2d64")


def free_of(amount: int) -> str:
    """Return what a record keeps of a free bet or win of so many nanos, of which nothing is booked."""
    return f"free {amount}"


def our_id(reference: Reference) -> str:
    """Return our own id of a movement for protocols that want one: a UUID (version 5) of its name, so the same for every repeat."""
    return str(uuid5(_OUR_IDS, reference.text))
