"""How often a secret may be guessed: never more than so many tries in ANY stretch of time, however many come at once.

A guess is reserved before it is checked, by a conditional write: what is not written down is not checked. The item of a subject
holds the instants of its last guesses, so the window slides; a counter by quarter of an hour would let twice as many pass around
its turn. A right guess is given back, so that only wrong ones count. A write whose answer was lost is found again by its nonce and
counted once (OWASP ASVS 5.0, 6.3.1).
"""

import secrets
from dataclasses import dataclass
from typing import Final, Protocol

from countroom.clock import Clock
from countroom.identity.digests import subject_digest
from countroom.identity.refusals import Unavailable
from countroom.identity.visitor import subscriber

WINDOW_MS: Final = 900_000
"""A quarter of an hour: the window of every budget of guesses in this room."""

LATE_MS: Final = 30_000
"""The longest that may pass between a guess's being counted and its being checked: API Gateway gives a request 29 s."""

_ROUNDS_BEYOND: Final = 8
_LOST_MAX: Final = 1


class TooManyGuesses(Exception):
    """No guess is checked for this subject until `retry_after_seconds` from now."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many guesses")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Guess:
    """One reserved guess: when (epoch milliseconds), and a random name by which its writer knows it again."""

    at_ms: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Guesses:
    """What is kept of a subject: its guesses, oldest first, under a version that every change raises. 0: nothing is kept yet."""

    version: int = 0
    taken: tuple[Guess, ...] = ()

    def holds(self, nonce: str) -> bool:
        """Say whether a guess is among them."""
        return any(guess.nonce == nonce for guess in self.taken)

    def live(self, now_ms: int, window_ms: int) -> tuple[Guess, ...]:
        """Return those that still count, the youngest at the end: each may have been checked LATE_MS after it was counted."""
        return tuple(guess for guess in self.taken if guess.at_ms > now_ms - window_ms - LATE_MS)

    def after(self, taken: tuple[Guess, ...]) -> "Guesses":
        """Return the next version, with these."""
        return Guesses(self.version + 1, taken)


class Store(Protocol):
    """Where guesses are kept, by digest of their subject."""

    def guesses(self, digest: str) -> Guesses:
        """Read a subject's guesses, strongly consistent. Raises Unavailable."""

    def replace(self, digest: str, known: Guesses, after: Guesses, expires_at_ms: int) -> bool:
        """Write `after` in place of the version that is known, or nothing; say whether.

        A write whose answer was lost may have landed though it is refused, or though it raises Unavailable.
        """

    def count(self, digest: str, window: int, most: int, expires_at_ms: int) -> bool:
        """Add one to the counter of a subject's window unless it is `most` already; say whether. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A guess that may be checked now. `others` is how many more are counted: wrong ones, and those being checked."""

    digest: str
    guess: Guess
    known: Guesses
    expires_at_ms: int
    others: int


class Throttle:
    """Budgets of guesses. `clock` tells epoch milliseconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def reserve(self, subject: str, most: int, window_ms: int = WINDOW_MS) -> Reservation:
        """Take one of `most` guesses that a subject has in any `window_ms`, before it is checked.

        A refusal makes the same requests as a grant. Raises TooManyGuesses, and Unavailable when the table does not answer or
        others change the subject faster than we can: then nothing may be checked.
        """
        digest, nonce, lost = subject_digest(subject), secrets.token_hex(8), 0
        for _ in range(2 * most + _ROUNDS_BEYOND):  # who loses a race has seen another's guess land, and only `most` can
            known = self._store.guesses(digest)
            now = self._clock()
            live = known.live(now, window_ms)
            mine = next((guess for guess in known.taken if guess.nonce == nonce), None)
            if mine is not None:
                return Reservation(digest, mine, known, mine.at_ms + window_ms, len(live) - 1)
            try:
                if len(live) < most:
                    # A machine whose clock is behind must not let its guess slip out of the window before its turn.
                    guess = Guess(max([now, *(other.at_ms for other in live)]), nonce)
                    after, expires_at_ms = known.after((*live, guess)), guess.at_ms + window_ms
                    if self._store.replace(digest, known, after, expires_at_ms):
                        return Reservation(digest, guess, after, expires_at_ms, len(live))
                # Put back as it is: a refusal is not to be told from a grant by its work, and stands only on what was read.
                elif self._store.replace(digest, known, known, now + window_ms):
                    raise TooManyGuesses(_seconds_until(live[-most].at_ms + window_ms + LATE_MS, now))
            except Unavailable:  # it may have landed: the next round looks for it
                lost += 1
                if lost > _LOST_MAX:
                    raise
        raise Unavailable("a guess could not be counted")

    def give_back(self, reservation: Reservation) -> None:
        """Let a guess that was right not count. Does nothing the second time. Raises Unavailable: then it goes on counting."""
        known, nonce = reservation.known, reservation.guess.nonce
        for _ in range(len(known.taken) + _ROUNDS_BEYOND):
            if not known.holds(nonce):
                return
            left = tuple(guess for guess in known.taken if guess.nonce != nonce)
            if self._store.replace(reservation.digest, known, known.after(left), reservation.expires_at_ms):
                return
            known = self._store.guesses(reservation.digest)
        raise Unavailable("a guess could not be given back")

    def reserve_source(self, address: str, most: int, window_ms: int = WINDOW_MS) -> None:
        """Count a try from a network address (IPv6: from its /64); right or wrong, `most` pass in each window of the clock.

        A plain counter: a repeat of a request whose answer was lost may count twice, never less than once.
        Raises TooManyGuesses and Unavailable.
        """
        now = self._clock()
        window = now // window_ms
        ends_at_ms = (window + 1) * window_ms
        if not self._store.count(subject_digest(f"source/{subscriber(address)}"), window, most, ends_at_ms):
            raise TooManyGuesses(_seconds_until(ends_at_ms, now))


def _seconds_until(then_ms: int, now_ms: int) -> int:
    return max(1, -((now_ms - then_ms) // 1000))
