"""The mails of the running sandbox: `python -m sandbox.mailbox [--to address]`.

The app sends by SES; the emulator keeps what was sent and shows it at an address of its own. Nothing ever leaves this machine.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.loopback import NotLoopbackError
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.wire import NoAnswerError, send

MAIL_TIMEOUT_SECONDS = 20.0
"""How long a mail may take: the app queues it, and the function that sends it may have to start first."""

POLL_SECONDS = 0.08
_CODE = re.compile(r"(?<![\w-])([0-9A-HJKMNP-TV-Z]{4})-?([0-9A-HJKMNP-TV-Z]{4})(?![\w-])")
"""Eight characters of Crockford's base 32 (no I, L, O, U), as one word or in two halves."""


class MailboxError(Exception):
    """The mail did not come, or holds no code, or the mailbox cannot be read; the message says which."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was sent; `sent_at` is in seconds since the epoch."""

    message_id: str
    to: tuple[str, ...]
    subject: str
    text: str
    sent_at: float

    @property
    def has_code(self) -> bool:
        """Whether there is a one-time code in the text."""
        return _CODE.search(self.text) is not None

    def code(self) -> str:
        """Give the one-time code in the text.

        Raises:
            MailboxError: when there is none.

        """
        found = _CODE.search(self.text)
        if not found:
            raise MailboxError(f"the mail {self.subject!r} holds no code")
        return found[1] + found[2]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Everybody's mails; `url` is stack.json's `mailbox`."""

    url: str

    def mails(self, to: str = "") -> list[Mail]:
        """Read the mails to an address, or all of them, oldest first.

        Raises:
            MailboxError: when the answer is no mailbox.
            NoAnswerError: when there was none.

        """
        answer = send("GET", self.url)
        if answer.status != 200:  # noqa: PLR2004 - OK
            raise MailboxError(f"the mailbox answers {answer.status}")
        try:
            kept = [_mail(one) for account in answer.json()["messages"].values() for one in account]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MailboxError(f"the mailbox's answer is not of the expected form: {error!r}") from None
        wanted = [one for one in kept if not to or to.casefold() in one.to]
        return sorted(wanted, key=lambda one: one.sent_at)

    def seen(self, to: str) -> frozenset[str]:
        """Give the ids of the mails that an address has by now: what to wait past (`after` of `await_mail`)."""
        return frozenset(one.message_id for one in self.mails(to))

    def await_mail(
        self, to: str, *, after: Collection[str] = (), with_code: bool = False, timeout_seconds: float = MAIL_TIMEOUT_SECONDS
    ) -> Mail:
        """Wait for a mail to an address that is none of `after`, and has a code if it must; of several, the newest.

        Raises:
            MailboxError: when none came in time.

        """
        end = time.monotonic() + timeout_seconds
        while True:
            fresh = [one for one in self.mails(to) if one.message_id not in after]
            if fit := [one for one in fresh if one.has_code or not with_code]:
                return fit[-1]
            if time.monotonic() > end:
                raise MailboxError(f"no mail{' with a code' if with_code else ''} came within {timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def await_code(self, to: str, *, after: Collection[str] = ()) -> str:
        """Wait for a mail with a code and give the code. A notice of something else may come first, and late: it is passed over.

        Raises:
            MailboxError: when none came in time.

        """
        return self.await_mail(to, after=after, with_code=True).code()


def _mail(said: dict[str, Any]) -> Mail:
    to = tuple(str(address).casefold() for address in (*said["To"], *said["CC"], *said["BCC"]))
    return Mail(str(said["MessageId"]), to, str(said["Subject"]), str(said["BodyText"]), float(said["Timestamp"]))


def readable(mail: Mail) -> str:
    """Lay a mail out for a person."""
    sent = datetime.fromtimestamp(mail.sent_at, UTC).strftime("%H:%M:%S")
    body = "\n".join(f"  {line}".rstrip() for line in mail.text.strip().splitlines())
    return f"{sent} UTC  to {', '.join(mail.to)}\n{mail.subject}\n\n{body}\n"


def main(arguments: list[str]) -> int:
    """Print mails: 0 done (also when there are none), 1 they cannot be read, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailbox", description="Show the mails that the sandbox has sent.")
    parser.add_argument("--to", default="", help="only the mails to this address")
    parser.add_argument("--last", action="store_true", help="only the newest")
    parser.add_argument("--code", action="store_true", help="only the code of the newest; waits for it if need be")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
    options = parser.parse_args(arguments)
    try:
        mailbox = Mailbox(Stack.read(options.stack).mailbox)
        if options.code:
            print(mailbox.await_code(options.to))
            return 0
        mails = mailbox.mails(options.to)
    except (StackFileError, NotLoopbackError, NoAnswerError, MailboxError) as error:
        print(f"mailbox: {error}", file=sys.stderr)
        return 1
    shown = mails[-1:] if options.last else mails
    if options.json:
        print(json.dumps([asdict(one) for one in shown]))
    else:
        print("\n".join(readable(one) for one in shown) or "No mail.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
