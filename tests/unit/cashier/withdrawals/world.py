"""A house with one player in it, all in this process: the ledger, the deposits, the withdrawals and their counters.

The tables take part in transactions and can be raced by threads; calls can be made to fail before or after they took effect.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from countroom.cashier.apply_event import EventApplier
from countroom.cashier.deposits import Payment, open_deposit
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.decisions import Decisions
from countroom.cashier.withdrawals.desk import Rooms, WithdrawalDesk
from countroom.cashier.withdrawals.forms import Ask, Declined, Opened, OpenResult
from countroom.cashier.withdrawals.life import Approve, Clearance, Said, Screened, Submit
from countroom.cashier.withdrawals.lists import WithdrawalLists
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.screener import Screener
from countroom.cashier.withdrawals.screening import Person
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Withdrawal, Word
from countroom.jurisdictions.profile import Level
from countroom.ledger.book import Book, Pacing, Posted
from countroom.ledger.movements import Movement, OpenWallet, Reference, SetStatus, Status
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from tests.simulation.dynamodb import Model, Schema
from tests.simulation.errors import client_error
from tests.simulation.expressions import Scope, condition
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, WITHDRAWALS_TABLE

DAY_MS = 86_400_000
Item = dict[str, Any]
_SORTED_BY = {"by_player": ("player_id", "created_at"), "open": ("open_status", "changed_at")}


class Tables(Model):
    """The model of DynamoDB under a lock, with single writes and with indexes that texts sort.

    `before` and `after` are told of every call by its name; what they raise is what the caller sees.
    """

    def __init__(self) -> None:
        two = Schema(("pk", "sk"))
        super().__init__({LEDGER_TABLE: Schema(("pk",), {"history": ("p", "n")}), CASHIER_TABLE: two, WITHDRAWALS_TABLE: two})
        self.lock = threading.RLock()
        self.calls: list[tuple[str, Item]] = []
        self.before: Callable[[str], None] = lambda _name: None
        self.after: Callable[[str], None] = lambda _name: None

    def get_item(self, **request: Any) -> Item:
        return self._called("get_item", request, super().get_item)

    def transact_get_items(self, **request: Any) -> Item:
        return self._called("transact_get_items", request, super().transact_get_items)

    def transact_write_items(self, **request: Any) -> Item:
        return self._called("transact_write_items", request, super().transact_write_items)

    def update_item(self, **request: Any) -> Item:
        return self._called("update_item", request, self._update)

    def query(self, **request: Any) -> Item:
        return self._called("query", request, self._listed)

    def _update(self, **request: Any) -> Item:
        (write,), (reason,) = self.evaluate([{"Update": request}])
        if reason["Code"] != "None":
            raise client_error("ConditionalCheckFailedException", "UpdateItem")
        self.tables[write.table].put(write.key, write.after)
        return {}

    def _listed(self, **request: Any) -> Item:
        hashed, ranged = _SORTED_BY[request["IndexName"]]
        (value,) = request["ExpressionAttributeValues"].values()
        every = self.tables[request["TableName"]].items.values()
        found = [item for item in every if item.get(hashed) == value and ranged in item]
        if "FilterExpression" in request:
            test, _ = condition(request["FilterExpression"])
            found = [item for item in found if test(Scope(item, {}, {}))]
        backward = request.get("ScanIndexForward") is False
        found.sort(key=lambda item: (item[ranged]["S"], item["pk"]["S"]), reverse=backward)
        if start := request.get("ExclusiveStartKey"):
            seen = [(item["pk"], item["sk"]) for item in found].index((start["pk"], start["sk"]))
            found = found[seen + 1 :]
        limit = request.get("Limit", 1000)
        answer: Item = {"Items": found[:limit]}
        if len(found) > limit:
            answer["LastEvaluatedKey"] = {name: found[limit - 1][name] for name in ("pk", "sk", hashed, ranged)}
        return answer

    def _called(self, name: str, request: Item, call: Callable[..., Item]) -> Item:
        self.before(name)
        with self.lock:
            self.calls.append((name, request))
            answer = call(**request)
        self.after(name)
        return answer


class World:
    """The house, with a player from Malta who is verified, has been here for a month and has played."""

    def __init__(self, *, country: str = "MT", hasty: bool = True) -> None:
        self.client = Tables()
        self.clock = FixedClock()
        pacing = Pacing(sleep=lambda _seconds: None) if hasty else Pacing(budget_s=30.0, attempts_max=1000)
        self.book = Book(LedgerStore(self.client, LEDGER_TABLE), self.clock, pacing)
        self.store = WithdrawalStore(self.client, WITHDRAWALS_TABLE)
        self.lists = WithdrawalLists(self.client, WITHDRAWALS_TABLE)
        self.deposits = CashierStore(self.client, CASHIER_TABLE)
        self.person = Person(frozenset({Level.AGE, Level.IDENTITY}), registered_at_ms=self.clock() - 30 * DAY_MS)
        self.woken: list[tuple[str, str]] = []
        self.player_of: dict[str, str] = {}
        self.withdrawals = Withdrawals(
            self.store, self.book, self.clock, lambda found, token: self.woken.append((found.status, token)), lambda _seconds: None
        )
        methods = Methods(self.deposits)
        rooms = Rooms(self.book, methods, lambda _player: self.person)
        self.desk = WithdrawalDesk(self.store, self.lists, self.withdrawals, rooms, self.clock)
        self.screener = Screener(self.store, self.book.wallet, methods, lambda _player: self.person, self.clock)
        self.decisions = Decisions(self.withdrawals, self.lists, self.screener, self.player_of.get)
        self._count = 0
        self.post(OpenWallet.of(PLAYER, "EUR", country))

    def post(self, movement: Movement) -> None:
        assert isinstance(self.book.post(movement), Posted)

    def set_status(self, status: Status) -> None:
        self._count += 1
        self.post(SetStatus(Reference("house:staff", f"status-{self._count}"), PLAYER, status))

    def unverify(self) -> None:
        self.person = replace(self.person, levels=frozenset())

    def deposit(
        self, amount: str = "100.00", gateway: str = "adyen", *, player_id: str = PLAYER, paid: bool = True, method: str = ""
    ) -> str:
        """Let money come in; gives the deposit's id."""
        self._count += 1
        deposit_id = f"dep_{'a' * 19}{'abcdefghijklmnopqrstuvwxyz'[self._count]}"
        deposit = open_deposit(deposit_id, player_id, gateway, "EUR", nanos(amount), self.clock() + self._count, method)
        self.deposits.create(deposit, Claim(player_id, deposit_id, b"print"), Answer(201, deposit_id))
        if paid:
            self.say(deposit_id, PaymentOutcome.SUCCEEDED, amount, gateway)
        return deposit_id

    def say(self, deposit_id: str, outcome: PaymentOutcome, amount: str, gateway: str = "adyen") -> None:
        """Let the gateway say something of a deposit."""
        payment = Payment(f"pay_{deposit_id}", nanos(amount), "EUR")
        event = PaymentEvent(outcome, deposit_id, payment, self.clock(), "", case_id="c-1")
        EventApplier(self.deposits, self.book, self.clock).apply(gateway, event)

    def ask(
        self, deposit_id: str, amount: str = "50.00", key: str = "k-1", currency: str = "EUR", player_id: str = PLAYER
    ) -> OpenResult:
        return self.desk.request(player_id, [key], Ask(amount, currency, deposit_id))

    def asked(self, deposit_id: str, amount: str = "50.00", key: str = "k-1") -> Withdrawal:
        """Ask for money and get it promised."""
        result = self.ask(deposit_id, amount, key)
        assert isinstance(result, Opened), result
        return self.get(result.withdrawal_id)

    def get(self, withdrawal_id: str) -> Withdrawal:
        found = self.store.get(withdrawal_id)
        assert found is not None
        return found

    def waiting(self, *, amount: str = "50.00", needed: int = 1, key: str = "k-1") -> Withdrawal:
        """Give a withdrawal that waits for approval."""
        made = self.asked(self.deposit(amount), amount, key)
        return self.withdrawals.happen(made.withdrawal_id, Screened(Clearance.REVIEW, ("risk.large_amount",), needed))

    def submitted(self) -> Withdrawal:
        """Give a withdrawal that the gateway has taken."""
        made = self.waiting()
        self.withdrawals.happen(made.withdrawal_id, Approve("jane"))
        self.withdrawals.happen(made.withdrawal_id, Submit())
        return self.withdrawals.happen(made.withdrawal_id, Said(Word.TAKEN, payout_id="po_1"))

    @property
    def wallet(self) -> Wallet:
        wallet = self.book.wallet(PLAYER)
        assert wallet is not None
        return wallet

    @property
    def balances(self) -> tuple[int, int]:
        """Cash and what is held, in main units."""
        return self.wallet.cash // 10**9, self.wallet.held // 10**9

    @property
    def written(self) -> dict[tuple[str, ...], Item]:
        """Everything in the withdrawals' table."""
        return {key: dict(item) for key, item in self.client.tables[WITHDRAWALS_TABLE].items.items()}


def declined(result: OpenResult) -> tuple[str, list[str]]:
    """The reason of a refusal, and the fields that it names."""
    assert isinstance(result, Declined), result
    return result.reason.value, [fault.field for fault in result.faults]
