"""Between the withdrawals' code and the tables: where calls are lost, refused, cut short, land late, or are a process's last."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from botocore.exceptions import ClientError

from countroom.cashier.withdrawals.life import Happening
from tests.simulation import errors
from tests.simulation.baton import Killed
from tests.simulation.dynamodb import Model
from tests.simulation.network import Call
from tests.simulation.rooms import LEDGER

FAULTS: Final = ("killed before", "killed after", "answer lost", "not sent", "5xx", "5xx landed", "throttled", "truncated", "late")
READ_FAULTS: Final = ("killed before", "killed after", "answer lost", "not sent", "5xx", "throttled", "truncated")
CONFLICT: Final = "TransactionConflict"

_FAULTY: Final = 0.1
_OFTEN: Final = {"change, money": 0.4, "change, counters": 0.2, "read facts": 0.25, "read w": 0.25, "read tx": 0.5}
"""At calls that are rare more goes wrong, so that every fault is met."""
_READS: Final = frozenset({"get_item", "transact_get_items"})


def deliver(table: Model, call: Call) -> Any:
    """Let a call take effect; answer what the table answers, an error included."""
    try:
        return getattr(table, call.kind)(**call.request)
    except ClientError as error:
        return error


class Line:
    """Carries calls to the tables. `chance` says whether something goes wrong, `counts` where it did.

    `author`: what the writer of the call that takes effect at this moment is letting happen.
    """

    def __init__(self, table: Model, rng: Random, chance: Callable[[float], bool], counts: Counter[tuple[str, str]]) -> None:
        self.author: Happening | None = None
        self._table = table
        self._rng = rng
        self._chance = chance
        self._counts = counts
        self._late: list[tuple[Call, Happening | None]] = []

    def fault(self, known: Sequence[str], site: str) -> str:
        """Draw what goes wrong with a call, '' if nothing does."""
        if not self._chance(_OFTEN.get(site, _FAULTY)):
            return ""
        fault = self._rng.choice(known)
        self._counts[site, fault] += 1
        return fault

    def carry(self, call: Call, author: Happening | None) -> Any:
        """Carry a call to a table, or do to it what the dice say."""
        if self._late and self._rng.random() < 0.2:
            self._deliver(*self._late.pop(self._rng.randrange(len(self._late))))
        known = READ_FAULTS if call.kind in _READS else (*FAULTS, CONFLICT) if call.kind == "transact_write_items" else FAULTS
        fault = self.fault(known, site_of(call))
        if not fault:
            return self._deliver(call, author)
        if fault in {"killed after", "answer lost", "5xx landed", "truncated"}:
            self._deliver(call, author)
        if fault == "late":
            self._late.append((call, author))
        return self._broken(call, fault)

    def all_lands(self) -> None:
        """Writes that were given up arrive after all."""
        while self._late:
            self._deliver(*self._late.pop(0))

    def _deliver(self, call: Call, author: Happening | None) -> Any:
        self.author = author
        answer = deliver(self._table, call)
        self.author = None
        return answer

    def _broken(self, call: Call, fault: str) -> Any:
        operation = call.operation
        server_error = errors.server_error(operation, self._rng.getrandbits(1))
        emptied = call.kind in _READS and self._rng.getrandbits(1)
        answers: Mapping[str, Any] = {
            "killed before": Killed(),
            "killed after": Killed(),
            "answer lost": errors.no_answer(self._rng.randrange(errors.WAYS_TO_LOSE)),
            "late": errors.timed_out(),
            "not sent": errors.not_connected(self._rng.getrandbits(1)),
            "5xx": server_error,
            "5xx landed": server_error,
            "throttled": errors.client_error("ThrottlingException", operation),
            "truncated": {} if emptied else errors.truncated(),
            CONFLICT: errors.cancelled(operation, [{"Code": CONFLICT} for _ in call.request.get("TransactItems", ())]),
        }
        return answers[fault]


def site_of(call: Call) -> str:
    """Name the place in the code that a call comes from, by what it reads or writes."""
    wanted = call.request
    match call.kind:
        case "get_item":
            return f"read {next(iter(wanted['Key'].values()))['S'].partition('#')[0].lower()}"
        case "update_item":
            return "leave token" if ":token" in wanted["ExpressionAttributeValues"] else "change"
        case "transact_get_items":
            return "read facts"
    tables = {next(iter(entry.values()))["TableName"] for entry in wanted["TransactItems"]}
    return "change, counters" if LEDGER not in tables else "change, money"
