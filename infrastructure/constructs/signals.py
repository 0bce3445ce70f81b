"""Alarms about the business itself, on metrics that the functions and the APIs count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.function import Function
from infrastructure.constructs.house import METRICS_NAMESPACE
from infrastructure.constructs.player_api import PlayerApi
from infrastructure.routes import Route

_FIVE_MINUTES = cdk.Duration.minutes(5)


@dataclass(frozen=True, slots=True)
class Signal:
    """`metric`, as counted by the function called `service`, is worth an alarm from `threshold` within `minutes` on.

    `along` names other metrics of that function which mean the same and are added to it. `under` are the dimensions that the
    function counts it under, beside its own name.
    """

    metric: str
    service: str
    threshold: int
    minutes: int
    means: str
    runbook: str
    along: tuple[str, ...] = ()
    under: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class SignalAlarms(Construct):
    """One alarm for each of `signals`."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, signals: Sequence[Signal]) -> None:
        super().__init__(scope, construct_id)
        for signal in signals:
            Alarm(
                self,
                "-".join((signal.service, signal.metric, *signal.under.values())),
                topic=topic,
                metric=_sum(signal),
                means=signal.means,
                runbook=signal.runbook,
                threshold=signal.threshold,
            )


@dataclass(frozen=True, slots=True)
class Gauge:
    """A level that a function reports again and again: worth an alarm when it is at `limit` three times running, in 15 minutes.

    `under` are the dimensions that the function reports it under, beside its own name.
    """

    metric: str
    service: str
    limit: int
    means: str
    runbook: str
    under: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class GaugeAlarms(Construct):
    """One alarm for each of `gauges`."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, gauges: Sequence[Gauge]) -> None:
        super().__init__(scope, construct_id)
        for gauge in gauges:
            Alarm(
                self,
                "-".join((gauge.service, gauge.metric, *gauge.under.values())),
                topic=topic,
                metric=cloudwatch.Metric(
                    namespace=METRICS_NAMESPACE,
                    metric_name=gauge.metric,
                    dimensions_map={"service": gauge.service, **gauge.under},
                    period=_FIVE_MINUTES,
                    statistic="Maximum",
                ),
                means=gauge.means,
                runbook=gauge.runbook,
                threshold=gauge.limit,
                out_of=(3, 3),
            )


class MoneyFlowStopped(Construct):
    """A provider calls, and not one bet is taken for a quarter of an hour: something refuses them all."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, service: str, calls_min: int) -> None:
        super().__init__(scope, construct_id)
        counted = {
            "calls": _count("ProviderCalls", service, minutes=5),
            "bets": _count("BetsAccepted", service, minutes=5),
        }
        Alarm(
            self,
            "NoBets",
            topic=topic,
            # 1 where nothing is taken although enough calls come: with a handful of calls, no bet among them is no news.
            metric=cloudwatch.MathExpression(
                expression=f"IF(calls >= {calls_min} AND FILL(bets, 0) < 1, 1, 0)",
                using_metrics=counted,
                period=_FIVE_MINUTES,
                label="calls without a bet",
            ),
            means=f"{service} is called, but no bet was taken for fifteen minutes.",
            runbook="money-flow-stopped",
            out_of=(3, 3),
        )


class Slow(Alarm):
    """One answer in a hundred of a provider's function took longer than the most impatient of them wait."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, function: Function) -> None:
        super().__init__(
            scope,
            construct_id,
            topic=topic,
            metric=function.alias.metric_duration(period=_FIVE_MINUTES, statistic="p99"),
            threshold=1000,
            out_of=(3, 3),
            means=f"{function.node.id} answers too slowly: p99 over a second for fifteen minutes.",
            runbook="provider-slow",
        )


class Unavailable(Construct):
    """A route fails by our fault: `percent` of at least `requests_min` requests in five minutes got a 5xx, two times of three."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        api: PlayerApi,
        route: Route,
        percent: float,
        requests_min: int,
        runbook: str,
    ) -> None:
        super().__init__(scope, construct_id)
        failed, asked = api.counts(route, _FIVE_MINUTES)
        Alarm(
            self,
            "ShareOfFailures",
            topic=topic,
            metric=cloudwatch.MathExpression(
                expression=f"IF(asked >= {requests_min}, 100 * FILL(failed, 0) / asked, 0)",
                using_metrics={"asked": asked, "failed": failed},
                period=_FIVE_MINUTES,
                label="failed in percent",
            ),
            threshold=percent,
            out_of=(2, 3),
            means=f"{route.method} {route.path} fails by our fault.",
            runbook=runbook,
        )


class WritesThrottled(Alarm):
    """DynamoDB turns writers of a table away."""

    def __init__(
        self, scope: Construct, construct_id: str, *, topic: sns.ITopic, table: dynamodb.ITable, called: str, runbook: str
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            topic=topic,
            metric=table.metric("WriteThrottleEvents", period=_FIVE_MINUTES, statistic="Sum"),
            means=f"DynamoDB throttles writes to the {called}.",
            runbook=runbook,
            out_of=(2, 3),
        )


def _sum(signal: Signal) -> cloudwatch.IMetric:
    first = _count(signal.metric, signal.service, signal.minutes, signal.under)
    if not signal.along:
        return first
    metrics = {f"m{number}": _count(name, signal.service, signal.minutes, signal.under) for number, name in enumerate(signal.along)}
    metrics["first"] = first
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in sorted(metrics)),
        using_metrics=metrics,
        period=cdk.Duration.minutes(signal.minutes),
        label=signal.metric,
    )


def _count(metric: str, service: str, minutes: int, under: Mapping[str, str] = MappingProxyType({})) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=metric,
        dimensions_map={"service": service, **under},
        period=cdk.Duration.minutes(minutes),
        statistic="Sum",
    )
