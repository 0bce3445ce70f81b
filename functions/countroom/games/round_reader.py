"""A round as it stands at this moment: what the stream has kept of it, and the player's newest records from the ledger itself.

The stream brings a movement a moment after it was booked. The newest records of the chain are complete and in order (see
`ledger.chain`), so a round that is being played shows the bet just placed, as the balance beside it does.
"""

from typing import Final

from countroom.games.rounds import Round, RoundKey, merged
from countroom.games.rounds_store import RoundsStore
from countroom.ledger.chain import Chain, Patience, head_of
from countroom.ledger.store import LedgerStore

NEWEST: Final = 100
"""Records of the player's chain that are looked at; the stream would have to be that far behind to leave something out."""


class RoundReader:
    """Reads rounds."""

    def __init__(self, ledger: LedgerStore, rounds: RoundsStore, patience: Patience | None = None) -> None:
        self._ledger = ledger
        self._rounds = rounds
        self._patience = patience or Patience()

    def read(self, key: RoundKey) -> Round | None:
        """Return a player's round; None for none. Raise RoundsUnavailable, StoreBusy, IndexBehind, ChainBroken."""
        wallet = self._patience.read(lambda: self._ledger.wallet(key.player_id))
        if wallet is None:
            return None
        head = head_of(wallet)
        chain = Chain(self._ledger, key.player_id, self._patience)
        newest = list(chain.down(head, max(1, head.version - NEWEST + 1), NEWEST))
        kept = self._rounds.round(key)
        return merged(key, kept.moves if kept else (), newest, whole=kept.whole if kept else True)
