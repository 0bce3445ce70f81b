"""From which place in the cashier's worker a call comes."""

from typing import Final

from tests.simulation.faults import Site
from tests.simulation.network import Call
from tests.simulation.rooms import LEDGER


def site_of(call: Call) -> Site:
    """Name the place in the code that a call comes from, by what it reads or writes."""
    request = call.request
    if call.kind == "get_item":
        return _READS[request["Key"]["pk"]["S"].partition("#")[0]]
    if call.kind == "update_item":
        return Site.WORKER_KEEP if request["Key"]["pk"]["S"].startswith("EARLY#") else Site.WORKER_SAVE
    if call.kind == "transact_write_items":
        ledger = any(next(iter(entry.values()))["TableName"] == LEDGER for entry in request["TransactItems"])
        return Site.WORKER_BOOK if ledger else Site.WORKER_CATCH_UP
    return Site.WORKER_FACTS


_READS: Final = {
    "DEPOSIT": Site.WORKER_DEPOSIT,
    "PAYMENT": Site.WORKER_PAYMENT,
    "EARLY": Site.WORKER_EARLY,
    "W": Site.WORKER_WALLET,
    "TX": Site.WORKER_ENTRY,
}
