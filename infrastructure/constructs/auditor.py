"""The one human role of this app."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import Use, allow, on_index, on_table, through


class AuditorRole(iam.Role):
    """May read the ledger and run the audit; may change nothing. Who may take it on is said by the account's own policies."""

    def __init__(
        self, scope: Construct, construct_id: str, *, house: House, ledger: dynamodb.ITable, index: str, audit: Function
    ) -> None:
        stack = cdk.Stack.of(scope)
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.AccountPrincipal(stack.account),
            description=f"Countroom {house.settings.name}: reads the ledger and runs its audit",
            max_session_duration=cdk.Duration.hours(1),
        )
        self.add_to_policy(on_table(ledger, Use.READ, Use.QUERY, Use.SCAN))
        self.add_to_policy(on_index(ledger, index))
        self.add_to_policy(through(stack, house.key, "dynamodb"))
        self.add_to_policy(allow(["lambda:InvokeFunction"], audit.alias.function_arn))
