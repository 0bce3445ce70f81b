"""Which settlement files are to be compared, and the comparison of one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from countroom.cashier.settlement import DAY_MS, EDGE_MS, Booked, Comparison, Difference, Finding, Report, booked_of
from countroom.cashier.settlement_file import FileRefused, Line, read_file
from countroom.cashier.settlement_shelf import FileTooLarge, Shelf, day_start_ms, report_text
from countroom.cashier.store import CashierStore
from countroom.clock import Clock

LOOKBACK_DAYS: Final = 120
"""How old a deposit may be of which something is missed in a file: card schemes take chargebacks for about so long."""

CATCH_UP_DAYS: Final = 8
"""How far back new files are looked for without being asked."""

FILE_DUE_MS: Final = 36 * 60 * 60 * 1000
"""How long after its day has ended a file may take to come."""

_CREATED_BEFORE_CREDIT_MS: Final = 2 * DAY_MS


class OutOfTime(Exception):
    """The caller's time is up; nothing was kept of what had begun."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A report and where it is kept."""

    report: Report
    key: str


class Reconciler:
    """Compares files with deposits. `out_of_time` is asked again and again; once it says yes, OutOfTime is raised."""

    def __init__(self, store: CashierStore, shelf: Shelf, clock: Clock, out_of_time: Callable[[], bool]) -> None:
        self._store = store
        self._shelf = shelf
        self._clock = clock
        self._out_of_time = out_of_time

    def due(self, gateway: str) -> list[date]:
        """Give the days, oldest first, whose file has no report, or one that is older than the file or than the day before's.

        A file is let be until its day has ended some time ago: its last payments may still be on their way.
        """
        today = _day_of(self._clock())
        since = today - timedelta(days=CATCH_UP_DAYS)
        files, reports = self._shelf.files(gateway, since), self._shelf.reports(gateway, since)
        found: list[date] = []
        for day in sorted(files):
            if self._clock() < day_start_ms(day) + DAY_MS + EDGE_MS:
                continue
            report, before = reports.get(day), reports.get(day - timedelta(days=1))
            outdated = report is None or report < files[day] or (before is not None and report < before)
            # What an earlier day carries over is only known once it was compared, so those after it follow.
            if outdated or (found and found[-1] == day - timedelta(days=1)):
                found.append(day)
        return found

    def compare(self, gateway: str, day: date) -> Compared:
        """Compare one file and keep the report. Raises OutOfTime, ShelfUnavailable and StoreUnavailable."""
        try:
            report = self._compare(gateway, day)
        except (FileRefused, FileTooLarge) as error:
            counts = {difference: int(difference is Difference.UNREADABLE) for difference in Difference}
            report = Report(0, 0, counts, (Finding(Difference.UNREADABLE, number=1, reason=str(error)),), ())
        key = self._shelf.put_report(gateway, day, report_text(gateway, day, report, self._clock()))
        return Compared(report, key)

    def _compare(self, gateway: str, day: date) -> Report:
        start_ms = day_start_ms(day)
        comparison = Comparison(start_ms, lambda line: self._look_up(gateway, line))
        for deposit in self._store.created_between(gateway, start_ms - LOOKBACK_DAYS * DAY_MS, start_ms + DAY_MS):
            self.check_time()
            comparison.expect(booked_of(deposit))
        for carried in self._shelf.carried(gateway, day - timedelta(days=1)):
            self.check_time()
            found = [one for one in self._booked(gateway, carried.deposit_id) if one.record == carried.record]
            comparison.expect(found, carried=True)
        for line in read_file(self._shelf.open_file(gateway, day)):
            self.check_time()
            comparison.read(line)
        return comparison.finish()

    def file_missing(self, gateway: str) -> bool:
        """Say whether the newest day whose file should be here by now has none, although something was credited on it."""
        day = _day_of(self._clock() - FILE_DUE_MS - DAY_MS)
        if day in self._shelf.files(gateway, day):
            return False
        start_ms = day_start_ms(day)
        for deposit in self._store.created_between(gateway, start_ms - _CREATED_BEFORE_CREDIT_MS, start_ms + DAY_MS):
            self.check_time()
            if any(start_ms <= booked.at_ms < start_ms + DAY_MS for booked in booked_of(deposit)):
                return True
        return False

    def _look_up(self, gateway: str, line: Line) -> list[Booked]:
        deposit_id = line.deposit_id or self._store.paid_by(gateway, line.payment_id)
        return self._booked(gateway, deposit_id) if deposit_id else []

    def _booked(self, gateway: str, deposit_id: str) -> list[Booked]:
        deposit = self._store.get(deposit_id)
        return list(booked_of(deposit)) if deposit is not None and deposit.gateway == gateway else []

    def check_time(self) -> None:
        """Raise OutOfTime once the caller's time is up."""
        if self._out_of_time():
            raise OutOfTime("no time is left")


def _day_of(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).date()
