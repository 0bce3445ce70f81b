"""The second factor: time-based codes of an authenticator app (RFC 6238), and recovery codes for the day the app is gone.

A code is good for its step of 30 seconds, one before and one after, and for one use: the step that was used last is written down
on the condition that nothing changed since it was read, so of two requests with the same code one finds it used (RFC 6238 §5.2,
OWASP ASVS 5.0 6.5.1). The app's secret lies sealed; recovery codes lie as digests. Whether a player is asked for a code at all is
decided by the item that decides who is in, not here.
"""

import base64
import re
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

import pyotp

from countroom.clock import Clock
from countroom.identity import codes
from countroom.identity.refusals import InvalidCode, Unavailable
from countroom.identity.throttle import Reservation, Throttle
from countroom.identity.vault import Holds, Vault

APP_NAME: Final = "Countroom"
"""How authenticator apps call us."""

GUESSES_MAX: Final = 5
"""Wrong codes of one account that are checked in any quarter of an hour at each door.

A door is where a code is shown: logins from unknown devices are one, resets by mail another, and each device that the owner uses
and each of his sessions is one too. Only who has shown a right code gets a known device or a session, so somebody who has no more
than the password uses up the guesses of unknown devices, and no others. Known devices and live sessions are few, and so are all
guesses together.
"""

SECRET_BYTES: Final = 20
"""160 bits, as RFC 4226 §4 (R6) recommends."""

RECOVERY_CODES: Final = 10
RECOVERY_LENGTH: Final = 24
"""Characters of a recovery code: 120 bits, so that a plain digest is enough at rest (OWASP ASVS 5.0 6.5.2)."""

PENDING_MS: Final = 900_000
"""How long an enrolment waits for its first code."""

_STEPS_AROUND: Final = 1
_ROUNDS_MAX: Final = 8
_GROUP: Final = 4
_INPUT_MAX: Final = 64
_TOTP: Final = re.compile(r"[0-9]{6}", re.ASCII)
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


class Kind(StrEnum):
    """What was shown as the second factor."""

    APP = "app"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class Factor:
    """What is kept of a player's second factor, under a version that every change raises. 0: nothing is kept yet.

    `sealed` is the confirmed secret, `pending` one that waits for its first code until `pending_until_ms`. `mark` is the random
    name of the last change, by which its writer knows it again.
    """

    version: int = 0
    sealed: bytes | None = None
    last_step: int = 0
    recovery: tuple[str, ...] = ()
    pending: bytes | None = None
    pending_until_ms: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is to be told: the secret in base 32, and the same as a URI for a QR code."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A code was right and is used up. `guess_given_back` is False when it goes on counting as a guess: to be reported."""

    kind: Kind
    recovery_codes_left: int
    guess_given_back: bool


class Store(Protocol):
    """Where factors are kept."""

    def factor(self, player_id: str) -> Factor:
        """Read a player's factor, strongly consistent. Raises Unavailable."""

    def replace(self, player_id: str, known: Factor, after: Factor) -> bool:
        """Write `after` in place of the version that is known, or nothing; say whether.

        A write whose answer was lost may have landed though it is refused, or though it raises Unavailable.
        """


class Factors:
    """Second factors of players. Every method raises Unavailable when storage or key does not answer."""

    def __init__(self, store: Store, vault: Vault, throttle: Throttle, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._throttle = throttle
        self._clock = clock

    def enrol(self, player_id: str, account_name: str) -> Enrolment:
        """Make a new secret that counts once `confirm` has seen a code of it; what counted before goes on until then."""
        secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
        sealed = self._vault.seal(player_id, Holds.FACTOR, secret.encode("ascii"))
        until_ms = self._clock() + PENDING_MS
        self._change(player_id, lambda known: replace(known, pending=sealed, pending_until_ms=until_ms))
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=account_name, issuer_name=APP_NAME))

    def confirm(self, player_id: str, code: str, door: str) -> tuple[str, ...]:
        """Let a pending secret count, and return recovery codes, which are shown this once. Guesses are counted by `door`.

        Raises InvalidCode, also when nothing is pending, and TooManyGuesses.
        """
        reservation = self._reserve(player_id, door)
        shown = tuple(_new_recovery_code() for _ in range(RECOVERY_CODES))
        kept = tuple(_recovery_digest(player_id, text) for text in shown)

        def confirmed(known: Factor) -> Factor:
            if known.pending is None or known.pending_until_ms <= self._clock():
                raise InvalidCode
            step = self._step(player_id, known.pending, code)
            if step is None:
                raise InvalidCode
            return replace(known, sealed=known.pending, last_step=step, recovery=kept, pending=None, pending_until_ms=0)

        self._change(player_id, confirmed)
        self._give_back(reservation)  # what goes on counting here can only cost its owner one of five tries
        return tuple(_in_groups(text) for text in shown)

    def check(self, player_id: str, code: str, door: str) -> Checked:
        """Use up a code of the app, or a recovery code, of a player whose factor counts. Guesses are counted by `door`.

        Raises InvalidCode for one that is wrong, was used, or of a player who has none; TooManyGuesses.
        """
        reservation = self._reserve(player_id, door)
        recovery = _normalise_recovery_code(code)
        after = self._change(player_id, lambda known: self._used(player_id, known, code, recovery))
        kind = Kind.APP if recovery is None else Kind.RECOVERY_CODE
        return Checked(kind, len(after.recovery), self._give_back(reservation))

    def remove(self, player_id: str) -> None:
        """Forget secret and recovery codes. Does nothing the second time."""
        self._change(
            player_id, lambda known: replace(known, sealed=None, recovery=(), pending=None, pending_until_ms=0), unless_empty=True
        )

    def _used(self, player_id: str, known: Factor, code: str, recovery: str | None) -> Factor:
        if known.sealed is None:
            raise InvalidCode
        if recovery is not None:
            digest = _recovery_digest(player_id, recovery)
            if digest not in known.recovery:  # digests of 120 random bits: nothing can be learned from how long this takes
                raise InvalidCode
            return replace(known, recovery=tuple(kept for kept in known.recovery if kept != digest))
        step = self._step(player_id, known.sealed, code)
        if step is None or step <= known.last_step:
            raise InvalidCode
        return replace(known, last_step=step)

    def _step(self, player_id: str, sealed: bytes, code: str) -> int | None:
        digits = code.replace(" ", "") if len(code) <= _INPUT_MAX else ""
        if not _TOTP.fullmatch(digits):
            return None
        return matching_step(self._vault.open(player_id, Holds.FACTOR, sealed).decode("ascii"), digits, self._clock())

    def _change(self, player_id: str, change: "_Change", *, unless_empty: bool = False) -> Factor:
        """Write what `change` makes of the factor as it stands; it may raise, and is asked again when another write came first."""
        mark, lost = secrets.token_hex(8), 0
        for _ in range(_ROUNDS_MAX):
            known = self._store.factor(player_id)
            if known.mark == mark:
                return known
            if unless_empty and known.sealed is None and known.pending is None:
                return known
            after = replace(change(known), version=known.version + 1, mark=mark)
            try:
                if self._store.replace(player_id, known, after):
                    return after
            except Unavailable:  # it may have landed: the next round looks for it
                lost += 1
                if lost > 1:
                    raise
        raise Unavailable("a second factor could not be changed")

    def _reserve(self, player_id: str, door: str) -> Reservation:
        return self._throttle.reserve(f"factor/{player_id}/{door}", GUESSES_MAX)

    def _give_back(self, reservation: Reservation) -> bool:
        try:
            self._throttle.give_back(reservation)
        except Unavailable:
            return False
        return True


class _Change(Protocol):
    def __call__(self, known: Factor, /) -> Factor: ...


def matching_step(secret: str, digits: str, now_ms: int) -> int | None:
    """Return the number of the step of 30 seconds since 1970 of which the six digits are the code; None when it is not about now.

    SHA-1 and six digits are what every authenticator app knows (RFC 6238 §1.2, RFC 4226 §5.3).
    """
    totp = pyotp.TOTP(secret)
    now = totp.timecode(now_ms // 1000)
    steps = range(now - _STEPS_AROUND, now + _STEPS_AROUND + 1)
    # The latest, should two steps share a code: the one that stays usable longest is the one to use up.
    return max((step for step in steps if secrets.compare_digest(totp.generate_otp(step), digits)), default=None)


def _new_recovery_code() -> str:
    return "".join(secrets.choice(codes.ALPHABET) for _ in range(RECOVERY_LENGTH))


def _in_groups(text: str) -> str:
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _normalise_recovery_code(text: str) -> str | None:
    """Return the one spelling of a recovery code, or None when the text cannot be one."""
    if len(text) > _INPUT_MAX or not text.isascii():
        return None
    code = text.upper().translate(_MEANT)
    return code if len(code) == RECOVERY_LENGTH and all(character in codes.ALPHABET for character in code) else None


def _recovery_digest(player_id: str, code: str) -> str:
    return codes.code_digest(f"recovery/{player_id}", code)
