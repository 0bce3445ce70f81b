"""Mutated webhooks of every gateway against the two entrances: `make fuzz`, or `python -m tests.unit.cashier.webhook_fuzz`.

Whether a delivery is genuine is judged here by the standard library alone. What must hold of each: a defined answer, and nothing on
the queue, in the table or at PaymentIQ's desk that nobody with a valid secret has said.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from countroom.cashier.gateways.paymentiq import Answer, Call
from countroom.cashier.inbox import Inbox, from_message
from countroom.cashier.intake import Intake
from countroom.cashier.raw_events import RawEvents
from tests.unit.cashier import adyen_wire, stripe_wire
from tests.unit.cashier.paymentiq_world import call, cancel, out, verify
from tests.unit.cashier.support import OLD_SECRET, SECRET, body_of
from tests.unit.clock import START_MS

ANSWERS = frozenset({200, 202, 400, 401, 409, 413})
TOLERANCE_S = 300
PIQ_SECRET = "p" * 32
MOVED = "came through"
Counts = Counter[tuple[str, str]]
"""How often a gateway's deliveries were answered with a status, or (MOVED) left anything in the queue, the table or at the desk."""
PROGRESS_SECONDS = 10.0
GATEWAYS = ("standard", "stripe", "adyen", "paymentiq")
_ACTIONS = {"verifyuser": verify(), "authorize": call(), "transfer": out("-5.00"), "cancel": cancel("wd-1")}
_WEIRD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e300, 10**30, "", "x" * 300, "-1.00", "NaN", "\ud800", "é", "EUR", [], {}, [{}], "a:b", "\x00",
)  # fmt: skip


@dataclass(slots=True)
class Sent:
    """One delivery, as API Gateway hands it over."""

    gateway: str
    body: bytes
    headers: dict[str, str]
    action: str = ""
    raw: bool = False  # the body as it is, in place of base64

    @property
    def event(self) -> dict[str, Any]:
        text = self.body.decode("latin-1") if self.raw else base64.b64encode(self.body).decode()
        return {
            "headers": self.headers,
            "pathParameters": {"gateway": self.gateway, "action": self.action},
            "requestContext": {"requestId": "r"},
            "isBase64Encoded": True,
            "body": text,
        }


@dataclass(slots=True)
class Seen:
    """What reached the queue, the table and the desk."""

    queued: list[bytes] = field(default_factory=list)
    kept: int = 0
    asked: list[Call] = field(default_factory=list)

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803, ARG002 - botocore's spelling
        self.queued.append(from_message(MessageBody).body)
        return {"MessageId": "m-1"}

    def put_item(self, **_request: Any) -> None:
        self.kept += 1

    def answer(self, asked: Call) -> Answer:
        self.asked.append(asked)
        return Answer({})


class _Secret:
    def __init__(self, *secrets: str) -> None:
        self._secrets = list(secrets)

    def json(self) -> dict[str, Any]:
        return {"secrets": self._secrets}

    def refresh(self) -> bool:
        return False


@contextmanager
def entrances(seen: Seen) -> Iterator[None]:
    """The handlers with their ports replaced."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "fuzz")
    from handlers import payment_webhook, paymentiq  # noqa: PLC0415 - they read the environment when they are imported
    from runtime import telemetry  # noqa: PLC0415 - so does it

    known = {"standard": _Secret(SECRET), "stripe": _Secret(stripe_wire.SECRET), "adyen": _Secret(adyen_wire.KEY)}
    intake = Intake(known, RawEvents(seen, "raw"), Inbox(seen, "queue"), lambda: START_MS)
    with (
        patch.object(payment_webhook, "_intake", lambda: intake),
        patch.object(paymentiq, "_desk", lambda: seen),
        patch.object(paymentiq, "_secret", lambda: _Secret(PIQ_SECRET)),
        patch.object(telemetry, "logger", SimpleNamespace(**dict.fromkeys(("info", "warning", "error"), _unheard))),
        patch.object(telemetry, "count", _unheard),
        patch.object(telemetry, "describe", _unheard),
        patch.object(telemetry, "set_correlation_id", _unheard),
    ):
        yield


def _unheard(*_words: object, **_fields: object) -> None:
    """Stand in for logs and metrics. A mock would remember every call, of which there are hundreds of thousands here."""


def status_of(sent: Sent) -> int:
    """Send it and give the status of the answer."""
    from handlers import payment_webhook, paymentiq  # noqa: PLC0415 - as above

    serve = paymentiq._serve if sent.gateway == "paymentiq" else payment_webhook._serve
    return int(serve(sent.event, None)["statusCode"])


def run(seed: int, cases: int, progress: Callable[[int], None] = lambda _done: None) -> Counts:
    """Send so many deliveries; raise AssertionError, naming the seed and the case, at the first that is not as it must be."""
    random, seen = Random(seed), Seen()  # noqa: S311 - a fuzzer is to be repeated, not to be secret
    counts: Counts = Counter()
    with entrances(seen):
        for number in range(cases):
            sent = _mutated(random)
            kept = seen.kept
            status = status_of(sent)
            moved = bool(seen.queued or seen.asked) or seen.kept != kept
            told = f"seed {seed}, case {number}: {sent.gateway} answered {status}, moved {moved}"
            assert status in ANSWERS, told
            assert not moved or _is_genuine(sent), told
            if sent.gateway == "adyen" and seen.queued:
                assert all(_is_signed_item(item) for item in _items(seen.queued[-1])), told
            counts[sent.gateway, str(status)] += 1
            counts[sent.gateway, MOVED] += moved
            seen.queued.clear()
            seen.asked.clear()
            progress(number + 1)
    return counts


def _mutated(random: Random) -> Sent:
    sent = _fresh(random)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        random.choice((_flip, _cut, _insert, _retype, _resign, _head, _drop, _age, _swap, _grow, _garble, _nonsense))(random, sent)
    return sent


def _fresh(random: Random) -> Sent:
    gateway = random.choice(GATEWAYS)
    if gateway == "paymentiq":
        action = random.choice(sorted(_ACTIONS))
        return Sent(gateway, json.dumps(_ACTIONS[action]).encode(), {"X-PaymentIQ-Secret": PIQ_SECRET}, action)
    bodies = {
        "standard": lambda: body_of(random.choice(("payment.succeeded", "payment.failed", "payment.chargeback"))),
        "stripe": lambda: random.choice(
            (
                stripe_wire.event(),
                stripe_wire.refund(),
                stripe_wire.refund(status="failed"),
                stripe_wire.dispute("funds_reinstated"),
            )
        ),
        "adyen": lambda: adyen_wire.batch(
            *random.sample((adyen_wire.item(), adyen_wire.later("CHARGEBACK")), random.randint(1, 2))
        ),
    }
    sent = Sent(gateway, bodies[gateway](), {})
    _sign(sent)
    return sent


def _sign(sent: Sent, at_ms: int = START_MS, *, old: bool = False) -> None:
    """Sign what is in the body now, as its gateway would."""
    if sent.gateway == "standard":
        event_id, at_s, key = "msg_1", at_ms // 1000, base64.b64decode((OLD_SECRET if old else SECRET).removeprefix("whsec_"))
        made = base64.b64encode(hmac.digest(key, f"{event_id}.{at_s}.".encode() + sent.body, "sha256")).decode()
        sent.headers |= {"webhook-id": event_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{made}"}
    elif sent.gateway == "stripe":
        secret = stripe_wire.OLD_SECRET if old else stripe_wire.SECRET
        sent.headers["Stripe-Signature"] = stripe_wire.header(sent.body, secret, at_ms // 1000)
    elif sent.gateway == "paymentiq":
        sent.headers["X-PaymentIQ-Secret"] = "o" * 32 if old else PIQ_SECRET


def _flip(random: Random, sent: Sent) -> None:
    if sent.body:
        at = random.randrange(len(sent.body))
        sent.body = sent.body[:at] + bytes([sent.body[at] ^ random.randint(1, 255)]) + sent.body[at + 1 :]


def _cut(random: Random, sent: Sent) -> None:
    sent.body = sent.body[: random.randint(0, len(sent.body))]


def _insert(random: Random, sent: Sent) -> None:
    at = random.randint(0, len(sent.body))
    sent.body = sent.body[:at] + random.choice((b" ", b"\x00", b'"', b"{", b"\xff", b"1e9", b"[" * 300)) + sent.body[at:]


def _retype(random: Random, sent: Sent) -> None:
    """Put something else into a field, and sign that in half of the cases."""
    try:
        document = json.loads(sent.body)
        place = document
        while isinstance(place, dict | list) and place:
            name = random.choice(sorted(place)) if isinstance(place, dict) else random.randrange(len(place))
            if not isinstance(place[name], dict | list) or random.random() < 0.3:
                place[name] = random.choice(_WEIRD)
                break
            place = place[name]
        sent.body = json.dumps(document).encode()
    except (ValueError, TypeError, RecursionError):
        return
    if random.random() < 0.5:
        _resign(random, sent)


def _nonsense(random: Random, sent: Sent) -> None:
    """Say, properly signed, what makes no sense."""
    bodies = {
        "standard": body_of(amount=random.choice(("0", "-1", "10.001", "x"))),
        "stripe": stripe_wire.event(amount_received=random.choice((0, -1, 1.5, "x"))),
        "adyen": adyen_wire.batch(adyen_wire.item(merchantReference="other"), adyen_wire.item(eventDate="soon")),
        "paymentiq": json.dumps(call(random.choice(("0", "10.001", "x")), userId=random.choice((None, 7, "a b")))).encode(),
    }
    sent.body = bodies[sent.gateway]
    _sign(sent)


def _resign(random: Random, sent: Sent) -> None:
    if sent.gateway == "adyen":
        items = _items(sent.body)
        for item in items:
            try:
                item["additionalData"] = {"hmacSignature": adyen_wire.sign(item)}
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
        if items:
            sent.body = adyen_wire.batch(*items)
    else:
        _sign(sent, old=random.random() < 0.2)


def _age(random: Random, sent: Sent) -> None:
    _sign(sent, START_MS + random.choice((-301_000, -300_000, 299_000, 301_000, -(10**9))))


def _head(random: Random, sent: Sent) -> None:
    if sent.headers:
        name = random.choice(sorted(sent.headers))
        value = sent.headers[name]
        at = random.randint(0, len(value))
        sent.headers[name] = random.choice(
            (value[:at], value + value, value[:at] + random.choice("\x00 ,=.é0") + value[at:], "", "v1," * 500, value.swapcase())
        )


def _drop(random: Random, sent: Sent) -> None:
    if sent.headers:
        del sent.headers[random.choice(sorted(sent.headers))]


def _swap(random: Random, sent: Sent) -> None:
    """Bring this body with the signature of another."""
    other = _fresh(random)
    sent.headers = {**sent.headers, **other.headers} if random.random() < 0.5 else dict(other.headers)


def _grow(random: Random, sent: Sent) -> None:
    sent.body += b" " * random.choice((10, 16_384, 200_000))
    if random.random() < 0.5:
        _resign(random, sent)


def _garble(_random: Random, sent: Sent) -> None:
    sent.raw = True


def _is_genuine(sent: Sent) -> bool:
    if sent.raw and sent.body:
        return False  # nobody signs what is not base64; of nothing at all both forms are the same
    headers = {name.lower(): value for name, value in sent.headers.items()}
    if sent.gateway == "adyen":
        return any(_is_signed_item(item) for item in _items(sent.body))
    if sent.gateway == "paymentiq":
        return headers.get("x-paymentiq-secret") == PIQ_SECRET
    try:
        return _is_signed_in_time(sent, headers)
    except (KeyError, ValueError):
        return False  # a header is missing or no header


def _is_signed_in_time(sent: Sent, headers: dict[str, str]) -> bool:
    if sent.gateway == "standard":
        at, key = headers["webhook-timestamp"], base64.b64decode(SECRET.removeprefix("whsec_"))
        made = hmac.digest(key, f"{headers['webhook-id']}.{at}.".encode() + sent.body, "sha256")
        given = headers["webhook-signature"]
        fits = base64.b64encode(made).decode().rstrip("=") in given
    else:
        parts = [part.strip().partition("=") for part in headers["stripe-signature"].split(",")]
        (at,) = (value for name, _, value in parts if name == "t")
        made = hmac.digest(stripe_wire.SECRET.encode(), f"{at}.".encode() + sent.body, hashlib.sha256)
        fits = made.hex() in headers["stripe-signature"].lower()
    return fits and abs(START_MS // 1000 - int(at)) <= TOLERANCE_S


def _items(body: bytes) -> list[dict[str, Any]]:
    """Read the items of a batch, leaving out whatever is none."""
    try:
        entries = json.loads(body)["notificationItems"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    found = (
        [entry.get("NotificationRequestItem") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    return [item for item in found if isinstance(item, dict)]


def _is_signed_item(item: Any) -> bool:
    try:
        return bool(item["additionalData"]["hmacSignature"].rstrip("=") == adyen_wire.sign(item).rstrip("="))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


class Progress:
    """A line every PROGRESS_SECONDS."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self.began = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= PROGRESS_SECONDS:
            self._said = now
            sys.stdout.write(f"{done:,} of {self._cases:,} cases, {done / (now - self.began):,.0f} a second\n")
            sys.stdout.flush()


def table(counts: Counts) -> Table:
    """The answers by gateway, and how many deliveries came through: all of these were genuine."""
    columns = [*sorted({what for _, what in counts} - {MOVED}), MOVED]
    shown = Table("gateway", title="Answers to mutated webhooks", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right")
    for gateway in GATEWAYS:
        shown.add_row(gateway, *(f"{counts[gateway, column]:,}" for column in columns))
    return shown


def main() -> int:
    """Run from the command line: 0 when every answer was a defined one and nothing came through that nobody had signed."""
    reader = argparse.ArgumentParser(prog="python -m tests.unit.cashier.webhook_fuzz", description="Mutated payment webhooks.")
    reader.add_argument("--cases", type=int, default=200_000, help="deliveries (200000)")
    reader.add_argument("--seed", type=int, default=None, help="a run's seed; drawn if not given")
    options = reader.parse_args()
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    progress = Progress(options.cases)
    try:
        counts = run(seed, options.cases, progress)
    except AssertionError as error:
        print(f"NOT AS IT MUST BE  {error}\nagain: make fuzz CASES={options.cases} SEED={seed}")
        return 1
    seconds = time.monotonic() - progress.began
    Console(width=100).print(table(counts))
    print(f"{options.cases:,} cases of seed {seed} in {seconds:.0f} s: all answers defined, and only what was genuine came through")
    return 0


if __name__ == "__main__":
    sys.exit(main())
