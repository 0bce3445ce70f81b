"""What the cashier's tests share: made-up players and events, and clients that break on purpose."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ReadTimeoutError
from standardwebhooks import Webhook

from countroom import money
from countroom.cashier.apply_event import EventApplier
from countroom.cashier.deposits import Deposit, Payment, open_deposit
from countroom.cashier.gateways import DIALECTS
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.store import CashierStore
from countroom.ledger.book import Book, Pacing, Posted
from countroom.ledger.movements import OpenWallet
from countroom.ledger.store import LedgerStore
from tests.unit.clock import START_MS
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE

PLAYER = "pl_" + "a" * 20
OTHER_PLAYER = "pl_" + "b" * 20
DEPOSIT_ID = "dep_" + "c" * 20
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
EUR = money.currency("EUR")


def nanos(text: str, code: str = "EUR") -> int:
    return money.parse_amount(text, money.currency(code))


def deposit_of(amount: str = "10.00", deposit_id: str = DEPOSIT_ID, player_id: str = PLAYER, at_ms: int = START_MS) -> Deposit:
    return open_deposit(deposit_id, player_id, "standard", "EUR", nanos(amount), at_ms)


def event_of(
    outcome: PaymentOutcome = PaymentOutcome.SUCCEEDED,
    *,
    amount: str = "10.00",
    currency: str = "EUR",
    payment_id: str = "pay_1",
    deposit_id: str = DEPOSIT_ID,
    reason: str = "",
    case_id: str = "",
) -> PaymentEvent:
    payment = Payment(payment_id, nanos(amount, currency), currency)
    return PaymentEvent(outcome, deposit_id, payment, START_MS, reason, case_id=case_id)


SUCCEEDED = event_of()
FAILED = event_of(PaymentOutcome.FAILED, reason="card_declined")


def payment_events(gateway: str, body: bytes) -> list[PaymentEvent]:
    """What a gateway's dialect reads of payments in a body; payouts would be no payments."""
    return [event for event in DIALECTS[gateway].parse(body) if isinstance(event, PaymentEvent)]


def body_of(kind: str = "payment.succeeded", **data: Any) -> bytes:
    """The wire form of an event; a field given as None is left out."""
    fields = {"deposit_id": DEPOSIT_ID, "payment_id": "pay_1", "amount": "10.00", "currency": "EUR", **data}
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"type": kind, "timestamp": "2026-01-01T12:00:00Z", "data": known}).encode()


def signed_headers(body: bytes, *, secret: str = SECRET, event_id: str = "msg_1", at_ms: int = START_MS) -> dict[str, str]:
    """Headers by the signer of the PyPI package, which shares no code with the product."""
    at = datetime.fromtimestamp(at_ms // 1000, tz=UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


def keep(store: CashierStore, deposit: Deposit, key: str = "k-1") -> None:
    """Write a deposit as the desk would."""
    store.create(deposit, Claim(deposit.player_id, key, b"print"), Answer(201, deposit.deposit_id))


def open_wallet(client: Any, clock: Callable[[], int], player_id: str = PLAYER, currency: str = "EUR") -> Book:
    book = Book(LedgerStore(client, LEDGER_TABLE), clock)
    assert isinstance(book.post(OpenWallet.of(player_id, currency, "MT")), Posted)
    return book


def cash(client: Any, clock: Callable[[], int], player_id: str = PLAYER) -> int:
    wallet = Book(LedgerStore(client, LEDGER_TABLE), clock).wallet(player_id)
    assert wallet is not None
    return wallet.cash


def applier(client: Any, clock: Callable[[], int]) -> EventApplier:
    """The worker's applier over one client; the ledger does not really wait between its tries."""
    pacing = Pacing(budget_s=30.0, attempts_max=4, timer=lambda: 0.0, sleep=lambda _seconds: None)
    return EventApplier(CashierStore(client, CASHIER_TABLE), Book(LedgerStore(client, LEDGER_TABLE), clock, pacing), clock)


class Killed(BaseException):
    """The process is gone; no `except Exception` sees it."""


def lost() -> BaseException:
    """The answer of a call never came: sent or not, nobody can tell."""
    error: BaseException = ReadTimeoutError(endpoint_url="http://127.0.0.1:9")
    return error


class BreakingClient:
    """A client whose n-th call (from 0) goes wrong; `calls` counts them all.

    `before` decides whether the call fails before it is sent, or after it has landed. `fault` is what is raised.
    """

    def __init__(self, client: Any, at: int, *, before: bool, fault: Callable[[], BaseException]) -> None:
        self._client = client
        self._at = at
        self._before = before
        self._fault = fault
        self.calls = 0

    @property
    def broke(self) -> bool:
        return self.calls > self._at

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**request: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if number != self._at:
                return real(**request)
            if not self._before:
                real(**request)
            raise self._fault()

        return call


class InterruptedClient:
    """A client before whose n-th call (from 0) something else happens: another worker runs from start to end."""

    def __init__(self, client: Any, at: int, meanwhile: Callable[[], object]) -> None:
        self._client = client
        self._at = at
        self._meanwhile = meanwhile
        self.calls = 0

    @property
    def interrupted(self) -> bool:
        return self.calls > self._at

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**request: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if number == self._at:
                self._meanwhile()
            return real(**request)

        return call
