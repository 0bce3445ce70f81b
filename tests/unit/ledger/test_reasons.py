"""Which refusals are kept and which a later retry may change: the whole table."""

from enum import StrEnum

import pytest

from countroom.ledger.movements import ExclusionKind, Kind, LimitKind, Reason, Status
from countroom.ledger.records import Outcome

#                               recorded, a retry may change it
TABLE = {
    Reason.UNKNOWN_PLAYER: (False, True),
    Reason.PLAYER_EXISTS: (False, False),
    Reason.WRONG_CURRENCY: (False, False),
    Reason.GAME_CURRENCY: (True, False),
    Reason.INVALID_AMOUNT: (False, False),
    Reason.INSUFFICIENT_FUNDS: (True, False),
    Reason.NEGATIVE_BALANCE: (True, False),
    Reason.WALLET_BLOCKED: (True, False),
    Reason.WALLET_EXCLUDED: (True, False),
    Reason.SESSION_UNKNOWN: (True, False),
    Reason.SESSION_EXPIRED: (True, False),
    Reason.GAME_UNAVAILABLE: (True, False),
    Reason.STAKE_OUT_OF_RANGE: (True, False),
    Reason.LIMIT_REACHED: (True, False),
    Reason.LIMIT_RAISE: (True, False),
    Reason.NOTHING_PENDING: (True, False),
    Reason.TOO_EARLY: (True, False),
    Reason.EXCLUSION_RUNS: (True, False),
    Reason.REALITY_CHECK_DUE: (True, False),
    Reason.BALANCE_REMAINS: (True, False),
    Reason.DUPLICATE_TRANSACTION: (False, False),
    Reason.ROLLED_BACK: (False, False),
    Reason.REFERENCE_UNKNOWN: (False, True),
    Reason.REFERENCE_MISMATCH: (False, False),
    Reason.ALREADY_RESOLVED: (False, False),
    Reason.COMPANION_CONFLICT: (False, True),
    Reason.BATCH_TOO_LARGE: (False, False),
}


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(Reason)


@pytest.mark.parametrize(("reason", "expected"), TABLE.items())
def test_each_reason_says_whether_it_is_kept_and_whether_a_retry_may_change_it(reason: Reason, expected: tuple[bool, bool]) -> None:
    assert (reason.recorded, reason.retry_may_change) == expected


def test_what_is_recorded_never_changes() -> None:
    assert not any(reason.recorded and reason.retry_may_change for reason in Reason)


@pytest.mark.parametrize("words", [Reason, Kind, Status, LimitKind, ExclusionKind, Outcome])
def test_a_word_is_stored_as_it_is_called(words: type[StrEnum]) -> None:
    assert [word.value for word in words] == [word.name.lower() for word in words]
