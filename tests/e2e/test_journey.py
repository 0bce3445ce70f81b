"""The walking skeleton from end to end, and the two command lines that stand for the outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import keys
from sandbox.journey import Journey
from sandbox.player import Account, PlayerApi
from sandbox.stack import ROOT, Stack
from sandbox.teller import DeviationError
from tests.e2e import world
from tests.e2e.conftest import Sandbox


def command(*words: str) -> Any:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", *words], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_journey_reaches_its_end(sandbox: Sandbox, tmp_path: Path) -> None:
    lines: list[str] = []
    players = Journey(sandbox.stack, sandbox.stack_path, tmp_path, lines.append).walk()
    assert len(players) == 2
    for player in players:
        api = PlayerApi(sandbox.stack.apis.player)
        account = Account(player.player_id, player.email, player.password, player.currency, player.country)
        assert api.log_in(account)["token_type"] == "Bearer"
    shown = "\n".join(lines)
    for step in (
        "register",
        "log in",
        "deposit",
        "payment webhook",
        "credit",
        "verified",
        "withdraw",
        "launch",
        "bet",
        "win",
        "rollback",
        "history",
        "approval",
        "paid out",
        "audit",
    ):
        assert step in shown
    assert not any(player.password in shown for player in players)


@pytest.mark.parametrize(
    ("whose", "complaint"),
    [
        ("gateways", "step 11: gateway standard pay failed: .*answered 401"),
        ("providers", "step 19: provider hub88 info failed: .*RS_ERROR_INVALID_SIGNATURE"),
    ],
)
def test_the_journey_stops_at_the_first_deviation(sandbox: Sandbox, tmp_path: Path, whose: str, complaint: str) -> None:
    """With keys that the house does not know, the outside is refused, and the journey says where."""
    said = json.loads(sandbox.stack_path.read_text(encoding="utf-8"))
    if whose == "gateways":
        said["gateways"]["standard"]["secret"] = keys.new_webhook_secret()
    else:
        said["providers"]["hub88"]["private_key"] = keys.new_rsa_key()[0]
    stack = Stack.from_json(said)
    stack.write(tmp_path / "stack.json")
    with pytest.raises(DeviationError, match=complaint):
        Journey(stack, tmp_path / "stack.json", tmp_path, lambda _: None).walk()


def test_the_provider_is_a_program_of_its_own(sandbox: Sandbox, player: world.Seat) -> None:
    words = ("sandbox.provider", "hub88", "bet", "--token", player.token, "--amount", "2.50", "--stack", str(sandbox.stack_path))
    said = json.loads(command(*words, "--json"))
    assert said["status"] == 200
    assert json.loads(said["answer"])["balance"] == 9_750_000
    assert said["request"]["user"] == player.player_id
    assert "RS_OK" in command(*words)
    assert player.api.wallet().available == "95.00"


def test_the_gateway_is_a_program_of_its_own(sandbox: Sandbox, player: world.Seat) -> None:
    deposit_id = player.api.open_deposit("10.00", "EUR")["deposit_id"]
    words = ("sandbox.gateway", "standard", "pay", "--deposit", deposit_id, "--amount", "10.00", "--stack", str(sandbox.stack_path))
    refused = ("--json", "--expect", "401")
    said = json.loads(command(*words, *refused, "--bad-signature")) + json.loads(command(*words, *refused, "--age", "900"))
    assert [one["status"] for one in said] == [401, 401]
    kept = json.loads(command(*words, "--json", "--copies", "3"))
    assert [one["status"] for one in kept] == [202, 202, 202]
    assert len({one["headers"]["webhook-id"] for one in kept}) == 1
    world.await_credit(player, deposit_id)
    assert player.api.wallet().available == "110.00"


def test_the_mails_can_be_read_by_a_person(sandbox: Sandbox, player: world.Seat) -> None:
    words = ("sandbox.mailbox", "--to", player.account.email, "--stack", str(sandbox.stack_path))
    shown = command(*words)
    assert f"to {player.account.email}\nYour code to open an account" in shown
    code = command(*words, "--code").strip()
    assert len(code) == 8
    assert f"{code[:4]}-{code[4:]}" in shown
    assert player.account.password not in shown


def test_every_function_has_worked_under_its_own_role(stack: Stack, player: world.Seat) -> None:
    """Each entrance once; none would get this far without what its role grants, and no two share a role."""
    assert player.api.transactions()[0]["kind"] == "deposit"  # identity, wallet, deposits, webhook, worker, games have worked
    assert player.play("bet")["status"] == "RS_OK"
    world.clean_audit(player)
    roles = [world.role_of(stack, name) for name in world.FUNCTIONS]
    assert len(set(roles)) == len(world.FUNCTIONS)
