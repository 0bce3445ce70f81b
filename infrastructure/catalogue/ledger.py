"""The ledger's own functions."""

from dataclasses import dataclass

from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Use, on_index, on_table
from infrastructure.stacks.state import LEDGER_INDEX


@dataclass(frozen=True, slots=True)
class LedgerFunctions:
    """Both read only."""

    shared: Shared
    audit_failures: sqs.IQueue

    def wallet(self) -> FunctionSpec:
        """Balance, history, statements."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="wallet",
            handler="wallet",
            environment={"LEDGER_TABLE": state.ledger.table_name, **shared.bearer_environment()},
            permissions=[
                on_table(state.ledger, Use.READ),
                on_index(state.ledger, LEDGER_INDEX),
                *shared.checks_bearer(),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=API,
        )

    def audit(self) -> FunctionSpec:
        """Recounts every wallet from its records. It can read the whole ledger and change nothing."""
        state = self.shared.state
        return FunctionSpec(
            name="ledger-audit",
            handler="ledger_audit",
            environment={"LEDGER_TABLE": state.ledger.table_name},
            permissions=[
                on_table(state.ledger, Use.READ, Use.SCAN),
                on_index(state.ledger, LEDGER_INDEX),
                self.shared.through_tables(),
            ],
            memory_mib=1769,
            timeout_seconds=900,
            caller="",
            failures=self.audit_failures,
        )
