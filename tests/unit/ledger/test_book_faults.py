"""Posting when the table does not answer as it should: retries inside a budget, lost answers, and an end that never lies."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from countroom.ledger.book import ATTEMPTS_MAX, BUDGET_S, OutcomeUnknown, Pacing
from countroom.ledger.movements import Reason
from tests.unit.ledger.casino import Casino, posted, turned_down
from tests.unit.ledger.examples import ANNA, a_bet, a_deposit, ref
from tests.unit.ledger.memory import Fault, cancelled, client_error, failing, landing, preceded

LOST = ReadTimeoutError(endpoint_url="https://x")
UNSENT = ConnectTimeoutError(endpoint_url="https://x")
BUSY = cancelled("TransactionConflict", "None")
THROTTLED = client_error("ThrottlingException")
IN_PROGRESS = client_error("TransactionInProgressException")


@pytest.fixture
def casino() -> Casino:
    return Casino().open(cash=10)


def test_the_budget_is_seconds_and_the_attempts_are_bounded() -> None:
    pacing = Pacing()
    assert (pacing.budget_s, pacing.attempts_max) == (BUDGET_S, ATTEMPTS_MAX) == (4.0, 60)
    assert 0.0 <= pacing.jitter() < 1.0
    assert pacing.timer() <= pacing.timer()


@pytest.mark.parametrize("fault", [failing(BUSY), failing(THROTTLED), failing(UNSENT), failing(LOST), landing(LOST)])
def test_one_fault_of_the_write_is_overcome(casino: Casino, fault: Fault) -> None:
    casino.client.write_faults.append(fault)
    assert posted(casino.book.post(a_bet(3))).balances.cash == 7
    assert casino.wallet().cash == 7
    assert len(casino.timeline.sleeps) == 1


@pytest.mark.parametrize("error", [THROTTLED, UNSENT, LOST, client_error("", 503)])
def test_one_fault_of_any_read_is_overcome(casino: Casino, error: Exception) -> None:
    casino.client.read_faults.append(failing(error))
    assert posted(casino.book.post(a_bet(3))).balances.cash == 7
    casino.client.read_faults.extend([None, failing(error)])  # the wallet, then the look under the own name
    turned_down(casino.book.post(a_bet(3, "bet-2", currency="USD")), Reason.WRONG_CURRENCY)
    casino.client.read_faults.append(failing(error))
    assert casino.wallet().cash == 7
    casino.client.read_faults.append(failing(error))
    assert casino.book.find(ref("bet-1")) is not None


def test_waits_double_up_to_a_quarter_of_a_second(casino: Casino) -> None:
    casino.client.write_faults.extend([failing(BUSY)] * 10)
    posted(casino.book.post(a_bet(3)))
    assert casino.timeline.sleeps == pytest.approx([0.016, 0.032, 0.064, 0.128, *[0.25] * 6])


def test_waits_are_jittered(casino: Casino) -> None:
    casino.jitter = 0.5
    casino.client.write_faults.extend([failing(BUSY)] * 3)
    posted(casino.book.post(a_bet(3)))
    assert casino.timeline.sleeps == pytest.approx([0.008, 0.016, 0.032])


def test_it_gives_up_when_the_next_wait_would_end_with_the_budget(casino: Casino) -> None:
    casino.budget_s = 0.016 + 0.032 + 0.064
    casino.client.write_faults.extend([failing(BUSY)] * 9)
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert not caught.value.possibly_written
    assert casino.timeline.sleeps == pytest.approx([0.016, 0.032])
    assert casino.client.made("transact_write_items") == 2 + 3
    casino.client.write_faults.clear()
    assert casino.wallet().cash == 10


def test_it_gives_up_after_the_last_attempt(casino: Casino) -> None:
    casino.attempts_max = 3
    casino.jitter = 0.0
    casino.client.write_faults.extend([failing(BUSY)] * 9)
    with pytest.raises(OutcomeUnknown):
        casino.book.post(a_bet(3))
    assert casino.client.made("transact_write_items") == 2 + 3
    casino.client.write_faults.clear()
    casino.client.write_faults.extend([failing(BUSY)] * 2)
    posted(casino.book.post(a_bet(3)))


def test_a_table_that_never_takes_it_ends_in_time(casino: Casino) -> None:
    casino.client.write_faults.extend([failing(BUSY)] * 99)
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert not caught.value.possibly_written
    assert casino.timeline.now_s < 4.0


def test_a_wallet_that_always_moves_on_ends_in_time(casino: Casino) -> None:
    count = iter(range(99))
    busy = preceded(lambda: casino.book.post(a_deposit(1, f"dep-{next(count)}")))
    casino.client.write_faults.extend([busy, None] * 60)
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert not caught.value.possibly_written
    assert casino.book.find(ref("bet-1")) is None


def test_reads_that_never_come_end_in_time(casino: Casino) -> None:
    for read in (lambda: casino.book.wallet(ANNA), lambda: casino.book.find(ref("x")), lambda: casino.book.post(a_bet(3))):
        casino.client.read_faults.clear()
        casino.client.read_faults.extend([failing(THROTTLED)] * 99)
        with pytest.raises(OutcomeUnknown) as caught:
            read()
        assert not caught.value.possibly_written


@pytest.mark.parametrize("landed", [True, False])
def test_an_answer_lost_on_all_attempts_is_said_to_be_possibly_written(casino: Casino, landed: bool) -> None:
    casino.attempts_max = 3
    first = landing(LOST) if landed else failing(LOST)
    casino.client.write_faults.extend([first, failing(LOST), failing(LOST)])
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert caught.value.possibly_written
    casino.client.write_faults.clear()
    assert posted(casino.book.post(a_bet(3))).replayed is landed
    assert casino.wallet().cash == 7


def test_one_lost_answer_among_other_faults_is_remembered(casino: Casino) -> None:
    casino.attempts_max = 3
    casino.client.write_faults.extend([failing(LOST), failing(BUSY), failing(BUSY)])
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert caught.value.possibly_written


def test_a_transaction_in_progress_is_given_longer_to_end(casino: Casino) -> None:
    casino.client.write_faults.append(failing(IN_PROGRESS))
    posted(casino.book.post(a_bet(3)))
    (waited,) = casino.timeline.sleeps
    assert 0.5 <= waited <= 1.0


def test_a_transaction_in_progress_may_be_written_when_the_budget_ends(casino: Casino) -> None:
    casino.budget_s = 0.4
    casino.client.write_faults.append(failing(IN_PROGRESS))
    with pytest.raises(OutcomeUnknown) as caught:
        casino.book.post(a_bet(3))
    assert caught.value.possibly_written
    assert casino.timeline.sleeps == []


def test_a_lost_answer_that_landed_and_was_overtaken_is_found(casino: Casino) -> None:
    casino.client.write_faults.append(landing(LOST))
    casino.client.read_faults.extend([None, preceded(lambda: casino.book.post(a_bet(7, "bet-2")))])
    result = posted(casino.book.post(a_bet(3)))
    assert result.record.cash == -3
    assert casino.wallet().cash == 0


def test_a_lost_refusal_is_found_as_it_was(casino: Casino) -> None:
    casino.client.write_faults.append(landing(LOST))
    casino.client.read_faults.extend([None, preceded(lambda: casino.book.post(a_deposit(90)))])
    result = turned_down(casino.book.post(a_bet(11)), Reason.INSUFFICIENT_FUNDS)
    assert result.replayed
    assert casino.wallet().cash == 100


def test_a_fault_of_ours_is_not_retried(casino: Casino) -> None:
    casino.client.write_faults.append(failing(client_error("AccessDeniedException")))
    with pytest.raises(ClientError):
        casino.book.post(a_bet(3))
    assert casino.timeline.sleeps == []
