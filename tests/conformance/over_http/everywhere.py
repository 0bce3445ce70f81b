"""Entering a rule for every dialect at once, and what such rules share: the dialects' words, a bet that stands, a win on it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Final

from sandbox.provider.table import Turn
from tests.conformance.over_http.casino import SPEAKERS, Casino, Spot, turn
from tests.conformance.over_http.rule import Rule, Source

DUPLICATE: Final = {"hub88": "RS_ERROR_DUPLICATE_TRANSACTION", "swipe": "400", "action_batch": "400 400"}
DISABLED: Final = {"hub88": "RS_ERROR_USER_DISABLED", "swipe": "400 account_blocked", "action_batch": "412 110"}
MAXIMUM: Final = {"hub88": "RS_ERROR_LIMIT_REACHED", "swipe": "400 bet_limit", "action_batch": "412 106"}
NEGATIVE: Final = {"hub88": "RS_ERROR_WRONG_TYPES", "swipe": "400", "action_batch": "400 400"}
SOURCES: Final = {"hub88": Source.PUBLISHED, "swipe": Source.PUBLISHED, "action_batch": Source.REBUILT}
DECIDED: Final = dict.fromkeys(SPEAKERS, Source.DECIDED)
REBUILT: Final = dict.fromkeys(SPEAKERS, Source.REBUILT)
HUB88S: Final = DECIDED | {"hub88": Source.PUBLISHED}
BATCHS: Final = DECIDED | {"action_batch": Source.REBUILT}

Tried = Callable[[Casino, str], None]


class Everywhere:
    """A list of rules that every dialect keeps."""

    def __init__(self) -> None:
        self.listed: list[Rule] = []

    def __call__(
        self, name: str, sources: Mapping[str, Source] = MappingProxyType(SOURCES), only: tuple[str, ...] = tuple(SPEAKERS)
    ) -> Callable[[Tried], Tried]:
        """Enter the decorated check once for each dialect; `sources` where they are not the dialects' own texts."""

        def enter(tried: Tried) -> Tried:
            how = " ".join((tried.__doc__ or "").split())
            self.listed.extend(Rule(name, dialect, sources[dialect], how, partial(_try, tried, dialect)) for dialect in only)
            return tried

        return enter


def _try(tried: Tried, dialect: str, casino: Casino) -> None:
    tried(casino, dialect)


def standing(spot: Spot, amount: str = "1.00", round_id: str = "") -> tuple[Turn, Decimal]:
    """Place a bet that stands; gives it and the balance after it."""
    before = spot.balance()
    bet = turn(amount, round_id=round_id)
    return bet, spot.stands(spot.bet(bet), -bet.amount, before)


def on(bet: Turn, amount: str | Decimal, *, closes: bool = True) -> Turn:
    """Make a win on a bet."""
    return turn(amount, round_id=bet.round_id, reference=bet.transaction_id, closes=closes)
