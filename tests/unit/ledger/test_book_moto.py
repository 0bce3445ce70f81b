"""The same storage against a second implementation of DynamoDB: what is asked of the table is understood there, too."""

from typing import Any

import pytest

from countroom.ledger.book import BatchPosted
from countroom.ledger.movements import Capture, OpenWallet, Reason, Reference
from countroom.ledger.records import Outcome
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE
from tests.unit.ledger.casino import TABLE, Casino, posted, turned_down
from tests.unit.ledger.examples import ANNA, BEN, GATEWAY, a_bet, a_deposit, a_hold, a_rollback, a_win, ref


@pytest.fixture
def casino(dynamodb: Any, clock: FixedClock) -> Casino:
    return Casino(dynamodb, clock).open(cash=10)


def row(expected: str | None) -> dict[str, Any]:
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
    if expected:
        condition = {"ConditionExpression": "sk = :state", "ExpressionAttributeValues": {":state": {"S": expected}}}
    item = {"pk": {"S": "D#1"}, "sk": {"S": "D"}, "state": {"S": "credited"}}
    return {"Put": {"TableName": CASHIER_TABLE, "Item": item, **condition}}


def test_the_ledger_is_the_table_of_the_fixture() -> None:
    assert TABLE == LEDGER_TABLE


def test_a_life_of_a_wallet(casino: Casino) -> None:
    book = casino.book
    posted(book.post(a_bet(4)))
    posted(book.post(a_win(6, bet=ref("bet-1"))))
    posted(book.post(a_rollback("bet-1")))
    turned_down(book.post(a_win(1, "win-2", bet=ref("bet-1"))), Reason.ROLLED_BACK)
    posted(book.post(a_hold(16)))
    posted(book.post(Capture(Reference(GATEWAY, "capture-1"), ANNA, Reference("house:withdraw", "hold-1"))))
    wallet = casino.wallet()
    assert (wallet.cash, wallet.held, wallet.totals.withdrawn, wallet.version) == (0, 0, 16, 7)
    assert wallet.proves_itself


def test_repeats_conflicts_and_sticky_refusals(casino: Casino) -> None:
    assert not posted(casino.book.post(a_bet(4))).replayed
    assert posted(casino.book.post(a_bet(4))).replayed
    turned_down(casino.book.post(a_bet(5)), Reason.DUPLICATE_TRANSACTION)
    assert not turned_down(casino.book.post(a_bet(7, "bet-2")), Reason.INSUFFICIENT_FUNDS).replayed
    posted(casino.book.post(a_deposit(90)))
    assert turned_down(casino.book.post(a_bet(7, "bet-2")), Reason.INSUFFICIENT_FUNDS).replayed
    assert posted(casino.book.post(OpenWallet.of(ANNA, "EUR", "MT"))).replayed
    assert casino.wallet().cash == 96


def test_a_tombstone_waits_for_its_original(casino: Casino) -> None:
    assert posted(casino.book.post(a_rollback())).record.outcome is Outcome.NO_EFFECT
    assert turned_down(casino.book.post(a_bet(4)), Reason.ROLLED_BACK).replayed


def test_a_foreign_name_is_refused(casino: Casino) -> None:
    casino.open(cash=5, player=BEN)
    posted(casino.book.post(a_bet(4)))
    turned_down(casino.book.post(a_bet(4, player_id=BEN)), Reason.DUPLICATE_TRANSACTION)
    turned_down(casino.book.post(a_rollback(player=BEN)), Reason.REFERENCE_MISMATCH)


def test_companions_share_the_fate_of_the_money(casino: Casino) -> None:
    turned_down(casino.book.post(a_deposit(5), (row("created"),)), Reason.COMPANION_CONFLICT)
    assert casino.book.find(Reference(GATEWAY, "dep-1")) is None
    posted(casino.book.post(a_deposit(5), (row(None),)))
    assert posted(casino.book.post(a_deposit(5), (row(None),))).replayed
    assert casino.wallet().cash == 15


def test_a_batch_is_whole(casino: Casino) -> None:
    turned_down(casino.book.post_batch((a_bet(4), a_bet(7, "bet-2"))), Reason.INSUFFICIENT_FUNDS)
    assert casino.book.find(ref("bet-1")) is None
    batch = (a_bet(4), a_win(6, bet=ref("bet-1")), a_rollback("win-1"))
    result = casino.book.post_batch(batch)
    assert isinstance(result, BatchPosted)
    assert result.balances.cash == 6
    again = casino.book.post_batch(batch)
    assert isinstance(again, BatchPosted)
    assert all(entry.replayed for entry in again.results)
