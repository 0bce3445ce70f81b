"""What the cashier has to know of people, from the rooms that know it: wired once for all that let money out."""

from typing import Any

from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.screening import Person
from countroom.identity.refusals import Unavailable
from countroom.identity.rules import normalise_email
from countroom.identity.store import PlayersStore
from countroom.identity.table import Table
from countroom.times import from_iso
from countroom.verification.store import StandingStore, StandingsUnavailable


class People:
    """Looks people up in the players' table, by strong reads. Both methods raise StoreUnavailable."""

    def __init__(self, client: Any, players_table: str) -> None:
        self._players = PlayersStore(Table(client, players_table))
        self._standings = StandingStore(client, players_table)

    def person_of(self, player_id: str) -> Person:
        """Say which levels of verification a player has, and since when he is one."""
        try:
            account = self._players.account(player_id)
            standing = self._standings.get(player_id)
        except (Unavailable, StandingsUnavailable) as error:
            raise StoreUnavailable("a player could not be looked up") from error
        return Person(standing.approved, from_iso(account.created_at) if account else None)

    def player_of(self, actor: str) -> str | None:
        """Find the player that a member of staff is, by the name he acts under; None unless that is a player's e-mail address."""
        address = normalise_email(actor)
        if address is None:
            return None
        try:
            credentials = self._players.credentials(address)
        except Unavailable as error:
            raise StoreUnavailable("a member of staff could not be looked up") from error
        return credentials.player_id if credentials else None
