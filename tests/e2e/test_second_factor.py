"""The second factor: codes that work once, recovery codes, and the routes that ask once more who it is."""

from collections import Counter

import pytest

from sandbox.authenticator import Authenticator
from sandbox.player import Account, PlayerApi, RefusedError
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.world import credentials, newcomer, post, problem, refused

NEW_PASSWORD = "another-long-enough-secret"


@pytest.fixture
def guarded(stack: Stack) -> tuple[Account, PlayerApi, Authenticator, list[str]]:
    """A player with a second factor."""
    account, api = newcomer(stack)
    authenticator, recovery_codes = api.enrol_factor()
    return account, api, authenticator, recovery_codes


Guarded = tuple[Account, PlayerApi, Authenticator, list[str]]


def test_a_code_logs_in_once_even_when_it_is_used_at_the_same_time(stack: Stack, guarded: Guarded) -> None:
    account, _, authenticator, _ = guarded
    with refused(401, "second_factor_required"):
        PlayerApi(stack.apis.player).log_in(account)
    said = credentials(account, code=authenticator.code())
    answers = world.at_once(4, lambda _: post(PlayerApi(stack.apis.player), "/v1/sessions", said))
    assert Counter(answer.status == 201 for answer in answers)[True] == 1
    assert {answer.json().get("code", "") for answer in answers} <= {"", "invalid_code", "temporarily_unavailable"}
    assert post(PlayerApi(stack.apis.player), "/v1/sessions", said).json()["code"] == "invalid_code"


def test_a_wrong_code_says_nothing_before_the_password_is_right(stack: Stack, guarded: Guarded) -> None:
    account, _, _, _ = guarded
    wrong = credentials(account, code="000000") | {"password": "not-the-password-at-all"}
    problem(post(PlayerApi(stack.apis.player), "/v1/sessions", wrong), 401, "invalid_credentials")
    without = {key: value for key, value in wrong.items() if key != "code"}
    problem(post(PlayerApi(stack.apis.player), "/v1/sessions", without), 401, "invalid_credentials")


def test_a_recovery_code_works_once(stack: Stack, guarded: Guarded) -> None:
    account, _, _, recovery_codes = guarded
    assert len(set(recovery_codes)) == 10
    api = PlayerApi(stack.apis.player)
    api.log_in(account, recovery_codes[0])
    answer = post(PlayerApi(stack.apis.player), "/v1/sessions", credentials(account, code=recovery_codes[0]))
    assert answer.json()["code"] == "invalid_code"
    api.log_in(account, recovery_codes[1])
    api.remove_factor()
    assert api.profile()["second_factor"] is False
    PlayerApi(stack.apis.player).log_in(account)


def test_enrolling_ends_other_sessions_and_wants_a_right_code(stack: Stack) -> None:
    account, api = newcomer(stack)
    other = PlayerApi(stack.apis.player)
    other.log_in(account)
    api.call("POST", "/v1/players/me/factor", {})
    problem(post(api, "/v1/players/me/factor/confirmations", {"code": "000000"}), 400, "invalid_code")
    assert other.profile()["second_factor"] is False
    api.enrol_factor()
    with refused(401, "session_ended"):
        other.wallet()
    assert api.profile()["second_factor"] is True


STEPPED_UP = [
    ("POST", "/v1/players/me/password", {"current_password": "x" * 12, "new_password": NEW_PASSWORD}),
    ("POST", "/v1/players/me/email", {"email": "other@example.com"}),
    ("POST", "/v1/players/me/factor", {}),
    ("DELETE", "/v1/players/me/factor", None),
    ("POST", "/v1/players/me/closure", {}),
]


@pytest.mark.parametrize(("method", "path", "said"), STEPPED_UP, ids=[f"{method} {path}" for method, path, _ in STEPPED_UP])
def test_what_matters_most_asks_once_more_who_it_is(
    stack: Stack, guarded: Guarded, method: str, path: str, said: dict[str, str] | None
) -> None:
    account, api, authenticator, _ = guarded
    world.forget_step_ups(stack, account.player_id)
    with refused(403, "step_up_required"):
        api.call(method, path, said)
    with pytest.raises(RefusedError):
        api.step_up(password=account.password)  # a second factor is enrolled: the password alone does not do
    api.step_up(code=authenticator.code())
    answer = api.raw(method, path, None if said is None else world.encoded(said))
    assert answer.status != 403, answer.body


def test_a_password_steps_up_where_no_factor_is_enrolled(stack: Stack) -> None:
    account, api = newcomer(stack)
    world.forget_step_ups(stack, account.player_id)
    with refused(403, "step_up_required"):
        api.enrol_factor()
    with pytest.raises(RefusedError):
        api.step_up(password="not-the-password-at-all")
    api.step_up(password=account.password)
    api.enrol_factor()
