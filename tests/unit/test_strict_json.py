"""A body is read in one way or not at all."""

import base64

import pytest

from countroom import strict_json
from countroom.strict_json import BODY_BYTES_MAX, BodyTooLarge, NotJson


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 1.5, true, null, "x"]} ', {"a": [1, 1.5, True, None, "x"]}),
        ('{"ä": "\N{SNOWMAN}"}'.encode(), {"ä": "\N{SNOWMAN}"}),
        (b'"text"', "text"),
        (b"7", 7),
        (b"null", None),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
    ],
)
def test_what_is_json_is_read(raw: bytes, value: object) -> None:
    assert strict_json.read(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": \xff}',
        b'{"a": "\xff"}',
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[" * 10_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_not_is_refused_and_not_repeated(raw: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        strict_json.read(raw)
    assert not isinstance(caught.value, BodyTooLarge)
    assert "9999" not in str(caught.value)


def test_the_bound_is_exact() -> None:
    assert strict_json.read(b"[]" + b" " * (BODY_BYTES_MAX - 2)) == []
    with pytest.raises(BodyTooLarge):
        strict_json.read(b"[]" + b" " * (BODY_BYTES_MAX - 1))


@pytest.mark.parametrize(("text", "writable"), [('{"a": "\\ud83d\\ude00"}', True), ('"\\ud83d"', False), ('{"\\udc00": 1}', False)])
def test_half_a_character_cannot_be_written_again(text: str, writable: bool) -> None:
    assert strict_json.is_writable(strict_json.read(text.encode())) is writable


@pytest.mark.parametrize(
    ("event", "raw"),
    [
        ({}, b""),
        ({"body": None}, b""),
        ({"body": "{}"}, b"{}"),
        ({"body": "é"}, "é".encode()),
        ({"body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}, b"\xff"),
        ({"body": None, "isBase64Encoded": True}, b""),
    ],
)
def test_the_bytes_that_were_sent(event: dict[str, object], raw: bytes) -> None:
    assert strict_json.body_bytes(event) == raw


@pytest.mark.parametrize("body", ["***", "e30", "é"])
def test_bad_base64_is_no_body(body: str) -> None:
    with pytest.raises(NotJson):
        strict_json.body_bytes({"body": body, "isBase64Encoded": True})
