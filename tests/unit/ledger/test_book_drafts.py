"""Movements that the wallet completes: the same as if they had said everything, for the same two requests."""

import pytest

from countroom.ledger.book import OutcomeUnknown
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Movement, Reason, Reference
from countroom.ledger.records import Record
from countroom.ledger.rules.effects import Facts
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from countroom.money import InvalidAmount
from tests.unit.ledger.casino import TABLE, Casino, posted, turned_down
from tests.unit.ledger.examples import ANNA, BEN, a_bet, a_deposit, a_rollback, ref
from tests.unit.ledger.memory import cancelled, failing, preceded


@pytest.fixture
def casino() -> Casino:
    return Casino().open(cash=10)


def draft_of(movement: Movement, seen: list[tuple[Wallet, Facts]] | None = None, beside: tuple[Reference, ...] = ()) -> Draft:
    def complete(wallet: Wallet, facts: Facts) -> Movement:
        if seen is not None:
            seen.append((wallet, facts))
        return movement

    return Draft(movement.reference, movement.player_id, complete, movement.related, beside)


@pytest.mark.parametrize("movement", [a_bet(4), a_rollback("unseen"), a_deposit(3)], ids=lambda movement: movement.kind)
def test_a_draft_leaves_what_its_movement_leaves(casino: Casino, movement: Movement) -> None:
    other = Casino().open(cash=10)
    posted(other.book.post(movement))
    posted(casino.book.post(draft_of(movement)))
    assert casino.client.stored == other.client.stored
    assert posted(casino.book.post(draft_of(movement))).replayed


def test_what_is_beside_is_read_with_the_wallet_in_one_request(casino: Casino) -> None:
    first = next(key for key in casino.client.keys(TABLE) if key.startswith("TX#gateway"))
    name = Reference.from_text(first.removeprefix("TX#"))
    seen: list[tuple[Wallet, Facts]] = []
    casino.client.calls.clear()
    posted(casino.book.post(draft_of(a_bet(4), seen, (name, ref("nothing")))))
    assert [call for call, _ in casino.client.calls] == ["transact_get_items", "transact_write_items"]
    ((wallet, facts),) = seen
    assert wallet.player_id == ANNA
    assert isinstance(facts.entries[name], Record)
    assert ref("nothing") not in facts.entries


def test_a_draft_is_completed_again_on_the_wallet_that_has_moved_on(casino: Casino) -> None:
    seen: list[tuple[Wallet, Facts]] = []
    casino.client.write_faults.append(preceded(lambda: posted(casino.book.post(a_bet(1, "other")))))
    posted(casino.book.post(draft_of(a_bet(4), seen)))
    assert [wallet.cash for wallet, _ in seen] == [10, 9]
    assert casino.wallet().cash == 5


def test_a_draft_for_an_unknown_player_is_refused_before_it_is_completed(casino: Casino) -> None:
    seen: list[tuple[Wallet, Facts]] = []
    turned_down(casino.book.post(draft_of(a_bet(1, player_id=BEN), seen)), Reason.UNKNOWN_PLAYER)
    assert seen == []


def test_what_completing_raises_reaches_the_caller_and_nothing_is_posted(casino: Casino) -> None:
    def complete(_wallet: Wallet, _facts: Facts) -> Movement:
        raise InvalidAmount("no such places")

    before = dict(casino.client.stored)
    with pytest.raises(InvalidAmount):
        casino.book.post(Draft(ref("bet-1"), ANNA, complete))
    assert casino.client.stored == before


@pytest.mark.parametrize(("budget_s", "expected_s"), [(0.5, 0.5), (60.0, 4.0)])
def test_a_book_within_a_budget_waits_no_longer_and_never_longer_than_its_own(
    casino: Casino, budget_s: float, expected_s: float
) -> None:
    casino.client.write_faults.extend([failing(cancelled("TransactionConflict"))] * 100)
    book = casino.book.within(budget_s)
    with pytest.raises(OutcomeUnknown):
        book.post(a_bet(4))
    assert expected_s / 2 < casino.timeline.now_s <= expected_s


def test_a_snapshot_of_drafts_reads_nothing_twice(casino: Casino) -> None:
    casino.client.calls.clear()
    LedgerStore(casino.client, TABLE).snapshot(ANNA, [draft_of(a_rollback("bet-1"), beside=(ref("bet-1"),))])
    ((_, request),) = casino.client.calls
    assert len(request["TransactItems"]) == 3
