"""The rules of a withdrawal's life: every state with everything that can happen, and the exact boundaries."""

from dataclasses import replace
from itertools import product
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.life import (
    CHANGES_MAX,
    CURED,
    Approve,
    Asked,
    Cancel,
    Clearance,
    Declined,
    Flag,
    Happening,
    RefusalReason,
    Refuse,
    Refused,
    Said,
    Screened,
    Step,
    Submit,
    Unflag,
    decide,
    request,
)
from countroom.cashier.withdrawals.withdrawal import (
    NEXT,
    OPEN,
    RELEASED,
    UNSUBMITTED,
    WITH_GATEWAY,
    Actor,
    Attention,
    Booking,
    Change,
    Withdrawal,
    WithdrawalStatus,
    Word,
    record_id,
)
from countroom.ledger.movements import Adjustment, Capture, Hold, PayoutReturned, Release
from countroom.money import AMOUNT_MAX

S = WithdrawalStatus
NOW = 1_767_268_800_000
AMOUNT = 50_000_000_000
ID = "wdr_" + "a" * 20
NEW = request((ID, "ann", "adyen", "dep_1"), "EUR", AMOUNT, NOW).withdrawal
LASTING = frozenset(Attention) - CURED

WAYS: Final[dict[WithdrawalStatus, tuple[Happening, ...]]] = {
    S.REQUESTED: (),
    S.AWAITING_APPROVAL: (Screened(Clearance.REVIEW, ("risk.amount",), 2),),
    S.APPROVED: (Screened(Clearance.APPROVE),),
    S.SUBMITTING: (Screened(Clearance.APPROVE), Submit()),
    S.SUBMITTED: (Screened(Clearance.APPROVE), Submit(), Said(Word.TAKEN)),
    S.PAID: (Screened(Clearance.APPROVE), Submit(), Said(Word.PAID)),
    S.RETURNED: (Screened(Clearance.APPROVE), Submit(), Said(Word.PAID), Said(Word.RETURNED)),
    S.FAILED: (Screened(Clearance.APPROVE), Submit(), Said(Word.FAILED)),
    S.REFUSED: (Refuse("risk"),),
    S.CANCELLED: (Cancel(),),
}


def step_of(before: Withdrawal, happening: Happening) -> Step:
    step = decide(before, happening, NOW)
    assert isinstance(step, Step), f"{happening} does nothing to {before.status}: {step}"
    return step


def after(before: Withdrawal, *happenings: Happening) -> Withdrawal:
    for happening in happenings:
        before = step_of(before, happening).withdrawal
    return before


def at(status: WithdrawalStatus) -> Withdrawal:
    found = after(NEW, *WAYS[status])
    assert found.status is status
    return found


EVERYTHING: Final[tuple[Happening, ...]] = (
    *(Screened(clearance, approvals_needed=1) for clearance in Clearance),
    Approve("ada"),
    Refuse("risk"),
    Cancel(),
    Submit(),
    Asked(),
    Declined("51"),
    *(Said(word) for word in Word),
    Said(Word.PAID, amount=AMOUNT - 1),
    Flag(Attention.ESCALATED),
    Unflag(),
)

# What each does in each state: the state that follows, '-' nothing, '!' refused, '.' a note or a count.
TABLE: Final = """
                     requested awaiting_approval approved submitting submitted paid     returned failed refused cancelled
Screened approve     approved  -                 -        -          -         -        -        -      -       -
Screened review      awaiting_approval -         -        -          -         -        -        -      -       -
Screened refuse      refused   -                 -        -          -         -        -        -      -       -
Approve              !         .                 !        !          !         !        !        !      !       !
Refuse               refused   refused           refused  !          !         !        !        !      -       !
Cancel               cancelled cancelled         cancelled !         !         !        !        !      !       -
Submit               !         !                 submitting .        -         -        -        -      -       -
Asked                -         -                 -        .          .         -        -        -      -       -
Declined             -         -                 -        failed     .         -        -        -      -       -
Said taken           .         .                 .        submitted  -         -        -        -      .       .
Said paid            paid      paid              paid     paid       paid      -        -        paid   paid    paid
Said failed          .         .                 .        failed     failed    .        -        -      -       -
Said returned        paid      paid              paid     paid       paid      returned -        paid   paid    paid
Said paid, less      paid      paid              paid     paid       paid      .        .        paid   paid    paid
Flag                 .         .                 .        .          .         .        .        .      .       .
Unflag               -         -                 -        -          -         -        -        -      -       -
"""
ROWS: Final = [line.rsplit(maxsplit=10)[1:] for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.parametrize(("happening", "row"), list(zip(EVERYTHING, ROWS, strict=True)), ids=str)
def test_everything_in_every_state(happening: Happening, row: list[str]) -> None:
    for status, wanted in zip(S, (row[place] for place in _PLACES), strict=True):
        before = at(status)
        decided = decide(before, happening, NOW + 1)
        if decided is None:
            found = "-"
        elif isinstance(decided, Refused):
            found = "!"
        else:
            found = "." if decided.withdrawal.status is status else decided.withdrawal.status.value
            assert decided.withdrawal.version == before.version + 1
        assert found == wanted, f"{happening} in {status}"


_HEAD: Final = TABLE.split("\n", 2)[1].split()
_PLACES: Final = [_HEAD.index(status.value) for status in S]


HAPPENINGS: Final[st.SearchStrategy[Happening]] = st.one_of(
    st.builds(Screened, st.sampled_from(Clearance), approvals_needed=st.integers(1, 2)),
    st.builds(Approve, st.sampled_from(("ada", "Ada", "bob", "ann"))),
    st.builds(Refuse, st.just("risk")),
    st.sampled_from((Cancel(), Submit(), Asked(), Declined(), Unflag())),
    st.builds(Said, st.sampled_from(Word), amount=st.sampled_from((None, AMOUNT, AMOUNT - 1, 0, -1, AMOUNT_MAX + 1))),
    st.builds(Said, st.sampled_from(Word), currency=st.sampled_from(("EUR", "USD"))),
    st.builds(Flag, st.sampled_from(Attention)),
)


@given(st.lists(HAPPENINGS, max_size=30))
def test_whatever_happens_the_hold_ends_once_and_nothing_is_booked_twice(happenings: list[Happening]) -> None:
    withdrawal, names, held, out = NEW, {record_id(ID, Booking.HOLD)}, AMOUNT, 0
    for happening in happenings:
        step = decide(withdrawal, happening, NOW)
        if not isinstance(step, Step):
            continue
        before, withdrawal = withdrawal, step.withdrawal
        assert withdrawal.status is before.status or withdrawal.status in NEXT[before.status]
        assert withdrawal.version == before.version + 1
        assert before.status not in RELEASED or withdrawal.status in {before.status, S.PAID}
        for movement in movements_of(before, step):
            assert movement.reference.transaction_id not in names
            names.add(movement.reference.transaction_id)
            match movement:
                case Capture():
                    held, out = held - AMOUNT, out + AMOUNT
                case Release():
                    held -= AMOUNT
                case PayoutReturned():
                    out -= AMOUNT
                case Adjustment():
                    out -= movement.amount
        assert held == (AMOUNT if withdrawal.status in OPEN else 0)
        assert out == {S.PAID: withdrawal.paid, S.RETURNED: out}.get(withdrawal.status, 0)
        assert out >= 0


def test_next_names_every_status_and_what_is_released_or_paid_only_follows_its_edges() -> None:
    assert NEXT.keys() == set(S)
    assert {status: NEXT[status] for status in S if status not in OPEN} == {
        S.PAID: {S.RETURNED},
        S.RETURNED: set(),
        **{status: {S.PAID} for status in RELEASED},
    }
    assert UNSUBMITTED | WITH_GATEWAY == OPEN
    assert all(NEXT[status].isdisjoint(UNSUBMITTED) for status in WITH_GATEWAY)


def test_every_edge_is_taken() -> None:
    taken = set[tuple[WithdrawalStatus, WithdrawalStatus]]()
    for status, happening in product(S, (*EVERYTHING, Approve("bob"))):
        before = (
            replace(at(status), approvers=("bob",)) if isinstance(happening, Approve) and happening.actor == "ada" else at(status)
        )
        decided = decide(before, happening, NOW)
        if isinstance(decided, Step) and decided.withdrawal.status is not status:
            taken.add((status, decided.withdrawal.status))
    assert taken == {(status, following) for status, followings in NEXT.items() for following in followings}


@pytest.mark.parametrize(("tries", "status"), [(1, S.FAILED), (2, S.SUBMITTING), (3, S.SUBMITTING)])
def test_an_order_refused_ends_it_only_if_there_was_no_other_try(tries: int, status: WithdrawalStatus) -> None:
    sent = after(at(S.APPROVED), *[Submit()] * tries)
    declined = step_of(sent, Declined("51"))
    assert declined.withdrawal.status is status
    assert declined.booking is (Booking.RELEASE if status is S.FAILED else None)
    assert declined.withdrawal.asks == (0 if status is S.FAILED else 1)


@pytest.mark.parametrize(
    ("amount", "booking", "attention"),
    [
        (None, Booking.CAPTURE, None),
        (AMOUNT, Booking.CAPTURE, None),
        (AMOUNT - 1, Booking.OTHER_AMOUNT, Attention.OTHER_FIGURES),
        (AMOUNT + 1, Booking.OTHER_AMOUNT, Attention.OTHER_FIGURES),
        (1, Booking.OTHER_AMOUNT, Attention.OTHER_FIGURES),
        (0, None, Attention.OTHER_FIGURES),
        (-1, None, Attention.OTHER_FIGURES),
        (AMOUNT_MAX, Booking.OTHER_AMOUNT, Attention.OTHER_FIGURES),
        (AMOUNT_MAX + 1, None, Attention.OTHER_FIGURES),
    ],
)
def test_what_was_paid_is_booked_as_it_was_paid(amount: int | None, booking: Booking | None, attention: Attention | None) -> None:
    step = step_of(at(S.SUBMITTED), Said(Word.PAID, amount=amount))
    assert (step.booking, step.withdrawal.attention) == (booking, attention)
    assert step.withdrawal.paid == step.moves == ((amount or AMOUNT) if booking else 0)


@pytest.mark.parametrize(("amount", "credited"), [(None, AMOUNT), (AMOUNT, AMOUNT), (AMOUNT - 1, AMOUNT - 1), (AMOUNT + 1, AMOUNT)])
def test_what_came_back_is_credited_and_never_more_than_was_paid(amount: int | None, credited: int) -> None:
    step = step_of(at(S.PAID), Said(Word.RETURNED, amount=amount))
    assert (step.booking, step.moves) == (Booking.RETURN, credited)
    assert (step.withdrawal.attention is None) == (amount in {None, AMOUNT})


def test_a_second_part_that_comes_back_goes_to_people_once_more() -> None:
    """They have looked at the first one; the other half would never be seen."""
    first = step_of(at(S.PAID), Said(Word.RETURNED, amount=AMOUNT // 2))
    looked = step_of(first.withdrawal, Unflag()).withdrawal
    second = step_of(looked, Said(Word.RETURNED, amount=AMOUNT // 2))
    assert (second.withdrawal.attention, second.booking) == (Attention.OTHER_FIGURES, None)
    assert decide(second.withdrawal, Said(Word.RETURNED, amount=AMOUNT // 2), NOW) is None
    assert decide(looked, Said(Word.RETURNED), NOW) is None


@pytest.mark.parametrize("status", sorted(OPEN | RELEASED))
def test_a_return_that_comes_first_is_booked_in_two_steps_and_people_know_in_between(status: WithdrawalStatus) -> None:
    said = Said(Word.RETURNED)
    first = step_of(at(status), said)
    assert first.withdrawal.status is S.PAID
    assert first.withdrawal.attention is not None
    second = step_of(first.withdrawal, said)
    assert (second.withdrawal.status, second.booking) == (S.RETURNED, Booking.RETURN)
    assert second.withdrawal.attention is (None if status in WITH_GATEWAY else first.withdrawal.attention)
    assert decide(second.withdrawal, said, NOW) is None


@pytest.mark.parametrize(("said", "flagged"), [(None, False), (AMOUNT, False), (AMOUNT - 1, True)])
def test_paid_again_with_another_amount_goes_to_people(said: int | None, flagged: bool) -> None:
    decided = decide(at(S.PAID), Said(Word.PAID, amount=said), NOW)
    assert isinstance(decided, Step) is flagged
    if isinstance(decided, Step):
        assert (decided.withdrawal.attention, decided.booking) == (Attention.OTHER_FIGURES, None)
        assert decide(decided.withdrawal, Said(Word.PAID, amount=said), NOW) is None


@pytest.mark.parametrize("status", sorted(RELEASED))
def test_paid_after_its_release_is_debited_and_flagged(status: WithdrawalStatus) -> None:
    step = step_of(at(status), Said(Word.PAID))
    (movement,) = movements_of(at(status), step)
    assert isinstance(movement, Adjustment)
    assert (movement.amount, step.withdrawal.attention) == (-AMOUNT, Attention.LATE_PAYMENT)
    back = step_of(step.withdrawal, Said(Word.RETURNED))
    (credit,) = movements_of(step.withdrawal, back)
    assert isinstance(credit, Adjustment)
    assert credit.amount == AMOUNT


def test_another_currency_moves_nothing_whatever_is_said() -> None:
    for status, word in product(S, Word):
        decided = decide(at(status), Said(word, currency="USD", amount=AMOUNT), NOW)
        assert isinstance(decided, Step)
        assert (decided.booking, decided.withdrawal.status) == (None, status)
        assert decided.withdrawal.attention is Attention.OTHER_FIGURES


@pytest.mark.parametrize("noted", Attention)
def test_an_end_cures_what_it_answers_and_nothing_else(noted: Attention) -> None:
    kept = None if noted in CURED else noted
    assert after(replace(at(S.SUBMITTED), attention=noted), Said(Word.FAILED)).attention is kept
    assert after(replace(at(S.SUBMITTED), attention=noted), Said(Word.PAID)).attention is kept
    assert after(replace(at(S.APPROVED), attention=noted), Cancel()).attention is kept
    assert after(replace(at(S.APPROVED), attention=noted), Refuse("risk")).attention is kept


def test_a_passing_flag_never_takes_the_place_of_a_lasting_one() -> None:
    for noted, flag in product(LASTING, CURED):
        assert decide(replace(at(S.SUBMITTED), attention=noted), Flag(flag), NOW) is None
    for noted, flag in product(CURED, LASTING):
        assert after(replace(at(S.SUBMITTED), attention=noted), Flag(flag)).attention is flag


def test_what_has_just_ended_is_not_brought_to_people_by_the_machine() -> None:
    for status, attention in product(set(S) - OPEN, CURED - {Attention.ESCALATED}):
        assert decide(at(status), Flag(attention), NOW) is None


def test_paid_then_failed_stays_paid_and_people_are_told_once() -> None:
    failed = step_of(at(S.PAID), Said(Word.FAILED))
    assert (failed.withdrawal.status, failed.booking) == (S.PAID, None)
    assert failed.withdrawal.attention is Attention.PAID_THEN_FAILED
    looked = after(failed.withdrawal, Unflag())
    assert decide(looked, Said(Word.FAILED), NOW) is None


@pytest.mark.parametrize(("status", "flags"), [(S.CANCELLED, True), (S.REFUSED, True), (S.FAILED, False), (S.REQUESTED, True)])
def test_a_payout_that_was_never_ordered_goes_to_people(status: WithdrawalStatus, flags: bool) -> None:
    decided = decide(at(status), Said(Word.TAKEN), NOW)
    assert isinstance(decided, Step) is flags
    if isinstance(decided, Step):
        assert decided.withdrawal.attention is Attention.NEVER_SUBMITTED
        assert decide(after(decided.withdrawal, Unflag()), Said(Word.TAKEN), NOW) is None


def test_four_eyes() -> None:
    one = after(at(S.AWAITING_APPROVAL), Approve("ada"))
    assert one.status is S.AWAITING_APPROVAL
    assert decide(one, Approve("ADA"), NOW) == Refused(RefusalReason.SAME_APPROVER)
    assert decide(one, Approve("ann"), NOW) == Refused(RefusalReason.OWN_WITHDRAWAL)
    assert after(one, Approve("bob")).status is S.APPROVED


def _long(status: WithdrawalStatus, length: int) -> Withdrawal:
    before = at(status)
    filler = (Change(NOW, status, "note", Actor.STAFF),) * (length - len(before.changes))
    return replace(before, changes=(*before.changes, *filler))


@pytest.mark.parametrize(("length", "taken"), [(CHANGES_MAX - 1, True), (CHANGES_MAX, False), (CHANGES_MAX + 3, False)])
def test_a_history_takes_so_many_notes(length: int, taken: bool) -> None:
    flagged = replace(_long(S.SUBMITTED, length), attention=Attention.OUTCOME_UNKNOWN)
    for note in (Unflag(), Flag(Attention.ESCALATED)):
        assert isinstance(decide(flagged, note, NOW), Step) is taken
    assert taken or decide(flagged, Unflag(), NOW) == Refused(RefusalReason.TOO_MANY_CHANGES)


@pytest.mark.parametrize("said", [Said(Word.PAID), Said(Word.FAILED), Said(Word.RETURNED), Said(Word.PAID, amount=1)])
def test_a_full_history_stops_no_money_and_no_first_flag(said: Said) -> None:
    full = _long(S.SUBMITTED, CHANGES_MAX)
    assert step_of(full, said).booking is not None
    assert step_of(full, Flag(Attention.OUTCOME_UNKNOWN)).withdrawal.attention is Attention.OUTCOME_UNKNOWN
    assert step_of(full, Asked()).withdrawal.asks == 1
    assert step_of(_long(S.APPROVED, CHANGES_MAX), Submit()).withdrawal.status is S.SUBMITTING


def test_the_first_step_holds_the_money_under_the_withdrawals_own_name() -> None:
    step = request((ID, "ann", "adyen", "dep_1"), "EUR", AMOUNT, NOW)
    (hold,) = movements_of(step.withdrawal, step)
    assert isinstance(hold, Hold)
    assert (hold.reference.transaction_id, hold.amount) == (ID, AMOUNT)
