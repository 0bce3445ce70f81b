"""A new password for a player who knows the old one: all sessions end in the same transaction, and the owner is told."""

from dataclasses import replace
from typing import Final

from countroom.identity import passwords, rules
from countroom.identity.access import Ended
from countroom.identity.access_store import BesideRefused
from countroom.identity.desk import Desk
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.mail import Template
from countroom.identity.proofs import Proofs
from countroom.identity.refusals import ChangedMeanwhile, InvalidCredentials, NoSuchAccount

ATTEMPTS_MAX: Final = 3


class PasswordChange:
    """Changes passwords. Every method raises Unavailable when something that is needed does not answer."""

    def __init__(self, desk: Desk, proofs: Proofs) -> None:
        self._desk = desk
        self._proofs = proofs

    def change(self, player_id: str, current: str, new: str, session_id: str | None = None, source: str | None = None) -> bool:
        """Put a new password in the place of the current one and end all sessions with it; say whether a notice is queued.

        Raises rules.InvalidFields (field `new_password`), InvalidCredentials, throttle.TooManyGuesses, NoSuchAccount and
        ChangedMeanwhile.
        """
        person = self._desk.people.find(player_id)
        secret = rules.normalise_password(new)
        if fault := rules.new_password_fault(secret, person.data):
            raise rules.InvalidFields((("new_password", fault),))
        # Read before the check: what is replaced is then never newer than what was proved to be known.
        known = before = self._desk.players.credentials_of(player_id)
        self._check(player_id, current, session_id, source)
        hashed = passwords.hash_password(secret)
        told = SecurityEvent(EventKind.PASSWORD_CHANGED, self._desk.clock(), session_id, source)
        event = self._desk.events.put_item(player_id, told)
        for _ in range(ATTEMPTS_MAX):
            if known is None or before is None:
                raise NoSuchAccount
            if before.password_hash != known.password_hash:
                break
            # Devices that were known before are strangers from now on.
            after = replace(before, password_hash=hashed, devices=(), version=before.version + 1)
            try:
                beside = [self._desk.players.changed_credentials(before, after), event]
                self._desk.sessions.end_all(player_id, Ended.PASSWORD_CHANGED, beside=beside)
            except BesideRefused:
                before = self._desk.players.credentials_of(player_id)
                continue
            return self._desk.notices.told(person.data.email, Template.PASSWORD_CHANGED)
        raise ChangedMeanwhile

    def _check(self, player_id: str, current: str, session_id: str | None, source: str | None) -> None:
        """Check the current password; a wrong one leaves an event, and guesses are counted, so their number is bounded."""
        try:
            self._proofs.check_password(player_id, current)
        except InvalidCredentials:
            refused = SecurityEvent(EventKind.PASSWORD_CHANGE_REFUSED, self._desk.clock(), session_id, source)
            self._desk.events.append(player_id, refused)
            raise
