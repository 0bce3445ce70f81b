"""The cashier's table and the ledger in memory: the ledger's real rules, and the conditions that the tables have."""

from collections.abc import Callable, Sequence
from typing import Any

from countroom.cashier import uses
from countroom.cashier.apply_event import EventApplier
from countroom.cashier.deposits import Booking, Deposit, Fact
from countroom.cashier.gateways.dialect import PaymentEvent
from countroom.cashier.matters import Matter
from countroom.ledger.book import Posted, Refused
from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import LimitKind, Movement, OpenWallet, Period, Reason, Reference
from countroom.ledger.records import Record
from countroom.ledger.rules.effects import Facts
from countroom.ledger.safeguards import SetLimit
from tests.unit.clock import START_MS

Part = Callable[[], bool]


class MemoryStore:
    """One deposit in memory, under the same condition as in the table."""

    def __init__(self, deposit: Deposit) -> None:
        self.deposit = deposit
        self.claims: dict[str, str] = {}
        self.kept: dict[str, list[PaymentEvent]] = {}
        self.matters: list[Matter] = []

    def get(self, deposit_id: str) -> Deposit | None:
        return self.deposit if deposit_id == self.deposit.deposit_id else None

    def save(self, before: Deposit, after: Deposit) -> bool:
        if before.version != self.deposit.version:
            return False
        self.deposit = after
        return True

    def moving(self, before: Deposit, after: Deposit) -> list[Part]:
        return [lambda: self.save(before, after)]

    def booking(self, before: Deposit, after: Deposit, fact: Fact, matter: Matter | None) -> list[Part]:
        def write() -> bool:
            written = self.save(before, after)
            if written and fact.booking is Booking.PAYMENT:
                self.claims[fact.payment.payment_id] = before.deposit_id
            if written and matter:
                self.matters.append(matter)
            return written

        return [write]

    def catch_up(self, parts: list[Part]) -> bool:
        return all(part() for part in parts)

    def paid_by(self, _gateway: str, payment_id: str) -> str | None:
        return self.claims.get(payment_id)

    def keep_early(self, _gateway: str, event: PaymentEvent) -> None:
        kept = self.kept.setdefault(event.payment.payment_id, [])
        if event not in kept:
            kept.append(event)

    def early(self, _gateway: str, payment_id: str) -> list[PaymentEvent]:
        return list(self.kept.get(payment_id, ()))


class MemoryBook:
    """The ledger's real rules over records in memory; a companion that fails takes the money with it."""

    def __init__(self, player_id: str) -> None:
        opening = decide(None, Facts(), OpenWallet.of(player_id, "EUR", "MT"), START_MS)
        assert isinstance(opening, Decision)
        self.wallet = opening.wallet
        self.records: dict[Reference, Record] = {opening.record.reference: opening.record}
        self.resolutions: dict[Reference, Any] = {}

    def find(self, reference: Reference) -> Record | None:
        return self.records.get(reference)

    def post(self, movement: Movement, companions: Sequence[Part] = ()) -> Posted | Refused:
        known = self.records.get(movement.reference)
        if known is not None:
            same = known.fingerprint == movement.fingerprint
            return Posted(known, known.after, replayed=True) if same else Refused(Reason.DUPLICATE_TRANSACTION)
        decision = decide(self.wallet, Facts(self.records, self.resolutions), movement, START_MS)
        if not isinstance(decision, Decision):
            return Refused(decision.reason)
        if decision.record.reason is not None:
            self.wallet, self.records[movement.reference] = decision.wallet, decision.record
            return Refused(decision.record.reason, limit=decision.record.limit)
        if not all(companion() for companion in companions):
            return Refused(Reason.COMPANION_CONFLICT)
        self.wallet, self.records[movement.reference] = decision.wallet, decision.record
        if decision.resolution:
            assert decision.resolution.of not in self.resolutions
            self.resolutions[decision.resolution.of] = decision.resolution
        return Posted(decision.record, decision.record.after, replayed=False)


class Office:
    """A worker over one deposit and its player's wallet, all in memory.

    `cap`: the player's deposit limit for 24 hours, in nanos; a deposit that counts was opened under it.
    """

    def __init__(self, deposit: Deposit, cap: int | None = None) -> None:
        self.store = MemoryStore(deposit)
        self.book = MemoryBook(deposit.player_id)
        if cap is not None:
            name = Reference("house:limit", "l-1")
            self.book.post(SetLimit(name, deposit.player_id, deposit.currency, cap, LimitKind.DEPOSIT, Period.DAY))
        if deposit.counted:
            assert isinstance(self.book.post(uses.opening(deposit)), Posted)
        self.worker = EventApplier(self.store, self.book, lambda: START_MS)  # type: ignore[arg-type]  # in-memory twins of the ports

    def take(self, *events: PaymentEvent) -> "Office":
        for event in events:
            self.worker.apply(self.deposit.gateway, event)
        return self

    @property
    def deposit(self) -> Deposit:
        return self.store.deposit

    @property
    def cash(self) -> int:
        return self.book.wallet.cash

    @property
    def used(self) -> int:
        """What is used of the player's deposit limit, in nanos."""
        (limit,) = self.book.wallet.limits
        return limit.used
