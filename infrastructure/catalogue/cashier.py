"""The cashier's functions."""

from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, POLLER, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Use, on_index, on_table
from infrastructure.stacks.state import CASHIER_INDEX

PAYMENT_WORKER_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class CashierFunctions:
    """Only the worker credits a deposit."""

    shared: Shared
    payments: sqs.IQueue

    def deposits(self) -> FunctionSpec:
        """Deposits as players see them: started and shown. It cannot credit one."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="deposits",
            handler="deposits",
            environment={
                "CASHIER_TABLE": state.cashier.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                **shared.bearer_environment(),
            },
            permissions=[
                on_table(state.cashier, Use.READ, Use.PUT),
                on_index(state.cashier, CASHIER_INDEX),
                on_table(state.ledger, Use.READ),
                *shared.checks_bearer(),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=API,
        )

    def payment_webhook(self) -> FunctionSpec:
        """Intake of signed payment events. It knows no table: what it accepts, the worker applies."""
        shared, secret = self.shared, self.shared.state.standard_secret
        return FunctionSpec(
            name="payment-webhook",
            handler="payment_webhook",
            environment={
                "GATEWAY_SECRETS": shared.secret_table({"standard": secret}),
                "PAYMENT_QUEUE_URL": self.payments.queue_url,
            },
            permissions=[*shared.sends_to(self.payments), *shared.reads_secrets(secret.arn)],
            memory_mib=512,
            timeout_seconds=10,
            caller=API,
        )

    def payment_worker(self) -> FunctionSpec:
        """Payment events from the queue, applied: the only one who credits deposits."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="payment-worker",
            handler="payment_worker",
            environment={"LEDGER_TABLE": state.ledger.table_name, "CASHIER_TABLE": state.cashier.table_name},
            permissions=[
                on_table(state.ledger, Use.READ, Use.PUT),
                on_table(state.cashier, Use.READ, Use.PUT, Use.UPDATE),
                shared.through_tables(),
                *shared.works_off(self.payments),
            ],
            memory_mib=512,
            timeout_seconds=PAYMENT_WORKER_TIMEOUT_SECONDS,
            caller=POLLER,
        )
