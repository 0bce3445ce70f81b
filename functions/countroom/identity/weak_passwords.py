"""Passwords that are guessed first: the common ones, and those made of what everybody knows of a person. Pure.

OWASP ASVS 5.0: 6.2.4 (at least the 3,000 most common ones that are long enough) and 6.2.11 (words of the context).
Beyond the list, what an estimate finds to be guessed soon is refused too: first names, repeats, a common one with digits after it.
"""

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Final

from countroom.identity.personal import PersonalData

LENGTH_MIN: Final = 8
"""Length in characters of the shortest password there may be, and of what must be left beside somebody's own data."""

OUR_NAME: Final = "countroom"

GUESSES_MIN: Final = 100_000
"""Guesses that a password must withstand: the list leaves out much of what is repeated, counted up or typed in a row."""

# Time grows steeply with the signs that could stand for letters: 72 of them take seconds, these a third of one. A password that
# begins with so much that is easy is refused though what follows may be hard.
_READ_MAX: Final = 24
_WORD_MIN: Final = 3
_SEPARATORS: Final = ("", "-", ".", "/", " ")


def weakness(password: str, person: PersonalData) -> str | None:
    """Say why a normalised password of sufficient length is too easy to guess, or None."""
    plain = password.casefold()
    if plain in _common():
        return "is one of the most common passwords"
    if len(_without(plain, own_words(person))) < LENGTH_MIN:
        return "is made of your own data or of our name"
    if _guesses(plain) < GUESSES_MIN:
        return "is too easy to guess: add words, not repeats, rows of keys or years"
    return None


def own_words(person: PersonalData) -> frozenset[str]:
    """Return what others may know of a person, in the spellings in which it would be in a password, without case."""
    local_part = person.email.partition("@")[0]
    texts = [OUR_NAME, person.email, local_part, person.given_name, person.family_name, person.phone.removeprefix("+")]
    texts += [part for text in texts for part in re.split(r"[\W_]+", text)]
    words = {text.casefold() for text in texts} | set(_spellings(person.date_of_birth))
    return frozenset(word for word in words if len(word) >= _WORD_MIN)


def _without(plain: str, words: Iterable[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        plain = plain.replace(word, "")
    return plain


def _spellings(iso_date: str) -> Iterable[str]:
    """Write a day in the orders and with the separators that are usual somewhere; nothing for what is no day."""
    try:
        day = date.fromisoformat(iso_date)
    except ValueError:
        return
    for year in (f"{day.year:04}", f"{day.year % 100:02}"):
        for month, day_of_month in ((f"{day.month:02}", f"{day.day:02}"), (str(day.month), str(day.day))):
            orders = ((year, month, day_of_month), (day_of_month, month, year), (month, day_of_month, year))
            for separator in _SEPARATORS:
                yield from (separator.join(parts) for parts in orders)


@cache
def _common() -> frozenset[str]:
    # The list takes 40 ms and some megabytes to load: only who chooses a password pays for it.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LENGTH_MIN)


def _guesses(plain: str) -> int:
    """Estimate how many guesses a password takes of somebody who knows words, names, dates, repeats, sequences and keyboards."""
    from zxcvbn import zxcvbn  # noqa: PLC0415

    return int(zxcvbn(plain[:_READ_MAX])["guesses"])
