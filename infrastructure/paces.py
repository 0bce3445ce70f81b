"""How long a withdrawal waits for whom, and from when on that is worth an alarm. All times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class WithdrawalPace:
    """What a stage decides about withdrawals."""

    word_seconds: int
    """The gateway's word is waited for; then the status is asked for."""
    asks_max: int
    """So many questions without an end, and people are asked for."""
    approval_seconds: int
    """Staff's approval is waited for; then it is overdue."""
    people_seconds: int
    """One that people must look at is left alone for so long, unless something happens to it; then the machine looks again."""
    execution_seconds: int
    """One execution; then the next one is started."""
    retry_seconds: int
    """The first pause before a step that failed is tried again; each is twice the one before."""
    retry_seconds_max: int
    """The longest."""
    retries: int
    retries_to_people: int
    """How often it is tried to tell people: for an hour, where nothing hurries."""
    ages: Mapping[str, int]
    """State → for how long a withdrawal may stand there before that is worth an alarm."""
    held: Mapping[str, int]
    """Currency → from which sum on, in whole units, all that is held for withdrawals is worth an alarm."""


_AGES: Final = MappingProxyType(
    {
        "requested": 10 * _MINUTE,
        "awaiting_approval": 36 * _HOUR,
        "approved": 10 * _MINUTE,
        "submitting": 2 * _HOUR,
        "submitted": 3 * _DAY,
    }
)
_HELD: Final = MappingProxyType({"EUR": 500_000, "GBP": 500_000, "USD": 500_000})
# Bank transfers take a day or two, so the gateway has two days of questions before people are asked to call it.
ON_AWS: Final = WithdrawalPace(
    word_seconds=15 * _MINUTE,
    asks_max=192,
    approval_seconds=_DAY,
    people_seconds=_DAY,
    execution_seconds=60 * _DAY,
    retry_seconds=2,
    retry_seconds_max=_MINUTE,
    retries=6,
    retries_to_people=60,
    ages=_AGES,
    held=_HELD,
)
IN_THE_SANDBOX: Final = WithdrawalPace(
    word_seconds=3,
    asks_max=12,
    approval_seconds=_MINUTE,
    people_seconds=30,
    execution_seconds=_HOUR,
    retry_seconds=1,
    retry_seconds_max=4,
    retries=4,
    retries_to_people=4,
    ages=_AGES,
    held=_HELD,
)
