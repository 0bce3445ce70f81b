"""The two sides held against each other."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier import settlement
from countroom.cashier.deposits import Booking
from countroom.cashier.settlement import DAY_MS, EDGE_MS, LATE_MS, Booked, Comparison, Difference, Report
from countroom.cashier.settlement_file import Line, Unreadable
from tests.unit.cashier.support import nanos

DAY = 20_000 * DAY_MS
NOON = DAY + DAY_MS // 2
TEN = nanos("10.00")


def booked(number: int = 1, *, kind: Booking = Booking.PAYMENT, at: int = NOON, amount: int = TEN, part: int = 0) -> Booked:
    return Booked(f"dep_{number}", f"dep_{number}:{kind}:{part}", kind, f"pay_{number}", amount, "EUR", at)


def line(number: int = 1, *, kind: Booking = Booking.PAYMENT, at: int = NOON, amount: int = TEN) -> Line:
    return Line(number + 1, f"pay_{number}", f"dep_{number}", kind, amount, "EUR", at)


def compare(
    lines: Sequence[Line | Unreadable], house: Sequence[Booked] = (), others: Sequence[Booked] = (), carried: Sequence[Booked] = ()
) -> Report:
    """`house` is what the day's deposits show, `others` what only a look-up finds, `carried` what the day before has left open."""
    known = [*house, *others, *carried]
    comparison = Comparison(DAY, lambda asked: [one for one in known if one.payment_id == asked.payment_id])
    comparison.expect(house)
    comparison.expect(carried, carried=True)
    for found in lines:
        comparison.read(found)
    return comparison.finish()


def differences(report: Report) -> dict[Difference, int]:
    return {difference: count for difference, count in report.counts.items() if count}


def test_two_sides_that_agree() -> None:
    report = compare([line(1), line(2)], [booked(2), booked(1)])
    assert (report.lines, report.matched, report.agrees, report.carried) == (2, 2, True, ())


def test_nothing_on_either_side_agrees() -> None:
    assert compare([]).agrees


def test_what_the_house_does_not_know_is_missing_here() -> None:
    report = compare([line(1), line(2)], [booked(1)])
    assert differences(report) == {Difference.MISSING_HERE: 1}
    assert report.findings[0].line == line(2)


def test_what_the_gateway_does_not_list_is_missing_there() -> None:
    report = compare([line(1)], [booked(1), booked(2)])
    assert differences(report) == {Difference.MISSING_THERE: 1}
    assert report.findings[0].booked == booked(2)


@pytest.mark.parametrize("other", [replace(line(), amount=TEN + 1), replace(line(), currency="USD")])
def test_another_amount_or_currency_is_said_once_and_is_not_missing_besides(other: Line) -> None:
    report = compare([other], [booked()])
    assert differences(report) == {Difference.AMOUNT_DIFFERS: 1}
    assert (report.findings[0].line, report.findings[0].booked) == (other, booked())
    assert report.matched == 1


def test_a_line_that_is_there_twice_is_one_too_many() -> None:
    assert differences(compare([line(), line()], [booked()])) == {Difference.LISTED_TWICE: 1}
    assert differences(compare([line(), line()], others=[booked(at=NOON - DAY_MS)])) == {Difference.LISTED_TWICE: 1}


def test_a_payment_that_was_booked_on_another_day_is_found_and_not_expected() -> None:
    yesterday = booked(1, at=NOON - DAY_MS)
    assert compare([line(1)], others=[yesterday]).agrees
    assert compare([], [yesterday]).agrees


def test_kinds_do_not_stand_for_each_other() -> None:
    report = compare([line(kind=Booking.CHARGEBACK)], [booked()])
    assert differences(report) == {Difference.MISSING_HERE: 1, Difference.MISSING_THERE: 1}


def test_parts_of_a_refund_meet_by_amount_in_any_order() -> None:
    refunds = [booked(kind=Booking.REFUND, amount=nanos(text), part=part) for part, text in enumerate(("2.00", "3.00", "2.00"))]
    lines = [line(kind=Booking.REFUND, amount=nanos(text)) for text in ("3.00", "2.00", "2.00")]
    assert compare(lines, refunds).agrees
    assert differences(compare([*lines, lines[1]], refunds)) == {Difference.LISTED_TWICE: 1}
    assert differences(compare(lines[:2], refunds)) == {Difference.MISSING_THERE: 1}


def test_parts_of_a_refund_that_were_booked_on_two_days_meet_the_right_ones() -> None:
    today, before = (booked(kind=Booking.REFUND, amount=nanos(text), part=part) for part, text in enumerate(("2.00", "3.00")))
    lines = [line(kind=Booking.REFUND, amount=nanos(text)) for text in ("3.00", "2.00")]
    assert compare(lines, [today], [replace(before, at_ms=NOON - DAY_MS)]).agrees


def test_money_that_came_here_long_after_the_gateway_had_it_is_late() -> None:
    assert compare([line(at=NOON - LATE_MS)], [booked()]).agrees
    report = compare([line(at=NOON - LATE_MS - 1)], [booked()])
    assert differences(report) == {Difference.LATE: 1}
    assert report.matched == 1


def test_what_was_booked_just_before_midnight_is_expected_in_the_next_file() -> None:
    at_the_edge = booked(1, at=DAY + DAY_MS - EDGE_MS)
    report = compare([], [at_the_edge, booked(2, at=DAY + DAY_MS - EDGE_MS - 1)])
    assert differences(report) == {Difference.MISSING_THERE: 1}
    assert report.carried == (at_the_edge,)


def test_what_was_carried_over_once_is_not_carried_over_again() -> None:
    carried = booked(1, at=DAY - 1)
    assert compare([line(1, at=DAY)], carried=[carried]).agrees
    report = compare([], carried=[carried])
    assert (differences(report), report.carried) == ({Difference.MISSING_THERE: 1}, ())


def test_a_day_begins_at_its_first_instant_and_ends_before_the_next() -> None:
    inside = [booked(1, at=DAY), booked(2, at=DAY + DAY_MS - 1)]
    outside = [booked(3, at=DAY - 1), booked(4, at=DAY + DAY_MS)]
    report = compare([line(1, at=DAY)], [*inside, *outside])
    assert report.agrees
    assert report.carried == (inside[1],)


def test_a_deposit_that_is_read_twice_counts_once() -> None:
    assert differences(compare([], [booked(), booked()])) == {Difference.MISSING_THERE: 1}


def test_a_line_that_cannot_be_read_is_a_difference() -> None:
    report = compare([Unreadable(2, "amount must be more than zero"), line(1)], [booked(1)])
    assert differences(report) == {Difference.UNREADABLE: 1}
    assert (report.findings[0].number, report.findings[0].reason) == (2, "amount must be more than zero")


def test_all_are_counted_and_some_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "FINDINGS_MAX", 3)
    monkeypatch.setattr(settlement, "CARRIED_MAX", 2)
    report = compare([line(number) for number in range(10)], [booked(100 + number, at=DAY + DAY_MS - 1) for number in range(10)])
    assert differences(report) == {Difference.MISSING_HERE: 10, Difference.MISSING_THERE: 8}
    assert (len(report.findings), len(report.carried)) == (3, 2)


numbers = st.sets(st.integers(1, 12))


@given(here=numbers, there=numbers, data=st.data())
def test_every_difference_is_found_and_none_is_made_up(here: set[int], there: set[int], data: st.DataObject) -> None:
    wrong = data.draw(st.sets(st.sampled_from(sorted(here & there)))) if here & there else set()
    elsewhere = data.draw(st.sets(st.sampled_from(sorted(here & there)))) if here & there else set()
    lines = [line(number, amount=TEN + (number in wrong)) for number in there]
    report = compare(
        data.draw(st.permutations(lines)),
        [booked(number) for number in here - elsewhere],
        [booked(number, at=NOON - DAY_MS) for number in elsewhere],
    )
    assert {f"{one.difference}:{one.line.payment_id}" for one in report.findings if one.line} == {
        *(f"missing_here:pay_{number}" for number in there - here),
        *(f"amount_differs:pay_{number}" for number in wrong),
    }
    assert {one.booked.payment_id for one in report.findings if one.difference is Difference.MISSING_THERE and one.booked} == {
        f"pay_{number}" for number in here - there
    }
    assert report.matched == len(here & there)
