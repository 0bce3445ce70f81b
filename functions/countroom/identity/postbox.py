"""Mails that somebody asks for by typing an address, and notices to the owner of an account."""

from dataclasses import dataclass
from typing import Final

from countroom.identity import codes
from countroom.identity.challenges import Issued, Purpose
from countroom.identity.mail import Message, Outbox, Template
from countroom.identity.refusals import Unavailable
from countroom.identity.throttle import Throttle, TooManyGuesses

MAILS_MAX: Final = 5
MAIL_WINDOW_MS: Final = 3_600_000
"""At most this many mails of one purpose go to one address in any hour, whoever asks. Beyond that they are silently not sent."""

RESETS_MAX: Final = 2
RESET_WINDOW_MS: Final = 900_000
"""Of those, at most this many for a forgotten password in any quarter of an hour, which is how long a code is good."""

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class _Budget:
    """How many mails go to one address in any stretch of so many milliseconds."""

    most: int
    window_ms: int


_HOURLY: Final = _Budget(MAILS_MAX, MAIL_WINDOW_MS)
_BUDGETS: Final = {  # the narrowest first
    Purpose.REGISTRATION: (_HOURLY,),
    Purpose.RESET: (_Budget(RESETS_MAX, RESET_WINDOW_MS), _HOURLY),
    Purpose.EMAIL_CHANGE: (_HOURLY,),
}


class Postbox:
    """Sends mails to addresses that somebody typed. What is done does not show whether a mail goes out."""

    def __init__(self, throttle: Throttle, outbox: Outbox) -> None:
        self._throttle = throttle
        self._outbox = outbox

    def post(self, purpose: Purpose, template: Template, email: str, issued: Issued) -> None:
        """Queue one mail with the code of a challenge, or, beyond the limit, one that is never sent. Raises Unavailable."""
        self.send(template if self.admits(purpose, email) else Template.NOTHING, email, issued)

    def admits(self, purpose: Purpose, email: str) -> bool:
        """Count one mail of a purpose to an address; say whether it may go out. Raises Unavailable."""
        is_admitted = True
        for budget in _BUDGETS[purpose]:
            # What one budget withholds uses up none of the next, but it is counted somewhere: the requests are the same.
            outcome = "sent" if is_admitted else "withheld"
            is_within = self._is_within(budget, f"mail/{purpose}/{budget.window_ms}/{outcome}/{email}")
            is_admitted = is_admitted and is_within
        return is_admitted

    def send(self, template: Template, email: str, issued: Issued) -> None:
        """Queue a mail with the code of a challenge that `admits` has counted. Raises Unavailable."""
        values = {"code": codes.spaced(issued.code), "minutes": str(issued.lifetime_ms // _MINUTE_MS)}
        self._outbox.send(Message(template, email, values, issued.expires_at_ms))

    def _is_within(self, budget: _Budget, subject: str) -> bool:
        try:
            self._throttle.reserve(subject, budget.most, budget.window_ms)
        except TooManyGuesses:
            return False
        return True


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
