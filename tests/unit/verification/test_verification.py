"""Who is verified: what staff said last, every word kept, each order once."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.verification.desk import Heard, KeptChanging, OrderReused, VerificationDesk
from countroom.verification.standing import Order, Standing, Word
from countroom.verification.store import StandingStore, StandingsUnavailable
from tests.unit.clock import START_MS, FixedClock
from tests.unit.identity.memory import TABLE, MemoryTable

PLAYER = "pl_anna"
LOST = ReadTimeoutError(endpoint_url="https://x")


class House:
    """A desk over a table in memory."""

    def __init__(self) -> None:
        self.client = MemoryTable()
        self.clock = FixedClock()
        self.store = StandingStore(self.client, TABLE)
        self.desk = VerificationDesk(self.store, self.clock)

    def say(self, word: Word, request_id: str, by: str = "jane", reason: str = "passport seen") -> Heard:
        self.clock.advance(seconds=1)
        return self.desk.carry_out(Order(PLAYER, word, by, reason, request_id))


@pytest.fixture
def house() -> House:
    return House()


def test_nobody_is_verified_until_somebody_says_so(house: House) -> None:
    assert house.desk.standing(PLAYER) == Standing(PLAYER)
    assert not house.desk.standing(PLAYER).verified


def test_the_last_word_stands_and_every_word_is_kept(house: House) -> None:
    assert house.say(Word.VERIFY, "r-1").standing.verified
    heard = house.say(Word.UNVERIFY, "r-2", "joan", "forged")
    assert heard.standing == Standing(PLAYER, 2, False, "joan", "forged", START_MS + 2000, "r-2")
    assert house.desk.standing(PLAYER) == heard.standing
    first = house.store.word(PLAYER, "r-1")
    assert first == Standing(PLAYER, 1, True, "jane", "passport seen", START_MS + 1000, "r-1")


def test_an_old_order_that_comes_again_changes_nothing(house: House) -> None:
    house.say(Word.VERIFY, "r-1")
    house.say(Word.UNVERIFY, "r-2")
    heard = house.say(Word.VERIFY, "r-1")
    assert (heard.replayed, heard.standing.verified, heard.standing.version) == (True, False, 2)
    with pytest.raises(OrderReused):
        house.say(Word.UNVERIFY, "r-1")


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
        house.say(Word.VERIFY, "r-1")
    standing = house.say(Word.VERIFY, "r-1").standing
    assert (standing.verified, standing.version) == (True, 1)


def test_a_write_that_botocore_repeated_is_known_for_ours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.client.transact_write_items

    def twice(**request: Any) -> Any:
        real(**request)
        return real(**request)

    monkeypatch.setattr(house.client, "transact_write_items", twice)
    heard = house.say(Word.VERIFY, "r-1")
    assert (heard.standing.verified, heard.standing.version) == (True, 1)


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
    threads = [threading.Thread(target=house.say, args=(Word.VERIFY, f"r-{number}")) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert house.desk.standing(PLAYER).version == 3
    assert len(house.client.of_kind("PLAYER#")) == 4


def test_who_finds_it_changed_each_time_gives_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.store, "save", lambda _standing: False)
    with pytest.raises(KeptChanging):
        house.say(Word.VERIFY, "r-1")
