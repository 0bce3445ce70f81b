"""Player API: the ways to pay in, and a deposit's payment opened at a gateway on this machine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.cashier.gateways.openers.registry import OPENINGS
from countroom.cashier.terms import TERMS
from countroom.identity.access import Ended
from countroom.ledger.book import Book
from countroom.ledger.movements import Reference, SetStatus, Status
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.levels import Level
from countroom.verification.standing import Order, Word
from countroom.verification.store import StandingStore
from handlers.parts import tills
from runtime import aws as runtime_aws
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER
from tests.unit.cashier.test_openers import ANSWERS, SECRETS
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.games.shelf import make_tables
from tests.unit.handlers.test_deposits import Api, api, forget
from tests.unit.runtime.peer import Peer, hang, peer, reset, sends

__all__ = ["api"]  # the fixture

RETURN_URL = "https://casino.example/deposits/1"


def answers(value: Any, status: bytes = b"200 OK") -> Any:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return sends(head + body, then_close=False)


@pytest.fixture
def there() -> Iterator[Peer]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with peer() as running:
        yield running
    disable_socket()


@pytest.fixture
def gateway(there: Peer, api: Api, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Peer:  # noqa: ARG001 - api first
    make_tables(dynamodb)
    manager = runtime_aws.client("secretsmanager")
    arns = {
        name: manager.create_secret(Name=f"countroom/test/payments/{name}", SecretString=json.dumps(value))["ARN"]
        for name, value in SECRETS.items()
    }
    monkeypatch.setenv("PAYMENT_SECRETS", json.dumps(arns))
    monkeypatch.setenv("PAYMENT_URLS", json.dumps({name: f"{there.url}/{name}" for name in SECRETS}))
    monkeypatch.setattr(tills, "LIMITS", replace(tills.LIMITS, read_s=0.3, total_s=0.8))
    forget()
    return there


def opened(api: Api, gateway: str = "stripe", key: str = "k-1") -> str:
    status, deposit, _ = api.call("POST", "/v1/deposits", body={"amount": "10.50", "currency": "EUR", "gateway": gateway}, key=key)
    assert status == 201, deposit
    return str(deposit["deposit_id"])


def speaks(gateway: str, deposit_id: str, status: bytes = b"200 OK") -> Any:
    """Let the gateway answer for this deposit."""
    said = json.loads(json.dumps(ANSWERS[gateway]).replace("dep_" + "c" * 20, deposit_id))
    return answers(said, status)


def pay(api: Api, deposit_id: str, body: Any = None, **more: Any) -> tuple[int, Any, dict[str, str]]:
    return api.call("POST", f"/v1/deposits/{deposit_id}/payment", body={} if body is None else body, **more)


def bodies(gateway: Peer) -> list[bytes]:
    return [request.partition(b"\r\n\r\n")[2] for request in gateway.requests]


def test_a_stripe_deposit_gets_its_intent(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    gateway.behaviour = speaks("stripe", deposit_id)
    status, said, headers = pay(api, deposit_id)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert said == {
        "deposit_id": deposit_id,
        "gateway": "stripe",
        "kind": "intent",
        "payment_id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "session_data": None,
        "client_secret": "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_Y",
        "public_key": "pk_test_1",
        "expires_at": None,
    }
    (request,) = gateway.requests
    assert request.startswith(b"POST /stripe/v1/payment_intents HTTP/1.1\r\n")
    assert f"\r\nIdempotency-Key: {deposit_id}\r\n".encode() in request
    assert dict(parse_qsl(bodies(gateway)[0].decode()))["metadata[deposit_id]"] == deposit_id


def test_an_adyen_deposit_gets_its_session(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api, "adyen")
    gateway.behaviour = speaks("adyen", deposit_id, b"201 Created")
    status, said, _ = pay(api, deposit_id, {"return_url": RETURN_URL})
    assert (status, said["kind"], said["payment_id"], said["session_data"]) == (200, "session", "CS0068299CB8DA273A", "Ab02b4c0!")
    assert (said["public_key"], said["expires_at"]) == ("test_CLIENT", "2026-01-01T13:00:00.000Z")
    assert gateway.requests[0].startswith(b"POST /adyen/v71/sessions HTTP/1.1\r\n")
    assert json.loads(bodies(gateway)[0])["returnUrl"] == RETURN_URL


def test_asked_again_the_gateway_gets_the_very_same_and_the_deposit_stays_as_it_is(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    _, before, _ = api.call("GET", f"/v1/deposits/{deposit_id}")
    gateway.behaviour = speaks("stripe", deposit_id)
    first, again = pay(api, deposit_id), pay(api, deposit_id)
    assert first[:2] == again[:2]
    assert len(gateway.requests) == 2
    assert len(set(bodies(gateway))) == 1
    assert api.call("GET", f"/v1/deposits/{deposit_id}")[1] == before


def test_what_lets_a_browser_pay_is_neither_kept_nor_logged(
    api: Api, gateway: Peer, dynamodb: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deposit_id = opened(api)
    gateway.behaviour = speaks("stripe", deposit_id)
    assert pay(api, deposit_id)[0] == 200
    gateway.behaviour = speaks("stripe", deposit_id, b"400 No")
    assert pay(api, deposit_id)[0] == 409
    written = capsys.readouterr()
    kept = json.dumps(dynamodb.scan(TableName=CASHIER_TABLE)["Items"], default=str)
    for text in (written.out, written.err, kept):
        assert "_secret_Y" not in text
        assert "sk_test_first" not in text


def test_an_unknown_outcome_is_tried_again_and_the_second_answer_counts(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    good = speaks("stripe", deposit_id)

    def first_broken(connection: Any, request: bytes) -> None:
        (reset if len(gateway.requests) == 1 else good)(connection, request)

    gateway.behaviour = first_broken
    assert pay(api, deposit_id)[1]["kind"] == "intent"
    assert len(set(bodies(gateway))) == 1
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (hang, 503, "gateway_unavailable"),
        (reset, 503, "gateway_unavailable"),
        (answers({}, b"500 No"), 503, "gateway_unavailable"),
        (answers({}, b"302 Found"), 503, "gateway_unavailable"),
        (answers({}, b"429 Slow"), 503, "gateway_unavailable"),
        (answers({}, b"409 Twice"), 503, "gateway_unavailable"),
        (answers({}, b"401 Who"), 503, "gateway_unavailable"),
        (answers({"error": {"type": "x"}}), 503, "gateway_unavailable"),
        (answers(ANSWERS["stripe"]), 503, "gateway_unavailable"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html"), 503, "gateway_unavailable"),
        (answers({}, b"400 No"), 409, "payment_refused"),
        (answers({}, b"402 No"), 409, "payment_refused"),
    ],
    ids=["hang", "reset", "500", "302", "429", "409", "401", "none", "another's", "html", "400", "402"],
)
def test_without_an_answer_for_this_deposit_no_payment_is_made_up(
    api: Api, gateway: Peer, behaviour: Any, status: int, code: str
) -> None:
    deposit_id = opened(api)
    before = api.call("GET", f"/v1/deposits/{deposit_id}")[1]
    gateway.behaviour = behaviour
    got, problem, headers = pay(api, deposit_id)
    assert (got, problem["code"]) == (status, code)
    assert ("Retry-After" in headers) is (status == 503)
    assert api.call("GET", f"/v1/deposits/{deposit_id}")[1] == before
    gateway.behaviour = speaks("stripe", deposit_id)
    assert pay(api, deposit_id)[0] == 200


def test_a_circuit_that_is_open_spares_the_gateway(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    gateway.behaviour = answers({}, b"500 No")
    for _ in range(4):
        assert pay(api, deposit_id)[1]["code"] == "gateway_unavailable"
    asked = len(gateway.requests)
    assert pay(api, deposit_id)[1]["code"] == "gateway_unavailable"
    assert len(gateway.requests) == asked


def test_the_circuits_are_no_condition_of_a_payment(api: Api, gateway: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCUITS_TABLE", "no-such-table")
    forget()
    deposit_id = opened(api)
    gateway.behaviour = speaks("stripe", deposit_id)
    assert pay(api, deposit_id)[0] == 200


def test_a_secret_that_cannot_be_read(api: Api, gateway: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_SECRETS", json.dumps(dict.fromkeys(SECRETS, "arn:aws:secretsmanager:eu-west-1:1:secret:no")))
    forget()
    assert pay(api, opened(api))[1]["code"] == "gateway_unavailable"
    assert gateway.requests == []


@pytest.mark.parametrize("url", ["http://gateway.example", "https://user:word@gateway.example", "nonsense"])
def test_an_address_that_is_not_safe_is_never_called(api: Api, gateway: Peer, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PAYMENT_URLS", json.dumps({"stripe": url}))
    forget()
    assert pay(api, opened(api))[1]["code"] == "gateway_unavailable"
    assert gateway.requests == []


def test_a_gateway_without_an_address_is_not_offered(api: Api) -> None:
    body = {"amount": "10.00", "currency": "EUR", "gateway": "adyen"}
    status, problem, _ = api.call("POST", "/v1/deposits", body=body, key="k-1")
    assert (status, problem["code"]) == (409, "payment_method_not_allowed")
    _, listed, _ = api.call("GET", "/v1/deposits/methods")
    assert {item["gateway"] for item in listed["items"]} == set(TERMS) - OPENINGS.keys()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"return_url": "http://casino.example/"}, ["return_url"]),
        ({"return_url": "javascript:alert(1)"}, ["return_url"]),
        ({"return_url": "https://u:p@casino.example/"}, ["return_url"]),
        ({"return_url": ""}, ["return_url"]),
        ({"return_url": "https://casino.example/" + "x" * 1002}, ["return_url"]),
        ({"return_url": 7}, ["return_url"]),
        ({"amount": "1.00"}, ["amount"]),
        ([], ["body"]),
        ({}, ["return_url"]),
    ],
)
def test_bad_input_asks_nobody(api: Api, gateway: Peer, body: Any, fields: list[str]) -> None:
    status, problem, _ = pay(api, opened(api, "adyen"), body)
    assert (status, problem["code"]) == (400, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == fields
    assert gateway.requests == []


def test_no_body_is_an_empty_one(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    gateway.behaviour = speaks("stripe", deposit_id)
    assert api.call("POST", f"/v1/deposits/{deposit_id}/payment")[0] == 200


@pytest.mark.parametrize("gateway_name", ["standard", "paymentiq"])
def test_a_gateway_that_need_not_be_asked_says_so(api: Api, gateway: Peer, gateway_name: str) -> None:
    deposit_id = opened(api, gateway_name)
    status, said, _ = pay(api, deposit_id)
    assert (status, said["kind"], said["gateway"], said["deposit_id"]) == (200, "none", gateway_name, deposit_id)
    assert {name for name, value in said.items() if value is None} == {
        *("payment_id", "session_data", "client_secret", "public_key", "expires_at")
    }
    assert gateway.requests == []


def test_anothers_deposit_cannot_be_told_from_none(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    theirs = pay(api, deposit_id, token=api.token(OTHER_PLAYER))
    nobodys = pay(api, "dep_" + "z" * 20, token=api.token(OTHER_PLAYER))
    odd = pay(api, "methods", token=api.token(OTHER_PLAYER))
    assert theirs == nobodys == odd
    assert (theirs[0], theirs[1]["code"]) == (404, "not_found")
    assert gateway.requests == []


def test_a_deposit_too_old_is_not_paid_any_more(api: Api, gateway: Peer) -> None:
    deposit_id = opened(api)
    api.clock.advance(seconds=12 * 3600)
    status, problem, _ = pay(api, deposit_id)
    assert (status, problem["code"]) == (409, "deposit_not_payable")
    assert gateway.requests == []


def test_a_player_excluded_since_is_not_sent_to_pay(api: Api, gateway: Peer, dynamodb: Any) -> None:
    deposit_id = opened(api)
    Book(LedgerStore(dynamodb, LEDGER_TABLE), api.clock).post(SetStatus(Reference("house:play", "e-1"), PLAYER, Status.EXCLUDED))
    assert pay(api, deposit_id)[1]["code"] == "wallet_excluded"
    assert api.call("GET", "/v1/deposits/methods")[1]["code"] == "wallet_excluded"
    assert gateway.requests == []


def test_the_methods_of_this_player(api: Api, gateway: Peer) -> None:  # noqa: ARG001 - the gateways are set up
    status, listed, _ = api.call("GET", "/v1/deposits/methods")
    assert status == 200
    shown = [(item["gateway"], item["method"], item["usual"]) for item in listed["items"]]
    assert shown == [
        ("standard", "card", True),
        ("adyen", "card", True),
        ("adyen", "wallet", False),
        ("paymentiq", "cashier", True),
        ("stripe", "card", True),
    ]
    assert listed["items"][0] == {
        "gateway": "standard",
        "method": "card",
        "name": "Credit or debit card",
        "currency": "EUR",
        "smallest": "1.00",
        "largest": "10000.00",
        "smallest_fee": "0.00",
        "largest_fee": "0.00",
        "usual": True,
    }


def test_each_method_that_is_listed_opens_a_deposit_of_its_smallest_and_largest_amount(
    api: Api,
    gateway: Peer,  # noqa: ARG001
    dynamodb: Any,
) -> None:
    desk = VerificationDesk(StandingStore(dynamodb, PLAYERS_TABLE), api.clock)
    for level in Level:  # the largest reach the thresholds of net deposits
        desk.carry_out(Order(PLAYER, Word.VERIFY, "ann", "seen", f"r-{level}", level))
    for number, item in enumerate(api.call("GET", "/v1/deposits/methods")[1]["items"]):
        for bound in ("smallest", "largest"):
            body = {"amount": item[bound], "currency": item["currency"], "gateway": item["gateway"], "method": item["method"]}
            status, deposit, _ = api.call("POST", "/v1/deposits", body=body, key=f"k-{number}-{bound}")
            assert (status, deposit["method"]) == (201, item["method"])


@pytest.mark.parametrize("method", ["bank", "crypto", "cashier"])
def test_a_method_that_is_not_listed_is_refused_by_name(api: Api, gateway: Peer, method: str) -> None:  # noqa: ARG001
    body = {"amount": "10.00", "currency": "EUR", "gateway": "stripe", "method": method}
    status, problem, _ = api.call("POST", "/v1/deposits", body=body, key="k-1")
    assert (status, problem["code"]) == (409, "payment_method_not_allowed")


def test_a_player_without_a_wallet_has_no_methods(api: Api) -> None:
    status, problem, _ = api.call("GET", "/v1/deposits/methods", token=api.token(OTHER_PLAYER))
    assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/deposits/methods"), ("POST", "/v1/deposits/dep_1/payment")])
def test_without_a_live_session_nothing_is_said(api: Api, method: str, path: str) -> None:
    body = {"return_url": 7} if method == "POST" else None
    assert api.call(method, path, body=body, token=None)[1]["code"] == "not_authenticated"
    token = api.token()
    api.visitors.sessions.end_all(PLAYER, Ended.ALL_ENDED)
    assert api.call(method, path, body=body, token=token)[1]["code"] == "session_ended"
