"""The worker on the ledger's stream: keeps each round of a game together, so that it can be looked up and seen to be left open.

The stream brings each change at least once, and those of different records in any order; both come to the same (see
`countroom.games.rounds_store`). Records fail one by one: one that cannot be kept comes back and, after bounded tries, goes where
the event source sends what it gives up; the others are kept.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from countroom.clock import system_clock
from countroom.games.round_keeper import Kept, RoundKeeper
from countroom.games.rounds_store import RoundsStore
from countroom.ledger import items
from countroom.ledger.store import LedgerStore
from handlers.parts.stream import image_of
from runtime import aws, settings, telemetry


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    games_table: str
    ledger_table: str


@cache
def _keeper() -> RoundKeeper:
    told = settings.load(Settings)
    client = aws.client("dynamodb")
    return RoundKeeper(LedgerStore(client, told.ledger_table), RoundsStore(client, told.games_table), system_clock)


def _take(record: DynamoDBRecord) -> None:
    """Take one change in; raise whatever keeps it from being taken, so that it comes back."""
    try:
        item = image_of(record.raw_event)
        if item is None or items.kind_of(item) != "record":
            return
        kept = _keeper().take(items.record_of(item))
    except Exception as error:
        telemetry.logger.error("round not kept", failure=telemetry.describe(error), event_id=record.event_id)
        telemetry.count("RoundNotKept")
        raise
    telemetry.count("RoundMovementsKept", int(kept is not None))
    if kept is not None and kept.after_close:
        _flag(kept)


def _flag(kept: Kept) -> None:
    """Say that something was booked after its round had been closed: it is the provider's to explain, and stands meanwhile."""
    key = kept.key
    telemetry.count("MovementAfterClose", len(kept.after_close), dimensions={"provider": key.provider})
    for move in kept.after_close:
        telemetry.logger.warning(
            "movement after close",
            provider=key.provider,
            player_id=key.player_id,
            round_id=key.round_id,
            transaction=move.reference.text,
            kind=move.kind,
        )


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    # A batch of which all fail is answered like any other: raising would only add a second report of the same failures.
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    with processor(event.get("Records") or [], _take):
        processor.process()
    return dict(processor.response())


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _keeper()
