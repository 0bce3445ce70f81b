from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from countroom.games.providers.hub88 import DIALECT
from countroom.games.providers.keys import STALE_SECONDS, KeyRing, KeysUnavailable
from tests.unit.games.world import Secret, private_key, public_pem


def unheard(error: Exception) -> None:
    """Take a report of a bad secret where the test is about something else."""
    del error


def test_a_key_is_parsed_once_per_version_of_the_secret() -> None:
    parsed: list[Any] = []

    def parse(secret: Any) -> list[str]:
        parsed.append(secret)
        return ["key"]

    secret = Secret({"public_keys": ["a"]})
    ring: KeyRing[str] = KeyRing(secret, parse, unheard)
    assert ring.current() is ring.current()
    assert len(parsed) == 1
    secret.held = {"public_keys": ["b"]}
    ring.current()
    assert parsed == [{"public_keys": ["a"]}, {"public_keys": ["b"]}]


def test_renewal_brings_keys_only_when_the_secret_has_changed() -> None:
    secret = Secret({"public_keys": [public_pem(private_key())]})
    ring = KeyRing(secret, DIALECT.keys, unheard)
    ring.current()
    assert ring.renewed() == ()
    secret.stored = {"public_keys": [public_pem(private_key(1))]}
    assert len(ring.renewed()) == 1
    assert ring.renewed() == ()


def test_a_secret_that_cannot_be_read_gives_no_keys() -> None:
    secret = Secret({"public_keys": [public_pem(private_key())]})
    secret.broken = True
    with pytest.raises(KeysUnavailable):
        KeyRing(secret, DIALECT.keys, unheard).current()


def test_a_refresh_that_fails_gives_no_keys() -> None:
    class Failing(Secret):
        def refresh(self) -> bool:
            raise OSError

    with pytest.raises(KeysUnavailable):
        KeyRing(Failing({}), DIALECT.keys, unheard).renewed()


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
    reported: list[Exception] = []
    with pytest.raises(KeysUnavailable):
        KeyRing(Secret(value), DIALECT.keys, reported.append).current()
    assert len(reported) == 1


class Ring:
    """A ring over a secret whose first version is good, and a timer that stands still."""

    def __init__(self) -> None:
        self.good = {"public_keys": [public_pem(private_key())]}
        self.secret = Secret(self.good)
        self.reported: list[Exception] = []
        self.seconds = 0.0
        self.ring = KeyRing(self.secret, DIALECT.keys, self.reported.append, lambda: self.seconds)


def test_a_bad_new_version_leaves_the_old_keys_in_force_for_a_while_and_is_reported_once() -> None:
    world = Ring()
    keys = world.ring.current()
    world.secret.held = {"public_keys": []}
    for world.seconds in (100.0, 100.0 + STALE_SECONDS - 1):
        assert world.ring.current() is keys
    assert len(world.reported) == 1
    world.seconds = 100.0 + STALE_SECONDS
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            world.ring.current()


def test_a_bad_version_after_a_bad_version_gives_no_new_time() -> None:
    world = Ring()
    world.ring.current()
    for world.seconds in (0.0, STALE_SECONDS / 2):
        world.secret.held = {"public_keys": []}
        world.ring.current()
    world.seconds = STALE_SECONDS
    with pytest.raises(KeysUnavailable):
        world.ring.current()
    assert len(world.reported) == 2


def test_a_good_version_after_a_bad_one_takes_over() -> None:
    world = Ring()
    old = world.ring.current()
    world.secret.held = {"public_keys": ["nonsense"]}
    world.ring.current()
    world.seconds = 2 * STALE_SECONDS
    world.secret.held = {"public_keys": [public_pem(private_key(1))]}
    assert world.ring.current() != old
    world.secret.held = {"public_keys": []}
    assert len(world.ring.current()) == 1


def test_a_bad_version_that_a_renewal_brings_is_nothing_new() -> None:
    world = Ring()
    world.ring.current()
    world.secret.stored = {"public_keys": []}
    assert world.ring.renewed() == ()
    assert len(world.reported) == 1
    assert len(world.ring.current()) == 1
