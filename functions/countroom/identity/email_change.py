"""Another e-mail address: proved by a code to the new one, told to the old one, and moved in one transaction.

Whether the new address is taken does not show: its owner gets a mail that says so, and no code that would count.
"""

import json
from dataclasses import replace
from typing import Final

from countroom.identity import rules
from countroom.identity.access import Ended
from countroom.identity.access_store import BesideRefused
from countroom.identity.challenges import Begun, Challenge, Purpose
from countroom.identity.desk import Desk
from countroom.identity.digests import email_digest
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.mail import Template
from countroom.identity.people import Person
from countroom.identity.refusals import ChangedMeanwhile, InvalidCode
from countroom.identity.store import Credentials
from countroom.identity.table import Item
from countroom.identity.vault import Holds

LIFETIME_MS: Final = 900_000
"""How long a code for a new address is good: a quarter of an hour."""

ATTEMPTS_MAX: Final = 3
_USE: Final = 0
_NEW_ADDRESS: Final = 1


class EmailChange:
    """Moves accounts to other addresses. Every method raises Unavailable when something that is needed does not answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(self, player_id: str, email: str, session_id: str | None = None, source: str | None = None) -> Begun:
        """Have a code sent to a new address; the same for a taken one. Raises rules.InvalidFields and NoSuchAccount."""
        address = rules.normalise_email(email)
        if address is None:
            raise rules.InvalidFields((("email", "is not an e-mail address"),))
        taken = self._desk.players.credentials(address) is not None
        sealed = self._desk.vault.seal(player_id, Holds.EMAIL_CHANGE, json.dumps({"email": address}).encode("ascii"))
        issued = self._desk.challenges.issue(Purpose.EMAIL_CHANGE, player_id, LIFETIME_MS, sealed)
        event = SecurityEvent(EventKind.EMAIL_CHANGE_REQUESTED, self._desk.clock(), session_id, source)
        self._desk.events.append(player_id, event)
        template = Template.ADDRESS_TAKEN if taken else Template.CONFIRM_ADDRESS
        self._desk.postbox.post(Purpose.EMAIL_CHANGE, template, address, issued)
        return issued.begun

    def confirm(self, player_id: str, token: str, code: str, session_id: str | None = None, source: str | None = None) -> bool:
        """Move the account to the address of a code and end all sessions with it; say whether the old address's notice is queued.

        The same again, when it was done, is done. Raises InvalidCode, also when somebody else has the address by now, NoSuchAccount
        and ChangedMeanwhile.
        """
        challenge = self._desk.challenges.prove(Purpose.EMAIL_CHANGE, token, code)
        if challenge.player_id != player_id:
            raise InvalidCode
        sealed = self._desk.vault.open(player_id, Holds.EMAIL_CHANGE, challenge.sealed)
        email = str(json.loads(sealed)["email"])
        event = SecurityEvent(EventKind.EMAIL_CHANGED, self._desk.clock(), session_id, source)
        told = self._desk.events.put_item(player_id, event)
        is_void = challenge.used
        for _ in range(ATTEMPTS_MAX):
            person = self._desk.people.find(player_id)
            if person.account.address == email_digest(email):
                return True  # by this code before, or by a twin of this request, which has told the old address
            if is_void:
                raise InvalidCode
            before = self._desk.players.credentials_of(player_id)
            if before is None or before.address != person.account.address:
                continue  # moved or closed between the two reads: look again
            try:
                beside = [*self._moving(challenge, person, before, email), told]
                self._desk.sessions.end_all(player_id, Ended.EMAIL_CHANGED, beside=beside)
            except BesideRefused as refused:
                # Used by another request, or the address is somebody's by now: unless that was a twin, there is nothing to do.
                is_void = refused.index in {_USE, _NEW_ADDRESS}
                continue
            return self._desk.notices.told(person.data.email, Template.ADDRESS_CHANGED)
        raise ChangedMeanwhile

    def _moving(self, challenge: Challenge, person: Person, before: Credentials, email: str) -> list[Item]:
        """Return the writes that move an account. Two of them are told apart by their places, _USE and _NEW_ADDRESS."""
        account, players = person.account, self._desk.players
        after = replace(before, address=email_digest(email), devices=(), version=1)
        moved = replace(
            account,
            address=after.address,
            sealed=self._desk.people.seal(account.player_id, person.data.moved_to(email)),
            version=account.version + 1,
        )
        return [
            self._desk.challenges.use(challenge),
            players.new_credentials(after),
            players.ended_credentials(before, self._desk.clock()),
            players.changed_account(account, moved),
        ]
