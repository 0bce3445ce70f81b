"""The audit, asked for as the auditor would: take on the role, invoke the function, read the report."""

import json
from typing import Any

from sandbox import aws
from sandbox.stack import Stack


class AuditError(Exception):
    """The audit did not run, or did not report."""


def run(stack: Stack, player_id: str | None = None) -> dict[str, Any]:
    """Recompute balances from records, of one player or of all, and give the report.

    Raises:
        AuditError: when the function failed or its answer is no report.

    """
    session = aws.take_role(stack.endpoint, stack.role("auditor"), "sandbox-audit")
    event = {"player_id": player_id} if player_id else {}
    answer = aws.client("lambda", stack.endpoint, session).invoke(
        FunctionName=stack.resources["AuditFunctionName"], Payload=json.dumps(event).encode()
    )
    said = answer["Payload"].read()
    if "FunctionError" in answer:
        raise AuditError(f"The audit function failed: {said[:500].decode(errors='replace')}")
    report = json.loads(said)
    if not isinstance(report, dict):
        raise AuditError("The audit function's answer is no report.")
    return report


def is_clean(report: dict[str, Any]) -> bool:
    """Tell whether the audit looked at something, looked at all of it, and found nothing wrong."""
    return report.get("ok") is True and int(report.get("wallets", 0)) > 0
