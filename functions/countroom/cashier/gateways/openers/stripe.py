"""Stripe: POST /v1/payment_intents, as published (docs.stripe.com/api/payment_intents/create). The base is https://api.stripe.com.

The body is form-encoded. The deposit's id goes out as `metadata[deposit_id]`, where the dialect of the webhooks looks for it. A key
is kept for at least a day, with the first answer, also when that was a 500: such a deposit cannot be paid any more, and the
player starts another. The same key with other parameters is refused with 400, so nothing may go in that can change.

Where the player comes back to is told by the front-end when it confirms the intent, not here. The secret holds, beside
``api_keys``, ``publishable_key``, which Stripe.js is loaded with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from countroom.cashier.gateways.openers.dialect import (
    IDEMPOTENCY_HEADER,
    Ask,
    Kind,
    OpenedPayment,
    PaymentOrder,
    api_key,
    minor_units,
    required_text,
    text,
)
from countroom.cashier.gateways.stripe import PLACES
from countroom.cashier.terms import Method

PATH: Final = "/v1/payment_intents"

_BANKS: Final = {"NL": "ideal", "BE": "bancontact", "AT": "eps"}
_TYPES: Final = {Method.CARD: ["card"]}
_ID_PREFIX: Final = "pi_"


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, and the key that proves it."""

    key: str = field(repr=False)
    publishable_key: str


class StripeOpening:
    """The opening dialect."""

    gateway = "stripe"

    def credentials(self, secret: Mapping[str, Any]) -> Account:
        """Read both keys. Raise BadCredentials."""
        return Account(api_key(secret), required_text(secret, "publishable_key"))

    def ask(self, order: PaymentOrder, credentials: Account) -> Ask:
        """Write the request."""
        fields = [
            ("amount", str(minor_units(order, PLACES))),
            ("currency", order.currency.lower()),
            *(("payment_method_types[]", kind) for kind in types(order.method, order.country)),
            ("metadata[deposit_id]", order.deposit_id),
            ("metadata[player_id]", order.player_id),
        ]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {credentials.key}",
            IDEMPOTENCY_HEADER: order.deposit_id,
        }
        return Ask(PATH, headers, urlencode(fields).encode())

    def opened(self, value: Any, order: PaymentOrder, credentials: Account) -> OpenedPayment | None:
        """Read the intent, which repeats what it was made for."""
        wanted = (order.deposit_id, minor_units(order, PLACES), order.currency.lower())
        if (value["metadata"]["deposit_id"], value["amount"], value["currency"]) != wanted:
            return None
        intent_id = text(value["id"])
        if not intent_id.startswith(_ID_PREFIX):
            return None
        return OpenedPayment(
            kind=Kind.INTENT,
            payment_id=intent_id,
            client_secret=text(value["client_secret"]),
            public_key=credentials.publishable_key,
        )


def types(method: Method, country: str) -> list[str]:
    """Give Stripe's names of a method. Raises KeyError for one that it does not have."""
    return [_BANKS[country]] if method is Method.BANK else _TYPES[method]


OPENING: Final = StripeOpening()
