from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from countroom.games.providers.hub88 import DIALECT
from countroom.games.providers.keys import KeyRing, KeysUnavailable
from tests.unit.games.world import Secret, private_key, public_pem


def test_a_key_is_parsed_once_per_version_of_the_secret() -> None:
    parsed: list[Any] = []

    def parse(secret: Any) -> list[str]:
        parsed.append(secret)
        return ["key"]

    secret = Secret({"public_keys": ["a"]})
    ring: KeyRing[str] = KeyRing(secret, parse)
    assert ring.current() is ring.current()
    assert len(parsed) == 1
    secret.held = {"public_keys": ["b"]}
    ring.current()
    assert parsed == [{"public_keys": ["a"]}, {"public_keys": ["b"]}]


def test_renewal_brings_keys_only_when_the_secret_has_changed() -> None:
    secret = Secret({"public_keys": [public_pem(private_key())]})
    ring = KeyRing(secret, DIALECT.keys)
    ring.current()
    assert ring.renewed() == ()
    secret.stored = {"public_keys": [public_pem(private_key(1))]}
    assert len(ring.renewed()) == 1
    assert ring.renewed() == ()


def test_a_secret_that_cannot_be_read_gives_no_keys() -> None:
    secret = Secret({"public_keys": [public_pem(private_key())]})
    secret.broken = True
    with pytest.raises(KeysUnavailable):
        KeyRing(secret, DIALECT.keys).current()


def test_a_refresh_that_fails_gives_no_keys() -> None:
    class Failing(Secret):
        def refresh(self) -> bool:
            raise OSError

    with pytest.raises(KeysUnavailable):
        KeyRing(Failing({}), DIALECT.keys).renewed()


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"public_keys": []},
        {"public_keys": "PEM"},
        {"public_keys": [7]},
        {"public_keys": ["not a PEM"]},
        {"public_keys": ["ä"]},
        {"public_keys": [public_pem(ec.generate_private_key(ec.SECP256R1()))]},
        {"public_keys": [public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))]},  # noqa: S505 - refused, that is the point
        {"public_keys": [public_pem(private_key())] * 5},
        {"public_keys": [public_pem(private_key()), "not a PEM"]},
    ],
    ids=["nothing", "empty", "text", "number", "no-pem", "no-ascii", "elliptic", "weak", "too-many", "one-bad"],
)
def test_a_secret_without_trustworthy_keys_is_as_good_as_none(value: dict[str, Any]) -> None:
    with pytest.raises(KeysUnavailable):
        KeyRing(Secret(value), DIALECT.keys).current()


def test_a_bad_new_version_does_not_leave_the_old_keys_in_force() -> None:
    secret = Secret({"public_keys": [public_pem(private_key())]})
    ring = KeyRing(secret, DIALECT.keys)
    ring.current()
    secret.held = {"public_keys": []}
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            ring.current()
