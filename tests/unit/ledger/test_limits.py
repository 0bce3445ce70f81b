"""Limits at the exact instants and sums at which they turn."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import COUNTING, Kind, LimitKind, Movement, Period, Reason
from countroom.ledger.rules import limits
from countroom.ledger.rules.limits import DAY_MS, SESSION_MS_MAX
from countroom.ledger.safeguards import ConfirmRaise, LimitChange, SetLimit, WithdrawRaise, change_of, limit_of
from countroom.ledger.wallet import INDEX_TOP, Limit, Pending, Wallet
from tests.unit.ledger.examples import ANNA, HOUSE, NONE, NOW, UNIT, a_bet, changed, decided, ref, refused, wallet_with

WAGER, LOSS, DEPOSIT, STAKE, SESSION = LimitKind.WAGER, LimitKind.LOSS, LimitKind.DEPOSIT, LimitKind.STAKE, LimitKind.SESSION
DAY, WEEK, MONTH, EACH = Period
WAIT = DAY_MS


def a_limit(kind: LimitKind = WAGER, cap: int = 10, used: int = 4, **fields: object) -> Limit:
    return changed(Limit(kind, DAY, cap, used, NOW), **fields)


def at(text: str, zone: str = "UTC") -> int:
    """The instant of a local time, in epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def setting(cap: int | None, kind: LimitKind = LOSS, period: Period = DAY, waits_ms: int = WAIT, **fields: object) -> SetLimit:
    return changed(SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", cap, kind, period, waits_ms), **fields)


def withdrawing(kind: LimitKind = LOSS, period: Period = DAY) -> WithdrawRaise:
    return WithdrawRaise(ref("withdraw-1", HOUSE), ANNA, kind, period)


def confirming(kind: LimitKind = LOSS, period: Period = DAY) -> ConfirmRaise:
    return ConfirmRaise(ref("confirm-1", HOUSE), ANNA, kind, period)


def ends_ms(limit: Limit, now_ms: int) -> int:
    return limits.window_starts_ms(limit, limits.window_at(limit, now_ms) + 1)


# --- windows


@pytest.mark.parametrize(("period", "length"), [(DAY, DAY_MS), (WEEK, 7 * DAY_MS)])
@pytest.mark.parametrize("number", [0, 1, 2, 9])
def test_a_window_ends_at_its_exact_millisecond(period: Period, length: int, number: int) -> None:
    limit = a_limit(period=period)
    starts = NOW + number * length
    for now_ms in (starts, starts + 1, starts + length - 1):
        assert limits.window_at(limit, now_ms) == number
        assert ends_ms(limit, now_ms) == starts + length
    assert limits.window_at(limit, starts + length) == number + 1


def test_a_clock_that_goes_back_brings_no_earlier_window_back() -> None:
    assert limits.window_at(a_limit(), NOW - 1) == 0
    assert limits.window_at(a_limit(index=3), NOW + DAY_MS) == 3
    assert limits.used(a_limit(index=3), NOW + DAY_MS) == 4


def test_the_last_window_never_ends() -> None:
    assert limits.window_at(a_limit(anchor_ms=0), 10**14) == INDEX_TOP == 65_535


MONTHS = [
    ("2026-01-31T00:00:00", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
    ("2024-01-31T23:59:59.999", ["2024-02-29", "2024-03-31", "2024-04-30"]),  # a leap year
    ("2024-02-29T12:00:00", ["2024-03-29", "2024-04-29"]),
    ("2023-12-31T01:02:03", ["2024-01-31", "2024-02-29", "2024-03-31"]),
    ("2099-11-30T00:00:00", ["2099-12-30", "2100-01-30", "2100-02-28", "2100-03-30"]),  # 2100 is no leap year
    ("2026-02-28T00:00:00", ["2026-03-28", "2026-04-28"]),
    ("2026-04-15T10:00:00", ["2026-05-15", "2026-06-15"]),
    ("1970-01-01T00:00:00", ["1970-02-01", "1970-03-01"]),
]


@pytest.mark.parametrize(("start", "following"), MONTHS)
def test_a_month_runs_to_the_same_day_and_time_or_to_the_last_day(start: str, following: list[str]) -> None:
    time = start[10:]
    limit = a_limit(period=MONTH, anchor_ms=at(start))
    for number, day in enumerate(following, start=1):
        turns = at(day + time)
        assert limits.window_starts_ms(limit, number) == limits.month_later(at(start), number) == turns
        assert limits.window_at(limit, turns - 1) == number - 1
        assert limits.window_at(limit, turns) == number
        assert ends_ms(limit, turns - 1) == turns
        assert limits.used(replace(limit, index=number - 1), turns - 1) == 4
        assert limits.used(replace(limit, index=number - 1), turns) == 0


def test_months_are_counted_from_the_start_for_ever() -> None:
    start = at("2024-02-29T05:00:00")
    assert limits.month_later(start, 12) == at("2025-02-28T05:00:00")
    assert limits.month_later(start, 48) == at("2028-02-29T05:00:00")
    limit = a_limit(period=MONTH, anchor_ms=start)
    assert limits.window_at(limit, at("2028-02-29T04:59:59.999")) == 47
    assert limits.window_at(limit, at("2028-02-29T05:00:00")) == 48


@pytest.mark.parametrize(
    ("zone", "day"), [("Europe/London", "2026-03-28"), ("Europe/London", "2026-10-24"), ("America/Toronto", "2026-03-07")]
)
def test_a_change_of_local_clocks_has_no_effect(zone: str, day: str) -> None:
    start = at(f"{day}T18:00:00", zone)
    limit = a_limit(anchor_ms=start)
    assert limits.window_at(limit, start + DAY_MS - 1) == 0
    assert limits.window_at(limit, start + DAY_MS) == 1
    local = datetime.fromtimestamp((start + DAY_MS) / 1000, UTC).astimezone(ZoneInfo(zone))
    assert local.hour != 18  # so it shows


# --- counting


@pytest.mark.parametrize("kind", sorted(COUNTING))
def test_a_use_up_to_the_cap_is_allowed_and_one_nano_more_is_not(kind: LimitKind) -> None:
    limit = a_limit(kind)
    assert limits.left(limit, NOW) == 6
    assert limits.blocking((limit,), {kind: 6}, NOW) is None
    assert limits.blocking((limit,), {kind: 7}, NOW) == limit
    assert limits.blocking((limit,), {kind: 7}, NOW + DAY_MS - 1) == limit
    assert limits.blocking((limit,), {kind: 10}, NOW + DAY_MS) is None
    assert limits.blocking((limit,), {kind: 11}, NOW + DAY_MS) == limit
    assert limits.left(limit, NOW + DAY_MS) == 10


def test_a_stake_limit_looks_at_each_stake_by_itself() -> None:
    limit = Limit(STAKE, EACH, 10)
    for now_ms in (NOW, NOW + 99 * DAY_MS):
        assert limits.blocking((limit,), {STAKE: 10}, now_ms) is None
        assert limits.blocking((limit,), {STAKE: 11}, now_ms) == limit
        assert (limits.left(limit, now_ms), limits.used(limit, now_ms)) == (10, 0)
    assert limits.counted(wallet_with(limits=(limit,)), {STAKE: 5}, NOW) == (limit,)


def test_the_lowest_of_several_limits_applies() -> None:
    several = (a_limit(cap=100), a_limit(cap=6, period=WEEK), a_limit(LOSS, cap=5), Limit(STAKE, EACH, 3))
    uses = {WAGER: 3, LOSS: 3, STAKE: 3}
    assert limits.blocking(several, dict.fromkeys(uses, 1), NOW) is None
    assert limits.blocking(several, dict.fromkeys(uses, 2), NOW) == several[2]
    assert limits.blocking(several, uses, NOW) == several[2]
    assert limits.blocking(several, {WAGER: 3, STAKE: 3}, NOW) == several[1]
    assert limits.blocking(several, {STAKE: 4}, NOW) == several[3]


def test_a_use_counts_for_its_own_kind_only() -> None:
    both = wallet_with(limits=(a_limit(), a_limit(DEPOSIT, used=10)))
    assert limits.counted(both, {WAGER: 1}, NOW) == (a_limit(used=5), a_limit(DEPOSIT, used=10))


def test_a_limit_that_is_over_does_not_stop_another_kind_or_a_use_of_nothing() -> None:
    over = (a_limit(DEPOSIT, used=99), a_limit(LOSS, used=11))
    assert limits.blocking(over, {WAGER: 1}, NOW) is None
    assert limits.blocking(over, {LOSS: 0}, NOW) is None
    assert limits.left(over[1], NOW) == 0


def test_a_new_window_counts_from_nothing_and_from_this_version_on() -> None:
    wallet = wallet_with(limits=(a_limit(), a_limit(LOSS)))
    assert limits.counted(wallet, {WAGER: 60}, NOW + DAY_MS - 1) == (a_limit(used=64), a_limit(LOSS))
    turned = a_limit(used=60, index=1, after=wallet.version)
    assert limits.counted(wallet, {WAGER: 60}, NOW + DAY_MS) == (turned, a_limit(LOSS))
    assert limits.counted(wallet, {WAGER: -3}, NOW + 2 * DAY_MS)[0] == a_limit(used=0, index=2, after=wallet.version)


def test_a_counter_never_falls_below_zero() -> None:
    wallet = wallet_with(limits=(a_limit(), a_limit(LOSS)))
    assert limits.counted(wallet, {WAGER: -5}, NOW) == (a_limit(used=0), a_limit(LOSS))
    assert limits.counted(wallet, {WAGER: -4}, NOW) == (a_limit(used=0), a_limit(LOSS))
    assert limits.counted(wallet, {WAGER: -3}, NOW) == (a_limit(used=1), a_limit(LOSS))


def test_nothing_is_counted_where_there_is_no_limit() -> None:
    assert limits.blocking((), {WAGER: 1}, 1) is None
    assert limits.counted(wallet_with(), {WAGER: 1}, 1) == ()
    assert limits.given_back(wallet_with(), {WAGER: 1}, 1, 1) == ()


@pytest.mark.parametrize(
    ("used_by", "now_ms", "left", "index"),
    [
        (6, NOW, 1, 0),
        (6, NOW + DAY_MS - 1, 1, 0),
        (5, NOW, 4, 0),  # the limit counts what comes after version 5
        (6, NOW + DAY_MS, 0, 1),  # a new window has begun
        (5, NOW + DAY_MS, 4, 0),
    ],
)
def test_what_is_given_back_counts_in_the_window_of_its_use(used_by: int, now_ms: int, left: int, index: int) -> None:
    wallet = wallet_with(limits=(a_limit(after=5), a_limit(LOSS, after=5)))
    after, other = limits.given_back(wallet, {WAGER: 3}, used_by, now_ms)
    assert (after.used, after.index, after.after) == (left, index, 7 if index else 5)
    assert other == a_limit(LOSS, after=5)


# --- setting


@pytest.mark.parametrize("period", [DAY, WEEK, MONTH])
@pytest.mark.parametrize("kind", sorted(COUNTING))
def test_a_new_limit_counts_from_now(kind: LimitKind, period: Period) -> None:
    decision = decided(wallet_with(cash=5), setting(7, kind, period))
    assert decision.wallet.limits == (Limit(kind, period, 7, 0, NOW, 0, 7),)
    assert decision.record.amount == 7
    assert decision.record.postings == ()
    assert limit_of(decision.record) == (kind, period)
    assert change_of(decision.record) == LimitChange(None, 7, NOW)


@pytest.mark.parametrize("kind", [STAKE, SESSION])
def test_a_limit_of_each_has_no_counter(kind: LimitKind) -> None:
    decision = decided(wallet_with(), setting(7, kind, EACH))
    assert decision.wallet.limits == (Limit(kind, EACH, 7),)
    assert decision.record.amount == (7 if kind is STAKE else 0)
    assert change_of(decision.record) == LimitChange(None, 7, NOW)


def test_a_limit_of_nothing_is_a_limit() -> None:
    assert decided(wallet_with(), setting(0)).wallet.limits[0].cap == 0
    assert decided(wallet_with(), setting(0, SESSION, EACH)).wallet.limits[0].cap == 0


def test_every_limit_can_be_set_beside_the_others() -> None:
    wallet = wallet_with()
    for kind in LimitKind:
        for period in (DAY, WEEK, MONTH) if kind in COUNTING else (EACH,):
            wallet = decided(wallet, setting(7, kind, period)).wallet
    assert len({limit.name for limit in wallet.limits}) == 11


@pytest.mark.parametrize(
    "movement",
    [
        *(setting(7, kind, EACH) for kind in sorted(COUNTING)),
        *(setting(7, kind, period) for kind in (STAKE, SESSION) for period in (DAY, WEEK, MONTH)),
        setting(7, waits_ms=-1),
        setting(7, waits_ms=2**32),
        setting(-1),
        setting(10**21 + 1),
        setting(-1, SESSION, EACH),
        setting(SESSION_MS_MAX + 1, SESSION, EACH),
        changed(setting(7, SESSION, EACH), cap=1.5),
        changed(setting(7, SESSION, EACH), cap=True),
    ],
)
def test_what_is_no_limit_is_refused(movement: SetLimit) -> None:
    assert refused(wallet_with(), movement) is Reason.INVALID_AMOUNT


def test_the_largest_limits_are_limits() -> None:
    assert SESSION_MS_MAX == 366 * 86_400_000
    assert decided(wallet_with(), setting(10**12 * UNIT)).wallet.limits[0].cap == 10**21
    assert decided(wallet_with(), setting(SESSION_MS_MAX, SESSION, EACH)).wallet.limits[0].cap == SESSION_MS_MAX
    assert refused(wallet_with(), setting(7, currency="USD")) is Reason.WRONG_CURRENCY


def standing(**fields: object) -> tuple[Wallet, Limit]:
    """A wallet with a limit between two others."""
    limit = a_limit(LOSS, 7, 3, **fields)
    return wallet_with(limits=(a_limit(WAGER, 7, 1), limit, a_limit(LOSS, 7, 2, period=WEEK))), limit


@pytest.mark.parametrize("pending", [None, Pending(9, NOW + 1000), Pending(None, NOW + 1000)])
@pytest.mark.parametrize("cap", [7, 6, 3, 2, 0])
def test_a_lower_limit_counts_at_once_and_drops_a_raise(cap: int, pending: Pending | None) -> None:
    wallet, limit = standing(pending=pending)
    decision = decided(wallet, setting(cap))
    assert decision.wallet.limits == (wallet.limits[0], replace(limit, cap=cap, pending=None), wallet.limits[2])
    assert change_of(decision.record) == LimitChange(7, cap, NOW)
    assert decision.record.amount == cap


def test_the_time_of_a_session_is_no_amount_of_money() -> None:
    wallet = wallet_with(limits=(Limit(SESSION, EACH, 9),))
    for cap in (9, 8):
        decision = decided(wallet, setting(cap, SESSION, EACH))
        assert (decision.wallet.limits[0].cap, decision.record.amount) == (cap, 0)
        assert change_of(decision.record) == LimitChange(9, cap, NOW)
    assert decided(wallet, setting(10, SESSION, EACH)).record.amount == 0


def test_a_lower_limit_below_what_is_spent_leaves_nothing() -> None:
    wallet = decided(wallet_with(cash=99, limits=(a_limit(WAGER, 9, 5),)), setting(4, WAGER)).wallet
    assert limits.left(wallet.limits[0], NOW) == 0
    assert refused(wallet, a_bet(1)) is Reason.LIMIT_REACHED


@pytest.mark.parametrize("cap", [8, 10**21, None])
@pytest.mark.parametrize("confirm", [True, False])
def test_a_higher_limit_or_none_waits_while_the_old_one_holds(cap: int | None, confirm: bool) -> None:
    wallet, limit = standing()
    decision = decided(wallet, setting(cap, confirm=confirm))
    after = replace(limit, pending=Pending(cap, NOW + WAIT, confirm))
    assert decision.wallet.limits == (wallet.limits[0], after, wallet.limits[2])
    assert decision.record.amount == (cap or 0)
    assert change_of(decision.record) == LimitChange(7, cap, NOW + WAIT, confirm)
    assert limits.in_force(decision.wallet.limits, NOW + WAIT - 1) == decision.wallet.limits
    due = limits.in_force(decision.wallet.limits, NOW + WAIT)
    if confirm:
        assert due == decision.wallet.limits
    elif cap is None:
        assert due == (wallet.limits[0], wallet.limits[2])
    else:
        assert due == (wallet.limits[0], replace(limit, cap=cap), wallet.limits[2])


def test_a_raise_never_comes_before_its_time() -> None:
    wallet, _ = standing()
    for now_ms, due_ms in ((NOW + 1, NOW + 1000), (NOW + 999, NOW + 1000), (NOW + 1000, NOW + 1000)):
        decision = decided(wallet, setting(8, waits_ms=now_ms - NOW))
        pending = decision.wallet.limits[1].pending
        assert pending == Pending(8, due_ms)


def test_where_no_raise_is_offered_it_is_refused() -> None:
    wallet, _ = standing()
    assert refused(wallet, setting(8, waits_ms=0)) is Reason.LIMIT_RAISE
    assert refused(wallet, setting(None, waits_ms=0)) is Reason.LIMIT_RAISE
    assert decided(wallet, setting(7, waits_ms=0)).wallet.limits == wallet.limits


def test_the_longest_waiting_time_is_one() -> None:
    wallet, _ = standing()
    assert decided(wallet, setting(8, waits_ms=2**32 - 1)).wallet.limits[1].pending is not None


def test_a_second_raise_replaces_the_first_and_waits_anew() -> None:
    wallet, limit = standing(pending=Pending(9, NOW + 1000))
    after = decided(wallet, setting(8)).wallet
    assert after.limits[1] == replace(limit, pending=Pending(8, NOW + WAIT))


def test_there_is_no_limit_to_take_away() -> None:
    assert refused(wallet_with(), setting(None)) is Reason.NOTHING_PENDING
    assert refused(wallet_with(), setting(None, STAKE, EACH)) is Reason.NOTHING_PENDING


def test_a_raise_can_be_withdrawn_until_it_counts() -> None:
    wallet, limit = standing(pending=Pending(9, NOW + 1000))
    decision = decided(wallet, withdrawing(), now_ms=NOW + 999)
    assert decision.wallet.limits[1] == replace(limit, pending=None)
    assert (decision.record.kind, decision.record.amount) == (Kind.RAISE_WITHDRAWN, 0)
    assert change_of(decision.record) == LimitChange(9, 7, NOW + 999)
    assert refused(wallet, withdrawing(), now_ms=NOW + 1000) is Reason.NOTHING_PENDING
    assert refused(decision.wallet, withdrawing()) is Reason.NOTHING_PENDING
    for kind, period in ((LOSS, WEEK), (WAGER, DAY), (DEPOSIT, DAY)):
        assert refused(wallet, withdrawing(kind, period)) is Reason.NOTHING_PENDING


def test_a_raise_that_waits_to_be_confirmed_can_be_withdrawn_at_any_time() -> None:
    wallet, limit = standing(pending=Pending(9, NOW, confirm=True))
    assert decided(wallet, withdrawing(), now_ms=NOW + 9 * WAIT).wallet.limits[1] == replace(limit, pending=None)


@pytest.mark.parametrize("cap", [9, None])
def test_a_raise_is_confirmed_when_its_time_has_come(cap: int | None) -> None:
    wallet, limit = standing(pending=Pending(cap, NOW + 1000, confirm=True))
    assert refused(wallet, confirming(), now_ms=NOW + 999) is Reason.TOO_EARLY
    for now_ms in (NOW + 1000, NOW + 99 * WAIT):
        decision = decided(wallet, confirming(), now_ms=now_ms)
        raised = () if cap is None else (replace(limit, cap=cap, pending=None),)
        assert decision.wallet.limits == (wallet.limits[0], *raised, wallet.limits[2])
        assert change_of(decision.record) == LimitChange(7, cap, now_ms)
        assert refused(decision.wallet, confirming(), now_ms=now_ms) is Reason.NOTHING_PENDING


def test_what_needs_no_confirmation_cannot_be_confirmed_early() -> None:
    wallet, _ = standing(pending=Pending(9, NOW + 1000))
    assert refused(wallet, confirming(), now_ms=NOW + 999) is Reason.TOO_EARLY
    assert refused(wallet, confirming(), now_ms=NOW + 1000) is Reason.NOTHING_PENDING
    assert refused(wallet, confirming(WAGER)) is Reason.NOTHING_PENDING


@pytest.mark.parametrize("movement", [setting(None, waits_ms=0), withdrawing(), confirming()])
def test_a_refused_change_says_which_limit_and_no_change(movement: Movement) -> None:
    wallet = (
        wallet_with(limits=(a_limit(LOSS, pending=Pending(99, NOW + 9000)),))
        if movement.kind is Kind.RAISE_CONFIRMED
        else wallet_with()
    )
    record = decide_refused(wallet, movement).record
    assert limit_of(record) == (LOSS, DAY)
    assert change_of(record) is None


def decide_refused(wallet: Wallet, movement: Movement) -> Decision:
    decision = decide(wallet, NONE, movement, NOW)
    assert isinstance(decision, Decision)
    return decision


def test_a_removed_limit_that_is_set_again_starts_anew() -> None:
    wallet = wallet_with(cash=UNIT, limits=(a_limit(WAGER, 7, 3, pending=Pending(None, NOW)),))
    assert decided(wallet, a_bet(99)).wallet.limits == ()
    assert decided(wallet, setting(5, WAGER)).wallet.limits == (Limit(WAGER, DAY, 5, 0, NOW, 0, 7),)


def test_a_raise_that_has_come_is_written_by_the_next_movement_that_counts() -> None:
    wallet = wallet_with(cash=99, limits=(a_limit(WAGER, 7, 3, pending=Pending(9, NOW)),))
    assert decided(wallet, a_bet(6)).wallet.limits == (a_limit(WAGER, 9, 9),)
    assert refused(wallet, a_bet(7)) is Reason.LIMIT_REACHED
    assert refused(wallet, a_bet(6), now_ms=NOW - 1) is Reason.LIMIT_REACHED
    assert decided(wallet, a_bet(0)).wallet.limits == (a_limit(WAGER, 9, 3),)
