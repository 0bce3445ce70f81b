"""Logging in: who gets in, who does not learn why not, and whom nobody can keep out."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import argon2
import pyotp
import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.identity import factor, login, passwords, rules
from countroom.identity.access import AccountFrozen, Ended, Lifetimes, closed, frozen, unfrozen
from countroom.identity.access_store import AccessStore
from countroom.identity.digests import email_digest
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.factor import Factors
from countroom.identity.factor_store import FactorStore
from countroom.identity.login import Attempt, LoggedIn, Login
from countroom.identity.mail import Message, Template
from countroom.identity.proofs import Proofs
from countroom.identity.refusals import ChangedMeanwhile, InvalidCode, InvalidCredentials, SecondFactorRequired, Unavailable
from countroom.identity.sessions import Sessions
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table
from countroom.identity.throttle import Throttle, TooManyGuesses
from countroom.identity.throttle_store import ThrottleStore
from countroom.identity.tokens import Issuer
from countroom.identity.vault import Vault
from tests.unit.clock import FixedClock
from tests.unit.identity.memory import TABLE, MemoryKms, MemoryTable
from tests.unit.identity.registers import no_register
from tests.unit.identity.writing import rewritten, written
from tests.unit.local_key import LocalKey

ANN, EMAIL, PASSWORD, WRONG = "pl_ann", "ann@example.com", "correct horse", "wrong horse!"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
LOST = ReadTimeoutError(endpoint_url="http://127.0.0.1/")
SESSIONS_TABLE = "sessions"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Mails:
    sent: list[Message] = field(default_factory=list)
    broken: bool = False

    def send(self, message: Message) -> None:
        if self.broken:
            raise Unavailable("no queue")
        self.sent.append(message)


@dataclass
class World:
    clock: FixedClock
    table: MemoryTable
    players: PlayersStore
    access: AccessStore
    sessions: Sessions
    throttle: Throttle
    factors: Factors
    events: EventLog
    mails: Mails
    login: Login
    source: str = "203.0.113.9"

    def attempt(self, **changes: Any) -> Attempt:
        return replace(Attempt(EMAIL, PASSWORD, self.source, FIREFOX), **changes)

    def log_in(self, **changes: Any) -> LoggedIn:
        return self.login.log_in(self.attempt(**changes))

    def refused(self, refusal: type[Exception] = InvalidCredentials, **changes: Any) -> Exception:
        with pytest.raises(refusal) as caught:
            self.log_in(**changes)
        return caught.value

    def exhausted(self, *, tried: int = 0, **changes: Any) -> None:
        """Guess wrong until nothing more is checked."""
        for _ in range(login.GUESSES_MAX - tried):
            self.refused(**{"password": WRONG, **changes})
        self.refused(TooManyGuesses, **{"password": WRONG, **changes})

    def credentials(self) -> Credentials:
        found = self.players.credentials(EMAIL)
        assert found is not None
        return found

    def change_password(self, new: str) -> None:
        """What a change of password does: other credentials, no devices, no sessions, all at once."""
        before = self.credentials()
        after = replace(before, password_hash=CHEAP.hash(new), devices=(), version=before.version + 1)
        self.sessions.end_all(ANN, Ended.PASSWORD_CHANGED, beside=[self.players.changed_credentials(before, after)])

    def kept(self) -> list[SecurityEvent]:
        """Ann's events, oldest first."""
        items = [item for item in self.table.of_kind(f"PLAYER#{ANN}") if item["sk"]["S"].startswith("EVENT#")]
        kinds = [(item["sk"]["S"], EventKind(item["kind"]["S"]), item) for item in items]
        return [
            SecurityEvent(kind, 0, source=item["source"]["S"], detail=item.get("detail", {}).get("S", ""))
            for _, kind, item in sorted(kinds, key=lambda entry: entry[0])
        ]

    def enrolled(self) -> tuple[str, tuple[str, ...]]:
        secret = self.factors.enrol(ANN, EMAIL).secret
        shown = self.factors.confirm(ANN, pyotp.TOTP(secret).at(self.clock() // 1000), "se_ann")
        self.sessions.set_factor(ANN, enrolled=True)
        self.clock.advance(seconds=30)
        return secret, shown


@pytest.fixture
def world(clock: FixedClock) -> World:
    memory = MemoryTable(SESSIONS_TABLE)
    table = Table(memory, TABLE)
    players, access, events = PlayersStore(table), AccessStore(Table(memory, SESSIONS_TABLE)), EventLog(table)
    issuer = Issuer("https://countroom.dev/test", LocalKey(), clock)
    lifetimes = Lifetimes(absolute_ms=86_400_000, idle_ms=3_600_000)
    sessions = Sessions(access, issuer, clock, lifetimes, events, sleep=lambda _seconds: None)
    throttle = Throttle(ThrottleStore(table), clock)
    factors = Factors(FactorStore(table), Vault(MemoryKms(), "key"), throttle, clock)
    proofs, mails = Proofs(players, throttle, factors, sessions), Mails()
    account = Account(ANN, email_digest(EMAIL), b"sealed", "EE", "EUR", "1", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z")
    hashed = passwords.hash_password(PASSWORD)
    written(players, [*players.creation(account, Credentials(email_digest(EMAIL), ANN, hashed)), access.creation(ANN)])
    memory.calls.clear()
    way_in = Login(proofs, events, mails, clock, no_register(table, clock), guesses_per_source=1000)
    return World(clock, memory, players, access, sessions, throttle, factors, events, mails, way_in)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing, for tests that make hundreds."""
    monkeypatch.setattr(passwords, "_HASHER", CHEAP)
    monkeypatch.setattr(passwords, "NOBODY", CHEAP.hash("nobody's"))


# ---------------------------------------------------------------- who gets in


def test_address_and_password_open_a_session(world: World) -> None:
    entered = world.log_in(email=" Ann@Example.COM ")
    assert (entered.opened.player_id, entered.is_new_device, entered.undone) == (ANN, False, ())
    (session,) = world.sessions.list(ANN)
    assert (session.session_id, session.device, session.place) == (
        entered.opened.session_id,
        "Firefox on Windows",
        "203.0.113.0/24",
    )
    assert entered.opened.last_login is None


def test_the_last_login_is_shown(world: World) -> None:
    world.log_in()
    world.clock.advance(seconds=60)
    last = world.log_in(source="2001:db8:1:2::3").opened.last_login
    assert last is not None
    assert (last.at_ms, last.place, last.device) == (world.clock() - 60_000, "203.0.113.0/24", "Firefox on Windows")
    assert world.sessions.list(ANN)[0].place == "2001:db8:1::/48"


def test_a_password_is_taken_in_any_normal_form(world: World) -> None:
    world.change_password("caf\u00e9 au lait")
    world.log_in(password="cafe\u0301 au lait")


def test_a_login_without_a_second_factor_counts_as_a_fresh_proof(world: World) -> None:
    entered = world.log_in()
    access = world.access.access(ANN)
    assert access is not None
    assert [session.stepped_up_at_ms for session in access.sessions] == [world.clock()]
    assert entered.opened.session_id == access.sessions[0].session_id


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "correct horsf"},
        {"password": "CORRECT HORSE"},
        {"password": "correct horse "},
        {"password": ""},
        {"password": "x" * 129},
        {"password": "x" * 100_000},
        {"email": "nobody@example.com"},
        {"email": "not an address"},
        {"email": ""},
        {"email": "аnn@example.com"},  # noqa: RUF001 - a Cyrillic letter that looks like the address's own
    ],
)
def test_all_refusals_are_one(world: World, changes: dict[str, Any]) -> None:
    assert world.refused(InvalidCredentials, **changes).args == ()
    assert world.sessions.list(ANN) == ()


def test_an_outdated_hash_is_replaced(world: World) -> None:
    before = world.credentials()
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    assert rewritten(world.players, before, password_hash=weaker)
    world.log_in()
    renewed = world.credentials().password_hash
    assert renewed != weaker
    assert not passwords.is_outdated(renewed)
    world.log_in()
    assert world.credentials().password_hash == renewed


def test_a_wrong_password_replaces_no_hash(world: World) -> None:
    before = world.credentials()
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    assert rewritten(world.players, before, password_hash=weaker)
    world.refused(password=WRONG)
    assert world.credentials().password_hash == weaker


# ------------------------------------------------- nothing shows who has an account


def work_of(world: World, monkeypatch: pytest.MonkeyPatch, refusal: type[Exception], **changes: Any) -> list[str]:
    """The requests and hashings of a refused login, in their order."""
    verify, world.table.calls = passwords.matches, []

    def watched(stored: str | None, password: str) -> bool:
        world.table.calls.append("hash")
        return verify(stored, password)

    with monkeypatch.context() as patched:
        patched.setattr(passwords, "matches", watched)
        world.refused(refusal, **{"password": WRONG, **changes})
    return world.table.calls


@pytest.mark.usefixtures("cheap")
def test_unknown_wrong_and_locked_take_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    device = world.log_in().device_token
    other: dict[str, Any] = {"email": "nobody@example.com"}
    wrong = work_of(world, monkeypatch, InvalidCredentials)
    assert wrong == ["get_item", "update_item", "get_item", "put_item", "hash", "put_item"]
    at_a_device = [call for call in wrong if call != "update_item"]  # its tries are not the source's
    assert work_of(world, monkeypatch, InvalidCredentials, **other) == wrong
    assert work_of(world, monkeypatch, InvalidCredentials, device_token=device) == at_a_device
    assert work_of(world, monkeypatch, InvalidCredentials, device_token=device, **other) == wrong
    world.exhausted(tried=1)
    world.exhausted(tried=2, **other)
    world.exhausted(tried=1, device_token=device)
    assert work_of(world, monkeypatch, TooManyGuesses) == wrong
    assert work_of(world, monkeypatch, TooManyGuesses, password=PASSWORD) == wrong
    assert work_of(world, monkeypatch, TooManyGuesses, **other) == wrong
    assert work_of(world, monkeypatch, TooManyGuesses, device_token=device) == at_a_device


@pytest.mark.usefixtures("cheap")
def test_unknown_and_known_are_locked_alike(world: World) -> None:
    waits = []
    for email in (EMAIL, "nobody@example.com"):
        world.exhausted(email=email)
        world.clock.advance(seconds=10)
        refusal = world.refused(TooManyGuesses, email=email)
        assert isinstance(refusal, TooManyGuesses)
        waits.append(refusal.retry_after_seconds)
        world.clock.advance(seconds=-10)
    assert waits == [920, 920]


def test_a_closed_account_is_like_none(world: World) -> None:
    world.enrolled()  # of which no word is said either
    before = world.access.access(ANN)
    assert before is not None
    world.access.replace(before, closed(before))
    assert world.refused(InvalidCredentials).args == ()
    ended = world.players.ended_credentials(world.credentials(), world.clock())
    written(world.players, [ended])
    assert world.refused(InvalidCredentials).args == ()


def test_a_frozen_account_says_so_to_its_owner_only(world: World) -> None:
    world.enrolled()
    before = world.access.access(ANN)
    assert before is not None
    world.access.replace(before, frozen(before))
    world.refused(InvalidCredentials, password=WRONG)
    world.refused(AccountFrozen)
    assert world.sessions.list(ANN) == ()
    now = world.access.access(ANN)
    assert now is not None
    world.access.replace(now, unfrozen(now))
    world.refused(SecondFactorRequired)


# ----------------------------------------------------------------- counted guesses


@pytest.mark.usefixtures("cheap")
def test_ten_guesses_in_any_quarter_of_an_hour(world: World) -> None:
    for _ in range(login.GUESSES_MAX):
        world.refused(password=WRONG)
        world.clock.advance(seconds=60)
    refusal = world.refused(TooManyGuesses)
    assert isinstance(refusal, TooManyGuesses)
    assert refusal.retry_after_seconds == 330
    world.clock.advance(seconds=330)
    world.log_in()


@pytest.mark.usefixtures("cheap")
def test_right_passwords_use_up_no_guesses(world: World) -> None:
    for _ in range(login.GUESSES_MAX + 2):
        assert world.log_in().undone == ()
    for _ in range(login.GUESSES_MAX):
        world.refused(password=WRONG)


@pytest.mark.usefixtures("cheap")
def test_two_hundred_tries_at_once_and_ten_are_checked(world: World) -> None:
    outcomes = together(200, lambda: world.log_in(password=WRONG))
    assert outcomes.count(InvalidCredentials) == login.GUESSES_MAX
    assert outcomes.count(TooManyGuesses) == 190


def together(count: int, call: Callable[[], object]) -> list[object]:
    start, found = threading.Barrier(count), list[object]()

    def run() -> None:
        start.wait(timeout=60)
        try:
            found.append(call())
        except (InvalidCredentials, InvalidCode, TooManyGuesses, Unavailable) as refusal:
            found.append(type(refusal))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == count
    return found


@pytest.mark.usefixtures("cheap")
def test_eight_logins_of_the_owner_at_once_all_succeed(world: World) -> None:
    """Each remembers its device in the same item."""
    outcomes = together(8, world.log_in)
    assert all(isinstance(outcome, LoggedIn) for outcome in outcomes)
    assert len(world.sessions.list(ANN)) == 8


def test_a_guess_whose_answer_is_lost_counts_once(world: World) -> None:
    writes: list[str] = []

    def lose(name: str) -> None:
        writes.extend([name] if name == "put_item" else [])
        if name == "put_item" and len(writes) == 1:
            raise LOST

    world.table.after = lose
    world.refused(password=WRONG)
    (guesses,) = world.table.of_kind("GUESSES#")
    assert len(guesses["taken"]["L"]) == 1


def test_nobody_is_let_in_when_guesses_cannot_be_counted(world: World) -> None:
    def never(name: str) -> None:
        if name == "put_item":
            raise LOST

    world.table.before = never
    world.refused(Unavailable)
    assert world.sessions.list(ANN) == ()


def test_a_guess_that_cannot_be_given_back_is_told(world: World) -> None:
    writes: list[str] = []

    def lose(name: str) -> None:
        writes.extend([name] if name == "put_item" else [])
        if name == "put_item" and len(writes) == 2:
            raise LOST

    world.table.before = lose
    assert world.log_in().undone == ("give_back",)


@pytest.mark.usefixtures("cheap")
def test_a_source_that_tries_too_much_is_turned_away_before_its_guess_is_counted(world: World) -> None:
    world.login = replace(world.login, guesses_per_source=20)
    for number in range(20):
        world.refused(email=f"player{number}@example.com", password=WRONG)
    world.table.calls = []
    refusal = world.refused(TooManyGuesses, email="another@example.com")
    assert isinstance(refusal, TooManyGuesses)
    assert refusal.retry_after_seconds == 900
    assert world.table.calls == ["get_item", "update_item"]  # and nothing hashed
    world.log_in(source="198.51.100.1")


# ------------------------------------------------------------------ known devices


@pytest.mark.usefixtures("cheap")
def test_nobody_can_keep_the_owner_out_of_a_known_device(world: World) -> None:
    device = world.log_in().device_token
    world.exhausted()
    world.refused(TooManyGuesses)
    entered = world.log_in(device_token=device)
    assert (entered.device_token, entered.is_new_device) == (device, False)
    # Nor from the same network, whose tries are all used up.
    world.login = replace(world.login, guesses_per_source=1)
    world.refused(TooManyGuesses)
    world.refused(TooManyGuesses, email="nobody@example.com", device_token=device)
    world.log_in(device_token=device)


@pytest.mark.usefixtures("cheap")
def test_a_known_device_has_a_budget_too_and_its_own(world: World) -> None:
    desk, phone = world.log_in().device_token, world.log_in().device_token
    world.exhausted(device_token=desk)
    world.refused(TooManyGuesses, device_token=desk)
    world.log_in(device_token=phone)
    world.log_in()


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("token", ["", "dv.", f"dv.{'A' * 43}", f"xx.{'A' * 43}", "x" * 5000, "\u00e9" * 46])
def test_a_token_that_nobody_gave_opens_no_budget(world: World, token: str) -> None:
    world.log_in()
    world.exhausted()
    world.refused(TooManyGuesses, device_token=token)


@pytest.mark.usefixtures("cheap")
def test_a_device_of_one_account_is_a_stranger_to_another(world: World) -> None:
    device = world.log_in().device_token
    account = Account("pl_bob", email_digest("bob@example.com"), b"s", "EE", "EUR", "1", "t", "t")
    made = Credentials(email_digest("bob@example.com"), "pl_bob", passwords.hash_password("another horse"))
    written(world.players, [*world.players.creation(account, made), world.access.creation("pl_bob")])
    world.exhausted(email="bob@example.com")
    world.refused(TooManyGuesses, email="bob@example.com", password="another horse", device_token=device)


@pytest.mark.usefixtures("cheap")
def test_five_devices_are_known_and_the_one_unused_longest_is_forgotten(world: World) -> None:
    tokens = [world.log_in().device_token for _ in range(login.DEVICES_MAX)]
    world.log_in(device_token=tokens[0])  # used again, so the second is unused longest
    world.log_in()
    assert len(world.credentials().devices) == login.DEVICES_MAX
    world.exhausted()
    world.refused(TooManyGuesses, device_token=tokens[1])
    for token in (tokens[0], *tokens[2:]):
        assert world.log_in(device_token=token).device_token == token


def test_a_device_s_token_is_kept_as_a_digest(world: World) -> None:
    token = world.log_in().device_token
    assert len(token) == 46
    assert token.removeprefix("dv.") not in repr(world.table.tables[TABLE].items)


def test_the_owner_is_told_of_a_new_device(world: World) -> None:
    first = world.log_in()
    assert (first.is_new_device, world.mails.sent) == (False, [])  # the very first: nothing to compare it with
    assert world.log_in(device_token=first.device_token).is_new_device is False
    assert world.log_in().is_new_device is True
    assert world.mails.sent == [Message(Template.NEW_DEVICE, EMAIL, {"device": "Firefox on Windows, network 203.0.113.0/24"})]
    kinds = [event.kind for event in world.kept()]
    assert kinds.count(EventKind.LOGGED_IN_NEW_DEVICE) == 1


def test_a_mail_that_cannot_be_queued_keeps_nobody_out(world: World) -> None:
    world.log_in()
    world.mails.broken = True
    assert world.log_in().undone == ("mail",)


# ------------------------------------------------------------------ second factor


def test_a_code_is_asked_for_after_the_right_password_only(world: World) -> None:
    secret, _ = world.enrolled()
    code = pyotp.TOTP(secret).at(world.clock() // 1000)
    world.refused(InvalidCredentials, password=WRONG)
    world.refused(InvalidCredentials, password=WRONG, code=code)
    world.refused(SecondFactorRequired)
    assert world.sessions.list(ANN) == ()
    world.log_in(code=code)  # nor was it used up by the wrong password
    world.refused(InvalidCode, code=code)
    assert len(world.sessions.list(ANN)) == 1


@pytest.mark.usefixtures("cheap")
def test_asking_for_a_code_costs_no_guess(world: World) -> None:
    world.enrolled()
    for _ in range(login.GUESSES_MAX + 1):
        world.refused(SecondFactorRequired)
    world.refused(InvalidCode, code="000000")


@pytest.mark.usefixtures("cheap")
def test_a_right_password_without_a_code_is_recorded_but_not_without_end(world: World) -> None:
    world.enrolled()
    world.refused(SecondFactorRequired)
    (event,) = world.kept()
    assert (event.kind, event.detail, event.source) == (EventKind.LOGIN_REFUSED, "no code", "203.0.113.0/24")
    for _ in range(login.NO_CODE_EVENTS_MAX + 2):
        world.refused(SecondFactorRequired)
    assert [event.detail for event in world.kept()] == ["no code"] * login.NO_CODE_EVENTS_MAX


@pytest.mark.usefixtures("cheap")
def test_wrong_codes_are_counted(world: World) -> None:
    secret, shown = world.enrolled()
    for _ in range(factor.GUESSES_MAX):
        world.refused(InvalidCode, code=pyotp.TOTP(secret).at(world.clock() // 1000 + 600))
    world.refused(TooManyGuesses, code=shown[0])
    assert [event.detail for event in world.kept()].count("wrong code") == factor.GUESSES_MAX


@pytest.mark.usefixtures("cheap")
def test_whoever_has_the_password_only_cannot_use_up_the_owner_s_codes(world: World) -> None:
    _, shown = world.enrolled()
    entered = world.log_in(code=shown[0])
    for _ in range(factor.GUESSES_MAX):
        world.refused(InvalidCode, code="000000", source="198.51.100.7")
    world.refused(TooManyGuesses, code=shown[1], source="198.51.100.7")
    world.refused(TooManyGuesses, code=shown[1])  # nor is a code looked at from any other unknown device
    world.log_in(code=shown[1], device_token=entered.device_token)
    for live, code in zip(world.sessions.list(ANN), shown[2:4], strict=True):
        assert world.login.proofs.require(ANN, code, door=live.session_id) is not None
    assert world.login.proofs.require(ANN, shown[4]) is not None  # nor a reset, which only who reads the mailbox gets to


@pytest.mark.usefixtures("cheap")
def test_codes_of_a_known_device_are_counted_too_and_by_themselves(world: World) -> None:
    _, shown = world.enrolled()
    desk = world.log_in(code=shown[0]).device_token
    phone = world.log_in(code=shown[1]).device_token
    for _ in range(factor.GUESSES_MAX):
        world.refused(InvalidCode, code="000000", device_token=desk)
    world.refused(TooManyGuesses, code=shown[2], device_token=desk)
    world.log_in(code=shown[2], device_token=phone)
    world.log_in(code=shown[3])


@pytest.mark.usefixtures("cheap")
def test_a_code_at_two_logins_at_once_opens_one_session(world: World) -> None:
    secret, _ = world.enrolled()
    code = pyotp.TOTP(secret).at(world.clock() // 1000)
    outcomes = together(5, lambda: world.log_in(code=code))
    assert sum(isinstance(outcome, LoggedIn) for outcome in outcomes) == 1
    assert outcomes.count(InvalidCode) == 4


def test_a_recovery_code_opens_a_session_once_and_is_recorded(world: World) -> None:
    _, shown = world.enrolled()
    world.log_in(code=shown[4])
    world.refused(InvalidCode, code=shown[4])
    assert [event.detail for event in world.kept() if event.kind is EventKind.RECOVERY_CODE_USED] == ["recovery codes left: 9"]


# --------------------------------------------------- races with a change of password


def at_the_write_of_the_session(world: World, change: Callable[[], object]) -> None:
    """Let something happen at the last moment before a login is written."""

    def strike(name: str) -> None:
        if name == "transact_write_items":
            world.table.before = lambda _name: None
            change()

    world.table.before = strike


@pytest.mark.usefixtures("cheap")
def test_a_password_changed_at_the_last_moment_lets_the_old_one_open_nothing(world: World) -> None:
    at_the_write_of_the_session(world, lambda: world.change_password("a new horse"))
    with pytest.raises((InvalidCredentials, ChangedMeanwhile)):
        world.log_in()
    assert world.sessions.list(ANN) == ()
    assert world.credentials().devices == ()


@pytest.mark.usefixtures("cheap")
def test_even_when_only_the_credentials_changed(world: World) -> None:
    def change() -> None:
        before = world.credentials()
        after = replace(before, password_hash=CHEAP.hash("a new horse"), version=before.version + 1)
        assert written(world.players, [world.players.changed_credentials(before, after)])

    at_the_write_of_the_session(world, change)
    world.refused(InvalidCredentials)
    assert world.sessions.list(ANN) == ()


@pytest.mark.usefixtures("cheap")
def test_another_device_remembered_at_the_last_moment_is_kept(world: World) -> None:
    tokens: list[str] = []
    at_the_write_of_the_session(world, lambda: tokens.append(world.log_in().device_token))
    tokens.append(world.log_in().device_token)
    assert len(world.credentials().devices) == 2
    world.exhausted()
    for token in tokens:
        world.log_in(device_token=token)


@pytest.mark.usefixtures("cheap")
def test_a_factor_enrolled_at_the_last_moment_is_not_passed_by(world: World) -> None:
    at_the_write_of_the_session(world, world.enrolled)
    with pytest.raises(ChangedMeanwhile):
        world.log_in()
    assert world.sessions.list(ANN) == ()


@pytest.mark.usefixtures("cheap")
def test_an_address_given_up_at_the_last_moment_opens_nothing(world: World) -> None:
    def change() -> None:
        written(world.players, [world.players.ended_credentials(world.credentials(), world.clock())])

    at_the_write_of_the_session(world, change)
    world.refused(InvalidCredentials)
    assert world.sessions.list(ANN) == ()


# ------------------------------------------------------------------------ records


@pytest.mark.usefixtures("cheap")
def test_every_counted_guess_and_login_leaves_an_event(world: World) -> None:
    world.exhausted()
    world.refused(TooManyGuesses)  # not counted, so not kept: nobody can fill an account's records
    world.clock.advance(seconds=930)
    world.refused(password=WRONG)
    world.log_in()
    kept = world.kept()
    kinds = [event.kind for event in kept]
    assert kinds.count(EventKind.LOGIN_REFUSED) == 10
    assert kinds.count(EventKind.LOGIN_THROTTLED) == 1
    assert kinds.count(EventKind.LOGGED_IN) == 1
    assert {event.source for event in kept} == {"203.0.113.0/24"}
    (entered,) = [event for event in kept if event.kind is EventKind.LOGGED_IN]
    assert entered.detail == "other guesses in the last quarter of an hour: 1"


def test_what_is_written_for_nobody_ends(world: World) -> None:
    world.refused(email="nobody@example.com")
    (pretence,) = world.table.of_kind("NOBODY#")
    assert 0 < int(pretence["expires_at"]["N"]) - world.clock() // 1000 <= 86_400
    assert "nobody@" not in repr(world.table.tables[TABLE].items)


def test_a_login_shows_nothing_of_itself_in_a_log(world: World) -> None:
    attempt = world.attempt(code="123456", device_token=f"dv.{'A' * 43}")
    entered = world.log_in()
    text = f"{attempt!r} {entered!r}"
    for secret in (PASSWORD, EMAIL, "123456", "A" * 43, entered.device_token, entered.opened.access_token):
        assert secret not in text


# --------------------------------------------------------------- proofs of the same


def test_the_own_password_once_more(world: World) -> None:
    world.login.proofs.check_password(ANN, PASSWORD)
    for player_id, password in ((ANN, WRONG), (ANN, ""), (ANN, "x" * 200), ("pl_nobody", PASSWORD)):
        with pytest.raises(InvalidCredentials):
            world.login.proofs.check_password(player_id, password)


@pytest.mark.usefixtures("cheap")
def test_guesses_of_the_own_password_are_counted_apart_from_the_door(world: World) -> None:
    world.exhausted()
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            world.login.proofs.check_password(ANN, WRONG)
    with pytest.raises(TooManyGuesses):
        world.login.proofs.check_password(ANN, PASSWORD)


def test_a_second_factor_is_required_where_there_is_one(world: World) -> None:
    proofs = world.login.proofs
    assert proofs.require(ANN, None) is None
    assert proofs.require(ANN, "123456") is None  # there is none: nothing to check it against
    _, shown = world.enrolled()
    with pytest.raises(SecondFactorRequired):
        proofs.require(ANN, None)
    with pytest.raises(InvalidCode):
        proofs.require(ANN, "ABCD-EFGH")
    checked = proofs.require(ANN, shown[0])
    assert checked == factor.Checked(factor.Kind.RECOVERY_CODE, 9, guess_given_back=True)


def test_the_longest_password_is_taken(world: World) -> None:
    world.change_password("x" * rules.PASSWORD_MAX)
    world.log_in(password="x" * rules.PASSWORD_MAX)
