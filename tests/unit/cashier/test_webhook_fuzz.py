import json

import pytest

from tests.unit.cashier import adyen_wire, stripe_wire
from tests.unit.cashier.support import body_of, signed_headers
from tests.unit.cashier.webhook_fuzz import GATEWAYS, MOVED, PIQ_SECRET, Seen, Sent, entrances, run, status_of

SHARDS = 16
CASES = 1_250  # 20,000 in all


@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_webhooks_get_defined_answers_and_nothing_moves_without_a_valid_signature(shard: int) -> None:
    counts = run(seed=1_000 + shard, cases=CASES)
    assert sum(count for (_, what), count in counts.items() if what != MOVED) == CASES
    for gateway in GATEWAYS:
        accepted = counts[gateway, "202"] + counts[gateway, "200"]
        # Neither a fuzzer that breaks everything nor one that breaks nothing would show anything.
        assert accepted > 20
        assert counts[gateway, MOVED] >= accepted
        assert counts[gateway, "401"] > 20
        # What is signed item by item is taken in, also when none of the items says anything.
        assert counts[gateway, "400"] > 5 or gateway == "adyen"
        assert counts[gateway, "413"] > 0


def test_a_delivery_of_nothing_that_was_signed_is_genuine_in_either_form() -> None:
    seen = Seen()
    with entrances(seen):
        for raw in (False, True):
            assert status_of(Sent("standard", b"", signed_headers(b""), raw=raw)) == 400
    assert (seen.queued, seen.kept) == ([], 2)  # kept for people to look at, and not applied


def test_whole_deliveries_come_through_by_the_signers_of_others() -> None:
    seen = Seen()
    bodies = {"standard": body_of(), "stripe": stripe_wire.event(), "adyen": adyen_wire.batch(adyen_wire.item())}
    headers = {"standard": signed_headers(bodies["standard"]), "stripe": {"stripe-signature": stripe_wire.header(bodies["stripe"])}}
    with entrances(seen):
        for gateway, body in bodies.items():
            assert status_of(Sent(gateway, body, headers.get(gateway, {}))) in {200, 202}
        told = json.dumps({"userId": "pl_a", "sessionId": "s"}).encode()
        assert status_of(Sent("paymentiq", told, {"x-paymentiq-secret": PIQ_SECRET}, "verifyuser")) == 200
        assert status_of(Sent("paymentiq", told, {"x-paymentiq-secret": PIQ_SECRET[:-1]}, "verifyuser")) == 401
    assert seen.queued == list(bodies.values())
    assert len(seen.asked) == 1
