"""The functions of the house: what each is told, what each may do, and how much of a machine it gets.

One entry here is one file in functions/handlers. Nobody may delete from a table, and only who posts movements writes the ledger.
"""

import json
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import Use, allow, on_index, on_table, through
from infrastructure.stacks.state import CASHIER_INDEX, LEDGER_INDEX, StateStack

PAYMENT_WORKER_TIMEOUT_SECONDS = 30
_READS_QUEUE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_API = "API Gateway"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Makes the specs out of what they refer to."""

    stack: cdk.Stack
    house: House
    state: StateStack
    payments: sqs.IQueue
    audit_failures: sqs.IQueue

    def identity(self) -> FunctionSpec:
        """Accounts, logins, public keys. Its memory is what argon2 asks for, and buys the processor for it."""
        token_key = self.state.token_key.key_arn
        return FunctionSpec(
            name="identity",
            handler="identity",
            environment={
                "PLAYERS_TABLE": self.state.players.table_name,
                "LEDGER_TABLE": self.state.ledger.table_name,
                **self._tokens(),
            },
            permissions=[
                on_table(self.state.players, Use.READ, Use.PUT, Use.UPDATE),
                on_table(self.state.ledger, Use.READ, Use.PUT),
                through(self.stack, self.house.key, "dynamodb"),
                allow(["kms:GetPublicKey", "kms:Sign"], token_key),
            ],
            memory_mib=1769,  # one whole processor
            timeout_seconds=10,
            caller=_API,
        )

    def wallet(self) -> FunctionSpec:
        """Balance, history, statements: reads only."""
        return FunctionSpec(
            name="wallet",
            handler="wallet",
            environment={"LEDGER_TABLE": self.state.ledger.table_name, **self._tokens()},
            permissions=[
                on_table(self.state.ledger, Use.READ),
                on_index(self.state.ledger, LEDGER_INDEX),
                *self._reads_tokens(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=_API,
        )

    def games(self) -> FunctionSpec:
        """Games: the catalogue, and sessions, which are movements of the ledger."""
        return FunctionSpec(
            name="games",
            handler="games",
            environment={"LEDGER_TABLE": self.state.ledger.table_name, **self._tokens()},
            permissions=[on_table(self.state.ledger, Use.READ, Use.PUT), *self._reads_tokens()],
            memory_mib=1024,
            timeout_seconds=10,
            caller=_API,
        )

    def deposits(self) -> FunctionSpec:
        """Deposits as players see them: started and shown. It cannot credit one."""
        return FunctionSpec(
            name="deposits",
            handler="deposits",
            environment={
                "CASHIER_TABLE": self.state.cashier.table_name,
                "LEDGER_TABLE": self.state.ledger.table_name,
                **self._tokens(),
            },
            permissions=[
                on_table(self.state.cashier, Use.READ, Use.PUT),
                on_index(self.state.cashier, CASHIER_INDEX),
                on_table(self.state.ledger, Use.READ),
                *self._reads_tokens(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=_API,
        )

    def provider_hub88(self) -> FunctionSpec:
        """Game callbacks of Hub88, the hot path. The provider gives up after a few seconds, so there is no use in going on."""
        secret = self.state.hub88_secret.arn
        return FunctionSpec(
            name="provider-hub88",
            handler="provider_callback",
            environment={"PROVIDER": "hub88", "PROVIDER_SECRET": secret, "LEDGER_TABLE": self.state.ledger.table_name},
            permissions=[
                on_table(self.state.ledger, Use.READ, Use.PUT),
                through(self.stack, self.house.key, "dynamodb"),
                *self._reads_secret(secret),
            ],
            memory_mib=1769,
            timeout_seconds=5,
            caller=_API,
        )

    def payment_webhook(self) -> FunctionSpec:
        """Intake of signed payment events. It knows no table: what it accepts, the worker applies."""
        secret = self.state.standard_secret.arn
        return FunctionSpec(
            name="payment-webhook",
            handler="payment_webhook",
            environment={
                "GATEWAY_SECRETS": cdk.Fn.sub(json.dumps({"standard": "${Arn}"}), {"Arn": secret}),
                "PAYMENT_QUEUE_URL": self.payments.queue_url,
            },
            permissions=[
                allow(["sqs:SendMessage"], self.payments.queue_arn),
                through(self.stack, self.house.key, "sqs"),
                *self._reads_secret(secret),
            ],
            memory_mib=512,
            timeout_seconds=10,
            caller=_API,
        )

    def payment_worker(self) -> FunctionSpec:
        """Payment events from the queue, applied: the only one who credits deposits."""
        return FunctionSpec(
            name="payment-worker",
            handler="payment_worker",
            environment={"LEDGER_TABLE": self.state.ledger.table_name, "CASHIER_TABLE": self.state.cashier.table_name},
            permissions=[
                on_table(self.state.ledger, Use.READ, Use.PUT),
                on_table(self.state.cashier, Use.READ, Use.PUT, Use.UPDATE),
                through(self.stack, self.house.key, "dynamodb"),
                allow(_READS_QUEUE, self.payments.queue_arn),
                through(self.stack, self.house.key, "sqs"),
            ],
            memory_mib=512,
            timeout_seconds=PAYMENT_WORKER_TIMEOUT_SECONDS,
            caller="the poller of the queue, which puts failed messages back and at last among the dead letters,",
        )

    def ledger_audit(self) -> FunctionSpec:
        """Recounts every wallet from its records. It can read the whole ledger and change nothing."""
        return FunctionSpec(
            name="ledger-audit",
            handler="ledger_audit",
            environment={"LEDGER_TABLE": self.state.ledger.table_name},
            permissions=[
                on_table(self.state.ledger, Use.READ, Use.SCAN),
                on_index(self.state.ledger, LEDGER_INDEX),
                through(self.stack, self.house.key, "dynamodb"),
            ],
            memory_mib=1769,
            timeout_seconds=900,
            caller="",
            failures=self.audit_failures,
        )

    def _tokens(self) -> dict[str, str]:
        return {"TOKEN_KEY_ID": self.state.token_key.key_arn, "TOKEN_ISSUER": self.house.settings.token_issuer}

    def _reads_tokens(self) -> list[iam.PolicyStatement]:
        return [
            allow(["kms:GetPublicKey"], self.state.token_key.key_arn),
            through(self.stack, self.house.key, "dynamodb"),
        ]

    def _reads_secret(self, arn: str) -> list[iam.PolicyStatement]:
        return [allow(["secretsmanager:GetSecretValue"], arn), through(self.stack, self.house.key, "secretsmanager")]
