"""PaymentIQ's desk: each call answered by what stands in the ledger, so that the same call has the same answer, for ever.

Money in goes the way of all deposits: a transfer is an event of its deposit, applied at once instead of by a queue. Money out is
a withdrawal's, which was ordered there: what is said of it is for the withdrawal (`paymentiq_withdrawals`). Every movement is named
after the deposit, the withdrawal or PaymentIQ's own transaction, so a call that was cut off between its effect and its answer finds
the effect when it is sent again.

What PaymentIQ says it has moved is booked, always: its amount counts, not the one that was authorised.
"""

import base64
import hashlib
from typing import Final

from countroom import money
from countroom.cashier import deposits, paymentiq_reversals, terms
from countroom.cashier.apply_event import EventApplier, NotApplied, NotAppliedReason, Outcome
from countroom.cashier.deposits import UNPAID, Deposit, DepositStatus, Payment
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.gateways.paymentiq import (
    GATEWAY,
    Answer,
    Authorize,
    Call,
    Cancel,
    ErrorCode,
    Transfer,
    VerifyUser,
)
from countroom.cashier.idempotency import Answer as FirstAnswer
from countroom.cashier.idempotency import Claim
from countroom.cashier.paymentiq_payouts import Payouts
from countroom.cashier.paymentiq_withdrawals import OrderedPayouts, Withdrawals
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.withdrawal import is_withdrawal_id
from countroom.clock import Clock
from countroom.ledger.book import Book
from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.rules import limits
from countroom.ledger.wallet import Wallet

_NOT_APPLIED: Final = {
    NotAppliedReason.OTHER_FIGURES: ErrorCode.DUPLICATE_TRANSACTION,
    NotAppliedReason.PAYMENT_TAKEN: ErrorCode.DUPLICATE_TRANSACTION,
    NotAppliedReason.WRONG_CURRENCY: ErrorCode.WRONG_CURRENCY,
    NotAppliedReason.CONTENDED: ErrorCode.TRY_AGAIN,
}
_STATUSES: Final = {
    Status.EXCLUDED: ErrorCode.USER_EXCLUDED,
    Status.BLOCKED: ErrorCode.USER_BLOCKED,
    Status.CLOSED: ErrorCode.USER_BLOCKED,
}
_OPEN: Final = frozenset({DepositStatus.CREATED, DepositStatus.REQUIRES_ACTION})
_DECLINED: Final = frozenset({ErrorCode.LIMIT_REACHED, ErrorCode.USER_BLOCKED, ErrorCode.USER_EXCLUDED})
"""Refusals of a deposit that depend on the moment: they are written down as the end of the deposit, so a repeat is refused too."""


class PaymentIqDesk:
    """Answers the calls. Every method may raise StoreUnavailable and OutcomeUnknown: then the same call, sent again, is safe."""

    def __init__(self, store: CashierStore, book: Book, applier: EventApplier, withdrawals: Withdrawals, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._applier = applier
        self._clock = clock
        self._payouts = Payouts(book)
        self._ordered = OrderedPayouts(withdrawals, self._payouts)

    def answer(self, call: Call) -> Answer:
        """Do what a call says and answer it."""
        match call:
            case VerifyUser():
                return self._verify_user(call)
            case Authorize():
                return self._authorize_deposit(call) if call.amount > 0 else self._ordered.authorize(call)
            case Transfer():
                return self._transfer(call)
            case Cancel():
                return self._ordered.cancel(call) if is_withdrawal_id(call.auth_code) else self._cancel_deposit(call)

    def _verify_user(self, call: VerifyUser) -> Answer:
        told = {"userId": call.user_id}
        deposit = self._deposit(call.session_id, call.user_id)
        pays_in = deposit is not None and deposit.status in UNPAID
        if not pays_in and not self._ordered.is_session(call):
            return Answer(told, ErrorCode.UNKNOWN_SESSION)
        wallet = self._book.wallet(call.user_id)
        if wallet is None:
            return Answer(told, ErrorCode.UNKNOWN_USER)
        if wallet.status is not Status.ACTIVE and (pays_in or wallet.status is not Status.EXCLUDED):
            return Answer(told, _STATUSES[wallet.status])  # who is excluded from play still gets the own money
        balance = money.format_amount(max(0, wallet.cash), money.currency(wallet.currency))
        return Answer({**told, "country": wallet.country, "balance": balance, "balanceCy": wallet.currency})

    def _authorize_deposit(self, call: Authorize) -> Answer:
        told: dict[str, str | None] = {"userId": call.user_id, "txId": call.tx_id}
        deposit = self._deposit(call.deposit_id, call.user_id)
        if deposit is None:
            return Answer(told, ErrorCode.UNKNOWN_SESSION)
        error = self._decline(deposit, call)
        results: tuple[str, ...] = ()
        if error is None or error in _DECLINED:
            # What is decided stands with the deposit before it is said, so a repeat is answered the same.
            decided = PaymentOutcome.FAILED if error else PaymentOutcome.PENDING
            outcome = self._told(deposit, call, decided, error.value.lower() if error else call.tx_id)
            error, results = _standing(outcome.deposit or deposit, call), _results(outcome)
        if error is not None:
            return Answer(told, error, results=results)
        return Answer({**told, "merchantTxId": deposit.deposit_id, "authCode": deposit.deposit_id}, results=results)

    def _decline(self, deposit: Deposit, call: Authorize) -> ErrorCode | None:
        """Say what the house has against a payment. What has been paid is booked all the same, whatever changes here later."""
        if call.currency != deposit.currency:
            return ErrorCode.WRONG_CURRENCY
        taken = terms.TERMS[GATEWAY].ranges.get(call.currency)
        if taken is None or not taken.holds(call.amount):
            return ErrorCode.AMOUNT_OUT_OF_RANGE
        if deposit.status not in _OPEN:
            return _standing(deposit, call)
        wallet = self._book.wallet(call.user_id)
        if wallet is None:
            return ErrorCode.UNKNOWN_USER
        if wallet.status is not Status.ACTIVE:
            return _STATUSES[wallet.status]
        if limits.spent(wallet.limits, {LimitKind.DEPOSIT: call.amount}, self._clock()) is None:
            return ErrorCode.LIMIT_REACHED
        return None

    def _told(self, deposit: Deposit, call: Authorize, outcome: PaymentOutcome, reason: str) -> Outcome:
        payment = Payment(call.tx_id, call.amount, call.currency)
        event = PaymentEvent(outcome, deposit.deposit_id, payment, self._clock(), reason, call.tx_id)
        return self._applier.apply(GATEWAY, event)

    def _cancel_deposit(self, call: Cancel) -> Answer:
        told = {"userId": call.user_id}
        deposit = self._deposit(call.auth_code, call.user_id)
        if deposit is None:
            return Answer(told, ErrorCode.UNKNOWN_TRANSACTION)
        payment = Payment(call.tx_id or deposit.deposit_id, deposit.amount, deposit.currency)
        event = PaymentEvent(PaymentOutcome.CANCELLED, deposit.deposit_id, payment, self._clock())
        outcome = self._applier.apply(GATEWAY, event)
        paid = outcome.deposit is not None and outcome.deposit.is_credited
        return Answer(told, ErrorCode.ALREADY_PROCESSED if paid else None, results=_results(outcome))

    def _transfer(self, call: Transfer) -> Answer:
        if not call.origin_tx_id:
            return self._pay_in(call) if call.amount > 0 else self._ordered.pay_out(call)
        if call.amount < 0:
            return self._take_back(call)
        if (answer := self._ordered.give_back(call)) is not None:
            return answer
        paid_out = self._payouts.has_paid(call.origin_tx_id)
        return self._payouts.give_back(call) if paid_out else self._give_back(call)

    def _pay_in(self, call: Transfer) -> Answer:
        """Credit a deposit with what was paid: the one that was authorised, or one that is opened for it now."""
        wallet = self._book.wallet(call.user_id)
        if wallet is None:
            return Answer(_of(call), ErrorCode.UNKNOWN_USER, alarm="unknown_user")
        if wallet.currency != call.currency:
            return Answer(_of(call), ErrorCode.WRONG_CURRENCY, alarm="wrong_currency")
        deposit = self._paid_deposit(call, wallet)
        if deposit is None:
            return Answer(_of(call), ErrorCode.NOT_BOOKED, alarm="foreign_deposit")
        payment = Payment(call.tx_id, call.amount, call.currency)
        return self._booked(
            call, PaymentEvent(PaymentOutcome.SUCCEEDED, deposit.deposit_id, payment, self._clock(), "", call.tx_id)
        )

    def _paid_deposit(self, call: Transfer, wallet: Wallet) -> Deposit | None:
        """Find the deposit of a transfer; None where what it names is not this player's."""
        named = call.auth_code if deposits.is_deposit_id(call.auth_code) else call.deposit_id
        deposit_id = self._store.paid_by(GATEWAY, call.tx_id) or named
        found = self._store.get(deposit_id) if deposit_id else None
        if found is None:
            found = self._store.get(_own_deposit_id(call.tx_id)) or self._opened(call, wallet)
        return found if found.player_id == call.user_id and found.gateway == GATEWAY else None

    def _opened(self, call: Transfer, wallet: Wallet) -> Deposit:
        """Open a deposit for money that came without one: a payment that PaymentIQ's own staff have made by hand, say."""
        deposit_id = _own_deposit_id(call.tx_id)
        deposit = deposits.open_deposit(deposit_id, wallet.player_id, GATEWAY, call.currency, call.amount, self._clock())
        self._store.create(deposit, Claim(deposit_id, call.tx_id, b""), FirstAnswer(0, deposit_id))
        found = self._store.get(deposit_id)
        if found is None:
            raise StoreUnavailable("a deposit is being opened at this moment")
        return found

    def _take_back(self, call: Transfer) -> Answer:
        """Take back what a payment brought; before the payment is known it is kept for it."""
        deposit_id = self._store.paid_by(GATEWAY, call.origin_tx_id) or ""
        if deposit_id and self._deposit(deposit_id, call.user_id) is None:
            return Answer(_of(call), ErrorCode.UNKNOWN_TRANSACTION, alarm="foreign_deposit")
        return self._booked(call, paymentiq_reversals.taken_back(call, deposit_id, self._clock()))

    def _give_back(self, call: Transfer) -> Answer:
        """Give back what a chargeback took, or, when there is none to be returned, what PaymentIQ says it has moved."""
        if (answer := self._payouts.credited(call)) is not None:
            return answer
        deposit_id = self._store.paid_by(GATEWAY, call.origin_tx_id) or ""
        deposit = self._deposit(deposit_id, call.user_id)
        if deposit is None:
            foreign = Answer(_of(call), ErrorCode.UNKNOWN_TRANSACTION, alarm="foreign_deposit")
            return foreign if deposit_id else self._payouts.credit(call)
        if call.currency != deposit.currency:
            return Answer(_of(call), ErrorCode.WRONG_CURRENCY, alarm="wrong_currency")
        event = paymentiq_reversals.given_back(self._store, call, deposit, self._clock())
        return self._booked(call, event) if event else self._payouts.credit(call)

    def _booked(self, call: Transfer, event: PaymentEvent) -> Answer:
        try:
            outcome: Outcome = self._applier.apply(GATEWAY, event)
        except NotApplied as refused:
            error = _NOT_APPLIED.get(refused.reason, ErrorCode.NOT_BOOKED)
            alarm = "" if error is ErrorCode.TRY_AGAIN else refused.reason.value
            return Answer(_of(call), error, alarm=alarm)
        known = outcome.deposit
        told = {**_of(call), "merchantTxId": known.deposit_id if known else call.tx_id}
        # Without a deposit it is kept for its payment. PaymentIQ tells things in their order, so people look whether that comes.
        return Answer(told, alarm="" if known else "unknown_payment", results=_results(outcome))

    def _deposit(self, deposit_id: str, player_id: str) -> Deposit | None:
        """Find a player's deposit of this gateway; another player's is none."""
        if not deposits.is_deposit_id(deposit_id):
            return None
        found = self._store.get(deposit_id)
        return found if found and found.player_id == player_id and found.gateway == GATEWAY else None


def _of(call: Transfer) -> dict[str, str | None]:
    return {"userId": call.user_id, "txId": call.tx_id}


def _results(outcome: Outcome) -> tuple[str, ...]:
    return tuple(step.result.value for step in outcome.steps)


def _own_deposit_id(tx_id: str) -> str:
    """Name a deposit that nobody opened after its transaction: the same for ever, and none that a player's deposit can have."""
    digest = hashlib.sha256(f"{GATEWAY}:{tx_id}".encode()).digest()
    return deposits.ID_PREFIX + base64.b32encode(digest).decode().lower()[: deposits.ID_LENGTH]


def _standing(deposit: Deposit, call: Authorize) -> ErrorCode | None:
    """Say how an authorisation of this deposit was answered; None: with success. What came later does not change it.

    A deposit is one payment: what was authorised is repeated to that payment alone. Another one, a second try after the first was
    cancelled, say, needs a deposit of its own, which is asked for limits and exclusion anew.
    """
    for change in deposit.changes:
        why = change.cause.partition(":")[2]
        if change.status is DepositStatus.FAILED and why.upper() in _DECLINED:
            return ErrorCode(why.upper())
        if change.status is DepositStatus.PENDING and why in {"", call.tx_id}:  # none: from before it was written down
            return None
    return ErrorCode.ALREADY_PROCESSED
