"""The withdrawals' state machine, for functions that start it or let it go on.

Neither is anything that a change of a withdrawal waits for: it is written by then. What fails here is made good within a minute
by the sweeper (a start) or by the machine's own patience (a token).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from countroom.cashier.withdrawals.machine import Machine, MachineUnavailable
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from runtime import aws, settings, telemetry


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """Where the machine is."""

    withdrawal_machine_arn: str


@cache
def machine() -> Machine:
    """Give the process's machine."""
    return Machine(aws.client("stepfunctions"), settings.load(MachineSettings).withdrawal_machine_arn)


def start_quietly(withdrawal_id: str) -> None:
    """Start a new withdrawal's execution; a failure is logged and counted, and made good by the sweeper."""
    try:
        machine().start(withdrawal_id)
    except MachineUnavailable as error:
        _report("withdrawal not started", withdrawal_id, error)


def waker() -> Callable[[Withdrawal, str], None]:
    """Give what lets a waiting execution go on; a failure is logged and counted, and the machine looks by itself in the end."""
    return _wake


def _wake(withdrawal: Withdrawal, token: str) -> None:
    try:
        machine().wake(withdrawal, token)
    except MachineUnavailable as error:
        _report("withdrawal not woken", withdrawal.withdrawal_id, error)


def _report(what: str, withdrawal_id: str, error: MachineUnavailable) -> None:
    telemetry.logger.warning(what, withdrawal_id=withdrawal_id, failure=telemetry.describe(error))
    telemetry.count("MachineUnreachable")
