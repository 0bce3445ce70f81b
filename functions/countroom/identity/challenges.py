"""The one way in which a code proves that somebody reads a mailbox: registration, a forgotten password, a change of address.

Whoever asks gets a token, and the mailbox gets a code; only both together are worth anything. So nobody can ask for somebody
else: who holds the token has not the code, and who gets the code has not the token.

At most five different codes are ever checked of one challenge, however many come at once: a guess is written down before it is
looked at, by one conditional write that is the same however often it is sent. The same guess again costs nothing and tells nothing
new, so a caller whose answer was lost can ask again.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from countroom.clock import Clock
from countroom.identity import codes
from countroom.identity.digests import subject_digest
from countroom.identity.refusals import InvalidCode
from countroom.identity.table import Item, Table

GUESSES_MAX: Final = 5
"""Different codes that are checked of one challenge: of 2^40 codes, five tries find one in 2^37 challenges."""

_TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_KEPT_SECONDS: Final = 3600


class Purpose(StrEnum):
    """What a challenge is for; it is worth nothing for anything else."""

    REGISTRATION = "registration"
    RESET = "reset"
    EMAIL_CHANGE = "email_change"


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """What who asks gets: a token that counts together with the code in the mailbox, and its lifetime in seconds."""

    token: str
    expires_in: int


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """A fresh challenge: the token for who asks, the code for the mailbox. It ends at an instant in epoch milliseconds."""

    token: str
    code: str
    lifetime_ms: int
    expires_at_ms: int

    @property
    def begun(self) -> Begun:
        """What of it is for who asks."""
        return Begun(self.token, self.lifetime_ms // 1000)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it is kept. `digest` is its token's; `used` says that what it was for has been done."""

    digest: str
    purpose: Purpose
    player_id: str
    code_digest: str
    sealed: bytes
    expires_at_ms: int
    used: bool = False


class ChallengeStore:
    """Challenges in the players table: `CHALLENGE#<purpose>#<digest>`, `CHALLENGE`. No other file spells this item."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, challenge: Challenge) -> None:
        """Keep a fresh challenge. Raises Unavailable."""
        # The digest has 256 random bits: what stands there already is this very item, of which the first answer was lost.
        self._table.put(_from_challenge(challenge), "attribute_not_exists(pk)")

    def guess(self, purpose: Purpose, digest: str, guess: str, now_ms: int) -> Challenge | None:
        """Write a guess down and return the challenge to compare it with; None when it must not be checked.

        Sent twice it is written once: a set holds nothing twice. Raises Unavailable.
        """
        few = "attribute_not_exists(guesses) OR size(guesses) < :most OR contains(guesses, :guess)"
        item = self._table.update(
            Key=_key(purpose, digest),
            UpdateExpression="ADD guesses :guesses",
            ConditionExpression=f"attribute_exists(pk) AND expires_at_ms > :now AND ({few})",
            ExpressionAttributeValues={
                ":now": {"N": str(now_ms)},
                ":most": {"N": str(GUESSES_MAX)},
                ":guess": {"S": guess},
                ":guesses": {"SS": [guess]},
            },
        )
        return _to_challenge(item) if item else None

    def use(self, challenge: Challenge) -> Item:
        """Return the part of a transaction that uses a challenge up, on the condition that nobody has."""
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": _key(challenge.purpose, challenge.digest),
            "UpdateExpression": "SET used = :yes",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(used)",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
        return {"Update": update}


class Challenges:
    """Issues challenges and checks what is answered to them."""

    def __init__(self, store: ChallengeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def issue(self, purpose: Purpose, player_id: str, lifetime_ms: int, sealed: bytes = b"") -> Issued:
        """Make and keep a challenge. Raises Unavailable."""
        token, code = secrets.token_urlsafe(_TOKEN_BYTES), codes.new_code()
        digest, expires_at_ms = subject_digest(token), self._clock() + lifetime_ms
        self._store.put(Challenge(digest, purpose, player_id, codes.code_digest(digest, code), sealed, expires_at_ms))
        return Issued(token, code, lifetime_ms, expires_at_ms)

    def prove(self, purpose: Purpose, token: str, text: str) -> Challenge:
        """Return the challenge of which token and code were given, a used one too. Raises InvalidCode and Unavailable."""
        code = codes.normalise_code(text)
        if code is None or not _TOKEN.fullmatch(token):
            raise InvalidCode
        digest = subject_digest(token)
        guess = codes.code_digest(digest, code)
        challenge = self._store.guess(purpose, digest, guess, self._clock())
        if challenge is None or not hmac.compare_digest(challenge.code_digest, guess):
            raise InvalidCode
        return challenge

    def use(self, challenge: Challenge) -> Item:
        """Return the part of a transaction that uses a challenge up; it refuses the second time."""
        return self._store.use(challenge)


def _key(purpose: Purpose, digest: str) -> Item:
    return {"pk": {"S": f"CHALLENGE#{purpose}#{digest}"}, "sk": {"S": "CHALLENGE"}}


def _from_challenge(challenge: Challenge) -> Item:
    return {
        **_key(challenge.purpose, challenge.digest),
        "player_id": {"S": challenge.player_id},
        "code_digest": {"S": challenge.code_digest},
        "sealed": {"B": challenge.sealed},
        "expires_at_ms": {"N": str(challenge.expires_at_ms)},
        "expires_at": {"N": str(challenge.expires_at_ms // 1000 + _KEPT_SECONDS)},
    }


def _to_challenge(item: Item) -> Challenge:
    _, purpose, digest = item["pk"]["S"].split("#")
    return Challenge(
        digest=digest,
        purpose=Purpose(purpose),
        player_id=item["player_id"]["S"],
        code_digest=item["code_digest"]["S"],
        sealed=bytes(item["sealed"]["B"]),
        expires_at_ms=int(item["expires_at_ms"]["N"]),
        used=item.get("used", {}).get("BOOL", False),
    )
