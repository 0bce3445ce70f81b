"""What the payment gateways' programs put on the wire, and how they read answers."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.gateway import adyen, paymentiq, standard, stripe
from sandbox.gateway.__main__ import SPEAKERS
from sandbox.gateway.lives import DISPUTES, MAGIC, PAID, Step, life_of, lives_of, table
from sandbox.gateway.table import Event, Payment, Speaker, minor_units, plain
from sandbox.payouts.lives import MAGIC as PAYOUT_MAGIC
from sandbox.provider.line import Outcome
from sandbox.stack import ROOT, Gateway
from sandbox.wire import Answer

PAYMENT = Payment("dep_1", "pi_1", Decimal("10.50"), "EUR", "pl_1", "auth-1")
EVENT = Event(Step.SUCCEEDED, "evt_1", 1700000000.25, 1700000001.75)
URL = "http://127.0.0.1:1/v1/payments/x"
STANDARD = Gateway(URL, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ADYEN = Gateway(URL, "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056")
GATEWAYS = {"standard": STANDARD, "stripe": Gateway(URL, "whsec_text"), "adyen": ADYEN, "paymentiq": Gateway(URL, "shared")}
EACH = [(name, step) for name, speaker in SPEAKERS.items() for step in Step if step in speaker.steps]


def told(speaker: Speaker, gateway: Gateway, step: Step, payment: Payment = PAYMENT, **changes: Any) -> Any:
    return json.loads(speaker.tell(gateway, payment, replace(EVENT, step=step, **changes)).body or b"")


# ------------------------------------------------------------------------------------------------------- magic amounts


@pytest.mark.parametrize(
    ("amount", "currency", "name"),
    [
        ("10.01", "EUR", "declined"),
        ("3.01", "EUR", "declined"),
        ("1001", "JPY", "declined"),
        ("1.001", "KWD", "declined"),
        ("0.02", "USD", "hangs: nothing is ever said"),
        ("10.00", "EUR", "paid at once"),
        ("10.99", "EUR", "paid at once"),
        ("101", "EUR", "paid at once"),
        ("107", "JPY", "wrong signature"),
    ],
)
def test_the_last_two_digits_of_the_smallest_unit_choose(amount: str, currency: str, name: str) -> None:
    assert life_of(Decimal(amount), currency).name == name


@pytest.mark.parametrize("name", SPEAKERS)
def test_a_gateway_offers_the_lives_that_it_can_speak_of_and_every_one_of_them(name: str) -> None:
    steps = SPEAKERS[name].steps
    offered = lives_of(steps)
    assert offered[0] is PAID
    assert {digits for digits, life in MAGIC.items() if set(life.steps) <= steps} == offered.keys() - {0}
    assert all(life.name in table(steps) for life in offered.values())
    wanted = {"paid, then charged back", "out of order: charged back before it is paid", "wrong signature"}
    wanted |= {"hangs: nothing is ever said", "paid twice: two events of one payment"}
    assert wanted <= {life.name for life in offered.values()}


def test_the_readme_names_every_magic_amount_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    payments, payouts = readme.split("Payouts have magic amounts of their own")
    assert [int(digits) for digits in re.findall(r"`\.(\d\d)`", payments)] == list(MAGIC)
    assert [int(digits) for digits in re.findall(r"`\.(\d\d)`", payouts)] == list(PAYOUT_MAGIC)


def test_each_life_ends_as_its_money_does() -> None:
    """A deposit that ends with the money in the wallet was paid, and not taken back more often than it was returned."""
    for life in [PAID, *MAGIC.values()]:
        took = {*life.steps} & {Step.CHARGEBACK, Step.SECOND_CHARGEBACK, Step.REFUNDED, Step.SETTLEMENT_FAILED}
        returned = {*life.steps} & {Step.CHARGEBACK_REVERSED}
        paid = Step.SUCCEEDED in life.steps and life.genuine
        assert life.credited == (paid and len(took) == len(returned)), life.name


# ------------------------------------------------------------------------------------------------------------- amounts


def test_amounts_are_written_with_the_places_of_their_currency() -> None:
    assert plain(Decimal("10.5"), "EUR") == "10.50"
    assert plain(Decimal(10), "JPY") == "10"
    assert plain(Decimal("1.5"), "KWD") == "1.500"
    assert plain(Decimal("1.234"), "EUR") == "1.234"  # not rounded: the house must see what was asked for
    assert minor_units(Decimal("10.5"), "EUR") == 1050
    assert minor_units(Decimal(10), "JPY") == 10
    with pytest.raises(ValueError, match="finer"):
        minor_units(Decimal("10.505"), "EUR")


# ------------------------------------------------------------------------------------------------------------ the wire


def test_standard_webhooks_names_the_event_and_signs_id_time_and_body() -> None:
    message = standard.SPEAKER.tell(STANDARD, PAYMENT, EVENT)
    body = message.body or b""
    signed = hmac.digest(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b"evt_1.1700000001." + body, hashlib.sha256)
    assert message.headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert json.loads(body) == {
        "type": "payment.succeeded",
        "timestamp": "2023-11-14T22:13:20.250Z",
        "data": {"deposit_id": "dep_1", "payment_id": "pi_1", "amount": "10.50", "currency": "EUR"},
    }
    assert told(standard.SPEAKER, STANDARD, Step.FAILED)["data"]["reason"] == "card_declined"


def test_stripe_signs_time_and_body_in_one_header_with_the_secret_as_text() -> None:
    """The vector was computed with OpenSSL: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_text."""
    made = stripe.sign("whsec_text", 1700000000, b"{}")
    assert made == "t=1700000000,v1=" + "0946ad2721b9845baa01685693232f37dd09300214b04fa18e261e53f3e7a5ac"
    message = stripe.SPEAKER.tell(GATEWAYS["stripe"], PAYMENT, EVENT)
    assert message.headers["Stripe-Signature"] == stripe.sign("whsec_text", 1700000001, message.body or b"")


def test_stripe_speaks_of_intents_refunds_and_disputes() -> None:
    gateway = GATEWAYS["stripe"]
    paid = told(stripe.SPEAKER, gateway, Step.SUCCEEDED)
    assert (paid["id"], paid["type"], paid["created"]) == ("evt_1", "payment_intent.succeeded", 1700000000)
    intent = paid["data"]["object"]
    assert (intent["id"], intent["amount_received"], intent["currency"]) == ("pi_1", 1050, "eur")
    assert intent["metadata"] == {"deposit_id": "dep_1"}
    failed = told(stripe.SPEAKER, gateway, Step.FAILED)["data"]["object"]
    assert failed["amount_received"] == 0
    assert failed["last_payment_error"]["decline_code"] == "insufficient_funds"
    refund = told(stripe.SPEAKER, gateway, Step.REFUNDED)
    assert refund["type"] == "refund.created"
    made = refund["data"]["object"]
    assert (made["amount"], made["status"], made["payment_intent"]) == (1050, "succeeded", "pi_1")
    assert made["id"].startswith("re_")
    assert made["balance_transaction"].startswith("txn_")
    for step, kind, moved in (
        (Step.CHARGEBACK, "funds_withdrawn", [-1050]),
        (Step.CHARGEBACK_REVERSED, "funds_reinstated", [1050, -1050]),
        (Step.SECOND_CHARGEBACK, "funds_withdrawn", [-1050, 1050, -1050]),
    ):
        dispute = told(stripe.SPEAKER, gateway, step)
        assert dispute["type"] == f"charge.dispute.{kind}"
        assert [one["amount"] for one in dispute["data"]["object"]["balance_transactions"]] == moved
        assert (dispute["data"]["object"]["id"], dispute["data"]["object"]["payment_intent"]) == ("du_1", "pi_1")
        assert dispute["data"]["object"]["metadata"] == {}  # a dispute does not know the intent's


def test_adyen_signs_each_item_by_the_published_vector() -> None:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    assert adyen.sign(ADYEN.secret, item) == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="


def test_adyen_names_the_payment_and_what_became_of_it() -> None:
    def item(step: Step) -> dict[str, Any]:
        said: dict[str, Any] = told(adyen.SPEAKER, ADYEN, step, event_id=f"event-{step}")
        assert said["live"] == "false"
        (wrapped,) = said["notificationItems"]
        found: dict[str, Any] = wrapped["NotificationRequestItem"]
        unsigned = {name: value for name, value in found.items() if name != "additionalData"}
        assert found["additionalData"]["hmacSignature"] == adyen.sign(ADYEN.secret, unsigned)
        return found

    paid, failed = item(Step.SUCCEEDED), item(Step.FAILED)
    assert (paid["eventCode"], paid["success"], failed["eventCode"], failed["success"]) == (
        *("AUTHORISATION", "true"),
        *("AUTHORISATION", "false"),
    )
    assert (paid["pspReference"], paid["merchantReference"], paid["amount"]) == (
        *("pi_1", "dep_1"),
        {"currency": "EUR", "value": 1050},
    )
    disputes = [item(step) for step in sorted(DISPUTES)]
    assert {one["originalReference"] for one in disputes} == {"pi_1"}
    assert len({one["pspReference"] for one in disputes}) == 1  # one dispute, one reference
    assert disputes[0]["pspReference"] != "pi_1"
    assert not disputes[0]["pspReference"].startswith("event-")
    assert (item(Step.REFUNDED)["pspReference"], item(Step.REFUNDED)["originalReference"]) == ("event-refund", "pi_1")


def test_paymentiq_asks_before_it_moves_money() -> None:
    gateway = GATEWAYS["paymentiq"]
    asked = paymentiq.SPEAKER.openings(gateway, PAYMENT)
    assert [one.message.url.rsplit("/", 1)[1] for one in asked] == ["verifyuser", "authorize"]
    authorize, transfer = json.loads(asked[1].message.body or b""), told(paymentiq.SPEAKER, gateway, Step.SUCCEEDED)
    for said in (authorize, transfer):
        assert (said["userId"], said["txId"], said["txAmount"], said["txAmountCy"]) == ("pl_1", "pi_1", "10.50", "EUR")
    assert transfer["authCode"] == "auth-1"
    assert "originTxId" not in transfer
    for step, amount, name in (
        (Step.CHARGEBACK, "-10.50", "CreditcardChargeback"),
        (Step.REFUNDED, "-10.50", "CreditcardRefund"),
        (Step.CHARGEBACK_REVERSED, "10.50", "CreditcardChargebackReversal"),
    ):
        back = told(paymentiq.SPEAKER, gateway, step)
        assert (back["txId"], back["originTxId"], back["txAmount"], back["txName"]) == ("evt_1", "pi_1", amount, name)
    assert told(paymentiq.SPEAKER, gateway, Step.CANCELLED)["authCode"] == "auth-1"


@pytest.mark.parametrize(("name", "step"), EACH)
def test_every_step_can_be_said_and_forged_with_a_key_of_nobodys(name: str, step: Step) -> None:
    speaker, gateway = SPEAKERS[name], GATEWAYS[name]
    event = replace(EVENT, step=step)
    true, again, forged = (speaker.tell(gateway, PAYMENT, one) for one in (event, event, replace(event, forged=True)))
    assert true == again  # a repeat is the same bytes
    assert json.loads(true.body or b"").keys() == json.loads(forged.body or b"").keys()
    assert (true.headers, true.body) != (forged.headers, forged.body)
    assert gateway.secret not in str(dict(forged.headers))
    assert true.url.startswith(URL)


@pytest.mark.parametrize("name", ["stripe", "adyen"])
def test_what_the_wire_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="finer"):
        SPEAKERS[name].tell(GATEWAYS[name], replace(PAYMENT, amount=Decimal("1.001")), EVENT)


# ------------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, Outcome.STANDS), (202, Outcome.STANDS), (204, Outcome.STANDS), (301, Outcome.OPEN)),
        *((400, Outcome.REFUSED), (401, Outcome.REFUSED), (404, Outcome.REFUSED), (413, Outcome.REFUSED)),
        *((409, Outcome.OPEN), (429, Outcome.OPEN), (500, Outcome.OPEN), (503, Outcome.OPEN)),
    ],
)
def test_an_answer_is_final_or_open(status: int, outcome: Outcome) -> None:
    for name in ("standard", "stripe", "paymentiq"):
        body = b'{"success": true}' if name == "paymentiq" and status < 300 else b""
        assert SPEAKERS[name].read(Answer(status, body)).outcome is outcome


def test_adyen_wants_to_read_that_it_was_accepted() -> None:
    assert adyen.SPEAKER.read(Answer(200, b"[accepted]")).outcome is Outcome.STANDS
    assert adyen.SPEAKER.read(Answer(202, b"")).outcome is Outcome.OPEN
    assert adyen.SPEAKER.read(Answer(401, b"[accepted]")).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("status", "body", "outcome", "word"),
    [
        (200, b'{"success": true, "authCode": "a"}', Outcome.STANDS, "success"),
        (200, b'{"success": false, "errCode": "NO_FUNDS"}', Outcome.REFUSED, "NO_FUNDS"),
        (200, b'{"success": "true"}', Outcome.REFUSED, "no success"),
        (200, b"<html>", Outcome.REFUSED, "no JSON"),
        (503, b"", Outcome.OPEN, "503"),
        (401, b"{}", Outcome.REFUSED, "401"),
    ],
)
def test_paymentiq_reads_success(status: int, body: bytes, outcome: Outcome, word: str) -> None:
    verdict = paymentiq.SPEAKER.read(Answer(status, body))
    assert (verdict.outcome, verdict.word) == (outcome, word)
    assert verdict.names == (("a",) if b"authCode" in body else ())
