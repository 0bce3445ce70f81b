"""Money out through PaymentIQ: held when it is authorised, then captured as it was paid, or released. All of it in the ledger.

The names, by which each happens once, for ever: the authCode (`wd-` and the transaction) is the hold; with `:paid` the payment,
`:cancelled` its release by a cancel, `:never` what a cancel leaves that comes first, `:freed` and `:held` the release and the new
hold of a payment with another amount, `:returned` what came back.
"""

from typing import Final

from countroom.cashier.gateways.paymentiq import (
    GATEWAY,
    Answer,
    Authorize,
    Cancel,
    ErrorCode,
    Transfer,
    is_withdrawal_code,
    withdrawal_code,
)
from countroom.ledger.book import BatchPosted, Book, Posted, Refused
from countroom.ledger.movements import (
    Adjustment,
    Capture,
    Hold,
    Kind,
    Movement,
    PayoutReturned,
    Reason,
    Reference,
    Release,
    Rollback,
)
from countroom.ledger.records import Outcome, Record, public_id_of

SOURCE: Final = f"gateway:{GATEWAY}"
_ERRORS: Final = {
    Reason.UNKNOWN_PLAYER: ErrorCode.UNKNOWN_USER,
    Reason.WRONG_CURRENCY: ErrorCode.WRONG_CURRENCY,
    Reason.INSUFFICIENT_FUNDS: ErrorCode.INSUFFICIENT_FUNDS,
    Reason.NEGATIVE_BALANCE: ErrorCode.INSUFFICIENT_FUNDS,
    Reason.WALLET_BLOCKED: ErrorCode.USER_BLOCKED,
    Reason.DUPLICATE_TRANSACTION: ErrorCode.DUPLICATE_TRANSACTION,
    Reason.ROLLED_BACK: ErrorCode.ALREADY_PROCESSED,
    Reason.ALREADY_RESOLVED: ErrorCode.ALREADY_PROCESSED,
    Reason.REFERENCE_UNKNOWN: ErrorCode.UNKNOWN_TRANSACTION,
    Reason.REFERENCE_MISMATCH: ErrorCode.UNKNOWN_TRANSACTION,
}


class Payouts:
    """The withdrawals. Every method may raise OutcomeUnknown: then the same call, sent again, is safe."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def authorize(self, call: Authorize) -> Answer:
        """Hold a withdrawal's money; refused for want of funds it stays refused, for the ledger writes that down too."""
        told: dict[str, str | None] = {"userId": call.user_id, "txId": call.tx_id}
        code = withdrawal_code(call.tx_id)
        if self._book.find(_name(code, "paid")) is not None and self._book.find(_name(code)) is None:
            return Answer(told, ErrorCode.ALREADY_PROCESSED)  # paid without having been asked for: nothing more is to be held
        posted = self._book.post(Hold(_name(code), call.user_id, call.currency, -call.amount))
        if isinstance(posted, Refused):
            return Answer(told, _ERRORS.get(posted.reason, ErrorCode.NOT_BOOKED))
        return Answer({**told, "merchantTxId": posted.record.public_id, "authCode": code})

    def cancel(self, call: Cancel) -> Answer:
        """Release what is held. A cancel that comes before its authorisation makes sure that this can hold nothing any more."""
        told: dict[str, str | None] = {"userId": call.user_id}
        hold, name = _name(call.auth_code), _name(call.auth_code, "cancelled")
        posted = self._book.post(Release(name, call.user_id, hold))
        if isinstance(posted, Refused) and posted.reason is Reason.REFERENCE_UNKNOWN:
            buried = self._book.post(Rollback(_name(call.auth_code, "never"), call.user_id, hold))
            if isinstance(buried, Posted):
                return Answer(told)
            posted = self._book.post(Release(name, call.user_id, hold))  # it was authorised at this very moment
        if isinstance(posted, Posted) or posted.reason is Reason.ROLLED_BACK:
            return Answer(told)
        return Answer(told, _ERRORS.get(posted.reason, ErrorCode.NOT_BOOKED))

    def has_paid(self, tx_id: str) -> bool:
        """Say whether a transaction is a withdrawal that was paid."""
        return self._book.find(_name(withdrawal_code(tx_id), "paid")) is not None

    def pay_out(self, call: Transfer) -> Answer:
        """Book a withdrawal as it was paid."""
        own = withdrawal_code(call.tx_id)
        code = call.auth_code if is_withdrawal_code(call.auth_code) else own
        paid = _name(own, "paid")
        if (answer := self._earlier(call, paid)) is not None:
            return answer
        held = self._book.find(_name(code))
        if held is not None and held.player_id != call.user_id:
            return Answer(_of(call), ErrorCode.NOT_BOOKED, alarm="foreign_hold")
        is_held = isinstance(held, Record) and held.kind is Kind.HOLD and held.outcome is Outcome.APPLIED
        if is_held and isinstance(held, Record):
            if held.after.currency != call.currency:  # a capture names none, so the ledger would not see it
                return Answer(_of(call), ErrorCode.WRONG_CURRENCY, alarm="wrong_currency")
            if not isinstance(self._capture(call, code, held.amount), Refused):
                return _success(call, paid)
        forced = self._force(call, code, is_held=is_held)
        if isinstance(forced, Refused):
            if forced.reason is Reason.DUPLICATE_TRANSACTION and (answer := self._earlier(call, paid)) is not None:
                return answer
            return Answer(_of(call), _ERRORS.get(forced.reason, ErrorCode.NOT_BOOKED), alarm=f"not_booked_{forced.reason}")
        return _success(call, paid, alarm="paid_without_hold")

    def give_back(self, call: Transfer) -> Answer:
        """Credit a payout that came back: all of it once, or what part of it the transfer says."""
        returned = _name(withdrawal_code(call.tx_id), "returned")
        if (answer := self._earlier(call, returned)) is not None:
            return answer
        paid = _name(withdrawal_code(call.origin_tx_id), "paid")
        found = self._book.find(paid)
        if found is None or found.player_id != call.user_id:
            return Answer(_of(call), ErrorCode.UNKNOWN_TRANSACTION, alarm="foreign_payout")
        movement: Movement = PayoutReturned(returned, call.user_id, paid)
        alarm = ""
        whole = isinstance(found, Record) and found.kind is Kind.CAPTURE and found.amount == call.amount
        if not whole or (isinstance(found, Record) and found.after.currency != call.currency):
            why = f"of withdrawal {call.origin_tx_id} came back"
            movement, alarm = Adjustment(returned, call.user_id, call.currency, call.amount, why, SOURCE), "returned_otherwise"
        posted = self._book.post(movement)
        if isinstance(posted, Refused):
            return Answer(_of(call), _ERRORS.get(posted.reason, ErrorCode.NOT_BOOKED), alarm=f"not_booked_{posted.reason}")
        return _success(call, returned, alarm=alarm)

    def give_back_unknown(self, call: Transfer) -> Answer:
        """Credit what came back of a transaction that was never told, unless it is a withdrawal whose money never left."""
        if self._book.find(_name(withdrawal_code(call.origin_tx_id))) is None:
            return self.credit(call)
        return Answer(_of(call), ErrorCode.NOT_BOOKED, alarm="returned_unpaid")

    def credit(self, call: Transfer) -> Answer:
        """Credit what came back of money that cannot be told, as a correction under the transfer's own name."""
        returned = _name(withdrawal_code(call.tx_id), "returned")
        why = f"transfer {call.tx_id} gave it back"
        posted = self._book.post(Adjustment(returned, call.user_id, call.currency, call.amount, why, SOURCE))
        if isinstance(posted, Refused):
            return Answer(_of(call), _ERRORS.get(posted.reason, ErrorCode.NOT_BOOKED), alarm=f"not_booked_{posted.reason}")
        return _success(call, returned, alarm="returned_otherwise")

    def credited(self, call: Transfer) -> Answer | None:
        """Answer a transfer that `credit` or `give_back` has booked before; None when it was not."""
        return self._earlier(call, _name(withdrawal_code(call.tx_id), "returned"))

    def _earlier(self, call: Transfer, name: Reference) -> Answer | None:
        """Answer a transfer that was booked before: the same again, or that its figures are others; None when it was not."""
        found = self._book.find(name)
        if not isinstance(found, Record):
            return None
        same = (found.player_id, found.after.currency, abs(found.amount)) == (call.user_id, call.currency, abs(call.amount))
        return _success(call, name) if same else Answer(_of(call), ErrorCode.DUPLICATE_TRANSACTION, alarm="other_figures")

    def _capture(self, call: Transfer, code: str, held: int) -> Posted | BatchPosted | Refused:
        """Let the held money leave; where another amount was paid, free it and hold that one first, all in one transaction."""
        own, amount = withdrawal_code(call.tx_id), -call.amount
        paid = _name(own, "paid")
        if amount == held:
            return self._book.post(Capture(paid, call.user_id, _name(code)))
        anew = _name(own, "held")
        freed = Release(_name(own, "freed"), call.user_id, _name(code))
        return self._book.post_batch([freed, Hold(anew, call.user_id, call.currency, amount), Capture(paid, call.user_id, anew)])

    def _force(self, call: Transfer, code: str, *, is_held: bool) -> Posted | BatchPosted | Refused:
        """Debit what was paid, whatever the wallet holds, and free what may still be held for it."""
        own = withdrawal_code(call.tx_id)
        why = f"withdrawal {call.tx_id} was paid and not held"
        debit = Adjustment(_name(own, "paid"), call.user_id, call.currency, call.amount, why, SOURCE)
        if not is_held:
            return self._book.post(debit)
        freed = Release(_name(own, "freed"), call.user_id, _name(code))
        return self._book.post_batch([freed, debit], tolerate=frozenset({Reason.ALREADY_RESOLVED}))


def _name(code: str, what: str = "") -> Reference:
    return Reference(SOURCE, f"{code}:{what}" if what else code)


def _of(call: Transfer) -> dict[str, str | None]:
    return {"userId": call.user_id, "txId": call.tx_id}


def _success(call: Transfer, name: Reference, alarm: str = "") -> Answer:
    return Answer({**_of(call), "merchantTxId": public_id_of(name)}, alarm=alarm)
