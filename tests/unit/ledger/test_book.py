"""Posting one movement: what is answered when all goes well, to a repeat, and beside companions."""

from dataclasses import replace
from typing import Any

import pytest

from countroom.ledger import items
from countroom.ledger.movements import Capture, Movement, OpenWallet, Period, Reason, Reference, Rollback, Status
from countroom.ledger.movements import LimitKind as Kinds
from countroom.ledger.records import Balances, Outcome, Tombstone
from countroom.ledger.safeguards import SetLimit
from tests.unit.ledger.casino import TABLE, Casino, posted, turned_down
from tests.unit.ledger.examples import ANNA, BEN, GATEWAY, NOW, a_bet, a_deposit, a_hold, a_rollback, a_win, ref
from tests.unit.ledger.memory import preceded


@pytest.fixture
def casino() -> Casino:
    return Casino().open(cash=10)


def row(state: str, expected: str | None = None) -> dict[str, Any]:
    """Return the companion that writes a cashier's row on the condition that it stands in a state (None: not at all)."""
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
    if expected:
        condition = {"ConditionExpression": "state = :state", "ExpressionAttributeValues": {":state": {"S": expected}}}
    return {"Put": {"TableName": "cashier", "Item": {"pk": {"S": "D#1"}, "state": {"S": state}}, **condition}}


def test_a_bet_is_two_requests_and_three_balances(casino: Casino) -> None:
    casino.client.calls.clear()
    result = posted(casino.book.post(a_bet(3)))
    assert [name for name, _ in casino.client.calls] == ["get_item", "transact_write_items"]
    assert result.balances == result.record.after == Balances("EUR", 7, 0, 0, 3)
    assert (result.record.outcome, result.replayed, result.record.at_ms) == (Outcome.APPLIED, False, NOW)
    assert casino.wallet().cash == 7
    assert casino.book.find(ref("bet-1")) == result.record
    assert casino.timeline.sleeps == []


def test_a_wallet_or_a_name_that_is_not_there_is_none(casino: Casino) -> None:
    assert casino.book.wallet(BEN) is None
    assert casino.book.find(ref("nothing")) is None


def test_a_repeat_has_the_first_outcome_and_the_newest_balances(casino: Casino) -> None:
    first = posted(casino.book.post(a_bet(3)))
    casino.book.post(a_deposit(5))
    casino.clock.advance(seconds=90 * 86_400)
    before = dict(casino.client.stored)
    again = posted(casino.book.post(a_bet(3)))
    assert again.record == first.record
    assert again.replayed
    assert again.balances == Balances("EUR", 12, 0, 0, 4)
    assert casino.client.stored == before


@pytest.mark.parametrize(
    "other",
    [
        a_bet(4),
        a_bet(3, game="another"),
        a_bet(3, round="another"),
        a_win(3, "bet-1"),
        a_rollback("bet-0", "bet-1"),
        a_bet(3, currency="USD"),
        a_bet(-3),
        a_bet(3, player_id="pl_nobody"),
        a_bet(3, player_id=BEN),
        a_win(3, "bet-1", bet=ref("unseen")),
    ],
)
def test_the_same_name_with_other_fields_is_refused_and_changes_nothing(casino: Casino, other: Movement) -> None:
    casino.open(cash=5, player=BEN)
    posted(casino.book.post(a_bet(3)))
    before = dict(casino.client.stored)
    result = turned_down(casino.book.post(other), Reason.DUPLICATE_TRANSACTION)
    assert not result.replayed
    assert result.record is None
    assert casino.client.stored == before


def test_a_repeat_in_another_session_is_the_same_bet(casino: Casino) -> None:
    posted(casino.book.post(a_bet(3)))
    for again in (a_bet(3, session=b"another-----"), a_bet(3, veto=Reason.GAME_UNAVAILABLE)):
        assert posted(casino.book.post(again)).replayed


def test_a_recorded_refusal_stays_one(casino: Casino) -> None:
    first = turned_down(casino.book.post(a_bet(11)), Reason.INSUFFICIENT_FUNDS)
    assert first.record is not None
    assert first.balances == first.record.after == Balances("EUR", 10, 0, 0, 3)
    assert (first.replayed, first.index) == (False, 0)
    posted(casino.book.post(a_deposit(5)))
    again = turned_down(casino.book.post(a_bet(11)), Reason.INSUFFICIENT_FUNDS)
    assert again.replayed
    assert again.record == first.record
    assert again.balances == Balances("EUR", 15, 0, 0, 4)
    assert casino.wallet().cash == 15


def test_an_unrecorded_refusal_leaves_no_trace_and_may_be_cured(casino: Casino) -> None:
    win = a_win(4, bet=ref("bet-1"))
    before = dict(casino.client.stored)
    result = turned_down(casino.book.post(win), Reason.REFERENCE_UNKNOWN)
    assert (result.record, result.replayed, result.balances) == (None, False, Balances("EUR", 10, 0, 0, 2))
    assert casino.client.stored == before
    posted(casino.book.post(a_bet(3)))
    assert posted(casino.book.post(win)).balances.cash == 11


def test_a_movement_for_an_unknown_player_leaves_no_trace(casino: Casino) -> None:
    before = dict(casino.client.stored)
    result = turned_down(casino.book.post(a_bet(3, player_id=BEN)), Reason.UNKNOWN_PLAYER)
    assert (result.balances, result.record) == (None, None)
    assert casino.client.stored == before


def test_an_opening_again_is_a_repeat_and_another_one_is_refused(casino: Casino) -> None:
    assert posted(casino.book.post(OpenWallet.of(ANNA, "EUR", "MT"))).replayed
    turned_down(casino.book.post(OpenWallet.of(ANNA, "USD", "MT")), Reason.DUPLICATE_TRANSACTION)
    other = replace(OpenWallet.of(ANNA, "EUR", "MT"), reference=Reference("wallet:open", "other"))
    turned_down(casino.book.post(other), Reason.PLAYER_EXISTS)


def test_a_late_original_meets_its_tombstone(casino: Casino) -> None:
    buried = posted(casino.book.post(a_rollback()))
    assert buried.record.outcome is Outcome.NO_EFFECT
    result = turned_down(casino.book.post(a_bet(3)), Reason.ROLLED_BACK)
    assert (result.replayed, result.record, result.balances) == (True, None, Balances("EUR", 10, 0, 0, 3))
    turned_down(casino.book.post(a_bet(3, currency="USD")), Reason.ROLLED_BACK)
    assert casino.wallet().version == 3
    casino.open(cash=5, player=BEN)
    turned_down(casino.book.post(a_bet(3, player_id=BEN)), Reason.DUPLICATE_TRANSACTION)


def test_a_rollback_happens_once_under_any_name(casino: Casino) -> None:
    posted(casino.book.post(a_bet(3)))
    first = posted(casino.book.post(a_rollback()))
    assert (first.record.outcome, first.balances.cash) == (Outcome.APPLIED, 10)
    second = posted(casino.book.post(a_rollback(transaction_id="rollback-2")))
    assert (second.record.outcome, second.balances.cash) == (Outcome.NO_EFFECT, 10)
    assert posted(casino.book.post(a_rollback())).replayed


def test_another_players_movements_cannot_be_referred_to(casino: Casino) -> None:
    casino.open(cash=5, player=BEN)
    posted(casino.book.post(a_bet(3)))
    before = dict(casino.client.stored)
    turned_down(casino.book.post(a_rollback(player=BEN)), Reason.REFERENCE_MISMATCH)
    turned_down(casino.book.post(a_win(3, player_id=BEN, bet=ref("bet-1"))), Reason.REFERENCE_MISMATCH)
    assert casino.client.stored == before


def test_a_rollback_of_itself_is_refused(casino: Casino) -> None:
    before = dict(casino.client.stored)
    turned_down(casino.book.post(Rollback(ref("same"), ANNA, ref("same"))), Reason.REFERENCE_MISMATCH)
    assert casino.client.stored == before


def test_a_lost_answer_to_what_would_now_be_refused_still_finds_the_record(casino: Casino) -> None:
    posted(casino.book.post(a_hold(4)))
    capture = Capture(Reference(GATEWAY, "capture-1"), ANNA, Reference("house:withdraw", "hold-1"))
    posted(casino.book.post(capture))
    assert posted(casino.book.post(capture)).replayed  # the rules alone would say that the hold is resolved
    limit = SetLimit(ref("limit-1"), ANNA, "EUR", 5, Kinds.WAGER, Period.DAY)
    posted(casino.book.post(limit))
    posted(casino.book.post(replace(limit, reference=ref("limit-2"), cap=4)))
    assert posted(casino.book.post(limit)).replayed


def test_companions_are_written_with_the_money(casino: Casino) -> None:
    posted(casino.book.post(a_deposit(5), (row("credited"),)))
    assert casino.client.stored["cashier", "D#1"]["state"] == {"S": "credited"}
    assert casino.wallet().cash == 15


def test_a_companion_that_cannot_be_written_stops_the_money(casino: Casino) -> None:
    before = dict(casino.client.stored)
    result = turned_down(casino.book.post(a_deposit(5), (row("credited", "created"),)), Reason.COMPANION_CONFLICT)
    assert (result.record, result.replayed, result.balances) == (None, False, Balances("EUR", 10, 0, 0, 2))
    assert casino.client.stored == before


def test_a_repeat_with_its_companion_is_a_repeat(casino: Casino) -> None:
    posted(casino.book.post(a_deposit(5), (row("credited"),)))
    assert posted(casino.book.post(a_deposit(5), (row("credited"),))).replayed
    assert casino.wallet().cash == 15


def test_a_recorded_refusal_takes_no_companion_along(casino: Casino) -> None:
    turned_down(casino.book.post(a_hold(11), (row("held"),)), Reason.INSUFFICIENT_FUNDS)
    assert ("cashier", "D#1") not in casino.client.stored
    assert casino.wallet().version == 3


def test_what_has_no_effect_takes_its_companion_along(casino: Casino) -> None:
    posted(casino.book.post(a_rollback(), (row("seen"),)))
    assert ("cashier", "D#1") in casino.client.stored


def test_a_twin_that_lands_in_between_is_a_repeat_with_its_own_balances(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_bet(3))))
    result = posted(casino.book.post(a_bet(3)))
    assert result.replayed
    assert result.balances == Balances("EUR", 7, 0, 0, 3)  # newer than the wallet that this call had read
    assert casino.wallet().cash == 7


def test_another_movement_in_between_makes_it_decide_again(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_bet(9, "bet-2"))))
    result = turned_down(casino.book.post(a_bet(3)), Reason.INSUFFICIENT_FUNDS)
    assert result.balances == Balances("EUR", 1, 0, 0, 4)
    assert casino.client.made("transact_write_items") == 5
    assert casino.timeline.sleeps == [pytest.approx(0.016)]


def test_a_rollback_that_overtakes_its_bet_in_between_buries_it(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_rollback())))
    turned_down(casino.book.post(a_bet(3)), Reason.ROLLED_BACK)
    assert casino.wallet().cash == 10


def test_a_bet_that_lands_while_its_rollback_is_decided_is_taken_back(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_bet(3))))
    result = posted(casino.book.post(a_rollback()))
    assert (result.record.outcome, result.balances.cash) == (Outcome.APPLIED, 10)
    assert not isinstance(casino.book.find(ref("bet-1")), Tombstone)


def test_a_rollback_meets_a_foreign_bet_that_lands_in_between(casino: Casino) -> None:
    casino.open(cash=5, player=BEN)
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_bet(3, player_id=BEN))))
    turned_down(casino.book.post(a_rollback()), Reason.REFERENCE_MISMATCH)
    assert casino.wallet(BEN).cash == 2


def test_a_wallet_that_was_blocked_in_between_takes_no_bet(casino: Casino) -> None:
    wallet = casino.wallet()
    blocked = items.wallet_item(replace(wallet, status=Status.BLOCKED, version=wallet.version + 1))
    casino.client.write_faults.append(preceded(lambda: casino.client.stored.update({(TABLE, f"W#{ANNA}"): blocked})))
    turned_down(casino.book.post(a_bet(3)), Reason.WALLET_BLOCKED)


def test_names_of_two_providers_do_not_meet(casino: Casino) -> None:
    posted(casino.book.post(a_bet(3)))
    posted(casino.book.post(a_bet(3, reference=Reference("game:other", "bet-1"))))
    assert casino.wallet().cash == 4
