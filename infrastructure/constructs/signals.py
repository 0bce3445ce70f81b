"""Alarms about the business itself, on metrics that the functions count."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.constructs.alarm import Alarm

METRICS_NAMESPACE = "Countroom"


@dataclass(frozen=True, slots=True)
class Signal:
    """`metric`, as counted by the function called `service`, is worth an alarm from `threshold` within `minutes` on."""

    metric: str
    service: str
    threshold: int
    minutes: int
    means: str
    runbook: str


SIGNALS = (
    Signal("ReconciliationMismatch", "ledger-audit", 1, 5, "A balance differs from its records.", "ledger-mismatch"),
    Signal("InvariantViolation", "ledger-audit", 1, 5, "A wallet is in a state that no rule allows.", "ledger-mismatch"),
    Signal("AuditIncomplete", "ledger-audit", 1, 5, "The audit ended before it had seen every wallet.", "audit-incomplete"),
    Signal("SignatureRejected", "provider-hub88", 10, 5, "Hub88's signatures do not verify.", "signature-rejected"),
    Signal("IdempotencyMismatch", "provider-hub88", 4, 60, "Hub88 sent known ids with other content.", "idempotency-mismatch"),
    Signal("OutcomeUnknown", "provider-hub88", 10, 5, "Answers to Hub88 had to leave the outcome open.", "outcome-unknown"),
    Signal("LoginThrottled", "identity", 100, 5, "Many logins are throttled.", "credential-attack"),
)


class SignalAlarms(Construct):
    """One alarm for each of SIGNALS, and one for a ledger table that turns writers away."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, ledger: dynamodb.ITable) -> None:
        super().__init__(scope, construct_id)
        for signal in SIGNALS:
            metric = cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name=signal.metric,
                dimensions_map={"service": signal.service},
                period=cdk.Duration.minutes(signal.minutes),
                statistic="Sum",
            )
            Alarm(
                self,
                signal.metric,
                topic=topic,
                metric=metric,
                means=signal.means,
                runbook=signal.runbook,
                threshold=signal.threshold,
            )
        Alarm(
            self,
            "WritesThrottled",
            topic=topic,
            metric=ledger.metric("WriteThrottleEvents", period=cdk.Duration.minutes(5), statistic="Sum"),
            means="DynamoDB throttles writes to the ledger.",
            runbook="ledger-throttled",
            out_of=(2, 3),
        )
