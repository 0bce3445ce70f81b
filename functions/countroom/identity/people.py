"""Accounts together with the personal data in them: the one place where the data is opened and sealed."""

from dataclasses import dataclass

from countroom.identity.personal import PersonalData
from countroom.identity.refusals import NoSuchAccount
from countroom.identity.store import Account, PlayersStore
from countroom.identity.vault import Holds, Vault


@dataclass(frozen=True, slots=True)
class Person:
    """An account, and whose it is."""

    account: Account
    data: PersonalData


class People:
    """The players there are. Every method raises Unavailable."""

    def __init__(self, store: PlayersStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def find(self, player_id: str) -> Person:
        """Return a player who has an account that is not closed: one strong read and one call of KMS. Raises NoSuchAccount."""
        account = self._store.account(player_id)
        if account is None or account.closed_at:
            raise NoSuchAccount
        return self.open(account)

    def open(self, account: Account) -> Person:
        """Return whose an account is that was read already: one call of KMS."""
        sealed = self._vault.open(account.player_id, Holds.PROFILE, account.sealed)
        return Person(account, PersonalData.from_bytes(sealed))

    def seal(self, player_id: str, data: PersonalData) -> bytes:
        """Return personal data as an account keeps it."""
        return self._vault.seal(player_id, Holds.PROFILE, data.to_bytes())
