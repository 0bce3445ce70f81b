"""Whatever bytes a gateway answers with, nothing is read as an end of a payout that is not exactly one."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.cashier.payouts.dialect import Lost, Payer, PayoutDialect, Told
from countroom.cashier.payouts.port import Declined, NotFound, Pending, Said, Taken, Unclear
from countroom.cashier.payouts.registry import PAYOUT_GATEWAYS, UnknownPayer, payouts
from runtime.outbound import Answered, _judged
from runtime.wire import Raw
from tests.unit.cashier.payouts.support import OTHER_ID, transaction, transfer, withdrawal
from tests.unit.clock import START_MS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/html", "text/plain", ""])
SECRETS = {
    "adyen": {"api_key": "k", "balance_account": "b"},
    "paymentiq": {"merchant_id": "1", "method": "bank"},
}
ENDS: dict[str, list[Any]] = {
    "adyen": [
        transfer(),
        transfer(status="refused"),
        {"data": [transfer(status="booked")]},
        {"data": [transfer(status="returned")]},
        {"data": []},
        {"errorCode": "30_011", "invalidFields": [{"name": "x"}]},
    ],
    "paymentiq": [
        transaction(),
        transaction(txState="SUCCESSFUL", statusCode="SUCCESS"),
        transaction(txState="FAILED", statusCode="ERR_DECLINED_NO_FUNDS", success=False),
    ],
}


def told(status: int, kind: str, body: bytes) -> Told | Lost:
    outcome = _judged(Raw(status, {"content-type": kind}, body))
    return Told(outcome.status, outcome.value) if isinstance(outcome, Answered) else Lost(outcome.reason.value)


def read(gateway: str, answer: Told | Lost) -> list[object]:
    """All that this answer can be read as: of an order, and of a question before and after the gateway gave a name."""
    secret = type("Secret", (), {"json": lambda _self: SECRETS[gateway]})()
    payer = Payer(payouts(gateway), secret, lambda _ask: answer, lambda: START_MS)
    first, later = (replace(withdrawal(gateway=gateway, tx=tx), asks=99) for tx in ("", "4711"))  # patience is at its end
    return [payer.submit(first), payer.status(first), payer.status(later)]


@pytest.mark.parametrize("gateway", sorted(PAYOUT_GATEWAYS))
@given(status=st.integers(100, 599), kind=KINDS, body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_at_all_are_an_end(gateway: str, status: int, kind: str, body: bytes) -> None:
    for found in read(gateway, told(status, kind, body)):
        assert isinstance(found, Unclear), (found, body)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document with every key or index of it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize("gateway", sorted(PAYOUT_GATEWAYS))
@settings(max_examples=300)
@given(data=st.data())
def test_an_answer_with_anything_else_in_place_of_one_of_its_fields_says_the_same_or_nothing(
    gateway: str, data: st.DataObject
) -> None:
    whole = data.draw(st.sampled_from(ENDS[gateway]))
    status = data.draw(st.sampled_from([200, 202, 422]))
    right = read(gateway, Told(status, whole))
    changed = copy.deepcopy(whole)
    container, key = data.draw(st.sampled_from(list(places(changed)) or [({}, None)]))
    if key is not None:
        other = data.draw(JSON | st.just(OTHER_ID))
        container[key] = other
    for before, after in zip(right, read(gateway, Told(status, changed)), strict=True):
        # A field that is not looked at, or one whose other value means the same: the kind of the answer stays, or it says nothing.
        kinds = (type(before), getattr(before, "word", None)), (type(after), getattr(after, "word", None))
        assert isinstance(after, Unclear | NotFound) or kinds[0] == kinds[1], (whole, changed)


@pytest.mark.parametrize("gateway", sorted(PAYOUT_GATEWAYS))
@pytest.mark.parametrize("cut", [1, 5, 20])
def test_an_answer_that_was_cut_short_says_nothing(gateway: str, cut: int) -> None:
    for whole in ENDS[gateway]:
        for status in (200, 202, 422):
            answer = told(status, "application/json", json.dumps(whole).encode()[:-cut])
            assert all(isinstance(found, Unclear) for found in read(gateway, answer))


def test_the_right_answers_are_read_at_all() -> None:
    kinds = {
        type(found)
        for gateway in SECRETS
        for whole in ENDS[gateway]
        for status in (200, 202, 422)
        for found in read(gateway, Told(status, whole))
    }
    assert kinds == {Taken, Declined, Said, Pending, NotFound, Unclear}


class Broken:
    """A secret that holds nothing of use."""

    def json(self) -> dict[str, Any]:
        return {}


def never(_ask: object) -> Told:
    raise AssertionError("nothing must be sent")


@pytest.mark.parametrize("gateway", sorted(PAYOUT_GATEWAYS))
def test_without_credentials_nothing_is_sent(gateway: str) -> None:
    spoken: PayoutDialect[Any] = payouts(gateway)
    one = withdrawal(gateway=gateway)
    payer = Payer(spoken, Broken(), never, lambda: START_MS)
    assert payer.submit(one) == payer.status(one) == Unclear("bad_credentials")


@pytest.mark.parametrize("gateway", ["standard", "stripe", "dialect", "port", "", "../adyen"])
def test_nobody_else_pays_out(gateway: str) -> None:
    with pytest.raises(UnknownPayer):
        payouts(gateway)
