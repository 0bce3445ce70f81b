"""The entrances that the state machine and the clock call, and what wakes and starts it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from countroom.cashier.payouts.port import Taken
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.course import Next, stands
from countroom.cashier.withdrawals.life import Clearance, Screened
from countroom.cashier.withdrawals.machine import Machine, MachineUnavailable
from countroom.cashier.withdrawals.steps import ReleaseFailed, Steps, StillChanging
from countroom.cashier.withdrawals.withdrawal import OPEN, Attention
from handlers import withdrawal_step, withdrawal_sweeper
from handlers.parts import wake, withdrawing
from handlers.parts.withdrawing import Wired
from runtime import telemetry
from tests.unit import rest
from tests.unit.cashier.withdrawals.test_steps import Gateway
from tests.unit.cashier.withdrawals.test_sweeping import Executions
from tests.unit.cashier.withdrawals.world import World

ID = f"wdr_{'a' * 20}"


class Context(rest.Context):
    left_ms = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class LittleTime(Context):
    left_ms = 1_000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    steps = Steps(
        withdrawals=world.withdrawals,
        shelf=world.store,
        payouts=Gateway([Taken("po_1")]),
        screen=lambda _: Screened(Clearance.APPROVE),
        barred=lambda _: "",
        answer=lambda _withdrawal, _token: None,
        asks_max=3,
    )
    monkeypatch.setattr(withdrawal_step, "_steps", lambda: steps)
    return world


def taken(step: str, withdrawal_id: str, **more: Any) -> dict[str, str]:
    answer: dict[str, str] = withdrawal_step.handler({"step": step, "withdrawal_id": withdrawal_id, **more}, Context())
    return answer


def test_a_step_is_taken_and_says_what_is_next(world: World) -> None:
    made = world.asked(world.deposit("50.00"), "50.00")
    assert taken("screen", made.withdrawal_id) == {"next": "submit"}
    assert taken("submit", made.withdrawal_id) == {"next": "await_word"}
    assert taken("await_word", made.withdrawal_id, token="tok") == {"next": "await_word"}
    assert taken("to_people", made.withdrawal_id, because={"next": "to_people"}) == {"next": "await_people"}
    assert world.get(made.withdrawal_id).attention is Attention.OUTCOME_UNKNOWN


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"step": "paid", "withdrawal_id": ID},
        {"step": "dance", "withdrawal_id": ID},
        {"step": "screen"},
        {"step": "screen", "withdrawal_id": ""},
        {"step": "screen", "withdrawal_id": "x" * 65},
        {"step": "screen", "withdrawal_id": 7},
        {"step": "screen", "withdrawal_id": ID, "token": "tok"},
        {"step": "await_word", "withdrawal_id": ID},
        {"step": "await_word", "withdrawal_id": ID, "token": "x" * 2_049},
        {"step": ["screen"], "withdrawal_id": ID},
        {"step": "to_people", "withdrawal_id": ID, "because": "States.Timeout"},
        {"step": "to_people", "withdrawal_id": ID, "because": {"Error": 7}},
    ],
)
def test_what_the_machine_would_not_send_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(withdrawal_step.StepFailed):
        withdrawal_step.handler(event, Context())


@pytest.mark.parametrize(
    ("trouble", "named"),
    [
        (StoreUnavailable("x"), withdrawal_step.Unavailable),
        (MachineUnavailable("x"), withdrawal_step.Unavailable),
        (StillChanging("x"), withdrawal_step.Unavailable),
        (ReleaseFailed("x"), withdrawal_step.ReleaseFailed),
        (KeyError("a secret"), withdrawal_step.StepFailed),
    ],
)
def test_the_machine_is_told_by_name_whether_to_try_again_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, named: type[Exception]
) -> None:
    class Broken:
        def take(self, _order: Any) -> Next:
            raise trouble

    monkeypatch.setattr(withdrawal_step, "_steps", Broken)
    with pytest.raises(named) as raised:
        taken("screen", ID)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_money_that_could_not_be_released_is_counted_when_people_are_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    made = world.asked(world.deposit("50.00"), "50.00")
    taken("to_people", made.withdrawal_id, because={"Error": "ReleaseFailed", "Cause": "{}"})
    assert counts(capsys.readouterr().out)["CompensationFailed"] == [1]
    assert withdrawal_step.ReleaseFailed.__name__ == withdrawal_step.RELEASE_FAILED


def counts(printed: str) -> dict[str, list[int]]:
    """Name → what was counted under it, in every set of dimensions."""
    found: dict[str, list[int]] = {}
    for line in printed.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        for metrics in said.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in metrics["Metrics"]:
                value = said[metric["Name"]]
                found.setdefault(metric["Name"], []).extend(int(one) for one in (value if isinstance(value, list) else [value]))
    return found


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> World:
    world, executions = World(), Executions()
    wired = Wired(world.store, world.lists, world.book, world.withdrawals)
    monkeypatch.setattr(withdrawal_sweeper, "_parts", lambda: wired)
    monkeypatch.setattr(wake, "machine", lambda: executions)
    monkeypatch.setattr(withdrawal_sweeper, "system_clock", world.clock)
    return world


def test_the_sweeper_starts_what_nothing_drives_and_counts_what_it_saw(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    made = swept.waiting(amount="50.00")
    swept.clock.advance(seconds=90)
    answer = withdrawal_sweeper.handler({}, Context())
    assert answer == {"complete": True, "open": {"awaiting_approval": 1}, "started": [made.withdrawal_id], "lost": []}
    counted = counts(capsys.readouterr().out)
    assert counted["WithdrawalsStarted"] == [1]
    assert counted["WithdrawalsHeld"] == [50]
    assert sorted(counted["WithdrawalOldestSeconds"]) == [0, 0, 0, 0, 90]
    assert len(counted["WithdrawalsOpen"]) == len(OPEN)
    assert counted["WithdrawalsForPeople"] == [0] * len(Attention), "a zero is said too, so that silence means something"
    assert counted["SweepIncomplete"] == [0]


def test_a_sweep_that_does_not_come_to_its_end_is_counted(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    swept.waiting()
    assert withdrawal_sweeper.handler({}, LittleTime()) == {"complete": False}
    assert counts(capsys.readouterr().out)["SweepIncomplete"] == [1]


def test_a_sweep_that_fails_is_counted_and_says_no_more(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_name: str) -> None:
        raise KeyError("a secret")

    swept.client.before = fails
    with pytest.raises(withdrawal_sweeper.SweepFailed) as raised:
        withdrawal_sweeper.handler({}, Context())
    assert "secret" not in str(raised.value)
    assert counts(capsys.readouterr().out)["SweepIncomplete"] == [1]


class States:
    """Step Functions: answers, or refuses with an error code."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.calls: list[str] = []

    def start_execution(self, **request: Any) -> dict[str, Any]:
        return self._answer(str(request["name"]))

    def send_task_success(self, **request: Any) -> dict[str, Any]:
        return self._answer(str(request["taskToken"]))

    def _answer(self, call: str) -> dict[str, Any]:
        self.calls.append(call)
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "x"}}, "x")
        return {}


@pytest.fixture(params=["", "ThrottlingException", "TaskTimedOut", "ExecutionAlreadyExists"])
def states(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> States:
    states = States(request.param)
    monkeypatch.setattr(wake, "machine", lambda: Machine(states, "arn:aws:states:x:1:stateMachine:m"))
    return states


def test_starting_and_waking_never_fail_for_who_has_changed_a_withdrawal(
    states: States, capsys: pytest.CaptureFixture[str]
) -> None:
    made = World().waiting()

    def both(_event: Any, _context: Any) -> None:
        wake.start_quietly(made.withdrawal_id)
        wake.waker()(made, "tok")

    telemetry.observed(both)({}, Context())
    assert states.calls == [made.withdrawal_id, "tok"]
    harmless = {"": 0, "ThrottlingException": 2, "TaskTimedOut": 1, "ExecutionAlreadyExists": 1}
    assert sum(counts(capsys.readouterr().out).get("MachineUnreachable", [])) == harmless[states.code]
    assert stands(made) is Next.AWAIT_APPROVAL


def test_everything_is_wired_from_the_environment(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent before the first use, so a wrong table shows only in what it is told."""
    names = {"WITHDRAWALS_TABLE": "withdrawals", "LEDGER_TABLE": "ledger", "CASHIER_TABLE": "cashier", "PLAYERS_TABLE": "players"}
    more = {"CIRCUITS_TABLE": "circuits", "PAYOUT_URLS": "{}", "PAYOUT_SECRETS": "{}", "ASKS_MAX": "3"}
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:m"
    for name, value in (names | more | {"WITHDRAWAL_MACHINE_ARN": arn}).items():
        monkeypatch.setenv(name, value)
    wake.machine.cache_clear()
    withdrawal_step._steps.cache_clear()
    withdrawal_sweeper._parts.cache_clear()
    try:
        assert dynamodb
        with pytest.raises(withdrawal_step.StepFailed):
            taken("screen", ID)
        parts = withdrawing.wired(withdrawing.WithdrawalTables("withdrawals", "ledger"))
        assert parts.store.get(ID) is None
        assert withdrawal_sweeper.handler({}, Context())["open"] == {}
    finally:
        wake.machine.cache_clear()
        withdrawal_step._steps.cache_clear()
        withdrawal_sweeper._parts.cache_clear()
