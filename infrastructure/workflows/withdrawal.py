"""The state machine of a withdrawal. docs/withdrawal-machine.md is drawn from it.

It carries the withdrawal's id from step to step and decides nothing: every step reads the withdrawal, does one thing, and says what
is next, and `WhatNext` goes there. So an execution may be started at any time, twice too, and goes on where the withdrawal stands.

What fails for a moment is tried again. What goes on failing is brought to people, and so is what nobody has answered for too long.
An execution that cannot even do that fails by name, is seen by an alarm, and the sweeper starts the next one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from infrastructure.paces import WithdrawalPace
from infrastructure.workflows import PARTITION, STEP

STEP_TIMEOUT_SECONDS: Final = 30
"""Of the function. A task waits a little longer, so that it is the function's own end that ends it."""

_PASSING: Final = (
    "Unavailable",
    "ReleaseFailed",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
)
"""What may be over in a moment: what the step says of itself, and a Lambda that is killed, throttled or out of reach."""

_IN_THE_EMULATOR: Final = "Runtime.HandlerError"
"""What the emulator calls every exception of a function, where Step Functions gives it the name of its class."""

_TIMEOUT: Final = "States.Timeout"
_ANY: Final = "States.ALL"
_GOES_TO: Final[Mapping[str, str]] = {
    "screen": "Screen",
    "await_approval": "AwaitApproval",
    "submit": "Submit",
    "await_word": "AwaitWord",
    "ask_status": "AskStatus",
    "to_people": "ToPeople",
    "await_people": "AwaitPeople",
    "paid": "Paid",
    "released": "Released",
}
"""What a step may say is next, and the state that does it."""


def definition(pace: WithdrawalPace, *, emulated: bool) -> dict[str, Any]:
    """Give the definition for a stage's pace, on the emulator or on AWS."""
    passing = (*_PASSING, _IN_THE_EMULATOR) if emulated else _PASSING
    at_once, patiently = _retry(passing, pace, pace.retries), _retry(passing, pace, pace.retries_to_people)
    to_people = _on((_ANY,), "ToPeople")
    not_with_people = _on((_ANY,), "NotWithPeople")
    word, approval, people = pace.word_seconds, pace.approval_seconds, pace.people_seconds
    return {
        "Comment": "One withdrawal, from the hold to its one end. The withdrawal decides, this drives.",
        "StartAt": "Screen",
        "TimeoutSeconds": pace.execution_seconds,
        "States": {
            "Screen": _step("screen", at_once, [to_people]),
            "AwaitApproval": _wait("await_approval", approval, at_once, [to_people]),
            "Submit": _step("submit", at_once, [to_people]),
            "AwaitWord": _wait("await_word", word, at_once, [_on((_TIMEOUT,), "AskStatus"), to_people]),
            "AskStatus": _step("ask_status", at_once, [to_people]),
            "ToPeople": _step("to_people", patiently, [not_with_people], because=True),
            "AwaitPeople": _wait("await_people", people, at_once, [_on((_TIMEOUT,), "Screen"), not_with_people]),
            "WhatNext": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.said.next", "StringEquals": said, "Next": goes} for said, goes in _GOES_TO.items()],
                "Default": "ToPeople",
            },
            "Paid": {"Type": "Succeed", "Comment": "The gateway has paid, and the hold is captured."},
            "Released": {"Type": "Succeed", "Comment": "It is not paid, and the hold is released."},
            "NotWithPeople": {
                "Type": "Fail",
                "Error": "NotWithPeople",
                "Cause": "It could not be brought to people: the sweeper starts the next execution, and an alarm is raised.",
            },
        },
    }


def _step(step: str, retry: Mapping[str, Any], catch: Sequence[Mapping[str, Any]], *, because: bool = False) -> dict[str, Any]:
    """Give a state that calls the function and waits for its answer; `because` tells it what the state before has said."""
    payload = {"step": step, "withdrawal_id.$": "$.withdrawal_id"} | ({"because.$": "$.said"} if because else {})
    again = {**retry, "ErrorEquals": [*retry["ErrorEquals"], _TIMEOUT]}
    return _task("lambda:invoke", payload, "$.Payload.next", STEP_TIMEOUT_SECONDS + 5) | {"Retry": [again], "Catch": list(catch)}


def _wait(step: str, seconds: int, retry: Mapping[str, Any], catch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a state that hands the function its token, and goes on when somebody answers that, or when `seconds` are over."""
    payload = {"step": step, "withdrawal_id.$": "$.withdrawal_id", "token.$": "$$.Task.Token"}
    return _task("lambda:invoke.waitForTaskToken", payload, "$.next", seconds) | {"Retry": [dict(retry)], "Catch": list(catch)}


def _task(action: str, payload: Mapping[str, Any], next_at: str, seconds: int) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:${{{PARTITION}}}:states:::{action}",
        "Parameters": {"FunctionName": f"${{{STEP}}}", "Payload": dict(payload)},
        "ResultSelector": {"next.$": next_at},
        "ResultPath": "$.said",
        "TimeoutSeconds": seconds,
        "Next": "WhatNext",
    }


def _retry(errors: Sequence[str], pace: WithdrawalPace, times: int) -> dict[str, Any]:
    """Try again, each time after twice the pause, spread by chance."""
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": pace.retry_seconds,
        "BackoffRate": 2,
        "MaxAttempts": times,
        "MaxDelaySeconds": pace.retry_seconds_max,
        "JitterStrategy": "FULL",
    }


def _on(errors: Sequence[str], goes: str) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "ResultPath": "$.said", "Next": goes}
