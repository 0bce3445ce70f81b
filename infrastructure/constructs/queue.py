"""What a queue is here: it never loses a message silently."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.findings import acknowledge
from infrastructure.stages import StageSettings

_LONGEST_RETENTION = cdk.Duration.days(14)
_ATTEMPTS = 5


class DeadLetterQueue(sqs.Queue):
    """Where messages end that could not be worked off: kept as long as SQS keeps anything, and alarmed about from the first."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey, topic: sns.ITopic, runbook: str
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=settings.tls_only,
            retention_period=_LONGEST_RETENTION,
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(self, "Serverless-SQSRedrivePolicy", "It is itself where messages go in the end; an alarm tells an operator.")
        minute = cdk.Duration.minutes(1)
        Alarm(
            self,
            "NotEmpty",
            topic=topic,
            metric=self.metric_approximate_number_of_messages_visible(period=minute, statistic="Maximum"),
            means="Messages could not be worked off.",
            runbook=runbook,
        )
        Alarm(
            self,
            "Forgotten",
            topic=topic,
            metric=self.metric_approximate_age_of_oldest_message(period=cdk.Duration.hours(1), statistic="Maximum"),
            threshold=_LONGEST_RETENTION.to_seconds() / 2,
            means="A message has lain here for half of the time after which it is lost.",
            runbook=runbook,
        )


class WorkQueue(sqs.Queue):
    """A queue that a function works off, with its dead-letter queue (`dead_letters`) and an alarm for falling behind."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        key: kms.IKey,
        topic: sns.ITopic,
        runbook: str,
        worker_timeout: cdk.Duration,
    ) -> None:
        dead_letters = DeadLetterQueue(
            scope, f"{construct_id}DeadLetters", settings=settings, key=key, topic=topic, runbook=runbook
        )
        super().__init__(
            scope,
            construct_id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=settings.tls_only,
            retention_period=cdk.Duration.days(4),
            # Six times the worker's timeout is what AWS advises for a queue that a function reads in batches.
            visibility_timeout=cdk.Duration.seconds(6 * worker_timeout.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_ATTEMPTS),
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
        self.dead_letters = dead_letters
        Alarm(
            self,
            "FallingBehind",
            topic=topic,
            metric=self.metric_approximate_age_of_oldest_message(period=cdk.Duration.minutes(1), statistic="Maximum"),
            threshold=300,
            out_of=(5, 5),
            means="The oldest message has waited for more than five minutes.",
            runbook=runbook,
        )


class FailureQueue(DeadLetterQueue):
    """Where a service puts what it could not deliver or a function could not do: a dead-letter queue without a queue before it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey, topic: sns.ITopic, runbook: str
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, key=key, topic=topic, runbook=runbook)
        acknowledge(
            self,
            "AwsSolutions-SQS3",
            "It is the dead-letter queue of schedules, of asynchronous invocations or of a stream: only an operator works it off.",
        )
