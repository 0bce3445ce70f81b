"""What a request for a deposit and one for a withdrawal have in common: a key, and how much of which currency. Pure."""

from collections.abc import Sequence

from countroom import money
from countroom.cashier.idempotency import HEADER, KeyInvalid, parse_key
from countroom.faults import Fault


def read_key(keys: Sequence[str], faults: list[Fault]) -> str:
    """Give the Idempotency-Key of the values of its header, or add what is wrong with it. Raises KeyMissing."""
    try:
        return parse_key(keys)
    except KeyInvalid as error:
        faults.append(Fault(HEADER, str(error)))
        return ""


def read_sum(amount: str, currency: str, faults: list[Fault]) -> tuple[int, money.Currency] | None:
    """Give nanos, more than none, and their currency; or None, and add what is wrong with the texts."""
    try:
        unit = money.currency(currency)
    except money.UnknownCurrency:
        faults.append(Fault("currency", "is not a currency of this house"))
        return None
    try:
        nanos = money.parse_amount(amount, unit)
    except money.InvalidAmount:
        faults.append(Fault("amount", f"must be a plain positive decimal with at most {unit.exponent} places"))
        return None
    if nanos <= 0:
        faults.append(Fault("amount", "must be more than zero"))
        return None
    return nanos, unit
