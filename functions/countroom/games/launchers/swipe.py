"""Asking Swipe Games for a game's address: POST /create-new-game of its Core API, as its published SDK calls it.

X-REQUEST-SIGN is the hex HMAC-SHA256 of the body's canonical JSON (RFC 8785); the canonical bytes themselves are sent, so there is
one text to sign and to send. The session's token is our own, in `sessionID`, and comes back with every call. A demo names neither
session nor user. The answer is ``{"gameURL": ..., "gsID": ...}``.

The key for calls to them is another than that for calls from them: the secret holds ``launch_secret``, and ``cid`` and ``ext_cid``,
the two ids under which they know this casino.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from countroom.games.launchers.dialect import Ask, LaunchOrder, Mode, required_text

PATH: Final = "/create-new-game"
SIGNATURE_HEADER: Final = "X-REQUEST-SIGN"

_LOCALES: Final = {"en": "en_us", "pt": "pt_br", "zh": "zh_cn"}
"""They name a language together with a country; for most languages that is the country of the same letters."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and the key that proves it."""

    key: bytes
    cid: str
    ext_cid: str


class SwipeLaunch:
    """The launch dialect."""

    provider = "swipe"

    def credentials(self, secret: Mapping[str, Any]) -> Client:
        """Read the key and the two ids. Raise BadCredentials."""
        key, cid, ext_cid = (required_text(secret, name) for name in ("launch_secret", "cid", "ext_cid"))
        return Client(key.encode(), cid, ext_cid)

    def ask(self, order: LaunchOrder, credentials: Client) -> Ask:
        """Write the signed request."""
        real = order.mode is Mode.REAL
        body: dict[str, Any] = {
            "cID": credentials.cid,
            "extCID": credentials.ext_cid,
            "gameID": order.game_code,
            "demo": not real,
            "platform": order.platform.value,
            "currency": order.currency,
            "locale": _LOCALES.get(order.language, f"{order.language}_{order.language}"),
        }
        if real:
            body |= {"sessionID": order.token, "user": {"id": order.player_id, "country": order.country}}
        if order.return_url:
            body["returnURL"] = order.return_url
        raw = rfc8785.dumps(body)
        signature = hmac.new(credentials.key, raw, hashlib.sha256).hexdigest()
        return Ask(PATH, {"Content-Type": "application/json", SIGNATURE_HEADER: signature}, raw)

    def url(self, value: Any) -> object:
        """Find the URL in an answer."""
        return value["gameURL"]


LAUNCH: Final = SwipeLaunch()
