"""Amounts as wallets, histories, statements and audits show them. Pure.

A decimal text has the places of its currency, and more where the amount is finer than the smallest unit (a stake of 0.00001 is):
a list whose lines were cut to cents would not add up, nor would its last line agree with the balance.
"""

from countroom import money


def exact_amount(nanos: int, currency_code: str) -> str:
    """Write nanos of a currency as a decimal: its places, and as many more as the amount has."""
    exponent = money.currency(currency_code).exponent
    sign = "-" if nanos < 0 else ""
    whole, part = divmod(abs(nanos), money.NANOS_PER_UNIT)
    places = f"{part:0{money.NANO_PLACES}d}"
    places = places[:exponent] + places[exponent:].rstrip("0")
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"
