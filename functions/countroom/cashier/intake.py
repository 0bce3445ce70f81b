"""The intake: a webhook is proved genuine over its raw bytes, kept, understood, queued, and only then acknowledged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from countroom import strict_json
from countroom.cashier.gateways import UnknownGateway, dialect, signing, strict
from countroom.cashier.gateways.dialect import (
    Delivery,
    Dialect,
    MalformedEvent,
    PartlyMalformed,
    SecretsUnusable,
    SignatureInvalid,
)
from countroom.cashier.inbox import Inbox, Received
from countroom.cashier.raw_events import Kept, RawEvents
from countroom.clock import Clock


class SecretSource(Protocol):
    """Where a gateway's secret comes from: a JSON object {"secrets": [text, …]}, all of them valid."""

    def json(self) -> dict[str, Any]:
        """Give the secret as it is known here."""

    def refresh(self) -> bool:
        """Read the secret again, not too often; say whether it has changed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook that is on the queue. Of a batch, not everything may be: `all_signed` and `all_understood` say so."""

    event_id: str
    all_signed: bool = True
    all_understood: bool = True


class Intake:
    """Takes in the webhooks of the gateways in `secrets`, each in the dialect of its name."""

    def __init__(self, secrets: Mapping[str, SecretSource], raw_events: RawEvents, inbox: Inbox, clock: Clock) -> None:
        self._secrets = secrets
        self._raw_events = raw_events
        self._inbox = inbox
        self._clock = clock

    def receive(self, gateway: str, delivery: Delivery) -> Taken:
        """Keep a webhook and put it on the queue.

        A repeat is queued again: that it happened before is for the ledger to know. One that is signed but cannot be understood is
        kept too, for people to look at, and is not queued: who can read it later plays it in from where it is kept. Of a batch with
        some bad items the good ones count.

        Raises UnknownGateway, strict_json.BodyTooLarge (not even the signature is looked at), SignatureInvalid, DeliveryStale and
        SecretsUnusable, with nothing kept; MalformedEvent, with the raw webhook kept; RawEventsUnavailable and InboxUnavailable,
        after which the gateway has to send it again; and what the secret's source raises.
        """
        spoken, source = dialect(gateway), self._secrets.get(gateway)
        if source is None:
            raise UnknownGateway("a gateway without a secret")
        if len(delivery.body) > strict.BODY_BYTES_MAX:
            raise strict_json.BodyTooLarge("the body is too large")
        now_ms = self._clock()
        event_id = _verified(spoken, source, delivery, now_ms)
        genuine = _genuine(spoken, source, delivery.body)
        if genuine != delivery.body:
            self._raw_events.keep(Received(gateway, event_id, now_ms, delivery.body), Kept.NOT_ALL_SIGNED)
        received = Received(gateway, event_id, now_ms, genuine)
        all_understood = self._keep(spoken, received)
        self._inbox.put(received)
        return Taken(event_id, all_signed=genuine == delivery.body, all_understood=all_understood)

    def _keep(self, spoken: Dialect, received: Received) -> bool:
        """Keep it, and say whether all of it can be understood. Raises MalformedEvent when nothing can, after it was kept."""
        try:
            spoken.parse(received.body)
        except MalformedEvent as error:
            self._raw_events.keep(received, Kept.MALFORMED)
            if not isinstance(error, PartlyMalformed):
                raise
            return False
        self._raw_events.keep(received, Kept.UNDERSTOOD)
        return True


def _verified(spoken: Dialect, source: SecretSource, delivery: Delivery, now_ms: int) -> str:
    """Verify, and once more when that fails and the secret turns out to have been changed."""
    try:
        return spoken.verify(delivery, signing.texts(source.json()), now_ms)
    except (SignatureInvalid, SecretsUnusable):
        if not source.refresh():
            raise
    return spoken.verify(delivery, signing.texts(source.json()), now_ms)


def _genuine(spoken: Dialect, source: SecretSource, body: bytes) -> bytes:
    """Leave out what is not signed, after another look at the secret: an item must not be lost to a secret just changed."""
    found = spoken.genuine(body, signing.texts(source.json()))
    if found != body and source.refresh():
        return spoken.genuine(body, signing.texts(source.json()))
    return found
