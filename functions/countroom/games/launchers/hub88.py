"""Asking Hub88 for a game's address: POST /operator/generic/v2/game/url of its Operator API, as published.

The body is signed as its callbacks are, the other way round: RSASSA-PKCS1-v1_5 with SHA-256 over the raw bytes, base64, in
X-Hub88-Signature, with the operator's own private key. A demo has the currency XXX and neither user nor token. The answer is
``{"url": ...}``.

The provider's secret holds, beside the public keys for callbacks, ``launch_private_key`` (PEM, RSA of at least 2048 bits),
``operator_id`` (a whole number that Hub88 assigns) and, where there are several brands, ``sub_partner_id``.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from countroom.games.launchers.dialect import Ask, BadCredentials, LaunchOrder, Mode, Platform, required_text

PATH: Final = "/operator/generic/v2/game/url"
SIGNATURE_HEADER: Final = "X-Hub88-Signature"
DEMO_CURRENCY: Final = "XXX"

_KEY_BITS_MIN: Final = 2048
_PLATFORMS: Final = {Platform.DESKTOP: "GPL_DESKTOP", Platform.MOBILE: "GPL_MOBILE"}


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, and the key that proves it."""

    key: RSAPrivateKey
    operator_id: int
    sub_partner_id: str


class Hub88Launch:
    """The launch dialect."""

    provider = "hub88"

    def credentials(self, secret: Mapping[str, Any]) -> Operator:
        """Read the operator's key and id. Raise BadCredentials."""
        operator_id, brand = secret.get("operator_id"), secret.get("sub_partner_id", "")
        if type(operator_id) is not int or operator_id <= 0 or not isinstance(brand, str):
            raise BadCredentials("operator_id is not a whole number, or sub_partner_id no text")
        return Operator(_private_key(required_text(secret, "launch_private_key")), operator_id, brand)

    def ask(self, order: LaunchOrder, credentials: Operator) -> Ask:
        """Write the signed request."""
        real = order.mode is Mode.REAL
        body: dict[str, Any] = {
            "operator_id": credentials.operator_id,
            "game_code": order.game_code,
            "platform": _PLATFORMS[order.platform],
            "lang": order.language,
            "country": order.country,
            "currency": order.currency if real else DEMO_CURRENCY,
        }
        if real:
            body |= {"user": order.player_id, "token": order.token}
        if order.return_url:
            body["lobby_url"] = order.return_url
        if credentials.sub_partner_id:
            body["sub_partner_id"] = credentials.sub_partner_id
        raw = json.dumps(body, separators=(",", ":")).encode()
        signature = credentials.key.sign(raw, padding.PKCS1v15(), hashes.SHA256())
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: base64.b64encode(signature).decode()}
        return Ask(PATH, headers, raw)

    def url(self, value: Any) -> object:
        """Find the URL in an answer."""
        return value["url"]


@lru_cache(maxsize=4)
def _private_key(text: str) -> RSAPrivateKey:
    """Parse a key, once per version of the secret: checking its primes takes longer than a signature."""
    try:
        key = load_pem_private_key(text.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredentials("launch_private_key cannot be read") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _KEY_BITS_MIN:
        raise BadCredentials("launch_private_key is not RSA of at least 2048 bits")
    return key


LAUNCH: Final = Hub88Launch()
