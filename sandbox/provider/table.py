"""A player's seat at a provider's game, and what a dialect must be able to say for rounds to be played in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from sandbox.provider.line import Message, Verdict
from sandbox.stack import Provider
from sandbox.wire import Answer

_PLACES = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "KWD": 3, "BHD": 3, "TND": 3}


def places_of(currency: str) -> int:
    """Give the decimal places of a currency (ISO 4217)."""
    return _PLACES.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Seat:
    """Who plays what, and the provider's address of the casino with its key. `token` is what the launch gave the provider."""

    provider: Provider
    player_id: str
    currency: str
    game_code: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """One movement that the provider wants. Amounts are in main units; `reference` names the bet of a win or a rollback."""

    transaction_id: str
    round_id: str
    amount: Decimal = Decimal(0)
    reference: str = ""
    closes: bool = False


class Recovery(StrEnum):
    """What a provider does about a bet whose answer it does not know."""

    ROLLBACK = "rollback"
    SAME_AGAIN = "same again"


class Speaker(Protocol):
    """One dialect, as its provider speaks it."""

    @property
    def games(self) -> Mapping[str, str]:
        """Some of the provider's games: name → the provider's code."""
        ...

    @property
    def recovery(self) -> Recovery:
        """What follows a bet without an answer."""
        ...

    @property
    def repeats_bets(self) -> bool:
        """Whether this provider ever sends a bet twice."""
        ...

    @property
    def funds_word(self) -> str:
        """The word that refuses a bet for want of money."""
        ...

    def bet(self, seat: Seat, turn: Turn) -> Message:
        """Build a bet."""
        ...

    def win(self, seat: Seat, turn: Turn) -> Message:
        """Build a win."""
        ...

    def rollback(self, seat: Seat, turn: Turn) -> Message:
        """Build a rollback of `turn.reference`; its amount is what that movement had, for protocols that send it along."""
        ...

    def both(self, seat: Seat, bet: Turn, win: Turn) -> Message | None:
        """Build bet and win in one call; None where the protocol has no such thing."""
        ...

    def read(self, seat: Seat, answer: Answer) -> Verdict:
        """Say what an answer means to this provider. Never raises: what cannot be read is open."""
        ...

    def is_late_original(self, verdict: Verdict) -> bool:
        """Say whether this is how a bet must be answered that comes after its own rollback."""
        ...
