"""The player's withdrawals over HTTP: every route, every refusal by its code, and that a refusal moves nothing."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.cashier.withdrawals.forms import DeclineReason
from countroom.cashier.withdrawals.life import Approve, Clearance, Refuse, Said, Screened, Submit
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Word
from countroom.ledger.movements import Reference, SetStatus, Status
from countroom.verification.standing import Word as VerificationWord
from handlers import withdrawals
from handlers.parts import withdrawing
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE, WITHDRAWALS_TABLE
from tests.unit.handlers.withdrawal_world import Town
from tests.unit.signed_in import Visitors


class Context:
    function_name = "withdrawals"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:withdrawals"
    aws_request_id = "lambda-1"


class Api(Town):
    """The handler; every call is one event of the REST API."""

    def __init__(self, client: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(client, clock, monkeypatch)
        self.visitors = Visitors(client, clock)
        self.visitors.come_to(withdrawals.door, monkeypatch)
        self.fixed = clock

    def call(
        self,
        method: str,
        path: str = "/v1/withdrawals",
        *,
        body: object = None,
        key: str | None = None,
        player_id: str = PLAYER,
        stepped_up: bool = True,
        query: dict[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        bearer = self.visitors.open(player_id, stepped_up=stepped_up).access_token if token is None else token
        headers = {"Content-Type": ["application/json"], "Authorization": [f"Bearer {bearer}"]}
        headers |= {"Idempotency-Key": [key]} if key is not None else {}
        answer = withdrawals.handler(
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

    def ask(self, amount: str = "50.00", key: str = "k-1", **more: Any) -> tuple[int, Any, dict[str, str]]:
        return self.call("POST", body={"amount": amount, "currency": "EUR", "deposit_id": self.deposit_id}, key=key, **more)

    def happen(self, withdrawal_id: str, *happenings: Any) -> None:
        changed = withdrawing.wired(withdrawing.WithdrawalTables(WITHDRAWALS_TABLE, LEDGER_TABLE)).withdrawals
        for happening in happenings:
            changed.happen(withdrawal_id, happening)

    def set_status(self, status: Status) -> None:
        self.book.post(SetStatus(Reference("house:staff", f"s-{status}"), PLAYER, status))

    def count(self) -> int:
        return int(self.client.scan(TableName=WITHDRAWALS_TABLE, Select="COUNT")["Count"])


@pytest.fixture
def api(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Api:
    for module in (withdrawals, withdrawing):
        monkeypatch.setattr(module, "system_clock", clock)
    withdrawals._settings.cache_clear()
    withdrawals._desk.cache_clear()
    return Api(dynamodb, clock, monkeypatch)


def test_a_withdrawal_is_asked_for_shown_and_listed(api: Api) -> None:
    status, made, headers = api.ask("120.00")
    assert (status, headers["Content-Type"]) == (201, "application/json")
    assert "Idempotency-Replayed" not in headers
    assert (made["amount"], made["gateway"], made["status"], made["deposit_id"]) == ("120.00", "adyen", "requested", api.deposit_id)
    assert made["reference"].startswith("WDR-")
    assert api.balances == (380, 120)
    assert api.machine.started == [made["withdrawal_id"]]
    assert api.call("GET", f"/v1/withdrawals/{made['withdrawal_id']}")[:2] == (200, made)
    assert api.call("GET")[:2] == (200, {"items": [made], "next_cursor": None})


def test_a_repeat_is_marked_and_equal_and_starts_nothing(api: Api) -> None:
    first = api.ask()
    api.say(VerificationWord.UNVERIFY, "r-2")
    again = api.ask()
    assert again[:2] == first[:2]
    assert again[2]["Idempotency-Replayed"] == "true"
    assert (api.balances, len(api.machine.started), api.count()) == ((450, 50), 1, 3)


def test_a_machine_that_cannot_be_started_is_the_sweeper_s_matter(api: Api) -> None:
    api.machine.down = True
    status, made, _ = api.ask()
    assert (status, made["status"], api.balances) == (201, "requested", (450, 50))


@pytest.mark.parametrize(
    ("changes", "key", "status", "code", "fields"),
    [
        ({}, None, 400, "idempotency_key_missing", []),
        ({}, "two words", 400, "invalid_request", ["Idempotency-Key"]),
        ({"amount": "0.00"}, "k-1", 400, "invalid_request", ["amount"]),
        ({"amount": "10.001"}, "k-1", 400, "invalid_request", ["amount"]),
        ({"amount": 50}, "k-1", 400, "invalid_request", ["amount"]),
        ({"amount": "9.99"}, "k-1", 400, "invalid_request", ["amount"]),
        ({"amount": "500.01"}, "k-1", 409, "insufficient_funds", []),
        ({"currency": "USD"}, "k-1", 409, "wrong_currency", []),
        ({"currency": "XXX"}, "k-1", 400, "invalid_request", ["currency"]),
        ({"deposit_id": "dep_" + "z" * 20}, "k-1", 409, "method_not_usable", []),
        ({"deposit_id": "x" * 65}, "k-1", 400, "invalid_request", ["deposit_id"]),
        ({"player_id": OTHER_PLAYER}, "k-1", 400, "invalid_request", ["player_id"]),
    ],
)
def test_bad_requests_move_nothing(
    api: Api, changes: dict[str, Any], key: str | None, status: int, code: str, fields: list[str]
) -> None:
    body = {"amount": "50.00", "currency": "EUR", "deposit_id": api.deposit_id, **changes}
    got, problem, headers = api.call("POST", body=body, key=key)
    assert (got, problem["code"], headers["Content-Type"]) == (status, code, "application/problem+json")
    assert [error["field"] for error in problem.get("errors", [])] == fields
    assert (api.balances, api.count(), api.machine.started) == ((500, 0), 0, [])


def test_what_was_used_up_is_refused_with_what_is_left(api: Api) -> None:
    api.ask("400.00")
    status, problem, _ = api.ask("100.01", "k-2")
    assert (status, problem["code"]) == (409, "insufficient_funds")
    assert api.ask("401.00", "k-1")[:1] == (422,)
    assert api.balances == (100, 400)


def test_who_is_not_verified(api: Api) -> None:
    api.say(VerificationWord.UNVERIFY, "r-2")
    status, problem, _ = api.ask()
    assert (status, problem["code"], api.balances) == (403, "verification_required", (500, 0))


@pytest.mark.parametrize(("wallet", "status", "code"), [(Status.BLOCKED, 403, "wallet_blocked"), (Status.EXCLUDED, 201, None)])
def test_who_is_blocked_and_who_is_excluded(api: Api, wallet: Status, status: int, code: str | None) -> None:
    api.set_status(wallet)
    got, body, _ = api.ask()
    assert (got, body.get("code")) == (status, code)


def test_asking_needs_a_fresh_proof_and_looking_does_not(api: Api) -> None:
    status, problem, _ = api.ask(stepped_up=False)
    assert (status, problem["code"], api.count()) == (403, "step_up_required", 0)
    made = api.ask()[1]
    for method, path in (("GET", ""), ("GET", f"/{made['withdrawal_id']}"), ("POST", f"/{made['withdrawal_id']}/cancellation")):
        assert api.call(method, f"/v1/withdrawals{path}", stepped_up=False)[0] == 200


@pytest.mark.parametrize("path", ["", "/wdr_aaaaaaaaaaaaaaaaaaaa", "/wdr_aaaaaaaaaaaaaaaaaaaa/cancellation"])
def test_nobody_gets_in_without_a_token(api: Api, path: str) -> None:
    method = "POST" if path.endswith("cancellation") else "GET"
    assert api.call(method, f"/v1/withdrawals{path}", token="x.y.z")[0] == 401


def test_another_player_s_looks_as_if_it_were_not_there(api: Api) -> None:
    made = api.ask()[1]
    for one in (made["withdrawal_id"], "wdr_" + "a" * 20, "nonsense"):
        for method, end in (("GET", ""), ("POST", "/cancellation")):
            status, problem, _ = api.call(method, f"/v1/withdrawals/{one}{end}", player_id=OTHER_PLAYER)
            assert (status, problem["code"]) == (404, "not_found")
    assert api.call("GET", player_id=OTHER_PLAYER)[1] == {"items": [], "next_cursor": None}
    assert api.balances == (450, 50)


def test_it_is_cancelled_once(api: Api) -> None:
    one = api.ask()[1]["withdrawal_id"]
    for _ in range(2):
        status, view, _ = api.call("POST", f"/v1/withdrawals/{one}/cancellation")
        assert (status, view["status"], view["can_cancel"], api.balances) == (200, "cancelled", False, (500, 0))


@pytest.mark.parametrize(
    "happenings",
    [
        (Screened(Clearance.APPROVE), Submit()),
        (Screened(Clearance.APPROVE), Submit(), Said(Word.PAID)),
        (Screened(Clearance.REVIEW, (), 1), Approve("jane"), Submit(), Said(Word.FAILED)),
        (Refuse("other", "jane"),),
    ],
)
def test_what_has_gone_or_ended_is_not_cancelled(api: Api, happenings: tuple[Any, ...]) -> None:
    one = api.ask()[1]["withdrawal_id"]
    api.happen(one, *happenings)
    before = api.balances
    status, problem, _ = api.call("POST", f"/v1/withdrawals/{one}/cancellation")
    assert (status, problem["code"], api.balances) == (409, "too_late", before)


def test_what_waits_for_it_is_woken_by_a_cancellation(api: Api) -> None:
    one = api.ask()[1]["withdrawal_id"]
    api.happen(one, Screened(Clearance.REVIEW, (), 1))
    store = WithdrawalStore(api.client, WITHDRAWALS_TABLE)
    waiting = store.get(one)
    assert waiting is not None
    assert store.wait(waiting, "tok-1")
    api.call("POST", f"/v1/withdrawals/{one}/cancellation")
    assert api.machine.woken == ["tok-1"]


def test_pages_and_bad_pages(api: Api) -> None:
    for number in range(3):
        api.fixed.advance(seconds=1)
        api.ask("10.00", f"k-{number}")
    first = api.call("GET", query={"limit": "2"})[1]
    second = api.call("GET", query={"limit": "2", "cursor": first["next_cursor"]})[1]
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next_cursor"] is None
    for query in ({"limit": "0"}, {"limit": "101"}, {"cursor": "nonsense"}):
        assert api.call("GET", query=query)[1]["code"] == "invalid_request"


def test_a_table_that_does_not_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_args: Any, **_request: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://x")

    token = api.visitors.token(PLAYER)
    monkeypatch.setattr(withdrawals._desk()._store._client, "query", silent)
    status, problem, headers = api.call("GET", token=token)
    assert (status, problem["code"], headers["Retry-After"]) == (503, "temporarily_unavailable", "2")


def test_every_refusal_of_the_desk_has_its_code() -> None:
    assert withdrawals.CODES.keys() == set(DeclineReason)
