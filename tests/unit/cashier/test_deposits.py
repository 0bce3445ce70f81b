from collections.abc import Iterator
from itertools import permutations, product

import pytest

from countroom.cashier import deposits
from countroom.cashier.deposits import (
    AFTER,
    NEXT,
    STATUS_TEXT,
    Actor,
    Applied,
    Change,
    Deposit,
    DepositStatus,
    NoEffect,
    NoEffectReason,
    Payment,
    RefusalReason,
    Refused,
    Transition,
)
from tests.unit.cashier.support import DEPOSIT_ID, deposit_of, nanos

S = DepositStatus
PAYMENT = Payment("pay_1", nanos("10.00"), "EUR")


def step(deposit: Deposit, status: DepositStatus, at_ms: int = 5, payment: Payment = PAYMENT) -> Transition:
    change = Change(at_ms, status, "test", Actor.GATEWAY)
    return deposits.credit(deposit, payment, change) if status is S.CREDITED else deposits.move(deposit, change)


def walked(*path: DepositStatus) -> Deposit:
    deposit = deposit_of()
    for status in path:
        verdict = step(deposit, status)
        assert isinstance(verdict, Applied)
        deposit = verdict.deposit
    return deposit


def path_to(status: DepositStatus) -> tuple[DepositStatus, ...]:
    """Some way from `created` to a state."""
    if status is S.CREATED:
        return ()
    before = next(known for known in S if status in NEXT[known])
    return (*path_to(before), status)


def lives(most: int) -> Iterator[tuple[DepositStatus, ...]]:
    """Every way through the graph of at most `most` events."""

    def beyond(path: tuple[DepositStatus, ...], at: DepositStatus) -> Iterator[tuple[DepositStatus, ...]]:
        if path:
            yield path
        if len(path) < most:
            for following in NEXT[at]:
                yield from beyond((*path, following), following)

    return beyond((), S.CREATED)


def delivered(events: tuple[DepositStatus, ...]) -> Deposit:
    """The deposit after events that came in this order, those that came too early again at the end, as a queue does."""
    deposit, waiting = deposit_of(), list(events)
    for _ in range(len(events)):
        early = []
        for status in waiting:
            verdict = step(deposit, status)
            if isinstance(verdict, Applied):
                deposit = verdict.deposit
            elif isinstance(verdict, Refused):
                assert verdict.retry_may_change
                early.append(status)
        waiting = early
    assert not waiting
    return deposit


def test_the_graph_is_the_documented_one() -> None:
    before_credit = {S.CREATED, S.REQUIRES_ACTION, S.PENDING, S.EXPIRED, S.CANCELLED, S.FAILED}
    assert {status for status in S if S.CREDITED in NEXT[status]} == before_credit
    assert NEXT[S.CREDITED] == {S.SETTLED, S.REVERSED}
    assert NEXT[S.SETTLED] == {S.REVERSED}
    assert NEXT[S.REVERSED] == {S.CHARGEBACK_REVERSED}
    assert NEXT[S.CHARGEBACK_REVERSED] == {S.SECOND_CHARGEBACK}
    assert NEXT[S.SECOND_CHARGEBACK] == frozenset()
    assert NEXT[S.CREATED] == {S.REQUIRES_ACTION, S.PENDING, S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}
    assert NEXT[S.REQUIRES_ACTION] == {S.PENDING, S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}
    assert NEXT[S.PENDING] == {S.EXPIRED, S.CANCELLED, S.FAILED, S.CREDITED}


def test_any_two_states_lie_one_before_the_other() -> None:
    for one, other in product(S, S):
        assert (one is other) + (other in AFTER[one]) + (one in AFTER[other]) == 1


def test_every_state_has_words_of_its_own_for_the_player() -> None:
    assert set(STATUS_TEXT) == set(S)
    assert len(set(STATUS_TEXT.values())) == len(S)


@pytest.mark.parametrize(("at", "to"), list(product(S, S)))
def test_every_pair_of_states_has_one_named_result(at: DepositStatus, to: DepositStatus) -> None:
    deposit = walked(*path_to(at))
    verdict = step(deposit, to, at_ms=77)
    if to is at:
        assert verdict == NoEffect(NoEffectReason.ALREADY_THERE)
    elif at in AFTER[to]:
        assert verdict == NoEffect(NoEffectReason.BEHIND)
    elif to in NEXT[at]:
        assert isinstance(verdict, Applied)
        assert verdict.deposit.status is to
        assert verdict.deposit.changes == (*deposit.changes, Change(77, to, "test", Actor.GATEWAY))
        assert verdict.deposit.version == deposit.version + 1
    else:
        assert verdict == Refused(RefusalReason.STEP_MISSING, retry_may_change=True)


def test_every_life_of_up_to_five_events_ends_the_same_in_every_order() -> None:
    checked = 0
    for life in lives(5):
        for order in permutations(life):
            assert delivered(order).status is life[-1]
            checked += 1
    assert checked > 8_000


def test_every_life_of_up_to_three_events_ends_the_same_however_often_each_comes() -> None:
    for life in lives(3):
        for times in product((1, 2, 3), repeat=len(life)):
            repeated = tuple(status for status, count in zip(life, times, strict=True) for _ in range(count))
            ends = {delivered(order) for order in set(permutations(repeated))} if len(repeated) <= 6 else {delivered(repeated)}
            assert {end.status for end in ends} == {life[-1]}
            assert {end.payment for end in ends} == {PAYMENT if ends.pop().is_credited else None}


def test_a_credit_keeps_what_the_gateway_moved_even_if_it_is_not_what_was_asked() -> None:
    moved = Payment("pay_9", nanos("9.50"), "EUR")
    verdict = step(deposit_of("10.00"), S.CREDITED, payment=moved)
    assert isinstance(verdict, Applied)
    assert verdict.deposit.payment == moved
    assert verdict.deposit.amount == nanos("10.00")


@pytest.mark.parametrize("late", [S.FAILED, S.EXPIRED, S.CANCELLED])
def test_a_payment_that_succeeds_late_is_credited(late: DepositStatus) -> None:
    verdict = step(walked(late), S.CREDITED)
    assert isinstance(verdict, Applied)
    assert verdict.deposit.payment == PAYMENT


@pytest.mark.parametrize("at", [S.CREDITED, S.SETTLED, S.REVERSED, S.CHARGEBACK_REVERSED, S.SECOND_CHARGEBACK])
@pytest.mark.parametrize("other", [Payment("pay_2", nanos("10.00"), "EUR"), Payment("pay_1", nanos("11.00"), "EUR")])
def test_a_second_payment_or_other_figures_of_the_first_are_for_people(at: DepositStatus, other: Payment) -> None:
    deposit = walked(*path_to(at))
    assert step(deposit, S.CREDITED, payment=other) == Refused(RefusalReason.OTHER_PAYMENT, retry_may_change=False)


def test_another_currency_is_never_credited() -> None:
    dollars = Payment("pay_1", nanos("10.00"), "USD")
    for deposit in (deposit_of(), walked(S.CREDITED)):
        assert step(deposit, S.CREDITED, payment=dollars) == Refused(RefusalReason.WRONG_CURRENCY, retry_may_change=False)


def test_a_credit_without_a_payment_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="payment"):
        deposits.move(deposit_of(), Change(1, S.CREDITED, "test", Actor.HOUSE))


def test_a_new_deposit_says_who_asked_and_when() -> None:
    deposit = deposit_of(at_ms=42)
    assert (deposit.status, deposit.version, deposit.created_at_ms, deposit.is_credited) == (S.CREATED, 1, 42, False)
    assert deposit.changes == (Change(42, S.CREATED, "player.request", Actor.PLAYER),)


@pytest.mark.parametrize(
    "text",
    ["", "dep_", DEPOSIT_ID[4:], DEPOSIT_ID + "a", DEPOSIT_ID[:-1], DEPOSIT_ID.upper(), "dep_" + "1" * 20, "dep_" + "é" * 20],
)
def test_what_is_no_deposit_id(text: str) -> None:
    assert deposits.is_deposit_id(DEPOSIT_ID)
    assert not deposits.is_deposit_id(text)


def test_the_reference_can_be_turned_back_into_the_id() -> None:
    reference = deposits.reference("dep_abcdefghijklmnop2345")
    assert reference == "DEP-ABCD-EFGH-IJKL-MNOP-2345"
    prefix, *groups = reference.lower().split("-")
    assert f"{prefix}_{''.join(groups)}" == "dep_abcdefghijklmnop2345"
