"""The casino in memory as Swipe Games and the action batch speak to it: bodies, signatures, and their providers' worlds."""

import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import rfc8785

from countroom.games.providers import action_batch, swipe
from countroom.games.providers.desk import Served
from countroom.games.providers.dialect import Call
from tests.unit.games.world import UNIT, World

SECRET = "test"
Answer = tuple[int, dict[str, Any]]


def hexmac(message: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


def uid(number: int) -> str:
    """The same UUID for the same number."""
    return f"5f0c0de0-0000-4000-8000-{number:012d}"


# ----------------------------------------------------------------------------------------------------------------------- swipe

BET_1, BET_2, WIN_1, WIN_2, REFUND_1, REFUND_2 = (uid(number) for number in range(1, 7))


def swipe_bet(session: str, **changes: Any) -> dict[str, Any]:
    """A bet of 10.00 of the player whose session it is."""
    return {"type": "regular", "sessionID": session, "amount": "10.00", "txID": BET_1, "roundID": "round-1", **changes}


def swipe_win(session: str, **changes: Any) -> dict[str, Any]:
    """A win of 25.00 in the same round."""
    return swipe_bet(session, **{"amount": "25.00", "txID": WIN_1, **changes})


def swipe_refund(session: str, **changes: Any) -> dict[str, Any]:
    """A refund of that bet."""
    return {"sessionID": session, "txID": REFUND_1, "origTxID": BET_1, "roundID": "round-1", "amount": "10.00", **changes}


class SwipeWorld(World):
    """Swipe Games' desk."""

    def __init__(self) -> None:
        super().__init__(swipe.DIALECT, {"secrets": [SECRET]})

    def post(self, path: str, raw: bytes, signature: str) -> Served:
        return self.desk.serve(Call(path, {"x-request-sign": signature}, raw))

    def say(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a signed body that must be well; gives the answer."""
        status, answer = self.tell(path, body)
        assert status == 200, answer
        assert answer.keys() == {"balance", "txID"}
        return answer

    def tell(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a signed body; gives HTTP status and answer."""
        raw = rfc8785.dumps(dict(body))
        return read(self.post(path, raw, hexmac(raw)))

    def balance(self, **fields: str) -> Answer:
        signature = hexmac(rfc8785.dumps(dict(fields)))
        return read(self.desk.serve(Call("/balance", {"x-request-sign": signature}, b"", "GET", urlencode(fields))))


# --------------------------------------------------------------------------------------------------------------- action batch

START = 74_322_001
"""The balance, in cents, with which the family's acceptance scenarios begin."""


def act(kind: str, action_id: str, amount: int | None = None, **changes: Any) -> dict[str, Any]:
    """One action; `original` names the one that a rollback takes back."""
    action: dict[str, Any] = {"action": kind, "action_id": action_id}
    if amount is not None:
        action["amount"] = amount
    return {**action, **changes}


def back(action_id: str, original: str, **changes: Any) -> dict[str, Any]:
    return act("rollback", action_id, original_action_id=original, **changes)


def play(*actions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A call with these actions; without any it asks for the balance."""
    body = {"user_id": "pl_anna", "currency": "USD", "game": "acceptance:test", "game_id": "round-1", "finished": False}
    return {**body, **({"actions": list(actions)} if actions else {}), **changes}


class BatchWorld(World):
    """The action batch's desk, and pl_anna with the balance of the scenarios."""

    def __init__(self) -> None:
        super().__init__(action_batch.DIALECT, {"secrets": [SECRET]})
        self.player(currency="USD", cash=0, nanos=START * UNIT // 100)

    def post(self, raw: bytes, headers: Mapping[str, str]) -> Served:
        return self.desk.serve(Call("/play", headers, raw))

    def tell(self, body: Mapping[str, Any]) -> Answer:
        """Send a signed body; gives HTTP status and answer."""
        raw = json.dumps(body).encode()
        return read(self.post(raw, {"x-request-sign": hexmac(raw)}))

    def well(self, *actions: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Send signed actions that must be well; gives the answer."""
        status, answer = self.tell(play(*actions, **changes))
        assert status == 200, answer
        assert [entry["action_id"] for entry in answer.get("transactions", [])] == [action["action_id"] for action in actions]
        return answer

    def fail(self, *actions: dict[str, Any], **changes: Any) -> tuple[int, int]:
        """Send signed actions that must be refused; gives HTTP status and the protocol's code."""
        status, answer = self.tell(play(*actions, **changes))
        assert answer.keys() == {"code", "message"}
        return status, answer["code"]

    @property
    def cents(self) -> int:
        wallet = self.store.wallets["pl_anna"]
        assert wallet.proves_itself
        return wallet.available * 100 // UNIT


def read(served: Served) -> Answer:
    answer: dict[str, Any] = json.loads(served.reply.body)
    return served.reply.status, answer
