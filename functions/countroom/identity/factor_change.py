"""Turning the second factor on and off. Whether it is asked for is said by the access, the item that decides who is in.

The order of the two writes keeps the owner from being locked out: the app's secret counts before a code is asked for, and no code
is asked for any more when the secret is forgotten. Whatever breaks in between, starting again sets it right.
"""

from dataclasses import dataclass

from countroom.clock import Clock
from countroom.identity.events import EventKind, EventLog, SecurityEvent
from countroom.identity.factor import Enrolment, Factors
from countroom.identity.mail import Template
from countroom.identity.people import People
from countroom.identity.postbox import Notices
from countroom.identity.sessions import Sessions


@dataclass(frozen=True, slots=True, repr=False)
class Confirmed:
    """The recovery codes, which are shown this once, and whether the owner's notice is queued."""

    recovery_codes: tuple[str, ...]
    is_told: bool


@dataclass(frozen=True, slots=True)
class FactorChange:
    """Second factors as their owners turn them on and off. Every method raises Unavailable and NoSuchAccount."""

    factors: Factors
    sessions: Sessions
    people: People
    events: EventLog
    notices: Notices
    clock: Clock

    def begin(self, player_id: str) -> Enrolment:
        """Return a new secret for the player's app; it counts when a code of it has been shown."""
        return self.factors.enrol(player_id, self.people.find(player_id).data.email)

    def confirm(self, player_id: str, code: str, session_id: str, source: str | None = None) -> Confirmed:
        """Turn the second factor on, end all other sessions and tell the owner. Raises InvalidCode and TooManyGuesses."""
        email = self.people.find(player_id).data.email
        recovery_codes = self.factors.confirm(player_id, code, door=session_id)
        event = SecurityEvent(EventKind.FACTOR_ENROLLED, self.clock(), session_id, source)
        self.sessions.set_factor(player_id, enrolled=True, keep=session_id, beside=[self.events.put_item(player_id, event)])
        # The codes cannot be shown again, so a notice that is not taken must not cost the owner the answer.
        return Confirmed(recovery_codes, self.notices.told(email, Template.FACTOR_ADDED))

    def remove(self, player_id: str, session_id: str, source: str | None = None) -> bool:
        """Turn the second factor off and end all other sessions; say whether the owner's notice is queued.

        Does nothing where there is no second factor.
        """
        is_told = True
        if self.sessions.access(player_id).factor:
            email = self.people.find(player_id).data.email
            event = SecurityEvent(EventKind.FACTOR_REMOVED, self.clock(), session_id, source)
            self.sessions.set_factor(player_id, enrolled=False, keep=session_id, beside=[self.events.put_item(player_id, event)])
            is_told = self.notices.told(email, Template.FACTOR_REMOVED)
        self.factors.remove(player_id)
        return is_told
