"""Asking a provider of the action-batch family for a game's address: POST /sessions, in a demo POST /demo.

No vendor of the family publishes this; it is rebuilt from how public implementations call it, and a vendor's own paper decides.
X-REQUEST-SIGN is the hex HMAC-SHA256 over the raw body, as on their callbacks. Those name the player and no session, so no token
goes out: the session that a launch makes is kept for its expiry and for the record. The answer is
``{"launch_options": {"game_url": ...}}``.

The secret holds ``launch_secret`` and ``casino_id``, the id under which they know this casino.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from countroom.games.launchers.dialect import Ask, LaunchOrder, Mode, required_text

REAL_PATH: Final = "/sessions"
DEMO_PATH: Final = "/demo"
SIGNATURE_HEADER: Final = "X-REQUEST-SIGN"


@dataclass(frozen=True, slots=True)
class Casino:
    """Who asks, and the key that proves it."""

    key: bytes
    casino_id: str


class ActionBatchLaunch:
    """The launch dialect."""

    provider = "action_batch"

    def credentials(self, secret: Mapping[str, Any]) -> Casino:
        """Read the key and the casino's id. Raise BadCredentials."""
        return Casino(required_text(secret, "launch_secret").encode(), required_text(secret, "casino_id"))

    def ask(self, order: LaunchOrder, credentials: Casino) -> Ask:
        """Write the signed request."""
        real = order.mode is Mode.REAL
        body: dict[str, Any] = {
            "casino_id": credentials.casino_id,
            "game": order.game_code,
            "locale": order.language,
            "client_type": order.platform.value,
            "urls": {"return_url": order.return_url} if order.return_url else {},
        }
        if real:
            body |= {"currency": order.currency, "user": {"id": order.player_id, "country": order.country}}
        raw = json.dumps(body, separators=(",", ":")).encode()
        signature = hmac.new(credentials.key, raw, hashlib.sha256).hexdigest()
        return Ask(REAL_PATH if real else DEMO_PATH, {"Content-Type": "application/json", SIGNATURE_HEADER: signature}, raw)

    def url(self, value: Any) -> object:
        """Find the URL in an answer."""
        return value["launch_options"]["game_url"]


LAUNCH: Final = ActionBatchLaunch()
