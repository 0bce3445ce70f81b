"""What is asked of a gateway for a payment, what of its answer is taken, and that the webhooks' dialect reads what was sent."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from countroom.cashier.gateways.openers.dialect import (
    Ask,
    BadCredentials,
    GatewayUnavailable,
    Kind,
    OpenedPayment,
    PaymentNotOpened,
    PaymentOrder,
    PaymentRefused,
    ReturnUrlMissing,
    Till,
    Told,
    Why,
    minor_units,
)
from countroom.cashier.gateways.openers.registry import OPENINGS
from countroom.cashier.terms import Method
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER, nanos, payment_events
from tests.unit.clock import START_MS

RETURN_URL = "https://casino.example/deposits/1"
ORDER = PaymentOrder(DEPOSIT_ID, PLAYER, Method.CARD, nanos("10.50"), "EUR", "NL", RETURN_URL, START_MS)
SECRETS: dict[str, dict[str, Any]] = {
    "adyen": {"api_keys": ["AQE-first", "AQE-second"], "merchant_account": "CountroomECOM", "client_key": "test_CLIENT"},
    "stripe": {"api_keys": ["sk_test_first", "sk_test_second"], "publishable_key": "pk_test_1"},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "adyen": {
        "id": "CS0068299CB8DA273A",
        "sessionData": "Ab02b4c0!",
        "reference": DEPOSIT_ID,
        "amount": {"currency": "EUR", "value": 1050},
        "merchantAccount": "CountroomECOM",
        "expiresAt": "2026-01-01T14:00:00+01:00",
        "returnUrl": RETURN_URL,
    },
    "stripe": {
        "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "object": "payment_intent",
        "amount": 1050,
        "currency": "eur",
        "client_secret": "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_Y",
        "metadata": {"deposit_id": DEPOSIT_ID},
        "status": "requires_payment_method",
    },
}
GATEWAYS = sorted(OPENINGS)


class Secret:
    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def json(self) -> dict[str, Any]:
        return self.value


def asked(gateway: str, order: PaymentOrder = ORDER) -> Ask:
    dialect = OPENINGS[gateway]
    return dialect.ask(order, dialect.credentials(SECRETS[gateway]))


def till(gateway: str, told: Told | None, secret: dict[str, Any] | None = None) -> Till[Any]:
    return Till(OPENINGS[gateway], Secret(SECRETS[gateway] if secret is None else secret), lambda _ask: told)


def test_adyen_is_asked_for_a_session() -> None:
    ask = asked("adyen")
    assert ask.path == "/v71/sessions"
    assert ask.headers == {"Content-Type": "application/json", "X-API-Key": "AQE-first", "Idempotency-Key": DEPOSIT_ID}
    assert json.loads(ask.body) == {
        "merchantAccount": "CountroomECOM",
        "reference": DEPOSIT_ID,
        "amount": {"value": 1050, "currency": "EUR"},
        "countryCode": "NL",
        "shopperReference": PLAYER,
        "returnUrl": RETURN_URL,
        "expiresAt": "2026-01-01T12:00:00.000Z",
        "allowedPaymentMethods": ["scheme"],
    }


def test_stripe_is_asked_for_an_intent() -> None:
    ask = asked("stripe")
    assert ask.path == "/v1/payment_intents"
    assert ask.headers == {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "Bearer sk_test_first",
        "Idempotency-Key": DEPOSIT_ID,
    }
    assert parse_qsl(ask.body.decode(), strict_parsing=True) == [
        ("amount", "1050"),
        ("currency", "eur"),
        ("payment_method_types[]", "card"),
        ("metadata[deposit_id]", DEPOSIT_ID),
        ("metadata[player_id]", PLAYER),
    ]


@pytest.mark.parametrize(
    ("gateway", "kinds"),
    [("adyen", {"NL": "ideal", "BE": "bcmc", "AT": "eps"}), ("stripe", {"NL": "ideal", "BE": "bancontact", "AT": "eps"})],
)
def test_a_bank_is_the_countrys_own(gateway: str, kinds: dict[str, str]) -> None:
    for country, kind in kinds.items():
        body = asked(gateway, replace(ORDER, method=Method.BANK, country=country)).body
        found = (
            json.loads(body)["allowedPaymentMethods"]
            if gateway == "adyen"
            else [dict(parse_qsl(body.decode()))["payment_method_types[]"]]
        )
        assert found == [kind]


def test_the_same_deposit_is_asked_for_in_the_same_bytes() -> None:
    for gateway in GATEWAYS:
        assert asked(gateway) == asked(gateway)


def test_what_is_sent_is_what_the_webhooks_are_read_by() -> None:
    """The reference of the session is the merchantReference of its notification; an intent's metadata come with its events."""
    sent = json.loads(asked("adyen").body)
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": sent["merchantAccount"],
        "merchantReference": sent["reference"],
        "amount": sent["amount"],
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-01-01T12:00:00+01:00",
        "success": "true",
    }
    body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()
    (event,) = payment_events("adyen", body)
    assert (event.deposit_id, event.payment.amount, event.payment.currency) == (DEPOSIT_ID, ORDER.amount, "EUR")

    form = dict(parse_qsl(asked("stripe").body.decode()))
    metadata = {name[len("metadata[") : -1]: value for name, value in form.items() if name.startswith("metadata[")}
    intent = {"id": "pi_1", "amount": int(form["amount"]), "amount_received": int(form["amount"]), "currency": form["currency"]}
    told = {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "data": {"object": intent | {"metadata": metadata}}}
    (event,) = payment_events("stripe", json.dumps(told).encode())
    assert (event.deposit_id, event.payment.amount, event.payment.currency) == (DEPOSIT_ID, ORDER.amount, "EUR")


def test_a_good_answer_is_what_a_browser_needs() -> None:
    assert till("adyen", Told(201, ANSWERS["adyen"])).open(ORDER) == OpenedPayment(
        Kind.SESSION,
        "CS0068299CB8DA273A",
        session_data="Ab02b4c0!",
        public_key="test_CLIENT",
        expires_at="2026-01-01T13:00:00.000Z",
    )
    assert till("stripe", Told(200, ANSWERS["stripe"])).open(ORDER) == OpenedPayment(
        Kind.INTENT,
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        client_secret="pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_Y",
        public_key="pk_test_1",
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, Why.REFUSED),
        (402, Why.REFUSED),
        (404, Why.REFUSED),
        (422, Why.REFUSED),
        (300, Why.REFUSED),
        (199, Why.REFUSED),
        (401, Why.BAD_CREDENTIALS),
        (403, Why.BAD_CREDENTIALS),
        (408, Why.BUSY),
        (409, Why.BUSY),
        (425, Why.BUSY),
        (429, Why.BUSY),
        (None, Why.UNKNOWN),
    ],
)
def test_what_is_no_payment_says_why(gateway: str, status: int | None, why: Why) -> None:
    told = None if status is None else Told(status, ANSWERS[gateway])
    with pytest.raises(PaymentNotOpened) as refused:
        till(gateway, told).open(ORDER)
    assert refused.value.why is why
    assert isinstance(refused.value, PaymentRefused if why is Why.REFUSED else GatewayUnavailable)


def changed(value: Any, path: tuple[str, ...], to: Any) -> Any:
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copy


@pytest.mark.parametrize(
    ("gateway", "path", "to"),
    [
        ("adyen", ("reference",), "dep_" + "z" * 20),
        ("adyen", ("reference",), ...),
        ("adyen", ("amount", "value"), 1051),
        ("adyen", ("amount", "currency"), "USD"),
        ("adyen", ("amount",), None),
        ("adyen", ("id",), ""),
        ("adyen", ("id",), 7),
        ("adyen", ("sessionData",), None),
        ("adyen", ("sessionData",), ...),
        ("adyen", ("expiresAt",), "tomorrow"),
        ("stripe", ("metadata", "deposit_id"), "dep_" + "z" * 20),
        ("stripe", ("metadata",), None),
        ("stripe", ("metadata",), {}),
        ("stripe", ("amount",), 1051),
        ("stripe", ("currency",), "usd"),
        ("stripe", ("client_secret",), ...),
        ("stripe", ("client_secret",), None),
        ("stripe", ("id",), "ch_1"),
        ("stripe", ("id",), None),
    ],
)
def test_an_answer_that_speaks_of_something_else_is_no_answer(gateway: str, path: tuple[str, ...], to: Any) -> None:
    with pytest.raises(GatewayUnavailable) as refused:
        till(gateway, Told(200, changed(ANSWERS[gateway], path, to))).open(ORDER)
    assert refused.value.why is Why.ANOTHER


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("value", [None, [], "x", 7, {}, [ANSWERS]])
def test_an_answer_of_another_form_is_no_answer(gateway: str, value: Any) -> None:
    with pytest.raises(GatewayUnavailable):
        till(gateway, Told(200, value)).open(ORDER)


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("keys", [None, [], [""], [7], "sk_1", ["with\nline"], ["not-äscii"]])
def test_without_a_key_nobody_is_asked(gateway: str, keys: Any) -> None:
    def send(_ask: Ask) -> Told:
        raise AssertionError("it must not be sent")

    with pytest.raises(GatewayUnavailable) as refused:
        Till(OPENINGS[gateway], Secret({**SECRETS[gateway], "api_keys": keys}), send).open(ORDER)
    assert refused.value.why is Why.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("gateway", "name"), [("adyen", "merchant_account"), ("adyen", "client_key"), ("stripe", "publishable_key")]
)
def test_what_a_secret_lacks_is_named_and_never_shown(gateway: str, name: str) -> None:
    with pytest.raises(BadCredentials, match=name) as refused:
        OPENINGS[gateway].credentials({**SECRETS[gateway], name: ""})
    assert SECRETS[gateway]["api_keys"][0] not in repr(refused.value)


def test_adyen_has_to_know_where_the_player_comes_back_to() -> None:
    with pytest.raises(ReturnUrlMissing):
        asked("adyen", replace(ORDER, return_url=""))
    assert asked("stripe", replace(ORDER, return_url="")) == asked("stripe")


@pytest.mark.parametrize(
    ("gateway", "code", "amount", "units"),
    [
        ("adyen", "EUR", "0.01", 1),
        ("adyen", "JPY", "1000", 1000),
        ("adyen", "KWD", "1.005", 1005),
        ("adyen", "ISK", "100", 10000),  # by Adyen's table, not ISO 4217's
        ("stripe", "JPY", "1000", 1000),
        ("stripe", "ISK", "100", 10000),
        ("stripe", "HUF", "175.00", 17500),
    ],
)
def test_amounts_go_out_in_the_gateways_smallest_unit(gateway: str, code: str, amount: str, units: int) -> None:
    order = replace(ORDER, currency=code, amount=nanos(amount, code))
    body = asked(gateway, order).body
    sent = json.loads(body)["amount"]["value"] if gateway == "adyen" else int(dict(parse_qsl(body.decode()))["amount"])
    assert sent == units


def test_an_amount_that_the_gateway_cannot_count_is_never_rounded() -> None:
    with pytest.raises(ValueError, match="fine"):
        minor_units(replace(ORDER, amount=nanos("0.01") + 1), {})


def test_secrets_do_not_show() -> None:
    for gateway in GATEWAYS:
        opened = till(gateway, Told(200, ANSWERS[gateway])).open(ORDER)
        shown = (
            repr(opened)
            + repr(Told(200, ANSWERS[gateway]))
            + repr(asked(gateway))
            + repr(OPENINGS[gateway].credentials(SECRETS[gateway]))
        )
        assert not any(secret in shown for secret in ("_secret_Y", "Ab02b4c0", "AQE-first", "sk_test_first"))
