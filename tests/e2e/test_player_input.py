"""Bad input at the player API: a problem (RFC 9457) with a code, a request id, and no effect."""

import json
import secrets
import uuid

import pytest

from sandbox.player import PlayerApi
from sandbox.stack import Stack
from sandbox.wire import send
from tests.e2e import world
from tests.e2e.world import post, problem

NEW_PLAYER = {
    "email": "input@example.com",
    "password": "correct horse battery staple",
    "date_of_birth": "1990-05-17",
    "country": "MT",
    "currency": "EUR",
    "accepted_terms": "2026-11",
}
NOT_JSON = [b"{", b" {", b"{'a': 1}", b'{"a":1}{}', b'{"a":NaN}', b"[" * 5000]


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


def test_a_catalogue_that_is_known_is_not_sent_again(stack: Stack) -> None:
    url = f"{stack.apis.player}/v1/games"
    first = send("GET", url)
    assert first.status == 200
    tag = first.headers["etag"]
    again = send("GET", url, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag


# ------------------------------------------------------------ registration


@pytest.mark.parametrize("body", NOT_JSON)
@pytest.mark.parametrize("path", ["/v1/players", "/v1/sessions"])
def test_a_body_that_is_no_json(stack: Stack, path: str, body: bytes) -> None:
    problem(post(PlayerApi(stack.apis.player), path, body), 400, "malformed_json")


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'"text"', b"null"])
def test_a_body_that_is_no_object(stack: Stack, body: bytes) -> None:
    answer = post(PlayerApi(stack.apis.player), "/v1/players", body)
    assert answer.json()["code"] in {"invalid_request", "malformed_json"}
    assert answer.status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("email", value)
            for value in (7, None, "", "nobody", "a@b@c", "a b@example.com", "x" * 300 + "@example.com", "a@b\n.com")
        ),
        *(("password", value) for value in (7, None, "", "short", "p" * 2000)),
        *(
            ("date_of_birth", value)
            for value in (7, None, "", "17.05.1990", "1990-02-30", "2020-01-01", "1790-01-01", "2990-01-01")
        ),
        *(("country", value) for value in (7, None, "", "XX", "mt", "Malta", "KP")),
        *(("currency", value) for value in (7, None, "", "XXX", "eur", "EURO")),
        *(("accepted_terms", value) for value in (True, 7, None, "", "no such version!")),
    ],
)
def test_a_registration_with_one_wrong_field(stack: Stack, field: str, value: object) -> None:
    email = f"{secrets.token_hex(8)}@example.com"
    answer = post(PlayerApi(stack.apis.player), "/v1/players", NEW_PLAYER | {"email": email} | {field: value})
    said = problem(answer, 400, "invalid_request", field)
    if isinstance(value, str) and len(value) > 4:
        assert value not in json.dumps(said)
    problem(
        post(PlayerApi(stack.apis.player), "/v1/sessions", {"email": email, "password": NEW_PLAYER["password"]}),
        401,
        "invalid_credentials",
    )


@pytest.mark.parametrize("field", list(NEW_PLAYER))
def test_a_registration_with_a_missing_field(stack: Stack, field: str) -> None:
    said = {key: value for key, value in NEW_PLAYER.items() if key != field}
    problem(post(PlayerApi(stack.apis.player), "/v1/players", said), 400, "invalid_request", field)


def test_fields_that_matter_but_are_not_known(seated: world.Seat) -> None:
    api = seated.api
    problem(post(api, "/v1/players", NEW_PLAYER | {"cash": "1000.00"}), 400, "invalid_request", "cash")
    problem(
        post(api, "/v1/sessions", {"email": "a@example.com", "password": "x" * 12, "role": "admin"}), 400, "invalid_request", "role"
    )
    key = str(uuid.uuid4())
    extra = {"amount": "5.00", "currency": "EUR", "status": "credited"}
    problem(post(api, "/v1/deposits", extra, Idempotency_Key=key), 400, "invalid_request", "status")
    problem(post(api, f"/v1/games/{world.GAME_ID}/sessions", {"stake": "1"}), 400, "invalid_request", "stake")


def test_a_wrong_password_and_an_unknown_address_look_the_same(seated: world.Seat) -> None:
    wrong = post(seated.api, "/v1/sessions", {"email": seated.account.email, "password": "x" * 20})
    unknown = post(seated.api, "/v1/sessions", {"email": f"{secrets.token_hex(8)}@example.com", "password": "x" * 20})
    one, other = problem(wrong, 401, "invalid_credentials"), problem(unknown, 401, "invalid_credentials")
    assert one | {"request_id": ""} == other | {"request_id": ""}


# ---------------------------------------------------------------- deposits


@pytest.mark.parametrize(
    "amount",
    [
        *(7, 7.5, True, None, [], {}, "", " ", "-5.00", "+5.00", "0", "0.00", "0.99", "5.001", "5.", ".5", "05.00", "5,00", "5e1"),
        *("NaN", "Infinity", "0x10", "1_000", "10000.01", "9" * 40, "9" * 5000, "\u0665", "5.00 EUR"),
    ],
)
def test_an_amount_that_is_none(seated: world.Seat, amount: object) -> None:
    before, deposits = seated.state(), len(seated.api.call("GET", "/v1/deposits?limit=50")["items"])
    answer = post(seated.api, "/v1/deposits", {"amount": amount, "currency": "EUR"}, Idempotency_Key=str(uuid.uuid4()))
    problem(answer, 400, "invalid_request", "amount")
    assert seated.state() == before
    assert len(seated.api.call("GET", "/v1/deposits?limit=50")["items"]) == deposits


@pytest.mark.parametrize("currency", [7, None, "", "XXX", "eur", "EURO", "E\u00dcR"])
def test_a_currency_that_is_none(seated: world.Seat, currency: object) -> None:
    answer = post(seated.api, "/v1/deposits", {"amount": "5.00", "currency": currency}, Idempotency_Key=str(uuid.uuid4()))
    problem(answer, 400, "invalid_request", "currency")


def test_a_currency_that_is_not_the_wallets(seated: world.Seat) -> None:
    answer = post(seated.api, "/v1/deposits", {"amount": "5.00", "currency": "USD"}, Idempotency_Key=str(uuid.uuid4()))
    problem(answer, 409, "wrong_currency")


def test_a_currency_without_decimals(stack: Stack) -> None:
    _, api = world.newcomer(stack, currency="JPY")
    problem(
        post(api, "/v1/deposits", {"amount": "500.5", "currency": "JPY"}, Idempotency_Key="k" * 16),
        400,
        "invalid_request",
        "amount",
    )
    assert api.open_deposit("500", "JPY")["amount"] == "500"


@pytest.mark.parametrize("gateway", [7, "", "nobody", "../standard"])
def test_a_gateway_that_is_none(seated: world.Seat, gateway: object) -> None:
    said = {"amount": "5.00", "currency": "EUR", "gateway": gateway}
    problem(post(seated.api, "/v1/deposits", said, Idempotency_Key=str(uuid.uuid4())), 400, "invalid_request", "gateway")


def test_the_idempotency_key(seated: world.Seat) -> None:
    said, key = {"amount": "5.00", "currency": "EUR"}, str(uuid.uuid4())
    problem(post(seated.api, "/v1/deposits", said), 400, "idempotency_key_missing")
    first = post(seated.api, "/v1/deposits", said, Idempotency_Key=key)
    again = post(seated.api, "/v1/deposits", said, Idempotency_Key=key)
    assert (first.status, again.status) == (201, 201)
    assert first.json()["deposit_id"] == again.json()["deposit_id"]
    problem(post(seated.api, "/v1/deposits", said | {"amount": "6.00"}, Idempotency_Key=key), 422, "idempotency_key_reused")
    other = world.seat(seated.stack, "0")
    theirs = post(other.api, "/v1/deposits", said, Idempotency_Key=key)
    assert theirs.json()["deposit_id"] != first.json()["deposit_id"]


# ------------------------------------------------- games, history, elsewhere


def test_a_game_that_is_none(seated: world.Seat) -> None:
    before = seated.state()
    problem(post(seated.api, "/v1/games/no-such-game/sessions", {}), 404, "not_found")
    problem(post(seated.api, f"/v1/games/{world.GAME_ID}/sessions", b"{"), 400, "malformed_json")
    assert seated.state() == before


def test_a_game_that_does_not_take_the_currency(stack: Stack) -> None:
    _, api = world.newcomer(stack, currency="JPY")
    problem(post(api, "/v1/games/hub88-northern-blackjack/sessions", {}), 409, "wrong_currency")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=100000", "limit=ten", "limit=1.5", "cursor=nonsense", "cursor=" + "x" * 2000]
)
@pytest.mark.parametrize("path", ["/v1/wallet/transactions", "/v1/deposits"])
def test_a_page_that_is_none(seated: world.Seat, path: str, query: str) -> None:
    problem(seated.api.raw("GET", f"{path}?{query}", None), 400, "invalid_request", query.split("=", maxsplit=1)[0])


@pytest.mark.parametrize("path", ["/v1/wallet/transactions/tx_nothing", "/v1/deposits/dep_nothing", "/v1/deposits/" + "x" * 500])
def test_an_id_that_is_none(seated: world.Seat, path: str) -> None:
    problem(seated.api.raw("GET", path, None), 404, "not_found")


def test_another_media_type_and_too_large_a_body(seated: world.Seat) -> None:
    before = seated.state()
    body = json.dumps({"amount": "5.00", "currency": "EUR"}).encode()
    headers = {"Content-Type": "text/plain", "Idempotency-Key": str(uuid.uuid4())}
    problem(seated.api.raw("POST", "/v1/deposits", body, headers=headers), 415, "unsupported_media_type")
    padded = body[:-1] + b" " * 20_000 + b"}"
    problem(post(seated.api, "/v1/deposits", padded, Idempotency_Key=str(uuid.uuid4())), 413, "body_too_large")
    assert seated.state() == before


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("GET", "/"), ("DELETE", "/v1/wallet"), ("PUT", "/v1/players")]
)
def test_where_nothing_is(seated: world.Seat, method: str, path: str) -> None:
    answer = seated.api.raw(method, path, None)
    assert answer.status in {403, 404, 405}
    assert answer.json()["code"] in {"not_found", "method_not_allowed", "forbidden"}
    assert answer.headers["content-type"].startswith("application/problem+json")
