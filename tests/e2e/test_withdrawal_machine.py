"""The real state machine: it comes to its end whatever dies on the way, and the money leaves once or comes back once."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from sandbox import audit, aws
from sandbox.payouts.crowd import Customer, PaymentsDesk, customer
from sandbox.stack import Stack
from sandbox.wire import send
from tests.e2e import world

PAID_IN = Decimal(500)
END_SECONDS = 120.0
POLL_SECONDS = 0.2
STEP, REQUESTS = "withdrawal-step", "withdrawals"
ANN, BEN = "ann@payments.example", "ben@payments.example"


@dataclass(frozen=True)
class Machine:
    """The withdrawals of one player, the staff that decides about them, and the executions behind them."""

    stack: Stack
    player: Customer
    desk: PaymentsDesk

    def ask(self, amount: str, gateway: str = "adyen") -> str:
        withdrawal_id: str = self.player.ask(lambda: self.player.guest.api.withdraw(amount, "EUR", self.player.deposits[gateway]))[
            "withdrawal_id"
        ]
        return withdrawal_id

    def approved(self, amount: str) -> str:
        """Ask, and approve as soon as screening has asked for people."""
        withdrawal_id = self.ask(amount)
        self.await_status(withdrawal_id, "awaiting_approval", "approved", "submitting", "submitted", "paid", "failed")
        if self.desk.show(withdrawal_id)["status"] == "awaiting_approval":
            assert "withdrawal" in self.desk.approve(withdrawal_id, ANN)
        return withdrawal_id

    def await_status(self, withdrawal_id: str, *statuses: str, seconds: float = END_SECONDS) -> dict[str, Any]:
        shown: dict[str, Any] = until(lambda: self.desk.show(withdrawal_id), lambda one: one["status"] in statuses, seconds)
        return shown

    def await_attention(self, withdrawal_id: str, attention: str) -> dict[str, Any]:
        shown: dict[str, Any] = until(lambda: self.desk.show(withdrawal_id), lambda one: one.get("attention") == attention)
        return shown

    def execution(self, name: str) -> dict[str, Any] | None:
        states = aws.client("stepfunctions", self.stack.endpoint)
        arn = self.stack.resources["WithdrawalMachineArn"].replace(":stateMachine:", ":execution:")
        try:
            found: dict[str, Any] = states.describe_execution(executionArn=f"{arn}:{name}")
        except states.exceptions.ExecutionDoesNotExist:
            return None
        return found

    def await_end(self, name: str, status: str = "SUCCEEDED") -> list[str]:
        """Wait until an execution is at its end, and give the states that it came through."""
        until(lambda: self.execution(name), lambda found: found is not None and found["status"] != "RUNNING")
        found = self.execution(name)
        assert found is not None
        assert found["status"] == status, found
        return self.came_through(name)

    def came_through(self, name: str) -> list[str]:
        states = aws.client("stepfunctions", self.stack.endpoint)
        arn = self.stack.resources["WithdrawalMachineArn"].replace(":stateMachine:", ":execution:")
        events = states.get_execution_history(executionArn=f"{arn}:{name}", maxResults=1000)["events"]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def stop(self, name: str) -> None:
        found = self.execution(name)
        assert found is not None
        aws.client("stepfunctions", self.stack.endpoint).stop_execution(executionArn=found["executionArn"])

    def sweep(self) -> dict[str, Any]:
        functions = aws.client("lambda", self.stack.endpoint)
        answer = functions.invoke(FunctionName=self.stack.resources["WithdrawalSweeperFunctionName"], Payload=b"{}")
        assert "FunctionError" not in answer
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def swept(self, name: str) -> None:
        """Sweep until an execution of this name is there: the index behind the sweeper may be a moment late."""
        until(lambda: (self.sweep(), self.execution(name))[1], lambda found: found is not None)

    def clean_audit(self) -> None:
        report = audit.run(self.stack, self.player.player_id)
        assert audit.is_clean(report), report

    def available(self) -> Decimal:
        return Decimal(self.player.ask(self.player.guest.api.wallet).available)

    def paid(self, withdrawal_id: str) -> list[Decimal]:
        """What the gateways have paid for a withdrawal: one figure for each payout that they have under its key."""
        books: list[dict[str, Any]] = send("GET", f"{self.stack.payout_api}/books").json()["payouts"]
        return [Decimal(one["paid"]) for one in books if one["reference"] == withdrawal_id]

    @contextlib.contextmanager
    def without_rights(self, function: str) -> Iterator[None]:
        """Take everything from a function's role for a while: whatever it tries then, fails."""
        iam = aws.client("iam", self.stack.endpoint)
        role = world.role_of(self.stack, function).rsplit("/", 1)[-1]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policies = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
        assert policies
        for name in policies:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        try:
            yield
        finally:
            for name, document in policies.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=world.as_text(document))


def until(look: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = END_SECONDS) -> Any:
    end = time.monotonic() + seconds
    while not holds(found := look()):
        assert time.monotonic() < end, f"not in time: {found}"
        time.sleep(POLL_SECONDS)
    return found


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Customer:
    return customer(stack, PAID_IN)


@pytest.fixture
def machine(stack: Stack, owner: Customer) -> Machine:
    return Machine(stack, owner, PaymentsDesk(stack))


@pytest.fixture
def fresh(stack: Stack) -> Machine:
    """With a player of its own: a player may ask for a few withdrawals a day only."""
    return Machine(stack, customer(stack, PAID_IN), PaymentsDesk(stack))


def test_a_withdrawal_is_screened_approved_sent_and_paid(machine: Machine) -> None:
    before = machine.available()
    withdrawal_id = machine.approved("10.00")
    machine.await_status(withdrawal_id, "paid")
    came = machine.await_end(withdrawal_id)
    assert came[0] == "Screen"
    assert came[-1] == "Paid"
    assert "Submit" in came
    assert machine.available() == before - Decimal("10.00")
    machine.clean_audit()


def test_one_that_staff_refuse_is_released_at_once(machine: Machine) -> None:
    before = machine.available()
    withdrawal_id = machine.ask("20.00")
    shown = machine.await_status(withdrawal_id, "awaiting_approval", "paid")
    if shown["status"] == "paid":
        pytest.fail("the second withdrawal of a new player is looked at by people")
    assert machine.available() == before - Decimal("20.00")
    answer = machine.desk.order("refuse", ANN, withdrawal_id=withdrawal_id, why="a test", reason="documents_needed")
    assert answer["withdrawal"]["status"] == "refused"
    assert machine.await_end(withdrawal_id)[-1] == "Released"
    assert machine.available() == before
    machine.clean_audit()


def test_a_word_that_is_lost_is_found_by_asking(machine: Machine) -> None:
    withdrawal_id = machine.approved("10.07")  # paid, and the callback is lost
    shown = machine.await_status(withdrawal_id, "paid")
    came = machine.await_end(withdrawal_id)
    assert came[-1] == "Paid"
    assert "AskStatus" in came, shown
    machine.clean_audit()


def test_a_gateway_that_never_says_is_brought_to_people_whose_word_ends_it(fresh: Machine) -> None:
    before = fresh.available()
    withdrawal_id = fresh.approved("10.14")  # taken, and never ends
    fresh.await_attention(withdrawal_id, "outcome_unknown")
    assert fresh.available() == before - Decimal("10.14"), "that it is unknown releases nothing"
    until(lambda: fresh.came_through(withdrawal_id)[-1], lambda state: state == "AwaitPeople")
    answer = fresh.desk.order("resolve", BEN, withdrawal_id=withdrawal_id, why="they called", outcome="failed")
    assert answer["withdrawal"]["status"] == "failed"
    assert fresh.await_end(withdrawal_id)[-1] == "Released"
    assert fresh.available() == before
    fresh.clean_audit()


def test_steps_that_are_killed_are_taken_again(fresh: Machine) -> None:
    """Screening first, then the submission: each meets a function without any right."""
    with fresh.without_rights(STEP):
        withdrawal_id = fresh.ask("10.00")
        until(lambda: fresh.came_through(withdrawal_id), lambda came: came == ["Screen"])
        time.sleep(2)
        assert fresh.came_through(withdrawal_id) == ["Screen"]
    fresh.await_status(withdrawal_id, "awaiting_approval")
    until(lambda: fresh.came_through(withdrawal_id)[-1], lambda state: state == "AwaitApproval")
    with fresh.without_rights(STEP):
        assert "withdrawal" in fresh.desk.approve(withdrawal_id, ANN)
        until(lambda: fresh.came_through(withdrawal_id)[-1], lambda state: state == "Submit")
        time.sleep(2)
    fresh.await_status(withdrawal_id, "paid")
    assert fresh.await_end(withdrawal_id)[-1] == "Paid"
    fresh.clean_audit()


def test_killed_while_the_gateway_has_the_order_it_is_paid_once(fresh: Machine) -> None:
    """The gateway takes the order and its answer hangs; meanwhile the function loses every right, so it can note nothing."""
    before = fresh.available()
    withdrawal_id = fresh.approved("10.03")
    until(lambda: fresh.desk.show(withdrawal_id)["status"], lambda status: status == "submitting")
    with fresh.without_rights(STEP):
        time.sleep(8)
    fresh.await_status(withdrawal_id, "paid")
    assert fresh.await_end(withdrawal_id)[-1] == "Paid"
    assert fresh.available() == before - Decimal("10.03")
    assert fresh.paid(withdrawal_id) == [Decimal("10.03")]
    fresh.clean_audit()


def test_killed_when_it_asks_it_asks_again(fresh: Machine) -> None:
    withdrawal_id = fresh.approved("10.14")  # taken, and never ends
    fresh.await_status(withdrawal_id, "submitted")
    with fresh.without_rights(STEP):
        until(lambda: fresh.came_through(withdrawal_id)[-1], lambda state: state == "AskStatus")
        time.sleep(2)
        assert fresh.came_through(withdrawal_id)[-1] == "AskStatus"
    fresh.await_attention(withdrawal_id, "outcome_unknown")
    assert fresh.execution(f"{withdrawal_id}-2") is None, "one execution came through all of it"


def test_killed_again_and_again_on_its_way_to_people_it_gets_there(fresh: Machine) -> None:
    """Dead for a second, alive for two, all the way: whichever step that meets."""
    before = fresh.available()
    withdrawal_id = fresh.approved("10.14")  # taken, and never ends
    for _ in range(12):
        with fresh.without_rights(STEP):
            time.sleep(1)
        time.sleep(2)
    fresh.sweep()
    fresh.await_attention(withdrawal_id, "outcome_unknown")
    assert fresh.available() == before - Decimal("10.14")
    assert fresh.paid(withdrawal_id) == [Decimal(0)]
    fresh.clean_audit()


def test_an_execution_that_fails_is_started_again_where_the_withdrawal_stands(fresh: Machine) -> None:
    """The function is dead for so long that not even people can be told: the execution fails, and the sweeper starts the next."""
    before = fresh.available()
    with fresh.without_rights(STEP):
        withdrawal_id = fresh.ask("10.00")
        came = fresh.await_end(withdrawal_id, "FAILED")
        assert came == ["Screen", "ToPeople", "NotWithPeople"]
    assert fresh.desk.show(withdrawal_id)["status"] == "requested"
    fresh.swept(f"{withdrawal_id}-2")
    fresh.await_status(withdrawal_id, "awaiting_approval")
    assert "withdrawal" in fresh.desk.approve(withdrawal_id, ANN)
    fresh.await_status(withdrawal_id, "paid")
    assert fresh.await_end(f"{withdrawal_id}-2")[-1] == "Paid"
    assert fresh.available() == before - Decimal("10.00")
    fresh.clean_audit()


def test_an_execution_that_dies_again_and_again_is_brought_to_people_and_started_anew_when_they_have_looked(fresh: Machine) -> None:
    withdrawal_id = fresh.ask("10.00")
    fresh.await_status(withdrawal_id, "awaiting_approval")
    for name in (withdrawal_id, f"{withdrawal_id}-2", f"{withdrawal_id}-3"):
        fresh.swept(name)
        fresh.stop(name)
    until(fresh.sweep, lambda _: fresh.desk.show(withdrawal_id).get("attention") == "machine_lost")
    assert fresh.execution(f"{withdrawal_id}-4") is None
    assert "withdrawal" in fresh.desk.order("looked", BEN, withdrawal_id=withdrawal_id, why="the account's quota was used up")
    fresh.swept(f"{withdrawal_id}-4")
    assert "withdrawal" in fresh.desk.approve(withdrawal_id, ANN)
    fresh.await_status(withdrawal_id, "paid")
    assert fresh.await_end(f"{withdrawal_id}-4")[-1] == "Paid"
    fresh.clean_audit()


def test_a_start_that_is_lost_is_made_good(fresh: Machine) -> None:
    iam = aws.client("iam", fresh.stack.endpoint)
    role = world.role_of(fresh.stack, REQUESTS).rsplit("/", 1)[-1]
    no_start = {"Effect": "Deny", "Action": "states:StartExecution", "Resource": "*"}
    iam.put_role_policy(
        RoleName=role, PolicyName="NoStart", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [no_start]})
    )
    try:
        withdrawal_id = fresh.ask("10.00")
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="NoStart")
    fresh.swept(withdrawal_id)
    fresh.await_status(withdrawal_id, "awaiting_approval")


def test_the_sweeper_comes_by_the_clock(fresh: Machine) -> None:
    """Without anybody's doing, within little more than a minute."""
    withdrawal_id = fresh.ask("10.00")
    fresh.await_status(withdrawal_id, "awaiting_approval")
    fresh.stop(withdrawal_id)
    until(lambda: fresh.execution(f"{withdrawal_id}-2"), lambda found: found is not None, seconds=90.0)
