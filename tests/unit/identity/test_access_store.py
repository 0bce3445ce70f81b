"""The sessions table: what is written comes back, what is cut short says nothing, and a lost answer is found again."""

from dataclasses import replace
from typing import Any

import pytest

from countroom.identity import access as rules
from countroom.identity.access import PLACE_MAX, SESSIONS_MAX, Access, LastLogin, Session, Standing
from countroom.identity.access_store import AccessStore, BesideRefused, Stale
from countroom.identity.refusals import Unavailable
from countroom.identity.table import Table
from tests.unit.conftest import PLAYERS_TABLE, SESSIONS_TABLE
from tests.unit.identity.guests import ANNA, SESSIONS, House

NOW = 1_767_268_800_000
FULL = Session("s" * 22, b"h" * 32, NOW, NOW + 1, "Firefox on Linux", "EE", NOW + 2, b"p" * 32, NOW + 3, b"sealed")


@pytest.fixture
def house() -> House:
    return House()


def stored(house: House) -> dict[str, Any]:
    (item,) = [item for item in house.table.tables[SESSIONS].items.values() if item["pk"]["S"] == f"PLAYER#{ANNA}"]
    return dict(item)


def test_a_new_player_has_no_session(house: House) -> None:
    access = house.access()
    assert replace(access, writers=()) == Access(ANNA)
    assert (access.version, len(access.writers)) == (1, 1)
    assert house.store.access("pl_nobody") is None


def test_a_player_is_created_once(house: House) -> None:
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        house.table.transact_write_items(TransactItems=[house.store.creation(ANNA)])


@pytest.mark.parametrize(
    "access",
    [
        Access(ANNA, Standing.FROZEN, (FULL,), True, True, LastLogin(NOW, "EE", "App"), 3),
        Access(ANNA, sessions=(Session("s", b"h", 1, 2), FULL)),
        Access(ANNA, Standing.CLOSED, last_login=LastLogin(0, "", "")),
        Access(ANNA, sessions=(replace(FULL, sealed_pair=None), replace(FULL, previous_hash=None, rotated_at_ms=0))),
    ],
)
def test_what_is_written_comes_back(house: House, access: Access) -> None:
    written = house.store.replace(house.access(), access)
    assert house.access() == written
    assert replace(written, version=1, writers=()) == access
    assert (written.version, len(written.writers)) == (2, 2)


def test_it_comes_back_from_dynamodb_as_well(dynamodb: Any) -> None:
    store = AccessStore(Table(dynamodb, SESSIONS_TABLE))
    dynamodb.transact_write_items(TransactItems=[store.creation(ANNA)])
    before = store.access(ANNA)
    assert before is not None
    event = {"Put": {"TableName": PLAYERS_TABLE, "Item": {"pk": {"S": "x"}, "sk": {"S": "y"}}}}
    once = store.replace(before, Access(ANNA, sessions=(FULL,)), [event])
    twice = store.replace(once, rules.without_session(once, FULL.session_id))
    assert store.access(ANNA) == twice
    with pytest.raises(Stale):
        store.replace(once, Access(ANNA), [event])
    with pytest.raises(Stale):
        store.replace(once, Access(ANNA))
    absent = event["Put"] | {"ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(BesideRefused) as refused:
        store.replace(
            twice, Access(ANNA), [event | {"Put": event["Put"] | {"Item": {"pk": {"S": "z"}, "sk": {"S": "z"}}}}, {"Put": absent}]
        )
    assert refused.value.index == 1
    assert store.access(ANNA) == twice


def test_a_check_costs_one_read_unit() -> None:
    """Eight sessions of the longest labels, one of them in its grace: below 4 KB."""
    house = House()
    sessions = [
        replace(FULL, session_id=f"{n}" * 22, device="d" * 64, place="p" * PLACE_MAX, sealed_pair=None) for n in range(SESSIONS_MAX)
    ]
    sessions[0] = replace(sessions[0], sealed_pair=b"s" * 800)
    access = Access("p" * 32, Standing.ACTIVE, tuple(sessions), True, True, LastLogin(NOW, "p" * PLACE_MAX, "d" * 64))
    access = replace(access, version=10**6, writers=(b"w" * 8,) * 8)
    item = house.store.replacement(access, access)["Put"]["Item"]
    assert size(item) < 4096


def size(value: Any) -> int:
    """Bytes of an item as DynamoDB counts them: names, texts, binaries, numbers by half a byte a digit, three a container."""
    total = 0
    for name, typed in value.items():
        total += len(name) + size_of(typed)
    return total


def size_of(typed: dict[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + size_of(entry) for name, entry in value.items())
    if kind == "L":
        return 3 + sum(1 + size_of(entry) for entry in value)
    if kind == "N":
        return 1 + (len(value) + 1) // 2
    return 1 if kind == "BOOL" else len(value)


def test_an_answer_cut_short_says_nothing(house: House) -> None:
    house.table.cut_short = 1
    with pytest.raises(Unavailable):
        house.store.access(ANNA)
    assert house.store.access(ANNA) is not None


@pytest.mark.parametrize("name", ["standing", "sessions", "factor", "excluded", "epoch", "revision", "writers"])
def test_an_item_cut_short_says_nothing(house: House, name: str) -> None:
    item = stored(house)
    others: list[Any] = [None, {}, {"S": "odd"}, {"N": "x"}, {"L": [{}]}, {"BOOL": "true"}]
    for broken in others:
        house.table.tables[SESSIONS].items[(f"PLAYER#{ANNA}",)] = {**item, name: broken}
        with pytest.raises(Unavailable):
            house.store.access(ANNA)
    del item[name]
    house.table.tables[SESSIONS].items[(f"PLAYER#{ANNA}",)] = item
    with pytest.raises(Unavailable):
        house.store.access(ANNA)


@pytest.mark.parametrize("name", ["id", "hash", "created", "seen", "device", "place", "rotated"])
def test_a_session_cut_short_says_nothing(house: House, name: str) -> None:
    house.store.replace(house.access(), Access(ANNA, sessions=(FULL,)))
    del stored(house)["sessions"]["L"][0]["M"][name]
    with pytest.raises(Unavailable):
        house.store.access(ANNA)


EVENT = {"Put": {"TableName": "players", "Item": {"pk": {"S": "x"}, "sk": {"S": "y"}}}}


@pytest.mark.parametrize("beside", [[], [EVENT]])
@pytest.mark.parametrize("fates", [["landed"], ["unsent"], ["busy"], ["unsent", "landed"], ["busy", "unsent"]])
def test_a_write_whose_answer_was_lost_is_made_once(house: House, fates: list[str], beside: list[Any]) -> None:
    before = house.access()
    house.table.writes_lost = list(fates)
    written = house.store.replace(before, replace(before, factor=True), beside)
    assert house.access() == written
    assert (written.version, written.factor) == (2, True)


def test_another_s_write_is_not_taken_for_one_s_own(house: House) -> None:
    before = house.access()
    theirs = house.store.replace(before, replace(before, factor=True))
    for fates in ([], ["unsent"], ["landed"]):
        house.table.writes_lost = list(fates)
        with pytest.raises(Stale):
            house.store.replace(before, replace(before, factor=True))
    assert house.access() == theirs


def test_one_s_own_write_is_known_though_others_wrote_after_it(house: House) -> None:
    before = house.access()

    def others(name: str) -> None:
        """After our write has landed, and before we look: seven others."""
        house.table.after = lambda _name: None
        if name == "put_item":
            for _ in range(7):
                house.store.replace(house.access(), house.access())

    house.table.after = others
    house.table.writes_lost = ["landed"]
    assert house.store.replace(before, replace(before, factor=True)).version == 2
    assert house.access().version == 9


def test_who_wrote_too_long_ago_is_not_guessed(house: House) -> None:
    before = house.access()
    for _ in range(9):
        house.store.replace(house.access(), house.access())
    with pytest.raises(Unavailable):
        house.store.replace(before, replace(before, factor=True))
    assert not house.access().factor


@pytest.mark.parametrize("fate", ["unsent", "busy"])
def test_a_table_that_takes_no_write_is_not_asked_for_ever(house: House, fate: str) -> None:
    house.table.writes_lost = [fate] * 9
    with pytest.raises(Unavailable):
        house.store.replace(house.access(), house.access())
    assert len(house.table.writes_lost) == 6


def test_a_lost_answer_whose_look_up_is_lost_is_unknown(house: House) -> None:
    before = house.access()
    house.table.writes_lost, house.table.cut_short = ["landed"], 1
    with pytest.raises(Unavailable):
        house.store.replace(before, replace(before, factor=True))
    assert house.access().factor


def test_a_write_beside_that_is_refused_leaves_nothing(house: House) -> None:
    absent = {"Put": {**EVENT["Put"], "ConditionExpression": "attribute_not_exists(pk)"}}
    house.store.replace(house.access(), house.access(), [absent])
    before = house.access()
    with pytest.raises(BesideRefused) as refused:
        house.store.replace(
            before, rules.frozen(before), [{"Put": {**EVENT["Put"], "Item": {"pk": {"S": "z"}, "sk": {"S": "z"}}}}, absent]
        )
    assert refused.value.index == 1
    assert house.access() == before


def test_a_table_that_went_back_in_time_is_not_believed(house: House) -> None:
    before = house.access()
    later = house.store.replace(before, before)
    house.table.tables[SESSIONS].put(
        (f"PLAYER#{ANNA}",), house.store.replacement(replace(before, version=0), before)["Put"]["Item"]
    )
    with pytest.raises(Unavailable):
        house.store.replace(later, later)
