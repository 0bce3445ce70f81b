"""Time-outs and exclusions: at once, never shorter, and how they end; at the exact instants."""

import pytest

from countroom.ledger.movements import ExclusionKind, InvalidReference, Kind, Movement, Reason, Status
from countroom.ledger.records import Outcome
from countroom.ledger.rules.effects import status_at, unusable
from countroom.ledger.safeguards import FOREVER_MS, AskReopening, OpenDeposit, StartExclusion, reopens_at
from countroom.ledger.wallet import Exclusion, Wallet
from tests.unit.ledger.examples import (
    ANNA,
    HOUSE,
    NOW,
    a_bet,
    a_deposit,
    a_hold,
    a_rollback,
    a_win,
    decided,
    facts_of,
    ref,
    refused,
    wallet_with,
)
from tests.unit.ledger.test_bonuses import granted
from tests.unit.ledger.test_housekeeping import started

TIME_OUT, SELF, REGISTER, STAFF = ExclusionKind
HOUR = 3_600_000


def excluding(kind: ExclusionKind = SELF, until_ms: int = NOW + HOUR) -> StartExclusion:
    return StartExclusion(ref("exclusion-1", HOUSE), ANNA, kind, until_ms)


def asking(wait_ms: int = 500) -> AskReopening:
    return AskReopening(ref("reopening-1", HOUSE), ANNA, wait_ms)


def excluded(
    kind: ExclusionKind = SELF,
    until_ms: int = NOW + HOUR,
    reopens_at_ms: int = 0,
    cash: int = 0,
    status: Status = Status.ACTIVE,
) -> Wallet:
    return wallet_with(cash=cash, status=status, exclusion=Exclusion(kind, NOW - 5, until_ms, reopens_at_ms))


@pytest.mark.parametrize("kind", ExclusionKind)
def test_an_exclusion_counts_at_once(kind: ExclusionKind) -> None:
    decision = decided(wallet_with(cash=5), excluding(kind))
    assert decision.wallet.exclusion == Exclusion(kind, NOW, NOW + HOUR)
    assert decision.wallet.status is Status.ACTIVE
    assert status_at(decision.wallet, NOW) is Status.EXCLUDED
    assert decision.record.note == f"{kind} {NOW + HOUR}"
    assert refused(decision.wallet, a_bet(1)) is Reason.WALLET_EXCLUDED


@pytest.mark.parametrize("movement", [a_bet(1), a_bet(0), started(b"1" * 12), granted(1), OpenDeposit.of(ANNA, "d", "EUR", 1)])
def test_who_is_excluded_neither_plays_nor_pays_in_nor_gets_a_bonus(movement: Movement) -> None:
    wallet = excluded(cash=9)
    assert refused(wallet, movement) is Reason.WALLET_EXCLUDED
    decided(wallet_with(cash=9), movement)


def test_a_round_that_runs_still_pays_and_money_stays_reachable() -> None:
    bet = decided(wallet_with(cash=5), a_bet(5))
    wallet = decided(bet.wallet, excluding()).wallet
    won = decided(wallet, a_win(3, bet=ref("bet-1")), facts_of(bet))
    assert won.wallet.cash == 3
    assert decided(wallet, a_rollback(), facts_of(bet)).wallet.cash == 5
    assert decided(won.wallet, a_hold(3)).wallet.held == 3
    assert decided(wallet, a_deposit(4)).wallet.cash == 4  # money that is here is here


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.CLOSED, Status.EXCLUDED])
def test_what_staff_have_ordered_goes_before(status: Status) -> None:
    assert status_at(excluded(status=status), NOW) is status
    assert status_at(excluded(status=status), NOW + HOUR) is status
    expected = Reason.WALLET_EXCLUDED if status is Status.EXCLUDED else Reason.WALLET_BLOCKED
    assert unusable(excluded(status=status), NOW) is expected


def test_a_time_out_ends_by_itself_at_its_exact_millisecond() -> None:
    wallet = excluded(TIME_OUT, cash=9)
    assert refused(wallet, a_bet(1), now_ms=NOW + HOUR - 1) is Reason.WALLET_EXCLUDED
    assert decided(wallet, a_bet(1), now_ms=NOW + HOUR).wallet.cash == 8
    assert unusable(wallet, NOW + HOUR) is None


@pytest.mark.parametrize("kind", [SELF, REGISTER, STAFF])
def test_any_other_exclusion_goes_on_until_the_player_asks(kind: ExclusionKind) -> None:
    wallet = excluded(kind, cash=9)
    for now_ms in (NOW, NOW + HOUR, NOW + 99 * HOUR, FOREVER_MS):
        assert refused(wallet, a_bet(1), now_ms=now_ms) is Reason.WALLET_EXCLUDED
    assert refused(wallet, asking(), now_ms=NOW + HOUR - 1) is Reason.TOO_EARLY
    asked = decided(wallet, asking(), now_ms=NOW + HOUR)
    assert asked.wallet.exclusion == Exclusion(kind, NOW - 5, NOW + HOUR, NOW + HOUR + 500)
    assert reopens_at(asked.record) == NOW + HOUR + 500
    assert refused(asked.wallet, a_bet(1), now_ms=NOW + HOUR + 499) is Reason.WALLET_EXCLUDED
    assert decided(asked.wallet, a_bet(1), now_ms=NOW + HOUR + 500).wallet.cash == 8


def test_asking_twice_keeps_the_first_waiting_time() -> None:
    wallet = excluded(until_ms=NOW, reopens_at_ms=NOW + 700)
    again = decided(wallet, asking(9_000))
    assert again.record.outcome is Outcome.NO_EFFECT
    assert reopens_at(again.record) == NOW + 700
    assert again.wallet.exclusion == wallet.exclusion


def test_without_a_waiting_time_an_account_is_open_at_once() -> None:
    wallet = decided(excluded(until_ms=NOW, cash=5), asking(0)).wallet
    assert decided(wallet, a_bet(1)).wallet.cash == 4


@pytest.mark.parametrize(
    "wallet",
    [wallet_with(), excluded(TIME_OUT), excluded(TIME_OUT, NOW), excluded(SELF, NOW - 9, NOW), wallet_with(status=Status.EXCLUDED)],
)
def test_there_is_nothing_to_reopen(wallet: Wallet) -> None:
    assert refused(wallet, asking()) is Reason.NOTHING_PENDING


@pytest.mark.parametrize("kind", ExclusionKind)
@pytest.mark.parametrize("until_ms", [0, NOW - 1, NOW])
def test_an_exclusion_ends_in_the_future(kind: ExclusionKind, until_ms: int) -> None:
    assert refused(wallet_with(), excluding(kind, until_ms)) is Reason.INVALID_AMOUNT


@pytest.mark.parametrize(
    ("running", "asked", "later_by", "reason"),
    [
        (TIME_OUT, TIME_OUT, -1, Reason.EXCLUSION_RUNS),
        (TIME_OUT, TIME_OUT, 0, Reason.EXCLUSION_RUNS),
        (TIME_OUT, TIME_OUT, 1, None),
        (TIME_OUT, SELF, 0, Reason.EXCLUSION_RUNS),
        (TIME_OUT, SELF, 1, None),
        (TIME_OUT, STAFF, 1, None),
        (SELF, TIME_OUT, 1, Reason.EXCLUSION_RUNS),
        (REGISTER, TIME_OUT, 99 * HOUR, Reason.EXCLUSION_RUNS),
        (STAFF, TIME_OUT, 1, Reason.EXCLUSION_RUNS),
        (SELF, SELF, 0, Reason.EXCLUSION_RUNS),
        (SELF, SELF, 1, None),
        (SELF, REGISTER, -1, Reason.EXCLUSION_RUNS),
        (SELF, REGISTER, 1, None),
    ],
)
def test_what_runs_is_never_shortened(running: ExclusionKind, asked: ExclusionKind, later_by: int, reason: Reason | None) -> None:
    wallet = excluded(running)
    movement = excluding(asked, NOW + HOUR + later_by)
    if reason:
        assert refused(wallet, movement) is reason
        return
    since_ms = NOW - 5 if asked is running else NOW
    assert decided(wallet, movement).wallet.exclusion == Exclusion(asked, since_ms, NOW + HOUR + later_by)


def test_an_exclusion_past_its_end_still_runs_and_can_only_get_longer() -> None:
    wallet = excluded(until_ms=NOW - 1)
    assert refused(wallet, excluding(TIME_OUT)) is Reason.EXCLUSION_RUNS
    assert decided(wallet, excluding()).wallet.exclusion == Exclusion(SELF, NOW - 5, NOW + HOUR)


def test_who_is_excluded_anew_while_he_waits_has_to_ask_again() -> None:
    wallet = excluded(until_ms=NOW - 1, reopens_at_ms=NOW + 1)
    assert decided(wallet, excluding()).wallet.exclusion == Exclusion(SELF, NOW - 5, NOW + HOUR, 0)


@pytest.mark.parametrize("before", [excluded(TIME_OUT, NOW), excluded(SELF, NOW - 9, NOW)])
@pytest.mark.parametrize("kind", ExclusionKind)
def test_what_is_over_makes_room(before: Wallet, kind: ExclusionKind) -> None:
    assert decided(before, excluding(kind, NOW + 1)).wallet.exclusion == Exclusion(kind, NOW, NOW + 1)


def test_an_exclusion_may_have_no_end() -> None:
    assert FOREVER_MS == 2**48 - 1
    wallet = decided(wallet_with(), excluding(SELF, FOREVER_MS)).wallet
    assert refused(wallet, asking(), now_ms=FOREVER_MS - 1) is Reason.TOO_EARLY


@pytest.mark.parametrize("until_ms", [-1, 2**48])
def test_an_instant_that_cannot_be_written_is_refused(until_ms: int) -> None:
    with pytest.raises(InvalidReference):
        excluding(SELF, until_ms)


@pytest.mark.parametrize("wait_ms", [-1, 2**32])
def test_a_waiting_time_that_cannot_be_written_is_refused(wait_ms: int) -> None:
    with pytest.raises(InvalidReference):
        asking(wait_ms)


def test_only_an_asking_says_when_an_account_reopens() -> None:
    assert reopens_at(decided(wallet_with(), excluding()).record) is None
    assert decided(excluded(until_ms=NOW), asking()).record.kind is Kind.REOPENING
