"""The intake: a webhook is proved genuine over its raw bytes, understood, queued, and only then acknowledged."""

from collections.abc import Mapping
from typing import Any, Protocol

from countroom import shared_keys, strict_json
from countroom.clock import Clock
from countroom.verification import sumsub_webhooks
from countroom.verification.inbox import Inbox
from countroom.verification.standing import VendorEvent
from countroom.verification.sumsub_webhooks import SignatureInvalid


class SecretSource(Protocol):
    """Where the vendor's secret comes from: a JSON object {"secrets": [text, …]}, all of them valid."""

    def json(self) -> dict[str, Any]:
        """Give the secret as it is known here."""

    def refresh(self) -> bool:
        """Read the secret again, not too often; say whether it has changed."""


class Intake:
    """Takes in the vendor's webhooks."""

    def __init__(self, secret: SecretSource, inbox: Inbox, clock: Clock) -> None:
        self._secret = secret
        self._inbox = inbox
        self._clock = clock

    def receive(self, headers: Mapping[str, str], body: bytes) -> VendorEvent | None:
        """Put what a webhook says on the queue; None where it says nothing of how a check stands. Header names in lower case.

        A repeat is queued again: that it was heard before is for the standing to know.

        Raises strict_json.BodyTooLarge (not even the signature is looked at), SignatureInvalid and SecretsUnusable; MalformedEvent;
        InboxUnavailable, after which the vendor has to send it again; and what the secret's source raises.
        """
        if len(body) > sumsub_webhooks.BODY_BYTES_MAX:
            raise strict_json.BodyTooLarge("the body is too large")
        event = sumsub_webhooks.parse(self._verified(headers, body), body, self._clock())
        if event is not None:
            self._inbox.put(event)
        return event

    def _verified(self, headers: Mapping[str, str], body: bytes) -> str:
        """Verify, and once more when that fails and the secret turns out to have been changed."""
        try:
            return sumsub_webhooks.verify(headers, body, shared_keys.texts(self._secret.json()))
        except (SignatureInvalid, shared_keys.SecretsUnusable):
            if not self._secret.refresh():
                raise
        return sumsub_webhooks.verify(headers, body, shared_keys.texts(self._secret.json()))
