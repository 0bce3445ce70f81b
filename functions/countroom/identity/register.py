"""The exclusion register of a country, as GAMSTOP (Great Britain) and BetStop (Australia) keep theirs: who has shut himself out.

The house never sees the register. It asks about one person and learns one of three things. Pure: what is asked, what an answer is
worth, and for how long.

**When it does not answer.** Nobody becomes a player without having been looked up: a registration waits, and the same request may
be sent again. A player who is one already gets in for a day on the last answer that was clear, then not until the register answers:
a failure there must neither lock everybody out at once nor let anybody slip by for good. Whoever is in the register is never kept
from the money that is his: he gets in, excluded from play.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from countroom.identity.personal import PersonalData

CLEAR_COUNTS_MS: Final = 86_400_000
"""How long a clear answer lets a player in while the register is silent: a day."""

POSTCODE_MAX: Final = 12
_POSTCODE: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]*[A-Z0-9])?", re.ASCII)


class Verdict(StrEnum):
    """What a register says of a person. `lapsed`: was in it, and the time is over; may play, and is not to be advertised to."""

    CLEAR = "clear"
    LISTED = "listed"
    LAPSED = "lapsed"


class RegisterSilent(Exception):
    """The register did not answer, or not in a way that says anything: nobody knows whether the person is in it."""


class RegisterListed(Exception):
    """The person is in the register, so there will be no account."""


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """Whom the register is asked about. `born` is YYYY-MM-DD; names and postcode as the person gave them."""

    given_name: str
    family_name: str
    born: str
    email: str
    postcode: str
    phone: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether there is all that a register matches by: accounts of before it was asked for may lack names or postcode."""
        return all((self.given_name, self.family_name, self.born, self.email, self.postcode))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a register said. `receipt` is its own name of the question: the house shows by it that it has asked."""

    verdict: Verdict
    receipt: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """The last answer of a register about a player, as it is kept: nothing in it is of the person."""

    register: str
    verdict: Verdict
    receipt: str
    at_ms: int

    def lets_in(self, register: str, now_ms: int) -> bool:
        """Say whether it does for a login while the register is silent: of the same register, not listed, less than a day old."""
        is_fresh = 0 <= now_ms - self.at_ms < CLEAR_COUNTS_MS
        return is_fresh and self.register == register and self.verdict is not Verdict.LISTED


class Register(Protocol):
    """One country's register."""

    def ask(self, subject: Subject, name: str) -> Answer:
        """Ask about a person; `name` (letters, digits, hyphens) is our own of the question. Raise RegisterSilent."""
        ...


def subject_of(person: PersonalData) -> Subject:
    """Return what a register is asked about a person."""
    return Subject(person.given_name, person.family_name, person.date_of_birth, person.email, person.postcode, person.phone)


def normalise_postcode(text: str) -> str:
    """Return a postcode in capitals with single spaces, as it is written on an envelope."""
    return " ".join(unicodedata.normalize("NFKC", text).upper().split())


def postcode_fault(text: str) -> str | None:
    """Say why a normalised text is no postcode of any country, or None: letters, digits, single spaces and hyphens, at most 12."""
    fits = len(text) <= POSTCODE_MAX and _POSTCODE.fullmatch(text) is not None
    return None if fits else "is not a postcode"
