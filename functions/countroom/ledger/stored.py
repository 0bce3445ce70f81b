"""Items of the ledger as somebody may have left them: whose they are, and what can be read of them. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from countroom.ledger import items
from countroom.ledger.findings import Anchor, Finding, Issue
from countroom.ledger.movements import Reference
from countroom.ledger.records import Record, Resolution, Tombstone
from countroom.ledger.wallet import Wallet

UNREADABLE: Final = (LookupError, AttributeError, TypeError, ValueError, RecursionError)
"""What reading an item that somebody else has written may raise; `NotAnItem` is a ValueError."""

_WALLET_PREFIX: Final = str(items.wallet_key("")[items.KEY]["S"])


@dataclass(slots=True)
class Books:
    """Everything that is stored of one player."""

    player_id: str
    wallet: Wallet | None = None
    records: list[Record] = field(default_factory=list)
    tombstones: dict[Reference, Tombstone] = field(default_factory=dict)
    resolutions: dict[Reference, Resolution] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def by_name(self) -> dict[Reference, Record]:
        """The records by their names."""
        return {record.reference: record for record in self.records}

    @property
    def anchor(self) -> Anchor | None:
        """The head as it stands."""
        return Anchor(self.wallet.version, self.wallet.head.hex()) if self.wallet else None

    @property
    def sums(self) -> Counter[str]:
        """Nanos by account: the player's own three as the wallet has them, the counter-accounts as the records have them."""
        sums: Counter[str] = Counter()
        if self.wallet:
            sums.update({"cash": self.wallet.cash, "bonus": self.wallet.bonus, "held": self.wallet.held})
        for record in self.records:
            outside = -(record.cash + record.bonus + record.held)
            if outside:
                sums[record.counter] += outside
        return sums


def key_text(item: items.Item) -> str:
    """Return the key of an item, or of a key alone, as text."""
    return str(item[items.KEY]["S"])


def owner(item: items.Item) -> str:
    """Return the player to whom an item says that it belongs; '' when it says nothing."""
    kind = items.kind_of(item)
    if kind == "wallet":
        return key_text(item).removeprefix(_WALLET_PREFIX)
    try:
        if kind == "resolution":
            return items.resolution_of(item).player_id
        if kind == "tombstone":
            return items.entry_of(item).player_id
        return str(item[items.PLAYER]["S"])
    except UNREADABLE:
        return ""


def read(player_id: str, stored: Iterable[items.Item]) -> Books:
    """Read items into values; what cannot be read, or would be written differently, is a finding."""
    books = Books(player_id)
    for item in stored:
        key = key_text(item)
        kind = items.kind_of(item)
        if kind == "foreign":
            books.findings.append(Finding(Issue.UNKNOWN_ITEM, player_id, key, "This is no item of the ledger."))
            continue
        try:
            again = _taken(books, item, kind)
        except UNREADABLE:
            books.findings.append(Finding(Issue.MALFORMED, player_id, key, f"This {kind} cannot be read."))
            continue
        if again != dict(item):
            books.findings.append(Finding(Issue.MALFORMED, player_id, key, f"This {kind} is not in the form the ledger writes."))
    books.records.sort(key=lambda record: record.version)
    return books


def _taken(books: Books, item: items.Item, kind: str) -> items.Item:
    """Put an item into the books, and write it again as the ledger would."""
    if kind == "wallet":
        books.wallet = items.wallet_of(item)
        return items.wallet_item(books.wallet)
    if kind == "resolution":
        resolution = items.resolution_of(item)
        books.resolutions[resolution.of] = resolution
        return items.resolution_item(resolution)
    entry = items.entry_of(item)
    if isinstance(entry, Record):
        again = items.record_item(entry)
        books.records.append(entry)
        return again
    books.tombstones[entry.reference] = entry
    return items.tombstone_item(entry)
