"""Instants, terms, views and the inbox's messages."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from countroom import money
from countroom.cashier import terms
from countroom.cashier.gateways import DIALECTS, UnknownGateway, dialect
from countroom.cashier.inbox import Inbox, InboxUnavailable, MalformedMessage, Received, from_message, to_message
from countroom.cashier.views import deposit_view, to_json
from countroom.times import InvalidInstant, from_iso, to_iso
from tests.unit.cashier.support import DEPOSIT_ID, deposit_of, nanos
from tests.unit.clock import START_MS

RECEIVED = Received("standard", "msg_1", START_MS, b'{"a": "\xff"}')


@given(st.integers(0, 4_000_000_000_000))
def test_an_instant_is_written_and_read_back(at_ms: int) -> None:
    assert from_iso(to_iso(at_ms)) == at_ms


def test_instants_are_written_alike_so_that_texts_sort() -> None:
    assert [to_iso(at) for at in (0, 1, START_MS)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.001Z",
        "2026-01-01T12:00:00.000Z",
    ]


def test_an_offset_counts_and_finer_parts_are_cut_off() -> None:
    assert from_iso("2026-01-01T13:00:00.0009+01:00") == START_MS


@pytest.mark.parametrize(
    "text", ["", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T12:00:00", "2026-01-01 12:00:00Z", "٢026-01-01T12:00:00Z"]
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(InvalidInstant):
        from_iso(text)


def test_every_gateway_with_terms_speaks_a_dialect_and_the_default_is_one() -> None:
    assert set(terms.TERMS) == {*DIALECTS, "paymentiq"}  # PaymentIQ asks and is answered: it has an entrance of its own
    assert terms.DEFAULT_GATEWAY in terms.TERMS
    assert dialect("standard") is DIALECTS["standard"]
    with pytest.raises(UnknownGateway):
        dialect("other")


def test_the_ends_of_a_range_are_taken_and_what_lies_beyond_is_not() -> None:
    taken = terms.TERMS["standard"].ranges["EUR"]
    cent = nanos("0.01")
    assert taken.holds(nanos("1.00"))
    assert taken.holds(nanos("10000.00"))
    assert not taken.holds(nanos("1.00") - cent)
    assert not taken.holds(nanos("10000.00") + cent)


@pytest.mark.parametrize(("smallest", "largest"), [(0, 1), (-1, 1), (2, 1)])
def test_a_range_that_holds_nothing_or_nothing_at_all_is_a_mistake(smallest: int, largest: int) -> None:
    with pytest.raises(ValueError, match="range"):
        terms.Range(smallest, largest)


def test_a_deposit_is_shown_with_its_words_and_its_history() -> None:
    view = deposit_view(deposit_of("10.00"))
    assert view == {
        "deposit_id": DEPOSIT_ID,
        "reference": "DEP-CCCC-CCCC-CCCC-CCCC-CCCC",
        "status": "created",
        "status_text": "We have noted your deposit and are waiting for the payment service to confirm it.",
        "amount": "10.00",
        "currency": "EUR",
        "credited_amount": None,
        "reversed_amount": None,
        "gateway": "standard",
        "method": None,
        "created_at": "2026-01-01T12:00:00.000Z",
        "events": [
            {
                "at": "2026-01-01T12:00:00.000Z",
                "status": "created",
                "text": "We have noted your deposit and are waiting for the payment service to confirm it.",
                "cause": "player.request",
                "actor": "player",
                "transaction_id": None,
            }
        ],
    }
    assert to_json({"a": "1.00"}) == '{"a":"1.00"}'


def test_amounts_are_shown_with_the_places_of_their_currency() -> None:
    yen = deposit_of("1.00")
    shown = deposit_view(type(yen)(yen.deposit_id, yen.player_id, "standard", "JPY", nanos("500", "JPY"), yen.status, yen.changes))
    assert shown["amount"] == "500"
    assert money.currency("JPY").exponent == 0


@given(st.binary(max_size=200))
def test_a_message_brings_back_the_very_bytes(body: bytes) -> None:
    received = Received("standard", "msg_1", START_MS, body)
    assert from_message(to_message(received)) == received


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        to_message(RECEIVED).replace('"format":1', '"format":2'),
        to_message(RECEIVED).replace('"body":"', '"body":"*'),
        to_message(RECEIVED).replace('"received_at_ms":', '"received_at_ms":"x",'),
        to_message(RECEIVED).replace("gateway", "getaway"),
    ],
)
def test_what_the_inbox_did_not_write_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        from_message(text)


def test_an_answer_of_the_queue_that_was_cut_short_is_no_receipt() -> None:
    class CutShort:
        def send_message(self, **_request: object) -> dict[str, str]:
            return {}

    with pytest.raises(InboxUnavailable):
        Inbox(CutShort(), "queue-url").put(RECEIVED)


class BrokenQueue:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def send_message(self, **_request: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ServiceUnavailable", "Message": ""}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_a_queue_that_does_not_take_a_message_is_said_so(error: Exception) -> None:
    with pytest.raises(InboxUnavailable):
        Inbox(BrokenQueue(error), "queue").put(RECEIVED)
