"""What the functions logged, fetched from the emulator before it is gone."""

from datetime import UTC, datetime
from pathlib import Path

from sandbox import aws

GROUPS_MAX = 50
EVENTS_MAX = 1_000
_PREFIX = "/countroom/"


def save(endpoint: str, path: Path) -> None:
    """Write the newest log lines of every function into one file that only its owner can read.

    Raises:
        botocore's errors, when the emulator does not answer.

    """
    client = aws.client("logs", endpoint)
    groups = [one["logGroupName"] for one in client.describe_log_groups(limit=GROUPS_MAX)["logGroups"]]
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        for group in sorted(groups):
            for event in client.filter_log_events(logGroupName=group, limit=EVENTS_MAX)["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
                file.write(f"{at} {group.removeprefix(_PREFIX)} {event['message'].rstrip()}\n")
