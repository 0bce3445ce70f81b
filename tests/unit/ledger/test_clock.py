"""The clock of play: where a stretch of it begins and ends, reality checks and the longest session, at their exact milliseconds."""

import pytest

from countroom.ledger.movements import DAY_END, INTERVAL_END, InvalidReference, LimitKind, Period, Reason, StartSession, detail_of
from countroom.ledger.rules import clock
from countroom.ledger.rules.clock import BREAK_MS, Stretch
from countroom.ledger.rules.limits import DAY_MS
from countroom.ledger.safeguards import AcknowledgeCheck, SetCheckInterval
from countroom.ledger.wallet import NEVER_PLAYED, Limit, Pending, PlayClock, Totals, Wallet
from tests.unit.ledger.examples import (
    ANNA,
    HOUSE,
    NOW,
    UNIT,
    a_bet,
    a_rollback,
    a_win,
    decided,
    facts_of,
    ref,
    refused,
    wallet_with,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
RICH = wallet_with(cash=UNIT)


def playing(wallet: Wallet = RICH, ago: int = 0, last: int = 0, checked: int = 0, interval: int = 0, grown_on: int = 0) -> Wallet:
    """A wallet that has been played on for so many milliseconds, all told from now."""
    play = PlayClock(NOW - ago, NOW - last, NOW - checked, 0, 0, interval, grown_on)
    return wallet_with(cash=wallet.cash, limits=wallet.limits, play=play)


def seen() -> AcknowledgeCheck:
    return AcknowledgeCheck(ref("seen-1", HOUSE), ANNA)


def every(interval_ms: int) -> SetCheckInterval:
    return SetCheckInterval(ref("interval-1", HOUSE), ANNA, interval_ms)


def launch(interval_ms: int = 0, grown_on: int = 0) -> StartSession:
    return StartSession.of(ANNA, "hub88", b"d" * 12, "slot", NOW + DAY_MS, interval_ms=interval_ms, grown_on=grown_on)


def session_of(cap_ms: int) -> Wallet:
    return wallet_with(cash=UNIT, limits=(Limit(LimitKind.SESSION, Period.EACH, cap_ms),))


def test_play_begins_with_the_first_bet() -> None:
    wallet = wallet_with(cash=9, totals=Totals(deposited=6, staked=4, won=7))
    after = decided(wallet, a_bet(3)).wallet
    assert after.play == PlayClock(NOW, NOW, NOW, 4, 7)
    assert clock.stretch(after, NOW + 5) == Stretch(NOW, 5, 3, 0, 0)
    assert clock.stretch(wallet, NOW) is None


def test_play_goes_on_while_a_bet_comes_within_half_an_hour() -> None:
    assert BREAK_MS == 30 * MINUTE
    wallet = playing(ago=HOUR, last=BREAK_MS - 1)
    assert decided(wallet, a_bet(1)).wallet.play == PlayClock(NOW - HOUR, NOW, NOW)
    wallet = playing(ago=HOUR, last=BREAK_MS)
    assert decided(wallet, a_bet(1)).wallet.play == PlayClock(NOW, NOW, NOW)
    assert clock.stretch(wallet, NOW - 1) is not None
    assert clock.stretch(wallet, NOW) is None


def test_a_clock_that_goes_back_turns_nothing_back() -> None:
    wallet = playing(ago=HOUR, last=-5)
    assert decided(wallet, a_bet(1)).wallet.play == wallet.play
    assert clock.stretch(playing(ago=-5, last=-5), NOW) == Stretch(NOW + 5, 0, 0, 0, 0)


def test_a_new_stretch_keeps_what_was_chosen() -> None:
    wallet = playing(ago=HOUR, last=BREAK_MS, interval=HOUR, grown_on=9)
    assert decided(wallet, a_bet(1)).wallet.play == PlayClock(NOW, NOW, NOW, 0, 0, HOUR, 9)


def test_play_begins_with_a_launch_too_but_a_launch_makes_it_no_longer() -> None:
    assert decided(RICH, launch()).wallet.play == PlayClock(NOW, NOW, NOW)
    wallet = playing(ago=HOUR, last=MINUTE)
    assert decided(wallet, launch()).wallet.play == wallet.play
    wallet = playing(ago=HOUR, last=BREAK_MS)
    assert decided(wallet, launch()).wallet.play == PlayClock(NOW, NOW, NOW)


@pytest.mark.parametrize("movement", [a_win(5), a_rollback("win-0")])
def test_only_bets_are_play(movement: object) -> None:
    won = decided(RICH, a_win(1, "win-0"))
    wallet = playing(ago=HOUR, last=MINUTE)
    assert decided(wallet, movement, facts_of(won)).wallet.play == wallet.play  # type: ignore[arg-type] # of several kinds
    assert won.wallet.play == NEVER_PLAYED


def test_a_refused_bet_is_no_play() -> None:
    wallet = playing(wallet_with(cash=1), ago=HOUR, last=MINUTE)
    assert refused(wallet, a_bet(2)) is Reason.INSUFFICIENT_FUNDS  # `refused` checks that nothing changes


def test_a_stretch_tells_what_was_staked_and_won_in_it() -> None:
    bet = decided(wallet_with(cash=9), a_bet(4))
    won = decided(bet.wallet, a_win(7), now_ms=NOW + 1)
    found = clock.stretch(won.wallet, NOW + MINUTE)
    assert found is not None
    assert found == Stretch(NOW, MINUTE, 4, 7, 0)
    assert found.net == 3
    back = decided(won.wallet, a_rollback(), facts_of(bet), now_ms=NOW + 2)
    assert clock.stretch(back.wallet, NOW + 2) == Stretch(NOW, 2, 0, 7, 0)


# --- reality checks


def test_a_reality_check_is_due_at_its_exact_millisecond() -> None:
    wallet = playing(ago=HOUR, last=1, checked=HOUR - 1, interval=HOUR)
    assert decided(wallet, a_bet(1)).wallet.cash == UNIT - 1
    wallet = playing(ago=HOUR, last=1, checked=HOUR, interval=HOUR)
    assert refused(wallet, a_bet(1)) is Reason.REALITY_CHECK_DUE
    assert refused(wallet, a_bet(0)) is Reason.REALITY_CHECK_DUE
    found = clock.stretch(wallet, NOW)
    assert found is not None
    assert found.check_due_ms == NOW


def test_play_goes_on_when_the_check_was_acknowledged() -> None:
    wallet = playing(ago=2 * HOUR, last=1, checked=HOUR, interval=HOUR)
    acknowledged = decided(wallet, seen())
    assert acknowledged.wallet.play == wallet.play._replace(checked_ms=NOW)
    assert detail_of(acknowledged.record.note) == f"{2 * HOUR} 0 0"
    assert decided(acknowledged.wallet, a_bet(1)).wallet.cash == UNIT - 1
    playing_on = decided(acknowledged.wallet, a_bet(1), now_ms=NOW + MINUTE * 29).wallet
    last = decided(playing_on, a_bet(1, "bet-2"), now_ms=NOW + MINUTE * 58).wallet
    assert refused(last, a_bet(1), now_ms=NOW + HOUR) is Reason.REALITY_CHECK_DUE


def test_a_check_that_was_acknowledged_tells_what_had_been_staked_and_won() -> None:
    totals = Totals(deposited=UNIT, staked=9, won=12)
    wallet = wallet_with(cash=UNIT + 3, totals=totals, play=PlayClock(NOW - HOUR, NOW, NOW - HOUR, 4, 5, HOUR))
    assert detail_of(decided(wallet, seen()).record.note) == f"{HOUR} 5 7"


@pytest.mark.parametrize(
    "wallet",
    [
        RICH,
        playing(ago=HOUR, checked=HOUR),
        playing(ago=HOUR, checked=HOUR - 1, interval=HOUR),
        wallet_with(play=PlayClock(interval_ms=HOUR)),
    ],
)
def test_no_check_is_acknowledged_ahead_of_its_time(wallet: Wallet) -> None:
    assert refused(wallet, seen()) is Reason.TOO_EARLY


def test_a_check_that_was_left_open_can_still_be_acknowledged() -> None:
    wallet = playing(ago=9 * HOUR, last=BREAK_MS, checked=HOUR, interval=HOUR)
    assert decided(wallet, seen()).wallet.play.checked_ms == NOW


def test_after_a_break_no_check_is_due() -> None:
    wallet = playing(ago=9 * HOUR, last=BREAK_MS, checked=9 * HOUR, interval=HOUR)
    assert decided(wallet, a_bet(1)).wallet.play == PlayClock(NOW, NOW, NOW, 0, 0, HOUR)


def test_an_interval_of_the_players_own_counts_at_once() -> None:
    wallet = playing(ago=HOUR, last=1, checked=MINUTE)
    decided(wallet, a_bet(1))
    shorter = decided(wallet, every(MINUTE))
    assert (shorter.record.note, shorter.wallet.play) == (str(MINUTE), wallet.play._replace(interval_ms=MINUTE))
    assert refused(shorter.wallet, a_bet(1)) is Reason.REALITY_CHECK_DUE
    assert refused(decided(shorter.wallet, every(MINUTE + 1)).wallet, a_bet(1)) is Reason.REALITY_CHECK_DUE
    decided(decided(shorter.wallet, every(0)).wallet, a_bet(1))
    assert decided(RICH, every(HOUR)).wallet.play == PlayClock(interval_ms=HOUR)


@pytest.mark.parametrize(
    ("own", "profile", "after"), [(0, 0, 0), (0, 60, 60), (60, 0, 60), (30, 60, 30), (60, 30, 30), (60, 60, 60)]
)
def test_a_shorter_interval_of_the_players_own_stays_at_launch(own: int, profile: int, after: int) -> None:
    wallet = playing(ago=1, interval=own)
    assert decided(wallet, launch(profile)).wallet.play.interval_ms == after
    assert decided(wallet_with(play=PlayClock(interval_ms=own)), launch(profile)).wallet.play == PlayClock(
        NOW, NOW, NOW, interval_ms=after
    )


# --- the longest session


def test_the_longest_session_ends_at_its_exact_millisecond() -> None:
    over = playing(session_of(HOUR), ago=HOUR, last=1)
    assert refused(over, a_bet(1)) is Reason.LIMIT_REACHED
    assert refused(over, a_bet(0)) is Reason.LIMIT_REACHED
    decided(playing(session_of(HOUR), ago=HOUR - 1, last=1), a_bet(1))
    assert refused(playing(session_of(0), ago=0, last=0), a_bet(1)) is Reason.LIMIT_REACHED


def test_after_a_break_a_new_session_begins() -> None:
    wallet = playing(session_of(HOUR), ago=HOUR, last=1)
    assert refused(wallet, a_bet(1), now_ms=NOW - 1 + BREAK_MS - 1) is Reason.LIMIT_REACHED
    assert decided(wallet, a_bet(1), now_ms=NOW - 1 + BREAK_MS).wallet.play.started_ms == NOW - 1 + BREAK_MS


def test_the_session_limit_comes_before_the_check_and_the_debt_before_both() -> None:
    wallet = playing(session_of(HOUR), ago=HOUR, last=1, checked=HOUR, interval=1)
    assert refused(wallet, a_bet(1)) is Reason.LIMIT_REACHED
    indebted = wallet_with(cash=-1, play=wallet.play)
    assert refused(indebted, a_bet(1)) is Reason.NEGATIVE_BALANCE


def test_a_session_limit_that_is_raised_or_removed_counts_by_time_alone() -> None:
    for pending in (Pending(2 * HOUR, NOW), Pending(None, NOW)):
        limit = Limit(LimitKind.SESSION, Period.EACH, HOUR, pending=pending)
        wallet = playing(wallet_with(cash=UNIT, limits=(limit,)), ago=HOUR + 1, last=2)
        assert refused(wallet, a_bet(1), now_ms=NOW - 1) is Reason.LIMIT_REACHED
        decided(wallet, a_bet(1))


def test_limits_of_other_kinds_are_no_session_limits() -> None:
    limit = Limit(LimitKind.STAKE, Period.EACH, 5)
    decided(playing(wallet_with(cash=UNIT, limits=(limit,)), ago=HOUR, last=1), a_bet(5))


# --- ages


def test_the_higher_cap_counts_from_its_day_on() -> None:
    birthday = 20_455
    assert birthday * DAY_MS > NOW
    assert not clock.is_grown(PlayClock(grown_on=birthday), birthday * DAY_MS - 1)
    assert clock.is_grown(PlayClock(grown_on=birthday), birthday * DAY_MS)
    assert clock.is_grown(PlayClock(grown_on=1), NOW)
    assert not clock.is_grown(PlayClock(grown_on=0), NOW)


def test_a_launch_says_from_which_day_the_higher_cap_counts() -> None:
    assert decided(playing(ago=1, grown_on=9), launch(grown_on=12)).wallet.play.grown_on == 12
    assert decided(playing(ago=1, grown_on=9), launch()).wallet.play.grown_on == 0  # not known any more


@pytest.mark.parametrize(("interval_ms", "grown_on"), [(-1, 0), (INTERVAL_END, 0), (0, -1), (0, DAY_END)])
def test_numbers_that_cannot_be_written_are_refused(interval_ms: int, grown_on: int) -> None:
    assert (INTERVAL_END, DAY_END) == (2**32, 2**24)
    with pytest.raises(InvalidReference):
        launch(interval_ms, grown_on)
    if interval_ms:
        with pytest.raises(InvalidReference):
            every(interval_ms)
    assert launch(INTERVAL_END - 1, DAY_END - 1).grown_on == DAY_END - 1
    assert every(INTERVAL_END - 1).interval_ms == INTERVAL_END - 1
