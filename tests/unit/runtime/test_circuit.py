"""The circuit over a table: it opens, rests, lets one try, closes; and a table in trouble never holds a call back."""

from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base
from botocore.exceptions import ClientError, ReadTimeoutError

from runtime import telemetry
from runtime.circuit import ALIVE, FAILURES, QUIET_S, REST_S, TableCircuit
from runtime.outbound import Answered, Outcome, Reason, Unknown
from tests.unit.games.shelf import CIRCUITS_TABLE, make_tables

GOOD = Answered(200, {}, b"{}", {})
BAD = Unknown(Reason.TIMED_OUT)


class Provider:
    """Answers what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.outcome: Outcome = GOOD
        self.asked = 0

    def __call__(self) -> Outcome:
        self.asked += 1
        return self.outcome


class Client:
    """The table's client; fails where the test says so."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta = client.meta
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.asked.append(name)
            if name in self.failing:
                raise self.failing[name]
            return getattr(self._client, name)(**request)

        return call


class Clock:
    """The seconds of the breaker, and of its patience with the table."""

    def __init__(self) -> None:
        self.now = 1_767_268_800

    def __call__(self) -> float:
        return float(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Moment:
        @staticmethod
        def now() -> "Moment":
            return Moment()

        @staticmethod
        def timestamp() -> float:
            return clock()

    class Datetime:
        datetime = Moment

    persistence = "aws_lambda_powertools.utilities.circuit_breaker.persistence"
    for module in (base.__name__, f"{persistence}.base", f"{persistence}.dynamodb"):
        monkeypatch.setattr(f"{module}.dt", Datetime)
    return clock


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    for counters in (base._LOCAL_FAILURES, base._LOCAL_SUCCESSES, base._LAST_OBSERVED_STATE):
        counters.clear()
    yield
    telemetry.metrics.clear_metrics()


@pytest.fixture
def client(dynamodb: Any) -> Client:
    make_tables(dynamodb)
    return Client(dynamodb)


@pytest.fixture
def circuits(client: Client, clock: Clock) -> TableCircuit:
    return TableCircuit(client, CIRCUITS_TABLE, timer=clock)


def broken(circuits: TableCircuit) -> Provider:
    provider = Provider()
    provider.outcome = BAD
    for _ in range(FAILURES):
        assert circuits.of("acme").guard(provider) == BAD
    return provider


def test_a_good_answer_passes_through(circuits: TableCircuit) -> None:
    provider = Provider()
    assert circuits.of("acme").guard(provider) is GOOD
    assert circuits.state("acme") == "closed"


def test_failures_in_a_row_open_it_and_nobody_calls_any_more(circuits: TableCircuit, client: Client, clock: Clock) -> None:
    provider = broken(circuits)
    other_process = TableCircuit(client, CIRCUITS_TABLE, timer=clock)
    for way in (circuits, other_process):
        assert way.of("acme").guard(provider) == Unknown(Reason.CIRCUIT_OPEN)
    assert provider.asked == FAILURES
    assert circuits.state("acme") == "open"
    well = Provider()
    assert circuits.of("other").guard(well) is GOOD


def test_a_success_between_failures_keeps_it_closed(circuits: TableCircuit) -> None:
    provider = Provider()
    for _ in range(3):
        for outcome in [BAD] * (FAILURES - 1) + [GOOD]:
            provider.outcome = outcome
            assert circuits.of("acme").guard(provider) == outcome


@pytest.mark.parametrize("reason", sorted(set(Reason) - ALIVE - {Reason.CIRCUIT_OPEN, Reason.BULKHEAD_FULL}))
def test_every_way_of_not_answering_counts(circuits: TableCircuit, reason: Reason) -> None:
    provider = Provider()
    provider.outcome = Unknown(reason)
    for _ in range(FAILURES):
        circuits.of("acme").guard(provider)
    assert circuits.of("acme").guard(provider) == Unknown(Reason.CIRCUIT_OPEN)


@pytest.mark.parametrize("outcome", [Unknown(reason) for reason in sorted(ALIVE)] + [Answered(404, {}, b"{}", {})])
def test_who_answers_at_all_is_there(circuits: TableCircuit, outcome: Outcome) -> None:
    provider = Provider()
    provider.outcome = outcome
    for _ in range(FAILURES * 3):
        assert circuits.of("acme").guard(provider) == outcome


def test_after_a_rest_one_call_decides(circuits: TableCircuit, client: Client, clock: Clock) -> None:
    provider = broken(circuits)
    clock.now += REST_S
    assert circuits.of("acme").guard(provider) == BAD  # the one that tried
    assert circuits.of("acme").guard(provider) == Unknown(Reason.CIRCUIT_OPEN)
    clock.now += REST_S
    provider.outcome = GOOD
    assert circuits.of("acme").guard(provider) is GOOD
    assert circuits.of("acme").guard(provider) is GOOD
    assert TableCircuit(client, CIRCUITS_TABLE, timer=clock).state("acme") == "closed"


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "X")
HUNG = ReadTimeoutError(endpoint_url="https://table")


@pytest.mark.parametrize("failure", [THROTTLED, HUNG, RuntimeError("anything")], ids=lambda e: type(e).__name__)
def test_a_table_in_trouble_never_holds_a_call_back(
    circuits: TableCircuit, client: Client, clock: Clock, failure: Exception
) -> None:
    client.failing = dict.fromkeys(("get_item", "put_item", "update_item"), failure)
    provider = Provider()
    pair: list[Outcome] = [GOOD, BAD]
    for outcome in pair * (FAILURES + 1) + pair[1:] * FAILURES * 2:
        provider.outcome = outcome
        assert circuits.of("acme").guard(provider) == outcome
        clock.now += 1
    assert provider.asked == 2 * (FAILURES + 1) + 2 * FAILURES


def test_a_table_that_fails_is_left_alone_for_a_while(circuits: TableCircuit, client: Client, clock: Clock) -> None:
    client.failing = {"get_item": HUNG}
    for _ in range(20):
        circuits.of("acme").guard(Provider())
    assert client.asked == ["get_item"]
    clock.now += int(QUIET_S) + 1
    circuits.of("acme").guard(Provider())
    assert client.asked == ["get_item"] * 2


@pytest.mark.parametrize("failure", [THROTTLED, HUNG], ids=lambda e: type(e).__name__)
def test_an_election_that_the_table_cannot_hold_lets_the_call_through(
    circuits: TableCircuit, client: Client, clock: Clock, failure: Exception
) -> None:
    provider = broken(circuits)
    clock.now += REST_S
    client.failing = {"put_item": failure}
    provider.outcome = GOOD
    assert circuits.of("acme").guard(provider) is GOOD


def test_a_missing_table_is_no_condition(dynamodb: Any, clock: Clock) -> None:
    circuits = TableCircuit(dynamodb, "no-such-table", timer=clock)
    provider = Provider()
    assert circuits.of("acme").guard(provider) is GOOD
    assert circuits.state("acme") == "unknown"


def test_an_opening_is_counted_once_with_its_provider(circuits: TableCircuit, capsys: pytest.CaptureFixture[str]) -> None:
    provider = broken(circuits)
    circuits.of("acme").guard(provider)
    out = capsys.readouterr().out
    assert out.count('"CircuitOpened":[1.0]') == 1
    assert '"provider":"acme"' in out


def test_a_fault_of_ours_is_not_swallowed(circuits: TableCircuit) -> None:
    def faulty() -> Outcome:
        raise ZeroDivisionError

    for _ in range(FAILURES * 2):
        with pytest.raises(ZeroDivisionError):
            circuits.of("acme").guard(faulty)
