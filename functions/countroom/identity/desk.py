"""What the services of accounts work with, put together once for each function that serves them."""

from dataclasses import dataclass

from countroom.clock import Clock
from countroom.identity.access_store import AccessStore
from countroom.identity.challenges import Challenges, ChallengeStore
from countroom.identity.events import EventLog
from countroom.identity.mail import Outbox
from countroom.identity.people import People
from countroom.identity.postbox import Notices, Postbox
from countroom.identity.sessions import Sessions
from countroom.identity.store import PlayersStore
from countroom.identity.table import Table
from countroom.identity.throttle import Throttle
from countroom.identity.vault import Vault
from countroom.ledger.book import Book


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything at hand. `players` and `events` lie in the players table, `access` in the sessions table."""

    players: PlayersStore
    access: AccessStore
    sessions: Sessions
    events: EventLog
    book: Book
    vault: Vault
    people: People
    challenges: Challenges
    outbox: Outbox
    postbox: Postbox
    notices: Notices
    clock: Clock

    @staticmethod
    def of(
        table: Table,
        access: AccessStore,
        sessions: Sessions,
        book: Book,
        *,
        vault: Vault,
        outbox: Outbox,
        throttle: Throttle,
        clock: Clock,
    ) -> "Desk":
        """Put it together over the players table."""
        players = PlayersStore(table)
        people = People(players, vault)
        return Desk(
            players=players,
            access=access,
            sessions=sessions,
            events=EventLog(table),
            book=book,
            vault=vault,
            people=people,
            challenges=Challenges(ChallengeStore(table), clock),
            outbox=outbox,
            postbox=Postbox(throttle, outbox),
            notices=Notices(outbox),
            clock=clock,
        )
