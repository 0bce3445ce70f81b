"""The withdrawals' state machine, as it stands in the template: no state waits for ever, fails in silence or leads nowhere."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.steps import WAITS
from countroom.cashier.withdrawals.withdrawal import OPEN
from handlers import withdrawal_step
from infrastructure.stages import STAGE_NAMES, stage_settings
from tests.infrastructure.roles import statements_of
from tests.infrastructure.templates import Templates, listed, properties, refers
from tools import picture

State = Mapping[str, Any]
ENDS = {"Paid": "Succeed", "Released": "Succeed", "NotWithPeople": "Fail"}
PEOPLE = {"ToPeople", "AwaitPeople"}
A_YEAR = 365 * 86_400
EVENTS_MAX = 25_000


def machine(templates: Templates) -> Any:
    (found,) = templates.of_type("AWS::StepFunctions::StateMachine").values()
    return properties(found)


def definition(templates: Templates) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine(templates)["DefinitionString"])
    return found


def states(templates: Templates) -> dict[str, State]:
    found: dict[str, State] = definition(templates)["States"]
    return found


def tasks(templates: Templates) -> dict[str, State]:
    return {name: state for name, state in states(templates).items() if state["Type"] == "Task"}


def waits(state: State) -> bool:
    return ".waitForTaskToken" in state["Resource"]


def following(state: State) -> Iterator[str]:
    """Wherever a state may lead to."""
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for more in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield more["Next"]


def test_the_states_are_tasks_one_choice_and_the_named_ends(every_stage: Templates) -> None:
    found = states(every_stage)
    assert {name: state["Type"] for name, state in found.items() if state["Type"] in {"Succeed", "Fail"}} == ENDS
    assert [name for name, state in found.items() if state["Type"] == "Choice"] == ["WhatNext"]
    assert len(found) == len(tasks(every_stage)) + len(ENDS) + 1


def test_every_task_has_a_timeout_that_is_its_own(every_stage: Templates) -> None:
    (step,) = [one for one in every_stage.functions().values() if properties(one)["Handler"] == "handlers.withdrawal_step.handler"]
    for name, state in tasks(every_stage).items():
        assert 0 < state["TimeoutSeconds"] < A_YEAR, name
        if not waits(state):
            assert state["TimeoutSeconds"] > properties(step)["Timeout"], "so that the function's own end comes first"


def test_the_execution_as_a_whole_ends_before_its_history_is_full(every_stage: Templates) -> None:
    """Of a wait and the question after it the history holds some 30 events, retries not counted."""
    whole = definition(every_stage)["TimeoutSeconds"]
    pace = stage_settings(every_stage.stage).withdrawal_pace
    assert 0 < whole < A_YEAR
    rounds = pace.asks_max + whole / pace.people_seconds * 2
    assert rounds * 30 < EVENTS_MAX


def test_every_task_tries_again_after_named_errors_and_not_for_ever(every_stage: Templates) -> None:
    for name, state in tasks(every_stage).items():
        (retry,) = state["Retry"]
        errors = set(retry["ErrorEquals"])
        assert {"Lambda.ServiceException", "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout"} <= errors, name
        assert not {"States.ALL", "States.TaskFailed"} & errors, "what nobody knows is for people, at once"
        assert ("States.Timeout" in errors) is not waits(state), "a wait whose time is up goes on elsewhere"
        assert 0 < retry["MaxAttempts"] <= 60
        assert retry["IntervalSeconds"] > 0
        assert retry["BackoffRate"] > 1
        assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"]


def test_the_errors_that_the_function_raises_for_a_moment_are_tried_again(every_stage: Templates) -> None:
    for name, state in tasks(every_stage).items():
        errors = set(state["Retry"][0]["ErrorEquals"])
        assert {withdrawal_step.Unavailable.__name__, withdrawal_step.ReleaseFailed.__name__} <= errors, name
        assert withdrawal_step.StepFailed.__name__ not in errors, name


def test_whatever_a_task_fails_with_is_caught_and_brought_to_people(every_stage: Templates) -> None:
    for name, state in tasks(every_stage).items():
        last = state["Catch"][-1]
        assert last["ErrorEquals"] == ["States.ALL"], name
        assert last["Next"] == ("NotWithPeople" if name in PEOPLE else "ToPeople")
        assert all(catch["ResultPath"] == "$.said" for catch in state["Catch"]), "the id must survive a failure"


def test_a_wait_whose_time_is_up_is_asked_about_or_brought_to_people(every_stage: Templates) -> None:
    then = {
        name: next(catch["Next"] for catch in state["Catch"] if {"States.Timeout", "States.ALL"} & set(catch["ErrorEquals"]))
        for name, state in tasks(every_stage).items()
        if waits(state)
    }
    assert then == {"AwaitApproval": "ToPeople", "AwaitWord": "AskStatus", "AwaitPeople": "Screen"}


def test_every_state_can_be_reached_and_every_path_can_come_to_a_named_end(every_stage: Templates) -> None:
    found = states(every_stage)
    assert {goes for state in found.values() for goes in following(state)} <= found.keys()
    reached, waiting = set[str](), [definition(every_stage)["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += following(found[name])
    assert reached == found.keys()
    ending = set(ENDS)
    while more := {name for name, state in found.items() if ending & set(following(state))} - ending:
        ending |= more
    assert ending == found.keys()
    assert all(list(following(state)) for name, state in found.items() if name not in ENDS), "nothing ends but at a named end"


def test_the_states_that_wait_are_those_whose_steps_take_a_token(every_stage: Templates) -> None:
    waiting = {state["Parameters"]["Payload"]["step"] for state in tasks(every_stage).values() if waits(state)}
    assert waiting == {step.value for step in WAITS}


def test_each_answer_of_a_step_leads_to_the_state_that_does_it(every_stage: Templates) -> None:
    choices = {one["StringEquals"]: one["Next"] for one in states(every_stage)["WhatNext"]["Choices"]}
    assert choices.keys() == {step.value for step in Next}
    for said, goes in choices.items():
        state = states(every_stage)[goes]
        if state["Type"] == "Task":
            assert state["Parameters"]["Payload"]["step"] == said
            assert waits(state) is (Next(said) in WAITS)
    assert all(one["Variable"] == "$.said.next" for one in states(every_stage)["WhatNext"]["Choices"])
    assert states(every_stage)["WhatNext"]["Default"] == "ToPeople", "an answer that nobody knows is for people too"


def test_what_a_state_sends_is_what_the_function_reads(every_stage: Templates) -> None:
    for state in tasks(every_stage).values():
        payload = state["Parameters"]["Payload"]
        event = {name.removesuffix(".$"): value for name, value in payload.items()} | {"because": {"Error": "States.Timeout"}}
        order = withdrawal_step.read_order(event)
        assert order.step.value == payload["step"]
        assert (order.token != "") is waits(state)
        assert payload["withdrawal_id.$"] == "$.withdrawal_id"
        assert payload.get("token.$", "$$.Task.Token") == "$$.Task.Token"
    assert states(every_stage)["ToPeople"]["Parameters"]["Payload"]["because.$"] == "$.said"


def test_the_machine_may_invoke_the_step_function_and_nothing_else(every_stage: Templates) -> None:
    (role,) = refers(machine(every_stage)["RoleArn"])
    statements = statements_of(every_stage, role)
    invoking = [one for one in statements if any(action.startswith("lambda:") for action in listed(one["Action"]))]
    ((alias,),) = [refers(one["Resource"]) for one in invoking]
    function = properties(every_stage.of_type("AWS::Lambda::Alias")[alias])["FunctionName"]["Ref"]
    assert properties(every_stage.functions()[function])["Handler"] == "handlers.withdrawal_step.handler"
    assert refers(machine(every_stage)["DefinitionSubstitutions"]["Step"]) == {alias}
    others = {action for one in statements if one not in invoking for action in listed(one["Action"])}
    assert {action.split(":")[0] for action in others} <= {"logs", "xray"}


def test_its_errors_are_logged_without_what_passes_through_it(every_stage: Templates) -> None:
    logging = machine(every_stage)["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    (group,) = refers(logging["Destinations"])
    assert properties(every_stage.every()[group])["LogGroupName"] == f"/countroom/{every_stage.stage}/withdrawal-machine"


def test_it_is_traced_where_the_functions_are(every_stage: Templates) -> None:
    assert machine(every_stage)["TracingConfiguration"] == {"Enabled": stage_settings(every_stage.stage).tracing}


def test_each_execution_that_does_not_end_well_is_seen(every_stage: Templates) -> None:
    alarms = [properties(one) for one in every_stage.of_type("AWS::CloudWatch::Alarm").values()]
    ours = {one["MetricName"]: one for one in alarms if one.get("Namespace") == "AWS/States"}
    assert ours.keys() == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}
    assert all(one["Threshold"] == 1 for one in ours.values())


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_every_state_of_an_open_withdrawal_has_an_age_from_which_it_is_too_old(stage: str) -> None:
    pace = stage_settings(stage).withdrawal_pace
    assert pace.ages.keys() == {status.value for status in OPEN}
    assert min(pace.ages.values()) > 60


def test_patience_with_a_gateway_ends_before_the_age_of_which_an_alarm_is_raised() -> None:
    for stage in STAGE_NAMES:
        pace = stage_settings(stage).withdrawal_pace
        assert pace.word_seconds * pace.asks_max < pace.ages["submitted"]
        assert pace.approval_seconds < pace.ages["awaiting_approval"]


def test_the_picture_in_the_docs_is_that_of_the_template(prod: Templates) -> None:
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.document(definition(prod)), "run `make picture`"
