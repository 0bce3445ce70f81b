"""The comparison with the gateways' settlement files, and the look for deposits that are overdue: every hour, by a schedule.

Event ``{}`` compares every file that is new; ``{"gateway": "adyen", "day": "2026-01-31"}`` compares that one, again if need be. The
answer, the log and the counts say what came of it; the report itself lies in the bucket of the files.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from countroom.cashier import overdue, terms
from countroom.cashier.gateways import DIALECTS
from countroom.cashier.reconciler import Compared, OutOfTime, Reconciler
from countroom.cashier.settlement import Difference
from countroom.cashier.settlement_shelf import Shelf
from countroom.cashier.store import CashierStore
from countroom.clock import system_clock
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from runtime import aws, settings, telemetry

READ_TIMEOUT_S: Final = 10.0
TRIES_MAX: Final = 4
LEFT_MS_MIN: Final = 30_000
"""What must remain of the function's time; below it the check ends and says that it is incomplete."""
SHOWN_MAX: Final = 100

GATEWAYS: Final = tuple(sorted({*DIALECTS, *terms.TERMS}))
"""Those that send webhooks, and those that are asked at once."""

COUNTS: Final[Mapping[Difference, str]] = {
    Difference.MISSING_HERE: "SettlementMissingHere",
    Difference.MISSING_THERE: "SettlementMissingThere",
    Difference.AMOUNT_DIFFERS: "SettlementAmountDiffers",
    Difference.LISTED_TWICE: "SettlementMissingHere",  # the gateway says that it has the money once more
    Difference.LATE: "SettlementLate",
    Difference.UNREADABLE: "SettlementUnreadable",
}
"""How operators see each kind of difference; the alarms are on these."""


class CheckFailed(Exception):
    """The check could not be made. The message is all that its caller may know; operators find the rest in the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    cashier_table: str
    ledger_table: str
    settlement_bucket: str


@dataclass(frozen=True, slots=True)
class Order:
    """The one file that is asked for."""

    gateway: str
    day: date


@cache
def _book() -> Book:
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    return Book(LedgerStore(aws.client("dynamodb", max_attempts=1), settings.load(Settings).ledger_table), system_clock)


@cache
def _parts() -> tuple[CashierStore, Shelf]:
    told = settings.load(Settings)
    store = CashierStore(aws.client("dynamodb", read_timeout=READ_TIMEOUT_S, max_attempts=TRIES_MAX), told.cashier_table)
    return store, Shelf(aws.client("s3", read_timeout=READ_TIMEOUT_S, max_attempts=TRIES_MAX), told.settlement_bucket)


def read_order(event: Mapping[str, Any]) -> Order | None:
    """Read an event; None for an empty one. Raises CheckFailed for one that is not in the form that this file's head describes."""
    if not event:
        return None
    gateway, day = event.get("gateway"), event.get("day")
    if event.keys() != {"gateway", "day"} or not isinstance(gateway, str) or gateway not in GATEWAYS or not isinstance(day, str):
        raise CheckFailed("The event must be {} or name a gateway and a day.")
    try:
        return Order(gateway, date.fromisoformat(day))
    except ValueError:
        raise CheckFailed("day must be a date such as 2026-01-31.") from None


def _serve(event: dict[str, Any], context: Any) -> dict[str, Any]:
    order = read_order(event)
    run = _Run(order.day if order else None, context.get_remaining_time_in_millis)
    late = run.through([order.gateway] if order else GATEWAYS)
    if late and not order:
        late = run.through(late)  # with what the others have left over
    telemetry.count("SettlementIncomplete", int(run.failed or bool(late)))
    if run.failed:
        raise CheckFailed("The check could not be completed; its log says why.")
    return {"complete": not late, "reports": run.reports}


class _Run:
    """One invocation: what it was asked for, how long it still has, and what came of it."""

    def __init__(self, day: date | None, left_ms: Callable[[], int]) -> None:
        self._day = day
        self._left_ms = left_ms
        self._looked: set[str] = set()
        self.reports: list[dict[str, Any]] = []
        self.failed = False

    def through(self, gateways: Sequence[str]) -> list[str]:
        """Check these gateways, each with its share of the time, and give those whose share was too small.

        So what one gateway's files need, or break, is not taken from the others.
        """
        late: list[str] = []
        for number, gateway in enumerate(gateways):
            try:
                self._check(gateway, self._share(len(gateways) - number))
            except OutOfTime:
                late.append(gateway)
                telemetry.logger.error("settlement check out of time", gateway=gateway, reports=len(self.reports))
            except Exception as error:  # noqa: BLE001 - the outermost edge: a caller learns that it failed, operators the rest
                self.failed = True
                telemetry.logger.error("settlement check failed", gateway=gateway, failure=telemetry.describe(error))
        return late

    def _share(self, gateways: int) -> Callable[[], bool]:
        left_ms = self._left_ms()
        end_ms = max(LEFT_MS_MIN, left_ms - (left_ms - LEFT_MS_MIN) // gateways)
        return lambda: self._left_ms() < end_ms

    def _check(self, gateway: str, out_of_time: Callable[[], bool]) -> None:
        """Compare the one file that is asked for; else look for what is missing or overdue, and compare all that is due."""
        store, shelf = _parts()
        reconciler = Reconciler(store, shelf, system_clock, out_of_time)
        if self._day is not None:
            self.reports.append(_compare(reconciler, gateway, self._day))
            return
        if gateway not in self._looked:
            _look_for_files(reconciler, gateway)
            _look_for_overdue(store, reconciler, gateway)
            self._looked.add(gateway)
        for day in reconciler.due(gateway):
            self.reports.append(_compare(reconciler, gateway, day))


def _compare(reconciler: Reconciler, gateway: str, day: date) -> dict[str, Any]:
    compared: Compared = reconciler.compare(gateway, day)
    report = compared.report
    for difference, count in report.counts.items():
        telemetry.count(COUNTS[difference], count)
    counts = {difference.value: count for difference, count in report.counts.items()}
    about = {"gateway": gateway, "day": str(day), "report": compared.key}
    said: dict[str, Any] = {**about, "lines": report.lines, "matched": report.matched, **counts}
    telemetry.logger.info("settlement compared", **said, carried=len(report.carried))
    return said


def _look_for_files(reconciler: Reconciler, gateway: str) -> None:
    missing = reconciler.file_missing(gateway)
    telemetry.count("SettlementFileMissing", int(missing))
    if missing:
        telemetry.logger.warning("settlement file missing", gateway=gateway)


def _look_for_overdue(store: CashierStore, reconciler: Reconciler, gateway: str) -> None:
    found = overdue.look(store, _book(), gateway, system_clock(), reconciler.check_time)
    telemetry.count("DepositsPendingTooLong", len(found.waiting) + len(found.refused), dimensions={"gateway": gateway})
    telemetry.count("DepositsExpired", len(found.expired), dimensions={"gateway": gateway})
    for deposit_id in found.waiting[:SHOWN_MAX]:
        telemetry.logger.warning("deposit pending too long", gateway=gateway, deposit_id=deposit_id)
    for deposit_id, reason in found.refused[:SHOWN_MAX]:
        telemetry.logger.warning("deposit not expired", gateway=gateway, deposit_id=deposit_id, reason=reason)
    if found.expired:
        telemetry.logger.info("deposits expired", gateway=gateway, deposits=len(found.expired), left=found.left)


handler: Final = telemetry.observed(_serve)
