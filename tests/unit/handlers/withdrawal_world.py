"""What the entrances of withdrawals are tested in: tables in this process, a player with money, a machine that notes its calls."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from countroom.cashier.apply_event import EventApplier
from countroom.cashier.deposits import Payment, open_deposit
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.machine import Machine
from countroom.clock import Clock
from countroom.identity.digests import email_digest
from countroom.identity.store import Account, Credentials, PlayersStore
from countroom.identity.table import Table
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.standing import Order, Word
from countroom.verification.store import StandingStore
from handlers.parts import wake
from tests.unit.cashier.support import PLAYER, nanos, open_wallet
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, PLAYERS_TABLE, WITHDRAWALS_TABLE

ARN = "arn:aws:states:eu-west-1:000000000000:stateMachine:withdrawals"
EMAIL = "anna@example.com"
JOINED = "2025-12-01T12:00:00.000Z"


class NotingMachine:
    """A Step Functions client that notes what it is asked; `down`: it cannot be reached."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.woken: list[str] = []
        self.down = False

    def start_execution(self, **request: Any) -> dict[str, Any]:
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://states")
        self.started.append(request["name"])
        return {}

    def send_task_success(self, **request: Any) -> dict[str, Any]:
        self.woken.append(request["taskToken"])
        return {}


class Town:
    """One player: registered a month ago, verified, with a deposit of 500 EUR through Adyen."""

    def __init__(self, client: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = client
        self.clock = clock
        self.machine = NotingMachine()
        for name, value in (
            ("WITHDRAWALS_TABLE", WITHDRAWALS_TABLE),
            ("CASHIER_TABLE", CASHIER_TABLE),
            ("LEDGER_TABLE", LEDGER_TABLE),
            ("PLAYERS_TABLE", PLAYERS_TABLE),
            ("WITHDRAWAL_MACHINE_ARN", ARN),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(wake, "machine", lambda: Machine(self.machine, ARN))
        open_wallet(client, clock)
        self.book = Book(LedgerStore(client, LEDGER_TABLE), clock)
        account = Account(
            PLAYER, email_digest(EMAIL), b"sealed", "MT", "EUR", "1", "2025-12-01T12:00:00.000Z", "2025-12-01T12:00:00.000Z"
        )
        credentials = Credentials(account.address, PLAYER, "hash")
        client.transact_write_items(TransactItems=PlayersStore(Table(client, PLAYERS_TABLE)).creation(account, credentials))
        self.say(Word.VERIFY, "r-1")
        self.deposit_id = "dep_" + "c" * 20
        deposit = open_deposit(self.deposit_id, PLAYER, "adyen", "EUR", nanos("500.00"), clock())
        store = CashierStore(client, CASHIER_TABLE)
        store.create(deposit, Claim(PLAYER, "d-1", b"print"), Answer(201, ""))
        paid = PaymentEvent(PaymentOutcome.SUCCEEDED, self.deposit_id, Payment("pay_1", nanos("500.00"), "EUR"), clock(), "")
        EventApplier(store, self.book, clock).apply("adyen", paid)

    def say(self, word: Word, request_id: str) -> None:
        """Let support say whether the player is verified."""
        desk = VerificationDesk(StandingStore(self.client, PLAYERS_TABLE), self.clock)
        desk.carry_out(Order(PLAYER, word, "support.jane", "passport", request_id))

    @property
    def balances(self) -> tuple[int, int]:
        """Cash and what is held, in main units."""
        wallet = self.book.wallet(PLAYER)
        assert wallet is not None
        return wallet.cash // 10**9, wallet.held // 10**9
