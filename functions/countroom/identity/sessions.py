"""Sessions as the entrances use them: opening one at login, keeping it by refreshes, checking it at every request, ending it.

Every change is decided on the access that was read and written under its version, with the security event that tells of it in the
same transaction. A lost race is decided again on what stands then, so no two refresh chains can come of one token.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from countroom.clock import Clock
from countroom.identity import access as rules
from countroom.identity import refresh
from countroom.identity.access import (
    Access,
    AccountClosed,
    AccountFrozen,
    Ended,
    LastLogin,
    Lifetimes,
    Presented,
    Session,
    SessionEnded,
)
from countroom.identity.access_store import AccessStore, Stale
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.refresh import Pair, RefreshToken, SealBroken
from countroom.identity.refusals import ChangedMeanwhile, NoSuchAccount, Unavailable
from countroom.identity.table import Item
from countroom.identity.tokens import LIFETIME_SECONDS, Claims, Issuer

ATTEMPTS_MAX: Final = 12
_WAIT_BASE_S: Final = 0.01
_WAIT_MAX_S: Final = 0.2

_EVENT_OF: Final = {
    Ended.LOGGED_OUT: EventKind.LOGGED_OUT,
    Ended.ENDED_BY_PLAYER: EventKind.SESSION_ENDED,
    Ended.TOO_MANY: EventKind.SESSION_ENDED,
    Ended.ALL_ENDED: EventKind.ALL_SESSIONS_ENDED,
    Ended.REUSE: EventKind.REFRESH_REUSED,
}
"""The causes that leave an event of their own. The others are part of something that does, and that comes along in `beside`."""


class RefreshRefused(Exception):
    """Not a refresh token of a live session. Which it lacks is not said."""


class RefreshReused(RefreshRefused):
    """A refresh token that was exchanged before came again, so somebody has a copy: its session has been ended."""

    def __init__(self, player_id: str, session_id: str) -> None:
        super().__init__("a refresh token came twice")
        self.player_id = player_id
        self.session_id = session_id


class StepUpRequired(Exception):
    """The player has not proved himself again in this session for a while."""


PROBLEMS: Final[dict[type[Exception], str]] = {
    SessionEnded: "session_ended",
    AccountClosed: "session_ended",
    AccountFrozen: "account_frozen",
    RefreshRefused: "refresh_refused",
    StepUpRequired: "step_up_required",
    Unavailable: "temporarily_unavailable",
}
"""How the player API calls these refusals."""


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """What a player gets at a login or a refresh. `expires_in` and `refresh_expires_in` are seconds from now."""

    player_id: str
    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    last_login: LastLogin | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """Who asks, in which session. `stepped_up`: has proved himself again lately. `factor`: the account has a second factor."""

    player_id: str
    session_id: str
    stepped_up_at_ms: int | None
    stepped_up: bool
    factor: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a player's live sessions, as he is shown it; instants are epoch milliseconds."""

    session_id: str
    device: str
    place: str
    created_at_ms: int
    last_seen_at_ms: int
    expires_at_ms: int


class Sessions:
    """The sessions of all players. Every method raises Unavailable when the table does not answer, or not as it should.

    `issuer` signs access tokens: a function that opens and refreshes no session needs none. `events` keeps security events.
    """

    def __init__(
        self,
        store: AccessStore,
        issuer: Issuer | None,
        clock: Clock,
        lifetimes: Lifetimes,
        events: EventLog | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._clock = clock
        self._lifetimes = lifetimes
        self._events = events
        self._sleep = sleep

    def access(self, player_id: str) -> Access:
        """Read a player's access, strongly consistent. Raises NoSuchAccount."""
        found = self._store.access(player_id)
        if found is None:
            raise NoSuchAccount
        return found

    def check(self, claims: Claims) -> Live:
        """Say whether the session of a good access token lives: one strong read. Raises SessionEnded and AccountFrozen."""
        access = self._store.access(claims.player_id)
        if access is None:
            raise SessionEnded
        now_ms = self._clock()
        session = rules.live_session(access, claims.session_id, self._lifetimes, now_ms)
        return Live(
            claims.player_id,
            session.session_id,
            session.stepped_up_at_ms,
            session.is_stepped_up(self._lifetimes, now_ms),
            access.factor,
        )

    def open(
        self,
        player_id: str,
        device: str,
        place: str,
        *,
        stepped_up: bool,
        beside: Sequence[Item] = (),
        epoch: int | None = None,
    ) -> Opened:
        """Open a session after a login, and write `beside` (the login's event) with it. The unused longest of nine makes room.

        `epoch` is the access's as it was when the account was found fit for a login: when all sessions have been ended since, the
        login that was under way is void. That the password still stands is for `beside` to say, by the credentials' version.
        Raises ChangedMeanwhile then; AccountFrozen, AccountClosed, NoSuchAccount, and access_store.BesideRefused.
        """
        first = refresh.first_token(player_id)
        pair: Pair | None = None
        for attempt in range(ATTEMPTS_MAX):
            before, now_ms = self.access(player_id), self._clock()
            if epoch is not None and before.epoch != epoch:
                raise ChangedMeanwhile
            session = Session(
                session_id=first.session_id,
                refresh_hash=first.digest,
                created_at_ms=now_ms,
                seen_at_ms=now_ms,
                device=device[: rules.DEVICE_MAX],
                place=place[: rules.PLACE_MAX],
                stepped_up_at_ms=now_ms if stepped_up else None,
            )
            after, left = rules.with_session(before, session, self._lifetimes)
            # Signed when it is known that there may be a session, and before there is one: a failure leaves nothing behind.
            pair = pair or self._pair(first, session)
            told = [event for one in left for event in self._told(player_id, Ended.TOO_MANY, one, session.place or None)]
            if self._is_written(before, after, [*beside, *told], attempt):
                return self._opened(pair, session, before.last_login)
        raise Unavailable("an account changes too fast")

    def refresh(self, refresh_token: str, source: str | None = None) -> Opened:
        """Exchange a refresh token for a new pair. Raises RefreshRefused, or RefreshReused when that ended the session.

        The same token again within the grace gets the same pair again, once: a slow client asks twice, or an answer is lost.
        `source`, a shortened network address, is kept with the event of a reuse.
        """
        token = refresh.parse(refresh_token)
        if token is None:
            raise RefreshRefused
        pair: Pair | None = None
        for attempt in range(ATTEMPTS_MAX):
            before, now_ms = self._store.access(token.player_id), self._clock()
            if before is None:
                raise RefreshRefused
            presented = rules.present(before, token.session_id, token.digest, self._lifetimes, now_ms)
            if presented is Presented.UNKNOWN:
                raise RefreshRefused
            if presented is Presented.REUSED:
                after = rules.without_session(before, token.session_id)
                told = self._told(token.player_id, Ended.REUSE, token.session_id, source)
                if self._is_written(before, after, told, attempt):
                    raise RefreshReused(token.player_id, token.session_id)
                continue
            session = rules.live_session(before, token.session_id, self._lifetimes, now_ms)
            if presented is Presented.GRACE:
                given = _unsealed(token, session)
                after = rules.without_pair(before, token.session_id, self._lifetimes, now_ms)
            else:
                given = pair = pair or self._pair(token.next(), session)
                sealed = refresh.seal(token, given)
                after = rules.rotated(before, token.session_id, given.refresh.digest, sealed, self._lifetimes, now_ms)
            if self._is_written(before, after, (), attempt):
                return self._opened(given, rules.live_session(after, token.session_id, self._lifetimes, now_ms), None)
        raise Unavailable("an account changes too fast")

    def list(self, player_id: str) -> tuple[Listed, ...]:
        """Return a player's live sessions, the newest first. Raises NoSuchAccount."""
        found = rules.live_sessions(self.access(player_id), self._lifetimes, self._clock())
        return tuple(
            Listed(
                session.session_id,
                session.device,
                session.place,
                session.created_at_ms,
                session.seen_at_ms,
                session.ends_at_ms(self._lifetimes),
            )
            for session in found
        )

    def end(self, player_id: str, session_id: str, why: Ended, beside: Sequence[Item] = (), source: str | None = None) -> bool:
        """End one session; False when there is no such live one. `source` is kept with the event. Raises NoSuchAccount."""

        def step(access: Access) -> Access:
            alive = rules.live_sessions(access, self._lifetimes, self._clock())
            is_there = any(session.session_id == session_id for session in alive)
            return rules.without_session(access, session_id) if is_there else access

        return self._change(player_id, step, [*self._told(player_id, why, session_id, source), *beside]) > 0

    def end_all(
        self, player_id: str, why: Ended, keep: str | None = None, beside: Sequence[Item] = (), source: str | None = None
    ) -> int:
        """End all of a player's sessions, or all but one; return how many. `beside` is written in the same transaction.

        `source` is kept with the event, where the cause leaves one of its own. Raises NoSuchAccount, and
        access_store.BesideRefused: then nothing has changed.
        """
        told = self._told(player_id, why, None, source)
        return self._change(player_id, lambda access: rules.without_sessions(access, keep), [*beside, *told], always=True)

    def set_factor(self, player_id: str, *, enrolled: bool, keep: str | None = None, beside: Sequence[Item] = ()) -> int:
        """Note that the account has a second factor now, or none; end all sessions but one, with `beside` in the same transaction.

        Returns how many sessions ended. Raises NoSuchAccount, and access_store.BesideRefused: then nothing has changed.
        """

        def step(access: Access) -> Access:
            return replace(rules.without_sessions(access, keep), factor=enrolled)

        return self._change(player_id, step, beside, always=True)

    def step_up(self, player_id: str, session_id: str, beside: Sequence[Item] = ()) -> None:
        """Note that the owner of a session has proved himself again. Raises SessionEnded, AccountFrozen, NoSuchAccount."""

        def step(access: Access) -> Access:
            now_ms = self._clock()
            rules.live_session(access, session_id, self._lifetimes, now_ms)
            return rules.stepped_up(access, session_id, self._lifetimes, now_ms)

        self._change(player_id, step, beside, always=True)

    def closing(self, player_id: str) -> Item:
        """Return the part of the closure's transaction that closes the access and ends all sessions, as of now.

        It is refused there when the access changes first: ask for another then. Raises NoSuchAccount, AccountFrozen, AccountClosed.
        """
        before = self.access(player_id)
        return self._store.replacement(before, rules.closed(before))

    def _change(self, player_id: str, step: Callable[[Access], Access], beside: Sequence[Item], *, always: bool = False) -> int:
        """Make a change; return how many live sessions it ended. One that changes nothing is written only if `always` so."""
        for attempt in range(ATTEMPTS_MAX):
            before = self.access(player_id)
            after = step(before)
            if after == before and not always:
                return 0
            if self._is_written(before, after, beside, attempt):
                gone = rules.live_sessions(before, self._lifetimes, self._clock())
                left = {session.session_id for session in after.sessions}
                return sum(session.session_id not in left for session in gone)
        raise Unavailable("an account changes too fast")

    def _is_written(self, before: Access, after: Access, beside: Sequence[Item], attempt: int) -> bool:
        """Write one attempt; wait, with full jitter, and say False when somebody else was faster."""
        try:
            self._store.replace(before, after, beside)
        except Stale:
            self._sleep(min(_WAIT_MAX_S, _WAIT_BASE_S * 2**attempt) * random.random())  # noqa: S311 - spreads retries, guards nothing
            return False
        return True

    def _told(self, player_id: str, why: Ended, session_id: str | None, source: str | None) -> Sequence[Item]:
        if self._events is None or why not in _EVENT_OF:
            return ()
        event = SecurityEvent(_EVENT_OF[why], self._clock(), session_id, source, why.value)
        return (self._events.put_item(player_id, event),)

    def _pair(self, token: RefreshToken, session: Session) -> Pair:
        if self._issuer is None:
            raise RuntimeError("these sessions were made without an issuer of tokens")
        now_ms = self._clock()
        left = max(1, (session.created_at_ms + self._lifetimes.absolute_ms - now_ms) // 1000)
        seconds = min(LIFETIME_SECONDS, left)
        signed = self._issuer.issue(token.player_id, token.session_id, seconds)
        return Pair(signed, now_ms // 1000 + seconds, token)

    def _opened(self, pair: Pair, session: Session, last_login: LastLogin | None) -> Opened:
        now_ms = self._clock()
        return Opened(
            player_id=pair.refresh.player_id,
            session_id=session.session_id,
            access_token=pair.access_token,
            refresh_token=pair.refresh.text,
            expires_in=max(0, pair.access_expires_at - now_ms // 1000),
            refresh_expires_in=max(0, (session.ends_at_ms(self._lifetimes) - now_ms) // 1000),
            last_login=last_login,
        )


def _unsealed(token: RefreshToken, session: Session) -> Pair:
    try:
        return refresh.unseal(token, session.sealed_pair or b"")
    except SealBroken:
        raise Unavailable("a sealed pair is not as it was written") from None
