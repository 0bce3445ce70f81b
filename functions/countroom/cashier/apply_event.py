"""Applying a gateway's event to its deposit: once, whatever is repeated, reordered, lost or killed.

What an event means is for `life`; here it is written. The money of a fact, the deposit's change, the claim of the payment and what
staff have to know are one transaction (and so are the end of a deposit without money and what it gives back, see `uses`), keyed in
the ledger by the deposit and the fact: each fact moves money at most once, for ever, a payment pays one deposit, and nothing moves
without saying so. One event may take several steps, because what had waited for it follows; a worker that is killed between two of
them takes the others when the event is delivered again.

Whatever cannot be applied is raised, so that the message comes back and, after bounded tries, lies before people; nothing taken in
is dropped in silence.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom.cashier import life, uses
from countroom.cashier.deposits import Booking, Change, Deposit, Fact
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.life import Refused, Step
from countroom.cashier.matters import matter_of
from countroom.cashier.store import CashierStore
from countroom.clock import Clock
from countroom.ledger.book import Book
from countroom.ledger.book import Refused as LedgerRefused
from countroom.ledger.movements import Deposit as DepositMovement
from countroom.ledger.movements import DepositReturned, DepositReversal, Movement, Reason, Reference
from countroom.ledger.records import Record

ATTEMPTS_MAX: Final = 4
"""How often a step is tried while others change its deposit, which happens to a deposit a handful of times in its life."""

_RETURNS: Final = frozenset({Booking.CHARGEBACK_REVERSED, Booking.REFUND_FAILED})
"""What gives back what was taken."""


_TAKES: Final = frozenset({Booking.REFUND, Booking.UNSETTLED, Booking.CHARGEBACK})
"""What takes back what a payment brought."""


class EventResult(StrEnum):
    """What came of an event."""

    CREDITED = "credited"
    CREDITED_OTHER_AMOUNT = "credited_other_amount"  # booked as the gateway moved it, which is not what was asked for
    PAID_AGAIN = "paid_again"  # a further payment of a deposit that was paid: booked, and told to staff
    REVERSED = "reversed"
    RETURNED = "returned"  # a chargeback was reversed, or a refund failed
    SETTLED = "settled"
    FAILED = "failed"
    MOVED = "moved"  # another state before any money
    NOTED = "noted"  # kept until what it rests on has come
    NO_EFFECT = "no_effect"  # a repeat, or late


class NotAppliedReason(StrEnum):
    """Why an event could not be applied; each is for people when it stays."""

    UNKNOWN_DEPOSIT = "unknown_deposit"
    FOREIGN_DEPOSIT = "foreign_deposit"  # opened through another gateway
    PAYMENT_TAKEN = "payment_taken"  # the payment has paid another deposit
    WRONG_CURRENCY = "wrong_currency"
    OTHER_FIGURES = "other_figures"
    NO_AMOUNT = "no_amount"
    TOO_MANY_CHANGES = "too_many_changes"
    LEDGER_REFUSED = "ledger_refused"
    CONTENDED = "contended"


class NotApplied(Exception):
    """The event changed nothing and must not be forgotten. `detail` is the ledger's reason, where it was the one to refuse."""

    def __init__(self, reason: NotAppliedReason, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Taken:
    """One step that was taken: what it was, the deposit after it, and the fact whose money moved."""

    result: EventResult
    deposit: Deposit
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an event: the steps in their order, and the deposit after them (None: its payment is not known yet)."""

    steps: tuple[Taken, ...]
    deposit: Deposit | None

    @property
    def result(self) -> EventResult:
        """What the first step was; what had waited follows it."""
        if self.steps:
            return self.steps[0].result
        return EventResult.NO_EFFECT if self.deposit else EventResult.NOTED


class EventApplier:
    """Applies payment events to deposits and, where they move money, to the ledger."""

    def __init__(self, store: CashierStore, book: Book, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._clock = clock

    def apply(self, gateway: str, event: PaymentEvent) -> Outcome:
        """Apply one event of `gateway`. Any repeat of it, at any time and beside any other, ends in the same state.

        Raises NotApplied, StoreUnavailable, or the ledger's OutcomeUnknown: in each case the event has to be tried again, and
        trying again is safe.
        """
        deposit_id = event.deposit_id or self._deposit_of(gateway, event)
        if deposit_id is None:
            return Outcome((), None)
        steps, deposit = self._advance(gateway, deposit_id, event)
        if event.outcome is PaymentOutcome.SUCCEEDED:
            # Also when the credit is an old one: a worker may have been killed right after it.
            for early in self._store.early(gateway, event.payment.payment_id):
                more, deposit = self._advance(gateway, deposit_id, early)
                steps += more
        return Outcome(tuple(steps), deposit)

    def _deposit_of(self, gateway: str, event: PaymentEvent) -> str | None:
        """Find the deposit that an event's payment has paid; keep the event where there is none yet.

        It is kept first and looked for once more: a credit at the same moment writes the claim first and looks for events then, so
        one of the two sees the other.
        """
        payment_id = event.payment.payment_id
        found = self._store.paid_by(gateway, payment_id)
        if found is None:
            self._store.keep_early(gateway, event)
            found = self._store.paid_by(gateway, payment_id)
        return found

    def _advance(self, gateway: str, deposit_id: str, event: PaymentEvent) -> tuple[list[Taken], Deposit]:
        """Take steps until the deposit stands where its events lead."""
        taken: list[Taken] = []
        lost = 0
        while lost < ATTEMPTS_MAX:
            before = self._find(gateway, deposit_id)
            step = life.advance(before, event, self._clock())
            if step is None:
                return taken, before
            if isinstance(step, Refused):
                raise NotApplied(NotAppliedReason(step.reason.value))
            done = self._commit(before, step)
            if done is None:
                lost += 1
            else:
                taken.append(Taken(_result(before, done), done.deposit, done.fact))
        raise NotApplied(NotAppliedReason.CONTENDED)

    def _find(self, gateway: str, deposit_id: str) -> Deposit:
        deposit = self._store.get(deposit_id)
        if deposit is None:
            raise NotApplied(NotAppliedReason.UNKNOWN_DEPOSIT)
        if deposit.gateway != gateway:
            raise NotApplied(NotAppliedReason.FOREIGN_DEPOSIT)
        return deposit

    def _commit(self, before: Deposit, step: Step) -> Step | None:
        """Write a step, with its money when it has any; None when the deposit has moved on: judge the event anew."""
        if step.fact is None:
            return step if self._move(before, step.deposit) else None
        fact = step.fact
        parts = self._store.booking(before, step.deposit, fact, matter_of(before, step.deposit, fact))
        posted = self._book.post(_movement(before, fact, step.on), companions=parts)
        if not isinstance(posted, LedgerRefused):
            # Replayed: the money was booked before this call. Either a twin of this worker did it just now, and the deposit has
            # moved with it; or the cashier's table was restored to an earlier day than the ledger's, and the deposit catches up.
            return step if not posted.replayed or self._store.catch_up(parts) else None
        if posted.reason is Reason.DUPLICATE_TRANSACTION and self._holds_another(before, fact):
            return self._commit(before, life.renamed(step))
        if posted.reason is not Reason.COMPANION_CONFLICT:
            raise NotApplied(NotAppliedReason.LEDGER_REFUSED, posted.reason.value)
        if fact.booking is Booking.PAYMENT:
            taken = self._store.paid_by(before.gateway, fact.payment.payment_id)
            if taken not in {None, before.deposit_id}:
                raise NotApplied(NotAppliedReason.PAYMENT_TAKEN)
        return None

    def _move(self, before: Deposit, after: Deposit) -> bool:
        try:
            return uses.move(self._store, self._book, before, after)
        except uses.NotGivenBack as refused:
            raise NotApplied(NotAppliedReason.LEDGER_REFUSED, refused.reason.value) from None

    def _holds_another(self, deposit: Deposit, fact: Fact) -> bool:
        """Say whether the ledger has another payment under the deposit's own name, of which the cashier's table knows nothing."""
        if fact.record != deposit.deposit_id:
            return False
        entry = self._book.find(_reference(deposit, fact))
        return isinstance(entry, Record) and entry.note != fact.payment.payment_id


def _reference(deposit: Deposit, fact: Fact) -> Reference:
    return Reference(f"gateway:{deposit.gateway}", fact.record)


def _movement(deposit: Deposit, fact: Fact, on: Fact | None) -> Movement:
    """Say what a fact does to the wallet."""
    reference, player_id, code = _reference(deposit, fact), deposit.player_id, deposit.currency
    if fact.booking is Booking.PAYMENT or on is None:
        opened = uses.opened(deposit, fact.record)
        return DepositMovement(reference, player_id, code, fact.booked, fact.payment.payment_id, opened)
    about = _reference(deposit, on)
    if fact.booking in _RETURNS:
        return DepositReturned(reference, player_id, code, fact.booked, about)
    return DepositReversal(reference, player_id, code, fact.booked, about, _earlier(deposit, on))


def _earlier(deposit: Deposit, on: Fact) -> int:
    """Say how much of what a fact rests on is taken back already and was not given back, in nanos."""
    known = [fact for fact in deposit.facts if fact.is_booked and fact.payment.payment_id == on.payment.payment_id]
    if on.booking is not Booking.PAYMENT:
        return sum(fact.booked for fact in known if fact.booking is Booking.SECOND_CHARGEBACK and fact.case_id == on.case_id)
    taken = sum(fact.booked for fact in known if fact.booking in _TAKES)
    return taken - sum(fact.booked for fact in known if fact.booking in _RETURNS)


def _result(before: Deposit, step: Step) -> EventResult:
    after, fact = step.deposit, step.fact
    if fact is None:
        return _moved(before, after.changes[-1])
    if fact.booking is Booking.PAYMENT:
        if before.payment is not None:
            return EventResult.PAID_AGAIN
        return EventResult.CREDITED if fact.booked == after.amount else EventResult.CREDITED_OTHER_AMOUNT
    return EventResult.RETURNED if fact.booking in _RETURNS else EventResult.REVERSED


def _moved(before: Deposit, change: Change) -> EventResult:
    if change.status is before.status:
        return EventResult.NOTED
    known = {"settled": EventResult.SETTLED, "failed": EventResult.FAILED}
    return known.get(change.status, EventResult.MOVED)
