"""The ledger's audit: every night, and whenever an auditor asks.

Event ``{}`` audits the whole table, ``{"player_id": …}`` one player; ``"anchors": {player: "<version>:<hash>"}`` beside it holds
the ledger against the heads that an earlier report has listed. The answer is the report (see `countroom.ledger.findings`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.ledger.audit import Auditor
from countroom.ledger.findings import Anchor, Report, report_view
from countroom.ledger.movements import is_player_id
from countroom.ledger.store import LedgerStore
from runtime import aws, settings, telemetry

READ_TIMEOUT_S: Final = 10.0
TRIES_MAX: Final = 4
LEFT_MS_MIN: Final = 30_000
"""What must remain of the function's time; below it the audit ends and says that it is incomplete."""


class AuditFailed(Exception):
    """The audit could not be made. The message is all that its caller may know; operators find the rest in the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    ledger_table: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be audited, and against which anchors."""

    player_id: str
    anchors: Mapping[str, Anchor]


@cache
def _store() -> LedgerStore:
    client = aws.client("dynamodb", read_timeout=READ_TIMEOUT_S, max_attempts=TRIES_MAX)
    return LedgerStore(client, settings.load(Settings).ledger_table)


def read_order(event: Mapping[str, Any]) -> Order:
    """Read an event; raise AuditFailed for one that is not in the form that this file's head describes."""
    anchors = event.get("anchors", {})
    if event.keys() - {"player_id", "anchors"} or not isinstance(anchors, dict):
        raise AuditFailed("The event must be {} or have the members player_id and anchors only.")
    player_id = event.get("player_id", "")
    if "player_id" in event and not _is_player(player_id):
        raise AuditFailed("player_id must be the id of a player.")
    try:
        read = {player: Anchor.from_text(text) for player, text in anchors.items()}
    except (ValueError, AttributeError):
        raise AuditFailed("anchors must name players and a version and hash of each.") from None
    if not all(map(_is_player, read)):
        raise AuditFailed("anchors must name players and a version and hash of each.")
    return Order(player_id, read)


def _is_player(player_id: object) -> bool:
    return isinstance(player_id, str) and is_player_id(player_id)


def _audit(event: dict[str, Any], context: Any) -> dict[str, Any]:
    order = read_order(event)
    began = time.monotonic()
    try:
        report = _run(order, lambda: context.get_remaining_time_in_millis() < LEFT_MS_MIN)
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.logger.error("audit failed", failure=telemetry.describe(error))
        raise AuditFailed("The audit could not be completed; its log says why.") from None
    _tell(report)
    return report_view(report, int((time.monotonic() - began) * 1000))


def _run(order: Order, out_of_time: Callable[[], bool]) -> Report:
    auditor = Auditor(_store(), out_of_time=out_of_time)
    if order.player_id:
        return auditor.audit_player(order.player_id, order.anchors.get(order.player_id))
    return auditor.audit(order.anchors)


def _tell(report: Report) -> None:
    """Count for the alarms, a zero as well, and write one line with figures; each listed mismatch gets a line of its own."""
    telemetry.count("ReconciliationMismatch", report.mismatches)
    telemetry.count("InvariantViolation", report.negatives)
    telemetry.count("AuditIncomplete", int(not report.complete))
    said: dict[str, Any] = {"wallets": report.wallets, "records": report.records, "mismatches": report.mismatches}
    telemetry.logger.info("audit done", **said, complete=report.complete, anchors_digest=report.anchors_digest)
    for finding in report.findings:
        if finding.level == "mismatch":
            telemetry.logger.error("mismatch", issue=finding.issue.value, player_id=finding.player_id, key=finding.key)


handler: Final = telemetry.observed(_audit)
