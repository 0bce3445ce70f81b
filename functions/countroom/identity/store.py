"""Accounts and credentials in the players table. No other file spells these two items.

| item | pk | sk | holds |
| --- | --- | --- | --- |
| account | `PLAYER#<player id>` | `PROFILE` | who the player is: personal data sealed, the rest in the open |
| credentials | `EMAIL#<digest>` | `CREDENTIALS` | whose address it is, the password's hash, known devices: one read at login |

Both carry a version, and every change stands on the version that was read. Nothing is deleted: credentials of an address that an
account no longer has are marked as ended, count as absent from then on, and go by `expires_at` at some time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from countroom.identity.digests import email_digest
from countroom.identity.table import Item, Table
from countroom.times import to_iso

_LOOKS_MAX: Final = 3
_ENDED_KEPT_MS: Final = 86_400_000
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_FREE: Final = "attribute_not_exists(pk) OR attribute_exists(ended_at)"
# An address that changed hands has revisions from 1 on again: whose it is belongs to what was read.
_IS_KNOWN: Final = "revision = :known AND player_id = :player AND attribute_not_exists(ended_at)"
_IS_SAME: Final = "revision = :known"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is kept. `address` is the e-mail address's digest, `sealed` the personal data; instants are ISO 8601."""

    player_id: str
    address: str
    sealed: bytes
    country: str
    currency: str
    accepted_terms: str
    terms_accepted_at: str
    created_at: str
    closed_at: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """What login needs of an account. `address` is the digest of its e-mail address, `devices` are digests, newest first.

    Whoever opens a session on what was read here does so beside `PlayersStore.changed_credentials`: then no password that was
    changed meanwhile opens one.
    """

    address: str
    player_id: str
    password_hash: str
    devices: tuple[str, ...] = ()
    version: int = 1


class PlayersStore:
    """Accounts and credentials, in the players table. Every method that asks it raises Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def credentials(self, email: str) -> Credentials | None:
        """Return the credentials of a normalised address by one strong read, None when no account has it."""
        return self._credentials(email_digest(email))

    def credentials_of(self, player_id: str) -> Credentials | None:
        """Return the credentials of a player by two strong reads, None when the account is not there or closed."""
        for _ in range(_LOOKS_MAX):
            account = self.account(player_id)
            if account is None or account.closed_at:
                return None
            found = self._credentials(account.address)
            if found and found.player_id == player_id:
                return found
            # The account moved to another address between the two reads: look again.
        return None

    def account(self, player_id: str) -> Account | None:
        """Return an account by one strong read; a closed one too."""
        item = self._table.get(_account_key(player_id))
        return _to_account(item) if item else None

    def save_account(self, before: Account, after: Account, companions: Sequence[Item] = ()) -> bool:
        """Put `after`, one version on, in place of `before`, together with the companions; False when another stands there by now.

        Raises Unavailable also when it is not known whether it was written.
        """
        return not self._table.transact([self.changed_account(before, after), *companions])

    def creation(self, account: Account, credentials: Credentials) -> list[Item]:
        """Return the parts that make a new account, on the condition that no living one has its id or address."""
        return [self.new_credentials(credentials), self._put(_from_account(account), _IS_NEW)]

    def new_credentials(self, credentials: Credentials) -> Item:
        """Return the part that gives an address to an account, on the condition that no living account has it."""
        return self._put(_from_credentials(credentials), _IS_FREE)

    def changed_credentials(self, before: Credentials, after: Credentials) -> Item:
        """Return the part that puts `after`, the next version, in place of `before`."""
        if (after.address, after.player_id, after.version) != (before.address, before.player_id, before.version + 1):
            raise ValueError("not the next version of the same credentials")
        return self._put(_from_credentials(after), _IS_KNOWN, _known(before.version, before.player_id))

    def ended_credentials(self, before: Credentials, at_ms: int) -> Item:
        """Return the part that takes an address from its account; from then on it counts as free. Hash and devices are gone."""
        ended = _from_credentials(replace(before, password_hash="", devices=(), version=before.version + 1))
        ended |= {"ended_at": {"S": to_iso(at_ms)}, "expires_at": {"N": str((at_ms + _ENDED_KEPT_MS) // 1000)}}
        return self._put(ended, _IS_KNOWN, _known(before.version, before.player_id))

    def changed_account(self, before: Account, after: Account) -> Item:
        """Return the part that puts `after`, the next version, in place of `before`."""
        if (after.player_id, after.version) != (before.player_id, before.version + 1):
            raise ValueError("not the next version of the same account")
        return self._put(_from_account(after), _IS_SAME, _known(before.version))

    def _credentials(self, address: str) -> Credentials | None:
        item = self._table.get(_credentials_key(address))
        return _to_credentials(item) if item and "ended_at" not in item else None

    def _put(self, item: Item, condition: str, values: Item | None = None) -> Item:
        put: Item = {"TableName": self._table.name, "Item": item, "ConditionExpression": condition}
        if values:
            put["ExpressionAttributeValues"] = values
        return {"Put": put}


def _known(version: int, player_id: str | None = None) -> Item:
    """Return the values of a condition on what was read."""
    return {":known": {"N": str(version)}} | ({":player": {"S": player_id}} if player_id else {})


def _credentials_key(address: str) -> Item:
    return {"pk": {"S": f"EMAIL#{address}"}, "sk": {"S": "CREDENTIALS"}}


def _account_key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "PROFILE"}}


def _from_credentials(credentials: Credentials) -> Item:
    return {
        **_credentials_key(credentials.address),
        "player_id": {"S": credentials.player_id},
        "password_hash": {"S": credentials.password_hash},
        "devices": {"L": [{"S": device} for device in credentials.devices]},
        "revision": {"N": str(credentials.version)},
    }


def _to_credentials(item: Item) -> Credentials:
    return Credentials(
        address=item["pk"]["S"].removeprefix("EMAIL#"),
        player_id=item["player_id"]["S"],
        password_hash=item["password_hash"]["S"],
        devices=tuple(device["S"] for device in item["devices"]["L"]),
        version=int(item["revision"]["N"]),
    )


_TEXTS: Final = ("address", "country", "currency", "accepted_terms", "terms_accepted_at", "created_at", "closed_at")


def _from_account(account: Account) -> Item:
    return {
        **_account_key(account.player_id),
        "sealed": {"B": account.sealed},
        "revision": {"N": str(account.version)},
        **{name: {"S": getattr(account, name)} for name in _TEXTS},
    }


def _to_account(item: Item) -> Account:
    return Account(
        player_id=item["pk"]["S"].removeprefix("PLAYER#"),
        sealed=bytes(item["sealed"]["B"]),
        version=int(item["revision"]["N"]),
        **{name: item[name]["S"] for name in _TEXTS},
    )
