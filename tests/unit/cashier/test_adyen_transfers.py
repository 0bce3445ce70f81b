"""Adyen's webhooks about payouts, which come in where its notifications do."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.gateways import adyen_transfers, dialect
from countroom.cashier.gateways.adyen_transfers import WORDS
from countroom.cashier.gateways.dialect import Delivery, MalformedEvent, PayoutEvent, SignatureInvalid
from countroom.cashier.withdrawals.life import Said
from countroom.cashier.withdrawals.withdrawal import Word
from tests.unit.cashier import adyen_wire
from tests.unit.cashier.adyen_wire import KEY, OLD_KEY
from tests.unit.cashier.payouts.support import WITHDRAWAL_ID, transfer
from tests.unit.cashier.support import nanos
from tests.unit.clock import START_MS

ADYEN = dialect("adyen")
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda one: st.lists(one) | st.dictionaries(st.text(max_size=9), one),
)


def body_of(kind: str = "balancePlatform.transfer.updated", *, more: dict[str, Any] | None = None, **fields: Any) -> bytes:
    said = {"data": transfer(**fields), "environment": "live", "timestamp": "2026-01-01T12:00:00Z", "type": kind}
    return json.dumps({**said, **(more or {})}).encode()


def signed(body: bytes, key: str = KEY) -> Delivery:
    """Signed as Adyen's documentation says, without anything of the product."""
    signature = base64.b64encode(hmac.new(bytes.fromhex(key), body, hashlib.sha256).digest()).decode()
    return Delivery({"hmacsignature": signature, "content-type": "application/json"}, body)


def test_a_signed_webhook_is_taken_whole_and_named_after_its_transfer_and_status() -> None:
    body = body_of(status="booked")
    assert ADYEN.verify(signed(body), [OLD_KEY, KEY], START_MS) == "TR1:booked"
    assert ADYEN.genuine(body, [KEY]) == body
    said = Said(Word.PAID, "TR1", "", nanos("20.00"), "EUR")
    assert ADYEN.parse(body) == [PayoutEvent(WITHDRAWAL_ID, said, "TR1:booked")]


@pytest.mark.parametrize("headers", [{}, {"hmacsignature": ""}, {"hmacsignature": "!"}, signed(body_of(), OLD_KEY).headers])
def test_without_a_signature_by_a_valid_secret_nothing_is_taken(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        ADYEN.verify(Delivery(headers, body_of()), [KEY], START_MS)


def test_a_changed_byte_is_another_webhook() -> None:
    right = signed(body_of())
    for at in range(0, len(right.body), 7):
        changed = right.body[:at] + bytes([right.body[at] ^ 1]) + right.body[at + 1 :]
        with pytest.raises(SignatureInvalid):
            ADYEN.verify(Delivery(right.headers, changed), [KEY], START_MS)


def test_nothing_unsigned_comes_along_with_a_genuine_notification() -> None:
    """A recorded notification, with a transfer written beside it that nobody has signed."""
    recorded = json.loads(adyen_wire.batch(adyen_wire.item()))
    body = json.dumps({**json.loads(body_of(status="booked")), **recorded}).encode()
    assert not adyen_transfers.is_one(body)
    assert ADYEN.verify(Delivery({}, body), [KEY], START_MS) == "PSP1:AUTHORISATION"
    assert not any(isinstance(event, PayoutEvent) for event in ADYEN.parse(ADYEN.genuine(body, [KEY])))


@pytest.mark.parametrize(("status", "word"), WORDS.items())
def test_each_documented_status_says_one_thing(status: str, word: Word) -> None:
    (event,) = ADYEN.parse(body_of(status=status, reason="counterpartyAccountClosed"))
    assert isinstance(event, PayoutEvent)
    reason = "counterpartyAccountClosed" if word in {Word.FAILED, Word.RETURNED} else ""
    assert (event.said.word, event.said.reason) == (word, reason)


@pytest.mark.parametrize(
    "fields",
    [{"reference": "POJO91"}, {"reference": None}, {"direction": "incoming"}, {"reference": "dep_" + "c" * 20}],
)
def test_a_transfer_that_is_no_payout_of_this_house_says_nothing(fields: dict[str, Any]) -> None:
    body = body_of(**fields)
    assert ADYEN.parse(body) == []
    assert ADYEN.verify(signed(body), [KEY], START_MS).startswith("body-")


def test_other_webhooks_of_the_family_say_nothing() -> None:
    assert ADYEN.parse(body_of("balancePlatform.accountHolder.updated")) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "error"},
        {"status": None},
        {"id": 7},
        {"id": "a:b"},
        {"amount": None},
        {"amount": {"currency": "EUR", "value": 0}},
        {"amount": {"currency": "EUR", "value": "2000"}},
        {"amount": {"currency": "ISK", "value": 2050}},
    ],
)
def test_what_cannot_be_understood_is_for_people(fields: dict[str, Any]) -> None:
    body = body_of(**fields)
    assert ADYEN.verify(signed(body), [KEY], START_MS).startswith("body-")
    with pytest.raises(MalformedEvent):
        ADYEN.parse(body)


@given(data=ANY, more=st.dictionaries(st.text(max_size=9), ANY, max_size=2))
def test_whatever_the_data_is_it_is_understood_or_malformed(data: Any, more: dict[str, Any]) -> None:
    body = json.dumps({"type": "balancePlatform.transfer.updated", "data": data, **more}).encode()
    try:
        events = ADYEN.parse(body)
    except MalformedEvent:
        return
    assert events == []


@pytest.mark.parametrize("code", ["PAYOUT_THIRDPARTY", "PAYOUT_DECLINE", "PAYOUT_EXPIRE", "PAIDOUT_REVERSED"])
@pytest.mark.parametrize("success", ["true", "false"])
def test_notifications_of_the_payout_api_that_is_not_used_are_for_people(code: str, success: str) -> None:
    with pytest.raises(MalformedEvent, match="people have to book"):
        ADYEN.parse(adyen_wire.batch(adyen_wire.item(eventCode=code, success=success)))
