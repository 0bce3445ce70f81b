"""What an audit can find, and its report. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from countroom.ledger.amounts import exact_amount
from countroom.money import UnknownCurrency

LISTED_MAX: Final = 200
"""Findings that a report lists one by one; its counts are always of all."""

ANCHORS_MAX: Final = 1000
"""Anchors that a report lists; its digest is always over all."""


class Level(StrEnum):
    """How bad a finding is: the books do not agree, or something is merely unfinished."""

    MISMATCH = "mismatch"
    NOTICE = "notice"


class Issue(StrEnum):
    """What is wrong, in one word."""

    MALFORMED = "malformed"
    """An item that this ledger does not write in this form."""
    UNKNOWN_ITEM = "unknown_item"
    """An item of no kind that this ledger has."""
    SUM = "sum"
    """Balances, lifetime totals and the sum of the records do not agree."""
    BALANCES = "balances"
    """A record's balances are not its predecessor's and its own changes."""
    LEGS = "legs"
    """A record's changes, amount or counter-account do not fit its kind and outcome."""
    CURRENCY = "currency"
    """A record in another currency than its wallet."""
    NEGATIVE = "negative"
    """A balance below zero after a movement that may not make it so."""
    GAP = "gap"
    """Versions without a record."""
    DUPLICATE = "duplicate"
    """Two records of one version."""
    CHAIN = "chain"
    """A hash or a link that does not fit."""
    HEAD = "head"
    """The wallet does not end where its records do."""
    STATE = "state"
    """The wallet is not as its newest record left it."""
    ORPHAN = "orphan"
    """A record, marker or tombstone without what it belongs to."""
    FOREIGN = "foreign"
    """An item that names another player than its key or what it refers to."""
    REFERENCE = "reference"
    """A record whose earlier movement is not there or is not what it must be."""
    MARKER = "marker"
    """A reversal or resolution whose marker or tombstone is missing or says something else."""
    DOUBLE_REVERSAL = "double_reversal"
    """A record that was taken back more than once."""
    HOLD = "hold"
    """A hold that was resolved more than once or for another amount, or a held balance that no open hold explains."""
    ANCHOR = "anchor"
    """A chain that no longer holds a head which was noted earlier."""
    OPEN_HOLD = "open_hold"
    """A hold that nothing has resolved yet."""

    @property
    def level(self) -> Level:
        """Whether it is a mismatch."""
        return Level.NOTICE if self is Issue.OPEN_HOLD else Level.MISMATCH


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where: the player ('' when no item says), the item's key, and a sentence."""

    issue: Issue
    player_id: str
    key: str
    sentence: str

    @property
    def level(self) -> Level:
        """Whether it is a mismatch."""
        return self.issue.level


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a player's chain at one version. Kept elsewhere, it shows that nothing up to it was cut off or rewritten."""

    version: int
    head: str

    @property
    def text(self) -> str:
        """Return ``<version>:<hash in hex>``."""
        return f"{self.version}:{self.head}"

    @classmethod
    def from_text(cls, text: str) -> "Anchor":
        """Read what `text` wrote; raise ValueError for anything else."""
        version, _, head = text.partition(":")
        if not version.isascii() or not version.isdigit() or len(bytes.fromhex(head)) != _HASH_BYTES:
            raise ValueError("not an anchor")
        return cls(int(version), head.lower())


_HASH_BYTES: Final = 32


@dataclass(slots=True)
class Report:
    """What an audit has seen and found. `complete` is False when it ran out of time: then it speaks for `wallets` of them only."""

    wallets: int = 0
    records: int = 0
    markers: int = 0
    rechecked: int = 0
    complete: bool = True
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Issue] = field(default_factory=Counter)
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    anchors_digest: str = ""

    @property
    def mismatches(self) -> int:
        """How many findings are mismatches."""
        return sum(count for issue, count in self.counts.items() if issue.level is Level.MISMATCH)

    @property
    def negatives(self) -> int:
        """How many findings are negative balances: invariants that the rules must never break."""
        return self.counts[Issue.NEGATIVE]

    def note(self, found: Finding) -> None:
        """Count a finding, and list it while there is room: notices never push out a mismatch."""
        self.counts[found.issue] += 1
        if len(self.findings) < LISTED_MAX:
            self.findings.append(found)
        elif found.level is Level.MISMATCH:
            notice = next((at for at, listed in enumerate(self.findings) if listed.level is Level.NOTICE), None)
            if notice is not None:
                self.findings[notice] = found


def report_view(report: Report, elapsed_ms: int) -> dict[str, Any]:
    """Show a report as a JSON object: findings up to LISTED_MAX, counts always full, sums per currency as decimal texts."""
    return {
        "ok": report.complete and report.mismatches == 0,
        "complete": report.complete,
        "wallets": report.wallets,
        "records": report.records,
        "markers": report.markers,
        "rechecked": report.rechecked,
        "mismatches": report.mismatches,
        "counts": {issue.value: report.counts[issue] for issue in Issue if report.counts[issue]},
        "findings": [
            {"level": f.level.value, "issue": f.issue.value, "player_id": f.player_id, "key": f.key, "sentence": f.sentence}
            for f in report.findings
        ],
        "findings_left_out": report.counts.total() - len(report.findings),
        "sums": {code: _amounts(code, sums) for code, sums in sorted(report.sums.items())},
        "anchors": {player: anchor.text for player, anchor in report.anchors.items()} if _listable(report) else None,
        "anchors_digest": report.anchors_digest,
        "elapsed_ms": elapsed_ms,
    }


def _listable(report: Report) -> bool:
    return len(report.anchors) <= ANCHORS_MAX


def _amounts(code: str, sums: Mapping[str, int]) -> dict[str, str]:
    try:
        return {account: exact_amount(nanos, code) for account, nanos in sorted(sums.items())}
    except UnknownCurrency:
        return {f"{account} (nanos)": str(nanos) for account, nanos in sorted(sums.items())}
