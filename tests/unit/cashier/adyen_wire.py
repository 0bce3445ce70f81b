"""Adyen's wire as its documentation has it, signed without anything of the product."""

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.unit.cashier.support import DEPOSIT_ID

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OLD_KEY = "0f" * 32


def sign(fields: dict[str, Any], key: str = KEY) -> str:
    """The signature as Adyen's documentation spells it out, written without anything of the product."""
    first = [
        str(fields.get(name) or "") for name in ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    ]
    rest = [str(fields["amount"]["value"]), fields["amount"]["currency"], fields["eventCode"], fields["success"]]
    message = ":".join(first + rest).encode("utf-8")
    return base64.b64encode(hmac.new(bytes.fromhex(key), message, hashlib.sha256).digest()).decode()


def item(key: str = KEY, *, value: int = 1000, currency: str = "EUR", **fields: Any) -> dict[str, Any]:
    """A signed item about a payment of a deposit."""
    made: dict[str, Any] = {
        "pspReference": "PSP1",
        "merchantAccountCode": "House",
        "merchantReference": DEPOSIT_ID,
        "amount": {"value": value, "currency": currency},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "eventDate": "2026-01-01T13:00:00+01:00",
        **fields,
    }
    return made | {"additionalData": {"hmacSignature": sign(made, key)}}


def batch(*items: dict[str, Any]) -> bytes:
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": one} for one in items]}).encode()


def later(code: str, **fields: Any) -> dict[str, Any]:
    return item(**{"pspReference": "PSP2", "originalReference": "PSP1", "eventCode": code, **fields})
