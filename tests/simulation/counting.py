"""What must hold of the cashier's table beside the ledger: deposits, wallets, records and staff's list say the same."""

from typing import Final

from countroom.cashier import items
from countroom.cashier.deposits import Booking, Deposit, DepositStatus
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
_ABANDONED: Final = "TX#house:abandoned#"
_ENDS: Final = frozenset({DepositStatus.EXPIRED, DepositStatus.CANCELLED, DepositStatus.FAILED})


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


def require_used(said: Said, book: Book) -> None:
    """Of each deposit limit is used what was brought and not taken back.

    Not so once the cashier's table was restored: of what was taken back of a payment it may know less than the ledger then.
    """
    for player_id in PLAYERS:
        wallet = book.wallet(player_id)
        used, due = wallet.limits[0].used if wallet else None, said.used[player_id]
        require(used == due, "of the deposit limit is used what was brought and not taken back", f"{player_id}: {used}, due {due}")


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


def require_given_back(model: Model) -> None:
    """What deposits took of the limits is given back with their end and not otherwise. A restored table knows less of that."""
    kept = model.tables[CASHIER].items
    deposits = [items.deposit_of(dict(item)) for key, item in kept.items() if key[0].startswith("DEPOSIT#")]
    given_back = {key[0] for key in model.tables[LEDGER].items if key[0].startswith(_ABANDONED)}
    ended = {f"{_ABANDONED}{deposit.deposit_id}" for deposit in deposits if _has_ended(deposit)}
    require(given_back == ended, "deposits that ended without money, and they alone, give back what they took", given_back ^ ended)


def _has_ended(deposit: Deposit) -> bool:
    return deposit.counted and any(change.status in _ENDS for change in deposit.changes)


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
