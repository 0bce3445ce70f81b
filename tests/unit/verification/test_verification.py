"""Staff's orders: what they said last stands, every word kept, each order once; and items from before there were levels."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.verification.desk import KeptChanging, OrderReused
from countroom.verification.levels import Level, State
from countroom.verification.standing import LevelStanding, Order, Source, Standing, Word
from countroom.verification.store import StandingsUnavailable
from tests.simulation.errors import client_error
from tests.unit.clock import START_MS
from tests.unit.identity.memory import TABLE
from tests.unit.verification.house import APPLICANT, PLAYER, House, event_of

LOST = ReadTimeoutError(endpoint_url="https://x")


@pytest.fixture
def house() -> House:
    return House(started=False)


def test_nobody_is_verified_until_somebody_says_so(house: House) -> None:
    assert house.standing == Standing(PLAYER)
    assert not house.standing.verified
    assert house.standing.approved == frozenset()


def test_the_last_word_stands_and_every_word_is_kept(house: House) -> None:
    assert house.order(Word.VERIFY, "r-1").standing.verified
    done = house.order(Word.UNVERIFY, "r-2", "joan", "forged")
    refused = LevelStanding(State.REJECTED, Source.STAFF, START_MS + 2000)
    levels = {Level.IDENTITY: refused, Level.AGE: refused}
    assert done.standing == Standing(PLAYER, 2, levels, "", "joan", "forged", START_MS + 2000, "r-2")
    assert house.standing == done.standing
    assert house.store.ordered(PLAYER, "r-1") == (Word.VERIFY, Level.IDENTITY)
    (first,) = [item for item in house.client.of_kind("PLAYER#") if item["sk"]["S"] == "VERIFICATION#r-1"]
    assert (first["by"]["S"], first["reason"]["S"], first["level"]["S"]) == ("jane", "passport seen", "identity")


@pytest.mark.parametrize("level", list(Level))
def test_an_order_is_about_its_level(house: House, level: Level) -> None:
    house.order(Word.VERIFY, "r-1", level=level)
    assert set(house.standing.approved) == ({Level.IDENTITY, Level.AGE} if level is Level.IDENTITY else {level})
    house.order(Word.RECHECK, "r-2", level=level)
    assert house.at(level).state is State.RETRY
    assert set(house.standing.approved) == ({Level.AGE} if level is Level.IDENTITY else set())


def test_an_old_order_that_comes_again_changes_nothing(house: House) -> None:
    house.order(Word.VERIFY, "r-1")
    house.order(Word.UNVERIFY, "r-2")
    done = house.order(Word.VERIFY, "r-1")
    assert (done.replayed, done.standing.verified, done.standing.version) == (True, False, 2)
    with pytest.raises(OrderReused):
        house.order(Word.UNVERIFY, "r-1")
    with pytest.raises(OrderReused):
        house.order(Word.VERIFY, "r-1", level=Level.ADDRESS)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(3))
def test_whatever_is_lost_the_same_order_again_counts_once(house: House, moment: str, at: int) -> None:
    calls = 0

    def fail(_name: str) -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise LOST

    setattr(house.client, moment, fail)
    with pytest.raises(StandingsUnavailable):
        house.order(Word.VERIFY, "r-1")
    standing = house.order(Word.VERIFY, "r-1").standing
    assert (standing.verified, standing.version) == (True, 1)


def test_a_write_that_botocore_repeated_is_known_for_ours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.client.transact_write_items

    def twice(**request: Any) -> Any:
        real(**request)
        return real(**request)

    monkeypatch.setattr(house.client, "transact_write_items", twice)
    done = house.order(Word.VERIFY, "r-1")
    assert (done.standing.verified, done.standing.version) == (True, 1)


def test_an_answer_that_was_cut_short_is_not_taken_for_an_empty_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.client, "get_item", lambda **_request: {})
    with pytest.raises(StandingsUnavailable):
        house.desk.standing(PLAYER)


def test_it_is_read_strongly(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    real = house.client.get_item

    def noted(**request: Any) -> Any:
        asked.append(request)
        return real(**request)

    monkeypatch.setattr(house.client, "get_item", noted)
    house.desk.standing(PLAYER)
    assert [request["ConsistentRead"] for request in asked] == [True]


def test_words_at_once_follow_one_another(house: House) -> None:
    threads = [threading.Thread(target=house.order, args=(Word.VERIFY, f"r-{number}")) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert house.standing.version == 3
    assert len(house.client.of_kind("PLAYER#")) == 4


def test_who_finds_it_changed_each_time_gives_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.store, "save", lambda *_parts: False)
    with pytest.raises(KeptChanging):
        house.order(Word.VERIFY, "r-1")
    with pytest.raises(KeptChanging):
        house.desk.name_applicant(PLAYER, APPLICANT)


def test_the_vendor_s_word_meets_a_desk_that_keeps_changing(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    monkeypatch.setattr(house.store, "save", lambda *_parts: False)
    with pytest.raises(KeptChanging):
        house.hear(event_of())


def test_the_name_of_an_applicant_is_kept_once(house: House) -> None:
    first = house.desk.name_applicant(PLAYER, APPLICANT)
    assert house.desk.name_applicant(PLAYER, APPLICANT) == first
    assert (house.standing.version, house.standing.applicant_id) == (1, APPLICANT)
    assert house.desk.name_applicant(PLAYER, "other").version == 2
    assert house.standing.request_id == ""


@pytest.mark.parametrize(
    ("raised", "call"),
    [
        (client_error("ThrottlingException", "PutItem"), "put_item"),
        (LOST, "put_item"),
        (client_error("ThrottlingException", "TransactWriteItems"), "transact_write_items"),
    ],
)
def test_a_table_that_does_not_take_it_says_so(raised: Exception, call: str) -> None:
    house = House()

    def fail(name: str) -> None:
        if name == call:
            raise raised

    house.client.before = fail
    with pytest.raises(StandingsUnavailable):
        house.hear(event_of(applicant_id="somebody") if call == "put_item" else event_of())


def old_item(*, verified: bool) -> dict[str, Any]:
    """An item as it was written before there were levels."""
    return {
        "pk": {"S": f"PLAYER#{PLAYER}"},
        "revision": {"N": "1"},
        "verified": {"BOOL": verified},
        "by": {"S": "jane"},
        "reason": {"S": "passport seen"},
        "at": {"S": "2025-12-31T12:00:00.000Z"},
        "request_id": {"S": "r-0"},
    }


@pytest.mark.parametrize("verified", [True, False])
def test_what_was_written_before_there_were_levels_is_about_the_identity(house: House, verified: bool) -> None:
    for key in ("VERIFICATION", "VERIFICATION#r-0"):
        house.client.put_item(TableName=TABLE, Item=old_item(verified=verified) | {"sk": {"S": key}})
    assert house.standing.verified is verified
    assert house.standing.approved == ({Level.IDENTITY, Level.AGE} if verified else frozenset())
    assert house.at().source is Source.STAFF
    assert house.at().state is (State.APPROVED if verified else State.REJECTED)
    again = house.desk.carry_out(Order(PLAYER, Word.VERIFY if verified else Word.UNVERIFY, "jane", "x", "r-0"))
    assert again.replayed
    assert house.order(Word.RECHECK, "r-1").standing.version == 2
    assert house.at().state is State.RETRY
    assert house.client.of_kind("PLAYER#")[0]["verified"] == {"BOOL": False}


def test_the_item_still_says_verified_for_a_reader_of_before(house: House) -> None:
    house.order(Word.VERIFY, "r-1")
    (item,) = [item for item in house.client.of_kind("PLAYER#") if item["sk"]["S"] == "VERIFICATION"]
    assert (item["verified"], item["revision"]) == ({"BOOL": True}, {"N": "1"})
