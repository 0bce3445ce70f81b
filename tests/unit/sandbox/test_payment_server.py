"""The gateways' APIs that open payments: whom they let in, what they need, and that a key has one payment. Without a socket."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.faulty_server import Fault
from sandbox.gateway.adyen import MERCHANT
from sandbox.gateway.payment_server import Desk

DEPOSIT = "dep_" + "a" * 20
SESSION: dict[str, Any] = {
    "merchantAccount": MERCHANT,
    "reference": DEPOSIT,
    "amount": {"value": 1050, "currency": "EUR"},
    "countryCode": "NL",
    "shopperReference": "pl_1",
    "returnUrl": "https://casino.example/",
    "allowedPaymentMethods": ["scheme"],
}
INTENT = {"amount": "1050", "currency": "eur", "payment_method_types[]": "card", "metadata[deposit_id]": DEPOSIT}


@pytest.fixture
def desk() -> Desk:
    made = Desk("http://127.0.0.1:9")
    made.trust({"adyen": "AQE", "stripe": "sk"})
    return made


def headers(gateway: str, secret: str = "", key: str = DEPOSIT) -> dict[str, str]:
    own = {"X-API-Key": secret or "AQE"} if gateway == "adyen" else {"Authorization": f"Bearer {secret or 'sk'}"}
    return own | ({"Idempotency-Key": key} if key else {})


def session(**changes: Any) -> bytes:
    said = SESSION | {"expiresAt": (datetime.now(UTC) + timedelta(hours=13)).isoformat()} | changes
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def intent(**changes: str | None) -> bytes:
    return urlencode({name: value for name, value in (INTENT | changes).items() if value is not None}).encode()


BODIES = {"adyen": session, "stripe": intent}
GATEWAYS = sorted(BODIES)


def test_a_session_repeats_what_it_was_made_for(desk: Desk) -> None:
    status, said = desk.open("adyen", headers("adyen"), session())
    assert (status, said["reference"], said["amount"], said["merchantAccount"]) == (201, DEPOSIT, SESSION["amount"], MERCHANT)
    assert said["id"].startswith("CS")
    assert len(said["sessionData"]) > 100


def test_an_intent_repeats_what_it_was_made_for(desk: Desk) -> None:
    status, said = desk.open("stripe", headers("stripe"), intent())
    assert (status, said["amount"], said["currency"], said["metadata"]) == (200, 1050, "eur", {"deposit_id": DEPOSIT})
    assert said["client_secret"].startswith(said["id"] + "_secret_")
    assert said["status"] == "requires_payment_method"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_key_has_one_payment_and_another_key_another(desk: Desk, gateway: str) -> None:
    body = BODIES[gateway]()
    first, again = (desk.open(gateway, headers(gateway), body) for _ in range(2))
    other = desk.open(gateway, headers(gateway, key="other"), body)
    assert first == again
    assert other[1]["id"] != first[1]["id"]
    assert desk.tally(gateway)["made"] == 2


def test_the_same_key_with_other_parameters_is_an_error_at_stripe_and_the_first_answer_at_adyen(desk: Desk) -> None:
    assert desk.open("stripe", headers("stripe"), intent())[0] == 200
    status, said = desk.open("stripe", headers("stripe"), intent(amount="1051"))
    assert (status, said["error"]["type"]) == (400, "idempotency_error")
    first = desk.open("adyen", headers("adyen"), session())
    assert desk.open("adyen", headers("adyen"), session(returnUrl="https://casino.example/other")) == first


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_nobody_is_let_in_with_another_key_or_before_the_keys_are_known(desk: Desk, gateway: str) -> None:
    body = BODIES[gateway]()
    assert desk.open(gateway, headers(gateway, "other"), body)[0] == 401
    assert desk.open(gateway, {"Idempotency-Key": "k"}, body)[0] == 401
    assert Desk().open(gateway, headers(gateway), body)[0] == 401
    assert Desk().open(gateway, {"X-API-Key": "", "Authorization": "Bearer ", "Idempotency-Key": "k"}, body)[0] == 401
    assert desk.tally(gateway)["made"] == 0


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_key_is_needed_and_has_its_length(desk: Desk, gateway: str) -> None:
    longest = {"adyen": 64, "stripe": 255}[gateway]
    body = BODIES[gateway]()
    assert desk.open(gateway, headers(gateway, key=""), body)[0] in {400, 422}
    assert desk.open(gateway, headers(gateway, key="x" * (longest + 1)), body)[0] in {400, 422}
    assert desk.open(gateway, headers(gateway, key="x" * longest), body)[0] in {200, 201}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": None}, "amount"),
        ({"amount": {"value": "1050", "currency": "EUR"}}, "amount"),
        ({"amount": {"value": 0, "currency": "EUR"}}, "amount"),
        ({"amount": {"value": 1050, "currency": "euro"}}, "currency"),
        ({"merchantAccount": "Other"}, "merchantAccount"),
        ({"reference": None}, "reference"),
        ({"returnUrl": ""}, "returnUrl"),
        ({"returnUrl": "casino"}, "returnUrl"),
        ({"shopperReference": None}, "shopperReference"),
        ({"allowedPaymentMethods": []}, "allowedPaymentMethods"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"expiresAt": "2026-01-01T00:00:00"}, "expiresAt"),
        ({"expiresAt": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}, "expiresAt"),
        ({"expiresAt": (datetime.now(UTC) + timedelta(hours=25)).isoformat()}, "expiresAt"),
    ],
)
def test_adyen_names_what_is_wrong(desk: Desk, changes: dict[str, Any], told: str) -> None:
    status, said = desk.open("adyen", headers("adyen"), session(**changes))
    assert (status, said["errorType"]) == (422, "validation")
    assert told in said["message"]
    assert desk.tally("adyen")["made"] == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": None}, "amount"),
        ({"amount": "10.50"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "100000000"}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"currency": "e"}, "currency"),
        ({"payment_method_types[]": None}, "payment_method_types"),
    ],
)
def test_stripe_names_what_is_wrong(desk: Desk, changes: dict[str, Any], told: str) -> None:
    status, said = desk.open("stripe", headers("stripe"), intent(**changes))
    assert (status, said["error"]["type"]) == (400, "invalid_request_error")
    assert told in said["error"]["message"]


@pytest.mark.parametrize(("gateway", "body"), [("adyen", b"{"), ("adyen", b"[]"), ("stripe", b""), ("stripe", "ü".encode())])
def test_what_cannot_be_read_is_refused(desk: Desk, gateway: str, body: bytes) -> None:
    assert desk.open(gateway, headers(gateway), body)[0] in {400, 422}


def test_faults_and_addresses_are_a_gateways_own(desk: Desk) -> None:
    desk.break_next("stripe", Fault.LOST)
    assert [desk.fault_of("adyen"), desk.fault_of("stripe"), desk.fault_of("stripe")] == [None, Fault.LOST, None]
    assert desk.tally("stripe") == {"asked": 2, "made": 0}
    assert desk.urls == {name: f"http://127.0.0.1:9/{name}" for name in GATEWAYS}
