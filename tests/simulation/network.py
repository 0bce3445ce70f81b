"""Between the ledger and the table: where calls are held up, lost, refused, cut off and delivered late."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from botocore.exceptions import ClientError

from countroom.ledger import items
from countroom.ledger.records import Outcome
from tests.simulation import errors
from tests.simulation.baton import Killed
from tests.simulation.dynamodb import Model
from tests.simulation.faults import WRITES, Cell, Fault, Site
from tests.simulation.requests import MINUTE, SECOND, Verb
from tests.simulation.rooms import LEDGER

_TIMEOUT: Final = SECOND
"""How long the ledger's client waits for an answer."""
_OPERATIONS: Final = {
    "get_item": "GetItem",
    "transact_get_items": "TransactGetItems",
    "transact_write_items": "TransactWriteItems",
    "update_item": "UpdateItem",
    "query": "Query",
    "scan": "Scan",
}
_INSIDE: Final = ("ThrottlingError", "ProvisionedThroughputExceeded")
_OUTSIDE: Final = ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a table, as it leaves the code."""

    kind: str
    request: Mapping[str, Any]

    @property
    def operation(self) -> str:
        """The service's name of the call."""
        return _OPERATIONS[self.kind]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets (an exception is raised there; Killed ends it), and after how long, in microseconds."""

    answer: Any
    delay: int


class Client:
    """Satisfies `countroom.ledger.store.DynamoDB`: every call stops the thread and hands itself to the scheduler."""

    def __init__(self, stop: Callable[[Call], Any]) -> None:
        self._stop = stop

    def get_item(self, **request: Any) -> Any:
        return self._stop(Call("get_item", request))

    def transact_get_items(self, **request: Any) -> Any:
        return self._stop(Call("transact_get_items", request))

    def transact_write_items(self, **request: Any) -> Any:
        return self._stop(Call("transact_write_items", request))

    def update_item(self, **request: Any) -> Any:
        return self._stop(Call("update_item", request))

    def query(self, **request: Any) -> Any:
        return self._stop(Call("query", request))

    def scan(self, **request: Any) -> Any:
        return self._stop(Call("scan", request))


def site_of(verb: Verb, call: Call) -> Site:
    """Tell from which place in the code a call comes."""
    if verb in _SINGLE:
        return _SINGLE[verb]
    if call.kind == "transact_write_items":
        return _write_site(verb, call.request["TransactItems"])
    if call.kind == "get_item":
        found: str = call.request["Key"][items.KEY]["S"]
        return _READS[verb, "wallet" if found.startswith("W#") else "entry"]
    return _READS[verb, call.kind]


_SINGLE: Final = {Verb.WALLET: Site.WALLET, Verb.FIND: Site.FIND}
_READS: Final = {
    (Verb.POST, "wallet"): Site.POST_WALLET,
    (Verb.POST, "entry"): Site.POST_ENTRY,
    (Verb.POST, "transact_get_items"): Site.POST_FACTS,
    (Verb.BATCH, "transact_get_items"): Site.BATCH_FACTS,
    (Verb.BATCH, "wallet"): Site.BATCH_FACTS,
    (Verb.BATCH, "entry"): Site.BATCH_FACTS,
    (Verb.HISTORY, "wallet"): Site.HISTORY_WALLET,
    (Verb.HISTORY, "entry"): Site.HISTORY_RECORD,
    (Verb.HISTORY, "query"): Site.HISTORY_INDEX,
    (Verb.HISTORY, "transact_get_items"): Site.HISTORY_MARKERS,
    (Verb.AUDIT, "scan"): Site.AUDIT_SCAN,
    (Verb.AUDIT, "query"): Site.AUDIT_INDEX,
    (Verb.AUDIT, "transact_get_items"): Site.AUDIT_ITEMS,
}


def _write_site(verb: Verb, entries: Sequence[Mapping[str, Any]]) -> Site:
    batch = verb is Verb.BATCH
    puts = [entry["Put"] for entry in entries if "Put" in entry]
    records = [items.record_of(put["Item"]) for put in puts if items.kind_of(put["Item"]) == "record"]
    if records and all(record.outcome is Outcome.REFUSED for record in records):
        return Site.BATCH_REFUSAL if batch else Site.POST_REFUSAL
    if any(next(iter(entry.values()))["TableName"] != LEDGER for entry in entries):
        return Site.POST_COMPANION
    return Site.BATCH_COMMIT if batch else Site.POST_COMMIT


def starts_attempt(site: Site) -> bool:
    """Whether a call at this place begins a new attempt of its request."""
    return site not in WRITES and site is not Site.POST_ENTRY


class Network:
    """Carries calls to the table, or does to them what a fault says. `later` delivers a call after a delay."""

    def __init__(self, model: Model, later: Callable[[Call, int], None]) -> None:
        self._model = model
        self._later = later
        self.counts: dict[tuple[Cell, Fault], int] = {}
        self._faults: Mapping[Fault, Callable[[Call, Random], Reply]] = {
            Fault.NOT_SENT: lambda _call, rng: Reply(errors.not_connected(rng.getrandbits(1)), 5000),
            Fault.LOST: self._lost,
            Fault.LATE: self._late,
            Fault.THROTTLED: lambda call, rng: Reply(errors.client_error(rng.choice(_OUTSIDE), call.operation), 3000),
            Fault.THROTTLED_INSIDE: lambda call, rng: self._cancelled(call, rng, rng.choice(_INSIDE)),
            Fault.CONFLICT: lambda call, rng: self._cancelled(call, rng, "TransactionConflict"),
            Fault.IN_PROGRESS: self._in_progress,
            Fault.ERROR: lambda call, rng: Reply(errors.server_error(call.operation, rng.getrandbits(1)), 20_000),
            Fault.ERROR_LANDED: self._error_landed,
            Fault.TRUNCATED: self._truncated,
            Fault.KILLED_BEFORE: lambda _call, _rng: Reply(Killed(), 0),
            Fault.KILLED_AFTER: self._killed_after,
            Fault.KILLED_LATE: self._killed_late,
        }

    def carry(self, call: Call, cell: Cell, fault: Fault | None, rng: Random, way: int = 0) -> Reply:
        """Bring a call to the table (or not) and say what comes back. `way`: how a request's answers are lost when all are."""
        if call.kind == "query":
            self._model.hide(rng.random)
        if fault is None:
            return Reply(self.deliver(call), rng.choice((200, 500, 900, 2000, 4000, 9000)))
        self.counts[cell, fault] = self.counts.get((cell, fault), 0) + 1
        if fault is Fault.LOST_ALWAYS:
            return self._lost(call, rng, way)
        return self._faults[fault](call, rng)

    def deliver(self, call: Call) -> Any:
        """Let a call take effect now; answer what the table answers, an error included."""
        try:
            return getattr(self._model, call.kind)(**call.request)
        except ClientError as error:
            return error

    def _lost(self, call: Call, rng: Random, way: int | None = None) -> Reply:
        if way == errors.WAYS_TO_LOSE:
            return self._error_landed(call, rng)
        self.deliver(call)
        choice = rng.randrange(errors.WAYS_TO_LOSE) if way is None else way
        return Reply(errors.no_answer(choice), _TIMEOUT if choice == 0 else 30_000)

    def _late(self, call: Call, rng: Random) -> Reply:
        self._later(call, _late_by(rng))
        return Reply(errors.timed_out(), _TIMEOUT)

    def _in_progress(self, call: Call, rng: Random) -> Reply:
        """A twin of this very request, sent again below the code, is under way: it has landed, will land, or never does."""
        fate = rng.randrange(3)
        if fate == 0:
            self.deliver(call)
        elif fate == 1:
            self._later(call, _late_by(rng))
        return Reply(errors.client_error("TransactionInProgressException", call.operation), 3000)

    def _error_landed(self, call: Call, rng: Random) -> Reply:
        self.deliver(call)
        return Reply(errors.server_error(call.operation, rng.getrandbits(1)), 20_000)

    def _truncated(self, call: Call, rng: Random) -> Reply:
        """Cut an answer short: botocore raises, or (in its standard mode) hands a read on as an empty answer."""
        self.deliver(call)
        emptied = call.kind not in {"transact_write_items", "update_item"} and rng.getrandbits(1)
        return Reply({} if emptied else errors.truncated(), 2000)

    def _killed_after(self, call: Call, _rng: Random) -> Reply:
        self.deliver(call)
        return Reply(Killed(), 0)

    def _killed_late(self, call: Call, rng: Random) -> Reply:
        self._later(call, _late_by(rng))
        return Reply(Killed(), 0)

    def _cancelled(self, call: Call, rng: Random, code: str) -> Reply:
        """Some items of the transaction are refused for now; conditions of the others are looked at all the same."""
        entries = call.request.get("TransactItems", ())
        if not entries:
            return Reply(errors.client_error(rng.choice(_OUTSIDE), call.operation), 3000)
        reasons: errors.Reasons = [{"Code": "None"} for _ in entries]
        if call.kind == "transact_write_items":
            try:
                _, reasons = self._model.evaluate(entries)
            except ClientError as error:
                return Reply(error, 1000)
        hit = rng.randrange(len(entries))
        spread = rng.choice((0.0, 0.3))
        masked = [
            {"Code": code, "Message": "Refused for now"} if place == hit or rng.random() < spread else reason
            for place, reason in enumerate(reasons)
        ]
        return Reply(errors.cancelled(call.operation, masked), 3000)


def _late_by(rng: Random) -> int:
    """Mostly while the caller tries again, sometimes when nobody thinks of it any more."""
    return rng.choice(
        (
            _TIMEOUT // 2,
            _TIMEOUT + rng.randint(1, 20_000),
            _TIMEOUT + rng.randint(0, 200_000),
            rng.randint(1, 6) * SECOND,
            11 * MINUTE,
        )
    )
