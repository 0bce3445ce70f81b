"""Changes of an account: its password, its address, its profile, its end; and the record that each of them leaves."""

import secrets
from dataclasses import replace

import pytest

from sandbox.mailbox import MailboxError
from sandbox.player import PlayerApi
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.test_registration import QUIET_SECONDS
from tests.e2e.world import credentials, newcomer, post, problem, refused

NEW_PASSWORD = "another-long-enough-secret"


def test_a_changed_password(stack: Stack) -> None:
    account, api = newcomer(stack)
    body = {"current_password": "not-the-password-at-all", "new_password": NEW_PASSWORD}
    problem(post(api, "/v1/players/me/password", body), 401, "invalid_credentials")
    common = {"current_password": account.password, "new_password": "password123"}
    problem(post(api, "/v1/players/me/password", common), 400, "invalid_request", "new_password")
    seen = world.mailbox(stack).seen(account.email)
    api.change_password(account, NEW_PASSWORD)
    problem(post(api, "/v1/sessions", credentials(account)), 401, "invalid_credentials")
    api.log_in(replace(account, password=NEW_PASSWORD))
    assert "password" in world.mailbox(stack).await_mail(account.email, after=seen).text


def test_a_forgotten_password(stack: Stack) -> None:
    account, owner = newcomer(stack)
    mailbox, api = world.mailbox(stack), PlayerApi(stack.apis.player)
    seen = mailbox.seen(account.email)
    known = post(api, "/v1/password-resets", {"email": account.email})
    unknown = post(api, "/v1/password-resets", {"email": f"nobody-{secrets.token_hex(6)}@example.com"})
    assert (known.status, unknown.status) == (202, 202)
    assert known.json().keys() == unknown.json().keys() == {"reset_token", "expires_in"}
    assert known.json()["expires_in"] == unknown.json()["expires_in"] == 900
    assert len(known.json()["reset_token"]) == len(unknown.json()["reset_token"])
    code = mailbox.await_code(account.email, after=seen)
    said = {"reset_token": known.json()["reset_token"], "code": code, "password": NEW_PASSWORD}
    problem(post(api, "/v1/password-resets/completions", said | {"password": "password123"}), 400, "invalid_request", "password")
    problem(
        post(api, "/v1/password-resets/completions", said | {"reset_token": unknown.json()["reset_token"]}), 400, "invalid_code"
    )
    assert post(api, "/v1/password-resets/completions", said).status == 204
    problem(post(api, "/v1/password-resets/completions", said | {"password": "a-third-long-secret"}), 400, "invalid_code")
    with refused(401, "session_ended"):
        owner.wallet()
    problem(post(api, "/v1/sessions", credentials(account)), 401, "invalid_credentials")
    api.log_in(replace(account, password=NEW_PASSWORD))


def test_a_reset_is_not_a_way_around_the_second_factor(stack: Stack) -> None:
    account, owner = newcomer(stack)
    _, recovery_codes = owner.enrol_factor()
    mailbox, api = world.mailbox(stack), PlayerApi(stack.apis.player)
    seen = mailbox.seen(account.email)
    token = api.call("POST", "/v1/password-resets", {"email": account.email})["reset_token"]
    said = {"reset_token": token, "code": mailbox.await_code(account.email, after=seen), "password": NEW_PASSWORD}
    problem(post(api, "/v1/password-resets/completions", said), 401, "second_factor_required")
    assert post(api, "/v1/password-resets/completions", said | {"factor_code": recovery_codes[0]}).status == 204
    api.log_in(replace(account, password=NEW_PASSWORD), recovery_codes[1])


def test_wrong_reset_codes_run_out(stack: Stack) -> None:
    account, _ = newcomer(stack)
    mailbox, api = world.mailbox(stack), PlayerApi(stack.apis.player)
    seen = mailbox.seen(account.email)
    token = api.call("POST", "/v1/password-resets", {"email": account.email})["reset_token"]
    said = {"reset_token": token, "code": mailbox.await_code(account.email, after=seen), "password": NEW_PASSWORD}
    for wrong in world.other_codes(said["code"], 5):
        problem(post(api, "/v1/password-resets/completions", said | {"code": wrong}), 400, "invalid_code")
    problem(post(api, "/v1/password-resets/completions", said), 400, "invalid_code")
    api.log_in(account)


def test_a_changed_address(stack: Stack) -> None:
    account, api = newcomer(stack)
    mailbox, wanted = world.mailbox(stack), f"moved-{secrets.token_hex(6)}@example.com"
    seen = mailbox.seen(account.email)
    token = api.call("POST", "/v1/players/me/email", {"email": wanted})["change_token"]
    confirmation = {"change_token": token, "code": mailbox.await_code(wanted)}
    problem(post(api, "/v1/players/me/email/confirmations", confirmation | {"code": "AAAA-BBBB"}), 400, "invalid_code")
    api.call("POST", "/v1/players/me/email/confirmations", confirmation)
    assert mailbox.await_mail(account.email, after=seen).text
    with refused(401, "session_ended"):
        api.wallet()
    problem(post(api, "/v1/sessions", credentials(account)), 401, "invalid_credentials")
    api.log_in(replace(account, email=wanted))
    assert api.profile()["email"] == wanted
    api.call("POST", "/v1/players/me/email/confirmations", confirmation)  # the same again is answered the same
    assert api.profile()["email"] == wanted


def test_an_address_of_somebody_else_is_not_told_and_not_given(stack: Stack) -> None:
    owner, _ = newcomer(stack)
    account, api = newcomer(stack)
    mailbox = world.mailbox(stack)
    seen = mailbox.seen(owner.email)
    taken = post(api, "/v1/players/me/email", {"email": owner.email})
    free = post(api, "/v1/players/me/email", {"email": f"free-{secrets.token_hex(6)}@example.com"})
    assert (taken.status, free.status) == (202, 202)
    assert taken.json().keys() == free.json().keys()
    confirmation = {"change_token": taken.json()["change_token"], "code": "ABCD-EFGH"}
    problem(post(api, "/v1/players/me/email/confirmations", confirmation), 400, "invalid_code")
    with pytest.raises(MailboxError):
        mailbox.await_mail(owner.email, after=seen, timeout_seconds=QUIET_SECONDS).code()
    api.log_in(account)
    assert api.profile()["email"] == account.email


def test_the_profile_and_its_bounds(stack: Stack) -> None:
    _, api = newcomer(stack)
    api.call("PATCH", "/v1/players/me", {"given_name": "Zoë", "family_name": "O'Neill-Ødegård"})
    profile = api.profile()
    assert (profile["given_name"], profile["family_name"]) == ("Zoë", "O'Neill-Ødegård")
    for field, value in (("email", "a@example.com"), ("country", "DE"), ("currency", "USD"), ("date_of_birth", "1970-01-01")):
        answer = api.raw("PATCH", "/v1/players/me", world.encoded({field: value}))
        problem(answer, 400, "invalid_request", field)
    assert api.profile() == profile


def test_an_account_with_money_is_not_closed(stack: Stack) -> None:
    seat = world.seat(stack, "10.00")
    problem(post(seat.api, "/v1/players/me/closure", {}), 409, "balance_remains")
    assert seat.api.wallet().available == "10.00"
    assert seat.play("bet", amount=1_000_000)["status"] == "RS_OK"
    seat.api.call("POST", "/v1/players/me/closure", {})
    with refused(401, "session_ended"):
        seat.api.wallet()
    problem(post(seat.api, "/v1/sessions", credentials(seat.account)), 401, "invalid_credentials")
    world.clean_audit(seat)


def test_every_event_of_security_is_on_record(stack: Stack) -> None:
    account, api = newcomer(stack)
    api.enrol_factor()
    seen = api.call("GET", "/v1/players/me/security-events?limit=50")["items"]
    assert [event["at"] for event in seen] == sorted((event["at"] for event in seen), reverse=True)
    assert {"registered", "factor_enrolled"} <= {event["kind"] for event in seen}
    assert any(event["kind"].startswith("logged_in") for event in seen)
    assert account.email not in str(seen)
    first = api.call("GET", "/v1/players/me/security-events?limit=1")
    rest = api.call("GET", f"/v1/players/me/security-events?limit=50&cursor={first['next_cursor']}")["items"]
    assert first["items"] + rest == seen
