"""What runs by the clock here."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.constructs.alarm import SilenceAlarm
from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import allow, through


@dataclass(frozen=True, slots=True)
class Times:
    """When something runs: EventBridge Scheduler's cron expression (UTC), what it means, how many minutes later it may be.

    `silent_periods` of `silent_minutes` without a single run are worth an alarm.
    """

    cron: str
    words: str
    window_minutes: int
    silent_minutes: int
    silent_periods: int


def every_night(hour_utc: int) -> Times:
    """Once a night, at some time in the quarter of an hour from `hour_utc` on; missed when 30 hours pass without."""
    return Times(f"cron(0 {hour_utc} * * ? *)", "every night", 15, silent_minutes=360, silent_periods=5)


def every_hour(minute: int) -> Times:
    """Once an hour, at some time in the five minutes from `minute` on; missed when three hours pass without."""
    return Times(f"cron({minute} * * * ? *)", "every hour", 5, silent_minutes=60, silent_periods=3)


def every_minute() -> Times:
    """Once a minute, on the minute; missed when a quarter of an hour passes without."""
    return Times("cron(* * * * ? *)", "every minute", 0, silent_minutes=5, silent_periods=3)


class Scheduled(Construct):
    """Invokes `function` at `times` with an empty event; what cannot be delivered goes to `failures`.

    A schedule that is switched off, or may not start its function any more, fails nowhere: so there is an alarm for silence.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        house: House,
        function: Function,
        failures: sqs.IQueue,
        times: Times,
        runbook: str,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            description=f"Countroom {house.settings.name}: lets the scheduler start {function.node.id}",
        )
        role.add_to_policy(allow(["lambda:InvokeFunction"], function.alias.function_arn))
        role.add_to_policy(allow(["sqs:SendMessage"], failures.queue_arn))
        role.add_to_policy(through(stack, house.key, "sqs"))
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"Countroom {house.settings.name}: {function.node.id}, {times.words}",
            schedule_expression=times.cron,
            schedule_expression_timezone="UTC",
            flexible_time_window=_window(times),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.alias.function_arn,
                role_arn=role.role_arn,
                input="{}",
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=failures.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_event_age_in_seconds=3600, maximum_retry_attempts=5),
            ),
        )
        schedule.node.add_dependency(role)
        SilenceAlarm(
            self,
            "Silent",
            topic=house.topic,
            metric=function.alias.metric_invocations(period=cdk.Duration.minutes(times.silent_minutes), statistic="Sum"),
            means=f"{function.node.id} should run {times.words}, and did not run at all.",
            runbook=runbook,
            out_of=(times.silent_periods, times.silent_periods),
        )


def _window(times: Times) -> scheduler.CfnSchedule.FlexibleTimeWindowProperty:
    if not times.window_minutes:
        return scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF")
    return scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="FLEXIBLE", maximum_window_in_minutes=times.window_minutes)
