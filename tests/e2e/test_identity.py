"""Logging in and staying in: what a login tells, how guesses are throttled, and how a refresh rotates."""

import time
from collections import Counter

import pytest

from sandbox.player import PlayerApi
from sandbox.stack import Stack
from sandbox.wire import NoAnswerError
from tests.e2e import world
from tests.e2e.world import credentials, newcomer, post, problem, refused

GUESSES_MAX = 10
TRIES_AT_ONCE = 200
CALLERS_AT_ONCE = 20


def refresh(api: PlayerApi, token: str) -> dict[str, str]:
    said: dict[str, str] = api.call("POST", "/v1/sessions/refresh", {"refresh_token": token})
    return said


# -------------------------------------------------------------------- login


def test_a_login_tells_of_the_last_one(stack: Stack) -> None:
    account, first = newcomer(stack)
    again = PlayerApi(stack.apis.player, user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36")
    said = again.log_in(account)
    assert said["last_login"]["device"]
    assert said["token_type"] == "Bearer"
    assert 0 < said["expires_in"] <= 600
    listed = {one["session_id"]: one for one in again.sessions()}
    assert listed.keys() == {first.session_id, again.session_id}
    assert [one["session_id"] for one in listed.values() if one["current"]] == [again.session_id]
    assert listed[first.session_id]["device"] != listed[again.session_id]["device"]


def test_a_ninth_session_ends_the_one_unused_longest(stack: Stack) -> None:
    account, first = newcomer(stack)
    others = [PlayerApi(stack.apis.player) for _ in range(8)]
    for api in others:
        api.log_in(account)
    with refused(401, "session_ended"):
        first.wallet()
    assert len(others[-1].sessions()) == 8


@pytest.mark.slow
def test_at_most_ten_guesses_are_checked_however_many_come_at_once(stack: Stack) -> None:
    account, owner = newcomer(stack)
    wrong = credentials(account) | {"password": "not-the-password-at-all"}
    attacker = PlayerApi(stack.apis.player)
    begun = time.monotonic()
    answers = world.at_most_at_once(CALLERS_AT_ONCE, TRIES_AT_ONCE, lambda _: guess(attacker, wrong))
    counts = Counter(answer for answer in answers if answer is not None)
    assert time.monotonic() - begun < 300
    assert counts.keys() <= {(401, "invalid_credentials"), (429, "too_many_requests"), (503, "temporarily_unavailable")}, counts
    assert 0 < counts[401, "invalid_credentials"] <= GUESSES_MAX, counts
    assert counts[429, "too_many_requests"] > TRIES_AT_ONCE // 2, counts
    locked = post(attacker, "/v1/sessions", credentials(account))
    problem(locked, 429, "too_many_requests")
    assert 0 < int(locked.headers["retry-after"]) <= 16 * 60  # fifteen minutes, and a margin for clocks that differ
    owner.log_in(account)  # from a device that the house knows
    assert owner.wallet().player_id == account.player_id


def guess(attacker: PlayerApi, said: dict[str, str]) -> tuple[int, str] | None:
    """Try once: status and code, or None when a busy machine gave no answer in time, or had no room to start the function."""
    try:
        answer = post(attacker, "/v1/sessions", said)
    except NoAnswerError:
        return None
    code = answer.json().get("code")
    return (answer.status, code) if code else None


def test_a_right_password_is_no_guess(stack: Stack) -> None:
    account, _ = newcomer(stack)
    for _ in range(GUESSES_MAX + 2):
        PlayerApi(stack.apis.player).log_in(account)


def test_a_device_of_somebody_else_is_not_known(stack: Stack) -> None:
    account, _ = newcomer(stack)
    _, stranger = newcomer(stack)
    attacker = PlayerApi(stack.apis.player)
    wrong = credentials(account, device_token=stranger.device_token) | {"password": "not-the-password-at-all"}
    for _ in range(GUESSES_MAX):
        problem(post(attacker, "/v1/sessions", wrong), 401, "invalid_credentials")
    problem(post(attacker, "/v1/sessions", wrong), 429, "too_many_requests")


# ------------------------------------------------------------------ refresh


def test_a_refresh_rotates_and_an_answer_that_was_lost_can_be_had_again_once(stack: Stack) -> None:
    _, api = newcomer(stack)
    first = api.refresh_token
    second = refresh(api, first)
    assert second["refresh_token"] != first
    again = refresh(api, first)  # a slow client that never saw the answer
    assert (again["access_token"], again["refresh_token"]) == (second["access_token"], second["refresh_token"])
    with refused(401, "refresh_refused"):
        refresh(api, first)
    api.token = second["access_token"]
    with refused(401, "session_ended"):
        api.wallet()
    with refused(401, "refresh_refused"):
        refresh(api, second["refresh_token"])


def test_reuse_of_an_older_token_ends_the_family(stack: Stack) -> None:
    account, api = newcomer(stack)
    other = PlayerApi(stack.apis.player)
    other.log_in(account)
    first = api.refresh_token
    api.refresh()
    api.refresh()
    with refused(401, "refresh_refused"):
        refresh(api, first)
    with refused(401, "session_ended"):
        api.wallet()
    with refused(401, "refresh_refused"):
        api.refresh()
    assert other.wallet().player_id == account.player_id  # another log-in is another family
    kinds = [event["kind"] for event in other.call("GET", "/v1/players/me/security-events")["items"]]
    assert "refresh_reused" in kinds


def test_two_refreshes_at_the_same_time_give_one_pair(stack: Stack) -> None:
    for _ in range(3):
        _, api = newcomer(stack)
        pairs = world.at_once(2, lambda _, api=api: refresh(api, api.refresh_token))
        assert pairs[0]["refresh_token"] == pairs[1]["refresh_token"]
        assert pairs[0]["access_token"] == pairs[1]["access_token"]
        api.token, api.refresh_token = pairs[0]["access_token"], pairs[0]["refresh_token"]
        assert api.wallet().version == 1
        api.refresh()
        assert api.wallet().version == 1


def test_what_is_no_refresh_token(stack: Stack) -> None:
    _, api = newcomer(stack)
    kind, player, session, secret = api.refresh_token.split(".")
    _, stranger = newcomer(stack)
    for token in (
        "x",
        "rt...",
        f"{kind}.{player}.{session}",
        f"{kind}.{player}.{secret}.{session}",
        f"at.{player}.{session}.{secret}",
    ):
        problem(post(api, "/v1/sessions/refresh", {"refresh_token": token}), 401, "refresh_refused")
    theirs = f"{kind}.{stranger.refresh_token.split('.')[1]}.{session}.{secret}"
    problem(post(api, "/v1/sessions/refresh", {"refresh_token": theirs}), 401, "refresh_refused")
    api.refresh()
    stranger.refresh()
