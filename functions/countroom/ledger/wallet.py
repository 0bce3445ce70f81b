"""The wallet: the one item that decides everything about one player's money.

Pure values. Amounts are nanos of the wallet's currency, instants are epoch milliseconds.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from countroom.ledger.movements import DIGEST_BYTES, LimitKind, Status

NO_HASH: Final = bytes(32)
"""What the first link of a chain has as its predecessor."""

SESSIONS_MAX: Final = 4
LIMITS_MAX: Final = 9
_STATE_BYTES: Final = 16
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode  # made once: it is asked for every movement


_KINDS: Final = (LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS)
_SECOND_MS: Final = 1000
_INSTANT: Final = 6
_AMOUNT: Final = 10
_AMOUNT_TOP: Final = (1 << (8 * _AMOUNT)) - 1
_LIMIT_PARTS: Final = ((0, 1), (1, 5), (5, 15), (15, 25), (25, 31))
_LIMIT_BYTES: Final = 31


class Packed(NamedTuple):
    """The parts of a wallet that grow, as bytes: a full wallet must still fit into one kilobyte."""

    sessions: bytes = b""
    limits: bytes = b""


@dataclass(frozen=True, slots=True)
class Totals:
    """Lifetime sums. Cash + bonus + held = deposited - withdrawn - staked + won + adjusted + bonus, at every version."""

    deposited: int = 0
    withdrawn: int = 0
    staked: int = 0
    won: int = 0
    adjusted: int = 0
    bonus: int = 0

    @property
    def balance(self) -> int:
        """What the balances must add up to."""
        return self.deposited - self.withdrawn - self.staked + self.won + self.adjusted + self.bonus


@dataclass(frozen=True, slots=True)
class GameSession:
    """The current session at one provider, and the digest of the one that it replaced."""

    provider: str
    digest: bytes
    previous: bytes
    expires_at_ms: int

    def packed(self) -> bytes:
        """Write the session: provider and earlier digest with their lengths, the digest, the expiry."""
        name = self.provider.encode("ascii")
        expiry = self.expires_at_ms.to_bytes(_INSTANT, "big")
        return bytes((len(name),)) + name + self.digest + bytes((len(self.previous),)) + self.previous + expiry


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: at most `cap` nanos within `period_ms` from `since_ms` on; then a new period starts with the next use."""

    kind: LimitKind
    period_ms: int
    cap: int
    used: int
    since_ms: int

    def packed(self) -> bytes:
        """Write the limit. A use beyond what the field holds is far beyond any cap and stays at the top."""
        used = min(self.used, _AMOUNT_TOP).to_bytes(_AMOUNT, "big")
        period, cap = (self.period_ms // _SECOND_MS).to_bytes(4, "big"), self.cap.to_bytes(_AMOUNT, "big")
        return bytes((_KINDS.index(self.kind),)) + period + cap + used + self.since_ms.to_bytes(_INSTANT, "big")

    def at(self, now_ms: int) -> "Limit":
        """Return the counter as it stands at an instant."""
        if now_ms < self.since_ms + self.period_ms:
            return self
        periods = (now_ms - self.since_ms) // self.period_ms
        return replace(self, used=0, since_ms=self.since_ms + periods * self.period_ms)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A player's money and all that may refuse a movement of it, at one version.

    `head` is the hash and `head_key` the name of the record that made this version.
    """

    player_id: str
    currency: str
    country: str
    version: int = 0
    cash: int = 0
    bonus: int = 0
    held: int = 0
    status: Status = Status.ACTIVE
    totals: Totals = Totals()
    sessions: tuple[GameSession, ...] = ()
    limits: tuple[Limit, ...] = ()
    head: bytes = NO_HASH
    head_key: str = ""

    @property
    def available(self) -> int:
        """What can be staked, in nanos."""
        return self.cash + self.bonus

    @property
    def proves_itself(self) -> bool:
        """Whether the balances equal the lifetime totals."""
        return self.cash + self.bonus + self.held == self.totals.balance

    def session(self, provider: str) -> GameSession | None:
        """Return the current session at a provider."""
        return next((entry for entry in self.sessions if entry.provider == provider), None)

    def text(self) -> str:
        """Write everything but name, version and head, as it is stored and as `state` covers it."""
        total = self.totals
        fields = {
            "m": self.currency,
            "l": self.country,
            "y": self.status,
            "b": (self.cash, self.bonus, self.held),
            "t": (total.deposited, total.withdrawn, total.staked, total.won, total.adjusted, total.bonus),
        }
        return _encode(fields)

    def packed_sessions(self) -> bytes:
        """Pack the sessions, at most 55 bytes each."""
        return b"".join(entry.packed() for entry in self.sessions)

    def packed_limits(self) -> bytes:
        """Pack the limits, 31 bytes each."""
        return b"".join(entry.packed() for entry in self.limits)

    @classmethod
    def read(cls, player_id: str, version: int, text: str, packed: Packed, head: bytes, head_key: str) -> "Wallet":
        """Read what `text` and the two packings wrote; raise KeyError, TypeError or ValueError for anything else."""
        fields = json.loads(text)
        cash, bonus, held = fields["b"]
        wallet = cls(
            player_id=player_id,
            currency=fields["m"],
            country=fields["l"],
            version=version,
            cash=cash,
            bonus=bonus,
            held=held,
            status=Status(fields["y"]),
            totals=Totals(*fields["t"]),
            sessions=tuple(_unpacked_sessions(packed.sessions)),
            limits=tuple(_unpacked_limits(packed.limits)),
            head=head,
            head_key=head_key,
        )
        written = (wallet.text(), wallet.packed_sessions(), wallet.packed_limits())
        whole = all(type(number) is int for number in (*fields["b"], *fields["t"]))
        if written != (text, packed.sessions, packed.limits) or not whole:
            raise ValueError("not a wallet as it is written")
        return wallet

    def state(self) -> bytes:
        """Sixteen bytes over everything but the head: a record carries it, so that an edit of any field of the wallet shows."""
        covered = f"{self.player_id}\x1f{self.version}\x1f{self.text()}\x1f".encode()
        covered += self.packed_sessions() + b"\x1f" + self.packed_limits()
        return hashlib.blake2b(covered, digest_size=_STATE_BYTES).digest()


def _unpacked_sessions(packed: bytes) -> Iterator[GameSession]:
    at = 0
    while at < len(packed):
        name_ends = at + 1 + packed[at]
        previous_at = name_ends + DIGEST_BYTES
        expiry_at = previous_at + 1 + packed[previous_at]
        at, provider = expiry_at + _INSTANT, packed[at + 1 : name_ends].decode("ascii")
        digest, previous = packed[name_ends:previous_at], packed[previous_at + 1 : expiry_at]
        yield GameSession(provider, digest, previous, int.from_bytes(packed[expiry_at:at], "big"))


def _unpacked_limits(packed: bytes) -> Iterator[Limit]:
    for at in range(0, len(packed), _LIMIT_BYTES):
        kind, period, cap, used, since = (packed[at + begin : at + end] for begin, end in _LIMIT_PARTS)
        numbers = (int.from_bytes(part, "big") for part in (cap, used, since))
        yield Limit(_KINDS[kind[0]], int.from_bytes(period, "big") * _SECOND_MS, *numbers)
