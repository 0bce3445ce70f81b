"""Finding an opening dialect by its gateway's name. A gateway without one need not be asked before it is paid."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from countroom.cashier.gateways.openers import adyen, stripe
from countroom.cashier.gateways.openers.dialect import OpeningDialect

OPENINGS: Final[Mapping[str, OpeningDialect[Any]]] = MappingProxyType({"adyen": adyen.OPENING, "stripe": stripe.OPENING})
"""Every opening dialect by the name of its gateway."""
