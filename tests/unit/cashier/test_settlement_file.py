"""Settlement files as they come, and as they should not."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.cashier import settlement_file
from countroom.cashier.deposits import Booking
from countroom.cashier.settlement_file import HEADER, LINE_BYTES_MAX, FileRefused, Line, Unreadable, read_file
from tests.unit.cashier.support import DEPOSIT_ID, nanos
from tests.unit.clock import START_MS

GOOD = f"pay_1,{DEPOSIT_ID},payment,10.00,EUR,2026-01-01T12:00:00Z"
READ = Line(2, "pay_1", DEPOSIT_ID, Booking.PAYMENT, nanos("10.00"), "EUR", START_MS)


def file_of(*lines: str, end: str = "\n") -> bytes:
    return "".join(f"{line}{end}" for line in (HEADER, *lines)).encode()


def pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_line_is_read_whatever_pieces_it_comes_in(end: str, size: int) -> None:
    assert list(read_file(pieces(file_of(GOOD, end=end), size))) == [READ]


def test_the_last_line_needs_no_end_and_a_byte_order_mark_does_not_matter() -> None:
    assert list(read_file([b"\xef\xbb\xbf" + file_of(GOOD).removesuffix(b"\n")])) == [READ]


def test_a_file_without_lines_is_a_day_without_payments() -> None:
    assert list(read_file([file_of()])) == []


def test_a_deposit_need_not_be_named_and_a_field_may_be_quoted() -> None:
    (line,) = read_file([file_of('"pay_1",,chargeback_reversed,"10.00",EUR,2026-01-01T13:00:00+01:00')])
    assert line == Line(2, "pay_1", "", Booking.CHARGEBACK_REVERSED, nanos("10.00"), "EUR", START_MS)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "first line"),
        (b"\n", "first line"),
        (HEADER.upper().encode(), "first line"),
        (f"{HEADER},fee\n".encode(), "first line"),
        (f" {HEADER}\n".encode(), "first line"),
        (f"{GOOD}\n".encode(), "first line"),
        (file_of("x" * (LINE_BYTES_MAX + 1)), "too long"),
        (b"\x00" * 10_000, "too long"),
        (b"PK\x03\x04" + b"x" * 100, "first line"),
    ],
)
def test_what_is_no_settlement_file_is_refused_whole(body: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        list(read_file(pieces(body, 64)))


def test_a_line_without_end_is_not_held_in_memory() -> None:
    def endless() -> Iterable[bytes]:
        yield f"{HEADER}\n".encode()
        for number in range(1000):
            assert number < 5, "read on although the line was too long"
            yield b"x" * 512

    with pytest.raises(FileRefused, match="too long"):
        list(read_file(endless()))


def test_a_file_of_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement_file, "LINES_MAX", 3)
    assert len(list(read_file([file_of(GOOD, GOOD)]))) == 2
    with pytest.raises(FileRefused, match="too many"):
        list(read_file([file_of(GOOD, GOOD, GOOD)]))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "6 fields"),
        (f"{GOOD},1", "6 fields"),
        (GOOD.replace("payment,", ""), "6 fields"),
        (GOOD.replace("pay_1", ""), "payment_id"),
        (GOOD.replace("pay_1", "pay 1"), "payment_id"),
        (GOOD.replace("pay_1", "p" * 65), "payment_id"),
        (GOOD.replace("pay_1", "=1+1()"), "payment_id"),
        (GOOD.replace(DEPOSIT_ID, "dep_1"), "deposit_id"),
        (GOOD.replace(",payment,", ",fee,"), "kind"),
        (GOOD.replace(",payment,", ",PAYMENT,"), "kind"),
        (GOOD.replace("10.00", "10.001"), "amount"),
        (GOOD.replace("10.00", "-10.00"), "amount"),
        (GOOD.replace("10.00", "1e3"), "amount"),
        (GOOD.replace("10.00", "NaN"), "amount"),
        (GOOD.replace("10.00", "0.00"), "amount"),
        (GOOD.replace("10.00", "'10,00'"), "6 fields"),
        (GOOD.replace("EUR", "EUX"), "currency"),
        (GOOD.replace("EUR", "eur"), "currency"),
        (GOOD.replace("2026-01-01T12:00:00Z", "2026-01-01"), "booked_at"),
        (GOOD.replace("2026-01-01T12:00:00Z", "2026-02-30T12:00:00Z"), "booked_at"),
        (GOOD.replace("pay_1", '"pay_1'), "CSV"),
        (GOOD.replace("pay_1", '"pay"_1'), "CSV"),
        (GOOD.replace("pay_1", "pay\r1"), "CSV"),
    ],
)
def test_a_line_that_does_not_fit_is_told_by_its_number_and_the_others_count(line: str, words: str) -> None:
    bad, good = read_file([file_of(line, GOOD)])
    assert isinstance(bad, Unreadable)
    assert bad.number == 2
    assert words in bad.reason
    assert isinstance(good, Line)


def test_bytes_that_are_no_text_are_a_line_that_does_not_fit() -> None:
    bad, _ = read_file([file_of("#", GOOD).replace(b"#", b"\xff\xfe")])
    assert bad == Unreadable(2, "not a line of CSV in UTF-8")


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_whatever_follows_the_first_line_is_read_or_refused(rest: bytes, size: int) -> None:
    try:
        found = list(read_file(pieces(f"{HEADER}\n".encode() + rest, size)))
    except FileRefused:
        return
    assert all(isinstance(one, Line | Unreadable) for one in found)
