"""What the routes of a player's account take and give."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.profile import Profile
from countroom.identity.sessions import Listed, Live
from countroom.identity.support import told_to_player
from countroom.times import to_iso
from runtime import http

Text = Annotated[str, StringConstraints(max_length=1024)]
"""Any text up to a bound; what it must look like is for the room's rules."""


class ProfileBody(http.RequestBody):
    """What a player wants changed; what is left out stays."""

    given_name: Text | None = None
    family_name: Text | None = None
    phone: Text | None = None
    postcode: Text | None = None
    accepted_terms: Text | None = None


class PasswordBody(http.RequestBody):
    """The password as it is, and as it is to be."""

    current_password: Text
    new_password: Text


class EmailBody(http.RequestBody):
    """A new address."""

    email: Text


class EmailCodeBody(http.RequestBody):
    """The code that came to the new address."""

    change_token: Text
    code: Text


class CodeBody(http.RequestBody):
    """A code of the second factor."""

    code: Text


class ProofBody(http.RequestBody):
    """A proof: a code where there is a second factor, else the password."""

    code: Text | None = None
    password: Text | None = None


class EmptyBody(http.RequestBody):
    """Nothing, and nothing else."""


class ProfileView(BaseModel):
    """An account as its owner sees it; instants are ISO 8601 in UTC."""

    player_id: str
    email: str
    date_of_birth: str
    given_name: str
    family_name: str
    phone: str
    postcode: str
    country: str
    currency: str
    accepted_terms: str
    terms_accepted_at: str
    created_at: str
    second_factor: bool


class EventView(BaseModel):
    """Something that happened to the account; `source` is the first part of a network address."""

    at: str
    kind: EventKind
    session_id: str | None
    source: str | None
    detail: str


class EventPageView(BaseModel):
    """Security events, newest first."""

    items: list[EventView]
    next_cursor: str | None


class ChangeView(BaseModel):
    """What is to be sent back together with the code; `expires_in` is in seconds."""

    change_token: str
    expires_in: int


class EnrolmentView(BaseModel):
    """What an authenticator app is to be told."""

    secret: str
    otpauth_uri: str


class RecoveryView(BaseModel):
    """Codes for the day the app is gone, shown this once; each works once."""

    recovery_codes: list[str]


class SessionView(BaseModel):
    """A session that lives; `current` is the one of the request's own token."""

    session_id: str
    current: bool
    device: str
    place: str
    created_at: str
    last_seen_at: str
    expires_at: str


class SessionList(BaseModel):
    """The player's live sessions, newest first."""

    items: list[SessionView]


def profile_view(profile: Profile, live: Live) -> ProfileView:
    """Show a profile to its owner."""
    return ProfileView(**asdict(profile), second_factor=live.factor)


def event_view(event: SecurityEvent) -> EventView:
    """Show an event to whom it happened; who of the staff did it and why stays inside."""
    detail = told_to_player(event)
    return EventView(at=to_iso(event.at_ms), kind=event.kind, session_id=event.session_id, source=event.source, detail=detail)


def session_view(session: Listed, live: Live) -> SessionView:
    """Show a session to its owner."""
    return SessionView(
        session_id=session.session_id,
        current=session.session_id == live.session_id,
        device=session.device,
        place=session.place,
        created_at=to_iso(session.created_at_ms),
        last_seen_at=to_iso(session.last_seen_at_ms),
        expires_at=to_iso(session.expires_at_ms),
    )
