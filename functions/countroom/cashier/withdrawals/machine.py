"""The state machine as its callers know it: executions named after their withdrawal, and tokens of those that wait.

An execution is named by the withdrawal's id, its successors by the id and their number: "wdr_…", "wdr_…-2". Step Functions takes a
name once, so however often and from wherever a start is repeated, there is one execution of it.
"""

import json
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from countroom.cashier.withdrawals.course import stands
from countroom.cashier.withdrawals.withdrawal import Withdrawal

PAGE: Final = 1_000
PAGES_MAX: Final = 50
"""Executions running at once that one listing takes in: 50,000."""

RUNNING: Final = "RUNNING"
_NOBODY_WAITS: Final = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
_NO_ANSWER: Final = (BotoCoreError, ResponseParserError, KeyError)  # botocore hands on an answer it cannot read as an empty one


class MachineUnavailable(Exception):
    """Step Functions did not answer, or refused; asking again is harmless."""


class Machine:
    """One state machine. `client` is a low-level Step Functions client with timeouts of its own."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, withdrawal_id: str, number: int = 1) -> bool:
        """Start a withdrawal's execution of that number; False when there was one before. Raises MachineUnavailable."""
        said = json.dumps({"withdrawal_id": withdrawal_id})
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=name_of(withdrawal_id, number), input=said)
        except ClientError as error:
            if _code(error) == "ExecutionAlreadyExists":
                return False
            raise MachineUnavailable("an execution could not be started") from error
        except _NO_ANSWER as error:
            raise MachineUnavailable("an execution may not have been started") from error
        return True

    def wake(self, withdrawal: Withdrawal, token: str) -> bool:
        """Let the execution that waits under `token` go on with the withdrawal as it stands; False when none waits any more.

        Raises MachineUnavailable: then the execution goes on when its patience is at an end.
        """
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps({"next": stands(withdrawal).value}))
        except ClientError as error:
            if _code(error) in _NOBODY_WAITS:
                return False
            raise MachineUnavailable("an execution could not be told to go on") from error
        except _NO_ANSWER as error:
            raise MachineUnavailable("an execution may not have been told to go on") from error
        return True

    def status(self, withdrawal_id: str, number: int) -> str | None:
        """Give the status of one execution as Step Functions calls it, None where there is none. Raises MachineUnavailable."""
        arn = f"{self._arn.replace(':stateMachine:', ':execution:', 1)}:{name_of(withdrawal_id, number)}"
        try:
            return str(self._client.describe_execution(executionArn=arn)["status"])
        except ClientError as error:
            if _code(error) == "ExecutionDoesNotExist":
                return None
            raise MachineUnavailable("an execution could not be looked up") from error
        except _NO_ANSWER as error:
            raise MachineUnavailable("an execution could not be looked up") from error

    def running(self) -> frozenset[str]:
        """Give the ids of the withdrawals that an execution drives, as far as a listing knows: the newest may lack.

        Raises MachineUnavailable, also where there are more than it takes in.
        """
        found: set[str] = set()
        more: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            try:
                page = self._client.list_executions(stateMachineArn=self._arn, statusFilter=RUNNING, maxResults=PAGE, **more)
                found.update(withdrawal_of(one["name"]) for one in page["executions"])
            except (ClientError, *_NO_ANSWER) as error:
                raise MachineUnavailable("the executions could not be listed") from error
            if not page.get("nextToken"):
                return frozenset(found)
            more = {"nextToken": page["nextToken"]}
        raise MachineUnavailable("more executions are running than one listing takes in")


def name_of(withdrawal_id: str, number: int) -> str:
    """Name an execution: the first after its withdrawal, the others also after their number."""
    return withdrawal_id if number == 1 else f"{withdrawal_id}-{number}"


def withdrawal_of(name: str) -> str:
    """Say whose execution has this name."""
    return name.partition("-")[0]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
