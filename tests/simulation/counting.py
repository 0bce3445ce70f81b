"""What must hold of the cashier's table beside the ledger: deposits, wallets, records and staff's list say the same."""

from typing import Final

from countroom.cashier import items
from countroom.cashier.deposits import Booking, Deposit
from countroom.cashier.store import CashierStore
from countroom.ledger.audit import Auditor
from countroom.ledger.book import Book
from countroom.ledger.chain import Patience
from countroom.ledger.findings import Level
from countroom.ledger.store import LedgerStore
from tests.simulation.dynamodb import Model
from tests.simulation.payments import GATEWAY, PLAYERS, Said
from tests.simulation.rooms import LEDGER
from tests.simulation.witness import require

CASHIER: Final = "cashier"
_RECORDS: Final = f"TX#gateway:{GATEWAY}#"


def require_ends(said: Said, store: CashierStore, book: Book) -> None:
    """Each deposit stands where its events lead, and each wallet holds what they brought."""
    for deposit_id, (status, in_wallet) in said.ends.items():
        deposit = store.get(deposit_id)
        found = deposit and (deposit.status, deposit.credited - deposit.taken_back)
        require(found == (status, in_wallet), "a deposit stands where its events lead", deposit)
    for player_id in PLAYERS:
        wallet = book.wallet(player_id)
        cash = wallet.cash if wallet else None
        require(cash == said.due[player_id], "a wallet holds what was brought", f"{player_id}: {cash}, due {said.due[player_id]}")


def require_agreement(model: Model) -> None:
    """Every fact that is booked has its record, there is no other record of a deposit, and staff know of what is theirs."""
    kept = model.tables[CASHIER].items
    deposits = [items.deposit_of(dict(item)) for key, item in kept.items() if key[0].startswith("DEPOSIT#")]
    booked = {f"{_RECORDS}{fact.record}" for deposit in deposits for fact in deposit.facts if fact.is_booked}
    stored = {key[0] for key in model.tables[LEDGER].items if key[0].startswith(_RECORDS)}
    require(booked == stored, "deposits and records agree", booked ^ stored)
    told = {key[1].rpartition("#")[2] for key in kept if key[0].startswith("STAFF#")}
    due = {record for deposit in deposits for record in _for_staff(deposit)}
    require(told == due, "staff are told of what is theirs", told ^ due)


def _for_staff(deposit: Deposit) -> set[str]:
    """The records of a deposit that staff have to know of: all but the first payment, whose amount here is what was asked for."""
    booked = {fact.record: fact.booking for fact in deposit.facts if fact.is_booked}
    payments = [change.record for change in deposit.changes if booked.get(change.record) is Booking.PAYMENT]
    return booked.keys() - set(payments[:1])


def require_clean_audit(model: Model) -> None:
    """The auditor finds nothing wrong."""
    report = Auditor(LedgerStore(model, LEDGER), Patience(sleep=lambda _seconds: None)).audit()
    found = [finding for finding in report.findings if finding.level is Level.MISMATCH]
    require(not found, "the audit finds no mismatch", found)
