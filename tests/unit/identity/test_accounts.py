import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import argon2
import pytest

from countroom.identity import accounts, passwords, rules
from countroom.identity.store import Account, PlayersStore
from countroom.ledger.book import Book, OutcomeUnknown, Pacing, Refused
from countroom.ledger.movements import Movement, Reason
from countroom.ledger.store import LedgerStore, Snapshot, StoreBusy
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE

APPLICATION = rules.Application("ann@example.com", "correct horse", "1990-05-17", "EE", "EUR", "2026-01")


@dataclass
class World:
    client: Any
    clock: FixedClock
    book: Book
    store: PlayersStore
    accounts: accounts.Accounts

    def players(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.scan(TableName=PLAYERS_TABLE, ConsistentRead=True)["Items"]
        return items

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.players() if item["sk"]["S"].startswith(kind)]


@pytest.fixture
def world(dynamodb: Any, clock: FixedClock) -> World:
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), clock)
    store = PlayersStore(dynamodb, PLAYERS_TABLE)
    return World(dynamodb, clock, book, store, accounts.Accounts(store, book, clock))


def test_registration_makes_account_address_and_wallet(world: World) -> None:
    registered = world.accounts.register(APPLICATION)
    assert re.fullmatch(r"pl_[a-z2-7]{20}", registered.player_id)
    assert registered == accounts.Registered(registered.player_id, "ann@example.com", "EUR", "EE", "2026-01-01T12:00:00.000Z")
    wallet = world.book.wallet(registered.player_id)
    assert wallet is not None
    assert (wallet.currency, wallet.country, wallet.version, wallet.cash) == ("EUR", "EE", 1, 0)
    (profile,) = world.of_kind("PROFILE")
    assert {name: value["S"] for name, value in profile.items() if name not in {"pk", "sk"}} == {
        "player_id": registered.player_id,
        "email": "ann@example.com",
        "date_of_birth": "1990-05-17",
        "country": "EE",
        "currency": "EUR",
        "accepted_terms": "2026-01",
        "terms_accepted_at": "2026-01-01T12:00:00.000Z",
        "created_at": "2026-01-01T12:00:00.000Z",
    }


def test_neither_password_nor_address_stands_where_it_should_not(world: World) -> None:
    world.accounts.register(APPLICATION)
    text = repr(world.players())
    assert "correct horse" not in text
    assert not any("ann" in item["pk"]["S"] for item in world.players())
    ledger = repr(world.client.scan(TableName=LEDGER_TABLE)["Items"])
    assert "ann@" not in ledger
    assert "1990" not in ledger


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@example.COM", " ann@example.com "])
def test_an_address_is_taken_once(world: World, email: str) -> None:
    world.accounts.register(APPLICATION)
    before = world.players(), world.client.scan(TableName=LEDGER_TABLE)["Items"]
    with pytest.raises(accounts.EmailTaken):
        world.accounts.register(replace(APPLICATION, email=email, password="another one"))
    assert (world.players(), world.client.scan(TableName=LEDGER_TABLE)["Items"]) == before
    assert world.accounts.login("ann@example.com", "correct horse")


def test_the_address_is_held_by_the_transaction_not_by_a_look_before_it(world: World) -> None:
    """Two registrations that both saw a free address: the second one's writes meet the first's."""
    account = Account("pl_second", "ann@example.com", "h", "1990-05-17", "EE", "EUR", "1", "t")
    writes = world.store.creation(account)
    world.accounts.register(APPLICATION)
    with pytest.raises(world.client.exceptions.TransactionCanceledException):
        world.client.transact_write_items(TransactItems=writes)
    assert len(world.of_kind("PROFILE")) == 1


def test_a_player_s_id_is_held_likewise(world: World) -> None:
    player_id = world.accounts.register(APPLICATION).player_id
    account = Account(player_id, "bob@example.com", "h", "1990-05-17", "EE", "EUR", "1", "t")
    with pytest.raises(world.client.exceptions.TransactionCanceledException):
        world.client.transact_write_items(TransactItems=world.store.creation(account))


def test_an_application_that_the_rules_refuse_leaves_nothing(world: World) -> None:
    with pytest.raises(rules.InvalidFields):
        world.accounts.register(replace(APPLICATION, date_of_birth="2010-01-01"))
    assert world.players() == []
    assert world.client.scan(TableName=LEDGER_TABLE)["Items"] == []


def test_another_refusal_of_the_ledger_is_not_taken_for_a_taken_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Book, "post", lambda *_args: Refused(Reason.PLAYER_EXISTS))
    with pytest.raises(accounts.RegistrationRefused, match="player_exists"):
        world.accounts.register(APPLICATION)


class Busy(LedgerStore):
    """A ledger whose table never answers in time."""

    def snapshot(self, player_id: str, movements: Sequence[Movement], *, own: bool = False) -> Snapshot:
        raise StoreBusy(f"{player_id} {len(movements)} {own}")


def test_an_unknown_outcome_reaches_the_caller(world: World) -> None:
    seconds = iter(range(1000))
    pacing = Pacing(timer=lambda: float(next(seconds)), sleep=lambda _s: None)
    book = Book(Busy(world.client, LEDGER_TABLE), world.clock, pacing)
    with pytest.raises(OutcomeUnknown):
        accounts.Accounts(world.store, book, world.clock).register(APPLICATION)
    assert world.players() == []


def test_player_ids_are_not_guessable_by_their_neighbours() -> None:
    made = {accounts.new_player_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"pl_[a-z2-7]{20}", player_id) for player_id in made)


def test_login(world: World) -> None:
    player_id = world.accounts.register(replace(APPLICATION, password="caf\u00e9 au lait")).player_id
    assert world.accounts.login("Ann@Example.com ", "cafe\u0301 au lait") == player_id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.com", "correct horsf"),
        ("ann@example.com", "CORRECT HORSE"),
        ("ann@example.com", ""),
        ("ann@example.com", "x" * 129),
        ("nobody@example.com", "correct horse"),
        ("not an address", "correct horse"),
        ("", ""),
    ],
)
def test_all_refusals_of_login_are_one(world: World, email: str, password: str) -> None:
    world.accounts.register(APPLICATION)
    with pytest.raises(accounts.InvalidCredentials) as caught:
        world.accounts.login(email, password)
    assert caught.value.args == ()


def test_an_unknown_address_takes_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.accounts.register(APPLICATION)
    work: list[str] = []
    verify = passwords.matches

    def watched(stored: str | None, password: str) -> bool:
        work.append("hash")
        return verify(stored, password)

    class Client:
        def get_item(self, **request: Any) -> Any:
            work.append("get")
            return world.client.get_item(**request)

        def update_item(self, **request: Any) -> Any:
            work.append("update")
            return world.client.update_item(**request)

    monkeypatch.setattr(passwords, "matches", watched)
    watching = accounts.Accounts(PlayersStore(Client(), PLAYERS_TABLE), world.book, world.clock)
    taken = []
    for email in ("ann@example.com", "nobody@example.com"):
        work.clear()
        with pytest.raises(accounts.InvalidCredentials):
            watching.login(email, "wrong password")
        taken.append(list(work))
    assert taken[0] == taken[1] == ["update", "get", "hash"]


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
def test_ten_guesses_in_a_quarter_of_an_hour(world: World, email: str) -> None:
    world.accounts.register(APPLICATION)
    for _ in range(accounts.GUESSES_MAX):
        with pytest.raises(accounts.InvalidCredentials):
            world.accounts.login(email, "wrong password")
    world.clock.advance(seconds=60)
    with pytest.raises(accounts.TooManyGuesses) as caught:
        world.accounts.login(email, "correct horse")
    assert caught.value.retry_after_seconds == 840
    (counter,) = world.of_kind("GUESSES")
    assert counter["guesses"] == {"N": "10"}
    assert int(counter["expires_at"]["N"]) * 1000 > world.clock()


def test_the_next_window_is_fresh(world: World) -> None:
    player_id = world.accounts.register(APPLICATION).player_id
    for _ in range(accounts.GUESSES_MAX):
        with pytest.raises(accounts.InvalidCredentials):
            world.accounts.login("ann@example.com", "wrong password")
    world.clock.advance(seconds=accounts.GUESS_WINDOW_SECONDS)
    assert world.accounts.login("ann@example.com", "correct horse") == player_id


def test_right_passwords_use_up_no_guesses(world: World) -> None:
    world.accounts.register(APPLICATION)
    for _ in range(accounts.GUESSES_MAX + 2):
        world.accounts.login("ann@example.com", "correct horse")
    assert world.of_kind("GUESSES")[0]["guesses"] == {"N": "0"}


def test_guesses_in_flight_count_before_they_are_checked(world: World) -> None:
    """What makes parallel guessing pointless: the guess is reserved by a conditional write before the hash is looked at."""
    granted = [world.store.reserve_guess("ann@example.com", 1, 900, 10) for _ in range(200)]
    assert granted.count(True) == 10


def test_a_guess_is_not_given_back_twice(world: World) -> None:
    world.store.reserve_guess("ann@example.com", 1, 900, 10)
    world.store.return_guess("ann@example.com", 1)
    world.store.return_guess("ann@example.com", 1)
    world.store.return_guess("bob@example.com", 1)
    assert [item["guesses"] for item in world.of_kind("GUESSES")] == [{"N": "0"}]


def test_an_outdated_hash_is_replaced_at_login(world: World) -> None:
    player_id = world.accounts.register(APPLICATION).player_id
    current = world.of_kind("CREDENTIALS")[0]["password_hash"]["S"]
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    world.store.replace_password_hash("ann@example.com", current, weaker)
    assert world.accounts.login("ann@example.com", "correct horse") == player_id
    replaced = world.of_kind("CREDENTIALS")[0]["password_hash"]["S"]
    assert not passwords.is_outdated(replaced)
    assert world.accounts.login("ann@example.com", "correct horse") == player_id
    assert world.of_kind("CREDENTIALS")[0]["password_hash"]["S"] == replaced


def test_a_hash_is_not_replaced_over_a_newer_one(world: World) -> None:
    world.accounts.register(APPLICATION)
    current = world.of_kind("CREDENTIALS")[0]["password_hash"]["S"]
    world.store.replace_password_hash("ann@example.com", "an older one", "stolen")
    assert world.of_kind("CREDENTIALS")[0]["password_hash"]["S"] == current


def test_other_errors_of_the_table_are_not_taken_for_a_failed_condition(world: World) -> None:
    store = PlayersStore(world.client, "no-such-table")
    with pytest.raises(world.client.exceptions.ResourceNotFoundException):
        store.reserve_guess("ann@example.com", 1, 900, 10)
