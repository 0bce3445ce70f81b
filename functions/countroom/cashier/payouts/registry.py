"""Finding a payout dialect by its gateway's name: the module of that name in this folder, with its `PAYOUTS`.

Only the one that is asked for is imported, and a further gateway is one further file and its name here.
"""

from importlib import import_module
from typing import Any, Final

from countroom.cashier.payouts.dialect import PayoutDialect

PAYOUT_GATEWAYS: Final = frozenset({"adyen", "paymentiq"})
"""The gateways that pay out."""


class UnknownPayer(LookupError):
    """No gateway of this name pays out."""


def payouts(gateway: str) -> PayoutDialect[Any]:
    """Return the payout dialect of a gateway. Raises UnknownPayer."""
    if gateway not in PAYOUT_GATEWAYS:
        raise UnknownPayer("not the name of a gateway that pays out")
    found: PayoutDialect[Any] = import_module(f"{__package__}.{gateway}").PAYOUTS
    return found
