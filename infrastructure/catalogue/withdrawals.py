"""The functions behind withdrawals: what players ask for, what staff decides, and the steps of the state machine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, STAFF, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Use, allow, on_index, on_table
from infrastructure.constructs.state_machine import machine_arn, machine_name
from infrastructure.stacks.state import CASHIER_INDEX, WITHDRAWALS_BY_PLAYER, WITHDRAWALS_OPEN
from infrastructure.workflows.withdrawal import STEP_TIMEOUT_SECONDS

MACHINE: Final = "withdrawal"
"""Name of the state machine, after the stage's prefix."""


@dataclass(frozen=True, slots=True)
class WithdrawalFunctions:
    """All change withdrawals by the same rules; what differs is whose word they bring, and what of the machine they may use."""

    shared: Shared

    def player(self) -> FunctionSpec:
        """Describe what a player asks for: a withdrawal, a look at it, its cancellation."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="withdrawals",
            handler="withdrawals",
            environment={**self.environment(), **self._other_rooms(), **shared.bearer_environment()},
            permissions=[
                *self.moves(),
                *self._asks_other_rooms(),
                on_index(state.withdrawals, WITHDRAWALS_BY_PLAYER),
                on_index(state.cashier, CASHIER_INDEX),
                self._uses_machine("states:StartExecution"),
                self.wakes(),
                *shared.checks_bearer(),
            ],
            memory_mib=1024,
            timeout_seconds=15,
            caller=API,
        )

    def staff(self) -> FunctionSpec:
        """Describe what the payments staff may do: look at the queue, approve, refuse, escalate, say what a gateway told them."""
        state = self.shared.state
        return FunctionSpec(
            name="withdrawals-staff",
            handler="withdrawals_staff",
            environment={**self.environment(), **self._other_rooms()},
            permissions=[
                *self.moves(),
                *self._asks_other_rooms(),
                on_index(state.withdrawals, WITHDRAWALS_OPEN),
                self.wakes(),
            ],
            memory_mib=512,
            timeout_seconds=15,
            caller=STAFF,
        )

    def step(self) -> FunctionSpec:
        """Describe the steps of the state machine. They alone order payouts; they start nothing, not even another execution."""
        shared, state = self.shared, self.shared.state
        settings, secrets = shared.house.settings, state.payout_secrets
        return FunctionSpec(
            name="withdrawal-step",
            handler="withdrawal_step",
            environment={
                **self.environment(),
                **self._other_rooms(),
                "CIRCUITS_TABLE": state.circuits.table_name,
                "PAYOUT_URLS": json.dumps(dict(settings.payout_urls)),
                "PAYOUT_SECRETS": shared.secret_table(secrets),
                "ASKS_MAX": str(settings.withdrawal_pace.asks_max),
            },
            permissions=[
                *self.moves(),
                *self._asks_other_rooms(),
                on_table(state.circuits, Use.READ, Use.PUT, Use.UPDATE),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
                self.wakes(),
            ],
            memory_mib=1024,
            timeout_seconds=STEP_TIMEOUT_SECONDS,
            caller="the state machine, which tries again and then brings it to people,",
        )

    def sweeper(self, failures: sqs.IQueue) -> FunctionSpec:
        """Describe what looks whether something drives each withdrawal. It can start executions, and move no money."""
        state = self.shared.state
        return FunctionSpec(
            name="withdrawal-sweeper",
            handler="withdrawal_sweeper",
            environment=self.environment(),
            permissions=[
                *self.moves(posts=False),
                on_index(state.withdrawals, WITHDRAWALS_OPEN),
                self._uses_machine("states:ListExecutions", "states:StartExecution"),
                allow(["states:DescribeExecution"], self._executions()),
                self.wakes(),
            ],
            memory_mib=512,
            timeout_seconds=55,
            caller="",
            failures=failures,
        )

    def executions_finding(self) -> str:
        """Name the executions' ARN as cdk-nag does in a finding."""
        name = machine_name(self.shared.house.settings, MACHINE)
        return f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}:*"

    def wakes(self) -> iam.PolicyStatement:
        """Allow to let an execution go on that waits for what has just happened."""
        # The emulator does not look up whose token it is, and takes the call to be on no resource at all.
        where = "*" if self.shared.house.settings.emulated else self._machine()
        return allow(["states:SendTaskSuccess"], where)

    def environment(self) -> dict[str, str]:
        """Tell a function where withdrawals lie, and what drives them."""
        state = self.shared.state
        return {
            "WITHDRAWALS_TABLE": state.withdrawals.table_name,
            "LEDGER_TABLE": state.ledger.table_name,
            "WITHDRAWAL_MACHINE_ARN": self._machine(),
        }

    def _other_rooms(self) -> dict[str, str]:
        state = self.shared.state
        return {"CASHIER_TABLE": state.cashier.table_name, "PLAYERS_TABLE": state.players.table_name}

    def _asks_other_rooms(self) -> Sequence[iam.PolicyStatement]:
        """Allow to read what screening asks about: deposits, and whether a player is verified."""
        state = self.shared.state
        return [on_table(state.cashier, Use.READ), on_table(state.players, Use.READ)]

    def moves(self, *, posts: bool = True) -> Sequence[iam.PolicyStatement]:
        """Allow to change withdrawals, and in one transaction with that, where `posts`, the wallet."""
        state = self.shared.state
        return [
            on_table(state.withdrawals, Use.READ, Use.PUT, Use.UPDATE),
            *([on_table(state.ledger, Use.READ, Use.PUT)] if posts else []),
            self.shared.through_tables(),
        ]

    def _machine(self) -> str:
        return machine_arn(self.shared.stack, self.shared.house.settings, MACHINE)

    def _uses_machine(self, *actions: str) -> iam.PolicyStatement:
        return allow(actions, self._machine())

    def _executions(self) -> str:
        """Give the ARN of all executions of this one machine: their names are the withdrawals' ids."""
        return self.shared.stack.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine_name(self.shared.house.settings, MACHINE)}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
