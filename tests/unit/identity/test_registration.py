import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.identity import registration, rules
from countroom.identity.challenges import GUESSES_MAX, Begun, Purpose
from countroom.identity.codes import ALPHABET
from countroom.identity.events import EventKind
from countroom.identity.mail import Template
from countroom.identity.postbox import MAIL_WINDOW_MS, MAILS_MAX
from countroom.identity.refusals import InvalidCode, Unavailable
from countroom.identity.registration import LIFETIME_MS, Registered
from countroom.identity.throttle import LATE_MS
from countroom.ledger.book import Book, OutcomeUnknown, Refused
from countroom.ledger.movements import Reason
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE, SESSIONS_TABLE
from tests.unit.identity.office import ANN, LOST, PASSWORD, Office, at_once
from tests.unit.ledger.memory import failing, landing

EMAIL = "ann.smith@example.com"


@pytest.fixture
def office(tables: Any, clock: FixedClock) -> Office:
    return Office(tables, clock)


def begin(office: Office, application: rules.Application = ANN) -> tuple[Begun, str]:
    begun = office.registration.begin(application)
    return begun, office.mailbox.last.values["code"]


def wrong_codes(code: str) -> list[str]:
    """Codes that are not this one, each different."""
    plain = code.replace("-", "")
    return [plain[:6] + first + second for first in ALPHABET for second in ALPHABET if plain[6:] != first + second]


def test_the_first_step_makes_no_account(office: Office) -> None:
    begun, code = begin(office)
    assert begun.expires_in == 1800
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", begun.token)
    assert office.mailbox.latest() is Template.VERIFY_ADDRESS
    assert office.mailbox.last.until_ms == office.clock() + LIFETIME_MS
    assert (
        office.of_kind("PROFILE")
        == office.of_kind("CREDENTIALS")
        == office.items(LEDGER_TABLE)
        == office.items(SESSIONS_TABLE)
        == []
    )
    kept = repr(office.items())
    for secret in (begun.token, code, code.replace("-", ""), PASSWORD, "ann.smith", "1990-05-17", "argon2"):
        assert secret not in kept


def test_the_code_makes_account_address_access_wallet_and_event_in_one_transaction(office: Office) -> None:
    begun, code = begin(office)
    office.clock.advance(seconds=60)
    registered = office.registration.verify(begun.token, code, "203.0.113.0/24")
    assert re.fullmatch(r"pl_[a-z2-7]{20}", registered.player_id)
    assert registered == Registered(registered.player_id, EMAIL, "EUR", "EE", "2026-01-01T12:01:00.000Z", replayed=False)
    (commit,) = office.client.named("transact_write_items")
    tables = [next(iter(part.values()))["TableName"] for part in commit["TransactItems"]]
    assert tables == ["ledger", "ledger", "players", "players", "sessions", "players"]
    wallet = office.book.wallet(registered.player_id)
    assert wallet is not None
    assert (wallet.currency, wallet.country, wallet.version, wallet.cash) == ("EUR", "EE", 1, 0)
    account = office.desk.players.account(registered.player_id)
    assert account is not None
    assert (account.accepted_terms, account.terms_accepted_at) == ("2026-11", "2026-01-01T12:00:00.000Z")
    assert office.events(registered.player_id) == [EventKind.REGISTERED]
    assert office.live(registered.player_id) == 0


def test_personal_data_stands_nowhere_in_the_open(office: Office) -> None:
    office.registered()
    kept = repr([office.items(table) for table in ("players", LEDGER_TABLE, SESSIONS_TABLE)])
    for secret in (PASSWORD, "ann.smith", "example.com", "1990-05-17"):
        assert secret not in kept


@pytest.mark.parametrize("typed", [str.lower, lambda code: f" {code} ", lambda code: code.replace("-", " ").replace("1", "l")])
def test_a_code_is_read_as_people_write_it(office: Office, typed: Callable[[str], str]) -> None:
    begun, code = begin(office)
    assert office.registration.verify(begun.token, typed(code)).email == EMAIL


def test_a_taken_address_gives_the_same_answer_after_the_same_work(office: Office) -> None:
    office.registered()
    free, free_work = office.counted(lambda: office.registration.begin(replace(ANN, email="bob.smith@example.com")))
    assert office.mailbox.latest() is Template.VERIFY_ADDRESS
    taken, taken_work = office.counted(lambda: office.registration.begin(replace(ANN, email="Ann.Smith@Example.com")))
    assert office.mailbox.latest() is Template.ADDRESS_TAKEN
    assert taken_work == free_work
    assert (free.expires_in, len(free.token)) == (taken.expires_in, len(taken.token))
    waiting = [item for item in office.of_kind("CHALLENGE") if "guesses" not in item]
    # one address has as many letters as the other
    assert [len(item["sealed"]["B"]) for item in waiting] == [len(waiting[0]["sealed"]["B"])] * 2
    assert sorted(waiting[0]) == sorted(waiting[1])


def test_even_the_code_of_a_taken_address_makes_nothing(office: Office) -> None:
    office.registered()
    begun, code = begin(office, replace(ANN, password="another password"))
    with pytest.raises(InvalidCode):
        office.registration.verify(begun.token, code)
    assert len(office.of_kind("PROFILE")) == len(office.wallets()) == 1


def test_a_code_counts_only_with_the_token_it_was_made_for(office: Office) -> None:
    """Nobody opens an account for somebody else: who registered a foreign address has no code, its owner has no token."""
    mine, my_code = begin(office)
    others, others_code = begin(office, replace(ANN, password="stolen address"))
    for token, code in ((mine.token, others_code), (others.token, my_code), ("", my_code), (mine.token[:-1] + "!", my_code)):
        with pytest.raises(InvalidCode):
            office.registration.verify(token, code)
    assert office.registration.verify(mine.token, my_code).email == EMAIL


def test_of_two_applications_for_one_address_the_first_confirmed_wins(office: Office) -> None:
    first, first_code = begin(office)
    second, second_code = begin(office)
    registered = office.registration.verify(second.token, second_code)
    with pytest.raises(InvalidCode):
        office.registration.verify(first.token, first_code)
    assert [item["player_id"]["S"] for item in office.of_kind("CREDENTIALS")] == [registered.player_id]
    assert office.wallets() == [f"W#{registered.player_id}"]


def test_five_wrong_codes_and_no_more(office: Office) -> None:
    begun, code = begin(office)
    for wrong in wrong_codes(code)[:GUESSES_MAX]:
        with pytest.raises(InvalidCode):
            office.registration.verify(begun.token, wrong)
    with pytest.raises(InvalidCode):
        office.registration.verify(begun.token, code)
    assert office.wallets() == []


def test_four_wrong_codes_leave_one_try(office: Office) -> None:
    begun, code = begin(office)
    for wrong in [*wrong_codes(code)[: GUESSES_MAX - 1], "no code", "", wrong_codes(code)[0]]:
        with pytest.raises(InvalidCode):
            office.registration.verify(begun.token, wrong)
    assert office.registration.verify(begun.token, code).email == EMAIL


def test_two_hundred_wrong_codes_at_once_are_five_checked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, code = begin(office)
    checked = []
    office.client.calls.clear()
    guess = office.desk.challenges._store.guess

    def counted(*args: Any) -> Any:
        challenge = guess(*args)
        if challenge is not None:
            checked.append(challenge)
        return challenge

    monkeypatch.setattr(office.desk.challenges._store, "guess", counted)
    tries = [partial(office.registration.verify, begun.token, wrong) for wrong in wrong_codes(code)[:200]]
    refusals = at_once(tries, threads=16)
    assert {type(refusal) for refusal in refusals} == {InvalidCode}
    assert len(refusals) == 200
    assert len(checked) == GUESSES_MAX
    with pytest.raises(InvalidCode):
        office.registration.verify(begun.token, code)


def test_a_code_is_good_to_the_last_millisecond_and_no_longer(office: Office) -> None:
    begun, code = begin(office)
    office.clock.advance(milliseconds=LIFETIME_MS)
    with pytest.raises(InvalidCode):
        office.registration.verify(begun.token, code)
    office.clock.advance(milliseconds=-1)
    assert office.registration.verify(begun.token, code).email == EMAIL


def test_the_same_code_again_is_the_same_answer(office: Office) -> None:
    begun, code = begin(office)
    first = office.registration.verify(begun.token, code)
    office.clock.advance(seconds=1000)
    for _ in range(GUESSES_MAX + 1):
        assert office.registration.verify(begun.token, code) == replace(first, replayed=True)
    assert len(office.of_kind("PROFILE")) == len(office.of_kind("EVENT")) == len(office.wallets()) == 1
    office.clock.advance(milliseconds=LIFETIME_MS)
    with pytest.raises(InvalidCode):
        office.registration.verify(begun.token, code)


def test_verifications_at_once_make_one_account(office: Office) -> None:
    begun, code = begin(office)
    answers = at_once([lambda: office.registration.verify(begun.token, code)] * 8)
    assert len({replace(answer, replayed=False) for answer in answers if isinstance(answer, Registered)}) == 1
    assert [answer.replayed for answer in answers if isinstance(answer, Registered)].count(False) == 1
    assert all(isinstance(answer, Registered) for answer in answers)
    assert len(office.of_kind("PROFILE")) == len(office.of_kind("CREDENTIALS")) == len(office.wallets()) == 1


def test_rival_applications_confirmed_at_once_make_one_account(office: Office) -> None:
    begun = [begin(office) for _ in range(4)]
    verify = office.registration.verify
    answers = at_once([partial(verify, one.token, code) for one, code in begun])
    assert sorted(type(answer).__name__ for answer in answers) == ["InvalidCode"] * 3 + ["Registered"]
    assert len(office.of_kind("PROFILE")) == len(office.of_kind("CREDENTIALS")) == len(office.wallets()) == 1


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
@pytest.mark.parametrize("place", range(6))
def test_an_answer_lost_anywhere_in_the_second_step_leads_to_one_account(office: Office, place: int, fault: Any) -> None:
    begun, code = begin(office)
    with office.client.fault_at(place, fault), suppress(Unavailable, OutcomeUnknown):
        office.registration.verify(begun.token, code)
    answer = office.registration.verify(begun.token, code)
    assert (answer.email, answer.player_id) == (EMAIL, office.of_kind("PROFILE")[0]["pk"]["S"].removeprefix("PLAYER#"))
    assert len(office.of_kind("PROFILE")) == len(office.of_kind("EVENT")) == len(office.wallets()) == 1


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST)], ids=["failing", "landing"])
@pytest.mark.parametrize("place", range(4))
def test_an_answer_lost_anywhere_in_the_first_step_can_be_asked_for_again(office: Office, place: int, fault: Any) -> None:
    with office.client.fault_at(place, fault), suppress(Unavailable):
        office.registration.begin(ANN)
    begun, code = begin(office)
    assert office.registration.verify(begun.token, code).email == EMAIL


@pytest.mark.parametrize("place", range(2))
def test_without_the_personal_key_nothing_is_made(office: Office, place: int) -> None:
    silent = failing(ReadTimeoutError(endpoint_url="https://kms"))
    with office.kms.fault_at(0, silent), pytest.raises(Unavailable):
        office.registration.begin(ANN)
    assert office.items() == []
    assert office.mailbox.mails == []
    begun, code = begin(office)
    with office.kms.fault_at(place, silent), pytest.raises(Unavailable):
        office.registration.verify(begun.token, code)
    assert office.wallets() == []
    assert office.registration.verify(begun.token, code).email == EMAIL


def test_a_mail_that_cannot_be_queued_fails_the_first_step(office: Office) -> None:
    office.mailbox.is_open = False
    with pytest.raises(Unavailable):
        office.registration.begin(ANN)


def test_five_mails_an_hour_to_one_address_and_nobody_can_tell(office: Office) -> None:
    for _ in range(MAILS_MAX):
        begin(office)
    assert office.mailbox.latest() is Template.VERIFY_ADDRESS
    silent, work = office.counted(lambda: office.registration.begin(ANN))
    assert office.mailbox.latest() is Template.NOTHING
    begin(office, replace(ANN, email="bob.smith@example.com"))
    assert office.mailbox.latest() is Template.VERIFY_ADDRESS
    office.clock.advance(milliseconds=MAIL_WINDOW_MS - 1)
    begin(office)
    assert office.mailbox.latest() is Template.NOTHING
    office.clock.advance(milliseconds=1 + LATE_MS)
    again, again_work = office.counted(lambda: office.registration.begin(ANN))
    assert office.mailbox.latest() is Template.VERIFY_ADDRESS
    assert (silent.expires_in, len(silent.token), work) == (again.expires_in, len(again.token), again_work)


def test_a_token_of_registration_is_worth_nothing_elsewhere(office: Office) -> None:
    begun, code = begin(office)
    for purpose in (Purpose.RESET, Purpose.EMAIL_CHANGE):
        with pytest.raises(InvalidCode):
            office.desk.challenges.prove(purpose, begun.token, code)


def test_an_application_that_the_rules_refuse_leaves_nothing(office: Office) -> None:
    for wrong in (replace(ANN, date_of_birth="2010-01-01"), replace(ANN, password="password1"), replace(ANN, currency="XXX")):
        with pytest.raises(rules.InvalidFields):
            office.registration.begin(wrong)
    assert office.items() == []
    assert office.mailbox.mails == []


def test_another_refusal_of_the_ledger_is_no_wrong_code(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, code = begin(office)
    monkeypatch.setattr(Book, "post", lambda *_args: Refused(Reason.PLAYER_EXISTS))
    with pytest.raises(registration.RegistrationRefused, match="player_exists"):
        office.registration.verify(begun.token, code)


def test_player_ids_are_not_guessable_by_their_neighbours() -> None:
    made = {registration.new_player_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"pl_[a-z2-7]{20}", player_id) for player_id in made)


def test_nothing_of_a_person_is_in_what_is_printed(office: Office) -> None:
    begun, code = begin(office)
    registered = office.registration.verify(begun.token, code)
    person = office.desk.people.find(registered.player_id)
    printed = repr((begun, registered, person))
    for secret in (begun.token, "ann.smith", "1990"):
        assert secret not in printed
