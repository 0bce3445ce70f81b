"""Payment gateways: one file for each dialect, all of them the same three functions to the rest of the house."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from countroom.cashier.gateways import adyen, standard, stripe
from countroom.cashier.gateways.dialect import Dialect

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {"adyen": adyen.DIALECT, "standard": standard.DIALECT, "stripe": stripe.DIALECT}
)
"""Every dialect by the name of its gateway, which is also the last part of its address and of its ledger source."""


class UnknownGateway(Exception):
    """No gateway of this house has that name."""


def dialect(gateway: str) -> Dialect:
    """Find the dialect of a gateway. Raises UnknownGateway."""
    found = DIALECTS.get(gateway)
    if found is None:
        raise UnknownGateway("no such gateway")
    return found
