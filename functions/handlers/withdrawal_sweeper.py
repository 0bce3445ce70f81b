"""The sweeper: every minute, by a schedule, it looks at each withdrawal that is not at its end. What it does is in `sweeping`.

The event is not looked at. The answer and the log name at most SHOWN_MAX withdrawals of a kind; the counts are of all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.cashier.withdrawals.sweeping import OutOfTime, Sweep, Sweeper
from countroom.cashier.withdrawals.withdrawal import OPEN, Attention
from countroom.clock import system_clock
from countroom.money import NANOS_PER_UNIT
from handlers.parts import wake, withdrawing
from handlers.parts.withdrawing import Wired
from runtime import settings, telemetry

SHOWN_MAX: Final = 50
LEFT_MS_MIN: Final = 10_000
"""What must remain of the function's time; below it the sweep ends and says that it is incomplete."""


class SweepFailed(Exception):
    """The sweep could not be made. The message is all that its caller may know; operators find the rest in the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    withdrawals_table: str
    ledger_table: str
    withdrawal_machine_arn: str


@cache
def _parts() -> Wired:
    return withdrawing.wired(settings.load(withdrawing.WithdrawalTables))


def _serve(_event: Any, context: Any) -> dict[str, Any]:
    try:
        found = _sweep(lambda: context.get_remaining_time_in_millis() < LEFT_MS_MIN)
    except OutOfTime:
        telemetry.count("SweepIncomplete")
        telemetry.logger.error("sweep out of time")
        return {"complete": False}
    except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators get the log line
        telemetry.count("SweepIncomplete")
        telemetry.logger.error("sweep failed", failure=telemetry.describe(error))
        raise SweepFailed("The sweep could not be completed; its log says why.") from None
    return _report(found)


def _sweep(out_of_time: Callable[[], bool]) -> Sweep:
    parts = _parts()
    sweeper = Sweeper(
        listed=parts.lists.open_ones,
        read=parts.store.get,
        happen=parts.withdrawals.happen,
        rouse=parts.withdrawals.rouse,
        machine=wake.machine(),
        clock=system_clock,
        out_of_time=out_of_time,
        unknown=withdrawing.NOT_KNOWN,
    )
    return sweeper.sweep()


def _report(found: Sweep) -> dict[str, Any]:
    for status in sorted(OPEN):
        telemetry.count("WithdrawalsOpen", found.standing[status], dimensions={"state": status.value})
        oldest_s = found.oldest_ms.get(status, 0) // 1000
        telemetry.count("WithdrawalOldestSeconds", oldest_s, dimensions={"state": status.value})
    for currency, held in sorted(found.held.items()):
        telemetry.count("WithdrawalsHeld", held // NANOS_PER_UNIT, dimensions={"currency": currency})
    for attention in Attention:
        telemetry.count("WithdrawalsForPeople", found.attention[attention], dimensions={"attention": attention.value})
    telemetry.count("WithdrawalsStarted", len(found.started))
    telemetry.count("SweepIncomplete", int(bool(found.failed)))
    for what, ids in (("started", found.started), ("lost", found.lost), ("left", found.failed)):
        for withdrawal_id in ids[:SHOWN_MAX]:
            telemetry.logger.warning("withdrawal without an execution", came=what, withdrawal_id=withdrawal_id)
    return {
        "complete": not found.failed,
        "open": {status.value: count for status, count in found.standing.items()},
        "started": found.started[:SHOWN_MAX],
        "lost": found.lost[:SHOWN_MAX],
    }


handler: Final = telemetry.observed(_serve)
