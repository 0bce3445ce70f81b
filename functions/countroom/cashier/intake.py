"""The intake: a webhook is proved genuine over its raw bytes, understood, kept, and only then acknowledged."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from countroom.cashier.gateways import UnknownGateway, dialect
from countroom.cashier.gateways.dialect import Delivery, Dialect, SecretsUnusable, SignatureInvalid
from countroom.cashier.inbox import Inbox, Received
from countroom.clock import Clock

BODY_BYTES_MAX: Final = 16 * 1024


class BodyTooLarge(Exception):
    """More than BODY_BYTES_MAX; not even its signature is looked at."""


class SecretSource(Protocol):
    """Where a gateway's secret comes from: a JSON object {"secrets": [text, …]}, all of them valid."""

    def json(self) -> dict[str, Any]:
        """Give the secret as it is known here."""

    def refresh(self) -> bool:
        """Read the secret again, not too often; say whether it has changed."""


class Intake:
    """Takes in the webhooks of the gateways in `secrets`, each in the dialect of its name."""

    def __init__(self, secrets: Mapping[str, SecretSource], inbox: Inbox, clock: Clock) -> None:
        self._secrets = secrets
        self._inbox = inbox
        self._clock = clock

    def receive(self, gateway: str, delivery: Delivery) -> str:
        """Keep a webhook and give its id. A repeat is kept again: that it happened before is for the ledger to know.

        Raises UnknownGateway, BodyTooLarge, SignatureInvalid, DeliveryStale, MalformedEvent, SecretsUnusable, InboxUnavailable,
        and what the secret's source raises. Nothing is kept then.
        """
        spoken, source = dialect(gateway), self._secrets.get(gateway)
        if source is None:
            raise UnknownGateway("a gateway without a secret")
        if len(delivery.body) > BODY_BYTES_MAX:
            raise BodyTooLarge("the body is too large")
        now_ms = self._clock()
        event_id = _verified(spoken, source, delivery, now_ms)
        spoken.parse(delivery.body)
        self._inbox.put(Received(gateway, event_id, now_ms, delivery.body))
        return event_id


def _verified(spoken: Dialect, source: SecretSource, delivery: Delivery, now_ms: int) -> str:
    """Verify, and once more when that fails and the secret turns out to have been changed."""
    try:
        return spoken.verify(delivery, _texts(source.json()), now_ms)
    except (SignatureInvalid, SecretsUnusable):
        if not source.refresh():
            raise
    return spoken.verify(delivery, _texts(source.json()), now_ms)


def _texts(secret: Mapping[str, Any]) -> list[str]:
    found = secret.get("secrets")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
