"""The routes of the player API as docs/openapi.json tells them, made concrete enough to be called."""

import json
import time
from dataclasses import dataclass
from typing import Any

from sandbox.player import PlayerApi
from sandbox.stack import ROOT
from sandbox.wire import Answer
from tests.e2e import world

AT_ONCE = 8
"""With little memory the emulator runs sixteen functions side by side and throttles the rest: half are left for workers."""

IDS = {
    "transaction_id": "tx_x",
    "deposit_id": "dep_x",
    "withdrawal_id": "wdr_x",
    "game_id": world.GAME_ID,
    "session_id": "current",
    "provider": "hub88",
    "round_id": "11111111-2222-4333-8444-555555555555",
    "kind": "deposit",
    "period": "24h",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; `path` has made-up ids in it."""

    method: str
    path: str
    protected: bool
    required: tuple[str, ...] = ()
    """Members that its body must have."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def ask(self, api: PlayerApi, headers: dict[str, str] | None = None) -> Answer:
        """Call it with an empty object where it takes a body."""
        body = b"{}" if self.method in {"POST", "PUT", "PATCH"} else None
        return api.raw(self.method, self.path, body, headers={"Idempotency-Key": "k" * 16} | (headers or {}))


def _all() -> list[Route]:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    schemas: dict[str, Any] = document["components"]["schemas"]
    return [
        Route(verb.upper(), path.format(**IDS), bool(operation["security"]), _required(operation, schemas))
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    ]


def _required(operation: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, ...]:
    if "requestBody" not in operation:
        return ()
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    return tuple(schemas[name].get("required", ())) if name else ()


ALL = _all()
PROTECTED = [route for route in ALL if route.protected]
PUBLIC = [route for route in ALL if not route.protected]
TAKING = [route for route in ALL if route.required]
"""Routes whose body must say something."""


def everywhere(api: PlayerApi) -> dict[str, tuple[int, str]]:
    """Ask every protected route with the player's token, AT_ONCE at a time: route → status and code of the answer."""
    answers = world.at_most_at_once(AT_ONCE, len(PROTECTED), lambda number: PROTECTED[number].ask(api))
    return {str(route): (answer.status, answer.json().get("code", "")) for route, answer in zip(PROTECTED, answers, strict=True)}


def refused_everywhere_within_a_second(api: PlayerApi, ended: float, refusal: tuple[int, str] = (401, "session_ended")) -> None:
    """The session that ended at `ended` (monotonic seconds) is refused on every route, all of them asked within a second of it."""
    assert time.monotonic() - ended < 1.0
    answers = everywhere(api)
    assert set(answers.values()) == {refusal}, answers
