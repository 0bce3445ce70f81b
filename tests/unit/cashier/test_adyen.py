import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom import money
from countroom.cashier.gateways.adyen import DIALECT, ITEMS_MAX
from countroom.cashier.gateways.dialect import (
    Delivery,
    MalformedEvent,
    PartlyMalformed,
    PaymentEvent,
    PaymentOutcome,
    SecretsUnusable,
    SignatureInvalid,
)
from tests.unit.cashier.adyen_wire import KEY, OLD_KEY, batch, item, later, sign
from tests.unit.cashier.support import DEPOSIT_ID, nanos, payment_events
from tests.unit.clock import START_MS

VECTOR = {
    "pspReference": "7914073381342284",
    "originalReference": "",
    "merchantAccountCode": "TestMerchant",
    "merchantReference": "TestPayment-1407325143704",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}


def verify(body: bytes, *keys: str) -> str:
    return DIALECT.verify(Delivery({}, body), keys or (KEY,), START_MS)


def test_the_published_vector_verifies() -> None:
    assert sign(VECTOR) == VECTOR["additionalData"]["hmacSignature"]  # type: ignore[index]  # the vector's own form is known
    assert verify(batch(VECTOR)) == "7914073381342284:AUTHORISATION"
    assert DIALECT.genuine(batch(VECTOR), [KEY]) == batch(VECTOR)


@pytest.mark.parametrize(
    "change",
    [
        {"pspReference": "7914073381342285"},
        {"originalReference": "7914073381342284"},
        {"merchantAccountCode": "TestMerchan"},
        {"merchantReference": "TestPayment-1407325143705"},
        {"amount": {"value": 1131, "currency": "EUR"}},
        {"amount": {"value": 1130, "currency": "USD"}},
        {"eventCode": "CAPTURE"},
        {"success": "false"},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo1="}},
        {"additionalData": {"hmacSignature": 7}},
        {"additionalData": None},
    ],
)
def test_the_vector_with_any_signed_field_changed_does_not_verify(change: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalid):
        verify(batch({**VECTOR, **change}))


def test_a_separator_inside_a_field_cannot_move_the_borders_between_fields() -> None:
    shifted = {**VECTOR, "merchantAccountCode": "TestMerchant:TestPayment-1407325143704", "merchantReference": "1130"}
    shifted["amount"] = {"value": 1130, "currency": "EUR"}
    honest = item(merchantAccountCode="House:x")
    for made in (shifted, honest):
        with pytest.raises(SignatureInvalid):
            verify(batch(made))


def test_either_key_of_a_rotation_is_valid_in_either_case() -> None:
    for keys in ((KEY, OLD_KEY), (OLD_KEY, KEY.lower())):
        assert verify(batch(item()), *keys) == "PSP1:AUTHORISATION"
        assert verify(batch(item(OLD_KEY)), *keys) == "PSP1:AUTHORISATION"
    with pytest.raises(SignatureInvalid):
        verify(batch(item(OLD_KEY)))


@pytest.mark.parametrize("keys", [(), ("",), ("zz" * 32,), ("0f",), (f" {KEY}",), (KEY[:-1],)])
def test_without_a_usable_key_nothing_verifies(keys: tuple[str, ...]) -> None:
    with pytest.raises(SecretsUnusable):
        DIALECT.verify(Delivery({}, batch(item())), keys, START_MS)


def test_of_a_batch_with_an_item_that_is_not_genuine_the_others_are_kept() -> None:
    good, forged, other = item(), item("ab" * 32, pspReference="PSP9"), item(pspReference="PSP3")
    body = batch(good, forged, other, {})
    assert verify(body).startswith("batch-")
    kept = DIALECT.genuine(body, [KEY])
    assert [one["NotificationRequestItem"] for one in json.loads(kept)["notificationItems"]] == [good, other]
    assert [found.payment.payment_id for found in payment_events("adyen", kept)] == ["PSP1", "PSP3"]
    assert verify(kept).startswith("batch-")


def test_a_batch_without_any_genuine_item_is_not() -> None:
    with pytest.raises(SignatureInvalid):
        verify(batch(item(OLD_KEY), item(OLD_KEY, pspReference="PSP2")))


def test_a_wholly_genuine_batch_is_kept_byte_for_byte() -> None:
    body = batch(item(), item(pspReference="PSP2")).replace(b": ", b"  :  ")
    assert DIALECT.genuine(body, [KEY]) == body


def test_of_a_batch_with_an_item_that_cannot_be_understood_the_others_count() -> None:
    with pytest.raises(PartlyMalformed) as raised:
        DIALECT.parse(batch(item(merchantReference="other"), item(), item(pspReference="PSP2", eventDate="soon")))
    assert [found.payment.payment_id for found in raised.value.events if isinstance(found, PaymentEvent)] == ["PSP1"]
    assert [fault[:6] for fault in raised.value.faults] == ["item 0", "item 2"]


PAID = [
    ("AUTHORISATION", "true", PaymentOutcome.SUCCEEDED),
    ("AUTHORISATION", "false", PaymentOutcome.FAILED),
    ("PENDING", "true", PaymentOutcome.PENDING),
    ("OFFER_CLOSED", "true", PaymentOutcome.EXPIRED),
]


@pytest.mark.parametrize(("code", "success", "outcome"), PAID)
def test_what_becomes_of_a_payment(code: str, success: str, outcome: PaymentOutcome) -> None:
    (found,) = payment_events("adyen", batch(item(eventCode=code, success=success)))
    assert (found.outcome, found.deposit_id, found.case_id) == (outcome, DEPOSIT_ID, "")
    assert (found.payment.payment_id, found.payment.amount, found.payment.currency) == ("PSP1", nanos("10.00"), "EUR")
    assert (found.occurred_at_ms, found.event_id) == (START_MS, f"PSP1:{code}")


AFTERWARDS = [
    ("CAPTURE", PaymentOutcome.SETTLED, ""),
    ("CAPTURE_FAILED", PaymentOutcome.SETTLEMENT_FAILED, ""),
    ("CANCELLATION", PaymentOutcome.SETTLEMENT_FAILED, ""),
    ("TECHNICAL_CANCEL", PaymentOutcome.SETTLEMENT_FAILED, ""),
    ("REFUND", PaymentOutcome.REFUNDED, "PSP2"),
    ("REFUND_FAILED", PaymentOutcome.REFUND_FAILED, "PSP2"),
    ("REFUNDED_REVERSED", PaymentOutcome.REFUND_FAILED, "PSP2"),
    ("CHARGEBACK", PaymentOutcome.CHARGEBACK, "PSP2"),
    ("CHARGEBACK_REVERSED", PaymentOutcome.CHARGEBACK_REVERSED, "PSP2"),
    ("SECOND_CHARGEBACK", PaymentOutcome.SECOND_CHARGEBACK, "PSP2"),
]


@pytest.mark.parametrize(("code", "outcome", "case_id"), AFTERWARDS)
@pytest.mark.parametrize(("reference", "deposit_id"), [(DEPOSIT_ID, DEPOSIT_ID), ("refund-7", ""), (None, "")])
def test_what_comes_later_is_about_the_original_payment(
    code: str, outcome: PaymentOutcome, case_id: str, reference: str | None, deposit_id: str
) -> None:
    (found,) = payment_events("adyen", batch(later(code, merchantReference=reference)))
    assert (found.outcome, found.payment.payment_id, found.case_id, found.deposit_id) == (outcome, "PSP1", case_id, deposit_id)


@pytest.mark.parametrize(
    ("code", "success"),
    [("REPORT_AVAILABLE", "true"), ("NOTIFICATION_OF_CHARGEBACK", "true"), ("REFUND", "false"), ("CANCELLATION", "false")],
)
def test_an_item_that_moves_no_money_of_a_deposit_says_nothing(code: str, success: str) -> None:
    assert payment_events("adyen", batch(later(code, success=success, merchantReference="", value=0))) == []


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Refused", "Refused"),
        ("CVC Declined", "CVC_Declined"),
        ("1111:08/2030", "other"),
        ("<b>", "other"),
        (None, ""),
        (7, "other"),
    ],
)
def test_a_refusal_keeps_words_and_nothing_of_a_card(said: object, kept: str) -> None:
    (found,) = payment_events("adyen", batch(item(success="false", reason=said)))
    assert found.reason == kept


def test_a_success_keeps_no_reason_for_that_is_the_card() -> None:
    (found,) = payment_events("adyen", batch(item(reason="12345:1111:08/2030")))
    assert found.reason == ""


@pytest.mark.parametrize(
    ("value", "code", "amount"),
    [
        (1000, "JPY", "1000"),
        (1000, "KWD", "1.000"),
        (12300, "ISK", "123"),
        (500, "CLP", "5"),
        (7, "IDR", "7.00"),
        (9, "CVE", "9.00"),
    ],
)
def test_amounts_have_the_places_in_which_adyen_counts_the_currency(value: int, code: str, amount: str) -> None:
    (found,) = payment_events("adyen", batch(item(value=value, currency=code)))
    assert found.payment.amount == money.parse_amount(amount, money.currency(code))


@pytest.mark.parametrize(
    "made",
    [
        {},
        item(value=0),
        item(value=-1),
        item(value=12345, currency="ISK"),
        item(currency="eur"),
        item(currency="XXX"),
        item(success="TRUE"),
        item(merchantReference="other"),
        item(merchantReference="dep_1"),
        item(eventDate="2026-01-01"),
        item(pspReference="a b"),
        later("CHARGEBACK", originalReference=""),
        later("CHARGEBACK", value=0),
        later("CAPTURE", success="false"),
        later("CANCEL_OR_REFUND"),
        {**item(), "amount": {"value": 10.0, "currency": "EUR"}},
        {**item(), "amount": {"value": "1000", "currency": "EUR"}},
        {**item(), "amount": {"value": True, "currency": "EUR"}},
        {**item(), "amount": None},
        {**item(), "success": True},
        {**item(), "eventCode": 7},
        {**item(), "eventDate": None},
    ],
)
def test_an_item_that_is_not_exactly_one_is_malformed(made: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        payment_events("adyen", batch(made))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"[" * 15_000,
        b"{}",
        b'{"notificationItems": []}',
        b'{"notificationItems": {}}',
        batch(*[{}] * (ITEMS_MAX + 1)),
    ],
)
def test_what_is_no_batch_is_neither_genuine_nor_understood(body: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify(body)
    with pytest.raises(MalformedEvent):
        DIALECT.parse(body)


def test_half_of_a_surrogate_pair_in_a_signed_field_is_not_signed() -> None:
    made = {**item(), "merchantAccountCode": "\ud800"}
    with pytest.raises(SignatureInvalid):
        verify(json.dumps({"notificationItems": [{"NotificationRequestItem": made}]}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x),
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*VECTOR, "eventDate"]), JSON, min_size=1), st.text(max_size=60))
def test_any_item_that_is_changed_by_anybody_else_is_not_genuine_and_never_more_than_malformed(
    change: dict[str, object], written: str
) -> None:
    made = {**item(), **change, "additionalData": {"hmacSignature": written}}
    body = batch(made)
    with pytest.raises(SignatureInvalid):
        verify(body)
    with contextlib.suppress(MalformedEvent):
        DIALECT.parse(body)
    assert json.loads(DIALECT.genuine(body, [KEY]))["notificationItems"] == []
