"""The audit: walk the whole table, or one player's part of it, and name every mismatch.

The whole table comes by strongly consistent scan pages in no order, so its items are first sorted by player, in a private temporary
database of SQLite that lives in memory and spills to the disk when it grows, and each item is read once. Then each player's books
are proved, one player in memory at a time; what stays of each is an anchor.

The table may be live. A scan sees a wallet before and its record after a movement; that looks like a mismatch and is none. So
whoever looks suspicious is read again, strongly, until the wallet stands still around the reading, and only what is still wrong is
reported.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final

from countroom.ledger import items
from countroom.ledger.chain import Patience
from countroom.ledger.findings import Anchor, Finding, Issue, Level, Report
from countroom.ledger.movements import InvalidReference, Reference
from countroom.ledger.proof import prove
from countroom.ledger.store import LedgerStore, Page
from countroom.ledger.stored import Books, key_text, owner, read

RECHECKED_MAX: Final = 1000
"""Players that are read again at most; if more look suspicious, that is no movement that came in between."""

RECHECK_TRIES: Final = 5
"""Readings of a player who keeps moving; what is wrong in every one of them is reported."""

_KEYS_AT_ONCE: Final = 100
_WALK_MAX: Final = 200

Progress = Callable[[str, int], None]
"""Told what is being done (``scanned`` items, ``proved`` players) and how far it is."""


def _silent(_what: str, _how_many: int) -> None:
    return


class Sorter:
    """Items by player. Use as a context manager's target with `contextlib.closing`."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # the empty name: a temporary database that no other process sees
        self._database.execute("CREATE TABLE items (player TEXT NOT NULL, item TEXT NOT NULL)")
        self.count = 0

    def add(self, stored: Iterable[items.Item]) -> None:
        """Take in some items."""
        rows = [(owner(item), json.dumps(item, default=_hex, separators=(",", ":"))) for item in stored]
        self._database.executemany("INSERT INTO items VALUES (?, ?)", rows)
        self.count += len(rows)

    def players(self) -> Iterator[tuple[str, list[items.Item]]]:
        """Yield each player ('' for items that name none) with all their items."""
        player = ""
        found: list[items.Item] = []
        for name, text in self._database.execute("SELECT player, item FROM items ORDER BY player"):
            if name != player and found:
                yield player, found
                found = []
            player = name
            found.append(json.loads(text, object_hook=_unhex))
        if found:
            yield player, found

    def close(self) -> None:
        """Forget everything."""
        self._database.close()


def _hex(value: Any) -> str:
    return bytes(value).hex()


def _unhex(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": bytes.fromhex(value["B"])} if value.keys() == {"B"} and isinstance(value["B"], str) else value


def audit_items(stored: Iterable[items.Item], anchors: Mapping[str, Anchor] | None = None) -> Report:
    """Audit a table that does not move, given as its items, against the anchors of an earlier report."""
    tally = _Tally(anchors or {})
    with closing(Sorter()) as sorter:
        sorter.add(stored)
        for player_id, found in sorter.players():
            tally.add(prove(player_id, found, tally.anchor(player_id)))
    return tally.closed()


class _Tally:
    """A report in the making, and the anchors that it is to answer."""

    def __init__(self, anchors: Mapping[str, Anchor]) -> None:
        self.report = Report()
        self._anchors = anchors
        self._unseen = set(anchors)

    def anchor(self, player_id: str) -> Anchor | None:
        """Return what was noted of a player earlier."""
        self._unseen.discard(player_id)
        return self._anchors.get(player_id)

    def add(self, books: Books) -> None:
        """Add what one player's books say."""
        report = self.report
        report.wallets += books.wallet is not None
        report.records += len(books.records)
        report.markers += len(books.tombstones) + len(books.resolutions)
        for finding in books.findings:
            report.note(finding)
        if books.anchor:
            report.anchors[books.player_id] = books.anchor
        if sums := books.sums:
            code = books.wallet.currency if books.wallet else books.records[0].after.currency
            report.sums.setdefault(code, Counter()).update(sums)

    def closed(self) -> Report:
        """Name the anchored players of whom nothing is left, put a seal on the anchors, and give the report away."""
        for player_id in sorted(self._unseen if self.report.complete else ()):
            key = key_text(items.wallet_key(player_id))
            self.report.note(Finding(Issue.ANCHOR, player_id, key, "This player was there before, and nothing of them is now."))
        lines = "".join(f"{player_id} {anchor.text}\n" for player_id, anchor in sorted(self.report.anchors.items()))
        self.report.anchors_digest = hashlib.sha256(lines.encode()).hexdigest()
        return self.report


class Auditor:
    """Audits of a live table. `out_of_time` is asked now and then; when it says so, the report is marked incomplete."""

    def __init__(
        self,
        store: LedgerStore,
        patience: Patience | None = None,
        progress: Progress = _silent,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._patience = patience or Patience(tries=8)
        self._progress = progress
        self._out_of_time = out_of_time

    def audit(self, anchors: Mapping[str, Anchor] | None = None) -> Report:
        """Audit the whole table, against the anchors of an earlier report if there are some. Raise StoreBusy."""
        tally = _Tally(anchors or {})
        with closing(Sorter()) as sorter:
            for page in self._pages(self._store.scanned_page):
                sorter.add(page.found)
                self._progress("scanned", sorter.count)
                if self._is_late(tally):
                    return tally.closed()
            for player_id, found in sorter.players():
                if self._is_late(tally):
                    return tally.closed()
                tally.add(self._certain(tally, player_id, found))
                self._progress("proved", tally.report.wallets)
        return tally.closed()

    def audit_player(self, player_id: str, anchor: Anchor | None = None) -> Report:
        """Audit one player by strong reads; a report without a wallet and without findings says that there is no such player.

        A marker that nothing of theirs refers to shows in an audit of the whole table only. Raise StoreBusy.
        """
        tally = _Tally({player_id: anchor} if anchor else {})
        tally.add(self._read_until_still(player_id, set(), tally.anchor(player_id)))
        return tally.closed()

    def _is_late(self, tally: _Tally) -> bool:
        if self._out_of_time():
            tally.report.complete = False
        return not tally.report.complete

    def _certain(self, tally: _Tally, player_id: str, found: list[items.Item]) -> Books:
        """Read a suspicious player again; items that name no player have nobody who could be moving."""
        anchor = tally.anchor(player_id)
        books = prove(player_id, found, anchor)
        suspicious = any(finding.level is Level.MISMATCH for finding in books.findings)
        if not suspicious or not player_id or tally.report.rechecked >= RECHECKED_MAX:
            return books
        tally.report.rechecked += 1
        return self._read_until_still(player_id, {key_text(item) for item in found}, anchor)

    def _read_until_still(self, player_id: str, keys: set[str], anchor: Anchor | None) -> Books:
        """Read a player's items until the wallet has not moved meanwhile, and prove what was read."""
        lasting: set[Finding] | None = None
        for _ in range(RECHECK_TRIES):
            before = self._version(player_id)
            books = prove(player_id, self._everything(player_id, keys), anchor)
            if self._version(player_id) == before:
                return books
            lasting = set(books.findings) if lasting is None else lasting & set(books.findings)
        books.findings = [finding for finding in books.findings if finding in (lasting or ())]
        return books

    def _version(self, player_id: str) -> tuple[int, str]:
        """Return what of a wallet changes with every movement."""
        books = read(player_id, self._stored({key_text(items.wallet_key(player_id))}))
        return (books.wallet.version, books.wallet.head_key) if books.wallet else (0, "")

    def _everything(self, player_id: str, keys: set[str]) -> list[items.Item]:
        """Read, strongly, the wallet, what the index knows, what the chain's links name, and what stands beside all that."""
        wanted = keys | {key_text(items.wallet_key(player_id))}
        for page in self._pages(lambda start: self._store.indexed_page(player_id, start)):
            wanted |= {key_text(item) for item in page.found}
        known: dict[str, items.Item] = {}
        for _ in range(_WALK_MAX):
            new = self._stored(wanted - known.keys())
            known |= {key: {} for key in wanted - known.keys()} | {key_text(item): item for item in new}
            wanted |= _named_by(read(player_id, new))
            if wanted <= known.keys():
                break
        mine = [item for item in known.values() if item]
        return [item for item in mine if owner(item) == player_id or key_text(item) in keys]

    def _stored(self, keys: Iterable[str]) -> list[items.Item]:
        wanted, found = sorted(keys), list[items.Item]()
        for at in range(0, len(wanted), _KEYS_AT_ONCE):
            some = wanted[at : at + _KEYS_AT_ONCE]
            found += self._patience.read(partial(self._store.stored, some))
        return found

    def _pages(self, ask: Callable[[items.Item | None], Page]) -> Iterator[Page]:
        start: items.Item | None = None
        while True:
            page = self._patience.read(partial(ask, start))
            yield page
            start = page.next_start
            if start is None:
                return


def _named_by(books: Books) -> set[str]:
    """Return the keys of all that a player's items name: predecessors, earlier movements, markers and tombstones."""
    names = {record.reference for record in books.records}
    names |= {record.related for record in books.records if record.related}
    names |= {name for marker in books.resolutions.values() for name in (marker.of, marker.by)}
    names |= {tombstone.by for tombstone in books.tombstones.values()}
    keys = {key_text(key(name)) for name in names for key in (items.record_key, items.resolution_key)}
    links = {record.previous_key for record in books.records} | ({books.wallet.head_key} if books.wallet else set())
    return keys | {key for link in links if (key := _link_key(link))}


def _link_key(link: str) -> str:
    try:
        return key_text(items.record_key(Reference.from_text(link)))
    except InvalidReference:
        return ""
