"""What a Lambda is here. There is no other place where a function is defined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.assets import architecture_of, runtime_of
from infrastructure.constructs.house import METRICS_NAMESPACE, House
from infrastructure.constructs.log_group import LogGroup
from infrastructure.constructs.permissions import allow, through
from infrastructure.findings import acknowledge
from infrastructure.stages import StageSettings

ALIAS = "live"
_LOG_LEVELS = {"DEBUG": lambda_.ApplicationLogLevel.DEBUG, "INFO": lambda_.ApplicationLogLevel.INFO}


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """What one function adds to what all have in common.

    `name` is its name for operators and in metrics, `handler` the file in functions/handlers, `environment` what its Settings
    ask for, `permissions` what it does. `failures` is set where something invokes it asynchronously; otherwise `caller` says
    who waits for its answer, and so learns of a failure.
    """

    name: str
    handler: str
    environment: Mapping[str, str]
    permissions: Sequence[iam.PolicyStatement]
    memory_mib: int
    timeout_seconds: int
    caller: str
    failures: sqs.IQueue | None = None


class Function(Construct):
    """A function with a role, a log group and a failure alarm of its own, reached only through its alias `live`."""

    def __init__(self, scope: Construct, construct_id: str, *, house: House, spec: FunctionSpec) -> None:
        super().__init__(scope, construct_id)
        settings = house.settings
        self.timeout = cdk.Duration.seconds(spec.timeout_seconds)
        self.log_group = LogGroup(self, "Logs", settings=settings, key=house.key, name=spec.name)
        self.role = self._role(settings, spec)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=f"{settings.prefix}-{spec.name}",
            code=house.code,
            handler=f"handlers.{spec.handler}.handler",
            layers=[house.layer],
            runtime=runtime_of(settings),
            architecture=architecture_of(settings),
            memory_size=spec.memory_mib,
            timeout=self.timeout,
            reserved_concurrent_executions=settings.reserved_concurrency.get(spec.name),
            environment={**_common_environment(settings, spec), **spec.environment},
            role=self.role,
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=_LOG_LEVELS[settings.log_level],
            # The platform's own traces: cold start, duration, what called what. The SDK that would trace inside the function
            # costs more at import than all the rest of ours, so it stays out. The emulator has no X-Ray.
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            current_version_options=lambda_.VersionOptions(
                removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY
            ),
        )
        self.alias = lambda_.Alias(self, "Live", alias_name=ALIAS, version=self.function.current_version)
        if spec.failures is not None:
            self._keep_failures(house, spec.failures)
        self._acknowledge(spec)
        self._alarms(house, spec, settings)

    def _role(self, settings: StageSettings, spec: FunctionSpec) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Countroom {settings.name}: what {spec.name} may do",
        )
        # The group exists, so there is no right to create one. Its ARN attribute ends in `:*`, which is its streams.
        role.add_to_policy(allow(["logs:CreateLogStream", "logs:PutLogEvents"], self.log_group.log_group_arn))
        if settings.tracing:
            role.add_to_policy(allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"))
            acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "X-Ray's two write actions know no resource but `*`.")
        for statement in spec.permissions:
            role.add_to_policy(statement)
        return role

    def _keep_failures(self, house: House, failures: sqs.IQueue) -> None:
        """Send what failed twice more to `failures`, with the error. Set on the alias, since only that is invoked."""
        self.role.add_to_policy(allow(["sqs:SendMessage"], failures.queue_arn))
        self.role.add_to_policy(through(cdk.Stack.of(self), house.key, "sqs"))
        config = lambda_.CfnEventInvokeConfig(
            self,
            "OnFailure",
            function_name=self.function.function_name,
            qualifier=ALIAS,
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=3600,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=failures.queue_arn)
            ),
        )
        config.node.add_dependency(self.alias)
        config.node.add_dependency(self.role)

        Alarm(
            self,
            "FailureLost",
            topic=house.topic,
            metric=self.function.metric("DestinationDeliveryFailures", period=cdk.Duration.minutes(5), statistic="Sum"),
            means=f"A failed event of {self.node.id} could not be kept.",
            runbook="failure-lost",
        )

    def _acknowledge(self, spec: FunctionSpec) -> None:
        if spec.failures is not None:
            reason = "Its asynchronous invocations have a failure destination, which keeps the error beside the event."
        else:
            reason = f"Nothing invokes it asynchronously: {spec.caller} waits for the answer and learns of a failure."
        acknowledge(self.function, "Serverless-LambdaDLQ", reason)

    def _alarms(self, house: House, spec: FunctionSpec, settings: StageSettings) -> None:
        period = cdk.Duration.minutes(5)
        Alarm(
            self,
            "Failing",
            topic=house.topic,
            metric=self.alias.metric_errors(period=period),
            means=f"{spec.name} raised errors or timed out.",
            runbook="function-failing",
            threshold=3,
        )
        if spec.name in settings.reserved_concurrency:
            Alarm(
                self,
                "Throttled",
                topic=house.topic,
                metric=self.function.metric_throttles(period=period),
                means=f"{spec.name} reached its reserved concurrency.",
                runbook="function-throttled",
                out_of=(2, 3),
            )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A function that a stack after this one defines: known here by its name, so that this stack needs nothing of that."""

    alias: lambda_.IFunction
    timeout: cdk.Duration


def elsewhere(scope: Construct, construct_id: str, *, settings: StageSettings, name: str, timeout_seconds: int) -> Elsewhere:
    """Refer to the function called `name` through its alias; who may call it is said where it is defined."""
    arn = cdk.Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=f"{settings.prefix}-{name}:{ALIAS}",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    alias = lambda_.Function.from_function_attributes(scope, construct_id, function_arn=arn, skip_permissions=True)
    return Elsewhere(alias, cdk.Duration.seconds(timeout_seconds))


def _common_environment(settings: StageSettings, spec: FunctionSpec) -> dict[str, str]:
    return {
        "STAGE": settings.name,
        "LOG_LEVEL": settings.log_level,
        "POWERTOOLS_SERVICE_NAME": spec.name,
        "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
    }
