"""Bad input at every route that takes a body: a problem that names the fields, without a stack and without what was sent."""

import json

import pytest

from sandbox.player import NEW_PLAYER, PlayerApi
from sandbox.stack import Stack
from tests.e2e import routes, world
from tests.e2e.world import post, problem

SECRET = "hunter2-hunter2-hunter2"
NOT_JSON = [b"{", b" {", b"{'a': 1}", b'{"a":1}{}', b'{"a":NaN}', b"[" * 5000]
LOOK_ALIKES = [
    "\u0430nn@example.com",  # a Cyrillic letter
    "ann@ex\u0430mple.com",
    "\uff41nn@example.com",  # full width
    "ann\uff20example.com",
    "ann@example\u3002com",  # an ideographic full stop
    "a\u200bnn@example.com",  # a space of no width
    "\u202eann@example.com",  # right to left
    "ann\u0301@example.com",
    "ann@example.com\u0000",
]


@pytest.fixture(scope="module")
def api(stack: Stack) -> PlayerApi:
    return world.newcomer(stack)[1]


def ask(api: PlayerApi, route: routes.Route, body: bytes, **headers: str) -> str:
    """Send a body with a secret somewhere in it; what comes back must not hold it. Gives the code of the refusal."""
    given = {"Idempotency-Key": "k" * 16} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.raw(route.method, route.path, body, headers=given)
    text = answer.body.decode()
    assert 400 <= answer.status < 500, text
    assert SECRET not in text
    assert "Traceback" not in text
    assert ".py" not in text
    problem(answer, answer.status, answer.json()["code"])
    return str(answer.json()["code"])


each_route = pytest.mark.parametrize("route", routes.TAKING, ids=str)


@each_route
def test_a_body_that_is_no_json_object(api: PlayerApi, route: routes.Route) -> None:
    for body in NOT_JSON:
        assert ask(api, route, body) == "malformed_json", body
    # Bytes that are no UTF-8 come to a function as U+FFFD: the gateway hands on text.
    for body in (b'{"a":"\xff"}', b"", b"[]", b"7", json.dumps(SECRET).encode(), b"null"):
        assert ask(api, route, body) == "invalid_request", body


@each_route
def test_every_missing_unknown_or_mistyped_member_is_named(api: PlayerApi, route: routes.Route) -> None:
    empty = api.raw(route.method, route.path, b"{}", headers={"Idempotency-Key": "k" * 16})
    problem(empty, 400, "invalid_request", *route.required)
    whole = dict.fromkeys(route.required, SECRET)
    for wrong in (7, True, None, [SECRET], {"x": SECRET}, 1e300):
        for name in route.required:
            body = json.dumps(whole | {name: wrong}).encode()
            assert ask(api, route, body) == "invalid_request"
            problem(api.raw(route.method, route.path, body, headers={"Idempotency-Key": "k" * 16}), 400, "invalid_request", name)
    surplus = api.raw(
        route.method, route.path, json.dumps(whole | {"role": "admin"}).encode(), headers={"Idempotency-Key": "k" * 16}
    )
    problem(surplus, 400, "invalid_request", "role")


@each_route
def test_a_member_that_comes_twice(api: PlayerApi, route: routes.Route) -> None:
    name = json.dumps(route.required[0])
    assert ask(api, route, f'{{{name}: "{SECRET}", {name}: "another"}}'.encode()) == "malformed_json"


@each_route
def test_another_media_type_or_too_large_a_body(api: PlayerApi, route: routes.Route) -> None:
    body = json.dumps(dict.fromkeys(route.required, SECRET)).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"):
        assert ask(api, route, body, Content_Type=kind) == "unsupported_media_type"
    assert ask(api, route, body[:-1] + b" " * 20_000 + b"}") == "body_too_large"
    assert ask(api, route, json.dumps(dict.fromkeys(route.required, "x" * 2000)).encode()) == "invalid_request"


@pytest.mark.parametrize("email", LOOK_ALIKES, ids=ascii)
def test_an_address_that_looks_like_another(stack: Stack, email: str) -> None:
    api = PlayerApi(stack.apis.player)
    answer = post(api, "/v1/players", NEW_PLAYER | {"email": email, "password": SECRET})
    assert email not in str(problem(answer, 400, "invalid_request", "email"))
    login = post(api, "/v1/sessions", {"email": email, "password": SECRET})
    assert (login.status, login.json()["code"]) in {(401, "invalid_credentials"), (400, "invalid_request")}
    reset = post(api, "/v1/password-resets", {"email": email})
    assert reset.status in {202, 400}


def test_passwords_of_any_characters_and_of_the_longest_length(stack: Stack) -> None:
    api, mailbox = PlayerApi(stack.apis.player), world.mailbox(stack)
    for number, password in enumerate(
        ("pässwörter \u2603 sind schön", "x y\tz\u00a0\U0001f3b0 casino", ("nine wool kettles, marsh & moon; " * 4)[:128])
    ):
        email = f"any-{number}-{world.unique()}@example.com"
        account = api.verify(api.apply(email, password), mailbox.await_code(email), password)
        api.log_in(account)
    for password in ("q7" * 64 + "x", "7 chars"):
        answer = post(api, "/v1/players", NEW_PLAYER | {"email": f"{world.unique()}@example.com", "password": password})
        problem(answer, 400, "invalid_request", "password")
