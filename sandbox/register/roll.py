"""Who is in the register, and how it tells whether somebody who is asked about is one of them.

A person is found by family name and date of birth together with one of: postcode, e-mail address, telephone number. Names are
compared by their letters alone and the given name by its first one, for people write themselves in many ways. So a new e-mail
address does not make another person, and two people of one name and birthday are told apart by where they live.
"""

import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

NEEDED = ("firstName", "lastName", "dateOfBirth", "email", "postcode")
"""What a question must say of a person."""

EXCLUDED, CLEAR, LAPSED = "Y", "N", "P"
FIELD_CHARACTERS_MAX = 256


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the register compares him."""

    given: str
    family: str
    born: str
    email: str
    postcode: str
    mobile: str

    @classmethod
    def of(cls, said: Mapping[str, object]) -> "Person":
        """Read a person of a question or an entry.

        Raises:
            ValueError: naming the field that is missing, or is no short text.

        """
        texts = {name: said.get(name, "") for name in (*NEEDED, "mobile")}
        for name, text in texts.items():
            if not isinstance(text, str) or len(text) > FIELD_CHARACTERS_MAX or (name in NEEDED and not text.strip()):
                raise ValueError(f"{name} is missing or no text")
        plain = {name: str(text) for name, text in texts.items()}
        return cls(
            _letters(plain["firstName"]),
            _letters(plain["lastName"]),
            plain["dateOfBirth"],
            plain["email"].strip().lower(),
            "".join(plain["postcode"].upper().split()),
            plain["mobile"],
        )

    def is_the_same(self, other: "Person") -> bool:
        """Say whether two descriptions are of one person."""
        alike = (self.family, self.born, self.given[:1]) == (other.family, other.born, other.given[:1])
        reached = self.email == other.email or self.postcode == other.postcode or (self.mobile and self.mobile == other.mobile)
        return bool(alike and reached)


@dataclass(slots=True)
class Roll:
    """The entries: a person, and whether his time is over. Safe among threads."""

    _entries: dict[Person, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, person: Person, *, lapsed: bool = False) -> None:
        """Enter a person, or change the entry: `lapsed` says that the time is over."""
        with self._lock:
            self._entries[person] = LAPSED if lapsed else EXCLUDED

    def strike(self, person: Person) -> None:
        """Take a person off, as if there had never been an entry."""
        with self._lock:
            for entered in [one for one in self._entries if one.is_the_same(person)]:
                del self._entries[entered]

    def say(self, person: Person) -> str:
        """Say of a person Y (excluded), P (was, and the time is over) or N."""
        with self._lock:
            found = {word for entered, word in self._entries.items() if entered.is_the_same(person)}
        return next((word for word in (EXCLUDED, LAPSED) if word in found), CLEAR)

    def __len__(self) -> int:
        """Count the entries."""
        with self._lock:
            return len(self._entries)


def _letters(text: str) -> str:
    """Return the letters of a name in lower case, without accents, spaces, hyphens or apostrophes."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalpha())
