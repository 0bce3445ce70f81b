"""What an alarm is here, and where it goes."""

from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.stages import StageSettings

_RUNBOOK = "docs/runbook.md"


class AlarmTopic(sns.Topic):
    """Where every alarm is published; people subscribe to it outside this app."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey) -> None:
        super().__init__(
            scope,
            construct_id,
            display_name=f"Countroom {settings.name} alarms",
            master_key=key,
            enforce_ssl=settings.tls_only,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )


class Alarm(cloudwatch.Alarm):
    """Fires when `metric` reaches `threshold` in `out_of` (m of the last n) periods, and names its heading in the runbook.

    Missing data counts as quiet: each metric here either has a point for every thing that happened or is zero.
    """

    operator: ClassVar = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    missing: ClassVar = cloudwatch.TreatMissingData.NOT_BREACHING

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        metric: cloudwatch.IMetric,
        means: str,
        runbook: str,
        threshold: float = 1,
        out_of: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            metric=metric,
            threshold=threshold,
            comparison_operator=self.operator,
            evaluation_periods=out_of[1],
            datapoints_to_alarm=out_of[0],
            treat_missing_data=self.missing,
            alarm_description=f"{means} First action: {_RUNBOOK}#{runbook}",
        )
        self.add_alarm_action(actions.SnsAction(topic))


class SilenceAlarm(Alarm):
    """The other way round: fires when `metric` stays below `threshold`, or has no data at all."""

    operator = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
    missing = cloudwatch.TreatMissingData.BREACHING
