"""What an operator does to the running sandbox: invoke a staff function under the role that may, and nothing else."""

import json
from pathlib import Path
from typing import Any, Final

from sandbox import aws
from sandbox.stack import Stack

ACTOR = "sandbox-operator"
CATALOGUE: Final = Path(__file__).with_name("catalogue.json")


class StaffError(Exception):
    """A staff function failed, or refused; the message holds its own words."""


def invoke(stack: Stack, role: str, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Take on a staff role and invoke the function that the output `function` names; gives its answer.

    Raises:
        StaffError: when it fails or its answer is no object.

    """
    session = aws.take_role(stack.endpoint, stack.role(role), f"sandbox-{role}")
    return asked(aws.client("lambda", stack.endpoint, session), stack.resources[function], event)


def asked(client: Any, function_name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke a staff function with a client of the role that may; gives its answer.

    Raises:
        StaffError: when it fails or its answer is no object.

    """
    answer = client.invoke(FunctionName=function_name, Payload=json.dumps(event).encode())
    said = answer["Payload"].read()
    if "FunctionError" in answer:
        raise StaffError(f"{function_name} failed: {said[:500].decode(errors='replace')}")
    told = json.loads(said)
    if not isinstance(told, dict):
        raise StaffError(f"{function_name} does not answer with an object.")
    return told


def support(stack: Stack, action: str, player_id: str, reason: str) -> dict[str, Any]:
    """Act on a player's access as the support does: freeze, unfreeze, exclude, end_sessions, show.

    Raises:
        StaffError: when the function fails or refuses.

    """
    event = {"action": action, "player_id": player_id, "actor": ACTOR, "reason": reason}
    return _done(invoke(stack, "support", "SupportFunctionName", event))


def game_lists() -> dict[str, list[Any]]:
    """Give the lists of games by provider: made up, so that there is something to play."""
    lists: dict[str, list[Any]] = {}
    for entry in json.loads(CATALOGUE.read_text(encoding="utf-8")):
        lists.setdefault(entry["provider"], []).append(entry)
    return lists


def import_games(stack: Stack) -> int:
    """Let the games staff take over the lists of the sandbox's providers, one by one; gives how many games there are then.

    Raises:
        StaffError: when the function fails or refuses.

    """
    for provider, entries in game_lists().items():
        event = {"action": "import", "provider": provider, "games": entries, "actor": ACTOR, "reason": "the sandbox's games"}
        _done(invoke(stack, "games", "GamesStaffFunctionName", event))
    shown = _done(invoke(stack, "games", "GamesStaffFunctionName", {"action": "show", "actor": ACTOR, "reason": "a look"}))
    return sum(int(one["games"]) for one in shown["providers"].values())


def _done(told: dict[str, Any]) -> dict[str, Any]:
    if "refused" in told or told.get("outcome") == "refused":
        raise StaffError(f"refused: {json.dumps(told)[:500]}")
    return told
