"""Logs and metrics, one of each in a process. This module stays cheap to import: callbacks pay for it at every cold start.

What may be logged: ids of requests, players and transactions, names of errors. Never: bodies, headers, tokens, secrets,
e-mail addresses. An exception's message may hold any of those (a validator echoes its input), so it is not logged either:
`describe` gives its type and where it arose.
"""

import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from runtime import start

__all__ = ["LambdaHandler", "MetricUnit", "count", "describe", "logger", "metrics", "observed", "set_correlation_id"]

LambdaHandler = Callable[[dict[str, Any], Any], Any]

FRAMES_MAX = 25
CAUSES_MAX = 5

logger = Logger()
metrics = Metrics()


def observed(handler: LambdaHandler) -> LambdaHandler:
    """Wrap a Lambda handler: each log line carries the invocation's request id, and the metrics are flushed at the end.

    Whatever was appended to the logger in one invocation is forgotten at the next. The event is never logged,
    whatever the environment says. An entrance wraps its handler last, so this also ends the function's start.
    """
    start.done()

    @functools.wraps(handler)
    def measured(event: dict[str, Any], context: Any) -> Any:
        try:
            return handler(event, context)
        finally:
            # log_metrics would warn, on every invocation, when there was nothing to count
            if metrics.metric_set:
                metrics.flush_metrics()

    logged: LambdaHandler = logger.inject_lambda_context(measured, log_event=False, clear_state=True)
    return logged


def set_correlation_id(value: str) -> None:
    """Put the id by which the caller knows this request on every log line that follows."""
    logger.set_correlation_id(value)


def count(name: str, value: int = 1, dimensions: Mapping[str, str] | None = None) -> None:
    """Count `value` occurrences of `name`, optionally under dimensions of its own (their sets are kept apart)."""
    if not dimensions:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        return
    with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
        for dimension, text in dimensions.items():
            metric.add_dimension(name=dimension, value=text)


def describe(error: BaseException) -> dict[str, Any]:
    """Say what failed and where, without the error's words: {"error", "code"?, "operation"?, "frames", "causes"}.

    `code` and `operation` are those of a botocore ClientError. Frames are "file:line function", the innermost last.
    """
    described: dict[str, Any] = {"error": _type_name(error), "frames": _frames(error.__traceback__)}
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        described["code"] = str(response.get("Error", {}).get("Code", ""))
        described["operation"] = str(getattr(error, "operation_name", ""))
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < CAUSES_MAX:
        causes.append(_type_name(cause))
        cause = cause.__cause__ or cause.__context__
    if causes:
        described["causes"] = causes
    return described


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(traceback: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-FRAMES_MAX:]
