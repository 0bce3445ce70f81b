"""Bad input at the provider API: HTTP 200 with the dialect's word for it, no balance told, nothing moved."""

import base64
import json
import uuid
from typing import Any

import pytest

from sandbox.provider import hub88
from sandbox.stack import Stack
from sandbox.wire import send
from tests.e2e import world

SECRETS_OF_AN_ANSWER = {"user", "currency", "balance"}


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    """One player for the whole file: every test leaves the wallet as it was."""
    return world.seat(stack)


# Refusals that depend on the moment are recorded, so that a retry never turns into a debit later: one version more, no money.
RECORDED = {"RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_INVALID_GAME", "RS_ERROR_TOKEN_EXPIRED"}


def refused(
    player: world.Seat, action: str, body: bytes, status: str, *, signature: str | None = None, recorded: bool | None = None
) -> dict[str, Any]:
    balance, version = player.state()
    answer = player.post(action, body, signature=signature)
    assert answer.status == 200
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    if status != "RS_ERROR_NOT_ENOUGH_MONEY":
        assert not said.keys() & SECRETS_OF_AN_ANSWER
    noted = status in RECORDED if recorded is None else recorded
    assert player.state() == (balance, version + noted)
    return said


def encoded(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", base64.b64encode(bytes(256)).decode()])
@pytest.mark.parametrize("action", ["info", "balance", "bet", "win", "rollback"])
def test_a_bad_signature(seated: world.Seat, action: str, signature: str) -> None:
    said = seated.said(action, reference_transaction_uuid=str(uuid.uuid4()) if action in {"win", "rollback"} else ...)
    answer = refused(seated, action, encoded(said), "RS_ERROR_INVALID_SIGNATURE", signature=signature)
    assert answer.keys() <= {"status", "request_uuid"}


def test_a_signature_is_over_the_raw_bytes(seated: world.Seat) -> None:
    """The same JSON with other white space fails against the old signature, and the other way round."""
    said = seated.said("bet")
    compact, spaced = encoded(said), json.dumps(said).encode()
    assert compact != spaced
    assert json.loads(compact) == json.loads(spaced)
    key = seated.stack.providers["hub88"].private_key
    refused(seated, "bet", spaced, "RS_ERROR_INVALID_SIGNATURE", signature=hub88.sign(key, compact))
    refused(seated, "bet", compact, "RS_ERROR_INVALID_SIGNATURE", signature=hub88.sign(key, spaced))
    refused(seated, "bet", compact + b"\n", "RS_ERROR_INVALID_SIGNATURE", signature=hub88.sign(key, compact))


def test_a_signature_of_another_call_does_not_carry_over(seated: world.Seat) -> None:
    key = seated.stack.providers["hub88"].private_key
    other = hub88.sign(key, encoded(seated.said("bet", amount=1)))
    refused(seated, "bet", encoded(seated.said("bet", amount=9_000_000)), "RS_ERROR_INVALID_SIGNATURE", signature=other)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"text"', b'{"a":1}x', b"[" * 5000, b"{}"])
@pytest.mark.parametrize("action", ["bet", "rollback"])
def test_what_is_no_json_object(seated: world.Seat, action: str, body: bytes) -> None:
    refused(seated, action, body, "RS_ERROR_WRONG_SYNTAX")


def test_bytes_that_are_no_text(seated: world.Seat) -> None:
    """The emulator hands text on, so such bytes no longer fit their signature; either way they are refused."""
    before = seated.state()
    answer = seated.post("bet", b"\xff\xfe").json()
    assert answer["status"] in {"RS_ERROR_WRONG_SYNTAX", "RS_ERROR_INVALID_SIGNATURE"}
    assert seated.state() == before


@pytest.mark.parametrize("amount", ["100000", 1.5, 100000.0, True, None, -1, [], {}, 10**38, 1 << 63])
def test_an_amount_that_is_none(seated: world.Seat, amount: object) -> None:
    before = seated.state()
    answer = seated.post("bet", encoded(seated.said("bet", amount=amount))).json()
    assert answer["status"] in ({"RS_ERROR_WRONG_SYNTAX", "RS_ERROR_WRONG_TYPES"} if amount is None else {"RS_ERROR_WRONG_TYPES"})
    assert not answer.keys() & SECRETS_OF_AN_ANSWER
    assert seated.state() == before


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"1e5", b"01", b"0x10", b"1_000"])
def test_an_amount_that_json_does_not_know(seated: world.Seat, text: bytes) -> None:
    body = encoded(seated.said("bet", amount=4242)).replace(b"4242", text)
    before = seated.state()
    answer = seated.post("bet", body).json()
    assert answer["status"] in {"RS_ERROR_WRONG_SYNTAX", "RS_ERROR_WRONG_TYPES"}
    assert seated.state() == before


def test_more_than_there_is(seated: world.Seat) -> None:
    said = seated.said("bet", amount=10_000_001)
    answer = refused(seated, "bet", encoded(said), "RS_ERROR_NOT_ENOUGH_MONEY")
    assert answer["balance"] == 10_000_000
    refused(seated, "bet", encoded(said), "RS_ERROR_NOT_ENOUGH_MONEY", recorded=False)


@pytest.mark.parametrize("amount", [2**31 - 1, 6_372_709_234_000])
def test_huge_amounts_are_only_too_much(seated: world.Seat, amount: int) -> None:
    refused(seated, "bet", encoded(seated.said("bet", amount=amount)), "RS_ERROR_NOT_ENOUGH_MONEY")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "nonsense"}, "RS_ERROR_INVALID_TOKEN"),
        ({"currency": "USD"}, "RS_ERROR_WRONG_CURRENCY"),
        ({"currency": "XXX"}, "RS_ERROR_WRONG_CURRENCY"),
        ({"currency": "eur"}, "RS_ERROR_WRONG_CURRENCY"),
        ({"currency": 978}, "RS_ERROR_WRONG_TYPES"),
        ({"game_code": "no_such_game"}, "RS_ERROR_INVALID_GAME"),
        ({"game_code": ""}, "RS_ERROR_WRONG_TYPES"),
        ({"game_code": ...}, "RS_ERROR_WRONG_SYNTAX"),
        ({"token": ...}, "RS_ERROR_WRONG_SYNTAX"),
        ({"token": ""}, "RS_ERROR_WRONG_TYPES"),
        ({"user": "pl_aaaaaaaaaaaaaaaaaaaa"}, "RS_ERROR_INVALID_TOKEN"),
        ({"user": ...}, "RS_ERROR_WRONG_SYNTAX"),
        ({"transaction_uuid": ""}, "RS_ERROR_WRONG_TYPES"),
        ({"transaction_uuid": 5}, "RS_ERROR_WRONG_TYPES"),
        ({"transaction_uuid": "x" * 65}, "RS_ERROR_WRONG_TYPES"),
        ({"transaction_uuid": "a#b"}, "RS_ERROR_WRONG_TYPES"),
        ({"transaction_uuid": ...}, "RS_ERROR_WRONG_SYNTAX"),
        ({"round": ...}, "RS_ERROR_WRONG_SYNTAX"),
        ({"round_closed": "yes"}, "RS_ERROR_WRONG_TYPES"),
        ({"is_free": 1}, "RS_ERROR_WRONG_TYPES"),
    ],
)
def test_a_bet_with_one_wrong_field(seated: world.Seat, change: dict[str, Any], status: str) -> None:
    recorded = change.get("token") == "nonsense" or None  # a session that the wallet does not know
    refused(seated, "bet", encoded(seated.said("bet", **change)), status, recorded=recorded)


def test_a_token_of_another_player(seated: world.Seat, stack: Stack) -> None:
    other = world.seat(stack, "5.00")
    before = other.state()
    refused(seated, "bet", encoded(seated.said("bet", token=other.token)), "RS_ERROR_INVALID_TOKEN", recorded=True)
    refused(seated, "bet", encoded(seated.said("bet", user=other.player_id)), "RS_ERROR_INVALID_TOKEN", recorded=False)
    assert other.state() == (before[0], before[1] + 1)


def test_a_session_that_a_newer_one_has_ended(stack: Stack) -> None:
    player = world.seat(stack, "5.00")
    old = player.token
    player.launch()
    answer = refused(player, "bet", encoded(player.said("bet", token=old)), "RS_ERROR_TOKEN_EXPIRED")
    assert "request_uuid" in answer
    assert player.play("bet")["status"] == "RS_OK"


@pytest.mark.parametrize("field", ["amount", "round", "game_code", "user"])
def test_the_same_transaction_with_another_field(stack: Stack, field: str) -> None:
    player = world.seat(stack, "5.00")
    said = player.said("bet")
    assert player.play("bet", **said)["status"] == "RS_OK"
    other: dict[str, Any] = {
        "amount": 200_000,
        "round": "another",
        "game_code": "hbr_liveroulette",
        "user": world.seat(stack, "0").player_id,
    }
    changed = said | {field: other[field], "request_uuid": str(uuid.uuid4())}
    refused(player, "bet", encoded(changed), "RS_ERROR_DUPLICATE_TRANSACTION")
    assert player.play("bet", **said)["status"] == "RS_OK"
    assert player.api.wallet().available == "4.00"


def test_wins_and_rollbacks_of_nothing(seated: world.Seat) -> None:
    nothing = str(uuid.uuid4())
    refused(seated, "win", encoded(seated.said("win", reference_transaction_uuid=nothing)), "RS_ERROR_TRANSACTION_DOES_NOT_EXIST")
    refused(seated, "win", encoded(seated.said("win")), "RS_ERROR_WRONG_SYNTAX")
    refused(seated, "rollback", encoded(seated.said("rollback")), "RS_ERROR_WRONG_SYNTAX")


def test_a_rollback_before_its_bet_leaves_a_tombstone(stack: Stack) -> None:
    player = world.seat(stack, "5.00")
    late = player.said("bet")
    rollback = player.said("rollback", reference_transaction_uuid=late["transaction_uuid"])
    assert player.play("rollback", **rollback)["status"] == "RS_OK"
    assert player.play("rollback", **rollback)["status"] == "RS_OK"
    assert player.play("bet", **late)["status"] == "RS_ERROR_DUPLICATE_TRANSACTION"
    assert player.api.wallet().available == "5.00"
    world.clean_audit(player)


def test_an_unknown_route(seated: world.Seat) -> None:
    provider = seated.stack.providers["hub88"]
    body = encoded(seated.said("bet"))
    before = seated.state()
    signature = {"X-Hub88-Signature": hub88.sign(provider.private_key, body)}
    answer = send("POST", f"{provider.base_url}/transaction/jackpot", body=body, headers=signature)
    assert answer.status == 200
    assert answer.json()["status"] == "RS_ERROR_WRONG_SYNTAX"
    assert send("GET", f"{provider.base_url}/transaction/bet").status == 404
    assert send("POST", f"{seated.stack.apis.provider}/v1/elsewhere/bet", body=b"{}").status == 404
    assert seated.state() == before
