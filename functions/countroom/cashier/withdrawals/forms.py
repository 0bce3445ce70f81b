"""What a player sends to withdraw, and what he may be answered. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier.idempotency import Answer, KeyMissing, fingerprint
from countroom.cashier.requests import read_key, read_sum
from countroom.faults import Fault

OPERATION: Final = "POST /v1/withdrawals"


class DeclineReason(StrEnum):
    """Why nothing was done."""

    INVALID_REQUEST = "invalid_request"
    KEY_MISSING = "key_missing"
    KEY_REUSED = "key_reused"
    NO_WALLET = "no_wallet"
    WRONG_CURRENCY = "wrong_currency"
    WALLET_BLOCKED = "wallet_blocked"
    WALLET_EXCLUDED = "wallet_excluded"
    NOT_VERIFIED = "not_verified"
    METHOD_UNUSABLE = "method_unusable"
    LIMIT_REACHED = "limit_reached"
    OTHER_METHOD_FIRST = "other_method_first"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    NOT_FOUND = "not_found"
    CANCEL_NOT_OFFERED = "cancel_not_offered"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class Opened:
    """The withdrawal was made, now or (`replayed`) by the first of these requests; `answer` goes out as it is.

    `withdrawal_id` is the new one's, '' for a replay.
    """

    answer: Answer
    withdrawal_id: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing was written and nothing moved."""

    reason: DeclineReason
    faults: tuple[Fault, ...] = ()


OpenResult: TypeAlias = Opened | Declined


@dataclass(frozen=True, slots=True)
class Ask:
    """What a player asks for, in the texts that were sent. `deposit_id` names the method: what paid that deposit is paid to."""

    amount: str
    currency: str
    deposit_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """The same, understood: `amount` in nanos of `currency`, under the Idempotency-Key `key`."""

    amount: int
    currency: money.Currency
    deposit_id: str
    key: str

    @property
    def fingerprint(self) -> bytes:
        """Digest what is asked for: the same fields, however they were written, give the same."""
        fields: dict[str, str | int] = {"amount": self.amount, "currency": self.currency.code, "deposit_id": self.deposit_id}
        return fingerprint(OPERATION, fields)


def read(keys: Sequence[str], ask: Ask) -> Request | Declined:
    """Understand a request or name all faults of its form at once; what the house thinks of it comes later."""
    faults: list[Fault] = []
    try:
        key = read_key(keys, faults)
    except KeyMissing:
        return Declined(DeclineReason.KEY_MISSING)
    asked = read_sum(ask.amount, ask.currency, faults)
    if asked is None or faults:
        return Declined(DeclineReason.INVALID_REQUEST, tuple(faults))
    return Request(*asked, ask.deposit_id, key)
