"""The deposit desk: a player asks to pay in, and looks up what became of it."""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier import deposits, terms
from countroom.cashier.deposits import Deposit
from countroom.cashier.idempotency import (
    HEADER,
    Answer,
    Claim,
    Entry,
    KeyInvalid,
    KeyMissing,
    Replay,
    fingerprint,
    judge,
    parse_key,
)
from countroom.cashier.store import CashierStore, Creation, Page
from countroom.cashier.views import deposit_view, to_json
from countroom.clock import Clock
from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.rules import limits
from countroom.ledger.wallet import Wallet

OPERATION: Final = "POST /v1/deposits"
CREATED: Final = 201
_ID_BYTES: Final = 13  # 104 bits give 21 characters of base32, of which an id takes 20


class DeclineReason(StrEnum):
    """Why a deposit was not opened."""

    INVALID_REQUEST = "invalid_request"
    KEY_MISSING = "key_missing"
    KEY_REUSED = "key_reused"
    IN_PROGRESS = "in_progress"
    NO_WALLET = "no_wallet"
    WRONG_CURRENCY = "wrong_currency"
    WALLET_BLOCKED = "wallet_blocked"
    WALLET_EXCLUDED = "wallet_excluded"
    LIMIT_REACHED = "limit_reached"


@dataclass(frozen=True, slots=True)
class Fault:
    """A field of the request and what is wrong with it; never its value."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The deposit was opened, now or (`replayed`) by the first of these requests; `answer` goes out as it is."""

    answer: Answer
    replayed: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing was written."""

    reason: DeclineReason
    faults: tuple[Fault, ...] = ()


OpenResult: TypeAlias = Opened | Declined


@dataclass(frozen=True, slots=True)
class Ask:
    """What a player asks for, in the texts that were sent."""

    amount: str
    currency: str
    gateway: str = terms.DEFAULT_GATEWAY


@dataclass(frozen=True, slots=True)
class _Request:
    """The same, understood: `amount` in nanos of `currency`, through `gateway`, under the Idempotency-Key `key`."""

    amount: int
    currency: money.Currency
    gateway: str
    key: str


def new_deposit_id() -> str:
    """Make a deposit id that nobody can guess and that no other deposit has."""
    text = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    return deposits.ID_PREFIX + text[: deposits.ID_LENGTH]


class DepositDesk:
    """Opens deposits and shows them to their player. `wallet_of` is one strong read of the ledger."""

    def __init__(
        self,
        store: CashierStore,
        wallet_of: Callable[[str], Wallet | None],
        clock: Clock,
        new_id: Callable[[], str] = new_deposit_id,
    ) -> None:
        self._store = store
        self._wallet_of = wallet_of
        self._clock = clock
        self._new_id = new_id

    def open(self, player_id: str, keys: Sequence[str], ask: Ask) -> OpenResult:
        """Open a deposit once for each Idempotency-Key of a player; `keys` are the values of that header.

        A finished request is answered again before anything else is asked: whether the player could deposit by now does not matter
        to it. Raises StoreUnavailable and what the ledger's read raises.
        """
        request = _read(keys, ask)
        if isinstance(request, Declined):
            return request
        claim = Claim(player_id, request.key, _fingerprint(request))
        if found := self._store.find_request(claim):
            return _answer_again(claim, found)
        if declined := self._decline(player_id, request):
            return declined
        return self._write(player_id, request, claim)

    def get(self, player_id: str, deposit_id: str) -> Deposit | None:
        """Find a deposit of this player; None for an unknown one and, without a difference to be seen, for another player's."""
        if not deposits.is_deposit_id(deposit_id):
            return None
        deposit = self._store.get(deposit_id)
        return deposit if deposit is not None and deposit.player_id == player_id else None

    def page(self, player_id: str, limit: int, cursor: str | None) -> Page:
        """List this player's deposits, newest first. Raises InvalidCursor and StoreUnavailable."""
        return self._store.list_by_player(player_id, limit, cursor)

    def _decline(self, player_id: str, request: _Request) -> Declined | None:
        """Say what the house has against this deposit. What has been paid is booked all the same, whatever changes here later."""
        wallet = self._wallet_of(player_id)
        if wallet is None:
            return Declined(DeclineReason.NO_WALLET)
        if wallet.status is Status.EXCLUDED:
            return Declined(DeclineReason.WALLET_EXCLUDED)
        if wallet.status is not Status.ACTIVE:
            return Declined(DeclineReason.WALLET_BLOCKED)
        if wallet.currency != request.currency.code:
            return Declined(DeclineReason.WRONG_CURRENCY)
        if fault := _against_terms(request):
            return Declined(DeclineReason.INVALID_REQUEST, (fault,))
        if limits.spent(wallet.limits, {LimitKind.DEPOSIT: request.amount}, self._clock()) is None:
            return Declined(DeclineReason.LIMIT_REACHED)
        return None

    def _write(self, player_id: str, request: _Request, claim: Claim) -> OpenResult:
        deposit = deposits.open_deposit(
            self._new_id(), player_id, request.gateway, request.currency.code, request.amount, self._clock()
        )
        answer = Answer(CREATED, to_json(deposit_view(deposit)))
        written = self._store.create(deposit, claim, answer)
        if isinstance(written, Entry):
            return _answer_again(claim, written)
        if written is Creation.IN_PROGRESS:
            return Declined(DeclineReason.IN_PROGRESS)
        return Opened(answer, replayed=False)


def _answer_again(claim: Claim, found: Entry) -> OpenResult:
    judgement = judge(claim, found)
    if isinstance(judgement, Replay):
        return Opened(judgement.answer, replayed=True)
    return Declined(DeclineReason.KEY_REUSED)


def _fingerprint(request: _Request) -> bytes:
    return fingerprint(OPERATION, {"amount": request.amount, "currency": request.currency.code, "gateway": request.gateway})


def _read(keys: Sequence[str], ask: Ask) -> _Request | Declined:
    """Understand a request or name all faults of its form at once; what the house thinks of it comes later."""
    faults: list[Fault] = []
    key = ""
    try:
        key = parse_key(keys)
    except KeyMissing:
        return Declined(DeclineReason.KEY_MISSING)
    except KeyInvalid as error:
        faults.append(Fault(HEADER, str(error)))
    if ask.gateway not in terms.TERMS:
        faults.append(Fault("gateway", "is not a payment gateway of this house"))
    try:
        currency = money.currency(ask.currency)
    except money.UnknownCurrency:
        faults.append(Fault("currency", "is not a currency of this house"))
        return Declined(DeclineReason.INVALID_REQUEST, tuple(faults))
    amount, fault = _amount(ask.amount, currency)
    if fault:
        faults.append(fault)
    return Declined(DeclineReason.INVALID_REQUEST, tuple(faults)) if faults else _Request(amount, currency, ask.gateway, key)


def _amount(text: str, currency: money.Currency) -> tuple[int, Fault | None]:
    try:
        amount = money.parse_amount(text, currency)
    except money.InvalidAmount:
        return 0, Fault("amount", f"must be a plain positive decimal with at most {currency.exponent} places")
    return amount, None if amount > 0 else Fault("amount", "must be more than zero")


def _against_terms(request: _Request) -> Fault | None:
    taken = terms.TERMS[request.gateway].ranges.get(request.currency.code)
    if taken is None:
        return Fault("currency", "is not taken by this payment gateway")
    if taken.holds(request.amount):
        return None
    smallest = money.format_amount(taken.smallest, request.currency)
    largest = money.format_amount(taken.largest, request.currency)
    return Fault("amount", f"must be from {smallest} to {largest} {request.currency.code}")
