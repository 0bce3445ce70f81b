"""What a role may do, spelled action by action. No statement here, or anywhere in this app, allows an action by wildcard."""

from collections.abc import Sequence
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infrastructure.findings import acknowledge


class Use(StrEnum):
    """A way of using a table. A transaction needs the actions of its parts, there is no action for the whole."""

    READ = "dynamodb:GetItem"
    PUT = "dynamodb:PutItem"
    UPDATE = "dynamodb:UpdateItem"
    QUERY = "dynamodb:Query"
    SCAN = "dynamodb:Scan"


# What a principal needs of a customer managed key so that a service may work with it on the principal's behalf.
KEY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def on_table(table: dynamodb.ITable, *uses: Use) -> iam.PolicyStatement:
    """Allow `uses` on the items of `table` itself. Deleting items is no use of a table here."""
    return allow([use.value for use in uses], table.table_arn)


def on_index(table: dynamodb.ITable, index: str) -> iam.PolicyStatement:
    """Allow to query one global secondary index of `table`."""
    return allow([Use.QUERY.value], f"{table.table_arn}/index/{index}")


def on_stream(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Allow Lambda's poller to read the stream of `table` for the function that has this."""
    if table.table_stream_arn is None:
        raise ValueError(f"{table.node.path} has no stream")
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
    return allow(actions, table.table_stream_arn)


def in_bucket(arn: str, *, lists: Sequence[str], reads: str, writes: str) -> list[iam.PolicyStatement]:
    """Allow, in one bucket, to list what lies under the prefixes `lists`, to read under `reads`, and to write under `writes`.

    What is written can be read again; what is only read cannot be written, and nothing can be deleted.
    """
    listing = allow(["s3:ListBucket"], arn)
    listing.add_condition("StringLike", {"s3:prefix": [f"{prefix}*" for prefix in lists]})
    under_reads, under_writes = (f"{arn}/{prefix}*" for prefix in (reads, writes))
    return [listing, allow(["s3:GetObject"], under_reads, under_writes), allow(["s3:PutObject"], under_writes)]


def accept_prefixes(role: iam.Role, bucket: str, *prefixes: str) -> None:
    """Answer the findings about rights on all objects under `prefixes`; `bucket` is the name by which its ARN is exported."""
    for prefix in prefixes:
        acknowledge(
            role,
            f"AwsSolutions-IAM5[Resource::{bucket}/{prefix}*]",
            f"A file for each gateway and day lies under {prefix}, so the right is on that prefix of this one bucket.",
        )


class Holds(StrEnum):
    """What a sealed text holds, as its encryption context says beside whose it is."""

    PROFILE = "profile"
    FACTOR = "factor"
    REGISTRATION = "registration"
    EMAIL_CHANGE = "email_change"


def sealing(key: kms.IKey, *holds: Holds, emulated: bool) -> iam.PolicyStatement:
    """Allow to encrypt and decrypt with `key`, directly, what the context {"player_id", "holds"} says is one of `holds`.

    A context with another member, without one of the two, or none at all is refused. The emulator does not hand the context to its
    policies, so there these conditions hold only for what they see.
    """
    return _in_context(allow(["kms:Decrypt", "kms:Encrypt"], key.key_arn), holds, emulated=emulated)


def opening(key: kms.IKey, *holds: Holds, emulated: bool) -> iam.PolicyStatement:
    """Allow to decrypt with `key`, and not to encrypt, under the conditions of `sealing`."""
    return _in_context(allow(["kms:Decrypt"], key.key_arn), holds, emulated=emulated)


def _in_context(statement: iam.PolicyStatement, holds: Sequence[Holds], *, emulated: bool) -> iam.PolicyStatement:
    one_of = {"kms:EncryptionContext:holds": [one.value for one in holds]}
    statement.add_condition("StringEqualsIfExists" if emulated else "StringEquals", one_of)
    statement.add_condition("ForAllValues:StringEquals", {"kms:EncryptionContextKeys": ["player_id", "holds"]})
    if not emulated:
        statement.add_condition("Null", {"kms:EncryptionContext:player_id": "false"})
    return statement


def through(scope: cdk.Stack, key: kms.IKey, service: str) -> iam.PolicyStatement:
    """Allow to use `key`, but only by way of `service` (the first label of its endpoint), never directly."""
    statement = allow(KEY_USE, key.key_arn)
    statement.add_condition("StringEquals", {"kms:ViaService": f"{service}.{scope.region}.amazonaws.com"})
    return statement


def allow(actions: Sequence[str], *resources: str) -> iam.PolicyStatement:
    """Allow `actions` on `resources` (ARNs)."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))
