"""The wallet: the one item that decides everything about one player's money.

Pure values. Amounts are nanos of the wallet's currency, instants are epoch milliseconds.

A wallet is written in a few runs of bytes rather than in words: with every limit and a raise of each pending, an exclusion, the
clock of play and four game sessions it must still fit into one kilobyte, which is one write unit.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

from countroom.ledger.movements import DIGEST_BYTES, INSTANT_END, ExclusionKind, LimitKind, Period, Status

NO_HASH: Final = bytes(32)
"""What the first link of a chain has as its predecessor."""

SESSIONS_MAX: Final = 4
WALLET_FORMAT: Final = 1
"""The first byte of a wallet: which fields follow."""

_STATE_BYTES: Final = 16
_STATUSES: Final = tuple(Status)
_EXCLUSIONS: Final = tuple(ExclusionKind)
_SECOND_MS: Final = 1000
_INSTANT: Final = 6
_SECOND: Final = 5
_SUM: Final = 11  # a balance or lifetime total, signed: ten thousand times the largest movement and more
_SUMS: Final = 9
_CAP: Final = 9
_USED: Final = 10
_USED_TOP: Final = (1 << (8 * _USED)) - 1
_INDEX: Final = 2
INDEX_TOP: Final = (1 << (8 * _INDEX)) - 1
"""The last window that a limit can count in: with days, 179 years after its start."""

_VERSION: Final = 5
_SHORT: Final = 1 + _CAP
_LONG: Final = _SHORT + _USED + _INSTANT + _INDEX + _VERSION
_HEADS: Final = {(kind, period): at for at, (kind, period) in enumerate(product(LimitKind, Period))}
_NAMES: Final = tuple(_HEADS)
_PENDING: Final = 0x20
_REMOVAL: Final = 0x40
_CONFIRM: Final = 0x80
_NAME: Final = 0x1F


class Packed(NamedTuple):
    """A wallet as bytes: its core, and what it may lack."""

    core: bytes
    sessions: bytes = b""
    limits: bytes = b""
    exclusion: bytes = b""
    play: bytes = b""


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


class Pending(NamedTuple):
    """A raise that waits: the cap (None: no limit any more) from `at_ms` on, a whole second; `confirm`: once it is confirmed."""

    cap: int | None
    at_ms: int
    confirm: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: at most `cap` nanos in each period since `anchor_ms`, its start. Of a session, `cap` is milliseconds.

    `used` counts what the versions after `after` have used in the window of number `index` (0 the first). So which movements it
    counts does not depend on clocks: each has its version.
    """

    kind: LimitKind
    period: Period
    cap: int
    used: int = 0
    anchor_ms: int = 0
    index: int = 0
    after: int = 0
    pending: Pending | None = None

    @property
    def name(self) -> str:
        """As records and answers name it: ``deposit 24h``, ``stake each``."""
        return f"{self.kind} {self.period}"

    def packed(self) -> bytes:
        """Write the limit. A use beyond what the field holds is far beyond any cap and stays at the top."""
        head, pending = _HEADS[self.kind, self.period], self.pending
        if pending:
            head |= _PENDING | (_CONFIRM if pending.confirm else 0) | (_REMOVAL if pending.cap is None else 0)
        if self.period is Period.EACH:
            parts = (head << 8 * _CAP | self.cap).to_bytes(_SHORT, "big")
        else:  # as one number, which costs a quarter of one after the other
            number = (head << 8 * _CAP | self.cap) << 8 * _USED | min(self.used, _USED_TOP)
            number = (number << 8 * _INSTANT | self.anchor_ms) << 8 * _INDEX | self.index
            parts = (number << 8 * _VERSION | self.after).to_bytes(_LONG, "big")
        if pending:
            parts += (pending.at_ms // _SECOND_MS).to_bytes(_SECOND, "big")
            parts += b"" if pending.cap is None else pending.cap.to_bytes(_CAP, "big")
        return parts


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A time-out or exclusion. `reopens_at_ms` is 0 until the player has asked for the account to be opened again."""

    kind: ExclusionKind
    since_ms: int
    until_ms: int
    reopens_at_ms: int = 0

    def runs(self, now_ms: int) -> bool:
        """Whether it keeps the player away at an instant: a time-out ends by time alone, all others where they are reopened."""
        if self.kind is ExclusionKind.TIME_OUT:
            return now_ms < self.until_ms
        return not self.reopens_at_ms or now_ms < self.reopens_at_ms

    def packed(self) -> bytes:
        """Write the exclusion."""
        instants = (self.since_ms, self.until_ms, self.reopens_at_ms)
        return bytes((_EXCLUSIONS.index(self.kind),)) + b"".join(instant.to_bytes(_INSTANT, "big") for instant in instants)


class PlayClock(NamedTuple):
    """How long the player plays without a break, and what is asked of that time.

    `started_ms` is when this stretch of play began (0: there was none yet), `last_ms` its last bet, `checked_ms` when the player
    last looked up; `staked0` and `won0` are the lifetime totals at its start. `interval_ms` is how often a reality check is due (0:
    never), `grown_on` the day since 1970-01-01 from which the higher stake caps count (0: not known).
    """

    started_ms: int = 0
    last_ms: int = 0
    checked_ms: int = 0
    staked0: int = 0
    won0: int = 0
    interval_ms: int = 0
    grown_on: int = 0

    def packed(self) -> bytes:
        """Write the clock; nothing for one that never ran."""
        if self == NEVER_PLAYED:
            return b""
        numbers = zip(self, _CLOCK, strict=True)
        return b"".join(number.to_bytes(size, "big", signed=size == _SUM) for number, size in numbers)


_CLOCK: Final = (_INSTANT, _INSTANT, _INSTANT, _SUM, _SUM, 4, 3)
NEVER_PLAYED: Final = PlayClock()


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
    exclusion: Exclusion | None = None
    play: PlayClock = NEVER_PLAYED
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

    def limit(self, kind: LimitKind, period: Period) -> Limit | None:
        """Return a limit as it was last written; `rules.limits.in_force` says how it stands at an instant."""
        return next((limit for limit in self.limits if limit.kind is kind and limit.period is period), None)

    def packed(self) -> Packed:
        """Write everything but name, version and head, as it is stored and as `state` covers it."""
        total = self.totals
        lifetime = (total.deposited, total.withdrawn, total.staked, total.won, total.adjusted, total.bonus)
        numbers = (self.cash, self.bonus, self.held, *lifetime)
        sums = b"".join([number.to_bytes(_SUM, "big", signed=True) for number in numbers])
        core = bytes((WALLET_FORMAT, _STATUSES.index(self.status))) + sums + f"{self.country}{self.currency}".encode("ascii")
        return Packed(
            core,
            b"".join([entry.packed() for entry in self.sessions]),
            b"".join([limit.packed() for limit in self.limits]),
            self.exclusion.packed() if self.exclusion else b"",
            self.play.packed(),
        )

    @classmethod
    def read(cls, player_id: str, version: int, packed: Packed, head: bytes, head_key: str) -> "Wallet":
        """Read what `packed` wrote; raise IndexError, TypeError or ValueError for anything else."""
        core = packed.core
        starts = range(2, 2 + _SUMS * _SUM, _SUM)
        cash, bonus, held, *totals = [int.from_bytes(core[at : at + _SUM], "big", signed=True) for at in starts]
        names = core[2 + _SUMS * _SUM :].decode("ascii")
        wallet = cls(
            player_id=player_id,
            currency=names[_COUNTRY:],
            country=names[:_COUNTRY],
            version=version,
            cash=cash,
            bonus=bonus,
            held=held,
            status=_STATUSES[core[1]],
            totals=Totals(*totals),
            sessions=tuple(_unpacked_sessions(packed.sessions)),
            limits=tuple(_unpacked_limits(packed.limits)),
            exclusion=_unpacked_exclusion(packed.exclusion) if packed.exclusion else None,
            play=_unpacked_play(packed.play) if packed.play else NEVER_PLAYED,
            head=head,
            head_key=head_key,
        )
        if wallet.packed() != packed:
            raise ValueError("not a wallet as it is written")
        return wallet

    def state(self) -> bytes:
        """Sixteen bytes over everything but the head: a record carries it, so that an edit of any field of the wallet shows."""
        parts = self.packed()
        covered = f"{self.player_id}\x1f{self.version}".encode()
        covered += b"".join([b"\x1f%d\x1f%b" % (len(part), part) for part in parts])
        return hashlib.blake2b(covered, digest_size=_STATE_BYTES).digest()


_COUNTRY: Final = 2


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
    at = 0
    while at < len(packed):
        start, head = at, packed[at]
        kind, period = _NAMES[head & _NAME]
        at += _SHORT if period is Period.EACH else _LONG
        cap = int.from_bytes(packed[start + 1 : start + _SHORT], "big")
        used, anchor_ms, index, after = (0, 0, 0, 0) if period is Period.EACH else _counter(packed[start + _SHORT : at])
        pending = None
        if head & _PENDING:
            at_ms = int.from_bytes(packed[at : at + _SECOND], "big") * _SECOND_MS
            at += _SECOND + (0 if head & _REMOVAL else _CAP)
            raised = None if head & _REMOVAL else int.from_bytes(packed[at - _CAP : at], "big")
            pending = Pending(raised, at_ms, bool(head & _CONFIRM))
        yield Limit(kind, period, cap, used, anchor_ms, index, after, pending)


def _counter(packed: bytes) -> tuple[int, int, int, int]:
    number = int.from_bytes(packed, "big")
    after, number = number & (1 << 8 * _VERSION) - 1, number >> 8 * _VERSION
    index, number = number & INDEX_TOP, number >> 8 * _INDEX
    return number >> 8 * _INSTANT, number & INSTANT_END - 1, index, after


def _unpacked_exclusion(packed: bytes) -> Exclusion:
    kind, *instants = _numbers(packed, (1, _INSTANT, _INSTANT, _INSTANT))
    return Exclusion(_EXCLUSIONS[kind], *instants)


def _unpacked_play(packed: bytes) -> PlayClock:
    return PlayClock(*_numbers(packed, _CLOCK))


def _numbers(packed: bytes, sizes: tuple[int, ...]) -> Iterator[int]:
    """Take numbers of these sizes one after another; only sums of money are signed."""
    at = 0
    for size in sizes:
        yield int.from_bytes(packed[at : at + size], "big", signed=size == _SUM)
        at += size
