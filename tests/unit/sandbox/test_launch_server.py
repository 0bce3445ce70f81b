"""The providers' launch APIs: whose signature they take, what they answer, and which faults are due. Without a socket."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox import keys
from sandbox.faulty_server import Fault, parts
from sandbox.provider.launch_server import Desk

REAL = {"game_code": "g", "platform": "GPL_DESKTOP", "currency": "EUR", "lang": "en", "user": "pl_1", "token": "t", "country": "MT"}


@pytest.fixture(scope="module")
def house() -> tuple[str, str]:
    return keys.new_rsa_key()


@pytest.fixture
def desk(house: tuple[str, str]) -> Desk:
    made = Desk("http://127.0.0.1:9")
    made.trust(house[1], {"swipe": "one", "action_batch": "two"})
    return made


def signed(pem: str, body: bytes) -> str:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def test_hub88_takes_the_houses_signature_over_the_raw_bytes_only(desk: Desk, house: tuple[str, str]) -> None:
    body = json.dumps(REAL).encode()
    assert desk.signed("hub88", signed(house[0], body), body)
    assert not desk.signed("hub88", signed(house[0], body), body + b" ")
    assert not desk.signed("hub88", signed(keys.new_rsa_key()[0], body), body)
    assert not desk.signed("hub88", "no base64!", body)
    assert not desk.signed("hub88", "", body)


def test_the_others_take_a_shared_secrets(desk: Desk) -> None:
    body = b'{"b": 1, "a": "x"}'
    over_bytes = hmac.new(b"two", body, hashlib.sha256).hexdigest()
    canonical = hmac.new(b"one", b'{"a":"x","b":1}', hashlib.sha256).hexdigest()
    assert desk.signed("action_batch", over_bytes, body)
    assert not desk.signed("action_batch", over_bytes, body.replace(b" ", b""))
    assert desk.signed("swipe", canonical, body)
    assert desk.signed("swipe", canonical, body.replace(b" ", b""))
    assert not desk.signed("swipe", canonical, b'{"a":"y","b":1}')
    assert not desk.signed("swipe", canonical, b"{")
    assert not desk.signed("swipe", canonical, b"[]")
    assert not desk.signed("swipe", over_bytes, body)


@pytest.mark.parametrize("provider", ["hub88", "swipe", "action_batch"])
def test_nothing_is_signed_before_the_keys_are_known(provider: str) -> None:
    assert not Desk().signed(provider, "", b"{}")


def test_a_launch_is_answered_with_a_page_here_that_holds_no_token(desk: Desk) -> None:
    url = desk.launch("hub88", "/operator/generic/v2/game/url", REAL | {"token": "the-token"})["url"]
    assert url.startswith("http://127.0.0.1:9/hub88/play?game=g&mode=real&")
    assert "the-token" not in url
    demo = {"game_code": "g", "platform": "GPL_MOBILE", "currency": "XXX", "lang": "en"}
    assert "mode=demo" in desk.launch("hub88", "", demo)["url"]
    real = {"gameID": "g", "platform": "desktop", "locale": "en_us", "sessionID": "t", "currency": "EUR", "demo": False}
    assert "/swipe/play?game=g&mode=real" in desk.launch("swipe", "", real)["gameURL"]
    batch = {"game": "g:1", "locale": "en", "currency": "EUR", "user": {"id": "pl_1"}}
    assert "game=g%3A1&mode=real" in desk.launch("action_batch", "/sessions", batch)["launch_options"]["game_url"]
    assert "mode=demo" in desk.launch("action_batch", "/demo", {"game": "g", "locale": "en"})["launch_options"]["game_url"]


@pytest.mark.parametrize("name", ["user", "token", "game_code", "country"])
def test_a_launch_that_lacks_something_is_refused_by_name(desk: Desk, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        desk.launch("hub88", "", {key: value for key, value in REAL.items() if key != name})


def test_a_fault_lasts_as_often_as_it_was_ordered_and_at_one_provider(desk: Desk) -> None:
    desk.break_next("swipe", Fault.HANG, 2)
    assert desk.fault_of("hub88") is None
    assert [desk.fault_of("swipe") for _ in range(3)] == [Fault.HANG, Fault.HANG, None]
    desk.break_next("swipe", Fault.HTML, 5)
    desk.break_next("swipe", None)
    assert desk.fault_of("swipe") is None
    assert desk.asked == {"hub88": 1, "swipe": 4}


def test_paths_are_told_apart_by_provider() -> None:
    assert parts("/hub88/operator/generic/v2/game/url?x=1") == ("hub88", "/operator/generic/v2/game/url")
    assert parts("/swipe") == ("swipe", "/")
    assert parts("/") == ("", "/")


def test_addresses_by_provider() -> None:
    assert Desk("http://127.0.0.1:9").urls == {name: f"http://127.0.0.1:9/{name}" for name in ("hub88", "swipe", "action_batch")}
