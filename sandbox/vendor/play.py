"""Playing a player's verification: he starts it through the house, the vendor speaks, and the house must show what follows.

The house hears by a queue, so it is asked until it shows what it must, and where nothing may change, once more after a while.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sandbox.player import RefusedError
from sandbox.provider.line import Message
from sandbox.stack import Gateway
from sandbox.vendor.sumsub import COMMENT, Say, Word, body_of, webhook
from sandbox.wire import Answer

SETTLE_SECONDS: Final = 30.0
POLL_SECONDS, SILENCE_SECONDS = 0.2, 1.0
ACCEPTED, REFUSED = 202, 401
FROZEN: Final = "account_frozen"
UNKNOWN_APPLICANT: Final = "f" * 24

STATES: Final = {
    Say.APPROVE: "approved",
    Say.RETRY: "retry",
    Say.FINAL: "rejected",
    Say.PENDING: "pending",
    Say.HOLD: "on_hold",
    Say.RESET: "none",
}
"""What the house must show after the vendor's word."""


class Play(StrEnum):
    """What can be played beside one word."""

    DUPLICATE = "duplicate"
    """The same approval five times."""
    OUT_OF_ORDER = "out-of-order"
    """A refusal, and then the approval that was before it."""
    UNKNOWN = "unknown"
    """A refusal for good of somebody whom the house did not send."""
    FORGED = "forged"
    """An approval signed with another secret."""
    WEAK_DIGEST = "weak-digest"
    """An approval signed with the right secret, by SHA-1."""
    UNDERAGE = "underage"
    """The player is found too young, whatever was checked: the house throws him out."""


@dataclass(slots=True)
class Person:
    """The player, at the house. `look` reads his verification, `start` begins it."""

    player_id: str
    look: Callable[[], dict[str, Any]]
    start: Callable[[str], dict[str, Any]]

    def state(self, level: str) -> str:
        """Read where a level stands."""
        return str(next(found["state"] for found in self.look()["levels"] if found["level"] == level))

    def is_out(self) -> bool:
        """Say whether his account is frozen."""
        try:
            self.look()
        except RefusedError as refusal:
            if refusal.code != FROZEN:
                raise
            return True
        return False


@dataclass(slots=True)
class Stage:
    """Where it is played: the player, the vendor, and the way of its webhooks. `said` keeps what went over the wire."""

    person: Person
    vendor: Gateway
    send: Callable[[Message], Answer]
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    said: list[tuple[Message, Answer]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def play(self, what: Say | Play, level: str) -> None:
        """Play it; what is not as it must be is in `differences` then."""
        self._begin(level)
        before = self.person.state(level)
        now = self.clock()

        def word(say: Say, later: float = 0.0, applicant_id: str = "") -> bytes:
            return body_of(Word(say, self.person.player_id, level, now + later, applicant_id))

        if isinstance(what, Say):
            self._tell(word(what))
            self._expect(level, STATES[what])
        elif what is Play.DUPLICATE:
            body = word(Say.APPROVE)
            for _ in range(5):
                self._tell(body)
            self._expect(level, "approved", stays=True)
        elif what is Play.OUT_OF_ORDER:
            older, newer = word(Say.APPROVE), word(Say.RETRY, 0.5)
            self._tell(newer)
            self._expect(level, "retry")
            self._tell(older)
            self._expect(level, "retry", stays=True)
        elif what is Play.UNKNOWN:
            self._tell(word(Say.FINAL, applicant_id=UNKNOWN_APPLICANT))
            self._expect(level, before, stays=True)
        elif what is Play.FORGED:
            self._tell(word(Say.APPROVE), REFUSED, secret="nobody-has-this-secret-at-all")  # noqa: S106 - nobody's, on purpose
            self._expect(level, before, stays=True)
        elif what is Play.WEAK_DIGEST:
            self._tell(word(Say.APPROVE), REFUSED, algorithm="HMAC_SHA1_HEX")
            self._expect(level, before, stays=True)
        else:
            self._tell(body_of(Word(Say.FINAL, self.person.player_id, "age", now, label="UNDERAGE")))
            self._expect_out()

    def _begin(self, level: str) -> None:
        """Let the player start, unless the level has come to its end: what the vendor says counts then, too."""
        if self.person.state(level) not in {"approved", "rejected"}:
            started = self.person.start(level)
            if not str(started.get("url", "")).startswith("http"):
                self.differences.append("the house gave no link")

    def _tell(self, body: bytes, expected: int = ACCEPTED, *, secret: str = "", algorithm: str = "HMAC_SHA256_HEX") -> None:
        message = webhook(self.vendor, body, algorithm=algorithm, secret=secret)
        answer = self.send(message)
        self.said.append((message, answer))
        if answer.status != expected:
            self.differences.append(f"a webhook was answered {answer.status} and must be answered {expected}")

    def _expect_out(self) -> None:
        end = self.clock() + SETTLE_SECONDS
        while not self.person.is_out():
            if self.clock() >= end:
                self.differences.append("who is too young is still in")
                return
            self.pause(POLL_SECONDS)

    def _expect(self, level: str, state: str, *, stays: bool = False) -> None:
        end = self.clock() + SETTLE_SECONDS
        while (shown := self.person.state(level)) != state and self.clock() < end:
            self.pause(POLL_SECONDS)
        if stays:
            self.pause(SILENCE_SECONDS)
            shown = self.person.state(level)
        if shown != state:
            self.differences.append(f"{level} is {shown} and must be {state}")
        if COMMENT in str(self.person.look()):
            self.differences.append("the house shows what the vendor's people wrote")
