"""Money out through PaymentIQ, as it was ordered: what its calls say of a withdrawal, and how they are answered.

The money is held since the player asked for it, so an authorisation holds nothing. It is given for a withdrawal that has been sent
there, to the first transaction that asks, and to no other: what moves without one is not this house's order. So a withdrawal that
was ordered twice, because nobody knew what became of the first order, is paid once.

What PaymentIQ says it has moved is booked, always. A payment that belongs to no withdrawal, or is the second one of a withdrawal,
is booked by itself, into debt if it must be, and people are told (`paymentiq_payouts`).
"""

import hmac
from typing import Final, Protocol

from countroom.cashier.gateways.paymentiq import GATEWAY, Answer, Authorize, Cancel, ErrorCode, Transfer, VerifyUser, read_session
from countroom.cashier.paymentiq_payouts import Payouts
from countroom.cashier.withdrawals.apply import LedgerRefused, NoSuchWithdrawal, NotAllowed
from countroom.cashier.withdrawals.life import Happening, Said
from countroom.cashier.withdrawals.withdrawal import (
    WITH_GATEWAY,
    Attention,
    Booking,
    Withdrawal,
    WithdrawalStatus,
    Word,
    is_withdrawal_id,
    record_id,
)

CANCELLED: Final = "cancelled_by_gateway"
_HAS_PAID: Final = frozenset({WithdrawalStatus.PAID, WithdrawalStatus.RETURNED})
_ALARMING: Final = frozenset(
    {Attention.LATE_PAYMENT, Attention.PAID_THEN_FAILED, Attention.NEVER_SUBMITTED, Attention.OTHER_FIGURES}
)
"""What PaymentIQ has said that people must look at."""


class Withdrawals(Protocol):
    """The withdrawals of the house."""

    def find(self, withdrawal_id: str) -> Withdrawal:
        """Return a withdrawal as it stands. Raises NoSuchWithdrawal."""
        ...

    def happen(self, withdrawal_id: str, happening: Happening) -> Withdrawal:
        """Let something happen to a withdrawal, once. Raises NotAllowed and LedgerRefused where it cannot."""
        ...


class OrderedPayouts:
    """Answers the calls about withdrawals. Each may raise StoreUnavailable and OutcomeUnknown: the same call again is safe."""

    def __init__(self, withdrawals: Withdrawals, unordered: Payouts) -> None:
        self._withdrawals = withdrawals
        self._unordered = unordered

    def is_session(self, call: VerifyUser) -> bool:
        """Say whether a session is a withdrawal of this player that has been sent to PaymentIQ and has not ended."""
        withdrawal_id, ticket = read_session(call.session_id)
        found = self._own(withdrawal_id, call.user_id)
        return found is not None and found.status in WITH_GATEWAY and _bears(found, ticket)

    def authorize(self, call: Authorize) -> Answer:
        """Give the authorisation of a withdrawal, to one transaction."""
        told: dict[str, str | None] = {"userId": call.user_id, "txId": call.tx_id}
        found = self._own(call.withdrawal_id, call.user_id)
        if found is None or not _bears(found, call.ticket) or not (found.status in WITH_GATEWAY or found.payout_id):
            return Answer(told, ErrorCode.UNKNOWN_TRANSACTION)
        if call.currency != found.currency:
            return Answer(told, ErrorCode.WRONG_CURRENCY)
        if -call.amount != found.amount:
            return Answer(told, ErrorCode.AMOUNT_OUT_OF_RANGE)
        if found.status in WITH_GATEWAY:
            found = self._withdrawals.happen(found.withdrawal_id, Said(Word.TAKEN, payout_id=call.tx_id))
        # After its end only a payment that was made is authorised once more: nothing may move for money that was released.
        if found.payout_id != call.tx_id or found.status not in WITH_GATEWAY | _HAS_PAID:
            return Answer(told, ErrorCode.ALREADY_PROCESSED)
        return Answer({**told, "merchantTxId": found.withdrawal_id, "authCode": found.withdrawal_id})

    def pay_out(self, call: Transfer) -> Answer:
        """Book a payment: as that of its withdrawal, or by itself."""
        found = self._own(call.withdrawal_id, call.user_id)
        if found is None or found.payout_id not in {"", call.tx_id}:
            return self._unordered.pay_out(call)
        said = Said(Word.PAID, payout_id=call.tx_id, amount=-call.amount, currency=call.currency)
        try:
            after = self._withdrawals.happen(found.withdrawal_id, said)
        except (NotAllowed, LedgerRefused) as error:
            return Answer(_of(call), ErrorCode.NOT_BOOKED, alarm=f"not_booked_{error.reason}")
        if after.payout_id not in {"", call.tx_id}:
            return self._unordered.pay_out(call)  # another transaction of the same withdrawal was faster
        if call.currency != after.currency:
            return Answer(_of(call), ErrorCode.WRONG_CURRENCY, alarm="wrong_currency")
        if after.paid != -call.amount:
            return Answer(_of(call), ErrorCode.DUPLICATE_TRANSACTION, alarm="other_figures")
        return _success(call, after)

    def cancel(self, call: Cancel) -> Answer:
        """Take it that a withdrawal will not be paid; a second transaction of it, which got no authorisation, ends nothing."""
        told = {"userId": call.user_id}
        found = self._own(call.auth_code, call.user_id)
        if found is None:
            return Answer(told, ErrorCode.UNKNOWN_TRANSACTION)
        if call.tx_id and found.payout_id not in {"", call.tx_id}:
            return Answer(told)
        try:
            after = self._withdrawals.happen(found.withdrawal_id, Said(Word.FAILED, payout_id=call.tx_id, reason=CANCELLED))
        except (NotAllowed, LedgerRefused) as error:
            return Answer(told, ErrorCode.NOT_BOOKED, alarm=f"not_booked_{error.reason}")
        return Answer(told, ErrorCode.ALREADY_PROCESSED) if after.status in _HAS_PAID else Answer(told)

    def give_back(self, call: Transfer) -> Answer | None:
        """Credit a payout that came back; None where it is none of an ordered one. What is left of one in parts is for people."""
        found = self._own(call.withdrawal_id, call.user_id)
        if found is None or found.payout_id not in {"", call.origin_tx_id}:
            return None
        said = Said(Word.RETURNED, payout_id=call.origin_tx_id, amount=call.amount, currency=call.currency)
        try:
            after = self._withdrawals.happen(found.withdrawal_id, said)
        except (NotAllowed, LedgerRefused) as error:
            return Answer(_of(call), ErrorCode.NOT_BOOKED, alarm=f"not_booked_{error.reason}")
        if call.currency != after.currency:
            return Answer(_of(call), ErrorCode.WRONG_CURRENCY, alarm="wrong_currency")
        if self._unordered.amount_of(record_id(after.withdrawal_id, Booking.RETURN)) != call.amount:
            return Answer(_of(call), ErrorCode.DUPLICATE_TRANSACTION, alarm="returned_otherwise")
        return _success(call, after)

    def _own(self, withdrawal_id: str, player_id: str) -> Withdrawal | None:
        """Find a player's withdrawal through this gateway; another player's is none."""
        if not is_withdrawal_id(withdrawal_id):
            return None
        try:
            found = self._withdrawals.find(withdrawal_id)
        except NoSuchWithdrawal:
            return None
        return found if found.player_id == player_id and found.gateway == GATEWAY else None


def _bears(withdrawal: Withdrawal, ticket: str) -> bool:
    """Say whether an order is the house's own: its player, who knows the withdrawal's id, can make one without the ticket."""
    return hmac.compare_digest(withdrawal.ticket.encode(), ticket.encode())


def _of(call: Transfer) -> dict[str, str | None]:
    return {"userId": call.user_id, "txId": call.tx_id}


def _success(call: Transfer, withdrawal: Withdrawal) -> Answer:
    alarm = withdrawal.attention.value if withdrawal.attention in _ALARMING and withdrawal.attention else ""
    return Answer({**_of(call), "merchantTxId": withdrawal.withdrawal_id}, alarm=alarm)
