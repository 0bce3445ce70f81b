"""The worker on the ledger's stream that keeps the trail of play safety and opens cases where a marker of harm is met.

The stream brings each record at least once and in any order; all of it comes to the same (see
`countroom.responsible_play.safety_watch`). Records fail one by one: one that cannot be kept comes back and, after bounded tries,
goes where the event source sends what it gives up; the others are kept. A rule that could not be asked lets the records come back
that it is about.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.clock import system_clock
from countroom.ledger import items
from countroom.ledger.records import Record
from countroom.ledger.store import LedgerStore
from countroom.responsible_play.safety_store import SafetyStore
from countroom.responsible_play.safety_watch import SafetyWatch, Taken, by_player
from countroom.responsible_play.trail import is_play
from handlers.parts import cancellations
from handlers.parts.stream import image_of
from runtime import aws, settings, telemetry


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    safety_table: str
    ledger_table: str
    withdrawals_table: str


@dataclass(frozen=True, slots=True)
class Change:
    """A record as the stream brought it; `place` names the change to the stream, `event_id` to the log."""

    place: str
    event_id: str
    record: Record


class Batch:
    """What came of a batch: which of its changes are to come back."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}

    def fail(self, place: str, event_id: str, error: Exception) -> None:
        """Let a change come back."""
        if place in self._failed:
            return
        self._failed[place] = None
        telemetry.logger.error("record not kept in the trail", failure=telemetry.describe(error), event_id=event_id)
        telemetry.count("SafetyRecordNotKept")

    def has_failed(self, place: str) -> bool:
        """Whether a change is to come back already."""
        return place in self._failed

    @property
    def answer(self) -> dict[str, Any]:
        """What the event source is told."""
        return {"batchItemFailures": [{"itemIdentifier": place} for place in self._failed]}


@cache
def _watch() -> SafetyWatch:
    told = settings.load(Settings)
    client = aws.client("dynamodb")
    is_cancelled = partial(cancellations.by_player, WithdrawalStore(client, told.withdrawals_table))
    store = SafetyStore(client, told.safety_table)
    return SafetyWatch(LedgerStore(client, told.ledger_table), store, is_cancelled, system_clock)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    batch = Batch()
    changes = _records(event.get("Records") or [], batch)
    taken = [(change, one) for change in changes if (one := _taken(change, batch)) is not None]
    _played(changes, batch)
    _look(taken, batch)
    telemetry.count("TrailEntriesKept", sum(one.kept for _, one in taken))
    newest = max((change.record.at_ms for change in changes if not batch.has_failed(change.place)), default=None)
    if newest is not None:
        behind_ms = max(0, system_clock() - newest)
        telemetry.metrics.add_metric("TrailBehind", unit=telemetry.MetricUnit.Milliseconds, value=behind_ms)
    return batch.answer


def _records(sent: Sequence[Mapping[str, Any]], batch: Batch) -> list[Change]:
    """Read the records of a batch; what is none is passed over."""
    found: list[Change] = []
    for change in sent:
        place, event_id = str((change.get("dynamodb") or {}).get("SequenceNumber", "")), str(change.get("eventID", ""))
        try:
            item = image_of(change)
            if item is not None and items.kind_of(item) == "record":
                found.append(Change(place, event_id, items.record_of(item)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one change, the others are read
            batch.fail(place, event_id, error)
    return found


def _taken(change: Change, batch: Batch) -> Taken | None:
    try:
        return _watch().take(change.record)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one record, the others are kept
        batch.fail(change.place, change.event_id, error)
        return None


def _played(changes: Sequence[Change], batch: Batch) -> None:
    """Keep when players played; where that fails, all of a player's stakes of the batch come back."""
    players: dict[str, list[Change]] = {}
    for change in filter(lambda change: is_play(change.record), changes):
        players.setdefault(change.record.player_id, []).append(change)
    for theirs in players.values():
        try:
            _watch().played(change.record for change in theirs)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one player's, the others' are kept
            for change in theirs:
                batch.fail(change.place, change.event_id, error)


def _look(taken: Sequence[tuple[Change, Taken]], batch: Batch) -> None:
    """Ask the rules, once for each player of the batch; where that fails, the records come back that they were asked about."""
    for player_id, facts in by_player(one for _, one in taken).items():
        try:
            for marker in _watch().look(player_id, facts):
                telemetry.count("CaseOpened", dimensions={"marker": marker.value})
                telemetry.logger.info("case opened", player_id=player_id, marker=marker.value)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one player's, the others' are looked at
            for change, one in taken:
                if one.player_id == player_id and one.facts:
                    batch.fail(change.place, change.event_id, error)


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _watch()
