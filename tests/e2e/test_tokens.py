"""Access tokens: missing, broken, expired, foreign, and of somebody else."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sandbox import aws
from sandbox.player import PlayerApi
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.world import problem

PROTECTED = [
    ("GET", "/v1/wallet"),
    ("GET", "/v1/wallet/transactions"),
    ("GET", "/v1/wallet/transactions/tx_x"),
    ("GET", "/v1/wallet/statement"),
    ("POST", f"/v1/games/{world.GAME_ID}/sessions"),
    ("POST", "/v1/deposits"),
    ("GET", "/v1/deposits"),
    ("GET", "/v1/deposits/dep_x"),
]


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


def segment(said: object) -> str:
    return urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return unpadded(header), unpadded(claims)


def unpadded(part: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def fixed_size(der: bytes) -> str:
    r, s = decode_dss_signature(der)
    return urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()


def signed_by_house(stack: Stack, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Sign as only the house can: this needs the emulator's root keys."""
    message = f"{segment(header)}.{segment(claims)}"
    answer = aws.client("kms", stack.endpoint).sign(
        KeyId=world.token_key(stack), Message=message.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )
    return f"{message}.{fixed_size(answer['Signature'])}"


def signed_by_stranger(header: dict[str, Any], claims: dict[str, Any]) -> str:
    message = f"{segment(header)}.{segment(claims)}"
    return f"{message}.{fixed_size(ec.generate_private_key(ec.SECP256R1()).sign(message.encode(), ec.ECDSA(hashes.SHA256())))}"


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic dXNlcjpwYXNz", "Bearer a.b.c"])
def test_a_missing_or_broken_token(stack: Stack, method: str, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = b"{}" if method == "POST" else None
    answer = PlayerApi(stack.apis.player).raw(method, path, body, headers=headers | {"Idempotency-Key": "k" * 16})
    problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_token(seated: world.Seat) -> None:
    header, claims = opened(seated.api.token)
    now = int(time.time())
    old = claims | {"iat": now - 700, "nbf": now - 700, "exp": now - 100}
    api = PlayerApi(seated.stack.apis.player, signed_by_house(seated.stack, header, old))
    for method, path in PROTECTED:
        problem(api.raw(method, path, b"{}" if method == "POST" else None), 401, "token_expired")


def test_a_well_signed_token_is_good_only_for_what_it_says(seated: world.Seat) -> None:
    header, claims = opened(seated.api.token)
    good = signed_by_house(seated.stack, header, claims | {"jti": "again"})
    assert PlayerApi(seated.stack.apis.player, good).wallet().player_id == seated.player_id
    foreign = [
        signed_by_stranger(header, claims),
        signed_by_house(seated.stack, header, claims | {"iss": "urn:countroom:prod"}),
        signed_by_house(seated.stack, header, claims | {"aud": "countroom:staff"}),
        signed_by_house(seated.stack, header | {"kid": "another"}, claims),
        signed_by_house(seated.stack, header | {"typ": "JWT"}, claims),
        signed_by_house(seated.stack, header | {"jku": "https://example.com/keys"}, claims),
        signed_by_house(seated.stack, header, {key: value for key, value in claims.items() if key != "exp"}),
        f"{segment(header | {'alg': 'none'})}.{segment(claims)}.",
        good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
    ]
    for token in foreign:
        problem(PlayerApi(seated.stack.apis.player, token).raw("GET", "/v1/wallet", None), 401, "not_authenticated")


def test_what_belongs_to_another_player(seated: world.Seat, stack: Stack) -> None:
    other = world.seat(stack, "0")
    deposit_id = seated.api.open_deposit("5.00", "EUR")["deposit_id"]
    transaction = seated.api.transactions()[0]["transaction_id"]
    problem(other.api.raw("GET", f"/v1/deposits/{deposit_id}", None), 404, "not_found")
    problem(other.api.raw("GET", f"/v1/wallet/transactions/{transaction}", None), 404, "not_found")
    assert seated.api.deposit(deposit_id)["deposit_id"] == deposit_id
    assert seated.api.call("GET", f"/v1/wallet/transactions/{transaction}")["transaction_id"] == transaction
