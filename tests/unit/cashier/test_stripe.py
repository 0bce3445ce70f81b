import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom import money
from countroom.cashier.gateways.dialect import (
    Delivery,
    DeliveryStale,
    MalformedEvent,
    PaymentOutcome,
    SecretsUnusable,
    SignatureInvalid,
)
from countroom.cashier.gateways.signing import TOLERANCE_MS
from countroom.cashier.gateways.stripe import DIALECT
from tests.unit.cashier.stripe_wire import OLD_SECRET, SECRET, START_S, charge, dispute, event, header, signature
from tests.unit.cashier.support import DEPOSIT_ID, nanos
from tests.unit.clock import START_MS

BODY = event()


def verify(headers: dict[str, str], body: bytes = BODY, now_ms: int = START_MS, secrets: tuple[str, ...] = (SECRET,)) -> str:
    return DIALECT.verify(Delivery(headers, body), secrets, now_ms)


def test_the_signature_of_the_documentation_verifies_and_gives_the_event() -> None:
    assert verify({"stripe-signature": header(BODY)}) == "evt_1"


def test_the_key_is_the_text_of_the_secret_and_not_what_it_decodes_to() -> None:
    # openssl's answer: printf '1767268800.{}' | openssl dgst -sha256 -hmac whsec_ssssssssssssssssssssssssssssssss
    known = "3fc6e0938efe9bd9569b5cec01a0afd8a731350a83406d1797312068d72cc3f5"
    assert verify({"stripe-signature": f"t=1767268800,v1={known}"}, b"{}", 1_767_268_800_000).startswith("body-")


def test_either_secret_of_a_roll_is_valid_and_any_of_several_signatures_suffices() -> None:
    old = signature(BODY, OLD_SECRET)
    both = f"t={START_S},v1={old},v1={signature(BODY)},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
    assert verify({"stripe-signature": both}) == "evt_1"
    assert verify({"stripe-signature": header(BODY, OLD_SECRET)}, secrets=(SECRET, OLD_SECRET)) == "evt_1"
    assert verify({"stripe-signature": header(BODY)}, secrets=(OLD_SECRET, SECRET)) == "evt_1"
    with pytest.raises(SignatureInvalid):
        verify({"stripe-signature": header(BODY, OLD_SECRET)})


@pytest.mark.parametrize("off_ms", [-TOLERANCE_MS, 0, TOLERANCE_MS])
def test_within_five_minutes_both_ways(off_ms: int) -> None:
    assert verify({"stripe-signature": header(BODY)}, now_ms=START_MS + off_ms) == "evt_1"


@pytest.mark.parametrize("off_ms", [-TOLERANCE_MS - 1, TOLERANCE_MS + 1])
def test_beyond_five_minutes_both_ways(off_ms: int) -> None:
    with pytest.raises(DeliveryStale):
        verify({"stripe-signature": header(BODY)}, now_ms=START_MS + off_ms)


@pytest.mark.parametrize(
    "written",
    [
        "",
        f"t={START_S}",
        f"v1={signature(BODY)}",
        f"t={START_S},v0={signature(BODY)}",
        f"t={START_S},v1={signature(BODY).encode().hex()}",
        f"t={START_S},v1={signature(BODY)[:-1]}",
        f"t={START_S},v1= {signature(BODY)} x",
        f"t={START_S + 1},v1={signature(BODY)}",
        f"t={START_S},t={START_S},v1={signature(BODY)}",
        f"t=0{START_S},v1={signature(BODY)}",
        f"t=-{START_S},v1={signature(BODY)}",
        f"t={'9' * 400},v1={signature(BODY)}",
        f"t={START_S}," + ",".join(["v1=00"] * 8 + [f"v1={signature(BODY)}"]),
        header(BODY) + " " * 2048,
        header(BODY + b" "),
        header(BODY, "whsec_" + "x" * 32),
    ],
)
def test_a_header_that_is_missing_ill_formed_or_of_other_bytes_is_no_signature(written: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify({"stripe-signature": written})


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("s" * 32,), ("whsec_é" + "s" * 32,)])
def test_without_a_usable_secret_nothing_verifies(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SecretsUnusable):
        verify({"stripe-signature": header(BODY)}, secrets=secrets)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120), st.binary(max_size=60))
def test_hostile_headers_never_verify_and_never_raise_anything_else(written: str, body: bytes) -> None:
    with pytest.raises((SignatureInvalid, DeliveryStale)):
        verify({"stripe-signature": written}, body)


def test_the_signed_body_is_kept_byte_for_byte() -> None:
    assert DIALECT.genuine(BODY, [SECRET]) is BODY


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("payment_intent.processing", PaymentOutcome.PENDING),
        ("payment_intent.requires_action", PaymentOutcome.REQUIRES_ACTION),
        ("payment_intent.succeeded", PaymentOutcome.SUCCEEDED),
        ("payment_intent.payment_failed", PaymentOutcome.FAILED),
        ("payment_intent.canceled", PaymentOutcome.CANCELLED),
    ],
)
def test_what_becomes_of_an_intent(kind: str, outcome: PaymentOutcome) -> None:
    (found,) = DIALECT.parse(event(kind))
    assert (found.outcome, found.deposit_id, found.event_id, found.case_id) == (outcome, DEPOSIT_ID, "evt_1", "")
    assert (found.payment.payment_id, found.payment.amount, found.payment.currency) == ("pi_1", nanos("10.00"), "EUR")
    assert found.occurred_at_ms == START_MS


def test_what_was_received_counts_and_not_what_was_asked_for() -> None:
    (found,) = DIALECT.parse(event(amount_received=950))
    assert found.payment.amount == nanos("9.50")


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "expired_card"}, "expired_card"),
        ({"code": "Your card <b>was</b> declined."}, "other"),
        ({}, ""),
        ("text", ""),
    ],
)
def test_a_failure_keeps_a_code_and_no_free_text(error: object, kept: str) -> None:
    (found,) = DIALECT.parse(event("payment_intent.payment_failed", last_payment_error=error))
    assert found.reason == kept


@pytest.mark.parametrize(
    ("total", "before", "amount"), [(1000, 0, "10.00"), (300, 0, "3.00"), (1000, 300, "7.00"), (1000, None, "10.00")]
)
def test_a_refund_is_what_the_running_total_grew_by(total: int, before: int | None, amount: str) -> None:
    (found,) = DIALECT.parse(charge(total, None if before is None else {"amount_refunded": before}))
    assert (found.outcome, found.payment.payment_id) == (PaymentOutcome.REFUNDED, "pi_1")
    assert (found.payment.amount, found.case_id, found.deposit_id) == (nanos(amount), f"ch_1:{total}", DEPOSIT_ID)


@pytest.mark.parametrize(
    ("total", "previous"), [(300, None), (300, {}), (300, {"amount_refunded": 300}), (300, {"amount_refunded": 400})]
)
def test_a_refund_of_which_nobody_can_say_how_much_it_is_goes_to_people(total: int, previous: dict[str, Any] | None) -> None:
    with pytest.raises(MalformedEvent):
        DIALECT.parse(charge(total, previous))


def test_two_refunds_of_one_charge_are_two_cases() -> None:
    first, second = (DIALECT.parse(charge(total, {"amount_refunded": before}))[0] for total, before in ((300, 0), (600, 300)))
    assert first.payment == second.payment
    assert first.case_id != second.case_id


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("funds_withdrawn", PaymentOutcome.CHARGEBACK), ("funds_reinstated", PaymentOutcome.CHARGEBACK_REVERSED)],
)
@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}])
def test_money_of_a_dispute_moves_when_it_moves(kind: str, outcome: PaymentOutcome, intent: object) -> None:
    (found,) = DIALECT.parse(dispute(kind).replace(b'"pi_1"', json.dumps(intent).encode()))
    assert (found.outcome, found.payment.payment_id, found.case_id) == (outcome, "pi_1", "du_1")
    assert (found.deposit_id, found.payment.amount, found.reason) == ("", nanos("10.00"), "fraudulent")


@pytest.mark.parametrize(
    "kind", ["charge.dispute.created", "charge.dispute.closed", "charge.succeeded", "customer.created", "payment_intent.created"]
)
def test_an_event_that_moves_no_money_of_a_deposit_says_nothing(kind: str) -> None:
    assert DIALECT.parse(event(kind, metadata=None)) == []


@pytest.mark.parametrize(
    ("units", "code", "amount"),
    [
        (1000, "jpy", "1000"),
        (1000, "kwd", "1.000"),
        (12300, "isk", "123"),
        (4200, "ugx", "42"),
        (7, "mga", "7.00"),
        (1, "eur", "0.01"),
    ],
)
def test_amounts_have_the_places_in_which_stripe_counts_the_currency(units: int, code: str, amount: str) -> None:
    (found,) = DIALECT.parse(event(amount_received=units, currency=code))
    assert found.payment.amount == money.parse_amount(amount, money.currency(code.upper()))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"type": "payment_intent.succeeded"}',
        b'{"type": "payment_intent.succeeded", "type": "payment_intent.canceled"}',
        b"[" * 10_000,
        event("refund.failed"),
        event("charge.refund.updated"),
        event(amount_received=0),
        event(amount_received=-5),
        event(amount_received=10.0),
        event(amount_received="1000"),
        event(amount_received=True),
        event(amount_received=None),
        event(amount_received=10**40),
        event(amount_received=12345, currency="isk"),
        event(currency="EUR"),
        event(currency="xxx"),
        event(currency=None),
        event(metadata=None),
        event(metadata={}),
        event(metadata={"deposit_id": "dep_1"}),
        event(id=None),
        event(id="a#b"),
        dispute("funds_withdrawn", amount=0),
        dispute("funds_withdrawn").replace(b'"pi_1"', b"null"),
        BODY.replace(b'"created": ', b'"created": -'),
        BODY.replace(str(START_S).encode(), b"1e9"),
        BODY.replace(b'"evt_1"', b"1"),
    ],
)
def test_a_body_that_is_not_exactly_an_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        DIALECT.parse(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x),
)
NAMES = ["id", "amount", "amount_received", "currency", "metadata", "payment_intent", "amount_refunded"]
KINDS = ["payment_intent.succeeded", "charge.refunded", "charge.dispute.funds_withdrawn"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), JSON), JSON)
def test_any_document_is_malformed_or_says_nothing_without_an_amount_of_a_payment(
    kind: str, subject: object, previous: object
) -> None:
    data = {"object": subject, "previous_attributes": previous}
    with pytest.raises(MalformedEvent):
        DIALECT.parse(json.dumps({"id": "evt_1", "type": kind, "created": START_S, "data": data}).encode())
