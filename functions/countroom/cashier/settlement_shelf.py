"""Where settlement files and the reports on them lie in S3. No other file spells their keys and the reports' form.

- `settlements/<gateway>/<YYYY-MM-DD>.csv`: a gateway's file of one day, put there by operators
- `reports/<gateway>/<YYYY-MM-DD>.json`: what came of the comparison; written anew when the file is, the older versions are kept
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from countroom import money
from countroom.cashier.settlement import Booked, Difference, Finding, Report
from countroom.times import to_iso

FILES: Final = "settlements"
REPORTS: Final = "reports"
FORMAT: Final = 1
FILE_BYTES_MAX: Final = 128 * 1024 * 1024
_REPORT_BYTES_MAX: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024
_LISTED_MAX: Final = 1000


class ShelfUnavailable(Exception):
    """S3 did not give or take a file."""


class FileTooLarge(ValueError):
    """More than FILE_BYTES_MAX."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A booking that an earlier report has carried over."""

    deposit_id: str
    record: str


class Shelf:
    """The bucket. `client` is a low-level S3 client with timeouts of its own."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def files(self, gateway: str, since: date) -> dict[date, datetime]:
        """List a gateway's files of `since` and later: day → when it was put there. Raises ShelfUnavailable."""
        return self._list(f"{FILES}/{gateway}/", ".csv", since)

    def reports(self, gateway: str, since: date) -> dict[date, datetime]:
        """List the reports on them in the same way."""
        return self._list(f"{REPORTS}/{gateway}/", ".json", since)

    def open_file(self, gateway: str, day: date) -> Iterator[bytes]:
        """Read a file piece by piece. Raises FileTooLarge before the first, ShelfUnavailable at any."""
        found = self._get(file_key(gateway, day))
        if found["ContentLength"] > FILE_BYTES_MAX:
            raise FileTooLarge("the file is too large")
        try:
            # botocore compares what came with the length that was told, so a file cut short is an error and not a shorter file.
            yield from found["Body"].iter_chunks(_CHUNK_BYTES)
        except BotoCoreError as error:
            raise ShelfUnavailable("a settlement file broke off") from error

    def carried(self, gateway: str, day: date) -> list[Carried]:
        """Give what the report on a day has carried over to the next; nothing where there is none. Raises ShelfUnavailable."""
        try:
            found = self._get(report_key(gateway, day))
        except ShelfUnavailable as error:
            if isinstance(error.__cause__, ClientError) and error.__cause__.response["Error"]["Code"] == "NoSuchKey":
                return []
            raise
        try:
            report = json.loads(found["Body"].read(_REPORT_BYTES_MAX))
            return [Carried(str(one["deposit_id"]), str(one["record"])) for one in report["carried"]]
        except (BotoCoreError, ValueError, KeyError, TypeError) as error:
            raise ShelfUnavailable("a report could not be read") from error

    def put_report(self, gateway: str, day: date, text: str) -> str:
        """Keep a report and give its key. Raises ShelfUnavailable."""
        key = report_key(gateway, day)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json")
        except (BotoCoreError, ClientError) as error:
            raise ShelfUnavailable("a report was not kept") from error
        return key

    def _get(self, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise ShelfUnavailable("the bucket did not give a file") from error

    def _list(self, folder: str, suffix: str, since: date) -> dict[date, datetime]:
        # Names sort as days do, and what comes after `since - 1` begins with `since`. One page holds years of them.
        after = f"{folder}{since - timedelta(days=1)}~"
        try:
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=folder, StartAfter=after, MaxKeys=_LISTED_MAX)
        except (BotoCoreError, ClientError) as error:
            raise ShelfUnavailable("the bucket could not be listed") from error
        if "KeyCount" not in found:
            raise ShelfUnavailable("an answer of the bucket was cut short")
        listed: dict[date, datetime] = {}
        for one in found.get("Contents", []):
            day = _day(one["Key"].removeprefix(folder).removesuffix(suffix))
            if day is not None and one["Key"] == f"{folder}{day}{suffix}":
                listed[day] = one["LastModified"]
        return listed


def file_key(gateway: str, day: date) -> str:
    """Name a settlement file."""
    return f"{FILES}/{gateway}/{day}.csv"


def report_key(gateway: str, day: date) -> str:
    """Name the report on it."""
    return f"{REPORTS}/{gateway}/{day}.json"


def day_start_ms(day: date) -> int:
    """Give the first instant of a day, UTC, in epoch milliseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def report_text(gateway: str, day: date, report: Report, made_at_ms: int) -> str:
    """Write a report down."""
    counts: Mapping[Difference, int] = report.counts
    return json.dumps(
        {
            "format": FORMAT,
            "gateway": gateway,
            "day": str(day),
            "file": file_key(gateway, day),
            "made_at": to_iso(made_at_ms),
            "lines": report.lines,
            "matched": report.matched,
            "agrees": report.agrees,
            "counts": {difference.value: count for difference, count in counts.items()},
            "findings": [_finding(one) for one in report.findings],
            "findings_left_out": sum(counts.values()) - len(report.findings),
            "carried": [{"deposit_id": one.deposit_id, "record": one.record} for one in report.carried],
        },
        indent=1,
    )


def _finding(finding: Finding) -> dict[str, object]:
    shown: dict[str, object] = {"difference": finding.difference.value}
    if finding.line is not None:
        line = finding.line
        shown["gateway"] = {
            "line": line.number,
            "kind": line.kind.value,
            "payment_id": line.payment_id,
            "deposit_id": line.deposit_id or None,
            "amount": _amount(line.amount, line.currency),
            "currency": line.currency,
            "booked_at": to_iso(line.booked_at_ms),
        }
    if finding.booked is not None:
        shown["house"] = _booked(finding.booked)
    if finding.number:
        shown |= {"line": finding.number, "reason": finding.reason}
    return shown


def _booked(booked: Booked) -> dict[str, object]:
    return {
        "deposit_id": booked.deposit_id,
        "record": booked.record,
        "kind": booked.kind.value,
        "payment_id": booked.payment_id,
        "amount": _amount(booked.amount, booked.currency),
        "currency": booked.currency,
        "booked_at": to_iso(booked.at_ms),
    }


def _amount(nanos: int, code: str) -> str:
    return money.format_amount(nanos, money.currency(code))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
