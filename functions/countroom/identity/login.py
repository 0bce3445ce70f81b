"""Logging in: address and password, a code where there is a second factor, and a session out of it.

Who has an account does not show. An unknown address, a wrong password and an account whose guesses are used up cause the same
requests and one argon2 verification each before they are refused, the first two in the same words (OWASP ASVS 5.0 6.3.8). What
differs beyond that is seen only by somebody who has shown the right password.

Guesses are counted by address, for unknown ones too. A device from which the owner has logged in before (it brings the token that
it got then) has a count of its own, so that nobody else's guesses keep the owner out (OWASP ASVS 5.0 6.1.1).
"""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Final

from countroom.clock import Clock
from countroom.identity import passwords, rules
from countroom.identity.access import Access, AccountClosed, AccountFrozen, Standing
from countroom.identity.access_store import BesideRefused
from countroom.identity.digests import subject_digest
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.factor import Checked, Kind
from countroom.identity.mail import Message, Outbox, Template
from countroom.identity.proofs import UNKNOWN_DEVICES, Proofs
from countroom.identity.refusals import (
    InvalidCode,
    InvalidCredentials,
    NoSuchAccount,
    SecondFactorRequired,
    Unavailable,
)
from countroom.identity.register_check import Entry, RegisterCheck
from countroom.identity.sessions import Opened
from countroom.identity.store import Credentials
from countroom.identity.table import Item
from countroom.identity.throttle import Reservation, TooManyGuesses
from countroom.identity.visitor import device_label, shown_source

GUESSES_MAX: Final = 10
"""Wrong passwords that are checked for one address in any quarter of an hour; as many again for each device that its owner uses."""

NO_CODE_EVENTS_MAX: Final = 10
"""How many events of one account tell, in any quarter of an hour, that its password was shown without a code."""

DEVICES_MAX: Final = 5
"""How many devices of a player are known; the one unused longest is forgotten for a new one."""

_DEVICE_SECRET_BYTES: Final = 32
_DEVICE_TOKEN: Final = re.compile(r"dv\.[A-Za-z0-9_-]{43}", re.ASCII)
_ROUNDS_MAX: Final = 12


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """What somebody sends who wants in, as sent, and where it came from: `source` is the network address."""

    email: str
    password: str
    source: str
    user_agent: str = ""
    code: str | None = None
    device_token: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LoggedIn:
    """A session, and the token by which its device is known next time.

    `is_new_device`: the account has known devices, and this is none of them. `undone` names what could not be done besides and is
    to be reported: ``give_back`` (a right guess goes on counting) and ``mail`` (the owner is not told of the new device).
    `register`: what the register of excluded players said (see register_check.Entry). One who is in it is let in all the same.
    """

    opened: Opened
    device_token: str
    is_new_device: bool
    register: str
    undone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class _Caller:
    """An attempt, read: the normalised address and password, the account if there is one, and the device."""

    attempt: Attempt
    address: str
    secret: str
    credentials: Credentials | None
    device_token: str
    device: str
    is_known: bool

    @property
    def subject(self) -> str:
        """What guesses of this caller are counted under."""
        return f"device/{self.address}/{self.device}" if self.is_known else f"login/{self.address}"


@dataclass(frozen=True, slots=True)
class Login:
    """The way in. `guesses_per_source`: tries, right or wrong, of one subscriber's network at unknown devices in 15 minutes."""

    proofs: Proofs
    events: EventLog
    outbox: Outbox
    clock: Clock
    register: RegisterCheck
    guesses_per_source: int

    def log_in(self, attempt: Attempt) -> LoggedIn:
        """Open a session for whoever shows an account's password, and a code of its second factor if it has one.

        Raises InvalidCredentials, TooManyGuesses (for the address, the source or the second factor), Unavailable, and the ledger's
        OutcomeUnknown; with the right password SecondFactorRequired, InvalidCode, AccountFrozen, RegisterSilent, and
        ChangedMeanwhile when all sessions were ended at that moment.
        """
        caller = self._admit(attempt)
        reservation = self._check_password(caller)
        if caller.credentials is None:
            raise InvalidCredentials
        undone = [] if self._is_given_back(reservation) else ["give_back"]
        access = self._fit(caller, caller.credentials.player_id)
        entry = self._looked_up(access, attempt)
        checked = self._check_factor(caller, access)
        if checked and not checked.guess_given_back:
            undone.append("give_back")
        is_new = bool(caller.credentials.devices) and not caller.is_known
        told = [*self._told(caller, reservation, checked, is_new=is_new), *entry.beside]
        # All that was open has ended with the exclusion, in one step from what was read: only that much later counts as now.
        access = replace(access, epoch=access.epoch + entry.sessions_ended)
        opened = self._open(caller, caller.credentials, access, told)
        if is_new and not self._is_owner_told(caller):
            undone.append("mail")
        return LoggedIn(opened, caller.device_token, is_new, entry.said, tuple(undone))

    def _admit(self, attempt: Attempt) -> _Caller:
        """Read an attempt. A source that tries too much gets no further; the owner's devices are not counted among its tries."""
        address, secret = rules.normalise_email(attempt.email), rules.normalise_password(attempt.password)
        if address is None or not 0 < len(secret) <= rules.PASSWORD_MAX:
            raise InvalidCredentials  # nothing that could be registered: no account to tell apart, so no work to even out
        credentials = self.proofs.players.credentials(address)
        token = attempt.device_token or ""
        is_known = bool(_DEVICE_TOKEN.fullmatch(token)) and credentials is not None and _digest(token) in credentials.devices
        if not is_known:
            self.proofs.throttle.reserve_source(attempt.source, self.guesses_per_source)
            token = f"dv.{secrets.token_urlsafe(_DEVICE_SECRET_BYTES)}"
        return _Caller(attempt, address, secret, credentials, token, _digest(token), is_known)

    def _check_password(self, caller: _Caller) -> Reservation:
        """Count a guess, then check it. Whoever is refused has had all of it done, whatever the reason."""
        reservation, refusal = None, None
        try:
            reservation = self.proofs.throttle.reserve(caller.subject, GUESSES_MAX)
        except TooManyGuesses as too_many:
            refusal = too_many
        stored = caller.credentials.password_hash if caller.credentials else None
        is_right = passwords.matches(stored, caller.secret)
        if reservation is None or not is_right:
            self._keep_refusal(caller, reservation)
            raise refusal or InvalidCredentials
        return reservation

    def _keep_refusal(self, caller: _Caller, reservation: Reservation | None) -> None:
        """Leave an event of a wrong password with its account: one for each guess that was counted, so they are bounded too."""
        if caller.credentials is None or reservation is None:
            self.events.pretend(self._event(caller.attempt, EventKind.LOGIN_REFUSED))
            return
        is_last = reservation.others == GUESSES_MAX - 1
        kind = EventKind.LOGIN_THROTTLED if is_last else EventKind.LOGIN_REFUSED
        self.events.append(caller.credentials.player_id, self._event(caller.attempt, kind, "wrong password"))

    def _fit(self, caller: _Caller, player_id: str) -> Access:
        """Read the access of an account that may be logged in to, by an attempt with everything in it that is needed."""
        access = self.proofs.sessions.access(player_id)
        if access.standing is Standing.CLOSED:
            raise InvalidCredentials
        if access.standing is Standing.FROZEN:
            raise AccountFrozen
        if access.factor and caller.attempt.code is None:
            self._keep_no_code(caller.attempt, player_id)
            raise SecondFactorRequired
        return access

    def _check_factor(self, caller: _Caller, access: Access) -> Checked | None:
        """Check the code of a second factor. Codes from a device that the owner uses are counted apart, as its passwords are."""
        door = caller.device if caller.is_known else UNKNOWN_DEVICES
        try:
            return self.proofs.second_factor(access, caller.attempt.code, door)
        except InvalidCode:
            self.events.append(access.player_id, self._event(caller.attempt, EventKind.LOGIN_REFUSED, "wrong code"))
            raise

    def _looked_up(self, access: Access, attempt: Attempt) -> Entry:
        """Ask the register of the player's country. Before a code is used up: without an answer the same code comes again."""
        try:
            return self.register.at_login(access.player_id, shown_source(attempt.source))
        except NoSuchAccount:
            raise InvalidCredentials from None  # closed at this moment

    def _keep_no_code(self, attempt: Attempt, player_id: str) -> None:
        """Leave an event of a right password without a code: a few in a while, for such a password is no guess that is counted."""
        try:
            self.proofs.throttle.reserve(f"no-code/{player_id}", NO_CODE_EVENTS_MAX)
        except TooManyGuesses:
            return  # the events that are there say it
        self.events.append(player_id, self._event(attempt, EventKind.LOGIN_REFUSED, "no code"))

    def _open(self, caller: _Caller, credentials: Credentials, access: Access, told: list[Item]) -> Opened:
        """Open the session in one transaction with the credentials, on the condition that these are still what was checked.

        So a login and a change of password at the same instant cannot both win. A hash of lower cost is replaced on the way.
        """
        players = self.proofs.players
        is_outdated = passwords.is_outdated(credentials.password_hash)
        hashed = passwords.hash_password(caller.secret) if is_outdated else credentials.password_hash
        for _ in range(_ROUNDS_MAX):
            devices = (caller.device, *(device for device in credentials.devices if device != caller.device))[:DEVICES_MAX]
            after = replace(credentials, password_hash=hashed, devices=devices, version=credentials.version + 1)
            try:
                return self.proofs.sessions.open(
                    access.player_id,
                    device_label(caller.attempt.user_agent),
                    shown_source(caller.attempt.source),
                    stepped_up=True,
                    beside=[players.changed_credentials(credentials, after), *told],
                    epoch=access.epoch,
                )
            except BesideRefused:
                credentials = self._checked_again(caller, credentials)
                hashed = hashed if is_outdated else credentials.password_hash
            except AccountClosed:
                raise InvalidCredentials from None
        raise Unavailable("an account changes too fast")

    def _checked_again(self, caller: _Caller, before: Credentials) -> Credentials:
        """Return credentials that have changed since the password was checked, if it is still right."""
        now = self.proofs.players.credentials(caller.address)
        if now is None or now.player_id != before.player_id:
            raise InvalidCredentials
        # Another login may have remembered its device or raised the hash's cost; or the password was changed.
        if now.password_hash != before.password_hash and not passwords.matches(now.password_hash, caller.secret):
            raise InvalidCredentials
        return now

    def _told(self, caller: _Caller, reservation: Reservation, checked: Checked | None, *, is_new: bool) -> list[Item]:
        """Return the events of a login, to be kept with its session."""
        player_id = caller.credentials.player_id if caller.credentials else ""
        kind = EventKind.LOGGED_IN_NEW_DEVICE if is_new else EventKind.LOGGED_IN
        detail = f"other guesses in the last quarter of an hour: {reservation.others}" if reservation.others else ""
        events = [self._event(caller.attempt, kind, detail)]
        if checked and checked.kind is Kind.RECOVERY_CODE:
            left = f"recovery codes left: {checked.recovery_codes_left}"
            events.append(self._event(caller.attempt, EventKind.RECOVERY_CODE_USED, left))
        return [self.events.put_item(player_id, event) for event in events]

    def _event(self, attempt: Attempt, kind: EventKind, detail: str = "") -> SecurityEvent:
        return SecurityEvent(kind, self.clock(), source=shown_source(attempt.source), detail=detail)

    def _is_given_back(self, reservation: Reservation) -> bool:
        try:
            self.proofs.throttle.give_back(reservation)
        except Unavailable:
            return False
        return True

    def _is_owner_told(self, caller: _Caller) -> bool:
        try:
            attempt = caller.attempt
            device = f"{device_label(attempt.user_agent)}, network {shown_source(attempt.source)}"
            self.outbox.send(Message(Template.NEW_DEVICE, caller.address, {"device": device}))
        except Unavailable:
            return False
        return True


def _digest(device_token: str) -> str:
    return subject_digest(device_token)
