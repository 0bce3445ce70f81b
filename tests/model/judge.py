"""What must hold of a withdrawal, its money and the gateway together, in every state."""

from typing import Final

from countroom.cashier.withdrawals.withdrawal import WithdrawalStatus, Word
from tests.model.books import Held
from tests.model.outside import OUT, Outside, Payout

_MAY_PAY: Final = {Payout.TAKEN, *OUT, Payout.PAID_ABROAD}
_HAS_PAID: Final = {*OUT, Payout.PAID_ABROAD, Payout.RETURNED}
_S = WithdrawalStatus


def judged(held: Held, outside: Outside, *, sends: bool) -> str:
    """Name the rule that is broken, '' if none is; `sends`: a step is about to order the payout."""
    return _released_too_soon(held, outside, sends=sends) or _not_as_it_is(held, outside)


def _released_too_soon(held: Held, outside: Outside, *, sends: bool) -> str:
    """What is released is not paid, unless the gateway or staff have said what is not so: that is booked late, and flagged."""
    status, payout = held.withdrawal.status, outside.payout
    may_pay = payout in _MAY_PAY or (payout is Payout.NONE and (sends or outside.in_flight > 0))
    if status in {_S.CANCELLED, _S.REFUSED} and (may_pay or payout is not Payout.NONE):
        return f"{status}, and the payout is or may be with the gateway"
    if status is _S.FAILED and may_pay and not outside.contradictions:
        return "released, and the gateway may still pay"
    if status in {_S.PAID, _S.RETURNED} and payout not in _HAS_PAID:
        return f"{status}, and the gateway has paid nothing"
    return ""


def _not_as_it_is(held: Held, outside: Outside) -> str:
    """What has been heard is booked, or people are told. Once they have looked it is theirs."""
    withdrawal, payout = held.withdrawal, outside.payout
    if outside.unflags or withdrawal.attention is not None:
        return ""
    if withdrawal.status is _S.PAID and Word.RETURNED in withdrawal.words:
        return "booked as paid only, though it came back, and nobody is told"
    if not outside.heard or payout is Payout.TAKEN:
        return ""
    if payout is Payout.PAID_ABROAD:
        return "paid in another currency, heard, and nobody is told"
    out = OUT.get(payout, 0)
    return f"{out} has left the house, heard, and {held.booked_out} is booked" if held.booked_out != out else ""
