"""Publishing and reading the catalogue over a table, who is faster, what is lost on the way, and what a process holds of it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from countroom.games import catalogue_store
from countroom.games.catalogue import CatalogueUnavailable
from countroom.games.catalogue_source import FRESH_S, RETRY_S, STALE_S, TableCatalogue
from countroom.games.catalogue_store import CatalogueMoved, CatalogueStore, CatalogueTooLarge, Head, ShelfLost
from countroom.games.curator import TRIES_MAX, Curator, Deed
from countroom.games.entries import BadList
from countroom.games.snapshot import Snapshot
from tests.unit.clock import START_MS, FixedClock
from tests.unit.games.shelf import DEED, GAMES_TABLE, make_tables
from tests.unit.games.test_snapshot import entries


class Client:
    """Another client in front of the table: counts requests, and fails or does something first where the test says so."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked: list[str] = []
        self.before: dict[str, list[Any]] = {}
        self.lose_answers = 0

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.asked.append(name)
            todo = self.before.get(name) or []
            act = todo.pop(0) if todo else None
            if isinstance(act, Exception):
                raise act
            if isinstance(act, dict):
                return act
            if act is not None:
                act()
            answer = getattr(self._client, name)(**request)
            if name == "transact_write_items" and self.lose_answers:
                self.lose_answers -= 1
                raise ReadTimeoutError(endpoint_url="https://x")
            return answer

        return call


class Timer:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client(dynamodb: Any) -> Client:
    make_tables(dynamodb)
    return Client(dynamodb)


@pytest.fixture
def store(client: Client) -> CatalogueStore:
    return CatalogueStore(client, GAMES_TABLE)


def curator(store: CatalogueStore) -> Curator:
    return Curator(store, FixedClock())


def scan(client: Client) -> dict[str, Any]:
    return {item["sk"]["S"]: item for item in client.scan(TableName=GAMES_TABLE)["Items"]}


def off_games(store: CatalogueStore, provider: str = "hub88") -> set[str]:
    return set(curator(store).read().snapshot.shelf(provider).off.games)


def lose(client: Client, provider: str = "hub88", how: str = "gone") -> None:
    """Take the first page of a provider's shelf away, or spoil it."""
    place = CatalogueStore(client, GAMES_TABLE).head().places[provider]
    key = {"pk": {"S": "CATALOGUE"}, "sk": {"S": f"PAGE#{place.version:012d}#{place.nonce}#00"}}
    if how == "gone":
        client.delete_item(TableName=GAMES_TABLE, Key=key)
    else:
        client.put_item(TableName=GAMES_TABLE, Item={**key, "d": {"B": b"x"}})


def denied(code: str = "AccessDeniedException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "X")


def test_before_the_first_import_there_is_an_empty_catalogue(store: CatalogueStore) -> None:
    assert store.head() == Head()
    known = curator(store).read()
    assert (known.snapshot, known.lost) == (Snapshot(), frozenset())


def test_what_is_published_is_read_and_each_change_says_who_and_why(store: CatalogueStore, client: Client) -> None:
    done = curator(store).import_list("hub88", entries("a", "b"), Deed("olga", "new list"))
    assert (done.version, done.changed) == (1, True)
    curator(store).switch(Deed("pete", "a fault in it"), enabled=False, game_id="a")
    assert (curator(store).read().head.version, off_games(store)) == (2, {"a"})
    items = scan(client)
    change = items["CHANGE#000000000002"]
    assert (change["actor"]["S"], change["reason"]["S"], change["action"]["S"]) == ("pete", "a fault in it", "disable")
    assert change["said"]["M"] == {"provider": {"S": "hub88"}, "game_id": {"S": "a"}}
    assert "expires_at" not in change


def test_the_same_again_publishes_nothing(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a", "b"), DEED)
    before = scan(client)
    done = curator(store).import_list("hub88", entries("b", "a"), DEED)
    assert (done.version, done.changed) == (1, False)
    assert done.imported is not None
    assert done.imported.unchanged == 2
    assert not curator(store).switch(DEED, enabled=True, game_id="a").changed
    assert scan(client) == before


def test_only_pages_that_a_head_names_are_kept(store: CatalogueStore, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_store, "PAGE_BYTES", 100)
    curator(store).import_list("hub88", entries("a"), DEED)
    curator(store).import_list("hub88", entries("a", "b"), DEED)
    place = store.head().places["hub88"]
    assert place.pages > 1
    pages = {name: item for name, item in scan(client).items() if name.startswith("PAGE#")}
    kept = {name for name, item in pages.items() if "expires_at" not in item}
    assert kept == {f"PAGE#{2:012d}#{place.nonce}#{number:02d}" for number in range(place.pages)}
    assert len(pages) > len(kept)
    assert all(int(pages[name]["expires_at"]["N"]) > START_MS // 1000 for name in pages.keys() - kept)
    assert store.shelf(place).games.keys() == {"a", "b"}


def test_a_catalogue_that_does_not_fit_is_refused(store: CatalogueStore, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_store, "PAGE_BYTES", 5)
    with pytest.raises(CatalogueTooLarge):
        curator(store).import_list("hub88", entries("a", "b"), DEED)
    assert scan(client) == {}


def test_the_slower_of_two_decides_again(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a", "b"), DEED)
    client.before["transact_write_items"] = [lambda: curator(store).switch(DEED, enabled=False, game_id="b")]
    done = curator(store).switch(DEED, enabled=False, game_id="a")
    assert done.version == 3
    assert off_games(store) == {"a", "b"}


def test_who_is_always_slower_gives_up(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a", "b"), DEED)
    cancelled = ClientError({"Error": {"Code": "TransactionCanceledException", "Message": "no"}}, "X")
    client.before["transact_write_items"] = [cancelled] * 100
    with pytest.raises(CatalogueMoved):
        curator(store).switch(DEED, enabled=False, game_id="a")
    assert len(client.before["transact_write_items"]) == 100 - TRIES_MAX


def test_a_publication_whose_answer_was_lost_stands(store: CatalogueStore, client: Client) -> None:
    client.lose_answers = 1
    assert curator(store).import_list("hub88", entries("a"), DEED).version == 1
    assert curator(store).read().snapshot.games.keys() == {"a"}


def test_a_table_that_refuses_is_unavailable_and_nothing_counts(store: CatalogueStore, client: Client) -> None:
    for operation in ("get_item", "put_item", "transact_write_items"):
        client.before[operation] = [denied()]
        with pytest.raises(CatalogueUnavailable):
            curator(store).import_list("hub88", entries("a"), DEED)
    assert store.head() == Head()


def test_an_answer_cut_short_is_not_an_empty_catalogue(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a"), DEED)
    client.before["get_item"] = [{}]
    with pytest.raises(CatalogueUnavailable):
        store.head()


class TestLostPages:
    @pytest.fixture(autouse=True)
    def stocked(self, store: CatalogueStore) -> None:
        curator(store).import_list("hub88", entries("a", "b", "c"), DEED)
        curator(store).import_list("swipe", entries("s", "t", provider="swipe"), DEED)
        for enabled, game_id in ((False, "a"), (False, "b"), (False, "s"), (True, "b")):
            curator(store).switch(DEED, enabled=enabled, game_id=game_id)

    @pytest.mark.parametrize("how", ["gone", "spoilt"])
    def test_they_are_not_a_shelf_and_the_other_provider_has_its_own(self, store: CatalogueStore, client: Client, how: str) -> None:
        lose(client, "hub88", how)
        with pytest.raises(ShelfLost):
            store.shelf(store.head().places["hub88"])
        known = curator(store).read()
        assert known.lost == {"hub88"}
        assert known.snapshot.games.keys() == {"s", "t"}
        with pytest.raises(CatalogueUnavailable):
            TableCatalogue(store, "hub88").current()
        assert TableCatalogue(store, "swipe").current().by_code("swipe", "c-t") is not None
        assert [game.id for game in TableCatalogue(store).current().offered()] == ["t"]

    @pytest.mark.parametrize("how", ["gone", "spoilt"])
    def test_the_next_import_makes_them_anew_with_what_staff_has_switched_off(
        self, store: CatalogueStore, client: Client, how: str
    ) -> None:
        before = curator(store).read().snapshot
        lose(client, "hub88", how)
        done = curator(store).import_list("hub88", entries("a", "b", "c"), DEED)
        assert done.changed
        assert curator(store).read().snapshot == before
        assert [game.id for game in TableCatalogue(store, "hub88").current().offered()] == ["b", "c"]

    def test_a_provider_that_was_switched_off_stays_off(self, store: CatalogueStore, client: Client) -> None:
        curator(store).switch(DEED, enabled=False, provider="hub88")
        lose(client)
        curator(store).import_list("hub88", entries("a", "b", "c"), DEED)
        assert TableCatalogue(store, "hub88").current().offered() == ()

    def test_a_game_that_is_not_listed_any_more_stays_off_for_when_it_is(self, store: CatalogueStore, client: Client) -> None:
        lose(client)
        curator(store).import_list("hub88", entries("c"), DEED)
        curator(store).import_list("hub88", entries("a", "c"), DEED)
        assert [game.id for game in TableCatalogue(store, "hub88").current().offered()] == ["c"]

    def test_until_then_nothing_else_is_done_with_them(self, store: CatalogueStore, client: Client) -> None:
        lose(client)
        version = store.head().version
        for what in ({"provider": "hub88"}, {"game_id": "a"}):
            with pytest.raises(ShelfLost):
                curator(store).switch(DEED, enabled=False, **what)
        assert store.head().version == version
        assert curator(store).switch(DEED, enabled=False, game_id="t").changed

    def test_an_import_beside_them_leaves_them_lost_and_its_ids_taken(self, store: CatalogueStore, client: Client) -> None:
        lose(client)
        curator(store).import_list("swipe", entries("a", provider="swipe"), DEED)
        assert curator(store).read().lost == {"hub88"}
        with pytest.raises(BadList, match="another provider"):
            curator(store).import_list("hub88", entries("a"), DEED)

    def test_a_record_of_changes_that_cannot_be_read_heals_nothing(self, store: CatalogueStore, client: Client) -> None:
        lose(client)
        answers: list[Any] = [denied(), {}]
        for answer in answers:
            client.before["query"] = [answer]
            with pytest.raises(CatalogueUnavailable):
                curator(store).import_list("hub88", entries("a", "b", "c"), DEED)
        assert curator(store).read().lost == {"hub88"}

    def test_a_long_record_of_changes_is_read_to_its_end(self, store: CatalogueStore, client: Client) -> None:
        lose(client)
        whole = client.query(
            TableName=GAMES_TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :change)",
            ExpressionAttributeValues={":pk": {"S": "CATALOGUE"}, ":change": {"S": "CHANGE#"}},
        )["Items"]
        key = {name: whole[2][name] for name in ("pk", "sk")}
        client.before["query"] = [{"Items": whole[:3], "LastEvaluatedKey": key}]
        curator(store).import_list("hub88", entries("a", "b", "c"), DEED)
        assert off_games(store) == {"a"}


def test_a_shelf_that_is_not_changed_is_neither_written_nor_read_again(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a"), DEED)
    timer = Timer()
    ours, all_of_them = (TableCatalogue(store, provider, timer=timer) for provider in ("hub88", None))
    before = ours.current()
    all_of_them.current()
    pages = {name for name in scan(client) if name.startswith("PAGE#")}
    curator(store).import_list("swipe", entries("s", provider="swipe"), DEED)
    assert pages < {name for name, item in scan(client).items() if name.startswith("PAGE#") and "expires_at" not in item}
    timer.now += FRESH_S
    client.asked.clear()
    assert ours.current() is before
    assert client.asked == ["get_item"]
    assert len(all_of_them.current().offered()) == 2
    assert client.asked == ["get_item"] * 3  # head, head, and the one page that is new


def test_a_process_of_one_provider_reads_only_that_ones_games(store: CatalogueStore, client: Client) -> None:
    curator(store).import_list("hub88", entries("a"), DEED)
    curator(store).import_list("swipe", entries("s", provider="swipe"), DEED)
    client.asked.clear()
    catalogue = TableCatalogue(store, "swipe").current()
    assert client.asked == ["get_item"] * 2
    assert [game.id for game in catalogue.offered()] == ["s"]
    assert TableCatalogue(store, "nobody").current().offered() == ()


class TestSource:
    @pytest.fixture
    def timer(self) -> Timer:
        return Timer()

    @pytest.fixture
    def stale(self) -> list[str]:
        return []

    @pytest.fixture
    def source(self, store: CatalogueStore, client: Client, timer: Timer, stale: list[str]) -> TableCatalogue:
        curator(store).import_list("hub88", entries("a", "b"), DEED)
        client.asked.clear()
        return TableCatalogue(store, timer=timer, on_stale=lambda: stale.append("stale"))

    def test_while_it_is_fresh_nothing_is_read(self, source: TableCatalogue, client: Client, timer: Timer) -> None:
        first = source.current()
        client.asked.clear()
        timer.now += FRESH_S - 0.1
        assert all(source.current() is first for _ in range(100))
        assert client.asked == []

    def test_an_unchanged_catalogue_costs_one_read(self, source: TableCatalogue, client: Client, timer: Timer) -> None:
        first = source.current()
        client.asked.clear()
        timer.now += FRESH_S
        assert source.current() is first
        assert client.asked == ["get_item"]

    def test_what_staff_switches_off_is_off_when_it_is_read_again(
        self, source: TableCatalogue, store: CatalogueStore, timer: Timer
    ) -> None:
        assert len(source.current().offered()) == 2
        curator(store).switch(DEED, enabled=False, game_id="a")
        timer.now += FRESH_S
        assert [game.id for game in source.current().offered()] == ["b"]

    def test_an_old_copy_serves_on_for_a_while_and_is_counted(
        self, source: TableCatalogue, client: Client, timer: Timer, stale: list[str]
    ) -> None:
        first = source.current()
        client.before["get_item"] = [denied()] * 1000
        timer.now += FRESH_S
        assert source.current() is first
        assert stale == ["stale"]
        timer.now += STALE_S - FRESH_S - 0.1
        assert source.current() is first
        timer.now += 0.1
        with pytest.raises(CatalogueUnavailable):
            source.current()
        client.before.clear()
        timer.now += RETRY_S
        assert len(source.current().offered()) == 2

    def test_whoever_is_interrupted_leaves_the_next_one_the_old_copy(
        self, source: TableCatalogue, client: Client, timer: Timer
    ) -> None:
        first = source.current()

        class TimeIsUp(BaseException):
            """As a timer raises it in the middle of anything."""

        def interrupted() -> None:
            raise TimeIsUp

        client.before["get_item"] = [interrupted]
        timer.now += FRESH_S
        with pytest.raises(TimeIsUp):
            source.current()
        client.asked.clear()
        assert source.current() is first
        assert not client.asked
        timer.now += RETRY_S
        source.current()
        assert client.asked

    def test_a_table_that_fails_is_not_asked_at_every_bet(self, source: TableCatalogue, client: Client, timer: Timer) -> None:
        source.current()
        client.before["get_item"] = [denied()] * 1000
        timer.now += FRESH_S
        client.asked.clear()
        for _ in range(50):
            source.current()
            timer.now += RETRY_S / 50 - 0.0001
        assert client.asked == ["get_item"]

    def test_without_a_first_read_there_is_no_catalogue(self, source: TableCatalogue, client: Client, stale: list[str]) -> None:
        client.before["get_item"] = [denied()]
        with pytest.raises(CatalogueUnavailable):
            source.current()
        with pytest.raises(CatalogueUnavailable):
            source.current()
        assert stale == ["stale"]

    def test_a_head_that_moves_while_its_pages_are_read(
        self, source: TableCatalogue, store: CatalogueStore, client: Client
    ) -> None:
        old = store.head().places["hub88"]

        def moved() -> None:
            curator(store).switch(DEED, enabled=False, game_id="a")
            page = f"PAGE#{old.version:012d}#{old.nonce}#00"
            client.delete_item(TableName=GAMES_TABLE, Key={"pk": {"S": "CATALOGUE"}, "sk": {"S": page}})

        client.before["get_item"] = [lambda: None, moved]
        assert [game.id for game in source.current().offered()] == ["b"]
