"""What a state machine is here."""

import json
from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.log_group import LogGroup
from infrastructure.constructs.permissions import allow
from infrastructure.findings import acknowledge
from infrastructure.stages import StageSettings
from infrastructure.workflows import PARTITION, STEP

_PERIOD: Final = cdk.Duration.minutes(15)
_ENDED_BADLY: Final = {
    "ExecutionsFailed": "failed",
    "ExecutionsTimedOut": "ran out of time",
    "ExecutionsAborted": "were aborted",
}
# AWS: what a state machine needs so that its logs are delivered. These actions know no resource but `*`.
_LOG_DELIVERY: Final = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
_TRACING: Final = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)


def machine_name(settings: StageSettings, name: str) -> str:
    """Name a state machine for operators."""
    return f"{settings.prefix}-{name}"


def machine_arn(scope: Construct, settings: StageSettings, name: str) -> str:
    """Give a state machine's ARN by its name, so that no stack that only calls it depends on the one that has it."""
    return cdk.Stack.of(scope).format_arn(
        service="states",
        resource="stateMachine",
        resource_name=machine_name(settings, name),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


class StateMachine(Construct):
    """A standard workflow that may invoke one function and nothing else.

    Its errors are logged without what passes through it, and each execution that does not end well is worth an alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        house: House,
        name: str,
        definition: Mapping[str, Any],
        calls: Function,
        runbook: str,
    ) -> None:
        super().__init__(scope, construct_id)
        settings, stack = house.settings, cdk.Stack.of(self)
        logs = LogGroup(self, "Logs", settings=settings, key=house.key, name=f"{name}-machine")
        self.role = self._role(settings, name, calls)
        self.machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=machine_name(settings, name),
            state_machine_type="STANDARD",
            role_arn=self.role.role_arn,
            definition_string=json.dumps(definition, indent=1),
            definition_substitutions={STEP: calls.alias.function_arn, PARTITION: stack.partition},
            logging_configuration=stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
                level="ERROR",
                include_execution_data=False,
                destinations=[
                    stepfunctions.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=logs.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=stepfunctions.CfnStateMachine.TracingConfigurationProperty(enabled=settings.tracing),
        )
        # The service tries the role's rights on the logs when the machine is made.
        self.machine.node.add_dependency(self.role)
        acknowledge(
            self.machine,
            "AwsSolutions-SF1",
            "Errors are logged. All events would be a line for each state of each execution, which its history holds anyway.",
        )
        if not settings.tracing:
            acknowledge(self.machine, "AwsSolutions-SF2", "The emulator has no X-Ray, and stages on AWS are all traced.")
        self._alarms(house, name, runbook)

    def _role(self, settings: StageSettings, name: str, calls: Function) -> iam.Role:
        stack = cdk.Stack.of(self)
        conditions = {"StringEquals": {"aws:SourceAccount": stack.account}}
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=conditions),
            description=f"Countroom {settings.name}: what the state machine {name} may do",
        )
        role.add_to_policy(allow(["lambda:InvokeFunction"], calls.alias.function_arn))
        role.add_to_policy(allow(_LOG_DELIVERY, "*"))
        if settings.tracing:
            role.add_to_policy(allow(_TRACING, "*"))
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "Delivery of logs, and X-Ray, know no resource but `*`.")
        return role

    def _alarms(self, house: House, name: str, runbook: str) -> None:
        for metric, words in _ENDED_BADLY.items():
            Alarm(
                self,
                metric,
                topic=house.topic,
                metric=cdk.aws_cloudwatch.Metric(
                    namespace="AWS/States",
                    metric_name=metric,
                    dimensions_map={"StateMachineArn": self.machine.ref},
                    period=_PERIOD,
                    statistic="Sum",
                ),
                means=f"Executions of {name} {words}.",
                runbook=runbook,
            )
