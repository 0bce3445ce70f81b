"""Bets, wins and rollbacks: every refusal at its exact boundary, and what each leaves behind."""

from dataclasses import replace

import pytest

from countroom.jurisdictions.profile import StakeCap
from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import Kind, LimitKind, Period, Reason, Reference, Rollback, Status
from countroom.ledger.records import Outcome, Posting, Tombstone
from countroom.ledger.wallet import GameSession, Limit, PlayClock, Totals, Wallet
from tests.unit.ledger.examples import (
    ANNA,
    BEN,
    GAME,
    NONE,
    NOW,
    UNIT,
    a_bet,
    a_deposit,
    a_rollback,
    a_win,
    after_all,
    decided,
    facts_of,
    ref,
    refused,
    wallet_with,
)

DAY = 86_400_000
CURRENT = b"current-----"
OLDER = b"older-------"
SESSION = GameSession("hub88", CURRENT, OLDER, NOW + 10)


def with_limit(kind: LimitKind, cap: int, used: int = 0, cash: int = 100 * UNIT) -> Wallet:
    return wallet_with(cash=cash, limits=(daily(kind, cap, used),))


def daily(kind: LimitKind, cap: int, used: int = 0) -> Limit:
    """A limit over 24 hours that was set just now."""
    return Limit(kind, Period.DAY, cap, used, NOW)


def test_a_bet_takes_cash_first_and_names_its_counter_account() -> None:
    decision = decided(wallet_with(cash=5, bonus=4), a_bet(7))
    assert (decision.wallet.cash, decision.wallet.bonus) == (0, 2)
    assert decision.wallet.totals == Totals(deposited=5, bonus=4, staked=7)
    record = decision.record
    assert (record.outcome, record.amount, record.counter) == (Outcome.APPLIED, 7, GAME)
    assert record.postings == (Posting("player:pl_anna:cash", -5), Posting("player:pl_anna:bonus", -2), Posting(GAME, 7))
    assert decision.resolution is None
    assert decision.tombstone is None


@pytest.mark.parametrize(("cash", "bonus"), [(10, 0), (0, 10), (3, 7)])
def test_a_bet_of_all_there_is_is_taken_and_one_nano_more_is_not(cash: int, bonus: int) -> None:
    wallet = wallet_with(cash=cash, bonus=bonus)
    assert decided(wallet, a_bet(10)).wallet.available == 0
    assert refused(wallet, a_bet(11)) is Reason.INSUFFICIENT_FUNDS


def test_held_money_cannot_be_staked() -> None:
    assert refused(wallet_with(held=10), a_bet(1)) is Reason.INSUFFICIENT_FUNDS


def test_a_bet_of_nothing_is_a_free_round() -> None:
    decision = decided(wallet_with(), a_bet(0))
    assert decision.record.outcome is Outcome.APPLIED
    assert decision.record.postings == ()


@pytest.mark.parametrize("fields", [{"cash": -1, "bonus": 5}, {"cash": 5, "bonus": -1}])
def test_a_debt_in_either_bucket_stops_bets_of_any_size(fields: dict[str, int]) -> None:
    wallet = wallet_with(**fields)
    assert refused(wallet, a_bet(1)) is Reason.NEGATIVE_BALANCE
    assert refused(wallet, a_bet(0)) is Reason.NEGATIVE_BALANCE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.BLOCKED, Reason.WALLET_BLOCKED),
        (Status.CLOSED, Reason.WALLET_BLOCKED),
        (Status.EXCLUDED, Reason.WALLET_EXCLUDED),
    ],
)
def test_a_wallet_that_is_not_active_takes_no_bet_but_wins_and_rollbacks(status: Status, reason: Reason) -> None:
    bet = decided(wallet_with(cash=10), a_bet(5))
    wallet = replace(bet.wallet, status=status)
    assert refused(wallet, a_bet(1, "bet-2")) is reason
    assert decided(wallet, a_win(3, bet=ref("bet-1")), facts_of(bet)).wallet.cash == 8
    assert decided(wallet, a_rollback(), facts_of(bet)).wallet.cash == 10


def test_the_current_session_is_good_until_the_millisecond_it_expires() -> None:
    wallet = wallet_with(cash=10, sessions=(SESSION,))
    bet = a_bet(1, session=CURRENT)
    assert decided(wallet, bet, now_ms=NOW + 9).record.outcome is Outcome.APPLIED
    assert refused(wallet, bet, now_ms=NOW + 10) is Reason.SESSION_EXPIRED
    assert refused(wallet, bet, now_ms=NOW + 11) is Reason.SESSION_EXPIRED


def test_the_replaced_session_has_expired_and_any_other_is_unknown() -> None:
    wallet = wallet_with(cash=10, sessions=(SESSION,))
    assert refused(wallet, a_bet(1, session=OLDER)) is Reason.SESSION_EXPIRED
    assert refused(wallet, a_bet(1, session=b"neither-----")) is Reason.SESSION_UNKNOWN
    assert refused(wallet_with(cash=10), a_bet(1, session=CURRENT)) is Reason.SESSION_UNKNOWN


def test_a_session_counts_at_its_own_provider_only() -> None:
    elsewhere = replace(SESSION, provider="other", digest=b"other-------")
    wallet = wallet_with(cash=10, sessions=(elsewhere, SESSION))
    assert decided(wallet, a_bet(1, session=CURRENT)).record.amount == 1
    assert refused(wallet, a_bet(1, session=b"other-------")) is Reason.SESSION_UNKNOWN
    assert decided(wallet, a_bet(1, reference=Reference("game:other", "1"), session=b"other-------")).record.counter == "game:other"


def test_a_protocol_without_sessions_bets_without_one() -> None:
    assert decided(wallet_with(cash=10, sessions=(SESSION,)), a_bet(1), now_ms=NOW + 99).record.amount == 1


@pytest.mark.parametrize(
    ("countries", "reason"), [(None, None), ({"MT"}, None), ({"EE", "SE"}, Reason.GAME_UNAVAILABLE), ((), Reason.GAME_UNAVAILABLE)]
)
def test_a_game_is_played_where_it_is_offered(countries: set[str] | None, reason: Reason | None) -> None:
    wallet = replace(wallet_with(cash=10), country="MT")
    bet = a_bet(1, countries=None if countries is None else frozenset(countries))
    if reason is None:
        assert decided(wallet, bet).wallet.cash == 9
    else:
        assert refused(wallet, bet) is reason


def test_the_games_room_may_veto_a_bet() -> None:
    assert refused(wallet_with(cash=10), a_bet(1, veto=Reason.GAME_UNAVAILABLE)) is Reason.GAME_UNAVAILABLE


@pytest.mark.parametrize(("grown_on", "cap"), [(0, 2), (1, 5)])
def test_a_stake_cap_counts_by_country_and_age(grown_on: int, cap: int) -> None:
    caps = {"MT": StakeCap(young=2, grown=5), "GB": StakeCap(young=1, grown=1)}
    wallet = wallet_with(cash=10, play=PlayClock(grown_on=grown_on))
    assert decided(wallet, a_bet(cap, caps=caps)).record.outcome is Outcome.APPLIED
    assert refused(wallet, a_bet(cap + 1, caps=caps)) is Reason.STAKE_OUT_OF_RANGE
    assert decided(wallet, a_bet(cap + 1, caps={"GB": StakeCap(1, 1)})).record.outcome is Outcome.APPLIED
    assert decided(wallet, a_bet(0, caps={"MT": StakeCap(0, 0)})).record.outcome is Outcome.APPLIED
    assert refused(wallet, a_bet(1, caps={"MT": StakeCap(0, 0)})) is Reason.STAKE_OUT_OF_RANGE
    assert a_bet(1, caps=caps).fingerprint == a_bet(1).fingerprint


def test_a_bet_is_refused_by_the_limit_that_leaves_least_and_names_it() -> None:
    limits = (daily(LimitKind.WAGER, 9), daily(LimitKind.LOSS, 8, 3), Limit(LimitKind.STAKE, Period.EACH, 4))
    wallet = wallet_with(cash=100, limits=limits)
    for amount, name in ((10, "stake each"), (5, "stake each"), (4, None)):
        decision = decide(wallet, NONE, a_bet(amount), NOW)
        assert isinstance(decision, Decision)
        assert (decision.record.limit or None) == name
        assert (decision.record.reason is Reason.LIMIT_REACHED) == (name is not None)
    spent = decided(wallet, a_bet(4)).wallet
    last = decide(spent, NONE, a_bet(2), NOW)
    assert isinstance(last, Decision)
    assert last.record.limit == "loss 24h"


def test_refusals_are_asked_in_one_order() -> None:
    wallet = wallet_with(cash=-1, status=Status.BLOCKED, limits=(daily(LimitKind.WAGER, 0),))
    bet = a_bet(1, session=CURRENT, veto=Reason.GAME_UNAVAILABLE)
    assert refused(wallet, bet) is Reason.SESSION_UNKNOWN
    assert refused(wallet, replace(bet, session=None)) is Reason.WALLET_BLOCKED
    wallet = replace(wallet, status=Status.ACTIVE)
    assert refused(wallet, replace(bet, session=None)) is Reason.GAME_UNAVAILABLE
    assert refused(wallet, a_bet(1)) is Reason.NEGATIVE_BALANCE
    wallet = replace(wallet, cash=0)
    assert refused(wallet, a_bet(1)) is Reason.LIMIT_REACHED
    assert refused(replace(wallet, limits=()), a_bet(1)) is Reason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize("kind", [LimitKind.WAGER, LimitKind.LOSS])
def test_a_bet_counts_against_wager_and_loss_limits(kind: LimitKind) -> None:
    wallet = with_limit(kind, cap=10, used=4)
    assert decided(wallet, a_bet(6)).wallet.limits[0].used == 10
    assert refused(wallet, a_bet(7)) is Reason.LIMIT_REACHED
    full = with_limit(kind, cap=10, used=10)
    assert decided(full, a_bet(0)).wallet.limits[0].used == 10
    assert refused(full, a_bet(1)) is Reason.LIMIT_REACHED


def test_a_limit_starts_anew_at_the_exact_end_of_its_period() -> None:
    wallet = with_limit(LimitKind.WAGER, cap=10, used=10)
    assert refused(wallet, a_bet(1), now_ms=NOW + DAY - 1) is Reason.LIMIT_REACHED
    assert decided(wallet, a_bet(1), now_ms=NOW + DAY).wallet.limits == (
        Limit(LimitKind.WAGER, Period.DAY, 10, 1, NOW, index=1, after=7),
    )


def test_a_deposit_limit_does_not_stop_bets() -> None:
    assert decided(with_limit(LimitKind.DEPOSIT, cap=0), a_bet(1)).wallet.limits[0].used == 0


def test_winnings_without_a_bet_are_cash() -> None:
    decision = decided(wallet_with(cash=1, bonus=1), a_win(5))
    assert (decision.wallet.cash, decision.wallet.bonus, decision.wallet.totals.won) == (6, 1, 5)
    assert (decision.record.amount, decision.record.counter) == (5, GAME)
    assert decision.record.postings == (Posting("player:pl_anna:cash", 5), Posting(GAME, -5))
    assert (decision.resolution, decision.tombstone) == (None, None)


def test_winnings_return_to_the_buckets_of_their_stake() -> None:
    bet = decided(wallet_with(cash=1, bonus=9), a_bet(4))
    decision = decided(bet.wallet, a_win(10, bet=ref("bet-1")), facts_of(bet))
    assert (decision.record.cash, decision.record.bonus) == (3, 7)  # a quarter was cash; what cannot be divided is cash, too


def test_a_win_of_nothing_settles_a_round() -> None:
    bet = decided(wallet_with(cash=1), a_bet(1))
    assert decided(bet.wallet, a_win(0, bet=ref("bet-1")), facts_of(bet)).record.outcome is Outcome.APPLIED


def test_several_wins_of_one_bet_all_count() -> None:
    wallet, _ = after_all(wallet_with(cash=5), [a_bet(5), *(a_win(2, f"win-{n}", bet=ref("bet-1")) for n in range(3))])
    assert wallet.cash == 6


def test_a_win_refers_to_an_applied_bet_of_the_same_player_and_round() -> None:
    wallet = wallet_with(cash=10)
    bet = decided(wallet, a_bet(5))
    win = a_win(1, bet=ref("bet-1"))
    assert refused(wallet, win) is Reason.REFERENCE_UNKNOWN
    assert refused(wallet, replace(win, round="round-2"), facts_of(bet)) is Reason.REFERENCE_MISMATCH
    foreign = replace(bet.record, player_id=BEN)
    assert refused(wallet, win, facts_of(foreign)) is Reason.REFERENCE_MISMATCH
    other_kind = replace(bet.record, kind=Kind.WIN)
    assert refused(wallet, win, facts_of(other_kind)) is Reason.REFERENCE_MISMATCH
    never_taken = replace(bet.record, outcome=Outcome.REFUSED, reason=Reason.INSUFFICIENT_FUNDS)
    assert refused(wallet, win, facts_of(never_taken)) is Reason.REFERENCE_MISMATCH


def test_a_win_after_its_bet_was_taken_back_is_refused() -> None:
    bet = decided(wallet_with(cash=10), a_bet(5))
    back = decided(bet.wallet, a_rollback(), facts_of(bet))
    assert refused(back.wallet, a_win(1, bet=ref("bet-1")), facts_of(bet, back)) is Reason.ROLLED_BACK
    buried = Tombstone(ref("bet-9"), ANNA, ref("rollback-9"), NOW)
    assert refused(back.wallet, a_win(1, bet=ref("bet-9")), facts_of(buried)) is Reason.ROLLED_BACK
    assert refused(back.wallet, a_win(1, bet=ref("bet-9")), facts_of(replace(buried, player_id=BEN))) is Reason.REFERENCE_MISMATCH


def test_a_win_gives_back_to_loss_limits_only_and_never_below_zero() -> None:
    limits = (daily(LimitKind.LOSS, 10, 6), daily(LimitKind.WAGER, 10, 6))
    wallet = wallet_with(cash=10, limits=limits)
    assert [limit.used for limit in decided(wallet, a_win(4)).wallet.limits] == [2, 6]
    assert [limit.used for limit in decided(wallet, a_win(7)).wallet.limits] == [0, 6]


def test_a_rollback_of_a_bet_undoes_it_exactly() -> None:
    before = wallet_with(cash=3, bonus=5, limits=(daily(LimitKind.WAGER, 9, 1), daily(LimitKind.LOSS, 9, 1)))
    bet = decided(before, a_bet(5))
    back = decided(bet.wallet, a_rollback(), facts_of(bet))
    assert replace(back.wallet, version=before.version, head=before.head, head_key=before.head_key, play=before.play) == before
    assert back.wallet.play == bet.wallet.play  # he has played all the same
    assert (back.record.outcome, back.record.amount, back.record.counter) == (Outcome.APPLIED, 5, GAME)
    assert back.record.postings == (Posting("player:pl_anna:cash", 3), Posting("player:pl_anna:bonus", 2), Posting(GAME, -5))
    assert back.resolution is not None
    assert back.tombstone is None


def test_a_rollback_of_a_win_may_leave_a_debt_in_both_buckets() -> None:
    wallet, facts = after_all(wallet_with(cash=2, bonus=2), [a_bet(4), a_win(8, bet=ref("bet-1")), a_bet(8, "bet-2")])
    assert (wallet.cash, wallet.bonus) == (0, 0)
    back = decided(wallet, a_rollback("win-1"), facts)
    assert (back.wallet.cash, back.wallet.bonus) == (-4, -4)
    assert back.wallet.totals.won == 0
    assert back.record.counter == GAME
    assert back.resolution is not None


def test_a_rollback_of_a_win_counts_as_lost_again() -> None:
    wallet = wallet_with(cash=10, limits=(daily(LimitKind.LOSS, 10, 6), daily(LimitKind.WAGER, 10, 6)))
    won = decided(wallet, a_win(4))
    back = decided(won.wallet, a_rollback("win-1"), facts_of(won))
    assert [limit.used for limit in back.wallet.limits] == [6, 6]


def test_a_rollback_returns_what_was_used_only_while_the_period_of_the_bet_runs() -> None:
    for kind in (LimitKind.WAGER, LimitKind.LOSS):
        bet = decided(with_limit(kind, cap=10), a_bet(4))
        again = decided(bet.wallet, a_bet(3, "bet-2"), now_ms=NOW + DAY)
        assert again.wallet.limits[0].used == 3
        late = decided(again.wallet, a_rollback(), facts_of(bet), now_ms=NOW + DAY + 1)
        assert late.wallet.limits[0].used == 3
        soon = decided(bet.wallet, a_rollback(), facts_of(bet), now_ms=NOW + DAY - 1)
        assert soon.wallet.limits[0].used == 0


def test_a_rollback_of_what_was_never_seen_leaves_a_tombstone() -> None:
    wallet = wallet_with(cash=5)
    back = decided(wallet, a_rollback())
    assert (back.record.outcome, back.record.amount) == (Outcome.NO_EFFECT, 0)
    assert back.tombstone == Tombstone(ref("bet-1"), ANNA, ref("rollback-1"), NOW)
    again = decided(back.wallet, a_rollback(transaction_id="rollback-2"), facts_of(back))
    assert (again.record.outcome, again.tombstone, again.resolution) == (Outcome.NO_EFFECT, None, None)


def test_a_second_rollback_and_one_of_a_refused_bet_have_no_effect() -> None:
    wallet = wallet_with(cash=5)
    bet = decided(wallet, a_bet(5))
    back = decided(bet.wallet, a_rollback(), facts_of(bet))
    again = decided(back.wallet, a_rollback(transaction_id="rollback-2"), facts_of(bet, back))
    assert (again.record.outcome, again.record.amount, again.resolution) == (Outcome.NO_EFFECT, 0, None)
    never = replace(bet.record, outcome=Outcome.REFUSED, reason=Reason.INSUFFICIENT_FUNDS)
    none = decided(wallet, a_rollback(), facts_of(never))
    assert (none.record.outcome, none.resolution, none.tombstone) == (Outcome.NO_EFFECT, None, None)


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.BET, Kind.WIN}))
def test_only_bets_and_wins_can_be_rolled_back(kind: Kind) -> None:
    wallet = wallet_with(cash=5)
    other = replace(decided(wallet, a_bet(5)).record, kind=kind)
    assert refused(wallet, a_rollback(), facts_of(other)) is Reason.REFERENCE_MISMATCH


def test_a_rollback_of_another_players_record_or_tombstone_is_refused() -> None:
    wallet = wallet_with(cash=5)
    bet = decided(wallet, a_bet(5))
    assert refused(wallet, a_rollback(), facts_of(replace(bet.record, player_id=BEN))) is Reason.REFERENCE_MISMATCH
    buried = Tombstone(ref("bet-1"), BEN, ref("rollback-9"), NOW)
    assert refused(wallet, a_rollback(), facts_of(buried)) is Reason.REFERENCE_MISMATCH


def test_a_provider_takes_back_its_own_movements_only() -> None:
    wallet = wallet_with(cash=5)
    bet = decided(wallet, a_bet(5))
    other = Rollback(Reference("game:other", "rollback-1"), ANNA, ref("bet-1"))
    assert refused(wallet, other, facts_of(bet)) is Reason.REFERENCE_MISMATCH
    assert refused(wallet, other) is Reason.REFERENCE_MISMATCH
    deposit = decided(wallet, a_deposit(5))
    of_payment = Rollback(ref("rollback-1"), ANNA, deposit.record.reference)
    assert refused(wallet, of_payment, facts_of(deposit)) is Reason.REFERENCE_MISMATCH


def test_a_rollback_cannot_be_of_itself() -> None:
    assert refused(wallet_with(cash=5), a_rollback("same", "same")) is Reason.REFERENCE_MISMATCH
