import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from countroom.cashier.gateways.dialect import (
    Delivery,
    DeliveryStale,
    MalformedEvent,
    PaymentOutcome,
    SecretsUnusable,
    SignatureInvalid,
)
from countroom.cashier.gateways.signing import TOLERANCE_MS
from countroom.cashier.gateways.standard import DIALECT
from tests.unit.cashier.support import DEPOSIT_ID, OLD_SECRET, SECRET, body_of, nanos, signed_headers
from tests.unit.clock import START_MS

VECTOR_AT_MS = 1_614_265_330_000
VECTOR = Delivery(
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    b'{"test": 2432232314}',
)
BODY = body_of()


def delivery(**headers: str | None) -> Delivery:
    """The body as it was signed, with headers changed or (None) left out."""
    changed = {**signed_headers(BODY), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Delivery({name: value for name, value in changed.items() if value is not None}, BODY)


def test_the_published_vector_verifies() -> None:
    assert DIALECT.verify(VECTOR, [SECRET], VECTOR_AT_MS) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_vector_with_other_white_space_does_not() -> None:
    with pytest.raises(SignatureInvalid):
        DIALECT.verify(Delivery(VECTOR.headers, b'{"test":2432232314}'), [SECRET], VECTOR_AT_MS)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.integers(1, 4_000_000_000))
def test_whatever_the_independent_signer_signs_verifies(text: str, seconds: int) -> None:
    signature = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(seconds, tz=UTC), text)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": signature}
    assert DIALECT.verify(Delivery(headers, text.encode()), [SECRET], seconds * 1000) == "msg_1"


def test_either_secret_of_a_rotation_is_valid() -> None:
    by_old = Delivery(signed_headers(BODY, secret=OLD_SECRET), BODY)
    for secrets in ([SECRET, OLD_SECRET], [OLD_SECRET, SECRET]):
        assert DIALECT.verify(by_old, secrets, START_MS) == "msg_1"
        assert DIALECT.verify(delivery(), secrets, START_MS) == "msg_1"
    with pytest.raises(SignatureInvalid):
        DIALECT.verify(by_old, [SECRET], START_MS)


def test_any_of_several_signatures_suffices() -> None:
    mine = signed_headers(BODY)["webhook-signature"]
    old = signed_headers(BODY, secret=OLD_SECRET)["webhook-signature"]
    for header in (f"{old} {mine}", f"{mine} {old}", f"v1a,xxxx {mine}", f"v1,not-base64! {mine}", f"  {mine}  "):
        assert DIALECT.verify(delivery(webhook_signature=header), [SECRET], START_MS) == "msg_1"


@pytest.mark.parametrize("off_ms", [-TOLERANCE_MS, 0, TOLERANCE_MS])
def test_within_five_minutes_both_ways(off_ms: int) -> None:
    assert DIALECT.verify(delivery(), [SECRET], START_MS + off_ms) == "msg_1"


@pytest.mark.parametrize("off_ms", [-TOLERANCE_MS - 1, TOLERANCE_MS + 1, 10**15])
def test_beyond_five_minutes_both_ways(off_ms: int) -> None:
    with pytest.raises(DeliveryStale):
        DIALECT.verify(delivery(), [SECRET], START_MS + off_ms)


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook_id": None},
        {"webhook_id": ""},
        {"webhook_id": "msg.1"},
        {"webhook_id": "x" * 65},
        {"webhook_id": "msg_2"},
        {"webhook_timestamp": None},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": "1e9"},
        {"webhook_timestamp": "-5"},
        {"webhook_timestamp": "nan"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_timestamp": "٣"},
        {"webhook_timestamp": str(START_MS // 1000 + 1)},
        {"webhook_signature": None},
        {"webhook_signature": ""},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1,AAAA,BBBB"},
        {"webhook_signature": "v1,é"},
        {"webhook_signature": "v2," + signed_headers(BODY)["webhook-signature"][3:]},
        {"webhook_signature": " ".join(["v1,AAAA"] * 8 + [signed_headers(BODY)["webhook-signature"]])},
        {"webhook_signature": signed_headers(BODY)["webhook-signature"] + " " * 1024},
    ],
)
def test_a_header_that_is_missing_ill_formed_or_changed_is_no_signature(headers: dict[str, str | None]) -> None:
    with pytest.raises(SignatureInvalid):
        DIALECT.verify(delivery(**headers), [SECRET], START_MS)


@pytest.mark.parametrize(
    "secrets", [[], [""], ["placeholder"], ["whsec_"], ["whsec_AAAA"], ["whsec_é"], [SECRET.removeprefix("whsec_")]]
)
def test_without_a_usable_secret_nothing_verifies(secrets: list[str]) -> None:
    with pytest.raises(SecretsUnusable):
        DIALECT.verify(delivery(), secrets, START_MS)


HEADER_NAMES = ["webhook-id", "webhook-timestamp", "webhook-signature"]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(HEADER_NAMES), st.text(max_size=80)), st.binary(max_size=60))
def test_hostile_headers_never_verify_and_never_raise_anything_else(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises((SignatureInvalid, DeliveryStale)):
        DIALECT.verify(Delivery(headers, body), [SECRET], START_MS)


def test_a_success_is_read_exactly() -> None:
    (event,) = DIALECT.parse(body_of(amount="12.5"))
    assert (event.outcome, event.deposit_id, event.reason) == (PaymentOutcome.SUCCEEDED, DEPOSIT_ID, "")
    assert (event.payment.payment_id, event.payment.amount, event.payment.currency) == ("pay_1", nanos("12.50"), "EUR")
    assert event.occurred_at_ms == START_MS


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(None, ""), ("card_declined", "card_declined"), ("<b>free text</b>", "other"), ("x" * 49, "other"), (7, "other")],
)
def test_a_failure_keeps_a_code_and_no_free_text(sent: object, kept: str) -> None:
    (event,) = DIALECT.parse(body_of("payment.failed", reason=sent))
    assert (event.outcome, event.reason) == (PaymentOutcome.FAILED, kept)


def test_a_field_that_nobody_knows_is_let_be() -> None:
    assert DIALECT.parse(body_of(fee="0.10"))[0].payment.amount == nanos("10.00")


def document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(BODY), **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        BODY + b"x",
        b"[" * 15_000,
        b'{"type": "payment.succeeded", "type": "payment.failed"}',
        BODY.replace(b'"10.00"', b"NaN"),
        document(type="payment.captured"),
        document(type=None),
        document(type=["payment.succeeded"]),
        document(timestamp=1_767_268_800),
        document(timestamp="2026-01-01"),
        document(timestamp="2026-13-01T00:00:00Z"),
        document(timestamp="2026-01-01T24:00:00Z"),
        document(timestamp="2026-01-01T12:00:00"),
        document(data=None),
        document(data=[]),
        body_of(deposit_id=None),
        body_of(deposit_id=7),
        body_of(deposit_id="dep_1"),
        body_of(payment_id=None),
        body_of(payment_id=""),
        body_of(payment_id="a#b"),
        body_of(payment_id="x" * 65),
        body_of(amount=None),
        body_of(amount=10),
        body_of(amount=10.5),
        body_of(amount="0"),
        body_of(amount="0.00"),
        body_of(amount="-1.00"),
        body_of(amount="1e3"),
        body_of(amount="10.001"),
        body_of(amount="Infinity"),
        body_of(amount="9" * 39),
        body_of(amount="10.00", currency="JPY"),
        body_of(currency=None),
        body_of(currency="eur"),
        body_of(currency="XXX"),
    ],
)
def test_a_body_that_is_not_exactly_an_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        DIALECT.parse(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x)
)


@given(st.dictionaries(st.sampled_from(["type", "timestamp", "data", "x"]), JSON))
def test_any_document_is_an_event_or_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedEvent):
        DIALECT.parse(json.dumps(fields).encode())
