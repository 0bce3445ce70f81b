"""The services of accounts, wired once for a function that lets players manage theirs."""

from dataclasses import dataclass

from countroom.clock import system_clock
from countroom.identity.access_store import AccessStore
from countroom.identity.closing import Closing
from countroom.identity.desk import Desk
from countroom.identity.email_change import EmailChange
from countroom.identity.events import EventLog
from countroom.identity.excluding import Excluding
from countroom.identity.factor import Factors
from countroom.identity.factor_change import FactorChange
from countroom.identity.factor_store import FactorStore
from countroom.identity.outbox import QueuedOutbox
from countroom.identity.password_change import PasswordChange
from countroom.identity.profile import Profiles
from countroom.identity.proofs import Proofs
from countroom.identity.sessions import Sessions
from countroom.identity.table import Table
from countroom.identity.throttle import Throttle
from countroom.identity.throttle_store import ThrottleStore
from countroom.identity.tokens import Issuer
from countroom.identity.vault import Vault
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from handlers.parts.bearer import BearerSettings
from runtime import aws


@dataclass(frozen=True, slots=True)
class AccountSettings(BearerSettings):
    """What the services need of a function's environment."""

    players_table: str
    ledger_table: str
    personal_key_id: str
    mail_queue_url: str


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a player can have done to the account."""

    desk: Desk
    sessions: Sessions
    events: EventLog
    proofs: Proofs
    profiles: Profiles
    passwords: PasswordChange
    emails: EmailChange
    factors: FactorChange
    closing: Closing
    excluding: Excluding


def services_of(told: AccountSettings, issuer: Issuer | None = None) -> Services:
    """Wire the services; nothing is sent before the first request. `issuer`: for a function that opens and refreshes sessions."""
    players = Table(aws.client("dynamodb"), told.players_table)
    access = AccessStore(Table(aws.client("dynamodb"), told.sessions_table))
    events = EventLog(players)
    sessions = Sessions(access, issuer, system_clock, told.lifetimes, events)
    throttle = Throttle(ThrottleStore(players), system_clock)
    vault = Vault(aws.client("kms"), told.personal_key_id)
    # The ledger repeats its requests itself, inside a time budget of its own.
    book = Book(LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table), system_clock)
    outbox = QueuedOutbox(aws.client("sqs"), told.mail_queue_url)
    desk = Desk.of(players, access, sessions, book, vault=vault, outbox=outbox, throttle=throttle, clock=system_clock)
    factors = Factors(FactorStore(players), vault, throttle, system_clock)
    proofs = Proofs(desk.players, throttle, factors, sessions)
    return Services(
        desk=desk,
        sessions=sessions,
        events=events,
        proofs=proofs,
        profiles=Profiles(desk),
        passwords=PasswordChange(desk, proofs),
        emails=EmailChange(desk),
        factors=FactorChange(factors, sessions, desk.people, events, desk.notices, system_clock),
        closing=Closing(desk),
        excluding=Excluding(access, sessions, events, book, system_clock),
    )
