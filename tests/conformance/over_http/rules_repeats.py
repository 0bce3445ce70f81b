"""Rules of every dialect about repeats, rollbacks and lost answers, each tried in each dialect's own words."""

from dataclasses import replace
from decimal import Decimal

from sandbox.provider.line import Outcome, hang_up
from sandbox.provider.table import Recovery
from tests.conformance.over_http.casino import Casino, new_id, turn
from tests.conformance.over_http.everywhere import (
    BATCHS,
    DECIDED,
    DUPLICATE,
    HUB88S,
    REBUILT,
    Everywhere,
    on,
    standing,
)

PARALLEL = 50
everywhere = Everywhere()


# ------------------------------------------------------------------------------------------------------------- repeats


@everywhere("the same bet again has one effect and the same outcome")
def bet_again(casino: Casino, dialect: str) -> None:
    """One bet sent three times: one debit, equal answers."""
    spot = casino.spot(dialect)
    bet = turn("1.50")
    before = spot.balance()
    first = spot.bet(bet)
    after = spot.stands(first, "-1.50", before)
    for _ in range(2):
        again = spot.bet(bet)
        assert again.names == first.names, f"named {again.names}, first {first.names}"
        spot.stands(again, 0, after)


@everywhere("the same win again pays once")
def win_again(casino: Casino, dialect: str) -> None:
    """One win sent three times: one credit, equal answers."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot)
    win = on(bet, "2.25")
    first = spot.win(win)
    after = spot.stands(first, "2.25", balance)
    for _ in range(2):
        again = spot.win(win)
        assert again.names == first.names, f"named {again.names}, first {first.names}"
        spot.stands(again, 0, after)


@everywhere("the same id with another amount or round is refused without effect")
def other_fields(casino: Casino, dialect: str) -> None:
    """A bet that stands, sent again with another amount, then with another round."""
    spot = casino.spot(dialect)
    bet, _ = standing(spot)
    with spot.unmoved():
        spot.refused(spot.bet(replace(bet, amount=bet.amount * 2)), DUPLICATE[dialect])
        spot.refused(spot.bet(replace(bet, round_id=new_id())), DUPLICATE[dialect])


@everywhere("the same id for another player is refused without effect")
def other_player(casino: Casino, dialect: str) -> None:
    """Another player's seat sends the id of a bet that stands; neither balance moves."""
    spot, other = casino.spot(dialect), casino.spot(dialect, maximum=True)
    bet, _ = standing(spot, "2.00")
    with spot.unmoved(), other.unmoved():
        other.refused(other.other_game(spot.seat.game_code).bet(bet), DUPLICATE[dialect])


@everywhere("an id that was a bet cannot become a win", DECIDED)
def other_kind(casino: Casino, dialect: str) -> None:
    """Two bets; a win under the id of the second is refused."""
    spot = casino.spot(dialect)
    first, _ = standing(spot)
    second, _ = standing(spot, round_id=first.round_id)
    with spot.unmoved():
        win = replace(on(first, "5.00"), transaction_id=second.transaction_id)
        spot.refused(spot.win(win), DUPLICATE[dialect])


@everywhere("fifty copies of one bet at once have one effect", REBUILT)
def copies_at_once(casino: Casino, dialect: str) -> None:
    """50 copies, many at a time, and one debit; every copy is answered as accepted."""
    spot = casino.spot(dialect)
    message = spot.speaker.bet(spot.seat, turn("3.00"))
    before = spot.balance()
    verdicts = casino.at_once(PARALLEL, lambda _: spot.verdict(message))
    assert {verdict.outcome for verdict in verdicts} == {Outcome.STANDS}, {verdict.word for verdict in verdicts}
    assert len({verdict.names for verdict in verdicts}) == 1
    spot.holds(before - 3)


@everywhere("of two bets for the last coin one is refused for want of money, and a retry of that one stays refused", BATCHS)
def last_coin(casino: Casino, dialect: str) -> None:
    """A player with 5.00, two bets of 5.00 at once; then 10.00 arrive by a win and the refused bet is sent again."""
    spot = casino.fresh(dialect, "5.00")
    bets = [turn("5.00") for _ in range(2)]
    verdicts = casino.at_once(2, lambda number: spot.bet(bets[number]))
    assert sorted(verdict.outcome for verdict in verdicts) == [Outcome.REFUSED, Outcome.STANDS], verdicts
    won, lost = sorted(range(2), key=lambda number: verdicts[number].outcome, reverse=True)
    spot.refused(verdicts[lost], spot.speaker.funds_word)
    spot.holds(0)
    spot.stands(spot.win(on(bets[won], "10.00")), "10.00", Decimal(0))
    with spot.unmoved():
        spot.refused(spot.bet(bets[lost]), spot.speaker.funds_word)


@everywhere("a refusal that is known is never said as unknown")
def known_refusal(casino: Casino, dialect: str) -> None:
    """A bet beyond the balance: the answer is the protocol's word for want of money, which leads to no rollback."""
    spot = casino.spot(dialect)
    with spot.unmoved() as balance:
        verdict = spot.bet(turn(balance + 1))
        spot.refused(verdict, spot.speaker.funds_word)


# ----------------------------------------------------------------------------------------------------------- rollbacks


@everywhere("a rollback gives back the stake, once")
def rollback_twice(casino: Casino, dialect: str) -> None:
    """Bet, rollback, the same rollback again, and another rollback of the same bet."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot, "4.00")
    name = new_id()
    after = spot.stands(spot.back(bet, name=name), "4.00", balance)
    spot.stands(spot.back(bet, name=name), 0, after)
    spot.stands(spot.back(bet), 0, after)


@everywhere("a rollback of what was never seen is accepted and moves nothing")
def unseen(casino: Casino, dialect: str) -> None:
    """A rollback with a reference that nothing has, twice."""
    spot = casino.spot(dialect)
    with spot.unmoved() as before:
        never = turn("7.00")
        name = new_id()
        spot.stands(spot.back(never, name=name), 0, before)
        spot.stands(spot.back(never, name=name), 0, before)


@everywhere("a bet that comes after its own rollback moves nothing", BATCHS)
def late_original(casino: Casino, dialect: str) -> None:
    """A rollback of the unseen, then its bet, twice, answered as the dialect says; the balance stays."""
    spot = casino.spot(dialect)
    with spot.unmoved() as before:
        late = turn("7.00")
        spot.stands(spot.back(late), 0, before)
        for _ in range(2):
            verdict = spot.bet(late)
            assert spot.speaker.is_late_original(verdict), f"answered {verdict.word}"


@everywhere("of several bets of a round one is rolled back, and the others and the round stay", HUB88S)
def one_of_three(casino: Casino, dialect: str) -> None:
    """Three bets in a round, the second taken back, a win on the third, and a fourth bet."""
    spot = casino.spot(dialect)
    first, _ = standing(spot)
    second, _ = standing(spot, "2.00", first.round_id)
    third, balance = standing(spot, "3.00", first.round_id)
    balance = spot.stands(spot.back(second), "2.00", balance)
    balance = spot.stands(spot.win(on(third, "9.00", closes=False)), "9.00", balance)
    spot.stands(spot.bet(turn("1.00", round_id=first.round_id)), "-1.00", balance)


@everywhere("a rollback after the win takes back what it names and nothing else", DECIDED)
def rollback_after_win(casino: Casino, dialect: str) -> None:
    """Bet and win; a rollback of the bet gives back the stake, a rollback of the win takes the win."""
    spot = casino.spot(dialect)
    bet, balance = standing(spot, "2.00")
    win = on(bet, "6.00")
    balance = spot.stands(spot.win(win), "6.00", balance)
    balance = spot.stands(spot.back(bet), "2.00", balance)
    spot.stands(spot.back(win), "-6.00", balance)


@everywhere("a lost answer is put right by the provider's own means")
def lost_answer(casino: Casino, dialect: str) -> None:
    """The provider hangs up on a bet. A rollback leaves nothing of it, the same call again leaves it once."""
    spot = casino.spot(dialect)
    bet, before = turn("2.00"), spot.balance()
    message = spot.speaker.bet(spot.seat, bet)
    hang_up(message, 0.02)
    if spot.speaker.recovery is Recovery.SAME_AGAIN:
        spot.stands(spot.verdict(message), "-2.00", before)
        return
    verdict = spot.back(bet)
    assert verdict.outcome is Outcome.STANDS, verdict.word
    spot.verdict(message)
    spot.holds(before)
