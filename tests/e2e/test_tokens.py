"""Access tokens that are well formed and still not good: foreign, changed, for something else, of an ended or a foreign session."""

import pytest

from sandbox.player import PlayerApi
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.forge import opened, segment, signed_by_house, signed_by_stranger
from tests.e2e.world import problem


@pytest.fixture(scope="module")
def seated(stack: Stack) -> world.Seat:
    return world.seat(stack, "10.00")


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
        signed_by_house(seated.stack, header, {key: value for key, value in claims.items() if key != "sid"}),
        f"{segment(header | {'alg': 'none'})}.{segment(claims)}.",
        good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        good + "=",
    ]
    for token in foreign:
        problem(PlayerApi(seated.stack.apis.player, token).raw("GET", "/v1/wallet", None), 401, "not_authenticated")


def test_a_session_of_somebody_else_is_nobodys(seated: world.Seat, stack: Stack) -> None:
    """Even the house's own signature does not make another player's session mine, nor one that never was."""
    header, claims = opened(seated.api.token)
    _, other = world.newcomer(stack)
    for session in (opened(other.token)[1]["sid"], claims["sid"][:-1] + ("a" if claims["sid"][-1] != "a" else "b")):
        token = signed_by_house(stack, header, claims | {"sid": session})
        problem(PlayerApi(stack.apis.player, token).raw("GET", "/v1/wallet", None), 401, "session_ended")


def test_every_published_key_is_good_which_lets_them_be_rotated(seated: world.Seat) -> None:
    header, claims = opened(seated.api.token)
    keys = PlayerApi(seated.stack.apis.player).call("GET", "/.well-known/jwks.json")["keys"]
    assert all(key["alg"] == "ES256" and "d" not in key for key in keys)
    first, other = [key["kid"] for key in keys]
    assert header["kid"] == first
    from_the_other = signed_by_house(seated.stack, header | {"kid": other}, claims, key=1)
    assert PlayerApi(seated.stack.apis.player, from_the_other).wallet().player_id == seated.player_id
    misnamed = signed_by_house(seated.stack, header, claims, key=1)
    problem(PlayerApi(seated.stack.apis.player, misnamed).raw("GET", "/v1/wallet", None), 401, "not_authenticated")


def test_what_belongs_to_another_player(seated: world.Seat, stack: Stack) -> None:
    _, other = world.newcomer(stack)
    deposit_id = seated.api.open_deposit("5.00", "EUR")["deposit_id"]
    transaction = seated.api.transactions()[0]["transaction_id"]
    problem(other.raw("GET", f"/v1/deposits/{deposit_id}", None), 404, "not_found")
    problem(other.raw("GET", f"/v1/wallet/transactions/{transaction}", None), 404, "not_found")
    problem(other.raw("DELETE", f"/v1/sessions/{seated.api.session_id}", None), 404, "not_found")
    assert seated.api.deposit(deposit_id)["deposit_id"] == deposit_id
    assert seated.api.call("GET", f"/v1/wallet/transactions/{transaction}")["transaction_id"] == transaction
    assert [one["session_id"] for one in seated.api.sessions() if one["current"]] == [seated.api.session_id]


def test_rounds_of_another_player(seated: world.Seat, stack: Stack) -> None:
    _, other = world.newcomer(stack)
    assert seated.play("bet")["status"] == "RS_OK"
    path = f"/v1/rounds/hub88/{seated.round_id}"
    assert seated.api.call("GET", path)["round_id"] == seated.round_id
    problem(other.raw("GET", path, None), 404, "not_found")
