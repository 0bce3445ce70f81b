"""What staff may do with an account: look, freeze and unfreeze it, exclude its player from play, end its sessions.

Whatever changes the standing is ONE transaction of the ledger: the wallet's status, the access without its sessions, and the event
with who did it and why. So there is no frozen account whose wallet still takes bets, and none without a record of its cause. The
movement is named after the staff member's request, so the same request again changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom.clock import Clock
from countroom.identity import access as rules
from countroom.identity.access import Access, AccountClosed, Ended, Standing
from countroom.identity.access_store import AccessStore
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.refusals import ChangedMeanwhile, NoSuchAccount
from countroom.identity.sessions import Listed, Sessions
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Reason, Reference, SetStatus, Status
from countroom.ledger.rules.effects import status_at
from countroom.ledger.wallet import Exclusion

SOURCE: Final = "house:support"
ATTEMPTS_MAX: Final = 5
ACTOR_MAX: Final = 64
REASON_MAX: Final = 120

_BY_STAFF: Final = "staff "
"""How the detail of an event begins that staff caused: who and why is for staff, the player is only told what."""


class Action(StrEnum):
    """What can be ordered."""

    SHOW = "show"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    EXCLUDE = "exclude"
    END_SESSIONS = "end_sessions"


class RequestReused(Exception):
    """The same request id was used for another player."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a staff member wants. `request_id` names the request: the same again is done once."""

    action: Action
    player_id: str
    actor: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """An account as staff see it, by now. `replayed`: the order had been carried out before, and nothing was changed now.

    `excluded`: by an order of staff, or by an exclusion or time-out that runs, which `exclusion` is (its own order is none).
    """

    player_id: str
    standing: Standing
    excluded: bool
    exclusion: Exclusion | None
    second_factor: bool
    wallet_status: Status
    sessions: tuple[Listed, ...]
    replayed: bool = False


_CHANGES: Final[Mapping[Action, tuple[Callable[[Access], Access], EventKind]]] = {
    Action.FREEZE: (rules.frozen, EventKind.FROZEN),
    Action.UNFREEZE: (rules.unfrozen, EventKind.UNFROZEN),
    Action.EXCLUDE: (rules.barred, EventKind.EXCLUDED),
}


def told_to_player(event: SecurityEvent) -> str:
    """Return the detail of an event as its player may read it."""
    return "" if event.detail.startswith(_BY_STAFF) else event.detail


class Support:
    """Carries out the orders of staff. Raises Unavailable, and the ledger's OutcomeUnknown: the same order again is harmless."""

    def __init__(self, store: AccessStore, sessions: Sessions, book: Book, events: EventLog, clock: Clock) -> None:
        self._store = store
        self._sessions = sessions
        self._book = book
        self._events = events
        self._clock = clock

    def carry_out(self, order: Order) -> Report:
        """Carry out an order and return the account as it is then.

        Raises NoSuchAccount, AccountClosed, RequestReused, and ChangedMeanwhile when others kept changing the account.
        """
        replayed = False
        if order.action in _CHANGES:
            replayed = self._change(order)
        elif order.action is Action.END_SESSIONS:
            event = self._event(order, EventKind.ALL_SESSIONS_ENDED)
            self._sessions.end_all(order.player_id, Ended.ENDED_BY_STAFF, beside=[self._events.put_item(order.player_id, event)])
        return self._report(order.player_id, replayed=replayed)

    def _change(self, order: Order) -> bool:
        """Change the standing; say whether that had been done before."""
        change, kind = _CHANGES[order.action]
        reference = Reference(SOURCE, f"{order.action}-{order.request_id}")
        event = self._events.put_item(order.player_id, self._event(order, kind))
        for _ in range(ATTEMPTS_MAX):
            if (done := self._book.find(reference)) is not None:
                if done.player_id != order.player_id:
                    raise RequestReused
                return True
            before = self._sessions.access(order.player_id)
            after = change(self._with_wallet(before))
            movement = SetStatus(reference, order.player_id, after.wallet_status)
            result = self._book.post(movement, [self._store.replacement(before, after), event])
            if isinstance(result, Posted):
                return result.replayed
            if result.reason is Reason.UNKNOWN_PLAYER:
                raise NoSuchAccount
            if result.reason not in {Reason.COMPANION_CONFLICT, Reason.DUPLICATE_TRANSACTION}:
                raise RuntimeError(f"the ledger refused a change of status: {result.reason.value}")
            # The access has changed since it was read, or a twin of this very request came first: look again.
        raise ChangedMeanwhile

    def _with_wallet(self, access: Access) -> Access:
        """Note an exclusion that only the wallet knows of, so that lifting a freeze cannot lift it."""
        wallet = self._book.wallet(access.player_id)
        if wallet is None:
            raise NoSuchAccount
        if wallet.status is Status.CLOSED:
            raise AccountClosed
        return rules.excluded(access) if wallet.status is Status.EXCLUDED else access

    def _event(self, order: Order, kind: EventKind) -> SecurityEvent:
        detail = f"{_BY_STAFF}{order.actor[:ACTOR_MAX]}: {order.reason[:REASON_MAX]}"
        return SecurityEvent(kind, self._clock(), detail=detail)

    def _report(self, player_id: str, *, replayed: bool) -> Report:
        access, wallet = self._sessions.access(player_id), self._book.wallet(player_id)
        if wallet is None:
            raise NoSuchAccount
        listed, now_ms = self._sessions.list(player_id), self._clock()
        running = wallet.exclusion if wallet.exclusion and wallet.exclusion.runs(now_ms) else None
        return Report(
            player_id=player_id,
            standing=access.standing,
            excluded=access.excluded or running is not None,
            exclusion=running,
            second_factor=access.factor,
            wallet_status=status_at(wallet, now_ms),
            sessions=listed,
            replayed=replayed,
        )
