"""The audit at the end of an episode: from the table alone, and against everything that was seen on the way."""

from countroom.ledger import items
from countroom.ledger.movements import Kind
from countroom.ledger.records import Outcome, Record
from countroom.ledger.wallet import NO_HASH, Wallet
from tests.simulation.dynamodb import Model
from tests.simulation.rooms import CREDITED, LEDGER, RESERVED, ROOMS
from tests.simulation.witness import Witness, require


def audited(model: Model, witness: Witness) -> None:
    """Prove every wallet from its records, every marker from its record, every row of another room from the money."""
    stored = list(model.tables[LEDGER].items.values())
    wallets: dict[str, Wallet] = {}
    records: dict[str, list[Record]] = {}
    for item in stored:
        kind = items.kind_of(item)
        if kind == "wallet":
            wallet = items.wallet_of(item)
            wallets[wallet.player_id] = wallet
        elif kind == "record":
            record = items.record_of(item)
            records.setdefault(record.player_id, []).append(record)
    require(wallets == witness.wallets, "the wallets at the end are not those of the commits")
    require(records.keys() == wallets.keys(), "a record without a wallet, or a wallet without a record")
    for player_id, wallet in wallets.items():
        _proven(wallet, sorted(records[player_id], key=lambda record: record.version))
    names = {record.reference.text: record for chain in records.values() for record in chain}
    _markers(model, names)
    _holds(wallets, names, {items.resolution_of(item).of.text for item in stored if items.kind_of(item) == "resolution"})
    _rows(model, names)


def _proven(wallet: Wallet, chain: list[Record]) -> None:
    require([record.version for record in chain] == list(range(1, wallet.version + 1)), "a gap in the chain", wallet.player_id)
    head = NO_HASH
    for record in chain:
        require(record.previous == head and record.sealed() == record.hash, "the chain is broken", record.reference.text)
        head = record.hash
    require(head == wallet.head, "the wallet does not end the chain", wallet.player_id)
    sums = tuple(sum(getattr(record, name) for record in chain) for name in ("cash", "bonus", "held"))
    require(sums == (wallet.cash, wallet.bonus, wallet.held), "a balance is not the sum of the records", wallet.player_id)


def _markers(model: Model, names: dict[str, Record]) -> None:
    """Every marker and tombstone belongs to one record that says so; every record that resolves has its marker."""
    resolved: dict[str, str] = {}
    for item in model.tables[LEDGER].items.values():
        if items.kind_of(item) == "resolution":
            marker = items.resolution_of(item)
            by, of = names.get(marker.by.text), names.get(marker.of.text)
            agrees = by is not None and of is not None and by.related == marker.of and by.player_id == of.player_id
            require(agrees, "a marker without its record", marker.of.text)
            resolved[marker.of.text] = marker.by.text
    for name, record in names.items():
        resolves = record.outcome is Outcome.APPLIED and record.kind in _RESOLVING
        if resolves and record.related:
            marked = resolved.get(record.related.text, "")
            parts = record.kind is Kind.DEPOSIT_REVERSAL  # a deposit may be taken back in parts, of which the first marks it
            fits = names[marked].kind is record.kind if parts and marked in names else marked == name
            require(fits, "a record resolves without its marker", name)


_RESOLVING = {
    Kind.DEPOSIT_ABANDONED,
    Kind.ROLLBACK,
    Kind.CAPTURE,
    Kind.RELEASE,
    Kind.PAYOUT_RETURNED,
    Kind.DEPOSIT_REVERSAL,
    Kind.DEPOSIT_RETURNED,
}


def _holds(wallets: dict[str, Wallet], names: dict[str, Record], resolved: set[str]) -> None:
    """What is held is the sum of the holds that have not ended."""
    for player_id, wallet in wallets.items():
        holds = [record for record in names.values() if record.player_id == player_id and record.kind is Kind.HOLD]
        still = sum(record.held for record in holds if record.reference.text not in resolved)
        require(wallet.held == still, "held is not the sum of the open holds", player_id)


def _rows(model: Model, names: dict[str, Record]) -> None:
    """A row says credited or reserved exactly when the money did move."""
    for (name, _), row in model.tables[ROOMS].items.items():
        if "state" not in row:
            continue
        record = names.get(name)
        moved = record is not None and record.outcome is Outcome.APPLIED
        said = row["state"]["S"] in {CREDITED, RESERVED}
        require(said == moved, "a row of another room does not agree with the money", name)
        steps = [step["S"] for step in row["changes"]["L"]]
        require(len(steps) == len(set(steps)), "a row of another room took a step twice", name)
