"""What a word of the vendor makes of a standing: the newest stands, whatever order they come in, and staff's refusal stays."""

import itertools
import threading

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from countroom.verification.levels import Level, State
from countroom.verification.standing import (
    AGE_LABELS,
    LABELS_MAX,
    LevelStanding,
    Result,
    Source,
    Standing,
    VendorEvent,
    Word,
    after_event,
    concerned,
)
from countroom.verification.store import StandingsUnavailable
from tests.unit.clock import START_MS
from tests.unit.verification.house import APPLICANT, PLAYER, House, event_of

AGE, IDENTITY, ADDRESS, FUNDS = Level
STARTED = Standing(PLAYER, 1, {}, APPLICANT)


@pytest.fixture
def house() -> House:
    return House()


def results(house: House, *events: VendorEvent) -> list[Result]:
    return [heard.result for heard in house.hear(*events)]


@pytest.mark.parametrize(
    ("state", "approved"),
    [
        (State.APPROVED, {AGE, IDENTITY}),
        (State.PENDING, set()),
        (State.ON_HOLD, set()),
        (State.RETRY, set()),
        (State.REJECTED, set()),
    ],
)
def test_what_is_heard_stands(house: House, state: State, approved: set[Level]) -> None:
    assert results(house, event_of(state, labels=("FORGERY",))) == [Result.APPLIED]
    assert house.at() == LevelStanding(state, Source.VENDOR, START_MS + 10_000, ("FORGERY",))
    assert house.standing.approved == approved


@pytest.mark.parametrize("level", [AGE, ADDRESS, FUNDS])
def test_other_levels_stand_alone(house: House, level: Level) -> None:
    house.hear(event_of(level=level))
    assert house.standing.approved == {level}
    assert not house.standing.verified


def test_green_then_red_takes_it_away_again(house: House) -> None:
    house.hear(event_of(at_s=1))
    (heard,) = house.hear(event_of(State.REJECTED, at_s=2))
    assert (heard.result, set(heard.lost)) == (Result.APPLIED, {AGE, IDENTITY})
    assert house.standing.approved == frozenset()


def test_an_older_event_after_a_newer_has_no_effect(house: House) -> None:
    house.hear(event_of(State.REJECTED, at_s=2))
    version = house.standing.version
    assert results(house, event_of(at_s=1.999)) == [Result.OLDER]
    assert (house.at().state, house.standing.version) == (State.REJECTED, version)


def test_a_duplicate_has_no_effect(house: House) -> None:
    assert results(house, event_of(), event_of(), event_of()) == [Result.APPLIED, Result.REPEATED, Result.REPEATED]
    assert house.standing.version == 2
    kept = [item["sk"]["S"] for item in house.client.of_kind("PLAYER#") if "#event:" in item["sk"]["S"]]
    assert kept == [f"VERIFICATION#event:{event_of().event_id}"]


def test_of_two_at_the_same_instant_a_result_stands_and_of_results_the_stricter() -> None:
    ranked = [State.PENDING, State.ON_HOLD, State.APPROVED, State.RETRY, State.REJECTED]
    for first, second in itertools.permutations(ranked, 2):
        house = House()
        house.hear(event_of(first), event_of(second))
        assert house.at().state is max(first, second, key=ranked.index)


def test_a_refusal_because_of_the_age_is_one_of_the_age(house: House) -> None:
    house.hear(event_of(level=AGE, at_s=1))
    house.hear(event_of(State.RETRY, at_s=2, labels=("SCREENSHOTS",)))
    assert house.standing.approved == {AGE}
    house.hear(event_of(State.RETRY, at_s=3, labels=(next(iter(AGE_LABELS)),)))
    assert house.standing.approved == frozenset()


def test_when_the_vendor_begins_anew_nothing_that_it_said_stands(house: House) -> None:
    house.hear(event_of(at_s=1), event_of(level=ADDRESS, at_s=2))
    (heard,) = house.hear(event_of(State.NONE, level=None, at_s=3))
    assert heard.lost == {AGE, IDENTITY, ADDRESS}
    assert house.standing.approved == frozenset()
    assert results(house, event_of(at_s=2.5)) == [Result.OLDER]
    assert results(house, event_of(at_s=4)) == [Result.APPLIED]


class TestStaffAndVendor:
    def test_what_staff_have_refused_only_staff_lift(self, house: House) -> None:
        house.order(Word.UNVERIFY, "r-1", reason="forged")
        assert results(house, event_of(at_s=99)) == [Result.STAFF_DECIDED]
        assert house.at().state is State.REJECTED
        house.order(Word.RECHECK, "r-2")
        assert results(house, event_of(at_s=99)) == [Result.APPLIED]
        assert house.standing.verified

    def test_what_staff_have_confirmed_a_newer_refusal_takes_away(self, house: House) -> None:
        house.order(Word.VERIFY, "r-1")
        assert results(house, event_of(State.REJECTED, at_s=0.5)) == [Result.OLDER]
        assert house.standing.verified
        assert results(house, event_of(State.REJECTED, at_s=5)) == [Result.APPLIED]
        assert not house.standing.verified

    def test_an_order_is_newer_than_all_that_was_heard_whatever_the_vendor_s_clock_says(self, house: House) -> None:
        ahead = event_of(at_s=250)
        house.hear(ahead)
        house.order(Word.RECHECK, "r-1")
        assert house.at().state is State.RETRY
        assert results(house, ahead) == [Result.OLDER]

    def test_the_vendor_leaves_the_last_order_as_it_was(self, house: House) -> None:
        house.order(Word.VERIFY, "r-1")
        house.hear(event_of(State.REJECTED, at_s=5))
        assert (house.standing.by, house.standing.reason, house.standing.request_id) == ("jane", "passport seen", "r-1")


class TestNobodyOfOurs:
    @pytest.mark.parametrize(
        "event",
        [
            event_of(applicant_id="somebody"),
            event_of(player_id="pl_ben"),
            event_of(player_id=""),
            event_of(State.NONE, player_id="pl_ben"),
        ],
    )
    def test_it_is_kept_and_has_no_effect(self, house: House, event: VendorEvent) -> None:
        before = house.standing
        assert results(house, event, event) == [Result.UNKNOWN_APPLICANT] * 2
        assert house.standing == before
        (kept,) = house.client.of_kind("APPLICANT#")
        assert (kept["pk"]["S"], kept["sk"]["S"]) == (f"APPLICANT#{event.applicant_id}", f"EVENT#{event.event_id}")
        assert (kept["state"]["S"], kept["player_id"]["S"]) == (event.state.value, event.player_id)
        assert int(kept["expires_at"]["N"]) == START_MS // 1000 + 90 * 86_400
        assert len(house.client.of_kind("PLAYER#")) == 1

    def test_a_player_who_never_started_is_nobody_the_vendor_can_speak_of(self) -> None:
        house = House(started=False)
        assert results(house, event_of()) == [Result.UNKNOWN_APPLICANT]
        assert house.standing == Standing(PLAYER)

    def test_nor_is_an_empty_name_ours(self) -> None:
        assert after_event(Standing(PLAYER), event_of(applicant_id="")).result is Result.UNKNOWN_APPLICANT

    def test_a_level_of_another_name_is_kept_too(self, house: House) -> None:
        assert results(house, event_of(level=None)) == [Result.UNKNOWN_LEVEL]
        assert house.standing.approved == frozenset()
        assert len(house.client.of_kind("APPLICANT#")) == 1


def test_no_more_labels_are_kept_than_fit(house: House) -> None:
    house.hear(event_of(State.RETRY, labels=tuple(f"L{number}" for number in range(40))))
    assert len(house.at().labels) == LABELS_MAX


def test_what_is_said_of_one_level_says_something_of_itself_first() -> None:
    for level, state in itertools.product(Level, State):
        assert concerned(level, state)[0] is level


EVENTS = st.builds(
    event_of,
    st.sampled_from(State),
    st.sampled_from(Level),
    at_s=st.integers(1, 6),
    labels=st.sampled_from([(), ("FORGERY",), ("UNDERAGE",)]),
)


@given(events=st.lists(EVENTS, max_size=6), seed=st.randoms(use_true_random=False))
def test_in_whatever_order_and_how_often_they_come_the_same_stands(events: list[VendorEvent], seed: object) -> None:
    shuffled = [*events, *events]
    seed.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis gives a random.Random
    ends = []
    for order in (events, shuffled):
        standing = STARTED
        for event in order:
            standing = after_event(standing, event).standing
        ends.append({level: (standing.at(level).state, standing.at(level).at_ms) for level in Level})
    assert ends[0] == ends[1]


@given(events=st.lists(EVENTS, max_size=8))
def test_a_level_is_reached_only_by_the_newest_word_about_it(events: list[VendorEvent]) -> None:
    standing = STARTED
    for event in events:
        standing = after_event(standing, event).standing
    for level in Level:
        about = [event for event in events if level in concerned(event.level or IDENTITY, event.state, event.labels)]
        newest = max((event.created_at_ms for event in about), default=0)
        last = {event.state for event in about if event.created_at_ms == newest}
        reached = State.APPROVED in last and not last & {State.RETRY, State.REJECTED}
        assert (level in standing.approved) is reached


LOST = ReadTimeoutError(endpoint_url="https://x")


@pytest.mark.parametrize("event", [event_of(), event_of(applicant_id="somebody")])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(2))
def test_whatever_is_lost_the_same_event_again_counts_once(house: House, event: VendorEvent, moment: str, at: int) -> None:
    calls = 0

    def fail(_name: str) -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise LOST

    setattr(house.client, moment, fail)
    with pytest.raises(StandingsUnavailable):
        house.hear(event)
    house.hear(event)
    ours = event.applicant_id == APPLICANT
    assert (house.standing.verified, house.standing.version) == (ours, 2 if ours else 1)
    assert len(house.client.of_kind("APPLICANT#")) == (0 if ours else 1)


def test_events_at_once_leave_the_newest(house: House) -> None:
    events = [event_of(state, at_s=number) for number, state in enumerate((State.APPROVED, State.PENDING, State.RETRY), 1)]
    threads = [threading.Thread(target=house.desk.hear, args=(event,)) for event in events * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert house.at() == LevelStanding(State.RETRY, Source.VENDOR, START_MS + 3000)
