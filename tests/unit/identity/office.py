"""The services of accounts over moto's tables, under a fixed clock: every call is seen, can fail, and takes effect alone."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import ReadTimeoutError

from countroom.identity import rules
from countroom.identity.access import Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.desk import Desk
from countroom.identity.events import EventKind
from countroom.identity.excluding import Excluding
from countroom.identity.factor import Factors
from countroom.identity.factor_store import FactorStore
from countroom.identity.login import Attempt, LoggedIn, Login
from countroom.identity.mail import Message, Template
from countroom.identity.proofs import Proofs
from countroom.identity.refusals import Unavailable
from countroom.identity.register import Answer, RegisterSilent, Subject, Verdict
from countroom.identity.register_check import RegisterCheck
from countroom.identity.register_store import RegisterStore
from countroom.identity.registration import Registered, Registration
from countroom.identity.sessions import Opened, Sessions
from countroom.identity.table import Table
from countroom.identity.throttle import Throttle
from countroom.identity.throttle_store import ThrottleStore
from countroom.identity.tokens import Issuer
from countroom.identity.vault import Vault
from countroom.ledger.book import Book, Pacing
from countroom.ledger.store import LedgerStore
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE, SESSIONS_TABLE
from tests.unit.identity.memory import MemoryKms
from tests.unit.ledger.memory import Fault
from tests.unit.local_key import LocalKey

T = TypeVar("T")

LOST = ReadTimeoutError(endpoint_url="https://aws")
PASSWORD = "correct horse"
ANN = rules.Application("ann.smith@example.com", PASSWORD, "1990-05-17", "EE", "EUR", "2026-11")
PAT = rules.Application("pat.jones@example.com", PASSWORD, "1985-02-03", "GB", "GBP", "2026-11", "Patricia", "Jones", "sw1a  1aa")
"""Somebody from a country that has a register."""


@dataclass
class Watched:
    """A client of which every call is written down, may fail as told, and is made while no other one is."""

    client: Any
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: deque[Fault | None] = field(default_factory=deque)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self.client, name)

        def made(**request: Any) -> Any:
            with self.lock:
                self.calls.append((name, request))
                fault = self.faults.popleft() if self.faults else None
                return fault(lambda: call(**request)) if fault else call(**request)

        return made

    def named(self, name: str) -> list[dict[str, Any]]:
        return [request for called, request in self.calls if called == name]

    @contextmanager
    def fault_at(self, place: int, fault: Fault) -> Iterator[None]:
        """Let the call at a place from now on (0: the next) fail."""
        self.faults = deque([*[None] * place, fault])
        yield
        self.faults.clear()


@dataclass
class Mailbox:
    """Satisfies `mail.Outbox`."""

    mails: list[Message] = field(default_factory=list)
    is_open: bool = True

    def send(self, message: Message) -> None:
        if not self.is_open:
            raise Unavailable("the mailbox")
        self.mails.append(message)

    @property
    def last(self) -> Message:
        return self.mails[-1]

    def code_for(self, email: str) -> str:
        """The newest code that was mailed to an address."""
        sent = [mail for mail in self.mails if mail.to == email and mail.template is not Template.NOTHING]
        return sent[-1].values["code"]

    def latest(self) -> Template:
        return self.mails[-1].template

    def templates(self) -> list[Template]:
        return [mail.template for mail in self.mails]


@dataclass
class Roll:
    """A register in memory. Satisfies `register.Register`."""

    listed: dict[str, Verdict] = field(default_factory=dict)
    """By e-mail address; everybody else is clear."""
    is_silent: bool = False
    asked: list[tuple[Subject, str]] = field(default_factory=list)

    def ask(self, subject: Subject, name: str) -> Answer:
        if self.is_silent:
            raise RegisterSilent("away")
        self.asked.append((subject, name))
        return Answer(self.listed.get(subject.email, Verdict.CLEAR), f"receipt-{len(self.asked)}")


class Office:
    """A desk, and short words for what tests do at it."""

    def __init__(self, client: Any, clock: FixedClock) -> None:
        self.client = Watched(client)
        self.clock = clock
        self.mailbox = Mailbox()
        self.kms = Watched(MemoryKms())
        players = Table(self.client, PLAYERS_TABLE)
        access = AccessStore(Table(self.client, SESSIONS_TABLE))
        self.throttle = Throttle(ThrottleStore(players), clock)
        issuer = Issuer("https://countroom.dev/test", LocalKey(), clock)
        self.sessions = Sessions(access, issuer, clock, Lifetimes(86_400_000, 3_600_000), sleep=lambda _s: None)
        self.book = Book(LedgerStore(self.client, LEDGER_TABLE), clock, Pacing(sleep=lambda _s: None))
        self.desk = Desk.of(
            players,
            access,
            self.sessions,
            self.book,
            vault=Vault(self.kms, "arn:aws:kms:eu-west-1:123456789012:key/personal"),
            outbox=self.mailbox,
            throttle=self.throttle,
            clock=clock,
        )
        self.factors = Factors(FactorStore(players), self.desk.vault, self.throttle, clock)
        self.proofs = Proofs(self.desk.players, self.throttle, self.factors, self.sessions)
        self.roll = Roll()
        self.excluding = Excluding(access, self.sessions, self.desk.events, self.book, clock)
        self.check = RegisterCheck(
            self.desk.players, self.desk.people, RegisterStore(players), self.excluding, self.book, {"GAMSTOP": self.roll}, clock
        )
        self.registration = Registration(self.desk, self.check)
        self.login = Login(self.proofs, self.desk.events, self.mailbox, clock, self.check, guesses_per_source=1000)

    def registered(self, application: rules.Application = ANN) -> Registered:
        """Let somebody open an account."""
        begun = self.registration.begin(application)
        email = rules.normalise_email(application.email) or ""
        return self.registration.verify(begun.token, self.mailbox.code_for(email))

    def log_in(self, email: str, code: str | None = None) -> LoggedIn:
        return self.login.log_in(Attempt(email, PASSWORD, "203.0.113.9", "Firefox", code))

    def session(self, player_id: str) -> Opened:
        return self.sessions.open(player_id, "Firefox on Windows", "EE", stepped_up=True)

    def live(self, player_id: str) -> int:
        return len(self.sessions.list(player_id))

    def items(self, table: str = PLAYERS_TABLE) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.client.scan(TableName=table, ConsistentRead=True)["Items"]
        return found

    def of_kind(self, sort_key: str) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["sk"]["S"].startswith(sort_key)]

    def events(self, player_id: str) -> list[EventKind]:
        """What happened to an account, oldest first."""
        return [event.kind for event in reversed(self.desk.events.page(player_id, 100).events)]

    def wallets(self) -> list[str]:
        return sorted(item["pk"]["S"] for item in self.items(LEDGER_TABLE) if item["pk"]["S"].startswith("W#"))

    def counted(self, action: Callable[[], T]) -> tuple[T, list[str]]:
        """Do something, and say which requests it took: their names, and the names of what was written."""
        before = len(self.client.calls), len(self.kms.calls), len(self.mailbox.mails)
        result = action()
        made = [_shape(name, request) for name, request in self.client.calls[before[0] :]]
        made += [name for name, _ in self.kms.calls[before[1] :]]
        return result, [*made, f"mails {len(self.mailbox.mails) - before[2]}"]


def at_once(actions: Sequence[Callable[[], T]], threads: int = 8) -> list[T | Exception]:
    """Do things in parallel; what they raise stands in their places."""

    def caught(action: Callable[[], T]) -> T | Exception:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - handed to the test
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(caught, actions))


def _shape(name: str, request: dict[str, Any]) -> str:
    item = request.get("Item") or {}
    kind = (item.get("pk") or (request.get("Key") or {}).get("pk") or {"S": ""})["S"].partition("#")[0]
    return f"{name} {kind} {sorted(item)}"
