"""How a function works off a queue here."""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.constructs.function import Function
from infrastructure.constructs.queue import WorkQueue
from infrastructure.findings import acknowledge

_BATCH = 10


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
