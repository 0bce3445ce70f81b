"""Adyen: POST /v71/sessions of its Checkout API, as published (docs.adyen.com/api-explorer/Checkout/71/post/sessions).

The base URL is https://checkout-test.adyen.com, live the company's own, ending in ``/checkout``. The deposit's id goes out as
`reference`, which comes back as `merchantReference` in every notification. An Idempotency-Key is kept for at least a week and
answered with the first answer again. Without `expiresAt` a session would end an hour after whichever call made it.

The secret holds, beside ``api_keys``, ``merchant_account`` and ``client_key``, the public key that Adyen's components are loaded
with in a browser.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from countroom.cashier.gateways.adyen_transfers import PLACES
from countroom.cashier.gateways.openers.dialect import (
    IDEMPOTENCY_HEADER,
    Ask,
    Kind,
    OpenedPayment,
    PaymentOrder,
    ReturnUrlMissing,
    api_key,
    minor_units,
    required_text,
    text,
)
from countroom.cashier.terms import Method
from countroom.times import from_iso, to_iso

PATH: Final = "/v71/sessions"

_BANKS: Final = {"NL": "ideal", "BE": "bcmc", "AT": "eps"}
_TYPES: Final = {Method.CARD: ["scheme"], Method.WALLET: ["paypal", "applepay", "googlepay"]}


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who asks, and the key that proves it."""

    key: str = field(repr=False)
    account: str
    client_key: str


class AdyenOpening:
    """The opening dialect."""

    gateway = "adyen"

    def credentials(self, secret: Mapping[str, Any]) -> Merchant:
        """Read the key, the merchant account and the client key. Raise BadCredentials."""
        return Merchant(api_key(secret), required_text(secret, "merchant_account"), required_text(secret, "client_key"))

    def ask(self, order: PaymentOrder, credentials: Merchant) -> Ask:
        """Write the request. Raise ReturnUrlMissing."""
        if not order.return_url:
            raise ReturnUrlMissing("return_url")
        body = {
            "merchantAccount": credentials.account,
            "reference": order.deposit_id,
            "amount": _amount(order),
            "countryCode": order.country,
            "shopperReference": order.player_id,
            "returnUrl": order.return_url,
            "expiresAt": to_iso(order.expires_at_ms),
            "allowedPaymentMethods": types(order.method, order.country),
        }
        headers = {"Content-Type": "application/json", "X-API-Key": credentials.key, IDEMPOTENCY_HEADER: order.deposit_id}
        return Ask(PATH, headers, json.dumps(body, separators=(",", ":")).encode())

    def opened(self, value: Any, order: PaymentOrder, credentials: Merchant) -> OpenedPayment | None:
        """Read the session, which repeats what it was made for."""
        amount = value["amount"]
        if (value["reference"], {name: amount[name] for name in ("value", "currency")}) != (order.deposit_id, _amount(order)):
            return None
        return OpenedPayment(
            kind=Kind.SESSION,
            payment_id=text(value["id"]),
            session_data=text(value["sessionData"]),
            public_key=credentials.client_key,
            expires_at=to_iso(from_iso(text(value["expiresAt"]))),
        )


def types(method: Method, country: str) -> list[str]:
    """Give Adyen's names of a method (docs.adyen.com, "Payment method types"). Raises KeyError for one that it does not have."""
    return [_BANKS[country]] if method is Method.BANK else _TYPES[method]


def _amount(order: PaymentOrder) -> dict[str, object]:
    return {"value": minor_units(order, PLACES), "currency": order.currency}


OPENING: Final = AdyenOpening()
