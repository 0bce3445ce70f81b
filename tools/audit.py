"""Audit a ledger: `make audit`, or ``PYTHONPATH=functions:. python -m tools.audit``. Reads only.

Exit status: 0 all agrees, 1 something does not, 2 there was no audit.

Without arguments the running sandbox is audited, under its auditor's role. With ``--table`` a table in AWS is, with the credentials
of whoever calls. Never both: the sandbox's way in goes to this machine alone, and the other one ignores the sandbox.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from countroom.ledger.audit import Auditor
from countroom.ledger.findings import Anchor, Level, Report, report_view
from countroom.ledger.store import LedgerStore, StoreBusy
from sandbox import aws as sandbox_aws
from sandbox.environment import forget_credentials
from sandbox.loopback import NotLoopbackError
from sandbox.stack import Stack, StackFileError, default_path

AGREES: Final = 0
MISMATCH: Final = 1
NO_AUDIT: Final = 2
_ONE_MISMATCH: Final = "MISMATCH: the count is wrong in one place."
_PROGRESS_EVERY_S: Final = 0.5
_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 6})


class NoAuditError(Exception):
    """The audit cannot be made; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    asked = _parser().parse_args(arguments)
    if not asked.table and (asked.region or asked.profile):
        print("--region and --profile go with --table; the sandbox has its own.", file=sys.stderr)
        return NO_AUDIT
    progress = Progress()
    began = time.monotonic()
    try:
        anchors = read_anchors(asked.anchors) if asked.anchors else {}
        store = in_aws(asked.table, asked.region, asked.profile) if asked.table else in_sandbox(asked.stack)
        auditor = Auditor(store, progress=progress.show)
        player = asked.player
        report = auditor.audit_player(player, anchors.get(player)) if player else auditor.audit(anchors)
    except (NoAuditError, StackFileError, NotLoopbackError) as error:
        return _gave_up(progress, str(error))
    except ClientError as error:
        return _gave_up(progress, f"AWS refused {error.operation_name}: {error.response['Error'].get('Code')}.")
    except StoreBusy as error:
        return _gave_up(progress, f"The table does not answer ({error}): try again.")
    except BotoCoreError as error:
        return _gave_up(progress, f"AWS cannot be asked ({type(error).__name__}): look at your credentials, profile and network.")
    progress.end()
    if asked.anchors_out:
        write_anchors(asked.anchors_out, report)
    view = report_view(report, int((time.monotonic() - began) * 1000))
    print(json.dumps(view, indent=2) if asked.json else text_of(view))
    return AGREES if view["ok"] else MISMATCH


def _gave_up(progress: "Progress", why: str) -> int:
    progress.end()
    print(why, file=sys.stderr)
    return NO_AUDIT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description="Recount every wallet from its records.")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--stack", type=Path, default=None, help="stack.json of the sandbox (default: the running one's)")
    place.add_argument("--table", help="a ledger table in AWS, read with your own credentials")
    parser.add_argument("--region", help="the table's region (default: that of your AWS settings)")
    parser.add_argument("--profile", help="the profile of your AWS settings to use")
    parser.add_argument("--player", default="", help="audit this player only")
    parser.add_argument("--anchors", type=Path, help="hold the ledger against the heads in this file")
    parser.add_argument("--anchors-out", type=Path, help="write the heads to this file: keep it where nobody can change it")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def in_sandbox(path: Path | None) -> LedgerStore:
    """Open the sandbox's ledger under its auditor's role. Raise StackFileError, NotLoopbackError or NoAuditError."""
    forget_credentials(os.environ)
    stack = Stack.read(path or default_path())
    table = stack.resources.get("LedgerTableName")
    if not table:
        raise NoAuditError("The sandbox names no ledger table: start it again with `make run`.")
    session = sandbox_aws.take_role(stack.endpoint, stack.role("auditor"), "audit")
    return LedgerStore(sandbox_aws.client("dynamodb", stack.endpoint, session), table)


def in_aws(table: str, region: str | None, profile: str | None) -> LedgerStore:
    """Open a table in AWS with the caller's own credentials; an endpoint of the environment is refused, so it is AWS for sure."""
    if any(name.startswith("AWS_ENDPOINT_URL") and value for name, value in os.environ.items()):
        raise NoAuditError("AWS_ENDPOINT_URL is set: unset it to audit a table in AWS, or leave out --table for the sandbox.")
    session = botocore.session.Session(profile=profile)
    region = region or session.get_config_variable("region")
    if not region:
        raise NoAuditError("Say in which --region the table is.")
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    return LedgerStore(session.create_client("dynamodb", region_name=region, config=_CONFIG), table)


class Progress:
    """A line on the terminal that says how far it is; nothing where nobody watches."""

    def __init__(self) -> None:
        self._shown_at = 0.0
        self._watched = sys.stderr.isatty()

    def show(self, what: str, how_many: int) -> None:
        """Show it, twice a second at most."""
        now = time.monotonic()
        if self._watched and now - self._shown_at >= _PROGRESS_EVERY_S:
            self._shown_at = now
            units = "items" if what == "scanned" else "wallets"
            print(f"\r\033[K{what} {how_many:,} {units}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._watched:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def read_anchors(path: Path) -> dict[str, Anchor]:
    """Read the heads that an earlier run has written. Raise NoAuditError."""
    try:
        written: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(player): Anchor.from_text(text) for player, text in written["anchors"].items()}
    except FileNotFoundError:
        raise NoAuditError(f"{path} is not there.") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise NoAuditError(f"{path} holds no anchors of an earlier audit.") from None


def write_anchors(path: Path, report: Report) -> None:
    """Write the heads of all wallets, with the digest over them."""
    anchors = {player: anchor.text for player, anchor in sorted(report.anchors.items())}
    text = json.dumps({"digest": report.anchors_digest, "anchors": anchors}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def text_of(view: Mapping[str, Any]) -> str:
    """Write a report for people: mismatches first, then notices, sums and the verdict."""
    lines: list[str] = []
    for level in (Level.MISMATCH, Level.NOTICE):
        found = [finding for finding in view["findings"] if finding["level"] == level]
        for finding in found:
            who = finding["player_id"] or "(no player)"
            lines += [f"{level.upper():<9} {finding['issue']:<15} {who}  {finding['key']}", f"          {finding['sentence']}"]
    if view["findings_left_out"]:
        lines.append(f"… and {view['findings_left_out']} more that are not listed.")
    for code, sums in view["sums"].items():
        lines.append(f"{code}: " + ", ".join(f"{account} {amount}" for account, amount in sums.items()))
    seconds = view["elapsed_ms"] / 1000
    lines.append(f"{view['wallets']} wallets, {view['records']} records, {view['markers']} markers in {seconds:.1f} s.")
    lines.append(f"Anchors: sha256 {view['anchors_digest']}")
    if not view["complete"]:
        lines.append("INCOMPLETE: the time was up before everything was read.")
    elif view["mismatches"]:
        lines.append(f"MISMATCH: the count is wrong in {view['mismatches']} places." if view["mismatches"] > 1 else _ONE_MISMATCH)
    else:
        lines.append("The count is right: every balance is the sum of its records.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
