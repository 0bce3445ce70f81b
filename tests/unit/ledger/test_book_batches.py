"""Several movements at once: all or none, and the same as one after another."""

from dataclasses import replace

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.ledger.book import BATCH_MAX, BatchPosted, OutcomeUnknown, Posted, Refused
from countroom.ledger.movements import LimitKind, Movement, OpenWallet, Period, Reason
from countroom.ledger.records import Balances, Outcome
from countroom.ledger.safeguards import SetLimit
from tests.unit.ledger.casino import TABLE, Casino, posted, turned_down
from tests.unit.ledger.examples import ANNA, BEN, HOUSE, a_bet, a_deposit, a_rollback, a_win, ref
from tests.unit.ledger.memory import cancelled, failing, landing, preceded

LOST = ReadTimeoutError(endpoint_url="https://x")
ROUND: tuple[Movement, ...] = (a_bet(4), a_win(6, bet=ref("bet-1")), a_bet(2, "bet-2"), a_rollback("bet-2"))


@pytest.fixture
def casino() -> Casino:
    return Casino().open(cash=10)


def whole(result: BatchPosted | Refused) -> BatchPosted:
    assert isinstance(result, BatchPosted), result
    return result


def test_a_batch_is_two_requests_and_a_record_for_each(casino: Casino) -> None:
    casino.client.calls.clear()
    result = whole(casino.book.post_batch(ROUND))
    assert [name for name, _ in casino.client.calls] == ["transact_get_items", "transact_write_items"]
    assert [posted(entry).balances.cash for entry in result.results if isinstance(entry, Posted)] == [6, 12, 10, 12]
    assert result.balances == Balances("EUR", 12, 0, 0, 6)
    assert not any(entry.replayed for entry in result.results)
    assert casino.wallet().version == 6


def test_a_batch_leaves_what_posting_one_by_one_leaves(casino: Casino) -> None:
    other = Casino().open(cash=10)
    for movement in ROUND:
        posted(other.book.post(movement))
    whole(casino.book.post_batch(ROUND))
    assert casino.client.stored == other.client.stored


def test_a_repeated_batch_is_replayed_without_a_write(casino: Casino) -> None:
    first = whole(casino.book.post_batch(ROUND))
    posted(casino.book.post(a_deposit(1)))
    writes = casino.client.made("transact_write_items")
    again = whole(casino.book.post_batch(ROUND))
    assert casino.client.made("transact_write_items") == writes
    assert [entry.record for entry in again.results] == [entry.record for entry in first.results]
    assert all(entry.replayed for entry in again.results)
    assert again.balances.cash == 13


def test_repeats_inside_a_batch_and_from_before_keep_their_first_outcome(casino: Casino) -> None:
    posted(casino.book.post(a_bet(4)))
    result = whole(casino.book.post_batch((a_bet(4), a_bet(1, "bet-2"), a_bet(1, "bet-2"))))
    assert [entry.replayed for entry in result.results] == [True, False, True]
    assert result.balances.cash == 5
    turned_down(casino.book.post_batch((a_bet(1, "bet-3"), a_bet(2, "bet-3"))), Reason.DUPLICATE_TRANSACTION)
    assert casino.book.find(ref("bet-3")) is None


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (a_win(1, bet=ref("unseen")), Reason.REFERENCE_UNKNOWN),
        (a_bet(1, "bet-9", currency="USD"), Reason.WRONG_CURRENCY),
        (a_bet(-1, "bet-9"), Reason.INVALID_AMOUNT),
        (OpenWallet.of(ANNA, "USD", "MT"), Reason.DUPLICATE_TRANSACTION),
    ],
)
def test_one_unrecorded_refusal_refuses_the_batch_and_leaves_no_trace(casino: Casino, last: Movement, reason: Reason) -> None:
    before = dict(casino.client.stored)
    result = turned_down(casino.book.post_batch((a_bet(4), last, a_bet(1, "bet-3"))), reason)
    assert (result.index, result.record, result.replayed) == (1, None, False)
    assert casino.client.stored == before


def test_a_recorded_refusal_is_written_alone_and_stays(casino: Casino) -> None:
    batch = (a_bet(4), a_bet(7, "bet-2"), a_bet(1, "bet-3"))
    first = turned_down(casino.book.post_batch(batch), Reason.INSUFFICIENT_FUNDS)
    assert first.index == 1
    assert first.record is not None
    assert first.record.reference == ref("bet-2")
    assert first.balances == first.record.after == Balances("EUR", 10, 0, 0, 3)
    assert casino.book.find(ref("bet-1")) is None
    posted(casino.book.post(a_deposit(90)))
    again = turned_down(casino.book.post_batch(batch), Reason.INSUFFICIENT_FUNDS)
    assert (again.replayed, again.record, again.index) == (True, first.record, 1)
    assert casino.wallet().cash == 100
    turned_down(casino.book.post(a_bet(7, "bet-2")), Reason.INSUFFICIENT_FUNDS)


def test_a_tolerated_refusal_stands_in_its_place(casino: Casino) -> None:
    tolerate = frozenset({Reason.ROLLED_BACK, Reason.REFERENCE_UNKNOWN})
    batch = (a_rollback("bet-1"), a_bet(4), a_win(1, bet=ref("unseen")), a_bet(3, "bet-2"))
    result = whole(casino.book.post_batch(batch, tolerate))
    assert [entry.reason if isinstance(entry, Refused) else None for entry in result.results] == [
        None,
        Reason.ROLLED_BACK,
        Reason.REFERENCE_UNKNOWN,
        None,
    ]
    assert result.balances == Balances("EUR", 7, 0, 0, 4)
    turned_down(casino.book.post_batch(batch, frozenset({Reason.REFERENCE_UNKNOWN})), Reason.ROLLED_BACK)


def test_a_tolerated_refusal_that_depends_on_the_moment_is_written_down(casino: Casino) -> None:
    tolerate = frozenset({Reason.INSUFFICIENT_FUNDS})
    batch = (a_bet(4), a_bet(7, "bet-2"), a_bet(1, "bet-3"))
    result = whole(casino.book.post_batch(batch, tolerate))
    refused = turned_down(result.results[1], Reason.INSUFFICIENT_FUNDS)
    assert refused.record is not None
    assert (refused.record.version, refused.balances) == (4, Balances("EUR", 6, 0, 0, 4))
    assert result.balances == Balances("EUR", 5, 0, 0, 5)
    posted(casino.book.post(a_deposit(90)))
    again = whole(casino.book.post_batch(batch, tolerate))
    assert turned_down(again.results[1], Reason.INSUFFICIENT_FUNDS).replayed
    assert casino.wallet().cash == 95


def test_a_batch_has_one_to_twenty_movements_of_one_player(casino: Casino) -> None:
    casino.client.calls.clear()
    turned_down(casino.book.post_batch(()), Reason.BATCH_TOO_LARGE)
    bets = tuple(a_bet(0, f"b-{n}") for n in range(21))
    turned_down(casino.book.post_batch(bets), Reason.BATCH_TOO_LARGE)
    turned_down(casino.book.post_batch((a_bet(1), a_bet(1, "bet-2", player_id=BEN))), Reason.REFERENCE_MISMATCH)
    assert casino.client.calls == []
    assert BATCH_MAX == 20
    assert len(whole(casino.book.post_batch(bets[:20])).results) == 20
    assert len(whole(casino.book.post_batch(bets[20:])).results) == 1


def test_the_largest_batch_with_all_its_facts_stays_below_a_hundred_items(casino: Casino) -> None:
    for number in range(20):
        posted(casino.book.post(a_bet(0, f"b-{number}")))
    casino.client.calls.clear()
    whole(casino.book.post_batch(tuple(a_rollback(f"b-{number}", f"r-{number}") for number in range(20))))
    sizes = [len(request["TransactItems"]) for _, request in casino.client.calls]
    assert sizes == [1 + 40 + 20, 1 + 20 + 20]


def test_a_batch_for_an_unknown_player_is_refused(casino: Casino) -> None:
    turned_down(casino.book.post_batch((a_bet(1, player_id=BEN),)), Reason.UNKNOWN_PLAYER)
    assert (TABLE, f"W#{BEN}") not in casino.client.stored


def test_a_batch_decides_again_when_the_wallet_moves_on(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_bet(9, "other"))))
    result = turned_down(casino.book.post_batch((a_bet(4), a_bet(1, "bet-2"))), Reason.INSUFFICIENT_FUNDS)
    assert result.index == 0
    assert casino.wallet().cash == 1


def test_a_twin_of_a_batch_that_lands_in_between_is_a_repeat(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post_batch(ROUND)))
    assert all(entry.replayed for entry in whole(casino.book.post_batch(ROUND)).results)
    assert casino.wallet().cash == 12


def test_a_refusal_of_a_batch_is_decided_again_when_the_wallet_moves_on(casino: Casino) -> None:
    casino.client.write_faults.append(preceded(lambda: casino.book.post(a_deposit(5))))
    assert whole(casino.book.post_batch((a_bet(4), a_bet(7, "bet-2")))).balances.cash == 4


@pytest.mark.parametrize("fault", [failing(LOST), landing(LOST), failing(cancelled("TransactionConflict"))])
def test_a_fault_of_a_batch_is_overcome(casino: Casino, fault: object) -> None:
    casino.client.write_faults.append(fault)
    assert whole(casino.book.post_batch(ROUND)).balances.cash == 12
    assert casino.wallet().version == 6


def test_a_batch_without_an_answer_is_unknown(casino: Casino) -> None:
    casino.client.write_faults.extend([landing(LOST), *[failing(LOST)] * 99])
    casino.client.read_faults.extend([None, *[failing(LOST)] * 99])
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post_batch(ROUND)
    assert caught.value.possibly_written


def test_a_batch_sees_what_it_does_itself(casino: Casino) -> None:
    batch = (a_bet(4), a_rollback(), a_rollback(transaction_id="rollback-2"))
    results = whole(casino.book.post_batch(batch)).results
    outcomes = [entry.record.outcome for entry in results if entry.record]
    assert outcomes == [Outcome.APPLIED, Outcome.APPLIED, Outcome.NO_EFFECT]
    turned_down(casino.book.post_batch((replace(a_win(1), bet=ref("bet-1")),)), Reason.ROLLED_BACK)


def beside(name: str, *, free: bool = True) -> dict[str, dict[str, object]]:
    """Something of another room, on the condition that it is not there yet (or, where it is not `free`, that it is)."""
    condition = "attribute_not_exists(pk)" if free else "attribute_exists(pk)"
    return {"Put": {"TableName": TABLE, "Item": {"pk": {"S": name}}, "ConditionExpression": condition}}


def names(casino: Casino) -> set[str]:
    return {key[1] for key in casino.client.stored}


class TestCompanions:
    """What other rooms write with a batch, all of it or nothing."""

    def test_they_are_written_with_the_batch(self, casino: Casino) -> None:
        casino.client.calls.clear()
        result = whole(casino.book.post_batch(ROUND, companions=[beside("ours"), beside("ours too")]))
        assert [name for name, _ in casino.client.calls] == ["transact_get_items", "transact_write_items"]
        assert {"ours", "ours too"} <= names(casino)
        assert not result.replayed

    def test_one_that_does_not_hold_takes_the_batch_with_it(self, casino: Casino) -> None:
        before = dict(casino.client.stored)
        result = casino.book.post_batch(ROUND, companions=[beside("ours"), beside("not there", free=False)])
        turned_down(result, Reason.COMPANION_CONFLICT)
        assert casino.client.stored == before

    def test_a_refused_batch_writes_its_refusal_without_them(self, casino: Casino) -> None:
        turned_down(casino.book.post_batch((a_bet(4), a_bet(99, "bet-9")), companions=[beside("ours")]), Reason.INSUFFICIENT_FUNDS)
        assert "ours" not in names(casino)
        assert casino.book.find(ref("bet-9")) is not None

    def test_a_repeat_says_so_and_writes_none(self, casino: Casino) -> None:
        whole(casino.book.post_batch(ROUND, companions=[beside("ours")]))
        again = whole(casino.book.post_batch(ROUND, companions=[beside("others")]))
        assert again.replayed
        assert "others" not in names(casino)

    def test_with_a_repeat_in_part_they_are_written(self, casino: Casino) -> None:
        posted(casino.book.post(ROUND[0]))
        result = whole(casino.book.post_batch(ROUND, companions=[beside("ours")]))
        assert not result.replayed
        assert "ours" in names(casino)

    def test_after_a_lost_answer_they_stand_once(self, casino: Casino) -> None:
        casino.client.write_faults.append(landing(LOST))
        result = whole(casino.book.post_batch(ROUND, companions=[beside("ours")]))
        assert result.replayed
        assert "ours" in names(casino)


def test_a_batch_that_a_limit_refuses_says_which_and_writes_it_down(casino: Casino) -> None:
    limit = SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 5, LimitKind.WAGER, Period.WEEK)
    posted(casino.book.post(limit))
    result = turned_down(casino.book.post_batch((a_bet(3), a_bet(3, "bet-2"))), Reason.LIMIT_REACHED)
    assert (result.index, result.limit) == (1, "wager 7d")
    assert result.record is not None
    assert result.record.limit == "wager 7d"
    again = turned_down(casino.book.post(a_bet(3, "bet-2")), Reason.LIMIT_REACHED)
    assert (again.replayed, again.limit) == (True, "wager 7d")
    tolerant = casino.book.post_batch((a_bet(6, "bet-3"), a_bet(5)), frozenset({Reason.LIMIT_REACHED}))
    tolerated, taken = whole(tolerant).results
    assert isinstance(tolerated, Refused)
    assert tolerated.limit == "wager 7d"
    assert posted(taken).record.limit == ""


def test_what_a_tolerated_refusal_names_is_kept_when_the_batch_is_refused(casino: Casino) -> None:
    posted(casino.book.post(SetLimit(ref("limit-1", HOUSE), ANNA, "EUR", 5, LimitKind.WAGER, Period.WEEK)))
    turned_down(
        casino.book.post_batch(
            (a_bet(6), a_bet(1, veto=Reason.GAME_UNAVAILABLE, reference=ref("bet-2"))), frozenset({Reason.LIMIT_REACHED})
        ),
        Reason.GAME_UNAVAILABLE,
    )
    assert turned_down(casino.book.post(a_bet(6)), Reason.LIMIT_REACHED).limit == "wager 7d"
