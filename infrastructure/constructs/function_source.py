"""How a function works off a queue or a table's stream here."""

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.permissions import allow, through
from infrastructure.constructs.queue import WorkQueue
from infrastructure.findings import acknowledge

_BATCH = 10
_STREAM_BATCH = 100
_STREAM_TRIES_AGAIN = 8
_LATE = cdk.Duration.minutes(5)


class QueueSource(lambda_.EventSourceMapping):
    """Hands batches of `queue` to `function`, which answers with the messages that failed: only those come again."""

    def __init__(self, scope: Construct, construct_id: str, *, queue: WorkQueue, function: Function) -> None:
        super().__init__(
            scope,
            construct_id,
            target=function.alias,
            event_source_arn=queue.queue_arn,
            batch_size=_BATCH,
            report_batch_item_failures=True,
        )
        # The service checks the role's rights on the queue when the mapping is made.
        self.node.add_dependency(function.role)
        acknowledge(
            self,
            "Serverless-LambdaEventSourceMappingDestination",
            "A queue has no such destination: what fails too often moves to its own dead-letter queue, which is alarmed.",
        )


class StreamSource(lambda_.EventSourceMapping):
    """Hands batches of the changes of `table` that match `only` to `function`, in order for each item, from the oldest kept on.

    The function answers with the first that failed: what stands before it is done, and a batch that fails whole is halved until
    the bad one is alone. That one goes to `failures` after bounded tries (which keep where it stands in the stream, not what it
    says), and the rest goes on. The stream forgets after a day, so being five minutes late is worth an alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        house: House,
        table: dynamodb.ITable,
        function: Function,
        failures: sqs.IQueue,
        only: Mapping[str, Any],
        runbook: str,
    ) -> None:
        function.role.add_to_policy(allow(["sqs:SendMessage"], failures.queue_arn))
        function.role.add_to_policy(through(cdk.Stack.of(scope), house.key, "sqs"))
        super().__init__(
            scope,
            construct_id,
            target=function.alias,
            event_source_arn=table.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_STREAM_BATCH,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=_STREAM_TRIES_AGAIN,
            max_record_age=cdk.Duration.hours(6),
        )
        mapping = self.node.default_child
        if not isinstance(mapping, lambda_.CfnEventSourceMapping):
            raise TypeError("an event source mapping without its resource")
        mapping.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failures.queue_arn)
        )
        pattern = lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(only))
        mapping.filter_criteria = lambda_.CfnEventSourceMapping.FilterCriteriaProperty(filters=[pattern])
        self.node.add_dependency(function.role)
        Alarm(
            self,
            "Late",
            topic=house.topic,
            metric=function.alias.metric("IteratorAge", period=_LATE, statistic="Maximum"),
            threshold=_LATE.to_milliseconds(),
            out_of=(3, 3),
            means=f"{function.node.id} is more than five minutes behind the table.",
            runbook=runbook,
        )
