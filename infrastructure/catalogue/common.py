"""What the entries of more than one room are made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import Use, allow, on_table, through
from infrastructure.constructs.secret import OperatorSecret
from infrastructure.stacks.state import StateStack

API = "API Gateway"
"""Caller of a function that answers over HTTP."""
STAFF = "the member of staff who invokes it"
POLLER = "the poller of the queue, which puts failed messages back and at last among the dead letters,"
_READS_QUEUE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the specs refer to, and the pieces of them that are the same in several rooms."""

    stack: cdk.Stack
    house: House
    state: StateStack

    def bearer_environment(self) -> dict[str, str]:
        """Tell a function how access tokens and their sessions are checked."""
        return {
            "SESSIONS_TABLE": self.state.sessions.table_name,
            "TOKEN_KEY_IDS": cdk.Fn.join(",", [key.key_arn for key in self.state.token_keys]),
            "TOKEN_ISSUER": self.house.settings.token_issuer,
            **self.session_lifetimes(),
        }

    def session_lifetimes(self) -> dict[str, str]:
        """Tell a function how long a session may last, and how long it may rest."""
        settings = self.house.settings
        return {
            "SESSION_ABSOLUTE_SECONDS": str(settings.session_absolute_seconds),
            "SESSION_IDLE_SECONDS": str(settings.session_idle_seconds),
        }

    def secret_table(self, secrets: Mapping[str, OperatorSecret]) -> str:
        """Give the ARNs of `secrets` by name, as the JSON object that the functions' settings read."""
        placeholders = {name: f"${{Arn{number}}}" for number, name in enumerate(secrets)}
        arns = {f"Arn{number}": secret.arn for number, secret in enumerate(secrets.values())}
        return cdk.Fn.sub(json.dumps(placeholders), arns)

    def checks_bearer(self) -> list[iam.PolicyStatement]:
        """Allow to verify access tokens, and to read whether a session lives."""
        return [self.reads_token_keys(), on_table(self.state.sessions, Use.READ)]

    def reads_token_keys(self) -> iam.PolicyStatement:
        """Allow to fetch the public half of every token key."""
        return allow(["kms:GetPublicKey"], *(key.key_arn for key in self.state.token_keys))

    def signs_tokens(self) -> iam.PolicyStatement:
        """Allow to sign with the first token key, and with no other."""
        return allow(["kms:Sign"], self.state.token_keys[0].key_arn)

    def through_tables(self) -> iam.PolicyStatement:
        """Allow DynamoDB to use the data key on the function's behalf."""
        return through(self.stack, self.house.key, "dynamodb")

    def reads_secrets(self, *arns: str) -> list[iam.PolicyStatement]:
        """Allow to read the secrets with these ARNs."""
        return [allow(["secretsmanager:GetSecretValue"], *arns), through(self.stack, self.house.key, "secretsmanager")]

    def works_off(self, queue: sqs.IQueue) -> list[iam.PolicyStatement]:
        """Allow Lambda's poller to take messages from `queue` for the function that has this."""
        return [allow(_READS_QUEUE, queue.queue_arn), self.through_queues()]

    def sends_to(self, queue: sqs.IQueue) -> list[iam.PolicyStatement]:
        """Allow to put messages into `queue`."""
        return [allow(["sqs:SendMessage"], queue.queue_arn), self.through_queues()]

    def through_queues(self) -> iam.PolicyStatement:
        """Allow SQS to use the data key on the function's behalf."""
        return through(self.stack, self.house.key, "sqs")
