import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.games.providers import strict
from countroom.games.providers.strict import BODY_BYTES_MAX, DEPTH_MAX, BadSyntax, BadType


def test_an_object_is_read() -> None:
    assert strict.read_object(b' {"a": 1, "b": [true, null, "x"]} ') == {"a": 1, "b": [True, None, "x"]}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b'{"a": 1,}',
        b'{"a": 1} {}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 1}',
        b'{"x": {"a": 1, "a": 2}}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * BODY_BYTES_MAX,
        b'{"a":' * 3_000,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_not_one_json_object(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        strict.read_object(raw)


def test_the_size_is_bounded_at_exactly_sixteen_kibibytes() -> None:
    frame = len(b'{"a":""}')
    body = b'{"a":"' + b"x" * (BODY_BYTES_MAX - frame) + b'"}'
    assert len(body) == BODY_BYTES_MAX
    assert strict.read_object(body)
    with pytest.raises(BadSyntax, match="large"):
        strict.read_object(body + b" ")


def nested(depth: int, *, lists: bool) -> bytes:
    value: object = {}
    for _ in range(depth - 1):
        value = [value] if lists else {"a": value}
    return json.dumps({"top": value} if lists else value).encode()


def test_the_depth_is_bounded_at_exactly_eight() -> None:
    assert strict.read_object(nested(DEPTH_MAX, lists=False))
    with pytest.raises(BadSyntax, match="deep"):
        strict.read_object(nested(DEPTH_MAX + 1, lists=False))
    assert strict.read_object(nested(DEPTH_MAX - 1, lists=True))
    with pytest.raises(BadSyntax, match="deep"):
        strict.read_object(nested(DEPTH_MAX, lists=True))


def test_many_shallow_objects_and_brackets_in_a_text_are_not_deep() -> None:
    assert strict.read_object(json.dumps({"a": [{} for _ in range(100)], "b": "[[[[[[[[[[[["}).encode())


@pytest.mark.parametrize("value", ["a", "A" * 64, "583c985f-fee6-4c0e-bbf5-308aad6265af", "a.b_c:d|e@f~g+h=i/j-k"])
def test_ids(value: str) -> None:
    assert strict.identifier({"id": value}, "id") == value


@pytest.mark.parametrize("value", ["", "A" * 65, "a b", "a#b", "ä", "a\n", "a\x00", 7, True, None, 1.5, [], {}, ["a"]], ids=repr)
def test_what_is_no_id(value: object) -> None:
    with pytest.raises(BadType):
        strict.identifier({"id": value}, "id")


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, [1], {}], ids=repr)
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(BadType):
        strict.whole({"n": value}, "n")


@pytest.mark.parametrize("value", [0, 1, "true", None, [], 1.0], ids=repr)
def test_what_is_no_flag(value: object) -> None:
    with pytest.raises(BadType):
        strict.flag({"f": value}, "f")


@pytest.mark.parametrize("value", ["", "x" * 1025, 7, None, True], ids=lambda value: repr(value)[:20])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(BadType):
        strict.text({"t": value}, "t")


def test_missing_fields() -> None:
    for read in (strict.identifier, strict.whole, strict.text):
        with pytest.raises(BadSyntax, match="missing"):
            read({}, "x")
    assert strict.flag({}, "x") is False
    assert strict.optional_text({}, "x") is None
    assert strict.optional_text({"x": None}, "x") is None
    assert strict.optional_identifier({}, "x") is None
    assert strict.optional_identifier({"x": None}, "x") is None
    with pytest.raises(BadType):
        strict.optional_text({"x": 1}, "x")
    with pytest.raises(BadType):
        strict.optional_identifier({"x": "a b"}, "x")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_bad_syntax(raw: bytes) -> None:
    with contextlib.suppress(BadSyntax):
        assert type(strict.read_object(raw)) is dict


@given(ANY_JSON)
def test_any_json_value_reads_back_unless_its_shape_is_out_of_bounds(value: object) -> None:
    raw = json.dumps({"v": value}).encode()
    if _depth(value) < DEPTH_MAX and len(raw) <= BODY_BYTES_MAX:
        assert strict.read_object(raw) == {"v": value}
    else:
        with pytest.raises(BadSyntax):
            strict.read_object(raw)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def test_a_query_is_read_into_its_fields() -> None:
    assert strict.read_query("") == {}
    assert strict.read_query("a=1&b=&c=x%20y+z%C3%A4") == {"a": "1", "b": "", "c": "x y zä"}


@pytest.mark.parametrize("raw", ["a=1&a=1", "a=%ff", "&".join(f"a{n}=" for n in range(17)), "a=" + "x" * 2_047])
def test_what_is_no_query(raw: str) -> None:
    with pytest.raises(BadSyntax):
        strict.read_query(raw)
    assert len(strict.read_query("a=" + "x" * 2_046)) == 1


@pytest.mark.parametrize("value", ["5f0c0de0-0000-4000-8000-00000000000a", "5F0C0DE0-0000-4000-8000-00000000000A"])
def test_a_uuid_is_read_in_lower_case(value: str) -> None:
    assert strict.uuid({"id": value}, "id") == value.lower()


@pytest.mark.parametrize(
    "value",
    ["", "bet-1", "5f0c0de0-0000-4000-8000-00000000000", "5f0c0de0000040008000000000000000",
     "{5f0c0de0-0000-4000-8000-00000000000a}", "5f0c0de0-0000-4000-8000-00000000000g",
     "5f0c0de0-0000-4000-8000-00000000000a\n", 7, None, ["a"]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_uuid(value: object) -> None:
    with pytest.raises(BadType):
        strict.uuid({"id": value}, "id")
    with pytest.raises(BadSyntax, match="missing"):
        strict.uuid({}, "id")


def test_a_list_of_objects_may_be_missing_and_holds_nothing_else() -> None:
    assert strict.objects({}, "a") == strict.objects({"a": []}, "a") == []
    assert strict.objects({"a": [{"b": 1}, {}]}, "a") == [{"b": 1}, {}]
    wrong: list[object] = [None, {}, "x", 7, [7], [None], [{}, []]]
    for value in wrong:
        with pytest.raises(BadType):
            strict.objects({"a": value}, "a")
