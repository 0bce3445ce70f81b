"""The small pure parts: the counters, the closed loop, and how a withdrawal and its counters are stored."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.withdrawals import closed_loop, items, life
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.life import (
    Approve,
    Asked,
    Cancel,
    Clearance,
    Declined,
    Flag,
    Happening,
    Refuse,
    Said,
    Screened,
    Step,
    Submit,
    Unflag,
    decide,
)
from countroom.cashier.withdrawals.tally import Tally, with_request, with_step
from countroom.cashier.withdrawals.withdrawal import (
    NEXT,
    RELEASED,
    Actor,
    Attention,
    Booking,
    Withdrawal,
    WithdrawalStatus,
    Word,
    is_withdrawal_id,
    reference,
)
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.world import DAY_MS
from tests.unit.clock import START_MS

ID = "wdr_" + "a" * 20
NEW = life.request((ID, PLAYER, "adyen", "dep_" + "c" * 20), "EUR", nanos("50.00"), START_MS).withdrawal
AMOUNTS = st.sampled_from([None, nanos("50.00"), nanos("45.00"), nanos("55.00")])
HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    st.builds(Screened, st.sampled_from(Clearance), st.just(("risk.new_method",)), st.integers(1, 2)),
    st.builds(Approve, st.sampled_from(["jane", "joan"]), st.sampled_from(["", "fine"])),
    st.builds(Refuse, st.just("other"), st.just("jim"), st.just("no")),
    st.builds(Cancel),
    st.builds(Submit),
    st.builds(Asked),
    st.builds(Declined, st.just("expired_card")),
    st.builds(Said, st.sampled_from(Word), st.sampled_from(["", "po_1"]), amount=AMOUNTS),
    st.builds(Flag, st.sampled_from(Attention), st.sampled_from(Actor), st.just("jane"), st.just("odd")),
    st.builds(Unflag, st.just("jane"), st.just("looked")),
)
LIVES = st.lists(HAPPENINGS, max_size=12)


def lived(happenings: list[Happening]) -> list[tuple[Withdrawal, Step]]:
    """Let happenings happen, each a second after the other; gives the steps that they made."""
    steps = []
    now = NEW
    for number, happening in enumerate(happenings):
        decided = decide(now, happening, START_MS + 1000 * (number + 1))
        if isinstance(decided, Step):
            steps.append((now, decided))
            now = decided.withdrawal
    return steps


@given(LIVES)
def test_whatever_a_withdrawal_has_lived_through_is_read_back(happenings: list[Happening]) -> None:
    for _, step in lived(happenings):
        item = items.withdrawal_item(step.withdrawal)
        assert items.kept_of(item) == items.Kept(step.withdrawal)
        assert ("open_status" in item) == (step.withdrawal.is_open or step.withdrawal.attention is not None)
        assert items.changing(step.withdrawal).keys() <= set(items.CHANGING)


@given(LIVES)
def test_each_step_is_one_that_may_follow_and_rewrites_nothing(happenings: list[Happening]) -> None:
    for before, step in lived(happenings):
        after = step.withdrawal
        assert after.status is before.status or after.status in NEXT[before.status]
        assert after.version == before.version + 1
        assert after.changes[: len(before.changes)] == before.changes
        assert len(movements_of(before, step)) == (0 if step.booking is None else 2 if step.booking is Booking.OTHER_AMOUNT else 1)


@given(LIVES)
def test_the_counters_follow_the_money(happenings: list[Happening]) -> None:
    """What is out through the gateway is what is held or was paid, less what came back."""
    tally = with_request(Tally(PLAYER), NEW, START_MS)
    came_back = 0
    for before, step in lived(happenings):
        tally = with_step(tally, before, step)
        after = step.withdrawal
        came_back += step.moves if after.status is WithdrawalStatus.RETURNED and before.status is not after.status else 0
        assert tally.out.get("adyen", 0) == (after.amount if after.is_open else after.paid) - came_back
        assert tally.paid_ever == int(after.status is WithdrawalStatus.PAID)
        assert tally.flagged == ({ID} if after.attention else frozenset())
        released = any(change.status in RELEASED for change in after.changes)
        assert tally.spent("adyen", START_MS) == (0 if released else after.amount)
        assert items.tally_of(items.tally_item(tally)) == tally


def test_who_decided_and_why_is_noted() -> None:
    ((_, reviewed), (_, refused)) = lived([Screened(Clearance.REVIEW, (), 1), Refuse("other", "jim", "looks odd")])
    assert (reviewed.withdrawal.changes[-1].by, refused.withdrawal.changes[-1].by) == ("", "jim")
    assert refused.withdrawal.changes[-1].why == "looks odd"
    ((_, house),) = lived([Refuse("not_verified", actor=Actor.HOUSE)])
    assert (house.withdrawal.changes[-1].cause, house.withdrawal.changes[-1].actor) == ("house.refused:not_verified", Actor.HOUSE)


def test_a_note_does_not_make_it_younger() -> None:
    *_, (_, noted) = lived([Screened(Clearance.REVIEW, (), 1), Flag(Attention.ESCALATED)])
    assert (noted.withdrawal.since_ms, noted.withdrawal.changed_at_ms) == (START_MS + 1000, START_MS + 2000)


def test_a_request_counts_for_a_day() -> None:
    tally = with_request(Tally(PLAYER), NEW, START_MS)
    assert tally.spent("adyen", START_MS + DAY_MS - 1) == nanos("50.00")
    assert tally.spent("adyen", START_MS + DAY_MS) == 0
    assert tally.spent("paymentiq", START_MS) == 0


@pytest.mark.parametrize(
    ("text", "is_id"),
    [(ID, True), ("wdr_" + "A" * 20, False), ("wdr_" + "a" * 19, False), ("wdr_" + "1" * 20, False), ("dep_" + "a" * 20, False)],
)
def test_ids(text: str, is_id: bool) -> None:
    assert is_withdrawal_id(text) is is_id


def test_the_reference_can_be_read_aloud() -> None:
    assert reference("wdr_abcdefghijklmnopqrst") == "WDR-ABCD-EFGH-IJKL-MNOP-QRST"


SUMS = st.dictionaries(st.sampled_from(["adyen", "paymentiq", "stripe"]), st.integers(0, nanos("100.00")), max_size=3)


@given(given_in=SUMS, out=SUMS)
def test_the_closed_loop_lets_money_back_where_it_came_from(given_in: dict[str, int], out: dict[str, int]) -> None:
    frozen = MappingProxyType(out)
    for gateway in ("adyen", "paymentiq"):
        most = closed_loop.most(gateway, "EUR", given_in, frozen)
        back = closed_loop.back(gateway, given_in, out)
        others = [closed_loop.back(other, given_in, out) for other in ("adyen", "paymentiq") if other != gateway]
        assert most == (back if any(left >= nanos("10.00") for left in others) else None)
