"""An exclusion and the end of all sessions are one step: neither is there without the other, whatever comes in between."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from countroom.identity.closing import Closing
from countroom.identity.events import EventKind
from countroom.identity.excluding import ATTEMPTS_MAX, Excluding
from countroom.identity.refusals import ChangedMeanwhile, NoSuchAccount, NotClosable, Unavailable
from countroom.identity.sessions import Opened
from countroom.ledger.book import OutcomeUnknown, Posted, Refused
from countroom.ledger.movements import ExclusionKind, Reason, Reference, Status
from countroom.ledger.rules.effects import status_at
from countroom.ledger.safeguards import StartExclusion
from tests.unit.clock import FixedClock
from tests.unit.identity.office import ANN, LOST, Office, at_once
from tests.unit.ledger.memory import failing, landing

HOUR_MS = 3_600_000


@pytest.fixture
def office(tables: Any, clock: FixedClock) -> Office:
    return Office(tables, clock)


@pytest.fixture
def ann(office: Office) -> str:
    return office.registered().player_id


def time_out(office: Office, player_id: str, name: str = "x-1", kind: ExclusionKind = ExclusionKind.TIME_OUT) -> StartExclusion:
    return StartExclusion(Reference("player:exclusion", name), player_id, kind, office.clock() + HOUR_MS)


def is_excluded(office: Office, player_id: str) -> bool:
    wallet = office.book.wallet(player_id)
    return wallet is not None and status_at(wallet, office.clock()) is Status.EXCLUDED


def test_every_session_ends_with_it_in_one_transaction(office: Office, ann: str) -> None:
    for _ in range(3):
        office.session(ann)
    office.clock.advance(seconds=1)
    office.client.calls.clear()
    done = office.excluding.post(time_out(office, ann), "a break of an hour", "se_1", "203.0.113.0/24")
    assert isinstance(done, Posted)
    (commit,) = office.client.named("transact_write_items")
    tables = [next(iter(part.values()))["TableName"] for part in commit["TransactItems"]]
    assert sorted(tables) == ["ledger", "ledger", "players", "sessions"]
    assert office.live(ann) == 0
    assert is_excluded(office, ann)
    newest = office.desk.events.page(ann, 1).events[0]
    assert (newest.kind, newest.detail, newest.session_id, newest.source) == (
        EventKind.EXCLUDED,
        "a break of an hour",
        "se_1",
        "203.0.113.0/24",
    )


def test_the_player_may_log_in_again_at_once_for_the_money(office: Office, ann: str) -> None:
    office.excluding.post(time_out(office, ann), "a break")
    assert office.log_in(ANN.email).opened.player_id == ann
    assert is_excluded(office, ann)


def test_the_same_again_ends_no_session_that_was_opened_since(office: Office, ann: str) -> None:
    first = time_out(office, ann)
    office.excluding.post(first, "a break")
    office.log_in(ANN.email)
    again = office.excluding.post(first, "a break")
    assert isinstance(again, Posted)
    assert again.replayed
    assert office.live(ann) == 1
    assert office.events(ann).count(EventKind.EXCLUDED) == 1


def test_a_refused_one_ends_nothing(office: Office, ann: str) -> None:
    office.excluding.post(time_out(office, ann, kind=ExclusionKind.SELF_EXCLUSION), "for long")
    office.log_in(ANN.email)
    shorter = office.excluding.post(time_out(office, ann, "x-2"), "a break")
    assert isinstance(shorter, Refused)
    assert shorter.reason is Reason.EXCLUSION_RUNS
    assert office.live(ann) == 1


def test_a_login_that_was_under_way_opens_nothing(office: Office, ann: str) -> None:
    access = office.sessions.access(ann)
    office.excluding.post(time_out(office, ann), "a break")
    with pytest.raises(ChangedMeanwhile):
        office.sessions.open(ann, "Firefox", "EE", stepped_up=True, epoch=access.epoch)


def test_logins_and_an_exclusion_at_once_leave_no_session_of_before(office: Office, ann: str) -> None:
    before = [office.session(ann) for _ in range(2)]
    actions: list[Any] = [partial(office.session, ann) for _ in range(3)]
    actions.insert(1, partial(office.excluding.post, time_out(office, ann), "a break"))
    answers = at_once(actions, threads=4)
    assert [type(answer) for answer in answers if not isinstance(answer, Opened)] == [Posted]
    assert is_excluded(office, ann)
    live = {session.session_id for session in office.sessions.list(ann)}
    assert not live & {opened.session_id for opened in before}


def test_sessions_that_never_stand_still_are_not_excluded_by_halves(
    office: Office, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, asked = Excluding.ending, []

    def outrun(self: Excluding, player_id: str) -> Any:
        part = ending(self, player_id)
        asked.append(player_id)
        office.session(player_id)
        return part

    monkeypatch.setattr(Excluding, "ending", outrun)
    with pytest.raises(ChangedMeanwhile):
        office.excluding.post(time_out(office, ann), "a break")
    assert len(asked) == ATTEMPTS_MAX
    assert not is_excluded(office, ann)
    assert office.live(ann) == ATTEMPTS_MAX


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
@pytest.mark.parametrize("place", range(4))
def test_a_lost_answer_leaves_both_or_neither_and_the_same_again_makes_both(
    office: Office, ann: str, place: int, fault: Any
) -> None:
    office.session(ann)
    movement = time_out(office, ann)
    with office.client.fault_at(place, fault), suppress(Unavailable, OutcomeUnknown):
        office.excluding.post(movement, "a break")
    assert is_excluded(office, ann) is (office.live(ann) == 0)
    assert isinstance(office.excluding.post(movement, "a break"), Posted)
    assert is_excluded(office, ann)
    assert office.live(ann) == 0
    assert office.events(ann).count(EventKind.EXCLUDED) == 1


def test_nobody_is_nobody(office: Office) -> None:
    with pytest.raises(NoSuchAccount):
        office.excluding.post(time_out(office, "pl_nobody"), "a break")


@pytest.mark.parametrize("kind", [ExclusionKind.TIME_OUT, ExclusionKind.SELF_EXCLUSION])
def test_an_account_is_not_closed_during_it_so_that_it_lasts(office: Office, ann: str, kind: ExclusionKind) -> None:
    office.excluding.post(time_out(office, ann, kind=kind), "a break")
    with pytest.raises(NotClosable):
        Closing(office.desk).close(ann)
    office.clock.advance(milliseconds=HOUR_MS)
    if kind is ExclusionKind.TIME_OUT:
        Closing(office.desk).close(ann)
    else:
        with pytest.raises(NotClosable):
            Closing(office.desk).close(ann)
