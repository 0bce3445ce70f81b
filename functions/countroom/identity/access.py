"""Who is in: one item a player holds the account's standing, its live sessions and whether it has a second factor. Pure.

Every protected request is decided on this item, read strongly, and every change of it raises its version: a session that was ended
by any write is not in the next read. Ending is leaving the list; nothing that left it can come back, because a session's id is
never given out twice.

A session is also the family of its refresh tokens (RFC 9700 §4.14.2): only the newest of them counts, the one before it for a short
grace, once. Any other of a live session was copied, or made up by somebody who has seen the session's id, so the session ends.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from countroom.ledger.movements import Status

SESSIONS_MAX: Final = 8
WRITERS_MAX: Final = 8
"""How many versions back it can be told who wrote one."""

DEVICE_MAX: Final = 64
PLACE_MAX: Final = 43
"""Long enough for any IPv6 network as text."""


class Standing(StrEnum):
    """Whether an account may be used: `frozen` by staff, `closed` by its owner and for good."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class Ended(StrEnum):
    """Why a session ended."""

    LOGGED_OUT = "logged_out"
    ENDED_BY_PLAYER = "ended_by_player"
    ALL_ENDED = "all_ended"
    ENDED_BY_STAFF = "ended_by_staff"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a cause
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a cause
    EMAIL_CHANGED = "email_changed"
    FACTOR_CHANGED = "factor_changed"
    FROZEN = "frozen"
    CLOSED = "closed"
    EXCLUDED = "excluded"
    REUSE = "reuse"
    EXPIRED = "expired"
    TOO_MANY = "too_many"


class SessionEnded(Exception):
    """The session has ended, or never was: no request in its name is answered."""


class AccountFrozen(Exception):
    """Staff have frozen the account."""


class AccountClosed(Exception):
    """The account is closed for good."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things last, in milliseconds.

    A session lasts `absolute_ms` from its login, and `idle_ms` from its login or last refresh: requests between two refreshes are
    not written down. `step_up_ms`: how long a repeated proof counts. `grace_ms`: how long the refresh token before the newest is
    answered.
    """

    absolute_ms: int
    idle_ms: int
    step_up_ms: int = 300_000
    grace_ms: int = 10_000

    def __post_init__(self) -> None:
        if min(self.absolute_ms, self.idle_ms, self.step_up_ms, self.grace_ms) <= 0:
            raise ValueError("a lifetime is longer than nothing")


@dataclass(frozen=True, slots=True)
class Session:
    """One login on one device. Instants are epoch milliseconds.

    `refresh_hash`, `previous_hash`: SHA-256 of the newest refresh token and of the one before. `sealed_pair`: what the one before
    was exchanged for, readable only with it. `device` and `place` (a shortened network address) are for the owner's eyes.
    """

    session_id: str
    refresh_hash: bytes
    created_at_ms: int
    seen_at_ms: int
    device: str = ""
    place: str = ""
    stepped_up_at_ms: int | None = None
    previous_hash: bytes | None = None
    rotated_at_ms: int = 0
    sealed_pair: bytes | None = None

    def ends_at_ms(self, lifetimes: Lifetimes) -> int:
        """Return the instant from which the session is over if nothing is heard of it."""
        return min(self.created_at_ms + lifetimes.absolute_ms, self.seen_at_ms + lifetimes.idle_ms)

    def is_stepped_up(self, lifetimes: Lifetimes, now_ms: int) -> bool:
        """Say whether its owner has proved himself again a short while ago (OWASP ASVS 5.0 7.5.1)."""
        return self.stepped_up_at_ms is not None and now_ms < self.stepped_up_at_ms + lifetimes.step_up_ms


@dataclass(frozen=True, slots=True)
class LastLogin:
    """A login, as the owner is shown it at the next one."""

    at_ms: int
    place: str
    device: str


@dataclass(frozen=True, slots=True)
class Access:
    """A player's access as of one version.

    `epoch`: how often all sessions were ended; a login whose proof was made in an earlier one is worth nothing.
    `writers`: random names of who wrote the last versions, the newest last.
    """

    player_id: str
    standing: Standing = Standing.ACTIVE
    sessions: tuple[Session, ...] = ()
    factor: bool = False
    excluded: bool = False
    last_login: LastLogin | None = None
    epoch: int = 0
    version: int = 1
    writers: tuple[bytes, ...] = ()

    def writer_of(self, version: int) -> bytes | None:
        """Return who wrote a version, None when that is too long ago to be known, or was never written."""
        back = self.version - version
        return self.writers[-1 - back] if 0 <= back < len(self.writers) else None

    @property
    def wallet_status(self) -> Status:
        """What the wallet's status has to be for this standing: the stricter of several wins."""
        if self.standing is Standing.ACTIVE:
            return Status.EXCLUDED if self.excluded else Status.ACTIVE
        return Status.CLOSED if self.standing is Standing.CLOSED else Status.BLOCKED


class Presented(StrEnum):
    """What a refresh token is to its session."""

    NEWEST = "newest"
    GRACE = "grace"  # the one before, a moment ago, for the first time since
    REUSED = "reused"
    UNKNOWN = "unknown"  # no such live session


def live_session(access: Access, session_id: str, lifetimes: Lifetimes, now_ms: int) -> Session:
    """Return a session that lives now. Raises SessionEnded, or AccountFrozen where that is why there is none."""
    for session in live_sessions(access, lifetimes, now_ms):
        if session.session_id == session_id:
            return session
    if access.standing is Standing.FROZEN:
        raise AccountFrozen
    raise SessionEnded


def live_sessions(access: Access, lifetimes: Lifetimes, now_ms: int) -> tuple[Session, ...]:
    """Return the sessions that live now, the newest first. None lives in an account that is not active, whatever the list says."""
    if access.standing is not Standing.ACTIVE:
        return ()
    return tuple(session for session in access.sessions if now_ms < session.ends_at_ms(lifetimes))


def present(access: Access, session_id: str, digest: bytes, lifetimes: Lifetimes, now_ms: int) -> Presented:
    """Say what a refresh token, by its digest, is to the session that it names."""
    try:
        session = live_session(access, session_id, lifetimes, now_ms)
    except (SessionEnded, AccountFrozen):
        return Presented.UNKNOWN
    if hmac.compare_digest(session.refresh_hash, digest):
        return Presented.NEWEST
    before = session.previous_hash is not None and hmac.compare_digest(session.previous_hash, digest)
    if before and session.sealed_pair is not None and now_ms < session.rotated_at_ms + lifetimes.grace_ms:
        return Presented.GRACE
    return Presented.REUSED


def with_session(access: Access, session: Session, lifetimes: Lifetimes) -> tuple[Access, tuple[str, ...]]:
    """Let a new session in at its own instant; also return the ids of those that had to make room, unused longest first.

    Raises AccountFrozen and AccountClosed.
    """
    if access.standing is Standing.FROZEN:
        raise AccountFrozen
    if access.standing is Standing.CLOSED:
        raise AccountClosed
    now_ms = session.created_at_ms
    others = live_sessions(access, lifetimes, now_ms)
    over = max(0, len(others) + 1 - SESSIONS_MAX)
    leaving = tuple(other.session_id for other in sorted(others, key=lambda other: other.seen_at_ms)[:over])
    staying = tuple(other for other in others if other.session_id not in leaving)
    login = LastLogin(now_ms, session.place, session.device)
    return tidied(replace(access, sessions=(session, *staying), last_login=login), lifetimes, now_ms), leaving


def rotated(access: Access, session_id: str, digest: bytes, sealed_pair: bytes, lifetimes: Lifetimes, now_ms: int) -> Access:
    """Put a new refresh token in the place of a session's newest, which becomes the one before."""

    def rotate(session: Session) -> Session:
        return replace(
            session,
            refresh_hash=digest,
            previous_hash=session.refresh_hash,
            sealed_pair=sealed_pair,
            rotated_at_ms=now_ms,
            seen_at_ms=max(now_ms, session.seen_at_ms),
        )

    return tidied(_changed(access, session_id, rotate), lifetimes, now_ms)


def without_pair(access: Access, session_id: str, lifetimes: Lifetimes, now_ms: int) -> Access:
    """Forget what a session's token before the newest was exchanged for: its grace is used."""
    return tidied(_changed(access, session_id, lambda session: replace(session, sealed_pair=None)), lifetimes, now_ms)


def stepped_up(access: Access, session_id: str, lifetimes: Lifetimes, now_ms: int) -> Access:
    """Note that the owner of a session has proved himself again."""
    return tidied(_changed(access, session_id, lambda session: replace(session, stepped_up_at_ms=now_ms)), lifetimes, now_ms)


def without_session(access: Access, session_id: str) -> Access:
    """End one session; does nothing when there is none of that id."""
    return replace(access, sessions=tuple(session for session in access.sessions if session.session_id != session_id))


def without_sessions(access: Access, keep: str | None = None) -> Access:
    """End all sessions but one, and whatever login is under way."""
    kept = tuple(session for session in access.sessions if session.session_id == keep)
    return replace(access, sessions=kept, epoch=access.epoch + 1)


def frozen(access: Access) -> Access:
    """Freeze an account and end its sessions. Raises AccountClosed."""
    if access.standing is Standing.CLOSED:
        raise AccountClosed
    return replace(without_sessions(access), standing=Standing.FROZEN)


def unfrozen(access: Access) -> Access:
    """Let an account be used again; its sessions stay ended. Raises AccountClosed."""
    if access.standing is Standing.CLOSED:
        raise AccountClosed
    return replace(access, standing=Standing.ACTIVE, sessions=access.sessions if access.standing is Standing.ACTIVE else ())


def barred(access: Access) -> Access:
    """Exclude a player from play and end his sessions; he may log in again, to take his money out. Raises AccountClosed."""
    if access.standing is Standing.CLOSED:
        raise AccountClosed
    return excluded(without_sessions(access))


def excluded(access: Access) -> Access:
    """Note that a player is excluded from play."""
    return replace(access, excluded=True)


def closed(access: Access) -> Access:
    """Close an account and end its sessions. Raises AccountFrozen and AccountClosed: neither is its owner's to close."""
    if access.standing is Standing.FROZEN:
        raise AccountFrozen
    if access.standing is Standing.CLOSED:
        raise AccountClosed
    return replace(without_sessions(access), standing=Standing.CLOSED)


def tidied(access: Access, lifetimes: Lifetimes, now_ms: int) -> Access:
    """Drop what has run out: sessions past their end, and sealed pairs past their grace."""
    kept = (
        replace(session, sealed_pair=None) if now_ms >= session.rotated_at_ms + lifetimes.grace_ms else session
        for session in live_sessions(access, lifetimes, now_ms)
    )
    return replace(access, sessions=tuple(kept))


def _changed(access: Access, session_id: str, change: Callable[[Session], Session]) -> Access:
    found = (change(session) if session.session_id == session_id else session for session in access.sessions)
    return replace(access, sessions=tuple(found))
