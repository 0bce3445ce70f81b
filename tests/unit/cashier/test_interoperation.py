"""The packages `stripe` and `standardwebhooks` as independent signers and verifiers, in both directions.

What they sign, the house takes; what the sandbox's gateways sign, they take; and whatever the house takes of a delivery that was
tampered with, they take too, spaces around the parts of a header aside: the house is never the more lenient one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest
import standardwebhooks
import stripe
import time_machine

from countroom.cashier.gateways import DIALECTS
from countroom.cashier.gateways.dialect import Delivery, DeliveryStale, PaymentOutcome, SignatureInvalid
from sandbox.gateway.lives import Step, lives_of
from sandbox.gateway.standard import SPEAKER as STANDARD
from sandbox.gateway.stripe import SPEAKER as STRIPE
from sandbox.gateway.table import Event, Payment, Speaker
from sandbox.stack import Gateway
from tests.unit.cashier import stripe_wire
from tests.unit.cashier.memory import Office
from tests.unit.cashier.support import (
    DEPOSIT_ID,
    OLD_SECRET,
    SECRET,
    body_of,
    deposit_of,
    nanos,
    payment_events,
    signed_headers,
)
from tests.unit.clock import START_MS

START_S = START_MS // 1000
PAYMENT = Payment(DEPOSIT_ID, "pi_1", Decimal("12.34"), "EUR")


def by_stripe(body: bytes, secret: str = stripe_wire.SECRET, at_s: int = START_S) -> dict[str, str]:
    """Headers as Stripe's own library makes them."""
    return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at_s)}


def stripe_takes(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether Stripe's own library takes a delivery."""
    try:
        stripe.Webhook.construct_event(body, headers.get("stripe-signature"), stripe_wire.SECRET)
    except (stripe.SignatureVerificationError, ValueError):
        return False
    return True


def standard_takes(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the package of Standard Webhooks takes a delivery."""
    try:
        standardwebhooks.Webhook(SECRET).verify(body, dict(headers))
    except (standardwebhooks.WebhookVerificationError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Side:
    """A dialect: who signs for it, who verifies for it, and who speaks it in the sandbox."""

    name: str
    secret: str
    old_secret: str
    sign: Callable[..., dict[str, str]]
    takes: Callable[[Mapping[str, str], bytes], bool]
    body: bytes
    speaker: Speaker

    def accepts(self, headers: Mapping[str, str], body: bytes, *secrets: str) -> bool:
        """Whether the house takes a delivery."""
        try:
            DIALECTS[self.name].verify(Delivery(headers, body), secrets or (self.secret,), START_MS)
        except (SignatureInvalid, DeliveryStale):
            return False
        return True


SIDES = {
    "stripe": Side("stripe", stripe_wire.SECRET, stripe_wire.OLD_SECRET, by_stripe, stripe_takes, stripe_wire.event(), STRIPE),
    "standard": Side(
        "standard",
        SECRET,
        OLD_SECRET,
        lambda body, secret=SECRET, at_s=START_S: signed_headers(body, secret=secret, at_ms=at_s * 1000),
        standard_takes,
        body_of(),
        STANDARD,
    ),
}


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    """The packages read the process's clock."""
    with time_machine.travel(START_MS / 1000, tick=False):
        yield


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    return SIDES[request.param]


def test_what_their_package_signs_the_house_takes(side: Side) -> None:
    assert side.accepts(side.sign(side.body), side.body)
    assert side.accepts(side.sign(side.body, side.old_secret), side.body, side.secret, side.old_secret)
    assert not side.accepts(side.sign(side.body, side.old_secret), side.body)
    assert not side.accepts(side.sign(side.body), side.body + b" ")
    for off_s in (-301, 301):
        assert not side.accepts(side.sign(side.body, at_s=START_S + off_s), side.body)


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("step", Step)
def test_what_the_sandboxes_gateway_signs_their_package_takes_and_so_does_the_house(name: str, step: Step) -> None:
    side = SIDES[name]
    if step not in side.speaker.steps:
        with pytest.raises(KeyError):
            side.speaker.tell(Gateway("http://127.0.0.1:1/x", side.secret), PAYMENT, event_of(step))
        return
    for forged in (False, True):
        message = side.speaker.tell(Gateway("http://127.0.0.1:1/x", side.secret), PAYMENT, event_of(step, forged=forged))
        headers = {key.lower(): value for key, value in message.headers.items()}
        body = message.body or b""
        assert side.takes(headers, body) is side.accepts(headers, body) is not forged


def event_of(step: Step, *, forged: bool = False) -> Event:
    return Event(step, "evt_1", START_S, START_S, forged)


def test_stripes_library_reads_the_sandboxes_event_as_the_house_does() -> None:
    message = STRIPE.tell(Gateway("http://127.0.0.1:1/x", stripe_wire.SECRET), PAYMENT, event_of(Step.SUCCEEDED))
    body = message.body or b""
    read = stripe.Webhook.construct_event(body, message.headers["Stripe-Signature"], stripe_wire.SECRET)
    (told,) = payment_events("stripe", body)
    intent = read["data"]["object"]
    assert (read.type, read.id) == ("payment_intent.succeeded", told.event_id)
    assert (intent["id"], intent["metadata"]["deposit_id"]) == (told.payment.payment_id, told.deposit_id)
    assert (told.outcome, told.payment.amount, intent["amount_received"]) == (PaymentOutcome.SUCCEEDED, nanos("12.34"), 1234)


@pytest.mark.parametrize(
    ("step", "kind", "outcome"),
    [
        (Step.REFUNDED, "refund.created", PaymentOutcome.REFUNDED),
        (Step.CHARGEBACK, "charge.dispute.funds_withdrawn", PaymentOutcome.CHARGEBACK),
        (Step.CHARGEBACK_REVERSED, "charge.dispute.funds_reinstated", PaymentOutcome.CHARGEBACK_REVERSED),
        (Step.SECOND_CHARGEBACK, "charge.dispute.funds_withdrawn", PaymentOutcome.SECOND_CHARGEBACK),
    ],
)
def test_stripes_library_reads_refunds_and_disputes_as_the_house_does(step: Step, kind: str, outcome: PaymentOutcome) -> None:
    message = STRIPE.tell(Gateway("http://127.0.0.1:1/x", stripe_wire.SECRET), PAYMENT, event_of(step))
    read = stripe.Webhook.construct_event(message.body or b"", message.headers["Stripe-Signature"], stripe_wire.SECRET)
    told = {one.outcome: one for one in payment_events("stripe", message.body or b"")}[outcome]
    subject = read["data"]["object"]
    assert isinstance(subject, stripe.Refund if step is Step.REFUNDED else stripe.Dispute)
    assert (read.type, subject["id"], subject["payment_intent"]) == (kind, told.case_id, told.payment.payment_id)
    assert (told.payment.amount, subject["amount"]) == (nanos("12.34"), 1234)


@pytest.mark.parametrize("digits", lives_of(STRIPE.steps))
def test_each_life_that_the_sandboxes_stripe_speaks_of_ends_as_it_says_in_every_order(digits: int) -> None:
    life = lives_of(STRIPE.steps)[digits]
    bodies = [
        STRIPE.tell(
            Gateway("http://127.0.0.1:1/x", stripe_wire.SECRET), PAYMENT, Event(step, f"evt_{at}", START_S + at, START_S)
        ).body
        for at, step in enumerate(life.steps if life.genuine else ())
    ]
    for order in permutations(bodies):
        office = Office(deposit_of("12.34"))
        for body in (*order, *order):
            office.take(*payment_events("stripe", body or b""))
        assert (office.deposit.status, office.cash) == (life.ends(STRIPE.untouched), nanos("12.34") if life.credited else 0)


def test_the_package_reads_the_sandboxes_event_as_the_house_does() -> None:
    message = STANDARD.tell(Gateway("http://127.0.0.1:1/x", SECRET), PAYMENT, event_of(Step.SUCCEEDED))
    body = message.body or b""
    read = standardwebhooks.Webhook(SECRET).verify(body, dict(message.headers))
    (told,) = payment_events("standard", body)
    assert (read["type"], read["data"]["amount"]) == (f"payment.{told.outcome}", "12.34")
    assert (read["data"]["deposit_id"], told.payment.amount) == (told.deposit_id, nanos("12.34"))


def test_the_house_is_never_more_lenient_than_they_are(side: Side) -> None:
    """Three thousand deliveries with a byte or a header changed: taken here means taken there, and many are taken by neither."""
    dice = Random(2026)  # noqa: S311 - a seeded schedule, no secret
    here = there = 0
    for _ in range(3_000):
        headers, body = dict(side.sign(side.body, dice.choice((side.secret, side.secret, side.old_secret)))), side.body
        for _ in range(dice.choice((0, 1, 1, 2))):
            headers, body = tampered(dice, headers, body)
        accepted, taken = side.accepts(headers, body), side.takes(without_spaces(headers), body)
        assert taken or not accepted, (headers, body)
        here, there = here + accepted, there + taken
    assert 300 < here <= there < 2_000


def without_spaces(headers: Mapping[str, str]) -> dict[str, str]:
    """Without the spaces that HTTP itself may put around a header's value, and those around the parts of a list in one."""
    return {name: ",".join(" ".join(part.split()) for part in value.split(",")) for name, value in headers.items()}


def tampered(dice: Random, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """One change of one header or of the body."""
    if dice.random() < 0.3:
        at = dice.randrange(len(body))
        return headers, body[:at] + dice.choice((b" ", b"0", b"", b'"')) + body[at + dice.getrandbits(1) :]
    name = dice.choice(sorted(headers))
    value = headers[name]
    at = dice.randint(0, len(value))
    changed = (
        *(value[:at], value[at:], value + value, f"{value},{value}", f"{value} {value}", f" {value}", f"{value} "),
        *(value[:at] + dice.choice(" ,=.0aA+-_v1") + value[at:], value.swapcase(), value.replace("v1", "v0"), ""),
        *(value.replace(str(START_S), str(START_S + dice.choice((-400, -1, 1, 400)))), value.replace("v1", "v0,v1")),
    )
    return headers | {name: dice.choice(changed)}, body


def test_the_packages_are_what_they_are_taken_for() -> None:
    """Both refuse what nobody signed: else the tests above would show nothing."""
    for one in SIDES.values():
        assert one.takes(one.sign(one.body), one.body)
        assert not one.takes({}, one.body)
        assert not one.takes(one.sign(one.body), json.dumps({"other": 1}).encode())
