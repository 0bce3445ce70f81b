"""Closing an account for good: wallet, access, address and profile in one transaction, and only when no money is left in it.

Afterwards the address counts as free, and login with it is that of an unknown account. What the law wants kept stays, sealed.
"""

import secrets
from dataclasses import replace
from typing import Final

from countroom.identity.desk import Desk
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.mail import Template
from countroom.identity.refusals import BalanceRemains, ChangedMeanwhile, NoSuchAccount, NotClosable
from countroom.identity.table import Item
from countroom.ledger.book import Refused
from countroom.ledger.movements import Reason, Reference, SetStatus, Status
from countroom.ledger.rules.effects import status_at
from countroom.times import to_iso

ATTEMPTS_MAX: Final = 3
_SOURCE: Final = "player:closure"


class ClosureRefused(Exception):
    """The ledger refused to close the wallet for a reason that no caller can cure."""


class Closing:
    """Closes accounts. Every method raises Unavailable, and the ledger's OutcomeUnknown, when something does not answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def close(self, player_id: str, session_id: str | None = None, source: str | None = None) -> bool:
        """Close an account that holds no money; say whether the owner's notice is queued.

        Raises BalanceRemains, NotClosable, NoSuchAccount, AccountFrozen, AccountClosed and ChangedMeanwhile.
        """
        person = self._desk.people.find(player_id)
        event = SecurityEvent(EventKind.CLOSED, self._desk.clock(), session_id, source)
        for _ in range(ATTEMPTS_MAX):
            companions = [*self._companions(player_id), self._desk.events.put_item(player_id, event)]
            # A name of its own for each try: a refusal for money that is there now must not stand in the way later.
            reference = Reference(_SOURCE, secrets.token_hex(16))
            result = self._desk.book.post(SetStatus(reference, player_id, Status.CLOSED), companions)
            if not isinstance(result, Refused):
                return self._desk.notices.told(person.data.email, Template.ACCOUNT_CLOSED)
            if result.reason is Reason.BALANCE_REMAINS:
                raise BalanceRemains
            if result.reason is not Reason.COMPANION_CONFLICT:
                raise ClosureRefused(result.reason.value)
        raise ChangedMeanwhile

    def _companions(self, player_id: str) -> list[Item]:
        players, now_ms = self._desk.players, self._desk.clock()
        closing = self._desk.sessions.closing(player_id)
        # Looked at after what the closing stands on was read: an exclusion is seen here, or comes later and refuses the closing.
        # A time-out keeps it open too, or another account could be opened before it ends.
        wallet = self._desk.book.wallet(player_id)
        if self._desk.sessions.access(player_id).excluded or (wallet and status_at(wallet, now_ms) is Status.EXCLUDED):
            raise NotClosable
        account, credentials = players.account(player_id), players.credentials_of(player_id)
        if account is None or credentials is None:
            raise NoSuchAccount
        closed = replace(account, closed_at=to_iso(now_ms), version=account.version + 1)
        return [
            closing,
            players.changed_account(account, closed),
            players.ended_credentials(credentials, now_ms),
        ]
