"""`make conformance`: every rule of the providers' protocols over HTTP against the sandbox, written down as a table.

Starts a sandbox of its own unless COUNTROOM_STACK names the stack.json of a running one. Nothing here is a vendor's certification.
"""

import argparse
import os
import socket
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import aws, deploy, emulator, run
from sandbox.environment import forget_credentials
from sandbox.loopback import NotLoopbackError
from sandbox.mailbox import MailboxError
from sandbox.player import RefusedError
from sandbox.provider.guest import NoSeatError
from sandbox.screen import Screen
from sandbox.stack import ROOT, Stack, StackFileError
from sandbox.staff import StaffError
from sandbox.wire import NoAnswerError
from tests.conformance.over_http.casino import Casino
from tests.conformance.over_http.listed import RULES
from tests.conformance.over_http.rule import MEANING, NAMES, Rule

REPORT = ROOT / "docs" / "conformance.md"
HELD, ELSEWHERE, FAILED = "held", "elsewhere", "FAILED"
FAULTS = (
    *(AssertionError, NoSeatError, RefusedError, MailboxError, NoAnswerError, StaffError, StackFileError),
    *(KeyError, TypeError, ValueError, *aws.ERRORS),
)
CANNOT_RUN = (run.RunError, emulator.EmulatorError, deploy.DeployError, NotLoopbackError, StackFileError, *aws.ERRORS)
WHY_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule and what came of it; `why` is empty unless it failed."""

    rule: Rule
    result: str
    why: str = ""


def attempt(rule: Rule, casino: Casino) -> Tried:
    """Try one rule."""
    if rule.check is None:
        return Tried(rule, ELSEWHERE)
    try:
        rule.check(casino)
    except FAULTS as error:
        where = traceback.extract_tb(error.__traceback__)[-1].line  # what an assertion without words has to say
        return Tried(rule, FAILED, f"{type(error).__name__}: {str(error) or where}".replace("\n", " ")[:WHY_CHARACTERS_MAX])
    return Tried(rule, HELD)


def report(tried: Sequence[Tried]) -> str:
    """Write the table."""
    counted = Counter(one.result for one in tried)
    lines = [
        "# Conformance with the providers' protocols",
        "",
        "Written by `make conformance`, which tries every rule over HTTP against the sandbox: the app as it is deployed, behind",
        "its API, under its own roles. It is our own reading of these protocols and nobody's certification. The same rules run",
        "in `make test` (tests/e2e/test_conformance.py).",
        "",
        f"{counted[HELD]} rules held, {counted[FAILED]} failed, {counted[ELSEWHERE]} do not show over HTTP.",
        "",
        "| Source | Meaning |",
        "| --- | --- |",
        *(f"| {source} | {meaning} |" for source, meaning in MEANING.items()),
    ]
    for dialect in dict.fromkeys(one.rule.dialect for one in tried):
        title = NAMES.get(dialect, dialect)
        lines += [
            "",
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| Rule | Source | Result | How it is checked |",
            "| --- | --- | --- | --- |",
        ]
        lines += [_row(one) for one in tried if one.rule.dialect == dialect]
    return "\n".join(lines) + "\n"


def _row(one: Tried) -> str:
    result = f"**{FAILED}** {one.why}" if one.why else one.result
    return "| " + " | ".join(_cell(text) for text in (one.rule.name, one.rule.source, result, one.rule.how)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def try_all(stack: Stack, rules: Iterable[Rule]) -> list[Tried]:
    """Try rules one after another, and say how each went."""
    casino, tried = Casino(stack), []
    for rule in rules:
        one = attempt(rule, casino)
        tried.append(one)
        print(f"  {one.result:<9} {rule.dialect}: {rule.name}" + (f"\n            {one.why}" if one.why else ""), flush=True)
    return tried


def main(arguments: list[str]) -> int:
    """Try the rules and write the table. 0: none failed; 1: one did, or they could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__)
    parser.add_argument("--only", default="", help="try only rules with this in their name or dialect; writes no table")
    options = parser.parse_args(arguments)
    rules = [rule for rule in RULES if options.only in f"{rule.dialect}: {rule.name}"]
    forget_credentials(os.environ)
    try:
        tried = _against_sandbox(rules)
    except CANNOT_RUN as error:
        print(f"The rules could not be tried: {error}", file=sys.stderr)
        return 1
    failed = sum(one.result == FAILED for one in tried)
    if not options.only:
        REPORT.write_text(report(tried), encoding="utf-8")
        print(f"written: {REPORT.relative_to(ROOT)}")
    print(f"{len(tried)} rules, {failed} failed")
    return 1 if failed or not tried else 0


def _against_sandbox(rules: Iterable[Rule]) -> list[Tried]:
    named = os.environ.get("COUNTROOM_STACK")
    if named:
        return try_all(Stack.read(Path(named)), rules)
    with tempfile.TemporaryDirectory(prefix="countroom-") as folder:
        port = run.settings_from_environment().port if os.environ.get("COUNTROOM_PORT") else _free_port()
        settings = run.Settings(port, Path(folder))
        with run.running(settings, Screen()) as stack:
            return try_all(stack, rules)


def _free_port() -> int:
    """Find a port that nothing listens on, so that a sandbox that is up is left alone."""
    with socket.socket() as probe:
        probe.bind((emulator.HOST, 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
