from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pyotp
import pytest

from countroom.identity import passwords, rules
from countroom.identity.challenges import GUESSES_MAX
from countroom.identity.digests import email_digest
from countroom.identity.events import EventKind
from countroom.identity.mail import Template
from countroom.identity.postbox import MAIL_WINDOW_MS, MAILS_MAX, RESET_WINDOW_MS, RESETS_MAX
from countroom.identity.recovery import LIFETIME_MS, Recovery
from countroom.identity.refusals import ChangedMeanwhile, InvalidCode, SecondFactorRequired, Unavailable
from countroom.identity.throttle import LATE_MS, TooManyGuesses
from tests.unit.clock import FixedClock
from tests.unit.identity.office import ANN, LOST, PASSWORD, Office, at_once
from tests.unit.identity.writing import rewritten
from tests.unit.ledger.memory import failing, landing

EMAIL = "ann.smith@example.com"
NEW = "wrong donkey"


class Recovering(Office):
    """Ann has an account and two sessions, and has forgotten her password."""

    def __init__(self, client: Any, clock: FixedClock) -> None:
        super().__init__(client, clock)
        self.player_id = self.registered().player_id
        self.recovery = Recovery(self.desk, self.proofs)
        self.session(self.player_id)
        self.session(self.player_id)

    def begin(self) -> tuple[str, str]:
        self.clock.advance(seconds=1)
        begun = self.recovery.begin("Ann.Smith@Example.com ")
        return begun.token, self.mailbox.last.values["code"]

    def has_password(self, password: str) -> bool:
        found = self.desk.players.credentials(EMAIL)
        return passwords.matches(found.password_hash if found else None, password)


@pytest.fixture
def office(tables: Any, clock: FixedClock) -> Recovering:
    return Recovering(tables, clock)


def test_a_new_password_by_code_ends_all_sessions_and_tells_the_owner(office: Recovering) -> None:
    token, code = office.begin()
    assert (office.mailbox.last.template, office.mailbox.last.to) == (Template.RESET_PASSWORD, EMAIL)
    assert office.live(office.player_id) == 2
    office.clock.advance(seconds=1)
    assert office.recovery.complete(token, code, NEW) == office.player_id
    assert office.has_password(NEW)
    assert not office.has_password(PASSWORD)
    assert office.live(office.player_id) == 0
    assert (office.mailbox.last.template, office.mailbox.last.to) == (Template.PASSWORD_CHANGED, EMAIL)
    assert office.events(office.player_id)[-2:] == [EventKind.RESET_REQUESTED, EventKind.PASSWORD_RESET]


def test_password_sessions_code_and_event_are_one_transaction(office: Recovering) -> None:
    token, code = office.begin()
    office.client.calls.clear()
    office.recovery.complete(token, code, NEW)
    assert [name for name, _ in office.client.calls if name not in {"get_item", "update_item"}] == ["transact_write_items"]
    (commit,) = office.client.named("transact_write_items")
    assert len(commit["TransactItems"]) == 4


def test_devices_that_were_known_are_strangers_afterwards(office: Recovering) -> None:
    before = office.desk.players.credentials(EMAIL)
    assert before is not None
    rewritten(office.desk.players, before, devices=("d1", "d2"))
    token, code = office.begin()
    office.recovery.complete(token, code, NEW)
    after = office.desk.players.credentials(EMAIL)
    assert after is not None
    assert after.devices == ()


def test_an_unknown_address_gets_the_same_answer_after_the_same_work(office: Recovering) -> None:
    known, known_work = office.counted(lambda: office.recovery.begin(EMAIL))
    assert office.mailbox.latest() is Template.RESET_PASSWORD
    unknown, unknown_work = office.counted(lambda: office.recovery.begin("bob.smith@example.com"))
    assert office.mailbox.latest() is Template.NOTHING
    assert (known.expires_in, len(known.token)) == (unknown.expires_in, len(unknown.token)) == (900, 43)
    # What is written for nobody goes by itself; that it does is the only difference in what is written.
    assert [call.replace("EVENT", "") for call in unknown_work if "'kind'" not in call] == [
        call for call in known_work if "'kind'" not in call
    ]
    assert len(known_work) == len(unknown_work)


@pytest.mark.parametrize("email", ["", "ann", "аnn@example.com"])  # noqa: RUF001 - the first letter is Cyrillic
def test_what_is_no_address_is_refused_by_name(office: Recovering, email: str) -> None:
    with pytest.raises(rules.InvalidFields) as caught:
        office.recovery.begin(email)
    assert caught.value.errors == (("email", "is not an e-mail address"),)


def test_the_code_for_an_unknown_address_opens_nothing(office: Recovering) -> None:
    token = office.recovery.begin("bob.smith@example.com").token
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, office.mailbox.last.values["code"], NEW)


def asked(office: Recovering, times: int) -> int:
    """Ask so often; say how many mails went out."""
    before = office.mailbox.templates().count(Template.RESET_PASSWORD)
    for _ in range(times):
        office.begin()
    return office.mailbox.templates().count(Template.RESET_PASSWORD) - before


def test_two_mails_a_quarter_of_an_hour_and_five_an_hour(office: Recovering) -> None:
    """What is withheld by the quarter is not taken from the hour."""
    sent = []
    for _ in range(4):
        sent.append(asked(office, 12))
        office.clock.advance(milliseconds=RESET_WINDOW_MS + LATE_MS)
    assert sent == [RESETS_MAX, RESETS_MAX, MAILS_MAX - 2 * RESETS_MAX, 0]
    office.clock.advance(milliseconds=MAIL_WINDOW_MS)
    assert asked(office, 3) == RESETS_MAX


def test_without_a_mail_there_is_nothing_to_guess_and_nothing_to_record(office: Recovering) -> None:
    assert asked(office, RESETS_MAX) == RESETS_MAX
    events = len(office.events(office.player_id))
    token, code = office.begin()
    assert office.mailbox.latest() is Template.NOTHING
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, NEW)  # even the right code
    assert office.has_password(PASSWORD)
    assert asked(office, 20) == 0
    assert len(office.events(office.player_id)) == events
    waiting = [item for item in office.of_kind("CHALLENGE") if item["pk"]["S"].startswith("CHALLENGE#reset#")]
    assert [item["player_id"]["S"] for item in waiting].count(office.player_id) == RESETS_MAX


def test_a_mail_that_is_withheld_takes_the_same_work(office: Recovering) -> None:
    works = [office.counted(lambda: office.recovery.begin(EMAIL))[1] for _ in range(RESETS_MAX + 2)]
    unknown = [office.counted(lambda: office.recovery.begin("bob.smith@example.com"))[1] for _ in range(RESETS_MAX + 2)]
    assert {tuple(call.split()[0] for call in work) for work in works + unknown} == {tuple(call.split()[0] for call in works[0])}


def test_a_code_is_good_to_the_last_millisecond_and_no_longer(office: Recovering) -> None:
    token, code = office.begin()
    office.clock.advance(milliseconds=LIFETIME_MS)
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, NEW)
    office.clock.advance(milliseconds=-1)
    office.recovery.complete(token, code, NEW)


def test_five_wrong_codes_and_no_more(office: Recovering) -> None:
    token, code = office.begin()
    for wrong in [f"0000000{digit}" for digit in range(GUESSES_MAX)]:
        with pytest.raises(InvalidCode):
            office.recovery.complete(token, wrong, NEW)
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, NEW)
    assert office.has_password(PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 129, "password1", "ann.smith", "ann smith", "17.05.1990", "countroom"])
def test_a_password_that_may_not_be_uses_nothing_up(office: Recovering, password: str) -> None:
    token, code = office.begin()
    with pytest.raises(rules.InvalidFields) as caught:
        office.recovery.complete(token, code, password)
    assert [field for field, _ in caught.value.errors] == ["password"]
    assert office.live(office.player_id) == 2
    office.recovery.complete(token, code, NEW)


def test_a_mailbox_alone_tells_nothing_of_its_owner(office: Recovering) -> None:
    """Whether a password is made of the owner's data is said after the second factor only; what is weak for anybody, before."""
    office.sessions.set_factor(office.player_id, enrolled=True)
    token, code = office.begin()
    for password in ("ann.smith", "ann.smith@example.com", "bob.smith@example.com", NEW):
        with pytest.raises(SecondFactorRequired):
            office.recovery.complete(token, code, password)
    with pytest.raises(rules.InvalidFields):
        office.recovery.complete(token, code, "password1")
    office.sessions.set_factor(office.player_id, enrolled=False)
    with pytest.raises(rules.InvalidFields):
        office.recovery.complete(token, code, "ann.smith@example.com")


def test_a_recovery_code_that_a_reset_uses_up_is_on_record(office: Recovering) -> None:
    factors = office.proofs.factors
    secret = factors.enrol(office.player_id, EMAIL).secret
    codes = factors.confirm(office.player_id, pyotp.TOTP(secret).at(office.clock() // 1000), "session")
    office.sessions.set_factor(office.player_id, enrolled=True)
    token, code = office.begin()
    assert office.recovery.complete(token, code, NEW, codes[0]) == office.player_id
    events = office.desk.events.page(office.player_id, 10).events
    assert {EventKind.PASSWORD_RESET, EventKind.RECOVERY_CODE_USED} <= {event.kind for event in events}
    (used,) = (event for event in events if event.kind is EventKind.RECOVERY_CODE_USED)
    assert used.detail == "recovery codes left: 9"


def test_a_code_sets_one_password(office: Recovering) -> None:
    token, code = office.begin()
    office.recovery.complete(token, code, NEW)
    office.session(office.player_id)
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, "yet another one")
    assert office.has_password(NEW)
    assert office.live(office.player_id) == 1


def test_the_same_again_is_done_already(office: Recovering) -> None:
    token, code = office.begin()
    office.recovery.complete(token, code, NEW)
    office.session(office.player_id)
    assert office.recovery.complete(token, code, NEW) == office.player_id
    assert office.live(office.player_id) == 1
    assert office.events(office.player_id).count(EventKind.PASSWORD_RESET) == 1


def test_a_used_code_is_no_way_to_guess_the_password(office: Recovering) -> None:
    token, code = office.begin()
    office.recovery.complete(token, code, NEW)
    refusals = []
    for guess in range(12):
        with pytest.raises((InvalidCode, TooManyGuesses)) as caught:
            office.recovery.complete(token, code, f"guess number {guess}")
        refusals.append(caught.type)
    assert refusals == [InvalidCode] * 10 + [TooManyGuesses] * 2


def test_at_once_one_of_two_passwords_is_set(office: Recovering) -> None:
    token, code = office.begin()
    chosen = [f"new password {number}" for number in range(4)]
    answers = at_once([partial(office.recovery.complete, token, code, wanted) for wanted in chosen])
    assert sorted(type(answer).__name__ for answer in answers) == ["InvalidCode"] * 3 + ["str"]
    (winner,) = [wanted for wanted, answer in zip(chosen, answers, strict=True) if isinstance(answer, str)]
    assert office.has_password(winner)
    assert office.events(office.player_id).count(EventKind.PASSWORD_RESET) == 1


def test_a_login_in_between_does_not_stop_it(office: Recovering, monkeypatch: pytest.MonkeyPatch) -> None:
    token, code = office.begin()
    before = office.desk.players.credentials(EMAIL)
    assert before is not None
    read = office.desk.players.credentials_of

    def read_and_overtaken(player_id: str) -> Any:
        found = read(player_id)
        monkeypatch.setattr(office.desk.players, "credentials_of", read)
        rewritten(office.desk.players, before, devices=("d1",))
        return found

    monkeypatch.setattr(office.desk.players, "credentials_of", read_and_overtaken)
    office.recovery.complete(token, code, NEW)
    assert office.has_password(NEW)


def test_what_keeps_changing_is_a_conflict(office: Recovering, monkeypatch: pytest.MonkeyPatch) -> None:
    token, code = office.begin()
    stale = office.desk.players.credentials(EMAIL)
    assert stale is not None
    rewritten(office.desk.players, stale)
    monkeypatch.setattr(office.desk.players, "credentials_of", lambda _player_id: stale)
    with pytest.raises(ChangedMeanwhile):
        office.recovery.complete(token, code, NEW)
    assert office.live(office.player_id) == 2
    assert office.has_password(PASSWORD)


def test_a_second_factor_is_never_gone_round(office: Recovering) -> None:
    office.sessions.set_factor(office.player_id, enrolled=True)
    token, code = office.begin()
    with pytest.raises(SecondFactorRequired):
        office.recovery.complete(token, code, NEW)
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, NEW, "000000")
    assert office.has_password(PASSWORD)


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
@pytest.mark.parametrize("place", range(8))
def test_an_answer_lost_anywhere_can_be_asked_for_again(office: Recovering, place: int, fault: Any) -> None:
    token, code = office.begin()
    with office.client.fault_at(place, fault), suppress(Unavailable):
        office.recovery.complete(token, code, NEW)
    assert office.recovery.complete(token, code, NEW) == office.player_id
    assert office.has_password(NEW)
    assert office.live(office.player_id) == 0
    assert office.events(office.player_id).count(EventKind.PASSWORD_RESET) == 1


def test_a_notice_that_was_not_queued_is_queued_by_the_same_request_again(office: Recovering) -> None:
    token, code = office.begin()
    office.mailbox.is_open = False
    with pytest.raises(Unavailable):
        office.recovery.complete(token, code, NEW)
    office.mailbox.is_open = True
    office.recovery.complete(token, code, NEW)
    assert office.mailbox.latest() is Template.PASSWORD_CHANGED


def test_without_the_personal_key_nothing_is_changed(office: Recovering) -> None:
    token, code = office.begin()
    with office.kms.fault_at(0, failing(LOST)), pytest.raises(Unavailable):
        office.recovery.complete(token, code, NEW)
    assert office.has_password(PASSWORD)


def test_of_a_closed_account_nothing_is_left_to_recover(office: Recovering) -> None:
    token, code = office.begin()
    account, credentials = office.desk.players.account(office.player_id), office.desk.players.credentials(EMAIL)
    assert account is not None
    assert credentials is not None
    office.desk.players.save_account(account, replace(account, closed_at="2026-01-01", version=account.version + 1))
    with pytest.raises(InvalidCode):
        office.recovery.complete(token, code, NEW)
    assert credentials.address == email_digest(ANN.email)
