"""What players are written, as types and as text. Pure.

Short plain texts: what happened, the code where there is one, and what to do if it was not you. No links, because a player who is
used to following links in our mails follows those of others too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

FORMAT: Final = 1
"""Raised when the shape of a message changes: old messages may wait in the queue."""

_MESSAGE_MAX: Final = 4096


class Template(StrEnum):
    """The mails there are. NOTHING is queued like any other, never sent: where no account may show, the work is the same."""

    NOTHING = "nothing"
    VERIFY_ADDRESS = "verify_address"
    ADDRESS_TAKEN = "address_taken"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a mail
    CONFIRM_ADDRESS = "confirm_address"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a mail
    ADDRESS_CHANGED = "address_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    NEW_DEVICE = "new_device"
    ACCOUNT_CLOSED = "account_closed"


class MalformedMail(ValueError):
    """Not a message that this room has queued; the text never repeats it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail to be written. `values` fill the text; it is worth nothing after `until_ms` (epoch milliseconds; None: no end)."""

    template: Template
    to: str
    values: Mapping[str, str] = field(default_factory=dict)
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is sent."""

    subject: str
    text: str


class Outbox(Protocol):
    """Takes mails to be sent soon."""

    def send(self, message: Message) -> None:
        """Take a mail; raises Unavailable when it is not certain that it was taken."""


def compose(message: Message) -> Letter:
    """Write a mail. Raises MalformedMail when a value that its text needs is missing, or there is nothing to write."""
    if message.template is Template.NOTHING:
        raise MalformedMail("there is nothing to write")
    subject, text = _TEXTS[message.template]
    try:
        return Letter(subject, text.format_map(message.values) + _CLOSE)
    except KeyError:
        raise MalformedMail("a value is missing") from None


def to_body(message: Message) -> str:
    """Write a message as the queue keeps it."""
    body = {
        "format": FORMAT,
        "template": message.template.value,
        "to": message.to,
        "values": dict(message.values),
        "until_ms": message.until_ms,
    }
    return json.dumps(body, separators=(",", ":"))


def from_body(text: str) -> Message:
    """Read a message back. Raises MalformedMail."""
    try:
        if len(text) > _MESSAGE_MAX:
            raise MalformedMail("too long")
        return _message(json.loads(text))
    except (KeyError, TypeError, ValueError):
        raise MalformedMail("not a mail that was queued here") from None


def _message(body: Mapping[str, Any]) -> Message:
    values, until_ms = body["values"], body["until_ms"]
    whole = body["format"] == FORMAT and isinstance(body["to"], str) and isinstance(values, dict)
    if not whole or not all(isinstance(value, str) for value in values.values()):
        raise MalformedMail("not as it was queued")
    if until_ms is not None and type(until_ms) is not int:
        raise MalformedMail("not as it was queued")
    return Message(Template(body["template"]), body["to"], values, until_ms)


_CLOSE: Final = "\n\nWe never ask for your password or for a code by mail or on the phone.\n"
_NOT_YOU: Final = (
    "If this was not you, reset your password at once, end all sessions in your account settings, and write to our support."
)
_TEXTS: Final[Mapping[Template, tuple[str, str]]] = {
    Template.VERIFY_ADDRESS: (
        "Your code to open an account",
        (
            "The code for opening your account is {code}. It is good for {minutes} minutes, in the window where you registered.\n\n"
            "If you did not register, do nothing: without this code there will be no account."
        ),
    ),
    Template.ADDRESS_TAKEN: (
        "You already have an account",
        (
            "Somebody wanted to use this address for an account. You already have one with it, and nothing was changed.\n\n"
            "If it was you, log in, or reset your password. If it was not you, there is nothing you need to do."
        ),
    ),
    Template.RESET_PASSWORD: (
        "Your code to set a new password",
        (
            "The code for a new password is {code}. It is good for {minutes} minutes, in the window where you asked for it.\n\n"
            "If you did not ask for it, do nothing: your password stays as it is. Never give this code to anybody."
        ),
    ),
    Template.CONFIRM_ADDRESS: (
        "Your code to confirm this address",
        (
            "The code for using this address with your account is {code}. It is good for {minutes} minutes.\n\n"
            "If you did not ask for it, do nothing: the address will not be used."
        ),
    ),
    Template.PASSWORD_CHANGED: (
        "Your password was changed",
        "The password of your account was changed, and all sessions were ended.\n\n" + _NOT_YOU,
    ),
    Template.ADDRESS_CHANGED: (
        "The address of your account was changed",
        (
            "Your account now has another e-mail address, and all sessions were ended. Mails no longer go to this one.\n\n"
            "If this was not you, write to our support at once."
        ),
    ),
    Template.FACTOR_ADDED: (
        "A second factor was added",
        "Logging in to your account now also needs a code from an authenticator app.\n\n" + _NOT_YOU,
    ),
    Template.FACTOR_REMOVED: (
        "The second factor was removed",
        "Logging in to your account no longer needs a code from an authenticator app.\n\n" + _NOT_YOU,
    ),
    Template.NEW_DEVICE: (
        "A new device has logged in",
        "Somebody logged in to your account from a device that we have not seen before ({device}).\n\n" + _NOT_YOU,
    ),
    Template.ACCOUNT_CLOSED: (
        "Your account was closed",
        "Your account was closed as you asked, and all sessions were ended.\n\nIf this was not you, write to our support at once.",
    ),
}
