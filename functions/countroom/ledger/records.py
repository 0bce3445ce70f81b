"""The record of a movement: what was asked, what came of it, both legs, and its place in the player's chain.

Records are immutable. Each names its predecessor and carries its predecessor's hash, so a changed, missing, moved or added record
shows. Pure values; amounts are nanos, instants are epoch milliseconds.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom.ledger.movements import InvalidReference, Kind, Reason, Reference

RECORD_FORMAT: Final = 1
"""Which fields the hash covers; raised when a field is added, so that old records stay verifiable."""

_PUBLIC_PREFIX: Final = "tx_"
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: it is asked for every movement


class Outcome(StrEnum):
    """What came of a movement: money moved (or the wallet changed), nothing had to, or it was refused."""

    APPLIED = "applied"
    NO_EFFECT = "no_effect"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: what an account gains (or loses, negative) in nanos."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class Balances:
    """A player's balances in nanos at one version of the wallet."""

    currency: str
    cash: int
    bonus: int
    held: int
    version: int

    @property
    def available(self) -> int:
        """What can be staked."""
        return self.cash + self.bonus


@dataclass(frozen=True, slots=True)
class Record:
    """One link of a player's chain. `cash`, `bonus`, `held` are what the movement changed; `after` is what stood then.

    `limit` names the player's limit that has refused it (``deposit 24h``), where one has.
    """

    reference: Reference
    kind: Kind
    outcome: Outcome
    reason: Reason | None
    player_id: str
    amount: int
    cash: int
    bonus: int
    held: int
    counter: str
    after: Balances
    at_ms: int
    game: str
    round: str
    related: Reference | None
    note: str
    fingerprint: bytes
    state: bytes
    previous: bytes
    previous_key: str
    hash: bytes
    limit: str = ""

    @property
    def version(self) -> int:
        """The wallet's version that this record made; contiguous from 1."""
        return self.after.version

    @property
    def public_id(self) -> str:
        """The id a player may quote; `reference_of` reads it back."""
        return public_id_of(self.reference)

    @property
    def postings(self) -> tuple[Posting, ...]:
        """Every leg of the movement; they add up to nothing."""
        changes = (("cash", self.cash), ("bonus", self.bonus), ("held", self.held))
        legs = [Posting(f"player:{self.player_id}:{name}", change) for name, change in changes if change]
        outside = -(self.cash + self.bonus + self.held)
        return (*legs, Posting(self.counter, outside)) if outside else tuple(legs)

    def text(self) -> str:
        """Write everything but name, player, version and the two hashes, as it is stored and as the hash covers it."""
        after = self.after
        fields: dict[str, object] = {
            "i": RECORD_FORMAT,
            "k": self.kind,
            "o": self.outcome,
            "a": self.amount,
            "c": (self.cash, self.bonus, self.held),
            "m": after.currency,
            "b": (after.cash, after.bonus, after.held),
            "t": self.at_ms,
            "f": self.fingerprint.hex(),
            "s": self.state.hex(),
            "w": self.previous_key,
        }
        if self.reason:
            fields["y"] = self.reason
        if self.counter:
            fields["x"] = self.counter
        if self.game:
            fields["g"] = self.game
        if self.round:
            fields["r"] = self.round
        if self.related:
            fields["q"] = self.related.text
        if self.note:
            fields["d"] = self.note
        if self.limit:
            fields["l"] = self.limit
        return _encode(fields)

    @classmethod
    def read(cls, reference: Reference, player_id: str, version: int, text: str, previous: bytes, own_hash: bytes) -> "Record":
        """Read what `text` wrote; raise KeyError, TypeError or ValueError for anything else."""
        fields = json.loads(text)
        cash, bonus, held = fields["c"]
        after_cash, after_bonus, after_held = fields["b"]
        record = cls(
            reference=reference,
            kind=Kind(fields["k"]),
            outcome=Outcome(fields["o"]),
            reason=Reason(fields["y"]) if "y" in fields else None,
            player_id=player_id,
            amount=fields["a"],
            cash=cash,
            bonus=bonus,
            held=held,
            counter=fields.get("x", ""),
            after=Balances(fields["m"], after_cash, after_bonus, after_held, version),
            at_ms=fields["t"],
            game=fields.get("g", ""),
            round=fields.get("r", ""),
            related=Reference.from_text(fields["q"]) if "q" in fields else None,
            note=fields.get("d", ""),
            limit=fields.get("l", ""),
            fingerprint=bytes.fromhex(fields["f"]),
            state=bytes.fromhex(fields["s"]),
            previous=previous,
            previous_key=fields["w"],
            hash=own_hash,
        )
        numbers = (record.amount, cash, bonus, held, after_cash, after_bonus, after_held, record.at_ms)
        if record.text() != text or any(type(number) is not int for number in numbers):
            raise ValueError("not the text of a record")
        return record

    def sealed(self) -> bytes:
        """Return the hash that this record must carry: SHA-256 over its predecessor's hash, its name and place, and its text."""
        covered = f"{self.reference.text}\x1f{self.player_id}\x1f{self.version}\x1f{self.text()}"
        return hashlib.sha256(self.previous + covered.encode()).digest()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What a rollback leaves where a movement that it never saw would be: the late original meets it and moves nothing."""

    reference: Reference
    player_id: str
    by: Reference
    at_ms: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """The marker that a record has been taken back or resolved. There is at most one for each record, ever."""

    of: Reference
    by: Reference
    kind: Kind
    player_id: str


def public_id_of(reference: Reference) -> str:
    """Return the id under which a player may quote the movement of that name."""
    return _PUBLIC_PREFIX + base64.urlsafe_b64encode(reference.text.encode()).decode().rstrip("=")


def reference_of(public_id: str) -> Reference:
    """Read a public transaction id; raise InvalidReference for anything that `public_id_of` did not write."""
    if not public_id.startswith(_PUBLIC_PREFIX):
        raise InvalidReference("not a transaction id")
    body = public_id.removeprefix(_PUBLIC_PREFIX)
    try:
        text = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidReference("not a transaction id") from error
    reference = Reference.from_text(text)
    if public_id_of(reference) != public_id:
        raise InvalidReference("not a transaction id")
    return reference
