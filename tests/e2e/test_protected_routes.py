"""Every route that needs a token, as docs/openapi.json tells them: without one, with a broken, an expired or an ended one."""

import time
from collections.abc import Callable

import pytest

from sandbox import staff
from sandbox.player import Account, PlayerApi
from sandbox.stack import Stack
from tests.e2e import routes, world
from tests.e2e.forge import opened, signed_by_house
from tests.e2e.world import problem

BROKEN = (
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer nonsense",
    "Basic dXNlcjpwYXNz",
    "Bearer a.b.c",
    "Bearer ..",
    "Bearer " + "x" * 5000,
)
NEW_PASSWORD = "another-long-enough-secret"


def test_there_are_routes_of_both_kinds() -> None:
    protected = {str(route) for route in routes.PROTECTED}
    assert {"GET /v1/wallet", "POST /v1/deposits", "GET /v1/players/me", "GET /v1/sessions"} <= protected
    public = {"POST /v1/players", "POST /v1/sessions", "POST /v1/sessions/refresh", "GET /.well-known/jwks.json"}
    assert public <= {str(route) for route in routes.PUBLIC}


@pytest.mark.parametrize("route", routes.PROTECTED, ids=str)
def test_a_missing_or_broken_token(stack: Stack, route: routes.Route) -> None:
    api = PlayerApi(stack.apis.player)
    for authorization in BROKEN:
        answer = route.ask(api, {} if authorization is None else {"Authorization": authorization})
        problem(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", routes.PUBLIC, ids=str)
def test_a_route_that_is_for_everybody(stack: Stack, route: routes.Route) -> None:
    api = PlayerApi(stack.apis.player)
    for authorization in (None, "Bearer nonsense"):
        answer = route.ask(api, {} if authorization is None else {"Authorization": authorization})
        assert answer.status < 500
        assert answer.status == 200 or answer.json()["code"] != "not_authenticated"


def test_an_expired_token_is_refused_everywhere(stack: Stack) -> None:
    _, api = world.newcomer(stack)
    header, claims = opened(api.token)
    now = int(time.time())
    old = signed_by_house(stack, header, claims | {"iat": now - 700, "nbf": now - 700, "exp": now - 100})
    assert set(routes.everywhere(PlayerApi(stack.apis.player, old)).values()) == {(401, "token_expired")}
    early = signed_by_house(stack, header, claims | {"iat": now + 500, "nbf": now + 500, "exp": now + 900})
    assert set(routes.everywhere(PlayerApi(stack.apis.player, early)).values()) == {(401, "not_authenticated")}


def log_out(_stack: Stack, _account: Account, api: PlayerApi) -> None:
    api.end_session()


def log_out_everywhere(_stack: Stack, _account: Account, api: PlayerApi) -> None:
    api.end_all_sessions()


def end_it_from_elsewhere(stack: Stack, account: Account, api: PlayerApi) -> None:
    elsewhere = PlayerApi(stack.apis.player)
    elsewhere.log_in(account)
    elsewhere.end_session(api.session_id)
    assert [one["session_id"] for one in elsewhere.sessions()] == [elsewhere.session_id]


def change_the_password(_stack: Stack, account: Account, api: PlayerApi) -> None:
    api.change_password(account, NEW_PASSWORD)


def support(action: str) -> Callable[[Stack, Account, PlayerApi], None]:
    def act(stack: Stack, account: Account, _api: PlayerApi) -> None:
        staff.support(stack, action, account.player_id, "end-to-end test")

    return act


def close_the_account(_stack: Stack, _account: Account, api: PlayerApi) -> None:
    api.call("POST", "/v1/players/me/closure", {})


ENDED, FROZEN = (401, "session_ended"), (403, "account_frozen")


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        *((end, ENDED) for end in (log_out, log_out_everywhere, end_it_from_elsewhere, change_the_password, close_the_account)),
        *(pytest.param(support(action), ENDED, id=action) for action in ("exclude", "end_sessions")),
        pytest.param(support("freeze"), FROZEN, id="freeze"),
    ],
)
def test_an_ended_session_is_refused_everywhere_within_a_second(
    stack: Stack, end: Callable[[Stack, Account, PlayerApi], None], refusal: tuple[int, str]
) -> None:
    account, api = world.newcomer(stack)
    assert api.wallet().player_id == account.player_id
    end(stack, account, api)
    routes.refused_everywhere_within_a_second(api, time.monotonic(), refusal)
    problem(api.raw("POST", "/v1/sessions/refresh", world.encoded({"refresh_token": api.refresh_token})), 401, "refresh_refused")
