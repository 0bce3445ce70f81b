"""The cashier's worker under faults: real events, real rules, two workers at once, killed at any call, and a queue that redelivers.

Each call of a worker to the tables is a place where it may be held up while the other runs, lose its answer, be refused, land late,
or be killed. A message that was not applied comes again; one that was may come again, too. At every instant deposits and records
agree. When the queue is empty each deposit must stand where its events lead, and each wallet hold what they brought, to the last
nano; and when every message is delivered once more after that, nothing changes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final

from botocore.exceptions import ClientError

from countroom.cashier import items
from countroom.cashier.apply_event import EventApplier, NotApplied
from countroom.cashier.deposits import DepositStatus, Payment, open_deposit
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.audit import Auditor
from countroom.ledger.book import Book, OutcomeUnknown, Pacing
from countroom.ledger.chain import Patience
from countroom.ledger.findings import Level
from countroom.ledger.movements import OpenWallet
from countroom.ledger.store import LedgerStore
from tests.simulation import errors
from tests.simulation.baton import Finished, Killed, Pool
from tests.simulation.dynamodb import Model, Schema, Write
from tests.simulation.network import Call
from tests.simulation.rooms import LEDGER

CASHIER: Final = "cashier"
NOW_MS: Final = 1_767_268_800_000
EUR: Final = 10**9
FAULTS: Final = ("killed before", "killed after", "answer lost", "not sent", "5xx", "5xx landed", "throttled", "truncated", "late")
READ_FAULTS: Final = ("killed before", "killed after", "answer lost", "not sent", "5xx", "throttled", "truncated")
CONFLICT: Final = "TransactionConflict"
_SCHEMAS: Final = {LEDGER: Schema(("pk",), {"history": ("p", "n")}), CASHIER: Schema(("pk", "sk"))}
_OPERATIONS: Final = {
    "get_item": "GetItem",
    "update_item": "UpdateItem",
    "transact_get_items": "TransactGetItems",
    "transact_write_items": "TransactWriteItems",
}
_READS: Final = frozenset({"get_item", "transact_get_items"})
DELIVERIES_MAX: Final = 60
_CALLS_MAX: Final = 20_000

_O = PaymentOutcome
_S = DepositStatus
LIVES: Final[Sequence[tuple[tuple[PaymentOutcome, ...], DepositStatus, int]]] = (
    ((_O.PENDING, _O.SUCCEEDED), _S.CREDITED, 1),
    ((_O.FAILED, _O.SUCCEEDED, _O.SETTLED), _S.SETTLED, 1),
    ((_O.SUCCEEDED, _O.CHARGEBACK), _S.REVERSED, 0),
    ((_O.SUCCEEDED, _O.CHARGEBACK, _O.CHARGEBACK_REVERSED), _S.CHARGEBACK_REVERSED, 1),
    ((_O.SUCCEEDED, _O.CHARGEBACK, _O.CHARGEBACK_REVERSED, _O.SECOND_CHARGEBACK), _S.SECOND_CHARGEBACK, 0),
    ((_O.SUCCEEDED, _O.REFUNDED, _O.SETTLEMENT_FAILED), _S.REVERSED, -1),
    ((_O.FAILED, _O.CHARGEBACK), _S.FAILED, 0),
)
"""Events, where they lead, and how often the amount is in the wallet then."""


class Client:
    """A DynamoDB client whose every call stops its worker and hands itself to the scheduler."""

    def __init__(self, stop: Callable[[Call], Any]) -> None:
        self._stop = stop

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        return lambda **request: self._stop(Call(kind, request))


@dataclass(slots=True)
class Message:
    """One message of the queue, and how often it has been received."""

    event: PaymentEvent
    received: int = 0
    applied: bool = False


def deliver(model: Model, call: Call) -> Any:
    """Let a call take effect; answer what the table answers, an error included. An update is a transaction of one."""
    try:
        if call.kind != "update_item":
            return getattr(model, call.kind)(**call.request)
        return model.transact_write_items(TransactItems=[{"Update": dict(call.request)}])
    except ClientError as error:
        if call.kind == "update_item" and error.response.get("CancellationReasons"):
            return errors.client_error("ConditionalCheckFailedException", "UpdateItem")
        return error


class Episode:
    """Some players, their deposits, and all that their gateway says of them, in no order."""

    def __init__(self, seed: int, pool: Pool) -> None:
        self.rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret
        self.model = Model(_SCHEMAS, self._landed)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.disagreed = False
        self._pool = pool
        self._late: list[Call] = []
        self._calls = 0
        self._messages: list[Message] = []
        self._ends: dict[str, tuple[DepositStatus, int]] = {}
        self._due: Counter[str] = Counter()
        self._set_up()

    def run(self) -> None:
        """Work the queue off under faults, then once more without; then look at everything."""
        waiting = [message for message in self._messages for _ in range(self.rng.randint(1, 2))]
        while waiting:
            self.rng.shuffle(waiting)
            pair, waiting = waiting[:2], waiting[2:]
            self._work(pair, faults=True)
            waiting += [message for message in pair if not message.applied and message not in waiting]
        while self._late:
            deliver(self.model, self._late.pop())
        self._look()
        for message in self._messages:
            message.applied = False
            self._work([message], faults=False)
            assert message.applied, "a message was not applied in a quiet world"
        self._look()

    def _set_up(self) -> None:
        store, book = self._rooms(lambda call: _raised(deliver(self.model, call)))
        for player_id in ("anna", "ben"):
            book.post(OpenWallet.of(player_id, "EUR", "MT"))
        for number in range(self.rng.randint(1, 3)):
            player_id = self.rng.choice(("anna", "ben"))
            deposit_id = "dep_" + "abc"[number] * 20
            amount = self.rng.randint(1, 90) * EUR
            opened = open_deposit(deposit_id, player_id, "standard", "EUR", amount, NOW_MS)
            store.create(opened, Claim("x", deposit_id, b""), Answer(201, ""))
            outcomes, status, times = self.rng.choice(LIVES)
            payment = Payment(f"pay_{number}", amount, "EUR")
            events = [PaymentEvent(outcome, deposit_id, payment, NOW_MS) for outcome in outcomes]
            if _O.SUCCEEDED in outcomes:  # then an event may leave the deposit's name out, and the deposit may be paid again
                events = [replace(one, deposit_id="") if self._unnamed(one) else one for one in events]
                again = self.rng.random() < 0.3
                second = replace(payment, payment_id=f"pay_{number}_again")
                events += [PaymentEvent(_O.SUCCEEDED, deposit_id, second, NOW_MS)] if again else []
                times += again
            self._messages += [Message(event) for event in events]
            self._ends[deposit_id] = (status, times * amount)
            self._due[player_id] += times * amount

    def _unnamed(self, event: PaymentEvent) -> bool:
        return event.outcome in {_O.CHARGEBACK, _O.CHARGEBACK_REVERSED, _O.REFUNDED} and self.rng.random() < 0.7

    def _rooms(self, stop: Callable[[Call], Any]) -> tuple[CashierStore, Book]:
        client = Client(stop)
        pacing = Pacing(attempts_max=6, timer=lambda: 0.0, sleep=lambda _seconds: None, jitter=self.rng.random)
        return CashierStore(client, CASHIER), Book(LedgerStore(client, LEDGER), lambda: NOW_MS, pacing)

    def _work(self, messages: Sequence[Message], *, faults: bool) -> None:
        """Let a worker for each message run; which of them goes on at a call is drawn."""
        running = []
        for message in messages:
            message.received += 1
            thread = self._pool.take()
            store, book = self._rooms(thread.stop)
            worker = EventApplier(store, book, lambda: NOW_MS)
            tame = not faults or message.received > DELIVERIES_MAX
            running.append((message, thread, thread.start(partial(worker.apply, "standard", message.event)), tame))
        while running:
            message, thread, stopped, tame = running.pop(self.rng.randrange(len(running)))
            if isinstance(stopped, Finished):
                self._pool.give_back(thread)
                self._finished(message, stopped, quiet=not faults)
                continue
            self._calls += 1
            assert self._calls < _CALLS_MAX, "the queue does not come to rest"
            running.append((message, thread, thread.resume(self._answer(stopped, tame=tame)), tame))

    def _finished(self, message: Message, stopped: Finished, *, quiet: bool) -> None:
        message.applied |= stopped.error is None
        expected = isinstance(stopped.error, Killed | StoreUnavailable | OutcomeUnknown | NotApplied)
        if stopped.error is not None and (quiet or not expected):
            raise AssertionError(f"{message.event}: {stopped.error!r}") from stopped.error

    def _answer(self, call: Call, *, tame: bool) -> Any:
        """Carry one call, or do to it what the dice say."""
        if self._late and self.rng.random() < 0.2:
            deliver(self.model, self._late.pop(self.rng.randrange(len(self._late))))
        if tame or self.rng.random() >= 0.12:
            return deliver(self.model, call)
        known = READ_FAULTS if call.kind in _READS else (*FAULTS, CONFLICT) if call.kind == "transact_write_items" else FAULTS
        fault = self.rng.choice(known)
        self.counts[site_of(call), fault] += 1
        return self._broken(call, fault)

    def _broken(self, call: Call, fault: str) -> Any:
        operation = _OPERATIONS[call.kind]
        if fault in {"killed after", "answer lost", "5xx landed", "truncated"}:
            deliver(self.model, call)
        if fault == "late":
            self._late.append(call)
        answers: Mapping[str, Callable[[], Any]] = {
            "killed before": Killed,
            "killed after": Killed,
            "answer lost": lambda: errors.no_answer(self.rng.randrange(errors.WAYS_TO_LOSE)),
            "late": errors.timed_out,
            "not sent": lambda: errors.not_connected(self.rng.getrandbits(1)),
            "5xx": lambda: errors.server_error(operation, self.rng.getrandbits(1)),
            "5xx landed": lambda: errors.server_error(operation, self.rng.getrandbits(1)),
            "throttled": lambda: errors.client_error("ThrottlingException", operation),
            "truncated": lambda: {} if call.kind in _READS and self.rng.getrandbits(1) else errors.truncated(),
            CONFLICT: lambda: errors.cancelled(operation, [{"Code": CONFLICT} for _ in call.request["TransactItems"]]),
        }
        return answers[fault]()

    def _look(self) -> None:
        """Hold deposits, wallets and records against what the gateway said."""
        assert not self.disagreed, "deposits and records did not agree for a while"
        store, book = self._rooms(lambda call: _raised(deliver(self.model, call)))
        for deposit_id, (status, in_wallet) in self._ends.items():
            deposit = store.get(deposit_id)
            assert deposit is not None
            assert (deposit.status, deposit.credited - deposit.taken_back) == (status, in_wallet), deposit
        for player_id in ("anna", "ben"):
            wallet = book.wallet(player_id)
            assert wallet is not None
            assert wallet.cash == self._due[player_id], f"{player_id} has {wallet.cash}, due are {self._due[player_id]}"
        audit = Auditor(LedgerStore(self.model, LEDGER), Patience(sleep=lambda _seconds: None)).audit()
        assert not [finding for finding in audit.findings if finding.level is Level.MISMATCH]

    def _landed(self, writes: Sequence[Write]) -> None:
        """Every fact that is booked has its record, and there is no other record of a deposit, at every instant."""
        if all(write.key[0].startswith("EARLY#") for write in writes):
            return
        kept = self.model.tables[CASHIER].items
        deposits = (items.deposit_of(dict(item)) for key, item in kept.items() if key[0].startswith("DEPOSIT#"))
        booked = {f"TX#gateway:standard#{fact.record}" for deposit in deposits for fact in deposit.facts if fact.is_booked}
        stored = {key[0] for key in self.model.tables[LEDGER].items if key[0].startswith("TX#gateway:")}
        if booked != stored:
            self.disagreed = True


def _raised(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def site_of(call: Call) -> str:
    """Name the place in the code that a call comes from, by what it reads or writes."""
    request = call.request
    if call.kind == "get_item":
        return f"read {_kind_of(next(iter(request['Key'].values())))}"
    if call.kind == "update_item":
        return f"update {_kind_of(request['Key']['pk'])}"
    if call.kind == "transact_write_items":
        ledger = any(next(iter(entry.values()))["TableName"] == LEDGER for entry in request["TransactItems"])
        return "post with companions" if ledger else "catch up"
    return "read facts"


def _kind_of(key: Mapping[str, str]) -> str:
    return key["S"].partition("#")[0]
