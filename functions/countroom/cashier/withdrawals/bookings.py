"""What a step of a withdrawal posts to the ledger. Pure."""

from countroom.cashier.withdrawals.life import Step
from countroom.cashier.withdrawals.withdrawal import Booking, Withdrawal, record_id
from countroom.ledger.movements import Adjustment, Capture, Hold, Movement, PayoutReturned, Reference, Release


def source_of(gateway: str) -> str:
    """Name the counter-account of a gateway."""
    return f"gateway:{gateway}"


def movements_of(before: Withdrawal, step: Step) -> tuple[Movement, ...]:
    """Give what one step posts, all in one transaction with the withdrawal's change; nothing where no money moves."""
    if step.booking is None:
        return ()
    player = before.player_id
    name, hold = _name(before, step.booking), _name(before, Booking.HOLD)
    match step.booking:
        case Booking.HOLD:
            return (Hold(name, player, before.currency, step.moves),)
        case Booking.RELEASE:
            return (Release(name, player, hold),)
        case Booking.CAPTURE:
            return (Capture(name, player, hold),)
        case Booking.OTHER_AMOUNT:
            freed = Release(_name(before, Booking.RELEASE), player, hold)
            return (freed, _correction(before, step.booking, -step.moves, "was paid with another amount"))
        case Booking.LATE_DEBIT:
            return (_correction(before, step.booking, -step.moves, "was paid after its release"),)
        case Booking.RETURN:
            if before.is_captured and step.moves == before.amount:
                return (PayoutReturned(name, player, _name(before, Booking.CAPTURE)),)
            return (_correction(before, step.booking, step.moves, "came back after it was paid otherwise"),)


def _correction(before: Withdrawal, booking: Booking, amount: int, what: str) -> Adjustment:
    why = f"withdrawal {before.withdrawal_id} {what}"
    return Adjustment(_name(before, booking), before.player_id, before.currency, amount, why, source_of(before.gateway))


def _name(of: Withdrawal, booking: Booking) -> Reference:
    return Reference(source_of(of.gateway), record_id(of.withdrawal_id, booking))
