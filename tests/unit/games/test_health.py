from typing import Any

import pytest
from botocore.exceptions import ClientError

from countroom.games.health import OLD_MS, TELL_S, Condition, Health, HealthBoard, HealthUnavailable
from tests.unit.clock import START_MS, FixedClock
from tests.unit.games.shelf import GAMES_TABLE, make_tables
from tests.unit.games.test_catalogue_table import Client, Timer


@pytest.fixture
def client(dynamodb: Any) -> Client:
    make_tables(dynamodb)
    return Client(dynamodb)


def board(client: Client, clock: FixedClock, timer: Timer | None = None) -> HealthBoard:
    return HealthBoard(client, GAMES_TABLE, clock, timer or Timer())


def test_nobody_was_ever_called(client: Client, clock: FixedClock) -> None:
    assert board(client, clock).all() == ()


def test_what_a_call_came_to_is_kept_and_since_when(client: Client, clock: FixedClock) -> None:
    told = board(client, clock)
    told.note("hub88", answered=True)
    told.note("swipe", answered=False, reason="timed_out")
    assert told.all() == (
        Health("hub88", answered=True, reason="", at_ms=START_MS, since_ms=START_MS),
        Health("swipe", answered=False, reason="timed_out", at_ms=START_MS, since_ms=START_MS),
    )
    clock.advance(seconds=5)
    told.note("hub88", answered=False, reason="cut_off")
    hub88, _ = told.all()
    assert (hub88.answered, hub88.reason, hub88.since_ms) == (False, "cut_off", START_MS + 5000)


def test_a_provider_that_is_well_costs_almost_nothing(client: Client, clock: FixedClock) -> None:
    timer = Timer()
    told = board(client, clock, timer)
    for _ in range(100):
        told.note("hub88", answered=True)
        timer.now += TELL_S / 100
    assert client.asked == ["update_item"]
    clock.advance(seconds=60)
    timer.now += TELL_S
    told.note("hub88", answered=True)
    (health,) = told.all()
    assert (health.at_ms, health.since_ms) == (START_MS + 60_000, START_MS)


def test_an_older_word_does_not_replace_a_younger_one(client: Client, clock: FixedClock) -> None:
    younger = FixedClock(START_MS + 1000)
    board(client, younger).note("hub88", answered=False, reason="timed_out")
    board(client, clock).note("hub88", answered=True)
    (health,) = board(client, clock).all()
    assert not health.answered


def test_conditions(clock: FixedClock) -> None:
    well = Health("hub88", answered=True, reason="", at_ms=START_MS, since_ms=START_MS)
    ill = Health("hub88", answered=False, reason="timed_out", at_ms=START_MS, since_ms=START_MS)
    assert well.condition(clock()) is Condition.UP
    assert ill.condition(clock() + OLD_MS) is Condition.DOWN
    assert well.condition(clock() + OLD_MS + 1) is Condition.UNKNOWN
    assert "timed_out" not in str(ill.public_view(clock()))
    assert ill.staff_view(clock())["reason"] == "timed_out"


def test_a_table_in_trouble_is_unavailable_and_never_an_empty_board(client: Client, clock: FixedClock) -> None:
    no = ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "X")
    client.before = {"update_item": [no], "query": [no, {}]}
    with pytest.raises(HealthUnavailable):
        board(client, clock).note("hub88", answered=True)
    for _ in range(2):
        with pytest.raises(HealthUnavailable):
            board(client, clock).all()


def test_since_when_it_is_so_is_everybodys(client: Client, clock: FixedClock) -> None:
    timer = Timer()
    one, other = board(client, clock, timer), board(client, clock, timer)
    one.note("hub88", answered=False, reason="timed_out")
    clock.advance(seconds=40)
    timer.now += TELL_S
    client.asked.clear()
    other.note("hub88", answered=False, reason="cut_off")  # the first call of another process
    assert client.asked == ["update_item"]
    (health,) = one.all()
    assert (health.reason, health.at_ms, health.since_ms) == ("cut_off", START_MS + 40_000, START_MS)
    clock.advance(seconds=1)
    other.note("hub88", answered=True)
    clock.advance(seconds=1)
    timer.now += TELL_S
    one.note("hub88", answered=False, reason="timed_out")  # it was never well, as far as this one knows
    (health,) = one.all()
    assert (health.answered, health.since_ms) == (False, START_MS + 42_000)
    clock.advance(seconds=1)
    one.note("hub88", answered=True)
    (health,) = one.all()
    assert (health.answered, health.reason, health.since_ms) == (True, "", START_MS + 43_000)


def test_an_item_of_another_form_is_no_health(client: Client, clock: FixedClock) -> None:
    client.put_item(TableName=GAMES_TABLE, Item={"pk": {"S": "HEALTH"}, "sk": {"S": "hub88"}, "at": {"N": "1"}})
    with pytest.raises(HealthUnavailable):
        board(client, clock).all()
