"""Movements as they may come: few names and small sums, so that they meet, repeat, contradict and refer to each other."""

from typing import Final

from hypothesis import strategies as st

from countroom.ledger.movements import (
    Adjustment,
    Bet,
    BonusConverted,
    BonusForfeited,
    BonusGranted,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    ExclusionKind,
    Hold,
    LimitKind,
    Movement,
    PayoutReturned,
    Period,
    Reference,
    Release,
    Rollback,
    SetStatus,
    StartSession,
    Status,
    Win,
)
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from tests.unit.ledger.examples import ANNA, BEN, NOW

PLAYERS: Final = (ANNA, BEN)


def named(source: str, letter: str, count: int = 4) -> st.SearchStrategy[Reference]:
    """Draw one of a few names."""
    return st.sampled_from([Reference(source, f"{letter}{number}") for number in range(count)])


bets = named("game:hub88", "b", 3)
wins = named("game:hub88", "w", 3)
plays = st.one_of(bets, bets, wins, wins, named("game:other", "b", 1))
rollbacks = named("game:hub88", "r")
deposits = named("gateway:standard", "d", 3)
openings = named("house:deposit", "o", 3)
caps = st.one_of(st.integers(0, 40), st.none())
kinds = st.sampled_from([LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.WAGER, LimitKind.LOSS, LimitKind.STAKE, LimitKind.SESSION])
periods = st.sampled_from([Period.DAY, Period.DAY, Period.DAY, Period.WEEK, Period.EACH, Period.EACH])
holds = named("house:withdraw", "h", 3)
captures = named("gateway:standard", "c", 3)
house = named("house:staff", "s", 8)
players = st.sampled_from([ANNA, ANNA, ANNA, BEN])
euros = st.sampled_from(["EUR"] * 9 + ["USD"])
sums = st.one_of(st.integers(1, 12), st.sampled_from([0, 0, -1, 10**21, 10**21 + 1, 10**38]))
games = st.just("slot")
rounds = st.sampled_from(["1", "1", "1", "2"])
sessions = st.sampled_from([None, None, b"1" * 12, b"2" * 12, b"3" * 12])

play: st.SearchStrategy[Movement] = st.one_of(
    st.builds(Bet, bets, players, euros, sums, games, rounds, sessions),
    st.builds(Win, wins, players, euros, sums, games, rounds, st.one_of(st.none(), bets, bets)),
    st.builds(Rollback, rollbacks, players, plays, games, rounds),
    st.builds(Rollback, bets, players, plays),
)
payments: st.SearchStrategy[Movement] = st.one_of(
    st.builds(Deposit, deposits, players, euros, sums),
    st.builds(Deposit, deposits, players, euros, sums, st.just(""), openings),
    st.builds(OpenDeposit, openings, players, euros, sums),
    st.builds(AbandonDeposit, house, players, openings),
    st.builds(DepositReversal, captures, players, euros, sums, st.one_of(deposits, house)),
    st.builds(DepositReturned, house, players, euros, sums, captures),
    st.builds(Hold, holds, players, euros, sums),
    st.builds(Capture, captures, players, holds),
    st.builds(Release, house, players, holds),
    st.builds(PayoutReturned, house, players, captures),
    st.builds(Adjustment, house, players, euros, st.integers(-8, 8), st.just("typo"), st.just("staff_1")),
)
bonuses: st.SearchStrategy[Movement] = st.one_of(
    st.builds(BonusGranted, house, players, euros, sums),
    st.builds(BonusConverted, house, players, euros, sums),
    st.builds(BonusForfeited, house, players, euros, sums),
)
housekeeping: st.SearchStrategy[Movement] = st.one_of(
    st.builds(SetStatus, house, players, st.sampled_from([*[Status.ACTIVE] * 4, *Status])),
    st.builds(SetLimit, house, players, euros, caps, kinds, periods, st.sampled_from([0, 1, 1_000, 60_000]), st.booleans()),
    st.builds(WithdrawRaise, house, players, kinds, periods),
    st.builds(ConfirmRaise, house, players, kinds, periods),
    st.builds(StartExclusion, house, players, st.sampled_from(ExclusionKind), st.sampled_from([NOW, NOW + 1, NOW + 61_000])),
    st.builds(AskReopening, house, players, st.sampled_from([0, 500])),
    st.builds(AcknowledgeCheck, house, players),
    st.builds(SetCheckInterval, house, players, st.sampled_from([0, 1, 60_000])),
    st.builds(
        StartSession.of,
        players,
        st.just("hub88"),
        st.sampled_from([b"1" * 12, b"2" * 12, b"3" * 12]),
        games,
        st.sampled_from([NOW + 500, NOW + 60_000]),
    ),
)


@st.composite
def _any_movement(draw: st.DrawFn) -> Movement:
    """Draw any movement. As a function of its own, so that its strategy is told in one word."""
    movement: Movement = draw(st.one_of(play, play, payments, payments, bonuses, housekeeping))
    return movement


any_movement: st.SearchStrategy[Movement] = _any_movement()
