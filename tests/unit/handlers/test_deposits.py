import json
from typing import Any

import pytest

from countroom.cashier.gates import DeclineReason
from countroom.cashier.store import StoreUnavailable
from countroom.identity.access import Ended
from countroom.ledger.book import Book, OutcomeUnknown, Posted
from countroom.ledger.movements import ExclusionKind, LimitKind, OpenWallet, Period, Reference
from countroom.ledger.safeguards import SetLimit, StartExclusion
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.standing import Order, Word
from countroom.verification.store import StandingStore, StandingsUnavailable
from handlers import deposits
from handlers.parts import idempotent
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER, open_wallet
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.games.shelf import CIRCUITS_TABLE
from tests.unit.signed_in import Visitors

BODY = {"amount": "10.00", "currency": "EUR"}


class Context:
    function_name = "deposits"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:deposits"
    aws_request_id = "lambda-1"


class Api:
    """The handler over empty tables; every call is one event of the REST API."""

    def __init__(self, clock: FixedClock, visitors: Visitors) -> None:
        self.clock = clock
        self.visitors = visitors

    def token(self, player_id: str = PLAYER) -> str:
        return self.visitors.token(player_id)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        key: str | list[str] | None = None,
        token: str | None = "",
        query: dict[str, str] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"Content-Type": ["application/json"]}
        if token is not None:
            headers["Authorization"] = [f"Bearer {token or self.token()}"]
        if key is not None:
            headers["Idempotency-Key"] = [key] if isinstance(key, str) else key
        answer = deposits.handler(
            {
                "resource": path,
                "path": path,
                "httpMethod": method,
                "headers": {name: values[-1] for name, values in headers.items()},
                "multiValueHeaders": headers,
                "queryStringParameters": query,
                "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
                "pathParameters": None,
                "stageVariables": None,
                "requestContext": {"requestId": "req-1", "stage": "live", "identity": {}},
                "body": body if body is None or isinstance(body, str) else json.dumps(body),
                "isBase64Encoded": False,
            },
            Context(),
        )
        flat = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return answer["statusCode"], json.loads(answer["body"]), flat


@pytest.fixture
def api(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("CASHIER_TABLE", CASHIER_TABLE)
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    monkeypatch.setenv("CIRCUITS_TABLE", CIRCUITS_TABLE)
    monkeypatch.setenv("PAYMENT_URLS", "{}")
    monkeypatch.setenv("PAYMENT_SECRETS", "{}")
    visitors = Visitors(dynamodb, clock)
    visitors.come_to(deposits.door, monkeypatch)
    monkeypatch.setattr(deposits, "system_clock", clock)
    forget()
    open_wallet(dynamodb, clock)
    return Api(clock, visitors)


def forget() -> None:
    """Let the function read its environment again at its next call."""
    made = (deposits._settings, deposits._book, deposits._store, deposits._tills)
    for kept in (*made, deposits._levels_of, deposits._desk, deposits._opening):
        kept.cache_clear()


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName=CASHIER_TABLE, Select="COUNT")["Count"])


def test_a_deposit_is_opened_shown_and_listed(api: Api) -> None:
    status, opened, headers = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    assert status == 201
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Request-Id"] == "req-1"
    assert "Idempotency-Replayed" not in headers
    assert opened["status"] == "created"
    assert opened["amount"] == "10.00"
    assert opened["gateway"] == "standard"
    assert opened["reference"].startswith("DEP-")
    assert [event["cause"] for event in opened["events"]] == ["player.request"]
    status, shown, _ = api.call("GET", f"/v1/deposits/{opened['deposit_id']}")
    assert (status, shown) == (200, opened)
    status, listed, _ = api.call("GET", "/v1/deposits")
    assert (status, listed) == (200, {"items": [opened], "next_cursor": None})


def test_a_repeat_is_marked_and_equal(api: Api, dynamodb: Any) -> None:
    first = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    api.clock.advance(seconds=3600)
    again = api.call("POST", "/v1/deposits", body={**BODY, "gateway": "standard"}, key='"k-1"')
    assert again[:2] == first[:2]
    assert again[2]["Idempotency-Replayed"] == "true"
    assert count(dynamodb) == 2


@pytest.mark.parametrize(
    ("body", "key", "status", "code", "fields"),
    [
        (BODY, None, 400, "idempotency_key_missing", []),
        (BODY, "", 400, "idempotency_key_missing", []),
        (BODY, "two words", 400, "invalid_request", ["Idempotency-Key"]),
        (BODY, ["k-1", "k-2"], 400, "invalid_request", ["Idempotency-Key"]),
        ("{", "k-1", 400, "malformed_json", []),
        ({"amount": "10.00"}, "k-1", 400, "invalid_request", ["currency"]),
        ({**BODY, "amount": 10}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": 10.5}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": None}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "x" * 65}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "-1.00"}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "0"}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "1e500"}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "10.001"}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "amount": "10000.01"}, "k-1", 400, "invalid_request", ["amount"]),
        ({**BODY, "currency": "EURO"}, "k-1", 400, "invalid_request", ["currency"]),
        ({**BODY, "currency": "USD"}, "k-1", 409, "wrong_currency", []),
        ({**BODY, "gateway": "nobody"}, "k-1", 400, "invalid_request", ["gateway"]),
        ({**BODY, "bonus": "1"}, "k-1", 400, "invalid_request", ["bonus"]),
        ([BODY], "k-1", 400, "invalid_request", ["body"]),
        ("x" * 20_000, "k-1", 413, "body_too_large", []),
    ],
)
def test_bad_input_has_a_defined_answer_and_no_effect(
    api: Api, dynamodb: Any, body: object, key: str | list[str] | None, status: int, code: str, fields: list[str]
) -> None:
    got, problem, headers = api.call("POST", "/v1/deposits", body=body, key=key)
    assert (got, problem["code"]) == (status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in problem.get("errors", [])] == fields
    assert count(dynamodb) == 0


def test_a_key_with_another_request_is_refused(api: Api, dynamodb: Any) -> None:
    api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    status, problem, _ = api.call("POST", "/v1/deposits", body={**BODY, "amount": "10.01"}, key="k-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert count(dynamodb) == 2


@pytest.mark.parametrize("token", [None, "nonsense"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/deposits"), ("GET", "/v1/deposits"), ("GET", "/v1/deposits/dep_1")])
def test_without_a_token_nothing_is_said_or_done(api: Api, dynamodb: Any, token: str | None, method: str, path: str) -> None:
    body = BODY if method == "POST" else None
    status, problem, headers = api.call(method, path, body=body, key="k-1", token=token)
    assert (status, problem["code"]) == (401, "not_authenticated")
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert count(dynamodb) == 0


def test_an_expired_token_is_told_so(api: Api) -> None:
    token = api.token()
    api.clock.advance(seconds=601)
    status, problem, _ = api.call("GET", "/v1/deposits", token=token)
    assert (status, problem["code"]) == (401, "token_expired")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/deposits"), ("GET", "/v1/deposits"), ("GET", "/v1/deposits/dep_1")])
def test_an_ended_session_is_refused_by_the_next_request(api: Api, dynamodb: Any, method: str, path: str) -> None:
    token = api.token()
    api.visitors.sessions.end_all(PLAYER, Ended.ALL_ENDED)
    body = BODY if method == "POST" else None
    status, problem, _ = api.call(method, path, body=body, key="k-1", token=token)
    assert (status, problem["code"]) == (401, "session_ended")
    assert count(dynamodb) == 0


def test_anothers_deposit_cannot_be_told_from_none(api: Api) -> None:
    _, opened, _ = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    theirs = api.call("GET", f"/v1/deposits/{opened['deposit_id']}", token=api.token(OTHER_PLAYER))
    nobodys = api.call("GET", "/v1/deposits/dep_" + "z" * 20, token=api.token(OTHER_PLAYER))
    assert theirs == nobodys
    assert (theirs[0], theirs[1]["code"]) == (404, "not_found")


def test_a_player_without_a_wallet_cannot_pay_in(api: Api) -> None:
    status, problem, _ = api.call("POST", "/v1/deposits", body=BODY, key="k-1", token=api.token(OTHER_PLAYER))
    assert (status, problem["code"]) == (403, "forbidden")


def test_pages_follow_each_other(api: Api) -> None:
    opened = []
    for number in range(3):
        api.clock.advance(seconds=1)
        opened.append(api.call("POST", "/v1/deposits", body=BODY, key=f"k-{number}")[1]["deposit_id"])
    _, first, _ = api.call("GET", "/v1/deposits", query={"limit": "2"})
    _, second, _ = api.call("GET", "/v1/deposits", query={"limit": "2", "cursor": first["next_cursor"]})
    assert [item["deposit_id"] for item in first["items"] + second["items"]] == opened[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "0"}, "limit"), ({"limit": "101"}, "limit"), ({"limit": "x"}, "limit"), ({"cursor": "x"}, "cursor")],
)
def test_a_bad_page_is_refused(api: Api, query: dict[str, str], field: str) -> None:
    status, problem, _ = api.call("GET", "/v1/deposits", query=query)
    assert (status, problem["code"]) == (400, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_table_that_does_not_answer_is_said_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def open(self, *_: object) -> None:
            raise StoreUnavailable("x")

    monkeypatch.setattr(deposits, "_desk", Broken)
    status, problem, headers = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    assert (status, problem["code"]) == (503, "temporarily_unavailable")
    assert "Retry-After" in headers


@pytest.mark.parametrize("error", [OutcomeUnknown(possibly_written=True), StandingsUnavailable("x")])
def test_what_is_not_known_is_said_so_and_the_same_key_finds_out(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Unsure:
        def open(self, *_: object) -> None:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(deposits, "_desk", Unsure)
        status, problem, headers = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
    assert (status, problem["code"]) == (503, "temporarily_unavailable")
    assert "Retry-After" in headers
    assert api.call("POST", "/v1/deposits", body=BODY, key="k-1")[0] == 201


class TestLimits:
    """What the player is told of the limit that leaves no room."""

    @pytest.mark.parametrize(("period", "words"), [(Period.DAY, "24 hours"), (Period.WEEK, "7 days"), (Period.MONTH, "a month")])
    def test_the_limit_is_named_in_words(self, api: Api, dynamodb: Any, period: Period, words: str) -> None:
        book = Book(LedgerStore(dynamodb, LEDGER_TABLE), api.clock)
        limit = SetLimit(Reference("house:limit", "l-1"), PLAYER, "EUR", 19_999_999_999, LimitKind.DEPOSIT, period)
        assert isinstance(book.post(limit), Posted)
        assert api.call("POST", "/v1/deposits", body=BODY, key="k-1")[0] == 201
        status, problem, _ = api.call("POST", "/v1/deposits", body=BODY, key="k-2")
        assert (status, problem["code"]) == (409, "limit_reached")
        assert problem["detail"] == f"Your deposit limit for {words} leaves no room for this amount."
        assert count(dynamodb) == 2

    def test_a_time_out_is_no_question_of_limits(self, api: Api, dynamodb: Any) -> None:
        book = Book(LedgerStore(dynamodb, LEDGER_TABLE), api.clock)
        until = api.clock() + 3_600_000
        assert isinstance(book.post(StartExclusion(Reference("house:x", "x"), PLAYER, ExclusionKind.TIME_OUT, until)), Posted)
        status, problem, _ = api.call("POST", "/v1/deposits", body=BODY, key="k-1")
        assert (status, problem["code"]) == (403, "wallet_excluded")


def test_who_has_to_be_verified_first_is_told_which_levels_he_needs(api: Api, dynamodb: Any) -> None:
    book = Book(LedgerStore(dynamodb, LEDGER_TABLE), api.clock)
    assert isinstance(book.post(OpenWallet.of(OTHER_PLAYER, "GBP", "GB")), Posted)
    body = {"amount": "10.00", "currency": "GBP"}
    status, problem, _ = api.call("POST", "/v1/deposits", body=body, key="k-1", token=api.token(OTHER_PLAYER))
    assert (status, problem["code"]) == (403, "verification_required")
    assert problem["errors"] == [{"field": "level", "message": "age"}, {"field": "level", "message": "identity"}]
    desk = VerificationDesk(StandingStore(dynamodb, PLAYERS_TABLE), api.clock)
    desk.carry_out(Order(OTHER_PLAYER, Word.VERIFY, "ann", "passport seen", "r-1"))
    assert api.call("POST", "/v1/deposits", body=body, key="k-1", token=api.token(OTHER_PLAYER))[0] == 201


def test_everything_the_desk_declines_has_a_code() -> None:
    assert set(deposits.CODES) == set(DeclineReason)


def test_headers_are_found_in_either_form() -> None:
    assert idempotent.keys_of({"headers": {"idempotency-key": "a"}}) == ["a"]
    assert idempotent.keys_of({"headers": None, "multiValueHeaders": None}) == []
    assert idempotent.keys_of({"multiValueHeaders": {"IDEMPOTENCY-KEY": ["a", "b"]}}) == ["a", "b"]
