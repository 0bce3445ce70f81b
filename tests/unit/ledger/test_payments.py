"""Deposits, reversals, holds and what ends them, payouts that come back, corrections by staff."""

from dataclasses import replace

import pytest

from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import (
    COUNTING,
    Adjustment,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    Kind,
    LimitKind,
    Movement,
    PayoutReturned,
    Period,
    Reason,
    Reference,
    Release,
    Status,
)
from countroom.ledger.records import Outcome, Posting, Tombstone
from countroom.ledger.rules import limits
from countroom.ledger.safeguards import AbandonDeposit, OpenDeposit, SetLimit
from countroom.ledger.wallet import Limit, Totals, Wallet
from tests.unit.ledger.examples import (
    ANNA,
    BEN,
    GATEWAY,
    HOUSE,
    NONE,
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
    limits = tuple(Limit(kind, Period.DAY, 3, 1, NOW) for kind in LimitKind if kind in COUNTING)
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
    limits = (Limit(LimitKind.DEPOSIT, Period.DAY, 9, 5, NOW),)
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


# --- deposits that are opened


OPENED = Reference("house:deposit", "o-1")


def opening(amount: int, deposit_id: str = "o-1") -> OpenDeposit:
    return OpenDeposit.of(ANNA, deposit_id, "EUR", amount)


def abandoning() -> AbandonDeposit:
    return AbandonDeposit.of(ANNA, "o-1")


def paid_in(amount: int, transaction_id: str = "dep-1", opened: Reference | None = OPENED) -> Deposit:
    return replace(a_deposit(amount, transaction_id), opened=opened)


def limited(cap: int = 20, used: int = 0, period: Period = Period.DAY, kind: LimitKind = LimitKind.DEPOSIT) -> Wallet:
    return wallet_with(limits=(Limit(kind, period, cap, used, NOW),))


def used(decision: Decision) -> int:
    return decision.wallet.limits[0].used


def test_an_opening_uses_the_deposit_limits_and_moves_no_money() -> None:
    wallet = wallet_with(limits=tuple(Limit(kind, Period.WEEK, 9, 2, NOW) for kind in COUNTING))
    decision = decided(wallet, opening(7))
    assert {limit.kind: limit.used for limit in decision.wallet.limits} == dict.fromkeys(COUNTING, 2) | {LimitKind.DEPOSIT: 9}
    assert (decision.record.kind, decision.record.amount, decision.record.postings) == (Kind.DEPOSIT_OPENED, 7, ())
    assert (decision.record.reference, decision.resolution) == (OPENED, None)
    assert refused(wallet, opening(8)) is Reason.LIMIT_REACHED
    assert decided(wallet_with(), opening(8)).wallet.limits == ()


def test_the_refusal_names_the_limit_that_leaves_least() -> None:
    several = (Limit(LimitKind.DEPOSIT, Period.WEEK, 9, 2, NOW), Limit(LimitKind.DEPOSIT, Period.DAY, 3, 0, NOW))
    decision = decide(wallet_with(limits=several), NONE, opening(8), NOW)
    assert isinstance(decision, Decision)
    assert (decision.record.reason, decision.record.limit) == (Reason.LIMIT_REACHED, "deposit 24h")


@pytest.mark.parametrize(("status", "reason"), [(Status.BLOCKED, Reason.WALLET_BLOCKED), (Status.EXCLUDED, Reason.WALLET_EXCLUDED)])
def test_nothing_is_opened_for_a_wallet_that_is_not_active(status: Status, reason: Reason) -> None:
    assert refused(wallet_with(status=status), opening(1)) is reason


def test_exactly_so_many_openings_pass_as_the_limit_covers() -> None:
    wallet = limited(cap=20)
    passed = 0
    for number in range(50):
        decision = decide(wallet, NONE, opening(6, f"o-{number}"), NOW)
        assert isinstance(decision, Decision)
        wallet = decision.wallet
        passed += decision.record.outcome is Outcome.APPLIED
    assert (passed, wallet.limits[0].used, wallet.version) == (3, 18, 57)


def test_what_was_opened_is_not_counted_again() -> None:
    opened = decided(limited(), opening(8))
    deposit = decided(opened.wallet, paid_in(8), facts_of(opened))
    assert (used(deposit), deposit.wallet.cash) == (8, 8)
    assert deposit.record.related == OPENED
    assert deposit.resolution is not None
    assert deposit.resolution.of == OPENED


@pytest.mark.parametrize(("amount", "counted"), [(5, 5), (8, 8), (9, 9), (99, 99)])
def test_a_deposit_of_another_amount_counts_the_difference(amount: int, counted: int) -> None:
    opened = decided(limited(used=1), opening(8))
    assert used(decided(opened.wallet, paid_in(amount), facts_of(opened))) == 1 + counted


@pytest.mark.parametrize(("amount", "counted"), [(8, 0), (10, 2), (5, 0)])
def test_what_was_opened_in_the_window_before_is_not_counted_in_this_one(amount: int, counted: int) -> None:
    opened = decided(limited(), opening(8), now_ms=NOW + 1)
    late = decided(opened.wallet, paid_in(amount), facts_of(opened), now_ms=NOW + DAY)
    assert limits.used(late.wallet.limits[0], NOW + DAY) == counted
    turned = decided(opened.wallet, opening(3, "o-2"), now_ms=NOW + DAY)
    assert used(decided(turned.wallet, paid_in(amount), facts_of(opened), now_ms=NOW + DAY)) == 3 + counted


def test_where_clocks_leave_it_open_whether_an_opening_was_counted_it_counts_again() -> None:
    opened = decided(limited(), opening(8))  # in the very millisecond in which the limit began
    turned = decided(opened.wallet, opening(3, "o-2"), now_ms=NOW + DAY)
    assert used(decided(turned.wallet, paid_in(8), facts_of(opened), now_ms=NOW + DAY)) == 11


def test_a_limit_that_began_after_the_opening_counts_all_of_the_deposit() -> None:
    opened = decided(wallet_with(), opening(8))
    setting = SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 20, LimitKind.DEPOSIT, Period.DAY)
    begun = decided(opened.wallet, setting)  # in the same millisecond: the version tells
    assert used(decided(begun.wallet, paid_in(8), facts_of(opened))) == 8
    turned = decided(begun.wallet, opening(1, "o-2"), now_ms=NOW + DAY)
    assert used(decided(turned.wallet, paid_in(8), facts_of(opened), now_ms=NOW + DAY)) == 9


def test_each_limit_counts_a_deposit_by_its_own_account() -> None:
    opened = decided(limited(), opening(8))
    setting = SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 20, LimitKind.DEPOSIT, Period.WEEK)
    begun = decided(opened.wallet, setting)
    deposit = decided(begun.wallet, paid_in(9), facts_of(opened))
    assert [limit.used for limit in deposit.wallet.limits] == [9, 9]
    back = decided(deposit.wallet, reversal(9), facts_of(opened, deposit))
    assert [limit.used for limit in back.wallet.limits] == [0, 0]


def test_an_abandoned_deposit_gives_back_what_it_used_once() -> None:
    opened = decided(limited(used=1), opening(8))
    end = decided(opened.wallet, abandoning(), facts_of(opened))
    assert (used(end), end.record.amount, end.record.postings) == (1, 8, ())
    assert end.resolution is not None
    again = replace(abandoning(), reference=ref("again", HOUSE))
    assert refused(end.wallet, again, facts_of(opened, end)) is Reason.ALREADY_RESOLVED
    assert used(decided(opened.wallet, abandoning(), facts_of(opened), now_ms=NOW + DAY - 1)) == 1
    turned = decided(opened.wallet, opening(3, "o-2"), now_ms=NOW + DAY)
    assert used(decided(turned.wallet, abandoning(), facts_of(opened), now_ms=NOW + DAY)) == 3


def test_only_a_deposit_that_was_opened_and_is_open_can_be_abandoned() -> None:
    opened = decided(limited(), opening(8))
    deposit = decided(opened.wallet, paid_in(8), facts_of(opened))
    assert refused(deposit.wallet, abandoning(), facts_of(opened, deposit)) is Reason.ALREADY_RESOLVED
    assert refused(opened.wallet, abandoning()) is Reason.REFERENCE_UNKNOWN
    never = replace(opened.record, outcome=Outcome.REFUSED, reason=Reason.LIMIT_REACHED)
    assert refused(opened.wallet, abandoning(), facts_of(never)) is Reason.REFERENCE_MISMATCH
    assert refused(opened.wallet, abandoning(), facts_of(replace(opened.record, player_id=BEN))) is Reason.REFERENCE_MISMATCH
    assert refused(opened.wallet, abandoning(), facts_of(replace(opened.record, kind=Kind.HOLD))) is Reason.REFERENCE_MISMATCH


def test_money_that_comes_in_after_all_counts_as_a_whole() -> None:
    opened = decided(limited(), opening(8))
    end = decided(opened.wallet, abandoning(), facts_of(opened))
    deposit = decided(end.wallet, paid_in(8), facts_of(opened, end))
    assert (used(deposit), deposit.resolution) == (8, None)
    back = decided(deposit.wallet, reversal(8), facts_of(opened, end, deposit))
    assert used(back) == 0
    second = decided(deposit.wallet, paid_in(5, "dep-2"), facts_of(opened, end, deposit))
    assert used(second) == 13
    never = replace(opened.record, outcome=Outcome.REFUSED, reason=Reason.LIMIT_REACHED)
    unopened = decided(limited(), paid_in(8), facts_of(never))
    assert (used(unopened), unopened.resolution) == (8, None)


def test_a_second_payment_for_one_opening_counts_as_a_whole() -> None:
    opened = decided(limited(), opening(8))
    first = decided(opened.wallet, paid_in(8), facts_of(opened))
    second = decided(first.wallet, paid_in(8, "dep-2"), facts_of(opened, first))
    assert (used(second), second.wallet.cash, second.resolution) == (16, 16, None)
    turned = decided(second.wallet, opening(1, "o-2"), now_ms=NOW + DAY)
    back = replace(reversal(8), deposit=ref("dep-2", GATEWAY))
    assert used(decided(second.wallet, back, facts_of(opened, first, second))) == 8
    assert used(decided(turned.wallet, back, facts_of(opened, first, second), now_ms=NOW + DAY)) == 1


def test_an_opening_that_is_none_of_the_players_stops_a_deposit() -> None:
    opened = decided(limited(), opening(8))
    assert refused(opened.wallet, paid_in(8)) is Reason.REFERENCE_UNKNOWN
    assert refused(opened.wallet, paid_in(8), facts_of(replace(opened.record, player_id=BEN))) is Reason.REFERENCE_MISMATCH
    assert refused(opened.wallet, paid_in(8), facts_of(replace(opened.record, kind=Kind.HOLD))) is Reason.REFERENCE_MISMATCH


# --- what a reversal gives back of the limits


def test_a_reversal_gives_back_what_the_deposit_used_in_its_window() -> None:
    deposit = decided(limited(used=1), a_deposit(8))
    assert used(decided(deposit.wallet, reversal(8), facts_of(deposit), now_ms=NOW + DAY - 1)) == 1
    assert used(decided(deposit.wallet, reversal(3), facts_of(deposit))) == 6
    turned = decided(deposit.wallet, opening(2), now_ms=NOW + DAY)
    assert used(decided(turned.wallet, reversal(8), facts_of(deposit), now_ms=NOW + DAY)) == 2


def test_a_limit_that_began_after_the_deposit_gives_nothing_back() -> None:
    deposit = decided(wallet_with(), a_deposit(8))
    setting = SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 20, LimitKind.DEPOSIT, Period.DAY)
    begun = decided(decided(deposit.wallet, setting).wallet, opening(5))
    assert used(decided(begun.wallet, reversal(8), facts_of(deposit))) == 5


def test_parts_give_back_no_more_than_was_used() -> None:
    deposit = decided(limited(used=1), a_deposit(8))
    first = decided(deposit.wallet, replace(reversal(3), earlier=0), facts_of(deposit))
    assert used(first) == 6
    second = decided(first.wallet, replace(reversal(4, "reversal-2"), earlier=3), facts_of(deposit, first))
    assert used(second) == 2
    third = decided(second.wallet, replace(reversal(8, "reversal-3"), earlier=7), facts_of(deposit, first))
    assert used(third) == 1
    fourth = decided(third.wallet, replace(reversal(8, "reversal-4"), earlier=15), facts_of(deposit, first))
    assert (used(fourth), fourth.wallet.cash) == (1, 8 - 3 - 4 - 8 - 8)
    unknown = decided(first.wallet, reversal(4, "reversal-2"), facts_of(deposit, first))
    assert used(unknown) == 6  # nobody says how much is left of it


def test_how_much_was_taken_back_earlier_is_no_business_field() -> None:
    assert replace(reversal(3), earlier=5).fingerprint == reversal(3).fingerprint


def test_a_reversal_counts_the_opening_of_its_deposit() -> None:
    opened = decided(limited(), opening(8), now_ms=NOW + 1)
    deposit = decided(opened.wallet, paid_in(8), facts_of(opened), now_ms=NOW + DAY - 1)
    assert used(decided(deposit.wallet, reversal(8), facts_of(opened, deposit), now_ms=NOW + DAY - 1)) == 0
    late = decided(opened.wallet, paid_in(10), facts_of(opened), now_ms=NOW + DAY)
    assert used(late) == 2  # the rest was used in the window before
    assert used(decided(late.wallet, reversal(10), facts_of(opened, late), now_ms=NOW + DAY)) == 0
    more = decided(late.wallet, opening(5, "o-2"), now_ms=NOW + DAY)
    assert used(decided(more.wallet, reversal(10), facts_of(opened, late), now_ms=NOW + DAY)) == 5


def test_a_reversal_counts_no_opening_that_another_payment_has_ended() -> None:
    opened = decided(limited(), opening(8), now_ms=NOW + 1)
    first = decided(opened.wallet, paid_in(8), facts_of(opened), now_ms=NOW + 2)
    second = decided(first.wallet, paid_in(8, "dep-2"), facts_of(opened, first), now_ms=NOW + DAY)
    assert used(second) == 8
    back = replace(reversal(8), deposit=ref("dep-2", GATEWAY))
    assert used(decided(second.wallet, back, facts_of(opened, first, second), now_ms=NOW + DAY)) == 0


def test_where_the_opening_cannot_be_told_nothing_is_given_back() -> None:
    opened = decided(limited(), opening(8))
    deposit = decided(opened.wallet, paid_in(8), facts_of(opened))
    assert used(decided(deposit.wallet, reversal(8), facts_of(deposit.record))) == 8


def test_what_is_returned_uses_the_limits_again() -> None:
    deposit = decided(limited(cap=5), a_deposit(8))
    taken = decided(deposit.wallet, reversal(8), facts_of(deposit))
    back = decided(taken.wallet, given_back(8), facts_of(taken.record))
    assert [used(one) for one in (deposit, taken, back)] == [8, 0, 8]
    again = replace(reversal(8, "reversal-2"), deposit=back.record.reference)
    assert used(decided(back.wallet, again, facts_of(back.record, taken.record))) == 0


def test_reversals_and_openings_leave_limits_of_other_kinds_alone() -> None:
    wallet = limited(used=3, kind=LimitKind.WAGER)
    opened = decided(wallet, opening(8))
    deposit = decided(opened.wallet, paid_in(8), facts_of(opened))
    back = decided(deposit.wallet, reversal(8), facts_of(opened, deposit))
    assert [used(one) for one in (opened, deposit, back)] == [3, 3, 3]


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
