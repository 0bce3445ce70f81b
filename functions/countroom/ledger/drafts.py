"""A movement of which the wire leaves something unsaid that the wallet knows: the currency, or the game of a session.

It is completed on the wallet as it is read anyway, so that it costs no request more than a movement that says everything.
"""

from collections.abc import Callable
from dataclasses import dataclass

from countroom.ledger.movements import Movement, Reference
from countroom.ledger.rules.effects import Facts
from countroom.ledger.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known before the wallet is read. `complete` gives the movement, of the same name, player and relation.

    `beside` names further records that `complete` looks for among the facts. It is asked once for each attempt, must give the same
    movement each time, and may raise whatever the caller of the book catches: then nothing is posted.
    """

    reference: Reference
    player_id: str
    complete: Callable[[Wallet, Facts], Movement]
    related: Reference | None = None
    beside: tuple[Reference, ...] = ()
