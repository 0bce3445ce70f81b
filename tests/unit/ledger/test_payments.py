"""Deposits, reversals, holds and what ends them, payouts that come back, corrections by staff."""

from dataclasses import replace

import pytest

from countroom.ledger.movements import (
    Adjustment,
    Capture,
    DepositReturned,
    DepositReversal,
    Kind,
    LimitKind,
    Movement,
    PayoutReturned,
    Reason,
    Reference,
    Release,
    Status,
)
from countroom.ledger.records import Outcome, Posting, Tombstone
from countroom.ledger.wallet import Limit, Totals
from tests.unit.ledger.examples import (
    ANNA,
    BEN,
    GATEWAY,
    HOUSE,
    NOW,
    a_deposit,
    a_hold,
    a_rollback,
    after_all,
    decided,
    facts_of,
    ref,
    refused,
    wallet_with,
)

DAY = 86_400_000
DEPOSIT = ref("dep-1", GATEWAY)
HOLD = ref("hold-1", "house:withdraw")
CAPTURED = ref("capture-1", GATEWAY)


def reversal(amount: int, transaction_id: str = "reversal-1") -> DepositReversal:
    return DepositReversal(ref(transaction_id, GATEWAY), ANNA, "EUR", amount, DEPOSIT)


def capture(transaction_id: str = "capture-1") -> Capture:
    return Capture(ref(transaction_id, GATEWAY), ANNA, HOLD)


def release(transaction_id: str = "release-1") -> Release:
    return Release(ref(transaction_id, "house:withdraw"), ANNA, HOLD)


def returned(transaction_id: str = "returned-1") -> PayoutReturned:
    return PayoutReturned(ref(transaction_id, GATEWAY), ANNA, CAPTURED)


def given_back(amount: int, transaction_id: str = "back-1") -> DepositReturned:
    return DepositReturned(ref(transaction_id, GATEWAY), ANNA, "EUR", amount, ref("reversal-1", GATEWAY))


def adjustment(amount: int) -> Adjustment:
    return Adjustment(ref("adjust-1", HOUSE), ANNA, "EUR", amount, "typo", "staff_1")


@pytest.mark.parametrize("status", Status)
def test_a_deposit_is_booked_whatever_the_status(status: Status) -> None:
    decision = decided(wallet_with(cash=1, status=status), a_deposit(5))
    assert (decision.wallet.cash, decision.wallet.totals) == (6, Totals(deposited=6))
    assert (decision.record.outcome, decision.record.amount, decision.record.counter) == (Outcome.APPLIED, 5, GATEWAY)
    assert decision.record.postings == (Posting("player:pl_anna:cash", 5), Posting(GATEWAY, -5))
    assert (decision.resolution, decision.tombstone) == (None, None)


def test_a_deposit_is_counted_even_beyond_its_limit_and_against_no_other() -> None:
    limits = tuple(Limit(kind, DAY, 3, 1, NOW) for kind in LimitKind)
    assert [limit.used for limit in decided(wallet_with(limits=limits), a_deposit(5)).wallet.limits] == [6, 1, 1]


def test_a_reversal_takes_a_deposit_back_into_debt_and_resolves_it() -> None:
    deposit = decided(wallet_with(), a_deposit(5))
    spent = replace(deposit.wallet, cash=2, totals=Totals(deposited=5, staked=3))
    decision = decided(spent, reversal(5), facts_of(deposit))
    assert (decision.wallet.cash, decision.wallet.totals) == (-3, Totals(staked=3))
    assert (decision.record.amount, decision.record.counter, decision.record.cash) == (5, GATEWAY, -5)
    assert decision.resolution is not None


def test_a_deposit_may_come_back_in_parts_and_the_first_marks_it() -> None:
    deposit = decided(wallet_with(), a_deposit(5))
    first = decided(deposit.wallet, reversal(2), facts_of(deposit))
    assert first.wallet.cash == 3
    assert first.resolution is not None
    second = decided(first.wallet, reversal(5, "reversal-2"), facts_of(deposit, first))
    assert (second.wallet.cash, second.wallet.totals, second.resolution) == (-2, Totals(deposited=-2), None)


def test_what_a_reversal_took_is_given_back_once_and_may_be_taken_again() -> None:
    limits = (Limit(LimitKind.DEPOSIT, DAY, 9, 5, NOW),)
    deposit = decided(wallet_with(limits=limits), a_deposit(5))
    taken = decided(deposit.wallet, reversal(5), facts_of(deposit))
    back = decided(taken.wallet, given_back(5), facts_of(taken.record))
    assert (back.wallet.cash, back.wallet.totals) == (5, Totals(deposited=5))
    assert back.wallet.limits == deposit.wallet.limits
    assert (back.record.amount, back.record.counter, back.record.cash) == (5, GATEWAY, 5)
    assert back.resolution is not None
    assert refused(back.wallet, given_back(5, "back-2"), facts_of(taken.record, back)) is Reason.ALREADY_RESOLVED
    again = replace(reversal(5, "reversal-2"), deposit=back.record.reference)
    assert decided(back.wallet, again, facts_of(back.record)).wallet.cash == 0


def test_no_more_is_given_back_than_was_taken() -> None:
    taken = decided(wallet_with(), a_deposit(5))
    part = decided(taken.wallet, reversal(3), facts_of(taken))
    assert refused(part.wallet, given_back(4), facts_of(part.record)) is Reason.REFERENCE_MISMATCH
    assert decided(part.wallet, given_back(2), facts_of(part.record)).wallet.cash == 4


def test_no_more_of_a_deposit_comes_back_than_it_was() -> None:
    deposit = decided(wallet_with(), a_deposit(5))
    assert refused(deposit.wallet, reversal(6), facts_of(deposit)) is Reason.REFERENCE_MISMATCH


@pytest.mark.parametrize("status", Status)
def test_a_reversal_is_booked_whatever_the_status(status: Status) -> None:
    deposit = decided(wallet_with(), a_deposit(5))
    assert decided(replace(deposit.wallet, status=status), reversal(5), facts_of(deposit)).wallet.cash == 0


@pytest.mark.parametrize(
    ("movement", "target", "kind"),
    [
        (given_back(5), ref("reversal-1", GATEWAY), Kind.DEPOSIT_REVERSAL),
        (capture(), HOLD, Kind.HOLD),
        (release(), HOLD, Kind.HOLD),
        (returned(), CAPTURED, Kind.CAPTURE),
    ],
)
def test_what_resolves_a_record_wants_an_applied_one_of_its_kind_and_player(
    movement: Movement, target: Reference, kind: Kind
) -> None:
    wallet = wallet_with(cash=50, held=50)
    record = replace(decided(wallet, a_hold(5)).record, reference=target, kind=kind)
    assert refused(wallet, movement) is Reason.REFERENCE_UNKNOWN
    assert refused(wallet, movement, facts_of(replace(record, player_id=BEN))) is Reason.REFERENCE_MISMATCH
    for other in set(Kind) - {kind}:
        assert refused(wallet, movement, facts_of(replace(record, kind=other))) is Reason.REFERENCE_MISMATCH
    for outcome in (Outcome.REFUSED, Outcome.NO_EFFECT):
        assert refused(wallet, movement, facts_of(replace(record, outcome=outcome))) is Reason.REFERENCE_MISMATCH
    assert refused(wallet, movement, facts_of(Tombstone(target, ANNA, ref("r"), NOW))) is Reason.ROLLED_BACK
    done = decided(wallet, movement, facts_of(record))
    assert done.resolution is not None
    assert done.tombstone is None
    assert refused(wallet, movement, facts_of(record, done)) is Reason.ALREADY_RESOLVED


def test_a_reversal_wants_an_applied_deposit_of_its_player() -> None:
    wallet = wallet_with(cash=50)
    record = decided(wallet, a_deposit(5)).record
    assert refused(wallet, reversal(5)) is Reason.REFERENCE_UNKNOWN
    assert refused(wallet, reversal(5), facts_of(replace(record, player_id=BEN))) is Reason.REFERENCE_MISMATCH
    for other in set(Kind) - {Kind.DEPOSIT, Kind.DEPOSIT_RETURNED}:
        assert refused(wallet, reversal(5), facts_of(replace(record, kind=other))) is Reason.REFERENCE_MISMATCH
    for outcome in (Outcome.REFUSED, Outcome.NO_EFFECT):
        assert refused(wallet, reversal(5), facts_of(replace(record, outcome=outcome))) is Reason.REFERENCE_MISMATCH
    assert refused(wallet, reversal(5), facts_of(Tombstone(DEPOSIT, ANNA, ref("r"), NOW))) is Reason.ROLLED_BACK


def test_a_hold_sets_cash_aside() -> None:
    decision = decided(wallet_with(cash=5, bonus=3, held=1), a_hold(4))
    assert (decision.wallet.cash, decision.wallet.bonus, decision.wallet.held) == (1, 3, 5)
    assert (decision.record.amount, decision.record.counter) == (4, "")
    assert decision.record.postings == (Posting("player:pl_anna:cash", -4), Posting("player:pl_anna:held", 4))
    assert (decision.resolution, decision.tombstone) == (None, None)


def test_a_hold_of_all_cash_is_taken_and_bonus_money_does_not_count() -> None:
    wallet = wallet_with(cash=5, bonus=3, held=9)
    assert decided(wallet, a_hold(5)).wallet.cash == 0
    assert refused(wallet, a_hold(6)) is Reason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize("fields", [{"cash": -1}, {"cash": 5, "bonus": -1}])
def test_a_debt_stops_payouts(fields: dict[str, int]) -> None:
    assert refused(wallet_with(**fields), a_hold(1)) is Reason.NEGATIVE_BALANCE


def test_an_excluded_player_may_take_the_money_out_and_a_blocked_one_may_not() -> None:
    wallet = wallet_with(cash=5)
    assert decided(replace(wallet, status=Status.EXCLUDED), a_hold(5)).wallet.held == 5
    for status in (Status.BLOCKED, Status.CLOSED):
        assert refused(replace(wallet, status=status), a_hold(5)) is Reason.WALLET_BLOCKED
    assert refused(replace(wallet, status=Status.BLOCKED, cash=-1), a_hold(5)) is Reason.WALLET_BLOCKED


@pytest.mark.parametrize("status", Status)
def test_a_captured_hold_leaves_the_house(status: Status) -> None:
    wallet, facts = after_all(wallet_with(cash=5, held=2), [a_hold(4)])
    decision = decided(replace(wallet, status=status), capture(), facts)
    assert (decision.wallet.cash, decision.wallet.held, decision.wallet.totals.withdrawn) == (1, 2, 4)
    assert (decision.record.amount, decision.record.counter) == (4, GATEWAY)
    assert decision.record.postings == (Posting("player:pl_anna:held", -4), Posting(GATEWAY, 4))


@pytest.mark.parametrize("status", Status)
def test_a_released_hold_is_cash_again(status: Status) -> None:
    wallet, facts = after_all(wallet_with(cash=5, held=2), [a_hold(4)])
    decision = decided(replace(wallet, status=status), release(), facts)
    assert (decision.wallet.cash, decision.wallet.held, decision.wallet.totals.withdrawn) == (5, 2, 0)
    assert (decision.record.amount, decision.record.counter) == (4, "")


def test_a_hold_ends_once() -> None:
    wallet, facts = after_all(wallet_with(cash=5), [a_hold(4), capture()])
    assert refused(wallet, release(), facts) is Reason.ALREADY_RESOLVED
    assert refused(wallet, capture("capture-2"), facts) is Reason.ALREADY_RESOLVED
    wallet, facts = after_all(wallet_with(cash=5), [a_hold(4), release()])
    assert refused(wallet, capture(), facts) is Reason.ALREADY_RESOLVED
    assert refused(wallet, release("release-2"), facts) is Reason.ALREADY_RESOLVED


def test_a_payout_that_comes_back_is_credited_once() -> None:
    wallet, facts = after_all(wallet_with(cash=5), [a_hold(4), capture()])
    decision = decided(wallet, returned(), facts)
    assert (decision.wallet.cash, decision.wallet.held, decision.wallet.totals.withdrawn) == (5, 0, 0)
    assert (decision.record.amount, decision.record.counter) == (4, GATEWAY)
    wallet, facts = after_all(wallet_with(cash=5), [a_hold(4), capture(), returned()])
    assert refused(wallet, returned("returned-2"), facts) is Reason.ALREADY_RESOLVED


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("amount", [3, -3, -9])
def test_an_adjustment_corrects_cash_in_either_direction(amount: int, status: Status) -> None:
    decision = decided(wallet_with(cash=5, status=status), adjustment(amount))
    assert (decision.wallet.cash, decision.wallet.totals.adjusted) == (5 + amount, amount)
    assert (decision.record.amount, decision.record.counter) == (amount, "house:adjustment")
    assert decision.record.note == "staff_1: typo"
    assert (decision.resolution, decision.tombstone) == (None, None)


def test_a_game_provider_cannot_bury_a_payment() -> None:
    assert refused(wallet_with(), replace(a_rollback(), target=DEPOSIT)) is Reason.REFERENCE_MISMATCH
