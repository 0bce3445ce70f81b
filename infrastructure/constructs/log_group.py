"""What a log group is here: encrypted with the house's own key, and forgotten after the stage's retention."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.stages import StageSettings


class LogGroup(logs.LogGroup):
    """A log group named /countroom/<stage>/<name>: the key lets CloudWatch Logs use it for groups below that path only."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey, name: str) -> None:
        super().__init__(
            scope,
            construct_id,
            log_group_name=f"/countroom/{settings.name}/{name}",
            encryption_key=key,
            retention=_retention(settings.log_retention_days),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )


def _retention(days: int) -> logs.RetentionDays:
    known = {
        1: logs.RetentionDays.ONE_DAY,
        14: logs.RetentionDays.TWO_WEEKS,
        365: logs.RetentionDays.ONE_YEAR,
    }
    return known[days]
