"""However the requests of several clients interleave, whatever is lost or sent twice: one chain of refresh tokens, no return.

Each client stops before every request to the table until it is its turn. After every write that takes effect, what stands there is
held against all that stood there before; at the end of each round the answers are held against each other.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.identity import access as rules
from countroom.identity.access import Access, AccountClosed, AccountFrozen, Ended, Presented, SessionEnded, Standing
from countroom.identity.access_store import AccessStore, Stale
from countroom.identity.events import EventLog
from countroom.identity.refresh import parse
from countroom.identity.refusals import Unavailable
from countroom.identity.sessions import Opened, RefreshRefused, RefreshReused, Sessions
from countroom.identity.table import Table
from tests.unit.identity.guests import ANNA, AWAY, LIVES, LOST, SESSIONS, House
from tests.unit.identity.memory import TABLE as PLAYERS

FATES: Final = ("fine", "fine", "fine", "landed", "unsent", "busy")
OPS: Final = ("refresh", "refresh", "refresh", "replay", "login", "log_out", "end_all", "freeze", "unfreeze", "check")
REFUSALS: Final = (RefreshRefused, SessionEnded, AccountFrozen, AccountClosed, Unavailable, Stale)

Answer = object


@dataclass
class Client:
    """One process: it makes one call, request by request, when it is its turn."""

    house: House
    fates: list[str]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    answer: Answer = None
    done: bool = False

    def __post_init__(self) -> None:
        store = AccessStore(Table(self, SESSIONS))  # type: ignore[arg-type]  # no update and no query is made here
        events = EventLog(Table(self, PLAYERS))  # type: ignore[arg-type]  # as above
        self.store = store
        self.sessions = Sessions(store, self.house.issuer, self.house.clock, LIVES, events, lambda _seconds: None)

    def get_item(self, **request: Any) -> Any:
        self._wait()
        return self.house.table.get_item(**request)

    def put_item(self, **request: Any) -> Any:
        return self._write(lambda: self.house.table.put_item(**request))

    def transact_write_items(self, **request: Any) -> Any:
        return self._write(lambda: self.house.table.transact_write_items(**request))

    def run(self, call: Callable[["Client"], Answer]) -> None:
        self._wait()
        try:
            self.answer = call(self)
        except REFUSALS as refusal:
            self.answer = refusal
        finally:
            self.done = True
            self.back.release()

    def _write(self, write: Callable[[], Any]) -> Any:
        self._wait()
        fate = self.fates.pop() if self.fates else "fine"
        if fate in {"unsent", "busy"}:
            raise LOST if fate == "unsent" else AWAY
        answer = write()
        if fate == "landed":
            raise LOST
        return answer

    def _wait(self) -> None:
        self.back.release()
        assert self.turn.acquire(timeout=20)


class Witness:
    """Looks at the access after every write, and never forgets."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.last = house.access()
        self.gone: set[str] = set()
        house.table.after = self._look

    def _look(self, name: str) -> None:
        if name == "get_item":
            return
        self.house.table.after = lambda _name: None
        now = self.house.access()
        self.house.table.after = self._look
        if now == self.last:
            return
        assert now.version == self.last.version + 1
        assert now.writers[:-1] == (*self.last.writers, now.writers[-1])[-8:-1]
        before, here = ids(self.last), ids(now)
        self.gone |= before - here
        assert not here & self.gone, "a session that had ended lives again"
        assert not here or now.standing is Standing.ACTIVE
        assert len(here) == len(now.sessions) <= 8
        self.last = now


def ids(access: Access) -> set[str]:
    return {session.session_id for session in access.sessions}


@dataclass
class Ledger:
    """What every refresh token was exchanged for, and who has which token."""

    newest: list[str] = field(default_factory=list)
    all: list[str] = field(default_factory=list)
    given: dict[str, list[Opened]] = field(default_factory=dict)
    reused: int = 0
    unknown: int = 0

    def pick(self, tokens: Sequence[str], number: int) -> str:
        return tokens[number % len(tokens)] if tokens else "rt.none"


def planned(op: str, number: int, ledger: Ledger) -> tuple[str, Callable[[Client], Answer]]:
    """Return the token that a call is about, and the call."""
    token = ledger.pick(ledger.all if op in {"replay", "log_out"} else ledger.newest, number)
    parsed = parse(token)
    session_id = parsed.session_id if parsed else "none"
    calls: dict[str, Callable[[Client], Answer]] = {
        "refresh": lambda client: client.sessions.refresh(token),
        "replay": lambda client: client.sessions.refresh(token),
        "login": lambda client: client.sessions.open(ANNA, "App", "EE", stepped_up=True),
        "log_out": lambda client: client.sessions.end(ANNA, session_id, Ended.LOGGED_OUT),
        "end_all": lambda client: client.sessions.end_all(ANNA, Ended.ALL_ENDED),
        "freeze": lambda client: stand(client, rules.frozen),
        "unfreeze": lambda client: stand(client, rules.unfrozen),
        "check": lambda client: client.sessions.list(ANNA),
    }
    return token, calls[op]


def stand(client: Client, change: Callable[[Access], Access]) -> Access:
    before = client.sessions.access(ANNA)
    return client.store.replace(before, change(before))


def interleaved(clients: Sequence[Client], calls: Sequence[Callable[[Client], Answer]], order: Sequence[int]) -> None:
    """Make the calls, a process each, request by request in the given order."""
    threads = [threading.Thread(target=client.run, args=(call,), daemon=True) for client, call in zip(clients, calls, strict=True)]
    for thread, client in zip(threads, clients, strict=True):
        thread.start()
        assert client.back.acquire(timeout=20)
    turns = iter(order)
    while alive := [client for client in clients if not client.done]:
        client = alive[next(turns, 0) % len(alive)]
        client.turn.release()
        assert client.back.acquire(timeout=20)
    for thread in threads:
        thread.join(timeout=20)


def note(ledger: Ledger, op: str, token: str, answer: Answer) -> None:
    if isinstance(answer, RefreshReused):
        ledger.reused += 1
    if isinstance(answer, Unavailable) and op in {"refresh", "replay"}:
        ledger.unknown += 1
    if not isinstance(answer, Opened):
        return
    if op != "login":
        ledger.given.setdefault(token, []).append(answer)
    ledger.newest.append(answer.refresh_token)
    ledger.all.append(answer.refresh_token)


def check(house: House, ledger: Ledger) -> None:
    """Hold the answers against each other and against what stands there."""
    for pairs in ledger.given.values():
        assert len({pair.refresh_token for pair in pairs}) == 1, "two chains of one token"
        assert len({pair.access_token for pair in pairs}) == 1
        assert len(pairs) <= 2, "the grace answered more than once"
    access = house.access()
    found: Counter[tuple[str, Presented]] = Counter()
    for text in set(ledger.all):
        token = parse(text)
        assert token is not None
        found[token.session_id, rules.present(access, token.session_id, token.digest, LIVES, house.clock())] += 1
    for (_, presented), times in found.items():
        assert presented not in {Presented.NEWEST, Presented.GRACE} or times == 1
    told = house.kinds().count("refresh_reused")
    assert ledger.reused <= told <= ledger.reused + ledger.unknown, "each theft is told once, and nothing else is"


Step = tuple[str, int, list[str]]
steps = st.tuples(st.sampled_from(OPS), st.integers(0, 7), st.lists(st.sampled_from(FATES), max_size=3))
rounds = st.tuples(
    st.lists(steps, min_size=1, max_size=4),
    st.lists(st.integers(0, 11), max_size=24),
    st.sampled_from([0, 0, 1_000, 9_999, 10_000]),
)


@settings(max_examples=150, deadline=None)
@given(plan=st.lists(rounds, min_size=1, max_size=6))
def test_one_chain_a_session_and_no_return(plan: list[tuple[list[Step], list[int], int]]) -> None:
    house, ledger = House(), Ledger()
    for _ in range(2):
        note(ledger, "login", "", house.open())
    Witness(house)
    for steps_drawn, order, pause_ms in plan:
        todo = [planned(op, number, ledger) for op, number, _ in steps_drawn]
        clients = [Client(house, list(fates)) for _, _, fates in steps_drawn]
        interleaved(clients, [call for _, call in todo], order)
        for (op, _, _), (token, _), client in zip(steps_drawn, todo, clients, strict=True):
            note(ledger, op, token, client.answer)
        house.clock.advance(milliseconds=pause_ms)
        check(house, ledger)


@settings(max_examples=60, deadline=None)
@given(
    order=st.lists(st.integers(0, 11), max_size=24),
    fates=st.lists(st.lists(st.sampled_from(FATES), max_size=2), min_size=2, max_size=2),
)
def test_a_slow_client_that_asks_twice_at_once_is_never_locked_out(order: list[int], fates: list[list[str]]) -> None:
    house, ledger = House(), Ledger()
    opened = house.open()
    Witness(house)
    clients = [Client(house, list(lost)) for lost in fates]
    interleaved(clients, [lambda client: client.sessions.refresh(opened.refresh_token)] * 2, order)
    for client in clients:
        assert isinstance(client.answer, Opened | Unavailable)
        note(ledger, "refresh", opened.refresh_token, client.answer)
    check(house, ledger)
    assert house.kinds() == []
    for pair in ledger.given.get(opened.refresh_token, [])[:1]:
        house.sessions.check(house.claims(pair))
        house.sessions.refresh(pair.refresh_token)
