"""The report of rounds that were left open for 48 hours: every hour, by a schedule. What "open" can mean is in decision 11.

The event is not looked at. The answer, and the log, names at most SHOWN_MAX of them; the count is of all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.clock import system_clock
from countroom.games.round_keeper import LeftOpen, left_open
from countroom.games.rounds import Round
from countroom.games.rounds_store import RoundsStore
from countroom.times import to_iso
from runtime import aws, settings, telemetry

SHOWN_MAX: Final = 100
LEFT_MS_MIN: Final = 15_000
"""What must remain of the function's time; below it the report ends and says that it is incomplete."""


class ReportFailed(Exception):
    """The report could not be made. The message is all that its caller may know; operators find the rest in the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    games_table: str


@cache
def _rounds() -> RoundsStore:
    return RoundsStore(aws.client("dynamodb", max_attempts=4), settings.load(Settings).games_table)


def _serve(_event: Any, context: Any) -> dict[str, Any]:
    try:
        report = _run(lambda: context.get_remaining_time_in_millis() < LEFT_MS_MIN)
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.count("RoundsReportIncomplete")
        telemetry.logger.error("rounds report failed", failure=telemetry.describe(error))
        raise ReportFailed("The report could not be completed; its log says why.") from None
    shown = [_line(found) for found in report.rounds[:SHOWN_MAX]]
    telemetry.count("RoundsLeftOpen", len(report.rounds))
    telemetry.count("RoundsReportIncomplete", int(not report.complete))
    for line in shown:
        telemetry.logger.warning("round left open", **line)
    return {"left_open": len(report.rounds), "complete": report.complete, "rounds": shown}


def _run(out_of_time: Callable[[], bool]) -> LeftOpen:
    return left_open(_rounds(), system_clock(), out_of_time)


def _line(found: Round) -> dict[str, Any]:
    since = found.open_since_ms
    return {
        "provider": found.key.provider,
        "player_id": found.key.player_id,
        "round_id": found.key.round_id,
        "open_since": to_iso(since) if since is not None else None,
    }


handler: Final = telemetry.observed(_serve)
