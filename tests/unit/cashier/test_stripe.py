import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom import money
from countroom.cashier.deposits import DepositStatus
from countroom.cashier.gateways.dialect import (
    Delivery,
    DeliveryStale,
    MalformedEvent,
    PartlyMalformed,
    PaymentEvent,
    PaymentOutcome,
    SecretsUnusable,
    SignatureInvalid,
)
from countroom.cashier.gateways.signing import TOLERANCE_MS
from countroom.cashier.gateways.stripe import DIALECT
from countroom.cashier.life import NOTED
from tests.unit.cashier.memory import Office
from tests.unit.cashier.stripe_wire import (
    OLD_SECRET,
    RETURNED,
    SECRET,
    START_S,
    TAKEN,
    TAKEN_AGAIN,
    dispute,
    event,
    header,
    movement,
    refund,
    signature,
)
from tests.unit.cashier.support import DEPOSIT_ID, deposit_of, nanos
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


REFUND, RETURN = PaymentOutcome.REFUNDED, PaymentOutcome.REFUND_FAILED
KINDS_OF_REFUNDS = ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]


@pytest.mark.parametrize("kind", KINDS_OF_REFUNDS)
@pytest.mark.parametrize(
    ("status", "moves", "outcomes"),
    [
        ("succeeded", ("txn_r",), [REFUND]),
        ("succeeded", (), [REFUND]),
        ("pending", ("txn_r",), [REFUND]),
        ("pending", (None,), []),
        ("pending", (), []),
        ("requires_action", (None, None), []),
        ("requires_action", ("txn_r", None), [REFUND]),
        ("failed", ("txn_r",), [REFUND, RETURN]),
        ("failed", ("txn_r", "txn_b"), [REFUND, RETURN]),
        ("failed", (None, "txn_b"), [REFUND, RETURN]),
        ("failed", (None, None), []),
        ("canceled", ("txn_r", "txn_b"), [REFUND, RETURN]),
        ("canceled", (None,), []),
    ],
)
def test_a_refund_is_what_its_money_did(
    kind: str, status: str, moves: tuple[str | None, ...], outcomes: list[PaymentOutcome]
) -> None:
    found = DIALECT.parse(refund(kind, status, moves))
    assert [one.outcome for one in found] == outcomes
    for one in found:
        assert (one.payment.payment_id, one.payment.amount, one.payment.currency) == ("pi_1", nanos("4.00"), "EUR")
        assert (one.case_id, one.deposit_id) == ("re_1", "")


@pytest.mark.parametrize(
    "body",
    [
        refund("refund.failed", "failed", ()),
        refund(status="lost"),
        event("charge.refunded").replace(b"2025-09-30.clover", b"2024-10-27"),
        event("charge.refunded").replace(b"2025-09-30.clover", b"newest"),
        event("charge.refunded").replace(b'"2025-09-30.clover"', b"null"),
        dispute("funds_withdrawn", []),
        dispute("funds_withdrawn", [RETURNED]),
        dispute("funds_reinstated", [TAKEN]),
    ],
)
def test_money_of_which_the_event_does_not_say_what_it_did_goes_to_people(body: bytes) -> None:
    with pytest.raises(PartlyMalformed):
        DIALECT.parse(body)


@pytest.mark.parametrize("version", ["2024-10-28.acacia", "2025-09-30.clover", "2026-01-28"])
def test_a_running_total_says_nothing_beside_the_refunds(version: str) -> None:
    assert DIALECT.parse(event("charge.refunded", metadata=None).replace(b"2025-09-30.clover", version.encode())) == []


def test_a_refund_of_no_intent_is_of_no_deposit() -> None:
    assert DIALECT.parse(refund().replace(b'"pi_1"', b"null")) == []


def told(*found: PaymentEvent) -> list[tuple[PaymentOutcome, int]]:
    return [(one.outcome, one.payment.amount) for one in found]


TEN = nanos("10.00")
FIRST, BACK, SECOND = PaymentOutcome.CHARGEBACK, PaymentOutcome.CHARGEBACK_REVERSED, PaymentOutcome.SECOND_CHARGEBACK
USD = [movement(-1130, currency="usd"), movement(1130, START_S + 10, "usd"), movement(-1130, START_S + 20, "usd")]


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("kind", "moved", "means"),
    [
        ("funds_withdrawn", [TAKEN], [(FIRST, TEN)]),
        ("funds_withdrawn", [movement(-300)], [(FIRST, nanos("3.00"))]),
        ("funds_reinstated", [TAKEN, RETURNED], [(FIRST, TEN), (BACK, TEN)]),
        ("funds_reinstated", [TAKEN, movement(250, START_S + 10)], [(FIRST, TEN), (BACK, nanos("2.50"))]),
        ("funds_withdrawn", [TAKEN, RETURNED, TAKEN_AGAIN], [(FIRST, TEN), (SECOND, TEN), (BACK, TEN)]),
        ("funds_withdrawn", [TAKEN, RETURNED], [(FIRST, TEN), (BACK, TEN)]),
        (
            "funds_reinstated",
            [TAKEN, RETURNED, movement(-400, START_S + 20, id="txn_0")],
            [(FIRST, TEN), (SECOND, nanos("4.00")), (BACK, TEN)],
        ),
        ("funds_withdrawn", USD, [(FIRST, TEN), (SECOND, TEN), (BACK, TEN)]),
        ("funds_withdrawn", [TAKEN, movement(0, START_S + 1)], [(FIRST, TEN)]),
        ("funds_withdrawn", [TAKEN, TAKEN], [(FIRST, TEN)]),
    ],
)
def test_a_dispute_is_what_its_balance_transactions_moved(
    kind: str, moved: list[dict[str, Any]], means: list[tuple[PaymentOutcome, int]], turn: int
) -> None:
    found = DIALECT.parse(dispute(kind, moved[::turn]))
    assert told(*found) == means
    assert {(one.payment.payment_id, one.payment.currency, one.case_id) for one in found} == {("pi_1", "EUR", "du_1")}
    assert {(one.deposit_id, one.reason) for one in found} == {("", "fraudulent")}


@pytest.mark.parametrize(
    ("moved", "means"),
    [
        ([TAKEN, TAKEN_AGAIN, movement(-5, START_S + 30)], [(FIRST, TEN), (SECOND, TEN)]),
        ([TAKEN, RETURNED, movement(5, START_S + 30)], [(FIRST, TEN), (BACK, TEN)]),
        ([USD[0], movement(1125, START_S + 10, "usd")], [(FIRST, TEN)]),
        ([TAKEN, USD[1]], [(FIRST, TEN)]),
    ],
)
def test_what_a_dispute_moved_in_a_way_that_cannot_be_booked_goes_to_people_and_the_rest_counts(
    moved: list[dict[str, Any]], means: list[tuple[PaymentOutcome, int]]
) -> None:
    with pytest.raises(PartlyMalformed) as raised:
        DIALECT.parse(dispute("funds_withdrawn", moved))
    assert told(*(event for event in raised.value.events if isinstance(event, PaymentEvent))) == means


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}])
def test_the_intent_may_come_expanded(intent: object) -> None:
    for body in (dispute("funds_withdrawn"), refund()):
        (found,) = DIALECT.parse(body.replace(b'"pi_1"', json.dumps(intent).encode()))
        assert found.payment.payment_id == "pi_1"


PAID = event()
LIVES: dict[str, tuple[list[bytes], DepositStatus, str]] = {
    "two refunds up to one total, the first of which failed": (
        [
            PAID,
            refund(status="pending"),
            event("charge.refunded", id="ch_1", amount_refunded=400, payment_intent="pi_1"),
            refund("refund.failed", "failed", ("txn_r", "txn_b")),
            refund(id="re_2"),
        ],
        DepositStatus.REVERSED,
        "6.00",
    ),
    "a refund that failed, told by one event only": (
        [PAID, refund("charge.refund.updated", "failed")],
        DepositStatus.CREDITED,
        "10.00",
    ),
    "a refund that never left": (
        [PAID, refund(status="pending", moves=(None,)), refund("refund.updated", "canceled", (None,))],
        DepositStatus.CREDITED,
        "10.00",
    ),
    "a refund, told in four ways": (
        [PAID, refund(status="pending"), refund("refund.updated"), refund("charge.refund.updated"), event("charge.refunded")],
        DepositStatus.REVERSED,
        "6.00",
    ),
    "a dispute that was lost in the end": (
        [PAID, dispute("funds_withdrawn"), dispute("funds_reinstated"), dispute("funds_withdrawn", [TAKEN_AGAIN, RETURNED, TAKEN])],
        DepositStatus.SECOND_CHARGEBACK,
        "0.00",
    ),
    "a part of what was taken is given back": (
        [PAID, dispute("funds_withdrawn"), dispute("funds_reinstated", [TAKEN, movement(250, START_S + 10)])],
        DepositStatus.CHARGEBACK_REVERSED,
        "2.50",
    ),
    "the reinstatement alone is told": ([PAID, dispute("funds_reinstated")], DepositStatus.CHARGEBACK_REVERSED, "10.00"),
}


@pytest.mark.parametrize("life", LIVES)
def test_in_every_order_and_repeated_the_wallet_ends_the_same(life: str) -> None:
    bodies, status, cash = LIVES[life]
    for order in itertools.permutations(bodies):
        office = Office(deposit_of())
        for body in (*order, *order, *reversed(order)):
            office.take(*DIALECT.parse(body))
        assert (office.deposit.status, office.cash) == (status, nanos(cash)), order
        assert not any(NOTED in change.cause for change in office.deposit.changes[-1:])


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
        refund(amount=0),
        refund(amount=-5),
        refund(amount=None),
        refund(id=None),
        refund().replace(b'"succeeded"', b"null"),
        refund().replace(b'"pi_1"', b"7"),
        refund(currency="EUR"),
        event("refund.created", status="succeeded"),
        dispute("funds_withdrawn", [{"id": "txn_1"}]),
        dispute("funds_withdrawn", ["txn_1"]),
        dispute("funds_withdrawn", [TAKEN] * 21),
        dispute("funds_withdrawn", [movement(-10, currency=7)]),
        dispute("funds_withdrawn", [movement(-1.5)]),
        dispute("funds_withdrawn", balance_transactions="all"),
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
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x),
)
NAMES = ["id", "amount", "amount_received", "currency", "metadata", "payment_intent", "balance_transactions"]
KINDS = ["payment_intent.succeeded", "refund.updated", "charge.dispute.funds_withdrawn"]
STATUSES = st.fixed_dictionaries({}, optional={"status": st.sampled_from(["succeeded", "failed", "pending"]) | JSON})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), JSON), STATUSES)
def test_any_document_is_malformed_or_says_nothing_without_an_amount_of_a_payment(
    kind: str, subject: dict[str, object], status: dict[str, object]
) -> None:
    body = json.dumps({"id": "evt_1", "type": kind, "created": START_S, "data": {"object": subject | status}}).encode()
    if kind == "refund.updated" and subject.get("payment_intent", "") is None:
        assert DIALECT.parse(body) == []
        return
    with pytest.raises(MalformedEvent):
        DIALECT.parse(body)
