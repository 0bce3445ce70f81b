"""Cursors: what was given out is read back, for its own question only; anything else is refused in one way."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cursors import CHARACTERS_MAX, PAGE_MAX, InvalidCursor, check_limit, read_cursor, write_cursor

QUESTION = ("deposits", "pl_ann", None, ["bet", "win"])


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def fields() -> list[Any]:
    cursor = write_cursor(QUESTION, "a", 1)
    found: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return found


@given(st.text(max_size=20), st.integers())
def test_a_place_is_read_back(text: str, number: int) -> None:
    assert read_cursor(write_cursor(QUESTION, text, number), QUESTION, str, int) == [text, number]


@pytest.mark.parametrize("other", [("deposits", "pl_ben", *QUESTION[2:]), ("deposits", "pl_ann", None, ["bet"]), ()], ids=str)
def test_a_cursor_belongs_to_its_question(other: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(write_cursor(QUESTION, "a", 1), other, str, int)


@pytest.mark.parametrize("place", [(), ("a",), ("a", 1, 1), (1, "a"), ("a", "1"), ("a", True), ("a", 1.0), ("a", None)], ids=str)
def test_a_place_has_the_parts_of_its_list_and_their_types(place: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(write_cursor(QUESTION, *place), QUESTION, str, int)


ALIKE = [[2, *fields()[1:]], [1, "00000000", "a", 1], [1, None, "a", 1]]


@pytest.mark.parametrize("value", [None, 1, "text", {}, [], [1], *ALIKE], ids=str)
def test_what_was_not_given_out(value: Any) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(encode(value), QUESTION, str, int)


@pytest.mark.parametrize("text", ["", "x", "é", "!!!!", "=" * 8, base64.urlsafe_b64encode(b"[" * 200).decode(), "_" * 40])
def test_what_is_no_cursor_at_all(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(text, QUESTION, str, int)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nothing_but_a_refusal_comes_of_noise(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(text, QUESTION, str, int)


def test_the_longest_cursor() -> None:
    empty = len(write_cursor(QUESTION, ""))
    fits = "a" * ((CHARACTERS_MAX - empty) // 4 * 3)
    assert read_cursor(write_cursor(QUESTION, fits), QUESTION, str) == [fits]
    with pytest.raises(InvalidCursor, match="too long"):
        read_cursor(write_cursor(QUESTION, fits + "aaaaaa"), QUESTION, str)


@pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1])
def test_a_page_has_one_to_a_hundred_entries(limit: int) -> None:
    with pytest.raises(ValueError, match="100"):
        check_limit(limit)
    check_limit(1)
    check_limit(PAGE_MAX)
