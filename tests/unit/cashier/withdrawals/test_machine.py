"""What is asked of Step Functions, and what its answers mean."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from countroom.cashier.withdrawals.life import request
from countroom.cashier.withdrawals.machine import PAGES_MAX, Machine, MachineUnavailable, name_of, withdrawal_of

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:countroom-test-withdrawal"
ID = f"wdr_{'a' * 20}"
MADE = request((ID, "pl_ann", "adyen", "dep_1"), "EUR", 10, 1).withdrawal


class Client:
    """Answers one call after the other, or raises; keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((name, request))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "made up"}}, "Operation")


LOST = ReadTimeoutError(endpoint_url="https://x")


def test_an_execution_is_named_after_its_withdrawal() -> None:
    client = Client({"executionArn": "x"})
    assert Machine(client, ARN).start(ID)
    assert Machine(client, ARN).start(ID, 2)
    first, second = (request for _, request in client.calls)
    assert (first["stateMachineArn"], first["name"], json.loads(first["input"])) == (ARN, ID, {"withdrawal_id": ID})
    assert second["name"] == f"{ID}-2"
    assert [withdrawal_of(name_of(ID, number)) for number in (1, 2, 17)] == [ID] * 3


def test_one_that_there_is_already_is_no_error() -> None:
    assert not Machine(Client(error("ExecutionAlreadyExists")), ARN).start(ID)


def test_a_token_is_answered_with_where_the_withdrawal_stands() -> None:
    client = Client({})
    assert Machine(client, ARN).wake(MADE, "tok")
    assert client.calls == [("send_task_success", {"taskToken": "tok", "output": '{"next": "screen"}'})]


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_token_that_nobody_waits_with_any_more_is_harmless(code: str) -> None:
    assert not Machine(Client(error(code)), ARN).wake(MADE, "tok")


def test_an_execution_is_looked_up_by_its_name() -> None:
    client = Client({"status": "RUNNING"})
    assert Machine(client, ARN).status(ID, 2) == "RUNNING"
    arn = f"arn:aws:states:eu-west-1:123456789012:execution:countroom-test-withdrawal:{ID}-2"
    assert client.calls == [("describe_execution", {"executionArn": arn})]
    assert Machine(Client(error("ExecutionDoesNotExist")), ARN).status(ID, 1) is None


def test_all_that_run_are_listed_page_by_page() -> None:
    pages = [{"executions": [{"name": f"{ID}-3"}], "nextToken": "more"}, {"executions": [{"name": "wdr_b"}]}]
    client = Client(*pages)
    assert Machine(client, ARN).running() == {ID, "wdr_b"}
    assert [call.get("nextToken") for _, call in client.calls] == [None, "more"]
    assert {call["statusFilter"] for _, call in client.calls} == {"RUNNING"}


def test_more_than_it_takes_in_is_not_taken_for_all() -> None:
    client = Client({"executions": [], "nextToken": "more"})
    with pytest.raises(MachineUnavailable):
        Machine(client, ARN).running()
    assert len(client.calls) == PAGES_MAX


@pytest.mark.parametrize("trouble", [error("ThrottlingException"), error("AccessDeniedException"), LOST])
def test_what_it_does_not_answer_is_not_known(trouble: Exception) -> None:
    machine = Machine(Client(trouble), ARN)
    for ask in (lambda: machine.start(ID), lambda: machine.wake(MADE, "tok"), lambda: machine.status(ID, 1), machine.running):
        with pytest.raises(MachineUnavailable):
            ask()


def test_an_answer_that_was_cut_short_is_not_known() -> None:
    machine = Machine(Client({}), ARN)
    for ask in (lambda: machine.status(ID, 1), machine.running):
        with pytest.raises(MachineUnavailable):
            ask()
