"""Money out through PaymentIQ that no withdrawal of this house stands for: booked as it was paid, by itself, and people are told.

That is a payment that was never ordered, or the second one of a withdrawal. It is a correction of the balance, into debt if it
must be. The names, by which each happens once, for ever: `wd-` and the transaction, with `:paid` the payment, `:returned` what
came back.
"""

from typing import Final

from countroom.cashier.gateways.paymentiq import GATEWAY, Answer, ErrorCode, Transfer
from countroom.ledger.book import Book, Refused
from countroom.ledger.movements import Adjustment, Reason, Reference
from countroom.ledger.records import Record, public_id_of

SOURCE: Final = f"gateway:{GATEWAY}"
_PREFIX: Final = "wd-"
_ERRORS: Final = {
    Reason.UNKNOWN_PLAYER: ErrorCode.UNKNOWN_USER,
    Reason.WRONG_CURRENCY: ErrorCode.WRONG_CURRENCY,
    Reason.DUPLICATE_TRANSACTION: ErrorCode.DUPLICATE_TRANSACTION,
}


class Payouts:
    """Those payments. Every method may raise OutcomeUnknown: then the same call, sent again, is safe."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def amount_of(self, transaction_id: str) -> int | None:
        """Give the amount of one booking of this gateway, in nanos without a sign; None where there is none."""
        found = self._book.find(Reference(SOURCE, transaction_id))
        return abs(found.amount) if isinstance(found, Record) else None

    def has_paid(self, tx_id: str) -> bool:
        """Say whether a transaction is a payment that was booked here."""
        return self._book.find(_name(tx_id, "paid")) is not None

    def pay_out(self, call: Transfer) -> Answer:
        """Debit what was paid, whatever the wallet holds."""
        why = f"withdrawal {call.tx_id} was paid and not ordered"
        return self._correct(call, _name(call.tx_id, "paid"), why, "paid_unordered")

    def give_back(self, call: Transfer) -> Answer:
        """Credit what came back of such a payment, all of it or a part."""
        found = self._book.find(_name(call.origin_tx_id, "paid"))
        if found is None or found.player_id != call.user_id:
            return Answer(_of(call), ErrorCode.UNKNOWN_TRANSACTION, alarm="foreign_payout")
        return self._correct(call, _name(call.tx_id, "returned"), _gave_back(call), "returned_unordered")

    def credit(self, call: Transfer) -> Answer:
        """Credit what came back of money that cannot be told, as a correction under the transfer's own name."""
        return self._correct(call, _name(call.tx_id, "returned"), _gave_back(call), "returned_otherwise")

    def credited(self, call: Transfer) -> Answer | None:
        """Answer a transfer that `credit` has booked before; None when it has not."""
        return self.credit(call) if self._book.find(_name(call.tx_id, "returned")) is not None else None

    def _correct(self, call: Transfer, name: Reference, why: str, alarm: str) -> Answer:
        posted = self._book.post(Adjustment(name, call.user_id, call.currency, call.amount, why, SOURCE))
        if not isinstance(posted, Refused):
            # A repeat tells people too: the call before it may have died before it did.
            return Answer({**_of(call), "merchantTxId": public_id_of(name)}, alarm=alarm)
        other = "other_figures" if posted.reason is Reason.DUPLICATE_TRANSACTION else f"not_booked_{posted.reason}"
        return Answer(_of(call), _ERRORS.get(posted.reason, ErrorCode.NOT_BOOKED), alarm=other)


def _gave_back(call: Transfer) -> str:
    return f"transfer {call.tx_id} gave it back"


def _name(tx_id: str, what: str) -> Reference:
    return Reference(SOURCE, f"{_PREFIX}{tx_id}:{what}")


def _of(call: Transfer) -> dict[str, str | None]:
    return {"userId": call.user_id, "txId": call.tx_id}
