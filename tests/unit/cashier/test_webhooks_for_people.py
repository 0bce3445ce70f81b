"""What a gateway signs and only people can book is taken in all the same, and large events with it."""

import base64
import json
from typing import Any
from unittest.mock import patch

import pytest

from countroom.cashier.gateways import adyen, strict, stripe
from countroom.cashier.gateways.dialect import MalformedEvent, PartlyMalformed
from countroom.cashier.inbox import Received, to_message
from handlers import payment_worker
from tests.unit.cashier import adyen_wire, stripe_wire
from tests.unit.cashier.webhook_fuzz import Seen, Sent, entrances, status_of

SQS_BYTES_MAX = 256 * 1024
FOR_PEOPLE = {
    "CANCEL_OR_REFUND": ("adyen", adyen_wire.batch(adyen_wire.later("CANCEL_OR_REFUND"))),
    "of another shop": ("adyen", adyen_wire.batch(adyen_wire.item(merchantReference="other"))),
    "refund.failed without a word of its money": ("stripe", stripe_wire.refund("refund.failed", "failed", ())),
}


def send(seen: Seen, gateway: str, body: bytes) -> int:
    headers = {"stripe-signature": stripe_wire.header(body)} if gateway == "stripe" else {}
    with entrances(seen):
        return status_of(Sent(gateway, body, headers))


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_what_people_have_to_book_is_acknowledged_kept_and_queued(name: str) -> None:
    gateway, body = FOR_PEOPLE[name]
    seen = Seen()
    assert send(seen, gateway, body) in {200, 202}, "refused, it would be sent again for days and hold up what comes after it"
    assert (seen.kept, seen.queued) == (1, [body])


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_the_worker_lets_it_come_to_the_dead_letters(name: str) -> None:
    gateway, body = FOR_PEOPLE[name]
    message = {"format": 1, "gateway": gateway, "event_id": "e", "received_at_ms": 1, "body": base64.b64encode(body).decode()}
    record: dict[str, Any] = {
        "messageId": "m-1",
        "body": json.dumps(message),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    with patch.object(payment_worker, "telemetry"):
        answer = payment_worker._serve({"Records": [record]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_what_is_no_batch_at_all_is_still_refused() -> None:
    for body in (b"[]", b'{"notificationItems": []}'):
        with pytest.raises(MalformedEvent) as raised:
            adyen.DIALECT.parse(body)
        assert not isinstance(raised.value, PartlyMalformed)


def test_a_dispute_with_all_the_evidence_that_stripe_takes_is_understood_kept_and_queued() -> None:
    event = json.loads(stripe_wire.dispute("funds_reinstated"))
    event["data"]["object"]["evidence"] = {"uncategorized_text": "e" * 150_000}
    body = json.dumps(event).encode()
    assert len(stripe.DIALECT.parse(body)) == 2
    seen = Seen()
    assert send(seen, "stripe", body) == 202
    assert (seen.kept, seen.queued) == (1, [body])


def test_the_largest_webhook_fits_into_a_message() -> None:
    body = b'{"type": "customer.created", "id": "evt_1", "created": 1}'
    body += b" " * (strict.BODY_BYTES_MAX - len(body))
    seen = Seen()
    assert send(seen, "stripe", body) == 202
    assert send(seen, "stripe", body + b" ") == 413
    assert seen.queued == [body]
    assert len(to_message(Received("standard", "e" * 64, 10**13, body)).encode()) < SQS_BYTES_MAX
