"""How the outside calls the house: the same bytes again until the answer is final, and sometimes without waiting for one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from sandbox.provider.line import Message, Outcome, Verdict, exchange, hang_up
from sandbox.reckoning import Books
from sandbox.wire import Answer, NoAnswerError

TRIES_MAX: Final = 20
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 2.0
HANG_UP_SECONDS_MAX: Final = 0.05


@dataclass(frozen=True, slots=True)
class Way:
    """How calls travel; a test puts its own in."""

    send: Callable[[Message], Verdict]
    lose: Callable[[Message, float], None]
    pause: Callable[[float], None] = time.sleep


def over_http(read: Callable[[Answer], Verdict], timeout_seconds: float) -> Way:
    """Give the way over the wire; `read` says what an answer means, and a call without an answer in time is open."""

    def send(message: Message) -> Verdict:
        try:
            return read(exchange(message, timeout_seconds).answer)
        except NoAnswerError as error:
            return Verdict(Outcome.OPEN, f"no answer ({error})")

    return Way(send, hang_up)


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls, counts them in the books, and draws trouble: `chaos` is the chance of each, 0 to 1."""

    way: Way
    books: Books
    chaos: float

    def once(self, message: Message) -> Verdict:
        """Send a call."""
        self.books.count("calls")
        return self.way.send(message)

    def until_final(self, message: Message) -> Verdict:
        """Send the same bytes until the answer is final, TRIES_MAX times at most."""
        pause, verdict = PAUSE_SECONDS, Verdict(Outcome.OPEN, "never sent")
        for attempt in range(TRIES_MAX):
            if attempt:
                self.books.count("sent again for want of an answer")
                self.way.pause(pause)
                pause = min(2 * pause, PAUSE_SECONDS_MAX)
            verdict = self.once(message)
            if verdict.outcome is not Outcome.OPEN:
                break
        return verdict

    def lose(self, dice: Random, message: Message) -> None:
        """Send a call and do not wait for its answer."""
        self.books.count("calls")
        try:
            self.way.lose(message, dice.uniform(0, HANG_UP_SECONDS_MAX))
        except NoAnswerError:
            self.books.count("could not be sent")

    def strikes(self, dice: Random, trouble: str) -> bool:
        """Draw whether a trouble strikes, and count it when it does."""
        struck = dice.random() < self.chaos
        if struck:
            self.books.count(trouble)
        return struck
