"""What the records of safeguards tell those who read them."""

import pytest

from countroom.ledger.movements import (
    COUNTING,
    ExclusionKind,
    InvalidReference,
    Kind,
    LimitKind,
    Period,
    Reference,
    business_note_of,
    detail_of,
    detailed,
)
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    LimitChange,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    change_of,
    limit_name,
    limit_of,
)
from tests.unit.ledger.examples import ANNA, HOUSE, NOW, a_bet, changed, decided, ref, wallet_with

SET = SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 7, LimitKind.WAGER, Period.MONTH, 1_000, confirm=True)


def test_periods_are_called_as_people_write_them() -> None:
    assert [period.value for period in Period] == ["24h", "7d", "1m", "each"]
    assert {LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS} == COUNTING
    assert limit_name(LimitKind.DEPOSIT, Period.DAY) == "deposit 24h"
    assert limit_name(LimitKind.SESSION, Period.EACH) == "session each"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (LimitChange(None, 7, NOW), f"none 7 {NOW}"),
        (LimitChange(7, None, NOW), f"7 none {NOW}"),
        (LimitChange(7, 8, NOW, confirm=True), f"7 8 {NOW} confirm"),
        (LimitChange(0, 0, 0), "0 0 0"),
    ],
)
@pytest.mark.parametrize("kind", [Kind.LIMIT, Kind.RAISE_WITHDRAWN, Kind.RAISE_CONFIRMED])
def test_a_change_reads_back_from_its_record(change: LimitChange, text: str, kind: Kind) -> None:
    assert change.text == text
    record = changed(decided(wallet_with(), SET).record, kind=kind, note=detailed("wager 1m", change.text))
    assert change_of(record) == change
    assert limit_of(record) == (LimitKind.WAGER, Period.MONTH)
    assert business_note_of(kind, record.note) == "wager 1m"


def test_the_limit_reads_back_from_the_longer_notes_too() -> None:
    for note in ("session each 5", "session each none", f"session each 5 | none 5 {NOW}"):
        record = changed(decided(wallet_with(), SET).record, note=note)
        assert limit_of(record) == (LimitKind.SESSION, Period.EACH)


def test_a_record_of_another_kind_is_about_no_limit() -> None:
    record = decided(wallet_with(cash=1), a_bet(1)).record
    assert change_of(changed(record, note="a | none 7 5")) is None
    with pytest.raises(ValueError, match="not the record"):
        limit_of(record)


@pytest.mark.parametrize(
    ("note", "detail", "whole"), [("a", "b", "a | b"), ("", "b", "| b"), ("a", "", "a"), ("", "", ""), ("a b", "c d", "a b | c d")]
)
def test_a_note_and_what_came_of_it_come_apart_again(note: str, detail: str, whole: str) -> None:
    assert detailed(note, detail) == whole
    assert detail_of(whole) == detail
    assert business_note_of(Kind.REOPENING, whole) == note
    assert business_note_of(Kind.REALITY_CHECK, whole) == note


def test_a_bar_in_any_other_note_is_part_of_it() -> None:
    assert business_note_of(Kind.ADJUSTMENT, "staff: a | b") == "staff: a | b"
    assert business_note_of(Kind.DEPOSIT, "a | b") == "a | b"
    assert business_note_of(Kind.BET, "free 5 closed") == "free 5"
    assert business_note_of(Kind.WIN, "open") == business_note_of(Kind.ROLLBACK, "closed") == ""


def test_waiting_times_are_no_business_fields_and_caps_are() -> None:
    assert changed(SET, waits_ms=5, confirm=False).fingerprint == SET.fingerprint
    others = [changed(SET, cap=cap) for cap in (8, 0, None)]
    others += [changed(SET, limit=LimitKind.LOSS), changed(SET, period=Period.DAY)]
    others += [changed(SET, limit=LimitKind.SESSION, period=Period.EACH, cap=cap) for cap in (7, 8, 0, None)]
    assert len({SET.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1


def test_openings_and_their_ends_are_named_after_the_deposit() -> None:
    opening = OpenDeposit.of(ANNA, "dep_1", "EUR", 5)
    assert (opening.reference, opening.money) == (Reference("house:deposit", "dep_1"), ("EUR", 5))
    end = AbandonDeposit.of(ANNA, "dep_1")
    assert (end.reference, end.related) == (Reference("house:abandoned", "dep_1"), opening.reference)
    assert AcknowledgeCheck(ref("a"), ANNA).note == ""


def test_every_safeguard_checks_its_player_as_every_movement_does() -> None:
    for make in (
        lambda: StartExclusion(ref("a"), "a b", ExclusionKind.TIME_OUT, NOW),
        lambda: AskReopening(ref("a"), "a b", 0),
        lambda: SetCheckInterval(ref("a"), "a b", 0),
        lambda: AcknowledgeCheck(ref("a"), "a b"),
    ):
        with pytest.raises(InvalidReference):
            make()


def test_unless_a_waiting_time_is_told_there_is_no_raise() -> None:
    setting = SetLimit(ref("a"), ANNA, "EUR", 7, LimitKind.WAGER, Period.DAY)
    assert (setting.waits_ms, setting.confirm) == (0, False)
