"""Keys out of secrets, and signatures by them."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.shared_keys import (
    KEY_BYTES_MIN,
    SECRETS_MAX,
    SIGNATURES_MAX,
    SecretsUnusable,
    from_hex,
    is_signed,
    keys_of,
    texts,
)

KEY, OTHER = b"k" * KEY_BYTES_MIN, b"o" * KEY_BYTES_MIN


@pytest.mark.parametrize(
    ("secret", "found"),
    [({"secrets": ["a", 7, None, "b"]}, ["a", "b"]), ({"secrets": "ab"}, []), ({}, []), ({"secrets": {"a": "b"}}, [])],
)
def test_what_is_no_text_is_left_out(secret: dict[str, object], found: list[str]) -> None:
    assert texts(secret) == found


def test_short_keys_and_those_beyond_the_first_few_are_not_usable() -> None:
    many = ["short", "x" * (KEY_BYTES_MIN - 1), *(f"{number}" * KEY_BYTES_MIN for number in range(SECRETS_MAX))]
    assert keys_of(many, str.encode) == [b"0" * KEY_BYTES_MIN, b"1" * KEY_BYTES_MIN]
    with pytest.raises(SecretsUnusable):
        keys_of(many[:2], str.encode)
    with pytest.raises(SecretsUnusable):
        keys_of([], str.encode)


@pytest.mark.parametrize("digest", [hashlib.sha256, hashlib.sha512])
@given(message=st.binary(max_size=64))
def test_every_key_is_tried_against_every_signature(digest: object, message: bytes) -> None:
    name = digest().name  # type: ignore[operator] # one of hashlib's constructors
    signature, wrong = hmac.digest(OTHER, message, name), bytes(32)
    assert is_signed([KEY, OTHER], message, [wrong, signature], getattr(hashlib, name))
    assert not is_signed([KEY], message, [wrong, signature], getattr(hashlib, name))
    assert not is_signed([KEY, OTHER], message + b".", [signature], getattr(hashlib, name))
    assert not is_signed([OTHER], message, [wrong] * SIGNATURES_MAX + [signature], getattr(hashlib, name))
    assert not is_signed([OTHER], message, [])


@pytest.mark.parametrize("written", ["", "0", "0g", " 00", "00 ", "00\n", "0 0", "\u0660\u0660"])
def test_what_is_not_hexadecimal_is_nothing(written: str) -> None:
    assert from_hex(written) is None
    assert from_hex("00fF") == b"\x00\xff"
