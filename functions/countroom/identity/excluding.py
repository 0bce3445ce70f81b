"""Shutting a player out of play: all sessions end in the very transaction in which the wallet takes the exclusion on.

So there is no excluded player who is still logged in, and none who was thrown out without being excluded. What keeps him from
playing is the wallet alone; nothing here does. He may log in again at any time, to see the exclusion and to take his money out.
"""

from collections.abc import Sequence
from typing import Final

from countroom.clock import Clock
from countroom.identity import access as rules
from countroom.identity.access_store import AccessStore
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.refusals import ChangedMeanwhile
from countroom.identity.sessions import Sessions
from countroom.identity.table import Item
from countroom.ledger.book import Book, Posted, Refused
from countroom.ledger.movements import Movement, Reason

ATTEMPTS_MAX: Final = 5


class Excluding:
    """Ends sessions together with what ends them. Raises Unavailable, and the ledger's OutcomeUnknown: the same again is safe."""

    def __init__(self, store: AccessStore, sessions: Sessions, events: EventLog, book: Book, clock: Clock) -> None:
        self._store = store
        self._sessions = sessions
        self._events = events
        self._book = book
        self._clock = clock

    def post(
        self,
        movement: Movement,
        detail: str,
        session_id: str | None = None,
        source: str | None = None,
        beside: Sequence[Item] = (),
    ) -> Posted | Refused:
        """Post a movement that shuts a player out; all his sessions, and a login under way, end with it or not at all.

        `detail` is for the player's security events, `source` a shortened network address, `beside` is written along. A movement
        that is refused, or that stood before, ends nothing. Raises NoSuchAccount, and ChangedMeanwhile when others kept changing
        the sessions: the movement was not made then.
        """
        told = self._told(movement.player_id, EventKind.EXCLUDED, detail, session_id, source)
        for _ in range(ATTEMPTS_MAX):
            outcome = self._book.post(movement, [self.ending(movement.player_id), told, *beside])
            if not isinstance(outcome, Refused) or outcome.reason is not Reason.COMPANION_CONFLICT:
                return outcome
            # A login, a refresh or a log-out came in between: end what there is now.
        raise ChangedMeanwhile

    def ending(self, player_id: str) -> Item:
        """Return the part of a transaction that ends all sessions of a player, as of now, and voids a login under way.

        It is refused there when a session came, went or was refreshed first: ask for another then. Raises NoSuchAccount.
        """
        before = self._sessions.access(player_id)
        return self._store.replacement(before, rules.without_sessions(before))

    def reopening(self, player_id: str, detail: str, session_id: str | None = None, source: str | None = None) -> list[Item]:
        """Return what goes along when a player asks to be let in again: a security event. No session ends."""
        return [self._told(player_id, EventKind.REOPENING_ASKED, detail, session_id, source)]

    def _told(self, player_id: str, kind: EventKind, detail: str, session_id: str | None, source: str | None) -> Item:
        return self._events.put_item(player_id, SecurityEvent(kind, self._clock(), session_id, source, detail))
