from dataclasses import replace

import pytest

from countroom.jurisdictions.profile import Level
from countroom.jurisdictions.profiles import GREAT_BRITAIN, MALTA, NEUTRAL
from countroom.ledger.book import Posted
from countroom.ledger.movements import LimitKind, Period
from countroom.ledger.wallet import Limit, Pending, PlayClock, Totals
from countroom.responsible_play.forms import Cap
from countroom.responsible_play.overview import Needs, interval_of, limits_now, needs, net_deposits, net_position, play_now
from countroom.times import from_iso
from tests.unit.clock import START_MS
from tests.unit.ledger.examples import wallet_with
from tests.unit.responsible_play.desk_world import DAY_MS, FOUND, HOUR_MS, MINUTE_MS, UNIT, Room, done


def test_limits_in_a_fixed_order_with_what_is_used_and_left() -> None:
    room = Room()
    for kind, period, cap in (
        ("session", "each", Cap(minutes=60)),
        ("stake", "each", Cap("5.00")),
        ("wager", "1m", Cap("100.00")),
        ("wager", "24h", Cap("30.00")),
    ):
        done(room.desk.set_limit(FOUND, kind, period, cap))
    assert isinstance(room.bet(4), Posted)
    found = limits_now(room.wallet, room.clock())
    assert [now.limit.name for now in found] == ["wager 24h", "wager 1m", "stake each", "session each"]
    assert [(now.used, now.left) for now in found] == [(4 * UNIT, 26 * UNIT), (4 * UNIT, 96 * UNIT), (None, None), (None, None)]
    assert [now.ends_ms for now in found] == [START_MS + DAY_MS, from_iso("2026-02-01T12:00:00Z"), None, None]


def test_a_period_that_is_over_leaves_all_of_the_limit() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "wager", "24h", Cap("30.00")))
    assert isinstance(room.bet(30), Posted)
    (last,) = limits_now(room.wallet, START_MS + DAY_MS - 1)
    (first,) = limits_now(room.wallet, START_MS + DAY_MS)
    assert (last.left, last.ends_ms) == (0, START_MS + DAY_MS)
    assert (first.left, first.ends_ms) == (30 * UNIT, START_MS + 2 * DAY_MS)


def test_a_limit_lowered_below_what_is_used_leaves_nothing() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "wager", "24h", Cap("30.00")))
    assert isinstance(room.bet(30), Posted)
    done(room.desk.set_limit(FOUND, "wager", "24h", Cap("10.00")))
    (now,) = limits_now(room.wallet, room.clock())
    assert (now.used, now.left) == (30 * UNIT, 0)


@pytest.mark.parametrize(("confirm", "early", "late"), [(True, False, True), (False, False, None)])
def test_a_raise_that_waits(confirm: bool, early: bool, late: bool | None) -> None:
    pending = Pending(200 * UNIT, START_MS + DAY_MS, confirm)
    wallet = wallet_with(limits=(Limit(LimitKind.DEPOSIT, Period.DAY, 100 * UNIT, anchor_ms=START_MS, pending=pending),))
    (before,) = limits_now(wallet, START_MS + DAY_MS - 1)
    (after,) = limits_now(wallet, START_MS + DAY_MS)
    assert (before.limit.cap, before.confirmable) == (100 * UNIT, early)
    if late:
        assert (after.limit.cap, after.confirmable) == (100 * UNIT, True)
    else:
        assert (after.limit.cap, after.limit.pending) == (200 * UNIT, None)


def test_a_removal_that_has_waited_leaves_no_limit() -> None:
    limit = Limit(LimitKind.STAKE, Period.EACH, UNIT, pending=Pending(None, START_MS + DAY_MS))
    assert len(limits_now(wallet_with(limits=(limit,)), START_MS + DAY_MS - 1)) == 1
    assert limits_now(wallet_with(limits=(limit,)), START_MS + DAY_MS) == ()


def test_a_stretch_of_play_from_its_start() -> None:
    room = Room()
    assert play_now(room.wallet, room.clock()) is None
    done(room.desk.set_limit(FOUND, "session", "each", Cap(minutes=90)))
    room.launch()
    assert isinstance(room.bet(10), Posted)
    room.clock.advance(milliseconds=25 * MINUTE_MS)
    assert isinstance(room.bet(5), Posted)
    room.win(12)
    now = play_now(room.wallet, room.clock())
    assert now is not None
    assert (now.stretch.elapsed_ms, now.stretch.staked, now.stretch.won, now.stretch.net) == (
        25 * MINUTE_MS,
        15 * UNIT,
        12 * UNIT,
        -3 * UNIT,
    )
    assert (now.due, now.check_ms) == (False, START_MS + HOUR_MS)
    assert (now.over, now.over_ms) == (False, START_MS + 90 * MINUTE_MS)
    assert now.rested_ms == room.clock() + 30 * MINUTE_MS


def test_a_stretch_ends_by_a_break() -> None:
    room = Room()
    room.launch()
    assert isinstance(room.bet(10), Posted)
    assert play_now(room.wallet, START_MS + 30 * MINUTE_MS - 1) is not None
    assert play_now(room.wallet, START_MS + 30 * MINUTE_MS) is None


def test_a_check_is_due_and_the_session_over_at_the_exact_instant() -> None:
    clock = PlayClock(START_MS, START_MS + 50 * MINUTE_MS, START_MS, interval_ms=HOUR_MS)
    wallet = wallet_with(play=clock, limits=(Limit(LimitKind.SESSION, Period.EACH, HOUR_MS),))
    before, at = (play_now(wallet, START_MS + HOUR_MS - early) for early in (1, 0))
    assert before is not None
    assert at is not None
    assert (before.due, before.over) == (False, False)
    assert (at.due, at.over) == (True, True)


def test_without_an_interval_no_check_comes() -> None:
    wallet = wallet_with(play=PlayClock(START_MS, START_MS, START_MS))
    now = play_now(wallet, START_MS + 1)
    assert now is not None
    assert (now.due, now.check_ms, now.over_ms, now.over) == (False, None, None, False)


@pytest.mark.parametrize(("own", "expected"), [(0, HOUR_MS), (10 * MINUTE_MS, 10 * MINUTE_MS), (2 * HOUR_MS, HOUR_MS)])
def test_how_often_the_check_comes(own: int, expected: int) -> None:
    assert interval_of(wallet_with(play=PlayClock(interval_ms=own)), NEUTRAL) == expected


def test_the_sums_of_a_lifetime() -> None:
    wallet = wallet_with(totals=Totals(deposited=500 * UNIT, withdrawn=120 * UNIT, staked=900 * UNIT, won=640 * UNIT))
    assert (net_deposits(wallet), net_position(wallet)) == (380 * UNIT, -260 * UNIT)


def test_what_is_still_to_be_verified() -> None:
    wallet = replace(wallet_with(), totals=Totals(deposited=4_999 * UNIT))
    assert needs(wallet, GREAT_BRITAIN, frozenset()) == Needs(
        (Level.AGE, Level.IDENTITY), (Level.AGE, Level.IDENTITY), (Level.AGE, Level.IDENTITY)
    )
    assert needs(wallet, GREAT_BRITAIN, frozenset({Level.AGE, Level.IDENTITY})) == Needs((), (), ())
    assert needs(wallet, NEUTRAL, frozenset()) == Needs((), (), (Level.IDENTITY,))
    assert needs(wallet, MALTA, frozenset({Level.IDENTITY})) == Needs((Level.ADDRESS,), (Level.ADDRESS,), ())


def test_a_threshold_asks_before_deposits_and_play_and_never_holds_money_up() -> None:
    wallet = replace(wallet_with(), totals=Totals(deposited=10_000 * UNIT))
    funds = (Level.SOURCE_OF_FUNDS,)
    assert needs(wallet, NEUTRAL, frozenset({Level.IDENTITY})) == Needs(funds, funds, ())
    wallet = replace(wallet, totals=Totals(deposited=10_000 * UNIT, withdrawn=1))
    assert needs(wallet, NEUTRAL, frozenset({Level.IDENTITY})) == Needs((), (), ())
