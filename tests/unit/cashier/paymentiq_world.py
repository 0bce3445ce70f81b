"""What PaymentIQ's tests share: a house with a player, and the calls as they come over the wire."""

import json
import re
from collections.abc import Callable
from typing import Any

from countroom.cashier import uses
from countroom.cashier.apply_event import EventApplier
from countroom.cashier.deposits import Deposit, open_deposit
from countroom.cashier.gateways import paymentiq
from countroom.cashier.gateways.paymentiq import Answer
from countroom.cashier.idempotency import Answer as FirstAnswer
from countroom.cashier.idempotency import Claim
from countroom.cashier.paymentiq_desk import PaymentIqDesk
from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.ledger.book import Book, Pacing, Posted
from countroom.ledger.movements import Adjustment, OpenWallet, Reference
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from tests.unit.cashier.payouts.support import SESSION, WITHDRAWAL_ID, nobody_waits, submitted, withdrawal
from tests.unit.cashier.support import DEPOSIT_ID, OTHER_PLAYER, PLAYER, keep, nanos
from tests.unit.clock import START_MS
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, WITHDRAWALS_TABLE

PACING = Pacing(budget_s=30.0, attempts_max=4, timer=lambda: 0.0, sleep=lambda _seconds: None)


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class House:
    """The desk over real tables. The player has 50.00 EUR and has opened a deposit of 10.00 EUR.

    `number`: one of several houses in the same tables, each with players, a deposit and transactions of its own. The deposit is one
    that the ledger was told nothing of; with `opened` false there is none until `open` makes one that counts.
    """

    def __init__(self, client: Any, clock: Callable[[], int], number: int = 0, *, opened: bool = True) -> None:
        self._mark = _LETTERS[number // 32] + _LETTERS[number % 32] if number else ""
        self.client = client
        self.clock = clock
        self.store = CashierStore(client, CASHIER_TABLE)
        self.book = Book(LedgerStore(client, LEDGER_TABLE), clock, PACING)
        player, other = self.own(PLAYER), self.own(OTHER_PLAYER)
        for one in (player, other):
            assert isinstance(self.book.post(OpenWallet.of(one, "EUR", "MT")), Posted)
        gift = Adjustment(Reference("house:test", f"gift{self._mark}"), player, "EUR", nanos("50.00"), "a gift", "staff")
        assert isinstance(self.book.post(gift), Posted)
        if opened:
            keep(self.store, open_deposit(self.own(DEPOSIT_ID), player, "paymentiq", "EUR", nanos("10.00"), START_MS))

    def open(self) -> None:
        """Open the deposit as the desk does."""
        made = open_deposit(DEPOSIT_ID, PLAYER, "paymentiq", "EUR", nanos("10.00"), self.clock(), counted=True)
        parts = self.store.opening(made, Claim(PLAYER, "k-1", b"print"), FirstAnswer(201, ""))
        assert isinstance(self.book.post(uses.opening(made), companions=parts), Posted)

    def own(self, text: str) -> str:
        """Put this house's mark on the players, deposits and transactions of a text."""
        if not self._mark:
            return text
        for name in (PLAYER, OTHER_PLAYER, DEPOSIT_ID, WITHDRAWAL_ID):
            text = text.replace(name, name[:-2] + self._mark)
        return re.sub(r"(?<![0-9.])([12]00[1-4])(?![0-9])", rf"\1{self._mark}", text)

    def desk(self, client: Any | None = None) -> PaymentIqDesk:
        over = client or self.client
        store, book = CashierStore(over, CASHIER_TABLE), Book(LedgerStore(over, LEDGER_TABLE), self.clock, PACING)
        withdrawals = Withdrawals(WithdrawalStore(over, WITHDRAWALS_TABLE), book, self.clock, nobody_waits, lambda _seconds: None)
        return PaymentIqDesk(store, book, EventApplier(store, book, self.clock), withdrawals, self.clock)

    def withdraw(self, amount: str = "20.00", *, sent: bool = True) -> None:
        """Let the player ask for a withdrawal through PaymentIQ; `sent`: it is on its way there."""
        made = withdrawal(amount, gateway="paymentiq", name=self.own(WITHDRAWAL_ID), player=self.own(PLAYER))
        submitted(self.client, self.book, self.clock, made, sent=sent)

    def withdrawal(self) -> Withdrawal:
        found = WithdrawalStore(self.client, WITHDRAWALS_TABLE).get(self.own(WITHDRAWAL_ID))
        assert found is not None
        return found

    def ask(self, action: str, body: dict[str, Any], client: Any | None = None) -> Answer:
        return self.desk(client).answer(paymentiq.parse(action, self.own(json.dumps(body)).encode()))

    def says(self, action: str, body: dict[str, Any], client: Any | None = None) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.ask(action, body, client).body)
        return told

    def wallet(self, player: str = PLAYER) -> Wallet:
        found = self.book.wallet(self.own(player))
        assert found is not None
        return found

    def holds(self, player: str = PLAYER) -> tuple[int, int]:
        """Cash and held money, in nanos."""
        wallet = self.wallet(player)
        return wallet.cash, wallet.held

    def deposit(self, deposit_id: str = DEPOSIT_ID) -> Deposit:
        found = self.store.get(deposit_id)
        assert found is not None
        return found


def money(cash: str, held: str = "0.00") -> tuple[int, int]:
    sign = -1 if cash.startswith("-") else 1
    return sign * nanos(cash.removeprefix("-")), nanos(held)


def verify(session: str = DEPOSIT_ID, user: str = PLAYER) -> dict[str, Any]:
    return {"sessionId": session, "userId": user}


def call(amount: str = "10.00", tx: object = "1001", **fields: Any) -> dict[str, Any]:
    """An authorize or transfer; a field given as None is left out."""
    said = {
        "userId": PLAYER,
        "txId": tx,
        "txAmount": amount,
        "txAmountCy": "EUR",
        "txTypeId": 101,
        "txName": "CreditcardDeposit",
        "provider": "Bank",
        "attributes": {"deposit_id": DEPOSIT_ID},
        **fields,
    }
    return {name: value for name, value in said.items() if value is not None}


def out(amount: str = "-20.00", tx: object = "2001", **fields: Any) -> dict[str, Any]:
    """A call about the withdrawal that the house has ordered."""
    return call(amount, tx, **{"attributes": {"withdrawal": SESSION}, "txName": "BankWithdrawal", **fields})


def stray(amount: str = "-20.00", tx: object = "2001", **fields: Any) -> dict[str, Any]:
    """A call about a payment that the house has not ordered."""
    return out(amount, tx, attributes=None, **fields)


def cancel(auth_code: str, tx: str = "2001", user: str = PLAYER) -> dict[str, Any]:
    return {"userId": user, "txId": tx, "authCode": auth_code}
