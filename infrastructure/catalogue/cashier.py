"""The cashier's functions."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, POLLER, Shared
from infrastructure.catalogue.withdrawals import WithdrawalFunctions
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Use, in_bucket, on_index, on_table, through
from infrastructure.stacks.state import CASHIER_INDEX, SETTLEMENT_INDEX

PAYMENT_WORKER_TIMEOUT_SECONDS: Final = 30
SETTLEMENT_FILES: Final = "settlements/"
SETTLEMENT_REPORTS: Final = "reports/"


@dataclass(frozen=True, slots=True)
class CashierFunctions:
    """Two of them credit deposits: the worker, by what gateways have said, and PaymentIQ's own entrance, while that waits.

    Both also bring the gateways' word on withdrawals, as `withdrawals` says.
    """

    shared: Shared
    payments: sqs.IQueue
    settlement_failures: sqs.IQueue
    withdrawals: WithdrawalFunctions

    def deposits(self) -> FunctionSpec:
        """Deposits as players see them: started, opened at their gateway, and shown.

        To start one is a movement of the ledger, which uses the deposit limits and moves no money.
        """
        shared, state = self.shared, self.shared.state
        secrets = state.payment_secrets
        return FunctionSpec(
            name="deposits",
            handler="deposits",
            environment={
                "CASHIER_TABLE": state.cashier.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                "PLAYERS_TABLE": state.players.table_name,
                "CIRCUITS_TABLE": state.circuits.table_name,
                "PAYMENT_URLS": json.dumps(dict(shared.house.settings.payment_urls)),
                "PAYMENT_SECRETS": shared.secret_table(secrets),
                **shared.bearer_environment(),
            },
            permissions=[
                on_table(state.cashier, Use.READ, Use.PUT),
                on_index(state.cashier, CASHIER_INDEX),
                on_table(state.ledger, Use.READ, Use.PUT),
                on_table(state.players, Use.READ),
                on_table(state.circuits, Use.READ, Use.PUT, Use.UPDATE),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
                *shared.checks_bearer(),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=API,
        )

    def payment_webhook(self) -> FunctionSpec:
        """Intake of signed payment events. It can add to the raw events and to the queue, and read nothing of either."""
        shared, state = self.shared, self.shared.state
        secrets = state.gateway_secrets
        return FunctionSpec(
            name="payment-webhook",
            handler="payment_webhook",
            environment={
                "GATEWAY_SECRETS": shared.secret_table(secrets),
                "RAW_EVENTS_TABLE": state.raw_events.table_name,
                "PAYMENT_QUEUE_URL": self.payments.queue_url,
            },
            permissions=[
                on_table(state.raw_events, Use.PUT),
                shared.through_tables(),
                *shared.sends_to(self.payments),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
            ],
            memory_mib=512,
            timeout_seconds=10,
            caller=API,
        )

    def payment_worker(self) -> FunctionSpec:
        """Payment events from the queue, applied to their deposits."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="payment-worker",
            handler="payment_worker",
            environment={**self.withdrawals.environment(), "CASHIER_TABLE": state.cashier.table_name},
            permissions=[
                *self.withdrawals.moves(),
                on_table(state.cashier, Use.READ, Use.PUT, Use.UPDATE),
                self.withdrawals.wakes(),
                *shared.works_off(self.payments),
            ],
            memory_mib=512,
            timeout_seconds=PAYMENT_WORKER_TIMEOUT_SECONDS,
            caller=POLLER,
        )

    def paymentiq(self) -> FunctionSpec:
        """Describe what PaymentIQ calls while a player waits: it books at once what PaymentIQ has done."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="paymentiq",
            handler="paymentiq",
            environment={
                **self.withdrawals.environment(),
                "PAYMENTIQ_SECRET": state.paymentiq_secret.arn,
                "CASHIER_TABLE": state.cashier.table_name,
            },
            permissions=[
                *self.withdrawals.moves(),
                on_table(state.cashier, Use.READ, Use.PUT, Use.UPDATE),
                self.withdrawals.wakes(),
                *shared.reads_secrets(state.paymentiq_secret.arn),
            ],
            memory_mib=1024,
            timeout_seconds=20,
            caller=API,
        )

    def settlement_check(self) -> FunctionSpec:
        """Describe what compares deposits with the gateways' settlement files, and ends those that came to nothing.

        Such an end is a movement of the ledger, which gives back what the deposit used of the limits and moves no money.
        """
        shared, state = self.shared, self.shared.state
        bucket, under = state.settlements, (SETTLEMENT_FILES, SETTLEMENT_REPORTS)
        return FunctionSpec(
            name="settlement-check",
            handler="settlement_check",
            environment={
                "CASHIER_TABLE": state.cashier.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                "SETTLEMENT_BUCKET": bucket.bucket_name,
            },
            permissions=[
                on_table(state.cashier, Use.READ, Use.UPDATE),
                on_table(state.ledger, Use.READ, Use.PUT),
                on_index(state.cashier, SETTLEMENT_INDEX),
                shared.through_tables(),
                *in_bucket(state.settlements_arn, lists=under, reads=SETTLEMENT_FILES, writes=SETTLEMENT_REPORTS),
                through(shared.stack, shared.house.key, "s3"),
            ],
            memory_mib=1769,
            timeout_seconds=900,
            caller="",
            failures=self.settlement_failures,
        )
