"""Registration: an account exists from the moment its address is confirmed, and nobody learns which addresses have one."""

import secrets

import pytest

from sandbox.mailbox import Mailbox, MailboxError
from sandbox.player import NEW_PLAYER, PlayerApi, RefusedError
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.world import post, problem, refused

PASSWORD = "a-long-enough-secret"
QUIET_SECONDS = 3.0
"""How long a mail is waited for that must not come; those that do come take a tenth of it."""


@pytest.fixture
def api(stack: Stack) -> PlayerApi:
    return PlayerApi(stack.apis.player)


@pytest.fixture
def mailbox(stack: Stack) -> Mailbox:
    return world.mailbox(stack)


def some_address() -> str:
    return f"someone-{secrets.token_hex(6)}@example.com"


def verification(token: str, code: str) -> dict[str, str]:
    return {"registration_token": token, "code": code}


def test_there_is_no_account_before_the_code(api: PlayerApi, mailbox: Mailbox) -> None:
    email = some_address()
    token = api.apply(email, PASSWORD)
    code = mailbox.await_code(email)
    login = {"email": email, "password": PASSWORD}
    problem(post(api, "/v1/sessions", login), 401, "invalid_credentials")
    account = api.verify(token, code, PASSWORD)
    assert (account.email, account.currency, account.country) == (email, "EUR", "MT")
    api.log_in(account)
    assert api.wallet().available == "0.00"
    profile = api.profile()
    assert (profile["email"], profile["date_of_birth"], profile["second_factor"]) == (email, NEW_PLAYER["date_of_birth"], False)


def test_a_code_makes_one_account_however_it_is_typed_and_however_often_it_is_sent(api: PlayerApi, mailbox: Mailbox) -> None:
    email = some_address()
    token = api.apply(email, PASSWORD)
    code = mailbox.await_code(email)
    account = api.verify(token, f" {code[:4].lower()}-{code[4:].lower()}", PASSWORD)
    assert api.verify(token, code, PASSWORD) == account  # whose answer was lost may ask again
    later = api.apply(email, PASSWORD)
    problem(post(api, "/v1/players/verifications", verification(later, code)), 400, "invalid_code")


def test_one_code_confirmed_many_times_at_once_makes_one_account(api: PlayerApi, mailbox: Mailbox) -> None:
    email = some_address()
    token = api.apply(email, PASSWORD)
    said = verification(token, mailbox.await_code(email))
    answers = world.at_once(8, lambda _: post(api, "/v1/players/verifications", said))
    made = {answer.json()["player_id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 400, 503}


def test_five_wrong_codes_end_a_registration(api: PlayerApi, mailbox: Mailbox) -> None:
    email = some_address()
    token = api.apply(email, PASSWORD)
    code = mailbox.await_code(email)
    for wrong in world.other_codes(code, 5):
        problem(post(api, "/v1/players/verifications", verification(token, wrong)), 400, "invalid_code")
    problem(post(api, "/v1/players/verifications", verification(token, code)), 400, "invalid_code")
    problem(post(api, "/v1/sessions", {"email": email, "password": PASSWORD}), 401, "invalid_credentials")


def test_a_code_belongs_to_its_registration(api: PlayerApi, mailbox: Mailbox) -> None:
    one, other = some_address(), some_address()
    first, second = api.apply(one, PASSWORD), api.apply(other, PASSWORD)
    code = mailbox.await_code(one)
    problem(post(api, "/v1/players/verifications", verification(second, code)), 400, "invalid_code")
    for token in ("", "x", "rg." + "x" * 43, first[:-1], "x" * 1000):
        answer = post(api, "/v1/players/verifications", verification(token, code))
        assert (answer.status, answer.json()["code"]) in {(400, "invalid_code"), (400, "invalid_request")}
    assert api.verify(first, code, PASSWORD).email == one


def test_a_taken_address_gets_the_same_answer_and_its_owner_a_mail(stack: Stack, api: PlayerApi, mailbox: Mailbox) -> None:
    account, owner = world.newcomer(stack)
    before = owner.wallet()
    for email in (account.email, account.email.upper()):
        seen = mailbox.seen(account.email)
        taken = post(api, "/v1/players", NEW_PLAYER | {"email": email, "password": PASSWORD})
        fresh = post(api, "/v1/players", NEW_PLAYER | {"email": some_address(), "password": PASSWORD})
        assert (taken.status, fresh.status) == (202, 202)
        assert taken.json().keys() == fresh.json().keys() == {"registration_token", "expires_in"}
        assert taken.json()["expires_in"] == fresh.json()["expires_in"]
        assert len(taken.json()["registration_token"]) == len(fresh.json()["registration_token"])
        assert taken.headers.keys() == fresh.headers.keys()
        mail = mailbox.await_mail(account.email, after=seen)
        assert "already" in mail.text
        with pytest.raises(MailboxError, match="holds no code"):
            mail.code()
        said = verification(taken.json()["registration_token"], "ABCD-EFGH")
        problem(post(api, "/v1/players/verifications", said), 400, "invalid_code")
    assert owner.wallet() == before
    api.log_in(account)  # with the password that it had


def test_one_address_is_mailed_five_times_an_hour_at_most(api: PlayerApi, mailbox: Mailbox) -> None:
    email = some_address()
    for _ in range(7):
        api.apply(email, PASSWORD)
    for count in range(5):
        mailbox.await_mail(email, after=[mail.message_id for mail in mailbox.mails(email)][:count])
    with pytest.raises(MailboxError, match="no mail came"):
        mailbox.await_mail(email, after=mailbox.seen(email), timeout_seconds=QUIET_SECONDS)
    assert len(mailbox.mails(email)) == 5


def test_the_mails_say_nothing_that_only_the_player_knows(stack: Stack) -> None:
    account, _ = world.newcomer(stack)
    for mail in world.mailbox(stack).mails(account.email):
        assert account.password not in mail.text + mail.subject
        assert account.player_id not in mail.text + mail.subject


def test_common_passwords_and_ones_own_data_are_refused(api: PlayerApi) -> None:
    email = some_address()
    for password in ("password123", "qwertyuiop", email, email.split("@", maxsplit=1)[0], "1990-05-17"):
        said = problem(
            post(api, "/v1/players", NEW_PLAYER | {"email": email, "password": password}), 400, "invalid_request", "password"
        )
        assert password not in str(said)
    with refused(401, "invalid_credentials"):
        api.call("POST", "/v1/sessions", {"email": email, "password": "password123"})


def test_a_refusal_is_an_exception_with_its_code(api: PlayerApi) -> None:
    with pytest.raises(RefusedError) as found:
        api.apply("nobody", PASSWORD)
    assert (found.value.status, found.value.code) == (400, "invalid_request")
