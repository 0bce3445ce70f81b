import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from countroom.clock import system_clock
from countroom.identity.access import Ended
from countroom.ledger import history
from countroom.ledger.book import Book, OutcomeUnknown, Posted
from countroom.ledger.chain import IndexBehind
from countroom.ledger.movements import Bet, BonusGranted, Deposit, Hold, OpenWallet, Reference, Rollback, SetStatus, Status
from countroom.ledger.records import public_id_of, reference_of
from countroom.ledger.store import LedgerStore, StoreBusy
from handlers import wallet
from tests.unit.clock import START_MS
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.rest import Answer, call, event, send
from tests.unit.signed_in import Visitors

PLAYER = "pl_abcdefghijklmnopqrst"
OTHER = "pl_bbbbbbbbbbbbbbbbbbbb"
UNIT = 10**9


TRANSACTIONS = "/v1/wallet/transactions"
STATEMENT = "/v1/wallet/statement"


class World:
    """One wallet of mixed balances, and the keys to it."""

    def __init__(self, client: Any, time: time_machine.Traveller) -> None:
        self.book = Book(LedgerStore(client, LEDGER_TABLE), system_clock)
        self.visitors = Visitors(client)
        self.time = time

    def token(self, player_id: str = PLAYER) -> str:
        return self.visitors.token(player_id)

    def post(self, movement: Any) -> None:
        assert isinstance(self.book.post(movement), Posted)


@pytest.fixture(autouse=True)
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    forget()
    with time_machine.travel(START_MS / 1000, tick=False) as traveller:
        made = World(dynamodb, traveller)
        made.visitors.come_to(wallet.door, monkeypatch)
        made.post(OpenWallet.of(PLAYER, "EUR", "EE"))
        made.post(Deposit(Reference("gateway:standard", "dep_1"), PLAYER, "EUR", 100 * UNIT))
        yield made
    forget()


def forget() -> None:
    for cached in (wallet._settings, wallet._store):
        cached.cache_clear()


def ask(path: str, token: str | None, query: dict[str, str] | None = None) -> Answer:
    return call(wallet.handler, "GET", path, token=token, query=query)


def test_balances_are_exact_texts(world: World) -> None:
    world.post(BonusGranted(Reference("house:bonus", "b1"), PLAYER, "EUR", 5 * UNIT + UNIT // 2))
    world.post(Hold(Reference("cashier:withdrawal", "w1"), PLAYER, "EUR", 20 * UNIT))
    answer = ask("/v1/wallet", world.token())
    assert answer.status == 200
    assert answer.json == {
        "player_id": PLAYER,
        "currency": "EUR",
        "cash": "80.00",
        "bonus": "5.50",
        "held": "20.00",
        "available": "85.50",
        "version": 4,
        "status": "active",
    }


def test_a_balance_finer_than_the_smallest_unit_agrees_with_the_history(world: World) -> None:
    world.post(Bet(Reference("game:hub88", "fine"), PLAYER, "EUR", UNIT // 100_000, "g", "r"))
    assert ask("/v1/wallet", world.token()).json["cash"] == "99.99999"
    (newest, *_) = ask("/v1/wallet/transactions", world.token()).json["items"]
    assert newest["balances"]["cash"] == "99.99999"


def test_a_currency_without_places(world: World) -> None:
    world.post(OpenWallet.of(OTHER, "JPY", "EE"))
    world.post(Deposit(Reference("gateway:standard", "dep_2"), OTHER, "JPY", 1500 * UNIT))
    assert ask("/v1/wallet", world.token(OTHER)).json["cash"] == "1500"


def test_a_player_sees_only_the_own_wallet(world: World) -> None:
    world.post(OpenWallet.of(OTHER, "SEK", "SE"))
    assert ask("/v1/wallet", world.token(OTHER)).json["player_id"] == OTHER
    assert ask("/v1/wallet", world.token()).json["player_id"] == PLAYER


def test_a_blocked_wallet_can_still_be_seen(world: World) -> None:
    world.post(SetStatus(Reference("staff:status", "s1"), PLAYER, Status.BLOCKED))
    assert ask("/v1/wallet", world.token()).json["status"] == "blocked"


def test_a_player_without_a_wallet(world: World) -> None:
    answer = ask("/v1/wallet", world.token(OTHER))
    assert (answer.status, answer.code) == (404, "not_found")


def test_an_ended_session_is_refused_by_the_next_request(world: World) -> None:
    opened = world.visitors.open(PLAYER)
    assert ask("/v1/wallet", opened.access_token).status == 200
    world.visitors.sessions.end_all(PLAYER, Ended.ALL_ENDED)
    answer = ask("/v1/wallet", opened.access_token)
    assert (answer.status, answer.code) == (401, "session_ended")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_ledger_that_does_not_answer_is_worth_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_args: object) -> None:
        raise OutcomeUnknown(possibly_written=False)

    monkeypatch.setattr(Book, "wallet", lost)
    answer = ask("/v1/wallet", world.token())
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "temporarily_unavailable", "2")


def play(world: World, rounds: int) -> None:
    """Bets of one unit, a second apart; the first is taken back at the end."""
    for number in range(rounds):
        world.time.shift(1)
        world.post(Bet(Reference("game:hub88", f"b{number}"), PLAYER, "EUR", UNIT, "reels", f"r{number % 2}"))
    world.time.shift(1)
    world.post(Rollback(Reference("game:hub88", "rb0"), PLAYER, Reference("game:hub88", "b0")))


def sources(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [reference_of(item["transaction_id"]).transaction_id for item in answer.json["items"]]


def test_transactions_come_newest_first_in_pages_that_join(world: World) -> None:
    play(world, 5)
    seen: list[str] = []
    query = {"limit": "3"}
    for _ in range(5):
        answer = ask(TRANSACTIONS, world.token(), query)
        seen += sources(answer)
        if answer.json["next_cursor"] is None:
            break
        query["cursor"] = answer.json["next_cursor"]
    assert seen == ["rb0", "b4", "b3", "b2", "b1", "b0", "dep_1"]


def test_a_transaction_shows_what_became_of_it(world: World) -> None:
    play(world, 1)
    newest, bet, _ = ask(TRANSACTIONS, world.token()).json["items"]
    assert (newest["kind"], bet["kind"], bet["status"], bet["amount"]) == ("rollback", "bet", "rolled_back", "1.00")
    shown = ask(f"{TRANSACTIONS}/{bet['transaction_id']}", world.token()).json
    assert {name: shown[name] for name in bet} == bet
    assert [state["status"] for state in shown["states"]] == ["applied", "rolled_back"]


def test_transactions_of_a_kind_a_round_and_a_time(world: World) -> None:
    play(world, 4)
    token = world.token()
    assert sources(ask(TRANSACTIONS, token, {"kind": "deposit"})) == ["dep_1"]
    assert sources(ask(TRANSACTIONS, token, {"round": "r1"})) == ["b3", "b1"]
    period = {"from": "2026-01-01T12:00:02Z", "to": "2026-01-01T13:00:04+01:00"}
    assert sources(ask(TRANSACTIONS, token, period)) == ["b2", "b1"]
    assert sources(ask(TRANSACTIONS, token, {"kind": "open"})) == [PLAYER]
    several = event("GET", TRANSACTIONS, headers={"Authorization": f"Bearer {token}"}, query={"kind": "rollback"})
    several["multiValueQueryStringParameters"] = {"kind": ["deposit", "rollback"]}
    assert sources(send(wallet.handler, several)) == ["rb0", "dep_1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": "a" * 401}, "cursor"),
        ({"cursor": "hunter2"}, "cursor"),
        ({"kind": "hunter2"}, "kind.0"),
        ({"round": "x" * 65}, "round"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "1" * 41}, "to"),
    ],
)
def test_queries_that_make_no_sense(world: World, query: dict[str, str], field: str) -> None:
    answer = ask(TRANSACTIONS, world.token(), query)
    assert (answer.status, answer.code, answer.wrong_fields) == (400, "invalid_request", [field])
    assert "hunter2" not in answer.text


def test_a_cursor_belongs_to_its_player_and_its_filter(world: World) -> None:
    play(world, 4)
    cursor = ask(TRANSACTIONS, world.token(), {"limit": "2"}).json["next_cursor"]
    assert ask(TRANSACTIONS, world.token(), {"cursor": cursor, "kind": "bet"}).wrong_fields == ["cursor"]
    world.post(OpenWallet.of(OTHER, "EUR", "EE"))
    assert ask(TRANSACTIONS, world.token(OTHER), {"cursor": cursor}).wrong_fields == ["cursor"]


def test_no_transaction_of_that_id(world: World) -> None:
    world.post(OpenWallet.of(OTHER, "EUR", "EE"))
    foreign = public_id_of(Reference("gateway:standard", "dep_1"))
    assert ask(f"{TRANSACTIONS}/{foreign}", world.token()).status == 200
    assert ask(f"{TRANSACTIONS}/{foreign}", world.token(OTHER)).code == "not_found"
    unknown = public_id_of(Reference("gateway:standard", "dep_9"))
    for transaction_id in (unknown, "tx_", "tx_!", "dep_1", foreign + "=", "tx_" + "A" * 500):
        assert ask(f"{TRANSACTIONS}/{transaction_id}", world.token()).code == "not_found"


def test_a_statement_adds_up(world: World) -> None:
    play(world, 3)
    answer = ask(STATEMENT, world.token(), {"from": "2026-01-01T12:00:01Z", "to": "2026-01-01T12:00:03Z"})
    assert answer.status == 200
    assert (answer.json["opening"]["cash"], answer.json["closing"]["cash"]) == ("100.00", "98.00")
    assert [line["kind"] for line in answer.json["lines"]] == ["bet", "bet"]


def test_a_statement_as_csv(world: World) -> None:
    play(world, 2)
    answer = ask(STATEMENT, world.token(), {"from": "2026-01-01", "to": "2026-01-02", "format": "csv"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["kind"] for row in rows] == ["opening_balance", "deposit", "bet", "bet", "rollback", "closing_balance"]
    assert rows[-1]["cash"] == "99.00"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, ["from", "to"]),
        ({"from": "2026-01-01"}, ["to"]),
        ({"from": "2026-01-02", "to": "2026-01-01"}, ["to"]),
        ({"from": "2026-01-01", "to": "2026-01-01"}, ["to"]),
        ({"from": "x", "to": "2026-01-01"}, ["from"]),
        ({"from": "2026-01-01", "to": "2026-01-02", "format": "xml"}, ["format"]),
        ({"from": "2025-01-01", "to": "2026-01-02T00:00:00.001Z"}, ["to"]),
    ],
)
def test_statements_of_no_period(world: World, query: dict[str, str], fields: list[str]) -> None:
    answer = ask(STATEMENT, world.token(), query)
    assert (answer.status, answer.code, sorted(answer.wrong_fields)) == (400, "invalid_request", fields)


def test_the_longest_period(world: World) -> None:
    assert ask(STATEMENT, world.token(), {"from": "2025-01-01", "to": "2026-01-02"}).status == 200


def test_a_period_with_too_much_in_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    play(world, 3)
    monkeypatch.setattr(history, "RECORDS_MAX", 2)
    answer = ask(STATEMENT, world.token(), {"from": "2026-01-01", "to": "2026-01-02"})
    assert (answer.code, answer.wrong_fields) == ("invalid_request", ["to"])


def test_histories_of_a_player_without_a_wallet(world: World) -> None:
    assert ask(TRANSACTIONS, world.token(OTHER)).code == "not_found"
    assert ask(STATEMENT, world.token(OTHER), {"from": "2026-01-01", "to": "2026-01-02"}).code == "not_found"


@pytest.mark.parametrize("refusal", [StoreBusy("ThrottlingException"), IndexBehind()])
def test_a_history_that_cannot_be_read_now_is_worth_a_retry(
    world: World, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def busy(*_args: object) -> None:
        raise refusal

    monkeypatch.setattr(history.History, "page", busy)
    assert ask(TRANSACTIONS, world.token()).code == "temporarily_unavailable"


@pytest.mark.parametrize("path", ["/v1/wallet", TRANSACTIONS, f"{TRANSACTIONS}/tx_x", STATEMENT])
def test_every_route_needs_a_token_of_a_live_session(world: World, path: str) -> None:
    assert ask(path, None).code == "not_authenticated"
    assert ask(path, "x", {"limit": "0"}).code == "not_authenticated"
    token = world.token()
    world.visitors.sessions.end_all(PLAYER, Ended.ALL_ENDED)
    assert ask(path, token, {"limit": "0"}).code == "session_ended"
    world.time.shift(600)
    assert ask(path, token).code == "token_expired"


@pytest.mark.parametrize("query", [{"limt": "1"}, {"limit": "1", "colour": "red"}, {"Limit": "1"}])
def test_a_parameter_that_is_not_known_is_named(world: World, query: dict[str, str]) -> None:
    answer = ask(TRANSACTIONS, world.token(), query)
    assert (answer.code, answer.wrong_fields) == ("invalid_request", [name for name in query if name != "limit"])
