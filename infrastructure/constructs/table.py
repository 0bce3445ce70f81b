"""What a DynamoDB table is here."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.stages import StageSettings

_STRING = dynamodb.AttributeType.STRING


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index that holds whole items. `numeric_range` says whether its range key is a number."""

    name: str
    hash_key: str
    range_key: str
    numeric_range: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Names of a table's key attributes, of the one by which its items expire, and its indexes; `stream` tells of every change."""

    hash_key: str = "pk"
    range_key: str | None = None
    expires_by: str | None = None
    indexes: tuple[Index, ...] = ()
    stream: bool = False


class Table(dynamodb.Table):
    """A table on demand, encrypted with the house's own key; where data is kept, it survives mistakes of every kind we know.

    Point-in-time recovery (35 days) undoes a bad write, deletion protection and RETAIN undo a bad deployment.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey, shape: Shape) -> None:
        super().__init__(
            scope,
            construct_id,
            partition_key=dynamodb.Attribute(name=shape.hash_key, type=_STRING),
            sort_key=dynamodb.Attribute(name=shape.range_key, type=_STRING) if shape.range_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=settings.keeps_data
            ),
            deletion_protection=settings.keeps_data,
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if shape.stream else None,
            time_to_live_attribute=shape.expires_by,
        )
        number = dynamodb.AttributeType.NUMBER
        for index in shape.indexes:
            self.add_global_secondary_index(
                index_name=index.name,
                partition_key=dynamodb.Attribute(name=index.hash_key, type=_STRING),
                sort_key=dynamodb.Attribute(name=index.range_key, type=number if index.numeric_range else _STRING),
                projection_type=dynamodb.ProjectionType.ALL,
            )
