import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.idempotency import (
    Answer,
    Claim,
    Entry,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    Replay,
    fingerprint,
    judge,
    parse_key,
)


def test_a_quoted_and_a_bare_key_are_the_same_key() -> None:
    assert parse_key(['"8e03978e-40d5"']) == parse_key(["8e03978e-40d5"]) == parse_key([" 8e03978e-40d5\t"]) == "8e03978e-40d5"


def test_escapes_of_a_structured_string_are_read() -> None:
    assert parse_key([r'"a\"b\\c"']) == r'a"b\c'


@pytest.mark.parametrize("values", [[], [""], ["   "]])
def test_no_key(values: list[str]) -> None:
    with pytest.raises(KeyMissing):
        parse_key(values)


@pytest.mark.parametrize(
    "values",
    [
        ["a", "a"],
        ['""'],
        ['"a'],
        ['a"'],
        ["a b"],
        ["a, b"],
        ["é"],
        ['"é"'],
        [r'"a\b"'],
        ["a;p=1"],
        ["x" * 129],
        ['"' + "x" * 129 + '"'],
        ["a\nb"],
    ],
)
def test_what_is_no_key(values: list[str]) -> None:
    with pytest.raises(KeyInvalid):
        parse_key(values)


def test_the_longest_key_is_taken() -> None:
    assert parse_key(["x" * 128]) == "x" * 128


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_header_is_a_key_or_a_named_refusal(values: list[str]) -> None:
    try:
        key = parse_key(values)
    except (KeyMissing, KeyInvalid):
        return
    assert 1 <= len(key) <= 128
    assert key.isascii()


def test_a_fingerprint_covers_the_operation_and_every_field_but_not_their_order() -> None:
    first = fingerprint("POST /a", {"amount": 1, "currency": "EUR"})
    assert first == fingerprint("POST /a", {"currency": "EUR", "amount": 1})
    others = [
        fingerprint("POST /b", {"amount": 1, "currency": "EUR"}),
        fingerprint("POST /a", {"amount": 2, "currency": "EUR"}),
        fingerprint("POST /a", {"amount": 1, "currency": "USD"}),
        fingerprint("POST /a", {"amount": "1", "currency": "EUR"}),
        fingerprint("POST /a", {"amount": 1}),
    ]
    assert first not in others


def test_the_same_request_gets_its_first_answer_and_another_is_refused() -> None:
    answer = Answer(201, "{}")
    claim = Claim("pl_1", "key", b"asked")
    assert judge(claim, Entry(b"asked", answer)) == Replay(answer)
    assert judge(claim, Entry(b"other", answer)) == KeyReused()
