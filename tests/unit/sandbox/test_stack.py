"""stack.json: written for its owner only, read strictly."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from sandbox.loopback import NotLoopbackError
from sandbox.stack import Apis, Gateway, LeftOut, Player, Provider, Stack, StackFileError, Staff, default_path

HERE = "http://127.0.0.1:4566"
STACK = Stack(
    endpoint=HERE,
    region="eu-west-1",
    account="000000000000",
    stage="sandbox",
    apis=Apis(
        f"{HERE}/_aws/execute-api/a/live",
        f"{HERE}/_aws/execute-api/b/$default",
        f"{HERE}/_aws/execute-api/c/$default",
        f"{HERE}/_aws/execute-api/d/$default",
    ),
    mailbox=f"{HERE}/_ministack/ses/messages",
    launch_api="http://127.0.0.1:4567",
    payment_api="http://127.0.0.1:4568",
    payout_api="http://127.0.0.1:4569",
    register_api="http://127.0.0.1:4570",
    vendor_api="http://127.0.0.1:4571",
    providers={
        "hub88": Provider(f"{HERE}/_aws/execute-api/b/$default/v1/hub88", private_key="PEM"),
        "swipe": Provider(f"{HERE}/_aws/execute-api/b/$default/v1/swipe", secret="swiped"),
    },
    gateways={"standard": Gateway(f"{HERE}/_aws/execute-api/c/$default/v1/payments/standard", "whsec_x")},
    vendors={"sumsub": Gateway(f"{HERE}/_aws/execute-api/d/$default/v1/verification/sumsub", "a-secret")},
    players=[Player("pl_1", "a@example.com", "secret-password", "EUR", "MT")],
    staff=[Staff("auditor", "arn:aws:iam::000000000000:role/x")],
    resources={"LedgerTableName": "ledger"},
    left_out=[LeftOut("AWS::X::Y", "Y1", "unknown")],
)


def test_what_is_written_is_read_again_and_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    STACK.write(path)
    assert Stack.read(path) == STACK
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["stack.json"]


def test_the_file_has_the_documented_form(tmp_path: Path) -> None:
    STACK.write(tmp_path / "stack.json")
    said = json.loads((tmp_path / "stack.json").read_text(encoding="utf-8"))
    assert said.keys() == {
        *(
            "endpoint",
            "region",
            "account",
            "stage",
            "apis",
            "mailbox",
            "launch_api",
            "payment_api",
            "payout_api",
            "register_api",
            "vendor_api",
            "providers",
            "gateways",
            "vendors",
            "players",
            "staff",
            "resources",
        ),
        "left_out",
    }
    assert said["apis"].keys() == {"player", "provider", "webhook", "verification"}
    assert said["providers"]["hub88"].keys() == {"base_url", "private_key"}
    assert said["providers"]["swipe"].keys() == {"base_url", "secret"}
    assert said["gateways"]["standard"].keys() == {"webhook_url", "secret"}
    assert said["players"][0].keys() == {"player_id", "email", "password", "currency", "country"}


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("endpoint",), 7, "endpoint is no text"),
        (("apis",), {"player": HERE}, "apis does not fit at provider, verification, webhook"),
        (("apis", "extra"), "x", "apis does not fit at extra"),
        (("surplus",), "x", "stack does not fit at surplus"),
        (("players",), {}, "players is no list"),
        (("providers",), [], "providers is no object"),
        (("gateways", "standard", "secret"), None, r"gateways\.standard\.secret is no text"),
        (("providers", "swipe", "private_key"), "PEM", r"providers\.swipe does not fit at private_key"),
        (("providers", "hub88"), {"base_url": HERE}, r"providers\.hub88 does not fit at private_key"),
        (("providers", "swipe", "secret"), "", r"providers\.swipe\.secret is no text"),
        (("mailbox",), "", "mailbox is no text"),
        (("resources", "LedgerTableName"), 1, r"resources\.LedgerTableName is no text"),
    ],
)
def test_another_form_is_refused_by_name(path: tuple[str, ...], value: object, complaint: str) -> None:
    said: dict[str, Any] = STACK.as_json()
    place = said
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(StackFileError, match=complaint):
        Stack.from_json(said)


@pytest.mark.parametrize(
    "path",
    [
        ("endpoint",),
        ("mailbox",),
        ("launch_api",),
        ("payment_api",),
        ("payout_api",),
        ("register_api",),
        ("vendor_api",),
        ("vendors", "sumsub", "webhook_url"),
        ("apis", "webhook"),
        ("providers", "hub88", "base_url"),
        ("gateways", "standard", "webhook_url"),
    ],
)
def test_an_address_elsewhere_is_refused(path: tuple[str, ...]) -> None:
    said: dict[str, Any] = STACK.as_json()
    place = said
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "https://casino.example.com"
    with pytest.raises(NotLoopbackError):
        Stack.from_json(said)


def test_a_missing_or_broken_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackFileError, match="make run"):
        Stack.read(tmp_path / "stack.json")
    (tmp_path / "stack.json").write_text("{", encoding="utf-8")
    with pytest.raises(StackFileError, match="start the sandbox again"):
        Stack.read(tmp_path / "stack.json")


def test_secrets_do_not_show_in_a_repr() -> None:
    assert not any(secret in repr(STACK) for secret in ("PEM", "swiped", "whsec_x", "secret-password"))


def test_roles_by_name() -> None:
    assert STACK.role("auditor") == "arn:aws:iam::000000000000:role/x"
    with pytest.raises(StackFileError, match="'cashier'"):
        STACK.role("cashier")


def test_the_place_of_the_file_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTROOM_STACK", raising=False)
    monkeypatch.setenv("COUNTROOM_STATE_DIR", "/s")
    assert default_path() == Path("/s/stack.json")
    monkeypatch.setenv("COUNTROOM_STACK", "/t/other.json")
    assert default_path() == Path("/t/other.json")
