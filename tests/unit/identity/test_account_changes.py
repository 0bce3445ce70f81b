"""What a player who is in changes of the account: password, address, profile; and closing it."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from countroom.identity import passwords, profile, rules
from countroom.identity.access import Standing
from countroom.identity.challenges import GUESSES_MAX
from countroom.identity.closing import Closing, ClosureRefused
from countroom.identity.digests import email_digest
from countroom.identity.email_change import LIFETIME_MS, EmailChange
from countroom.identity.events import EventKind
from countroom.identity.mail import Template
from countroom.identity.password_change import PasswordChange
from countroom.identity.profile import Change, Profiles
from countroom.identity.refusals import (
    BalanceRemains,
    ChangedMeanwhile,
    InvalidCode,
    InvalidCredentials,
    NoSuchAccount,
    NotClosable,
    Unavailable,
)
from countroom.identity.throttle import TooManyGuesses
from countroom.ledger import items
from countroom.ledger.book import Book, Refused
from countroom.ledger.movements import Deposit, Kind, Reason, Reference, Status
from countroom.ledger.records import Outcome
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.identity.office import ANN, LOST, PASSWORD, Office, at_once
from tests.unit.identity.writing import rewritten
from tests.unit.ledger.memory import failing, landing

EMAIL = "ann.smith@example.com"
OTHER = "ann@elsewhere.example"
NEW = "wrong donkey"


class House(Office):
    """Ann has an account and two sessions."""

    def __init__(self, client: Any, clock: FixedClock) -> None:
        super().__init__(client, clock)
        self.player_id = self.registered().player_id
        self.passwords = PasswordChange(self.desk, self.proofs)
        self.emails = EmailChange(self.desk)
        self.profiles = Profiles(self.desk)
        self.closing = Closing(self.desk)
        self.session(self.player_id)
        self.session(self.player_id)
        self.clock.advance(seconds=1)

    def has_password(self, password: str, email: str = EMAIL) -> bool:
        found = self.desk.players.credentials(email)
        return passwords.matches(found.password_hash if found else None, password)

    def moving(self, email: str = OTHER) -> tuple[str, str]:
        token = self.emails.begin(self.player_id, email).token
        self.clock.advance(seconds=1)
        return token, self.mailbox.last.values["code"]


@pytest.fixture
def house(tables: Any, clock: FixedClock) -> House:
    return House(tables, clock)


# -- password


def test_a_password_is_changed_by_who_knows_the_old_one(house: House) -> None:
    assert house.passwords.change(house.player_id, PASSWORD, NEW, "se_1", "203.0.113.0/24") is True
    assert house.has_password(NEW)
    assert house.live(house.player_id) == 0
    assert (house.mailbox.last.template, house.mailbox.last.to) == (Template.PASSWORD_CHANGED, EMAIL)
    event = house.desk.events.page(house.player_id, 1).events[0]
    assert (event.kind, event.session_id, event.source) == (EventKind.PASSWORD_CHANGED, "se_1", "203.0.113.0/24")


def test_a_wrong_old_password_changes_nothing_and_is_counted(house: House) -> None:
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            house.passwords.change(house.player_id, "not this one", NEW)
    with pytest.raises(TooManyGuesses):
        house.passwords.change(house.player_id, PASSWORD, NEW)
    assert house.has_password(PASSWORD)
    assert house.live(house.player_id) == 2
    assert house.events(house.player_id).count(EventKind.PASSWORD_CHANGE_REFUSED) == 10


@pytest.mark.parametrize("password", ["seven77", "x" * 129, "12345678", "Ann.Smith1", "19900517", "ANN SMITH EXAMPLE"])
def test_a_new_password_that_may_not_be(house: House, password: str) -> None:
    with pytest.raises(rules.InvalidFields) as caught:
        house.passwords.change(house.player_id, PASSWORD, password)
    assert [field for field, _ in caught.value.errors] == ["new_password"]
    assert password not in str(caught.value)


def test_a_password_that_was_changed_in_between_is_not_overwritten(house: House) -> None:
    check = house.proofs.check_password

    def overtaken(player_id: str, password: str) -> None:
        check(player_id, password)
        before = house.desk.players.credentials(EMAIL)
        assert before is not None
        hashed = passwords.hash_password("set by a reset")
        rewritten(house.desk.players, before, password_hash=hashed)

    change = PasswordChange(house.desk, _Checking(overtaken))  # type: ignore[arg-type]  # only what is asked of it
    with pytest.raises(ChangedMeanwhile):
        change.change(house.player_id, PASSWORD, NEW)
    assert house.has_password("set by a reset")
    assert house.live(house.player_id) == 2


class _Checking:
    def __init__(self, check: Any) -> None:
        self.check_password = check


def test_a_device_remembered_in_between_does_not_stop_it(house: House) -> None:
    def overtaken(_player_id: str, _password: str) -> None:
        before = house.desk.players.credentials(EMAIL)
        assert before is not None
        rewritten(house.desk.players, before, devices=("d1",))

    change = PasswordChange(house.desk, _Checking(overtaken))  # type: ignore[arg-type]  # only what is asked of it
    change.change(house.player_id, PASSWORD, NEW)
    found = house.desk.players.credentials(EMAIL)
    assert found is not None
    assert (found.devices, house.has_password(NEW)) == ((), True)


def test_a_notice_that_was_not_queued_is_said_but_undoes_nothing(house: House) -> None:
    house.mailbox.is_open = False
    assert house.passwords.change(house.player_id, PASSWORD, NEW) is False
    assert house.has_password(NEW)


# -- address


def test_an_account_moves_to_a_proved_address(house: House) -> None:
    token, code = house.moving("Ann@Elsewhere.example")
    assert (house.mailbox.last.template, house.mailbox.last.to) == (Template.CONFIRM_ADDRESS, OTHER)
    assert house.profiles.read(house.player_id).email == EMAIL
    assert house.emails.confirm(house.player_id, token, code) is True
    assert (house.mailbox.last.template, house.mailbox.last.to) == (Template.ADDRESS_CHANGED, EMAIL)
    assert house.desk.players.credentials(EMAIL) is None
    assert house.has_password(PASSWORD, OTHER)
    assert house.profiles.read(house.player_id).email == OTHER
    assert house.live(house.player_id) == 0
    assert house.events(house.player_id)[-2:] == [EventKind.EMAIL_CHANGE_REQUESTED, EventKind.EMAIL_CHANGED]
    kept = repr(house.items())
    for secret in ("ann.smith", "ann@", "elsewhere"):
        assert secret not in kept


def test_the_move_is_one_transaction(house: House) -> None:
    token, code = house.moving()
    house.client.calls.clear()
    house.emails.confirm(house.player_id, token, code)
    (commit,) = house.client.named("transact_write_items")
    assert len(commit["TransactItems"]) == 6
    assert house.client.named("put_item") == []


def test_the_old_address_is_free_again(house: House) -> None:
    house.emails.confirm(house.player_id, *house.moving())
    house.clock.advance(seconds=3600)
    second = house.registered(ANN)
    assert second.player_id != house.player_id
    found = house.desk.players.credentials(EMAIL)
    assert found is not None
    assert found.player_id == second.player_id
    assert house.desk.players.credentials_of(house.player_id) == house.desk.players.credentials(OTHER)


def test_a_taken_address_shows_neither_in_answer_nor_in_work(house: House) -> None:
    house.registered(replace(ANN, email=OTHER))
    free, free_work = house.counted(lambda: house.emails.begin(house.player_id, "ann@somewhere.example"))
    assert house.mailbox.latest() is Template.CONFIRM_ADDRESS
    taken, taken_work = house.counted(lambda: house.emails.begin(house.player_id, OTHER))
    assert (house.mailbox.last.template, house.mailbox.last.to) == (Template.ADDRESS_TAKEN, OTHER)
    assert (free.expires_in, len(free.token), free_work) == (taken.expires_in, len(taken.token), taken_work)
    with pytest.raises(InvalidCode):
        house.emails.confirm(house.player_id, taken.token, house.mailbox.last.values["code"])
    assert house.profiles.read(house.player_id).email == EMAIL
    assert house.live(house.player_id) == 2


def test_an_address_that_was_taken_in_between_is_not_moved_to(house: House) -> None:
    token, code = house.moving()
    house.registered(replace(ANN, email=OTHER))
    with pytest.raises(InvalidCode):
        house.emails.confirm(house.player_id, token, code)
    assert house.profiles.read(house.player_id).email == EMAIL


def test_what_is_no_address_is_refused_by_name(house: House) -> None:
    with pytest.raises(rules.InvalidFields) as caught:
        house.emails.begin(house.player_id, "аnn@example.com")  # noqa: RUF001 - the first letter is Cyrillic
    assert caught.value.errors == (("email", "is not an e-mail address"),)


def test_nobody_else_can_send_the_code(house: House) -> None:
    bob = house.registered(replace(ANN, email="bob.jones@example.com")).player_id
    token, code = house.moving()
    with pytest.raises(InvalidCode):
        house.emails.confirm(bob, token, code)
    assert house.emails.confirm(house.player_id, token, code) is True


def test_codes_for_an_address_run_out(house: House) -> None:
    token, code = house.moving()
    for wrong in range(GUESSES_MAX):
        with pytest.raises(InvalidCode):
            house.emails.confirm(house.player_id, token, f"0000000{wrong}")
    with pytest.raises(InvalidCode):
        house.emails.confirm(house.player_id, token, code)
    token, code = house.moving()
    house.clock.advance(milliseconds=LIFETIME_MS - 1000)
    with pytest.raises(InvalidCode):
        house.emails.confirm(house.player_id, token, code)
    house.clock.advance(milliseconds=-1)
    house.emails.confirm(house.player_id, token, code)


def test_the_same_again_is_done_already_and_at_once_too(house: House) -> None:
    token, code = house.moving()
    answers = at_once([lambda: house.emails.confirm(house.player_id, token, code)] * 4)
    assert answers == [True] * 4
    assert house.emails.confirm(house.player_id, token, code) is True
    assert house.events(house.player_id).count(EventKind.EMAIL_CHANGED) == 1
    assert house.mailbox.templates().count(Template.ADDRESS_CHANGED) == 1


def test_a_used_code_does_not_bring_an_address_back(house: House) -> None:
    first = house.moving()
    house.emails.confirm(house.player_id, *first)
    house.emails.confirm(house.player_id, *house.moving("ann@third.example"))
    with pytest.raises(InvalidCode):
        house.emails.confirm(house.player_id, *first)
    assert house.profiles.read(house.player_id).email == "ann@third.example"


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
@pytest.mark.parametrize("place", range(6))
def test_a_move_of_which_an_answer_was_lost_can_be_asked_for_again(house: House, place: int, fault: Any) -> None:
    token, code = house.moving()
    with house.client.fault_at(place, fault), suppress(Unavailable):
        house.emails.confirm(house.player_id, token, code)
    assert house.emails.confirm(house.player_id, token, code) is True
    assert house.desk.players.credentials(EMAIL) is None
    assert house.has_password(PASSWORD, OTHER)
    assert house.events(house.player_id).count(EventKind.EMAIL_CHANGED) == 1


# -- profile


def test_a_profile(house: House) -> None:
    assert house.profiles.read(house.player_id) == profile.Profile(
        player_id=house.player_id,
        email=EMAIL,
        date_of_birth="1990-05-17",
        given_name="",
        family_name="",
        phone="",
        postcode="",
        country="EE",
        currency="EUR",
        accepted_terms="2026-11",
        terms_accepted_at="2026-01-01T12:00:00.000Z",
        created_at="2026-01-01T12:00:00.000Z",
    )
    with pytest.raises(NoSuchAccount):
        house.profiles.read("pl_nobody")


def test_names_and_phone_are_kept_sealed(house: House) -> None:
    changed = house.profiles.change(house.player_id, Change("  Anne-Ma\u0308rt \t", "O'Sm\u00efth", "+3725551234"))
    assert (changed.given_name, changed.family_name, changed.phone) == ("Anne-M\u00e4rt", "O'Sm\u00efth", "+3725551234")
    assert house.profiles.read(house.player_id) == changed
    kept = repr(house.items())
    for secret in ("Anne-M", "O'Sm", "5551234"):
        assert secret not in kept
    event = house.desk.events.page(house.player_id, 1).events[0]
    assert (event.kind, event.detail) == (EventKind.PROFILE_CHANGED, "given_name,family_name,phone")
    emptied = house.profiles.change(house.player_id, Change(given_name="", phone=""))
    assert (emptied.given_name, emptied.family_name, emptied.phone) == ("", "O'Sm\u00efth", "")


def test_new_terms_carry_their_instant(house: House) -> None:
    with pytest.raises(rules.InvalidFields):
        house.profiles.change(house.player_id, Change(accepted_terms="2027-02"))
    profiles = Profiles(house.desk, replace(rules.POLICY, terms=frozenset({"2027-02"})))
    changed = profiles.change(house.player_id, Change(accepted_terms="2027-02"))
    assert (changed.accepted_terms, changed.terms_accepted_at) == ("2027-02", "2026-01-01T12:00:01.000Z")
    assert house.events(house.player_id)[-1] is EventKind.TERMS_ACCEPTED
    house.clock.advance(seconds=9)
    again = profiles.change(house.player_id, Change(accepted_terms="2027-02", phone="+3725551234"))
    assert again.terms_accepted_at == "2026-01-01T12:00:01.000Z"


def test_nothing_new_writes_nothing(house: House) -> None:
    house.client.calls.clear()
    house.profiles.change(house.player_id, Change())
    house.profiles.change(house.player_id, Change(given_name="  ", accepted_terms="2026-11"))
    assert {name for name, _ in house.client.calls} == {"get_item"}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (Change(given_name="x" * 65), ["given_name"]),
        (Change(given_name="Ann\u202e"), ["given_name"]),
        (Change(family_name="Sm\x00ith"), ["family_name"]),
        (Change(family_name="Smith 2"), ["family_name"]),
        (Change(phone="5551234"), ["phone"]),
        (Change(phone="+012345678"), ["phone"]),
        (Change(phone="+1234567890123456"), ["phone"]),
        (Change(phone="+\u0663\u0663\u0663\u0663\u0663\u0663\u0663\u0663"), ["phone"]),
        (Change(accepted_terms=""), ["accepted_terms"]),
        (Change(accepted_terms="2026-10"), ["accepted_terms"]),
        (Change(given_name="\x1b[2J", accepted_terms="?"), ["given_name", "accepted_terms"]),
    ],
)
def test_changes_that_may_not_be(house: House, change: Change, fields: list[str]) -> None:
    before = house.profiles.read(house.player_id)
    with pytest.raises(rules.InvalidFields) as caught:
        house.profiles.change(house.player_id, change)
    assert [field for field, _ in caught.value.errors] == fields
    assert house.profiles.read(house.player_id) == before


def test_changes_at_once_all_count(house: House) -> None:
    change = house.profiles.change
    changes = [Change(given_name="Anne"), Change(family_name="Smyth"), Change(phone="+3725551234")]
    at_once([partial(change, house.player_id, wanted) for wanted in changes])
    found = house.profiles.read(house.player_id)
    assert (found.given_name, found.family_name, found.phone) == ("Anne", "Smyth", "+3725551234")


def test_what_keeps_changing_is_a_conflict(house: House) -> None:
    house.desk.players.save_account = lambda *_args: False  # type: ignore[method-assign]
    with pytest.raises(ChangedMeanwhile):
        house.profiles.change(house.player_id, Change(given_name="Anne"))


# -- closing


def deposit(house: House, amount: int = 1) -> None:
    house.book.post(Deposit(Reference("gateway:standard", "p1"), house.player_id, "EUR", amount))


def test_an_empty_account_is_closed_for_good(house: House) -> None:
    assert house.closing.close(house.player_id, "se_1") is True
    wallet = house.book.wallet(house.player_id)
    assert wallet is not None
    assert wallet.status is Status.CLOSED
    assert house.sessions.access(house.player_id).standing is Standing.CLOSED
    assert house.live(house.player_id) == 0
    assert house.desk.players.credentials(EMAIL) is None
    assert house.desk.players.credentials_of(house.player_id) is None
    assert (house.mailbox.last.template, house.mailbox.last.to) == (Template.ACCOUNT_CLOSED, EMAIL)
    assert house.events(house.player_id)[-1] is EventKind.CLOSED
    for attempt in (
        lambda: house.profiles.read(house.player_id),
        lambda: house.closing.close(house.player_id),
        lambda: house.desk.people.find(house.player_id),
    ):
        with pytest.raises(NoSuchAccount):
            attempt()


def test_its_hash_is_gone_and_its_address_free(house: House) -> None:
    house.closing.close(house.player_id)
    (ended,) = house.of_kind("CREDENTIALS")
    assert ended["password_hash"]["S"] == ""
    assert int(ended["expires_at"]["N"]) * 1000 > house.clock()
    house.clock.advance(seconds=3600)
    assert house.registered(ANN).player_id != house.player_id


def test_an_account_with_money_stays_open(house: House) -> None:
    deposit(house)
    with pytest.raises(BalanceRemains):
        house.closing.close(house.player_id)
    assert house.live(house.player_id) == 2
    assert house.has_password(PASSWORD)
    assert house.profiles.read(house.player_id).email == EMAIL


def test_a_refusal_does_not_stand_in_the_way_later(house: House) -> None:
    deposit(house, 5)
    with pytest.raises(BalanceRemains):
        house.closing.close(house.player_id)
    from countroom.ledger.movements import Adjustment  # noqa: PLC0415 - what this one test needs

    house.book.post(Adjustment(Reference("house:staff", "a1"), house.player_id, "EUR", -5, "paid out", "staff-1"))
    assert house.closing.close(house.player_id) is True


def test_an_excluded_player_s_account_stays(house: House) -> None:
    access = house.desk.access.access(house.player_id)
    assert access is not None
    house.desk.access.replace(access, replace(access, excluded=True))
    with pytest.raises(NotClosable):
        house.closing.close(house.player_id)
    assert house.has_password(PASSWORD)


def test_an_exclusion_in_the_middle_wins(house: House) -> None:
    closing = house.sessions.closing

    def overtaken(player_id: str) -> Any:
        part = closing(player_id)
        access = house.sessions.access(player_id)
        house.desk.access.replace(access, replace(access, excluded=True))
        return part

    house.sessions.closing = overtaken  # type: ignore[method-assign]
    with pytest.raises(NotClosable):
        house.closing.close(house.player_id)
    assert house.sessions.access(house.player_id).standing is Standing.ACTIVE


def test_a_login_in_the_middle_does_not_stop_it(house: House) -> None:
    closing = house.sessions.closing

    def overtaken(player_id: str) -> Any:
        part = closing(player_id)
        house.sessions.closing = closing  # type: ignore[method-assign]
        house.session(player_id)
        return part

    house.sessions.closing = overtaken  # type: ignore[method-assign]
    house.closing.close(house.player_id)
    assert house.live(house.player_id) == 0


def test_a_deposit_at_the_same_instant_is_not_lost(house: House) -> None:
    """Whichever comes first: no account is closed over money, and money that comes after the closing is booked all the same."""
    answers = at_once([lambda: house.closing.close(house.player_id), lambda: deposit(house)])
    wallet = house.book.wallet(house.player_id)
    assert wallet is not None
    assert wallet.totals.deposited > 0
    stored = house.client.scan(TableName=LEDGER_TABLE)["Items"]
    records = [items.record_of(item) for item in stored if items.kind_of(item) == "record"]
    closings = [record for record in records if record.kind is Kind.STATUS and record.outcome is Outcome.APPLIED]
    if wallet.status is Status.CLOSED:
        assert [record.after.cash for record in closings] == [0]
    else:
        assert not closings
        assert isinstance(answers[0], BalanceRemains)


def test_other_refusals_of_the_ledger_are_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Book, "post", lambda *_args: Refused(Reason.UNKNOWN_PLAYER))
    with pytest.raises(ClosureRefused, match="unknown_player"):
        house.closing.close(house.player_id)
    monkeypatch.setattr(Book, "post", lambda *_args: Refused(Reason.COMPANION_CONFLICT))
    with pytest.raises(ChangedMeanwhile):
        house.closing.close(house.player_id)


def test_the_digest_of_an_address_is_all_that_its_key_holds(house: House) -> None:
    (item,) = house.of_kind("CREDENTIALS")
    assert item["pk"]["S"] == f"EMAIL#{email_digest(EMAIL)}"
