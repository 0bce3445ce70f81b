"""The proof of one player's books: every item of theirs taken at its word, and held against all the others. Pure.

It recomputes from the records what the wallet claims, in its own words instead of calling the rules that wrote it, so that a fault
of those would show as well. What it cannot see is a whole past that was rewritten or cut off consistently: that takes an anchor,
noted earlier and kept elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from countroom.ledger import items
from countroom.ledger.findings import Anchor, Finding, Issue
from countroom.ledger.legs import check_legs, check_target, totals_of
from countroom.ledger.movements import Kind, Reference
from countroom.ledger.records import Outcome, Record
from countroom.ledger.stored import Books, key_text, read
from countroom.ledger.wallet import NO_HASH

RESOLVING: Final = frozenset(
    {
        Kind.ROLLBACK,
        Kind.DEPOSIT,
        Kind.DEPOSIT_ABANDONED,
        Kind.DEPOSIT_REVERSAL,
        Kind.DEPOSIT_RETURNED,
        Kind.CAPTURE,
        Kind.RELEASE,
        Kind.PAYOUT_RETURNED,
    }
)
"""Kinds that, applied, leave the one marker on the applied record that they are about; where there are several, the first does."""

_AGAIN: Final = frozenset({Kind.DEPOSIT, Kind.DEPOSIT_REVERSAL})
"""Kinds of which more may follow: the parts of a deposit taken back, and money that comes in for an opening that has ended."""


def prove(player_id: str, stored: Iterable[items.Item], anchor: Anchor | None = None) -> Books:
    """Read and check all items of one player; what is wrong is in the answer's `findings`."""
    books = read(player_id, stored)
    for check in (_own_words, _links, _balances, _head, _sums, _targets, _markers, _tombstones, _holds):
        books.findings.extend(check(books))
    books.findings.extend(_anchored(books, anchor))
    return books


def _key(reference: Reference) -> str:
    return key_text(items.record_key(reference))


def _wallet_key(books: Books) -> str:
    return key_text(items.wallet_key(books.player_id))


def _about(record: Record, issue: Issue, sentence: str) -> Finding:
    return Finding(issue, record.player_id, _key(record.reference), f"Version {record.version}: {sentence}")


def _own_words(books: Books) -> Iterator[Finding]:
    """Check what each record says by itself: its hash, its kind's legs, and the first and only opening."""
    for record in books.records:
        if record.sealed() != record.hash:
            yield _about(record, Issue.CHAIN, "its hash is not that of its fields.")
        for issue, sentence in check_legs(record):
            yield _about(record, issue, sentence)
        if books.wallet and record.after.currency != books.wallet.currency:
            yield _about(record, Issue.CURRENCY, f"is in {record.after.currency}, the wallet in {books.wallet.currency}.")
        if (record.kind is Kind.OPEN) != (record.version == 1):
            yield _about(record, Issue.CHAIN, "a chain begins with its opening, and only there.")
        if record.kind is Kind.OPEN and record.reference.transaction_id != record.player_id:
            yield _about(record, Issue.FOREIGN, "the opening is named after another player.")


def _links(books: Books) -> Iterator[Finding]:
    """Check that versions run from 1 without gap or duplicate, and that each record names and hashes its predecessor."""
    before: Record | None = None
    for record in books.records:
        version = before.version if before else 0
        if record.version == version:
            yield _about(record, Issue.DUPLICATE, "another record has this version.")
        elif record.version > version + 1:
            missing = f"{version + 1} to {record.version - 1}" if record.version > version + 2 else f"{version + 1}"
            yield Finding(Issue.GAP, books.player_id, _key(record.reference), f"Version {missing} before this record is missing.")
        elif record.previous != (before.hash if before else NO_HASH):
            yield _about(record, Issue.CHAIN, "does not carry its predecessor's hash.")
        elif record.previous_key != (before.reference.text if before else ""):
            yield _about(record, Issue.CHAIN, "does not name its predecessor.")
        before = record


def _balances(books: Books) -> Iterator[Finding]:
    """Check that each record's balances are its predecessor's and its own changes."""
    before = (0, 0, 0)
    version = 0
    for record in books.records:
        after = (record.after.cash, record.after.bonus, record.after.held)
        expected = (before[0] + record.cash, before[1] + record.bonus, before[2] + record.held)
        if record.version == version + 1 and after != expected:
            yield _about(record, Issue.BALANCES, f"balances (cash, bonus, held) are {after}, before and changes give {expected}.")
        before, version = after, record.version


def _head(books: Books) -> Iterator[Finding]:
    """Check that the wallet ends where the records do, and is as the newest left it."""
    key = _wallet_key(books)
    newest = books.records[-1] if books.records else None
    wallet = books.wallet
    if wallet is None:
        if newest is not None:
            yield Finding(Issue.ORPHAN, books.player_id, key, f"{len(books.records)} records, but no wallet.")
        return
    if newest is None or newest.version < wallet.version:
        last = newest.version if newest else 0
        yield Finding(Issue.GAP, books.player_id, key, f"The wallet is at version {wallet.version}, its records end at {last}.")
        return
    if newest.version > wallet.version:
        yield Finding(Issue.HEAD, books.player_id, key, f"Records go on to {newest.version}, the wallet is at {wallet.version}.")
        return
    if newest.hash != wallet.head or newest.reference.text != wallet.head_key:
        yield Finding(Issue.HEAD, books.player_id, key, "The wallet's head is not its newest record.")
    if newest.state != wallet.state():
        yield Finding(Issue.STATE, books.player_id, key, "The wallet is not as its newest record left it.")


def _sums(books: Books) -> Iterator[Finding]:
    """Check that balances, lifetime totals and the sum of the records agree."""
    wallet, key = books.wallet, _wallet_key(books)
    if wallet is None:
        return
    if not wallet.proves_itself:
        yield Finding(Issue.SUM, books.player_id, key, "The balances do not equal the lifetime totals.")
    for name, balance in (("cash", wallet.cash), ("bonus", wallet.bonus), ("held", wallet.held)):
        total = sum(getattr(record, name) for record in books.records)
        if total != balance:
            yield Finding(Issue.SUM, books.player_id, key, f"The {name} balance is {balance} nanos, its records sum to {total}.")
    for name, total in totals_of(books.records).items():
        if total != getattr(wallet.totals, name):
            claimed = getattr(wallet.totals, name)
            yield Finding(Issue.SUM, books.player_id, key, f"The total {name} is {claimed} nanos, its records give {total}.")


def _targets(books: Books) -> Iterator[Finding]:
    """Check that what a record refers to is there, earlier, and of the right kind and amount."""
    named = books.by_name
    for record in books.records:
        if record.related is None or record.outcome is not Outcome.APPLIED:
            continue
        target = named.get(record.related)
        if target is None:
            yield _about(record, Issue.REFERENCE, f"{record.related.text}, which it is about, is no record of this player.")
            continue
        for issue, sentence in check_target(record, target):
            yield _about(record, issue, sentence)


def _resolvers(books: Books) -> Mapping[Reference, list[Record]]:
    found: dict[Reference, list[Record]] = defaultdict(list)
    openings = {record.reference: record for record in books.records if record.kind is Kind.DEPOSIT_OPENED}
    for record in books.records:
        opening = openings.get(record.related) if record.related else None
        if opening and opening.outcome is not Outcome.APPLIED:
            continue  # a deposit that came in though its opening was refused
        if record.related and record.outcome is Outcome.APPLIED and record.kind in RESOLVING:
            found[record.related].append(record)
    return found


def _markers(books: Books) -> Iterator[Finding]:
    """Check that every reversal and resolution has its marker, every marker its record, and no record two of them."""
    resolvers = _resolvers(books)
    for reference, by in resolvers.items():
        if any(again.kind not in _AGAIN for again in by[1:]):
            issue = Issue.HOLD if by[0].kind in {Kind.CAPTURE, Kind.RELEASE} else Issue.DOUBLE_REVERSAL
            yield _about(by[-1], issue, f"{reference.text} was taken back or resolved {len(by)} times.")
        marker = books.resolutions.get(reference)
        if marker is None:
            yield _about(by[0], Issue.MARKER, f"the marker on {reference.text} is missing.")
        elif marker.by != by[0].reference:
            yield _marked(books, reference, Issue.MARKER, f"The marker names {marker.by.text}, not its record.")
        elif marker.kind is not by[0].kind:
            yield _marked(books, reference, Issue.MARKER, f"The marker says {marker.kind}, its record {by[0].kind}.")
    for reference, marker in books.resolutions.items():
        if reference not in resolvers:
            sentence = f"The marker names {marker.by.text}, which has not resolved {reference.text}."
            yield _marked(books, reference, Issue.ORPHAN, sentence)
    yield from _won_too_late(books, resolvers)


def _marked(books: Books, reference: Reference, issue: Issue, sentence: str) -> Finding:
    key = key_text(items.resolution_key(reference))
    return Finding(issue, books.player_id, key, sentence)


def _won_too_late(books: Books, resolvers: Mapping[Reference, list[Record]]) -> Iterator[Finding]:
    """Find wins on a bet that had been taken back before."""
    for record in books.records:
        taken_back = resolvers.get(record.related) if record.related and record.kind is Kind.WIN else None
        if taken_back and record.outcome is Outcome.APPLIED and record.version > taken_back[0].version:
            yield _about(record, Issue.REFERENCE, "the bet that it is about had been taken back.")


def _tombstones(books: Books) -> Iterator[Finding]:
    """Check that every rollback without effect has its reason standing, and every tombstone the rollback that left it."""
    named = books.by_name
    first: dict[Reference, Record] = {}
    for record in books.records:
        if record.kind is not Kind.ROLLBACK or record.outcome is not Outcome.NO_EFFECT or record.related is None:
            continue
        first.setdefault(record.related, record)
        target = named.get(record.related)
        if target is None and record.related not in books.tombstones:
            yield _about(record, Issue.MARKER, f"neither a tombstone nor a record stands at {record.related.text}.")
        elif target and target.outcome is Outcome.APPLIED and record.related not in books.resolutions:
            yield _about(record, Issue.REFERENCE, f"{record.related.text} stands, and was not taken back.")
    for reference, tombstone in books.tombstones.items():
        by = first.get(reference)
        if by is None or by.reference != tombstone.by:
            sentence = f"No rollback {tombstone.by.text} of this player has left this tombstone."
            yield Finding(Issue.ORPHAN, books.player_id, _key(reference), sentence)
        elif by.at_ms != tombstone.at_ms:
            yield Finding(Issue.MARKER, books.player_id, _key(reference), "The tombstone has another time than its rollback.")


def _holds(books: Books) -> Iterator[Finding]:
    """Check that open holds explain the held balance, and name them."""
    resolvers = _resolvers(books)
    held = [record for record in books.records if record.kind is Kind.HOLD and record.outcome is Outcome.APPLIED]
    unresolved = [record for record in held if record.reference not in resolvers]
    for record in unresolved:
        yield _about(record, Issue.OPEN_HOLD, f"{record.amount} nanos are held.")
    total = sum(record.amount for record in unresolved)
    if books.wallet and books.wallet.held != total:
        sentence = f"{books.wallet.held} nanos are held, open holds explain {total}."
        yield Finding(Issue.HOLD, books.player_id, _wallet_key(books), sentence)


def _anchored(books: Books, anchor: Anchor | None) -> Iterator[Finding]:
    """Check that the chain still holds a head that was noted earlier."""
    if anchor is None:
        return
    version = books.wallet.version if books.wallet else 0
    if version < anchor.version:
        sentence = f"The chain was at version {anchor.version} before and is at {version} now: its end has been cut off."
        yield Finding(Issue.ANCHOR, books.player_id, _wallet_key(books), sentence)
    elif anchor.head not in {record.hash.hex() for record in books.records if record.version == anchor.version}:
        sentence = f"Version {anchor.version} is not what it was: the past has been rewritten."
        yield Finding(Issue.ANCHOR, books.player_id, _wallet_key(books), sentence)
