"""Rounds kept from the stream: repeats, any order, lost requests; read with what the stream has not brought yet; left open."""

import random
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from countroom.games import round_keeper, rounds_store
from countroom.games.round_keeper import RoundKeeper, left_open
from countroom.games.round_reader import NEWEST, RoundReader
from countroom.games.rounds import LEFT_OPEN_MS, Move, RoundKey, State, key_of
from countroom.games.rounds_store import RoundsStore, RoundsUnavailable, hour_of, hours_between
from countroom.ledger import items
from countroom.ledger.chain import Patience
from countroom.ledger.movements import Bet, Deposit, OpenWallet, Reference, Rollback, StartSession, Win
from countroom.ledger.records import Record
from tests.unit.clock import START_MS, FixedClock
from tests.unit.games.shelf import GAMES_TABLE, make_tables
from tests.unit.games.test_catalogue_table import Client
from tests.unit.ledger.table import TABLE, Ledger

UNIT = 10**9
HOUR_MS = 3_600_000
KEY = key_of("pl_anna", "hub88", "r-1")
ATTEMPTS = Patience(sleep=lambda _s: None)


def name(transaction_id: str, source: str = "game:hub88") -> Reference:
    return Reference(source, transaction_id)


def bet(transaction_id: str, amount: int = 10, round_id: str = "r-1", source: str = "game:hub88") -> Bet:
    return Bet(name(transaction_id, source), "pl_anna", "EUR", amount * UNIT, "x_reels", round_id)


def win(transaction_id: str, amount: int = 25, of: str = "b1", round_id: str = "r-1") -> Win:
    return Win(name(transaction_id), "pl_anna", "EUR", amount * UNIT, "x_reels", round_id, bet=name(of) if of else None)


def back(transaction_id: str, of: str = "b1", round_id: str = "") -> Rollback:
    return Rollback(name(transaction_id), "pl_anna", name(of), "x_reels" if round_id else "", round_id)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.post(OpenWallet.of("pl_anna", "EUR", "EE"))
    ledger.post(Deposit(Reference("gateway:standard", "d"), "pl_anna", "EUR", 1000 * UNIT))
    ledger.post(StartSession.of("pl_anna", "hub88", bytes(12), "x_reels", START_MS + 12 * HOUR_MS))
    return ledger


@pytest.fixture
def client(dynamodb: Any) -> Client:
    make_tables(dynamodb)
    return Client(dynamodb)


@pytest.fixture
def rounds(client: Client) -> RoundsStore:
    return RoundsStore(client, GAMES_TABLE)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keeper(ledger: Ledger, rounds: RoundsStore, clock: FixedClock) -> RoundKeeper:
    return RoundKeeper(ledger.store, rounds, clock)


def records(ledger: Ledger) -> list[Record]:
    found = [items.record_of(item) for item in ledger.model.scan(TableName=TABLE)["Items"] if items.kind_of(item) == "record"]
    return sorted(found, key=lambda record: record.version)


def stored(client: Client) -> dict[Any, Any]:
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in client.scan(TableName=GAMES_TABLE)["Items"]}


def take_all(keeper: RoundKeeper, ledger: Ledger) -> None:
    for record in records(ledger):
        keeper.take(record)


def marks(rounds: RoundsStore, hour: str) -> tuple[RoundKey, ...]:
    return rounds.open_page(hour, None).keys


def bets(ledger: Ledger, *movements: Any) -> None:
    """Post at the session's game: a bet carries the session's digest."""
    for movement in movements:
        if isinstance(movement, Bet):
            movement = replace(movement, session=bytes(12))  # noqa: PLW2901 - the same with its session
        ledger.post(movement)


def test_a_round_is_kept_with_all_its_movements(ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore) -> None:
    bets(ledger, bet("b1"), bet("b2", 5), win("w1"), back("x2", "b2"))
    bets(ledger, bet("other", round_id="r-2"))
    take_all(keeper, ledger)
    found = rounds.round(KEY)
    assert found is not None
    assert [move.reference.transaction_id for move in found.moves] == ["b1", "b2", "w1", "x2"]
    assert (found.state, found.view()["staked"], found.view()["won"]) == (State.SETTLED, "10.00", "25.00")


def test_what_is_no_movement_of_a_game_is_not_kept(ledger: Ledger, keeper: RoundKeeper, client: Client) -> None:
    assert [keeper.take(record) for record in records(ledger)] == [None, None, None]
    assert stored(client) == {}


def test_a_rollback_goes_where_its_target_is_whatever_round_it_names(
    ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore
) -> None:
    bets(ledger, bet("b1"), bet("b2", round_id="r-2"), back("x1", "b1", round_id=""))
    take_all(keeper, ledger)
    found = rounds.round(KEY)
    assert found is not None
    assert found.state is State.ROLLED_BACK


def test_repeats_and_any_order_come_to_the_same(ledger: Ledger, client: Client, keeper: RoundKeeper) -> None:
    bets(ledger, bet("b1"), bet("b2", 5), back("x2", "b2"), win("w1"), bet("b3", 7), win("w3", 0, "b3"))
    bets(ledger, bet("c1", round_id="r-2"), back("c2", "c1"), bet("d1", round_id="r-3"))
    take_all(keeper, ledger)
    expected = stored(client)
    assert sum(name.startswith("ROUND#") for name, _ in expected) == 9
    dice = random.Random(11)  # noqa: S311 - an order
    for _ in range(8):
        for pk, sk in expected:
            client.delete_item(TableName=GAMES_TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
        shuffled = records(ledger) * 2
        dice.shuffle(shuffled)
        for record in shuffled:
            keeper.take(record)
        assert stored(client) == expected


def test_a_mark_that_knows_less_never_replaces_one_that_knows_more(
    ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore, clock: FixedClock
) -> None:
    bets(ledger, bet("b1"))
    take_all(keeper, ledger)
    early = rounds.round(KEY)
    assert early is not None
    bets(ledger, win("w1"))
    take_all(keeper, ledger)
    assert marks(rounds, hour_of(START_MS)) == ()
    rounds.mark(early, clock())  # a worker that read before the win was there, and writes after it
    assert marks(rounds, hour_of(START_MS)) == ()


def test_marks_lie_at_the_hour_of_the_stake_that_is_open(ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore) -> None:
    bets(ledger, bet("b1"))
    take_all(keeper, ledger)
    assert marks(rounds, hour_of(START_MS)) == (KEY,)
    ledger.clock.advance(seconds=3600)
    bets(ledger, win("w1"), bet("b2"))
    take_all(keeper, ledger)
    assert marks(rounds, hour_of(START_MS)) == ()
    assert marks(rounds, hour_of(START_MS + HOUR_MS)) == (KEY,)
    bets(ledger, back("x2", "b2"))
    take_all(keeper, ledger)
    assert marks(rounds, hour_of(START_MS + HOUR_MS)) == ()


@pytest.fixture
def faults() -> list[Exception]:
    return [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "X"),
        ReadTimeoutError(endpoint_url="https://table"),
    ]


@pytest.mark.parametrize("operation", ["put_item", "query"])
def test_a_table_in_trouble_is_said_and_taking_it_again_heals(
    ledger: Ledger, keeper: RoundKeeper, client: Client, rounds: RoundsStore, faults: list[Exception], operation: str
) -> None:
    bets(ledger, bet("b1"), win("w1"))
    *_, first, second = records(ledger)
    for fault in faults:
        client.before = {operation: [None, fault] if operation == "put_item" else [fault]}
        with pytest.raises(RoundsUnavailable):
            keeper.take(first)
    client.before = {}
    keeper.take(second)
    keeper.take(first)
    found = rounds.round(KEY)
    assert found is not None
    assert found.state is State.SETTLED


def test_an_answer_cut_short_is_not_an_empty_round(rounds: RoundsStore, client: Client) -> None:
    client.before = {"query": [{}]}
    with pytest.raises(RoundsUnavailable):
        rounds.round(KEY)


def test_of_a_round_without_end_the_newest_are_known(
    ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_store, "MOVES_MAX", 3)
    bets(ledger, *(bet(f"b{number}", 1) for number in range(5)))
    take_all(keeper, ledger)
    found = rounds.round(KEY)
    assert found is not None
    assert not found.whole
    assert [move.reference.transaction_id for move in found.moves] == ["b2", "b3", "b4"]


class TestReading:
    @pytest.fixture
    def reader(self, ledger: Ledger, rounds: RoundsStore) -> RoundReader:
        return RoundReader(ledger.store, rounds, ATTEMPTS)

    def test_a_round_shows_the_bet_just_placed(self, ledger: Ledger, reader: RoundReader, keeper: RoundKeeper) -> None:
        bets(ledger, bet("b1"))
        take_all(keeper, ledger)
        bets(ledger, win("w1"), bet("b2", 5), back("x2", "b2"))  # the stream has not brought these
        found = reader.read(KEY)
        assert found is not None
        assert [move.reference.transaction_id for move in found.moves] == ["b1", "w1", "b2", "x2"]
        assert found.state is State.SETTLED
        take_all(keeper, ledger)
        assert reader.read(KEY) == found

    def test_an_old_round_is_known_by_the_stream_alone(self, ledger: Ledger, reader: RoundReader, keeper: RoundKeeper) -> None:
        bets(ledger, bet("b1", 1), win("w1", 3))
        take_all(keeper, ledger)
        bets(ledger, *(bet(f"later-{number}", 1, round_id=f"r-{number + 10}") for number in range(NEWEST + 5)))
        found = reader.read(KEY)
        assert found is not None
        assert [move.reference.transaction_id for move in found.moves] == ["b1", "w1"]

    def test_nobody_sees_another_players_round(self, ledger: Ledger, reader: RoundReader, keeper: RoundKeeper) -> None:
        bets(ledger, bet("b1"))
        take_all(keeper, ledger)
        ledger.post(OpenWallet.of("pl_bert", "EUR", "EE"))
        assert reader.read(key_of("pl_bert", "hub88", "r-1")) is None
        assert reader.read(key_of("pl_nobody", "hub88", "r-1")) is None
        assert reader.read(key_of("pl_anna", "swipe", "r-1")) is None
        assert reader.read(key_of("pl_anna", "hub88", "r-9")) is None


class TestLeftOpen:
    @pytest.fixture(autouse=True)
    def few_days(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert round_keeper.LOOK_BACK_MS > 7 * 24 * HOUR_MS
        monkeypatch.setattr(round_keeper, "LOOK_BACK_MS", 4 * 24 * HOUR_MS)

    def report(self, rounds: RoundsStore, now_ms: int, *, hurried: bool = False) -> Any:
        return left_open(rounds, now_ms, lambda: hurried)

    def test_a_round_is_reported_from_48_hours_on_until_it_ends(
        self, ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore
    ) -> None:
        bets(ledger, bet("b1"), bet("c1", round_id="r-2"), win("c2", of="c1", round_id="r-2"))
        take_all(keeper, ledger)
        (open_round,) = [found for found in [rounds.round(KEY)] if found]
        since = open_round.open_since_ms
        assert since is not None
        assert self.report(rounds, since + LEFT_OPEN_MS - 1).rounds == ()
        found = self.report(rounds, since + LEFT_OPEN_MS)
        assert ([one.key for one in found.rounds], found.complete) == ([KEY], True)
        assert [one.key for one in self.report(rounds, since + 4 * 24 * HOUR_MS).rounds] == [KEY]
        bets(ledger, win("w1", 0))
        take_all(keeper, ledger)
        assert self.report(rounds, since + LEFT_OPEN_MS).rounds == ()

    def test_a_mark_is_no_verdict(self, ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore) -> None:
        bets(ledger, bet("b1"))
        take_all(keeper, ledger)
        bets(ledger, win("w1"))
        rounds.keep(KEY, Move.of(records(ledger)[-1]))  # a worker that died before it marked anything
        assert marks(rounds, hour_of(START_MS)) == (KEY,)
        assert self.report(rounds, START_MS + 2 * LEFT_OPEN_MS).rounds == ()

    def test_out_of_time_says_so(self, rounds: RoundsStore) -> None:
        found = self.report(rounds, START_MS, hurried=True)
        assert (found.rounds, found.complete) == ((), False)


def test_hours() -> None:
    assert list(hours_between(START_MS - 1, START_MS + HOUR_MS)) == ["2026-01-01T11", "2026-01-01T12", "2026-01-01T13"]
    assert list(hours_between(START_MS, START_MS)) == ["2026-01-01T12"]


class TestAfterTheClose:
    @pytest.fixture
    def played(self, ledger: Ledger) -> list[Record]:
        """A bet, the win that closes its round, and a second win a second later."""
        bets(ledger, replace(bet("b1"), closes=False), replace(win("w1"), closes=True))
        ledger.clock.advance(seconds=1)
        bets(ledger, replace(win("w2"), closes=True))
        return [record for record in records(ledger) if record.round]

    @pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
    def test_it_is_told_in_whatever_order_the_stream_brings_it(
        self, keeper: RoundKeeper, rounds: RoundsStore, played: list[Record], order: tuple[int, ...]
    ) -> None:
        told: list[str] = []
        for place in order:
            kept = keeper.take(played[place])
            assert kept is not None
            told += [move.reference.transaction_id for move in kept.after_close]
        found = rounds.round(KEY)
        assert found is not None
        assert told == [move.reference.transaction_id for move in found.after_close] == ["w2"]
        assert marks(rounds, hour_of(START_MS)) == ()

    def test_a_repeat_tells_it_again(self, keeper: RoundKeeper, played: list[Record]) -> None:
        for record in [*played, *played]:
            kept = keeper.take(record)
        assert kept is not None
        assert [move.reference.transaction_id for move in kept.after_close] == ["w2"]

    def test_a_closed_round_is_not_left_open_whatever_comes_after(
        self, ledger: Ledger, keeper: RoundKeeper, rounds: RoundsStore, played: list[Record]
    ) -> None:
        bets(ledger, replace(bet("b2"), closes=False))
        for record in [*records(ledger), *played]:
            keeper.take(record)
        hours = [hour_of(START_MS + hour * HOUR_MS) for hour in range(3)]
        assert [marks(rounds, hour) for hour in hours] == [(), (), ()]
