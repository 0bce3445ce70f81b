"""Mails that somebody asks for by typing an address, and notices to the owner of an account."""

from dataclasses import replace
from typing import Final

from countroom.identity import codes
from countroom.identity.challenges import Issued, Purpose
from countroom.identity.mail import Message, Outbox, Template
from countroom.identity.refusals import Unavailable
from countroom.identity.throttle import Throttle, TooManyGuesses

MAILS_MAX: Final = 5
MAIL_WINDOW_MS: Final = 3_600_000
"""At most this many mails of one purpose go to one address in any hour, whoever asks. Beyond that they are silently not sent."""

_MINUTE_MS: Final = 60_000


class Postbox:
    """Sends mails to addresses that somebody typed. What is done does not show whether a mail goes out."""

    def __init__(self, throttle: Throttle, outbox: Outbox) -> None:
        self._throttle = throttle
        self._outbox = outbox

    def post(self, purpose: Purpose, template: Template, email: str, issued: Issued) -> None:
        """Queue one mail with the code of a challenge, or, beyond the limit, one that is never sent. Raises Unavailable."""
        values = {"code": codes.spaced(issued.code), "minutes": str(issued.lifetime_ms // _MINUTE_MS)}
        message = Message(template, email, values, issued.expires_at_ms)
        try:
            self._throttle.reserve(f"mail/{purpose}/{email}", MAILS_MAX, MAIL_WINDOW_MS)
        except TooManyGuesses:
            message = replace(message, template=Template.NOTHING)
        self._outbox.send(message)


class Notices:
    """Tells owners what happened to their accounts."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def told(self, email: str, template: Template) -> bool:
        """Queue a notice of something that is done and cannot be asked for again; False, to be reported, when it was not taken."""
        try:
            self._outbox.send(Message(template, email))
        except Unavailable:
            return False
        return True
