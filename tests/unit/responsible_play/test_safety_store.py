"""The safety table: put once and never again, extremes that only move outward, pages, lost answers, answers cut short."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from countroom.cursors import PAGE_MAX
from countroom.responsible_play.cases import Case, CaseKey, Deed, State, Step, after, opened
from countroom.responsible_play.markers import Fact, FactKind, Marker
from countroom.responsible_play.safety_store import READS_MAX, EntryPage, Place, SafetyStore, SafetyUnavailable, day_of
from countroom.responsible_play.trail import Entry, EntryKind, Play
from tests.unit.responsible_play.safety_world import ANNA, DAY_MS, MINUTE_MS, SAFETY_TABLE, at, make_table

DAY = at("2026-02-02T00:00")
NOON = at("2026-02-02T12:00")
KEY = CaseKey(ANNA, Marker.RAPID_DEPOSITS, DAY)


class Client:
    """The table's client, which can fail as told: after a write took effect, or before; or cut an answer short."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.lose: Exception | None = None
        self.refuse: Exception | None = None
        self.cut = False
        self.at_once = 0

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            if self.refuse:
                raise self.refuse
            if self.at_once and operation == "query":
                request["Limit"] = min(self.at_once, request.get("Limit", self.at_once))
            answer = getattr(self._inner, operation)(**request)
            if self.lose:
                raise self.lose
            return {} if self.cut else answer

        return call


@pytest.fixture
def client(dynamodb: Any) -> Client:
    make_table(dynamodb)
    return Client(dynamodb)


@pytest.fixture
def store(client: Client) -> SafetyStore:
    return SafetyStore(client, SAFETY_TABLE)


def entry(number: int = 0, kind: EntryKind = EntryKind.DEPOSIT, player_id: str = ANNA, at_ms: int = NOON) -> Entry:
    told: dict[str, str | int | bool | None] = {"amount": "5.00", "number": number, "none": None, "yes": True}
    return Entry(
        kind, player_id, f"gateway:standard#{player_id}-{number}", at_ms + number, "gateway", "gateway:standard", "applied", told
    )


def items(client: Client) -> list[dict[str, Any]]:
    return list(client.scan(TableName=SAFETY_TABLE)["Items"])


def everything(store: SafetyStore, limit: int, kind: EntryKind | None = None) -> list[Entry]:
    found: list[Entry] = []
    start: Place | None = None
    for _ in range(100):
        page = store.entries(ANNA, 0, NOON + DAY_MS, limit, start, kind)
        found += page.entries
        start = page.rest
        if start is None:
            return found
    raise AssertionError("no end")


class TestTrail:
    def test_an_entry_is_put_once_and_never_overwritten(self, store: SafetyStore, client: Client) -> None:
        assert store.keep(entry())
        before = items(client)
        other = Entry(EntryKind.STATUS, ANNA, entry().name, NOON, "house", "house:x", "applied", {})
        assert not store.keep(entry())
        assert not store.keep(other)
        assert items(client) == before
        assert store.entries(ANNA, 0, NOON + 1, 10) == EntryPage((entry(),), None)

    def test_a_period_begins_with_its_start_and_ends_before_its_end(self, store: SafetyStore) -> None:
        for number in (0, 1, 2):
            store.keep(entry(number))
        assert store.entries(ANNA, NOON + 1, NOON + 2, 10).entries == (entry(1),)
        assert store.entries(ANNA, NOON, NOON, 10).entries == ()
        assert store.entries("pl_ann", 0, NOON + DAY_MS, 10).entries == ()

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    def test_pages_hold_each_entry_once_newest_first(self, store: SafetyStore, limit: int) -> None:
        for number in range(7):
            store.keep(entry(number))
            store.keep(entry(number, EntryKind.SESSION, "pl_ben"))
        assert everything(store, limit) == [entry(number) for number in reversed(range(7))]

    @pytest.mark.parametrize("limit", [1, 3, 10])
    def test_one_kind_of_a_player(self, store: SafetyStore, limit: int) -> None:
        for number in range(9):
            store.keep(entry(number, EntryKind.DEPOSIT if number % 3 else EntryKind.EXCLUSION))
        expected = [entry(number, EntryKind.EXCLUSION) for number in (6, 3, 0)]
        assert everything(store, limit, EntryKind.EXCLUSION) == expected
        assert everything(store, limit, EntryKind.STATUS) == []

    def test_a_search_that_finds_little_ends_somewhere_and_goes_on_there(self, store: SafetyStore, client: Client) -> None:
        for number in range(READS_MAX + 2):
            store.keep(entry(number, EntryKind.EXCLUSION if number == 0 else EntryKind.DEPOSIT))
        client.at_once = 1
        page = store.entries(ANNA, 0, NOON + DAY_MS, 5, None, EntryKind.EXCLUSION)
        assert page.entries == ()
        assert page.rest is not None
        rest = store.entries(ANNA, 0, NOON + DAY_MS, 5, page.rest, EntryKind.EXCLUSION)
        assert rest == EntryPage((entry(0, EntryKind.EXCLUSION),), None)

    def test_a_kind_and_a_day_of_all_players(self, store: SafetyStore) -> None:
        day_after = DAY + DAY_MS
        last, first = entry(0, player_id="pl_ben", at_ms=day_after - 1), entry(1)
        for one in (first, last, entry(2, EntryKind.SESSION), entry(3, player_id="pl_cho", at_ms=day_after)):
            store.keep(one)
        page = store.entries_of_day(EntryKind.DEPOSIT, day_of(NOON), 1)
        assert page.entries == (last,)
        assert store.entries_of_day(EntryKind.DEPOSIT, day_of(NOON), 1, page.rest) == EntryPage((first,), None)
        assert store.entries_of_day(EntryKind.EXCLUSION, day_of(NOON), 1).entries == ()

    @pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1])
    def test_a_page_has_its_bounds(self, store: SafetyStore, limit: int) -> None:
        with pytest.raises(ValueError, match="a page has"):
            store.entries(ANNA, 0, NOON, limit)


class TestFacts:
    def test_a_fact_is_kept_once_and_read_by_kind_and_time(self, store: SafetyStore) -> None:
        facts = [Fact(FactKind.DEPOSIT, NOON + number, f"gateway:standard#d#{number}") for number in range(3)]
        night = Fact(FactKind.NIGHT, NOON + 1, str(NOON + 1), DAY // DAY_MS)
        for fact in (*facts, *facts, night):
            store.note(ANNA, fact)
        store.note("pl_ben", facts[0])
        assert not store.note(ANNA, night)
        assert store.facts(ANNA, FactKind.DEPOSIT, NOON, NOON + 1) == facts[:2]
        assert store.facts(ANNA, FactKind.DEPOSIT, -DAY_MS, NOON + DAY_MS) == facts
        assert store.facts(ANNA, FactKind.NIGHT, NOON + 1, NOON + 1) == [night]
        assert store.facts(ANNA, FactKind.NIGHT, NOON + 2, NOON + DAY_MS) == []

    def test_facts_are_read_over_all_pages(self, store: SafetyStore, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        facts = [Fact(FactKind.DEPOSIT, NOON + number, f"d-{number}") for number in range(5)]
        for fact in facts:
            store.note(ANNA, fact)
        client.at_once = 2
        assert store.facts(ANNA, FactKind.DEPOSIT, 0, NOON + DAY_MS) == facts
        monkeypatch.setattr("countroom.responsible_play.safety_store._FACT_PAGES_MAX", 2)
        with pytest.raises(SafetyUnavailable):  # a part of them is not all of them
            store.facts(ANNA, FactKind.DEPOSIT, 0, NOON + DAY_MS)

    def test_play_only_moves_outward(self, store: SafetyStore) -> None:
        for play in (Play(NOON + 5, NOON + 6), Play(NOON + 7, NOON + 7), Play(NOON + 5, NOON + 5), Play(NOON + 2, NOON + 3)):
            store.played(ANNA, NOON, play)
        store.played(ANNA, NOON + 15 * MINUTE_MS, Play(NOON + 16 * MINUTE_MS, NOON + 17 * MINUTE_MS))
        assert store.play(ANNA, NOON, NOON) == [Play(NOON + 2, NOON + 7)]
        assert len(store.play(ANNA, 0, NOON + DAY_MS)) == 2


class TestCases:
    def test_a_case_is_opened_once_with_its_entry(self, store: SafetyStore) -> None:
        case, again = opened(KEY, "EE", NOON), opened(KEY, "EE", NOON + 1)
        assert store.case(KEY) is None
        assert store.open_case(case)
        assert not store.open_case(again)
        assert store.case(KEY) == case
        assert store.entries(ANNA, 0, NOON + DAY_MS, 10).entries == (case.entry,)

    def test_a_step_stands_on_the_one_before(self, store: SafetyStore) -> None:
        case = opened(KEY, "EE", NOON)
        store.open_case(case)
        noted, closed = self.stepped(case, Deed.NOTED), self.stepped(case, Deed.CLOSED)
        assert store.step(noted)
        assert not store.step(closed)
        assert not store.step(noted)
        assert store.case(KEY) == noted
        last = self.stepped(noted, Deed.CLOSED)
        assert store.step(last)
        assert store.cases_in(State.OPEN, 10).cases == ()
        assert store.cases_in(State.CLOSED, 10).cases == (last,)
        kinds = [entry.kind.value for entry in store.entries(ANNA, 0, NOON + DAY_MS, 10).entries]
        assert kinds == ["case_closed", "case_noted", "case_opened"]

    def test_pages_of_cases(self, store: SafetyStore) -> None:
        cases = [
            opened(CaseKey(player, Marker.RAPID_DEPOSITS, DAY - day * DAY_MS), "EE", NOON)
            for day in range(3)
            for player in ("a", "b")
        ]
        for case in cases:
            store.open_case(case)
        found: list[Case] = []
        start: Place | None = None
        for _ in range(3):
            page = store.cases_in(State.OPEN, 2, start)
            found, start = [*found, *page.cases], page.rest
        assert start is None
        assert [case.key.period_ms for case in found] == [case.key.period_ms for case in cases]
        assert {case.key for case in found} == {case.key for case in cases}
        mine = store.cases_of("a", 2)
        assert [case.key for case in mine.cases] == [cases[0].key, cases[2].key]
        assert [case.key for case in store.cases_of("a", 2, mine.rest).cases] == [cases[4].key]

    def stepped(self, case: Case, deed: Deed) -> Case:
        changed = after(case, Step(deed, NOON + case.revision, "jane", "ticket 4711", f"r-{deed}-{case.revision}"))
        assert changed is not None
        return changed


def throttled(code: str = "ThrottlingException", **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, **more}, "PutItem")


class TestTrouble:
    def test_a_lost_answer_is_said_and_the_same_again_comes_to_the_same(self, store: SafetyStore, client: Client) -> None:
        case = opened(KEY, "EE", NOON)
        client.lose = ReadTimeoutError(endpoint_url="https://dynamodb")
        with pytest.raises(SafetyUnavailable):
            store.keep(entry())
        with pytest.raises(SafetyUnavailable):
            store.open_case(case)
        client.lose = None
        assert not store.keep(entry())
        assert not store.open_case(case)
        assert store.case(KEY) == case

    def test_a_table_that_refuses_for_now(self, store: SafetyStore, client: Client) -> None:
        case = opened(KEY, "EE", NOON)
        for error in (
            throttled(),
            throttled("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}]),
        ):
            client.refuse = error
            for ask in (
                lambda: store.keep(entry()),
                lambda: store.open_case(case),
                lambda: store.case(KEY),
                lambda: store.facts(ANNA, FactKind.DEPOSIT, 0, NOON),
                lambda: store.entries(ANNA, 0, NOON, 10),
            ):
                with pytest.raises(SafetyUnavailable):
                    ask()

    def test_a_conflict_beside_a_refusal_is_not_taken_for_a_case_that_is_there(self, store: SafetyStore, client: Client) -> None:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
        client.refuse = throttled("TransactionCanceledException", CancellationReasons=reasons)
        with pytest.raises(SafetyUnavailable):
            store.open_case(opened(KEY, "EE", NOON))

    def test_an_answer_cut_short_is_not_an_empty_one(self, store: SafetyStore, client: Client) -> None:
        client.cut = True
        for ask in (
            lambda: store.case(KEY),
            lambda: store.facts(ANNA, FactKind.DEPOSIT, 0, NOON),
            lambda: store.play(ANNA, 0, NOON),
            lambda: store.cases_in(State.OPEN, 10),
            lambda: store.entries_of_day(EntryKind.DEPOSIT, "2026-02-02", 10),
        ):
            with pytest.raises(SafetyUnavailable):
                ask()

    def test_an_item_of_another_make_is_not_read(self, store: SafetyStore, client: Client) -> None:
        at_noon = f"{NOON:015d}"
        for pk, sk in (("TRAIL", f"{at_noon}#x"), ("FACT", f"deposit#{at_noon}#x"), ("PLAY", f"{at_noon}#first"), ("CASE", "x#y")):
            client.put_item(TableName=SAFETY_TABLE, Item={"pk": {"S": f"{pk}#{ANNA}"}, "sk": {"S": sk}, "night": {"N": "1.5"}})
        for ask in (
            lambda: store.entries(ANNA, 0, NOON + 1, 10),
            lambda: store.facts(ANNA, FactKind.DEPOSIT, 0, NOON),
            lambda: store.play(ANNA, 0, NOON),
            lambda: store.cases_of(ANNA, 10),
        ):
            with pytest.raises(SafetyUnavailable):
                ask()
