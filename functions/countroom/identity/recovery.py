"""A forgotten password: a code to the mailbox and a new password, with all sessions ended in the same transaction.

Asking is answered the same, after the same work, whether the address has an account or not, and whether a mail goes out or its
budget is used up. A second factor is asked for where there is one: a mailbox alone does not open the account, nor tells anything
of its owner.
"""

from dataclasses import replace
from typing import Final

from countroom.identity import passwords, rules
from countroom.identity.access import Ended
from countroom.identity.access_store import BesideRefused
from countroom.identity.challenges import Begun, Challenge, Purpose
from countroom.identity.desk import Desk
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.factor import Checked, Kind
from countroom.identity.mail import Message, Template
from countroom.identity.personal import PersonalData
from countroom.identity.proofs import Proofs
from countroom.identity.refusals import ChangedMeanwhile, InvalidCode, InvalidCredentials, NoSuchAccount
from countroom.identity.registration import new_player_id

LIFETIME_MS: Final = 900_000
"""How long a code to set a new password is good: a quarter of an hour."""

ATTEMPTS_MAX: Final = 3


class Recovery:
    """New passwords for forgotten ones. Every method raises Unavailable when something that is needed does not answer."""

    def __init__(self, desk: Desk, proofs: Proofs) -> None:
        self._desk = desk
        self._proofs = proofs

    def begin(self, email: str, source: str | None = None) -> Begun:
        """Have a code sent to the owner of an address, if there is one. Raises rules.InvalidFields for what is no address."""
        address = rules.normalise_email(email)
        if address is None:
            raise rules.InvalidFields((("email", "is not an e-mail address"),))
        credentials = self._desk.players.credentials(address)
        # Without an account, or without a mail, nobody is told the code, and it is for no such player: so only as many codes of a
        # player can ever be guessed as mails went out, and only as many events are left.
        is_sent = self._desk.postbox.admits(Purpose.RESET, address) and credentials is not None
        player_id = credentials.player_id if credentials and is_sent else new_player_id()
        issued = self._desk.challenges.issue(Purpose.RESET, player_id, LIFETIME_MS)
        event = SecurityEvent(EventKind.RESET_REQUESTED, self._desk.clock(), source=source)
        if is_sent:
            self._desk.events.append(player_id, event)
        else:
            self._desk.events.pretend(event)
        self._desk.postbox.send(Template.RESET_PASSWORD if is_sent else Template.NOTHING, address, issued)
        return issued.begun

    def complete(self, token: str, code: str, password: str, factor_code: str | None = None, source: str | None = None) -> str:
        """Set a new password by code, once, end all sessions with it, and tell the owner; return the player's id.

        The same again is answered the same while the password stands. Raises InvalidCode, rules.InvalidFields, ChangedMeanwhile,
        TooManyGuesses and the refusals of the second factor.
        """
        challenge = self._desk.challenges.prove(Purpose.RESET, token, code)
        try:
            person = self._desk.people.find(challenge.player_id)
        except NoSuchAccount:
            raise InvalidCode from None
        secret = rules.normalise_password(password)
        _check(secret, PersonalData("", ""))
        if challenge.used:
            self._repeat(challenge, secret)
        else:
            checked = self._proofs.require(challenge.player_id, factor_code)
            # Only now: what is refused for being the owner's own data tells what that is.
            _check(secret, person.data)
            self._set(challenge, passwords.hash_password(secret), self._told(checked, source))
        self._desk.outbox.send(Message(Template.PASSWORD_CHANGED, person.data.email))
        return challenge.player_id

    def _repeat(self, challenge: Challenge, secret: str) -> None:
        """Let a repeat pass only if it asks for what was done. It is a guess like any other, and counted as one."""
        try:
            self._proofs.check_password(challenge.player_id, secret)
        except InvalidCredentials:
            raise InvalidCode from None

    def _told(self, checked: Checked | None, source: str | None) -> list[SecurityEvent]:
        """Return what a reset leaves on record: itself, and the recovery code that it used up."""
        now_ms = self._desk.clock()
        told = [SecurityEvent(EventKind.PASSWORD_RESET, now_ms, source=source)]
        if checked and checked.kind is Kind.RECOVERY_CODE:
            left = f"recovery codes left: {checked.recovery_codes_left}"
            told.append(SecurityEvent(EventKind.RECOVERY_CODE_USED, now_ms, source=source, detail=left))
        return told

    def _set(self, challenge: Challenge, password_hash: str, told: list[SecurityEvent]) -> None:
        for _ in range(ATTEMPTS_MAX):
            before = self._desk.players.credentials_of(challenge.player_id)
            if before is None:
                raise InvalidCode
            # Devices that were known before are strangers from now on.
            after = replace(before, password_hash=password_hash, devices=(), version=before.version + 1)
            beside = [
                self._desk.challenges.use(challenge),
                self._desk.players.changed_credentials(before, after),
                *(self._desk.events.put_item(challenge.player_id, event) for event in told),
            ]
            try:
                self._desk.sessions.end_all(challenge.player_id, Ended.PASSWORD_RESET, beside=beside)
            except BesideRefused as refused:
                if refused.index == 0:
                    raise InvalidCode from None  # another use of the same code came first
                continue  # somebody logged in, or changed the address: decide on what stands now
            return
        raise ChangedMeanwhile


def _check(secret: str, person: PersonalData) -> None:
    if fault := rules.new_password_fault(secret, person):
        raise rules.InvalidFields((("password", fault),))
