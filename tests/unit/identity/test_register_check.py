"""Asking the register at registration and at login: who is kept out, who is let in for the money only, and what silence means."""

from dataclasses import replace

import pyotp
import pytest

from countroom.identity import rules
from countroom.identity.access import Ended
from countroom.identity.challenges import Begun
from countroom.identity.events import EventKind
from countroom.identity.login import Attempt
from countroom.identity.profile import Change, Profiles
from countroom.identity.refusals import ChangedMeanwhile, InvalidCredentials
from countroom.identity.register import CLEAR_COUNTS_MS, Answer, LookUp, RegisterListed, RegisterSilent, Subject, Verdict
from countroom.identity.register_check import LISTED_MS
from countroom.ledger.book import Posted
from countroom.ledger.movements import Deposit, ExclusionKind, Hold, Reference, Status
from countroom.ledger.rules.effects import status_at
from countroom.ledger.safeguards import AskReopening, StartExclusion
from countroom.ledger.wallet import Wallet
from tests.unit.clock import FixedClock
from tests.unit.identity.office import ANN, PAT, Office

EMAIL = PAT.email
UNIT = 10**9
DAY_MS = 86_400_000


@pytest.fixture
def office(tables: object, clock: FixedClock) -> Office:
    return Office(tables, clock)


def begin(office: Office, application: rules.Application = PAT) -> tuple[Begun, str]:
    begun = office.registration.begin(application)
    return begun, office.mailbox.last.values["code"]


def wallet_of(office: Office, player_id: str) -> Wallet:
    found = office.book.wallet(player_id)
    assert found is not None
    return found


def last(office: Office, player_id: str) -> LookUp | None:
    return office.check.store.last(player_id)


# -------------------------------------------------------------------------------------------------------- registration


def test_a_clear_answer_stands_beside_the_account_from_the_beginning(office: Office) -> None:
    registered = office.registered(PAT)
    ((subject, _),) = office.roll.asked
    assert (subject.given_name, subject.family_name, subject.born) == ("Patricia", "Jones", "1985-02-03")
    assert (subject.email, subject.postcode) == (EMAIL, "SW1A 1AA")
    assert last(office, registered.player_id) == LookUp("GAMSTOP", Verdict.CLEAR, "receipt-1", office.clock())
    assert office.desk.people.find(registered.player_id).data.postcode == "SW1A 1AA"


def test_nobody_is_asked_about_where_there_is_no_register(office: Office) -> None:
    registered = office.registered(ANN)
    office.log_in(ANN.email)
    assert office.roll.asked == []
    assert last(office, registered.player_id) is None


@pytest.mark.parametrize("field", ["given_name", "family_name", "postcode"])
def test_what_the_register_matches_by_is_required_in_its_country(office: Office, field: str) -> None:
    with pytest.raises(rules.InvalidFields) as caught:
        office.registration.begin(replace(PAT, **{field: " "}))
    assert caught.value.errors == ((field, "is required in this country"),)
    office.registration.begin(replace(PAT, country="EE", currency="EUR", **{field: ""}))


def test_who_is_listed_gets_no_account_and_nothing_is_left(office: Office) -> None:
    office.roll.listed[EMAIL] = Verdict.LISTED
    begun, code = begin(office)
    for _ in range(2):
        with pytest.raises(RegisterListed):
            office.registration.verify(begun.token, code)
    assert (office.wallets(), office.of_kind("PROFILE"), office.of_kind("REGISTER")) == ([], [], [])


def test_that_somebody_is_listed_shows_only_with_the_code_out_of_the_mail(office: Office) -> None:
    office.roll.listed[EMAIL] = Verdict.LISTED
    _, listed = office.counted(lambda: office.registration.begin(PAT))
    _, free = office.counted(lambda: office.registration.begin(replace(PAT, email="kim.jones@example.com")))
    assert listed == free
    assert office.roll.asked == []


def test_whose_time_is_over_may_become_a_player(office: Office) -> None:
    office.roll.listed[EMAIL] = Verdict.LAPSED
    registered = office.registered(PAT)
    assert last(office, registered.player_id) == LookUp("GAMSTOP", Verdict.LAPSED, "receipt-1", office.clock())


def test_silence_at_registration_opens_nothing_and_the_same_request_does_later(office: Office) -> None:
    begun, code = begin(office)
    office.roll.is_silent = True
    with pytest.raises(RegisterSilent):
        office.registration.verify(begun.token, code)
    assert office.wallets() == []
    office.roll.is_silent = False
    registered = office.registration.verify(begun.token, code)
    assert not registered.replayed


def test_a_repeat_is_answered_as_the_first_was_whatever_the_register_says_by_now(office: Office) -> None:
    begun, code = begin(office)
    first = office.registration.verify(begun.token, code)
    office.roll.is_silent = True
    assert office.registration.verify(begun.token, code) == replace(first, replayed=True)
    assert len(office.roll.asked) == 1


def test_a_register_that_is_not_set_up_is_silent(office: Office) -> None:
    begun, code = begin(office)
    office.registration._register = replace(office.check, registers={})
    with pytest.raises(RegisterSilent):
        office.registration.verify(begun.token, code)


# --------------------------------------------------------------------------------------------------------------- login


def test_every_login_asks_and_keeps_the_answer_with_the_session(office: Office) -> None:
    registered = office.registered(PAT)
    office.clock.advance(seconds=60)
    entered = office.log_in(EMAIL)
    assert entered.register == "clear"
    assert last(office, registered.player_id) == LookUp("GAMSTOP", Verdict.CLEAR, "receipt-2", office.clock())


def test_a_wrong_password_asks_nobody(office: Office) -> None:
    office.registered(PAT)
    office.roll.asked.clear()
    with pytest.raises(InvalidCredentials):
        office.login.log_in(Attempt(EMAIL, "wrong password", "203.0.113.9"))
    assert office.roll.asked == []


def test_who_is_listed_at_a_login_is_excluded_and_let_in_for_the_money_only(office: Office) -> None:
    registered = office.registered(PAT)
    player_id = registered.player_id
    deposit = Deposit(Reference("gateway:standard", "d-1"), player_id, "GBP", 50 * UNIT)
    assert isinstance(office.book.post(deposit), Posted)
    elsewhere = office.log_in(EMAIL).opened
    office.clock.advance(seconds=1)
    office.roll.listed[EMAIL] = Verdict.LISTED
    entered = office.log_in(EMAIL)
    assert entered.register == "listed"
    wallet = wallet_of(office, player_id)
    assert wallet.exclusion is not None
    assert (wallet.exclusion.kind, wallet.exclusion.until_ms) == (ExclusionKind.REGISTER, office.clock() + LISTED_MS)
    assert status_at(wallet, office.clock()) is Status.EXCLUDED
    live = [session.session_id for session in office.sessions.list(player_id)]
    assert live == [entered.opened.session_id], "every other session has ended"
    assert elsewhere.session_id not in live
    assert EventKind.EXCLUDED in office.events(player_id)
    hold = office.book.post(Hold(Reference("house:withdrawal", "w-1"), player_id, "GBP", 50 * UNIT))
    assert isinstance(hold, Posted)


def test_who_is_excluded_already_is_not_excluded_again_at_each_login(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    office.roll.listed[EMAIL] = Verdict.LISTED
    office.log_in(EMAIL)
    before = wallet_of(office, player_id)
    office.clock.advance(seconds=60)
    entered = office.log_in(EMAIL)
    assert wallet_of(office, player_id) == before
    assert entered.register == "listed"
    assert office.live(player_id) == 2


@pytest.mark.parametrize(
    ("kind", "length_ms", "is_new"),
    [
        (ExclusionKind.TIME_OUT, DAY_MS, True),
        (ExclusionKind.SELF_EXCLUSION, LISTED_MS + DAY_MS, False),
        (ExclusionKind.SELF_EXCLUSION, DAY_MS, False),
    ],
)
def test_what_the_player_chose_stays_where_it_is_no_mere_break(
    office: Office, kind: ExclusionKind, length_ms: int, *, is_new: bool
) -> None:
    player_id = office.registered(PAT).player_id
    own = StartExclusion(Reference("player:exclusion", "x-1"), player_id, kind, office.clock() + length_ms)
    assert isinstance(office.excluding.post(own, "own wish"), Posted)
    office.roll.listed[EMAIL] = Verdict.LISTED
    office.log_in(EMAIL)
    exclusion = wallet_of(office, player_id).exclusion
    assert exclusion is not None
    assert (exclusion.kind is ExclusionKind.REGISTER) is is_new


def test_a_reopening_that_was_asked_for_does_not_outlive_the_register(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    own = StartExclusion(Reference("player:exclusion", "x-1"), player_id, ExclusionKind.SELF_EXCLUSION, office.clock() + DAY_MS)
    office.excluding.post(own, "own wish")
    office.clock.advance(milliseconds=DAY_MS)
    asked = AskReopening(Reference("player:reopening", "r-1"), player_id, DAY_MS)
    assert isinstance(office.book.post(asked, office.excluding.reopening(player_id, "own wish")), Posted)
    assert EventKind.REOPENING_ASKED in office.events(player_id)
    office.roll.listed[EMAIL] = Verdict.LISTED
    office.clock.advance(milliseconds=DAY_MS)
    assert status_at(wallet_of(office, player_id), office.clock()) is Status.ACTIVE
    office.log_in(EMAIL)
    assert status_at(wallet_of(office, player_id), office.clock()) is Status.EXCLUDED


def test_while_the_register_is_silent_a_clear_answer_lets_in_for_a_day(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    office.log_in(EMAIL)
    asked_at = last(office, player_id)
    office.roll.is_silent = True
    office.clock.advance(milliseconds=CLEAR_COUNTS_MS - 1)
    assert office.log_in(EMAIL).register == "silent"
    assert last(office, player_id) == asked_at, "silence is no answer, and makes none newer"
    office.clock.advance(milliseconds=1)
    for _ in range(2):
        with pytest.raises(RegisterSilent):
            office.log_in(EMAIL)
    office.roll.is_silent = False
    assert office.log_in(EMAIL).register == "clear"


def test_who_was_listed_last_is_not_let_in_by_silence_and_gets_in_when_it_ends(office: Office) -> None:
    office.registered(PAT)
    office.roll.listed[EMAIL] = Verdict.LISTED
    office.log_in(EMAIL)
    office.roll.is_silent = True
    with pytest.raises(RegisterSilent):
        office.log_in(EMAIL)


def test_silence_uses_up_no_code_of_the_second_factor(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    secret = office.factors.enrol(player_id, EMAIL).secret
    office.factors.confirm(player_id, pyotp.TOTP(secret).at(office.clock() // 1000), "se_pat")
    office.sessions.set_factor(player_id, enrolled=True)
    office.clock.advance(milliseconds=2 * DAY_MS)
    code = pyotp.TOTP(secret).at(office.clock() // 1000)
    office.roll.is_silent = True
    with pytest.raises(RegisterSilent):
        office.log_in(EMAIL, code)
    office.roll.is_silent = False
    assert office.log_in(EMAIL, code).register == "clear"


def test_an_account_of_before_names_were_asked_for_is_let_in_unasked(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    before = office.desk.players.account(player_id)
    assert before is not None
    sealed = office.desk.people.seal(player_id, replace(office.desk.people.open(before).data, postcode=""))
    assert office.desk.players.save_account(before, replace(before, sealed=sealed, version=before.version + 1))
    office.roll.asked.clear()
    assert office.log_in(EMAIL).register == "not_asked"
    assert office.roll.asked == []


def test_all_sessions_ended_by_the_player_meanwhile_void_the_login_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch that the exclusion makes is let pass, and no other."""
    player_id = office.registered(PAT).player_id
    office.roll.listed[EMAIL] = Verdict.LISTED
    look = office.roll.ask

    def asked(subject: Subject, name: str) -> Answer:
        office.sessions.end_all(player_id, Ended.ALL_ENDED)
        return look(subject, name)

    monkeypatch.setattr(office.roll, "ask", asked)
    with pytest.raises(ChangedMeanwhile):
        office.log_in(EMAIL)
    assert office.live(player_id) == 0


# ------------------------------------------------------------------------------------------------------------- profile


@pytest.mark.parametrize("field", ["given_name", "family_name", "postcode"])
def test_what_the_register_matches_by_cannot_be_emptied_in_its_country(office: Office, field: str) -> None:
    player_id = office.registered(PAT).player_id
    with pytest.raises(rules.InvalidFields) as caught:
        Profiles(office.desk).change(player_id, Change(**{field: ""}))
    assert caught.value.errors == ((field, "is required in this country"),)
    other = office.registered(ANN).player_id
    Profiles(office.desk).change(other, Change(**{field: ""}))


@pytest.mark.parametrize(("field", "other"), [("given_name", "Zed"), ("family_name", "Smith"), ("postcode", "M1 1AE")])
def test_nobody_becomes_somebody_else_to_the_register(office: Office, field: str, other: str) -> None:
    player_id = office.registered(PAT).player_id
    with pytest.raises(rules.InvalidFields) as caught:
        Profiles(office.desk).change(player_id, Change(**{field: other}))
    assert caught.value.errors == ((field, "cannot be changed in this country"),)
    office.log_in(EMAIL)
    assert office.roll.asked[-1][0] == office.roll.asked[0][0]
    before = getattr(Profiles(office.desk).read(player_id), field)
    same = Profiles(office.desk).change(player_id, Change(**{field: f" {getattr(PAT, field)} "}))
    assert getattr(same, field) == before
    abroad = office.registered(ANN).player_id
    for text in (other, other[::-1]):
        assert getattr(Profiles(office.desk).change(abroad, Change(**{field: text})), field) == text


def test_who_lacks_what_the_register_matches_by_gives_it_once_and_is_asked_about_from_then_on(office: Office) -> None:
    player_id = office.registered(PAT).player_id
    person = office.desk.people.find(player_id)
    sealed = office.desk.people.seal(player_id, replace(person.data, postcode=""))
    nameless = replace(person.account, sealed=sealed, version=person.account.version + 1)
    assert office.desk.players.save_account(person.account, nameless, [])
    asked = len(office.roll.asked)
    office.log_in(EMAIL)
    assert len(office.roll.asked) == asked
    with pytest.raises(rules.InvalidFields):
        Profiles(office.desk).change(player_id, Change(postcode="???"))
    assert Profiles(office.desk).change(player_id, Change(postcode=" m1 1ae ")).postcode == "M1 1AE"
    office.log_in(EMAIL)
    assert office.roll.asked[-1][0].postcode == "M1 1AE"
