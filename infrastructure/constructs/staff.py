"""The roles of people. Who may take one on is said by the account's own policies."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import Use, allow, on_index, on_table, through


class StaffRole(iam.Role):
    """May invoke one function and nothing else: what that function refuses, nobody in this role can do."""

    def __init__(self, scope: Construct, construct_id: str, *, house: House, may: str, through_function: Function) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.AccountPrincipal(cdk.Stack.of(scope).account),
            description=f"Countroom {house.settings.name}: {may}",
            max_session_duration=cdk.Duration.hours(1),
        )
        self.add_to_policy(allow(["lambda:InvokeFunction"], through_function.alias.function_arn))


class AuditorRole(StaffRole):
    """May also read the ledger itself; may change nothing."""

    def __init__(
        self, scope: Construct, construct_id: str, *, house: House, ledger: dynamodb.ITable, index: str, audit: Function
    ) -> None:
        super().__init__(scope, construct_id, house=house, may="reads the ledger and runs its audit", through_function=audit)
        self.add_to_policy(on_table(ledger, Use.READ, Use.QUERY, Use.SCAN))
        self.add_to_policy(on_index(ledger, index))
        self.add_to_policy(through(cdk.Stack.of(scope), house.key, "dynamodb"))
